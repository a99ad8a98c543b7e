"""The program on one page: two trees are rendered, every check examines them, and `decide()` comes to a verdict."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate import __version__
from gitgate.change import Change
from gitgate.checks.base import Check, Examination
from gitgate.checks.registry import CHECKS, all_rules, checks_of
from gitgate.checks.signature import History
from gitgate.comparison import compare
from gitgate.errors import GitgateError, RepositoryError, SettingsError, UsageError
from gitgate.finding import Finding, Severity, State, Suppression
from gitgate.git import MergeConflict, Repository
from gitgate.location import Location
from gitgate.proposal import Proposal, Snapshot
from gitgate.report import CheckResult, CheckStatus, Report, Verdict, decide
from gitgate.schema.catalog import SchemaCatalog
from gitgate.settings import Settings, load_settings, rulebook_defect
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree
from gitgate.sources.render_cache import RenderCache
from gitgate.tree import MemoryTree, Tree, diff_trees
from gitgate.waivers import WAIVERS_PATH, Waiver, apply_waivers, load_waivers

if TYPE_CHECKING:
    from gitgate.locator import Locator
    from gitgate.sources.documents import DocumentReader

RULEBOOK = ".gitgate/"
INDEX = "index"
"""What the staged content is called in reports."""
Progress = Callable[[str], None]
"""Told what is being done, in a few words; never with untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the caller asks beside what the repository's settings say.

    Attributes:
        kubernetes_versions: Instead of those in settings; empty keeps them.
        severities: On top of those in settings.
        skipped_kinds: On top of those in settings.
        rejected_kinds: On top of those in settings.
        now: The time at which signatures and waivers are judged; None asks the operating system.
        trust_roots: Digests of the signers that are trusted from outside the repository.
        cache: Renders of earlier runs; None renders everything anew.
        only: Names of the only checks that are asked; empty asks them all.
    """

    kubernetes_versions: tuple[str, ...] = ()
    skipped_kinds: frozenset[str] = frozenset()
    rejected_kinds: frozenset[str] = frozenset()
    severities: Mapping[str, Severity | None] = field(default_factory=lambda: MappingProxyType({}))
    now: datetime | None = None
    trust_roots: frozenset[str] = frozenset()
    cache: RenderCache | None = None
    only: frozenset[str] = frozenset()

    def over(self, settings: Settings) -> Settings:
        """The settings with the caller's wishes laid over them."""
        return replace(
            settings,
            kubernetes_versions=self.kubernetes_versions or settings.kubernetes_versions,
            severities=MappingProxyType({**settings.severities, **self.severities}),
            skipped_kinds=settings.skipped_kinds | self.skipped_kinds,
            rejected_kinds=settings.rejected_kinds | self.rejected_kinds,
        )


def judge_merge(
    repository: Repository, base: str | None, head: str | None, demand: Demand, progress: Progress
) -> Report:
    """Judge the tree that merging `head` into `base` would produce.

    Args:
        repository: The clean room.
        base: What the change goes into; None for the upstream's default branch.
        head: What is proposed; None for the index when something is staged, else for HEAD.
        demand: What the caller asks beside the settings of the base.
        progress: Told what is being done.

    Raises:
        GitgateError: Something keeps gitgate from coming to a verdict.
    """
    progress("working out the merge")
    base_name, base_commit = (base, repository.resolve(base)) if base is not None else _default_base(repository)
    head_name, head_commit = _head(repository, head)
    change = Change(
        base=base_commit,
        head=head_commit if head_name != INDEX else None,
        base_name=base_name,
        head_name=head_name,
        commits=repository.commits(base_commit, head_commit),
    )
    before = repository.tree(base_commit)
    settings = demand.over(load_settings(before, all_rules()))
    merged = repository.merge(base_commit, head_commit)
    if isinstance(merged, MergeConflict):
        return _conflict_report(change, merged, settings)
    change = replace(change, tree=merged.oid, paths=diff_trees(before, merged))
    staged = head_name == INDEX
    history = History(
        repository=repository,
        base=base_commit,
        head=repository.resolve("HEAD") if staged else head_commit,
        merged=merged,
        staged=staged,
        now=demand.now,
        trust_roots=demand.trust_roots,
    )
    return judge_trees(change, before, merged, settings, progress, history=history, now=demand.now, cache=demand.cache)


