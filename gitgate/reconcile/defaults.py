"""The defaults that the API server fills in, as data by Go type, and the few that depend on other fields.

OpenAPI does not have them. Each entry names its function in Kubernetes' pkg/apis/<group>/<version>/defaults.go; they
are applied to every value of that Go type, parents before children, as the generated `SetObjectDefaults_*` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitgate.reconcile.content import copied
from gitgate.reconcile.images import default_pull_policy
from gitgate.reconcile.names import (
    ADMISSION,
    APIREGISTRATION,
    APPS,
    AUTOSCALING,
    BATCH,
    CORE,
    DISCOVERY,
    NETWORKING,
    RBAC,
    SCHEDULING,
    STORAGE,
)

Object = dict[str, Any]

ALWAYS: Mapping[str, Mapping[str, Any]] = {
    # core/v1/defaults.go: SetDefaults_PodSpec, _Container, _Probe, _HTTPGetAction, _ObjectFieldSelector
    CORE + "PodSpec": {
        "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
        "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
    },
    CORE + "Container": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    CORE + "EphemeralContainer": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    CORE + "ContainerPort": {"protocol": "TCP"},
    CORE + "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    CORE + "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    CORE + "GRPCAction": {"service": ""},
    CORE + "ObjectFieldSelector": {"apiVersion": "v1"},
    # SetDefaults_*VolumeSource
    CORE + "SecretVolumeSource": {"defaultMode": 420},
    CORE + "ConfigMapVolumeSource": {"defaultMode": 420},
    CORE + "DownwardAPIVolumeSource": {"defaultMode": 420},
    CORE + "ProjectedVolumeSource": {"defaultMode": 420},
    CORE + "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    CORE + "HostPathVolumeSource": {"type": ""},
    CORE + "ISCSIVolumeSource": {"iscsiInterface": "default"},
    CORE + "ISCSIPersistentVolumeSource": {"iscsiInterface": "default"},
    CORE + "RBDVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    CORE + "RBDPersistentVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    CORE + "AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    CORE + "ScaleIOVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    CORE + "ScaleIOPersistentVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    CORE + "FileKeySelector": {"optional": False},
    # SetDefaults_Service, _Endpoints, _Secret, _PersistentVolume, _PersistentVolumeClaimSpec
    CORE + "ServiceSpec": {"type": "ClusterIP", "sessionAffinity": "None"},
    CORE + "ServicePort": {"protocol": "TCP"},
    CORE + "EndpointPort": {"protocol": "TCP"},
    # discovery/v1/defaults.go
    DISCOVERY + "EndpointPort": {"name": "", "protocol": "TCP"},
    # autoscaling/v1/defaults.go
    "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    CORE + "Secret": {"type": "Opaque"},
    CORE + "PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    CORE + "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    # apps/v1/defaults.go
    APPS + "DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    APPS + "DaemonSetSpec": {"revisionHistoryLimit": 10},
    APPS + "StatefulSetSpec": {"podManagementPolicy": "OrderedReady", "replicas": 1, "revisionHistoryLimit": 10},
    APPS + "ReplicaSetSpec": {"replicas": 1},
    # batch/v1/defaults.go: SetDefaults_CronJob
    BATCH + "CronJobSpec": {
        "concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
    },
    # networking/v1/defaults.go
    NETWORKING + "NetworkPolicyPort": {"protocol": "TCP"},
    NETWORKING + "IngressClassParametersReference": {"scope": "Cluster"},
    # storage/v1/defaults.go, scheduling/v1/defaults.go
    STORAGE + "StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    STORAGE + "CSIDriverSpec": {
        "attachRequired": True, "podInfoOnMount": False, "storageCapacity": False, "requiresRepublish": False,
        "seLinuxMount": False, "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
    },
    SCHEDULING + "PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    # admissionregistration/v1/defaults.go
    ADMISSION + "ValidatingWebhook": {
        "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "timeoutSeconds": 10,
    },
    ADMISSION + "MutatingWebhook": {
        "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "timeoutSeconds": 10, "reinvocationPolicy": "Never",
    },
    ADMISSION + "RuleWithOperations": {"scope": "*"},
    ADMISSION + "NamedRuleWithOperations": {"scope": "*"},
    ADMISSION + "ServiceReference": {"port": 443},
    ADMISSION + "ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    ADMISSION + "MutatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    ADMISSION + "MatchResources": {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}},
    # apiregistration/v1/defaults.go
    APIREGISTRATION + "ServiceReference": {"port": 443},
}  # fmt: skip
"""By Go type: what an absent field becomes."""

_SCALE_RULES: Mapping[str, Mapping[str, Any]] = {
    # autoscaling/v2/defaults.go, scaleUpRules and scaleDownRules
    "scaleUp": {
        "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
}  # fmt: skip


def fill(value: Object, defaults: Mapping[str, Any]) -> None:
    """Set the fields that are absent."""
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = copied(default)


def _pod_spec(spec: Object) -> None:
    # core/v1/conversion.go, Convert_core_PodSpec_To_v1_PodSpec: the deprecated name mirrors the other.
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _container(container: Object) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = default_pull_policy(container.get("image"))


_VOLUME_PLAIN = frozenset({"name"})


def _volume(volume: Object) -> None:
    # SetDefaults_Volume: no source is an emptyDir
    if not volume.keys() - _VOLUME_PLAIN:
        volume["emptyDir"] = {}
    image = volume.get("image")
    if isinstance(image, dict) and not image.get("pullPolicy"):
        image["pullPolicy"] = default_pull_policy(image.get("reference"))


def _service(spec: Object) -> None:
    kind = spec["type"]
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {})
        if not isinstance(config.get("clientIP"), dict):
            config["clientIP"] = {}
        fill(config["clientIP"], {"timeoutSeconds": 10800})
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or ():
        if isinstance(port, dict) and not port.get("targetPort") and port.get("port"):
            port["targetPort"] = port["port"]
    if kind in ("NodePort", "LoadBalancer"):
        fill(spec, {"externalTrafficPolicy": "Cluster"})
    if kind != "ExternalName":
        fill(spec, {"internalTrafficPolicy": "Cluster"})
    else:
        # registry/core/service/storage/storage.go, defaultOnReadInternalTrafficPolicy
        spec.pop("internalTrafficPolicy", None)
    if kind == "LoadBalancer":
        fill(spec, {"allocateLoadBalancerNodePorts": True})


def _deployment(spec: Object) -> None:
    strategy = spec.setdefault("strategy", {})
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(strategy, {"rollingUpdate": {}})
        fill(strategy["rollingUpdate"], {"maxUnavailable": "25%", "maxSurge": "25%"})


def _daemon_set(spec: Object) -> None:
    strategy = spec.setdefault("updateStrategy", {})
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(strategy, {"rollingUpdate": {}})
        fill(strategy["rollingUpdate"], {"maxUnavailable": 1, "maxSurge": 0})


def _stateful_set(spec: Object) -> None:
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        fill(strategy, {"rollingUpdate": {}})
    if isinstance(strategy.get("rollingUpdate"), dict):
        fill(strategy["rollingUpdate"], {"partition": 0})
        if strategy["rollingUpdate"].get("maxUnavailable") == 1:
            # The default where a version has the field, so it says nothing.
            del strategy["rollingUpdate"]["maxUnavailable"]
    fill(spec, {"persistentVolumeClaimRetentionPolicy": {}})
    fill(spec["persistentVolumeClaimRetentionPolicy"], {"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in spec.get("volumeClaimTemplates") or ():
        if isinstance(claim, dict):
            claim["apiVersion"], claim["kind"] = "v1", "PersistentVolumeClaim"
            claim["status"] = {"phase": "Pending"}


def _job(job: Object) -> None:
    spec = job.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    limit = 2**31 - 1 if spec.get("backoffLimitPerIndex") is not None else 6
    policy = "Failed" if spec.get("podFailurePolicy") is not None else "TerminatingOrFailed"
    fill(spec, {
        "parallelism": 1, "backoffLimit": limit, "completionMode": "NonIndexed", "suspend": False,
        "podReplacementPolicy": policy, "manualSelector": False,
    })  # fmt: skip
    _labels_from_template(job)


def _pod_condition(pattern: Object) -> None:
    # batch/v1/defaults.go, SetDefaults_PodFailurePolicyOnPodConditionsPattern
    if not pattern.get("status"):
        pattern["status"] = "True"


def _labels_from_template(workload: Object) -> None:
    template = (workload.get("spec") or {}).get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if isinstance(labels, dict) and labels and not (workload.get("metadata") or {}).get("labels"):
        workload.setdefault("metadata", {})["labels"] = dict(labels)


def _replication_controller(controller: Object) -> None:
    spec = controller.setdefault("spec", {})
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels and not spec.get("selector"):
        spec["selector"] = dict(labels)
    _labels_from_template(controller)
    fill(spec, {"replicas": 1})


def _autoscaler(spec: Object) -> None:
    fill(spec, {"minReplicas": 1})
    if not spec.get("metrics"):
        resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        spec["metrics"] = [{"type": "Resource", "resource": resource}]
    behavior = spec.get("behavior")
    if isinstance(behavior, dict):
        for direction, rules in _SCALE_RULES.items():
            fill(behavior, {direction: {}})
            present = behavior[direction]
            # An empty list of policies that was written is kept, and then refused.
            fill(present, {key: value for key, value in rules.items() if present.get(key) != []})


def _network_policy(spec: Object) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _subject(subject: Object) -> None:
    if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
        subject["apiGroup"] = "rbac.authorization.k8s.io"


def _role_reference(reference: Object) -> None:
    # rbac/v1/defaults.go, SetDefaults_RoleBinding: no group and an empty one are the same.
    if not reference.get("apiGroup"):
        reference["apiGroup"] = "rbac.authorization.k8s.io"


def _service_account(account: Object) -> None:
    # registry/core/serviceaccount/strategy.go, cleanSecretReferences: names are kept, and nothing else.
    if isinstance(account.get("secrets"), list):
        account["secrets"] = [{"name": one["name"]} if "name" in one else {} for one in account["secrets"]]


def _claim(claim: Object) -> None:
    # pkg/api/persistentvolumeclaim/util.go, EnforceDataSourceBackwardsCompatibility, NormalizeDataSources
    spec = claim.get("spec") or {}
    source = spec.get("dataSource")
    # The templates of a StatefulSet, which have a status by now, stay as they are.
    if isinstance(source, dict) and "status" not in claim:
        known = ("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")
        if (source.get("apiGroup") or "", source.get("kind")) not in known:
            del spec["dataSource"]
        elif spec.get("dataSourceRef") is None:
            spec["dataSourceRef"] = copied(source)


def _csi_driver(spec: Object) -> None:
    # storage/v1/defaults.go: false is the default where a version has the field, so it says nothing.
    if spec.get("preventPodSchedulingIfMissing") is False:
        del spec["preventPodSchedulingIfMissing"]


def _limit_range_item(item: Object) -> None:
    # SetDefaults_LimitRangeItem: containers only
    if item.get("type") == "Container":
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        item.update({key: value for key, value in (("default", limits), ("defaultRequest", requests)) if value})


def _definition(spec: Object) -> None:
    # apiextensions/v1/defaults.go, SetDefaults_CustomResourceDefinitionSpec
    names = spec.setdefault("names", {})
    kind = names.get("kind")
    if isinstance(kind, str):
        fill(names, {"singular": kind.lower(), "listKind": f"{kind}List"})
    fill(spec, {"conversion": {}})
    fill(spec["conversion"], {"strategy": "None"})


def _pod(pod: Object) -> None:
    # SetDefaults_Pod: for Pods themselves, not for templates
    spec = pod.setdefault("spec", {})
    fill(spec, {"enableServiceLinks": True})
    if not spec.get("priorityClassName"):
        # plugin/pkg/admission/priority: where no class is the default one
        fill(spec, {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"})
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        resources = container.get("resources") if isinstance(container, dict) else None
        limits = resources.get("limits") if isinstance(resources, dict) else None
        if isinstance(limits, dict) and isinstance(resources, dict):
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
        if spec.get("hostNetwork") is True and isinstance(container, dict):
            for port in container.get("ports") or ():
                fill(port, {"hostPort": port.get("containerPort")})


def _namespace(namespace: Object) -> None:
    metadata = namespace.setdefault("metadata", {})
    labels = metadata.get("labels") or {}
    metadata["labels"] = {**labels, "kubernetes.io/metadata.name": metadata.get("name")}
    fill(namespace.setdefault("spec", {}), {"finalizers": ["kubernetes"]})


def _admission_policy(spec: Object) -> None:
    fill(spec, {"matchConstraints": {}})


DEPENDENT: Mapping[str, Callable[[Object], None]] = {
    ADMISSION + "ValidatingAdmissionPolicySpec": _admission_policy,
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": _definition,
    APPS + "DaemonSetSpec": _daemon_set,
    APPS + "DeploymentSpec": _deployment,
    APPS + "StatefulSetSpec": _stateful_set,
    AUTOSCALING + "HorizontalPodAutoscalerSpec": _autoscaler,
    BATCH + "Job": _job,
    BATCH + "PodFailurePolicyOnPodConditionsPattern": _pod_condition,
    CORE + "Container": _container,
    CORE + "EphemeralContainer": _container,
    CORE + "LimitRangeItem": _limit_range_item,
    CORE + "Namespace": _namespace,
    CORE + "Pod": _pod,
    CORE + "PersistentVolumeClaim": _claim,
    CORE + "PodSpec": _pod_spec,
    CORE + "ReplicationController": _replication_controller,
    CORE + "ServiceAccount": _service_account,
    CORE + "ServiceSpec": _service,
    CORE + "Volume": _volume,
    NETWORKING + "NetworkPolicySpec": _network_policy,
    STORAGE + "CSIDriverSpec": _csi_driver,
    RBAC + "RoleRef": _role_reference,
    RBAC + "Subject": _subject,
}
"""By Go type: defaults that depend on other fields; applied after those of `ALWAYS`."""


def apply_defaults(type_name: str, value: Object) -> None:
    """Fill in what the server would, for one value of a Go type, without its children."""
    fill(value, ALWAYS.get(type_name, {}))
    dependent = DEPENDENT.get(type_name)
    if dependent is not None:
        dependent(value)
