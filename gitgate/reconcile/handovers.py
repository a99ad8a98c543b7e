"""Consequences where objects change hands, or two owners hold one."""

from __future__ import annotations

from collections.abc import Iterator

from gitgate.reconcile.agents import handling
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.places import place_of_origin
from gitgate.reconcile.plan import find_duplicates
from gitgate.reconcile.scene import Scene, Side
from gitgate.resource import Resource


def moves(scene: Scene) -> Iterator[Consequence]:
    """Objects that leave the owner that prunes them, for another one or for none."""
    if not scene.before.owners:
        return
    same_owners = scene.before.owners == scene.after.owners
    staying = {owner.name for owner in scene.after.owners}
    rendering = {resource.origin.owner for resource in scene.after.resources} - {""}
    for item in scene.plan.objects:
        if item.before is None or item.after is None:
            continue
        if same_owners and place_of_origin(item.before) == place_of_origin(item.after):
            continue
        old, new = scene.before.owner_of(item.before), scene.after.owner_of(item.after)
        if not item.after.origin.owner and item.before.origin.owner in rendering:
            new = None  # the file lies there still, and the owner leaves it out of all that it renders
        if old is None or (new is not None and old.name == new.name):
            continue
        if new is None and old.name not in staying:
            continue  # the owner itself goes, which is told of it
        kept = handling(item.before, old, ApplyMethod.SERVER_SIDE).keep
        if kept:
            continue
        if new is None:
            message = f"{old.name} no longer applies it and prunes it, and nothing of the repository does instead"
        else:
            message = (
                f"it moves from {old.name} to {new.name}: if the first prunes before the second applies, it is deleted"
            )
        yield happens_to(item.after, "ownership-move", message, other=old.name)


def rendered_twice(side: Side) -> Iterator[Consequence]:
    """Objects that one place renders in two ways, or that two owners apply."""
    for found in find_duplicates(side.resources).values():
        owners = sorted({owner.name for one in found if (owner := side.owner_of(one)) is not None})
        if len(owners) > 1:
            message = f"{' and '.join(owners)} both apply it, and take it from one another at every sync"
            yield happens_to(found[0], "rendered-twice", message, other=", ".join(owners))
        elif not _alike(found):
            places = ", ".join(sorted({one.origin.rendered_by or one.origin.path for one in found}))
            message = f"it is rendered more than once, and not alike: {places}"
            yield happens_to(found[0], "rendered-twice", message, other=", ".join(map(place_of_origin, found)))


def _alike(resources: tuple[Resource, ...]) -> bool:
    return all(one.data == resources[0].data for one in resources)
