"""Named formats: `format.dns1123Label().validate('a-b')`.

Source: k8s.io/apiserver/pkg/cel/library/format.go and k8s.io/apimachinery/pkg/util/validation/validation.go.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from gitgate.policy.functions import Opaque, content, opaque
from gitgate.policy.functions.network import is_url

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*", re.ASCII)
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-](\d{2}):(\d{2}))", re.ASCII
)


def _matches(pattern: re.Pattern[str], longest: int, what: str) -> Callable[[str], list[str]]:
    def validate(text: str) -> list[str]:
        found = [] if len(text) <= longest else [f"must be no more than {longest} bytes"]
        return found if pattern.fullmatch(text) else [*found, f"{what} must match the regular expression"]

    return validate


def _prefix(validate: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """A prefix of a generated name may end in the dash that something follows."""
    return lambda text: validate(text[:-1] + "a" if len(text) > 1 and text.endswith("-") else text)


def _qualified_name(text: str) -> list[str]:
    prefix, slash, name = text.rpartition("/")
    if slash and (not prefix or "/" in prefix or _SUBDOMAIN.fullmatch(prefix) is None or len(prefix) > 253):
        return ["prefix part must be a lowercase RFC 1123 subdomain"]
    if not name or len(name) > 63 or not _NAME.fullmatch(name):
        return ["name part must consist of alphanumeric characters, '-', '_' or '.'"]
    return []


def _label_value(text: str) -> list[str]:
    if len(text) > 63:
        return ["must be no more than 63 bytes"]
    return [] if not text or _NAME.fullmatch(text) else ["a valid label must be an empty string or alphanumeric"]


def _byte(text: str) -> list[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ["invalid base64"]
    return []


def _date(text: str) -> list[str]:
    try:
        if _DATE.fullmatch(text):
            dt.date.fromisoformat(text)
            return []
    except ValueError:
        pass
    return ["invalid date"]


def _date_time(text: str) -> list[str]:
    match = _DATE_TIME.fullmatch(text)
    if match is None or _date(match[1]):
        return ["invalid datetime"]
    hour, minute, second = (int(match[index]) for index in (2, 3, 4))
    return [] if hour < 24 and minute < 60 and second < 60 else ["invalid datetime"]


_dns_label = _matches(_LABEL, 63, "a lowercase RFC 1123 label")
_dns_subdomain = _matches(_SUBDOMAIN, 253, "a lowercase RFC 1123 subdomain")
_dns_label_1035 = _matches(_LABEL_1035, 63, "a DNS-1035 label")
FORMATS: dict[str, Callable[[str], list[str]]] = {
    "dns1123Label": _dns_label,
    "dns1123Subdomain": _dns_subdomain,
    "dns1035Label": _dns_label_1035,
    "qualifiedName": _qualified_name,
    "dns1123LabelPrefix": _prefix(_dns_label),
    "dns1123SubdomainPrefix": _prefix(_dns_subdomain),
    "dns1035LabelPrefix": _prefix(_dns_label_1035),
    "labelValue": _label_value,
    "uri": lambda text: [] if is_url(text) else ["invalid URI"],
    "uuid": lambda text: [] if _UUID.fullmatch(text) else ["does not match the UUID format"],
    "byte": _byte,
    "date": _date,
    "datetime": _date_time,
}


def named(name: str) -> Opaque:
    """`format.named(string)`: the format, or an empty mapping where there is none."""
    return opaque("format", name) if name in FORMATS else {}


def validate(value: Any, text: str) -> list[str]:
    """`format.validate(string)`: what is wrong, nothing where all is well."""
    return FORMATS[content(value, "format")[0]](text)


def base64_bytes(value: str | bytes) -> bytes:
    """What a field with the format `byte` stands for.

    Raises:
        ValueError: It is no base64.
    """
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)
