"""What follows from a plan beyond the objects themselves: restarts, lost data, broken references, fights.

Each `Consequence` says what happens and why. Only what the change brings about is told: a reference that dangled before
is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import find_owners, owner_of
from gitgate.reconcile.changes import ABSENT
from gitgate.reconcile.kinds import Kinds, custom_schemas
from gitgate.reconcile.labels import selects
from gitgate.reconcile.outcome import predict_create
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.references import (
    References,
    inventory,
    pod_template,
    references_of,
)
from gitgate.resource import Resource, ResourceId


@dataclass(frozen=True, slots=True)
class Consequence:
    """Something that follows.

    Attributes:
        code: What kind, kebab-case; the rules of the reconcile check are named after it.
        resource: The object that it happens to.
        message: One sentence.
        field: The field that brings it about, if one does.
    """

    code: str
    resource: ResourceId
    message: str
    field: FieldPath = ()


def follow(plan: Plan, before: Snapshot, after: Snapshot) -> tuple[Consequence, ...]:
    """Everything that follows from a plan, sorted by object."""
    if not plan.changed and not plan.duplicates and not any(map(_moved, plan.objects)):
        return ()
    scene = _Scene(plan, before, after)
    found = [consequence for look in _LOOKS for consequence in look(scene)]
    return tuple(sorted(set(found), key=lambda item: (item.resource, item.code, item.message)))


def _moved(item: PlannedObject) -> bool:
    if item.before is None or item.after is None:
        return False
    old, new = item.before.origin, item.after.origin
    return old.path != new.path or old.rendered_by != new.rendered_by


class _Scene:
    """Both snapshots, indexed once."""

    def __init__(self, plan: Plan, before: Snapshot, after: Snapshot) -> None:
        self.plan = plan
        self.before: References = inventory(before.resources)
        self.after: References = inventory(after.resources)
        self.resources_before = before.resources
        self.resources_after = after.resources
        self.gone = {item.id.identity for item in plan.objects if item.action in (Action.PRUNE, Action.REPLACE)}
        self.changed = tuple(item for item in plan.objects if item.action is not Action.UNCHANGED)


_RESTARTED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_STATEFUL = frozenset({"PersistentVolumeClaim", "PersistentVolume", "StatefulSet"})


def _spec(resource: Resource | None) -> Mapping[str, Any]:
    spec = resource.data.get("spec") if resource is not None else None
    return spec if isinstance(spec, Mapping) else {}


def _rollouts(scene: _Scene) -> Iterator[Consequence]:
    """Workloads whose pod template changes restart."""
    for item in scene.changed:
        if item.action is not Action.UPDATE or item.id.kind not in _RESTARTED:
            continue
        causes = [change.path for change in item.changes if change.path[:2] == ("spec", "template")]
        if not causes:
            continue
        spec = _spec(item.after)
        strategy = spec.get("updateStrategy") or spec.get("strategy") or {}
        kind = strategy.get("type") if isinstance(strategy, Mapping) else None
        if spec.get("paused") is True or kind == "OnDelete":
            continue
        named = ", ".join(format_field_path(path[2:]) for path in causes[:3]) + (" …" if len(causes) > 3 else "")
        yield Consequence("rollout", item.id, f"its Pods are replaced, because of {named}", causes[0])
        if kind == "Recreate":
            yield Consequence("downtime", item.id, "strategy Recreate stops all Pods before new ones start", causes[0])


def _scaled_to_zero(scene: _Scene) -> Iterator[Consequence]:
    for item in scene.changed:
        for change in item.changes if item.action is Action.UPDATE else ():
            if change.path == ("spec", "replicas") and change.new == 0:
                yield Consequence("scaled-to-zero", item.id, f"it goes from {change.old} replicas to none", change.path)


def _stale_configuration(scene: _Scene) -> Iterator[Consequence]:
    """A ConfigMap or Secret changes in place: nothing restarts what reads it as environment."""
    edited = {
        (item.id.kind, item.id.namespace, item.id.name)
        for item in scene.changed
        if item.action is Action.UPDATE and item.id.kind in ("ConfigMap", "Secret")
    }
    rolled = {item.id.identity for item in scene.changed}
    for resource in scene.resources_after if edited else ():
        if pod_template(resource.data) is None or resource.id.identity in rolled:
            continue
        for reference in references_of(resource):
            if (reference.kind, resource.id.namespace, reference.name) in edited:
                message = (
                    f"{reference.kind} {reference.name} changes in place, and nothing restarts the Pods that use it"
                )
                yield Consequence("stale-configuration", resource.id, message, reference.path)


def _data_at_risk(scene: _Scene) -> Iterator[Consequence]:
    for item in scene.changed:
        if item.action not in (Action.PRUNE, Action.REPLACE) or item.id.kind not in _STATEFUL:
            continue
        verb = "deleted" if item.action is Action.PRUNE else "deleted and created anew"
        what = {
            "PersistentVolumeClaim": "and, where the storage class reclaims by deletion, its data with it",
            "PersistentVolume": "and what reads its data loses it",
            "StatefulSet": "and its Pods with it; its claims stay unless their retention policy says Delete",
        }[item.id.kind]
        yield Consequence("stateful-prune", item.id, f"it is {verb}, {what}")


def _implied_deletions(scene: _Scene) -> Iterator[Consequence]:
    """What goes with a Namespace or a CustomResourceDefinition."""
    for item in scene.changed:
        if item.action not in (Action.PRUNE, Action.REPLACE) or item.before is None:
            continue
        if item.id.kind == "Namespace":
            inside = [one for one in scene.resources_before if one.id.namespace == item.id.name]
            kept = sum(one.id.identity in scene.after.identities for one in inside)
            message = f"everything in the namespace is deleted with it: {len(inside)} objects of this repository"
            if kept:
                message += f", {kept} of which the repository keeps"
            yield Consequence("implied-deletion", item.id, message)
        elif item.id.kind == "CustomResourceDefinition":
            kinds = custom_schemas(item.before.data)
            group, kind = _defined(item.before)
            inside = [one for one in scene.resources_before if (one.id.group, one.id.kind) == (group, kind)]
            message = f"every {kind} in the cluster is deleted with it; {len(inside)} are in this repository"
            yield Consequence("implied-deletion", item.id, message if kinds or kind else "its objects go with it")


def _defined(definition: Resource) -> tuple[str, str]:
    spec = _spec(definition)
    names = spec.get("names")
    return str(spec.get("group")), str(names.get("kind")) if isinstance(names, Mapping) else ""


def _scaling_fights(scene: _Scene) -> Iterator[Consequence]:
    """An autoscaler and git both set the replicas of one workload."""
    for target, scaler in scene.after.scaled.items():
        resource = scene.after.workloads.get(target)
        if resource is None:
            continue
        replicas = _spec(resource).get("replicas")
        before = scene.before.workloads.get(target)
        fixed_before = before is not None and _spec(before).get("replicas") is not None
        if replicas is not None and not (fixed_before and target in scene.before.scaled):
            message = f"git fixes replicas at {replicas}, and {scaler} scales it: every sync undoes the scaling"
            yield Consequence("scaling-fight", resource.id, message, ("spec", "replicas"))
        elif replicas is None and fixed_before:
            message = f"replicas go from git while {scaler} scales it: they may fall to 1 until it scales again"
            yield Consequence("replicas-reset", resource.id, message, ("spec", "replicas"))


def _dangling(scene: _Scene) -> Iterator[Consequence]:
    """A reference to something that the change takes away, or that was never there."""
    # Where nothing goes, only what changes can come to miss something.
    edited = {item.id.identity for item in scene.changed}
    something_goes = not scene.before.names <= scene.after.names
    for resource in scene.resources_after:
        if not something_goes and resource.id.identity not in edited:
            continue
        known_before = scene.before.by_identity.get(resource.id.identity)
        old = {(one.kind, one.name) for one in references_of(known_before)} if known_before is not None else set()
        for reference in references_of(resource):
            place = (reference.kind, "" if reference.cluster_scoped else resource.id.namespace, reference.name)
            if place in scene.after.names:
                continue
            if place in scene.before.names:
                message = f"{reference.kind} {reference.name}, which it needs, goes with this change"
                yield Consequence("dangling-reference", resource.id, message, reference.path)
            elif (reference.kind, reference.name) not in old and not reference.optional:
                message = f"it needs {reference.kind} {reference.name}, which is not in this repository"
                yield Consequence("unresolved-reference", resource.id, message, reference.path)


def _services(scene: _Scene) -> Iterator[Consequence]:
    """A Service whose selector matched Pods and matches none afterwards."""
    for resource in scene.resources_after:
        if resource.id.kind != "Service" or resource.id.group:
            continue
        selector = _spec(resource).get("selector")
        if not isinstance(selector, Mapping) or not selector:
            continue
        was = scene.before.by_identity.get(resource.id.identity)
        old = _spec(was).get("selector") if was is not None else None
        matched = isinstance(old, Mapping) and bool(old) and scene.before.selected(resource.id.namespace, old)
        if not scene.after.selected(resource.id.namespace, selector) and (matched or was is None):
            message = "no workload of the repository has Pods that its selector matches"
            yield Consequence("empty-service", resource.id, message, ("spec", "selector"))


def _budgets(scene: _Scene) -> Iterator[Consequence]:
    """A PodDisruptionBudget that allows no disruption at all."""
    for item in scene.changed:
        if item.id.kind != "PodDisruptionBudget" or item.after is None:
            continue
        spec = _spec(item.after)
        for target in scene.after.workloads.values():
            if target.id.namespace != item.id.namespace or not _selected_by(spec.get("selector"), target):
                continue
            replicas, least = _spec(target).get("replicas", 1), spec.get("minAvailable")
            if spec.get("maxUnavailable") in (0, "0%") or least == "100%" or (
                isinstance(least, int) and isinstance(replicas, int) and least >= replicas
            ):  # fmt: skip
                message = f"it lets no Pod of {target.id} be evicted: draining a node blocks"
                yield Consequence("blocking-budget", item.id, message, ("spec",))


def _selected_by(selector: Any, workload: Resource) -> bool:
    template = pod_template(workload.data)
    metadata = template.get("metadata") if isinstance(template, Mapping) else None
    return isinstance(metadata, Mapping) and selects(selector, metadata.get("labels"))


def _moves(scene: _Scene) -> Iterator[Consequence]:
    """Objects that change hands between the owners that the repository has."""
    owners_before, owners_after = find_owners(scene.resources_before), find_owners(scene.resources_after)
    if not owners_before and not owners_after:
        return
    for resource in scene.resources_after:
        was = scene.before.by_identity.get(resource.id.identity)
        if was is None:
            continue
        old, new = owner_of(was, owners_before), owner_of(resource, owners_after)
        if old is not None and new is not None and old.name != new.name:
            message = (
                f"it moves from {old.name} to {new.name}: if the first prunes before the second applies, it is deleted"
            )
            yield Consequence("ownership-move", resource.id, message)


def _duplicates(scene: _Scene) -> Iterator[Consequence]:
    for identity, resources in scene.plan.duplicates.items():
        if all(one.data == resources[0].data for one in resources):
            continue
        places = ", ".join(sorted({one.origin.rendered_by or one.origin.path for one in resources}))
        yield Consequence("rendered-twice", identity, f"it is rendered more than once, and not alike: {places}")


def _invalidated(scene: _Scene) -> Iterator[Consequence]:
    """Custom resources of the repository that an edited definition refuses."""
    edited = [item for item in scene.changed if item.id.kind == "CustomResourceDefinition" and item.after is not None]
    for item in edited:
        if item.before is None or item.after is None:
            continue
        old, new = Kinds(scene.plan.version, (item.before,)), Kinds(scene.plan.version, (item.after,))
        for resource in scene.resources_after:
            was, shall = old.find(resource), new.find(resource)
            if was is None or not was.custom:
                continue
            if shall is None:
                message = f"{item.id.name} no longer serves {resource.id.api_version}"
                yield Consequence("invalidated-resource", resource.id, message, ("apiVersion",))
            elif not predict_create(was, resource.data).failures:
                for failure in predict_create(shall, resource.data).failures:
                    message = f"the new {item.id.name} refuses it: {failure}"
                    yield Consequence("invalidated-resource", resource.id, message, failure.field)


_LOOKS: tuple[Callable[[_Scene], Iterable[Consequence]], ...] = (
    _budgets, _dangling, _data_at_risk, _duplicates, _implied_deletions, _invalidated, _moves, _rollouts,
    _scaled_to_zero, _scaling_fights, _services, _stale_configuration,
)  # fmt: skip


def field_of(item: PlannedObject) -> FieldPath:
    """Where a planned object is best looked at: its first failure, or its first change."""
    if item.failures:
        return item.failures[0].field
    return next((change.path for change in item.changes if change.new is not ABSENT), ())
