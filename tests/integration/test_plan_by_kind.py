"""`gitgate plan --cluster kind`: the real command line, with a stand-in for kind, as kind itself needs containers.

Where TEST_REAL_KIND is set, as in the repository's workflow, the real kind is asked, too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gitgate.__main__ import run
from tests.support import kind as stand_in
from tests.support.cluster import changed, service, thing, workload
from tests.support.control_plane import needs_one_server, needs_server, server_binaries
from tests.support.repository import RepositoryBuilder

# Read early: tests clear the environment.
_REAL = os.environ.get("TEST_REAL_KIND")
_HOME = os.environ.get("HOME", "/")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
FEW = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "few"},
    "spec": {
        "matchConstraints": {"resourceRules": [
            {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}]},
        "validations": [{"expression": "object.spec.replicas < 5", "message": "too many"}],
    },
}  # fmt: skip
BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "few"}, "spec": {"policyName": "few", "validationActions": ["Deny"]},
}  # fmt: skip
SETTINGS_MAP = thing("v1", "ConfigMap", data={"a": "1"})
POD = thing("v1", "Pod", spec={"nodeName": "node-1", "containers": [{"name": "a", "image": "a:1"}]})
BEFORE = [NAMESPACE, FEW, BINDING, workload(replicas=2), changed(workload(), "metadata.name", "many"), service(),
          SETTINGS_MAP, changed(SETTINGS_MAP, "metadata.name", "gone")]  # fmt: skip
AFTER = [
    NAMESPACE, FEW, BINDING, changed(workload(replicas=2), "spec.template.spec.containers.0.image", "web:2"),
    changed(workload(replicas=9), "metadata.name", "many"), changed(service(), "spec.ports.0.port", 81), SETTINGS_MAP, POD,
    changed(SETTINGS_MAP, "metadata.name", "new"),
]  # fmt: skip
ACTIONS = {
    "Deployment web": "update", "Deployment many": "blocked", "Service web": "update", "ConfigMap gone": "prune",
    "ConfigMap new": "create", "Pod web": "create",
}  # fmt: skip


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    states: list[Path] = []

    def installed(minor: str) -> Path:
        states.append(stand_in.install(tmp_path, server_binaries()[minor]))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        return states[0]

    yield installed
    for state in states:
        for path in state.iterdir():
            stand_in._delete(path) if path.is_dir() else None


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def asked(before: list[dict], after: list[dict], *options: str) -> tuple[int, dict | str]:
        folder = tmp_path / "app"
        if not folder.exists():
            builder = RepositoryBuilder(folder)
            builder.commit({"app.yaml": yaml.safe_dump_all(before)})
            builder.commit({"app.yaml": yaml.safe_dump_all(after)}, branch="change")
        code = run(["plan", "main", "change", "--git-dir", str(folder), "--cluster", "kind", "-o", "json", *options])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else captured.err

    return asked


def actions(document: dict) -> dict[str, str]:
    return {f"{one['kind']} {one['name']}": one["action"] for one in document["objects"]}


def used(state: Path, command: str) -> list[str]:
    return [line for line in (state / "log").read_text().splitlines() if line.startswith(command)]


def clusters(state: Path) -> list[str]:
    return [path.name for path in state.iterdir() if path.is_dir()]


@needs_server
def test_a_cluster_is_made_for_the_plan_and_deleted(kind, ask, minor: str) -> None:
    state = kind(minor)
    code, document = ask(BEFORE, AFTER, "-k", minor)
    assert code == 1, document
    assert actions(document) == ACTIONS
    assert document["backend"].startswith(f"kind, kindest/node:v{minor}.")
    assert document["kubernetesVersion"] == minor
    (pod,) = [one for one in document["objects"] if one["kind"] == "Pod"]
    assert "no Pod is placed on a node" in pod["reason"]
    ((created,), deleted) = used(state, "create"), used(state, "delete")
    name = created.split("--name ")[1].split()[0]
    assert f"--image kindest/node:v{minor}." in created
    assert "@sha256:" in created
    assert deleted
    assert all(f"--name {name} " in line for line in deleted)
    assert clusters(state) == []


@needs_one_server
def test_a_kept_cluster_is_cleared_and_used_again(kind, ask, tmp_path: Path, minor: str) -> None:
    state = kind(minor)
    code, first = ask(BEFORE, AFTER, "-k", minor, "--keep")
    assert (code, actions(first)) == (1, ACTIONS)
    assert clusters(state) == [f"gitgate-{minor}"]
    assert (
        f"The kind cluster gitgate-{minor} was kept: kind delete cluster --name gitgate-{minor}" in first["assumptions"]
    )
    code, second = ask(BEFORE, AFTER, "-k", minor, "--keep")
    assert len(used(state, "create")) == 1
    assert second == first
    # Where nobody knows what it has, it is made anew.
    (record,) = (tmp_path / ".cache-of-test" / "gitgate" / "kind").glob("*.json")
    record.unlink()
    code, third = ask(BEFORE, AFTER, "-k", minor, "--keep")
    assert len(used(state, "create")) == 2
    assert third == first


@needs_one_server
def test_a_kept_cluster_is_for_one_plan_at_a_time(kind, ask, minor: str) -> None:
    from gitgate.reconcile.server.kind_command import Kind
    from gitgate.reconcile.server.kind_kept import KeptCluster

    state = kind(minor)
    with KeptCluster(Kind(), minor, "image", ""):
        code, said = ask(BEFORE, AFTER, "-k", minor, "--keep")
    assert (code, said.splitlines()[0]) == (3, f"gitgate: another plan uses the kind cluster gitgate-{minor}")
    assert used(state, "create") == []


@needs_one_server
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["creating", "simulating"])
def test_a_run_that_is_killed_leaves_no_cluster(kind, tmp_path: Path, minor: str, number: int, when: str) -> None:
    state = kind(minor)
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit({"app.yaml": yaml.safe_dump_all(BEFORE)})
    builder.commit({"app.yaml": yaml.safe_dump_all(AFTER)}, branch="change")
    private = tmp_path / "private"
    private.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "gitgate", "plan", "main", "change", "--cluster", "kind", "-k", minor,
         "--git-dir", str(tmp_path / "app")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(private)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_until(
        lambda: [name for name in clusters(state) if when == "creating" or (state / name / "kubeconfig").exists()]
    )
    child.send_signal(number)
    child.communicate(timeout=60)
    wait_until(lambda: not clusters(state) and not list(private.iterdir()))


def wait_until(holds) -> None:
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


DOCKER = "command \"docker ps -a --filter label=io.x-k8s.kind.cluster --format '{{.Label}}'\" failed with error"
FAILURES = {
    "no docker": ("get", f'ERROR: failed to list clusters: {DOCKER}: exec: "docker": executable file not found in $PATH\n',
                  "kind finds neither Docker nor podman nor nerdctl"),
    "a daemon that is down": ("get", (f"ERROR: failed to list clusters: {DOCKER}: exit status 1\n\nCommand Output: Cannot connect to "
                              "the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"),
                              "kind cannot reach Docker: the daemon is not running"),
    "no rights": ("get", (f"ERROR: failed to list clusters: {DOCKER}: exit status 1\n\nCommand Output: permission denied while trying "
                  "to connect to the Docker daemon socket\n"), "kind may not use Docker: permission denied"),
    "no image": ("create", 'ERROR: failed to create cluster: failed to pull image "kindest/node": manifest unknown\n',
                 "kind cannot fetch the image kindest/node:v1.36"),
    "something else": ("create", ('Creating cluster ...\nERROR: failed to create cluster: command "docker run --env '
                       'TOKEN=hunter2" failed with error: exit status 7\nhunter2\n'),
                       "kind failed: failed to create cluster: exit status 7"),
    "no deletion": ("delete", "ERROR: failed to delete cluster: no\n", "was not deleted: kind failed: failed to delete cluster: no"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_what_kind_cannot_do_is_one_line(ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    command, words, expected = FAILURES[case]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kind").write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/log\nif [ $1 = {command} ]; then cat {tmp_path}/words >&2; exit 1; fi\n'
    )
    (tmp_path / "bin" / "kind").chmod(0o755)
    (tmp_path / "words").write_text(words)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    if case == "no deletion":
        from gitgate.errors import ToolError
        from gitgate.reconcile.server.kind_command import Kind

        with pytest.raises(ToolError, match=expected):
            Kind().delete("gitgate-x", tmp_path)
        return
    code, said = ask(BEFORE, AFTER, "-k", "1.36")
    assert (code, expected in said.splitlines()[0]) == (3, True), said
    assert said.splitlines()[0].startswith("gitgate: ")
    assert "hunter2" not in said
    assert ("delete cluster" in (tmp_path / "log").read_text()) == (command == "create")


def test_without_kind_it_is_one_line(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git = next(part for part in os.environ["PATH"].split(":") if (Path(part) / "git").exists())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(Path(git) / "git")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    code, said = ask(BEFORE, AFTER)
    assert (code, said.splitlines()[0]) == (3, "gitgate: kind was not found on PATH")
    assert "https://kind.sigs.k8s.io" in said


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (("--cluster", "control-plane", "--keep"), 2, "--keep is for plans by kind"),
        (("--cluster", "offline", "--kind-image", "a:v1.37.0"), 2, "--kind-image is for plans by kind"),
        (("--kind-image", "-v"), 2, "is not an image"),
        (("--kind-image", "kindest/node:latest"), 2, "does not say its Kubernetes version"),
        (("--kind-image", "kindest/node:v1.99.0"), 3, "the image is Kubernetes 1.99, of which there are no tables"),
        (("-k", "1.29"), 3, "plans by kind need Kubernetes 1.30 or later"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(ask, options: tuple[str, ...], code: int, expected: str) -> None:
    found, said = ask(BEFORE, AFTER, *options)
    assert (found, expected in said) == (code, True), said


@needs_one_server
def test_an_image_of_another_version_is_told(kind, ask, minor: str) -> None:
    state = kind(minor)
    code, said = ask(BEFORE, AFTER, "-k", "1.33", "--kind-image", "example.com/node:v1.33.1")
    assert (code, f"is Kubernetes {minor}, and the plan is for 1.33" in said) == (3, True), said
    assert clusters(state) == []


@(pytest.mark.server if _REAL else pytest.mark.skip(reason="TEST_REAL_KIND is not set: kind needs containers"))
@pytest.mark.timeout(900)
def test_the_real_kind_plans_what_the_stand_in_does(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", _HOME)
    before = subprocess.run(["kind", "get", "clusters"], capture_output=True, check=True).stdout
    code, document = ask(BEFORE, AFTER)
    assert code == 1, document
    assert actions(document) == ACTIONS
    assert subprocess.run(["kind", "get", "clusters"], capture_output=True, check=True).stdout == before
