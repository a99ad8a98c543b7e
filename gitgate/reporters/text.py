"""The report as a person reads it in a terminal or a log: what blocks, where, and what to do.

Quiet when accepted: two lines. The words are the same with and without colour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from gitgate.finding import Finding, Severity, State
from gitgate.location import Precision
from gitgate.report import Report, Verdict
from gitgate.reporters.base import MINIMUM_WIDTH, PLAIN, Style
from gitgate.reporters.clusters import Told, gathered, named, sections
from gitgate.reporters.encode import cells, clipped, log_safe
from gitgate.reporters.layout import Line, Span, span, width_of, wrapped, write_colored, write_plain
from gitgate.reporters.order import in_report_order, path_of
from gitgate.reporters.summary import (
    compared,
    counted,
    is_new,
    looked_at,
    outcome,
    place_of,
    remedy_of,
    subject_of,
    tally,
    unfinished,
    unjudged_sentence,
    why_undetermined,
)

FOLD_AFTER = 200
"""New findings of one rule that are listed; a rule that fires more often has one cause, and one line says how often."""
_MESSAGE_LIMIT = 2_000
_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_VERDICT_STYLES = {
    Verdict.ACCEPTED: "bold green",
    Verdict.REJECTED: "bold red",
    Verdict.UNDETERMINED: "bold yellow",
}
_BLANK: Line = ()


def render(report: Report, style: Style = PLAIN) -> str:
    """Write the report for a person; see `base.Reporter`."""
    lines = list(_lines(report, max(style.width, MINIMUM_WIDTH), verbose=style.verbose))
    return write_colored(lines) if style.color else write_plain(lines)


def _lines(report: Report, width: int, *, verbose: bool) -> Iterator[Line]:
    findings = in_report_order(report.findings)
    yield from _new(report, [finding for finding in findings if is_new(finding)], width)
    if verbose:
        yield from _others(findings, width)
    for result in unfinished(report):
        first = (span(f"{result.check} check undetermined", _VERDICT_STYLES[Verdict.UNDETERMINED]), Span(": "))
        yield from wrapped(result.reason or "the check gave no reason", width, first=first, indent=2)
        if result.remedy:
            yield from wrapped(result.remedy, width, first=(Span("  "), Span("fix: ", "green")), indent=7)
        yield _BLANK
    for note in report.notes:
        yield from wrapped(note, width, first=(Span("note: ", "cyan"),), indent=2)
    unjudged = unjudged_sentence(tally(report))
    if unjudged:
        yield from wrapped(unjudged, width, first=(), indent=2)
    yield from wrapped(looked_at(report), width, first=(), indent=2, style="dim")
    reason = why_undetermined(report)
    words = f"{reason}; {outcome(report)}" if reason else outcome(report)
    first = (Span(report.verdict.value, _VERDICT_STYLES[report.verdict]), Span(": "))
    yield from wrapped(f"{words} ({compared(report.change)})", width, first=first, indent=2)


def _new(report: Report, findings: list[Finding], width: int) -> Iterator[Line]:
    """The findings of the change, a block each, by cluster where there are several.

    A rule that fires very often is folded after its first ones.
    """
    shown: Counter[str] = Counter()
    told: set[tuple[str, str]] = set()
    folded: defaultdict[str, list[Finding]] = defaultdict(list)
    for clusters, section in sections(gathered(findings)):
        if clusters:
            heading = f"{named(clusters)}: {counted(len(section), 'new finding')}"
            yield from wrapped(heading, width, first=(), indent=2, style="bold")
            yield _BLANK
        for one in section:
            finding = one.finding
            shown[finding.rule] += 1
            if shown[finding.rule] > FOLD_AFTER:
                folded[finding.rule].append(finding)
                continue
            remedy = remedy_of(finding, report)
            # What to do in general is said once for a rule; what to do just here is said every time.
            repeated = finding.fix is None and (finding.rule, remedy) in told
            told.add((finding.rule, remedy))
            shown_clusters = () if clusters else one.clusters
            yield from _block(replace(one, clusters=shown_clusters), "" if repeated else remedy, width)
            yield _BLANK
    for rule, rest in sorted(folded.items()):
        files = {path for path in map(path_of, rest) if path is not None}
        where = f" in {counted(len(files), 'file')}" if files else ""
        yield (span(f"… and {len(rest)} more {rule}{where}; --output json lists all", "bold"),)
    if folded:
        yield _BLANK


def _block(told: Told, remedy: str, width: int) -> Iterator[Line]:
    finding = told.finding
    yield from _headline(finding, width)
    yield from _subject(told, width)
    yield from _excerpt(finding, width)
    if remedy:
        first = (Span("  "), Span("fix: ", "green"))
        yield from wrapped(clipped(remedy, _MESSAGE_LIMIT), width, first=first, indent=7)


def _headline(finding: Finding, width: int) -> Iterator[Line]:
    """`path:line:column severity rule message`; a message that does not fit begins on a line of its own."""
    place = place_of(finding)
    head: Line = (
        *((span(place, "bold"), Span(" ")) if place else ()),
        Span(finding.severity.value, _SEVERITY_STYLES[finding.severity]),
        Span(" "),
        span(finding.rule, "dim"),
    )
    message = clipped(finding.message, _MESSAGE_LIMIT)
    if width_of(head) + 1 + cells(log_safe(message)) <= width:
        yield (*head, Span(" "), span(message))
        return
    yield head
    yield from wrapped(message, width, first=(Span("  "),), indent=2)


def _subject(told: Told, width: int) -> Iterator[Line]:
    """The object, the field in it, and the Kubernetes versions in which it holds.

    None of them is broken; what does not fit goes on a line of its own. Only an absurdly long one is cut.
    """
    parts = list(subject_of(told.finding, told.clusters, told.others))
    if told.finding.versions:
        parts.append(f"(Kubernetes {', '.join(told.finding.versions)})")
    line = ""
    for part in parts:
        text = log_safe(clipped(part, _MESSAGE_LIMIT))
        if line and 4 + cells(line) + cells(text) > width:
            yield Span("  "), span(line, "cyan")
            line = text
        else:
            line = f"{line}  {text}" if line else text
    if line:
        yield Span("  "), span(line, "cyan")


def _excerpt(finding: Finding, width: int) -> Iterator[Line]:
    """The line with a caret below the column; a line that is too long is shown around that column."""
    location = finding.location
    if location is None or location.position is None or not (location.excerpt or "").strip():
        return
    text, column = location.excerpt or "", location.position.column
    margin = f"  {location.position.line} | "
    room = width - cells(margin)
    start = max(0, column - 1 - room // 2) if len(text) > room else 0
    before, after = text[start : max(column - 1, start)], text[max(column - 1, start) : start + room]
    gap = "…" if start else ""
    shown_before = gap + log_safe(before)
    shown = log_safe(gap + before + after).rstrip() + ("…" if start + room < len(text) else "")
    yield (Span(margin, "blue"), Span(shown))
    if location.precision in {Precision.EXACT, Precision.LIKELY} and column <= len(text):
        bar = " " * (cells(margin) - 2) + "| "
        yield (Span(bar, "blue"), Span(" " * cells(shown_before)), Span("^", _SEVERITY_STYLES[finding.severity]))


def _others(findings: tuple[Finding, ...], width: int) -> Iterator[Line]:
    """What does not count against the change, a line each."""
    for title, listed in (
        ("existing, also in the base:", [f for f in findings if f.state is State.EXISTING and f.suppression is None]),
        ("suppressed:", [f for f in findings if f.state is not State.FIXED and f.suppression is not None]),
        ("fixed by this change:", [f for f in findings if f.state is State.FIXED]),
    ):
        if not listed:
            continue
        yield (Span(title, "bold"),)
        for one in gathered(listed):
            finding = one.finding
            head = " ".join(part for part in (place_of(finding), finding.severity.value, finding.rule) if part)
            reason = f" ({finding.suppression.justification})" if finding.suppression is not None else ""
            where = f" ({named(one.clusters)})" if one.clusters else ""
            text = f"{clipped(finding.message, _MESSAGE_LIMIT)}{where}{reason}"
            yield from wrapped(text, width, first=(Span("  "), span(head, "dim"), Span(" ")), indent=4)
        yield _BLANK
