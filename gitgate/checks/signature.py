"""The signature check: is every new commit signed by somebody who may change its paths?

Judged by `.gitgate/signers.yaml` at the current tip of the protected branch. A base without that file demands no
signatures, and the check says so in its `reason` and nothing else. Commits stand in the history and not in the tree,
so the gate hands the check a `History`; without one (files, the index) there are no commits to judge.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate.checks.base import Examination
from gitgate.checks.signature_rules import (
    GATE_CHANGED,
    SIGNATURE_RULE_LIST,
    SIGNATURE_RULES,
    SIGNERS_CHANGED,
)
from gitgate.errors import GitgateError, RepositoryError
from gitgate.finding import Finding, Rule
from gitgate.location import Location
from gitgate.path_glob import matches_any
from gitgate.proposal import Proposal, Snapshot
from gitgate.report import CheckStatus
from gitgate.resource import Resource
from gitgate.settings import Settings

if TYPE_CHECKING:
    from gitgate.git import Repository
    from gitgate.signature.agents import AgentDemand, Method
    from gitgate.signature.packets import Certificate
    from gitgate.signature.signers import Signers
    from gitgate.signature.verdict import Code, CommitVerdict, Failure, RangeVerdict
    from gitgate.tree import Tree

NO_COMMITS = "there are no commits to judge, as what is judged is not committed"
NOT_DEMANDED = "signatures are not demanded: the base has no .gitgate/signers.yaml"
_RUNS_THE_GATE = (
    ".github/workflows/**",
    ".github/actions/**",
    ".github/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
)
"""Files by which a platform or a hook decides whether gitgate runs, and what becomes of its verdict."""
_DEMANDS = {"AppProject": ("signatureKeys", "sourceIntegrity"), "GitRepository": ("verify",)}
"""Fields of the spec by which agents demand signatures, by kind."""
_SHORT = 12
_DETAILS_SHOWN = 5
_SUBJECT_SHOWN = 72
_NOTHING = MappingProxyType({"commits": 0})


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the check needs of git.

    Attributes:
        repository: The clean room, open while the check runs.
        base: Current tip of the protected branch.
        head: Tip of the commits that are judged; where the index is proposed, what it stands on.
        merged: Tree that the merge would produce.
        staged: Is the index proposed, on top of `head`?
        now: The time that keys must be valid at; None asks the operating system.
        trust_roots: Digests of the signers files that are trusted from outside the repository; empty trusts the base.
    """

    repository: Repository
    base: str
    head: str
    merged: Tree
    staged: bool = False
    now: datetime | None = None
    trust_roots: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Signed by somebody entitled to change those paths?"""

    name: str = "signature"
    rules: tuple[Rule, ...] = field(default=SIGNATURE_RULE_LIST, repr=False)
    history: History | None = None

    def examine(self, proposal: Proposal, settings: Settings) -> Examination:  # noqa: ARG002 - signers have their own
        """Judge the new commits; see `Check.examine`.

        Raises:
            SettingsError: The base's signers file is not valid.
        """
        if self.history is None:
            return _completed(Examination(judged=_NOTHING, reason=NO_COMMITS), proposal, None, None)
        return _examine(self.history, proposal)


def _completed(
    examination: Examination, proposal: Proposal, signers: Signers | None, history: History | None
) -> Examination:
    """Add edits of what runs the gate, and what agents would refuse in either snapshot: only a change of it is new."""
    gate = tuple(_gate_findings(proposal, signers))
    after = tuple(_agent_findings(proposal.after, signers, history, history.head if history else None))
    before = tuple(_agent_findings(proposal.before, signers, history, None))
    return replace(examination, findings=(*examination.findings, *gate, *after), baseline=before)


def _gate_findings(proposal: Proposal, signers: Signers | None) -> Iterator[Finding]:
    """Edits that nobody in particular must have signed, although they decide whether a next change is judged."""
    if proposal.change.base is None:
        return
    rule = SIGNATURE_RULES[GATE_CHANGED]
    for change in proposal.change.paths:
        guarded = signers is not None and signers.default not in signers.rules_for(change.path)
        if guarded or not matches_any(_RUNS_THE_GATE, change.path):
            continue
        verb = "adds" if change.before is None else "removes" if change.after is None else "edits"
        yield Finding(
            rule=rule.id,
            severity=rule.severity,
            message=f"the change {verb} {change.path}, which can decide whether and how gitgate runs",
            location=Location(change.path),
        )


def _agent_findings(
    snapshot: Snapshot, signers: Signers | None, history: History | None, head: str | None
) -> Iterator[Finding]:
    if not any(map(_may_demand, snapshot.resources)):
        return
    from gitgate.signature.agents import refusals  # noqa: PLC0415 - only where agents demand any

    def past(demand: AgentDemand) -> Iterator[tuple[Method, str]]:
        if history is not None and demand.keys is not None:
            from gitgate.signature.seals import Past, refused_by_history  # noqa: PLC0415 - only in strict mode

            known = (*(signers.certificates if signers is not None else ()), *(demand.ring or ()))
            # A clone without all of history says nothing about it, and judges the change itself all the same.
            with contextlib.suppress(RepositoryError):
                yield from refused_by_history(Past(history.repository, known), history.base, head, demand.keys)

    now = _system_time() if history is None or history.now is None else history.now
    for refusal in refusals(snapshot.resources, signers, functools.partial(_good_no_more, int(now.timestamp())), past):
        demand = refusal.demand
        rule = SIGNATURE_RULES[f"agent-will-refuse-{refusal.method}"]
        yield Finding(
            rule=rule.id,
            severity=rule.severity,
            message=f"{demand.agent} would refuse the tip: {refusal.reason}",
            resource=demand.resource.id,
            field=demand.field,
            origin=demand.resource.origin,
            discriminator=refusal.reason,
        )


def _may_demand(resource: Resource) -> bool:
    spec = resource.data.get("spec")
    return isinstance(spec, dict) and any(name in spec for name in _DEMANDS.get(resource.id.kind, ()))


@functools.lru_cache(maxsize=256)
def _good_no_more(now: int, certificate: Certificate) -> str:
    """Why no signature of a certificate is good any more; empty where that cannot be told."""
    from gitgate.signature.openpgp import ended, openpgp_verifier  # noqa: PLC0415 - only where agents demand any

    try:
        with openpgp_verifier((certificate,)) as verifier:
            return ended(verifier.keys, certificate.fingerprint, now)
    except GitgateError:
        # A prediction says only what is certain; where gpg must judge the change itself, its absence is told there.
        return ""


def _examine(history: History, proposal: Proposal) -> Examination:
    # cryptography and gnupg take a tenth of a second, which runs without signers do not need.
    from gitgate.signature.signers_file import SIGNERS_PATH, SignersError, load_signers  # noqa: PLC0415
    from gitgate.signature.verdict import UNDETERMINED, Code  # noqa: PLC0415
    from gitgate.signature.verify import VerificationRequest, verify_range  # noqa: PLC0415

    signers = load_signers(history.repository.tree(history.base))
    if signers is None:
        findings = []
        if history.trust_roots:
            message = f"the signers are pinned from outside, but the base has no {SIGNERS_PATH}"
            findings.append(_finding(Code.POLICY_INVALID, message, history.base))
        try:
            adopted = load_signers(history.merged)
        except SignersError as error:
            message = f"the signers file that the change adds could not judge: {error}"
            findings.append(_finding(Code.POLICY_INVALID, message, message))
            adopted = None
        notes = ("From this merge on every commit must be signed.",) if adopted is not None else ()
        quiet = Examination(findings=tuple(findings), judged=_NOTHING, reason=NOT_DEMANDED, notes=notes)
        return _completed(quiet, proposal, adopted, history)
    request = VerificationRequest(
        base=history.base,
        head=history.head,
        signers=signers,
        now=history.now or _system_time(),
        merged=history.merged,
        trust_roots=history.trust_roots,
        uncommitted=history.staged,
    )
    verdict = verify_range(history.repository, request)
    unexamined = [failure for failure in _all_failures(verdict) if failure.code in UNDETERMINED]
    complete = verdict.commits_seen == len({commit.commit for commit in verdict.commits})
    reason, remedy = None, None
    if unexamined:
        reason, _, remedy = str(unexamined[0]).partition("; ")
    elif not complete and not verdict.failures:
        reason = f"of {verdict.commits_seen} commits {len(verdict.commits)} were judged"
    staged = ("What is staged is not signed before it is committed; only the commits below it were judged.",)
    judged = Examination(
        findings=tuple(_findings(verdict, proposal)),
        status=CheckStatus.UNDETERMINED if reason else CheckStatus.COMPLETED,
        reason=reason,
        remedy=remedy or None,
        judged=MappingProxyType({"commits": len(verdict.commits)}),
        notes=staged if history.staged else (),
    )
    return _completed(judged, proposal, signers, history)


def _system_time() -> datetime:
    from gitgate.signature.clock import current_time  # noqa: PLC0415 - only with signers

    return current_time()


def _all_failures(verdict: RangeVerdict) -> Iterator[Failure]:
    yield from verdict.failures
    for commit in verdict.commits:
        yield from commit.failures


def _findings(verdict: RangeVerdict, proposal: Proposal) -> Iterator[Finding]:
    """A finding for each commit and code, and for each failure and edit of the whole."""
    from gitgate.signature.signers_file import SIGNERS_PATH  # noqa: PLC0415 - only with signers
    from gitgate.signature.verdict import UNDETERMINED  # noqa: PLC0415

    for failure in verdict.failures:
        if failure.code not in UNDETERMINED:
            yield _finding(failure.code, failure.detail, f"{verdict.head} {failure.detail}")
    for commit in verdict.commits:
        for code, details in _by_code(commit).items():
            if code not in UNDETERMINED:
                message = f"{_name(commit)}: {_listed(details)}"
                yield _finding(code, message, f"{commit.commit} {' '.join(details)}")
    place = Location(SIGNERS_PATH) if SIGNERS_PATH in proposal.proposed_rulebook else None
    for line in verdict.policy_changes:
        rule = SIGNATURE_RULES[SIGNERS_CHANGED]
        yield Finding(rule=rule.id, severity=rule.severity, message=line, location=place, discriminator=line)


def _by_code(commit: CommitVerdict) -> dict[Code, list[str]]:
    """Details of a commit's failures by code.

    Paths are left out where nobody known signed: that nobody may change them follows from it, and would hide it.
    """
    from gitgate.signature.verdict import Code  # noqa: PLC0415 - only with signers

    grouped: dict[Code, list[str]] = {}
    for failure in commit.failures:
        grouped.setdefault(failure.code, []).append(failure.detail)
    if not commit.principal and len(grouped) > 1:
        grouped.pop(Code.PATH_NOT_AUTHORIZED, None)
    return grouped


def _name(commit: CommitVerdict) -> str:
    subject = commit.subject if len(commit.subject) <= _SUBJECT_SHOWN else f"{commit.subject[:_SUBJECT_SHOWN]}…"
    parts = [f"commit {commit.commit[:_SHORT]}"]
    parts += [f'"{subject}"'] if subject else []
    parts += [f"by {commit.author}"] if commit.author else []
    return " ".join(parts)


def _listed(details: list[str]) -> str:
    more = len(details) - _DETAILS_SHOWN
    return ", ".join(details[:_DETAILS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _finding(code: Code, message: str, identity: str) -> Finding:
    rule = SIGNATURE_RULES[code.value.lower().replace("_", "-")]
    return Finding(rule=rule.id, severity=rule.severity, message=message, discriminator=identity)
