"""What follows from a plan beyond the objects themselves: restarts, lost data, broken references, fights.

Each `Consequence` says what happens and why. Only what the change brings about is told: a reference that dangled before
is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from gitgate.proposal import Snapshot
from gitgate.reconcile.clusters import by_cluster
from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.dangling import dangling, empty_selectors, missing_ports
from gitgate.reconcile.definitions import invalidated
from gitgate.reconcile.deletions import data_at_risk, implied_deletions, reinstalled, turned_into_hooks
from gitgate.reconcile.disruption import blocking_budgets, rollouts, stale_configuration, stopped
from gitgate.reconcile.handovers import moves, rendered_twice
from gitgate.reconcile.ordering import absent, cycles, too_early, unsynced
from gitgate.reconcile.places import place_of_origin
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.scaling import replicas_reset, resized, scaling_fights
from gitgate.reconcile.scene import Scene, Side, TooMuchError
from gitgate.resource import Resource

_OF_THE_CHANGE: tuple[Callable[[Scene], Iterable[Consequence]], ...] = (
    absent, dangling, data_at_risk, implied_deletions, invalidated, moves, reinstalled, replicas_reset, resized,
    rollouts, stale_configuration, stopped, too_early, turned_into_hooks, unsynced,
)  # fmt: skip
"""What comes of the difference between the two sides."""
_OF_A_SIDE: tuple[Callable[[Side], Iterable[Consequence]], ...] = (
    blocking_budgets, cycles, empty_selectors, missing_ports, rendered_twice, scaling_fights,
)  # fmt: skip
"""What is so on one side; told when it is not so before."""


def follow(plan: Plan, before: Snapshot, after: Snapshot) -> tuple[Consequence, ...]:
    """Everything that follows from a plan, sorted by object."""
    if not plan.changed and not plan.duplicates and not any(map(_moved, plan.objects)):
        return ()
    found: set[Consequence] = set()
    sides = by_cluster(before, after)
    for old, new in sides:
        scene = Scene(_part(plan, old, new) if len(sides) > 1 else plan, old, new)
        found.update(consequence for look in _OF_THE_CHANGE for consequence in look(scene))
        found.update(_new(scene))
    return tuple(sorted(found, key=lambda item: (item.resource, item.place, item.code, item.message)))


def _part(plan: Plan, before: Snapshot, after: Snapshot) -> Plan:
    """What a plan says of the objects of one cluster."""
    there = {id(resource) for side in (before, after) for resource in side.resources}
    return replace(plan, objects=tuple(item for item in plan.objects if id(item.after or item.before) in there))


def _moved(item: PlannedObject) -> bool:
    if item.before is None or item.after is None:
        return False
    old, new = item.before.origin, item.after.origin
    if item.before.data is not item.after.data and item.before.data != item.after.data:
        return True  # left alone by the agent for a reason that the change may have brought
    return (old.path, old.rendered_by, old.owner) != (new.path, new.rendered_by, new.owner)


def _new(scene: Scene) -> Iterator[Consequence]:
    """What is so afterwards and was not before, also of an object that moved."""
    came_from = {
        (item.after.id.identity, place_of_origin(item.after)): place_of_origin(item.before)
        for item in scene.plan.objects
        if item.before is not None and item.after is not None
    }
    was = {(one.code, one.resource.identity, one.place, one.other) for one in _on(scene.before)}
    for one in _on(_reached(scene)):
        place = came_from.get((one.resource.identity, one.place), one.place)
        if (one.code, one.resource.identity, place, one.other) not in was:
            yield one


def _reached(scene: Scene) -> Side:
    """What there is after the merge: what cannot be applied stays as it was."""
    kept = {
        id(item.after): item.before
        for item in scene.changed
        if item.action is Action.BLOCKED and item.before is not None and item.after is not None
    }
    return Side(kept.get(id(one), one) for one in scene.after.resources) if kept else scene.after


def _on(side: Side) -> Iterator[Consequence]:
    ended_at: Resource | None = None
    for look in _OF_A_SIDE:
        try:
            yield from look(side)
        except TooMuchError as error:
            ended_at = ended_at or error.resource
    if ended_at is not None:
        # Told once: after the first one, whoever compares ends at once.
        message = "there are too many selectors and workloads to compare: not all that follows is told"
        yield happens_to(ended_at, "not-examined", message)
