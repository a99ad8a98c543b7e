"""Consequences of deleting: lost data, and what goes along with a Namespace, a definition or an owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from gitgate.reconcile.agents import ARGO_GROUP, Owner, taken_out
from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.places import place_of, told
from gitgate.reconcile.plan import Action
from gitgate.reconcile.references import get, mappings, spec_of
from gitgate.reconcile.scene import Scene, defined_kind
from gitgate.resource import Resource

_STATE: Mapping[tuple[str, str], str] = {
    ("", "PersistentVolumeClaim"): "and, where the storage class reclaims by deletion, its data with it",
    ("", "PersistentVolume"): "and what reads its data loses it",
    ("apps", "StatefulSet"): "and its Pods with it; its claims stay unless their retention policy says Delete",
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): "and, where its class deletes, the snapshot with it",
    ("objectbucket.io", "ObjectBucketClaim"): "and, where its class deletes, the bucket with it",
}
# Kinds whose controllers hold data: deleting the object deletes the database.
_DATABASES = frozenset({
    ("acid.zalan.do", "postgresql"), ("ceph.rook.io", "CephCluster"), ("ceph.rook.io", "CephBlockPool"),
    ("ceph.rook.io", "CephFilesystem"), ("databases.spotahome.com", "RedisFailover"),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"), ("k8s.mariadb.com", "MariaDB"), ("kafka.strimzi.io", "Kafka"),
    ("kafka.strimzi.io", "KafkaTopic"), ("longhorn.io", "Volume"), ("minio.min.io", "Tenant"),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"), ("mysql.oracle.com", "InnoDBCluster"),
    ("postgres-operator.crunchydata.com", "PostgresCluster"), ("postgresql.cnpg.io", "Cluster"),
    ("rabbitmq.com", "RabbitmqCluster"),
})  # fmt: skip

_MAY_GO = "nothing tells whether it stays"
_VERBS = {
    Action.PRUNE: "it is deleted", Action.REPLACE: "it is deleted and created anew",
    Action.UNKNOWN: f"{_MAY_GO}, or is deleted",
}  # fmt: skip


def data_at_risk(scene: Scene) -> Iterator[Consequence]:
    """State that is deleted, and claims that go when a StatefulSet shrinks."""
    for item, before in chain(scene.gone(), scene.unread()):
        key = (item.id.group, item.id.kind)
        verb = _VERBS[item.action]
        what = _STATE.get(key, "and the data that its controller keeps may go with it" if key in _DATABASES else "")
        if key == ("apps", "StatefulSet") and _retention(before, "whenDeleted") == "Delete":
            what = "and its Pods and claims with it, as its retention policy says Delete"
        if what:
            yield happens_to(item.after or before, "stateful-prune", f"{verb}, {what}")
    for item in scene.changed:
        if item.id.kind != "StatefulSet" or item.after is None or _retention(item.after, "whenScaled") != "Delete":
            continue
        for change in item.changes if item.action is Action.UPDATE else ():
            if change.path == ("spec", "replicas") and _fewer(change.old, change.new):
                message = f"it shrinks from {change.old} to {change.new} replicas, and its retention policy deletes "
                yield happens_to(item.after, "stateful-prune", message + "the claims of those that go", change.path)


def _retention(resource: Resource, when: str) -> Any:
    return get(resource.data, "spec", "persistentVolumeClaimRetentionPolicy", when)


def _fewer(old: Any, new: Any) -> bool:
    return isinstance(old, int) and isinstance(new, int) and new < old


def implied_deletions(scene: Scene) -> Iterator[Consequence]:
    """What goes with a Namespace, a CustomResourceDefinition, an agent's object or an owner."""
    pruned = {place_of(before): item.id for item, before in scene.gone()}
    for item, before in scene.gone():
        for code, message in (("implied-deletion", _contents(scene, before)), _cascade(scene, before)):
            if message:
                yield happens_to(item.after or before, code, message)
    for item, before in scene.unread():
        message = _contents(scene, before)
        if message:
            yield happens_to(item.after or before, "implied-deletion", f"{_MAY_GO}; otherwise {message}")
    for resource in scene.after.resources if pruned else ():
        for index, owner in mappings(get(resource.data, "metadata", "ownerReferences")):
            place = (str(owner.get("kind")), resource.id.namespace, str(owner.get("name")))
            if place in pruned and place not in scene.after.by_place:
                message = f"{told(place)}, which owns it, goes with this change: the cluster deletes it, too"
                field = ("metadata", "ownerReferences", index)
                yield happens_to(resource, "implied-deletion", message, field, other=told(place))


