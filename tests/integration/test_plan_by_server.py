"""`gitgate plan --cluster control-plane`: the real etcd and kube-apiserver, the real command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gitgate.__main__ import run
from tests.support.cluster import changed, service, thing, workload
from tests.support.control_plane import needs_one_server, needs_server, server_binaries
from tests.support.repository import RepositoryBuilder

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {
                "type": "object", "x-kubernetes-validations": [{"rule": "self.size < 10", "message": "too large"}],
                "properties": {"size": {"type": "integer"}, "color": {"type": "string", "default": "red"}},
            }},
        }}}],
    },
}  # fmt: skip
POLICY = {
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


def named(data: dict, name: str) -> dict:
    return changed(data, "metadata.name", name)


def agent_repository(folder: Path, before: list[dict], after: list[dict]) -> None:
    builder = RepositoryBuilder(folder)
    builder.commit({"app.yaml": yaml.safe_dump_all(before)})
    builder.commit({"app.yaml": yaml.safe_dump_all(after)}, branch="change")


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def ask(minor: str, before: list[dict], after: list[dict], *options: str) -> dict:
        agent_repository(tmp_path / "app", before, after)
        monkeypatch.setenv("KUBEBUILDER_ASSETS", str(server_binaries()[minor].apiserver.parent))
        run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--cluster", "control-plane",
             "--output", "json", *options])  # fmt: skip
        captured = capsys.readouterr()
        assert captured.err == ""
        return json.loads(captured.out)

    return ask


def actions(document: dict) -> dict[str, str]:
    return {f"{one['kind']} {one['name']}": one["action"] for one in document["objects"]}


def told(document: dict, name: str) -> dict:
    return next(one for one in document["objects"] if f"{one['kind']} {one['name']}" == name)


@needs_server
def test_every_action_is_what_the_server_makes_of_it(plan, minor: str) -> None:
    job = thing("batch/v1", "Job", spec={"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
    forced = changed(named(job, "forced"), "metadata.annotations", {"kustomize.toolkit.fluxcd.io/force": "enabled"})
    widget = thing("example.com/v1", "Widget", spec={"size": 1})
    secret = thing("v1", "Secret", stringData={"password": "hunter2-before"})
    quota = thing("v1", "ResourceQuota", spec={"hard": {"count/configmaps": "1"}})
    settings = thing("v1", "ConfigMap", data={"a": "b"})
    before = [
        NAMESPACE, WIDGETS, POLICY, BINDING, quota, workload(), named(workload(), "many"), named(workload(), "other"),
        widget, named(widget, "large"), service(), secret, job, forced, named(service(), "gone"),
        changed(named(settings, "outside"), "metadata.namespace", "elsewhere"),
        thing("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", webhooks=[]),
    ]  # fmt: skip
    other = changed(named(workload(), "other"), "spec.selector.matchLabels.app", "x")
    after = [
        NAMESPACE, WIDGETS, POLICY, BINDING, quota,
        changed(workload(), "spec.template.spec.containers.0.image", "web:2"),
        changed(named(workload(), "many"), "spec.replicas", 9),
        changed(other, "spec.template.metadata.labels.app", "x"),
        changed(widget, "spec.color", "red"), changed(named(widget, "large"), "spec.size", 99),
        changed(service(), "spec.type", "NodePort"), changed(secret, "stringData.password", "hunter2-after"),
        changed(job, "spec.template.spec.containers.0.image", "a:2"),
        changed(forced, "spec.template.spec.containers.0.image", "a:2"),
        changed(changed(named(settings, "outside"), "metadata.namespace", "elsewhere"), "data.a", "c"),
        settings, named(settings, "second"),
        changed(thing("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", webhooks=[]),
                "metadata.labels", {"a": "b"}),
    ]  # fmt: skip
    document = plan(minor, before, after)
    found = actions(document)
    assert document["counts"]["create"] == 1
    assert found == {
        "Deployment web": "update", "Deployment many": "blocked", "Deployment other": "blocked",
        "Widget large": "blocked", "Service web": "update", "Service gone": "prune", "Secret web": "update",
        "Job web": "blocked", "Job forced": "replace", "ValidatingWebhookConfiguration web": "update",
        # The quota lets one in: the first by name.
        "ConfigMap second": "create", "ConfigMap web": "blocked", "ConfigMap outside": "update",
    }  # fmt: skip
    denied = told(document, "Deployment many")["failures"][0]
    assert denied["code"] == "policy-denied"
    assert denied["message"].endswith("denied request: too many")
    immutable = told(document, "Deployment other")["failures"][0]
    assert (immutable["code"], immutable["field"]) == ("immutable-field", "spec.selector")
    assert told(document, "Widget large")["failures"][0]["message"].endswith("too large")
    assert [one["field"] for one in told(document, "Deployment web")["changes"]] == [
        "spec.template.spec.containers[0].image"]  # fmt: skip
    assert {one["field"] for one in told(document, "Service web")["changes"]} == {
        "spec.type", "spec.externalTrafficPolicy"}  # fmt: skip
    assert "hunter2" not in json.dumps(document)
    assert "webhooks are not simulated" in told(document, "ValidatingWebhookConfiguration web")["reason"]
    assert document["backend"].startswith("control-plane, kube-apiserver ")
    assert document["kubernetesVersion"] == minor
    assert any("elsewhere" in one for one in document["assumptions"])


@needs_one_server
def test_a_policy_that_the_change_brings_judges_what_stays(plan, minor: str) -> None:
    many = changed(workload(), "spec.replicas", 9)
    document = plan(minor, [NAMESPACE, many], [NAMESPACE, many, POLICY, BINDING])
    assert actions(document)["Deployment web"] == "blocked"


@needs_server
def test_what_mutating_policies_set_is_said_to_be_theirs(plan, minor: str) -> None:
    version = "admissionregistration.k8s.io/" + ("v1" if int(minor.split(".")[1]) >= 36 else "v1beta1")
    expression = 'Object{metadata: Object.metadata{labels: {"marked": "yes"}}}'
    rules = [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    ]
    policy = {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "mark"}, "spec": {
        "reinvocationPolicy": "Never", "matchConstraints": {"resourceRules": rules},
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]}}  # fmt: skip
    binding = {"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "mark"},
               "spec": {"policyName": "mark"}}  # fmt: skip
    old = thing("v1", "ConfigMap", data={"a": "b"})
    job = thing("batch/v1", "Job", spec={"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
    after = [NAMESPACE, policy, binding, old, named(old, "new"), service(), named(NAMESPACE, "more"), job]
    document = plan(minor, [NAMESPACE, old], after)
    assert actions(document)["ConfigMap web"] == "update"  # nothing in it changes but for the policy
    assert told(document, "ConfigMap web")["reason"] == "MutatingAdmissionPolicies set metadata.labels"
    assert told(document, "ConfigMap new")["reason"] == "MutatingAdmissionPolicies set metadata.labels"
    for untouched in ("Service web", "Namespace more", "Job web"):
        assert told(document, untouched)["reason"] is None


@needs_one_server
def test_definitions_that_the_repository_only_imported_judge(tmp_path: Path, capsys, monkeypatch, minor: str) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(server_binaries()[minor].apiserver.parent))
    widget = thing("example.com/v1", "Widget", spec={"size": 1})
    builder = RepositoryBuilder(tmp_path / "app")
    files = {".gitgate/schemas/widgets.yaml": yaml.safe_dump(WIDGETS), "b.yaml": yaml.safe_dump(named(widget, "b"))}
    builder.commit({**files, "a.yaml": yaml.safe_dump(widget)})
    after = {"a.yaml": yaml.safe_dump(changed(widget, "spec.size", 99)),
             "b.yaml": yaml.safe_dump(changed(named(widget, "b"), "spec.color", "red"))}  # fmt: skip
    builder.commit(files | after, branch="change")
    run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--cluster", "control-plane", "-o", "json"])
    document = json.loads(capsys.readouterr().out)
    assert actions(document) == {"Widget web": "blocked"}
    assert told(document, "Widget web")["failures"][0]["message"].endswith("too large")
    assert (
        "The cluster has these definitions, as .gitgate/schemas says: widgets.example.com." in document["assumptions"]
    )


@needs_server
def test_no_webhook_of_the_change_is_asked_to_convert(plan, minor: str) -> None:
    with socket.socket() as canary:
        canary.bind(("127.0.0.1", 0))
        canary.listen()
        hook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {
            "url": f"https://127.0.0.1:{canary.getsockname()[1]}/convert"}}}  # fmt: skip
        (stored,) = WIDGETS["spec"]["versions"]
        older = {**stored, "name": "v1beta1", "storage": False}
        definition = changed(changed(WIDGETS, "spec.conversion", hook), "spec.versions", [stored, older])
        widget = thing("example.com/v1beta1", "Widget", spec={"size": 1})
        before = [NAMESPACE, definition, widget, named(widget, "large")]
        after = [
            NAMESPACE, changed(definition, "spec.conversion.webhook.conversionReviewVersions", ["v1", "v2"]),
            changed(widget, "spec.size", 2), changed(named(widget, "large"), "spec.size", 99),
        ]  # fmt: skip
        document = plan(minor, before, after)
        canary.settimeout(0)
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert actions(document) == {
        "CustomResourceDefinition widgets.example.com": "update", "Widget web": "update", "Widget large": "blocked",
    }  # fmt: skip
    assert [one["field"] for one in told(document, "CustomResourceDefinition widgets.example.com")["changes"]] == [
        "spec.conversion.webhook.conversionReviewVersions"]  # fmt: skip
    assert any("No webhook converts objects of these" in one for one in document["assumptions"])


@needs_one_server
def test_a_conversion_that_the_server_refuses_is_blocked(plan, minor: str) -> None:
    hook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "http://a"}}}
    document = plan(minor, [NAMESPACE, WIDGETS], [NAMESPACE, changed(WIDGETS, "spec.conversion", hook)])
    assert actions(document) == {"CustomResourceDefinition widgets.example.com": "blocked"}


@needs_one_server
def test_a_place_of_its_own_for_each_overlay(tmp_path: Path, capsys, monkeypatch, minor: str) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(server_binaries()[minor].apiserver.parent))
    settings = thing("v1", "ConfigMap", data={"a": "1"})
    sides = [{f"{place}/app.yaml": yaml.safe_dump(changed(settings, "data.a", value)) for place, value in pairs}
             for pairs in ((("a", "1"), ("b", "2")), (("a", "1"), ("b", "3")))]  # fmt: skip
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit(sides[0])
    builder.commit(sides[1], branch="change")
    run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--cluster", "control-plane", "-o", "json"])
    document = json.loads(capsys.readouterr().out)
    assert [(one["path"], one["changes"]) for one in document["objects"]] == [
        ("b/app.yaml", [{"field": "data.a", "old": "2", "new": "3"}])]  # fmt: skip


@needs_one_server
def test_what_the_uid_of_a_job_makes_is_no_change(plan, minor: str) -> None:
    """Two runs say the same."""
    replaced = {"argocd.argoproj.io/sync-options": "Force=true,Replace=true"}
    job = changed(thing("batch/v1", "Job", spec={"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}), "metadata.annotations", replaced)  # fmt: skip
    after = changed(job, "spec.template.spec.containers.0.image", "a:2")
    document = plan(minor, [NAMESPACE, job], [NAMESPACE, after], "--apply", "client-side")
    assert actions(document) == {"Job web": "replace"}
    assert [one["field"] for one in told(document, "Job web")["changes"]] == ["spec.template.spec.containers[0].image"]


@needs_one_server
@pytest.mark.parametrize("method", ["server-side", "client-side", "flux", "replace"])
def test_any_character_gets_there(plan, minor: str, method: str) -> None:
    old = thing("v1", "ConfigMap", data={"a": 'é \U0001f600 \u2028 \\ud83d " \n\t'})
    document = plan(minor, [NAMESPACE, old], [NAMESPACE, changed(old, "data.b", "\U0001f680")], "--apply", method)
    assert [one["changes"] for one in document["objects"]] == [[{"field": "data.b", "new": "\U0001f680"}]]


@needs_one_server
def test_what_the_server_refuses_of_the_base_is_named(plan, minor: str) -> None:
    wrong = changed(workload(), "spec.selector.matchLabels.app", "x")
    document = plan(
        minor, [NAMESPACE, wrong, service()], [NAMESPACE, wrong, changed(service(), "spec.ports.0.port", 81)]
    )
    assert actions(document) == {"Deployment web": "unknown", "Service web": "update"}
    assert "selector" in told(document, "Deployment web")["reason"]


@needs_one_server
@pytest.mark.parametrize("method", ["server-side", "client-side", "flux", "replace"])
def test_each_way_of_applying(plan, minor: str, method: str) -> None:
    before = changed(workload(), "spec.template.spec.containers.0.env", [{"name": "A", "value": "1"}, {"name": "B"}])
    after = changed(workload(strategy={"type": "Recreate"}), "spec.template.spec.containers.0.env", [{"name": "B"}])
    document = plan(minor, [NAMESPACE, before], [NAMESPACE, after], "--apply", method)
    # Server-side apply leaves what the default strategy brought, and then refuses it.
    expected = "blocked" if method in ("server-side", "flux") else "update"
    assert actions(document) == {"Deployment web": expected}
    if expected == "update":
        assert {one["field"] for one in told(document, "Deployment web")["changes"]} == {
            "spec.strategy.rollingUpdate", "spec.strategy.type", "spec.template.spec.containers[0].env"}  # fmt: skip


@needs_one_server
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_run_that_is_killed_leaves_no_process_and_no_directory(tmp_path: Path, minor: str, number: int) -> None:
    agent_repository(tmp_path / "app", [NAMESPACE], [NAMESPACE, service()])
    private = tmp_path / "private"
    private.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "gitgate", "plan", "main", "change", "--cluster", "control-plane",
         "--git-dir", str(tmp_path / "app")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(private),
             "KUBEBUILDER_ASSETS": str(server_binaries()[minor].apiserver.parent)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: len(processes_of(private)) == 2)
    assert [oct(path.stat().st_mode & 0o777) for path in private.glob("gitgate-servers-*")] == ["0o700"]
    child.send_signal(number)
    child.communicate(timeout=30)
    wait_until(lambda: not processes_of(private) and not list(private.iterdir()))


def processes_of(private: Path) -> list[str]:
    """Command lines of servers whose files are below a directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{private}/gitgate-servers" in line:
            found.append(line.partition("\0")[0])
    return found


