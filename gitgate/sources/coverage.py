"""The proof that nothing is left out: every file that an agent reads has a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gitgate.location import Location, Precision
from gitgate.proposal import Coverage, Problem
from gitgate.sources.kustomize_graph import Closure

_NO_VERDICT = frozenset({None, Coverage.NOT_RENDERED, Coverage.NOT_A_MANIFEST})


def uncovered(read: Iterable[Closure], files: Mapping[str, Coverage]) -> Iterator[Problem]:
    """Files that an owner reads and of which nothing became; there are none unless gitgate is at fault.

    Args:
        read: What owners read.
        files: What became of every file.
    """
    closures = tuple(read)
    for path in sorted({path for closure in closures for path in (*closure.files, *closure.links)}):
        if files.get(path) in _NO_VERDICT:
            yield Problem(
                code="agent-uncovered-file",
                message="an agent reads this file, and nothing became of it here",
                location=Location(path, None, Precision.FILE),
            )
