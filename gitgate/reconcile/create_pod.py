"""Rules for Pods and pod templates: k8s.io/kubernetes/pkg/apis/core/validation/validation.go."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.failure import Failure, forbidden, invalid, not_found, required
from gitgate.reconcile.labels import DNS_LABEL, LABEL_WORDS, SUBDOMAIN_WORDS, is_subdomain
from gitgate.reconcile.names import CORE
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]

_STANDARD_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
_HEADER = re.compile(r"[-A-Za-z0-9]+\Z")
_HEADER_WORDS = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    "validation is '[-A-Za-z0-9]+')"
)
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOKS = ("exec", "httpGet", "tcpSocket", "sleep")
PORT_WORDS = "must be between 1 and 65535, inclusive"


def pod_spec(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidatePodSpec`: containers, and the volumes that they mount."""
    broken = {item[2] for item in _volume_names(spec, path)}
    yield from (failure for _, failure, _ in _volume_names(spec, path) if failure is not None)
    known = {volume.get("name") for volume in spec.get("volumes") or () if isinstance(volume, dict)} - {
        name for name in broken if name is not None
    }
    known |= {
        (claim.get("metadata") or {}).get("name")
        for claim in (root.get("spec") or {}).get("volumeClaimTemplates") or ()
        if isinstance(claim, dict)
    }
    if not spec.get("containers"):
        yield required((*path, "containers"))
    for group in ("initContainers", "containers"):
        names: set[str] = set()
        for index, container in enumerate(spec.get(group) or ()):
            place = (*path, group, index)
            name = container.get("name")
            if name and name in names:
                yield Failure(code="duplicate-value", field=(*place, "name"), message=f'Duplicate value: "{name}"')
            names.add(name)
            yield from _mounts(container, place, known)


def _volume_names(spec: Value, path: FieldPath) -> Iterator[tuple[int, Failure | None, str | None]]:
    """Volumes that are refused, and so unknown to mounts."""
    for index, volume in enumerate(spec.get("volumes") or ()):
        place = (*path, "volumes", index)
        name = volume.get("name")
        if name and not DNS_LABEL.match(name):
            yield index, invalid((*place, "name"), f'"{name}"', LABEL_WORDS), name
        for source, field in _SOURCE_NAMES:
            inner = volume.get(source)
            if isinstance(inner, dict) and not inner.get(field):
                yield index, required((*place, source, field)), name
        for source in ("configMap", "secret", "downwardAPI"):
            inner = volume.get(source)
            for number, item in enumerate((inner or {}).get("items") or ()):
                for field in ("key", "path"):
                    if source != "downwardAPI" and not item.get(field):
                        yield index, required((*place, source, "items", number, field)), name
        sources = sorted(volume.keys() - {"name"}, key=_source_order)
        for extra in sources[1:]:
            yield index, forbidden((*place, extra), "may not specify more than 1 volume type"), name


_SOURCE_NAMES = (
    ("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName"), ("hostPath", "path"),
    ("nfs", "server"), ("csi", "driver"),
)  # fmt: skip


def _mounts(container: Value, path: FieldPath, known: set[Any]) -> Iterator[Failure]:
    """`ValidateVolumeMounts`."""
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        place = (*path, "volumeMounts", index)
        name, at = mount.get("name"), mount.get("mountPath")
        if name and name not in known:
            yield not_found((*place, "name"), name)
        if at and at in seen:
            yield invalid((*place, "mountPath"), f'"{at}"', "must be unique")
        seen.add(at)
    for index, device in enumerate(container.get("volumeDevices") or ()):
        if device.get("name") and device["name"] not in known:
            yield not_found((*path, "volumeDevices", index, "name"), device["name"])