def reinstalled(scene: Scene) -> Iterator[Consequence]:
    """Releases that go to another name or namespace: the old one is uninstalled first.

    Source: fluxcd/helm-controller, internal/action/verify.go, `ReleaseTargetChanged`.
    """
    for item in scene.changed:
        if (item.id.group, item.id.kind) != ("helm.toolkit.fluxcd.io", "HelmRelease"):
            continue
        if item.before is None or item.after is None or spec_of(item.after).get("suspend") is True:
            continue
        old, new = _release(item.before), _release(item.after)
        field = next((key for key in old if old[key] != new[key]), None)
        if field is None:
            continue
        inside = scene.before.applied_by.get(str(item.before.id), [])
        lost = [one for one in inside if one.id.kind == "Namespace" or (one.id.group, one.id.kind) in _STATE]
        message = f"its release is uninstalled and installed anew, as {field} changes: {_objects(len(inside))} go first"
        if lost:
            message += f", {lost[0].id} among them with all that is in it"
        yield happens_to(item.after, "implied-deletion" if lost else "cascading-deletion", message, ("spec", field))


def _release(resource: Resource) -> Mapping[str, Any]:
    """What a release is kept and installed by. Source: helm-controller, api/v2, `GetReleaseName` and its like."""
    spec, own = spec_of(resource), resource.id.namespace
    target = spec.get("targetNamespace")
    name = spec.get("releaseName") or (f"{target}-{resource.id.name}" if target else resource.id.name)
    return {
        "targetNamespace": target or own, "releaseName": name, "storageNamespace": spec.get("storageNamespace") or own
    }  # fmt: skip


def turned_into_hooks(scene: Scene) -> Iterator[Consequence]:
    """State that becomes a hook: each sync deletes it and creates it anew, and a skipped one is pruned.

    Source: argo-cd/gitops-engine/pkg/sync/hook, `DeletePolicies` (`BeforeHookCreation` where none is named) and `Skip`.
    """
    for item in scene.plan.objects:
        if item.before is None or item.after is None or item.before.data is item.after.data:
            continue
        if item.id.kind not in _PRECIOUS and (item.id.group, item.id.kind) not in _STATE:
            continue
        old, new = scene.before.owner_of(item.before), scene.after.owner_of(item.after)
        was, now = taken_out(item.before, old), taken_out(item.after, new)
        if now and not was:
            message = f"{now}: it is deleted, and all that is in it goes with it"
            yield happens_to(item.after, "implied-deletion", message, ("metadata", "annotations"))


_PRECIOUS = frozenset({"Namespace", "CustomResourceDefinition"})


def _contents(scene: Scene, before: Resource) -> str:
    if before.id.kind == "Namespace" and not before.id.group:
        inside = scene.before.by_namespace.get(before.id.name, [])
        if not inside:
            return "everything in the namespace is deleted with it, also what this repository does not have"
        message = f"everything in the namespace is deleted with it: {_objects(len(inside))} of this repository"
        return message + _kept(scene, inside)
    if before.id.kind == "CustomResourceDefinition":
        group, kind = defined_kind(before)
        count = len(scene.before.by_kind.get((group, kind), ()))
        verb = "is" if count == 1 else "are"
        return f"every {kind or 'object of it'} in the cluster is deleted with it; {count} {verb} in this repository"
    return ""


def _cascade(scene: Scene, before: Resource) -> tuple[str, str]:
    """What an agent's object has applied goes with it, unless another one applies it from now on.

    Who takes away both means it. Where the repository keeps what is deleted, hardly anybody does.
    """
    if (before.id.group, before.id.kind) == ("helm.toolkit.fluxcd.io", "HelmRelease"):
        suspended = spec_of(before).get("suspend") is True
        return "cascading-deletion", "" if suspended else "its release is uninstalled, with all that it made"
    owner = scene.before.owners_by_name.get(str(before.id))
    if owner is None or not owner.cascades:
        return "cascading-deletion", ""
    applied = scene.before.applied_by.get(owner.name, ())
    inside = [one for one in applied if not _taken_over(scene, one, owner)]
    kept = _kept(scene, inside)
    inside += scene.before.elsewhere.get(owner.name, ()) if _is_alone(before) else ()
    if not inside:
        return "cascading-deletion", ""
    message = f"what it applied is deleted with it: {_objects(len(inside))} of this repository"
    return "implied-deletion" if kept else "cascading-deletion", message + kept


def _is_alone(owner: Resource) -> bool:
    """Is it the only one of its name, whatever the cluster? Flux has one of a name in each."""
    return owner.id.group == ARGO_GROUP


def _taken_over(scene: Scene, resource: Resource, owner: Owner) -> bool:
    after = scene.after.nearest(place_of(resource), resource)
    found = scene.after.owner_of(after) if after is not None else None
    return found is not None and found.name != owner.name


def _kept(scene: Scene, inside: list[Resource]) -> str:
    kept = sum(place_of(one) in scene.after.by_place for one in inside)
    return f", {kept} of which the repository keeps" if kept else ""


def _objects(count: int) -> str:
    return f"{count} object" if count == 1 else f"{count} objects"
