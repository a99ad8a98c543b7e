"""Fields that the settings ignore: what the repository does not say, as the configuration of Argo CD itself.

Works on a plan, whoever worked it out. What is blocked stays blocked.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import replace

from gitgate.location import FieldPath
from gitgate.reconcile.ignored import IgnoredField, pointer_steps
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.resource import ResourceId
from gitgate.settings import IgnoreSetting


def ignore_fields(plan: Plan, settings: tuple[IgnoreSetting, ...]) -> Plan:
    """The plan with the fields that `reconcile.ignore` names shown as ignored."""
    if not settings:
        return plan
    objects = tuple(
        _ignore(item, tuple(one for one in settings if _concerns(one, item.id))) if item.changes or item.drift else item
        for item in plan.objects
    )
    return replace(plan, objects=objects)


def _concerns(setting: IgnoreSetting, identity: ResourceId) -> bool:
    named = (
        (identity.group, setting.group), (identity.kind, setting.kind), (identity.name, setting.name),
        (identity.namespace, setting.namespace),
    )  # fmt: skip
    return all(fnmatch.fnmatchcase(text, wanted) for text, wanted in named)


def _ignore(item: PlannedObject, settings: tuple[IgnoreSetting, ...]) -> PlannedObject:
    if not settings or item.action not in (Action.UPDATE, Action.UNCHANGED):
        return item
    paths = (change.path for change in (*item.changes, *item.drift))
    found = {path: one for path in paths if (one := _field(path, settings)) is not None}
    if not found:
        return item
    kept = {path for path, one in found.items() if not one.applied}
    changes = tuple(change for change in item.changes if change.path not in kept)
    return replace(
        item,
        action=item.action if changes else Action.UNCHANGED,
        changes=changes,
        drift=tuple(change for change in item.drift if change.path not in kept),
        ignored=tuple(sorted({*item.ignored, *found.values()}, key=str)),
    )


def _field(path: FieldPath, settings: Iterable[IgnoreSetting]) -> IgnoredField | None:
    """Whose ignored field it is; one that keeps the live value goes first."""
    for setting in sorted(settings, key=lambda one: not one.keeps_live):
        for pointer in setting.pointers:
            steps = pointer_steps(pointer)
            if steps is not None and steps == tuple(map(str, path[: len(steps)])):
                return IgnoredField(path, f"the settings ({pointer})", applied=not setting.keeps_live)
    return None
