"""`gitgate plan --cluster CONTEXT`: a real API server that grants reading only, the real command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.__main__ import run
from tests.support.cluster import changed, service, thing, workload
from tests.support.control_plane import needs_one_server, needs_server, server_binaries
from tests.support.existing_cluster import READING, WRITING, Cluster, existing_cluster
from tests.support.repository import RepositoryBuilder

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
SECRETS = "/api/v1/namespaces/shop/secrets"
CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"
SERVICES = "/api/v1/namespaces/shop/services"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
FEW = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "few"},
    "spec": {
        "matchConstraints": {"resourceRules": [
            {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}]},
        "validations": [{"expression": "object.spec.replicas < 20", "message": "too many"}],
    },
}  # fmt: skip
BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "few"}, "spec": {"policyName": "few", "validationActions": ["Deny"]},
}  # fmt: skip
SETTINGS_MAP = thing("v1", "ConfigMap", data={"a": "1", "b": "2"})
SECRET = thing("v1", "Secret", stringData={"password": "hunter2-git"})
BEFORE = [NAMESPACE, workload(replicas=2), SETTINGS_MAP, SECRET, service(), changed(SETTINGS_MAP, "metadata.name", "gone"),
          changed(SETTINGS_MAP, "metadata.name", "lost"), changed(workload(), "metadata.name", "many")]  # fmt: skip
AFTER = [
    NAMESPACE, changed(workload(replicas=2), "spec.template.spec.containers.0.image", "web:2"),
    thing("v1", "ConfigMap", data={"a": "1"}), SECRET, changed(service(), "spec.ports.0.port", 81),
    changed(SETTINGS_MAP, "metadata.name", "lost"), changed(SETTINGS_MAP, "metadata.name", "by-hand"),
    changed(workload(replicas=30), "metadata.name", "many"),
]  # fmt: skip


def named(data: dict[str, Any], name: str) -> dict[str, Any]:
    return changed(data, "metadata.name", name)


@pytest.fixture(scope="module")
def clusters() -> Iterator[Callable[[str], Cluster]]:
    """Clusters as they are before a plan, one for each version."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        known: dict[str, Cluster] = {}

        def cluster(minor: str) -> Cluster:
            if minor not in known:
                known[minor] = stack.enter_context(existing_cluster(server_binaries()[minor]))
                fill(known[minor])
            known[minor].allow(READING)
            return known[minor]

        yield cluster


def fill(cluster: Cluster) -> None:
    cluster.apply("/api/v1/namespaces", NAMESPACE)
    cluster.apply(DEPLOYMENTS, workload(replicas=2))
    cluster.apply(DEPLOYMENTS, named(workload(), "many"))
    cluster.apply(CONFIG_MAPS, SETTINGS_MAP)
    cluster.apply(CONFIG_MAPS, named(SETTINGS_MAP, "gone"))
    cluster.apply(CONFIG_MAPS, named(thing("v1", "ConfigMap", data={"a": "by hand"}), "by-hand"), "kubectl")
    cluster.apply(SECRETS, SECRET)
    cluster.apply(SERVICES, service())
    cluster.apply(f"{ADMISSION}/validatingadmissionpolicies", FEW, "security-team")
    cluster.apply(f"{ADMISSION}/validatingadmissionpolicybindings", BINDING, "security-team")
    # What people did by hand: something that git says otherwise, and something that it does not say.
    cluster.edit(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 7, "minReadySeconds": 9}})
    cluster.edit(f"{SECRETS}/web", {"stringData": {"password": "hunter2-live"}}, "vault-injector")


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def asked(
        cluster: Cluster, before: list[dict[str, Any]], after: list[dict[str, Any]], *options: str,
        config: bytes | None = None,
    ) -> tuple[int, Any]:  # fmt: skip
        builder = RepositoryBuilder(tmp_path / "app")
        builder.commit({"app.yaml": yaml.safe_dump_all(before)})
        builder.commit({"app.yaml": yaml.safe_dump_all(after)}, branch="change")
        (tmp_path / "config").write_bytes(config or cluster.kubeconfig())
        code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--cluster", "production",
                    "--kubeconfig", str(tmp_path / "config"), "-o", "json", *options])  # fmt: skip
        captured = capsys.readouterr()
        assert "hunter2" not in captured.out + captured.err
        return code, json.loads(captured.out) if captured.out else captured.err

    return asked


