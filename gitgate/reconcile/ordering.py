"""Consequences of order: what is applied before what it needs, and what waits for itself.

An object that is in the cluster already is in nobody's way, so only what the change creates can come too late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gitgate.reconcile.agents import SYNC_OPTIONS, Owner, depends_on, sync_wave
from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.places import Place, place_of, told
from gitgate.reconcile.plan import Action
from gitgate.reconcile.references import annotations_of, get, mappings, references_of
from gitgate.reconcile.rings import rings
from gitgate.reconcile.scene import Scene, Side
from gitgate.resource import Resource

_NAMESPACES = frozenset({"", "default", "kube-system", "kube-public", "kube-node-lease"})
_WAITED_FOR = frozenset({"ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"})
"""What Pods do not start without."""
_PHASES: Mapping[str, tuple[int, str]] = {
    "PreSync": (0, "the PreSync hooks"), "Sync": (1, "the sync"), "PostSync": (2, "the PostSync hooks"),
    "SyncFail": (3, "the SyncFail hooks"),
    "pre-install": (0, "the PreSync hooks"), "pre-upgrade": (0, "the PreSync hooks"),
    "post-install": (2, "the PostSync hooks"), "post-upgrade": (2, "the PostSync hooks"),
}  # fmt: skip
_HOOKS = ("argocd.argoproj.io/hook", "helm.sh/hook")


def too_early(scene: Scene) -> Iterator[Consequence]:
    """Objects whose agent applies them before something new that they need."""
    new = {id(item.after): item.after for item in scene.changed if item.action is Action.CREATE and item.after}
    places = {place_of(resource) for resource in new.values()}
    kinds = {key for key, definition in scene.after.definitions.items() if id(definition) in new}
    if not places:
        return
    for resource in scene.after.resources:
        owner = scene.after.owner_of(resource)
        if owner is None:
            continue
        for needed in _new_needs(scene.after, resource, places, kinds):
            other = scene.after.owner_of(needed)
            reason = _reason(resource, owner, needed, other, scene.after) if other is not None else ""
            if reason:
                message = f"it needs {needed.id}, which is new, and {reason}"
                yield happens_to(resource, "applied-too-early", message, other=str(needed.id))


def _new_needs(side: Side, resource: Resource, places: set[Place], kinds: set[tuple[str, str]]) -> Iterator[Resource]:
    key = (resource.id.group, resource.id.kind)
    if key in kinds:
        yield side.definitions[key]
    wanted = [("Namespace", "", resource.id.namespace)]
    wanted += [one.place for one in references_of(resource) if one.kind in _WAITED_FOR and not one.optional]
    for place in dict.fromkeys(wanted):
        found = side.nearest(place, resource) if place in places else None
        if found is not None and found is not resource:
            yield found


def _reason(resource: Resource, owner: Owner, needed: Resource, other: Owner, side: Side) -> str:
    """Why it comes too late, or may; empty where it does not."""
    demanded = needed.id.kind in ("Namespace", "CustomResourceDefinition")
    if owner.name == other.name:
        # Flux applies in stages, and Argo CD moves namespaces and definitions ahead: gitops-engine, `adjustDeps`.
        return "" if owner.flux or demanded else _later(resource, needed)
    if owner.flux and other.flux:
        return _between_kustomizations(owner, other, side, demanded=demanded)
    if owner.flux or other.flux or not demanded or other.wave < owner.wave:
        return ""
    if needed.id.kind == "Namespace":
        return "" if owner.makes_namespace else f"{other.name} applies it, for which {owner.name} does not wait"
    skips = owner.skips_missing_kinds or "SkipDryRunOnMissingResource=true" in _options(resource)
    return "" if skips else f"{other.name} applies it, for which {owner.name} does not wait: its sync fails before"


def _options(resource: Resource) -> list[str]:
    return [part.strip() for part in str(annotations_of(resource).get(SYNC_OPTIONS, "")).split(",")]


def _later(resource: Resource, needed: Resource) -> str:
    """Waves of one Application: the next one begins when the last one is healthy."""
    mine, its = _turn(resource), _turn(needed)
    if its[:2] <= mine[:2]:
        return ""
    if its[0] > mine[0]:
        return f"is applied in {its[2]}, after {mine[2]}, which wait for it and never end"
    return f"is applied in wave {its[1]}, after wave {mine[1]}, which waits for it and never ends"


def _turn(resource: Resource) -> tuple[int, int, str]:
    annotations = annotations_of(resource)
    named = [part.strip() for key in _HOOKS for part in str(annotations.get(key, "")).split(",")]
    phase = next((_PHASES[name] for name in named if name in _PHASES), _PHASES["Sync"])
    return phase[0], sync_wave(resource), phase[1]


def _between_kustomizations(owner: Owner, other: Owner, side: Side, *, demanded: bool) -> str:
    if other.name in side.waits_for(owner.name):
        return ""
    if owner.name in side.waits_for(other.name) and (demanded or owner.waits):
        return f"{other.name}, which applies it, depends on {owner.name}: neither gets there"
    if demanded:
        return f"{other.name} applies it, on which {owner.name} does not depend: it fails until that is done"
    return ""


def cycles(side: Side) -> Iterator[Consequence]:
    """Flux objects that wait for one another, and objects that own one another."""
    agents = [
        *side.of_kind("kustomize.toolkit.fluxcd.io", "Kustomization"),
        *side.of_kind("helm.toolkit.fluxcd.io", "HelmRelease"),
    ]
    waits = {str(one.id): tuple(depends_on(one)) for one in agents}
    for resource, others in _in_cycles(agents, waits):
        message = "it depends on itself: it is never applied"
        if others != _ITSELF:
            message = f"it depends on itself, by way of {others}: none of them is ever applied"
        yield happens_to(resource, "dependency-cycle", message, ("spec", "dependsOn"), other=others)
    owned = [one for one in side.resources if get(one.data, "metadata", "ownerReferences")]
    owners = {
        str(one.id): tuple(
            told((str(owner.get("kind")), one.id.namespace, str(owner.get("name"))))
            for _, owner in mappings(get(one.data, "metadata", "ownerReferences"))
        )
        for one in owned
    }
    for resource, others in _in_cycles(owned, owners):
        way = "" if others == _ITSELF else f", by way of {others}"
        message = f"it owns itself{way}: deleting one deletes them all, or blocks"
        yield happens_to(resource, "dependency-cycle", message, ("metadata", "ownerReferences"), other=others)


_MEMBERS = 5
_ITSELF = "itself"
"""The others of a ring that has none."""


def _in_cycles(resources: Iterable[Resource], edges: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Resource, str]]:
    """One of each ring, with the others named."""
    by_name = {str(one.id): one for one in resources}
    for ring in rings(edges):
        first, *others = sorted(ring)
        more = f" and {len(others) - _MEMBERS} more" if len(others) > _MEMBERS else ""
        yield by_name[first], (", ".join(others[:_MEMBERS]) or _ITSELF) + more


def absent(scene: Scene) -> Iterator[Consequence]:
    """Namespaces and kinds that the change begins to use, and that nothing of the repository makes.

    Each is told once, and only where the repository makes others of its sort: they are commonly made elsewhere.
    """
    with_namespaces = any(one.id.kind == "Namespace" for one in scene.after.resources)
    used = {one.id.namespace for one in scene.before.resources}
    served = {(one.id.group, one.id.kind) for one in scene.before.resources}
    kinds = Kinds(scene.plan.version, scene.after.resources)
    for item in scene.changed:
        resource = item.after
        if item.action is not Action.CREATE or resource is None:
            continue
        namespace, kind = resource.id.namespace, (resource.id.group, resource.id.kind)
        owner = scene.after.owner_of(resource)
        makes = owner is not None and owner.makes_namespace
        known = (
            makes or namespace in _NAMESPACES or namespace in used or ("metadata", "namespace") in resource.unresolved
        )
        if with_namespaces and not known and not scene.after.has(("Namespace", "", namespace)):
            message = f"it needs Namespace {namespace}, which is not in this repository"
            yield happens_to(
                resource, "unresolved-reference", message, ("metadata", "namespace"), other=f"Namespace {namespace}"
            )
        defined = kind in served or kind in scene.after.definitions or kinds.find(resource) is not None
        if scene.after.definitions and not defined:
            message = f"no CustomResourceDefinition of the repository defines {resource.id.kind} of {resource.id.group}"
            yield happens_to(resource, "unresolved-reference", message, ("kind",), other=f"kind {resource.id.kind}")
        used.add(namespace)
        served.add(kind)


def unsynced(scene: Scene) -> Iterator[Consequence]:
    """Owners whose objects change, and that do nothing after a merge until somebody tells them to."""
    counts: dict[str, int] = {}
    idle = {owner.name: owner for owner in scene.after.owners if owner.idle}
    for item in scene.changed if idle else ():
        resource = item.after or item.before
        owner = scene.after.owner_of(resource) if resource is not None else None
        if owner is not None and owner.name in idle and str(item.id) != owner.name:
            counts[owner.name] = counts.get(owner.name, 0) + 1
    for resource in scene.after.resources if counts else ():
        count = counts.pop(str(resource.id), 0)
        if count:
            objects = "1 object of it changes" if count == 1 else f"{count} objects of it change"
            message = f"{idle[str(resource.id)].idle}: {objects}, and nothing happens until somebody sees to it"
            yield happens_to(resource, "not-synced", message)
