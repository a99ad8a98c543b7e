"""The way back: would reverting the merge restore the cluster, and what does it not bring back?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gitgate.proposal import Snapshot
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan


@dataclass(frozen=True, slots=True)
class WayBack:
    """What reverting comes to.

    Attributes:
        restores: Does it bring the cluster to where it was?
        lost: What it does not bring back, one sentence each.
    """

    restores: bool
    lost: tuple[str, ...]


_DATA = {
    "PersistentVolumeClaim": "its data, unless the volume is retained",
    "PersistentVolume": "its binding",
    "Namespace": "everything in it that is not in this repository",
    "CustomResourceDefinition": "custom resources that are not in this repository",
    "Job": "its history: it runs again",
}
_BEYOND = {
    "stateful-prune": "data that went does not come back",
    "implied-deletion": "what git does not have does not come back",
    "cascading-deletion": "what git does not have does not come back",
}
"""Consequences of the merge that a revert does not undo."""


def reached(forward: Plan, after: Snapshot) -> Snapshot:
    """What the cluster holds once the merge is applied: what was blocked stayed as it was."""
    stuck = {item.id.identity: item.before for item in forward.objects if item.action is Action.BLOCKED}
    resources = tuple(
        held for one in after.resources
        if (held := stuck.get(one.id.identity, one)) is not None
    )  # fmt: skip
    return replace(after, resources=resources)


def way_back(forward: Plan, backward: Plan, follows: Iterable[Consequence] = ()) -> WayBack:
    """Compare the plan of a merge with the plan of its revert.

    Args:
        forward: What the merge does.
        backward: What its revert does.
        follows: What follows from the merge.
    """
    lost = tuple(dict.fromkeys((*_lost(forward, backward), *_gone(follows))))
    return WayBack(restores=not lost, lost=lost)


def _gone(follows: Iterable[Consequence]) -> Iterator[str]:
    """Data and objects that went along, and that git never had."""
    for one in follows:
        if one.code in _BEYOND and one.resource.kind not in _DATA:
            yield f"{one.resource}: {one.message}; {_BEYOND[one.code]}"
        elif one.code == "ownership-move" and one.resource.kind in _DATA:
            yield f"{one.resource} may be created anew where it changes hands, without {_DATA[one.resource.kind]}"


def _lost(forward: Plan, backward: Plan) -> Iterator[str]:
    for item in forward.objects:
        if item.action in (Action.PRUNE, Action.REPLACE) and item.id.kind in _DATA:
            yield f"{item.id} is created anew, without {_DATA[item.id.kind]}"
    for item in backward.objects:
        if item.action is Action.BLOCKED and not item.is_likely_blocked:  # the cluster had it
            reason = item.failures[0] if item.failures else item.reason
            yield f"{item.id} cannot be brought back: {reason}"
        elif item.action is Action.UNKNOWN:
            yield f"{item.id} may come back otherwise: {item.reason}"
        elif item.action is Action.ORPHAN:
            yield f"{item.id} stays in the cluster: {item.reason}"
