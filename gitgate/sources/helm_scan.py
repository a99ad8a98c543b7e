"""What templates of a chart call: functions that ask a cluster, a name server, the clock or a random source.

The scan sees names that are written in a template, also in a text that `tpl` may render. Where such a text is put
together while rendering, nothing tells what it calls (`helm_decisions.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

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
_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip
"""Source: go.dev/ref/spec, "Rune literals"."""
RENDERED = "\0tpl"
"""Stands for the texts that `tpl` may render."""
_NESTED = 4
"""Literals in literals that are followed."""
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
        if self.kind != "text":
            return None
        text = self.written[1:-1]
        return text if self.written[0] == "`" or "\\" not in text else _ESCAPED.sub(_unescaped, text)


@dataclass(frozen=True, slots=True)
class Action:
    """One `{{ … }}` that rendering can reach.

    Attributes:
        path: The template.
        line: Where it begins, from 1.
        scope: The named template that it stands in, or texts for `tpl`; None for what a file renders to.
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
        """Named templates that it includes; None for a computed name, empty for a file of the chart.

        What `tpl` renders, whatever that is, counts as one named template.
        """
        for index, word in enumerate(self.words):
            if word.kind == "word" and word.written in CALLS:
                yield _included(self.words[index + 1 : index + 4])
            elif word.kind == "word" and word.written == "tpl":
                yield RENDERED
        if self.words and self.words[0].written == "block" and len(self.words) > 1:
            yield self.words[1].literal


@dataclass(frozen=True, slots=True)
class Text:
    """A text that `tpl` may render.

    Attributes:
        path: The file that has it; empty for what an owner says itself.
        line: Where it begins, from 1.
        text: As it is meant, not as it is spelt.
    """

    path: str
    line: int
    text: str


def reachable_actions(templates: Mapping[str, str], texts: Iterable[Text] = ()) -> tuple[Action, ...]:
    """What rendering can reach, sorted by file and line.

    A file's body is always rendered; a named template only if something that is reached includes it. A name that is
    computed may be any, and so may one in a value that `tpl` renders.

    Args:
        templates: Texts of the files below `templates/`, by path; those of subcharts as well.
        texts: Values, and what a template reads with `.Files`.
    """
    found = list(_actions_of(templates))
    reached = _reached(found)
    if renders_texts(reached):
        for text in texts:
            found.extend(_placed(action, text.line - 1) for action in _scan(text.path, text.text))
        found.extend(_actions_of_literals(found))
        reached = _reached(found)
    return tuple(sorted(reached, key=lambda action: (action.path, action.line)))


def renders_texts(actions: Iterable[Action]) -> bool:
    """Is there a `tpl`, which renders what it is given as a template?"""
    return any(word.written == "tpl" and word.kind == "word" for action in actions for word in action.words)


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


def _actions_of_literals(actions: Iterable[Action]) -> Iterator[Action]:
    """Actions in literals, which `tpl` may render, and in literals of these."""
    pending = [(action, 0) for action in actions]
    while pending:
        action, depth = pending.pop()
        for word in action.words:
            text = word.literal
            for inner in _scan(action.path, text) if text is not None and "{{" in text else ():
                found = _placed(inner, action.line - 1)
                yield found
                if depth < _NESTED:
                    pending.append((found, depth + 1))


def _placed(action: Action, above: int) -> Action:
    """An action of a text that `tpl` may render, below some lines of its file."""
    lines = tuple(line + above for line in action.lines)
    return replace(action, line=action.line + above, lines=lines, scope=action.scope or RENDERED)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code in _ESCAPES:
        return _ESCAPES[code]
    if len(code) == 1:
        return match[0]  # which Helm refuses
    number = int(code[1:], 16) if code[0] in "xuU" else int(code, 8)
    return chr(number) if number < 0x110000 else match[0]


def _actions_of(files: Mapping[str, str]) -> Iterator[Action]:
    for path, text in sorted(files.items()):
        yield from _scan(path, text)


@lru_cache(maxsize=2_000)
def _scan(path: str, text: str) -> tuple[Action, ...]:
    """The actions of one file, each with the named template that it stands in; releases share their charts."""
    return tuple(_actions(path, text))


def _actions(path: str, text: str) -> Iterator[Action]:
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
