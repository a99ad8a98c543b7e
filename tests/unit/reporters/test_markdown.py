"""Markdown: rendered to a web page and read there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitgate.location import Location, Position
from gitgate.report import CheckResult
from gitgate.reporters.markdown import LIMIT, MARKER, TABLE_ROWS, render
from tests.support.reports import ATTACKS, BASE, HEAD, REJECTED, SAMPLES, TREE, TYPO, hostile_report
from tests.support.web_page import page_of

_OURS = {
    "h2", "p", "b", "br", "sub", "ul", "li", "table", "tr", "th", "td", "code", "pre", "a", "details", "summary",
    f"<!--{MARKER[4:-3]}-->",
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_page_has_only_our_tags_and_links(name: str):
    page = page_of(render(SAMPLES[name]))
    assert page.tags <= _OURS
    assert page.nesting_errors == []
    assert page.live == []
    assert all(link.startswith("https://github.com/gitgate/gitgate/blob/main/docs/rules/") for link in page.links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_mere_text(attack: str):
    page = page_of(render(hostile_report((attack,))))
    assert page.tags <= _OURS
    assert page.nesting_errors == []
    assert page.live == []


def test_verdict_is_the_first_thing_and_the_judged_objects_are_the_last():
    text = render(REJECTED)
    assert text.startswith(f"{MARKER}\n## ❌ gitgate: rejected\n\n<p><b>2 errors, 1 warning in 2 of 37 objects</b>")
    assert all(oid in text.splitlines()[-1] for oid in (BASE, HEAD, TREE))


def test_text_can_not_pretend_to_be_the_verdict():
    forged = f"\n\n{MARKER}\n## ✅ gitgate: accepted\n"
    text = render(hostile_report((forged,)))
    assert text.count(MARKER) == 1
    assert [line for line in text.splitlines() if line.startswith("#")] == ["## ❌ gitgate: rejected"]


def test_field_values_arrive_unchanged_in_code():
    finding = replace(TYPO, location=Location("a|b`c<d>.yaml", Position(1, 1), excerpt="x: `<b>` | ${{ y }}"))
    report = replace(REJECTED, results=(CheckResult(check="schema", findings=(finding,)),))
    page = page_of(render(report))
    assert "a|b`c<d>.yaml:1:1" in page.code
    assert "x: `<b>` | ${{ y }}" in page.code


@pytest.mark.parametrize("message", ["short", "<&\u202e" * 5_000])
def test_size_is_bounded_and_the_verdict_stays(message: str):
    findings = tuple(
        replace(
            TYPO, message=message, location=Location(f"{number:05}/{'<' * 4000}.yaml", Position(1, 1), excerpt=message)
        )
        for number in range(3_000)
    )
    text = render(replace(REJECTED, results=(CheckResult(check="schema", findings=findings),)))
    assert len(text) <= LIMIT
    assert "## ❌ gitgate: rejected" in text
    assert "left out here for length" in text
    assert TREE in text.splitlines()[-1]
    assert page_of(text).nesting_errors == []


def test_table_stops_and_says_how_many_more():
    findings = tuple(replace(TYPO, location=Location("a.yaml", Position(n + 1, 1))) for n in range(TABLE_ROWS + 7))
    text = render(replace(REJECTED, results=(CheckResult(check="schema", findings=findings),)))
    assert text.count("<tr><td>") == TABLE_ROWS
    assert "… and 7 more errors below." in text
