"""Waiting for what takes effect a little after it is stored: definitions, admission policies, quotas."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from gitgate.errors import ToolError
from gitgate.reconcile.server.client import Client
from gitgate.reconcile.server.discovery import Discovery
from gitgate.resource import Resource

_SECONDS = 30.0
_POLL = 0.1
_HIDDEN = 5.0
"""Seconds; the server reads policies once a second."""
_CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_ADMISSION = "/apis/admissionregistration.k8s.io"


class Readiness:
    """Waits, and gives up with an error.

    Args:
        client: The API server.
        discovery: What it serves; forgets, where definitions come.
        controllers: Do controllers run, which do their part?
    """

    def __init__(self, client: Client, discovery: Discovery, *, controllers: bool = False) -> None:
        self._controllers = controllers
        self._client = client
        self._discovery = discovery
        self._probes = 0

    def definitions(self, resources: Iterable[Resource]) -> None:
        """Wait until custom resources can be stored; one whose names are taken is not waited for."""
        resources = tuple(resources)
        if not resources:
            return
        for resource in resources:
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource.id.name}"
            _until(lambda path=path: _is_decided(self._client.get(path).body), f"{resource.id} is not established")  # type: ignore[misc]
        # Handlers and discovery learn of it on their own.
        self._discovery.forget()
        wanted = {one for resource in resources for one in _served_versions(resource.data)}
        for api_version, kind in sorted(wanted):
            self._until_served(api_version, kind)
        self._discovery.forget()
        time.sleep(0.5)  # a handler of an older schema answers until its replacement is made

    def _until_served(self, api_version: str, kind: str) -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self._discovery.forget()
            if kind in self._discovery.kinds(api_version):
                return
            time.sleep(_POLL)

    def quotas(self, resources: Iterable[Resource]) -> None:
        """Say in their status what quotas allow, as their controller would: admission reads nothing else."""
        for resource in resources:
            hard = resource.data.get("spec", {}).get("hard") if isinstance(resource.data.get("spec"), Mapping) else None
            if not isinstance(hard, Mapping):
                continue
            namespace = resource.id.namespace or "default"
            path = f"/api/v1/namespaces/{namespace}/resourcequotas/{resource.id.name}/status"
            if self._controllers:
                _until(lambda path=path: _counted(self._client.get(path).body), f"{resource.id} is not counted")  # type: ignore[misc]
                continue
            used = (self._client.get(path).body.get("status") or {}).get("used") or {}
            status = {"status": {"hard": dict(hard), "used": {name: used.get(name, "0") for name in hard}}}
            self._client.request("PATCH", path, status, content="application/merge-patch+json")

    def accounts(self, namespaces: Iterable[str]) -> None:
        """Wait for the ServiceAccounts that their controller makes in new namespaces: Pods are refused without."""
        for namespace in namespaces if self._controllers else ():
            path = f"/api/v1/namespaces/{quote(namespace, safe='')}/serviceaccounts/default"
            _until(lambda path=path: self._client.get(path).accepted, f"Namespace {namespace} has no ServiceAccount")  # type: ignore[misc]

    def policies(self, *, mutating: bool) -> None:
        """Wait until every policy stored so far is enforced.

        One more policy is stored, which is about a ConfigMap of its own only. The server compiles all policies that it
        knows at once, and in the order in which they were stored.

        Args:
            mutating: Are there MutatingAdmissionPolicies?
        """
        self._probes += 1
        name = f"gitgate-probe-{self._probes}"
        now = time.monotonic()
        self._probe("validatingadmissionpolicies", _validating(name), lambda: self._is_denied(name, now))
        if mutating:
            served = [one for one in _VERSIONS if self._serves_mutating(one)]
            if served:
                self._probe("mutatingadmissionpolicies", _mutating(name, served[0]), lambda: self._is_mutated(name))

    def _serves_mutating(self, version: str) -> bool:
        return "MutatingAdmissionPolicy" in self._discovery.kinds(f"{_group()}/{version}")

    def _probe(self, plural: str, objects: tuple[dict[str, Any], dict[str, Any]], works: Callable[[], bool]) -> None:
        policy, binding = objects
        root = f"{_ADMISSION}/{policy['apiVersion'].partition('/')[2]}"
        paths = (f"{root}/{plural}", f"{root}/{plural.replace('policies', 'policybindings')}")
        for path, data in zip(paths, objects, strict=True):
            answer = self._client.request("POST", path, data)
            if not answer.accepted:
                raise ToolError(f"the API server refuses a policy that would show when others work: {answer.message}")
        try:
            _until(works, "admission policies do not come into force")
        finally:
            for path, data in zip(reversed(paths), (binding, policy), strict=True):
                self._client.request("DELETE", f"{path}/{data['metadata']['name']}")

    def _dry_run(self, name: str) -> Any:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        return self._client.request("POST", _CONFIG_MAPS, body, query={"dryRun": "All"})

    def _is_denied(self, name: str, since: float) -> bool:
        answer = self._dry_run(name)
        if name in answer.message.partition("denied request")[0]:
            return True
        # Of several that deny it the server names one. A policy that denies any ConfigMap hides the probe, and by then
        # the server has read all of them several times over.
        return not answer.accepted and time.monotonic() > since + _HIDDEN

    def _is_mutated(self, name: str) -> bool:
        answer = self._dry_run(f"{name}-mutated")
        labels = answer.body.get("metadata", {}).get("labels") or {}
        return labels.get("gitgate-probe") == name or not answer.accepted


def _group() -> str:
    return _ADMISSION.rpartition("/")[2]


def _validating(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        _object("v1", "ValidatingAdmissionPolicy", name, {
            "failurePolicy": "Fail", "matchConstraints": _matches(name), "validations": [{"expression": "false"}],
        }),
        _object("v1", "ValidatingAdmissionPolicyBinding", name, {"policyName": name, "validationActions": ["Deny"]}),
    )  # fmt: skip


def _mutating(name: str, version: str) -> tuple[dict[str, Any], dict[str, Any]]:
    expression = f'Object{{metadata: Object.metadata{{labels: {{"gitgate-probe": "{name}"}}}}}}'
    return (
        _object(version, "MutatingAdmissionPolicy", name, {
            "failurePolicy": "Fail", "reinvocationPolicy": "Never", "matchConstraints": _matches(f"{name}-mutated"),
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        }),
        _object(version, "MutatingAdmissionPolicyBinding", name, {"policyName": name}),
    )  # fmt: skip


def _object(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{_group()}/{version}", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def _matches(name: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
        "resourceNames": [name],
    }  # fmt: skip
    return {"matchPolicy": "Equivalent", "resourceRules": [rule]}


def _is_decided(body: Mapping[str, Any]) -> bool:
    """Is a definition established, or refused for its names?"""
    conditions = body.get("status", {}).get("conditions") or ()
    states = {one.get("type"): one.get("status") for one in conditions if isinstance(one, Mapping)}
    return states.get("Established") == "True" or states.get("NamesAccepted") == "False"


def _counted(body: Mapping[str, Any]) -> bool:
    """Has a quota's controller said what is used? Also where there is none any more."""
    return body.get("kind") != "ResourceQuota" or "hard" in (body.get("status") or {})


def _served_versions(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec = data.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    versions = spec.get("versions") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(names, Mapping) or not isinstance(versions, list):
        return []
    return [
        (f"{spec.get('group')}/{one.get('name')}", str(names.get("kind")))
        for one in versions
        if isinstance(one, Mapping) and one.get("served") is True
    ]


def _until(works: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not works():
        if time.monotonic() > deadline:
            raise ToolError(f"after {_SECONDS:g} seconds {otherwise}")
        time.sleep(_POLL)
