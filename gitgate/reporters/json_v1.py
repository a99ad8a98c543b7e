"""The report as JSON, version 1: the format for programs, described by `schemas/report-v1.json`.

A field is never removed or given another meaning within a version; new ones may appear in a later minor release,
together with the schema. The bytes are the same for the same report: ASCII, sorted, no clock.
"""

from __future__ import annotations

from typing import Any

from gitgate.change import Change, ChangedPath
from gitgate.finding import Finding, Suppression
from gitgate.location import Location, format_field_path
from gitgate.report import CheckResult, Report
from gitgate.reporters.base import PLAIN, Style
from gitgate.reporters.clusters import cluster_of, owner_of
from gitgate.reporters.encode import is_unicode, json_document, percent_encoded
from gitgate.reporters.order import in_report_order
from gitgate.reporters.summary import remedy_of, rule_page, tally
from gitgate.resource import ResourceId

API_VERSION = "gitgate.dev/v1"
KIND = "Report"


def render(report: Report, style: Style = PLAIN) -> str:  # noqa: ARG001 - the same signature for every format
    """Write the report for programs; see `base.Reporter`."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "gitgateVersion": report.gitgate_version,
        "verdict": report.verdict.value,
        "exitCode": report.verdict.exit_code,
        "kubernetesVersions": list(report.kubernetes_versions),
        "change": _change(report.change),
        "summary": _summary(report),
        "checks": [_check(result) for result in report.results],
        "findings": [_finding(finding, report) for finding in in_report_order(report.findings)],
        "notes": list(report.notes),
    }
    return json_document(document)


def _change(change: Change) -> dict[str, Any]:
    return {
        "base": change.base,
        "baseName": change.base_name,
        "head": change.head,
        "headName": change.head_name,
        "tree": change.tree,
        "commits": list(change.commits),
        "paths": [_changed_path(path) for path in change.paths],
    }


def _changed_path(changed: ChangedPath) -> dict[str, Any]:
    return {**_path(changed.path), "status": _status(changed)}


def _status(changed: ChangedPath) -> str:
    if changed.before is None:
        return "added"
    if changed.after is None:
        return "deleted"
    return "modified"


def _path(path: str) -> dict[str, str]:
    """A path as text, and its bytes percent-encoded where text cannot represent them."""
    return {"path": path} if is_unicode(path) else {"path": path, "pathEncoded": percent_encoded(path)}


def _summary(report: Report) -> dict[str, Any]:
    numbers = tally(report)
    return {
        "new": {"errors": numbers.errors, "warnings": numbers.warnings, "notes": numbers.notes},
        "existing": numbers.existing,
        "fixed": numbers.fixed,
        "suppressed": numbers.suppressed,
        "waived": numbers.waived,
        "objects": numbers.objects,
        "affectedObjects": numbers.affected,
        "files": dict(sorted(report.files.items())),
        "unjudged": dict(numbers.unjudged),
    }


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "check": result.check,
        "status": result.status.value,
        "reason": result.reason,
        "remedy": result.remedy,
        "judged": dict(sorted(result.judged.items())),
        "unjudged": dict(sorted(result.unjudged.items())),
    }


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    suppression = finding.suppression
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "state": finding.state.value,
        "blocking": finding.blocking,
        "message": finding.message,
        "resource": _resource(finding.resource) if finding.resource is not None else None,
        "cluster": cluster_of(finding) or None,
        "owner": owner_of(finding) or None,
        "field": format_field_path(finding.field),
        "fieldSegments": list(finding.field),
        "location": _location(finding.location) if finding.location is not None else None,
        "fingerprint": finding.fingerprint,
        "suppression": _suppression(suppression) if suppression is not None else None,
        "fix": remedy_of(finding, report) or None,
        "helpUri": rule_page(finding.rule),
        "kubernetesVersions": list(finding.versions),
    }


def _suppression(suppression: Suppression) -> dict[str, str | None]:
    return {
        "kind": suppression.kind,
        "justification": suppression.justification,
        "owner": suppression.owner or None,
        "expires": suppression.expires or None,
    }


def _resource(resource: ResourceId) -> dict[str, str]:
    return {
        "apiVersion": resource.api_version,
        "group": resource.group,
        "version": resource.version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
    }


def _location(location: Location) -> dict[str, Any]:
    position = location.position
    return {
        **_path(location.path),
        "line": position.line if position is not None else None,
        "column": position.column if position is not None else None,
        "precision": location.precision.value,
        **({"setBy": location.set_by} if location.set_by else {}),
    }
