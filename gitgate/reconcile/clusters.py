"""Snapshots taken apart by cluster: what is in one cluster neither replaces nor satisfies anything in another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gitgate.proposal import Snapshot
from gitgate.resource import Resource

_Name = tuple[tuple[str, str, str, str], str]
"""Identity of an object, and its file."""


def by_cluster(before: Snapshot, after: Snapshot) -> tuple[tuple[Snapshot, Snapshot], ...]:
    """Both snapshots for each cluster, in the order of the clusters' names; objects of none are one more.

    An object that nothing gave a cluster on one side, and that just one cluster has from the same file on the other, is
    of that cluster on both: the change brought or took the entry point, not the object.
    """
    names = sorted({one.origin.cluster for side in (before, after) for one in side.resources})
    if len(names) <= 1:
        return ((before, after),)
    old, new = _homes(before.resources), _homes(after.resources)
    of_before = {name: _part(before, name, old, new) for name in names}
    of_after = {name: _part(after, name, new, old) for name in names}
    return tuple((of_before[name], of_after[name]) for name in names)


def _homes(resources: Iterable[Resource]) -> dict[_Name, set[str]]:
    homes: dict[_Name, set[str]] = {}
    for resource in resources:
        homes.setdefault(_name(resource), set()).add(resource.origin.cluster)
    return homes


def _part(side: Snapshot, name: str, own: dict[_Name, set[str]], other: dict[_Name, set[str]]) -> Snapshot:
    homes = [(one, _home(one, own, other) == name) for one in side.resources]
    return replace(
        side,
        resources=tuple(one for one, here in homes if here),
        agents=tuple(one for one, here in homes if not here),
    )


def _home(resource: Resource, own: dict[_Name, set[str]], other: dict[_Name, set[str]]) -> str:
    name = _name(resource)
    if resource.origin.cluster or own[name] != {""}:
        return resource.origin.cluster
    elsewhere = other.get(name, {""})
    return min(elsewhere) if len(elsewhere) == 1 else ""


def _name(resource: Resource) -> _Name:
    return resource.id.identity, resource.origin.path
