"""Writes the Pod Security Standards into policies/ as ValidatingAdmissionPolicies: `make policies`.

Each control of a standard is one policy. The standard of a Kubernetes version is one file: `pod-security-baseline.yaml`
is the latest, `pod-security-baseline-v1.19.yaml` the one that holds from v1.19 until the next file's version.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and, for what changed in which version,
k8s.io/pod-security-admission/policy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pod_security_examples import render_examples

POLICIES = Path(__file__).resolve().parent.parent / "policies"
SITE = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
Version = tuple[int, int]
LATEST: Version = (1, 999)
ALWAYS: Version = (1, 0)
WINDOWS: Version = (1, 25)
"""From here on what Windows cannot do is not demanded of its pods."""
USER_NAMESPACES: Version = (1, 35)
"""From here on a pod in a user namespace of its own may be root in it."""

CONTAINERS = (
    "containers",
    "object.spec.containers + object.spec.?initContainers.orValue([]) + object.spec.?ephemeralContainers.orValue([])",
)
CONTEXT = ("context", "object.spec.?securityContext.orValue({})")
ANNOTATIONS = ("annotations", "object.metadata.?annotations.orValue({})")
IS_WINDOWS = "object.spec.?os.?name.orValue('') == 'windows'"
IN_USER_NAMESPACE = "object.spec.?hostUsers.orValue(true) == false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control of a standard as it holds in some versions.

    Attributes:
        id: As pod-security-admission calls it.
        since: The first version that has it in this form.
        until: The first version that has it no more.
        expression: True for a pod that is allowed.
        restricted: Is it part of `restricted` only?
        replaced: Is it part of `baseline` only, as `restricted` demands more?
    """

    id: str
    title: str
    message: str
    fix: str
    expression: str
    since: Version = ALWAYS
    until: Version = LATEST
    variables: tuple[tuple[str, str], ...] = (CONTAINERS,)
    restricted: bool = False
    replaced_from: Version | None = None


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _words(text: str) -> list[str]:
    return text.split()


CAPABILITIES = _words(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
)
SYSCTLS: tuple[tuple[Version, str], ...] = (
    (
        ALWAYS,
        """kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start
        net.ipv4.ping_group_range net.ipv4.tcp_syncookies""",
    ),
    ((1, 27), "net.ipv4.ip_local_reserved_ports"),
    (
        (1, 29),
        """net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes
        net.ipv4.tcp_keepalive_time""",
    ),
    ((1, 32), "net.ipv4.tcp_rmem net.ipv4.tcp_wmem"),
)
SELINUX_TYPES: tuple[tuple[Version, str], ...] = (
    (ALWAYS, "container_t container_init_t container_kvm_t"),
    ((1, 31), "container_engine_t"),
)


def _in_every(field: str, test: str) -> str:
    """A test of `c.securityContext.FIELD`, which may be absent, in every container."""
    return f"variables.containers.all(c, !has(c.securityContext) || !has(c.securityContext.{field}) || {test})"


def _grown(steps: Sequence[tuple[Version, str]]) -> Iterator[tuple[Version, Version, list[str]]]:
    """Since, until and the words of each step."""
    words: list[str] = []
    for index, (since, added) in enumerate(steps):
        words += added.split()
        until = steps[index + 1][0] if index + 1 < len(steps) else LATEST
        yield since, until, sorted(words)


def controls() -> Iterator[Control]:
    """Every form of every control."""
    yield from _host_controls()
    yield from _container_controls()
    yield from _profile_controls()
    yield from _seccomp_controls()
    yield from _restricted_controls()
    yield from _user_controls()


