"""Which object of the merge is which of the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitgate.reconcile.places import Identity, place_of_origin
from gitgate.resource import Resource

Sides = tuple[Resource | None, Resource | None]
"""An object in the base and in the merge; None where it is not there."""


def pairs(before: Iterable[Resource], after: Iterable[Resource]) -> Iterator[Sides]:
    """Each object with what becomes of it.

    One repository may hold the same object for several clusters, one overlay each. Such ones belong together by the
    place that they come from; what has none on the other side is paired when there is just one of each.
    """
    was, shall_be = _group(before), _group(after)
    for key, new in shall_be.items():
        old = was.pop(key, {})
        if len(old) != 1 or len(new) != 1:
            for place in [place for place in new if place in old]:
                yield old.pop(place), new.pop(place)
        if len(old) == len(new) == 1:
            yield old.popitem()[1], new.popitem()[1]
        yield from ((resource, None) for resource in old.values())
        yield from ((None, resource) for resource in new.values())
    yield from ((resource, None) for old in was.values() for resource in old.values())


def _group(resources: Iterable[Resource]) -> dict[Identity, dict[str, Resource]]:
    """Objects by identity, then by place; of several in one place the last."""
    found: dict[Identity, dict[str, Resource]] = {}
    for resource in resources:
        found.setdefault(resource.id.identity, {})[place_of_origin(resource)] = resource
    return found
