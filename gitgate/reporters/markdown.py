"""The report as Markdown, for a job's step summary or a comment: the verdict first, bounded in size.

Everything after the heading is written as HTML blocks, in which GitHub and GitLab read no Markdown: one rule of
encoding (`encode.html_code`, `encode.html_prose`) holds for all text that the change's author may have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby

from gitgate.finding import Finding, Severity, State
from gitgate.report import Report, Verdict
from gitgate.reporters.base import PLAIN, Style
from gitgate.reporters.clusters import Told, clusters_of, gathered, named, sections
from gitgate.reporters.encode import html_code, html_prose, percent_encoded
from gitgate.reporters.order import in_report_order, path_of
from gitgate.reporters.summary import (
    counted,
    is_new,
    looked_at,
    outcome,
    place_of,
    remedy_of,
    rule_page,
    subject_of,
    tally,
    unfinished,
    why_undetermined,
)

LIMIT = 60_000
"""Characters; a comment on GitHub holds 65,536, a step summary 1 MiB."""
MARKER = "<!-- gitgate report v1 -->"
"""First line, by which a job finds its own comment again."""
TABLE_ROWS = 50
OPEN_UP_TO = 10
"""New findings that are shown unfolded; more of them would bury what follows."""
_RESERVED = 1_000
"""Kept free for saying what was left out."""
_KINDS_SHOWN = 30
_NOTES_SHOWN = 20
_ICONS = {Verdict.ACCEPTED: "✅", Verdict.REJECTED: "❌", Verdict.UNDETERMINED: "⚠️"}
_SEVERITY_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(report: Report, style: Style = PLAIN) -> str:  # noqa: ARG001 - the same signature for every format
    """Write the report for a web page; see `base.Reporter`."""
    head, foot = _head(report), _footer(report)
    room = LIMIT - _RESERVED - len(head) - len(foot)
    body: list[str] = []
    left_out = 0
    for block in _blocks(report):
        text, omitted = _fit(block, room)
        room -= len(text)
        left_out += omitted
        body.append(text)
    if left_out:
        body.append(
            f"<p>{counted(left_out, 'entry').replace('entrys', 'entries')} left out here for length; "
            "the JSON report has all of them.</p>\n\n"
        )
    return head + "".join(body) + foot


_Block = tuple[str, tuple[str, ...], str]
"""An opening, rows that may be left out from the end, and a closing."""


def _fit(block: _Block, room: int) -> tuple[str, int]:
    """The block with as many rows as there is room for, and how many are left out."""
    opening, rows, closing = block
    used = len(opening) + len(closing) + 1
    kept = 0
    for row in rows:
        if used + len(row) > room:
            break
        used += len(row)
        kept += 1
    if not kept:
        return "", len(rows)
    return f"{opening}{''.join(rows[:kept])}{closing}\n", len(rows) - kept


def _head(report: Report) -> str:
    reason = why_undetermined(report)
    detail = f"{reason}; {outcome(report)}" if reason else outcome(report)
    return (
        f"{MARKER}\n## {_ICONS[report.verdict]} gitgate: {report.verdict.value}\n\n"
        f"<p><b>{html_prose(detail)}</b><br>\n{html_prose(looked_at(report))}</p>\n\n"
    )


def _blocks(report: Report) -> Iterator[_Block]:
    findings = in_report_order(report.findings)
    new = [finding for finding in findings if is_new(finding)]
    yield "<ul>\n", tuple(_unfinished_items(report)), "</ul>\n"
    yield from _table([finding for finding in new if finding.severity is Severity.ERROR])
    yield from _details_per_file(new, report)
    for title, chosen in (
        ("suppressed", [f for f in findings if f.suppression is not None and f.state is not State.FIXED]),
        ("existing, also in the base", [f for f in findings if f.state is State.EXISTING and f.suppression is None]),
    ):
        summary = f"<details><summary>{len(chosen)} {title}</summary>\n<ul>\n"
        yield summary, tuple(_short_item(one) for one in gathered(chosen)), "</ul>\n</details>\n"
    yield from _unjudged(report)
    yield "<ul>\n", tuple(f"<li>{html_prose(note)}</li>\n" for note in report.notes[:_NOTES_SHOWN]), "</ul>\n"


def _unfinished_items(report: Report) -> Iterator[str]:
    for result in unfinished(report):
        reason = html_prose(result.reason or "no reason given")
        remedy = f"<br>\nfix: {html_prose(result.remedy)}" if result.remedy else ""
        yield f"<li><b>{html_prose(result.check)} check undetermined</b>: {reason}{remedy}</li>\n"


def _table(errors: list[Finding]) -> Iterator[_Block]:
    """The first new errors; all of them are in the details."""
    several = len(clusters_of(errors)) > 1
    told = [one for _, section in sections(gathered(errors)) for one in section]
    rows = tuple(_row(one, several=several) for one in told[:TABLE_ROWS])
    cluster = "<th>cluster</th>" if several else ""
    heading = f"<tr>{cluster}<th>where</th><th>rule</th><th>object</th><th>what</th></tr>\n"
    more = len(told) - len(rows)
    closing = f"</table>\n<p>… and {counted(more, 'more error')} below.</p>\n" if more > 0 else "</table>\n"
    yield f"<table>\n{heading}", rows, closing


def _row(told: Told, *, several: bool) -> str:
    finding = told.finding
    cells = [html_prose(", ".join(told.clusters))] if several else []
    cells.append(html_code(place_of(finding)) if place_of(finding) else "")
    cells.append(_rule_link(finding.rule))
    cells.append(html_code(str(finding.resource)) if finding.resource is not None else "")
    cells.append(html_prose(finding.message, 300))
    return f"<tr><td>{'</td><td>'.join(cells)}</td></tr>\n"


def _details_per_file(new: list[Finding], report: Report) -> Iterator[_Block]:
    """A fold for each file, in each of several clusters, with its new findings, fields, excerpts and fixes."""
    opened = " open" if len(new) <= OPEN_UP_TO else ""
    for clusters, section in sections(gathered(new)):
        where = f"{html_prose(named(clusters))}, " if clusters else ""
        # Stable: the report order stays inside a file.
        by_file = sorted(section, key=lambda one: path_of(one.finding) or "")
        for path, group in groupby(by_file, key=lambda one: path_of(one.finding) or ""):
            members = list(group)
            name = f"{where}{html_code(path) if path else 'no file'}"
            opening = f"<details{opened}><summary>{name}: {counted(len(members), 'new finding')}</summary>\n<ul>\n"
            rows = tuple(_item(one.finding, () if clusters else one.clusters, one.others, report) for one in members)
            yield opening, rows, "</ul>\n</details>\n"


def _item(finding: Finding, clusters: tuple[str, ...], others: tuple[str, ...], report: Report) -> str:
    lines = [
        f"<b>{_SEVERITY_WORDS[finding.severity]}</b> {_rule_link(finding.rule)} {html_prose(finding.message)}",
        " ".join(html_code(text) for text in (place_of(finding), *subject_of(finding, clusters, others)) if text),
    ]
    text = "<br>".join(line for line in lines if line)
    remedy = remedy_of(finding, report)
    fix = f"fix: {html_prose(remedy)}" if remedy else ""
    excerpt = finding.location.excerpt if finding.location is not None else None
    if excerpt and excerpt.strip():
        return f"<li>{text}\n<pre>{html_code(excerpt)}</pre>\n{fix}</li>\n"
    return f"<li>{text}{'<br>' if fix else ''}{fix}</li>\n"


def _short_item(told: Told) -> str:
    finding = told.finding
    where = f" ({html_prose(named(told.clusters))})" if told.clusters else ""
    place = html_code(place_of(finding)) if place_of(finding) else ""
    reason = f" ({html_prose(finding.suppression.justification)})" if finding.suppression is not None else ""
    return f"<li>{place} {_rule_link(finding.rule)} {html_prose(finding.message, 300)}{where}{reason}</li>\n"


def _rule_link(rule: str) -> str:
    return f'<a href="{escape(rule_page(percent_encoded(rule)))}">{html_code(rule)}</a>'


def _unjudged(report: Report) -> Iterator[_Block]:
    """What no schema judged, by kind."""
    unjudged = sorted(tally(report).unjudged.items(), key=lambda item: (-item[1], item[0]))
    total = sum(number for _, number in unjudged)
    rows = tuple(f"<li>{number} {html_code(kind)}</li>\n" for kind, number in unjudged[:_KINDS_SHOWN])
    rest = unjudged[_KINDS_SHOWN:]
    closing = f"<li>… and {counted(len(rest), 'more kind')}</li>\n" if rest else ""
    summary = f"<details><summary>no schema judged {counted(total, 'object')}</summary>\n<ul>\n"
    yield summary, rows, f"{closing}</ul>\n</details>\n"


def _footer(report: Report) -> str:
    """The very objects that were judged, in full, so that a reader can repeat the run."""
    change = report.change
    parts: Iterable[str] = (
        f"base {html_code(change.base_name)} {html_code(change.base)}" if change.base else "no base",
        f"head {html_code(change.head_name)}" + (f" {html_code(change.head)}" if change.head else ""),
        f"tree {html_code(change.tree)}" if change.tree else "",
        f"gitgate {html_code(report.gitgate_version)}" if report.gitgate_version else "",
    )
    return f"<p><sub>{' · '.join(part for part in parts if part)}</sub></p>\n"
