"""What a Flux object waits for: `dependsOn` that names nothing, or leads back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitgate.location import FieldPath
from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.sources.owners import Owner, Workshop, World, digest_of, items, mapping, text

Place = tuple[str, str]
"""Namespace and name."""


def dependency_problems(owner: Owner, workshop: Workshop, kind: tuple[str, str]) -> Iterator[Problem]:
    """Dependencies that do not exist, and those that make a circle: neither is ever applied.

    Args:
        owner: Whose.
        workshop: What there is.
        kind: Group and kind of what it may depend on: its own.
    """
    world = workshop.world(owner)
    own = (owner.namespace, owner.resource.id.name)
    for index, place in enumerate(_depends_on(owner.resource)):
        path = ("spec", "dependsOn", index)
        told = f"{kind[1]} {place[0]}/{place[1]}"
        if world.find(*kind, *place) is None:
            code = "agent-unproved-reference" if world.incomplete else "agent-dangling-reference"
            message = f"{owner.name} depends on {told}, which nothing in the cluster's part of the repository defines"
            yield workshop.problem(owner, code, message, path, detail=told)
        elif place == own or own in _reachable(place, world, kind):
            message = f"{owner.name} depends on {told}, which depends on it in turn: neither is ever applied"
            yield workshop.problem(owner, "agent-dependency-cycle", message, path, detail=told)


def contested_problems(
    owner: Owner, workshop: Workshop, references: Iterable[tuple[str, str, bool, FieldPath]]
) -> Iterator[Problem]:
    """ConfigMaps and Secrets that several owners apply with other content each: nobody knows which one is read.

    Args:
        owner: Who reads them.
        workshop: What there is.
        references: Kind, name, whether it may be absent, and the field that names it.
    """
    for kind, name, _, path in references:
        found = workshop.world(owner).contested(kind, owner.namespace, name)
        if found:
            told = f"{kind} {owner.namespace}/{name}"
            message = f"{owner.name} reads {told}, which {' and '.join(sorted(found))} apply with other content each"
            detail = digest_of([told, [[by, dict(found[by].data)] for by in sorted(found)]])
            yield workshop.problem(owner, "agent-contested-reference", message, path, detail=detail)


def _depends_on(resource: Resource) -> Iterator[Place]:
    for reference in items(mapping(resource.data.get("spec")).get("dependsOn")):
        name = text(mapping(reference).get("name"))
        yield text(mapping(reference).get("namespace")) or resource.id.namespace, name


def _reachable(start: Place, world: World, kind: tuple[str, str]) -> set[Place]:
    seen: set[Place] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        resource = world.find(*kind, *place) if place not in seen else None
        seen.add(place)
        waiting.extend(_depends_on(resource) if resource is not None else ())
    return seen