def told(document: Any) -> dict[str, Any]:
    return {f"{one['kind']} {one['name']}": one for one in document["objects"]}


def fields(one: Any) -> dict[str, Any]:
    return {change["field"]: change.get("new") for change in one["changes"]}


@pytest.fixture(autouse=True)
def simulators(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator is found where the cluster's own binaries are."""
    versions = server_binaries()
    monkeypatch.setattr("gitgate.reconcile.server.existing.find_binaries", lambda minor: versions[minor])


@needs_server
def test_a_plan_of_a_cluster_that_may_only_be_read(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    before = cluster.everything()
    code, document = ask(cluster, BEFORE, AFTER)
    assert cluster.everything() == before
    assert code == 1
    found = told(document)
    assert {name: one["action"] for name, one in found.items()} == {
        "Deployment web": "update", "ConfigMap web": "update", "Service web": "update", "ConfigMap gone": "prune",
        "ConfigMap lost": "create", "ConfigMap by-hand": "update", "Deployment many": "blocked",
    }  # fmt: skip
    assert fields(found["Deployment web"]) == {"spec.template.spec.containers[0].image": "web:2"}
    assert [one["field"] for one in found["ConfigMap web"]["changes"]] == ["data.b"]
    assert found["ConfigMap lost"]["reason"] == "the cluster does not have it"
    assert found["ConfigMap by-hand"]["reason"] == (
        "the cluster has it already, and the base does not; takes data.a from kubectl"
    )
    assert found["Deployment many"]["failures"][0]["message"].endswith("denied request: too many")
    assert document["kubernetesVersion"] == minor
    assert document["backend"].startswith("context production, copied into kube-apiserver ")


@needs_server
def test_drift_is_apart_from_the_merge_and_names_who_made_it(clusters, ask, minor: str) -> None:
    code, document = ask(clusters(minor), BEFORE, BEFORE)
    assert code == 0
    drift = {f"{one['kind']} {one['name']}": one["fields"] for one in document["drift"]}
    assert drift["Deployment web"] == [{"field": "spec.replicas", "old": 7, "new": 2, "manager": "kubectl-edit"}]
    assert [(one["field"], one["manager"]) for one in drift["Secret web"]] == [("data.password", "vault-injector")]
    assert drift.keys() == {"Deployment web", "Secret web"}
    assert {name: one["action"] for name, one in told(document).items()} == {"ConfigMap lost": "create"}
    assert "spec.minReadySeconds" not in json.dumps(document)


@needs_one_server
@pytest.mark.parametrize("dry_run", [(), ("--server-dry-run",)])
def test_what_the_agent_takes_from_others_is_told(clusters, ask, minor: str, dry_run: tuple[str, ...]) -> None:
    cluster = clusters(minor)
    if dry_run:
        cluster.allow(WRITING)
    _, document = ask(cluster, [workload(replicas=2)], [workload(replicas=2, minReadySeconds=5)], *dry_run)
    (found,) = document["objects"]
    assert (found["action"], found["reason"]) == ("update", "takes spec.minReadySeconds from kubectl-edit")
    assert found["changes"] == [{"field": "spec.minReadySeconds", "old": 9, "new": 5}]


@needs_server
def test_a_dry_run_needs_rights_to_write_and_says_which(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    code, said = ask(cluster, BEFORE, AFTER, "--server-dry-run")
    assert code == 3
    assert said.splitlines()[0].startswith("gitgate: the credentials of context 'production' may not patch ")


@needs_server
def test_a_dry_run_asks_the_cluster_itself_and_stores_nothing(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    cluster.allow(WRITING)
    before = cluster.everything()
    code, document = ask(cluster, BEFORE, AFTER, "--server-dry-run")
    assert cluster.everything() == before
    assert code == 1, document
    found = told(document)
    assert {name: one["action"] for name, one in found.items()} == {
        "Deployment web": "update", "ConfigMap web": "update", "Service web": "update", "ConfigMap gone": "prune",
        "ConfigMap lost": "create", "ConfigMap by-hand": "update", "Deployment many": "blocked",
    }  # fmt: skip
    assert fields(found["Deployment web"]) == {"spec.template.spec.containers[0].image": "web:2"}
    assert {one["name"] for one in document["drift"]} == {"web"}
    assert document["drift"][0]["fields"][0]["manager"] == "kubectl-edit"


WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
        "conversion": {"strategy": "Webhook", "webhook": {
            "conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/convert"}}},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
                "size": {"type": "integer"}, "color": {"type": "string", "default": "red"}}}}}}}],
    },
}  # fmt: skip
OTHER = "/api/v1/namespaces/other"


