"""What templates of a chart call: functions that ask a cluster, a name server, the clock or a random source.

The scan sees names that are written in a template. `tpl` can be made to call a function whose name is put together
while rendering; what then differs between two renderings is found by comparing them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LOOKUPS = frozenset(("lookup", "getHostByName"))
"""What Helm answers from the cluster or the network when it installs, and with nothing when it renders for review."""
CLOCK = frozenset(("now", "ago", "date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone"))
"""Those about a date take the present time for whatever is none: sprig, date.go, `dateInZone`."""
RANDOM = frozenset((
    "randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4", "bcrypt",
    "htpasswd", "encryptAES", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
    "genSignedCert", "genSignedCertWithKey", "keys", "values",
))  # fmt: skip
"""Functions whose result is another one each time. Source: masterminds.github.io/sprig; `keys` and `values` of a
dictionary come in Go's order of maps, which is none."""
_WATCHED = LOOKUPS | CLOCK | RANDOM | {"tpl"}
_ACTION = re.compile(r"\{\{")
_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/)|(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<end>\}\})|(?P<field>[.$][\w.$]*)|(?P<word>\w+)|(?P<sign>:?=|[()|,])""",
    re.DOTALL,
)
_BLOCKS = frozenset(("if", "range", "with", "block"))
CALLS = frozenset(("include", "template"))


@dataclass(frozen=True, slots=True)
class Call:
    """A watched function in a template.

    Attributes:
        function: Its name.
        path: The template, as the caller names it.
        line: From 1.
    """

    function: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Token:
    """A part of an action.

    Attributes:
        kind: `text`, a literal; `field`, what begins with `.` or `$`; `word`, a function, keyword or number; `sign`.
        written: As it stands; a literal with its quotes.
    """

    kind: str
    written: str

    @property
    def literal(self) -> str | None:
        """The text of a literal; None for anything else."""
        return self.written[1:-1] if self.kind == "text" else None


@dataclass(frozen=True, slots=True)
class Action:
    """One `{{ … }}` that rendering can reach.

    Attributes:
        path: The template.
        line: Where it begins, from 1.
        scope: The named template that it stands in; None for what a file renders to.
        tokens: Without comments.
        words: Without signs.
        lines: Of the words.
    """

    path: str
    line: int
    scope: str | None
    tokens: tuple[Token, ...]
    words: tuple[Token, ...]
    lines: tuple[int, ...]

    @property
    def included(self) -> Iterator[str | None]:
        """Named templates that it includes; None for a computed name, empty for a file of the chart."""
        for index, word in enumerate(self.words):
            if word.kind == "word" and word.written in CALLS:
                yield _included(self.words[index + 1 : index + 4])
        if self.words and self.words[0].written == "block" and len(self.words) > 1:
            yield self.words[1].literal


def reachable_actions(templates: Mapping[str, str], texts: Mapping[str, str]) -> tuple[Action, ...]:
    """What rendering can reach, sorted by file and line.

    A file's body is always rendered; a named template only if something that is reached includes it. A name that is
    computed may be any, and so may one in a value that `tpl` renders.

    Args:
        templates: Texts of the files below `templates/`, by path; those of subcharts as well.
        texts: Values that `tpl` may render, by path.
    """
    found = list(_actions_of(templates))
    reached = _reached(found)
    if any(word.written == "tpl" and word.kind == "word" for action in reached for word in action.words):
        found.extend(_actions_of(texts))
        reached = _reached(found)
    return tuple(sorted(reached, key=lambda action: (action.path, action.line)))


def reachable_calls(actions: tuple[Action, ...]) -> tuple[Call, ...]:
    """Watched functions in actions, sorted by file and line."""
    calls: set[Call] = set()
    for action in actions:
        asked = False
        for word, line in zip(action.words, action.lines, strict=True):
            name = word.written
            if word.kind == "word" and name in _WATCHED and not (name in CLOCK and asked):
                asked = asked or name in CLOCK  # `now | date "…"` asks once
                calls.add(Call(name, action.path, line))
    return tuple(sorted(calls, key=lambda call: (call.path, call.line, call.function)))


def _reached(actions: list[Action]) -> list[Action]:
    scopes: dict[str | None, list[Action]] = {None: []}
    for action in actions:
        scopes.setdefault(action.scope, []).append(action)
    reached: set[str | None] = {None}
    pending: list[str | None] = [None]
    while pending:
        includes = {name for action in scopes[pending.pop()] for name in action.included}
        names = set(scopes) if None in includes else includes & scopes.keys()
        pending.extend(names - reached)
        reached.update(names)
    return [action for name in reached for action in scopes[name]]


def _actions_of(files: Mapping[str, str]) -> Iterator[Action]:
    for path, text in sorted(files.items()):
        yield from _scan(path, text)


def _scan(path: str, text: str) -> Iterator[Action]:
    """The actions of one file, each with the named template that it stands in."""
    stack: list[str | None] = [None]
    counted = 0
    line = 1
    for matches in _matches(text):
        tokens = [(Token(match.lastgroup or "", match.group()), match) for match in matches]
        words = [pair for pair in tokens if pair[0].kind != "sign"]
        lines: list[int] = []
        for _, match in words:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            lines.append(line)
        first = words[0][0].written if words else ""
        # An `end` closes the innermost block; only a `define` (and `block`) changes whose actions these are.
        outer = stack[-1]
        if first in ("define", "block") and len(words) > 1:
            stack.append(words[1][0].literal)
        elif first in _BLOCKS:
            stack.append(stack[-1])
        elif first == "end" and len(stack) > 1:
            stack.pop()
        yield Action(
            path, lines[0] if lines else line, outer if first == "block" else stack[-1],
            tuple(token for token, _ in tokens), tuple(token for token, _ in words), tuple(lines),
        )  # fmt: skip


def _matches(text: str) -> Iterator[list[re.Match[str]]]:
    """The `{{ … }}` of a template, each as its tokens without comments."""
    place = 0
    while (opened := _ACTION.search(text, place)) is not None:
        tokens: list[re.Match[str]] = []
        place = opened.end()
        while (token := _TOKEN.search(text, place)) is not None:
            place = token.end()
            if token.lastgroup == "end":
                break
            if token.lastgroup != "comment":
                tokens.append(token)
        else:
            place = len(text)
        yield tokens


def _included(words: tuple[Token, ...]) -> str | None:
    """The name that `include` is given; empty for a file of the chart, which is reached anyway."""
    if not words:
        return None
    if words[0].written == "print" and len(words) > 1 and words[1].written.endswith(".Template.BasePath"):
        return ""
    return words[0].literal