def judge_staged(repository: Repository, demand: Demand, progress: Progress) -> Report:
    """Judge what is staged against HEAD, or against nothing in a repository without a commit.

    Args:
        repository: The clean room.
        demand: What the caller asks beside the settings of HEAD.
        progress: Told what is being done.

    Raises:
        GitgateError: Something keeps gitgate from coming to a verdict.
    """
    progress("reading the index")
    base = None if repository.is_empty() else repository.resolve("HEAD")
    before: Tree = MemoryTree() if base is None else repository.tree(base)
    settings = demand.over(load_settings(before, all_rules()))
    after = repository.index_tree()
    change = Change(
        base=base,
        head=None,
        base_name="nothing" if base is None else "HEAD",
        head_name=INDEX,
        tree=after.oid,
        paths=diff_trees(before, after),
    )
    return judge_trees(change, before, after, settings, progress, now=demand.now, cache=demand.cache)


def _default_base(repository: Repository) -> tuple[str, str]:
    found = repository.default_base()
    if found is None:
        raise RepositoryError(
            "nothing says what the change goes into",
            remedy="Name it with --base, or judge what is staged with --staged.",
        )
    return found


def _head(repository: Repository, head: str | None) -> tuple[str, str]:
    """Name and commit of what is proposed."""
    if head is not None:
        return head, repository.resolve(head)
    commit = repository.resolve("HEAD")
    if repository.has_index() and repository.index_tree().oid != repository.tree(commit).oid:
        return INDEX, repository.index_commit()
    return "HEAD", commit


def judge_trees(  # noqa: PLR0913 - what is judged, by what, and for whom
    change: Change,
    before: Tree,
    after: Tree,
    settings: Settings,
    progress: Progress,
    *,
    history: History | None = None,
    now: datetime | None = None,
    cache: RenderCache | None = None,
    only: frozenset[str] = frozenset(),
) -> Report:
    """Render two trees, ask every check, compare with the base, locate, decide.

    Args:
        change: Names and object names for the report.
        before: The base; an empty `MemoryTree` where there is none.
        after: The tree that is judged.
        settings: Those of the base.
        progress: Told what is being done.
        history: The commits of the change; None where nothing is committed.
        now: When waivers are judged; None asks the operating system.
        cache: Renders of earlier runs; None renders everything anew.
        only: As `Demand.only`.

    Raises:
        SettingsError: The waivers of the base are not valid.
    """
    waivers = load_waivers(before, all_rules())
    if not settings.kubernetes_versions:
        settings = replace(settings, kubernetes_versions=(SchemaCatalog.newest(),))
    context = SourceContext.from_settings(settings, progress, cache)
    progress("rendering the base")
    snapshot_before = render_tree(before, context)
    progress("rendering the merge" if change.base is not None else "rendering the files")
    snapshot_after = render_tree(after, context)
    proposal = Proposal(
        change=change,
        before=snapshot_before,
        after=snapshot_after,
        rulebook=rulebook_of(before),
        proposed_rulebook=rulebook_of(after),
        rulebook_defect=rulebook_defect(after),
    )
    located = _locating((before, snapshot_before), (after, snapshot_after), context.documents)
    results = []
    notes: list[str] = []
    asked = [check for check in checks_of(history) if not only or check.name in only]
    if only:
        notes.append(f"only the {' and the '.join(check.name for check in asked)} check was asked (--only)")
    for check in asked:
        progress(f"checking: {check.name}")
        examination = _ask(check, proposal, settings)
        result = _result(check.name, examination, proposal, settings)
        notes += examination.notes
        results.append(replace(result, findings=tuple(map(located, result.findings))))
    if any(WAIVERS_PATH in tree.entries or WAIVERS_PATH in tree.special for tree in (before, after)):
        *results, own = apply_waivers(results, waivers, _proposed_waivers(after), _today(now))
        weighed = tuple(located(_weigh(finding, settings)) for finding in own.findings)
        results.append(replace(own, findings=weighed))
    files = Counter(coverage.value for coverage in snapshot_after.files.values())
    return _report(change, results, settings, files, notes, required=asked)