def container(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`validateContainerCommon`."""
    name = value.get("name")
    if name and (len(name) > 63 or not DNS_LABEL.match(name)):
        yield invalid((*path, "name"), f'"{name}"', LABEL_WORDS)
    if not value.get("image"):
        yield required((*path, "image"))
    resources = value.get("resources") or {}
    for section in ("limits", "requests"):
        for resource in resources.get(section) or {}:
            yield from _resource_name(resource, (*path, "resources", section, resource))
    limits = resources.get("limits") or {}
    for resource, amount in (resources.get("requests") or {}).items():
        yield from _request(resource, amount, limits.get(resource), (*path, "resources", "requests"))


def _resource_name(name: str, path: FieldPath) -> Iterator[Failure]:
    if "/" not in name and name not in _STANDARD_RESOURCES and not name.startswith("hugepages-"):
        place = f"{format_field_path(path[:-1])}[{name}]"
        failure = invalid(path, f'"{name}"', "must be a standard resource type or fully qualified")
        yield replace(failure, place=place)


def _request(resource: str, amount: Any, limit: Any, path: FieldPath) -> Iterator[Failure]:
    wanted, most = parse_quantity(amount), parse_quantity(limit)
    if wanted is not None and most is not None and wanted[0] > most[0]:
        detail = f"must be less than or equal to {resource} limit of {limit}"
        yield invalid(path, f'"{amount}"', detail)


def container_port(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateContainerPorts`."""
    port = value.get("containerPort")
    if port in (None, 0):
        yield required((*path, "containerPort"))
    elif not 1 <= port <= 65535:
        yield invalid((*path, "containerPort"), str(port), PORT_WORDS)
    host = value.get("hostPort")
    if host and not 1 <= host <= 65535:
        yield invalid((*path, "hostPort"), str(host), PORT_WORDS)


def env_var(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateEnvVarValueFrom`."""
    source = value.get("valueFrom")
    if not isinstance(source, dict):
        return
    place = (*path, "valueFrom")
    if not source:
        words = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield invalid(place, '""', words)
    elif value.get("value"):
        yield invalid(place, '""', "may not be specified when `value` is not empty")
    if len(source) > 1:
        yield invalid(place, '""', "may not have more than one field specified at a time")


def key_selector(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateConfigMapKeySelector`, `validateSecretKeySelector`."""
    name = value.get("name", "")
    if not is_subdomain(name):
        yield invalid((*path, "name"), f'"{name}"', SUBDOMAIN_WORDS)
    if not value.get("key"):
        yield required((*path, "key"))


def probe(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateProbe`, `validateHandler`."""
    yield from _handler(value, path, _HANDLERS)
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if (value.get(field) or 0) < 0:
            yield invalid((*path, field), str(value[field]), "must be greater than or equal to 0")


def lifecycle_handler(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateHandler` of a lifecycle hook."""
    yield from _handler(value, path, _HOOKS)


def _handler(value: Value, path: FieldPath, kinds: tuple[str, ...]) -> Iterator[Failure]:
    present = [kind for kind in kinds if kind in value]
    for extra in present[1:]:
        yield forbidden((*path, extra), "may not specify more than 1 handler type")
    if not present:
        yield required(path, "must specify a handler type")
    if "exec" in present and not value["exec"].get("command"):
        yield required((*path, "exec", "command"))


def network_handler(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateHTTPGetAction`, `validateTCPSocketAction`, `validateGRPCAction`."""
    port = value.get("port")
    if isinstance(port, int) and not 1 <= port <= 65535:
        yield invalid((*path, "port"), str(port), PORT_WORDS)
    elif isinstance(port, str):
        yield from port_name(port, (*path, "port"))
    for header in value.get("httpHeaders") or ():
        if not _HEADER.match(header.get("name", "")):
            yield invalid((*path, "httpHeaders"), f'"{header.get("name", "")}"', _HEADER_WORDS)


_SOURCES = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc",
    "flexVolume",
    "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos",
    "projected", "scaleIO", "csi", "ephemeral", "image",
)  # fmt: skip
"""As `validateVolumeSource` asks for them, so that the first one counts and the others are too many."""


def _source_order(source: str) -> tuple[int, str]:
    return (_SOURCES.index(source) if source in _SOURCES else len(_SOURCES), source)


def port_name(name: str, path: FieldPath) -> Iterator[Failure]:
    """`IsValidPortName`: k8s.io/apimachinery/pkg/util/validation/validation.go."""
    if len(name) > 15:
        yield invalid(path, f'"{name}"', "must be no more than 15 characters")
    elif not re.fullmatch(r"[-a-z0-9]+", name):
        yield invalid(path, f'"{name}"', "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif not re.search(r"[a-z]", name):
        yield invalid(path, f'"{name}"', "must contain at least one letter (a-z)")
    elif "--" in name or name[0] == "-" or name[-1] == "-":
        yield invalid(path, f'"{name}"', "must not contain consecutive hyphens")


def endpoint_address(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateEndpointAddress`."""
    address = str(value.get("ip", ""))
    try:
        ipaddress.ip_address(address)
    except ValueError:
        words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        yield invalid((*path, "ip"), f'"{address}"', words)
    if value.get("nodeName") == "":
        yield invalid((*path, "nodeName"), '""', SUBDOMAIN_WORDS)


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    CORE + "PodSpec": pod_spec,
    CORE + "Container": container,
    CORE + "ContainerPort": container_port,
    CORE + "EnvVar": env_var,
    CORE + "ConfigMapKeySelector": key_selector,
    CORE + "SecretKeySelector": key_selector,
    CORE + "Probe": probe,
    CORE + "LifecycleHandler": lifecycle_handler,
    CORE + "HTTPGetAction": network_handler,
    CORE + "TCPSocketAction": network_handler,
    CORE + "GRPCAction": network_handler,
    CORE + "EndpointAddress": endpoint_address,
}
