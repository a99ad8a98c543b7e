"""Consequences for what runs: restarts, stops, and configuration that nobody reads anew."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from gitgate.location import format_field_path
from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.places import place_of
from gitgate.reconcile.plan import Action, PlannedObject
from gitgate.reconcile.references import (
    get,
    pod_template,
    references_of,
    scale_target,
    spec_of,
)
from gitgate.reconcile.scene import Scene, Side
from gitgate.resource import Resource

_RESTARTED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_ROLLOUT = ("argoproj.io", "Rollout")
_BUDGETED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
_NAMED = 3


def rollouts(scene: Scene) -> Iterator[Consequence]:
    """Workloads whose pod template changes restart; told, too, where that leaves nothing that answers."""
    for item in scene.changed:
        if item.action is not Action.UPDATE or item.after is None or item.before is None or not _restarts(item):
            continue
        causes = [change.path for change in item.changes if change.path[:2] == ("spec", "template")]
        spec = spec_of(item.after)
        strategy = spec.get("updateStrategy") or spec.get("strategy") or {}
        kind = get(strategy, "type")
        if not causes or spec.get("paused") is True or kind == "OnDelete":
            continue
        if 0 in (spec.get("replicas"), spec_of(item.before).get("replicas")):
            continue  # there are no Pods before, or none afterwards
        more = " …" if len(causes) > _NAMED else ""
        named = ", ".join(format_field_path(path[2:]) for path in causes[:_NAMED]) + more
        message = f"its Pods are replaced, because of {named}{_only_some(item, spec)}"
        yield happens_to(item.after, "rollout", message, causes[0])
        reason = _downtime(item.after, spec, strategy)
        if reason:
            yield happens_to(item.after, "downtime", reason, causes[0])


def _restarts(item: PlannedObject) -> bool:
    return item.id.kind in _RESTARTED or (item.id.group, item.id.kind) == _ROLLOUT


def _only_some(item: PlannedObject, spec: Mapping[str, Any]) -> str:
    partition = get(spec, "updateStrategy", "rollingUpdate", "partition")
    if item.id.kind == "StatefulSet" and isinstance(partition, int) and partition > 0:
        return f" (only those from ordinal {partition} on)"
    return ""


def _downtime(workload: Resource, spec: Mapping[str, Any], strategy: Any) -> str:
    """Why nothing answers for a while; empty where something does."""
    if workload.id.kind == _ROLLOUT[1]:
        return ""
    if get(strategy, "type") == "Recreate":
        return "strategy Recreate stops all Pods before new ones start"
    if spec.get("replicas", 1) != 1 or workload.id.kind == "DaemonSet":
        return ""
    if workload.id.kind == "StatefulSet":
        return "it has a single replica, which stops before the new one starts"
    if get(strategy, "rollingUpdate", "maxSurge") in (0, "0", "0%"):
        return "it has a single replica and maxSurge is 0: the Pod stops before the new one starts"
    return ""


def stopped(scene: Scene) -> Iterator[Consequence]:
    """Workloads that are scaled to nothing, or deleted and created anew."""
    for item in scene.changed:
        if item.after is None:
            continue
        if item.action is Action.REPLACE and item.id.kind in _RESTARTED:
            yield happens_to(item.after, "downtime", "its Pods are gone until the new ones start")
        for change in item.changes if item.action is Action.UPDATE else ():
            if change.path == ("spec", "replicas") and change.new == 0:
                message = f"it goes from {change.old} replicas to none"
                yield happens_to(item.after, "scaled-to-zero", message, change.path)


def stale_configuration(scene: Scene) -> Iterator[Consequence]:
    """A ConfigMap or Secret changes in place: nothing restarts what reads it."""
    edited = {
        place_of(item.after)
        for item in scene.changed
        if item.action is Action.UPDATE and item.id.kind in ("ConfigMap", "Secret") and item.after is not None
    }
    for resource in scene.after.resources if edited else ():
        item = scene.item(resource)
        if pod_template(resource.data) is None or (item is not None and item.action is not Action.UNCHANGED):
            continue
        for reference in references_of(resource):
            near = scene.after.nearest(reference.place, resource) if reference.place in edited else None
            holder = scene.item(near) if near is not None else None
            if holder is None or holder.action is not Action.UPDATE:
                continue
            name = f"{reference.kind} {reference.name}"
            message = f"{name} changes in place, and nothing restarts the Pods that use it"
            yield happens_to(resource, "stale-configuration", message, reference.path, other=name)


def blocking_budgets(side: Side) -> Iterator[Consequence]:
    """PodDisruptionBudgets that allow no disruption of a workload at all.

    Source: k8s.io/kubernetes/pkg/controller/disruption/disruption.go, `getExpectedPodCount`: percentages round up.
    """
    budgets = tuple(side.of_kind("policy", "PodDisruptionBudget"))
    floors = _floors(side) if budgets else {}
    for budget in budgets:
        spec = spec_of(budget)
        selector = spec.get("selector")
        found = side.selected(selector, budget) if isinstance(selector, Mapping) else ()
        matched = [workload for workload in found if workload.id.kind in _BUDGETED]
        counts = [floors.get(place_of(one), spec_of(one).get("replicas", 1)) for one in matched]
        if matched and all(map(_is_count, counts)) and _blocks(spec, sum(counts)):
            names = ", ".join(sorted(str(one.id) for one in matched))
            message = f"it lets no Pod of {names} be evicted: draining a node blocks"
            yield happens_to(budget, "blocking-budget", message, ("spec",), other=names)


def _floors(side: Side) -> dict[tuple[str, str, str], Any]:
    """The least replicas that autoscalers leave."""
    found: dict[tuple[str, str, str], Any] = {}
    for resource in side.of_kind("autoscaling", "HorizontalPodAutoscaler"):
        target = scale_target(resource)
        if target is not None:
            found[target] = spec_of(resource).get("minReplicas", 1)
    return found


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _blocks(spec: Mapping[str, Any], replicas: int) -> bool:
    if replicas < 1:
        return False
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
    if most is not None:
        return most == 0 or _percent(most) == 0
    share = _percent(least)
    wanted = math.ceil(replicas * share / 100) if share is not None else least
    return _is_count(wanted) and wanted >= replicas


def _percent(value: Any) -> int | None:
    text = value[:-1] if isinstance(value, str) and value.endswith("%") else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
