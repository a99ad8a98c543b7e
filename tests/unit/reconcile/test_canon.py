"""What the API server stores of what it is sent."""

from __future__ import annotations

import pytest

from gitgate.reconcile.canon import canonical
from gitgate.reconcile.changes import changed_paths
from tests.support.cluster import changed, node, service, thing, workload


def stored(data):
    return canonical(node(data), data)


def schema(of_spec):
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": of_spec}}}}  # fmt: skip
    names = {"kind": "Foo", "plural": "foos"}
    spec = {"group": "ex.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec=spec)


POD = thing("v1", "Pod", spec={"containers": [{"name": "a", "image": "a:1"}]})
CLAIM = thing("v1", "PersistentVolumeClaim", spec={})

SAME = [
    ("a Deployment's default replicas", workload(), workload(replicas=1)),
    ("the default strategy", workload(), workload(strategy={"type": "RollingUpdate"})),
    ("the default strategy in full", workload(),
     workload(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})),
    ("a respelled quantity", workload(container={"resources": {"limits": {"cpu": "1000m"}}}),
     workload(container={"resources": {"limits": {"cpu": 1}}})),
    ("false where Go has no pointer", workload(), workload(pod={"hostNetwork": False})),
    ("an empty list", workload(), workload(container={"args": []})),
    ("an empty environment value", workload(container={"env": [{"name": "A"}]}),
     workload(container={"env": [{"name": "A", "value": ""}]})),
    ("a null", workload(), workload(replicas=None)),
    ("the protocol of a port", service({"port": 80}), service({"port": 80, "protocol": "TCP", "targetPort": 80})),
    ("a service account by its old name", workload(pod={"serviceAccount": "x"}),
     workload(pod={"serviceAccountName": "x"})),
    ("a volume without a source", workload(pod={"volumes": [{"name": "v"}]}),
     workload(pod={"volumes": [{"name": "v", "emptyDir": {}}]})),
    ("the pull policy of a tagged image", workload(), workload(container={"imagePullPolicy": "IfNotPresent"})),
    ("the pull policy of latest", workload(container={"image": "web"}),
     workload(container={"image": "web", "imagePullPolicy": "Always"})),
    ("plain text in a Secret", thing("v1", "Secret", stringData={"a": "1"}), thing("v1", "Secret", data={"a": "MQ=="})),
    ("a probe's defaults", workload(container={"livenessProbe": {"tcpSocket": {"port": 1}}}),
     workload(container={"livenessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 10, "failureThreshold": 3}})),
    ("how long a Pod stays on a failing node", POD, {**POD, "spec": {**POD["spec"], "tolerations": [
        {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for state in ("not-ready", "unreachable")]}}),
    ("a finalizer that the server sets itself", CLAIM,
     {**CLAIM, "metadata": {**CLAIM["metadata"], "finalizers": ["kubernetes.io/pvc-protection"]}}),
    ("what no schema has, in a schema below items", schema({"type": "array", "items": {"type": "string"}}),
     schema({"type": "array", "items": {"type": "string", "description": "", "new": 1}})),
    ("policy types of a NetworkPolicy", thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
     thing("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "policyTypes": ["Ingress"]})),
]  # fmt: skip


@pytest.mark.parametrize(("what", "one", "other"), SAME, ids=[row[0] for row in SAME])
def test_two_spellings_of_the_same_object(what: str, one: dict, other: dict) -> None:
    assert stored(one) == stored(other)


DIFFERENT = [
    ("zero replicas", workload(), workload(replicas=0)),
    ("a pointer's false", workload(), workload(pod={"automountServiceAccountToken": False})),
    ("the order of the environment", workload(container={"env": [{"name": "A"}, {"name": "B"}]}),
     workload(container={"env": [{"name": "B"}, {"name": "A"}]})),
    ("another family of quantity", workload(container={"resources": {"limits": {"memory": "1Ki"}}}),
     workload(container={"resources": {"limits": {"memory": 1024}}})),
    ("a string port", service({"port": 80, "targetPort": "http"}), service({"port": 80})),
]  # fmt: skip


@pytest.mark.parametrize(("what", "one", "other"), DIFFERENT, ids=[row[0] for row in DIFFERENT])
def test_two_spellings_that_are_not_the_same(what: str, one: dict, other: dict) -> None:
    assert stored(one) != stored(other)


def test_status_and_what_only_the_server_writes_is_left_out() -> None:
    sent = changed(changed(workload(), "status.replicas", 3), "metadata.uid", "x")
    assert stored(sent) == stored(workload())


def test_nothing_that_was_sent_is_modified() -> None:
    sent = workload(container={"resources": {"limits": {"cpu": "1000m"}}})
    stored(sent)
    assert sent == workload(container={"resources": {"limits": {"cpu": "1000m"}}})


@pytest.mark.parametrize("value", ["text", 7, [], [None], {"x": None}, True])
@pytest.mark.parametrize("field", ["metadata", "spec", "spec.template", "spec.template.spec", "spec.strategy"])
def test_a_field_of_the_wrong_type_crashes_nothing(field: str, value: object) -> None:
    stored(changed(workload(), field, value))


def test_true_is_not_one() -> None:
    assert changed_paths({"a": True}, {"a": 1}) == {("a",)}