def _host_controls() -> Iterator[Control]:
    yield Control(
        id="hostNamespaces",
        title="Host namespaces",
        message="hostNetwork, hostPID and hostIPC must not be true",
        fix="Remove hostNetwork, hostPID and hostIPC.",
        variables=(),
        expression="[object.spec.?hostNetwork, object.spec.?hostPID, object.spec.?hostIPC].all(f,\n"
        "  f.orValue(false) != true)",
    )
    yield Control(
        id="hostPathVolumes",
        title="HostPath volumes",
        message="volumes must not be of type hostPath",
        fix="Use a volume that does not come from the node.",
        variables=(),
        expression="object.spec.?volumes.orValue([]).all(v, !has(v.hostPath))",
    )
    yield Control(
        id="hostPorts",
        title="Host ports",
        message="containers must not use hostPort",
        fix="Remove hostPort, and reach the container through a Service.",
        expression="variables.containers.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))",
    )
    yield Control(
        id="windowsHostProcess",
        title="Windows HostProcess",
        message="securityContext.windowsOptions.hostProcess must not be true",
        fix="Remove hostProcess.",
        variables=(CONTAINERS, CONTEXT),
        expression="variables.context.?windowsOptions.?hostProcess.orValue(false) != true &&\n"
        "variables.containers.all(c, c.?securityContext.?windowsOptions.?hostProcess.orValue(false) != true)",
    )
    yield Control(
        id="hostProbesAndHostLifecycle",
        title="Hosts of probes and lifecycle handlers",
        since=(1, 34),
        message="probes and lifecycle handlers must not name a host",
        fix="Remove host: a probe then asks the pod itself.",
        expression=_no_host_in_handlers(),
    )


def _no_host_in_handlers() -> str:
    """Each handler is asked for before it is looked into: most containers have none or one."""
    empty = "?host.orValue('') == ''"
    tests = [
        f"(!has(c.{name}) || (c.{name}.?httpGet.{empty} && c.{name}.?tcpSocket.{empty}))"
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
    ]
    hooks = [
        f"c.lifecycle.?{name}.?{kind}.{empty}" for name in ("postStart", "preStop") for kind in ("httpGet", "tcpSocket")
    ]
    tests.append(f"(!has(c.lifecycle) || ({' && '.join(hooks)}))")
    return "variables.containers.all(c,\n" + " &&\n".join(tests) + ")"


def _container_controls() -> Iterator[Control]:
    yield Control(
        id="privileged",
        title="Privileged containers",
        message="containers must not be privileged",
        fix="Remove privileged, and add the one capability that is needed.",
        expression=_in_every("privileged", "c.securityContext.privileged != true"),
    )
    yield Control(
        id="capabilities_baseline",
        title="Capabilities",
        message=f"containers must not add capabilities beyond {', '.join(CAPABILITIES)}",
        fix="Remove the capability.",
        replaced_from=(1, 22),
        expression="variables.containers.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(name,\n"
        f"  name in {_list(CAPABILITIES)}))",
    )
    yield from _proc_mount()
    for since, until, names in _grown(SYSCTLS):
        yield Control(
            id="sysctls",
            title="Sysctls",
            since=since,
            until=until,
            message=f"sysctls must be among {', '.join(names)}",
            fix="Remove the sysctl.",
            variables=(CONTEXT,),
            expression=f"variables.context.?sysctls.orValue([]).all(s, s.name in\n  {_list(names)})",
        )


def _proc_mount() -> Iterator[Control]:
    test = _in_every("procMount", "c.securityContext.procMount == 'Default'")
    for since, until, exempt in ((ALWAYS, USER_NAMESPACES, False), (USER_NAMESPACES, LATEST, True)):
        yield Control(
            id="procMount",
            title="/proc mount type",
            since=since,
            until=until,
            message="containers must have the Default /proc mount"
            + (", or the pod a user namespace" if exempt else ""),
            fix="Remove procMount.",
            # In restricted a user namespace excuses nothing here.
            replaced_from=USER_NAMESPACES if exempt else None,
            expression=f"{IN_USER_NAMESPACE} ||\n{test}" if exempt else test,
        )
    yield Control(
        id="procMount_restricted",
        title="/proc mount type",
        since=USER_NAMESPACES,
        restricted=True,
        message="containers must have the Default /proc mount",
        fix="Remove procMount.",
        expression=test,
    )


