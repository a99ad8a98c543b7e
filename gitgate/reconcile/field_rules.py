"""Fields whose value alone decides: numbers out of range, names, keys; a table by Go type.

Sources: k8s.io/kubernetes/pkg/apis/<group>/validation/validation.go, the functions that `ROWS` names. They hold in
every supported version; what changed between versions is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, invalid
from gitgate.reconcile.labels import DNS_LABEL, LABEL_WORDS, SUBDOMAIN_WORDS, is_subdomain, qualified_problem
from gitgate.reconcile.names import (
    ADMISSION,
    APPS,
    AUTOSCALING,
    BATCH,
    COORDINATION,
    CORE,
    DISCOVERY,
    NETWORKING,
    NODE,
    POLICY,
    STORAGE,
)

_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Between:
    """An integer that must lie between two bounds, both inclusive."""

    low: int
    high: int | None = None
    words: str = ""

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        if not isinstance(value, int) or isinstance(value, bool):
            return ""
        if self.low <= value and (self.high is None or value <= self.high):
            return ""
        return self.words or f"must be between {self.low} and {self.high}, inclusive"


@dataclass(frozen=True, slots=True)
class Subdomain:
    """A DNS subdomain, RFC 1123."""

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        return SUBDOMAIN_WORDS if isinstance(value, str) and value and not is_subdomain(value) else ""


@dataclass(frozen=True, slots=True)
class Label:
    """A DNS label, RFC 1123."""

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        if not isinstance(value, str) or not value or (len(value) <= 63 and DNS_LABEL.match(value)):
            return ""
        return LABEL_WORDS if len(value) <= 63 else "must be no more than 63 characters"


@dataclass(frozen=True, slots=True)
class Percentage:
    """A number that is not negative, or a percentage, of at most 100 % where `most` says so."""

    most: bool = True

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        if isinstance(value, int) and not isinstance(value, bool):
            return NOT_NEGATIVE.refuse(value)
        if not isinstance(value, str):
            return ""
        if not _PERCENT.match(value):
            return _PERCENT_WORDS
        return "must not be greater than 100%" if self.most and int(value[:-1]) > 100 else ""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of an enumeration."""

    allowed: tuple[str, ...]

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        if not isinstance(value, str) or value in self.allowed:
            return ""
        return "supported values: " + ", ".join(f'"{name}"' for name in self.allowed)


@dataclass(frozen=True, slots=True)
class Qualified:
    """A name that may have a prefix: `example.com/name`."""

    def refuse(self, value: Any) -> str:
        """Why a value is refused; empty when it is not."""
        return qualified_problem(value) if isinstance(value, str) else ""


_PERCENT = re.compile(r"[0-9]{1,18}%\Z")
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
Check = Between | Label | OneOf | Percentage | Qualified | Subdomain
NOT_NEGATIVE = Between(0, words="must be greater than or equal to 0")
_POSITIVE = Between(1, words="must be greater than 0")
_WEIGHT = Between(1, 100, "must be in the range 1-100")
_MODE = Between(0, 0o777, "must be a number between 0 and 0777 (octal), both inclusive")
_ID = Between(0, _LARGEST)


@dataclass(frozen=True, slots=True)
class Row:
    """What one check says of fields of one type.

    Attributes:
        type: The Go type.
        fields: Names of fields.
        check: What is asked of each.
        source: The function in validation.go.
    """

    type: str
    fields: tuple[str, ...]
    check: Check
    source: str


