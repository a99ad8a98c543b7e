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


def parse(text: str) -> Fraction:
    """The number that a quantity stands for: rounded away from zero to the nano, and no larger than 2^63-1.

    Raises:
        ValueError: Not a quantity.
    """
    match = _TEXT.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    sign, digits, suffix = match.groups()
    # `Mi` alone is none of them, and so is a sign or a point: `parseQuantityString` takes no digits for 0.
    number = Fraction(f"0{digits}0" if "." in digits else f"0{digits}")
    if suffix in _BINARY:
        number *= 2 ** _BINARY[suffix]
    elif suffix in _DECIMAL:
        number *= Fraction(10) ** _DECIMAL[suffix]
    else:
        number *= Fraction(10) ** max(-400, min(400, int(suffix[1:])))
    number = min(Fraction(ceil(number * _NANO), _NANO), _LARGEST)
    return -number if sign == "-" else number


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


def as_float(value: Any) -> float:
    """`quantity.asApproximateFloat()`."""
    return float(number(value))


def add(left: Any, right: Any) -> Opaque:
    """`quantity.add(quantity)` and `quantity.add(int)`."""
    return _make(number(left) + (right if isinstance(right, int) else number(right)))


def subtract(left: Any, right: Any) -> Opaque:
    """`quantity.sub(quantity)` and `quantity.sub(int)`."""
    return _make(number(left) - (right if isinstance(right, int) else number(right)))
