"""What every check is: a name, its rules, and one question to a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from gitgate.finding import Finding, Rule
from gitgate.proposal import Proposal
from gitgate.report import CheckStatus
from gitgate.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a check finds, not yet compared with the base.

    Attributes:
        findings: In the tree that the merge would produce.
        baseline: The same questions asked of the base; what is in both is not the change's doing.
        status: Whether everything that should be judged could be.
        reason: Why not, or why there was nothing to judge, one sentence; None otherwise.
        remedy: What to do about that.
        judged: See `CheckResult.judged`.
        unjudged: See `CheckResult.unjudged`.
        notes: What the reader should know beside the findings, one sentence each.
    """

    findings: tuple[Finding, ...] = ()
    baseline: tuple[Finding, ...] = ()
    status: CheckStatus = CheckStatus.COMPLETED
    reason: str | None = None
    remedy: str | None = None
    judged: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    unjudged: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()


class Check(Protocol):
    """One of the four questions (docs/design.md)."""

    @property
    def name(self) -> str:
        """`schema`, `policy`, `signature` or `reconcile`: the first part of its rules' ids."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule that its findings may name."""
        ...

    def examine(self, proposal: Proposal, settings: Settings) -> Examination:
        """Ask the question; never raises for anything that the proposal contains."""
        ...
