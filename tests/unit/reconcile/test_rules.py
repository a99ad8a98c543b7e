"""What the API server refuses, in its words: a table of changes that fail, and one of changes that look alike and pass."""

from __future__ import annotations

import pytest

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.outcome import predict_update
from gitgate.reconcile.tables import kubernetes_tables
from tests.support.cluster import changed, create, reasons, service, thing, update, workload

STATEFUL = workload("StatefulSet", serviceName="web", volumeClaimTemplates=[
    {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                            "resources": {"requests": {"storage": "1Gi"}}}}])  # fmt: skip
CLAIM = thing("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "a",
                                                   "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
JOB = thing("batch/v1", "Job", spec={"template": {"spec": {
    "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
BINDING = thing("rbac.authorization.k8s.io/v1", "RoleBinding",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"})  # fmt: skip
SECRET = thing("v1", "Secret", data={"a": "MQ=="})
FROZEN = thing("v1", "ConfigMap", data={"a": "1"}, immutable=True)
CLASS = thing("storage.k8s.io/v1", "StorageClass", provisioner="a", parameters={"x": "y"})
DEFINITION = changed(thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={
    "group": "ex.io", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
}), "metadata.name", "foos.ex.io")  # fmt: skip

REFUSED = [
    (workload(), "spec.selector.matchLabels.x", "y", "spec.template.metadata.labels: Invalid value"),
    (workload("DaemonSet"), "spec.selector.matchLabels.x", "y", "spec.selector: Invalid value"),
    (STATEFUL, "spec.serviceName", "other", "spec: Forbidden: updates to statefulset spec for fields other than"),
    (STATEFUL, "spec.podManagementPolicy", "Parallel", "spec: Forbidden: updates to statefulset spec"),
    (STATEFUL, "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "2Gi", "spec: Forbidden: updates"),
    (STATEFUL, "spec.volumeClaimTemplates.0.metadata.labels", {"a": "b"}, "spec: Forbidden: updates"),
    (CLAIM, "spec.resources.requests.storage", "1Mi", "spec: Forbidden: spec is immutable after creation"),
    (CLAIM, "spec.storageClassName", "b", "spec: Forbidden: spec is immutable after creation"),
    (CLAIM, "spec.accessModes", ["ReadWriteMany"], "spec: Forbidden: spec is immutable after creation"),
    (JOB, "spec.template.spec.containers.0.image", "a:2", "spec.template: Invalid value"),
    (JOB, "spec.completions", 3, "spec.completions: Invalid value: 3: field is immutable"),
    (JOB, "spec.completionMode", "Indexed", "spec.completionMode: Invalid value"),
    (BINDING, "roleRef.name", "b", "roleRef: Invalid value"),
    (SECRET, "type", "foo/bar", 'type: Invalid value: "foo/bar": field is immutable'),
    (FROZEN, "data.a", "2", "data: Forbidden: field is immutable when `immutable` is set"),
    (FROZEN, "immutable", None, "immutable: Forbidden: field is immutable when `immutable` is set"),
    (CLASS, "parameters.x", "z", "parameters: Invalid value"),
    (CLASS, "provisioner", "b", 'provisioner: Invalid value: "b": field is immutable'),
    (DEFINITION, "spec.scope", "Cluster", 'spec.scope: Invalid value: "Cluster": field is immutable'),
    (DEFINITION, "spec.names.kind", "Bar", "spec.names.kind: Invalid value"),
    (DEFINITION, "spec.versions.0.name", "v2", 'status.storedVersions[0]: Invalid value: "v1": missing from'),
    (service(clusterIP="10.0.0.1"), "spec.clusterIP", "10.0.0.2", "spec.clusterIPs[0]: Invalid value"),
    (service(), "spec.ports", [{"port": 80}, {"port": 81}], "spec.ports[0].name: Required value"),
    (service(), "spec.ports.0.port", 70000, "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535"),
    (service(), "spec.type", "ClusterIPx", 'spec.type: Unsupported value: "ClusterIPx": supported values: "ClusterIP"'),
    (workload(), "spec.template.spec.containers.0.imagePullPolicy", "Allways", "Unsupported value"),
    (workload(), "spec.template.spec.containers.0.image", None, "spec.template.spec.containers[0].image: Required"),
    (workload(), "spec.template.spec.containers.0.livenessProbe", {}, "must specify a handler type"),
    (workload(), "spec.template.spec.containers.0.volumeMounts", [{"name": "x", "mountPath": "/x"}],
     'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "x"'),
    (workload(), "spec.template.spec.containers.0.resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}},
     "must be less than or equal to cpu limit"),
    (workload(), "spec.template.spec.containers.0.resources", {"limits": {"memory": "1GB"}}, "quantities must match"),
    (workload(), "spec.template.spec.containers.0.env", [{"name": "A", "value": True}], "expected string, got"),
    (workload(), "spec.replicas", "3", ".spec.replicas: expected numeric (int or float), got string"),
    (workload(), "metadata.annotations", {"a": "x" * 262_144}, "metadata.annotations: Too long"),
    (workload(), "metadata.labels", {"a": "no spaces"}, 'metadata.labels: Invalid value: "no spaces"'),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "value", "reason"), REFUSED)
def test_a_change_that_the_server_refuses(base: dict, path: str, value: object, reason: str) -> None:
    assert not update(base, base).failures
    said = reasons(update(base, changed(base, path, value)))
    assert any(reason in text for text in said), said


ACCEPTED = [
    (workload(), "spec.template.spec.containers.0.image", "web:2"),
    (workload(), "spec.strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}),
    (STATEFUL, "spec.replicas", 3),
    (STATEFUL, "spec.minReadySeconds", 5),
    (STATEFUL, "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "1024Mi"),
    (STATEFUL, "spec.volumeClaimTemplates.0.spec.volumeMode", "Filesystem"),
    (STATEFUL, "spec.revisionHistoryLimit", 5),
    (CLAIM, "spec.resources.requests.storage", "2Gi"),
    (JOB, "spec.backoffLimit", 2),
    (changed(JOB, "spec.completions", 1), "spec.parallelism", 2),
    (SECRET, "data.a", "Mg=="),
    (CLASS, "allowVolumeExpansion", True),
    (DEFINITION, "spec.names.shortNames", ["f"]),
    (service(), "spec.type", "NodePort"),
    (service(), "spec.ports.0.port", 8080),
    (BINDING, "subjects", [{"kind": "User", "name": "me"}]),
]


@pytest.mark.parametrize(("base", "path", "value"), ACCEPTED)
def test_a_change_that_the_server_takes(base: dict, path: str, value: object) -> None:
    for method in ApplyMethod:
        assert reasons(update(base, changed(base, path, value), method)) == []


def test_what_a_stateful_set_may_change_depends_on_the_version() -> None:
    head = changed(STATEFUL, "spec.revisionHistoryLimit", 5)
    assert update(STATEFUL, head, version="1.32").failures
    assert not update(STATEFUL, head, version="1.33").failures


@pytest.mark.parametrize("value", ["text", 7, [7], [None], {"x": None}, True, [[]]])
@pytest.mark.parametrize("base", [workload(), service(), CLAIM, JOB, BINDING, DEFINITION])
def test_nothing_that_an_object_holds_crashes_a_rule(base: dict, value: object) -> None:
    for field in [key for key in base if key not in ("apiVersion", "kind")]:
        create(changed(base, field, value))
        update(base, changed(base, field, value))
        if isinstance(base[field], dict):
            for inner in base[field]:
                update(base, changed(base, f"{field}.{inner}", value))
                update(changed(base, f"{field}.{inner}", value), base)


def test_a_zone_in_a_schedule_stays_where_it_was_and_never_comes() -> None:
    pod = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}}
    old = thing("batch/v1", "CronJob", spec={"schedule": "TZ=UTC 0 3 * * *", "jobTemplate": pod})
    new = thing("batch/v1", "CronJob", spec={"schedule": "0 3 * * *", "jobTemplate": pod})
    assert not reasons(update(old, changed(old, "spec.suspend", True)))
    assert "cannot use TZ or CRON_TZ in schedule" in reasons(update(new, old))[0]
    assert "cannot use both timeZone field" in reasons(update(old, changed(old, "spec.timeZone", "Etc/UTC")))[0]


def outcome_of_an_emptied_source(version: str) -> list[str]:
    source = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    base = workload(container={"env": [source]})
    head = changed(base, "spec.template.spec.containers.0.env.0.valueFrom", {})
    return reasons(update(base, head, version=version))


@pytest.mark.parametrize(("version", "refused"), [("1.34", False), ("1.35", False), ("1.36", True), ("1.37", False)])
def test_a_map_goes_with_the_last_of_what_was_in_it_but_in_1_36(*, version: str, refused: bool) -> None:
    found = outcome_of_an_emptied_source(version)
    assert any("must specify one of" in reason for reason in found) is refused


@pytest.mark.parametrize(("version", "kept"), [("1.34", False), ("1.37", True)])
def test_a_field_of_a_feature_that_is_off_is_dropped(*, version: str, kept: bool) -> None:
    base = workload()
    node = kubernetes_tables(version).kind("apps/v1", "Deployment")
    assert node is not None
    head = changed(base, "spec.template.spec.hostnameOverride", "a")
    outcome = predict_update(node, base, head, version=version)
    assert (outcome.before != outcome.after) is kept
    assert not outcome.failures


def test_a_claim_gets_its_class_once() -> None:
    base = thing(
        "v1",
        "PersistentVolumeClaim",
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    )
    head = changed(base, "spec.storageClassName", "fast")
    assert not reasons(update(base, head))
    assert reasons(update(head, changed(base, "spec.storageClassName", "slow")))


@pytest.mark.parametrize(("version", "refused"), [("1.34", True), ("1.36", False)])
def test_a_suspended_job_may_change_its_resources_since_1_36(*, version: str, refused: bool) -> None:
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "a", "image": "a:1", "resources": {"requests": {"cpu": "1"}}}],
    }
    base = thing("batch/v1", "Job", spec={"suspend": True, "template": {"spec": pod}})
    head = changed(base, "spec.template.spec.containers.0.resources.requests.cpu", "2")
    assert bool(reasons(update(base, head, version=version))) is refused


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.36", "spec: Forbidden: updates to statefulset spec for fields other than"),
     ("1.37", 'spec.serviceName: Invalid value: "other": field is immutable')],
)  # fmt: skip
def test_newer_servers_name_the_field_of_a_stateful_set(version: str, expected: str) -> None:
    (said,) = reasons(update(STATEFUL, changed(STATEFUL, "spec.serviceName", "other"), version=version))
    assert said.startswith(expected)


