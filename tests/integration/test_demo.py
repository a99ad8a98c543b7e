"""`make demo` shows what it promises: it is the first thing that anybody sees of gitgate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.action import ROOT
from tests.support.cli import gitgate


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py"), str(folder)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_it_shows_a_rejection_with_places_and_fixes_and_then_the_accepted_repair(tmp_path: Path) -> None:
    done = demo(tmp_path / "shop")
    assert done.returncode == 0, done.stderr
    rejected, accepted = done.stdout.split("The author repairs them")
    assert "$ gitgate check --base main --head black-friday" in rejected
    assert "base/cart.yaml:18:11 error schema/unknown-field" in rejected
    assert "fix: Did you mean imagePullPolicy?" in rejected
    assert "overlays/production/web-scale.yaml:6:13 error schema/wrong-type" in rejected
    assert "exit code 1" in rejected
    assert "exit code 0" in accepted
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_it_shows_an_unsigned_commit_the_wrong_signer_and_the_accepted_one(tmp_path: Path) -> None:
    done = demo(tmp_path / "shop")
    assert done.returncode == 0, done.stderr
    _, unsigned, wrong, right = done.stdout.split("$ gitgate verify main..night-shift")
    assert "UNSIGNED" in unsigned
    assert "signed by bob" in wrong
    assert "accepted: 1 commit, 0 refused" in right
    assert [part.split("exit code ")[1][0] for part in (unsigned, wrong, right)] == ["1", "1", "0"]


def test_it_can_be_run_again(tmp_path: Path) -> None:
    assert demo(tmp_path / "shop").returncode == 0
    assert demo(tmp_path / "shop").returncode == 0


def test_the_example_has_one_warning_and_no_error() -> None:
    ended = gitgate("validate", "--output", "json", "examples/shop", cwd=ROOT)
    assert ended.code == 0
    assert ended.rules() == ["schema/deprecated-kind"]


def test_it_shows_an_update_a_transition_and_a_deletion_that_policies_deny(tmp_path: Path) -> None:
    done = demo(tmp_path / "shop")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split("$ gitgate check --base main --head tidy-up")[1].split("exit code")[0].split())
    assert "orders-database.yaml:7:11 error policy/crd-rule" in shown
    assert "a database keeps its engine" in shown
    assert "policy databases denies the UPDATE: the storage of a database does not shrink" in shown
    assert "policy gitops-namespace-deletion denies the DELETE" in shown


def test_it_shows_a_plan_with_a_blocked_selector_a_prune_a_rollout_and_a_scaling_fight(tmp_path: Path) -> None:
    done = demo(tmp_path / "shop")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("$ gitgate plan main rework-scaling")[1].split("exit code")[0]
    assert "! Deployment shop/cart  (cannot be applied)" in shown
    assert "spec.selector: Invalid value" in shown
    assert "- PodDisruptionBudget shop/web" in shown
    assert "its Pods are replaced, because of spec.containers[0].image" in shown
    assert "git fixes replicas at 4, and HorizontalPodAutoscaler shop/web scales it" in shown
    assert "Plan: 1 to create, 2 to update, 1 to prune, 2 blocked, 12 unchanged." in shown
