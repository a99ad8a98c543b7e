"""The proof that nothing is left out: every file that an agent reads has a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitgate.location import Location, Precision
from gitgate.proposal import Coverage, Problem, Snapshot
from gitgate.sources.kustomize_graph import Closure
from gitgate.sources.owners import Outcome, Owner

if TYPE_CHECKING:
    from gitgate.sources.flux.artifact import Artifact

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


@dataclass(frozen=True, slots=True, order=True)
class FileVerdict:
    """What became of one file.

    Attributes:
        path: Of the file.
        verdict: What became of it.
        readers: Owners that read it, each with its cluster: `production: Kustomization flux-system/apps`.
        excluded_by: What keeps it out of all that Flux fetches, `.sourceignore:3`; empty where nothing does.
    """

    path: str
    verdict: Coverage
    readers: tuple[str, ...] = ()
    excluded_by: str = ""


def file_verdicts(
    snapshot: Snapshot, outcomes: Iterable[tuple[Owner, Outcome]], artifacts: Iterable[Artifact] = ()
) -> tuple[FileVerdict, ...]:
    """Every file that some source looked at, with the owners that read it, sorted by path."""
    copies = tuple(artifacts)
    readers: dict[str, set[str]] = {}
    for owner, outcome in outcomes:
        for path in outcome.files:
            readers.setdefault(path, set()).add(f"{owner.cluster.name}: {owner.name}")
    return tuple(
        FileVerdict(path, verdict, tuple(sorted(readers.get(path, ()))), _excluded_by(path, copies))
        for path, verdict in snapshot.files.items()
    )


def _excluded_by(path: str, copies: tuple[Artifact, ...]) -> str:
    found = [copy.excluded_by(path) for copy in copies]
    return found[0] or "" if found and None not in found else ""
