"""`read_cluster`: what a plan needs of an existing cluster, with nothing but GET requests.

The objects that the repository names are read one by one, so that nobody else's are: no list of all Secrets of a
namespace. What they are judged by (policies, definitions, quotas, classes) is listed; what may not be listed is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gitgate.errors import ToolError
from gitgate.reconcile.places import Identity
from gitgate.reconcile.plan import PlannedObject
from gitgate.reconcile.server.applier import object_name
from gitgate.reconcile.server.client import Answer, Client, concurrently
from gitgate.reconcile.server.discovery import DEFAULT_NAMESPACE, Discovery, Served
from gitgate.resource import Resource

Object = Mapping[str, Any]
_PAGE = 500
_MOST = 20_000
"""Objects of one list: more is no list of policies or classes."""
_ADMISSION = "/apis/admissionregistration.k8s.io"
_CLASSES = (
    "/apis/scheduling.k8s.io/v1/priorityclasses", "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/networking.k8s.io/v1/ingressclasses", "/apis/node.k8s.io/v1/runtimeclasses",
)  # fmt: skip
_POLICIES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
_MUTATING = ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
_WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
_NUMBER = re.compile(r"\d+")
_DENIED = re.compile(r"cannot (?P<verb>[a-z]+) resource \"(?P<resource>[^\"]*)\" in API group \"(?P<group>[^\"]*)\"")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCluster:
    """What a cluster has of what matters to a plan.

    Attributes:
        objects: Those that base or merge name, as the cluster gives them, by identity.
        definitions: CustomResourceDefinitions of kinds that the repository uses.
        namespaces: Those that objects are in.
        classes: PriorityClasses, StorageClasses, IngressClasses, RuntimeClasses.
        policies: Admission policies, their bindings and parameters.
        limits: ResourceQuotas and LimitRanges.
        notes: What could not be read, and what is not simulated, one sentence each.
    """

    objects: Mapping[Identity, Object]
    definitions: tuple[Object, ...] = ()
    namespaces: tuple[Object, ...] = ()
    classes: tuple[Object, ...] = ()
    policies: tuple[Object, ...] = ()
    limits: tuple[Object, ...] = ()
    notes: tuple[str, ...] = ()


class LiveClient:
    """A client whose refusals are errors that name what is missing.

    Args:
        client: The API server.
        context: What it is called.
    """

    def __init__(self, client: Client, context: str) -> None:
        self._client = client
        self._context = context

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read something that has to be readable, or not to be there.

        Raises:
            ToolError: It is forbidden, or the server fails.
        """
        answer = self.ask(path, query)
        if answer.status == 403:
            raise forbidden(self._context, answer)
        return answer

    def ask(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read something that need not be readable.

        Raises:
            ToolError: The server fails.
        """
        try:
            answer = self._client.request("GET", path, query=query)
        except ToolError as error:
            raise ToolError(f"context {self._context!r}: {error}", remedy=error.remedy) from error
        return demand_answer(self._context, answer)

    def listed(self, path: str) -> tuple[Object, ...] | None:
        """All objects of a collection; None where they may not be listed.

        Raises:
            ToolError: The server fails, or there is no end of them.
        """
        found: list[Object] = []
        more = ""
        while True:
            answer = self.ask(path, {"limit": str(_PAGE)} | ({"continue": more} if more else {}))
            if answer.status == 410 and more:  # the server has forgotten what it listed: once more from the start
                found, more = [], ""
                continue
            if not answer.accepted:
                if answer.status not in (403, 404):
                    raise ToolError(f"context {self._context!r} cannot list {path}: {answer.message[:300]}")
                return None if answer.status == 403 else ()
            items = answer.body.get("items")
            api_version, kind = answer.body.get("apiVersion"), str(answer.body.get("kind")).removesuffix("List")
            # Items of a list do not repeat their kind.
            found += [
                {"apiVersion": api_version, "kind": kind, **one}
                for one in (items if isinstance(items, list) else ()) if isinstance(one, Mapping)
            ]  # fmt: skip
            metadata = answer.body.get("metadata")
            more = str(metadata.get("continue") or "") if isinstance(metadata, Mapping) else ""
            if not more:
                return tuple(found)
            if len(found) > _MOST:
                raise ToolError(f"context {self._context!r} lists more than {_MOST} objects at {path}")


def demand_answer(context: str, answer: Answer) -> Answer:
    """See to it that the server knows who asks, and works.

    Raises:
        ToolError: It does not.
    """
    if answer.status == 401:
        raise ToolError(
            f"the cluster does not accept the credentials of context {context!r}: they are wrong or have expired",
            remedy="Renew them, as by logging in again, and look with `kubectl auth whoami`.",
        )
    if answer.status >= 500 or answer.status == 429:
        raise ToolError(f"the API server of context {context!r} fails: HTTP status {answer.status}")
    if 300 <= answer.status < 400:
        raise ToolError(f"what answers for context {context!r} is no API server: it redirects")
    return answer


def forbidden(context: str, answer: Answer) -> ToolError:
    """What right is missing."""
    found = _DENIED.search(answer.message)
    if found is None:
        return ToolError(f"the credentials of context {context!r} are not allowed to do this: {answer.message[:300]}")
    resource = f"{found['resource']}.{found['group']}".rstrip(".")
    place = re.search(r"in the namespace \"([^\"]*)\"", answer.message)
    where = f" in namespace {place[1]}" if place else ""
    return ToolError(
        f"the credentials of context {context!r} may not {found['verb']} {resource}{where}",
        remedy=f"Grant the verb {found['verb']} on {resource}, or plan with --cluster offline.",
    )


def is_unauthorized(answer: Answer) -> bool:
    """Is it the authorizer that refuses, and not admission?"""
    return answer.status == 403 and _DENIED.search(answer.message) is not None


def server_version(client: LiveClient) -> str:
    """The minor version of an API server, `1.37`.

    Raises:
        ToolError: It does not say it.
    """
    body = client.get("/version").body
    # Providers append a sign: `30+`.
    major, minor = (_NUMBER.match(str(body.get(key))) for key in ("major", "minor"))
    if major is None or minor is None:
        raise ToolError("the cluster does not say which version of Kubernetes it is")
    return f"{major[0]}.{minor[0]}"


def read_cluster(client: Client, context: str, items: Iterable[PlannedObject]) -> LiveCluster:
    """Read what a plan of some objects needs.

    Args:
        client: The API server.
        context: What it is called.
        items: The plan's objects.

    Raises:
        ToolError: What the repository owns cannot be read.
    """
    return _Reading(LiveClient(client, context)).read(tuple(items))


class _Reading:
    def __init__(self, live: LiveClient) -> None:
        self._live = live
        self._discovery = Discovery(live)
        self._notes: list[str] = []

    def read(self, items: tuple[PlannedObject, ...]) -> LiveCluster:
        wanted: dict[str, Identity] = {}
        kinds: dict[Served, None] = {}
        namespaces: dict[str, None] = {}
        for item in items:
            found = [(one, served) for one in (item.after, item.before) if one and (served := self._find(one))]
            for resource, served in found[:1]:
                kinds[served] = None
                if served.namespaced:
                    namespaces[resource.id.namespace or DEFAULT_NAMESPACE] = None
                wanted[served.object(resource.id.namespace, object_name(resource))] = item.id.identity
        bodies = concurrently(self._object, wanted)
        return LiveCluster(
            objects={name: body for name, body in zip(wanted.values(), bodies, strict=True) if body is not None},
            definitions=self._definitions(kinds),
            namespaces=self._namespaces(namespaces),
            classes=tuple(one for path in _CLASSES for one in self._listed(path)),
            policies=self._policies(tuple(namespaces)),
            limits=tuple(one for name in namespaces for one in self._limits(name)),
            notes=tuple(self._notes),
        )

    def _find(self, resource: Resource) -> Served | None:
        return self._discovery.find(resource)

    def _object(self, path: str) -> Object | None:
        answer = self._live.get(path)
        return answer.body if answer.accepted else None

    def _optional(self, path: str, what: str) -> Object | None:
        answer = self._live.ask(path)
        if answer.status == 403:
            self._notes.append(f"{what} may not be read with these credentials, and is not simulated.")
        return answer.body if answer.accepted else None

    def _listed(self, path: str) -> tuple[Object, ...]:
        found = self._live.listed(path)
        if found is None:
            what = path.rpartition("/")[2]
            place = re.search(r"/namespaces/([^/]+)/", path)
            where = f" of namespace {place[1]}" if place else ""
            self._notes.append(f"The cluster's {what}{where} may not be listed with these credentials, and are not "
                               "simulated.")  # fmt: skip
        return found or ()

    def _definitions(self, kinds: Iterable[Served]) -> tuple[Object, ...]:
        names = {f"{one.plural}.{one.root.split('/')[2]}": one for one in kinds if one.root.startswith("/apis/")}
        root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        found = [
            self._optional(f"{root}/{quote(name, safe='')}", f"CustomResourceDefinition {name}")
            for name in sorted(names) if "." in names[name].root.split("/")[2]
        ]  # fmt: skip
        return tuple(one for one in found if one is not None)

    def _namespaces(self, names: Iterable[str]) -> tuple[Object, ...]:
        found = [self._optional(f"/api/v1/namespaces/{quote(name, safe='')}", f"Namespace {name}") for name in names]
        return tuple(one for one in found if one is not None)

    def _limits(self, namespace: str) -> tuple[Object, ...]:
        root = f"/api/v1/namespaces/{quote(namespace, safe='')}"
        return (*self._listed(f"{root}/resourcequotas"), *self._listed(f"{root}/limitranges"))

    def _policies(self, namespaces: tuple[str, ...]) -> tuple[Object, ...]:
        found = [one for plural in _POLICIES for one in self._listed(f"{_ADMISSION}/v1/{plural}")]
        for version in ("v1", "v1beta1"):
            if "MutatingAdmissionPolicy" in self._discovery.kinds(f"{_ADMISSION.rpartition('/')[2]}/{version}"):
                found += [one for plural in _MUTATING for one in self._listed(f"{_ADMISSION}/{version}/{plural}")]
                break
        hooks = [one for plural in _WEBHOOKS for one in self._listed(f"{_ADMISSION}/v1/{plural}")]
        if hooks:
            names = sorted({_name(one) for one in hooks})
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            self._notes.append(f"The cluster's admission webhooks are not simulated: {', '.join(names[:10])}{more}.")
        return (*self._parameters(found, namespaces), *found)

    def _parameters(self, policies: list[Object], namespaces: tuple[str, ...]) -> tuple[Object, ...]:
        """Objects that bindings name as parameters."""
        kinds = {_name(one): kind for one in policies if isinstance(kind := _spec(one).get("paramKind"), Mapping)}
        found: dict[str, Object] = {}
        for binding in policies:
            spec = _spec(binding)
            reference, kind = spec.get("paramRef"), kinds.get(str(spec.get("policyName")))
            if not isinstance(reference, Mapping) or kind is None:
                continue
            served = self._discovery.kinds(str(kind.get("apiVersion"))).get(str(kind.get("kind")))
            name = reference.get("name")
            if served is None or not name:
                self._notes.append(f"The parameters of {binding.get('kind')} {_name(binding)} are not simulated.")
                continue
            for place in [str(reference["namespace"])] if reference.get("namespace") else namespaces or ("",):
                path = served.object(place, str(name))
                body = self._optional(path, f"{kind.get('kind')} {place}/{name}") if path not in found else None
                if body is not None:
                    found[path] = body
        return tuple(found.values())


def _spec(data: Object) -> Mapping[str, Any]:
    spec = data.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _name(data: Object) -> str:
    metadata = data.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, Mapping) else ""
