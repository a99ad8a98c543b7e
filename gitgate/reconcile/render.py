"""A plan as text for people: risk first, one line for each object, what changes beneath, counts at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitgate.reconcile.change_words import change_line
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.views import Entry, drift_line, drifted, entries, failure_line
from gitgate.reconcile.words import SIGNS, printable, summary

_COLORS: Mapping[Action, str] = {
    Action.CREATE: "32", Action.UPDATE: "33", Action.REPLACE: "35", Action.PRUNE: "31", Action.BLOCKED: "1;31",
    Action.UNKNOWN: "36", Action.ORPHAN: "36",
}  # fmt: skip
_REMARKS: Mapping[Action, str] = {
    Action.ORPHAN: "stays in the cluster",
    Action.REPLACE: "is deleted and created anew",
    Action.BLOCKED: "cannot be applied",
    Action.UNKNOWN: "differs, effect unknown",
}
_FIELD_LIMIT = 12
_ALIKE = 3
"""Objects with the very same lines beneath that are shown before the others are counted."""
_NAMED = 10
"""Objects that are counted and named all the same."""
_NAMES = 30
"""The same for objects with nothing beneath, whose names are all there is to say."""


def render_text(
    plan: Plan,
    consequences: Iterable[Consequence],
    *,
    color: bool = False,
    verbose: bool = False,
    notes: Sequence[str] = (),
) -> str:
    """The plan as text.

    Args:
        plan: What is planned.
        consequences: What follows from it.
        color: Use colours of a terminal.
        verbose: List every field and every unchanged object.
        notes: What is said beneath.
    """
    lines = list(_lines(plan, tuple(consequences), color=color, verbose=verbose))
    lines += [printable(note) for note in notes]
    return "\n".join(lines) + "\n"


def _lines(plan: Plan, consequences: tuple[Consequence, ...], *, color: bool, verbose: bool) -> Iterator[str]:
    shown = entries(plan, consequences, everything=verbose)
    yield from _folded(shown, color=color, verbose=verbose)
    yield from _drift(drifted(plan), verbose=verbose)
    if shown:
        yield ""
        yield f"For {plan.basis}, assuming that"
        yield from (f"  · {printable(assumption)}" for assumption in plan.assumptions)
        yield ""
    yield f"Plan: {summary(plan)}."


def _folded(shown: tuple[Entry, ...], *, color: bool, verbose: bool) -> Iterator[str]:
    """Every object; of many that say the same only some."""
    alike: dict[tuple[object, ...], int] = {}
    told = [(entry, tuple(_beneath(entry, verbose=verbose))) for entry in shown]
    keys = [(entry.item.action, _remark(entry.item), lines) for entry, lines in told]
    totals: dict[tuple[object, ...], int] = {}
    for key in keys:
        totals[key] = totals.get(key, 0) + 1
    for number, ((entry, lines), key) in enumerate(zip(told, keys, strict=True)):
        seen = alike[key] = alike.get(key, 0) + 1
        most = _ALIKE if lines else _NAMES
        if verbose or entry.item.action is Action.BLOCKED or seen <= most or totals[key] <= most + 1:
            item = entry.item
            yield _paint(f"{SIGNS[item.action]} {printable(entry.title)}", item.action, color=color) + _remark(item)
            yield from lines
        elif seen == most + 1:
            rest = [other.title for (other, _), same in zip(told[number:], keys[number:], strict=True) if same == key]
            yield from _more(SIGNS[entry.item.action], rest)


def _more(sign: str, titles: list[str]) -> Iterator[str]:
    """How many more objects there are that say the same, and the names of the first."""
    yield f"{sign} … and {len(titles)} more alike (--verbose lists them all):"
    for title in titles[:_NAMED]:
        yield f"      {sign} {printable(title)}"
    if len(titles) > _NAMED:
        yield f"      … {len(titles) - _NAMED} more"


def _beneath(entry: Entry, *, verbose: bool) -> Iterator[str]:
    item = entry.item
    for failure in item.failures:
        yield f"      {printable(failure_line(failure))}"
    if item.action is not Action.CREATE and item.before is not None:
        limit = len(item.changes) if verbose else _FIELD_LIMIT
        yield from (f"      {printable(change_line(change))}" for change in item.changes[:limit])
        if len(item.changes) > limit:
            yield f"      … and {len(item.changes) - limit} more fields"
    yield from (f"      ◌ {printable(str(field))}" for field in item.ignored)
    yield from (f"      → {printable(one.message)}" for one in entry.consequences)


def _drift(items: tuple[PlannedObject, ...], *, verbose: bool) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield "Live drift: what somebody changed in the cluster, and the agent puts back"
    for item in items:
        yield f"↺ {printable(str(item.id))}"
        limit = len(item.drift) if verbose else _FIELD_LIMIT
        yield from (f"      ↺ {printable(drift_line(change))}" for change in item.drift[:limit])
        if len(item.drift) > limit:
            yield f"      … and {len(item.drift) - limit} more fields"


def _remark(item: PlannedObject) -> str:
    words = []
    if item.is_likely_blocked:
        words.append(f"likely {_REMARKS[item.action]}, by the definition of {item.definition}")
    elif item.is_unread:
        words.append("may stay or go")
    elif item.action in _REMARKS:
        words.append(_REMARKS[item.action])
    if item.reason:
        words.append(printable(item.reason))
    return f"  ({'; '.join(words)})" if words else ""


def _paint(text: str, action: Action, *, color: bool) -> str:
    code = _COLORS.get(action)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text