ROWS: tuple[Row, ...] = (
    # Numbers of workloads
    Row(APPS + "DeploymentSpec", ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), NOT_NEGATIVE,
        "ValidateDeploymentSpec"),
    Row(APPS + "DaemonSetSpec", ("minReadySeconds", "revisionHistoryLimit"), NOT_NEGATIVE, "ValidateDaemonSetSpec"),
    Row(APPS + "StatefulSetSpec", ("minReadySeconds",), NOT_NEGATIVE, "ValidateStatefulSetSpec"),
    Row(APPS + "ReplicaSetSpec", ("minReadySeconds",), NOT_NEGATIVE, "ValidateReplicaSetSpec"),
    Row(APPS + "StatefulSetOrdinals", ("start",), NOT_NEGATIVE, "ValidateStatefulSetSpec"),
    Row(APPS + "RollingUpdateStatefulSetStrategy", ("partition",), NOT_NEGATIVE, "ValidateStatefulSetSpec"),
    Row(APPS + "RollingUpdateDeployment", ("maxUnavailable",), Percentage(), "ValidateRollingUpdateDeployment"),
    Row(APPS + "RollingUpdateDeployment", ("maxSurge",), Percentage(most=False), "ValidateRollingUpdateDeployment"),
    Row(APPS + "RollingUpdateDaemonSet", ("maxUnavailable", "maxSurge"), Percentage(),
        "ValidateRollingUpdateDaemonSet"),
    Row(BATCH + "JobSpec", ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
                            "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"), NOT_NEGATIVE,
        "validateJobSpec"),
    Row(BATCH + "CronJobSpec", ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
        NOT_NEGATIVE, "validateCronJobSpec"),
    Row(CORE + "ReplicationControllerSpec", ("replicas", "minReadySeconds"), NOT_NEGATIVE,
        "ValidateReplicationControllerSpec"),
    Row(AUTOSCALING + "HPAScalingRules", ("stabilizationWindowSeconds",),
        Between(0, 3600, "must be less than or equal to 3600"), "validateScalingRules"),
    Row(POLICY + "PodDisruptionBudgetSpec", ("minAvailable", "maxUnavailable"), Percentage(),
        "ValidatePodDisruptionBudgetSpec"),
    # Numbers of Pods
    Row(CORE + "PodSpec", ("activeDeadlineSeconds",), Between(1, _LARGEST), "ValidatePodSpec"),
    Row(CORE + "Probe", ("terminationGracePeriodSeconds",), _POSITIVE, "validateProbe"),
    Row(CORE + "SecurityContext", ("runAsUser", "runAsGroup"), _ID, "ValidateSecurityContext"),
    Row(CORE + "PodSecurityContext", ("runAsUser", "runAsGroup", "fsGroup"), _ID, "validatePodSpecSecurityContext"),
    Row(CORE + "TopologySpreadConstraint", ("maxSkew", "minDomains"), _POSITIVE, "validateTopologySpreadConstraints"),
    Row(CORE + "WeightedPodAffinityTerm", ("weight",), _WEIGHT, "validateWeightedPodAffinityTerms"),
    Row(CORE + "PreferredSchedulingTerm", ("weight",), _WEIGHT, "ValidatePreferredSchedulingTerms"),
    Row(CORE + "SecretVolumeSource", ("defaultMode",), _MODE, "validateSecretVolumeSource"),
    Row(CORE + "ConfigMapVolumeSource", ("defaultMode",), _MODE, "validateConfigMapVolumeSource"),
    Row(CORE + "DownwardAPIVolumeSource", ("defaultMode",), _MODE, "validateDownwardAPIVolumeSource"),
    Row(CORE + "ProjectedVolumeSource", ("defaultMode",), _MODE, "validateProjectedVolumeSource"),
    Row(CORE + "KeyToPath", ("mode",), _MODE, "validateKeyToPath"),
    Row(CORE + "DownwardAPIVolumeFile", ("mode",), _MODE, "validateDownwardAPIVolumeFile"),
    # Numbers of the rest
    Row(CORE + "ClientIPConfig", ("timeoutSeconds",),
        Between(1, 86_400, "must be greater than 0 and less than 86400"), "validateClientIPAffinityConfig"),
    Row(ADMISSION + "ValidatingWebhook", ("timeoutSeconds",),
        Between(1, 30, "the timeout value must be between 1 and 30 seconds"), "validateValidatingWebhook"),
    Row(ADMISSION + "MutatingWebhook", ("timeoutSeconds",),
        Between(1, 30, "the timeout value must be between 1 and 30 seconds"), "validateMutatingWebhook"),
    Row(NETWORKING + "ServiceBackendPort", ("number",), Between(0, 65_535), "validateIngressBackend"),
    Row(NETWORKING + "NetworkPolicyPort", ("endPort",), Between(1, 65_535), "ValidateNetworkPolicyPort"),
    # Names of other objects
    Row(CORE + "PodSpec", ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"), Subdomain(),
        "ValidatePodSpec"),
    Row(CORE + "PersistentVolumeClaimSpec", ("storageClassName",), Subdomain(), "ValidatePersistentVolumeClaimSpec"),
    Row(CORE + "PersistentVolumeSpec", ("storageClassName",), Subdomain(), "ValidatePersistentVolumeSpec"),
    Row(CORE + "ServicePort", ("name",), Label(), "validateServicePort"),
    Row(NETWORKING + "IngressSpec", ("ingressClassName",), Subdomain(), "ValidateIngressSpec"),
    Row(NETWORKING + "IngressTLS", ("secretName",), Subdomain(), "validateIngressTLS"),
    Row(NETWORKING + "IngressServiceBackend", ("name",), Label(), "validateIngressBackend"),
    Row(ADMISSION + "ValidatingAdmissionPolicyBindingSpec", ("policyName",), Subdomain(),
        "validateValidatingAdmissionPolicyBindingSpec"),
    Row(NODE + "RuntimeClass", ("handler",), Label(), "ValidateRuntimeClass"),
    Row(CORE + "EndpointAddress", ("hostname",), Label(), "validateEndpointAddress"),
    Row(CORE + "EndpointAddress", ("nodeName",), Subdomain(), "validateEndpointAddress"),
    Row(CORE + "EndpointPort", ("appProtocol",), Qualified(), "validateEndpointPort"),
    Row(CORE + "NodeSelectorRequirement", ("key",), Qualified(), "ValidateNodeSelectorRequirement"),
    Row(CORE + "PersistentVolumeClaimSpec", ("volumeAttributesClassName",), Subdomain(),
        "ValidatePersistentVolumeClaimSpec"),
    Row(CORE + "PersistentVolumeSpec", ("volumeAttributesClassName",), Subdomain(), "ValidatePersistentVolumeSpec"),
    Row(CORE + "PodDNSConfig", ("searches",), Subdomain(), "validatePodDNSConfig"),
    Row(DISCOVERY + "Endpoint", ("nodeName",), Subdomain(), "validateEndpoints"),
    Row(DISCOVERY + "EndpointPort", ("appProtocol",), Qualified(), "validatePorts"),
    # Enumerations that Go does not declare as such
    Row(APPS + "StatefulSetPersistentVolumeClaimRetentionPolicy", ("whenDeleted", "whenScaled"),
        OneOf(("Retain", "Delete")), "ValidatePersistentVolumeClaimRetentionPolicyType"),
    Row(CORE + "ContainerResizePolicy", ("resourceName",), OneOf(("cpu", "memory")), "validateResizePolicy"),
    Row(CORE + "PodSecurityContext", ("seLinuxChangePolicy",), OneOf(("MountOption", "Recursive")),
        "validatePodSpecSecurityContext"),
    Row(CORE + "VolumeMount", ("recursiveReadOnly",), OneOf(("Disabled", "Enabled", "IfPossible")),
        "validateMountRecursiveReadOnly"),
    Row(NETWORKING + "IngressClassParametersReference", ("scope",), OneOf(("Cluster", "Namespace")),
        "validateIngressClassParametersReference"),
    Row(STORAGE + "CSIDriverSpec", ("fsGroupPolicy",), OneOf(("File", "None", "ReadWriteOnceWithFSType")),
        "validateFSGroupPolicy"),
    Row(STORAGE + "CSIDriverSpec", ("nodeAllocatableUpdatePeriodSeconds",),
        Between(10, words="must be greater than or equal to 10 seconds"), "validateNodeAllocatableUpdatePeriodSeconds"),
    Row(STORAGE + "TokenRequest", ("expirationSeconds",), Between(600, 2**32,
        "may not specify a duration less than 10 minutes"), "validateTokenRequests"),
    Row(COORDINATION + "LeaseSpec", ("leaseDurationSeconds",), _POSITIVE, "ValidateLeaseSpec"),
    Row(COORDINATION + "LeaseSpec", ("leaseTransitions",), NOT_NEGATIVE, "ValidateLeaseSpec"),
    Row(APPS + "ControllerRevision", ("revision",), NOT_NEGATIVE, "ValidateControllerRevisionCreate"),
    Row(AUTOSCALING + "HPAScalingPolicy", ("periodSeconds",),
        Between(-(2**31), 1800, "must be less than or equal to 1800"), "validateScalingPolicy"),
)  # fmt: skip


def _by_type() -> Mapping[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in ROWS:
        found[row.type] = (*found.get(row.type, ()), row)
    return found


_ROWS_BY_TYPE = _by_type()


def field_failures(type_name: str, value: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    """What the table refuses in the fields of a value of a Go type."""
    for row in _ROWS_BY_TYPE.get(type_name, ()):
        for field in row.fields:
            found = value.get(field)
            items = enumerate(found) if isinstance(found, list) else ((None, found),)
            for index, item in items:
                if reason := row.check.refuse(item):
                    place = (*path, field) if index is None else (*path, field, index)
                    yield _refused(row.check, place, item, reason)


def _refused(check: Check, place: FieldPath, item: Any, reason: str) -> Failure:
    shown = f'"{item}"' if isinstance(item, str) else str(item)
    if isinstance(check, OneOf):
        return Failure(code="unsupported-value", field=place, message=f"Unsupported value: {shown}: {reason}")
    return invalid(place, shown, reason)
