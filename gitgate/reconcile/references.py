"""Which objects need which: volumes, environment, service accounts, backends, scale targets, selectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.places import Place
from gitgate.resource import Resource

_PRESENT_EVERYWHERE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
_CLUSTER_ROLES = frozenset({"admin", "cluster-admin", "edit", "view"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One object named by another.

    Attributes:
        kind: Of what is named.
        namespace: Where it is; empty for one without namespace.
        name: Of what is named.
        path: The field that names it.
        optional: Does the object do without it?
        port: Port of a Service, by number or name; None for none.
    """

    kind: str
    namespace: str
    name: str
    path: FieldPath
    optional: bool = False
    port: int | str | None = None

    @property
    def place(self) -> Place:
        """What is named."""
        return (self.kind, self.namespace, self.name)


def get(data: Any, *path: str) -> Any:
    """A value far down in untrusted data; None where anything on the way is missing or no mapping."""
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def mappings(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The items of an untrusted list that are mappings, by index."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, Mapping):
            yield index, item


def spec_of(resource: Resource | None) -> Mapping[str, Any]:
    """The spec of an object; empty where it has none."""
    spec = resource.data.get("spec") if resource is not None else None
    return spec if isinstance(spec, Mapping) else {}


def annotations_of(resource: Resource) -> Mapping[str, Any]:
    """The annotations of an object; empty where it has none."""
    found = get(resource.data, "metadata", "annotations")
    return found if isinstance(found, Mapping) else {}


_SCALERS: Mapping[tuple[str, str], str] = {
    ("autoscaling", "HorizontalPodAutoscaler"): "scaleTargetRef",
    ("keda.sh", "ScaledObject"): "scaleTargetRef",
}
VERTICAL = ("autoscaling.k8s.io", "VerticalPodAutoscaler")


def scale_target(resource: Resource) -> Place | None:
    """What a HorizontalPodAutoscaler or a KEDA ScaledObject scales."""
    field = _SCALERS.get((resource.id.group, resource.id.kind))
    return _target(resource, field) if field is not None else None


def resize_target(resource: Resource) -> Place | None:
    """Whose requests a VerticalPodAutoscaler sets, unless it only recommends.

    Source: kubernetes/autoscaler, `UpdateMode`: it is `Auto` where nothing else is said.
    """
    if (resource.id.group, resource.id.kind) != VERTICAL:
        return None
    mode = get(resource.data, "spec", "updatePolicy", "updateMode")
    return None if mode == "Off" else _target(resource, "targetRef")


def _target(resource: Resource, field: str) -> Place | None:
    target = get(resource.data, "spec", field)
    if not isinstance(target, Mapping) or not isinstance(target.get("name"), str):
        return None
    return (str(target.get("kind") or "Deployment"), resource.id.namespace, target["name"])


_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}


