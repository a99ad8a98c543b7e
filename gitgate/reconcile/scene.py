"""Both sides of a plan, indexed once: what everything that looks for consequences reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import Owner, Owners, find_owners, owner_of
from gitgate.reconcile.labels import selects
from gitgate.reconcile.places import Place, place_of, place_of_origin
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.providers import ANY_NAMESPACE, made_by
from gitgate.reconcile.references import pod_labels, pod_template, spec_of
from gitgate.resource import Resource

GONE = (Action.PRUNE, Action.REPLACE)


MOST_COMPARISONS = 300_000
"""Of a selector with a workload, on one side: a second or two."""


class TooMuchError(Exception):
    """There is too much to compare.

    Attributes:
        resource: Where it ended.
    """

    def __init__(self, resource: Resource) -> None:
        super().__init__(str(resource.id))
        self.resource = resource


class Side:
    """One snapshot: its objects by place, its workloads, its owners.

    One repository may hold the same object for several clusters, so a place may have several objects; `nearest` picks.
    """

    def __init__(self, resources: Iterable[Resource], agents: Iterable[Resource] = ()) -> None:
        self.resources = tuple(resources)
        self.elsewhere: dict[str, list[Resource]] = {}
        """What owners apply to other clusters, by their names."""
        agents = tuple(agents)
        for resource in agents:
            if resource.origin.owner:
                self.elsewhere.setdefault(resource.origin.owner, []).append(resource)
        self.by_place: dict[Place, list[Resource]] = {}
        self.by_namespace: dict[str, list[Resource]] = {}
        self.by_kind: dict[tuple[str, str], list[Resource]] = {}
        self.named: set[tuple[str, str]] = set()
        self.made: set[Place] = set()
        self._workloads: dict[str, list[Resource]] = {}
        self._labelled: dict[tuple[str, str, str], list[Resource]] = {}
        self._by_origin: dict[Place, dict[str, Resource]] = {}
        self._comparisons = 0
        self._owners: dict[str, Owner | None] = {}
        self._reached: dict[str, frozenset[str]] = {}
        for resource in self.resources:
            self._add(resource)
        self.owners: Owners = find_owners(self.resources, agents)

    def _add(self, resource: Resource) -> None:
        self.by_place.setdefault(place_of(resource), []).append(resource)
        self.by_namespace.setdefault(resource.id.namespace, []).append(resource)
        self.by_kind.setdefault((resource.id.group, resource.id.kind), []).append(resource)
        self.named.add((resource.id.kind, resource.id.name))
        self.made.update(made_by(resource))
        if pod_template(resource.data) is not None:
            namespace = resource.id.namespace
            self._workloads.setdefault(namespace, []).append(resource)
            for key, value in pod_labels(resource).items():
                self._labelled.setdefault((namespace, key, str(value)), []).append(resource)

    def has(self, place: Place) -> bool:
        """Is there such an object, or will a controller make it?"""
        kind, _, name = place
        return place in self.by_place or place in self.made or (kind, ANY_NAMESPACE, name) in self.made

    def nearest(self, place: Place, to: Resource) -> Resource | None:
        """The object at a place; of several the one that is rendered where `to` is, else none can be told apart."""
        found = self.by_place.get(place, ())
        if len(found) <= 1:
            return found[0] if found else None
        if place not in self._by_origin:
            # In reverse, so that the first one stays.
            self._by_origin[place] = {place_of_origin(one): one for one in reversed(found)}
        return self._by_origin[place].get(place_of_origin(to))

    def selected(self, selector: Mapping[str, Any], by: Resource) -> Iterator[Resource]:
        """The workloads whose Pods a LabelSelector matches: those beside `by`, where several clusters have one.

        Raises:
            TooMuchError: More comparisons than any repository needs; whoever wrote it wants it to take forever.
        """
        namespace, wanted = by.id.namespace, selector.get("matchLabels")
        near = place_of_origin(by)
        # What names no namespace, as the agent fills it in, may be in this one.
        for one in chain.from_iterable(self._candidates(name, wanted) for name in dict.fromkeys((namespace, ""))):
            self._comparisons += 1
            if self._comparisons > MOST_COMPARISONS:
                raise TooMuchError(by)
            if selects(selector, pod_labels(one)) and (
                len(self.by_place[place_of(one)]) == 1 or place_of_origin(one) == near
            ):
                yield one

    def _candidates(self, namespace: str, wanted: Any) -> list[Resource]:
        """The workloads of a namespace that have the rarest of the wanted labels."""
        found = self._workloads.get(namespace, [])
        for key, value in wanted.items() if isinstance(wanted, Mapping) else ():
            labelled = self._labelled.get((namespace, key, str(value)), [])
            found = labelled if len(labelled) < len(found) else found
        return found

    def owner_of(self, resource: Resource) -> Owner | None:
        """Who applies it."""
        place = place_of_origin(resource)
        if place not in self._owners:
            self._owners[place] = owner_of(resource, self.owners)
        return self._owners[place]

    @cached_property
    def owners_by_name(self) -> Mapping[str, Owner]:
        """One owner of each name; an Application with several sources is several."""
        return {owner.name: owner for owner in self.owners}

    @cached_property
    def applied_by(self) -> Mapping[str, list[Resource]]:
        """What each owner applies, beside itself, by its name."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            owner = self.owner_of(resource)
            if owner is not None and str(resource.id) != owner.name:
                found.setdefault(owner.name, []).append(resource)
        return found

    def waits_for(self, owner: str) -> frozenset[str]:
        """The owners that one depends on, also by way of others."""
        if owner not in self._reached:
            edges = {one.name: one.depends_on for one in self.owners}
            found: set[str] = set()
            ahead = [owner]
            while ahead:
                new = [name for name in edges.get(ahead.pop(), ()) if name not in found]
                found.update(new)
                ahead += new
            self._reached[owner] = frozenset(found)
        return self._reached[owner]

    def of_kind(self, group: str, kind: str) -> Sequence[Resource]:
        """All objects of a kind."""
        return self.by_kind.get((group, kind), ())

    @cached_property
    def definitions(self) -> Mapping[tuple[str, str], Resource]:
        """CustomResourceDefinitions by the group and kind that they define."""
        return {defined_kind(one): one for one in self.of_kind("apiextensions.k8s.io", "CustomResourceDefinition")}


