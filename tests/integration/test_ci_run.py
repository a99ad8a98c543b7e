"""`.ci/run`: what it runs and in which order, and that API servers that could not be built are told and decide nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.control_plane import said_of_server_tests

ROOT = Path(__file__).parents[2]


def ci_run(folder: Path, *, go: bool = True, seconds: int = 60, **targets: str) -> tuple[int, list[str], list[str]]:
    """Run a copy of it with stand-ins for make and go; the exit code, its lines, and the targets that were made."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    programs = folder / "bin"
    programs.mkdir()
    cases = "\n".join(f"{name.replace('_', '-')}) {script};;" for name, script in targets.items())
    (programs / "make").write_text(f"#!/bin/sh\necho $1 >>{folder}/made\ncase $1 in\n{cases}\nesac\n")
    if go:
        (programs / "go").write_text("#!/bin/sh\n")
        (programs / "go").chmod(0o755)
    for name in ("bash", "cat", "dirname", "env", "sh", "sleep", "timeout"):
        (programs / name).symlink_to(shutil.which(name))
    (programs / "make").chmod(0o755)
    done = subprocess.run(
        [folder / ".ci" / "run"], cwd="/", capture_output=True, text=True, check=False,
        env={"PATH": str(programs), "CONTROL_PLANE_SECONDS": str(seconds)},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), (folder / "made").read_text().split()


def test_api_servers_are_built_before_the_tests(tmp_path: Path) -> None:
    assert ci_run(tmp_path, test="echo said") == (0, ["said"], ["lint", "control-plane", "test"])


def test_without_go_the_last_line_says_so(tmp_path: Path) -> None:
    said = ["said", "API servers: not built, as there is no Go toolchain"]
    assert ci_run(tmp_path, go=False, test="echo said") == (0, said, ["lint", "test"])


def test_a_build_that_fails_decides_nothing_and_is_told_at_the_end(tmp_path: Path) -> None:
    code, said, made = ci_run(tmp_path, control_plane="exit 7", test="echo said")
    assert (code, made) == (0, ["lint", "control-plane", "test"])
    assert said == ["said", "API servers: not all built: it failed, or took longer than 60 seconds (see above)"]


def test_a_build_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    building = f"sleep 30 & echo $! >{tmp_path}/pid; wait"
    code, said, _ = ci_run(tmp_path, seconds=1, control_plane=building, test="echo said")
    assert time.monotonic() - began < 20
    assert (code, said[0], "took longer than 1 seconds" in said[1]) == (0, "said", True)
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Has it ended? Where nobody waits for it, it stays as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(("target", "made"), [("lint", ["lint"]), ("test", ["lint", "control-plane", "test"])])
def test_what_a_contributor_types_decides(tmp_path: Path, target: str, made: list[str]) -> None:
    code, _, found = ci_run(tmp_path, **{target: "exit 2"})
    assert (code != 0, found) == (True, made)


@pytest.mark.parametrize(
    ("counts", "versions", "expected"),
    [
        ({"skipped": 40}, (), "40 skipped, as there are no etcd and kube-apiserver (make control-plane builds them)"),
        ({"passed": 39}, ("1.37", "1.34"), "39 ran, 0 failed, with Kubernetes 1.37, 1.34"),
        (
            {"passed": 3, "failed": 2, "error": 1, "skipped": 4},
            ("1.37",),
            "6 ran, 3 failed, 4 skipped, with Kubernetes 1.37",
        ),
    ],
)
def test_what_is_said_of_server_tests(counts: dict[str, int], versions: tuple[str, ...], expected: str) -> None:
    assert said_of_server_tests(counts, versions) == f"server tests: {expected}"


def test_only_tests_that_ask_a_server_count(tmp_path: Path) -> None:
    """Those in a folder of that name do not; and the line is the last one."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for chosen, expected in (
        (["tests/unit/reconcile/server/test_kubeconfig.py"], None),
        (["tests/unit/reconcile/server/test_kubeconfig.py", "tests/integration/test_plan_by_server.py", "-k", "kubeconfig or taken"],
         "server tests: 1 skipped, as there are no etcd"),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *chosen], cwd=ROOT, capture_output=True,
            text=True, check=False, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBEBUILDER_ASSETS": str(assets)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        last = done.stdout.strip().splitlines()[-1]
        assert last.startswith(expected) if expected else "server tests" not in done.stdout
