"""Rules for what Pods, autoscalers, Ingresses and roles name: targets of metrics, scopes, subjects, hosts.

Sources: k8s.io/kubernetes/pkg/apis/<group>/validation/validation.go, the functions that each rule names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.create_kinds import autoscaler as replicas
from gitgate.reconcile.create_pod_details import duplicate
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import (
    DNS_LABEL,
    LABEL_WORDS,
    SUBDOMAIN_WORDS,
    is_subdomain,
    label_failures,
    qualified_problem,
)
from gitgate.reconcile.names import AUTOSCALING, BATCH, CORE, NETWORKING, NODE, RBAC, STORAGE
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]
_RESTARTS = ("Always", "Never", "OnFailure")
_RAW_OR_SHARE = "must set either a target raw value or a target utilization"
_NOT_BOTH = "may not set both a target raw value and a target utilization"


def pod_spec(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidatePodSpec`: names of other objects, `validateContainerRestartPolicy`, `ValidatePodTemplateSpec`."""
    if spec.get("ephemeralContainers") and (root.get("kind") != "Pod" or path != ("spec",)):
        yield forbidden((*path, "ephemeralContainers"), "ephemeral containers not allowed in pod template")
    for field in ("runtimeClassName", "hostnameOverride"):
        name = spec.get(field)
        if isinstance(name, str) and not is_subdomain(name):
            yield invalid((*path, field), f'"{name}"', SUBDOMAIN_WORDS)
    for field in ("serviceAccountName", "priorityClassName", "nodeName"):
        name = spec.get(field)
        if isinstance(name, str) and name and not is_subdomain(name):
            yield invalid((*path, field), f'"{name}"', SUBDOMAIN_WORDS)
    yield from label_failures(spec.get("nodeSelector"), (*path, "nodeSelector"))
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from _restarts(container, (*path, group, index), group)


def _restarts(container: Value, path: FieldPath, group: str) -> Iterator[Failure]:
    """`validateContainerRestartPolicy`, `validateInitContainerRestartPolicy`; ContainerRestartRules came with 1.35."""
    policy, place = container.get("restartPolicy"), (*path, "restartPolicy")
    if policy is None:
        if container.get("restartPolicyRules"):
            yield required(place, "must specify restartPolicy when restart rules are used")
        return
    if policy not in _RESTARTS:
        yield replace(unsupported(place, policy, _RESTARTS), since="1.35")
    if group == "containers":
        yield replace(forbidden(place, "may not be set for non-init containers"), until="1.34")
    elif policy != "Always":
        yield replace(unsupported(place, policy, ("Always",)), until="1.35")


_VOLUME_FIELDS = frozenset({"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
                            "metadata.uid"})  # fmt: skip