def pod_template(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The pod template of an object, or the object itself for a Pod; None for one without Pods."""
    path = template_path(data)
    template = get(data, *path)
    return template if isinstance(template, Mapping) and isinstance(template.get("spec"), Mapping) and (
        "containers" in template["spec"]
    ) else None  # fmt: skip


def template_path(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Where an object has its pod template."""
    return _TEMPLATES.get(str(data.get("kind")), ("spec", "template"))


def pod_labels(resource: Resource) -> Mapping[str, Any]:
    """The labels of the Pods of a workload."""
    found = get(pod_template(resource.data), "metadata", "labels")
    return found if isinstance(found, Mapping) else {}


def references_of(resource: Resource) -> tuple[Reference, ...]:
    """Everything that an object names, without what every namespace has."""
    found = [*_pod_references(resource), *_other_references(resource)]
    return tuple(one for one in found if one.name and (one.kind, one.name) not in _PRESENT_EVERYWHERE)


def _pod_references(resource: Resource) -> Iterator[Reference]:
    template = pod_template(resource.data)
    if template is None:
        return
    spec = template["spec"]
    path: FieldPath = (*template_path(resource.data), "spec")
    namespace = resource.id.namespace
    account = spec.get("serviceAccountName")
    if isinstance(account, str):
        yield Reference("ServiceAccount", namespace, account, (*path, "serviceAccountName"))
    for index, volume in mappings(spec.get("volumes")):
        yield from _volume(volume, namespace, (*path, "volumes", index))
    for group in ("initContainers", "containers"):
        for index, container in mappings(spec.get(group)):
            yield from _container(container, namespace, (*path, group, index))
    for index, secret in mappings(spec.get("imagePullSecrets")):
        yield from _named(secret, "Secret", namespace, (*path, "imagePullSecrets", index))
    if resource.id.kind == "StatefulSet":
        yield from _named(resource.data.get("spec"), "Service", namespace, ("spec",), "serviceName")


_VOLUMES = (("configMap", "name", "ConfigMap"), ("secret", "secretName", "Secret"),
            ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"))  # fmt: skip


def _volume(volume: Mapping[str, Any], namespace: str, path: FieldPath) -> Iterator[Reference]:
    for source, field, kind in _VOLUMES:
        yield from _named(volume.get(source), kind, namespace, (*path, source), field)
    for index, item in mappings(get(volume, "projected", "sources")):
        for source, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            yield from _named(item.get(source), kind, namespace, (*path, "projected", "sources", index, source))


def _container(container: Mapping[str, Any], namespace: str, path: FieldPath) -> Iterator[Reference]:
    for index, item in mappings(container.get("envFrom")):
        for source, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            yield from _named(item.get(source), kind, namespace, (*path, "envFrom", index, source))
    for index, item in mappings(container.get("env")):
        for source, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            place = (*path, "env", index, "valueFrom", source)
            yield from _named(get(item, "valueFrom", source), kind, namespace, place)


def _named(source: Any, kind: str, namespace: str, path: FieldPath, field: str = "name") -> Iterator[Reference]:
    if isinstance(source, Mapping) and isinstance(source.get(field), str):
        yield Reference(kind, namespace, source[field], (*path, field), optional=source.get("optional") is True)


def _other_references(resource: Resource) -> Iterator[Reference]:
    match (resource.id.group, resource.id.kind):
        case ("networking.k8s.io", "Ingress"):
            yield from _ingress(resource)
        case ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute"):
            yield from _route(resource)
        case ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding"):
            yield from _binding(resource)
        case ("kustomize.toolkit.fluxcd.io", "Kustomization") | ("helm.toolkit.fluxcd.io", "HelmRelease"):
            yield from _flux(resource)
    for target, field in ((scale_target(resource), "scaleTargetRef"), (resize_target(resource), "targetRef")):
        if target is not None:
            yield Reference(*target, ("spec", field, "name"))


def _ingress(resource: Resource) -> Iterator[Reference]:
    spec = spec_of(resource)
    yield from _backend(spec.get("defaultBackend"), resource, ("spec", "defaultBackend"))
    for number, rule in mappings(spec.get("rules")):
        for index, path in mappings(get(rule, "http", "paths")):
            yield from _backend(
                path.get("backend"), resource, ("spec", "rules", number, "http", "paths", index, "backend")
            )
    for index, item in mappings(spec.get("tls")):
        yield from _named(item, "Secret", resource.id.namespace, ("spec", "tls", index), "secretName")


def _backend(backend: Any, resource: Resource, path: FieldPath) -> Iterator[Reference]:
    name, port = get(backend, "service", "name"), get(backend, "service", "port")
    wanted = (get(port, "name") or get(port, "number")) if port is not None else None
    if isinstance(name, str):
        yield Reference("Service", resource.id.namespace, name, (*path, "service", "name"), port=_port(wanted))


def _port(value: Any) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _route(resource: Resource) -> Iterator[Reference]:
    for number, rule in mappings(spec_of(resource).get("rules")):
        for index, backend in mappings(rule.get("backendRefs")):
            name = backend.get("name")
            if isinstance(name, str) and backend.get("kind", "Service") == "Service" and not backend.get("group"):
                namespace = backend.get("namespace")
                yield Reference(
                    "Service",
                    namespace if isinstance(namespace, str) else resource.id.namespace,
                    name,
                    ("spec", "rules", number, "backendRefs", index, "name"),
                    port=_port(backend.get("port")),
                )


def _binding(resource: Resource) -> Iterator[Reference]:
    role = resource.data.get("roleRef")
    if isinstance(role, Mapping) and role.get("kind") == "Role":
        yield from _named(role, "Role", resource.id.namespace, ("roleRef",))
    elif isinstance(role, Mapping) and role.get("kind") == "ClusterRole":
        name = str(role.get("name"))
        if name not in _CLUSTER_ROLES and not name.startswith("system:"):
            yield from _named(role, "ClusterRole", "", ("roleRef",))
    for index, subject in mappings(resource.data.get("subjects")):
        namespace = subject.get("namespace") or resource.id.namespace
        if subject.get("kind") == "ServiceAccount" and isinstance(namespace, str):
            yield from _named(subject, "ServiceAccount", namespace, ("subjects", index))


def _flux(resource: Resource) -> Iterator[Reference]:
    spec = spec_of(resource)
    for index, item in mappings(spec.get("dependsOn")):
        namespace = item.get("namespace") or resource.id.namespace
        if isinstance(namespace, str):
            yield from _named(item, resource.id.kind, namespace, ("spec", "dependsOn", index))
    for path in (("sourceRef",), ("chartRef",), ("chart", "spec", "sourceRef")):
        source = get(spec, *path)
        kind, namespace = get(source, "kind"), get(source, "namespace") or resource.id.namespace
        if isinstance(kind, str) and isinstance(namespace, str):
            yield from _named(source, kind, namespace, ("spec", *path))
