"""Rules for Pods beyond those that corpora rank highest: names, probes, scheduling, security, resources.

Source: k8s.io/kubernetes/pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.create_pod import port_name
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import LABEL_WORDS, is_label
from gitgate.reconcile.names import CORE
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]
_INIT_ONLY = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_FIELDS = frozenset({"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                     "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"})  # fmt: skip
_KEYED_FIELD = re.compile(r"metadata\.(labels|annotations)\['[^']+'\]\Z")


def duplicate(field: FieldPath, value: object) -> Failure:
    """`Duplicate value`."""
    return Failure(code="duplicate-value", field=field, message=f'Duplicate value: "{value}"')


def pod_spec(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidatePodSpec`: what concerns more than one of its containers and volumes."""
    names = {container.get("name") for container in spec.get("containers") or ()}
    for index, container in enumerate(spec.get("initContainers") or ()):
        place = (*path, "initContainers", index)
        if container.get("name") in names:
            yield duplicate((*place, "name"), container["name"])
        if container.get("restartPolicy") != "Always":
            for field in _INIT_ONLY:
                if container.get(field) is not None:
                    yield forbidden((*place, field), "may not be set for init containers without restartPolicy=Always")
    yield from _volumes(spec.get("volumes") or (), path)
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig"):
        yield required((*path, "dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None")
    if spec.get("hostNetwork") is True:
        yield from _host_network(spec, path)
    if root.get("kind") != "StatefulSet":
        # A StatefulSet names its Pods itself: ValidatePodTemplateSpecForStatefulSet does not look.
        yield from _host_names(spec, path)
    yield from _spread_twice(spec.get("topologySpreadConstraints") or (), path)
    yield from _host_ports_twice(spec, path)
    system = (spec.get("os") or {}).get("name")
    if system and system not in ("linux", "windows"):
        yield replace(
            unsupported((*path, "os", "name"), system, ("linux", "windows")), place=format_field_path((*path, "os"))
        )


def _host_ports_twice(spec: Value, path: FieldPath) -> Iterator[Failure]:
    """`checkHostPortConflicts`, `AccumulateUniqueHostPorts`."""
    seen = set()
    for number, container in enumerate(spec.get("containers") or ()):
        for index, port in enumerate(container.get("ports") or ()):
            key = f"{port.get('protocol')}/{port.get('hostIP') or ''}/{port.get('hostPort')}"
            if port.get("hostPort") and key in seen:
                yield duplicate((*path, "containers", number, "ports", index, "hostPort"), key)
            seen.add(key)


def _host_names(spec: Value, path: FieldPath) -> Iterator[Failure]:
    for field in ("hostname", "subdomain"):
        name = spec.get(field)
        if name and not is_label(name):
            words = LABEL_WORDS if len(name) <= 63 else "must be no more than 63 characters"
            yield invalid((*path, field), f'"{name}"', words)


def _volumes(volumes: Any, path: FieldPath) -> Iterator[Failure]:
    seen = set()
    for index, volume in enumerate(volumes):
        if volume.get("name") in seen:
            yield duplicate((*path, "volumes", index, "name"), volume["name"])
        seen.add(volume.get("name"))
        host = (volume.get("hostPath") or {}).get("path")
        if isinstance(host, str) and ".." in host.split("/"):
            place = (*path, "volumes", index, "hostPath", "path")
            yield invalid(place, f'"{host}"', "must not contain '..'")
        shared = (volume.get("nfs") or {}).get("path")
        if isinstance(shared, str) and shared and not shared.startswith("/"):
            yield invalid((*path, "volumes", index, "nfs", "path"), f'"{shared}"', "must be an absolute path")


def _host_network(spec: Value, path: FieldPath) -> Iterator[Failure]:
    for number, container in enumerate(spec.get("containers") or ()):
        for index, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort")
            if host and host != port.get("containerPort"):
                place = (*path, "containers", number, "ports", index, "hostPort")
                yield invalid(place, str(host), "must match `containerPort` when `hostNetwork` is true")


def _spread_twice(constraints: Any, path: FieldPath) -> Iterator[Failure]:
    pairs = Counter((one.get("topologyKey"), one.get("whenUnsatisfiable")) for one in constraints)
    for index, one in enumerate(constraints):
        pair = (one.get("topologyKey"), one.get("whenUnsatisfiable"))
        pairs[pair] -= 1
        if pairs[pair] > 0:
            place = (*path, "topologySpreadConstraints", index, "{topologyKey, whenUnsatisfiable}")
            yield duplicate(place, f"{{{pair[0]}, {pair[1]}}}")


def container(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateContainerCommon`, `validateContainerOnlyForPod`, `validateContainerPorts`."""
    image = value.get("image")
    if isinstance(image, str) and image != image.strip():
        yield invalid((*path, "image"), f'"{image}"', "must not have leading or trailing whitespace")
    seen = set()
    for index, port in enumerate(value.get("ports") or ()):
        name, place = port.get("name"), (*path, "ports", index, "name")
        if not name:
            continue
        problems = tuple(port_name(name, place))
        yield from problems
        if not problems and name in seen:
            yield duplicate(place, name)
        seen.add(name)
    for index, mount in enumerate(value.get("volumeMounts") or ()):
        if mount.get("subPath") and mount.get("subPathExpr"):
            place = (*path, "volumeMounts", index, "subPathExpr")
            yield invalid(place, f'"{mount["subPathExpr"]}"', "subPathExpr and subPath are mutually exclusive")
    for field in ("livenessProbe", "startupProbe"):
        threshold = (value.get(field) or {}).get("successThreshold")
        if isinstance(threshold, int) and threshold > 1:
            yield invalid((*path, field, "successThreshold"), str(threshold), "must be 1")
    grace = (value.get("readinessProbe") or {}).get("terminationGracePeriodSeconds")
    if grace is not None:
        place = (*path, "readinessProbe", "terminationGracePeriodSeconds")
        yield invalid(place, str(grace), "must not be set for readinessProbes")


def resources(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateResourceRequirements`."""
    limits, requests = value.get("limits") or {}, value.get("requests") or {}
    for section, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            parsed = parse_quantity(amount)
            if parsed is not None and parsed[0] < 0:
                yield invalid((*path, section, name), f'"{amount}"', "must be greater than or equal to 0")
            elif parsed is not None and _is_extended(name) and parsed[0].denominator != 1:
                yield invalid((*path, section, name), f'"{amount}"', "must be an integer")
    for name, amount in requests.items():
        if not _is_extended(name):
            continue
        wanted, most = parse_quantity(amount), parse_quantity(limits.get(name))
        if name not in limits:
            yield required((*path, "limits"), "Limit must be set for non overcommitable resources")
        elif wanted is not None and most is not None and wanted[0] < most[0]:
            yield invalid((*path, "requests"), f'"{amount}"', f"must be equal to {name} limit of {limits[name]}")


def _is_extended(name: str) -> bool:
    """Is it of a device plugin, or huge pages, and so not to be promised twice? Source: helper.IsOvercommitAllowed."""
    group, slash, _ = name.partition("/")
    return name.startswith("hugepages-") or (bool(slash) and "kubernetes.io" not in group)


def security_context(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateSecurityContext`."""
    if value.get("allowPrivilegeEscalation") is not False:
        return
    if value.get("privileged") is True:
        yield invalid(path, "{}", "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
    if "CAP_SYS_ADMIN" in ((value.get("capabilities") or {}).get("add") or ()):
        words = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        yield invalid(path, "{}", words)


def toleration(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateTolerations`."""
    operator, effect = value.get("operator") or "", value.get("effect") or ""
    if not value.get("key") and operator != "Exists":
        words = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid((*path, "operator"), f'"{operator}"', words)
    if value.get("tolerationSeconds") is not None and effect != "NoExecute":
        words = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid((*path, "effect"), f'"{effect}"', words)
    if operator == "Exists" and value.get("value"):
        words = "value must be empty when `operator` is 'Exists'"
        yield invalid((*path, "operator"), f'"{value["value"]}"', words)


def spread(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateMinDomains`."""
    if value.get("minDomains") is not None and value.get("whenUnsatisfiable") != "DoNotSchedule":
        words = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {value.get('whenUnsatisfiable')}"
        yield invalid((*path, "minDomains"), str(value["minDomains"]), words)


def node_requirement(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNodeSelectorRequirement`."""
    operator, values, place = value.get("operator"), value.get("values") or (), (*path, "values")
    if operator in ("In", "NotIn") and not values:
        yield required(place, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist") and values:
        yield forbidden(place, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt") and len(values) != 1:
        yield required(place, "must be specified single value when `operator` is 'Lt' or 'Gt'")


def node_selector(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNodeSelector`."""
    if not value.get("nodeSelectorTerms"):
        yield required((*path, "nodeSelectorTerms"), "must have at least one node selector term")


def environment_source(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateEnvFrom`."""
    sources = [name for name in ("configMapRef", "secretRef") if value.get(name) is not None]
    if not sources:
        yield invalid(path, '""', "must specify one of: `configMapRef` or `secretRef`")
    elif len(sources) > 1:
        yield invalid(path, '""', "may not have more than one field specified at a time")


def environment_variable(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateObjectFieldSelector`."""
    place = (*path, "valueFrom", "fieldRef", "fieldPath")
    field = ((value.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
    if isinstance(field, str) and field and field not in _FIELDS and not _KEYED_FIELD.match(field):
        yield invalid(place, f'"{field}"', f"error converting fieldPath: field label not supported: {field}")


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    CORE + "Container": container,
    CORE + "EnvFromSource": environment_source,
    CORE + "EnvVar": environment_variable,
    CORE + "NodeSelector": node_selector,
    CORE + "NodeSelectorRequirement": node_requirement,
    CORE + "PodSpec": pod_spec,
    CORE + "ResourceRequirements": resources,
    CORE + "SecurityContext": security_context,
    CORE + "Toleration": toleration,
    CORE + "TopologySpreadConstraint": spread,
}
