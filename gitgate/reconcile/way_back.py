"""The way back: would reverting the merge restore the cluster, and what does it not bring back?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gitgate.proposal import Snapshot
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
    "StatefulSet": "the identity of its Pods while it is away",
    "Job": "its history: it runs again",
    "Secret": "nothing that git has; keys that others added are gone",
}


def reached(forward: Plan, after: Snapshot) -> Snapshot:
    """What the cluster holds once the merge is applied: what was blocked stayed as it was."""
    stuck = {item.id.identity: item.before for item in forward.objects if item.action is Action.BLOCKED}
    resources = tuple(
        held for one in after.resources
        if (held := stuck.get(one.id.identity, one)) is not None
    )  # fmt: skip
    return replace(after, resources=resources)


def way_back(forward: Plan, backward: Plan) -> WayBack:
    """Compare the plan of a merge with the plan of its revert."""
    lost = tuple(_lost(forward, backward))
    return WayBack(restores=not lost, lost=lost)


def _lost(forward: Plan, backward: Plan) -> Iterator[str]:
    for item in forward.objects:
        if item.action in (Action.PRUNE, Action.REPLACE) and item.id.kind in _DATA and item.id.kind != "Secret":
            yield f"{item.id} is created anew, without {_DATA[item.id.kind]}"
    for item in backward.objects:
        if item.action is Action.BLOCKED:
            reason = item.failures[0] if item.failures else item.reason
            yield f"{item.id} cannot be brought back: {reason}"
        elif item.action is Action.UNKNOWN:
            yield f"{item.id} may not be brought back: {item.reason}"
        elif item.action is Action.ORPHAN:
            yield f"{item.id} stays in the cluster: {item.reason}"