def wait_until(holds) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def ask_badly(tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    agent_repository(tmp_path / "app", [NAMESPACE], [NAMESPACE, service()])
    code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), *options])
    return code, capsys.readouterr().err


BAD_ASSETS = {
    "there is nothing": ({}, "has no etcd and no kube-apiserver"),
    "one of the two": ({"etcd": "#!/bin/sh\n"}, "has no kube-apiserver"),
    "for another machine": ({"etcd": "\x7fELF\x02\x01\x01\0", "kube-apiserver": "\x7fELF\x02\x01\x01\0"},
                            "kube-apiserver could not be started: "),
    "not what it is called": ({"etcd": "#!/bin/sh\n", "kube-apiserver": "#!/bin/sh\necho hello\n"}, "does not say which"),
    "of another version": ({"etcd": "#!/bin/sh\n", "kube-apiserver": "#!/bin/sh\necho Kubernetes v1.29.3\n"},
                           "is Kubernetes 1.29, and the plan is for 1.33"),
    "of a version that nobody knows": ({"etcd": "#!/bin/sh\n", "kube-apiserver": "#!/bin/sh\necho Kubernetes v1.99.3\n"},
                                       "is Kubernetes 1.99, of which there are no tables"),
    "not starting": ({"etcd": "#!/bin/sh\ncase $1 in --version) ;; *) echo no luck; exit 7;; esac\n",
                      "kube-apiserver": "#!/bin/sh\ncase $1 in --version) echo Kubernetes v1.33.1;; *) exec sleep 60;; esac\n"},
                     "etcd does not start: no luck"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ASSETS)
def test_binaries_that_cannot_serve_are_one_line_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    files, expected = BAD_ASSETS[case]
    assets, private = tmp_path / "assets", tmp_path / "private"
    assets.mkdir()
    private.mkdir()
    for name, content in files.items():
        (assets / name).write_text(content)
        (assets / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setattr("tempfile.tempdir", str(private))
    version = () if "nobody" in case else ("-k", "1.33")
    code, said = ask_badly(tmp_path, capsys, "--cluster", "control-plane", *version)
    assert (code, expected in said.splitlines()[0]) == (3, True), said
    assert not processes_of(private)
    assert not list(private.glob("gitgate-servers-*"))


@needs_one_server
@pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
def test_a_server_that_dies_in_mid_run_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, minor: str, name: str
) -> None:
    from gitgate.reconcile.server import simulation

    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(server_binaries()[minor].apiserver.parent))
    monkeypatch.setattr("tempfile.tempdir", str(private))
    real = simulation.simulate

    def dying(*arguments, **options):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            line = path.read_bytes().decode(errors="replace")
            if f"{private}/gitgate-servers" in line and Path(line.partition("\0")[0]).name == name:
                os.kill(int(path.parent.name), signal.SIGKILL)
        return real(*arguments, **options)

    monkeypatch.setattr(simulation, "simulate", dying)
    code, said = ask_badly(tmp_path, capsys, "--cluster", "control-plane")
    assert code == 3
    assert said == f"gitgate: {name} ended while it was needed: killed by signal 9\n"
    assert not processes_of(private)
    assert not list(private.glob("gitgate-servers-*"))


