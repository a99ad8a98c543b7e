"""Which commits a change brings: what head reaches and the protected ref's current tip does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitgate.git import Repository
from gitgate.signature.verdict import Code, Failure

_GOVERNED = ("refs/replace/", "refs/notes/", "refs/gitgate/")
"""Refs that change how other objects are read or judged; nobody pushes them past a gate."""


def new_commits(repository: Repository, tips: Iterable[str], head: str) -> tuple[str, ...]:
    """Commits reachable from head and from none of the protected tips, newest first in topological order.

    The tips are those of *protected* refs only. Leaving out what any other branch reaches (`--not --all`) would let
    a commit in unseen by pushing it to an unprotected branch first.

    Raises:
        IncompleteHistoryError: Commits are missing, so the range would be shorter than the merge.
    """
    given = tuple(dict.fromkeys(tips))
    if not given:
        return repository.commits(None, head)
    commits = repository.commits(given[0], head)
    for tip in given[1:]:
        left = set(repository.commits(tip, head))
        commits = tuple(commit for commit in commits if commit in left)
    return commits


def before_epoch(repository: Repository, epoch: str | None, commits: tuple[str, ...], head: str) -> frozenset[str]:
    """Commits that the epoch reaches, itself included."""
    if epoch is None or not commits:
        return frozenset()
    return frozenset(commits) - set(repository.commits(epoch, head))


def is_governed(ref: str) -> bool:
    """Does the ref change how other objects are read or judged?"""
    return ref.startswith(_GOVERNED)


def update_failures(repository: Repository, ref: str, old: str | None, new: str | None) -> Iterator[Failure]:
    """What a push does to history: protected refs only ever grow.

    Args:
        repository: Where both tips are, a push's quarantine included.
        ref: Full name of the ref.
        old: Tip before; None when the ref is new.
        new: Tip after; None when the push deletes the ref.
    """
    if is_governed(ref):
        yield Failure(Code.HISTORY_REWRITE, f"{ref} changes how other objects are read; it cannot be pushed")
    elif new is None:
        yield Failure(Code.HISTORY_REWRITE, f"{ref} would be deleted")
    elif old is not None and (lost := repository.commits(new, old)):
        which = f"commit {lost[0]}" if len(lost) == 1 else f"{len(lost)} commits, among them {lost[0]}"
        yield Failure(Code.HISTORY_REWRITE, f"{ref} would lose {which}")
