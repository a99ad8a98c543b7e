"""`text.format(values)`: what it gives, and what can be said against one before it runs.

Source: github.com/google/cel-go/ext/formatting.go, which Kubernetes uses for version 2 of the string library. It prints
`%f` and `%e` by the rules of English, and `%e` with six digits whatever is asked for.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CLAUSES = {
    "s": ("string", "bool", "bytes", "int", "uint", "double", "map", "list", "type", "duration", "timestamp", "null"),
    "d": ("int", "uint"),
    "f": ("double", "string"),
    "e": ("double", "string"),
    "b": ("int", "uint", "bool"),
    "x": ("int", "uint", "string", "bytes"),
    "X": ("int", "uint", "string", "bytes"),
    "o": ("int", "uint"),
}
"""Types that each clause takes."""
_CLAUSE = re.compile(r"%(?:(%)|(?:\.(\d+))?([sdfebxXo]))", re.ASCII)
_DIGITS = 6
_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TIMES = "\u00d7"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"',
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a template.

    Attributes:
        letter: One of `CLAUSES`; empty for text that stands for itself.
        text: That text.
        precision: None where none is asked for.
    """

    letter: str = ""
    text: str = ""
    precision: int | None = None


def clauses(template: str) -> Iterator[Clause]:
    """Take a template apart.

    Raises:
        ValueError: It is none.
    """
    place = 0
    while (start := template.find("%", place)) >= 0:
        yield Clause(text=template[place:start])
        matched = _CLAUSE.match(template, start)
        if matched is None:
            raise ValueError(f"unrecognized formatting clause {template[start : start + 2]!r}")
        if matched[1]:
            yield Clause(text="%")
        else:
            yield Clause(matched[3], precision=None if matched[2] is None else int(matched[2]))
        place = matched.end()
    yield Clause(text=template[place:])


def formatted(template: str, values: list[Any]) -> str:
    """`template.format(values)`.

    Raises:
        ValueError: The template is none, or does not fit the values.
    """
    made: list[str] = []
    waiting = iter(values)
    for number, clause in enumerate(clauses(template)):
        if not clause.letter:
            made.append(clause.text)
            continue
        value = next(waiting, waiting)
        if value is waiting:
            raise ValueError(f"index {number} out of range")
        kind = _kind(value)
        if kind not in CLAUSES[clause.letter]:
            raise ValueError(f"%{clause.letter} does not take a {kind}")
        made.append(_WRITERS[clause.letter](value, clause.precision))
    return "".join(made)


_KINDS: dict[type, str] = {
    bool: "bool", int: "int", float: "double", str: "string", bytes: "bytes", bytearray: "bytes", type(None): "null",
    dt.timedelta: "duration", dt.datetime: "timestamp", list: "list", dict: "map",
}  # fmt: skip


def _kind(value: Any) -> str:
    if type(value) is dict and isinstance(value.get(0), str) and len(value) > 1:
        return str(value[0])  # an opaque type
    return _KINDS.get(type(value), "value of an unknown type")


def _string(value: Any, _: int | None = None) -> str:
    kind = _kind(value)
    if kind == "bytes":
        return bytes(value).decode()
    if kind == "list":
        return f"[{', '.join(map(_quoted, value))}]"
    if kind == "map":
        pairs = sorted((_key(key), _quoted(item)) for key, item in value.items())
        return f"{{{', '.join(f'{key}:{item}' for key, item in pairs)}}}"
    return _PLAIN[kind](value) if kind in _PLAIN else str(value)


def _key(key: Any) -> str:
    if _kind(key) not in ("string", "bool", "int"):
        raise ValueError(f"no formatting function for map key of type {_kind(key)}")
    return _quoted(key)


def _quoted(value: Any) -> str:
    """A value inside a list or a map."""
    kind = _kind(value)
    if kind in ("timestamp", "duration"):
        return f'{kind}("{_string(value)}")'
    if kind == "double":
        return f"{value:.{_DIGITS}f}" if math.isfinite(value) else f'"{_double(value)}"'
    if kind not in CLAUSES["s"]:
        raise ValueError(f"no formatting function for {kind}")
    text = _string(value)
    if kind in ("string", "bytes"):
        return f'{"b" if kind == "bytes" else ""}"{"".join(map(_escaped, text))}"'
    return text


def _escaped(character: str) -> str:
    """As Go's `%q` writes it."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == " " or character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _double(value: float) -> str:
    """As Go's `%g` writes it: the shortest digits that read back as the number, from 10^6 on with an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if value == 0 or -4 <= exponent < _DIGITS:
        return f"{number:f}"
    digits = "".join(map(str, number.as_tuple().digits))
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{'-' if value < 0 else ''}{mantissa}e{exponent:+03d}"


def _seconds(value: dt.timedelta) -> str:
    number = Decimal(value // dt.timedelta(microseconds=1)).scaleb(-6).normalize()
    return f"{number:f}s"


def _time(value: dt.datetime) -> str:
    text = value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return f"{text}{fraction}Z"


def _fixed(value: Any, precision: int | None) -> str:
    number = _number(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    return f"{number:,.{_DIGITS if precision is None else precision}f}"


def _scientific(value: Any, _: int | None) -> str:
    number = _number(value)
    if not math.isfinite(number):
        return _fixed(number, None)
    mantissa, exponent = f"{number:.{_DIGITS}e}".split("e")
    return f"{mantissa}{_TIMES}10{exponent.removeprefix('+').translate(_RAISED)}"


def _number(value: Any) -> float:
    if isinstance(value, str):
        if value not in _DOUBLES:
            raise ValueError(f"a number cannot be read from {value!r}")
        return _DOUBLES[value]
    return float(value)


def _hexadecimal(value: Any) -> str:
    if isinstance(value, str):
        return value.encode().hex()
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else f"{value:x}"


_PLAIN: dict[str, Callable[[Any], str]] = {
    "bool": lambda value: str(value).lower(),
    "null": lambda _: "null",
    "double": _double,
    "duration": _seconds,
    "timestamp": _time,
}
_WRITERS: dict[str, Callable[[Any, int | None], str]] = {
    "s": _string,
    "d": lambda value, _: str(value),
    "f": _fixed,
    "e": _scientific,
    "b": lambda value, _: f"{value:b}",
    "x": lambda value, _: _hexadecimal(value),
    "X": lambda value, _: _hexadecimal(value).upper(),
    "o": lambda value, _: f"{value:o}",
}
