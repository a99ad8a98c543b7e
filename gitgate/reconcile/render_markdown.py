"""A plan as Markdown for a pull request: risk first, one folded block an object, never too long to be posted."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from gitgate.location import format_field_path
from gitgate.reconcile.changes import ABSENT, FieldChange
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.render import SIGNS, printable, summary, value_text

LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""

_RISK = (Action.BLOCKED, Action.PRUNE, Action.REPLACE, Action.UNKNOWN, Action.ORPHAN, Action.UPDATE, Action.CREATE,
         Action.UNCHANGED)  # fmt: skip


def render_markdown(plan: Plan, consequences: Iterable[Consequence], *, notes: Sequence[str] = ()) -> str:
    """The plan as Markdown, with counts first and what is most dangerous next."""
    told = tuple(consequences)
    head = [f"### Plan: {summary(plan)}", ""]
    tail = ["", *(f"> {_text(note)}  " for note in notes), "<details><summary>Assumptions</summary>", ""]
    tail += [
        *(f"- {_text(assumption)}" for assumption in (f"Kubernetes {plan.version}", *plan.assumptions)),
        "",
        "</details>",
        "",
    ]
    room = LIMIT - sum(len(line) + 1 for line in head + tail) - 200
    body, left = _fit([*_warnings(told), *_objects(plan)], room)
    if left:
        body.append(f"\n…and {left} more, which did not fit here.")
    return "\n".join([*head, *body, *tail])[:LIMIT]


def _fit(blocks: list[str], room: int) -> tuple[list[str], int]:
    taken: list[str] = []
    for number, block in enumerate(blocks):
        if len(block) + 1 > room:
            return taken, len(blocks) - number
        room -= len(block) + 1
        taken.append(block)
    return taken, 0


def _warnings(consequences: Iterable[Consequence]) -> Iterator[str]:
    for consequence in consequences:
        yield f"- **{_text(str(consequence.resource))}**: {_text(consequence.message)}"


def _objects(plan: Plan) -> Iterator[str]:
    shown = (item for item in plan.objects if item.ignored or item.action is not Action.UNCHANGED)
    for item in sorted(shown, key=lambda one: (_RISK.index(one.action), one.id)):
        lines = list(_details(item))
        title = f"<code>{SIGNS[item.action]}</code> {_text(str(item.id))} <i>{item.action.value}</i>"
        if lines:
            yield "\n".join([f"<details><summary>{title}</summary>\n\n<pre>", *lines, "</pre></details>"])
        else:
            yield f"<p>{title}</p>"


def _details(item: PlannedObject) -> Iterator[str]:
    if item.reason:
        yield _text(item.reason)
    for failure in item.failures:
        yield _text(f"the API server says: {failure}")
    if item.action is Action.CREATE:
        return
    for change in item.changes[:50]:
        yield _text(_line(change))
    if len(item.changes) > 50:
        yield f"… and {len(item.changes) - 50} more fields"
    yield from (_text(f"◌ {field}") for field in item.ignored[:50])
    if len(item.ignored) > 50:
        yield f"… and {len(item.ignored) - 50} more ignored fields"


def _line(change: FieldChange) -> str:
    path = format_field_path(change.path)
    if change.old is ABSENT:
        return f"+ {path}: {value_text(change.new)}"
    if change.new is ABSENT:
        return f"- {path}: {value_text(change.old)}"
    return f"~ {path}: {value_text(change.old)} → {value_text(change.new)}"


_MARKUP = {ord(letter): f"&#{ord(letter)};" for letter in "\\`*_[]()#!|~@{}"}


def _text(text: str) -> str:
    """Untrusted text in which nothing is markup, link or mention."""
    plain = html.escape(printable(text), quote=True)
    # Entities that escaping made contain `#` and `;` only after `&`: encode the rest letter by letter.
    parts = plain.split("&")
    first, rest = parts[0].translate(_MARKUP), parts[1:]
    return first + "".join(
        "&" + name + ";" + tail.translate(_MARKUP) for name, _, tail in (p.partition(";") for p in rest)
    )