def _profile_controls() -> Iterator[Control]:
    prefix = "container.apparmor.security.beta.kubernetes.io/"
    yield Control(
        id="appArmorProfile",
        title="AppArmor",
        message="AppArmor profiles must be RuntimeDefault or Localhost",
        fix="Remove the profile: the default of the runtime then holds.",
        variables=(CONTAINERS, CONTEXT, ANNOTATIONS),
        expression=f"variables.annotations.all(key, !key.startsWith('{prefix}') ||\n"
        "  variables.annotations[key] in ['', 'runtime/default'] ||\n"
        "  variables.annotations[key].startsWith('localhost/')) &&\n"
        "variables.context.?appArmorProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost'] &&\n"
        "variables.containers.all(c,\n"
        "  c.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost'])",
    )
    for since, until, names in _grown(SELINUX_TYPES):
        yield Control(
            id="seLinuxOptions",
            title="SELinux",
            since=since,
            until=until,
            message=f"seLinuxOptions must not set user or role, and no type but {', '.join(names)}",
            fix="Remove seLinuxOptions, or use an allowed type.",
            variables=(CONTAINERS, CONTEXT),
            expression="[variables.context].all(s, " + _allowed_options(names) + ") &&\n"
            "variables.containers.all(c, !has(c.securityContext) || [c.securityContext].all(s,\n"
            + _allowed_options(names)
            + "))",
        )


def _allowed_options(names: Sequence[str]) -> str:
    options = "s.seLinuxOptions"
    return (
        f"!has({options}) || ({options}.?type.orValue('') in {_list(['', *names])} &&\n"
        f"{options}.?user.orValue('') == '' && {options}.?role.orValue('') == '')"
    )


def _seccomp_controls() -> Iterator[Control]:
    base = "seccomp.security.alpha.kubernetes.io/pod"
    prefix = "container.seccomp.security.alpha.kubernetes.io/"
    allowed = "(value in ['runtime/default', 'docker/default'] || value.startsWith('localhost/'))"
    test = allowed.replace("value", "variables.annotations[key]")
    yield Control(
        id="seccompProfile_baseline",
        title="Seccomp",
        until=(1, 19),
        message="seccomp annotations must be runtime/default, docker/default or localhost/…",
        fix="Remove the annotation, or name an allowed profile.",
        variables=(
            CONTAINERS,
            ANNOTATIONS,
            ("keys", f"['{base}'] + variables.containers.map(c, '{prefix}' + c.name)"),
        ),
        expression=f"variables.keys.all(key, !(key in variables.annotations) ||\n  {test})",
    )
    yield Control(
        id="seccompProfile_baseline",
        title="Seccomp",
        since=(1, 19),
        message="seccomp profiles must be RuntimeDefault or Localhost",
        fix="Remove seccompProfile, or use RuntimeDefault.",
        replaced_from=(1, 19),
        variables=(CONTAINERS, CONTEXT),
        expression="variables.context.?seccompProfile.?type.orValue('Localhost') in\n"
        "  ['RuntimeDefault', 'Localhost'] &&\n"
        "variables.containers.all(c,\n"
        "  c.?securityContext.?seccompProfile.?type.orValue('Localhost') in ['RuntimeDefault', 'Localhost'])",
    )
    demanded = (
        "variables.context.?seccompProfile.?type.orValue('Localhost') in ['RuntimeDefault', 'Localhost'] &&\n"
        "variables.containers.all(c, (c.?securityContext.?seccompProfile.?type.hasValue() ?\n"
        "  c.securityContext.seccompProfile.type : variables.context.?seccompProfile.?type.orValue('')) in\n"
        "  ['RuntimeDefault', 'Localhost'])"
    )
    for since, until in (((1, 19), WINDOWS), (WINDOWS, LATEST)):
        yield Control(
            id="seccompProfile_restricted",
            title="Seccomp, set",
            since=since,
            until=until,
            restricted=True,
            message="the pod or all containers must set seccompProfile.type to RuntimeDefault or Localhost",
            fix="Set securityContext.seccompProfile.type of the pod to RuntimeDefault.",
            variables=(CONTAINERS, CONTEXT),
            expression=_unless_windows(demanded, since),
        )


