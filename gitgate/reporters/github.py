"""The new findings as annotations on a pull request: GitHub workflow commands, every value encoded.

Source: docs.github.com, "Workflow commands for GitHub Actions"; the encoding is in `encode.command_data` and
`encode.command_property`. What does not fit below the runner's cap is counted in the last line; the step summary and
the text report carry all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gitgate.finding import Severity
from gitgate.report import CheckResult, Report
from gitgate.reporters.base import PLAIN, Style
from gitgate.reporters.clusters import Told, gathered
from gitgate.reporters.encode import clipped, command_data, command_property, log_safe, printable
from gitgate.reporters.order import in_report_order, path_of
from gitgate.reporters.summary import counted, is_new, outcome, remedy_of, subject_of, unfinished, why_undetermined

CAP = 10
"""Annotations of one severity that a step may add; the runner drops the rest silently (actions/runner,
src/Runner.Worker/ExecutionContext.cs, `_maxIssueCount`)."""
_MESSAGE_LIMIT = 1_000
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: Report, style: Style = PLAIN) -> str:  # noqa: ARG001 - the same signature for every format
    """Write the annotations and one line with the verdict; see `base.Reporter`."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    given: Counter[Severity] = Counter()
    left_out = 0
    for result in unfinished(report):
        given[Severity.ERROR] += 1
        if given[Severity.ERROR] <= CAP:
            yield _undetermined(result)
    for told in gathered(in_report_order(finding for finding in report.findings if is_new(finding))):
        finding = told.finding
        given[finding.severity] += 1
        if given[finding.severity] <= CAP:
            yield _annotation(told, remedy_of(finding, report))
        else:
            left_out += 1
    reason = why_undetermined(report)
    verdict = f"gitgate: {report.verdict.value}: {f'{reason}; ' if reason else ''}{outcome(report)}"
    more = f"; {counted(left_out, 'more finding')} in the summary" if left_out else ""
    yield log_safe(f"{verdict}{more}")


def _undetermined(result: CheckResult) -> str:
    message = "\n".join(
        printable(clipped(text, _MESSAGE_LIMIT)) for text in (result.reason or "no reason given", result.remedy) if text
    )
    return f"::error title={command_property(f'gitgate: {result.check} check undetermined')}::{command_data(message)}"


def _annotation(told: Told, remedy: str) -> str:
    """`::error file=…,line=…,col=…,title=…::message`; without a file it is shown in the run only."""
    finding = told.finding
    properties: dict[str, str] = {}
    path = path_of(finding)
    if path is not None:
        properties["file"] = path
    position = finding.location.position if finding.location is not None else None
    if path is not None and position is not None:
        properties["line"] = str(position.line)
        properties["col"] = str(position.column)
    properties["title"] = finding.rule
    encoded = ",".join(f"{name}={command_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {encoded}::{command_data(_message(told, remedy))}"


def _message(told: Told, remedy: str) -> str:
    lines = (
        told.finding.message,
        " ".join(subject_of(told.finding, told.clusters, told.others)),
        f"fix: {remedy}" if remedy else "",
    )
    return "\n".join(printable(clipped(line, _MESSAGE_LIMIT)) for line in lines if line)
