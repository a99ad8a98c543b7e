"""Semantic versions: `semver('1.2.3')`, and the comparisons that versions share with quantities.

Source: k8s.io/apiserver/pkg/cel/library/semverlib.go and github.com/blang/semver/v4.
"""

from __future__ import annotations

import re
from typing import Any

from gitgate.policy.functions import Opaque, content, kind_of, opaque
from gitgate.policy.functions.quantity import number

_NUMBER = r"(0|[1-9]\d*)"
_TEXT = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_LARGEST = 2**64


def semver(text: str, normalize: bool = False) -> Opaque:  # noqa: FBT001, FBT002 - CEL passes it so
    """`semver(string)` and `semver(string, bool)`.

    Raises:
        ValueError: Not a semantic version.
    """
    match = _TEXT.fullmatch(_normalize(text) if normalize else text)
    if match is None:
        raise ValueError(f"not a semantic version: {text!r}")
    numbers = [int(match[index]) for index in (1, 2, 3)]
    identifiers = match[4].split(".") if match[4] else []
    if any(value >= _LARGEST for value in numbers) or any(_has_leading_zero(part) for part in identifiers):
        raise ValueError(f"not a semantic version: {text!r}")
    # The build part does not count in comparisons, so it is left out.
    return opaque("semver", *numbers, match[4] or "")


def _normalize(text: str) -> str:
    text = text.removeprefix("v").removeprefix("V")
    core = re.match(r"[^-+]*", text)
    head = core[0] if core else ""
    parts = [part.lstrip("0") or "0" if part.isdigit() else part for part in head.split(".")]
    parts += ["0"] * (3 - len(parts))
    return ".".join(parts) + text[len(head) :]


def _has_leading_zero(identifier: str) -> bool:
    return identifier.isdigit() and len(identifier) > 1 and identifier[0] == "0"


def is_semver(text: str, normalize: bool = False) -> bool:  # noqa: FBT001, FBT002 - CEL passes it so
    """`isSemver(string)` and `isSemver(string, bool)`."""
    try:
        semver(text, normalize)
    except ValueError:
        return False
    return True


def major(value: Any) -> int:
    """`semver.major()`."""
    return int(content(value, "semver")[0])


def minor(value: Any) -> int:
    """`semver.minor()`."""
    return int(content(value, "semver")[1])


def patch(value: Any) -> int:
    """`semver.patch()`."""
    return int(content(value, "semver")[2])


def compare(left: Any, right: Any) -> int:
    """`compareTo` of two quantities or two versions.

    Raises:
        ValueError: They are of two types.
    """
    if kind_of(left) == "quantity":
        difference = number(left) - number(right)
        return (difference > 0) - (difference < 0)
    one, other = _key(left), _key(right)
    return (one > other) - (one < other)


def is_less(left: Any, right: Any) -> bool:
    """`isLessThan`."""
    return compare(left, right) < 0


def is_greater(left: Any, right: Any) -> bool:
    """`isGreaterThan`."""
    return compare(left, right) > 0


def _key(value: Any) -> tuple[Any, ...]:
    *numbers, release = content(value, "semver")
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in release.split(".") if part)
    return (*numbers, not parts, parts)