def downward_file(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`validateDownwardAPIVolumeFile`, `validateObjectFieldSelector`; the server leaves out which item it is."""
    field = (value.get("fieldRef") or {}).get("fieldPath")
    keyed = str(field).startswith(("metadata.labels['", "metadata.annotations['"))
    place = (*path[:-2], "fieldRef", "fieldPath") if path[-2:-1] == ("items",) else (*path, "fieldRef", "fieldPath")
    if isinstance(field, str) and field and field not in _VOLUME_FIELDS and not keyed:
        known = field.startswith(("metadata.", "spec.", "status."))
        if known:
            yield unsupported(place, field, tuple(sorted(_VOLUME_FIELDS)))
        else:
            yield invalid(place, f'"{field}"', f"error converting fieldPath: field label not supported: {field}")
    if value.get("fieldRef") is None and value.get("resourceFieldRef") is None:
        yield required(path[:-2], "one of fieldRef and resourceFieldRef is required")


def toleration(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateTolerations`."""
    key = value.get("key")
    if isinstance(key, str) and key and (words := qualified_problem(key)):
        yield invalid((*path, "key"), f'"{key}"', words)


def runtime_class(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """node, `validateTolerations`: each once."""
    seen = set()
    for index, one in enumerate(value.get("tolerations") or ()):
        key = tuple(one.get(field) or "" for field in ("key", "operator", "value", "effect"))
        if key in seen:
            yield duplicate((*path, "tolerations", index), key[0])
        seen.add(key)


def metric_target(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """autoscaling, `validateMetricTarget`."""
    kind = value.get("type") or ""
    if not kind:
        yield required((*path, "type"), "must specify a metric target type")
    if kind not in ("Utilization", "Value", "AverageValue"):
        yield invalid((*path, "type"), f'"{kind}"', "must be either Utilization, Value, or AverageValue")
    for field in ("value", "averageValue"):
        parsed = parse_quantity(value.get(field))
        if parsed is not None and parsed[0] <= 0:
            yield invalid((*path, field), f'"{value[field]}"', "must be positive")
    share = value.get("averageUtilization")
    if isinstance(share, int) and share < 1:
        yield invalid((*path, "averageUtilization"), str(share), "must be greater than 0")


def _source(
    first: str, second: str, needed: str, both: str, at: str
) -> Callable[[Value, FieldPath, Value], Iterator[Failure]]:
    def check(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
        """autoscaling, `validateResourceSource` and its siblings."""
        target = value.get("target") or {}
        one, other = target.get(first) is not None, target.get(second) is not None
        if not one and not other:
            yield required((*path, "target", second), needed)
        if one and other and both:
            yield forbidden((*path, "target", at), both)

    return check


def old_autoscaler(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """autoscaling, `validateHorizontalPodAutoscalerSpec`, of what `autoscaling/v1` has of its own."""
    yield from replicas(value, path, root)
    share = value.get("targetCPUUtilizationPercentage")
    if isinstance(share, int) and share < 1:
        place = (*path, "metrics", 0, "resource", "target", "averageUtilization")
        yield invalid(place, str(share), "must be greater than 0")


def ingress(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """networking, `validateIngressTLS`, `ValidateIngressCreate`."""
    for number, entry in enumerate(spec.get("tls") or ()):
        for index, host in enumerate(entry.get("hosts") or ()):
            if "*" in host and (not host.startswith("*.") or not is_subdomain(host[2:])):
                words = "a wildcard DNS-1123 subdomain must start with '*.'"
                yield invalid((*path, "tls", number, "hosts", index), f'"{host}"', words)
            elif "*" not in host and not is_subdomain(host):
                yield invalid((*path, "tls", number, "hosts", index), f'"{host}"', SUBDOMAIN_WORDS)
        name = entry.get("secretName")
        if name and not is_subdomain(name):
            yield invalid((*path, "tls", number, "secretName"), f'"{name}"', SUBDOMAIN_WORDS)
    name = spec.get("ingressClassName")
    if isinstance(name, str) and not is_subdomain(name):
        yield invalid((*path, "ingressClassName"), f'"{name}"', SUBDOMAIN_WORDS)


def local_reference(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """networking, `validateIngressTypedLocalObjectReference`."""
    group = value.get("apiGroup")
    if root.get("kind") == "Ingress" and isinstance(group, str) and not is_subdomain(group):
        yield invalid((*path, "apiGroup"), f'"{group}"', SUBDOMAIN_WORDS)


def class_parameters(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """networking, `validateIngressClassParametersReference`."""
    group, scope, namespace = value.get("apiGroup"), value.get("scope"), value.get("namespace")
    if isinstance(group, str) and not is_subdomain(group):
        yield invalid((*path, "apiGroup"), f'"{group}"', SUBDOMAIN_WORDS)
    if scope == "Namespace" and namespace is None:
        yield required((*path, "namespace"), "`parameters.scope` is set to 'Namespace'")
    elif (
        scope == "Namespace" and isinstance(namespace, str) and (len(namespace) > 63 or not DNS_LABEL.match(namespace))
    ):
        words = LABEL_WORDS if len(namespace) <= 63 else "must be no more than 63 characters"
        yield invalid((*path, "namespace"), f'"{namespace}"', words)
    elif scope == "Cluster" and namespace is not None:
        yield forbidden((*path, "namespace"), "`parameters.scope` is set to 'Cluster'")


def network_policy(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """networking, `ValidateNetworkPolicySpec`."""
    kinds = spec.get("policyTypes") or ()
    if len(kinds) > 2:
        yield invalid((*path, "policyTypes"), json.dumps(list(kinds)), "may not specify more than two policyTypes")


def subject(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """rbac, `ValidateRoleBindingSubject`."""
    name = value.get("name")
    if value.get("kind") == "ServiceAccount" and isinstance(name, str) and name and not is_subdomain(name):
        words = SUBDOMAIN_WORDS if len(name) <= 253 else "must be no more than 253 characters"
        yield invalid((*path, "name"), f'"{name}"', words)


def job(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """batch, `validateJobSpec`, `validatePodFailurePolicy`, of what depends on other fields."""
    indexed = spec.get("completionMode") == "Indexed"
    if indexed and spec.get("completions") is None:
        yield required((*path, "completions"), "when completion mode is Indexed")
    if spec.get("successPolicy") is not None and not indexed:
        yield invalid((*path, "successPolicy"), json.dumps(spec["successPolicy"]), "requires indexed completion mode")
    if spec.get("backoffLimitPerIndex") is not None and not indexed:
        shown = str(spec["backoffLimitPerIndex"])
        yield invalid((*path, "backoffLimitPerIndex"), shown, "requires indexed completion mode")
    policy = spec.get("podFailurePolicy")
    restart = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy is not None and restart == "OnFailure":
        words = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid((*path, "template", "spec", "restartPolicy"), f'"{restart}"', words)


def csi_driver(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """storage, `validateTokenRequests`: an audience once."""
    seen = set()
    for index, one in enumerate(spec.get("tokenRequests") or ()):
        audience = one.get("audience") or ""
        if audience in seen:
            yield duplicate((*path, "tokenRequests", index, "audience"), audience)
        seen.add(audience)


def topologies(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """core, `validateTopologySelectorLabelRequirement`: a value once; storage, `validateAllowedTopologies`."""
    terms = []
    for number, term in enumerate(value.get("allowedTopologies") or ()):
        place = (*path, "allowedTopologies", number, "matchLabelExpressions")
        expressions = term.get("matchLabelExpressions") or ()
        for index, one in enumerate(expressions):
            seen = set()
            for position, item in enumerate(one.get("values") or ()):
                if item in seen:
                    yield duplicate((*place, index, "values", position), item)
                seen.add(item)
        found = {one.get("key"): frozenset(one.get("values") or ()) for one in expressions}
        if not found or found in terms:
            yield duplicate(place, "")
        terms.append(found)


_TARGET_OR_AVERAGE = "must set either a target value or averageValue"
_TARGET_OR_POD = "must set either a target value for metric or a per-pod target"
RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec": old_autoscaler,
    AUTOSCALING + "ContainerResourceMetricSource": _source(
        "averageValue", "averageUtilization", _RAW_OR_SHARE, _NOT_BOTH, "averageValue"
    ),
    AUTOSCALING + "ExternalMetricSource": _source(
        "value", "averageValue", _TARGET_OR_POD,
        "may not set both a target value for metric and a per-pod target", "value",
    ),
    AUTOSCALING + "MetricTarget": metric_target,
    AUTOSCALING + "ObjectMetricSource": _source("value", "averageValue", _TARGET_OR_AVERAGE, "", ""),
    AUTOSCALING + "PodsMetricSource": _source(
        "averageValue", "averageValue", "must specify a positive target averageValue", "", ""
    ),
    AUTOSCALING + "ResourceMetricSource": _source(
        "averageValue", "averageUtilization", _RAW_OR_SHARE, _NOT_BOTH, "averageValue"
    ),
    BATCH + "JobSpec": job,
    CORE + "DownwardAPIVolumeFile": downward_file,
    CORE + "PodSpec": pod_spec,
    CORE + "Toleration": toleration,
    CORE + "TypedLocalObjectReference": local_reference,
    NETWORKING + "IngressClassParametersReference": class_parameters,
    NETWORKING + "IngressSpec": ingress,
    NETWORKING + "NetworkPolicySpec": network_policy,
    NODE + "Scheduling": runtime_class,
    RBAC + "Subject": subject,
    STORAGE + "CSIDriverSpec": csi_driver,
    STORAGE + "StorageClass": topologies,
}  # fmt: skip
