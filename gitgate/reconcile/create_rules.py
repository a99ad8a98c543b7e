"""What the API server refuses whatever was there before: rules by Go type, walked over the object as stored.

These are the rules that recorded outcomes rank highest, not all of Kubernetes' validation: an object that passes here
may still be refused. Each function names the Go function that it follows, in k8s.io/kubernetes/pkg/apis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile import (
    create_admission,
    create_definitions,
    create_details,
    create_expressions,
    create_kinds,
    create_limits,
    create_objects,
    create_pod,
    create_pod_details,
    create_services,
    create_workloads,
)
from gitgate.reconcile.custom_values import custom_resource_failures
from gitgate.reconcile.failure import Failure, required, unsupported
from gitgate.reconcile.field_rules import field_failures
from gitgate.reconcile.labels import metadata_failures, selector_failures
from gitgate.reconcile.names import AUTOSCALING, CORE, LABEL_SELECTOR, META, NETWORKING, OBJECT_META, STORAGE
from gitgate.reconcile.tables import Declaration, Shape, TypeNode

Rule = Callable[[Mapping[str, Any], FieldPath, Mapping[str, Any]], Iterator[Failure]]
"""A value of the type, where it is, and the whole object."""

_TABLES: tuple[Mapping[str, Rule], ...] = (
    create_pod.RULES, create_kinds.RULES, create_pod_details.RULES, create_workloads.RULES, create_objects.RULES,
    create_services.RULES, create_admission.RULES, create_limits.RULES, create_definitions.RULES, create_details.RULES,
    create_expressions.RULES,
)  # fmt: skip
RULES: Mapping[str, tuple[Rule, ...]] = {
    name: tuple(table[name] for table in _TABLES if name in table) for table in _TABLES for name in table
}
"""By Go type, in the order in which they are asked."""

_MAY_BE_EMPTY = frozenset(
    {
        (CORE + "HTTPHeader", "value"),
        (CORE + "ComponentCondition", "status"),
        (CORE + "LimitRangeSpec", "limits"),
        (META + "OwnerReference", "uid"),
        (STORAGE + "TokenRequest", "audience"),
    }
)
"""Required by the OpenAPI document, although the server accepts an empty value."""

_NOT_VALIDATED = frozenset({(AUTOSCALING + "MetricIdentifier", "selector")})
"""Fields that no validation looks into. Source: autoscaling/validation/validation.go, `validateMetricIdentifier`."""
_OWNERS = "ownerReferences"

_DETAILS = {
    (CORE + "PodAffinityTerm", "topologyKey"): "can not be empty",
    (NETWORKING + "HTTPIngressPath", "pathType"): "pathType must be specified",
    (AUTOSCALING + "MetricIdentifier", "name"): "must specify a metric name",
    (AUTOSCALING + "MetricSpec", "type"): "must specify a metric source type",
}
_SPECIAL_REQUIRED = frozenset({CORE + "ConfigMapKeySelector", AUTOSCALING + "HPAScalingPolicy"})
_FIRST = ("metadata", "selector", "template", "volumes", "initContainers", "containers")
_LIMIT = 20
REQUIRED_BY_SCHEMA = "absent-field"
"""The code of a field that OpenAPI requires, too."""

CUSTOM_RESOURCE = "invalid-custom-resource"
"""The code of whatever a custom resource's own schema refuses."""
_NOT_ENUM = frozenset({(CORE + "Lifecycle", "stopSignal"), (CORE + "ServiceSpec", "ipFamilies")})
_PROTOCOL_ORDER = {NETWORKING + "NetworkPolicyPort": ("TCP", "UDP", "SCTP")}


def create_failures(node: TypeNode, data: Mapping[str, Any], version: str) -> tuple[Failure, ...]:
    """Why the server would refuse an object as such; empty where no rule says so.

    Args:
        node: The type of the kind.
        data: The object as `canonical` makes it.
        version: Kubernetes version: `1.33`.
    """
    found: list[Failure] = []
    for failure in _walk(node, data, (), data):
        if failure not in found and failure.holds_in(version):
            found.append(failure)
        if len(found) == _LIMIT:
            break
    return tuple(found)


def _walk(node: TypeNode, value: Any, path: FieldPath, root: Mapping[str, Any]) -> Iterator[Failure]:
    if node.shape is Shape.STRUCT and isinstance(value, dict):
        yield from _struct(node, value, path, root)
    elif node.shape is Shape.MAP and isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(node.item, item, (*path, key), root)
    elif node.shape is Shape.LIST and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(node.item, item, (*path, index), root)


def _struct(node: TypeNode, value: Mapping[str, Any], path: FieldPath, root: Mapping[str, Any]) -> Iterator[Failure]:
    if node.custom:
        if not path:
            yield from (replace(failure, code=CUSTOM_RESOURCE) for failure in custom_resource_failures(node, value))
    else:
        if node.name == OBJECT_META:
            yield from metadata_failures(value, path)
        elif node.name == LABEL_SELECTOR:
            yield from selector_failures(value, path)
        yield from _required(node, value, path)
        yield from _enums(node, value, path)
        for rule in RULES.get(node.name, ()):
            try:
                yield from rule(value, path, root)
            except (AttributeError, KeyError, TypeError, ValueError):
                # A value of a type that `typed_failures` reports already.
                return
        yield from field_failures(node.name, value, path)
    for key in sorted(value, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), str(name))):
        # Owners are looked at in the object's own metadata, not in that of a template.
        skipped = key == "status" or (node.name, key) in _NOT_VALIDATED or (key == _OWNERS and path != ("metadata",))
        if key in node.fields and not skipped:
            yield from _walk(node.fields[key], value[key], (*path, key), root)


def _required(node: TypeNode, value: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    if node.name in _SPECIAL_REQUIRED:
        return
    for key in node.required:
        child = node.fields.get(key)
        if child is None or (node.name, key) in _MAY_BE_EMPTY or value.get(key) not in (None, ""):
            continue
        if child.shape is Shape.SCALAR and child.types == ("string",):
            yield replace(required((*path, key), _DETAILS.get((node.name, key), "")), code=_required_code(value, key))


def _required_code(value: Mapping[str, Any], key: str) -> str:
    # An empty text is there for OpenAPI, and missing for the server's own validation.
    return "required-field" if value.get(key) == "" else REQUIRED_BY_SCHEMA


def _enums(node: TypeNode, value: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    for key, allowed in node.enums.items():
        if (node.name, key) in _NOT_ENUM:
            continue
        if "volumeClaimTemplates" in path:
            continue
        present = value.get(key)
        values = present if isinstance(present, list) else [present]
        for item in values:
            # An empty text behind a pointer is there; elsewhere it is the same as none.
            there = item or present is values or node.declarations.get(key) is Declaration.POINTER
            if isinstance(item, str) and item not in allowed and there:
                indexed = (node.name, key) == (NETWORKING + "NetworkPolicySpec", "policyTypes")
                place = (*path, key, values.index(item)) if indexed else (*path, key)
                yield unsupported(place, item, _PROTOCOL_ORDER.get(node.name, allowed))
