"""Clusters of a repository: where agents begin to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceName:
    """The object that an agent fetches from.

    Attributes:
        kind: `GitRepository`.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster.

    Attributes:
        name: For reports: as settings say it, else the entry point's path.
        path: Directory of the entry point; empty for the tree's root.
        sources: Objects that stand for this repository.
    """

    name: str
    path: str = ""
    sources: frozenset[SourceName] = frozenset()
