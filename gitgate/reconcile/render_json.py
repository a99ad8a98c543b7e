"""A plan as JSON: `schemas/plan-v1.json` describes it; a field is added, never changed in meaning."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gitgate.location import format_field_path
from gitgate.reconcile.changes import ABSENT, FieldChange
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.resource import ResourceId

SCHEMA_VERSION = 1


def render_json(plan: Plan, consequences: Iterable[Consequence]) -> str:
    """The plan as JSON, one object a change; unchanged objects are counted only, unless fields are ignored."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "kubernetesVersion": plan.version,
        "backend": plan.backend,
        "counts": {action.value: count for action, count in plan.counts.items()},
        "objects": [_planned(item) for item in plan.objects if item.action is not Action.UNCHANGED or item.ignored],
        "drift": [
            {**_id(item.id), "fields": [_change(change) for change in item.drift]}
            for item in plan.objects
            if item.drift
        ],
        "consequences": [_consequence(item) for item in consequences],
        "assumptions": [*plan.assumptions, *plan.unplanned],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, default=str) + "\n"


def _planned(item: PlannedObject) -> dict[str, Any]:
    origin = item.after or item.before
    changes = item.changes if item.action is not Action.CREATE else ()
    return {
        **_id(item.id),
        "action": item.action.value,
        "apply": item.method.value,
        "owner": item.owner or None,
        "cluster": (origin.origin.cluster if origin is not None else "") or None,
        "path": origin.origin.path if origin is not None else None,
        "reason": item.reason or None,
        "definition": item.definition or None,
        "drift": [_change(change) for change in item.drift],
        "ignored": [
            {"field": format_field_path(one.path), "rule": one.rule, "applied": one.applied} for one in item.ignored
        ],
        "changes": [_change(change) for change in changes],
        "failures": [
            {
                "code": failure.code,
                "field": failure.place or format_field_path(failure.field),
                "message": failure.message,
                "certainty": failure.certainty.value,
            }
            for failure in item.failures
        ],
    }


def _id(identity: ResourceId) -> dict[str, Any]:
    return {
        "apiVersion": identity.api_version,
        "kind": identity.kind,
        "namespace": identity.namespace or None,
        "name": identity.name,
    }


def _change(change: FieldChange) -> dict[str, Any]:
    told: dict[str, Any] = {"field": format_field_path(change.path)}
    if change.old is not ABSENT:
        told["old"] = change.old
    if change.new is not ABSENT:
        told["new"] = change.new
    if change.manager:
        told["manager"] = change.manager
    return told


def _consequence(item: Consequence) -> dict[str, Any]:
    return {
        **_id(item.resource),
        "code": item.code,
        "message": item.message,
        "field": format_field_path(item.field) or None,
        "other": item.other or None,
        "place": item.place,
    }
