"""The reconcile check through `gitgate check`, on real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.cli import Ended, gitgate
from tests.support.cluster import changed, thing, workload
from tests.support.repository import RepositoryBuilder

CLAIM = thing("v1", "PersistentVolumeClaim", spec={
    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
SELECTOR = changed(changed(workload(), "spec.selector.matchLabels.app", "x"), "spec.template.metadata.labels.app", "x")


def text(*objects: dict) -> str:
    return yaml.safe_dump_all(objects, sort_keys=True)


@pytest.fixture
def judge(tmp_path: Path):
    repository = RepositoryBuilder(tmp_path / "app")

    def ask(before: str, after: str | None, *options: str) -> Ended:
        repository.commit({"app.yaml": before, "keep.yaml": text(thing("v1", "ConfigMap", data={"a": "b"}))})
        repository.commit({"app.yaml": after}, branch="change")
        arguments = ("check", "--base", "main", "--head", "change", "--output", "json", *options)
        return gitgate(*arguments, "--git-dir", tmp_path / "app", cwd=tmp_path)

    return ask


def reconcile(ended: Ended, state: str = "new") -> list[str]:
    return [rule for rule in ended.rules(state) if rule.startswith("reconcile/")]


def test_an_object_that_merely_changes_gives_no_finding(judge) -> None:
    ended = judge(text(workload()), text(workload(replicas=3, container={"image": "web:2.0"})))
    assert (ended.code, ended.rules()) == (0, [])


def test_a_new_selector_is_rejected(judge) -> None:
    ended = judge(text(workload()), text(SELECTOR))
    assert ended.code == 1
    assert reconcile(ended) == ["reconcile/blocked"]


def test_a_container_without_an_image_is_rejected_although_openapi_allows_it(judge) -> None:
    ended = judge(text(workload()), text(changed(workload(), "spec.template.spec.containers.0.image")))
    assert ended.code == 1
    assert reconcile(ended) == ["reconcile/blocked"]


NAMELESS = {**thing("batch/v1", "Job"), "metadata": {"generateName": "run-", "namespace": "shop"}, "spec": {
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}}  # fmt: skip
EVICTION = thing("policy/v1", "Eviction")


@pytest.mark.parametrize(
    ("data", "line", "fix"),
    [(NAMELESS, 4, "Write `metadata.name`"), (EVICTION, 2, "Take it out of what is applied")],
)
def test_what_no_agent_can_apply_is_rejected_with_its_place_and_a_remedy(judge, data, line: int, fix: str) -> None:
    ended = judge(text(workload()), text(data))
    (finding,) = [one for one in ended.report["findings"] if one["rule"] == "reconcile/blocked"]
    assert ended.code == 1
    assert (finding["location"]["line"], fix in finding["fix"]) == (line, True)


def test_what_no_agent_can_apply_and_the_base_has_blocks_nothing(judge) -> None:
    ended = judge(text(NAMELESS), text(changed(NAMELESS, "metadata.labels", {"a": "b"})))
    assert (ended.code, reconcile(ended), reconcile(ended, "existing")) == (0, [], ["reconcile/blocked"])


def test_of_files_that_somebody_names_nothing_says_that_they_are_applied(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(text(NAMELESS))
    (tmp_path / "eviction.yaml").write_text(text(EVICTION))
    assert gitgate("validate", "job.yaml", cwd=tmp_path).code == 0
    assert gitgate("validate", "eviction.yaml", cwd=tmp_path).code == 1


def test_a_claim_may_not_vanish_in_a_file_that_is_too_large_to_read(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "app")
    settings = "version: 1\nlimits: {fileBytes: 2048}\nrules: {schema/yaml-limit: warning}\n"
    repository.commit({".gitgate/settings.yaml": settings, "app.yaml": text(CLAIM), "b.yaml": text(workload())})
    repository.commit({"app.yaml": text(CLAIM) + "#" * 4096}, branch="change")
    arguments = ("check", "--base", "main", "--head", "change", "--output", "json")
    ended = gitgate(*arguments, "--git-dir", tmp_path / "app", cwd=tmp_path)
    assert (ended.code, reconcile(ended)) == (1, ["reconcile/stateful-prune"])


def test_a_claim_may_not_vanish(judge) -> None:
    ended = judge(text(CLAIM), None)
    assert ended.code == 1
    assert reconcile(ended) == ["reconcile/stateful-prune"]


def test_a_claim_that_is_protected_may(judge) -> None:
    protected = changed(CLAIM, "metadata.annotations", {"kustomize.toolkit.fluxcd.io/prune": "disabled"})
    assert judge(text(protected), None).code == 0


def test_a_namespace_takes_everything_with_it(judge) -> None:
    assert reconcile(judge(text(NAMESPACE, workload()), text(workload()))) == ["reconcile/implied-deletion"]


def test_settings_weigh_the_rules(judge) -> None:
    ended = judge(text(CLAIM), None, "--severity", "reconcile/stateful-prune=warning")
    assert ended.code == 0
    assert reconcile(ended) == ["reconcile/stateful-prune"]


def test_what_the_base_has_already_does_not_block(judge) -> None:
    broken = workload(container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]})
    ended = judge(text(broken), text(changed(broken, "spec.replicas", 2)))
    assert ended.code == 0
    assert reconcile(ended, "existing") == ["reconcile/blocked"]


def test_what_depends_on_the_version_names_it(judge) -> None:
    stateful = workload("StatefulSet")
    ended = judge(text(stateful), text(changed(stateful, "spec.revisionHistoryLimit", 3)), "-k", "1.32", "-k", "1.33")
    (finding,) = [one for one in ended.report["findings"] if one["rule"] == "reconcile/blocked"]
    assert "1.32" in str(finding)


def test_files_without_a_base_are_judged_as_created_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(workload(container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]})))
    ended = gitgate("validate", "a.yaml", "-o", "json", cwd=tmp_path)
    assert ended.rules() == ["reconcile/blocked"]
    assert ended.code == 1
    assert 'volumeMounts[0].name: Not found: "x"' in ended.report["findings"][0]["message"]


def test_what_files_lack_may_be_in_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(workload(container={"envFrom": [{"configMapRef": {"name": "elsewhere"}}]})))
    assert gitgate("validate", "a.yaml", "-o", "json", cwd=tmp_path).rules() == []


def test_an_empty_base_judges_creations(tmp_path: Path) -> None:
    broken = workload(container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]})
    shop = RepositoryBuilder(tmp_path / "shop")
    shop.commit({"README": "nothing yet\n"}, branch="main")
    shop.commit({"a.yaml": text(broken)}, branch="change")
    ended = gitgate("check", "--base", "main", "--head", "change", "-o", "json", cwd=shop.path)
    assert "reconcile/blocked" in ended.rules()
    assert ended.code == 1


@pytest.mark.parametrize(
    ("label", "severity"), [("${cluster_env:=dev}", "warning"), ("not valid", "error")], ids=["open", "plain"]
)
def test_a_value_that_flux_may_replace_is_warned_of(tmp_path: Path, label: str, severity: str) -> None:
    labels = {"env": label}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b", "labels": labels}}
    (tmp_path / "a.yaml").write_text(text(config))
    ended = gitgate("validate", "a.yaml", "-o", "json", cwd=tmp_path)
    assert ended.rules() == ["reconcile/blocked"]
    assert [finding["severity"] for finding in ended.report["findings"]] == [severity]
    assert ended.code == (1 if severity == "error" else 0)


@pytest.mark.parametrize(
    ("metric", "version", "codes"),
    [
        ("Resource", "1.37", {"spec.metrics: Forbidden": "error"}),
        ("External", "1.37", {}),
        ("External", "1.36", {"unless the feature gate HPAScaleToZero is on": "warning"}),
    ],
)
def test_scaling_to_zero_depends_on_version_and_gate(
    tmp_path: Path, metric: str, version: str, codes: dict[str, str]
) -> None:
    target = {"type": "AverageValue", "averageValue": "1"}
    source = {
        "Resource": {"name": "cpu", "target": target},
        "External": {"metric": {"name": "queue"}, "target": target},
    }
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {
            "minReplicas": 0,
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
            "metrics": [{"type": metric, metric.lower(): source[metric]}],
        },
    }
    (tmp_path / "a.yaml").write_text(text(scaler))
    ended = gitgate("validate", "a.yaml", "-k", version, "-o", "json", cwd=tmp_path)
    found = {finding["message"]: finding["severity"] for finding in ended.report["findings"]}
    assert len(found) == len(codes)
    for words, severity in codes.items():
        assert [weight for message, weight in found.items() if words in message] == [severity]


def test_only_the_checks_that_were_asked_answer(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text(workload(container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]})))
    ended = gitgate("validate", "a.yaml", "--only", "schema", "-o", "json", cwd=tmp_path)
    assert [check["check"] for check in ended.report["checks"]] == ["schema"]
    assert ended.code == 0
    assert "only the schema check was asked" in str(ended.report["notes"])


def test_what_goes_from_several_clusters_is_told_of_each(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "app")
    flux = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
"""
    clusters = {f"clusters/{name}/apps.yaml": flux for name in ("production", "staging")}
    repository.commit(
        {**clusters, "apps/namespace.yaml": text(NAMESPACE), "apps/map.yaml": text(thing("v1", "ConfigMap"))}
    )
    repository.commit({"apps/namespace.yaml": None}, branch="change")
    arguments = ("check", "--base", "main", "--head", "change", "--git-dir", tmp_path / "app")
    found = gitgate(*arguments, "--output", "json", cwd=tmp_path).report["findings"]
    told = {(one["rule"], one["cluster"], tuple(one["kubernetesVersions"])) for one in found if one["blocking"]}
    assert told == {("reconcile/implied-deletion", name, ()) for name in ("production", "staging")}
    assert "clusters production, staging: 1 new finding" in gitgate(*arguments, cwd=tmp_path).stdout


def test_the_source_that_a_bootstrap_makes_is_not_missed(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "app")
    flux = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: %s}}
"""
    repository.commit({"apps/map.yaml": text(thing("v1", "ConfigMap"))})
    new = {"cluster/a.yaml": flux % "flux-system", "cluster/b.yaml": flux.replace("name: apps", "name: b") % "other"}
    repository.commit(new, branch="change")
    ended = gitgate(
        "check", "--base", "main", "--head", "change", "--output", "json", "--git-dir", tmp_path / "app", cwd=tmp_path
    )
    told = [
        one["location"]["path"] for one in ended.report["findings"] if one["rule"] == "reconcile/unresolved-reference"
    ]
    assert told == ["cluster/b.yaml"]
