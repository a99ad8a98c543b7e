"""Quantities: `quantity('1.5Gi')`.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go and k8s.io/apiserver/pkg/cel/library/quantity.go.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor
from typing import Any

from gitgate.policy.functions import Opaque, content, opaque

_TEXT = re.compile(r"(?!\Z)([+-]?)(\d*\.?\d*)([numkMGTPE]?|[KMGTPE]i|[eE][+-]?\d{1,4})", re.ASCII)
_LONGEST = 100
"""Characters; longer numbers than any quantity needs are not worth exact arithmetic."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LARGEST = Fraction(2**63 - 1)
_NANO = 10**9
_DIGITS = 18
"""Of a number that is held as a whole one for certain: `maxInt64Factors`."""


def parse(text: str) -> Fraction:
    """The number that a quantity stands for: rounded away from zero to the nano; with a binary suffix at most 2^63-1.

    Raises:
        ValueError: Not a quantity.
    """
    sign, digits, suffix = _parts(text)
    # `Mi` alone is none of them, and so is a sign or a point: `parseQuantityString` takes no digits for 0.
    number = Fraction(f"0{digits}0" if "." in digits else f"0{digits}")
    if suffix in _BINARY:
        number *= 2 ** _BINARY[suffix]
    elif suffix in _DECIMAL:
        number *= Fraction(10) ** _DECIMAL[suffix]
    else:
        number *= Fraction(10) ** max(-400, min(400, int(suffix[1:])))
    number = Fraction(ceil(number * _NANO), _NANO)
    if suffix in _BINARY:
        number = min(number, _LARGEST)
    return -number if sign == "-" else number


def _parts(text: str) -> tuple[str, str, str]:
    """Sign, digits and suffix."""
    match = _TEXT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    return match[1], match[2], match[3]


def quantity(text: str) -> Opaque:
    """`quantity(string)`."""
    return _make(parse(text))


def is_quantity(text: str) -> bool:
    """`isQuantity(string)`."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def number(value: Any) -> Fraction:
    """The number of a quantity value.

    Raises:
        ValueError: It is none.
    """
    return Fraction(content(value, "quantity")[0])


def _make(value: Fraction) -> Opaque:
    return opaque("quantity", str(value))


def sign(value: Any) -> int:
    """`quantity.sign()`."""
    amount = number(value)
    return (amount > 0) - (amount < 0)


def is_integer(value: Any) -> bool:
    """`quantity.isInteger()`: can `asInteger()` answer?"""
    amount = number(value)
    return amount.denominator == 1 and -(2**63) <= amount < 2**63


def as_integer(value: Any) -> int:
    """`quantity.asInteger()`.

    Raises:
        ValueError: It has a fraction, or is too large.
    """
    if not is_integer(value):
        raise ValueError("cannot convert value to integer")
    return floor(number(value))


def is_held_as_integer(text: str) -> bool:
    """`quantity(string).isInteger()`: false also for `1.0`, `1000m` and `0.5Gi`, not held as whole numbers."""
    return _held(text) is not None


def held_integer(text: str) -> int:
    """`quantity(string).asInteger()`.

    Raises:
        ValueError: It is not held as a whole number, or is no quantity.
    """
    value = _held(text)
    if value is None:
        raise ValueError("cannot convert value to integer")
    return value


def _held(text: str) -> int | None:
    """What `ParseQuantity` keeps as a whole number: few enough digits, and nothing after the point."""
    sign, digits, suffix = _parts(text)
    before, _, after = digits.partition(".")
    before = before.lstrip("0") or "0"
    length = len(before) + len(after)
    if suffix in _BINARY:
        power = _BINARY[suffix]
        if after or 15 - length - power * 3 // 10 - 1 < 0:
            return None
        value = int(before) << power
    else:
        scale = (_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])) - len(after)
        if length > _DIGITS or not 0 <= scale <= 2 * _DIGITS:
            return 0 if length <= _DIGITS and scale > 0 and not int(before + after) else None
        value = int(before + after) * 10**scale
    value = -value if sign == "-" else value
    return value if -(2**63) <= value < 2**63 else None


def as_float(value: Any) -> float:
    """`quantity.asApproximateFloat()`."""
    return float(number(value))


def add(left: Any, right: Any) -> Opaque:
    """`quantity.add(quantity)` and `quantity.add(int)`."""
    return _make(number(left) + (right if isinstance(right, int) else number(right)))


def subtract(left: Any, right: Any) -> Opaque:
    """`quantity.sub(quantity)` and `quantity.sub(int)`."""
    return _make(number(left) - (right if isinstance(right, int) else number(right)))
