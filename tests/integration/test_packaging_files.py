"""Lint of the files that machines read: workflows, the action, the Makefile's promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate import scaffold
from gitgate.checks.registry import all_rules
from gitgate.settings import SETTINGS_PATH, parse_settings
from tests.support.action import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
PLANNED = {file.path: file.content for file in scaffold.plan(scaffold.Survey(kubernetes_version="1.37"))}
SCRIPTS = sorted([*(ROOT / "tools").glob("*.sh"), *(ROOT / "action").glob("*.sh"), ROOT / ".ci" / "run"])


def texts() -> dict[str, str]:
    """Every file that GitHub runs, and the workflow that `gitgate init` writes."""
    files = {str(path.relative_to(ROOT)): path.read_text() for path in [ROOT / "action.yml", *WORKFLOWS]}
    return {**files, "gitgate init": PLANNED[scaffold.WORKFLOW_FILE]}


def steps(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document.get("runs", {}).get("steps", ())
    for job in document.get("jobs", {}).values():
        yield from job["steps"]


@pytest.mark.parametrize("name", texts())
def test_no_expression_stands_where_a_shell_would_read_it(name: str) -> None:
    """O6: `run: echo ${{ github.head_ref }}` runs whatever the branch is called."""
    for step in steps(yaml.safe_load(texts()[name])):
        assert "${{" not in step.get("run", ""), step
        assert "${{" not in str(step.get("uses", "")), step


@pytest.mark.parametrize("name", texts())
def test_actions_of_others_are_pinned_to_a_commit(name: str) -> None:
    for line in texts()[name].splitlines():
        match = re.search(r"uses: (\S+)(.*)", line)
        if match and match[1] != "./" and not match[1].startswith(f"{scaffold.REPOSITORY}@"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", match[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", match[2]), line


def test_the_same_release_of_an_action_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    documentation = [path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]]
    for text in [*texts().values(), *documentation]:
        for action, commit in re.findall(r"([\w/-]+)@([0-9a-f]{40})", text):
            pins.setdefault(action, set()).add(commit)
    assert {action: len(commits) for action, commits in pins.items()} == dict.fromkeys(pins, 1)


@pytest.mark.parametrize("name", sorted(texts().keys() - {"action.yml"}))
def test_workflows_ask_for_least_permissions(name: str) -> None:
    workflow = yaml.safe_load(texts()[name])
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow[True]  # YAML 1.1 reads `on` as true
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", texts())
def test_zizmor_finds_no_weakness(name: str, tmp_path: Path) -> None:
    """T5, O6, W1: dangerous triggers, template injection, excessive permissions, stored credentials and the like."""
    file = tmp_path / ("action.yml" if name == "action.yml" else ".github/workflows/workflow.yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(texts()[name])
    done = subprocess.run(
        [Path(sys.executable).parent / "zizmor", "--offline", "--no-config", "--quiet", "--format=json", file],
        capture_output=True,
        text=True,
        check=False,
    )
    # gitgate's own release has no commit to name before it is made; `./` is this repository.
    expected = {"gitgate init": {"unpinned-uses"}, ".github/workflows/ci.yaml": {"self-repository"}}
    assert {finding["ident"] for finding in json.loads(done.stdout)} <= expected.get(name, set()), done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error(script: Path) -> None:
    text = script.read_text()
    shell = "bash" if "bash" in text.splitlines()[0] else "sh"
    assert f"\nset {'-euo pipefail' if shell == 'bash' else '-eu'}\n" in text
    subprocess.run([shell, "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        checked = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout


def test_what_decides_is_what_a_contributor_types() -> None:
    decides = re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())
    runs = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert [f"make {target}" for target in decides] == runs == ["make lint", "make test"]


def test_gitgate_judges_its_own_repository_by_valid_settings() -> None:
    settings = parse_settings((ROOT / SETTINGS_PATH).read_bytes(), SETTINGS_PATH, all_rules())
    assert [source.path for source in settings.sources] == ["examples/shop"]


def test_every_python_that_is_promised_is_tested() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yaml").read_text())
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == promised


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "lint", "package", "lock"):
        assert re.search(rf"^{target} +\S", listed, re.MULTILINE)


def run_kustomize_script(folder: Path, **fakes: str) -> subprocess.CompletedProcess[str]:
    """Run tools/kustomize.sh where there is no kustomize and no Go, and no curl but the given one."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("sh", "uname", "mkdir", "mktemp", "rm", "cut", "tar", "sha256sum", "shasum"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    for name, script in fakes.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return subprocess.run(
        ["sh", str(ROOT / "tools" / "kustomize.sh"), str(folder / "tools")],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_kustomize_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    done = run_kustomize_script(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "install it yourself (https://" in done.stderr


def test_an_archive_with_another_checksum_is_thrown_away(tmp_path: Path) -> None:
    curl = 'while [ "$1" != --output ]; do shift; done\necho evil >"$2"'
    done = run_kustomize_script(tmp_path, curl=curl, go='echo "built all the same" >&2')
    assert done.returncode == 1
    assert "does not have the checksum" in done.stderr
    assert "built" not in done.stderr
    assert list((tmp_path / "tools" / "bin").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exit 1", "Python 3.11 or newer is needed"),
        ('case "$*" in *ensurepip*) exit 1 ;; esac', "apt-get install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_one_line(tmp_path: Path, script: str, expected: str) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *version) echo "Python 3.9.1"; exit ;; esac\n{script}\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / "install.sh"), str(python), str(tmp_path / "venv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("gitgate: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
