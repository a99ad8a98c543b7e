"""The report as SARIF 2.1.0, for code scanning and editors.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01"; sections in brackets.

Fixed findings are left out, not written as `baselineState: absent`: GitHub reads no `baselineState` and would open an
alert for each; it closes an alert when its result is gone. The run's properties count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitgate.finding import Finding, Rule, Severity, State
from gitgate.location import Location, format_field_path
from gitgate.report import CheckResult, Report, Verdict
from gitgate.reporters.base import PLAIN, Style
from gitgate.reporters.clusters import cluster_of, owner_of
from gitgate.reporters.encode import json_document, percent_encoded, printable, sarif_message
from gitgate.reporters.order import in_report_order, path_of
from gitgate.reporters.rule_page import help_text, render_rule
from gitgate.reporters.summary import outcome, precision_of, remedy_of, rule_page, tally, unfinished, why_undetermined

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "gitgate/v1"
_ROOT = "%SRCROOT%"
_REPOSITORY = "."
"""Where a finding without a file is shown: the repository. GitHub refuses a whole upload for a result without one."""
# What GitHub calls the severity of a rule that is not about security.
_PROBLEM_SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}


def render(report: Report, style: Style = PLAIN) -> str:  # noqa: ARG001 - the same signature for every format
    """Write the report as one SARIF run; see `base.Reporter`."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return json_document(log)


def _run(report: Report) -> dict[str, Any]:
    rules = _rules(report)
    indices = {rule["id"]: index for index, rule in enumerate(rules)}
    numbers = tally(report)
    change = report.change
    return {
        "tool": {
            "driver": {
                "name": "gitgate",
                "informationUri": "https://github.com/gitgate/gitgate",
                "version": report.gitgate_version or "0",
                "rules": rules,
            },
        },
        "automationDetails": {"id": "gitgate/"},  # [3.17.3] What precedes the last slash is the category.
        "columnKind": "unicodeCodePoints",  # [3.14.17] `Position.column` counts characters.
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(report)],
        "results": [
            _result(finding, report, indices)
            for finding in in_report_order(report.findings)
            if finding.state is not State.FIXED
        ],
        "properties": {
            "verdict": report.verdict.value,
            "base": change.base,
            "head": change.head,
            "tree": change.tree,
            "fixed": numbers.fixed,
            "unjudged": dict(numbers.unjudged),
            "kubernetesVersions": list(report.kubernetes_versions),
        },
    }


def _invocation(report: Report) -> dict[str, Any]:
    """[3.20] Successful only when there is a verdict: that something was found is no failure of the tool."""
    notifications = [_notification(result) for result in unfinished(report)]
    if report.verdict is Verdict.UNDETERMINED and not notifications:
        text = f"{why_undetermined(report)}: {outcome(report)}"
        notifications = [{"level": "error", "message": {"text": sarif_message(text)}}]
    notifications += [{"level": "note", "message": {"text": sarif_message(note)}} for note in report.notes]
    return {
        "executionSuccessful": report.verdict is not Verdict.UNDETERMINED,
        "exitCode": report.verdict.exit_code,
        "toolExecutionNotifications": notifications,
    }


def _notification(result: CheckResult) -> dict[str, Any]:
    text = f"The {result.check} check could not finish: {result.reason or 'no reason given'}"
    if result.remedy:
        text += f" Fix: {result.remedy}"
    return {"level": "error", "message": {"text": sarif_message(text)}}


def _rules(report: Report) -> list[dict[str, Any]]:
    """[3.19.23] Every rule that could have fired, and, whatever happens, every one that did."""
    described = {rule.id: _rule(rule) for rule in report.rules.values()}
    for finding in report.findings:
        described.setdefault(finding.rule, {"id": finding.rule, "helpUri": _help_uri(finding.rule)})
    return [described[rule] for rule in sorted(described)]


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.rpartition("/")[2].split("-")),
        "shortDescription": {"text": f"{rule.title[:1].upper()}{rule.title[1:]}."},
        "fullDescription": {"text": rule.what},
        "help": {"text": help_text(rule), "markdown": render_rule(rule)},
        "helpUri": _help_uri(rule.id),
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {"tags": [rule.check], "problem.severity": _PROBLEM_SEVERITIES[rule.severity]},
    }


def _help_uri(rule: str) -> str:
    return rule_page(percent_encoded(rule))


def _result(finding: Finding, report: Report, indices: Mapping[str, int]) -> dict[str, Any]:
    remedy = remedy_of(finding, report)
    text = f"{finding.message}\nFix: {remedy}" if remedy else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": indices[finding.rule],
        "level": finding.severity.value,
        "message": {"text": "\n".join(sarif_message(line) for line in text.split("\n"))},
        "locations": [_location(finding)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "suppressions": _suppressions(finding),
    }
    if report.change.base is not None:  # [3.27.24] Only a run that was compared with another has one.
        result["baselineState"] = "new" if finding.state is State.NEW else "unchanged"
    properties = {
        "kubernetesVersions": list(finding.versions),
        "cluster": printable(cluster_of(finding)),
        "owner": printable(owner_of(finding)),
        "precision": precision_of(finding),
        "setBy": printable(finding.location.set_by) if finding.location is not None else "",
    }
    known = {name: value for name, value in properties.items() if value}
    if known:
        result["properties"] = known
    return result


def _suppressions(finding: Finding) -> list[dict[str, Any]]:
    """[3.27.23] Present in every result or in none, so an empty list where nothing is suppressed."""
    suppression = finding.suppression
    if suppression is None:
        return []
    kind = "inSource" if suppression.kind == "inSource" else "external"
    written: dict[str, Any] = {"kind": kind, "justification": printable(suppression.justification)}
    if suppression.expires:
        written["properties"] = {"owner": printable(suppression.owner), "expires": suppression.expires}
    return [written]


def _location(finding: Finding) -> dict[str, Any]:
    path = path_of(finding)
    physical: dict[str, Any] = {
        "artifactLocation": (
            {"uri": percent_encoded(path), "uriBaseId": _ROOT} if path is not None else {"uri": _REPOSITORY}
        )
    }
    if finding.location is not None and finding.location.position is not None:
        physical |= _regions(finding.location, finding.location.position.line, finding.location.position.column)
    location: dict[str, Any] = {"physicalLocation": physical}
    logical = _logical_locations(finding)
    if logical:
        location["logicalLocations"] = logical
    return location


def _regions(location: Location, line: int, column: int) -> dict[str, Any]:
    """[3.29.4, 3.29.5] Lines and columns count from 1; a snippet is never empty."""
    regions: dict[str, Any] = {"region": {"startLine": max(line, 1), "startColumn": max(column, 1)}}
    if location.excerpt and location.excerpt.strip():
        regions["contextRegion"] = {
            "startLine": max(line, 1),
            "snippet": {"text": printable(location.excerpt)},
        }
    return regions


def _logical_locations(finding: Finding) -> list[dict[str, str]]:
    """[3.33] The object and the field in it."""
    locations = []
    if finding.resource is not None:
        resource = finding.resource
        locations.append(
            {
                "fullyQualifiedName": printable(f"{resource.api_version} {resource}"),
                "kind": "object",
            }
        )
    if finding.field:
        locations.append({"fullyQualifiedName": printable(format_field_path(finding.field)), "kind": "property"})
    return locations
