"""The shipped Pod Security Standards: every control, what it denies and what it lets pass, by version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitgate import bundled
from gitgate.policy.cel import Engine
from gitgate.policy.definition import read_bindings, read_policies
from gitgate.policy.evaluation import Bound, Code, Surroundings, evaluate
from gitgate.policy.files import bundled_names, read_bundled
from gitgate.policy.requests import Kinds, plan_requests
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.schema.scope import is_cluster_scoped
from tools.build_pod_security import POLICIES, bands, controls, files

BASELINE, RESTRICTED = "pod-security-baseline", "pod-security-restricted"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


_BOUNDS: dict[str, list[Bound]] = {}


def denied(engine: Engine, name: str, spec: dict[str, Any], metadata: dict[str, Any] | None = None) -> set[str]:
    """The controls of a set that deny a pod."""
    path = bundled.policy_set(name).stem
    if path not in _BOUNDS:
        resources = read_bundled(path)
        policies = {policy.name: policy for policy in read_policies(resources)}
        programs = {key: engine.compile(policy.source) for key, policy in policies.items()}
        assert [program.problems for program in programs.values() if program.problems] == []
        _BOUNDS[path] = [Bound(policies[item.policy], item, programs[item.policy]) for item in read_bindings(resources)]
    data = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **(metadata or {})}, "spec": spec}
    pod = Resource(ResourceId("", "v1", "Pod", "", "p"), data, Origin("p.yaml"))
    requests = plan_requests((), (pod,), Kinds(is_cluster_scoped, ())).proposed
    answers = list(evaluate(engine, _BOUNDS[path], requests, Surroundings({}, ())))
    assert {answer.code for answer in answers} <= {Code.DENIED}, answers
    return {answer.policy.resource.data["metadata"]["annotations"]["gitgate.dev/control"] for answer in answers}


def pod(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "i", **(container or {})}], **spec}


def secure(context: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod that restricted allows, with other settings in its container."""
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **(context or {})}
    outer = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"securityContext": outer, **pod({"securityContext": own}), **spec}


def context(**fields: Any) -> dict[str, Any]:
    return {"securityContext": fields}


APPARMOR = "container.apparmor.security.beta.kubernetes.io/c"
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"