@needs_one_server
def test_a_full_disk_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, minor: str
) -> None:
    """etcd takes a limit for full, as it takes a disk: the quota of its store stands for one here."""
    from gitgate.reconcile.server import control_plane

    real = control_plane._etcd

    def small(*arguments):
        yield from real(*arguments)
        yield "--quota-backend-bytes=1200000"

    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(server_binaries()[minor].apiserver.parent))
    monkeypatch.setattr("tempfile.tempdir", str(private))
    monkeypatch.setattr(control_plane, "_etcd", small)
    large = [named(thing("v1", "ConfigMap", data={"a": "x" * 200_000}), f"large-{number}") for number in range(15)]
    agent_repository(tmp_path / "app", [NAMESPACE], [NAMESPACE, *large])
    code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--cluster", "control-plane"])
    said = capsys.readouterr().err
    assert (code, "database space exceeded" in said.splitlines()[0]) == (3, True), said
    assert not processes_of(private)
    assert not list(private.glob("gitgate-servers-*"))


@needs_one_server
def test_a_taken_port_is_named(minor: str) -> None:
    from gitgate.errors import ToolError
    from gitgate.reconcile.server.control_plane import ControlPlane

    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        ports = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(ToolError, match="port of the control plane is in use"):
            ControlPlane(server_binaries()[minor], ports=ports)


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (("--cluster", "control-plane", "--from-live", "live.yaml"), 2, "cannot both be given"),
    ],
)
def test_what_is_not_available_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, expected: str
) -> None:
    found, said = ask_badly(tmp_path, capsys, *options)
    assert (found, expected in said) == (code, True), said
