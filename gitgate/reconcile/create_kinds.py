"""Rules for kinds other than Pods: workloads, Services, Ingresses, autoscalers, roles, claims."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.create_pod import PORT_WORDS, port_name
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import selects
from gitgate.reconcile.names import APPS, AUTOSCALING, BATCH, CORE, NETWORKING, POLICY, RBAC
from gitgate.reconcile.quantity import parse_quantity

Value = Mapping[str, Any]
_SOURCES = {
    "Resource": "resource", "Pods": "pods", "Object": "object", "External": "external",
    "ContainerResource": "containerResource",
}  # fmt: skip
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def _workload(kind: str) -> Callable[[Value, FieldPath, Value], Iterator[Failure]]:
    def check(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
        """apps/validation/validation.go: `ValidateDeploymentSpec` and its siblings."""
        selector, template = spec.get("selector"), spec.get("template") or {}
        labels = (template.get("metadata") or {}).get("labels")
        if selector is None:
            yield required((*path, "selector"))
        elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
            yield invalid((*path, "selector"), "{}", f"empty selector is invalid for {kind}")
        if selector is None or not selects(selector, labels):
            words = "`selector` does not match template `labels`"
            shown = json.dumps(labels, sort_keys=True, separators=(",", ":"))
            yield invalid((*path, "template", "metadata", "labels"), shown, words)
        policy = (template.get("spec") or {}).get("restartPolicy")
        if policy not in (None, "Always") and policy in ("Never", "OnFailure"):
            yield unsupported((*path, "template", "spec", "restartPolicy"), policy, ("Always",))
        if (spec.get("replicas") or 0) < 0:
            yield invalid((*path, "replicas"), str(spec["replicas"]), "must be greater than or equal to 0")
        yield from _strategy(kind, spec, path)

    return check


def _strategy(kind: str, spec: Value, path: FieldPath) -> Iterator[Failure]:
    strategy = spec.get("strategy") or {}
    if kind == "deployment" and strategy.get("type") == "Recreate" and strategy.get("rollingUpdate") is not None:
        words = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden((*path, "strategy", "rollingUpdate"), words)
    update = spec.get("updateStrategy") or {}
    if kind == "statefulset" and update.get("type") == "OnDelete" and update.get("rollingUpdate") is not None:
        words = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid((*path, "updateStrategy", "rollingUpdate"), _go_rolling_update(update["rollingUpdate"]), words)


def _go_rolling_update(value: Value) -> str:
    shown = {"Partition": value.get("partition"), "MaxUnavailable": value.get("maxUnavailable")}
    return json.dumps(shown, separators=(",", ":"))


def job(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """batch/validation/validation.go, `validateJobSpec`."""
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        words = 'Required value: valid values: "OnFailure", "Never"'
        yield Failure(code="required-field", field=(*path, "template", "spec", "restartPolicy"), message=words)


def service(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """core/validation/validation.go, `ValidateService`."""
    ports = spec.get("ports") or ()
    headless = spec.get("clusterIP") == "None"
    if not ports and not headless and spec.get("type") != "ExternalName":
        yield required((*path, "ports"))
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        yield required((*path, "externalName"))
    yield from _cluster_ip(spec.get("clusterIP"), path)
    names: set[str] = set()
    for index, port in enumerate(ports):
        place = (*path, "ports", index)
        name = port.get("name")
        if len(ports) > 1 and not name:
            yield required((*place, "name"))
        elif name in names:
            yield Failure(code="duplicate-value", field=(*place, "name"), message=f'Duplicate value: "{name}"')
        names.add(name or "")
        yield from _service_port(port, place)


def _cluster_ip(address: Any, path: FieldPath) -> Iterator[Failure]:
    if address in (None, "", "None"):
        return
    try:
        ipaddress.ip_address(str(address))
    except ValueError:
        words = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        yield invalid((*path, "clusterIPs", 0), f'"{address}"', words)


def _service_port(port: Value, path: FieldPath) -> Iterator[Failure]:
    number, target = port.get("port"), port.get("targetPort")
    if not isinstance(number, int) or not 1 <= number <= 65535:
        yield invalid((*path, "port"), str(number or 0), PORT_WORDS)
    if isinstance(target, str) and target:
        yield from port_name(target, (*path, "targetPort"))
    elif not isinstance(target, int) or not 1 <= target <= 65535:
        yield invalid((*path, "targetPort"), str(target or 0), PORT_WORDS)


def claim(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidatePersistentVolumeClaimSpec`; the templates of a StatefulSet are not validated."""
    if "volumeClaimTemplates" in path:
        return
    if not spec.get("accessModes"):
        yield required((*path, "accessModes"), "at least 1 access mode is required")
    if not (((spec.get("resources") or {}).get("requests")) or {}).get("storage"):
        yield replace(
            required((*path, "resources", "requests", "storage")),
            place=f"{format_field_path(path)}.resources[storage]",
        )


