"""Which objects need which: volumes, environment, service accounts, backends, scale targets, selectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Resource

Place = tuple[str, str, str]
"""Kind, namespace, name."""

_PRESENT_EVERYWHERE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})


@dataclass(frozen=True, slots=True)
class Reference:
    """One object named by another, in its own namespace unless it is cluster-scoped."""

    kind: str
    name: str
    path: FieldPath
    optional: bool = False
    cluster_scoped: bool = False


@dataclass(frozen=True, slots=True)
class References:
    """A snapshot, indexed.

    Attributes:
        identities: Of all objects.
        by_identity: All objects.
        names: Kind, namespace and name of all objects.
        workloads: What has a pod template, by place.
        scaled: What an autoscaler scales, and which one does.
        labels: Labels of Pods by namespace.
    """

    identities: frozenset[tuple[str, str, str, str]]
    by_identity: Mapping[tuple[str, str, str, str], Resource]
    names: frozenset[Place]
    workloads: Mapping[Place, Resource]
    scaled: Mapping[Place, str]
    labels: Mapping[str, tuple[Mapping[str, Any], ...]]

    def selected(self, namespace: str, selector: Mapping[str, Any]) -> bool:
        """Does a plain selector match the Pods of any workload?"""
        return any(
            all(labels.get(key) == value for key, value in selector.items())
            for labels in self.labels.get(namespace, ())
        )


def inventory(resources: Iterable[Resource]) -> References:
    """Index a snapshot's objects."""
    by_identity = {resource.id.identity: resource for resource in resources}
    workloads: dict[Place, Resource] = {}
    scaled: dict[Place, str] = {}
    labels: dict[str, list[Mapping[str, Any]]] = {}
    for resource in by_identity.values():
        template = pod_template(resource.data)
        if template is not None:
            workloads[place_of(resource)] = resource
            metadata = template.get("metadata") if template is not resource.data else resource.data.get("metadata")
            found = metadata.get("labels") if isinstance(metadata, Mapping) else None
            if isinstance(found, Mapping):
                labels.setdefault(resource.id.namespace, []).append(found)
        target = scale_target(resource)
        if target is not None:
            scaled[target] = str(resource.id)
    return References(
        identities=frozenset(by_identity),
        by_identity=by_identity,
        names=frozenset(place_of(resource) for resource in by_identity.values()),
        workloads=workloads,
        scaled=scaled,
        labels={namespace: tuple(found) for namespace, found in labels.items()},
    )


def place_of(resource: Resource) -> Place:
    """Kind, namespace and name."""
    return (resource.id.kind, resource.id.namespace, resource.id.name)


def scale_target(resource: Resource) -> Place | None:
    """What a HorizontalPodAutoscaler or a KEDA ScaledObject scales."""
    if (resource.id.group, resource.id.kind) not in (("autoscaling", "HorizontalPodAutoscaler"),
                                                     ("keda.sh", "ScaledObject")):  # fmt: skip
        return None
    target = _get(resource.data, "spec", "scaleTargetRef")
    if not isinstance(target, Mapping) or not isinstance(target.get("name"), str):
        return None
    return (str(target.get("kind") or "Deployment"), resource.id.namespace, target["name"])


def _get(data: Any, *path: str) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


def pod_template(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod template of an object, or the object itself for a Pod; None for one without Pods."""
    path = template_path(data)
    template = _get(data, *path)
    return template if isinstance(template, Mapping) and isinstance(template.get("spec"), Mapping) and (
        "containers" in template["spec"]
    ) else None  # fmt: skip


def template_path(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Where an object has its pod template."""
    return _TEMPLATES.get(str(data.get("kind")), ("spec", "template"))


def references_of(resource: Resource) -> tuple[Reference, ...]:
    """Everything that an object names, without what every namespace has."""
    found = [*_pod_references(resource.data), *_other_references(resource)]
    return tuple(one for one in found if one.name and (one.kind, one.name) not in _PRESENT_EVERYWHERE)


def _items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield index, item


def _pod_references(data: Mapping[str, Any]) -> Iterator[Reference]:
    template = pod_template(data)
    if template is None:
        return
    spec = template["spec"]
    path: FieldPath = (*template_path(data), "spec")
    account = spec.get("serviceAccountName")
    if isinstance(account, str):
        yield Reference("ServiceAccount", account, (*path, "serviceAccountName"))
    for index, volume in _items(spec.get("volumes")):
        yield from _volume(volume, (*path, "volumes", index))
    for group in ("initContainers", "containers"):
        for index, container in _items(spec.get(group)):
            yield from _container(container, (*path, group, index))


_VOLUMES = (("configMap", "name", "ConfigMap"), ("secret", "secretName", "Secret"),
            ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"))  # fmt: skip


def _volume(volume: Mapping[str, Any], path: FieldPath) -> Iterator[Reference]:
    for source, field, kind in _VOLUMES:
        yield from _named(volume.get(source), kind, (*path, source), field)
    for index, item in _items(_get(volume, "projected", "sources")):
        for source, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            yield from _named(item.get(source), kind, (*path, "projected", "sources", index, source))


def _container(container: Mapping[str, Any], path: FieldPath) -> Iterator[Reference]:
    for index, item in _items(container.get("envFrom")):
        for source, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            yield from _named(item.get(source), kind, (*path, "envFrom", index, source))
    for index, item in _items(container.get("env")):
        for source, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            yield from _named(_get(item, "valueFrom", source), kind, (*path, "env", index, "valueFrom", source))


def _named(source: Any, kind: str, path: FieldPath, field: str = "name") -> Iterator[Reference]:
    if isinstance(source, Mapping) and isinstance(source.get(field), str):
        yield Reference(kind, source[field], (*path, field), optional=source.get("optional") is True)


def _other_references(resource: Resource) -> Iterator[Reference]:
    if (resource.id.group, resource.id.kind) == ("networking.k8s.io", "Ingress"):
        yield from _backends(resource.data.get("spec"))
    target = scale_target(resource)
    if target is not None:
        yield Reference(target[0], target[2], ("spec", "scaleTargetRef", "name"))
    if resource.id.kind == "RoleBinding":
        yield from _role_binding(resource)


def _backends(spec: Any) -> Iterator[Reference]:
    default = _get(spec, "defaultBackend", "service")
    yield from _named(default, "Service", ("spec", "defaultBackend", "service"))
    for number, rule in _items(_get(spec, "rules")):
        for index, path in _items(_get(rule, "http", "paths")):
            place: FieldPath = ("spec", "rules", number, "http", "paths", index, "backend", "service")
            yield from _named(_get(path, "backend", "service"), "Service", place)


def _role_binding(resource: Resource) -> Iterator[Reference]:
    role = resource.data.get("roleRef")
    if isinstance(role, Mapping) and role.get("kind") == "Role":
        yield from _named(role, "Role", ("roleRef",))
    for index, subject in _items(resource.data.get("subjects")):
        local = subject.get("namespace") in (None, resource.id.namespace)
        if subject.get("kind") == "ServiceAccount" and local:
            yield from _named(subject, "ServiceAccount", ("subjects", index))
