"""What may change and what may not, kind by kind: the offline rules against what real API servers make of each change."""

from __future__ import annotations

from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.outcomes import comparable, happened, predicted
from tests.agreement.pairs import Pair, anywhere
from tests.agreement.server import Server
from tests.support.cluster import changed, service, thing, workload
from tests.support.control_plane import needs_server, server_binaries

JOB = thing("batch/v1", "Job", spec={"template": {"spec": {
    "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
INDEXED = changed(JOB, "spec", {**JOB["spec"], "completionMode": "Indexed", "completions": 2, "parallelism": 2})
STATEFUL = workload("StatefulSet", serviceName="web", volumeClaimTemplates=[
    {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                            "resources": {"requests": {"storage": "1Gi"}}}}])  # fmt: skip
CLAIM = thing("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "a",
                                                   "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}
BINDING = thing("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=ROLE)
CLASS = thing("storage.k8s.io/v1", "StorageClass", provisioner="a", parameters={"x": "y"})
FROZEN = thing("v1", "ConfigMap", data={"a": "1"}, immutable=True)
SECRET = thing("v1", "Secret", data={"a": "MQ=="})
BALANCER = service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=31999)
BUDGET = thing("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}})
INGRESS = thing("networking.k8s.io/v1", "Ingress", spec={
    "ingressClassName": "a", "defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}})  # fmt: skip
NETWORK = thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress"]})
PRIORITY = thing("scheduling.k8s.io/v1", "PriorityClass", value=5)
QUOTA = thing("v1", "ResourceQuota", spec={"hard": {"pods": "1"}, "scopes": ["Terminating"]})
RUNTIME = thing("node.k8s.io/v1", "RuntimeClass", handler="a")
SLICE = thing("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[])
INGRESS_CLASS = thing("networking.k8s.io/v1", "IngressClass", spec={"controller": "example.com/a"})
SCALER = thing("autoscaling/v2", "HorizontalPodAutoscaler", spec={
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "maxReplicas": 3})  # fmt: skip
VOLUME = thing("v1", "PersistentVolume", spec={
    "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "csi": {"driver": "a.b", "volumeHandle": "x"}})  # fmt: skip
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
DEFINITION = changed(thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={
    "group": "rules.example.com", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
    "versions": [VERSION],
}), "metadata.name", "foos.rules.example.com")  # fmt: skip
_SIZE = "spec.versions.0.schema.openAPIV3Schema.properties.spec.properties.size"
_HOOK = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {
    "service": {"name": "a", "namespace": "b"}}}}  # fmt: skip

CASES = [
    (DEFINITION, "spec.scope", "Cluster"),
    (DEFINITION, "spec.names.kind", "Bar"),
    (DEFINITION, "spec.names.shortNames", ["f"]),
    (DEFINITION, "spec.names.shortNames", ["F"]),
    (DEFINITION, "spec.names.singular", "other"),
    (DEFINITION, "spec.names.listKind", "Foo"),
    (DEFINITION, "spec.versions", [{**VERSION, "name": "v2"}]),
    (DEFINITION, "spec.versions", [{**VERSION, "storage": False}, {**VERSION, "name": "v2"}]),
    (DEFINITION, "spec.versions.0.served", False),
    (DEFINITION, "spec.versions.0.storage", False),
    (DEFINITION, "spec.versions.0.additionalPrinterColumns", [{"name": "A", "type": "text", "jsonPath": ".a"}]),
    (DEFINITION, "spec.versions.0.subresources", {"status": {}}),
    (DEFINITION, "spec.versions.0.subresources", {"scale": {"specReplicasPath": ".size", "statusReplicasPath": ".status.a"}}),
    (DEFINITION, "spec.conversion", _HOOK),
    (DEFINITION, "spec.conversion", {"strategy": "Webhook"}),
    (DEFINITION, "spec.conversion", {"strategy": "Other"}),
    (DEFINITION, "spec.conversion", {**_HOOK, "strategy": "None"}),
    (DEFINITION, "spec.preserveUnknownFields", False),
    (DEFINITION, f"{_SIZE}.type", "string"),
    (DEFINITION, f"{_SIZE}.type", "int"),
    (DEFINITION, f"{_SIZE}.type", None),
    (DEFINITION, f"{_SIZE}.default", "one"),
    (DEFINITION, f"{_SIZE}.default", 1),
    (DEFINITION, f"{_SIZE}.nullable", True),
    (DEFINITION, _SIZE, {"type": "array"}),
    (DEFINITION, _SIZE, {"type": "array", "items": {}}),
    (DEFINITION, _SIZE, {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    (DEFINITION, _SIZE, {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
    (DEFINITION, _SIZE, {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
    (DEFINITION, _SIZE, {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
                         "items": {"type": "object", "properties": {"a": {"type": "string"}}}}),
    (DEFINITION, _SIZE, {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
                         "items": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}}),
    (DEFINITION, _SIZE, {"type": "object", "additionalProperties": {"type": "string"}}),
    (DEFINITION, _SIZE, {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}}),
    (DEFINITION, _SIZE, {"x-kubernetes-int-or-string": True}),
    (DEFINITION, _SIZE, {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (DEFINITION, _SIZE, {"type": "string", "anyOf": [{"type": "string"}]}),
    (DEFINITION, _SIZE, {"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "^b"}]}),
    (DEFINITION, _SIZE, {"type": "string", "pattern": "a("}),
    (DEFINITION, _SIZE, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    (DEFINITION, _SIZE, {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                         "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}),
    (DEFINITION, _SIZE, {"type": "object", "anyOf": [{"properties": {"a": {"minLength": 1}}}]}),
    (BALANCER, "spec.healthCheckNodePort", 31998),
    (BALANCER, "spec.externalTrafficPolicy", "Cluster"),
    (BALANCER, "spec.loadBalancerClass", "example.com/a"),
    (BALANCER, "spec.type", "ClusterIP"),
    (service(ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack"), "spec.ipFamilies", ["IPv6"]),
    (service(ipFamilies=["IPv4"]), "spec.ipFamilyPolicy", "PreferDualStack"),
    (service(), "spec.clusterIP", "None"),
    (service(clusterIP="None"), "spec.clusterIP", None),
    (service(clusterIP="None"), "spec.type", "NodePort"),
    (service(), "spec.sessionAffinity", "ClientIP"),
    (service(type="ExternalName", externalName="a.b"), "spec.externalName", "c.d"),
    (JOB, "spec.completions", 3),
    (JOB, "spec.parallelism", 3),
    (JOB, "spec.backoffLimit", 3),
    (JOB, "spec.suspend", True),
    (JOB, "spec.ttlSecondsAfterFinished", 3),
    (JOB, "spec.template.spec.containers.0.image", "a:2"),
    (JOB, "spec.template.metadata", {"labels": {"a": "b"}}),
    (JOB, "spec.podReplacementPolicy", "Failed"),
    (INDEXED, "spec.completions", 3),
    (INDEXED, "spec.completionMode", "NonIndexed"),
    (INDEXED, "spec.successPolicy", {"rules": [{"succeededCount": 1}]}),
    (STATEFUL, "spec.serviceName", "other"),
    (STATEFUL, "spec.podManagementPolicy", "Parallel"),
    (STATEFUL, "spec.replicas", 4),
    (STATEFUL, "spec.revisionHistoryLimit", 4),
    (STATEFUL, "spec.minReadySeconds", 4),
    (STATEFUL, "spec.ordinals", {"start": 1}),
    (STATEFUL, "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "2Gi"),
    (CLAIM, "spec.resources.requests.storage", "1Mi"),
    (CLAIM, "spec.storageClassName", "b"),
    (CLAIM, "spec.volumeMode", "Block"),
    (CLAIM, "spec.accessModes", ["ReadOnlyMany"]),
    (CLAIM, "metadata.labels", {"a": "b"}),
    (VOLUME, "spec.csi.volumeHandle", "y"),
    (VOLUME, "spec.capacity.storage", "2Gi"),
    (VOLUME, "spec.persistentVolumeReclaimPolicy", "Delete"),
    (FROZEN, "data.a", "2"),
    (FROZEN, "immutable", False),
    (FROZEN, "metadata.labels", {"a": "b"}),
    (SECRET, "type", "example.com/a"),
    (SECRET, "immutable", True),
    (BINDING, "roleRef.name", "b"),
    (BINDING, "subjects", [{"kind": "ServiceAccount", "name": "a", "namespace": "b"}]),
    (BINDING, "subjects", [{"kind": "ServiceAccount", "name": "A_", "namespace": "b"}]),
    (CLASS, "parameters.x", "z"),
    (CLASS, "provisioner", "b"),
    (CLASS, "reclaimPolicy", "Retain"),
    (CLASS, "volumeBindingMode", "WaitForFirstConsumer"),
    (CLASS, "allowVolumeExpansion", True),
    (CLASS, "mountOptions", ["a"]),
    (BUDGET, "spec.selector.matchLabels.a", "c"),
    (BUDGET, "spec.minAvailable", "50%"),
    (BUDGET, "spec.maxUnavailable", 1),
    (INGRESS, "spec.ingressClassName", "b"),
    (INGRESS, "spec.ingressClassName", "B_"),
    (INGRESS, "spec.tls", [{"hosts": ["*.a.b", "a*.b"]}]),
    (NETWORK, "spec.podSelector", {"matchLabels": {"a": "b"}}),
    (NETWORK, "spec.policyTypes", ["Egress"]),
    (PRIORITY, "value", 6),
    (PRIORITY, "preemptionPolicy", "Never"),
    (PRIORITY, "description", "a"),
    (QUOTA, "spec.scopes", ["NotTerminating"]),
    (QUOTA, "spec.hard.pods", "2"),
    (RUNTIME, "handler", "b"),
    (SLICE, "addressType", "IPv6"),
    (INGRESS_CLASS, "spec.controller", "example.com/b"),
    (SCALER, "spec.scaleTargetRef.name", "b"),
    (SCALER, "spec.minReplicas", 4),
    (SCALER, "spec.metrics", [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]),
    (workload(), "spec.selector.matchLabels.x", "y"),
    (workload(), "spec.strategy", {"type": "Recreate"}),
    (workload("DaemonSet"), "spec.selector.matchLabels.x", "y"),
    (workload("DaemonSet"), "spec.updateStrategy", {"type": "OnDelete"}),
]  # fmt: skip


@needs_server
def test_each_change_comes_out_as_foretold(minor: str) -> None:
    wrong = []
    with ControlPlane(server_binaries()[minor]) as plane:
        server = Server(plane.client)
        server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rules"}}, "")
        for number, (base, path, value) in enumerate(CASES):
            pair = Pair(anywhere(base), anywhere(changed(base, path, value)), str(number), path)
            was = happened(pair, server, "rules", minor)
            said = comparable(predicted(pair, minor), was)
            said_field = said.field if was.field else ""
            if (was.verdict, was.field) != (said.verdict, said_field):
                wrong.append((base["kind"], path, value, was.verdict, was.message[:300], said.verdict, said.field))
    assert not wrong, "\n".join(map(str, wrong))
