"""Rules for what is limited and shared out: LimitRanges, ResourceQuotas, capacities, topologies, controllers of old.

Sources: k8s.io/kubernetes/pkg/apis/{core,node,storage,autoscaling,discovery}/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.create_pod_details import duplicate
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import LABEL_WORDS as _LABEL_WORDS
from gitgate.reconcile.labels import is_label, label_failures, qualified_problem
from gitgate.reconcile.names import AUTOSCALING, CORE, DISCOVERY, NODE, RBAC, STORAGE
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]
_LIMIT_TYPES = frozenset({"Pod", "Container", "PersistentVolumeClaim"})
_CONTAINER_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
_RESOURCES = _CONTAINER_RESOURCES | {
    "storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
}  # fmt: skip
_RESOURCE_PREFIXES = ("requests.", "limits.", "hugepages-", "count/")
_NUMBERS = ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
_RBAC_GROUP = "rbac.authorization.k8s.io"


def limit_range(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`ValidateLimitRange`."""
    seen = set()
    for index, item in enumerate(spec.get("limits") or ()):
        place, kind = (*path, "limits", index), item.get("type") or ""
        if words := qualified_problem(kind):
            yield invalid((*place, "type"), f'"{kind}"', words)
        elif "/" not in kind and kind not in _LIMIT_TYPES:
            yield invalid((*place, "type"), f'"{kind}"', "must be a standard limit type or fully qualified")
        if kind in seen:
            yield duplicate((*place, "type"), kind)
        seen.add(kind)
        yield from _limits(item, place, kind)


def _limits(item: Value, place: FieldPath, kind: str) -> Iterator[Failure]:
    for field in _NUMBERS:
        for name in item.get(field) or {}:
            yield from _resource_name(name, (*place, field), _RESOURCES)
    if kind == "PersistentVolumeClaim" and not any("storage" in (item.get(field) or {}) for field in ("min", "max")):
        yield required(
            (*place, "limits"), "either minimum or maximum storage value is required, but neither was provided"
        )
    for low, high, words in (
        ("min", "max", "min value {low} is greater than max value {high}"),
        ("min", "defaultRequest", "min value {low} is greater than default request value {high}"),
        ("defaultRequest", "max", "default request value {low} is greater than max value {high}"),
        ("defaultRequest", "default", "default request value {low} is greater than default limit value {high}"),
        ("default", "max", "default value {low} is greater than max value {high}"),
    ):  # fmt: skip
        for name, amount in (item.get(low) or {}).items():
            most = (item.get(high) or {}).get(name)
            small, large = parse_quantity(amount), parse_quantity(most)
            if small is not None and large is not None and small[0] > large[0]:
                field = high if (low, high) == ("min", "defaultRequest") else low
                failure = invalid((*place, field, name), f'"{amount}"', words.format(low=amount, high=most))
                yield _at(failure, (*place, field), name)


def _resource_name(name: str, path: FieldPath, known: frozenset[str]) -> Iterator[Failure]:
    if words := qualified_problem(name):
        yield _at(invalid((*path, name), f'"{name}"', words), path, name)
    elif "/" not in name and name not in known and not name.startswith(_RESOURCE_PREFIXES):
        words = "must be a standard resource type or fully qualified"
        yield _at(invalid((*path, name), f'"{name}"', words), path, name)


def _at(failure: Failure, path: FieldPath, key: str) -> Failure:
    return replace(failure, place=f"{format_field_path(path)}[{key}]")


