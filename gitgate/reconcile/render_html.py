"""A plan as one HTML page without anything from outside: a picture of the change, and every object, searchable."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.page_parts import SCRIPT, STYLE
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.views import RISK, Entry, cluster_of, drift_line, drifted, entries, grave, object_lines
from gitgate.reconcile.words import SIGNS, printable, summary

_FIELDS = 200
_VALUE = 200
_TOP = 50
_GROUPS = 300
"""Boxes of the picture: more would not be a picture."""


def render_html(plan: Plan, consequences: Iterable[Consequence], *, notes: Sequence[str] = ()) -> str:
    """The plan as a page that loads nothing."""
    return "".join(_page(plan, entries(plan, consequences), notes))


def _page(plan: Plan, shown: tuple[Entry, ...], notes: Sequence[str]) -> Iterator[str]:
    # Nothing but this style and this script may run, whatever a name in the plan contains.
    yield "<!doctype html><html lang=en><meta charset=utf-8><title>gitgate plan</title>"
    yield "<meta name=viewport content='width=device-width,initial-scale=1'>"
    yield "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';style-src 'unsafe-inline';"
    yield "script-src 'unsafe-inline'\">"
    yield f"<style>{STYLE}</style><main><h1>Plan: {_text(summary(plan))}</h1>"
    yield from (f"<p class=note>{_text(note)}</p>" for note in notes)
    yield from _look(grave(shown))
    yield from _drift(drifted(plan))
    if plan.objects:
        yield "<input id=find type=search placeholder='Search by kind, namespace, name, owner or action' "
        yield "aria-label='Search objects'>"
        yield from _picture(plan, {entry.number for entry in shown})
    yield "<section id=objects><h2>Objects <small id=count></small></h2>"
    yield from map(_object, shown)
    yield "<p id=nothing hidden>Nothing is called like that.</p></section><h2>Assumptions</h2><ul>"
    yield from (f"<li>{_text(text)}</li>" for text in (f"Worked out for {plan.basis}.", *plan.assumptions))
    yield f"</ul></main><script>{SCRIPT}</script></html>\n"


def _look(found: tuple[tuple[str, str], ...]) -> Iterator[str]:
    if not found:
        return
    yield "<section class=look><h2>Look at this first</h2><ul>"
    for title, message in found[:_TOP]:
        yield f"<li><b>{_text(title)}</b> {_text(message)}</li>"
    yield "</ul>"
    if len(found) > _TOP:
        yield f"<p>…and {len(found) - _TOP} more, told with their objects.</p>"
    yield "</section>"


def _drift(items: tuple[PlannedObject, ...]) -> Iterator[str]:
    if not items:
        return
    yield "<section class=drift><h2>Live drift that the agent puts back</h2><ul>"
    for item in items:
        lines = "<br>".join(_text(f"↺ {drift_line(change)}") for change in item.drift[:_FIELDS])
        yield f"<li><b>{_text(str(item.id))}</b><br><code>{lines}</code></li>"
    yield "</ul></section>"


def _picture(plan: Plan, shown: set[int]) -> Iterator[str]:
    """One square an object, in a box for each owner and namespace; the most dangerous first."""
    groups: dict[tuple[str, str, str], list[tuple[int, PlannedObject]]] = {}
    for number, item in enumerate(plan.objects):
        groups.setdefault((cluster_of(item), item.owner, item.id.namespace), []).append((number, item))
    yield "<div class=legend>"
    for action in RISK:
        if plan.counts[action]:
            yield f"<span><i class={action.value}></i>{plan.counts[action]} {action.value}</span>"
    yield "</div><div class=boxes>"
    for (cluster, owner, namespace), items in sorted(groups.items())[:_GROUPS]:
        yield f"<section class=box><h3>{_text(namespace or 'no namespace')} <small>{len(items)}</small></h3>"
        told = ", ".join(part for part in (f"cluster {cluster}" if cluster else "", owner) if part)
        yield f"<p class=owner>{_text(told)}</p>" if told else ""
        yield "<div class=map>"
        for number, item in sorted(items, key=lambda pair: (RISK.index(pair[1].action), pair[0])):
            title = f"title='{_text(f'{item.action.value}: {item.id}')}' class={item.action.value}"
            # What merely stays has no entry below.
            yield f"<a href='#o{number}' {title}></a>" if number in shown else f"<i {title}></i>"
        yield "</div></section>"
    yield "</div>"
    if len(groups) > _GROUPS:
        yield f"<p>…and {len(groups) - _GROUPS} more namespaces, which are not in the picture.</p>"


def _object(entry: Entry) -> str:
    item = entry.item
    name = _text(f"{entry.title} {item.action.value} {item.owner}".lower())
    lines = object_lines(entry, fields=_FIELDS, value_limit=_VALUE)
    owner = f" <small>{_text(item.owner)}</small>" if item.owner else ""
    tag = f"<small class=tag>{item.action.value}</small>"
    title = f"<b class=sign>{SIGNS[item.action]}</b> {_text(entry.title)} {tag}{owner}"
    opened = " open" if item.action is Action.BLOCKED else ""
    head = f"id=o{entry.number} data-name='{name}' class={item.action.value}"
    if not lines:
        return f"<div {head}>{title}</div>"
    body = "\n".join(map(_text, lines))
    return f"<details {head}{opened}><summary>{title}</summary><pre>{body}</pre></details>"


def _text(text: str) -> str:
    return html.escape(printable(text), quote=True)
