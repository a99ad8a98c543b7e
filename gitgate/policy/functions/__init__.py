"""The functions that Kubernetes adds to CEL, as plain Python; they run in the worker.

What CEL calls an opaque type is here a mapping with integer keys, `{0: "quantity", 1: "3/2"}`. No manifest can hold
one, as keys of JSON are strings. Two values are equal where their mappings are, so each has one spelling only.
"""

from __future__ import annotations

from typing import Any

Opaque = dict[int, Any]


def opaque(kind: str, *parts: Any) -> Opaque:
    """A value of an opaque type."""
    return dict(enumerate((kind, *parts)))


def content(value: Any, kind: str) -> tuple[Any, ...]:
    """What an opaque value holds.

    Raises:
        ValueError: The value is of another type, as in `1.isGreaterThan(quantity('1'))`.
    """
    if type(value) is not dict or value.get(0) != kind:
        raise ValueError("no such overload")
    return tuple(value[index] for index in range(1, len(value)))


def kind_of(value: Any) -> str:
    """The name of an opaque value's type.

    Raises:
        ValueError: It is none.
    """
    kind = value.get(0) if type(value) is dict else None
    if not isinstance(kind, str):
        raise ValueError("no such overload")  # noqa: TRY004 - what every function here raises
    return kind
