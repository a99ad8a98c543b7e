"""Where the objects of an Application go: cluster, namespace, and the namespace that it makes itself.

Sources: argo-cd, controller/state.go, `DeduplicateTargetObjects`; controller/sync_namespace.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitgate.resource import Resource, ResourceId
from gitgate.sources.argocd.repository import shown_url
from gitgate.sources.argocd.source import destination
from gitgate.sources.flux.releases import _NOT_NAMESPACED as NOT_NAMESPACED
from gitgate.sources.owners import Owner, World, items, mapping, text

IN_CLUSTER = ("in-cluster", "https://kubernetes.default.svc")
"""Name and server of the cluster that Argo CD itself runs in."""
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
_BUILT_IN = frozenset(("", "apps", "batch", "autoscaling", "policy", "extensions"))
_ARGO_CD = "argoproj.io"
Scopes = Mapping[tuple[str, str], bool]
"""Is a kind of a group namespaced? Only those that are defined in sight."""


def cluster_of(owner: Owner) -> str:
    """Name of the cluster that an Application applies to: that of Argo CD itself, or as the destination says."""
    value = destination(owner)
    name, server = text(value.get("name")), text(value.get("server")).rstrip("/")
    if name in ("", IN_CLUSTER[0]) and server in ("", IN_CLUSTER[1]):
        return owner.cluster.name
    return name or shown_url(server)


def scopes_of(resources: Iterable[Resource], world: World) -> Scopes:
    """What definitions say of their kinds."""
    found: dict[tuple[str, str], bool] = {}
    for resource in (*world.of_kind(*_CRD), *(one for one in resources if (one.id.group, one.id.kind) == _CRD)):
        spec = mapping(resource.data.get("spec"))
        found[text(spec.get("group")), text(mapping(spec.get("names")).get("kind"))] = spec.get("scope") == "Namespaced"
    return found


def is_namespaced(identity: ResourceId, scopes: Scopes) -> bool | None:
    """Does the kind have namespaces? None where nothing says."""
    if (identity.group, identity.kind) in scopes:
        return scopes[identity.group, identity.kind]
    if identity.group in _BUILT_IN or identity.group.endswith(".k8s.io"):
        known = identity.group in _BUILT_IN or identity.kind in NOT_NAMESPACED or identity.group in _SERVED
        return identity.kind not in NOT_NAMESPACED if known else None
    return (
        True
        if identity.group == _ARGO_CD and identity.kind in ("Application", "ApplicationSet", "AppProject")
        else None
    )


_SERVED = frozenset(
    f"{name}.k8s.io"
    for name in ("rbac.authorization", "networking", "storage", "coordination", "discovery", "events", "scheduling")
)


def placed(owner: Owner, resources: Sequence[Resource], world: World) -> tuple[Resource, ...]:
    """The objects in the Application's namespace where they name none; the last of several with one identity."""
    namespace = text(destination(owner).get("namespace"))
    cluster = cluster_of(owner)
    scopes = scopes_of(resources, world)
    found: dict[tuple[str, str, str, str], Resource] = {}
    for resource in resources:
        moved = _moved(resource, namespace, scopes)
        found.pop(moved.id.identity, None)
        found[moved.id.identity] = replace(moved, origin=replace(moved.origin, owner=owner.name, cluster=cluster))
    own = made_namespace(owner, namespace)
    if own is not None and own.id.identity not in found:
        found[own.id.identity] = replace(own, origin=replace(own.origin, owner=owner.name, cluster=cluster))
    return tuple(found.values())


def _moved(resource: Resource, namespace: str, scopes: Scopes) -> Resource:
    own = resource.id
    namespaced = is_namespaced(own, scopes)
    metadata = dict(mapping(resource.data.get("metadata")))
    if namespaced and not own.namespace and namespace:
        metadata["namespace"] = namespace
    elif namespaced is False and "namespace" in metadata:
        metadata.pop("namespace")
        namespace = ""
    else:
        return resource
    data: Mapping[str, Any] = {**resource.data, "metadata": metadata}
    return replace(resource, id=replace(own, namespace=namespace), data=data)


def made_namespace(owner: Owner, namespace: str) -> Resource | None:
    """The namespace whose labels and annotations Argo CD manages: only together with `CreateNamespace=true`."""
    policy = mapping(owner.spec.get("syncPolicy"))
    wanted = mapping(policy.get("managedNamespaceMetadata"))
    if not namespace or not wanted or "CreateNamespace=true" not in items(policy.get("syncOptions")):
        return None
    metadata: dict[str, Any] = {"name": namespace}
    for name in ("labels", "annotations"):
        if mapping(wanted.get(name)):
            metadata[name] = dict(mapping(wanted.get(name)))
    origin = owner.resource.origin
    place = origin.rendered_by if origin.rendered_by is not None else origin.path.rpartition("/")[0] or "."
    return Resource(
        ResourceId(group="", version="v1", kind="Namespace", namespace="", name=namespace),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
        replace(origin, rendered_by=place),
    )
