"""`Copier`: objects of an existing cluster, stored in a simulator as they are there, with their field managers.

An object is created, which makes the creator the manager of all of it, and then updated with the managed fields of the
original, which the server takes over: apimachinery/pkg/util/managedfields/internal/fieldmanager.go, `Update`. The
simulator is on loopback and goes with the run, and with it the values of Secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.errors import ToolError
from gitgate.reconcile.agents import Owner
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.content import copied
from gitgate.reconcile.server.answers import demand_working
from gitgate.reconcile.server.applier import MANAGERS
from gitgate.reconcile.server.client import Answer, Client
from gitgate.reconcile.server.discovery import Discovery
from gitgate.reconcile.server.stored import drop_generated
from gitgate.resource import Resource

MANAGER = "gitgate"
_OF_ANOTHER = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
    "resourceVersion", "selfLink", "uid",
)  # fmt: skip
"""Metadata that the server gives."""
_ADDRESSES = ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy")
_WITHOUT_STATUS = frozenset({"CustomResourceDefinition", "Namespace"})
"""The API server itself says what becomes of them."""
_AGENTS_OWN = (
    "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace", "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace", "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id",
    "meta.helm.sh/release-name", "meta.helm.sh/release-namespace",
)  # fmt: skip
"""Labels and annotations by which agents know what is theirs; git does not have them."""
_INSTANCE = "app.kubernetes.io/instance"
_TAKEN_OVER: Mapping[ApplyMethod, tuple[str, ...]] = {
    ApplyMethod.FLUX: ("kubectl", "before-first-apply"),
    ApplyMethod.SERVER_SIDE: ("kubectl-client-side-apply",),
}
"""Managers whose fields an agent makes its own before it applies: fluxcd/kustomize-controller, `apply`;
argo-cd's ClientSideApplyMigration."""
_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy in the simulator.

    Attributes:
        body: As the simulator stores it; empty where it refuses.
        refusal: Why; empty where it does not.
    """

    body: Mapping[str, Any]
    refusal: str = ""


class Copier:
    """Copies into one simulator.

    Args:
        client: The simulator.
        discovery: What it serves.
    """

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    def copy(self, live: Mapping[str, Any]) -> Copied:
        """Store one object.

        Args:
            live: The object as its cluster gives it.

        Raises:
            ToolError: The simulator is out of order.
        """
        metadata = live.get("metadata")
        api_version, kind = str(live.get("apiVersion")), str(live.get("kind"))
        if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
            raise ToolError("the cluster gives an object without a name")
        served = self._discovery.kinds(api_version).get(kind)
        if served is None:
            return Copied({}, "the simulator does not serve its kind")
        what = f"the copy of {kind} {metadata['name']}"
        path = served.object(str(metadata.get("namespace") or ""), metadata["name"])
        body = _portable(live)
        answer = self._ask(what, "POST", path.rpartition("/")[0], body)
        if answer.status == 409:
            answer = self._ask(what, "PUT", path, body)  # what every cluster has
        elif not answer.accepted and kind == "Service":
            answer = self._ask(what, "POST", path.rpartition("/")[0], _without_ports(body))
        if not answer.accepted:
            return Copied({}, answer.message)
        if isinstance(live.get("status"), Mapping) and kind not in _WITHOUT_STATUS:
            told = self._ask(what, "PUT", f"{path}/status", {**answer.body, "status": copied(live["status"])})
            answer = told if told.accepted else answer
        owned = {**answer.body, "metadata": {**answer.body["metadata"], "managedFields": _managers(metadata)}}
        kept = self._ask(what, "PUT", path, owned)
        return Copied((kept if kept.accepted else answer).body)

    def _ask(self, what: str, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        answer = self._client.request(
            method, path, body, query={"fieldManager": MANAGER, "fieldValidation": "Ignore"}
        )  # fmt: skip
        demand_working(answer, what)
        return answer


def as_the_agent_sees(
    live: Mapping[str, Any], sides: Iterable[Resource], owner: Owner | None, method: ApplyMethod
) -> Mapping[str, Any]:
    """A live object without what its agent adds to what git has, and with the managers that the agent takes over.

    Args:
        live: The object as its cluster gives it.
        sides: It as base and merge have it.
        owner: Who applies it.
        method: How.
    """
    found: dict[str, Any] = copied(dict(live))
    metadata = found["metadata"]
    for field in ("labels", "annotations"):
        there = metadata.get(field)
        if not isinstance(there, dict):
            continue
        written = {key for one in sides for key in _written(one, field)}
        tracked = [_INSTANCE] if owner is not None and not owner.flux and field == "labels" else []
        for key in (*_AGENTS_OWN, *tracked):
            if key not in written:
                there.pop(key, None)
        if not there:
            metadata.pop(field)
    fields = metadata.get("managedFields")
    if isinstance(fields, list) and method in _TAKEN_OVER:
        metadata["managedFields"] = _taken_over(fields, MANAGERS[method], _TAKEN_OVER[method], str(live["apiVersion"]))
    return found


def _written(resource: Resource, field: str) -> Mapping[str, Any]:
    metadata = resource.data.get("metadata")
    found = metadata.get(field) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _portable(live: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what belongs to its cluster alone: identifiers, addresses, who converts it."""
    body: dict[str, Any] = copied({key: value for key, value in live.items() if key != "status"})
    for key in _OF_ANOTHER:
        body["metadata"].pop(key, None)
    spec, kind = body.get("spec"), (body.get("apiVersion"), body.get("kind"))
    if not isinstance(spec, dict):
        return body
    if kind == ("v1", "Service") and spec.get("clusterIP") != "None":
        for key in _ADDRESSES:
            spec.pop(key, None)
    elif kind == ("v1", "Service"):
        spec.pop("ipFamilies", None)
        spec.pop("ipFamilyPolicy", None)
    elif kind == ("batch/v1", "Job"):
        drop_generated(spec, {"spec": {"manualSelector": spec.get("manualSelector")}})
    elif kind[1] == "CustomResourceDefinition":
        spec["conversion"] = {"strategy": "None"}  # no webhook of the cluster is asked
    return body


