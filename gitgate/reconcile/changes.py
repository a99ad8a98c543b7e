"""What differs between two stored objects, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a field that is not there."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that changes.

    Attributes:
        path: Where; list items by their index in the new list.
        old: The stored value; `ABSENT` when the field is new.
        new: What it becomes; `ABSENT` when the field goes.
        manager: Of live drift, who made it, as managed fields say it; empty where that is not known.
    """

    path: FieldPath
    old: Any
    new: Any
    manager: str = ""


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Every field that differs, as deep as both sides have the same shape; a list of another length is one change."""
    return tuple(_differences(dict(before), dict(after), ()))


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[FieldPath]:
    """The paths of `changed_fields`."""
    return frozenset(change.path for change in _differences(dict(before), dict(after), ()))


def _differences(old: Any, new: Any, path: FieldPath) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys(), key=str):
            left, right = old.get(key, ABSENT), new.get(key, ABSENT)
            if left is not right:
                yield from _differences(left, right, (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _differences(left, right, (*path, index))
    elif not same(old, new):
        yield FieldChange(path, old, new)


def same(old: Any, new: Any) -> bool:
    """Are two values equal as JSON, where true is not 1?"""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    return bool(old == new)