def test_a_health_check_port_that_is_of_no_more_use_goes_by_itself() -> None:
    balancer = service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=31999)
    for path, value in (("spec.externalTrafficPolicy", "Cluster"), ("spec.type", "ClusterIP")):
        outcome = update(balancer, changed(balancer, path, value))
        assert outcome.failures == ()
        assert "healthCheckNodePort" not in outcome.after["spec"]
    other = changed(changed(balancer, "spec.externalTrafficPolicy", "Cluster"), "spec.healthCheckNodePort", 31998)
    assert reasons(update(balancer, other))


def test_a_secret_says_first_what_may_not_change() -> None:
    said = reasons(update(SECRET, changed(SECRET, "type", "kubernetes.io/tls")))
    assert said[0] == 'type: Invalid value: "kubernetes.io/tls": field is immutable'
    assert said[1] == "data[tls.crt]: Required value"


def test_a_class_moves_from_the_annotation_to_the_field_and_no_further() -> None:
    # API servers say so of claims with the older annotation, 1.37.
    annotated = {"name": "web", "annotations": {"volume.beta.kubernetes.io/storage-class": "a"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    base = {**thing("v1", "PersistentVolumeClaim", spec=spec), "metadata": annotated}
    place = "metadata.annotations.volume.beta.kubernetes.io/storage-class"
    for class_name, refused in (("a", []), ("b", ["spec: Forbidden"]), (None, [place])):
        head = thing(
            "v1", "PersistentVolumeClaim", spec=spec | ({"storageClassName": class_name} if class_name else {})
        )
        head["metadata"] = {"name": "web"}
        assert [
            text.split(": Invalid")[0][: len(refused[0]) if refused else 0] for text in reasons(update(base, head))
        ][:1] == refused


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort"])
def test_a_service_that_is_no_load_balancer_any_more_loses_what_only_those_have(kind: str) -> None:
    outcome = update(
        service(type="LoadBalancer", loadBalancerClass="a.b/c"), service(type=kind, loadBalancerClass="a.b/c")
    )
    assert not outcome.failures
    assert not outcome.after["spec"].keys() & {"allocateLoadBalancerNodePorts", "loadBalancerClass"}


@pytest.mark.parametrize("version", ["1.36", "1.37"])
def test_one_unavailable_pod_of_a_stateful_set_is_the_default(version: str) -> None:
    head = changed(STATEFUL, "spec.updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}})
    outcome = update(STATEFUL, head, version=version)
    assert (outcome.before, outcome.failures) == (outcome.after, ())
