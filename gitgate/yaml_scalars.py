"""What a scalar means to Kubernetes: the resolver of go-yaml v2 followed by sigs.k8s.io/yaml's conversion to JSON.

Sources: sigs.k8s.io/yaml, goyaml.v2/resolve.go (`resolve`), goyaml.v2/decode.go (`scalar`), yaml.go
(`convertToJSONableObject`), and Go's strconv (`ParseInt` with base 0, `FormatFloat`). Where kustomize, which uses
go-yaml v3, reads the same text as another value, `kustomize_reading` says which.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

_TAG = "tag:yaml.org,2002:"
CORE_TAGS: Final = frozenset(
    _TAG + name for name in ("str", "bool", "int", "float", "null", "timestamp", "binary", "map", "seq", "set", "merge")
)
"""Tags whose meaning everybody agrees on; go-yaml reads a scalar with any other tag as a string."""
MERGE_TAG: Final = _TAG + "merge"

HINTS: Final = frozenset("+-0123456789yYnNtTfFoO~.")
"""First characters of plain scalars that may be something other than a string."""

_YES = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
_NO = ("n", "N", "no", "No", "NO", "off", "Off", "OFF")
WORDS: Final[Mapping[str, bool | None]] = MappingProxyType(
    {
        **dict.fromkeys((*_YES, "true", "True", "TRUE"), True),
        **dict.fromkeys((*_NO, "false", "False", "FALSE"), False),
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    }
)
"""Plain scalars with a meaning of their own."""
_STRINGS_TO_KUSTOMIZE = frozenset(_YES + _NO)
_NOT_IN_JSON = frozenset(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}

_MAYBE_NUMBER = re.compile(r"[-+]?\.?[0-9]")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_POINT_FLOAT = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?\Z")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]| +)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?)?\Z"
)
_INT64_MIN, _INT64_MAX, _UINT64_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_LONGEST_NUMBER = 400
"""Characters; nothing longer than this is a finite number of float64 that a person wrote."""


class InvalidScalarError(ValueError):
    """Kubernetes refuses the scalar; the message is a sentence without its subject."""


class Uint64(int):
    """An integer of at least 2**63: a value becomes a float, and as a key it is refused."""


def resolve_plain(text: str) -> Any:
    """Value of a plain scalar: None, bool, int, float or str.

    Raises:
        InvalidScalarError: `.inf` and `.nan`, which JSON has no place for.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in HINTS:
        return text
    if text in _NOT_IN_JSON:
        raise InvalidScalarError(f"is {text}, which JSON cannot hold")
    number = parse_number(text)
    if number is None:
        return text
    return json_number(number)


def parse_number(text: str) -> int | float | None:
    """The number that go-yaml sees in a plain scalar, before it becomes JSON; None for what stays a string."""
    if not _MAYBE_NUMBER.match(text) and not text.startswith(("-", "+")):
        return None
    if text[0] == ".":
        # Go's ParseFloat takes underscores between digits only; elsewhere go-yaml removes them all.
        return _parse_float(text.replace("_", "")) if _POINT_FLOAT.match(text) else None
    plain = text.replace("_", "")
    if len(plain) > _LONGEST_NUMBER:
        return None if not _FLOAT.match(plain) else _parse_float(plain)
    if match := _INTEGER.match(plain):
        integer = _parse_integer(match[1], match[2])
        if integer is not None:
            return integer
    if _FLOAT.match(plain):
        return _parse_float(plain)
    return None


def _parse_integer(sign: str, digits: str) -> int | None:
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b", "0o"):
        number = int(digits[2:], {"0x": 16, "0b": 2, "0o": 8}[prefix])
    else:
        number = int(digits, 8 if digits[0] == "0" else 10)
    if sign == "-":
        number = -number
    if _INT64_MIN <= number <= _INT64_MAX:
        return number
    # ParseUint takes no sign.
    return Uint64(number) if not sign and number <= _UINT64_MAX else None


def _parse_float(text: str) -> float | None:
    number = float(text)
    return None if number in (float("inf"), float("-inf")) else number


def json_number(number: int | float) -> int | float:  # noqa: PYI041 - which of the two it is matters here
    """A number as Kubernetes holds it after JSON: int64 where its JSON text is an integer in range, else float64.

    Source: encoding/json `floatEncoder` (no exponent below 1e21) and k8s.io/apimachinery/pkg/util/json.
    """
    if isinstance(number, Uint64):
        return float(number)
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e19:
        # The shortest digits that name the double, not its exact value, are what Go writes.
        integer = int(Decimal(repr(number)))
        if _INT64_MIN <= integer <= _INT64_MAX:
            return integer
    return number


