"""The four views of a plan: risk first, noise folded, drift apart, never too long, and nothing in them alive."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.reconcile.change_words import change_line
from gitgate.reconcile.changes import FieldChange
from gitgate.reconcile.render import render_text
from gitgate.reconcile.render_html import render_html
from gitgate.reconcile.render_json import render_json
from gitgate.reconcile.render_markdown import LIMIT, render_markdown
from tests.support.agents import Item, planned, snapshot
from tests.support.cluster import changed, thing, workload
from tests.support.web_page import page_of

CONFIG = thing("v1", "ConfigMap", data={"a": "1"})
CLAIM = thing("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"],
                                                   "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
BLOCKED = changed(
    changed(workload("DaemonSet"), "spec.selector.matchLabels.app", "x"), "spec.template.metadata.labels.app", "x"
)
VIEWS = (render_text, render_json, render_markdown, render_html)
HOSTILE = (
    "<script>alert(1)</script>", "</pre></details><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "\x1b[2J",
    "\u202egnp", "[x](javascript:alert(1))", "@team", "](http://x)", "`x`", "| a | b |", "\n# big\n", "\ud800", "&lt;b&gt;",
    "--><b>",
)  # fmt: skip


def many(count: int) -> list[Item]:
    return [changed(CONFIG, "metadata.name", f"c{number}") for number in range(count)]


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.found.update(f"{tag} {name}" for name, _ in attrs)


def tags(page: str) -> set[str]:
    reader = Tags()
    reader.feed(page)
    return reader.found


def test_what_cannot_be_applied_is_named_before_anything_else() -> None:
    plan, found = planned([workload("DaemonSet"), CLAIM], [BLOCKED])
    for view in (render_markdown, render_html):
        page = view(plan, found)
        assert page.index("it cannot be applied") < page.index("it is deleted, and")
        assert "field is immutable" in page


def test_risk_comes_first() -> None:
    plan, found = planned([workload("DaemonSet"), CLAIM, CONFIG], [BLOCKED, changed(CONFIG, "data.a", "2"), workload()])
    for view in (render_text, render_markdown):
        text = view(plan, found)
        marks = [text.rindex(name) for name in ("DaemonSet", "PersistentVolumeClaim", "ConfigMap", "Deployment")]
        assert marks == sorted(marks)


def test_many_objects_that_change_alike_are_folded_and_counted() -> None:
    before, after = many(500), [changed(one, "data.a", "2") for one in many(500)]
    plan, found = planned(before, after)
    text = render_text(plan, found)
    assert len(text.splitlines()) < 30
    assert "~ … and 497 more alike" in text
    assert "      … 487 more\n" in text
    assert text.endswith("Plan: 500 to update.\n")
    assert len(render_text(plan, found, verbose=True).splitlines()) > 1000


def test_what_is_blocked_is_never_folded() -> None:
    names = [f"d{number}" for number in range(50)]
    plan, found = planned([changed(workload("DaemonSet"), "metadata.name", name) for name in names],
                          [changed(BLOCKED, "metadata.name", name) for name in names])  # fmt: skip
    assert all(f"! DaemonSet shop/{name} " in render_text(plan, found) for name in names)


def test_live_drift_is_a_section_of_its_own_in_every_view() -> None:
    live = snapshot(workload(replicas=7), CONFIG).resources
    plan, found = planned([workload(replicas=2), CONFIG], [workload(replicas=2), CONFIG], live=live)
    told = "spec.replicas: live 7, which the agent puts back to 2"
    text, page = render_text(plan, found), render_html(plan, found)
    assert text.index("Live drift") < text.index(told)
    assert "Live drift that the agent puts back" in page
    assert told in page
    assert "Live drift that the agent puts back&#58; 1 object" in render_markdown(plan, found).replace(
        "back: ", "back&#58; "
    )
    (drift,) = json.loads(render_json(plan, found))["drift"]
    assert (drift["kind"], drift["fields"]) == ("Deployment", [{"field": "spec.replicas", "old": 7, "new": 2}])


def test_without_a_live_state_there_is_no_section_of_drift() -> None:
    plan, found = planned([CONFIG], [changed(CONFIG, "data.a", "2")])
    assert not any("Live drift" in view(plan, found) for view in VIEWS)


@pytest.mark.parametrize("count", [5, 5000])
def test_markdown_keeps_verdict_and_worst_object_whatever_the_size(count: int) -> None:
    before = [workload("DaemonSet"), *many(count)]
    plan, found = planned(before, [BLOCKED, *(changed(one, "data.a", "2" * 500) for one in many(count))])
    text = render_markdown(plan, found, notes=[f"note {number} " + "x" * 3000 for number in range(1000)])
    assert len(text) <= LIMIT
    assert text.startswith(f"### Plan: {count} to update, 1 blocked")
    assert "1 object cannot be applied" in text
    assert "field is immutable" in text
    assert page_of(text).nesting_errors == []


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_names_and_values_are_inert_in_every_view(word: str) -> None:
    evil = changed(changed(CONFIG, "metadata.name", word), "data", {word: word})
    edited = changed(evil, "data", {word: word + "2", "x": word})
    plan, found = planned(
        [evil, workload()], [edited, changed(workload(), "spec.template.spec.serviceAccountName", word)]
    )
    safe, safe_found = planned([CONFIG, workload()], [
        changed(CONFIG, "data", {"x": "1"}), changed(workload(), "spec.template.spec.serviceAccountName", "robot")])  # fmt: skip
    assert tags(render_html(plan, found, notes=[word])) - tags(render_html(safe, safe_found, notes=["x"])) <= {
        "details open"
    }
    page = page_of(render_markdown(plan, found, notes=[word]))
    assert page.tags <= {"h3", "p", "details", "summary", "code", "i", "pre", "ul", "li", "strong", "blockquote", "br"}
    assert (page.links, page.live) == ([], [])
    text = render_text(plan, found, notes=[word])
    assert all(line.isprintable() for line in text.splitlines())
    render_json(plan, found).encode("ascii")


def test_the_json_follows_its_schema() -> None:
    validator = Draft202012Validator(json.loads(bundled.schema_file("plan-v1.json").read_bytes()))
    live = snapshot(workload("DaemonSet"), workload(replicas=7)).resources
    before = [workload("DaemonSet"), CLAIM, workload(replicas=2)]
    plan, found = planned(before, [BLOCKED, CONFIG, workload(replicas=2)], live=live)
    document = json.loads(render_json(plan, found))
    validator.validate(document)
    assert document["drift"]
    assert document["consequences"]


def test_the_page_loads_nothing() -> None:
    plan, found = planned([CONFIG], many(20))
    page = render_html(plan, found)
    assert "default-src 'none'" in page
    assert not any(mark in page for mark in ("http:", "https:", "src=", "@import", "url("))


def test_every_square_of_the_picture_leads_to_an_object() -> None:
    plan, found = planned(many(30), many(40))
    page = render_html(plan, found)
    links = {part.split("'")[0] for part in page.split("href='#")[1:]}
    assert len(links) == 10
    assert all(f"id={link} " in page for link in links)


LONG = "x" * 300
SHOWN = [
    ("short values", 1, 2, "1 → 2"),
    ("long texts differ where they differ", LONG + "old", LONG + "new", '…"xxxxxxxxxxxxold" → …"xxxxxxxxxxxxnew"'),
    ("a text that is cut keeps its quotes", "a" * 300, "b" * 300, '"' + "a" * 57 + '…" → "' + "b" * 57 + '…"'),
    ("a line", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: 5\nc: 3\n", 'line 2: "b: 2" → "b: 5"'),
    ("lines", "a\nb\nc\nd", "a\nB\nC\nd", 'line 2: "b" → "B", and 1 more line'),
    ("a line that comes", "a\nc", "a\nb\nc", 'line 2: + "b"'),
    ("lines that go", "a\nb\nb\nb\nc", "a\nc", 'line 2: - "b", and 2 more lines'),
    ("a line that differs late", f"{LONG}1\n", f"{LONG}2\n", 'line 1: …"xxxxxxxxxxxx1" → …"xxxxxxxxxxxx2"'),
    ("items", [1, 2], [2, 3, 4], "2 → 3 items: - 1, + 3, + 4"),
    ("many items", [], [1, 2, 3, 4, 5], "0 → 5 items: + 1, + 2, + 3, and 2 more"),
    ("an item twice", ["a"], ["a", "a"], '1 → 2 items: + "a"'),
    ("true is not 1", [True], [1, 1], "1 → 2 items: - true, + 1, + 1"),
    ("control characters", "a\x1b[2J\nb", "a\x1b[2J\nc", 'line 2: "b" → "c"'),
]


@pytest.mark.parametrize(("why", "old", "new", "shown"), SHOWN, ids=[row[0] for row in SHOWN])
def test_a_changed_field_is_one_line_that_shows_what_differs(why: str, old: object, new: object, shown: str) -> None:
    assert change_line(FieldChange(("spec", "a"), old, new)) == f"~ spec.a: {shown}"


def test_the_values_of_a_long_list_are_told_as_they_are() -> None:
    line = change_line(FieldChange(("a",), list(range(20_000)), list(range(20_001))))
    assert len(line) < 200
    assert " → " in line
