"""Shell-like variables in text, as Flux expands them: `${name}`, `${name:=default}`, `${name/old/new}`, `$${escaped}`.

Source: fluxcd/pkg, envsubst/parse/{parse,scan}.go, envsubst/{template,funcs}.go. It is no shell: `$name` is text,
`${name-default}` an error, and `:=`, `:-`, `:?`, `:+` and `=` all give a default for what is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_MAXIMUM_DEPTH = 50
"""Variables inside the defaults of variables."""
_MAXIMUM_GLOB = 1 << 16
"""Length of a value times length of the pattern that is cut off it."""
_DEFAULT_SIGNS = frozenset("=-?+")
_OPERATOR = {
    "#": re.compile(r"##?"),
    "%": re.compile(r"%%?"),
    ",": re.compile(r"[,^][,^]?"),
    "^": re.compile(r"[,^][,^]?"),
    "/": re.compile(r"/[/#%]?"),
}

Lookup = Callable[[str], str | None]
"""The value of a variable; None where it has none."""


class SubstitutionError(Exception):
    """The text cannot be expanded; one clause that says why."""


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int
    lookup: Lookup
    strict: bool
    undefined: set[str]

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def opens(self) -> bool:
        return self.text.startswith("${", self.at)

    def close(self) -> None:
        if self.peek() != "}":
            raise SubstitutionError("a variable's closing brace is missing")
        self.at += 1

    def name(self) -> str:
        start = self.at
        while self.peek().isalpha() or self.peek().isdigit() or self.peek() == "_":
            self.at += 1
        if start == self.at:
            raise SubstitutionError("a variable has no name, or one with a character that no name may have")
        return self.text[start : self.at]


def expand(text: str, lookup: Lookup, *, strict: bool = False, undefined: set[str] | None = None) -> str:
    """Expand every variable in a text.

    Args:
        text: Any text.
        lookup: The values.
        strict: Is a variable an error that has neither value nor default?
        undefined: Takes in the names of such variables.

    Raises:
        SubstitutionError: The text is not what Flux can read, or `strict` finds something.
    """
    scanner = _Scanner(text, 0, lookup, strict, set() if undefined is None else undefined)
    parts: list[str] = []
    while scanner.at < len(text):
        if scanner.opens():
            scanner.at += 2
            parts.append(_variable(scanner, 0))
        elif text.startswith("$$", scanner.at):
            parts.append("$")
            scanner.at += 2
        else:
            found = text.find("$", scanner.at + 1)
            end = found if found >= 0 else len(text)
            parts.append(text[scanner.at : end])
            scanner.at = end
    return "".join(parts)


def _variable(scanner: _Scanner, depth: int) -> str:  # noqa: PLR0911 - one for each form
    """One variable behind its `${`; the scanner ends behind its brace."""
    if depth > _MAXIMUM_DEPTH:
        raise SubstitutionError(f"variables are nested more than {_MAXIMUM_DEPTH} deep")
    if scanner.peek() == "#":
        scanner.at += 1
        value = _value(scanner, scanner.name())
        scanner.close()
        return str(len(value.encode("utf-8", "surrogatepass")))
    name = scanner.name()
    sign = scanner.peek()
    if sign == ":":
        following = scanner.text[scanner.at + 1 : scanner.at + 2]
        return _default(scanner, name, depth, 2) if following in _DEFAULT_SIGNS else _substring(scanner, name, depth)
    if sign == "=":
        return _default(scanner, name, depth, 1)
    if sign not in _OPERATOR:
        scanner.close()
        return _value(scanner, name)
    match = _OPERATOR[sign].match(scanner.text, scanner.at)
    assert match is not None  # noqa: S101 - the sign is its first character
    scanner.at = match.end()
    if sign in ",^":
        scanner.close()
        return _cased(_value(scanner, name), match[0])
    if sign == "/":
        return _replaced(scanner, name, match[0], depth)
    pattern = _parameter(scanner, "}", depth)
    scanner.close()
    return _trimmed(_value(scanner, name), match[0], pattern)


def _value(scanner: _Scanner, name: str) -> str:
    value = scanner.lookup(name)
    if value is None:
        scanner.undefined.add(name)
    if value is None and scanner.strict:
        raise SubstitutionError(f"the variable {name} has no value, which strict substitution demands")
    return value or ""


def _parameter(scanner: _Scanner, end: str, depth: int) -> str:
    """Text up to one of the characters of `end`, or one variable in its place; never empty, as in Flux."""
    if scanner.opens():
        scanner.at += 2
        return _variable(scanner, depth + 1)
    start = scanner.at
    while scanner.at < len(scanner.text) and scanner.peek() not in end and not (scanner.opens() and scanner.at > start):
        scanner.at += 1
    if scanner.at == start:
        raise SubstitutionError("a variable's parameter is missing")
    return scanner.text[start : scanner.at]


def _default(scanner: _Scanner, name: str, depth: int, length: int) -> str:
    scanner.at += length
    parts: list[str] = []
    while scanner.peek() != "}":
        parts.append(_parameter(scanner, "}", depth))
    scanner.at += 1
    return scanner.lookup(name) or "".join(parts)


def _substring(scanner: _Scanner, name: str, depth: int) -> str:
    scanner.at += 1
    arguments = [_parameter(scanner, ":}", depth)]
    if scanner.peek() == ":":
        scanner.at += 1
        while scanner.peek() == ":":
            scanner.at += 1
        arguments.append(_parameter(scanner, "}", depth))
    scanner.close()
    value = _value(scanner, name).encode("utf-8", "surrogatepass")
    try:
        offset, *rest = (int(argument) for argument in arguments if re.fullmatch(r"[+-]?\d{1,9}", argument) or _fail())
    except ValueError:
        return value.decode("utf-8", "replace")
    offset = max(len(value) + offset, 0) if offset < 0 else offset
    if not rest or offset + rest[0] >= len(value):
        return value[offset:].decode("utf-8", "replace")
    if rest[0] < 0:
        raise SubstitutionError(f"the substring of {name} has a negative length")
    return value[offset : offset + rest[0]].decode("utf-8", "replace")


def _fail() -> bool:
    raise ValueError


def _cased(value: str, operator: str) -> str:
    if operator == ",,":
        return value.lower()
    if operator == "^^":
        return value.upper()
    if operator in (",", "^"):
        return (value[:1].lower() if operator == "," else value[:1].upper()) + value[1:]
    return value


def _replaced(scanner: _Scanner, name: str, operator: str, depth: int) -> str:
    old = _escaped_parameter(scanner, "/", depth)
    if scanner.peek() != "/":
        raise SubstitutionError(f"the replacement in {name} has no second part")
    while scanner.peek() == "/":
        scanner.at += 1
    new = None if scanner.peek() == "}" else _escaped_parameter(scanner, "}", depth)
    scanner.close()
    value = _value(scanner, name)
    if operator == "//":
        return _bounded_replace(value, old, new or "", -1)
    if operator == "/":
        return value.replace(old, new or "", 1)
    if new is None:
        return value
    if operator == "/#":
        return new + value.removeprefix(old) if value.startswith(old) else value
    return value.removesuffix(old) + new if value.endswith(old) else value


def _bounded_replace(value: str, old: str, new: str, count: int) -> str:
    if len(value) * max(len(new), 1) > 1 << 24:
        raise SubstitutionError("a replacement would become too long")
    return value.replace(old, new, count)


def _escaped_parameter(scanner: _Scanner, end: str, depth: int) -> str:
    r"""A parameter in which `\/`, `\\` and `$$` stand for one character."""
    if scanner.opens():
        scanner.at += 2
        return _variable(scanner, depth + 1)
    parts: list[str] = []
    while scanner.at < len(scanner.text):
        pair = scanner.text[scanner.at : scanner.at + 2]
        if pair in ("\\/", "\\\\", "$$"):
            parts.append(pair[1])
            scanner.at += 2
        elif scanner.peek() in end or (scanner.opens() and parts):
            break
        else:
            parts.append(scanner.peek())
            scanner.at += 1
    if not parts:
        raise SubstitutionError("a variable's parameter is missing")
    return "".join(parts)


def _trimmed(value: str, operator: str, pattern: str) -> str:
    """Cut a prefix or suffix that matches a shell pattern, the shortest or the longest one."""
    if len(value) * len(pattern) > _MAXIMUM_GLOB:
        raise SubstitutionError("a pattern is too long for the value that it is cut off")
    if not {"[", "\\"}.isdisjoint(pattern):
        raise SubstitutionError("a pattern has brackets or backslashes, which gitgate does not match")
    if operator[0] == "%":
        return _cut(value[::-1], pattern[::-1], longest=len(operator) > 1)[::-1]
    return _cut(value, pattern, longest=len(operator) > 1)


def _cut(value: str, pattern: str, *, longest: bool) -> str:
    lengths = range(len(value), 0, -1) if longest else range(1, len(value) + 1)
    for length in lengths:
        if _matches(value[:length], pattern):
            return value[length:]
    return value


def _matches(text: str, pattern: str) -> bool:
    """`*` and `?`; without backtracking beyond the last star."""
    at = position = 0
    star, mark = -1, 0
    while at < len(text):
        if position < len(pattern) and pattern[position] == "*":
            star, mark = position, at
            position += 1
        elif position < len(pattern) and (pattern[position] == "?" or pattern[position] == text[at]):
            position += 1
            at += 1
        elif star >= 0:
            position, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return set(pattern[position:]) <= {"*"}
