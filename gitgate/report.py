"""The decision, as a pure function, and the report that every format is written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gitgate.change import Change
from gitgate.finding import Finding, Rule, Severity, State


class Verdict(StrEnum):
    """What gitgate says of a proposal."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDETERMINED = "undetermined"

    @property
    def exit_code(self) -> int:
        """The exit code, the same in every output format; 2 is usage or settings (`errors.UsageError`)."""
        return {Verdict.ACCEPTED: 0, Verdict.REJECTED: 1, Verdict.UNDETERMINED: 3}[self]


class CheckStatus(StrEnum):
    """Did a check come to an end?"""

    COMPLETED = "completed"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check says.

    Attributes:
        check: `schema`, `policy`, `signature` or `reconcile`.
        status: Whether it could judge everything that it should.
        reason: Why it could not, or why it had nothing to judge, one sentence; None otherwise.
        remedy: What the reader can do about that, a sentence or a command; None where nothing useful can be said.
        findings: New and existing ones in the tree that the merge would produce, and those that it mends.
        judged: How many things were judged, by what they are called: `{"objects": 12}`.
        unjudged: What nothing judged, counted by name: `{"cert-manager.io/v1 Certificate": 3}`.
    """

    check: str
    status: CheckStatus = CheckStatus.COMPLETED
    reason: str | None = None
    remedy: str | None = None
    findings: tuple[Finding, ...] = ()
    judged: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    unjudged: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def decide(required: Iterable[str], results: Iterable[CheckResult]) -> Verdict:
    """Come to a verdict; total, and fails closed.

    Any blocking finding rejects. Otherwise a required check that is absent or undetermined leaves the proposal
    undetermined, and so do an empty demand (nothing was required, so nothing was checked) and any other
    undetermined result. Only what remains is accepted. Adding a finding or an undetermined result never turns
    anything into accepted.
    """
    demanded = frozenset(required)
    given = tuple(results)
    if any(finding.blocking for result in given for finding in result.findings):
        return Verdict.REJECTED
    completed = {result.check for result in given if result.status is CheckStatus.COMPLETED}
    undetermined = {result.check for result in given if result.status is not CheckStatus.COMPLETED}
    if not demanded or undetermined or not demanded <= completed:
        return Verdict.UNDETERMINED
    return Verdict.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a reporter may know; reporters read no files.

    Attributes:
        rules: Every rule of the checks that ran, by id; SARIF lists them all.
        files: How many files of the judged tree ended in each coverage, `{"judged": 40}`.
        notes: What the reader should know beside the findings, one sentence each.
        kubernetes_versions: What the schemas judged for.
    """

    verdict: Verdict
    change: Change
    results: tuple[CheckResult, ...]
    rules: Mapping[str, Rule]
    files: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    kubernetes_versions: tuple[str, ...] = ()
    gitgate_version: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all checks, in report order."""
        return tuple(finding for result in self.results for finding in result.findings)

    def count(self, severity: Severity, state: State = State.NEW) -> int:
        """How many unsuppressed findings weigh that much and stand so against the base."""
        return sum(
            1
            for finding in self.findings
            if finding.severity is severity and finding.state is state and finding.suppression is None
        )