def defined_kind(definition: Resource) -> tuple[str, str]:
    """Group and kind of a CustomResourceDefinition."""
    spec = spec_of(definition)
    names = spec.get("names")
    return str(spec.get("group")), str(names.get("kind")) if isinstance(names, Mapping) else ""


class Scene:
    """A plan with both of its sides."""

    def __init__(self, plan: Plan, before: Snapshot, after: Snapshot) -> None:
        self.plan = plan
        self.before = Side(before.resources, before.agents)
        self.after = Side(after.resources, after.agents)
        self.changed: tuple[PlannedObject, ...] = plan.changed
        self._pairs = {id(item.after): item for item in plan.objects if item.after is not None}

    def item(self, after: Resource) -> PlannedObject | None:
        """What is planned for an object of the merge."""
        return self._pairs.get(id(after))

    def was(self, after: Resource) -> Resource | None:
        """The same object in the base; None for a new one."""
        item = self.item(after)
        return item.before if item is not None else None

    def gone(self) -> Iterator[tuple[PlannedObject, Resource]]:
        """What is deleted, with what it was."""
        for item in self.changed:
            if item.action in GONE and item.before is not None:
                yield item, item.before

    def unread(self) -> Iterator[tuple[PlannedObject, Resource]]:
        """What may go, as nothing tells, with what it was."""
        for item in self.changed:
            if item.is_unread and item.before is not None:
                yield item, item.before
