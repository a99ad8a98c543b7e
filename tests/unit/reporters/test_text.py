"""What a person reads: the same words in every dress, nothing cut that is needed, and never without end."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gitgate.finding import Finding, State
from gitgate.location import Location, Position, Precision, format_field_path
from gitgate.report import CheckResult, Report, Verdict
from gitgate.reporters.base import MINIMUM_WIDTH, Style
from gitgate.reporters.encode import cells
from gitgate.reporters.text import FOLD_AFTER, render
from tests.support.reports import ACCEPTED, PORT, REJECTED, RULES, SAMPLES, SUPPRESSED, TYPO, UNDETERMINED

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def _report(*findings: Finding) -> Report:
    return replace(REJECTED, results=(CheckResult(check="schema", findings=findings, judged={"objects": 9}),), notes=())


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_colored_and_plain_text_say_the_same(name: str, verbose, width: int):
    plain = render(SAMPLES[name], Style(width=width, verbose=verbose))
    colored = render(SAMPLES[name], Style(color=True, width=width, verbose=verbose))
    assert _ANSI.sub("", colored) == plain
    assert colored != plain


def test_environment_does_not_change_colors(monkeypatch: pytest.MonkeyPatch):
    colored = render(REJECTED, Style(color=True))
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert render(REJECTED, Style(color=True)) == colored


def test_accepted_is_two_lines():
    assert render(ACCEPTED, Style(width=120)).splitlines() == [
        "checked 37 objects in 15 files for Kubernetes 1.37; 1 existing, 1 fixed findings",
        "accepted: 0 errors in 37 objects (base 1a2b3c4d main, head 9f8e7d6c feature/faster-web)",
    ]


def test_last_paragraph_is_the_verdict_with_its_reason():
    last = render(UNDETERMINED, Style(width=200)).splitlines()[-1]
    assert last == (
        "undetermined: the schema check could not finish; 0 errors, 1 warning in 1 of 2 objects (index, no base)"
    )


@pytest.mark.parametrize(
    ("results", "reason"),
    [((), "nothing was checked"), ((CheckResult(check="schema"),), "a required check did not run")],
)
def test_undetermined_without_an_undetermined_check_still_says_why(results: tuple[CheckResult, ...], reason: str):
    report = replace(UNDETERMINED, results=results)
    assert f"undetermined: {reason}; " in render(report, Style(width=200))


def test_caret_points_below_the_column_after_wide_and_hidden_characters():
    excerpt = "日本\u202e: x"
    finding = replace(TYPO, location=Location("a.yaml", Position(7, 6), excerpt=excerpt))
    shown, caret = next(
        (line, following)
        for line, following in zip(
            render(_report(finding)).splitlines(), render(_report(finding)).splitlines()[1:], strict=False
        )
        if line.startswith("  7 | ")
    )
    assert shown == r"  7 | 日本\u202e: x"
    assert cells(caret[: caret.index("^")]) == cells(shown[: shown.index("x")])


def test_line_of_a_minified_file_is_shown_around_the_column():
    finding = replace(TYPO, location=Location("a.json", Position(1, 50_001), excerpt="x" * 50_000 + "!" + "y" * 50_000))
    lines = render(_report(finding), Style(width=80)).splitlines()
    shown = next(line for line in lines if line.startswith("  1 | "))
    caret = lines[lines.index(shown) + 1]
    assert "!" in shown
    assert cells(shown) <= 82  # Two for the signs that something is cut.
    assert caret.index("^") == shown.index("!")


@pytest.mark.parametrize("width", [1, 60, 80, 120])
def test_lines_fit_unless_a_single_word_does_not(width: int):
    text = render(REJECTED, Style(width=width, verbose=True))
    limit = max(width, MINIMUM_WIDTH)
    for line in text.splitlines():
        assert cells(line) <= limit or " | " in line or len(line.split()) <= 4, line


def test_path_and_field_are_never_cut():
    path = "/".join(["a-rather-long-directory-name"] * 20) + "/file.yaml"
    finding = replace(PORT, location=Location(path, Position(1, 1)), field=("spec", "x" * 300))
    text = render(_report(finding), Style(width=60))
    assert path in text
    assert "spec." + "x" * 300 in text


def test_a_rule_that_fires_everywhere_is_folded_into_a_line():
    findings = tuple(
        replace(TYPO, location=Location(f"apps/{number % 40:02}.yaml", Position(number + 1, 1)))
        for number in range(FOLD_AFTER + 213)
    )
    text = render(_report(*findings, PORT))
    assert text.count(" error schema/unknown-field") == FOLD_AFTER
    assert text.count(" error schema/wrong-type") == 1
    assert re.search(r"^… and 213 more schema/unknown-field in \d+ files; --output json lists all$", text, re.MULTILINE)
    assert "rejected: 414 errors" in text


def test_huge_message_is_shortened_and_says_so():
    text = render(_report(replace(TYPO, message="x" * 1_000_000)))
    assert len(text) < 10_000
    assert "more characters)" in text


def test_fixed_findings_are_counted_once_even_when_they_were_suppressed():
    text = render(_report(replace(SUPPRESSED, state=State.FIXED), SUPPRESSED), Style(width=200))
    assert text.splitlines()[-2].endswith("; 1 fixed, 1 suppressed findings")


def test_caret_is_left_out_where_only_the_object_is_known():
    assert TYPO.location is not None
    finding = replace(TYPO, location=replace(TYPO.location, precision=Precision.OBJECT))
    assert "19 | " in render(_report(finding))
    assert "^" not in render(_report(finding))


def test_field_is_not_said_twice_when_the_message_names_it():
    field = format_field_path(TYPO.field)
    named = render(_report(replace(TYPO, message=f"{field} is not a field of Container")), Style(width=200))
    assert named.count(field) == 1
    assert render(_report(TYPO), Style(width=200)).count(field) == 1


def test_first_commit_is_told_that_everything_counts():
    change = replace(REJECTED.change, base=None)
    assert render(replace(REJECTED, change=change), Style(width=200)).endswith(
        "(head 9f8e7d6c feature/faster-web, no base: every finding counts as new)\n"
    )


def test_rule_remedy_stands_in_for_a_missing_fix():
    assert f"fix: {RULES[TYPO.rule].remedy}" in render(_report(replace(TYPO, fix=None)), Style(width=200))


def test_kinds_without_a_schema_are_counted_by_kind_the_most_frequent_first():
    unjudged = {f"example.com/v1 Kind{number:02}": number for number in range(1, 31)}
    report = replace(ACCEPTED, results=(CheckResult(check="schema", unjudged=unjudged, judged={"objects": 9}),))
    text = " ".join(render(report).split())
    assert "no schema judged 465 objects: 30 example.com/v1 Kind30, 29 " in text
    assert "and 10 more kinds" in text


def test_every_verdict_begins_the_last_line_of_its_report():
    for verdict in Verdict:
        report = replace(ACCEPTED, verdict=verdict)
        assert render(report, Style(width=300)).splitlines()[-1].startswith(f"{verdict.value}: ")