def quota(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateResourceQuotaSpec`, `validateScopedResourceSelectorRequirement`."""
    for name in spec.get("hard") or {}:
        yield from _resource_name(name, (*path, "hard"), _RESOURCES)
    place = (*path, "scopeSelector", "matchExpressions")
    for one in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        operator, values = one.get("operator"), one.get("values") or []
        if operator in ("In", "NotIn") and not values:
            words = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required((*place, "values"), words)
        elif operator in ("Exists", "DoesNotExist") and values:
            words = "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"
            yield invalid((*place, "values"), str(values), words)


def volume(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidatePersistentVolumeSpec`: capacity is storage, and nothing else."""
    capacity = spec.get("capacity") or {}
    if capacity and set(capacity) != {"storage"}:
        yield unsupported((*path, "capacity"), "...", ("storage",))
    amount = parse_quantity(capacity.get("storage"))
    if amount is not None and amount[0] <= 0:
        failure = invalid((*path, "capacity", "storage"), f'"{capacity["storage"]}"', "must be greater than zero")
        yield _at(failure, (*path, "capacity"), "storage")
    if spec.get("volumeAttributesClassName") is not None and not spec.get("csi"):
        yield required((*path, "csi"), "has to be specified when using volumeAttributesClassName")


def storage_class(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """storage, `validateAllowedTopologies`; core, `ValidateTopologySelectorTerm`."""
    for number, term in enumerate(value.get("allowedTopologies") or ()):
        seen = set()
        for index, one in enumerate(term.get("matchLabelExpressions") or ()):
            place, key = (*path, "allowedTopologies", number, "matchLabelExpressions", index), one.get("key") or ""
            if not one.get("values"):
                yield required((*place, "values"))
            if words := qualified_problem(key):
                yield invalid((*place, "key"), f'"{key}"', words)
            if key in seen:
                yield duplicate((*place, "key"), key)
            seen.add(key)


def controller(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateReplicationControllerSpec`."""
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        yield required((*path, "selector"))
    if template is None:
        yield required((*path, "template"))
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        words = "`selector` does not match template `labels`"
        yield invalid((*path, "template", "metadata", "labels"), str(labels), words)
    pod = template.get("spec") or {}
    if pod.get("restartPolicy") in ("Never", "OnFailure"):
        yield unsupported((*path, "template", "spec", "restartPolicy"), pod["restartPolicy"], ("Always",))
    if pod.get("activeDeadlineSeconds") is not None:
        words = "activeDeadlineSeconds in ReplicationController is not Supported"
        yield forbidden((*path, "template", "spec", "activeDeadlineSeconds"), words)


def runtime_scheduling(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """node, `validateScheduling`."""
    yield from label_failures(value.get("nodeSelector"), (*path, "nodeSelector"))


def overhead(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """node, `validateOverhead`: the resources of a container, as limits."""
    for name, amount in (value.get("podFixed") or {}).items():
        words, parsed = qualified_problem(name), parse_quantity(amount)
        whole = parsed is None or parsed[0].denominator == 1
        if not words and "/" not in name and name not in _CONTAINER_RESOURCES and not name.startswith("hugepages-"):
            words = "must be a standard resource type or fully qualified"
        if words:
            yield replace(invalid((*path, "podFixed", name), f'"{name}"', words), place=f"overhead.limits[{name}]")
        elif "/" in name and "kubernetes.io" not in name.partition("/")[0] and not whole:
            found = invalid((*path, "podFixed", name), f'"{amount}"', "must be an integer")
            yield replace(found, place=f"overhead.limits[{name}]")


def scale_target(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """autoscaling, `ValidateAPIVersion`: a version names its group, but for the core group's own kind."""
    if root.get("kind") != "HorizontalPodAutoscaler" or path != ("spec", "scaleTargetRef") or not value.get("kind"):
        return
    version = value.get("apiVersion") or ""
    if "/" not in version and not (version == "v1" and value["kind"] == "ReplicationController"):
        yield invalid((*path, "apiVersion"), f'"{version}"', "apiVersion must specify API group")


def endpoint(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """discovery, `validateEndpoints`."""
    host = value.get("hostname")
    if isinstance(host, str) and not is_label(host):
        words = _LABEL_WORDS if len(host) <= 63 else "must be no more than 63 characters"
        yield invalid((*path, "hostname"), f'"{host}"', words)


def endpoint_slice(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """discovery, `validatePorts`."""
    seen = set()
    for index, port in enumerate(value.get("ports") or ()):
        name, place = port.get("name") or "", (*path, "ports", index)
        if name and not is_label(name):
            words = _LABEL_WORDS if len(name) <= 63 else "must be no more than 63 characters"
            yield invalid((*place, "name"), f'"{name}"', words)
        if name in seen:
            yield duplicate((*place, "name"), name)
        seen.add(name)
        if port.get("protocol") not in (None, "TCP", "UDP", "SCTP"):
            yield unsupported((*place, "protocol"), port["protocol"], ("SCTP", "TCP", "UDP"))


def aggregation(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """rbac, `ValidateClusterRole`."""
    if not value.get("clusterRoleSelectors"):
        words = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        yield required((*path, "clusterRoleSelectors"), words)


def subject(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """rbac, `ValidateRoleBindingSubject`."""
    if value.get("kind") in ("User", "Group") and value.get("apiGroup") not in (None, _RBAC_GROUP):
        yield unsupported((*path, "apiGroup"), value["apiGroup"], (_RBAC_GROUP,))


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    "io.k8s.api.autoscaling.v1.CrossVersionObjectReference": scale_target,
    AUTOSCALING + "CrossVersionObjectReference": scale_target,
    CORE + "LimitRangeSpec": limit_range,
    CORE + "PersistentVolumeSpec": volume,
    CORE + "ReplicationControllerSpec": controller,
    CORE + "ResourceQuotaSpec": quota,
    DISCOVERY + "Endpoint": endpoint,
    DISCOVERY + "EndpointSlice": endpoint_slice,
    NODE + "Overhead": overhead,
    NODE + "Scheduling": runtime_scheduling,
    RBAC + "AggregationRule": aggregation,
    RBAC + "Subject": subject,
    STORAGE + "StorageClass": storage_class,
}
