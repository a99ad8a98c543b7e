"""Clusters of a repository: where agents begin to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitgate.path_glob import matches_any
from gitgate.resource import Origin, Resource
from gitgate.sources.base import MANIFEST_SUFFIXES, SourceContext
from gitgate.sources.bootstrap import BOOTSTRAP
from gitgate.sources.manifest_files import RULEBOOK
from gitgate.sources.objects import file_locator, read_objects
from gitgate.sources.owners import Entry, OwnerKind
from gitgate.sources.tree_files import ancestors, inside, parent
from gitgate.tree import Tree

_SPELLINGS = (b"\\", b"!!", b"!<")
"""An escape or a tag (`!!binary`) in a file can spell a mark in other bytes, so such a file is read to be sure."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster.

    Attributes:
        name: For reports: as settings say it, else the entry point's path.
        path: Directory of the entry point; empty for the tree's root.
        sources: Names and URLs that stand for this repository.
        found: Was it merely found, with no entry point that manages itself?
    """

    name: str
    path: str = ""
    sources: frozenset[str] = frozenset()
    found: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An owner as some file has it."""

    resource: Resource
    entry: Entry

    @property
    def place(self) -> str:
        """The directory of its file."""
        return parent(self.resource.origin.path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Directories that it reads, if of this repository: all of a source is what is read of other repositories."""
        ours = self.entry.source == BOOTSTRAP or self.is_bootstrap
        return tuple(path for path in self.entry.paths if path or ours)

    @property
    def is_bootstrap(self) -> bool:
        """`flux bootstrap` writes `<path>/flux-system/gotk-sync.yaml` with the Kustomization of `<path>`."""
        return self.place.rpartition("/")[2] == self.resource.id.name == self.resource.id.namespace

    @property
    def own_path(self) -> str | None:
        """The directory that it reads and that its own file lies in, if there is one: it manages itself."""
        path = self.resource.origin.path
        return next((directory for directory in self.paths if inside(path, directory)), None)


def marked_objects(tree: Tree, context: SourceContext, marks: Iterable[bytes]) -> tuple[Resource, ...]:
    """Every object in files that may have one of the marks in them, as written; others say what cannot be read."""
    marks = (*marks, *_SPELLINGS)
    paths = [
        path
        for path in sorted(tree.entries)
        if path.endswith(MANIFEST_SUFFIXES)
        and path not in tree.special
        and not path.startswith(RULEBOOK)
        and not matches_any(context.exclude, path)
    ]
    context.documents.load(tree, paths)
    found: list[Resource] = []
    for path in paths:
        data = context.documents.source(tree, path)
        if data is None or not any(mark in data for mark in marks):
            continue
        for document in context.documents.read(tree, path).documents:
            origin = Origin(path, document.index, (), document.line)
            found.extend(read_objects(document.value, origin, file_locator(path, document)).resources)
    return tuple(found)


def candidates_of(resources: Iterable[Resource], kinds: Sequence[OwnerKind]) -> Iterator[Candidate]:
    """The owners among objects."""
    for resource in resources:
        entry = next((kind.load().entry(resource) for kind in kinds if kind.owns(resource)), None)
        if entry is not None:
            yield Candidate(resource, entry)


def self_managed(candidates: Iterable[Candidate]) -> list[tuple[str, tuple[Candidate, ...]]]:
    """Owners that read their own manifest, by the directory that they read: what a bootstrap writes, first."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.own_path is not None:
            groups.setdefault(candidate.own_path, []).append(candidate)
    order = sorted(groups, key=lambda path: (not any(one.is_bootstrap for one in groups[path]), len(path), path))
    return [(path, tuple(groups[path])) for path in order]


def topmost(candidates: Iterable[Candidate]) -> list[tuple[str, tuple[Candidate, ...]]]:
    """Owners whose files no other owner reads, by the directory that they are in."""
    candidates = tuple(candidates)
    groups: dict[str, list[Candidate]] = {}
    read = Counter(path for candidate in candidates for path in frozenset(candidate.paths))
    for candidate in candidates:
        above = ancestors(candidate.place)
        by_others = (path for path in above if read[path] > (path in candidate.paths))
        if candidate.paths and next(by_others, None) is None:
            groups.setdefault(candidate.place, []).append(candidate)
    return [(place, tuple(groups[place])) for place in sorted(groups)]


def cluster_name(path: str) -> str:
    """`clusters/production` is called `production`; anything else by its path."""
    return path.removeprefix("clusters/") or "."
