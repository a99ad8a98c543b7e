"""What a cluster with nodes is given before a plan: policies that no Pod of the plan runs, and the agent's rights.

A plan applies what a stranger proposed. In a cluster with a kubelet that would run the stranger's programs, privileged
where the manifest says so, in a container of this machine. So nothing may be placed on a node: neither by the
scheduler, nor by a Pod that names its node, nor by changing a Pod that runs. Everything else of the cluster works.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gitgate.errors import ToolError
from gitgate.reconcile.server.client import Client

_SECONDS = 60.0
_POLL = 0.1
_ADMISSION = "admissionregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"
_LABEL = "gitgate-guard"
_PLACED = 'has(object.spec.nodeName) && object.spec.nodeName != ""'
_UNCHANGED = "request.operation == 'UPDATE' && object.spec == oldObject.spec"
MESSAGE = "no Pod runs for a plan"


def install_guard(admin: Client, name: str, *, user: str) -> None:
    """Have nothing run from now on, and let the agent do anything else; what an earlier guard left is taken away.

    Args:
        admin: The cluster, as its administrator.
        name: What the objects are called: one that nobody can guess, as who knew it could change them.
        user: Who the agent is.

    Raises:
        ToolError: It cannot be installed, or does not come into force.
    """
    rules = {
        f"{name}-placing": (["CREATE"], ["pods/binding", "bindings"], "false"),
        f"{name}-placed": (["CREATE", "UPDATE"], ["pods"], f"!({_PLACED}) || ({_UNCHANGED})"),
    }
    for policy, (operations, resources, expression) in rules.items():
        root = f"/apis/{_ADMISSION}"
        told = _policy(policy, operations, resources, expression, name)
        _create(admin, f"{root}/validatingadmissionpolicies", told)
        _create(admin, f"{root}/validatingadmissionpolicybindings", _binding(policy, name))
    subject = {"kind": "User", "name": user, "apiGroup": _RBAC}
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": _RBAC}
    rights = _object(f"{_RBAC}/v1", "ClusterRoleBinding", name, {"roleRef": role, "subjects": [subject]}, name)
    _create(admin, f"/apis/{_RBAC}/v1/clusterrolebindings", rights)
    _await_denials(admin, name)
    for path in (
        f"/apis/{_ADMISSION}/validatingadmissionpolicybindings", f"/apis/{_ADMISSION}/validatingadmissionpolicies",
        f"/apis/{_RBAC}/v1/clusterrolebindings",
    ):  # fmt: skip
        admin.request("DELETE", path, query={"labelSelector": f"{_LABEL},{_LABEL}!={name}"})


def await_rights(agent: Client) -> None:
    """Wait until the agent may do what it was allowed.

    Raises:
        ToolError: It never may.
    """
    deadline = time.monotonic() + _SECONDS
    while (answer := agent.get("/api/v1/nodes?limit=1")).status != 200:
        if time.monotonic() > deadline:
            raise ToolError(f"the agent gets no rights in the cluster: {answer.message}")
        time.sleep(_POLL)


def impersonation(user: str, groups: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The headers of a request that an administrator makes as somebody else, for policies that ask who it is.

    Raises:
        ToolError: A name cannot be in a header.
    """
    for name in (user, *groups):
        if not name.isascii() or not name.isprintable() or name != name.strip() or not name:
            raise ToolError(f"nobody can be {name!r} in a cluster", remedy="Look at policy.user of the settings.")
    # The API server adds system:authenticated itself, and may not be told to.
    return (
        ("Impersonate-User", user),
        *(("Impersonate-Group", one) for one in groups if one != "system:authenticated"),
    )


def _await_denials(admin: Client, name: str) -> None:
    """Wait until both policies deny what they are to deny."""
    pods = "/api/v1/namespaces/default/pods"
    metadata = {"name": f"{name}-probe", "namespace": "default"}
    pod: Mapping[str, Any] = {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": name, "containers": [{"name": "probe", "image": "none.invalid/none"}]},
    }  # fmt: skip
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"kind": "Node", "name": name}}
    deadline = time.monotonic() + _SECONDS
    for path, body in ((pods, pod), (f"{pods}/{name}-probe/binding", binding), (_bindings(pods), binding)):
        while MESSAGE not in (answer := admin.request("POST", path, body, query={"dryRun": "All"})).message:
            if time.monotonic() > deadline:
                raise ToolError(f"nothing keeps Pods from running in the cluster: {answer.message or 'it is allowed'}")
            time.sleep(_POLL)


def _bindings(pods: str) -> str:
    return pods.replace("/pods", "/bindings")


def _create(admin: Client, path: str, body: Mapping[str, Any]) -> None:
    answer = admin.request("POST", path, body)
    if not answer.accepted:
        raise ToolError(f"the cluster cannot be prepared: {answer.message}")


def _policy(
    name: str, operations: Sequence[str], resources: Sequence[str], expression: str, guard: str
) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["*"], "operations": list(operations), "resources": list(resources)}
    return _object(_ADMISSION, "ValidatingAdmissionPolicy", name, {"spec": {
        "failurePolicy": "Fail", "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule]},
        "validations": [{"expression": expression, "message": MESSAGE}],
    }}, guard)  # fmt: skip


def _binding(policy: str, guard: str) -> dict[str, Any]:
    spec = {"policyName": policy, "validationActions": ["Deny"]}
    return _object(_ADMISSION, "ValidatingAdmissionPolicyBinding", policy, {"spec": spec}, guard)


def _object(version: str, kind: str, name: str, fields: Mapping[str, Any], guard: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": {_LABEL: guard}}, **fields}
