"""A changed field in one line: the part of a long value that differs, and the items that come to or go from a list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gitgate.location import format_field_path
from gitgate.reconcile.changes import ABSENT, FieldChange, same
from gitgate.reconcile.redact import HIDDEN
from gitgate.reconcile.words import printable, value_text

_LEAD = 12
"""Characters that are told before the first that differs."""
_ITEMS = 3
"""Items of a list that are told."""
_COMPARED = 200
"""Items of a list that are compared one by one; longer ones are told as values."""


def change_line(change: FieldChange, limit: int = 60) -> str:
    """A changed field with its sign: `~ spec.replicas: 1 → 3`.

    Args:
        change: The field.
        limit: Characters of each value.
    """
    path, old, new = format_field_path(change.path), change.old, change.new
    if old is ABSENT:
        return f"+ {path}: {value_text(new, limit)}"
    if new is ABSENT:
        return f"- {path}: {value_text(old, limit)}"
    if isinstance(old, list) and isinstance(new, list) and max(len(old), len(new)) <= _COMPARED:
        return f"~ {path}: {_lists(old, new, limit)}"
    if isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        return f"~ {path}: {_texts(old, new, limit)}"
    return f"~ {path}: {_pair(old, new, limit)}"


def _pair(old: Any, new: Any, limit: int) -> str:
    """Both values; of two long ones that begin alike, from where they differ."""
    left, right = value_text(old, limit), value_text(new, limit)
    if old == new == HIDDEN:
        return f"{HIDDEN} → another {HIDDEN}"
    if left == right and isinstance(old, str) and isinstance(new, str):
        first = max(0, _alike(old, new) - _LEAD)
        left, right = (f"…{value_text(one[first:], limit)}" for one in (old, new))
    return f"{left} → {right}"


def _alike(old: Sequence[Any], new: Sequence[Any]) -> int:
    """How many characters, or lines, both begin with."""
    pairs = zip(old, new, strict=False)
    return next((number for number, (left, right) in enumerate(pairs) if left != right), min(len(old), len(new)))


def _texts(old: str, new: str, limit: int) -> str:
    """The first lines of two texts that differ, and how many more do."""
    left, right = old.split("\n"), new.split("\n")
    first = _alike(left, right)
    last = _alike(left[first:][::-1], right[first:][::-1])
    gone, come = left[first : len(left) - last], right[first : len(right) - last]
    if not gone:
        told = f"+ {value_text(come[0], limit)}"
    elif not come:
        told = f"- {value_text(gone[0], limit)}"
    else:
        told = _pair(gone[0], come[0], limit)
    more = max(len(gone), len(come)) - 1
    return f"line {first + 1}: {told}" + (f", and {more} more {'line' if more == 1 else 'lines'}" if more else "")


def _lists(old: list[Any], new: list[Any], limit: int) -> str:
    """Which items come and go."""
    gone, come = _without(old, new), _without(new, old)
    if not gone and not come:
        return f"the same {len(new)} items in another order"
    told = [f"- {_item(one, limit)}" for one in gone] + [f"+ {_item(one, limit)}" for one in come]
    more = [f"and {len(told) - _ITEMS} more"] if len(told) > _ITEMS else []
    return f"{len(old)} → {len(new)} items: " + ", ".join([*told[:_ITEMS], *more])


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    """The items that the other list does not have, each as often as it is missing there."""
    left: dict[str, list[Any]] = {}
    for one in others:
        left.setdefault(_key(one), []).append(one)
    missing = []
    for one in items:
        alike = left.get(_key(one), [])
        found = next((number for number, other in enumerate(alike) if same(one, other)), None)
        if found is None:
            missing.append(one)
        else:
            alike.pop(found)
    return missing


def _key(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _item(item: Any, limit: int) -> str:
    return printable(value_text(item, limit))