def _without_ports(body: Mapping[str, Any]) -> dict[str, Any]:
    """A Service without the node ports that this cluster does not have."""
    found: dict[str, Any] = copied(dict(body))
    for port in found["spec"].get("ports") or ():
        port.pop("nodePort", None)
    return found


def _managers(metadata: Mapping[str, Any]) -> list[Any]:
    fields = metadata.get("managedFields")
    return copied(fields) if isinstance(fields, list) and fields else [{}]  # which makes nobody the manager


def _taken_over(fields: list[Any], agent: str, prefixes: tuple[str, ...], api_version: str) -> list[Any]:
    """Managed fields in which the agent has applied what some other managers did."""
    mine = [one for one in fields if _is_mine(one, agent, prefixes)]
    if not any(one.get("manager") != agent or one.get("operation") != "Apply" for one in mine):
        return fields
    union: dict[str, Any] = {}
    for one in mine:
        union = _union(union, one.get("fieldsV1"), 0)
    entry = {
        "manager": agent, "operation": "Apply", "apiVersion": mine[-1].get("apiVersion", api_version),
        "fieldsType": "FieldsV1", "fieldsV1": union,
    }  # fmt: skip
    return [entry, *(one for one in fields if not any(one is other for other in mine))]


def _is_mine(entry: Any, agent: str, prefixes: tuple[str, ...]) -> bool:
    if not isinstance(entry, Mapping) or entry.get("subresource"):
        return False
    manager = str(entry.get("manager", ""))
    return manager == agent or manager.startswith(prefixes)


def _union(one: Mapping[str, Any], other: Any, depth: int) -> dict[str, Any]:
    found = dict(one)
    for key, value in other.items() if isinstance(other, Mapping) and depth < _DEPTH else ():
        found[key] = _union(found[key], value, depth + 1) if isinstance(found.get(key), Mapping) else copied(value)
    return found
