"""The three-way merge that applying is: what git said before, what it says now, and what the cluster has.

One walk serves server-side apply (structured-merge-diff) and client-side apply (strategic and JSON merge patch); they
differ in what they merge and what they replace, which a `Style` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gitgate.reconcile.content import copied
from gitgate.reconcile.tables import Shape, TypeNode
from gitgate.reconcile.typed import item_key


class Style(Protocol):
    """What an apply merges and what it replaces."""

    def replaces(self, node: TypeNode) -> bool:
        """Is a mapping of this type replaced as a whole?"""
        ...

    def keys(self, node: TypeNode) -> tuple[str, ...] | None:
        """What tells the items of a list apart; None for a list that is replaced."""
        ...

    def retains_only_sent(self, node: TypeNode) -> bool:
        """Do fields vanish that are not sent, whoever set them?"""
        ...

    @property
    def keeps_emptied(self) -> bool:
        """Does a map or list stay when the last of what was in it is taken out?"""
        ...

    @property
    def null_deletes(self) -> bool:
        """Does a null in what is sent delete the field?"""
        ...


class _Absent:
    """The value of a field that is not there."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Owned:
    """Which fields other managers own beside the agent: those are kept when the agent lets go of them.

    Attributes:
        fields: By field name or list key (as `repr` of its values), what is owned below; empty for a leaf.
        self_owned: Is the field itself owned, and not only something below it?
    """

    fields: Mapping[str, Owned]
    self_owned: bool = False

    def child(self, key: str) -> Owned | None:
        """What is owned below a field."""
        return self.fields.get(key)


NOBODY = Owned({})


@dataclass(frozen=True, slots=True)
class Sides:
    """What a value was, is and shall be.

    Attributes:
        live: What the cluster has; `ABSENT` when nothing.
        old: What was applied last; `ABSENT` when nothing.
        new: What is applied now.
        others: What other managers own of it; None for nothing.
    """

    live: Any
    old: Any
    new: Any
    others: Owned | None = None


def merge(node: TypeNode, sides: Sides, style: Style) -> Any:
    """What a value of a type becomes."""
    live, new = sides.live, sides.new
    mapping = node.shape in (Shape.STRUCT, Shape.MAP) or (node.shape is Shape.OPEN and isinstance(new, dict))
    # structured-merge-diff/typed/merge.go, `doMap`: of two empty sides the one that is sent counts, and it may be null.
    emptied = not live and new is None and not style.null_deletes
    fits = (isinstance(new, dict) or new is None) and isinstance(live, dict) and not emptied
    if mapping and not style.replaces(node) and fits:
        return _merge_mapping(node, sides, style)
    if node.shape is Shape.LIST and isinstance(new, list) and isinstance(live, list):
        keys = style.keys(node)
        if keys is not None:
            return _merge_list(node, keys, sides, style)
    return copied(new)


def _merge_mapping(node: TypeNode, sides: Sides, style: Style) -> dict[str, Any]:
    live: Mapping[str, Any] = sides.live
    sent: Mapping[str, Any] = sides.new if isinstance(sides.new, dict) else {}
    before: Mapping[str, Any] = sides.old if isinstance(sides.old, dict) else {}
    result = {}
    for key, value in live.items():
        if key in sent or style.retains_only_sent(node):
            continue
        owner = _owner(sides, key)
        if key not in before:
            result[key] = copied(value)
        elif owner is not None:
            kept = _keep_owned(value, owner)
            if kept is not ABSENT:
                result[key] = kept
    for key, value in sent.items():
        if isinstance(value, str | int | float):
            result[key] = value
        elif value is not None or not style.null_deletes:
            below = Sides(live.get(key, ABSENT), before.get(key, ABSENT), value, _owner(sides, key))
            merged = merge(node.child(key), below, style)
            emptied = not merged and not value and bool(live.get(key)) and _is_merged(node.child(key), style)
            result |= {key: merged} if not emptied or style.keeps_emptied else _emptied(node, key)
    return result


def _emptied(node: TypeNode, key: str) -> dict[str, Any]:
    """What structured-merge-diff/typed/remove.go makes of a map or list that it emptied: null; types of Go drop it."""
    return {key: None} if node.custom else {}


def _is_merged(node: TypeNode, style: Style) -> bool:
    """Are values of a type merged, and not replaced, so that things can be taken out of them one by one?"""
    if node.shape is Shape.LIST:
        return style.keys(node) is not None
    return node.shape in (Shape.STRUCT, Shape.MAP, Shape.OPEN) and not style.replaces(node)


def _owner(sides: Sides, key: str) -> Owned | None:
    return sides.others.child(key) if sides.others is not None else None


def _keep_owned(value: Any, owner: Owned) -> Any:
    """What is left of a value that the agent lets go of: what others own."""
    if not owner.fields:
        return copied(value) if owner.self_owned else ABSENT
    if not isinstance(value, dict):
        return copied(value)
    kept = {}
    for key, child in owner.fields.items():
        if key in value:
            item = _keep_owned(value[key], child)
            if item is not ABSENT:
                kept[key] = item
    return kept if kept or owner.self_owned else ABSENT


def _merge_list(node: TypeNode, keys: tuple[str, ...], sides: Sides, style: Style) -> list[Any]:
    live_items = _by_key(node, keys, sides.live)
    old_items = _by_key(node, keys, sides.old if isinstance(sides.old, list) else [])
    new_items = _by_key(node, keys, sides.new)
    if live_items is None or new_items is None or old_items is None:
        return list(copied(sides.new))
    merged = {}
    for key, item in new_items.items():
        below = Sides(live_items.get(key, ABSENT), old_items.get(key, ABSENT), item, _owner(sides, repr(key)))
        merged[key] = merge(node.item, below, style)
    kept = {}
    for key, item in live_items.items():
        if key not in new_items and (key not in old_items or _owner(sides, repr(key)) is not None):
            kept[key] = copied(item)
    return _interleave(list(live_items), list(new_items), kept, merged)


def _interleave(
    live_order: list[Any], new_order: list[Any], kept: Mapping[Any, Any], merged: Mapping[Any, Any]
) -> list[Any]:
    """Items in the order that was sent; those that only the cluster has keep their place among the others.

    Source: structured-merge-diff/typed/merge.go, `visitListItems`.
    """
    present = set(live_order)
    shared = [key for key in new_order if key in present]
    result = []
    left = right = next_shared = 0
    while left < len(live_order) or right < len(new_order):
        if left < len(live_order):
            key = live_order[left]
            wanted = shared[next_shared] if next_shared < len(shared) else ABSENT
            if right < len(new_order) and key == new_order[right]:
                result.append(merged[key])
                left, right, next_shared = left + 1, right + 1, next_shared + 1
                continue
            if key not in merged:
                if key in kept:
                    result.append(kept[key])
                left += 1
                continue
            if wanted is not ABSENT and key != wanted:
                left += 1
                continue
        if right < len(new_order):
            key = new_order[right]
            result.append(merged[key])
            right += 1
            if next_shared < len(shared) and shared[next_shared] == key:
                next_shared += 1
        else:
            left += 1
    return result


def _by_key(node: TypeNode, keys: tuple[str, ...], items: list[Any]) -> dict[Any, Any] | None:
    """Items by what tells them apart, the last of equal ones; None where one has nothing that could."""
    result: dict[Any, Any] = {}
    for item in items:
        key = item_key(node, keys, item)
        try:
            if key is None:
                return None
            result[key] = item
        except TypeError:
            return None
    return result