def _unless_windows(expression: str, since: Version) -> str:
    return f"{IS_WINDOWS} ||\n{expression}" if since >= WINDOWS else expression


def _restricted_controls() -> Iterator[Control]:
    volumes = _words("configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret")
    yield Control(
        id="restrictedVolumes",
        title="Volume types",
        restricted=True,
        message=f"volumes must be of type {', '.join(volumes)}",
        fix="Use one of these types; storage comes through a PersistentVolumeClaim.",
        variables=(),
        # One without a type is an emptyDir.
        expression=f"object.spec.?volumes.orValue([]).all(v, v.all(key, key in\n{_list(['name', *volumes])}))",
    )
    for since, until in (((1, 8), WINDOWS), (WINDOWS, LATEST)):
        yield Control(
            id="allowPrivilegeEscalation",
            title="Privilege escalation",
            since=since,
            until=until,
            restricted=True,
            message="containers must set allowPrivilegeEscalation to false",
            fix="Set securityContext.allowPrivilegeEscalation of each container to false.",
            expression=_unless_windows(
                "variables.containers.all(c, c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false)",
                since,
            ),
        )
    for since, until in (((1, 22), WINDOWS), (WINDOWS, LATEST)):
        yield Control(
            id="capabilities_restricted",
            title="Capabilities, dropped",
            since=since,
            until=until,
            restricted=True,
            message="containers must drop ALL capabilities and add none but NET_BIND_SERVICE",
            fix="Set securityContext.capabilities.drop of each container to [ALL].",
            expression=_unless_windows(
                "variables.containers.all(c,\n"
                "  'ALL' in c.?securityContext.?capabilities.?drop.orValue([]) &&\n"
                "  c.?securityContext.?capabilities.?add.orValue([]).all(name, name == 'NET_BIND_SERVICE'))",
                since,
            ),
        )


def _user_controls() -> Iterator[Control]:
    for exempt in (False, True):
        since, until = (USER_NAMESPACES, LATEST) if exempt else (ALWAYS, USER_NAMESPACES)
        start = f"{IN_USER_NAMESPACE} ||\n" if exempt else ""
        yield Control(
            id="runAsNonRoot",
            title="Running as non-root",
            since=since,
            until=until,
            restricted=True,
            message="the pod or all containers must set runAsNonRoot to true, and none to false",
            fix="Set securityContext.runAsNonRoot of the pod to true.",
            variables=(CONTAINERS, CONTEXT),
            expression=f"{start}(variables.context.?runAsNonRoot.orValue(true) == true &&\n"
            "variables.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(\n"
            "  variables.context.?runAsNonRoot.orValue(false)) == true))",
        )
        yield Control(
            id="runAsUser",
            title="Running as a non-root user",
            since=max(since, (1, 23)),
            until=until,
            restricted=True,
            message="neither the pod nor a container may set runAsUser to 0",
            fix="Remove runAsUser: 0.",
            variables=(CONTAINERS, CONTEXT),
            expression=f"{start}(variables.context.?runAsUser.orValue(1) != 0 &&\n"
            "variables.containers.all(c, c.?securityContext.?runAsUser.orValue(1) != 0))",
        )


def standard(level: str, version: Version) -> list[Control]:
    """The controls of a standard in a version, by id."""
    chosen = []
    for control in controls():
        if not control.since <= version < control.until:
            continue
        if level == "baseline" and control.restricted:
            continue
        if level == "restricted" and control.replaced_from is not None and version >= control.replaced_from:
            continue
        chosen.append(control)
    return sorted(chosen, key=lambda control: control.id)


