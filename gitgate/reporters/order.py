"""The order in which every format lists findings: what blocks comes first, then by place."""

from __future__ import annotations

from collections.abc import Iterable

from gitgate.finding import Finding, Severity, State
from gitgate.location import format_field_path

_STATES = {State.NEW: 0, State.EXISTING: 1, State.FIXED: 2}
SEVERITIES = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}

_Key = tuple[int, bool, int, str, int, int, str, tuple[str, ...], str, str, str]


def path_of(finding: Finding) -> str | None:
    """The repository path a finding points at; None where no file is known."""
    if finding.location is not None:
        return finding.location.path
    return finding.origin.path if finding.origin is not None else None


def _key(finding: Finding) -> _Key:
    position = finding.location.position if finding.location is not None else None
    resource = finding.resource
    return (
        _STATES[finding.state],
        finding.suppression is not None,
        SEVERITIES[finding.severity],
        path_of(finding) or "",
        position.line if position is not None else 0,
        position.column if position is not None else 0,
        finding.rule,
        (*resource.identity, resource.version) if resource is not None else (),
        format_field_path(finding.field),
        finding.message,
        finding.fingerprint,
    )


def in_report_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """New before existing before fixed, suppressed ones last among them; then errors first; then by place and rule."""
    return tuple(sorted(findings, key=_key))
