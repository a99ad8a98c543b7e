"""What the API server refuses whatever was there before, kind by kind, and what looks alike and passes."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.reconcile.create_workloads import schedule_problem
from tests.support.cluster import changed, create, reasons, service, thing, workload

POD = "spec.template.spec"
CRON = thing("batch/v1", "CronJob", spec={"schedule": "*/5 0-6 * * mon", "jobTemplate": {"spec": {"template": {"spec": {
    "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}}})  # fmt: skip
DISK = thing("v1", "PersistentVolume", spec={"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
                                             "hostPath": {"path": "/data"}})  # fmt: skip
TLS = thing("v1", "Secret", type="kubernetes.io/tls", data={"tls.crt": "MQ==", "tls.key": "MQ=="})
RULE = thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "ingress": [
    {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 1, "endPort": 9}]}]})  # fmt: skip
ROLE = thing(
    "rbac.authorization.k8s.io/v1", "Role", rules=[{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
)
CLASS = thing("scheduling.k8s.io/v1", "PriorityClass", value=5)
STORE = thing("storage.k8s.io/v1", "StorageClass", provisioner="a")
BOTH = {"matchLabels": {"app": "web"}}

INGRESS = thing(
    "networking.k8s.io/v1", "Ingress", spec={"defaultBackend": {"service": {"name": "a", "port": {"name": "b"}}}}
)
RUNTIME = thing(
    "node.k8s.io/v1", "RuntimeClass", handler="a", overhead={"podFixed": {"cpu": "250m", "example.com/gpu": 1}}
)
SCALER = thing("autoscaling/v2", "HorizontalPodAutoscaler", spec={
    "maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}})  # fmt: skip
OWN_KIND = {**thing("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "metadata": {"name": "foos.example.com"}, "spec": {
    "group": "example.com", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"metadata": {"type": "object"}, "spec": {"type": "object"}}}}}]}}  # fmt: skip
POLICY = thing("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", spec={
    "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
    "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "variables": [{"name": "a", "expression": "1"}],
    "validations": [{"expression": "variables.a == 1 && 'variables.c' != object.variables.d", "messageExpression": "params.data.text"},
                    {"expression": "[1].all(variables, variables.e == 1) // params"}]})  # fmt: skip
SCHEMA = "spec.versions.0.schema.openAPIV3Schema"

REFUSED: list[tuple[dict[str, Any], str, object, str]] = [
    (workload(), "metadata.name", "Web_1", 'metadata.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain'),
    (service(), "metadata.name", "a.b", 'metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label'),
    (thing("v1", "Namespace"), "metadata.name", "a.b", "a lowercase RFC 1123 label"),
    (ROLE, "metadata.name", "a/b", "may not contain '/'"),
    (workload(), "spec.minReadySeconds", -1, "must be greater than or equal to 0"),
    (workload(), "spec.progressDeadlineSeconds", 0, "must be greater than minReadySeconds"),
    (workload(), "spec.strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}, "may not be 0 when `maxSurge` is 0"),
    (workload("DaemonSet"), "spec.updateStrategy", {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}, "may not be set when maxUnavailable"),
    (workload("StatefulSet"), f"{POD}.activeDeadlineSeconds", 5, "activeDeadlineSeconds in StatefulSet is not Supported"),
    (CRON, "spec.schedule", "* * * *", "expected exactly 5 fields, found 4"),
    (CRON, "spec.schedule", "61 * * * *", "end of range (61) above maximum (59): 61"),
    (CRON, "spec.schedule", "TZ=UTC * * * * *", "cannot use TZ or CRON_TZ in schedule"),
    (CRON, "metadata.name", "a" * 53, "must be no more than 52 characters"),
    (CRON, "spec.jobTemplate.spec.completionMode", "Indexed", "when completion mode is Indexed"),
    (CRON, "spec.jobTemplate.spec.manualSelector", True, "Unsupported value: true"),
    (workload(), f"{POD}.initContainers", [{"name": "web", "image": "a"}], 'Duplicate value: "web"'),
    (workload(), f"{POD}.initContainers", [{"name": "a", "image": "a", "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}],
     "may not be set for init containers without restartPolicy=Always"),
    (workload(), f"{POD}.containers.0.ports", [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}], 'Duplicate value: "a"'),
    (workload(), f"{POD}.containers.0.livenessProbe", {"tcpSocket": {"port": 1}, "successThreshold": 2}, "must be 1"),
    (workload(), f"{POD}.containers.0.securityContext", {"privileged": True, "allowPrivilegeEscalation": False}, "cannot set"),
    (workload(), f"{POD}.containers.0.securityContext", {"runAsUser": -1}, "must be between 0 and 2147483647, inclusive"),
    (workload(), f"{POD}.containers.0.resources", {"requests": {"nvidia.com/gpu": 1}}, "Limit must be set for non overcommitable"),
    (workload(), f"{POD}.containers.0.resources", {"limits": {"cpu": "-1"}}, "must be greater than or equal to 0"),
    (workload(), f"{POD}.containers.0.envFrom", [{"prefix": "A"}], "must specify one of: `configMapRef` or `secretRef`"),
    (workload(), f"{POD}.containers.0.env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}}], "field label not supported"),
    (workload(), f"{POD}.tolerations", [{"operator": "Exists", "value": "a"}], "value must be empty when `operator` is 'Exists'"),
    (workload(), f"{POD}.topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}], "must be greater than 0"),
    (workload(), f"{POD}.dnsPolicy", "None", "must provide `dnsConfig` when `dnsPolicy` is None"),
    (workload(), f"{POD}.volumes", [{"name": "a", "hostPath": {"path": "/a/../b"}}], "must not contain '..'"),
    (workload(), f"{POD}.volumes", [{"name": "a", "secret": {"secretName": "a", "defaultMode": 755}}], "between 0 and 0777"),
    (service({"port": 1, "name": "a"}, {"port": 1, "name": "b", "protocol": "UDP"}), "spec.ports.1.protocol", "TCP", "duplicate entries"),
    (service(), "spec.ports.0.nodePort", 30_001, "may not be used when `type` is 'ClusterIP'"),
    (service({"port": 1, "nodePort": 80}), "spec.type", "NodePort", "provided port is not in the valid range"),
    (service(clusterIP="None"), "spec.type", "LoadBalancer", "may not be set to 'None' for LoadBalancer services"),
    (service(), "spec.externalTrafficPolicy", "Local", "may only be set for externally-accessible services"),
    (service(), "spec.loadBalancerClass", "a/b", "may only be used when `type` is 'LoadBalancer'"),
    (thing("v1", "ConfigMap"), "data", {"a b": "1"}, "a valid config key must consist of"),
    (TLS, "data", {"tls.crt": "MQ=="}, "data[tls.key]: Required value"),
    (DISK, "spec.hostPath", None, "must specify a volume type"),
    (DISK, "spec.capacity", None, "spec.capacity: Required value"),
    (DISK, "spec.accessModes", ["ReadWriteOncePod", "ReadOnlyMany"], "may not use ReadWriteOncePod with other access modes"),
    (RULE, "spec.ingress.0.ports.0.endPort", 0, "must be between 1 and 65535, inclusive"),
    (RULE, "spec.ingress.0.from.0.ipBlock.except", ["11.0.0.0/8"], "must be a strict subset of `cidr`"),
    (RULE, "spec.ingress.0.from.0.ipBlock.cidr", "10.0.0.0", "must be a valid CIDR value"),
    (ROLE, "rules.0.nonResourceURLs", ["/a"], "namespaced rules cannot apply to non-resource URLs"),
    (CLASS, "value", 2_000_000_000, "maximum allowed value of a user defined priority is 1000000000"),
    (CLASS, "metadata.name", "system-mine", "reserved for system use only"),
    (STORE, "reclaimPolicy", "Recycle", 'Unsupported value: "Recycle": supported values: "Delete", "Retain"'),
    (thing("policy/v1", "PodDisruptionBudget", spec={"selector": BOTH}), "spec.minAvailable", "101%", "must not be greater than 100%"),
    (workload(), f"{POD}.containers.0.ports", [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}], 'Duplicate value: "TCP//9"'),
    (workload(), f"{POD}.os", {"name": "beos"}, f'{POD}.os: Unsupported value: "beos"'),
    (workload(), f"{POD}.securityContext", {"seLinuxChangePolicy": "Never"}, f"{POD}.securityContext.seLinuxChangePolicy"),
    (workload(), f"{POD}.volumes", [{"name": "a", "azureDisk": {"diskName": "a", "diskURI": "b"}, "persistentVolumeClaim": {"claimName": "a"}}],
     f"{POD}.volumes[0].azureDisk: Forbidden: may not specify more than 1 volume type"),
    (RULE, "spec.policyTypes", ["Ingress", "Outgress"], "spec.policyTypes[1]: Unsupported value"),
    (POLICY, "spec.variables.0.name", "b", "spec.validations[0].expression: Invalid value"),
    (POLICY, "spec.variables", None, "undefined field 'a'"),
    (POLICY, "spec.variables", [{"name": "b", "expression": "variables.a"}, {"name": "a", "expression": "1"}], "spec.variables[0].expression"),
    (POLICY, "spec.matchConditions", [{"name": "a", "expression": "variables.a == 1"}], "spec.matchConditions[0].expression"),
    (POLICY, "spec.paramKind", None, "undeclared reference to 'params'"),
    (DISK, "spec.volumeAttributesClassName", "fast", "has to be specified when using volumeAttributesClassName"),
    (INGRESS, "spec.defaultBackend.service.port.name", "longer-than-15-characters", "must be no more than 15 characters"),
    (INGRESS, "spec.defaultBackend.service.port", {"name": "a", "number": 1}, "cannot set both port name & port number"),
    (RUNTIME, "overhead.podFixed.disk", "1", "overhead.limits[disk]: Invalid value"),
    (RUNTIME, "overhead.podFixed", {"example.com/gpu": "10m"}, "must be an integer"),
    (SCALER, "spec.behavior", {"scaleUp": {"tolerance": "-1"}}, "must be greater than or equal to 0"),
    (OWN_KIND, f"{SCHEMA}.properties.metadata", {"type": "object", "minProperties": 1}, "metadata is implicitly specified"),
    (OWN_KIND, f"{SCHEMA}.properties.spec.$schema", "x", "OpenAPIV3Schema 'schema' is not supported"),
    (OWN_KIND, f"{SCHEMA}.properties.spec.additionalProperties", {"properties": {"a": "word"}}, "json: cannot unmarshal"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "value", "reason"), REFUSED)
def test_an_object_that_the_server_refuses(base: dict, path: str, value: object, reason: str) -> None:
    said = reasons(create(changed(base, path, value)))
    assert any(reason in text for text in said), said


@pytest.mark.parametrize("good", [CRON, DISK, TLS, RULE, ROLE, CLASS, STORE, INGRESS, RUNTIME, SCALER, OWN_KIND, POLICY, service(), workload(),
                                  changed(ROLE, "metadata.name", "system:a:b"), service(clusterIP="None")])  # fmt: skip
def test_an_object_that_the_server_takes(good: dict) -> None:
    assert reasons(create(good)) == []


@pytest.mark.parametrize(
    "text", ["@daily", "@every 1h30m", "0 0 1 jan ?", "1,2-5/2,*/3 * 1-31 * SUN-sat", "5/15 * * * *"]
)
def test_a_schedule_that_cron_takes(text: str) -> None:
    assert schedule_problem(text) == ""


@pytest.mark.parametrize(
    "text", ["", "@never", "@every x", "* * * * 7", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "a * * * *"]
)
def test_a_schedule_that_cron_refuses(text: str) -> None:
    assert schedule_problem(text)
