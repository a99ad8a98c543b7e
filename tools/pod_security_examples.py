"""Examples of the Pod Security Standards' controls, what each lets pass and denies; `build_pod_security` writes them.

Every pod is `GOOD` with something laid over it, so that nothing but the control in question denies it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from gitgate.location import FieldPath

GOOD: Mapping[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "web",
            "image": "registry.example.com/web:1.4.2",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
"""A pod that every control of every version lets pass."""

_CONTAINER: FieldPath = ("containers", 0)
_CONTEXT: FieldPath = (*_CONTAINER, "securityContext")
_REMOVED = object()

DENIED: Mapping[str, tuple[tuple[str, FieldPath, Any], ...]] = {
    "allowPrivilegeEscalation": (("escalation by default", (*_CONTEXT, "allowPrivilegeEscalation"), _REMOVED),),
    "appArmorProfile": (("a profile that confines nothing", (*_CONTEXT, "appArmorProfile"), {"type": "Unconfined"}),),
    "capabilities_baseline": (("a capability", (*_CONTEXT, "capabilities", "add"), ["SYS_ADMIN"]),),
    "capabilities_restricted": (
        ("capabilities by default", (*_CONTEXT, "capabilities"), _REMOVED),
        ("a capability", (*_CONTEXT, "capabilities", "add"), ["CHOWN"]),
    ),
    "hostNamespaces": (
        ("the network of the node", ("hostNetwork",), True),
        ("the processes of the node", ("hostPID",), True),
    ),
    "hostPathVolumes": (("a directory of the node", ("volumes",), [{"name": "etc", "hostPath": {"path": "/etc"}}]),),
    "hostPorts": (("a port of the node", (*_CONTAINER, "ports"), [{"containerPort": 80, "hostPort": 80}]),),
    "hostProbesAndHostLifecycle": (
        ("a probe of another host", (*_CONTAINER, "livenessProbe"), {"httpGet": {"host": "192.0.2.1", "port": 80}}),
    ),
    "privileged": (("a privileged container", (*_CONTEXT, "privileged"), True),),
    "procMount": (("an unmasked /proc", (*_CONTEXT, "procMount"), "Unmasked"),),
    "procMount_restricted": (("an unmasked /proc", (*_CONTEXT, "procMount"), "Unmasked"),),
    "restrictedVolumes": (
        ("a volume type", ("volumes",), [{"name": "data", "nfs": {"server": "192.0.2.1", "path": "/"}}]),
    ),
    "runAsNonRoot": (("root by default", ("securityContext", "runAsNonRoot"), _REMOVED),),
    "runAsUser": (("root by its number", (*_CONTEXT, "runAsUser"), 0),),
    "seLinuxOptions": (("a type of SELinux", (*_CONTEXT, "seLinuxOptions"), {"type": "spc_t"}),),
    "seccompProfile_baseline": (
        ("no filter of system calls", ("securityContext", "seccompProfile"), {"type": "Unconfined"}),
    ),
    "seccompProfile_restricted": (("no profile", ("securityContext", "seccompProfile"), _REMOVED),),
    "sysctls": (
        ("a sysctl", ("securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "65536"}]),
    ),
    "windowsHostProcess": (("a process of the host", (*_CONTEXT, "windowsOptions"), {"hostProcess": True}),),
}  # fmt: skip
"""Name, field and value of what each control denies, by its id."""


def render_examples(names: Mapping[str, str], file: str) -> str:
    """A file of cases.

    Args:
        names: Names of the policies by control id.
        file: What the policies are in.
    """
    lines = [
        f"# Examples of the policies in ../{file}: what they let pass and what not. `gitgate policy test` runs them.",
        "# Written by tools/build_pod_security.py.",
        "version: 1",
        "cases:",
    ]
    for control, name in names.items():
        for case in _cases(control, name):
            text = yaml.dump([case], Dumper=_Dumper, sort_keys=False, default_flow_style=False)
            lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _cases(control: str, policy: str) -> Iterator[dict[str, Any]]:
    yield _case("a pod that has what it should", policy, GOOD, "allow")
    for title, path, value in DENIED[control]:
        yield _case(title, policy, _with(GOOD, path, value), "deny")


def _case(title: str, policy: str, spec: Any, expected: str) -> dict[str, Any]:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    return {"name": title, "policy": policy, "object": pod, "expected": expected}


def _with(data: Any, path: FieldPath, value: Any) -> Any:
    """A copy in which a field is another one, or is gone."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return [_with(item, rest, value) if index == step else item for index, item in enumerate(data)]
    if value is _REMOVED and not rest:
        return {key: item for key, item in data.items() if key != step}
    return {**data, step: _with(data.get(step, {}), rest, value)}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return bool(data) or True
