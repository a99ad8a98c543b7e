"""May the signer of a commit change what it changes? Merges are recomputed, so that only what they add counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from gitgate.change import ChangedPath
from gitgate.errors import IncompleteHistoryError, RepositoryError
from gitgate.git import MergeConflict, Repository
from gitgate.path_glob import matches_any
from gitgate.signature.commit import CommitObject
from gitgate.signature.signers import ADMINS_RULE, Holder, IdentityDemand, PathRule, Signers
from gitgate.signature.trees import LINK, SUBMODULE, TreeChanges, TreeComparer, escapes
from gitgate.signature.verdict import (
    Code,
    CommitVerdict,
    Failure,
    PathEvidence,
    SignatureEvidence,
    in_order,
)


@dataclass(frozen=True, slots=True)
class _Own:
    """What a commit adds to its parents.

    Attributes:
        merge: Is it a merge?
        failure: Why what it adds cannot be told.
    """

    changes: TreeChanges
    merge: bool = False
    failure: Failure | None = None

    @property
    def clean_merge(self) -> bool:
        return self.merge and not self.changes.paths and self.failure is None


class Authority:
    """Decides about the commits of one repository by one signers file.

    Args:
        repository: Where the commits are.
        signers: The base's.
        trees: Trees of commits that were read already, by commit.
    """

    def __init__(self, repository: Repository, signers: Signers, trees: Mapping[str, str]) -> None:
        self._trees = trees
        self._repository = repository
        self._signers = signers
        self._comparer = TreeComparer(repository.object)

    def judge(
        self, oid: str, commit: CommitObject, evidence: SignatureEvidence, holder: Holder | None
    ) -> CommitVerdict:
        """Every failure of a commit, in a fixed order.

        Raises:
            RepositoryError: A tree or parent is missing or malformed.
        """
        own = self._own(commit)
        paths = tuple(
            PathEvidence(change, tuple(rule.id for rule in self._rules(change))) for change in own.changes.paths
        )
        failures = [*self._signature_failures(own, evidence), *self._identity_failures(commit, holder)]
        if own.failure is not None:
            failures.append(own.failure)
        failures += self._authority_failures(own, holder)
        failures += self._content_failures(own.changes)
        return CommitVerdict(
            commit=oid,
            outcome=Code.MERGE_CLEAN if own.clean_merge else Code.SIGNED,
            tree=commit.tree,
            parents=commit.parents,
            author=str(commit.author),
            committer=str(commit.committer),
            subject=commit.subject,
            signature=evidence,
            principal=holder.name if holder is not None else "",
            paths=paths,
            failures=in_order(failures),
        )

    def unnamed(self, base: str, head: str, merged: str, verdicts: Sequence[CommitVerdict]) -> Iterator[Failure]:
        """What the merge would change in the base although no commit of the change names it, so that nobody signed it.

        Git follows renames, and relies on objects being as it writes them: what a merge does is more than the sum of
        what commits do.

        Args:
            base: Commit that the change goes into.
            head: The change's last commit.
            merged: Tree that merging them gives.
            verdicts: Of the change's commits; their signers answer for the paths that they name.

        Raises:
            RepositoryError: A tree is missing or malformed.
        """
        named = {path.change.path for verdict in verdicts for path in verdict.paths}
        if any(verdict.outcome is Code.PRE_EPOCH for verdict in verdicts):
            # What commits before the epoch name is not known; what git moved is.
            changes = self._comparer.moved(self._tree(base), self._tree(head), merged)
        else:
            changes = self._comparer.compare(self._tree(base), merged).paths
        lost = [change.path for change in changes if change.path not in named]
        if lost:
            detail = f"merging would change {', '.join(lost)}, which no commit of the change names"
            yield Failure(Code.MERGE_EVIL, f"{detail}; merge the base into the branch, signed by who may change it")

    def _own(self, commit: CommitObject) -> _Own:
        if len(commit.parents) > 2:
            detail = f"it has {len(commit.parents)} parents"
            return _Own(self._against_parents(commit), True, Failure(Code.MERGE_OCTOPUS, detail))
        if len(commit.parents) == 2:
            return _Own(self._merge_changes(commit), merge=True)
        before = self._tree(commit.parents[0]) if commit.parents else None
        return _Own(self._comparer.compare(before, commit.tree))

    def _merge_changes(self, commit: CommitObject) -> TreeChanges:
        """Where the merge's tree is not what merging its parents gives, and where they conflict."""
        first, second = commit.parents
        try:
            merged = self._repository.merge(first, second)
        except IncompleteHistoryError:
            raise
        except RepositoryError:
            # Histories without a common commit: nothing explains the merge's tree but its signer.
            return self._against_parents(commit)
        if isinstance(merged, MergeConflict):
            return self._resolution(commit, merged)
        own = self._comparer.compare(merged.oid, commit.tree)
        return TreeChanges(_with(own.paths, self._moved(commit)), own.collisions)

    def _moved(self, commit: CommitObject) -> tuple[ChangedPath, ...]:
        first, second = map(self._tree, commit.parents)
        return self._comparer.moved(first, second, commit.tree)

    def _resolution(self, commit: CommitObject, conflict: MergeConflict) -> TreeChanges:
        """What the merge's signer decided: paths in conflict, and others that are not as git merged them."""
        against = self._against_parents(commit)
        other = {change.path: change for change in self._comparer.compare(conflict.tree, commit.tree).paths}
        # A path in conflict counts even when its content is what git left there: its marks are nobody's content.
        wanted = other.keys() | set(conflict.paths) | {change.path for change in self._moved(commit)}
        shown = {**other, **{change.path: change for change in against.paths}}
        decided = tuple(shown[path] for path in sorted(wanted & shown.keys()))
        # Never nothing: a merge with conflicts is not one that adds nothing.
        return TreeChanges(decided, against.collisions) if decided else against

    def _against_parents(self, commit: CommitObject) -> TreeChanges:
        """Paths that differ from any parent, each shown against the first one that it differs from."""
        found: dict[str, ChangedPath] = {}
        collisions: set[str] = set()
        for parent in commit.parents:
            changes = self._comparer.compare(self._tree(parent), commit.tree)
            collisions |= set(changes.collisions)
            for change in changes.paths:
                found.setdefault(change.path, change)
        return TreeChanges(tuple(found[path] for path in sorted(found)), tuple(sorted(collisions)))

    def _tree(self, commit: str) -> str:
        return self._trees.get(commit) or self._repository.tree(commit).oid

    def _signature_failures(self, own: _Own, evidence: SignatureEvidence) -> Iterator[Failure]:
        if not own.merge:
            yield from evidence.failures
            return
        for failure in evidence.failures:
            if failure.code is not Code.UNSIGNED:
                yield failure
            elif not own.clean_merge or self._signers.signed_merges:
                yield Failure(Code.MERGE_UNSIGNED, "the merge has no signature")

    def _identity_failures(self, commit: CommitObject, holder: Holder | None) -> Iterator[Failure]:
        if holder is None or holder.principal is None:
            return
        demands = (
            (self._signers.committer, "committer", commit.committer),
            (self._signers.author, "author", commit.author),
        )
        for demand, role, person in demands:
            # A principal without addresses is known by its keys alone.
            named = holder.principal.has_email(person.email) or not holder.principal.emails
            if demand is IdentityDemand.MUST_MATCH and not named:
                yield Failure(Code.IDENTITY_MISMATCH, f"{holder.name} signed it, but its {role} is {person}")
            if demand is IdentityDemand.LISTED and not self._signers.is_listed(person.email):
                yield Failure(Code.IDENTITY_MISMATCH, f"its {role} {person} is nobody's address in the signers file")

    def _authority_failures(self, own: _Own, holder: Holder | None) -> Iterator[Failure]:
        if holder is not None and holder.principal is None:
            if not own.clean_merge:
                yield Failure(Code.PLATFORM_KEY_CONTENT, f"{holder.name} may sign only merges that add nothing")
            elif not self._signers.platform_merges:
                yield Failure(Code.KEY_NOT_AUTHORIZED, f"the platform key {holder.name} may not sign merges here")
        elif _is_proven(holder) and not any(holder.name in rule.signers for rule in self._signers.all_rules):
            yield Failure(Code.KEY_NOT_AUTHORIZED, f"no rule names {holder.name}")
        refused = tuple(self._refused(own.changes.paths, holder))
        if refused and own.merge:
            listed = ", ".join(dict.fromkeys(failure.detail for failure in refused))
            yield Failure(Code.MERGE_EVIL, f"its parents do not explain: {listed}")
            yield from (failure for failure in refused if failure.code is Code.POLICY_CHANGE_UNAUTHORIZED)
        else:
            yield from refused

    def _refused(self, changes: Iterable[ChangedPath], holder: Holder | None) -> Iterator[Failure]:
        principal = holder.principal.name if holder is not None and holder.principal is not None else None
        signer = principal or (holder.name if holder is not None else "nobody known")
        for change in changes:
            for rule in self._rules(change):
                if principal is None or principal not in rule.signers:
                    guarded = rule.id == ADMINS_RULE
                    code = Code.POLICY_CHANGE_UNAUTHORIZED if guarded else Code.PATH_NOT_AUTHORIZED
                    yield Failure(code, f"{change.path} (rule {rule.id}, signed by {signer})")

    def _rules(self, change: ChangedPath) -> tuple[PathRule, ...]:
        special = any(entry is not None and entry.mode in {LINK, SUBMODULE} for entry in (change.before, change.after))
        return self._signers.rules_for(change.path, stands_in=special)

    def _content_failures(self, changes: TreeChanges) -> Iterator[Failure]:
        for change in changes.paths:
            after = change.after
            if after is None:
                continue
            if after.mode == SUBMODULE and not matches_any(self._signers.submodules, change.path):
                yield Failure(Code.SUBMODULE_CHANGED, f"{change.path} points to commit {after.oid}")
            if after.mode == LINK and escapes(change.path, self._comparer.blob(after.oid)):
                yield Failure(Code.SYMLINK_ESCAPE, f"{change.path} leads out of the repository")
        for path in changes.collisions:
            yield Failure(Code.PATH_COLLISION, f"{path} has a twin that differs only in case or Unicode form")


def _with(changes: Iterable[ChangedPath], more: Iterable[ChangedPath]) -> tuple[ChangedPath, ...]:
    found = {change.path: change for change in (*more, *changes)}
    return tuple(found[path] for path in sorted(found))


def _is_proven(holder: Holder | None) -> TypeGuard[Holder]:
    """Is it somebody who could have authority? That an unproven principal has none was said with its signature."""
    return holder is not None and holder.principal is not None and not holder.principal.unproven
