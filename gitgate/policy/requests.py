"""The admission requests that a merge would lead to, and those that stand for what was there before.

An object that the change adds is a CREATE, one that it edits an UPDATE with the base's object as oldObject, one that
it removes a DELETE. What the change leaves alone is judged as a CREATE in both trees. In the base every object stands
as a CREATE: what a policy says of it then is not the change's doing, and a rule about the transition, or against any
update at all, never fires there (docs/adr/0018-what-is-judged-as-what.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitgate.policy.evaluation import DEFAULT_NAMESPACE, Request
from gitgate.policy.matching import Target, plural_of
from gitgate.policy.workloads import pod_of, template_path
from gitgate.proposal import Snapshot, newly_conditional
from gitgate.resource import Resource

Scope = Mapping[tuple[str, str], tuple[str, bool]]
"""Plural and "is it namespaced?" of custom kinds, by group and kind."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The two lists.

    Attributes:
        proposed: What applying the merge would ask for.
        standing: What the base's own objects stand for.
    """

    proposed: tuple[Request, ...]
    standing: tuple[Request, ...]


class Kinds:
    """Plural names and scopes: of built-in kinds, and of those that definitions in the trees bring."""

    def __init__(self, cluster_scoped: Any, definitions: Iterable[Resource]) -> None:
        self._cluster_scoped = cluster_scoped
        self._custom: dict[tuple[str, str], tuple[str, bool]] = {}
        for definition in definitions:
            spec = definition.data.get("spec")
            names = spec.get("names") if isinstance(spec, Mapping) else None
            if isinstance(spec, Mapping) and isinstance(names, Mapping):
                key = (str(spec.get("group")), str(names.get("kind")))
                self._custom[key] = (str(names.get("plural")), spec.get("scope") != "Cluster")

    def target(self, resource: Resource, operation: str) -> Target:
        """What rules see of an object."""
        group, kind = resource.id.group, resource.id.kind
        plural, namespaced = self._custom.get((group, kind)) or (
            plural_of(kind),
            not self._cluster_scoped(group, kind),
        )
        return Target(group, resource.id.version, plural, namespaced, operation)


Readings = Callable[[Resource], Iterable[Mapping[str, Any]]]
"""What else an object of the base, or of the merge, may be in the cluster."""


def plan_requests(
    before: Sequence[Resource],
    after: Sequence[Resource],
    kinds: Kinds,
    held: Collection[int] = (),
    readings: tuple[Readings, Readings] = (lambda _: (), lambda _: ()),
) -> Requests:
    """Pair the objects of two trees and say what each is.

    Args:
        before: Objects of the base.
        after: Objects of the merge.
        kinds: Plurals and scopes.
        held: `id` of the base's objects that stay, as whoever applied them fails, and so deletes nothing.
        readings: For the base and for the merge: what else an object may be. Policies are asked about all of it.
    """
    pairs = _pair(before, after)
    proposed: list[Request] = []
    standing: list[Request] = []
    kept: set[int] = set()
    proposed.extend(_otherwise(after, readings[1], kinds))
    standing.extend(_otherwise(before, readings[0], kinds))
    for resource in after:
        old = pairs.get(id(resource))
        if old is not None:
            kept.add(id(old))
            if id(old) not in held and old.origin.owner and not resource.origin.owner:
                # The file stays while the owner that applied it does so no more: whoever prunes deletes the object.
                proposed.append(_deletion(old, kinds))
        if old is None:
            proposed += _requests(resource, None, "CREATE", kinds)
        elif old.data == resource.data:
            proposed += _requests(resource, None, "CREATE", kinds, untouched=True)
            standing += _requests(old, None, "CREATE", kinds)
        else:
            proposed += _requests(resource, old, "UPDATE", kinds)
            standing += (replace(request, edited=True) for request in _requests(old, None, "CREATE", kinds))
    for resource in before:
        if id(resource) not in kept:
            if id(resource) not in held:
                proposed.append(_deletion(resource, kinds))
            standing += _requests(resource, None, "CREATE", kinds)
    return Requests(tuple(proposed), tuple(standing))


def conditional_requests(
    before: Snapshot, after: Snapshot, kinds: Kinds, readings: tuple[Readings, Readings]
) -> Requests:
    """What objects ask for that may be there or not: each is judged as a CREATE, in both trees.

    One that was there for certain, and now may not be, is a DELETE as well.
    """
    standing, proposed = (
        (
            *(request for one in held.conditional.present for request in _requests(one, None, "CREATE", kinds)),
            *_otherwise(held.conditional.present, reading, kinds),
        )
        for held, reading in zip((before, after), readings, strict=True)
    )
    deleted = tuple(replace(_deletion(old, kinds), resource=new) for old, new in newly_conditional(before, after))
    return Requests((*proposed, *deleted), standing)


def _otherwise(resources: Iterable[Resource], readings: Readings, kinds: Kinds) -> Iterator[Request]:
    for resource in resources:
        for data in readings(resource) if resource.unresolved else ():
            yield from _requests(replace(resource, data=data), None, "CREATE", kinds)


def requests_of(new: Resource | None, old: Resource | None, kinds: Kinds) -> Iterator[Request]:
    """What one object alone asks for: a CREATE, an UPDATE or, without `new`, a DELETE."""
    if new is not None:
        yield from _requests(new, old, "CREATE" if old is None else "UPDATE", kinds)
    elif old is not None:
        yield _deletion(old, kinds)


def _pair(before: Sequence[Resource], after: Sequence[Resource]) -> dict[int, Resource]:
    """The base's object of each object: by name, and by the root that rendered it where several roots have one."""
    left: dict[tuple[str, str, str, str], list[Resource]] = defaultdict(list)
    for resource in before:
        left[resource.id.identity].append(resource)
    pairs: dict[int, Resource] = {}
    waiting: list[Resource] = []
    for resource in after:
        olds = left[resource.id.identity]
        same = next((old for old in olds if _root(old) == _root(resource)), None)
        if same is None:
            waiting.append(resource)
        else:
            olds.remove(same)
            pairs[id(resource)] = same
    for resource in waiting:
        olds = left[resource.id.identity]
        if olds:
            pairs[id(resource)] = olds.pop(0)
    return pairs