@pytest.fixture(scope="module")
def rich(clusters) -> Iterator[Callable[[str], Cluster]]:
    """The same cluster with what copies badly."""

    def cluster(minor: str) -> Cluster:
        found = clusters(minor)
        if found.admin.get("/api/v1/namespaces/other").status == 404:
            fill_more(found)
        return found

    return cluster


def elsewhere(data: dict[str, Any]) -> dict[str, Any]:
    return changed(data, "metadata.namespace", "other")


def fill_more(cluster: Cluster) -> None:
    cluster.apply("/api/v1/namespaces", named(NAMESPACE, "other"))
    cluster.apply("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WIDGETS, "helm")
    deadline = time.monotonic() + 20
    while cluster.admin.get("/apis/example.com/v1/widgets").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    cluster.apply("/apis/example.com/v1/namespaces/other/widgets", elsewhere(WIDGET))
    cluster.apply(f"{OTHER}/services", elsewhere(service()))
    cluster.apply("/apis/batch/v1/namespaces/other/jobs", elsewhere(JOB))
    cluster.apply(f"{OTHER}/persistentvolumeclaims", elsewhere(CLAIM))
    bound = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
    cluster.edit(f"{OTHER}/persistentvolumeclaims/web/status", bound, "kube-controller-manager")
    cluster.apply(f"{OTHER}/configmaps", elsewhere(SETTINGS_MAP))
    cluster.apply(f"{OTHER}/resourcequotas", elsewhere(QUOTA), "platform-team")
    used = {"status": {"hard": {"count/configmaps": "2"}, "used": {"count/configmaps": "2"}}}
    cluster.edit(f"{OTHER}/resourcequotas/web/status", used, "kube-controller-manager")


WIDGET = thing("example.com/v1", "Widget", spec={"size": 1})
QUOTA = thing("v1", "ResourceQuota", spec={"hard": {"count/configmaps": "2"}})
JOB = thing("batch/v1", "Job", spec={"template": {"spec": {
    "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
CLAIM = thing("v1", "PersistentVolumeClaim", spec={
    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip


@needs_server
@pytest.mark.parametrize("dry_run", [(), ("--server-dry-run",)])
def test_what_only_the_cluster_has_judges_the_plan(rich, ask, minor: str, dry_run: tuple[str, ...]) -> None:
    cluster = rich(minor)
    if dry_run:
        cluster.allow(WRITING)
    stored = cluster.everything()
    before = [elsewhere(one) for one in (WIDGET, service(), JOB, CLAIM, SETTINGS_MAP)]
    after = [
        elsewhere(changed(WIDGET, "spec.color", "blue")), elsewhere(changed(service(), "spec.type", "NodePort")),
        elsewhere(changed(JOB, "spec.template.spec.containers.0.image", "a:2")),
        elsewhere(changed(CLAIM, "spec.resources.requests.storage", "2Gi")), elsewhere(SETTINGS_MAP),
        elsewhere(named(SETTINGS_MAP, "one-too-many")), elsewhere(named(WIDGET, "wrong")) | {"spec": {"size": "large"}},
    ]  # fmt: skip
    _, document = ask(cluster, before, after, *dry_run)
    assert cluster.everything() == stored
    found = told(document)
    assert {name: one["action"] for name, one in found.items()} == {
        "Widget web": "update", "Service web": "update", "Job web": "blocked", "PersistentVolumeClaim web": "blocked",
        "ConfigMap one-too-many": "blocked", "Widget wrong": "blocked",
    }, document  # fmt: skip
    assert document["drift"] == []
    assert fields(found["Widget web"]) == {"spec.color": "blue"}
    assert "exceeded quota" in found["ConfigMap one-too-many"]["failures"][0]["message"]
    # A claim that is not bound could not grow at all; of a bound one the class is asked.
    assert "dynamically provisioned" in found["PersistentVolumeClaim web"]["failures"][0]["message"]
    assert found["Job web"]["failures"][0]["field"] == "spec.template"


@needs_one_server
def test_what_may_not_be_read_of_the_surroundings_is_an_assumption(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    cluster.allow(({"apiGroups": ["", "apps"], "resources": ["deployments", "services"], "verbs": ["get"]},))
    before, after = [workload()], [workload(replicas=5)]
    code, document = ask(cluster, before, after)
    assert (code, told(document)["Deployment web"]["action"]) == (0, "update")
    said = "\n".join(document["assumptions"])
    for what in ("validatingadmissionpolicies may not be listed", "Namespace shop may not be read",
                 "resourcequotas of namespace shop may not be listed", "priorityclasses may not be listed"):  # fmt: skip
        assert what in said
    code, said = ask(cluster, [SECRET], [SECRET])
    assert code == 3
    assert said.startswith("gitgate: the credentials of context 'production' may not get secrets in namespace shop\n")


@needs_one_server
def test_the_marks_of_an_agent_are_no_drift_and_what_flux_takes_over_goes(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    marks = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    base = named(thing("v1", "ConfigMap", data={"a": "1"}), "fluxed")
    cluster.apply(CONFIG_MAPS, changed(base, "metadata.labels", marks), "kustomize-controller")
    cluster.edit(f"{CONFIG_MAPS}/fluxed", {"data": {"by-hand": "x"}}, "kubectl-edit")
    cluster.edit(f"{CONFIG_MAPS}/fluxed", {"data": {"by-controller": "y"}}, "operator")
    _, document = ask(cluster, [base], [base], "--apply", "flux")
    assert document["objects"] == []
    ((drifted,),) = [[one["fields"] for one in document["drift"]]]
    assert drifted == [{"field": "data.by-hand", "old": "x", "manager": "kubectl-edit"}]


@needs_one_server
def test_expired_credentials_are_one_line(clusters, ask, minor: str) -> None:
    cluster = clusters(minor)
    code, said = ask(cluster, BEFORE, AFTER, config=cluster.kubeconfig(token="hunter2-expired"))
    assert (code, "does not accept the credentials of context 'production'" in said) == (3, True), said


@needs_one_server
@pytest.mark.parametrize("when", ["reading", "simulating"])
def test_a_server_that_dies_in_mid_run_is_named(ask, minor: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitgate.reconcile.server import existing, live_simulation, reading
    from gitgate.reconcile.server.control_plane import ControlPlane

    with existing_cluster(server_binaries()[minor]) as cluster:
        fill(cluster)
        cluster.allow(READING)
        if when == "reading":
            real = reading.read_cluster
            monkeypatch.setattr(existing, "read_cluster", lambda *given: (cluster.plane.close(), real(*given))[1])
        else:
            planes: list[ControlPlane] = []
            start = ControlPlane.__init__

            def remember(self: ControlPlane, *given: Any, **options: Any) -> None:
                planes.append(self)
                start(self, *given, **options)

            simulate = live_simulation.simulate_live

            def dying(*given: Any, **options: Any) -> Any:
                planes[0].servers.close()
                return simulate(*given, **options)

            monkeypatch.setattr(ControlPlane, "__init__", remember)
            monkeypatch.setattr(live_simulation, "simulate_live", dying)
        code, said = ask(cluster, BEFORE, AFTER)
    assert code == 3
    expected = (
        "context 'production': the API server does not answer" if when == "reading" else "API server does not answer"
    )
    assert expected in said.splitlines()[0], said
