"""A plan as text for people: one line for each object, what changes beneath, counts at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitgate.location import format_field_path
from gitgate.reconcile.changes import ABSENT, FieldChange
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.resource import ResourceId

SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.PRUNE: "-",
    Action.ORPHAN: "o",
    Action.UNCHANGED: "=",
    Action.BLOCKED: "!",
    Action.UNKNOWN: "?",
}
_COLORS: Mapping[Action, str] = {
    Action.CREATE: "32", Action.UPDATE: "33", Action.REPLACE: "35", Action.PRUNE: "31", Action.BLOCKED: "1;31",
    Action.UNKNOWN: "36", Action.ORPHAN: "36",
}  # fmt: skip
_WORDS: Mapping[Action, str] = {
    Action.CREATE: "to create", Action.UPDATE: "to update", Action.REPLACE: "to replace", Action.PRUNE: "to prune",
    Action.ORPHAN: "to orphan", Action.BLOCKED: "blocked", Action.UNKNOWN: "unknown", Action.UNCHANGED: "unchanged",
}  # fmt: skip
_REMARKS: Mapping[Action, str] = {
    Action.ORPHAN: "stays in the cluster",
    Action.REPLACE: "is deleted and created anew",
    Action.BLOCKED: "cannot be applied",
    Action.UNKNOWN: "differs, effect unknown",
}
_FIELD_LIMIT = 12
_VALUE_LIMIT = 60


def render_text(plan: Plan, consequences: Iterable[Consequence], *, color: bool = False, verbose: bool = False) -> str:
    """The plan as text.

    Args:
        plan: What is planned.
        consequences: What follows from it.
        color: Use colours of a terminal.
        verbose: List every field and every unchanged object.
    """
    lines = list(_lines(plan, tuple(consequences), color=color, verbose=verbose))
    return "\n".join(lines) + "\n"


def _lines(plan: Plan, consequences: tuple[Consequence, ...], *, color: bool, verbose: bool) -> Iterator[str]:
    by_object: dict[ResourceId, list[Consequence]] = {}
    for consequence in consequences:
        by_object.setdefault(consequence.resource, []).append(consequence)
    shown = {item.id for item in plan.objects if verbose or item.ignored or item.action is not Action.UNCHANGED}
    for item in plan.objects:
        if item.id not in shown and item.id not in by_object:
            continue
        yield _paint(f"{SIGNS[item.action]} {printable(str(item.id))}", item.action, color=color) + _remark(item)
        for failure in item.failures:
            yield f"      the API server says: {printable(str(failure))}"
        if item.action in (Action.UPDATE, Action.REPLACE, Action.UNKNOWN):
            yield from _fields(item.changes, verbose=verbose)
        for change in item.drift:
            path = printable(format_field_path(change.path))
            old, new = (value_text(one) if one is not ABSENT else "nothing" for one in (change.old, change.new))
            yield f"      ↺ {path}: live {old}, which the agent puts back to {new}"
        yield from (f"      ◌ {printable(str(field))}" for field in item.ignored)
        for consequence in by_object.pop(item.id, ()):
            yield f"      → {printable(consequence.message)}"
    for identity, rest in by_object.items():
        yield f"  {printable(str(identity))}"
        yield from (f"      → {printable(consequence.message)}" for consequence in rest)
    if plan.changed or consequences or any(item.ignored for item in plan.objects):
        yield ""
        yield f"For Kubernetes {plan.version}, assuming that"
        yield from (f"  · {printable(assumption)}" for assumption in plan.assumptions)
        yield ""
    yield f"Plan: {summary(plan)}."


def _remark(item: PlannedObject) -> str:
    words = []
    if item.action in _REMARKS:
        words.append(_REMARKS[item.action])
    if item.reason:
        words.append(printable(item.reason))
    return f"  ({'; '.join(words)})" if words else ""


def _fields(changes: tuple[FieldChange, ...], *, verbose: bool) -> Iterator[str]:
    limit = len(changes) if verbose else _FIELD_LIMIT
    for change in changes[:limit]:
        path = printable(format_field_path(change.path))
        if change.old is ABSENT:
            yield f"      + {path}: {value_text(change.new)}"
        elif change.new is ABSENT:
            yield f"      - {path}: {value_text(change.old)}"
        else:
            yield f"      ~ {path}: {value_text(change.old)} → {value_text(change.new)}"
    if len(changes) > limit:
        yield f"      … and {len(changes) - limit} more fields"


def value_text(value: Any, limit: int = _VALUE_LIMIT) -> str:
    """A value in one short line of JSON."""
    text = printable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """Untrusted text without control, direction and surrogate characters."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def summary(plan: Plan) -> str:
    """`1 to create, 2 to update, 40 unchanged`."""
    counts = plan.counts
    named = [f"{counts[action]} {_WORDS[action]}" for action in _WORDS if counts[action]]
    return ", ".join(named) or "nothing to do"


def _paint(text: str, action: Action, *, color: bool) -> str:
    code = _COLORS.get(action)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
