"""`Applier`: sends objects to an API server as the agents do, and deletes them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.errors import ToolError
from gitgate.reconcile.agents import Handling
from gitgate.reconcile.apply import CLIENT_SIDE_STYLE, ApplyMethod, normalise_for_flux
from gitgate.reconcile.content import copied
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.merge import ABSENT, Sides, merge
from gitgate.reconcile.redact import LAST_APPLIED
from gitgate.reconcile.server.answers import conflicts_of, demand_working, failures_of, is_invalid
from gitgate.reconcile.server.client import Answer, Client
from gitgate.reconcile.server.discovery import Discovery, Served
from gitgate.resource import Resource

MANAGERS: Mapping[ApplyMethod, str] = {
    ApplyMethod.SERVER_SIDE: "argocd-controller",
    ApplyMethod.FLUX: "kustomize-controller",
    ApplyMethod.CLIENT_SIDE: "kubectl-client-side-apply",
    ApplyMethod.REPLACE: "kubectl-replace",
}
"""Field managers: argo-cd/common/common.go, `ArgoCDSSAManager`; fluxcd/kustomize-controller; kubectl."""
_BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
_SECONDS = 15.0
_PATIENCE = 10.0
"""Seconds that controllers are given to take their finalizers off."""
_POLL = 0.1
_CONFLICTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of one object.

    Attributes:
        sent: The object that was to be stored.
        body: The object as stored; empty where it was refused.
        failures: Why it was refused, or deleted and created anew.
        replaced: Was it deleted and created anew?
        previous: The object as it was stored right before, where controllers may have changed it; else empty.
        taken: Fields that the agent takes from other managers, and from whom.
    """

    sent: Mapping[str, Any]
    body: Mapping[str, Any]
    failures: tuple[Failure, ...] = ()
    replaced: bool = False
    previous: Mapping[str, Any] = field(default_factory=dict)
    taken: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Is it stored?"""
        return bool(self.body)


class Applier:
    """Applies for one agent after the other.

    Args:
        client: The API server.
        discovery: What it serves.
        kinds: Types, for the patches that kubectl and Flux work out themselves.
        controllers: Do controllers run, which see to finalizers and change what is stored?
        dry_run: Does the client send dry runs, so that nothing can be deleted and created anew?
    """

    def __init__(
        self, client: Client, discovery: Discovery, kinds: Kinds, *, controllers: bool = False, dry_run: bool = False
    ) -> None:
        self._dry_run = dry_run
        self._controllers = controllers
        self._client = client
        self._discovery = discovery
        self._kinds = kinds

    def served(self, resource: Resource) -> Served | None:
        """The kind of an object; None where the server does not serve it."""
        return self._discovery.find(resource)

    def apply(self, resource: Resource, how: Handling, data: Mapping[str, Any] | None = None) -> Applied:
        """Apply one object, by deleting it and creating it anew where its agent would.

        Args:
            resource: The object, of a kind that is served.
            how: How its agent applies it.
            data: Its content, where that is not what the repository has.

        Raises:
            ToolError: The server is out of order.
        """
        if self._controllers:
            live = self._request(resource, "GET", self.path(resource))
            return replace(self._apply(resource, how, data), previous=live.body if live.accepted else {})
        return self._apply(resource, how, data)

    def _apply(self, resource: Resource, how: Handling, data: Mapping[str, Any] | None) -> Applied:
        sent = self._as_sent(resource, how, data or resource.data)
        # Agents force; without it the server says what they take from others by that.
        answer = self._send(resource, how.method, sent, force=False)
        taken = conflicts_of(answer)
        if taken:
            answer = self._send(resource, how.method, sent)
        if answer.accepted:
            return Applied(sent=sent, body=answer.body, taken=taken)
        failures = failures_of(answer)
        # kubectl auth reconcile, which Argo CD runs before a client-side apply of RBAC, recreates bindings.
        reconciles = how.method is ApplyMethod.CLIENT_SIDE and resource.id.kind in _BINDINGS
        if is_invalid(answer) and (how.force or reconciles) and self._exists(resource):
            if self._dry_run:
                return Applied(sent=sent, body={}, failures=failures, replaced=True)
            self.delete(resource)
            again = self._send(resource, how.method, sent)
            if again.accepted:
                return Applied(sent=sent, body=again.body, failures=failures, replaced=True)
            failures = failures_of(again)
        return Applied(sent=sent, body={}, failures=failures)

    def path(self, resource: Resource) -> str:
        """Where an object is.

        Raises:
            ToolError: Its kind is not served.
        """
        served = self._discovery.find(resource)
        if served is None:
            raise ToolError(f"the API server does not serve {resource.id}")
        return served.object(resource.id.namespace, object_name(resource))

    def delete(self, resource: Resource) -> tuple[Failure, ...]:
        """Delete an object and whatever holds it, as its controllers would; why it cannot be deleted."""
        path = self.path(resource)
        begun = time.monotonic()
        while True:
            answer = self._request(
                resource, "DELETE", path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
            )
            if answer.status == 404:
                return ()
            if not answer.accepted and answer.status != 409:
                return failures_of(answer)
            if time.monotonic() > begun + _SECONDS:
                raise ToolError(f"{resource.id} was deleted and does not go")
            if self._controllers and time.monotonic() < begun + _PATIENCE:
                time.sleep(_POLL)
            else:
                self._let_go(resource, path)

    def _let_go(self, resource: Resource, path: str) -> None:
        """No controllers run, or none of its own, that would take its finalizers off."""
        live = self._request(resource, "GET", path)
        if live.status == 404:
            return
        if resource.id.kind == "Namespace" and not resource.id.group:
            name = object_name(resource)
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
            self._request(resource, "PUT", f"{path}/finalize", body)
        elif resource.id.kind == "CustomResourceDefinition":
            time.sleep(0.05)  # the API server itself deletes the objects first
        else:
            patch = {"metadata": {"finalizers": None}}
            self._request(resource, "PATCH", path, patch, content="application/merge-patch+json")

    def _exists(self, resource: Resource) -> bool:
        return self._request(resource, "GET", self.path(resource)).accepted

    def _as_sent(self, resource: Resource, how: Handling, data: Mapping[str, Any]) -> dict[str, Any]:
        if how.method is ApplyMethod.FLUX:
            sent = normalise_for_flux(self._kinds.find(resource) or self._kinds.undefined, data)
        else:
            sent = {key: copied(value) for key, value in data.items()}
        metadata = sent.get("metadata")
        if isinstance(metadata, dict):
            # They name an object of another cluster.
            metadata.pop("uid", None)
            metadata.pop("resourceVersion", None)
            if "name" not in metadata and "generateName" in metadata:
                metadata["name"] = object_name(resource)
        return sent

    def _send(self, resource: Resource, method: ApplyMethod, sent: Mapping[str, Any], *, force: bool = True) -> Answer:
        query = {"fieldManager": MANAGERS[method]}
        path = self.path(resource)
        if method in (ApplyMethod.SERVER_SIDE, ApplyMethod.FLUX):
            # Flux names no validation, and the server's own default only warns.
            query |= {"force": str(force).lower()} | (
                {"fieldValidation": "Strict"} if method is ApplyMethod.SERVER_SIDE else {}
            )
            return self._request(resource, "PATCH", path, sent, content="application/apply-patch+yaml", query=query)
        query["fieldValidation"] = "Strict"
        live = self._request(resource, "GET", path)
        if live.status == 404:
            body = _annotated(sent) if method is ApplyMethod.CLIENT_SIDE else sent
            return self._request(resource, "POST", path.rpartition("/")[0], body, query=query)
        if method is ApplyMethod.REPLACE:
            answer = self._put(resource, sent, live.body, query)
            for _ in range(_CONFLICTS if answer.body.get("reason") == "Conflict" else 0):
                # A controller was faster.
                live = self._request(resource, "GET", path)
                answer = self._put(resource, sent, live.body, query)
                if answer.body.get("reason") != "Conflict":
                    break
            return answer
        patch = self._patch(resource, live.body, sent)
        return self._request(resource, "PATCH", path, patch, content="application/merge-patch+json", query=query)

    def _put(
        self, resource: Resource, sent: Mapping[str, Any], live: Mapping[str, Any], query: Mapping[str, str]
    ) -> Answer:
        body = copied(dict(sent))
        if isinstance(body.get("metadata"), dict):
            body["metadata"]["resourceVersion"] = live.get("metadata", {}).get("resourceVersion")
        return self._request(resource, "PUT", self.path(resource), body, query=query)

    def _patch(self, resource: Resource, live: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
        """Kubectl's three-way patch, spelt as the merge patch from what is there to what comes of it."""
        node = self._kinds.find(resource) or self._kinds.undefined
        annotations = live.get("metadata", {}).get("annotations") or {}
        try:
            last = json.loads(annotations.get(LAST_APPLIED, "{}"))
        except (ValueError, RecursionError):
            last = {}
        old = {key: value for key, value in last.items() if key != "status"} if isinstance(last, dict) else {}
        merged = merge(node, Sides(live, old or ABSENT, _annotated(sent)), CLIENT_SIDE_STYLE)
        return merge_patch(live, merged if isinstance(merged, dict) else {})

    def _request(  # noqa: PLR0913 - a request of HTTP, and what it is about
        self,
        resource: Resource,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = self._client.request(method, path, body, content=content, query=query)
        demand_working(answer, str(resource.id))
        return answer


def object_name(resource: Resource) -> str:
    """The name of an object; what the server would make of `generateName` is made up."""
    return resource.id.name.removesuffix("*") + "gitgate" if resource.id.name.endswith("*") else resource.id.name


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that makes one object of another: RFC 7386."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            below = merge_patch(before, value)
            if below:
                patch[key] = below
        elif key not in old or before != value or type(before) is not type(value):
            patch[key] = copied(value)
    return patch


def _annotated(sent: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the copy of itself that kubectl leaves: kubectl/pkg/util/apply.go, `GetModifiedConfiguration`."""
    body: dict[str, Any] = copied(dict(sent))
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return body
    annotations = metadata.get("annotations")
    kept = (
        {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        if isinstance(annotations, dict)
        else {}
    )
    plain = copied(body)
    if isinstance(annotations, dict) and LAST_APPLIED in annotations:
        plain["metadata"]["annotations"] = kept
    plain["metadata"].setdefault("annotations", {})
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"
    metadata["annotations"] = {**kept, LAST_APPLIED: text}
    return body