DENIED_BY_BASELINE = [
    ("hostNamespaces", pod(hostNetwork=True)),
    ("hostNamespaces", pod(hostPID=True)),
    ("hostNamespaces", pod(hostIPC=True)),
    ("privileged", pod(context(privileged=True))),
    ("privileged", pod(initContainers=[{"name": "i", **context(privileged=True)}])),
    ("privileged", pod(ephemeralContainers=[{"name": "e", **context(privileged=True)}])),
    ("capabilities_baseline", pod(context(capabilities={"add": ["NET_RAW"]}))),
    ("capabilities_baseline", pod(context(capabilities={"add": ["chown"]}))),
    ("hostPathVolumes", pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}])),
    ("hostPorts", pod({"ports": [{"containerPort": 1, "hostPort": 1}]})),
    ("appArmorProfile", pod(securityContext={"appArmorProfile": {"type": "Unconfined"}})),
    ("appArmorProfile", pod(context(appArmorProfile={"type": "Unconfined"}))),
    ("seLinuxOptions", pod(context(seLinuxOptions={"type": "spc_t"}))),
    ("seLinuxOptions", pod(securityContext={"seLinuxOptions": {"user": "root"}})),
    ("seLinuxOptions", pod(securityContext={"seLinuxOptions": {"role": "r"}})),
    ("procMount", pod(context(procMount="Unmasked"))),
    ("seccompProfile_baseline", pod(context(seccompProfile={"type": "Unconfined"}))),
    ("seccompProfile_baseline", pod(securityContext={"seccompProfile": {"type": "Unconfined"}})),
    ("sysctls", pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]})),
    ("windowsHostProcess", pod(securityContext={"windowsOptions": {"hostProcess": True}})),
    ("windowsHostProcess", pod(context(windowsOptions={"hostProcess": True}))),
    ("hostProbesAndHostLifecycle", pod({"livenessProbe": {"httpGet": {"port": 1, "host": "169.254.169.254"}}})),
    ("hostProbesAndHostLifecycle", pod({"lifecycle": {"preStop": {"tcpSocket": {"port": 1, "host": "x"}}}})),
]
DENIED_BY_RESTRICTED = [
    ("restrictedVolumes", secure(volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}])),
    ("restrictedVolumes", secure(volumes=[{"name": "v", "hostPath": {"path": "/"}}])),
    ("allowPrivilegeEscalation", secure({"allowPrivilegeEscalation": True})),
    (
        "allowPrivilegeEscalation",
        secure(ephemeralContainers=[{"name": "e", **context(capabilities={"drop": ["ALL"]})}]),
    ),
    ("capabilities_restricted", secure({"capabilities": {}})),
    ("capabilities_restricted", secure({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}})),
    ("runAsNonRoot", secure({"runAsNonRoot": False})),
    ("runAsNonRoot", secure(securityContext={"seccompProfile": {"type": "RuntimeDefault"}})),
    ("runAsUser", secure({"runAsUser": 0})),
    ("seccompProfile_restricted", secure(securityContext={"runAsNonRoot": True})),
    ("seccompProfile_restricted", secure({"seccompProfile": {"type": "Unconfined"}})),
]
ALLOWED_BY_BASELINE = [
    pod(),
    pod(hostNetwork=False),
    pod(context(privileged=False, procMount="Default", capabilities={"add": ["CHOWN"], "drop": ["ALL"]})),
    pod({"ports": [{"containerPort": 1, "hostPort": 0}]}),
    pod(context(seLinuxOptions={"type": "container_t", "level": "s0"}, seccompProfile={"type": "Localhost"})),
    pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}),
    pod({"livenessProbe": {"httpGet": {"port": 1, "host": ""}}}),
    pod(context(procMount="Unmasked"), hostUsers=False),
    pod(volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}]),
]
ALLOWED_BY_RESTRICTED = [
    secure(),
    secure({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
    secure(volumes=[{"name": "v"}, {"name": "w", "csi": {"driver": "d"}}, {"name": "x", "secret": {}}]),
    secure({"runAsUser": 1000}),
    secure({"runAsUser": 0, "runAsNonRoot": False}, hostUsers=False),
    {**pod(securityContext={"runAsNonRoot": True}), "os": {"name": "windows"}},
]


@pytest.mark.parametrize(("control", "spec"), DENIED_BY_BASELINE)
def test_baseline_denies(engine: Engine, control: str, spec: dict[str, Any]) -> None:
    assert denied(engine, BASELINE, spec) == {control}


@pytest.mark.parametrize(("control", "spec"), DENIED_BY_RESTRICTED)
def test_restricted_denies(engine: Engine, control: str, spec: dict[str, Any]) -> None:
    assert control in denied(engine, RESTRICTED, spec)
    assert control not in denied(engine, BASELINE, spec)


@pytest.mark.parametrize("spec", ALLOWED_BY_BASELINE)
def test_baseline_allows(engine: Engine, spec: dict[str, Any]) -> None:
    assert denied(engine, BASELINE, spec) == set()


@pytest.mark.parametrize("spec", ALLOWED_BY_RESTRICTED)
def test_restricted_allows(engine: Engine, spec: dict[str, Any]) -> None:
    assert denied(engine, RESTRICTED, spec) == set()


@pytest.mark.parametrize(("control", "spec"), DENIED_BY_BASELINE)
def test_what_baseline_denies_restricted_denies(engine: Engine, control: str, spec: dict[str, Any]) -> None:
    assert denied(engine, RESTRICTED, spec)


@pytest.mark.parametrize(
    ("version", "spec", "metadata", "expected"),
    [
        ("v1.18", pod(), {"annotations": {SECCOMP: "unconfined"}}, {"seccompProfile_baseline"}),
        ("v1.18", pod(), {"annotations": {SECCOMP: "docker/default"}}, set()),
        ("v1.18", pod(context(seccompProfile={"type": "Unconfined"})), {}, set()),
        ("v1.19", pod(), {"annotations": {SECCOMP: "unconfined"}}, set()),
        ("v1.26", pod(securityContext={"sysctls": [{"name": "net.ipv4.ip_local_reserved_ports"}]}), {}, {"sysctls"}),
        ("v1.27", pod(securityContext={"sysctls": [{"name": "net.ipv4.ip_local_reserved_ports"}]}), {}, set()),
        ("v1.28", pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_fin_timeout"}]}), {}, {"sysctls"}),
        ("v1.30", pod(securityContext={"seLinuxOptions": {"type": "container_engine_t"}}), {}, {"seLinuxOptions"}),
        ("v1.31", pod(securityContext={"seLinuxOptions": {"type": "container_engine_t"}}), {}, set()),
        ("v1.33", pod({"livenessProbe": {"httpGet": {"host": "x"}}}), {}, set()),
        ("v1.34", pod(context(procMount="Unmasked"), hostUsers=False), {}, {"procMount"}),
        ("v1.99", pod(context(procMount="Unmasked"), hostUsers=False), {}, set()),
        ("v1.5", pod(), {"annotations": {APPARMOR: "unconfined"}}, {"appArmorProfile"}),
        ("v1.5", pod(), {"annotations": {APPARMOR: "localhost/x"}}, set()),
    ],
)
def test_a_pinned_version_is_the_standard_of_its_time(
    engine: Engine, version: str, spec: dict[str, Any], metadata: dict[str, Any], expected: set[str]
) -> None:
    assert denied(engine, f"{BASELINE}-{version}", spec, metadata) == expected


def test_what_was_demanded_when(engine: Engine) -> None:
    bare = pod(securityContext={"runAsNonRoot": True})
    assert denied(engine, f"{RESTRICTED}-v1.7", bare) == set()
    assert denied(engine, f"{RESTRICTED}-v1.8", bare) == {"allowPrivilegeEscalation"}
    escalation, seccomp, drop = "allowPrivilegeEscalation", "seccompProfile_restricted", "capabilities_restricted"
    assert denied(engine, f"{RESTRICTED}-v1.19", bare) == {escalation, seccomp}
    assert denied(engine, f"{RESTRICTED}-v1.24", {**bare, "os": {"name": "windows"}}) == {escalation, seccomp, drop}
    assert denied(engine, f"{RESTRICTED}-v1.25", {**bare, "os": {"name": "windows"}}) == set()


def test_every_control_is_shown_to_deny_something() -> None:
    shown = {control for control, _ in (*DENIED_BY_BASELINE, *DENIED_BY_RESTRICTED)}
    assert {control.id for control in controls()} - shown == {"procMount_restricted"}


def test_procmount_is_not_excused_in_restricted(engine: Engine) -> None:
    assert denied(engine, RESTRICTED, secure({"procMount": "Unmasked"}, hostUsers=False)) == {"procMount_restricted"}


def test_the_files_are_what_the_table_says() -> None:
    written = {
        path.relative_to(POLICIES).as_posix(): path.read_text(encoding="utf-8")
        for path in POLICIES.rglob("pod-security-*.yaml")
    }
    assert written == files()
    assert len(bands("baseline")) == 8


@pytest.mark.parametrize("name", bundled_names())
def test_every_set_compiles_and_is_bound(engine: Engine, name: str) -> None:
    resources = read_bundled(name)
    policies = list(read_policies(resources))
    assert {policy.name for policy in policies} == {binding.policy for binding in read_bindings(resources)}
    assert len(resources) == 2 * len(policies) > 0
    for policy in policies:
        assert policy.defects == ()
        assert not policy.asks_cluster
        program = engine.compile(policy.source)
        assert program.runnable, (policy.name, program.problems)
        # ValidatingAdmissionPolicy v1 came with 1.30: nothing in it may need a newer one.
        assert all(float(need.version) <= 1.30 for need in program.requirements), program.requirements


def test_a_set_that_is_not_shipped_is_not_found(tmp_path: Path) -> None:
    for name in (
        "nope",
        "../x",
        "pod-security-baseline-v1.",
        "pod-security-baseline-v2.1",
        "pod-security-baseline-v1.x",
    ):
        with pytest.raises(FileNotFoundError):
            read_bundled(name)
