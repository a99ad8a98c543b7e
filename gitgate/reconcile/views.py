"""What every view of a plan shares: which consequences belong to which object, and what to look at first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitgate.location import format_field_path
from gitgate.reconcile.change_words import change_line
from gitgate.reconcile.changes import ABSENT, FieldChange
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.failure import Certainty, Failure
from gitgate.reconcile.places import place_of_origin
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.redact import HIDDEN
from gitgate.reconcile.words import value_text

RISK = (Action.BLOCKED, Action.REPLACE, Action.PRUNE, Action.UNKNOWN, Action.ORPHAN, Action.UPDATE, Action.CREATE,
        Action.UNCHANGED)  # fmt: skip
"""Actions, the most dangerous first."""
GRAVE = (
    "stateful-prune", "implied-deletion", "cascading-deletion", "ownership-move", "dependency-cycle",
    "invalidated-resource", "dangling-reference", "applied-too-early", "scaled-to-zero", "scaling-fight",
    "replicas-reset", "rendered-twice", "empty-service", "blocking-budget", "downtime", "not-examined",
)  # fmt: skip
"""Consequences that need a look, the gravest first; the others only inform."""


_FAILING = {Action.BLOCKED: "it cannot be applied", Action.REPLACE: "it is deleted and created anew"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as views show it.

    Attributes:
        number: Its place in the plan.
        item: What is planned.
        consequences: What follows for it, the gravest first.
        cluster: Where it is, when the plan is for several clusters; empty otherwise.
    """

    number: int
    item: PlannedObject
    consequences: tuple[Consequence, ...]
    cluster: str = ""

    @property
    def title(self) -> str:
        """The object as people say it, and where it is."""
        return f"{self.item.id} [cluster {self.cluster}]" if self.cluster else str(self.item.id)

    @property
    def risk(self) -> tuple[int, ...]:
        """Sorts the most dangerous first."""
        gravest = min((_gravity(one) for one in self.consequences), default=len(GRAVE))
        shown = RISK.index(self.item.action)
        harmless = self.item.action is not Action.BLOCKED and gravest == len(GRAVE)
        return (int(harmless), shown, gravest, self.number)


def entries(plan: Plan, consequences: Iterable[Consequence], *, everything: bool = False) -> tuple[Entry, ...]:
    """The objects that a view shows, the most dangerous first; `everything` for those that merely stay, too."""
    by_object: dict[tuple[object, str], list[Consequence]] = {}
    for one in consequences:
        by_object.setdefault((one.resource, one.place), []).append(one)
    found: list[Entry] = []
    several = len({cluster_of(item) for item in plan.objects}) > 1
    for number, item in enumerate(plan.objects):
        resource = item.after or item.before
        place = place_of_origin(resource) if resource is not None else ""
        mine = sorted(by_object.get((item.id, place), ()), key=lambda one: (_gravity(one), one.message))
        if everything or mine or item.ignored or item.action is not Action.UNCHANGED:
            found.append(Entry(number, item, tuple(mine), cluster_of(item) if several else ""))
    return tuple(sorted(found, key=lambda entry: entry.risk))


def cluster_of(item: PlannedObject) -> str:
    """The cluster that an object goes to; empty where none is known."""
    resource = item.after or item.before
    return resource.origin.cluster if resource is not None else ""


def grave(shown: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    """What needs a look, the gravest first: an object's title, and what happens to it.

    First what cannot be applied, and what is deleted and created anew: with the first reason of each.
    """
    shown = tuple(shown)
    failing = [
        (entry.title, f"{_FAILING[entry.item.action]}: {entry.item.failures[0]}")
        for entry in shown
        if entry.item.action in _FAILING and entry.item.failures
    ]
    found = [(entry, one) for entry in shown for one in entry.consequences if one.code in GRAVE]
    found.sort(key=lambda pair: (_gravity(pair[1]), pair[1].resource, pair[1].place, pair[1].message))
    return (*failing, *((entry.title, one.message) for entry, one in found))


def _gravity(consequence: Consequence) -> int:
    return GRAVE.index(consequence.code) if consequence.code in GRAVE else len(GRAVE)


def drifted(plan: Plan) -> tuple[PlannedObject, ...]:
    """Objects that somebody changed in the cluster, and that the agent puts back."""
    return tuple(item for item in plan.objects if item.drift)


def drift_line(change: FieldChange) -> str:
    """What the cluster has and who made it so, and what it is put back to."""
    old, new = (value_text(one) if one is not ABSENT else "nothing" for one in (change.old, change.new))
    if change.old == change.new == HIDDEN:
        old, new = HIDDEN, f"another {HIDDEN}"
    by = f" (by {change.manager})" if change.manager else ""
    return f"{format_field_path(change.path)}: live {old}{by}, which the agent puts back to {new}"


def failure_line(failure: Failure) -> str:
    """What the API server says of an object."""
    return f"the API server {'likely ' if failure.certainty is Certainty.LIKELY else ''}says: {failure}"


def object_lines(entry: Entry, *, fields: int, value_limit: int = 60) -> list[str]:
    """What stands beneath an object: why, failures, consequences, fields, what is ignored."""
    item = entry.item
    lines = [item.reason] if item.reason else []
    lines += [f"judged by the definition of {item.definition}"] if item.definition and item.failures else []
    lines += map(failure_line, item.failures)
    lines += [f"→ {one.message}" for one in entry.consequences]
    if item.action is not Action.CREATE:
        lines += [change_line(change, value_limit) for change in item.changes[:fields]]
        if len(item.changes) > fields:
            lines.append(f"… and {len(item.changes) - fields} more fields")
    lines += [f"◌ {field}" for field in item.ignored[:fields]]
    if len(item.ignored) > fields:
        lines.append(f"… and {len(item.ignored) - fields} more ignored fields")
    return lines
