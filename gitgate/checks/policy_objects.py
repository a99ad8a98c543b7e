"""`ServedObjects`: objects as the API server has them when it asks policies: decoded, defaulted, pruned.

Policies and rules are asked after decoding, defaulting and mutating admission, so that is what expressions are about
(docs/adr/0031-policies-see-what-the-api-server-has.md). What the server allocates is not invented, nor what
controllers, webhooks and mutating policies add.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go, `Store.create`, `Store.Update`: validating admission
gets the object of the strategy's `PrepareForCreate`, read into the version that the policy names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.checks.custom_resources import CRD_KIND
from gitgate.location import FieldPath
from gitgate.policy.evaluation import Request
from gitgate.policy.workloads import pod_of
from gitgate.reconcile.canon import canonical
from gitgate.reconcile.content import copied
from gitgate.reconcile.defaults import apply_defaults
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.names import CORE
from gitgate.resource import Resource
from gitgate.schema.catalog import SchemaCatalog, parse_version
from gitgate.schema.definition import read_definition
from gitgate.settings import Settings

_RBAC = "rbac.authorization.k8s.io"
_PHASES = {"Namespace": "Active", "PersistentVolume": "Pending", "PersistentVolumeClaim": "Pending", "Pod": "Pending"}
_NODE_STATES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class ServedObjects:
    """Completes objects; for `evaluation.Surroundings.served`.

    Args:
        version: The Kubernetes version whose defaults count.
        definitions: Resources with the CustomResourceDefinitions that count; of two of a kind the later one.
    """

    def __init__(self, version: str, definitions: Iterable[Resource] = ()) -> None:
        definitions = tuple(item for item in definitions if (item.id.group, item.id.kind) == CRD_KIND and _prunes(item))
        self._kinds = Kinds(version, definitions)
        self._statuses = {
            (f"{version.group}/{version.version}", version.kind)
            for item in definitions
            for version in read_definition(item.data).versions
            if version.status
        }
        self._last: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None

    @classmethod
    def of_settings(cls, settings: Settings, definitions: Iterable[Resource]) -> ServedObjects:
        """With the defaults of the newest Kubernetes version that settings demand."""
        return cls(max(settings.kubernetes_versions, key=parse_version, default=SchemaCatalog.newest()), definitions)

    def request(self, request: Request) -> Request:
        """A request about the objects as the API server has them."""
        whole = request.resource.data
        if request.field:
            pod = pod_of(self.data(whole), request.field[:-1], request.namespace)
            return request if pod is None else replace(request, new=_admitted(_as_pod(pod)))
        new = None if request.new is None else _placed(self.data(whole), request.namespace)
        old = None if request.old is None else _placed(self.data(request.old), request.namespace)
        if new is not None and (request.target.group, request.kind) == ("", "Pod"):
            new = _admitted(new)
        return replace(request, new=new, old=old)

    def readings(self, resource: Resource) -> Iterator[Mapping[str, Any]]:
        """What an object may be besides what is written, where only the cluster knows the value of a variable.

        Its defaults may hold, and what is true or false is either. A name, an image, a number may be anything, of which
        nothing is said.
        """
        if resource.otherwise is not None:
            yield resource.otherwise
        unknown = [path for path in resource.unresolved if self._is_boolean(resource, path)]
        for value in (True, False) if unknown else ():
            data = copied(resource.data)
            for path in unknown:
                holder: Any = data
                for step in path[:-1]:
                    holder = holder[step]
                holder[path[-1]] = value
            yield data

    def _is_boolean(self, resource: Resource, path: FieldPath) -> bool:
        node = self._kinds.node(resource.id.api_version, resource.id.kind)
        found: Any = resource.data
        for step in path:
            if node is None:
                return False
            node = node.item if isinstance(step, int) else node.child(step)
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return False  # a field that is not there, or whose name holds the variable
        return node is not None and isinstance(found, str) and node.is_boolean

    def data(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """An object, complete; one whose kind nothing defines, or that no server would decode, is left as it is."""
        # A workload and its pods are asked about one after the other.
        if self._last is None or self._last[0] is not data:
            self._last = (data, self._completed(data))
        return self._last[1]

    def _completed(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        api_version, kind = data.get("apiVersion"), data.get("kind")
        if not isinstance(api_version, str) or not isinstance(kind, str):
            return data
        node = self._kinds.node(api_version, kind)
        if node is None:
            return data
        try:
            made = canonical(node, data)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            return data
        if node.custom:
            if "status" in data and (api_version, kind) not in self._statuses:
                made["status"] = copied(data["status"])
        elif "status" in node.fields:
            made["status"] = {"phase": _PHASES[kind]} if kind in _PHASES and api_version == "v1" else {}
        elif api_version.startswith(f"{_RBAC}/") and kind in ("ClusterRole", "Role"):
            made.setdefault("rules", None)  # the one list that Go writes although it is absent
        return made


def _prunes(definition: Resource) -> bool:
    """Does the API server drop unknown fields and fill in defaults? Not for what is older than structural schemas."""
    spec = definition.data.get("spec")
    return isinstance(spec, Mapping) and spec.get("preserveUnknownFields") is not True


def _as_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a Pod that its template does not have."""
    made: dict[str, Any] = {**pod, "spec": copied(pod["spec"]), "status": {"phase": "Pending"}}
    try:
        apply_defaults(f"{CORE}Pod", made)
    except (AttributeError, KeyError, TypeError, ValueError):
        return dict(pod)
    return made


def _admitted(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod after the admission plug-ins that are always on and that need no other object.

    Source: kubernetes/plugin/pkg/admission/serviceaccount and …/defaulttolerationseconds.
    """
    spec = pod.get("spec")
    if not isinstance(spec, Mapping):
        return pod
    added: dict[str, Any] = {}
    if not spec.get("serviceAccountName"):
        added |= {"serviceAccountName": "default", "serviceAccount": "default"}
    tolerations = spec.get("tolerations") or []
    if isinstance(tolerations, list):
        missing = [state for state in _NODE_STATES if not any(_tolerates(one, state) for one in tolerations)]
        added["tolerations"] = [
            *tolerations,
            *(
                {"key": state, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
                for state in missing
            ),
        ]
    return {**pod, "spec": {**spec, **added}}


def _tolerates(toleration: Any, state: str) -> bool:
    return (
        isinstance(toleration, Mapping)
        and toleration.get("key") in (state, None, "")
        and toleration.get("effect") in ("NoExecute", None, "")
    )


def _placed(data: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """The object in its namespace, which a manifest may leave out."""
    metadata = data.get("metadata")
    if not namespace or not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return data
    return {**data, "metadata": {**metadata, "namespace": namespace}}