def resolve_tagged(tag: str, text: str) -> Any:
    """Value of a scalar with an explicit tag; one with a tag that is not core YAML is a string.

    Raises:
        InvalidScalarError: The text is not of the tag's type.
    """
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if name == "binary":
        return _decode_binary(text)
    if name not in ("bool", "int", "float", "null", "timestamp"):
        return text
    if name == "timestamp":
        if canonical_timestamp(text) is None:
            raise InvalidScalarError("is tagged !!timestamp but is none")
        return text
    raw: Any
    if text in _NOT_IN_JSON:
        raise InvalidScalarError(f"is {text}, which JSON cannot hold")
    if text in WORDS:
        raw = WORDS[text]
    else:
        raw = parse_number(text) if text[0] in HINTS else None
        if raw is None:
            raise InvalidScalarError(f"is tagged !!{name} but is a string")
    if name == "float" and isinstance(raw, int) and not isinstance(raw, bool | Uint64):
        raw = float(raw)
    actual = {bool: "bool", int: "int", Uint64: "int", float: "float", type(None): "null"}[type(raw)]
    if actual != name:
        raise InvalidScalarError(f"is tagged !!{name} but is of type {actual}")
    return raw if raw is None or isinstance(raw, bool) else json_number(raw)


def _decode_binary(text: str) -> str:
    """Base64 as Go's StdEncoding reads it; bytes that are not UTF-8 become U+FFFD, as in Go's JSON."""
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", "").encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidScalarError("is tagged !!binary but is not base64") from error
    return data.decode("utf-8", "replace")


def canonical_timestamp(text: str) -> str | None:
    """The RFC 3339 form of what go-yaml takes for a date or time; None for any other text.

    Source: goyaml.v2/resolve.go, `parseTimestamp`: a zone is needed after `T` and not allowed after a space.
    """
    match = _TIMESTAMP.match(text)
    if match is None or (match[4] is not None and ("t" in text.lower()) != (match[8] is not None)):
        return None
    year, month, day, hour, minute, second = (int(match[i] or 0) for i in range(1, 7))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= days[month - 1] and hour < 24 and minute < 60 and second < 60):
        return None
    fraction = (match[7] or "").rstrip("0")
    zone = "Z" if match[8] in (None, "Z", "+00:00", "-00:00") else match[8]
    clock = f"{hour:02}:{minute:02}:{second:02}" + (f".{fraction}" if fraction else "")
    return f"{year:04}-{month:02}-{day:02}T{clock}{zone}"


def kustomize_reading(text: str) -> str | None:
    """How kustomize reads a plain scalar that kubectl reads as another value, in words; None where they agree.

    Found by running both (tools/yaml_values.py); the causes are in go-yaml v3's decoder: the boolean words of
    YAML 1.1 are strings unless the target is a bool, and a timestamp is written back in RFC 3339.
    """
    if text in _STRINGS_TO_KUSTOMIZE:
        return f'the string "{text}"'
    if len(text) >= 8 and text[4] == "-":
        canonical = canonical_timestamp(text)
        if canonical is not None and canonical != text:
            return f'the time "{canonical}"'
    return None


def key_text(value: Any) -> str:
    """The JSON key that a resolved scalar becomes.

    Raises:
        InvalidScalarError: null and integers from 2**63, which sigs.k8s.io/yaml has no key for.
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise InvalidScalarError("is null, which cannot be a key")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Uint64):
        raise InvalidScalarError("is an integer over 2^63, which cannot be a key")
    if isinstance(value, int):
        return str(int(value))
    return _format_float32(value)


def resolve_key(text: str) -> str:
    """The JSON key that a plain scalar becomes: `1` → "1", `yes` → "true", `0777` → "511".

    Raises:
        InvalidScalarError: See `key_text`.
    """
    if text in WORDS:
        return key_text(WORDS[text])
    if text[0] not in HINTS:
        return text
    if text in _NOT_IN_JSON:
        return {"+": ".inf", ".": ".inf", "-": "-.inf"}[text[0]] if "n" not in text[-1:].lower() else ".nan"
    number = parse_number(text)
    return text if number is None else key_text(number)


def _format_float32(number: float) -> str:
    """Go's `strconv.FormatFloat(number, 'g', -1, 32)`: the shortest digits that name the nearest float32."""
    try:
        nearest = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return ".inf" if number > 0 else "-.inf"
    if nearest == 0:
        return "-0" if str(nearest).startswith("-") else "0"
    shortest = ""
    for digits in range(9):
        shortest = f"{nearest:.{digits}e}"
        if struct.unpack("<f", struct.pack("<f", float(shortest)))[0] == nearest:
            break
    mantissa, _, exponent_text = shortest.partition("e")
    exponent = int(exponent_text)
    if exponent < -4 or exponent >= 6:
        return f"{mantissa}e{exponent:+03d}"
    return format(Decimal(shortest), "f")
