"""Duplicate keys in lists whose items are told apart by a key, and duplicate items in sets.

Server-side apply refuses them ("duplicate entries for key", structured-merge-diff/typed/validate.go) and strategic
merge patches lose one of the two. JSON Schema cannot say it, so each kind gets a plan: the part of its schema that
leads to such lists. A run looks nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.schema.violation import SchemaViolation

_KEY_DEFAULTS = {"protocol": "TCP"}
"""Keys of built-in lists that have a default: `+default="TCP"` in k8s.io/api/core/v1/types.go."""

_LEADING_ON = frozenset({"$ref", "additionalProperties", "items", "properties"})

Schema = Mapping[str, Any]


class ListPlan:
    """The lists to look at below one point of a schema.

    Attributes:
        fields: Plans below named fields.
        values: Plan below every value of a map.
        item: Plan below every item of a list.
        keys: Fields that tell this list's items apart; `()` for a set, None where items need not differ.
        defaults: What an absent key counts as.
        useful: Is there anything to look at, here or below?
    """

    __slots__ = ("defaults", "fields", "item", "keys", "useful", "values")

    def __init__(self) -> None:
        self.fields: dict[str, ListPlan] = {}
        self.values: ListPlan | None = None
        self.item: ListPlan | None = None
        self.keys: tuple[str, ...] | None = None
        self.defaults: dict[str, Any] = {}
        self.useful = False

    def children(self) -> Iterator[ListPlan]:
        """The plans one step below."""
        yield from self.fields.values()
        if self.values is not None:
            yield self.values
        if self.item is not None:
            yield self.item

    def prune(self) -> None:
        """Forget the children below which there is nothing to look at."""
        self.fields = {name: child for name, child in self.fields.items() if child.useful}
        self.values = self.values if self.values is not None and self.values.useful else None
        self.item = self.item if self.item is not None and self.item.useful else None


class ListPlans:
    """The plans of kinds that share types: the part of a plan that is below a type is made once.

    Args:
        resolve: Finds what a `$ref` names; types may refer to themselves.
    """

    def __init__(self, resolve: Callable[[str], Schema]) -> None:
        self._resolve = resolve
        self._by_reference: dict[str, ListPlan] = {}

    def of(self, schema: Schema) -> ListPlan | None:
        """The plan of a kind; None when no list of it needs a look."""
        plans: list[ListPlan] = []
        pending: list[tuple[ListPlan, Schema]] = []

        def plan_of(part: Any) -> ListPlan | None:
            if not isinstance(part, dict) or not part.keys() & _LEADING_ON:
                return None
            reference = part.get("$ref")
            if isinstance(reference, str) and reference in self._by_reference:
                return self._by_reference[reference]
            plan = ListPlan()
            plans.append(plan)
            if isinstance(reference, str):
                self._by_reference[reference] = plan
                part = self._resolve(reference)
            pending.append((plan, part))
            return plan

        root = plan_of(schema)
        while pending:
            plan, part = pending.pop()
            below = {name: plan_of(child) for name, child in part.get("properties", {}).items()}
            plan.fields = {name: child for name, child in below.items() if child is not None}
            plan.values = plan_of(part.get("additionalProperties"))
            if isinstance(part.get("items"), dict):
                plan.item = plan_of(part["items"])
                plan.keys = _item_keys(part)
                plan.defaults = _key_defaults(plan.keys or (), part["items"], self._resolve)
        _mark_useful(plans)
        for plan in plans:
            plan.prune()
        return root if root is not None and root.useful else None


def _mark_useful(plans: list[ListPlan]) -> None:
    """Mark the plans at or below which a list is to be looked at; types may be recursive, so to a fixpoint."""
    for plan in plans:
        plan.useful = plan.keys is not None
    waiting = [plan for plan in plans if not plan.useful]
    grown = True
    while grown:
        left = []
        for plan in waiting:
            plan.useful = any(child.useful for child in plan.children())
            if not plan.useful:
                left.append(plan)
        grown = len(left) < len(waiting)
        waiting = left


def _item_keys(part: Schema) -> tuple[str, ...] | None:
    """What tells a list's items apart.

    Lists from before list types were declared carry only a patch strategy, which counts in the same way:
    k8s.io/kube-openapi/pkg/schemaconv/smd.go, `getListElementRelationship`.
    """
    declared = part.get("x-kubernetes-list-type")
    if declared == "map":
        return tuple(part.get("x-kubernetes-list-map-keys", ())) or None
    if declared == "set":
        return ()
    if declared is None and "merge" in str(part.get("x-kubernetes-patch-strategy", "")).split(","):
        key = part.get("x-kubernetes-patch-merge-key")
        return (key,) if isinstance(key, str) else ()
    return None


def _key_defaults(keys: tuple[str, ...], item: Schema, resolve: Callable[[str], Schema]) -> dict[str, Any]:
    if not keys:
        return {}
    target = resolve(item["$ref"]) if isinstance(item.get("$ref"), str) else item
    defaults = {}
    for key in keys:
        declared = target.get("properties", {}).get(key, {})
        if "default" in declared:
            defaults[key] = declared["default"]
        elif isinstance(item.get("$ref"), str) and key in _KEY_DEFAULTS:
            defaults[key] = _KEY_DEFAULTS[key]
    return defaults


def may_have_duplicates(plan: ListPlan, value: Any) -> bool:
    """A quick look without paths. True also where `find_duplicates` then finds nothing (`1` and `true` in a set)."""
    if type(value) is dict:
        fields = plan.fields
        for name, child in value.items():
            if child:
                below = fields.get(name) or plan.values
                if below is not None and may_have_duplicates(below, child):
                    return True
        return False
    if type(value) is not list:
        return False
    if plan.keys is not None and len(value) > 1 and _repeats(plan, value):
        return True
    item = plan.item
    return item is not None and any(may_have_duplicates(item, child) for child in value)


def _repeats(plan: ListPlan, items: list[Any]) -> bool:
    keys, defaults = plan.keys or (), plan.defaults
    try:
        if not keys:
            names = items
        elif len(keys) == 1:
            (key,) = keys
            names = [_key_value(item, key, defaults) for item in items]
        else:
            names = [tuple([_key_value(item, key, defaults) for key in keys]) for item in items]
        return len(set(names)) != len(items)
    except (TypeError, AttributeError):
        # Items of a type that the schema does not allow, or a set of objects: the slower look decides.
        return True


def _key_value(item: Any, key: str, defaults: dict[str, Any]) -> Any:
    """What a key counts as; null is absent, and absent is the default."""
    value = item.get(key)
    return defaults.get(key) if value is None else value


def find_duplicates(plan: ListPlan, value: Any, path: FieldPath = ()) -> Iterator[SchemaViolation]:
    """Every list item that repeats the key of an earlier one."""
    if isinstance(value, dict):
        for name, child in value.items():
            below = plan.fields.get(name) or plan.values
            if below is not None:
                yield from find_duplicates(below, child, (*path, name))
    elif isinstance(value, list):
        if plan.keys is not None:
            yield from _duplicates_in(plan, value, path)
        if plan.item is not None:
            for index, child in enumerate(value):
                yield from find_duplicates(plan.item, child, (*path, index))


def _duplicates_in(plan: ListPlan, items: list[Any], path: FieldPath) -> Iterator[SchemaViolation]:
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        key = _key_of(plan, item)
        if key is None:
            continue
        first = seen.setdefault(json.dumps(key, sort_keys=True, default=str), index)
        if first != index:
            yield _duplicate(plan, key, path, first, index)


def _key_of(plan: ListPlan, item: Any) -> Any:
    """What tells an item apart; None where it has nothing that could, which is another violation's matter."""
    if not plan.keys:
        return [item]
    if not isinstance(item, dict):
        return None
    key = {name: _key_value(item, name, plan.defaults) for name in plan.keys}
    present = any(item.get(name) is not None for name in plan.keys)
    return key if present else None


def _duplicate(plan: ListPlan, key: Any, path: FieldPath, first: int, index: int) -> SchemaViolation:
    place = format_field_path(path)
    if not plan.keys:
        return SchemaViolation(
            "duplicate-list-key",
            (*path, index),
            f"{place} is a set, and item {index} repeats item {first}",
            f"Delete {place}[{index}].",
        )
    named = ", ".join(f"{name} {_short(value)}" for name, value in key.items() if value is not None)
    return SchemaViolation(
        "duplicate-list-key",
        (*path, index),
        f"{place} has two items with {named}: item {first} and item {index}",
        "Rename or delete one of the two.",
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