def ingress(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """networking/validation/validation.go, `ValidateIngressSpec`."""
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield invalid(path, "null", "either `defaultBackend` or `rules` must be specified")


def ingress_path(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateHTTPIngressPath`."""
    text = value.get("path", "")
    if value.get("pathType") in ("Exact", "Prefix") and not str(text).startswith("/"):
        yield invalid((*path, "path"), f'"{text}"', "must be an absolute path")
    if not value.get("pathType"):
        yield required((*path, "pathType"), "pathType must be specified")
    elif value["pathType"] not in ("Exact", "ImplementationSpecific", "Prefix"):
        yield unsupported((*path, "pathType"), value["pathType"], ("Exact", "ImplementationSpecific", "Prefix"))


def ingress_backend(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateIngressBackend`."""
    service_backend, resource = value.get("service"), value.get("resource")
    if service_backend is None and resource is None:
        yield invalid(path, '""', "resource or service backend is required")
    if isinstance(service_backend, dict):
        port = service_backend.get("port") or {}
        if not port.get("name") and not port.get("number"):
            yield required((*path, "service", "port"), "port name or number is required")
        elif port.get("name") and port.get("number"):
            yield invalid((*path, "service", "port"), "{...}", "cannot set both port name & port number")
        elif port.get("name"):
            yield from port_name(port["name"], (*path, "service", "port", "name"))


def network_policy_port(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNetworkPolicyPort`."""
    protocol, port = value.get("protocol"), value.get("port")
    if protocol not in (None, "TCP", "UDP", "SCTP"):
        yield unsupported((*path, "protocol"), protocol, ("TCP", "UDP", "SCTP"))
    if isinstance(port, str):
        yield from port_name(port, (*path, "port"))
    elif isinstance(port, int) and not 1 <= port <= 65535:
        yield invalid((*path, "port"), str(port), PORT_WORDS)


def network_policy_peer(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateNetworkPolicyPeer`."""
    if not value:
        yield required(path, "must specify a peer")


_SCALE_TO_ZERO = "HPAScaleToZero"
_FOR_ZERO = ("Object", "External")
_NEEDS_METRIC = "must specify at least one Object or External metric to support scaling to zero replicas"


def autoscaler(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """autoscaling/validation/validation.go, `validateHorizontalPodAutoscalerSpec`."""
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if isinstance(low, int) and low < 1:
        # The gate is on from 1.37: features/kube_features.go, HPAScaleToZero.
        gate = _SCALE_TO_ZERO if low == 0 else ""
        old = invalid((*path, "minReplicas"), str(low), "must be greater than or equal to 1")
        yield replace(old, until="1.37", gate=gate)
        if low < 0:
            yield replace(invalid(old.field, str(low), "must be greater than or equal to 0"), since="1.37")
        elif all(isinstance(one, dict) and one.get("type") not in _FOR_ZERO for one in spec.get("metrics") or ()):
            yield replace(forbidden((*path, "metrics"), _NEEDS_METRIC), since="1.37")
    if high < 1:
        yield required((*path, "maxReplicas"), "must be set and greater than 0")
    if isinstance(low, int) and high < low:
        yield invalid((*path, "maxReplicas"), str(high), "must be greater than or equal to `minReplicas`")


def metric(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateMetricSpec`."""
    kind = value.get("type")
    if kind and kind not in _SOURCES:
        yield unsupported((*path, "type"), kind, tuple(sorted(_SOURCES)))
    present = sorted(value.keys() - {"type"})
    wanted = _SOURCES.get(str(kind))
    if wanted and wanted not in present:
        yield required((*path, wanted), "must populate information for the given metric source")
    for extra in present:
        if wanted and extra != wanted:
            yield forbidden((*path, extra), "must populate the given metric source only")


def scaling_rules(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateScalingRules`."""
    if not value.get("policies"):
        yield required((*path, "policies"), "must specify at least one Policy")
    policy = value.get("selectPolicy")
    if policy not in (None, "Max", "Min", "Disabled"):
        yield unsupported((*path, "selectPolicy"), policy, ("Disabled", "Max", "Min"))
    tolerance = parse_quantity(value.get("tolerance"))
    if tolerance is not None and tolerance[0] < 0:
        yield invalid((*path, "tolerance"), f'"{value["tolerance"]}"', "must be greater than or equal to 0")


def scaling_policy(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateScalingPolicy`."""
    if value.get("type") not in ("Pods", "Percent"):
        yield unsupported((*path, "type"), value.get("type") or "", ("Percent", "Pods"))
    for field in ("value", "periodSeconds"):
        if (value.get(field) or 0) <= 0:
            yield invalid((*path, field), str(value.get(field) or 0), "must be greater than zero")


def role_rule(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """rbac/validation/validation.go, `ValidatePolicyRule`."""
    if not value.get("verbs"):
        yield required((*path, "verbs"), "verbs must contain at least one value")
    if value.get("nonResourceURLs"):
        return
    if not value.get("apiGroups"):
        yield required((*path, "apiGroups"), "resource rules must supply at least one api group")
    if not value.get("resources"):
        yield required((*path, "resources"), "resource rules must supply at least one resource")


def role_reference(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidateRoleBinding`."""
    group = "rbac.authorization.k8s.io"
    if value.get("apiGroup") != group:
        yield unsupported((*path, "apiGroup"), value.get("apiGroup"), (group,))
    allowed = ("ClusterRole",) if root.get("kind") == "ClusterRoleBinding" else ("ClusterRole", "Role")
    if value.get("kind") and value["kind"] not in allowed:
        yield unsupported((*path, "kind"), value["kind"], allowed)


def subject(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:
    """`ValidateRoleBindingSubject`."""
    kind = value.get("kind")
    if kind and kind not in ("ServiceAccount", "User", "Group"):
        yield unsupported((*path, "kind"), kind, ("Group", "ServiceAccount", "User"))
    if kind == "ServiceAccount":
        if value.get("apiGroup"):
            yield unsupported((*path, "apiGroup"), value["apiGroup"], ("",))
        if not value.get("namespace") and root.get("kind") == "ClusterRoleBinding":
            yield required((*path, "namespace"))


def disruption_budget(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """policy/validation/validation.go, `ValidatePodDisruptionBudgetSpec`."""
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = '{"MinAvailable":...}'
        yield invalid(path, shown, "minAvailable and maxUnavailable cannot be both set")
    for field in ("minAvailable", "maxUnavailable"):
        value = spec.get(field)
        if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
            yield invalid((*path, field), f'"{value}"', _PERCENT_WORDS)
        elif isinstance(value, int) and value < 0:
            yield invalid((*path, field), str(value), "must be greater than or equal to 0")


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    APPS + "DeploymentSpec": _workload("deployment"),
    APPS + "DaemonSetSpec": _workload("daemonset"),
    APPS + "StatefulSetSpec": _workload("statefulset"),
    APPS + "ReplicaSetSpec": _workload("replicaset"),
    AUTOSCALING + "HPAScalingPolicy": scaling_policy,
    AUTOSCALING + "HPAScalingRules": scaling_rules,
    AUTOSCALING + "HorizontalPodAutoscalerSpec": autoscaler,
    AUTOSCALING + "MetricSpec": metric,
    BATCH + "JobSpec": job,
    CORE + "PersistentVolumeClaimSpec": claim,
    CORE + "ServiceSpec": service,
    NETWORKING + "HTTPIngressPath": ingress_path,
    NETWORKING + "IngressBackend": ingress_backend,
    NETWORKING + "IngressSpec": ingress,
    NETWORKING + "NetworkPolicyPeer": network_policy_peer,
    NETWORKING + "NetworkPolicyPort": network_policy_port,
    POLICY + "PodDisruptionBudgetSpec": disruption_budget,
    RBAC + "PolicyRule": role_rule,
    RBAC + "RoleRef": role_reference,
    RBAC + "Subject": subject,
}
