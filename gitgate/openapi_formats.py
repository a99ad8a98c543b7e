"""The `format`s that the API server checks, as functions of a string.

Built-in kinds have two: `byte` (Go's `[]byte`) and `date-time` (`metav1.Time`). Custom resources have those of
k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go, with the meaning of
k8s.io/kube-openapi/pkg/validation/strfmt; any other format is ignored there and here. `isbn`, `creditcard`, `rgbcolor`
and `password` are not checked; `email`, `uri` and `hostname` accept a little more than the API server does.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]{1,20})?(?:[zZ]|[+-]([0-9]{2}):([0-9]{2}))")
_GO_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_LOOSE_DURATION = re.compile(
    r"(?:[0-9]+\s*(?:nanos?|ns|micros?|us|µs|millis?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|wks?|w)\s*)+"
)
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}(?:(?P<separator>[:-])[0-9A-Fa-f]{2})(?:(?P=separator)[0-9A-Fa-f]{2}){4}"
    r"(?:(?:(?P=separator)[0-9A-Fa-f]{2}){2}|(?:(?P=separator)[0-9A-Fa-f]{2}){14})?"
    r"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}(?:\.[0-9A-Fa-f]{4}|(?:\.[0-9A-Fa-f]{4}){7})?"
)
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_HEX = r"[0-9A-Fa-f]"
_URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:|/)[^\x00-\x20\x7f]*|\*")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_byte(text: str) -> bool:
    """Base64 as Go decodes it: standard alphabet, padded, line breaks ignored (encoding/base64, `StdEncoding`)."""
    try:
        base64.b64decode(text.replace("\r", "").replace("\n", "").encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_date(text: str) -> bool:
    """`2006-01-02`, of a day that exists."""
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, day = (int(part) for part in match.groups())
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return leap or (month, day) != (2, 29)


def is_date_time(text: str) -> bool:
    """RFC 3339 in either case, as strfmt reads it."""
    time = _TIME.fullmatch(text[11:])
    if time is None or text[10] not in "tT" or not is_date(text[:10]):
        return False
    hours, minutes, seconds, offset_hours, offset_minutes = (int(part or 0) for part in time.groups())
    return hours < 24 and minutes < 60 and seconds < 60 and offset_hours < 24 and offset_minutes < 60


def is_strict_date_time(text: str) -> bool:
    """RFC 3339 as Go's `time.Parse` reads it: with a capital T and Z (apimachinery/pkg/apis/meta/v1/time.go)."""
    return is_date_time(text) and text[10] == "T" and not text.endswith("z")


def is_duration(text: str) -> bool:
    """`1h30m` as Go reads it, or `2 days`, which strfmt adds (strfmt/duration.go, `ParseDuration`)."""
    return _GO_DURATION.fullmatch(text) is not None or _LOOSE_DURATION.fullmatch(text) is not None


def is_ipv4(text: str) -> bool:
    """An IPv4 address without leading zeros."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """An IPv6 address without a zone."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def is_cidr(text: str) -> bool:
    """An address and a prefix length; bits after the prefix may be set (Go's `net.ParseCIDR`)."""
    address, slash, length = text.partition("/")
    if not slash or not (length.isascii() and length.isdigit()) or len(length) > 3:
        return False
    return (is_ipv4(address) and int(length) <= 32) or (is_ipv6(address) and int(length) <= 128)


def is_hostname(text: str) -> bool:
    """Labels of letters, digits and inner hyphens."""
    return 0 < len(text) <= 255 and all(_LABEL.fullmatch(label) for label in text.split("."))


def is_email(text: str) -> bool:
    """Something, an at sign, something."""
    local, at, domain = text.rpartition("@")
    return bool(local and at and domain) and not any(ord(character) < 0x20 for character in text)


def _is_like(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _uuid(third: str, fourth: str) -> Callable[[str], bool]:
    return _is_like(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{third}-?{fourth}-?{_HEX}{{12}}")


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "date-time": is_strict_date_time,
        "bsonobjectid": _is_like(f"{_HEX}{{24}}"),
        "byte": is_byte,
        "cidr": is_cidr,
        "date": is_date,
        "datetime": is_date_time,
        "duration": is_duration,
        "email": is_email,
        "hexcolor": _is_like(f"#?(?:{_HEX}{{3}}|{_HEX}{{6}})"),
        "hostname": is_hostname,
        "ipv4": is_ipv4,
        "ipv6": is_ipv6,
        "mac": lambda text: _MAC.fullmatch(text) is not None,
        "ssn": _is_like("[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}"),
        "uri": lambda text: _URI.fullmatch(text) is not None,
        "uuid": _uuid(f"{_HEX}{{4}}", f"{_HEX}{{4}}"),
        "uuid3": _uuid(f"3{_HEX}{{3}}", f"{_HEX}{{4}}"),
        "uuid4": _uuid(f"4{_HEX}{{3}}", f"[89ABab]{_HEX}{{3}}"),
        "uuid5": _uuid(f"5{_HEX}{{3}}", f"[89ABab]{_HEX}{{3}}"),
    }
)
"""By the name that a schema uses after conversion: `date-time` in built-in kinds, `datetime` in custom resources."""


def custom_resource_format(name: str) -> str | None:
    """The key in `FORMATS` for a format in a CustomResourceDefinition; None when the API server ignores it.

    Source: go-openapi's name normalisation, which drops hyphens (formats.go, `StripUnsupportedFormatsPostProcess`).
    """
    normalized = name.replace("-", "")
    return normalized if normalized in FORMATS else None
