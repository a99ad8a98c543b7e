"""Replaying history: which of the last merges would policies have blocked, had they been there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from gitgate.change import Change
from gitgate.checks.policy import PolicyCheck
from gitgate.comparison import compare
from gitgate.errors import UsageError
from gitgate.finding import Finding, Severity, State
from gitgate.gate import Progress
from gitgate.git import Repository
from gitgate.policy.cel import Engine
from gitgate.policy.definition import BINDING_KIND, GROUP, read_bindings, read_policies
from gitgate.policy_cases import CaseRunner
from gitgate.policy_shelf import as_rulebook, is_policy
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.settings import Settings
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree


@dataclass(frozen=True, slots=True)
class Merge:
    """A commit of the first-parent history, as a change of its first parent."""

    commit: str
    parent: str
    subject: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What policies say of a merge.

    Attributes:
        findings: New ones.
        unread: Things that could not be rendered or read in the merge, so that nothing was judged there.
    """

    merge: Merge
    findings: tuple[Finding, ...]
    unread: int = 0

    @property
    def blocked(self) -> bool:
        """Would it have been rejected?"""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def last_merges(repository: Repository, revision: str, number: int) -> list[Merge]:
    """The last merges into a branch, the newest first: its first-parent history, down to the first commit.

    Raises:
        GitgateError: A commit is missing.
    """
    found: list[Merge] = []
    commit = repository.resolve(revision)
    while len(found) < number:
        _, raw = repository.object(commit)
        head, _, message = raw.partition(b"\n\n")
        parents = [line[7:].decode("ascii") for line in head.split(b"\n") if line.startswith(b"parent ")]
        if not parents:
            break
        subject = message.decode("utf-8", "replace").strip().split("\n", 1)[0]
        found.append(Merge(commit, parents[0], subject))
        commit = parents[0]
    return found


def prepare(candidates: Sequence[Resource]) -> tuple[Resource, ...]:
    """Candidates that can be replayed: each policy without a binding gets one that denies.

    Raises:
        UsageError: There is no policy, or one cannot run.
    """
    policies = list(read_policies(candidates))
    if not policies:
        raise UsageError("there is no policy to replay", remedy="Name one with --policy FILE or --set NAME.")
    bindings = list(read_bindings(candidates))
    for binding in bindings:
        if binding.defects:
            raise UsageError(f"binding {binding.name} cannot be used: {binding.defects[0].message}")
    with Engine() as engine:
        runner = CaseRunner(engine, candidates)
        for policy in policies:
            problem = runner.problem(policy)
            if problem:
                raise UsageError(f"policy {policy.name} cannot run: {problem}")
    bound = {binding.policy for binding in bindings}
    return (*candidates, *(_binding(policy.name) for policy in policies if policy.name not in bound))


def _binding(name: str) -> Resource:
    data = {
        "apiVersion": f"{GROUP}/v1",
        "kind": BINDING_KIND,
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    return Resource(ResourceId(GROUP, "v1", BINDING_KIND, "", name), data, Origin("binding"))


def replay(
    repository: Repository,
    merges: Sequence[Merge],
    candidates: Sequence[Resource],
    settings: Settings,
    progress: Progress,
) -> Iterator[Replayed]:
    """Judge merges by candidates alone, whatever judged them at the time.

    Args:
        repository: The clean room.
        merges: From `last_merges`.
        candidates: From `prepare`.
        settings: How trees are rendered, and who is taken to ask.
        progress: Told what is being done.

    Raises:
        GitgateError: A tree cannot be read, or the policy engine cannot be started.
    """
    rulebook = MappingProxyType(as_rulebook(candidates))
    alone = replace(settings, policy=replace(settings.policy, sets=()))
    before: tuple[str, Snapshot] = ("", Snapshot())
    for number, merge in enumerate(reversed(merges), start=1):
        progress(f"replaying {number} of {len(merges)}")
        if before[0] != merge.parent:
            before = (merge.parent, _render(repository, merge.parent, settings))
        after = _render(repository, merge.commit, settings)
        change = Change(base=merge.parent, head=merge.commit, base_name=merge.parent, head_name=merge.commit)
        proposal = Proposal(change, before[1], after, rulebook, rulebook)
        examination = PolicyCheck().examine(proposal, alone)
        compared = compare(examination.findings, examination.baseline, proposal)
        new = (finding for finding in compared if finding.state is State.NEW)
        yield Replayed(merge, tuple(new), len(after.problems))
        before = (merge.commit, after)


def _render(repository: Repository, commit: str, settings: Settings) -> Snapshot:
    """The tree without the policies that it brings itself."""
    snapshot = render_tree(repository.tree(commit), SourceContext.from_settings(settings))
    return replace(snapshot, resources=tuple(item for item in snapshot.resources if not is_policy(item)))


def render_replay(replayed: Sequence[Replayed]) -> Iterator[str]:
    """What was found, a line for each merge, the newest first, and what is said of its objects below."""
    for item in reversed(replayed):
        verdict = "blocked" if item.blocked else "warned " if item.findings else "passes "
        note = f"  ({item.unread} could not be read)" if item.unread else ""
        yield f"{item.merge.commit[:8]}  {verdict}  {item.merge.subject}{note}"
        for finding in item.findings:
            place = f"  {finding.origin.path}" if finding.origin is not None else ""
            yield f"    {finding.severity.value:7}  {finding.resource}{place}  {finding.message}"
    blocked = sum(item.blocked for item in replayed)
    warned = sum(bool(item.findings) and not item.blocked for item in replayed)
    noun = "merge" if len(replayed) == 1 else "merges"
    yield f"{blocked} of {len(replayed)} {noun} would have been blocked, {warned} warned of"
