"""A plan as one HTML page without anything from outside: a picture of the change, and every object, searchable."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from gitgate.location import format_field_path
from gitgate.reconcile.changes import ABSENT
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.plan import Action, Plan, PlannedObject
from gitgate.reconcile.render import SIGNS, printable, summary, value_text

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--create:#2da44e;--update:#bf8700;--replace:#8250df;--prune:#cf222e;
--blocked:#a40e26;--unknown:#0a7ea4;--orphan:#57606a;--unchanged:#8c959f66}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1rem;margin:1.2rem 0 .3rem}
.map{display:flex;flex-wrap:wrap;gap:3px}.map a{width:16px;height:16px;border-radius:3px;display:block}
.legend{display:flex;flex-wrap:wrap;gap:1rem;margin:.8rem 0;font-size:.85rem}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:.3rem;vertical-align:-1px}
input{font:inherit;width:100%;padding:.5rem .7rem;margin:1.2rem 0 .6rem;border:1px solid var(--line);border-radius:6px;
background:transparent;color:inherit;box-sizing:border-box}
details{border:1px solid var(--line);border-left-width:5px;border-radius:6px;margin:.35rem 0;padding:.35rem .7rem}
summary{cursor:pointer;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem 0;font-size:.85rem}
.warn{margin:.15rem 0;overflow-wrap:anywhere}small{opacity:.7}
"""
_SCRIPT = """
document.getElementById('find').addEventListener('input',e=>{const w=e.target.value.toLowerCase();
for(const d of document.querySelectorAll('details[data-name]'))d.hidden=!d.dataset.name.includes(w)})
document.querySelectorAll('.map a').forEach(a=>a.addEventListener('click',()=>{
const d=document.getElementById(a.hash.slice(1));if(d)d.open=true}))
"""


def render_html(plan: Plan, consequences: Iterable[Consequence], *, notes: Sequence[str] = ()) -> str:
    """The plan as a page that loads nothing."""
    return "".join(_page(plan, tuple(consequences), notes))


def _page(plan: Plan, consequences: tuple[Consequence, ...], notes: Sequence[str]) -> Iterator[str]:
    # Nothing but this style and this script may run, whatever a name in the plan contains.
    yield "<!doctype html><html lang=en><meta charset=utf-8><title>gitgate plan</title>"
    yield "<meta name=viewport content='width=device-width,initial-scale=1'>"
    yield "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';style-src 'unsafe-inline';"
    yield "script-src 'unsafe-inline'\">"
    yield f"<style>{_STYLE}</style><h1>Plan: {_text(summary(plan))}</h1>"
    yield from (f"<p class=warn><b>{_text(note)}</b></p>" for note in notes)
    yield from _picture(plan)
    if consequences:
        yield "<h2>What follows</h2>"
        for item in consequences:
            yield f"<p class=warn><b>{_text(str(item.resource))}</b> {_text(item.message)}</p>"
    yield "<input id=find type=search placeholder='Search objects by kind, namespace, name or action' "
    yield "aria-label=Search>"
    yield from (
        _object(number, item)
        for number, item in enumerate(plan.objects)
        if item.ignored or item.action is not Action.UNCHANGED
    )
    yield "<h2>Assumptions</h2><ul>"
    yield from (f"<li>{_text(text)}</li>" for text in (f"Kubernetes {plan.version}", *plan.assumptions))
    yield f"</ul><script>{_SCRIPT}</script></html>\n"


def _picture(plan: Plan) -> Iterator[str]:
    """One square an object, grouped by owner and namespace."""
    groups: dict[tuple[str, str], list[tuple[int, PlannedObject]]] = {}
    for number, item in enumerate(plan.objects):
        groups.setdefault((item.owner, item.id.namespace), []).append((number, item))
    yield "<div class=legend>"
    for action, count in plan.counts.items():
        if count:
            yield f"<span><i style='background:var(--{action.value})'></i>{count} {action.value}</span>"
    yield "</div>"
    for (owner, namespace), items in sorted(groups.items()):
        place = " · ".join(part for part in (owner, namespace or "no namespace") if part)
        yield f"<h2>{_text(place)} <small>{len(items)}</small></h2><div class=map>"
        for number, item in items:
            title = _text(f"{item.action.value}: {item.id}")
            yield f"<a href='#o{number}' title='{title}' style='background:var(--{item.action.value})'></a>"
        yield "</div>"


def _object(number: int, item: PlannedObject) -> str:
    name = _text(f"{item.id} {item.action.value} {item.owner}".lower())
    lines = [item.reason] if item.reason else []
    lines += [f"the API server says: {failure}" for failure in item.failures]
    for change in item.changes if item.action is not Action.CREATE else ():
        old, new = (None if one is ABSENT else value_text(one, 200) for one in (change.old, change.new))
        shown = f"+ {new}" if old is None else f"- {old}" if new is None else f"{old} → {new}"
        lines.append(f"{format_field_path(change.path)}: {shown}")
    lines += [f"◌ {field}" for field in item.ignored]
    body = f"<pre>{_text(chr(10).join(map(printable, lines)), keep_lines=True)}</pre>" if lines else ""
    return (
        f"<details id=o{number} data-name='{name}' style='border-left-color:var(--{item.action.value})'>"
        f"<summary><b>{SIGNS[item.action]}</b> {_text(str(item.id))} <small>{item.action.value}</small></summary>"
        f"{body}</details>"
    )


def _text(text: str, *, keep_lines: bool = False) -> str:
    lines = text.split("\n") if keep_lines else [text]
    return "\n".join(html.escape(printable(line), quote=True) for line in lines)
