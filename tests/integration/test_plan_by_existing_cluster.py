"""`gitgate plan --cluster CONTEXT`: a real API server that grants reading only, the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.__main__ import run
from tests.support.cluster import changed, service, thing, workload
from tests.support.control_plane import needs_server, server_binaries
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
    assert found["ConfigMap by-hand"]["reason"] == "the cluster has it already, and the base does not"
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
