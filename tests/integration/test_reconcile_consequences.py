"""What follows from a merge, through `gitgate check` on real repositories: owners, order, and what nobody looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.agents import application, flux
from tests.support.cli import Ended, gitgate
from tests.support.cluster import changed, service, thing, workload
from tests.support.repository import RepositoryBuilder

Files = dict[str, list[dict]]

CONFIG = thing("v1", "ConfigMap", data={"a": "b"})
CLAIM = thing("v1", "PersistentVolumeClaim", spec={
    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
OTHER = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
OWNERS = [flux("one", "one"), flux("two", "two")]
NEEDS = workload(pod={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "web"}}]})
MANY = 600


def depending(name: str, *others: str) -> dict:
    return flux(name, name, dependsOn=[{"name": other} for other in others])


def late(item: dict, wave: int) -> dict:
    return changed(item, "metadata.annotations", {"argocd.argoproj.io/sync-wave": str(wave)})


def crowd() -> list[dict]:
    """Budgets and workloads of which every one has to be compared with every other."""
    workloads = [changed(workload(), "metadata.name", f"w{number}") for number in range(MANY)]
    budgets = [
        changed(thing("policy/v1", "PodDisruptionBudget", spec={
            "minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}), "metadata.name", f"b{number}")
        for number in range(MANY)
    ]  # fmt: skip
    return [*workloads, *budgets]


Case = tuple[str, Files, Files, str, int]
CASES: list[Case] = [
    ("reconcile/ownership-move", {"k.yaml": OWNERS, "one/c.yaml": [CLAIM]}, {"k.yaml": OWNERS, "two/c.yaml": [CLAIM]},
     "Kustomization flux-system/two", 1),
    ("reconcile/applied-too-early", {"k.yaml": [application("a", "a")]},
     {"k.yaml": [application("a", "a")], "a/x.yaml": [NEEDS, late(CLAIM, 5)]}, "applied in wave 5, after wave 0", 0),
    ("reconcile/dependency-cycle", {"k.yaml": [depending("one"), depending("two", "one")]},
     {"k.yaml": [depending("one", "two"), depending("two", "one")]}, "none of them is ever applied", 1),
    ("reconcile/downtime", {"a.yaml": [workload(strategy={"type": "Recreate"})]},
     {"a.yaml": [workload(strategy={"type": "Recreate"}, container={"image": "web:2"})]}, "stops all Pods", 0),
    ("reconcile/not-synced", {"k.yaml": [application("a", "a", automated=None)], "a/c.yaml": [CONFIG]},
     {"k.yaml": [application("a", "a", automated=None)], "a/c.yaml": [changed(CONFIG, "data.a", "c")]},
     "it does not sync by itself", 0),
    ("reconcile/unresolved-reference", {"a.yaml": [SHOP, CONFIG]},
     {"a.yaml": [SHOP, CONFIG], "b.yaml": [changed(CONFIG, "metadata.namespace", "elsewhere")]},
     "it needs Namespace elsewhere", 0),
    ("reconcile/not-examined", {"a.yaml": [CONFIG]}, {"a.yaml": [CONFIG], "b.yaml": crowd()},
     "not all that follows is told", 1),
]  # fmt: skip


def text(*objects: dict) -> str:
    return yaml.safe_dump_all(objects, sort_keys=True)


@pytest.fixture
def judge(tmp_path: Path):
    repository = RepositoryBuilder(tmp_path / "app")

    def ask(before: Files, after: Files, *options: str, **settings: str) -> Ended:
        base = {path: text(*objects) for path, objects in before.items()} | settings
        repository.commit(base)
        gone = dict.fromkeys(path for path in before if path not in after)
        repository.commit({**gone, **{path: text(*objects) for path, objects in after.items()}}, branch="change")
        arguments = ("check", "--base", "main", "--head", "change", "--output", "json", *options)
        return gitgate(*arguments, "--git-dir", tmp_path / "app", cwd=tmp_path)

    return ask


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_change_is_found_with_its_reason_and_its_weight(judge, case: Case) -> None:
    rule, before, after, words, code = case
    ended = judge(before, after)
    assert ended.code == code
    (finding,) = [one for one in ended.report["findings"] if one["rule"] == rule]
    assert words in finding["message"]
    assert finding["state"] == "new"


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_what_is_so_already_is_not_found_again(judge, case: Case) -> None:
    rule, _, after, _, _ = case
    ended = judge(after, {**after, "more.yaml": [thing("v1", "Secret", stringData={"a": "b"})]})
    assert rule not in ended.rules("new")


def test_many_budgets_hide_no_service_that_selects_nothing(judge) -> None:
    """Whoever brings more than is compared is told no, whatever else the change holds."""
    nothing = changed(service(), "spec.selector", {"app": "nothing"})
    ended = judge({"a.yaml": [CONFIG]}, {"a.yaml": [CONFIG], "b.yaml": [*crowd(), nothing]})
    assert ended.code == 1
    assert "reconcile/not-examined" in ended.rules("new")


def test_the_settings_of_the_base_let_a_crowd_pass_and_those_of_the_change_do_not(judge) -> None:
    settings = {"version": 1, "rules": {"reconcile/not-examined": "warning"}}
    after, path = {"a.yaml": [CONFIG], "b.yaml": crowd()}, ".gitgate/settings.yaml"
    assert judge({"a.yaml": [CONFIG]}, {**after, path: [settings]}).code == 1
    assert judge({"a.yaml": [CONFIG]}, after, **{path: yaml.safe_dump(settings)}).code == 0


def test_a_waiver_of_the_base_lets_one_crowd_pass_and_one_of_the_change_does_not(judge) -> None:
    waiver = {"rule": "reconcile/not-examined", "path": "b.yaml", "owner": "team-shop", "reason": "load test",
              "expires": "2026-12-31"}  # fmt: skip
    after, path, now = (
        {"a.yaml": [CONFIG], "b.yaml": crowd()},
        ".gitgate/waivers.yaml",
        ("--now", "2026-12-01T12:00:00"),
    )
    proposed = {"version": 1, "waivers": [waiver]}
    refused = judge({"a.yaml": [CONFIG]}, {**after, path: [proposed]}, *now)
    assert refused.code == 1
    assert "reconcile/not-examined" in refused.rules("new")
    waived = judge({"a.yaml": [CONFIG]}, after, *now, **{path: yaml.safe_dump(proposed)})
    assert waived.code == 0
    assert "reconcile/not-examined" in [one["rule"] for one in waived.report["findings"]]
