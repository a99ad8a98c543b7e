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
    r"""|(?P<end>\}\})|(?P<field>[.$][\w.$]*)|(?P<word>\w+)""",
    re.DOTALL,
)
_BLOCKS = frozenset(("if", "range", "with", "block"))
_CALLS = frozenset(("include", "template"))


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


@dataclass(slots=True)
class _Scope:
    """What one named template, or the body of one file, calls and includes; `None` in `includes` is a computed name."""

    calls: list[Call]
    includes: set[str | None]


def reachable_calls(templates: Mapping[str, str], texts: Mapping[str, str]) -> tuple[Call, ...]:
    """Watched functions that rendering can reach, sorted by file and line.

    A file's body is always rendered; a named template only if something that is reached includes it. A name that is
    computed may be any, and so may one in a value that `tpl` renders.

    Args:
        templates: Texts of the files below `templates/`, by path; those of subcharts as well.
        texts: Values that `tpl` may render, by path.
    """
    scopes = _scopes(templates)
    calls = _reached(scopes)
    if any(call.function == "tpl" for call in calls):
        for name, scope in _scopes(texts).items():
            known = scopes.setdefault(name, _Scope([], set()))
            known.calls.extend(scope.calls)
            known.includes.update(scope.includes)
        calls = _reached(scopes)
    return tuple(sorted(calls, key=lambda call: (call.path, call.line, call.function)))


def _scopes(files: Mapping[str, str]) -> dict[str | None, _Scope]:
    scopes: dict[str | None, _Scope] = {None: _Scope([], set())}
    for path, text in sorted(files.items()):
        _scan(path, text, scopes)
    return scopes


def _reached(scopes: Mapping[str | None, _Scope]) -> set[Call]:
    reached: set[str | None] = {None}
    pending: list[str | None] = [None]
    while pending:
        includes = scopes[pending.pop()].includes
        names = set(scopes) if None in includes else includes & scopes.keys()
        pending.extend(names - reached)
        reached.update(names)
    return {call for name in reached for call in scopes[name].calls}


def _scan(path: str, text: str, scopes: dict[str | None, _Scope]) -> None:
    """Add the calls of one file to the scopes of its chart."""
    stack: list[str | None] = [None]
    counted = 0
    line = 1
    for tokens in _actions(text):
        words = [token for token in tokens if token.lastgroup != "comment"]
        first = words[0].group() if words else ""
        # An `end` closes the innermost block; only a `define` (and `block`) changes whose calls these are.
        if first == "define" and len(words) > 1:
            stack.append(_literal(words[1]))
            scopes.setdefault(stack[-1], _Scope([], set()))
        elif first == "block" and len(words) > 1:
            name = _literal(words[1])
            scopes[stack[-1]].includes.add(name)
            stack.append(name)
            scopes.setdefault(name, _Scope([], set()))
        elif first in _BLOCKS:
            stack.append(stack[-1])
        elif first == "end" and len(stack) > 1:
            stack.pop()
        scope = scopes[stack[-1]]
        asked = False
        for index, token in enumerate(words):
            if token.lastgroup != "word":
                continue
            word = token.group()
            if word in _CALLS:
                scope.includes.add(_included(words[index + 1 : index + 4]))
            elif word in _WATCHED and not (word in CLOCK and asked):
                asked = asked or word in CLOCK  # `now | date "…"` asks once
                line += text.count("\n", counted, token.start())
                counted = token.start()
                scope.calls.append(Call(word, path, line))


def _actions(text: str) -> Iterator[list[re.Match[str]]]:
    """The `{{ … }}` of a template, each as its tokens."""
    place = 0
    while (opened := _ACTION.search(text, place)) is not None:
        tokens: list[re.Match[str]] = []
        place = opened.end()
        while (token := _TOKEN.search(text, place)) is not None:
            place = token.end()
            if token.lastgroup == "end":
                break
            tokens.append(token)
        else:
            place = len(text)
        yield tokens


def _literal(token: re.Match[str]) -> str | None:
    return token.group()[1:-1] if token.lastgroup == "text" else None


def _included(words: list[re.Match[str]]) -> str | None:
    """The name that `include` is given; empty for a file of the chart, which is reached anyway."""
    if not words:
        return None
    if words[0].group() == "print" and len(words) > 1 and words[1].group().endswith(".Template.BasePath"):
        return ""
    return _literal(words[0])