def bands(level: str) -> list[Version]:
    """The versions in which a standard changed, from v1.0 on."""
    edges = {edge for control in controls() for edge in (control.since, control.until) if edge != LATEST}
    found: list[Version] = []
    for version in sorted(edges):
        if not found or standard(level, version) != standard(level, found[-1]):
            found.append(version)
    return found


def render(level: str, version: Version, suffix: str) -> str:
    """A file: a policy and a binding for each control."""
    parts = [_header(level, suffix)]
    parts += [_render_control(control, level, suffix) for control in standard(level, version)]
    return "---\n".join(parts)


def _header(level: str, suffix: str) -> str:
    what = f"as of Kubernetes {suffix}" if suffix else "latest"
    return (
        f"# The Pod Security Standard {level}, {what}: a policy and a binding for each control.\n"
        f"# Written by tools/build_pod_security.py; the standard is described at\n# {SITE}\n"
    )


def _render_control(control: Control, level: str, suffix: str) -> str:
    name = _name(control, level) + (f"-{suffix}" if suffix else "")
    part_of = "restricted" if control.restricted else "baseline"
    what = f"{control.message[:1].upper()}{control.message[1:]}."
    variables = "".join(
        f"    - name: {key}\n      expression: >-\n{_indented(text, 8)}" for key, text in control.variables
    )
    return f"""apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
  labels:
    gitgate.dev/set: pod-security-{level}
  annotations:
    gitgate.dev/control: {control.id}
    gitgate.dev/id: pod-security-{level}/{control.id}
    gitgate.dev/title: "{control.title}"
    gitgate.dev/severity: error
    gitgate.dev/what: "{what}"
    gitgate.dev/why: "Part of the Pod Security Standard {part_of}: {SITE}"
    gitgate.dev/fix: "{control.fix}"
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [pods, pods/ephemeralcontainers]
{"  variables:" + chr(10) + variables if variables else ""}  validations:
    - message: "{control.message}"
      expression: >-
{_indented(control.expression, 8)}---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {name}
spec:
  policyName: {name}
  validationActions: [Deny]
"""


def _name(control: Control, level: str) -> str:
    return f"pod-security-{level}-{control.id.replace('_', '-').lower()}"


def _indented(text: str, width: int) -> str:
    # A folded scalar keeps the breaks of lines that are indented further, so every line starts at the same place.
    return "".join(f"{' ' * width}{line.strip()}\n" for line in text.split("\n"))


def files() -> dict[str, str]:
    """Every file by name."""
    found: dict[str, str] = {}
    for level in ("baseline", "restricted"):
        steps = bands(level)
        found[f"pod-security-{level}.yaml"] = render(level, steps[-1], "")
        for version in steps[:-1]:
            suffix = f"v{version[0]}.{version[1]}"
            found[f"pod-security-{level}-{suffix}.yaml"] = render(level, version, suffix)
        suffix = f"v{steps[-1][0]}.{steps[-1][1]}"
        found[f"pod-security-{level}-{suffix}.yaml"] = render(level, steps[-1], suffix)
        names = {control.id: _name(control, level) for control in standard(level, steps[-1])}
        found[f"examples/pod-security-{level}.yaml"] = render_examples(names, f"pod-security-{level}.yaml")
    return found


def main() -> int:
    """Write them; with `--check`, only say which differ: exit code 1 when any does."""
    expected = files()
    stale = [
        name
        for name, text in expected.items()
        if not (POLICIES / name).is_file() or (POLICIES / name).read_text(encoding="utf-8") != text
    ]
    stale += [path.name for path in POLICIES.glob("pod-security-*.yaml") if path.name not in expected]
    if "--check" in sys.argv[1:]:
        for name in sorted(stale):
            print(f"policies/{name} is out of date; run `make policies`", file=sys.stderr)
        return 1 if stale else 0
    for path in POLICIES.glob("pod-security-*.yaml"):
        path.unlink()
    for name, text in expected.items():
        (POLICIES / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
