"""Rules that demand several people: who has signed the final state of the paths that a rule guards.

Counting the signers of any commits in the change would not do: the second person may have signed before the first
one's edit, or something else. Here a principal counts who signed a commit that contains *every* edit of the rule's
paths in the change, and which itself edits them or is empty (`git commit --allow-empty -S`, a deliberate approval).
Where a rule excludes the author, whoever edits its paths in the change does not count: neither who signed such a
commit nor whom it names as its author. See docs/adr/0014-thresholds-count-the-final-state.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gitgate.signature.signers import ADMINS_RULE, PathRule, Signers
from gitgate.signature.verdict import Code, CommitVerdict, Failure


def threshold_failures(
    signers: Signers, verdicts: Sequence[CommitVerdict], approvals: frozenset[str] = frozenset()
) -> Iterator[Failure]:
    """What lacks signatures of more people.

    Args:
        signers: The base's.
        verdicts: Of the change's commits, newest first in topological order.
        approvals: Principals whose approval of the prospective merge was verified elsewhere.
    """
    for rule in signers.all_rules:
        touching = frozenset(
            verdict.commit for verdict in verdicts if any(rule.id in path.rules for path in verdict.paths)
        )
        if not touching or (rule.threshold == 1 and not rule.exclude_author):
            continue
        counted = _signers_of_all(rule, verdicts, touching) | (approvals & rule.signers)
        if rule.exclude_author:
            counted -= _authors(signers, verdicts, touching)
        people = {name for name in counted if not signers.principals[name].bot}
        if len(counted) < rule.threshold or not people:
            names = ", ".join(sorted(counted)) or "nobody"
            beside = " beside the authors" if rule.exclude_author else ""
            many = "principal" if rule.threshold == 1 else "principals"
            detail = f"rule {rule.id} demands {rule.threshold} {many}{beside} on the final state; there is {names}"
            yield Failure(Code.THRESHOLD_UNMET, detail)
            if rule.id == ADMINS_RULE:
                yield Failure(Code.POLICY_CHANGE_UNAUTHORIZED, "the edit of .gitgate/ lacks administrators")


def _authors(signers: Signers, verdicts: Sequence[CommitVerdict], touching: frozenset[str]) -> frozenset[str]:
    """Who edited: the signers of the edits, and whoever the edits name as their author."""
    edits = [verdict for verdict in verdicts if verdict.commit in touching]
    named = {verdict.author.rpartition("<")[2].rstrip(">") for verdict in edits}
    by_name = {each.name for each in signers.principals.values() if any(each.has_email(email) for email in named)}
    return frozenset(by_name | {verdict.principal for verdict in edits})


def _signers_of_all(rule: PathRule, verdicts: Sequence[CommitVerdict], touching: frozenset[str]) -> frozenset[str]:
    contained: dict[str, frozenset[str]] = {}
    counted: set[str] = set()
    for verdict in reversed(verdicts):
        below = _union(contained, verdict.parents)
        contained[verdict.commit] = below | {verdict.commit} if verdict.commit in touching else below
        deliberate = verdict.commit in touching or (not verdict.paths and len(verdict.parents) == 1)
        complete = contained[verdict.commit] == touching
        if verdict.accepted and deliberate and complete and verdict.principal in rule.signers:
            counted.add(verdict.principal)
    return frozenset(counted)


def _union(contained: Mapping[str, frozenset[str]], parents: Sequence[str]) -> frozenset[str]:
    """What the parents contain; sets are shared along a line of history, so that long ranges stay cheap."""
    sets = {contained[parent] for parent in parents if parent in contained}
    if len(sets) == 1:
        return next(iter(sets))
    return frozenset[str]().union(*sets)
