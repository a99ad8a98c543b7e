"""Fields that the settings of the base ignore, through `gitgate plan` on real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gitgate.__main__ import run
from tests.support.cluster import changed, workload
from tests.support.repository import RepositoryBuilder

OTHER_IMAGE = workload(replicas=3, container={"image": "web:2"})


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    repository = RepositoryBuilder(tmp_path / "app")

    def ask(after: dict, entry: str, *options: str) -> tuple[int, str]:
        settings = f"version: 1\nreconcile:\n  ignore:\n    - {entry}\n"
        repository.commit({"app.yaml": yaml.safe_dump(workload()), ".gitgate/settings.yaml": settings})
        repository.commit({"app.yaml": yaml.safe_dump(after)}, branch="change")
        code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--color", "never", *options])
        ended = capsys.readouterr()
        return code, ended.out + ended.err

    return ask


@pytest.mark.parametrize(
    ("entry", "summary", "words"),
    [
        ("{kind: Deployment, jsonPointers: [/spec/replicas], keepsLive: true}", "Plan: 1 unchanged.",
         "◌ spec.replicas is ignored by the settings (/spec/replicas): what the cluster has stays"),
        ("{kind: Deployment, jsonPointers: [/spec/replicas]}", "Plan: 1 to update.", "the next sync sets it all the same"),
        ("{kind: 'Dep*', group: a*s, name: w?b, namespace: shop, jsonPointers: [/spec], keepsLive: true}",
         "Plan: 1 unchanged.", "◌ spec.replicas"),
        ("{kind: Deployment, name: api, jsonPointers: [/spec], keepsLive: true}", "Plan: 1 to update.", "1 → 3"),
        ("{kind: Deployment, jsonPointers: [/spec/rep], keepsLive: true}", "Plan: 1 to update.", "1 → 3"),
    ],
)  # fmt: skip
def test_globs_and_pointers_choose_what_is_ignored(plan, entry: str, summary: str, words: str) -> None:
    code, said = plan(workload(replicas=3), entry)
    assert code == 0
    assert summary in said
    assert words in said


def test_other_fields_are_updated_all_the_same(plan) -> None:
    _, said = plan(OTHER_IMAGE, "{kind: Deployment, jsonPointers: [/spec/replicas], keepsLive: true}")
    assert 'image: "web:1.0" → "web:2"' in said
    assert "spec.replicas: 1 → 3" not in said


def test_what_is_refused_stays_blocked(plan) -> None:
    other = changed(changed(workload(), "spec.selector.matchLabels.app", "x"), "spec.template.metadata.labels.app", "x")
    assert plan(other, "{kind: Deployment, jsonPointers: [/spec], keepsLive: true}")[0] == 1


@pytest.mark.parametrize(
    "entry",
    ["{kind: Deployment}", "{jsonPointers: [/a]}", "{kind: Deployment, jsonPointers: [a]}",
     "{kind: Deployment, jsonPointers: []}", "{kind: Deployment, jsonPointers: ['']}",
     "{kind: Deployment, jsonPointers: [/~2]}", "{kind: Deployment, jsonPointers: [/a], keeps: true}", "7"],
)  # fmt: skip
def test_settings_that_say_nothing_sensible_are_refused(plan, entry: str) -> None:
    code, said = plan(workload(), entry)
    assert code not in (0, 1)
    assert ".gitgate/settings.yaml" in said
