"""Names and links that are harmless in each commit and not in what the merge makes of all of them.

A commit is judged by what it changes: a link that leads out only through another one, or two names that differ in
case and come from two sides, show in the merged tree alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from gitgate.signature.verdict import Code, CommitVerdict, Failure
from gitgate.sources.paths import path_problems
from gitgate.tree import Tree

_CODES: Mapping[str, Code] = MappingProxyType(
    {"symlink-escape": Code.SYMLINK_ESCAPE, "path-collision": Code.PATH_COLLISION}
)


def path_failures(before: Tree | None, merged: Tree, verdicts: Sequence[CommitVerdict]) -> Iterator[Failure]:
    """What the merged tree has and the base has not, and no commit was told of.

    Args:
        before: The base; None where there is none yet.
        merged: What the merge gives.
        verdicts: Of the change's commits.
    """
    if before is not None and before.oid is not None and before.oid == merged.oid:
        return
    found = tuple(_found(merged))
    had = frozenset(_found(before)) if found and before is not None else frozenset()
    told = {(failure.code, failure.detail.partition(" ")[0]) for each in verdicts for failure in each.failures}
    for code, path, message in found:
        if (code, path, message) not in had and (code, path.partition(" ")[0]) not in told:
            yield Failure(code, f"{path} in what the merge gives: {message}")


def _found(tree: Tree) -> Iterator[tuple[Code, str, str]]:
    for problem in path_problems(tree):
        if problem.code in _CODES:
            yield _CODES[problem.code], problem.location.path, problem.message
