"""What comes of one object, of what a server made of it before and after the merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.changes import changed_fields
from gitgate.reconcile.content import copied
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.plan import Action, PlannedObject, hide_values, hide_values_in_messages
from gitgate.reconcile.redact import redact
from gitgate.reconcile.server.applier import Applied
from gitgate.reconcile.server.stored import stored
from gitgate.resource import Resource


def compared(item: PlannedObject, base: Applied | None, head: Applied) -> PlannedObject:
    """One object as the server stores it before and after the merge."""
    assert item.after is not None  # noqa: S101 - it was applied
    if not head.accepted:
        return blocked(item, head)
    after = stored(head.body, head.sent)
    # Controllers may have changed it since.
    before = stored(head.previous or base.body, base.sent) if base is not None else {}
    changes = hide_values(redact(item.after.data), changed_fields(before, after))
    if head.replaced:
        return replace(item, action=Action.REPLACE, changes=changes, failures=told(item, head.failures))
    action = Action.CREATE if base is None else Action.UPDATE if changes else Action.UNCHANGED
    taken = f"takes {some(list(head.taken))}" if head.taken else ""
    reason = "; ".join(filter(None, ("" if action is Action.CREATE else item.reason, taken)))
    return replace(item, action=action, changes=changes, failures=(), reason=reason)


def with_mutations(before: PlannedObject, item: PlannedObject, head: Applied) -> PlannedObject:
    """Name the fields that mutating policies set: those that the offline engine, which runs none, does not expect."""
    expected = [(change.path, change.new) for change in before.changes]
    if item.action is Action.CREATE:
        kind = {key: head.body.get(key) for key in ("apiVersion", "kind")}
        predicted = stored(kind | {str(path[0]): new for path, new in expected}, head.sent)
        # Values of Secrets are hidden in a plan, and digests here.
        fields = [one.path for one in changed_fields(predicted, stored(head.body, head.sent)) if one.path[0] != "data"]
    else:
        fields = [one.path for one in item.changes if (one.path, one.new) not in expected]
    if not fields:
        return item
    said = f"MutatingAdmissionPolicies set {some([format_field_path(path) for path in fields])}"
    return replace(item, reason="; ".join(filter(None, (item.reason, said))))


def blocked(item: PlannedObject, head: Applied) -> PlannedObject:
    """An object that the server refuses as the merge has it."""
    # What it would have changed is the offline answer: the server says nothing of what it refuses.
    changes = item.changes if item.before is not None else ()
    return replace(item, action=Action.BLOCKED, changes=changes, failures=told(item, head.failures), reason="")


def unknown(item: PlannedObject, base: Applied) -> PlannedObject:
    """An object that the server refuses as the base has it."""
    said = "; ".join(str(one) for one in told(item, base.failures))
    reason = f"the API server refuses it as the base has it, so what the cluster has is not known: {said}"
    return replace(item, action=Action.UNKNOWN, changes=(), failures=(), reason=reason)


def predicted(item: PlannedObject, why: str) -> PlannedObject:
    """An object that the server was not asked about."""
    return replace(item, reason="; ".join(filter(None, (item.reason, f"predicted offline: {why}"))))


def with_kept(resource: Resource | None, paths: Iterable[FieldPath], live: Applied | None) -> Mapping[str, Any] | None:
    """What the agent sends where it takes some fields from the cluster; None where it sends what the file says."""
    kept = tuple(paths)
    if not kept or live is None or resource is None:
        return None
    data: dict[str, Any] = copied(dict(resource.data))
    for path in kept:
        here, there = _inside(data, path[:-1]), _inside(live.body, path[:-1])
        if isinstance(here, dict) and isinstance(there, Mapping):
            here.pop(str(path[-1]), None)
            here |= {key: copied(there[key]) for key in path[-1:] if key in there}
    return data


def _inside(data: Any, path: FieldPath) -> Any:
    for step in path:
        known = (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        )
        if not known:
            return None
        data = data[step]
    return data


def told(item: PlannedObject, failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Failures that show no value of a Secret."""
    resource = item.after or item.before
    return hide_values_in_messages(redact(resource.data), failures) if resource is not None else failures


def is_same(item: PlannedObject) -> bool:
    """Does the merge leave the text of an object alone?"""
    return item.before is not None and item.after is not None and item.before.data == item.after.data


_NAMED = 10


def some(names: list[str]) -> str:
    """A few of many names."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
