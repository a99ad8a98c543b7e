"""Where a chart took a field from: the value that its template puts there, or the line of the template.

Templates are no YAML, so what is found is likely at best, and says so, unless the template spells the field itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.written.texts import ABSENT, Asked, Texts, same
from gitgate.written.values import Values, told

_KEY = re.compile(r"^( *)((?:- +)*)([\"']?)([^\s:\"'{}#-][^\s:\"'{}]*)\3:(?:[ \t]+(.*))?$")
_ACTION_ONLY = re.compile(r"^\s*\{\{.*\}\}\s*$")
_REFERENCE = re.compile(r"\.Values\.([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*)")
_CONTROL = re.compile(r"\{\{-?\s*(?:if|else|end|range|with|define|block|/\*)\b")
_NEAR_LINES = 3
"""Lines after a key in which the action that fills it is looked for."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A line of a template.

    Attributes:
        line: Its number.
        column: Where the key, or its value, starts.
        rest: What stands behind the key, and the actions that fill it below.
        length: How many steps of the field the line stands for.
        literal: Is the value spelled there?
    """

    line: int
    column: int
    rest: str
    length: int
    literal: bool


def in_chart(asked: Asked, values: Values, texts: Texts) -> Location | None:
    """The values key or template line that sets the field; None where nothing says."""
    origin = asked.resource.origin
    line = _line_of(asked, texts) if texts.is_readable(origin.path) and not origin.path.endswith(".tgz") else None
    whole = line is not None and line.length == len(asked.field)
    if line is not None and whole and line.literal:
        return Location(origin.path, Position(line.line, line.column), set_by="chart template")
    for key in _keys_of(asked, line) if line is not None else ():
        value, place = values.find(key)
        if place is not None and _gives(value, asked.value):
            return Location(place.path, place.position, _likely(place), set_by=told(key))
    if asked.value is not ABSENT:
        equal = _equal_leaf(asked, values)
        place = values.find(equal)[1] if equal is not None else None
        if equal is not None and place is not None:
            return Location(place.path, place.position, _likely(place), set_by=told(equal))
    if line is not None and (whole or asked.value is not ABSENT):
        return Location(origin.path, Position(line.line, line.column), Precision.LIKELY, set_by="chart template")
    return None


def _likely(place: Location) -> Precision:
    return Precision.LIKELY if place.precision is Precision.EXACT else place.precision


def _keys_of(asked: Asked, line: _Found) -> Iterator[FieldPath]:
    """Keys of values that the line mentions, if it is only one, with what of the field comes after it."""
    names = list(dict.fromkeys(_REFERENCE.findall(line.rest)))
    if len(names) != 1:
        return
    path = (*names[0].split("."), *asked.field[line.length :])
    trace = asked.resource.origin.trace
    prefix = trace.prefix if trace is not None and path[0] != "global" else ()
    yield (*prefix, *path)


def _gives(value: Any, rendered: Any) -> bool:
    """May the value have become what was rendered? Templates change types, and put text around."""
    if value is ABSENT or rendered is ABSENT:
        return False
    if same(value, rendered):
        return True
    if isinstance(value, dict | list | None) or isinstance(rendered, dict | list | None):
        return False
    text = _spelt(value)
    return bool(text) and re.search(rf"(?<![^\W_]){re.escape(text)}(?![^\W_])", _spelt(rendered)) is not None


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equal_leaf(asked: Asked, values: Values) -> FieldPath | None:
    """The only value that equals the field; of several the only one with the same name, the longest tail first."""
    value = asked.value
    if isinstance(value, dict | list | None) or value == "":
        return None
    equal = [path for path, leaf in values.leaves.items() if same(leaf, value)]
    if len(equal) == 1 and not isinstance(value, bool):
        return equal[0]
    best = max((_tail(path, asked.field) for path in equal), default=0)
    longest = [path for path in equal if best and _tail(path, asked.field) == best]
    return longest[0] if len(longest) == 1 else None


def _tail(one: FieldPath, other: FieldPath) -> int:
    """How many steps from the end two paths share, indices aside."""
    left = [step for step in one if isinstance(step, str)]
    right = [step for step in other if isinstance(step, str)]
    count = 0
    while count < min(len(left), len(right)) and left[-1 - count] == right[-1 - count]:
        count += 1
    return count


def _line_of(asked: Asked, texts: Texts) -> _Found | None:
    """The line of the template for the field, or for the closest field around it that a template's line spells."""
    path = asked.resource.origin.path
    start = max(asked.resource.origin.line, 1)
    if (path, start) not in texts.spelled:
        texts.spelled[path, start] = tuple(_spelled(path, start, texts))
    keys = texts.spelled[path, start]
    for length in range(len(asked.field), 0, -1):
        wanted = asked.field[:length]
        named = [step for step in wanted if isinstance(step, str)]
        if not isinstance(wanted[-1], str):
            continue
        fitting = [one for one in keys if [step for step in one[0] if isinstance(step, str)] == named]
        if len(fitting) > 1:
            fitting = [one for one in fitting if one[0] == wanted]
        if len(fitting) == 1:
            _, number, column, rest = fitting[0]
            whole = length == len(asked.field)
            literal = whole and bool(rest) and "{{" not in rest and not rest.startswith(("|", ">", "&", "*", "!"))
            if not literal:
                rest += _below(path, number, texts)
            return _Found(number, column, rest, length, literal)
    return None


def _below(path: str, number: int, texts: Texts) -> str:
    """The first action right below a key that fills it."""
    for following in range(number + 1, number + 1 + _NEAR_LINES):
        text = texts.line(path, following)
        if not _ACTION_ONLY.match(text):
            return ""
        if not _CONTROL.search(text):
            return text
    return ""


def _spelled(path: str, start: int, texts: Texts) -> Iterator[tuple[FieldPath, int, int, str]]:
    """Every key that a template spells from a line on to the end of the object: path, line, column, what is behind."""
    stack: list[tuple[int, str, int]] = []
    for number in range(start, len(texts.text(path).lines) + 1):
        text = texts.line(path, number)
        if text.startswith("---") and number > start:
            return
        match = _KEY.match(text)
        if match is None or _ACTION_ONLY.match(text):
            continue
        spaces, dashes = len(match[1]), len(match[2])
        if dashes:
            while stack and stack[-1][0] > spaces:
                stack.pop()
            if stack:
                stack[-1] = (stack[-1][0], stack[-1][1], stack[-1][2] + 1)
        else:
            while stack and stack[-1][0] >= spaces:
                stack.pop()
        above: list[str | int] = []
        for _, key, index in stack:
            above.append(key)
            if index >= 0:
                above.append(index)
        stack.append((spaces + dashes, match[4], -1))
        rest = match[5] or ""
        column = match.start(5) + 1 if rest else spaces + dashes + 1
        yield (*above, match[4]), number, column, rest
