"""What Kubernetes adds to lists.

Source: k8s.io/apiserver/pkg/cel/library/lists.go.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

_ORDERED = (bool, int, float, str, bytes, bytearray, dt.timedelta, dt.datetime)


def is_sorted(values: list[Any]) -> bool:
    """`list.isSorted()`."""
    _demand_order(values)
    return all(not values[index + 1] < values[index] for index in range(len(values) - 1))


def total(values: list[Any]) -> Any:
    """`list.sum()`: of numbers or durations; 0 for an empty list.

    Raises:
        ValueError: Of something else, or too large.
    """
    if not values:
        return 0
    start = type(values[0])
    if start is bool or start not in (int, float, dt.timedelta):
        raise ValueError("no such overload")
    result = values[0]
    for value in values[1:]:
        if type(value) is not start:
            raise ValueError("no such overload")
        result += value
    if start is int and not -(2**63) <= result < 2**63:
        raise ValueError("integer overflow")
    return result


def smallest(values: list[Any]) -> Any:
    """`list.min()`.

    Raises:
        ValueError: The list is empty, or has no order.
    """
    if not values:
        raise ValueError("min called on empty list")
    _demand_order(values)
    return min(values)


def largest(values: list[Any]) -> Any:
    """`list.max()`.

    Raises:
        ValueError: The list is empty, or has no order.
    """
    if not values:
        raise ValueError("max called on empty list")
    _demand_order(values)
    return max(values)


def index_of(values: list[Any], wanted: Any) -> int:
    """`list.indexOf(value)`; -1 where there is none."""
    return next((index for index, value in enumerate(values) if _same(value, wanted)), -1)


def last_index_of(values: list[Any], wanted: Any) -> int:
    """`list.lastIndexOf(value)`; -1 where there is none."""
    return next((index for index in range(len(values) - 1, -1, -1) if _same(values[index], wanted)), -1)


def milliseconds(duration: dt.timedelta) -> int:
    """`duration.getMilliseconds()`: all of it, as cel-go has it; the engine gives what is left of the last second."""
    whole = abs(duration) // dt.timedelta(milliseconds=1)
    return whole if duration > dt.timedelta() else -whole


def map_insert(target: dict[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    """One step of `transformMap`."""
    if key in target:
        raise ValueError(f"insert failed: key {key!r} already exists")
    return {**target, key: value}


def map_merge(target: dict[Any, Any], entries: dict[Any, Any]) -> dict[Any, Any]:
    """One step of `transformMapEntry`.

    Raises:
        ValueError: Two entries have one key.
    """
    if not target.keys().isdisjoint(entries):
        raise ValueError("insert failed: key already exists")
    return {**target, **entries}


def _same(left: Any, right: Any) -> bool:
    """CEL's equality: a truth value is no number."""
    return (type(left) is bool) == (type(right) is bool) and bool(left == right)


def _demand_order(values: list[Any]) -> None:
    kinds = {type(value) for value in values}
    numeric = kinds <= {int, float}
    if not kinds <= set(_ORDERED) or (len(kinds) > 1 and not numeric):
        raise ValueError("no such overload")
