"""A plan as Markdown for a pull request: risk first, one folded block an object, never too long to be posted."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.views import Entry, drift_line, drifted, entries, grave, object_lines
from gitgate.reconcile.words import SIGNS, printable, summary

LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""
_BLOCK_LIMIT = 8_000
"""Characters of one object: no object may crowd out all others."""
_TOP = 20
_NOTES = 20
_FIELDS = 50


def render_markdown(plan: Plan, consequences: Iterable[Consequence], *, notes: Sequence[str] = ()) -> str:
    """The plan as Markdown, with the verdict and the counts first and what is most dangerous next."""
    shown = entries(plan, consequences)
    head = [f"### Plan: {summary(plan)}", "", *_verdict(plan), *_notes(notes)]
    tail = ["", "<details><summary>Assumptions</summary>", ""]
    tail += [
        *(f"- {_code(assumption)}" for assumption in (plan.basis, *plan.assumptions)),
        "",
        "</details>",
        "",
    ]
    room = LIMIT - sum(len(line) + 1 for line in head + tail) - 200
    drift = drifted(plan)
    first = [_drift(drift)] if drift else []
    body, left = _fit([*_top(grave(shown)), *first, *map(_object, shown)], room)
    if left:
        body.append(f"\n…and {left} more, which did not fit here.")
    return "\n".join([*head, *body, *tail])[:LIMIT]


def _verdict(plan: Plan) -> list[str]:
    blocked = plan.counts[Action.BLOCKED]
    if not blocked:
        return []
    objects = "1 object" if blocked == 1 else f"{blocked} objects"
    return [f"**{objects} cannot be applied: the agent would fail on every sync.**", ""]


def _notes(notes: Sequence[str]) -> list[str]:
    lines = [f"> - {_code(note)}" for note in notes[:_NOTES]]
    if len(notes) > _NOTES:
        lines.append(f"> - …and {len(notes) - _NOTES} more")
    return [*lines, ""] if lines else []


def _fit(blocks: list[str], room: int) -> tuple[list[str], int]:
    taken: list[str] = []
    for number, block in enumerate(blocks):
        if len(block) + 1 > room:
            return taken, len(blocks) - number
        room -= len(block) + 1
        taken.append(block)
    return taken, 0


def _top(found: tuple[tuple[str, str], ...]) -> list[str]:
    lines = [f"- {_code(title)}: {_code(message)}" for title, message in found[:_TOP]]
    if len(found) > _TOP:
        lines.append(f"- …and {len(found) - _TOP} more to look at, told with their objects")
    return [*lines, ""] if lines else []


def _drift(items: tuple[PlannedObject, ...]) -> str:
    objects = "1 object" if len(items) == 1 else f"{len(items)} objects"
    lines = [_text(f"↺ {item.id}: {drift_line(change)}") for item in items for change in item.drift]
    return _block(f"Live drift that the agent puts back: {objects}", lines)


def _object(entry: Entry) -> str:
    item = entry.item
    title = f"{_code(f'{SIGNS[item.action]} {entry.title}')} <i>{item.action.value}</i>"
    lines = [_text(line) for line in object_lines(entry, fields=_FIELDS)]
    return _block(title, lines) if lines else f"<p>{title}</p>"


def _block(title: str, lines: list[str]) -> str:
    room = _BLOCK_LIMIT
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append(f"… and {len(lines) - len(kept)} more lines")
            break
        kept.append(line)
    return "\n".join([f"<details><summary>{title}</summary>\n\n<pre>", *kept, "</pre></details>"])


_CODE_LIMIT = 600


def _code(text: str) -> str:
    """Untrusted text as code: GitHub makes no mention, link or picture of what stands in it."""
    return f"<code>{_text(text[:_CODE_LIMIT])}</code>"


_MARKUP = {ord(letter): f"&#{ord(letter)};" for letter in "\\`*_[]()#!|~@{}:"}


def _text(text: str) -> str:
    """Untrusted text in which nothing is markup, link or mention."""
    plain = html.escape(printable(text), quote=True)
    # Entities that escaping made contain `#` and `;` only after `&`: encode the rest letter by letter.
    parts = plain.split("&")
    first, rest = parts[0].translate(_MARKUP), parts[1:]
    return first + "".join(
        "&" + name + ";" + tail.translate(_MARKUP) for name, _, tail in (p.partition(";") for p in rest)
    )
