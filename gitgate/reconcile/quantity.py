"""Quantities: whether two spellings mean the same, and the one that the API server stores."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})"
    r"(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?\Z"
)
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO = 10**9
_LARGEST = Fraction(2**63 - 1)
"""quantity.go, `maxAllowed`: what is larger counts as this."""


def parse_quantity(value: Any) -> tuple[Fraction, str] | None:
    """The number that a quantity means, and its family: `binary`, `decimal` or `exponent`; None for no quantity.

    Source: k8s.io/apimachinery/pkg/api/resource/quantity.go, `ParseQuantity`.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _parse(str(value))


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[Fraction, str] | None:
    match = _QUANTITY.match(text)
    if match is None:
        return None
    number = Fraction(f"0{match['number']}" if match["number"][0] == "." else match["number"].rstrip("."))
    suffix = match["suffix"] or ""
    if suffix in _BINARY[1:]:
        number, family = number * 1024 ** _BINARY.index(suffix), "binary"
    elif suffix in _DECIMAL:
        number, family = number * Fraction(10) ** _DECIMAL[suffix], "decimal"
    else:
        number, family = number * Fraction(10) ** int(suffix[1:]), "exponent"
    # Finer than a nano: rounded up, away from zero.
    number = min(Fraction(math.ceil(number * _NANO), _NANO), _LARGEST)
    return (-number if match["sign"] == "-" else number), family


def canonical_quantity(value: Any) -> Any:
    """The spelling that the server stores; what is no quantity comes back as it is.

    Source: quantity.go, `CanonicalizeBytes`: the largest suffix that leaves an integer, within the family.
    """
    parsed = parse_quantity(value)
    if parsed is None:
        return value
    number, family = parsed
    if not number:
        return "0"
    if family == "binary" and number.denominator == 1:
        return _binary(int(number))
    return _decimal(number, exponent=family == "exponent")


def _binary(number: int) -> str:
    power = 0
    while power < len(_BINARY) - 1 and number % 1024 == 0:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY[power]}"


def _decimal(number: Fraction, *, exponent: bool) -> str:
    power = -9
    while power < 18 and (number / Fraction(10) ** (power + 3)).denominator == 1:
        power += 3
    mantissa = number / Fraction(10) ** power
    if exponent:
        return f"{mantissa}e{power}" if power else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIXES[power]}"