def _root(resource: Resource) -> str:
    return resource.origin.rendered_by or resource.origin.path


def _requests(
    resource: Resource, old: Resource | None, operation: str, kinds: Kinds, *, untouched: bool = False
) -> Iterator[Request]:
    target = kinds.target(resource, operation)
    namespace = (resource.id.namespace or DEFAULT_NAMESPACE) if target.namespaced else ""
    new = _completed(resource.data, namespace)
    yield Request(
        target=target,
        kind=resource.id.kind,
        name="" if resource.id.name.endswith("*") else resource.id.name,
        namespace=namespace,
        new=new,
        old=None if old is None else _completed(old.data, namespace),
        resource=resource,
        untouched=untouched,
    )
    path = template_path(resource.id.group, resource.id.kind)
    pod = pod_of(resource.data, path, namespace) if path is not None else None
    if pod is not None and path is not None:
        # A workload never updates a pod: it makes new ones.
        yield Request(
            target=Target("", "v1", "pods", True, "CREATE"),
            kind="Pod", name="", namespace=namespace, new=pod, old=None, resource=resource, field=(*path, "spec"),
            untouched=untouched,
        )  # fmt: skip


def _deletion(resource: Resource, kinds: Kinds) -> Request:
    target = kinds.target(resource, "DELETE")
    namespace = (resource.id.namespace or DEFAULT_NAMESPACE) if target.namespaced else ""
    return Request(
        target=target, kind=resource.id.kind, name=resource.id.name, namespace=namespace, new=None,
        old=_completed(resource.data, namespace), resource=resource,
    )  # fmt: skip


def _completed(data: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """The object as the API server has it when it asks: in its namespace."""
    metadata = data.get("metadata")
    if not namespace or not isinstance(metadata, Mapping) or metadata.get("namespace"):
        return data
    return {**data, "metadata": {**metadata, "namespace": namespace}}