def _locating(
    before: tuple[Tree, Snapshot], after: tuple[Tree, Snapshot], documents: DocumentReader
) -> Callable[[Finding], Finding]:
    """Gives a finding its place in the tree that has it."""

    @cache
    def locator(*, fixed: bool) -> Locator:
        from gitgate.locator import Locator  # noqa: PLC0415 - most runs of a hook find nothing

        return Locator(*(before if fixed else after), documents)

    return lambda finding: locator(fixed=finding.state is State.FIXED).locate(finding)


def _proposed_waivers(after: Tree) -> tuple[Waiver, ...] | SettingsError:
    try:
        return load_waivers(after, all_rules())
    except SettingsError as error:
        return error


def _today(now: datetime | None) -> date:
    from gitgate.signature.clock import check_clock, current_time  # noqa: PLC0415 - only with waivers

    moment = now or current_time()
    check_clock(moment)
    return moment.date()


def rulebook_of(tree: Tree) -> Mapping[str, bytes]:
    """The files below `.gitgate/` of a tree, by path."""
    # What is no regular file there judges nothing; a symbolic link's content would be its target's name.
    paths = sorted(path for path in tree.entries if path.startswith(RULEBOOK) and path not in tree.special)
    return MappingProxyType(dict(tree.read_many(paths)))


def _ask(check: Check, proposal: Proposal, settings: Settings) -> Examination:
    """One check's answer; whatever goes wrong inside leaves it undetermined, never absent."""
    try:
        return check.examine(proposal, settings)
    except UsageError:
        raise
    except GitgateError as error:
        return Examination(status=CheckStatus.UNDETERMINED, reason=str(error), remedy=error.remedy)
    except Exception as error:
        if os.environ.get("GITGATE_DEBUG"):
            raise
        return Examination(
            status=CheckStatus.UNDETERMINED,
            reason=f"internal error: {type(error).__name__}",
            remedy="Set GITGATE_DEBUG=1 for the traceback, and please report it.",
        )


def _result(name: str, examination: Examination, proposal: Proposal, settings: Settings) -> CheckResult:
    compared = compare(examination.findings, examination.baseline, proposal)
    return CheckResult(
        check=name,
        status=examination.status,
        reason=examination.reason,
        remedy=examination.remedy,
        findings=tuple(_weigh(finding, settings) for finding in compared),
        judged=examination.judged,
        unjudged=examination.unjudged,
    )


def _weigh(finding: Finding, settings: Settings) -> Finding:
    """Apply the weight that settings give a rule; what is ignored or skipped stays in the report, suppressed."""
    if finding.resource is not None and finding.resource.is_one_of(settings.skipped_kinds):
        justification = f"the kind {finding.resource.kind} is skipped"
        return replace(finding, suppression=Suppression(kind="settings", justification=justification))
    if finding.rule not in settings.severities:
        return finding
    severity = settings.severities[finding.rule]
    if severity is None:
        return replace(finding, suppression=Suppression(kind="settings", justification="settings ignore the rule"))
    return replace(finding, severity=severity)


def _conflict_report(change: Change, conflict: MergeConflict, settings: Settings) -> Report:
    findings = tuple(
        Finding(
            rule="schema/merge-conflict",
            severity=Severity.ERROR,
            message=f"{change.head_name} cannot be merged into {change.base_name}: both changed this file",
            location=Location(path),
        )
        for path in sorted(conflict.paths)
    )
    return _report(change, [CheckResult(check="schema", findings=findings)], settings, {})


def undetermined_report(change: Change, reason: str, remedy: str | None) -> Report:
    """The report of a run that ended before a verdict, so that every format still says so."""
    result = CheckResult(check="schema", status=CheckStatus.UNDETERMINED, reason=reason, remedy=remedy)
    return _report(change, [result], Settings(), {})


def _report(  # noqa: PLR0913 - what a report holds
    change: Change,
    results: Sequence[CheckResult],
    settings: Settings,
    files: Mapping[str, int],
    notes: Iterable[str] = (),
    *,
    required: Iterable[Check] = CHECKS,
) -> Report:
    verdict: Verdict = decide((check.name for check in required), results)
    return Report(
        verdict=verdict,
        change=change,
        results=tuple(results),
        rules=MappingProxyType(all_rules()),
        files=MappingProxyType(dict(sorted(files.items()))),
        notes=tuple(notes),
        kubernetes_versions=settings.kubernetes_versions,
        gitgate_version=__version__,
    )
