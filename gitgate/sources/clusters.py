"""Clusters of a repository: where agents begin to read."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gitgate.path_glob import matches_any
from gitgate.resource import Origin, Resource
from gitgate.sources.base import MANIFEST_SUFFIXES, SourceContext
from gitgate.sources.bootstrap import BOOTSTRAP
from gitgate.sources.manifest_files import RULEBOOK
from gitgate.sources.objects import file_locator, read_objects
from gitgate.sources.owners import Entry, OwnerKind
from gitgate.sources.tree_files import ancestors, inside, parent
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument

_SOURCES = "source.toolkit.fluxcd.io"
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
        roots: Sources of which this repository is only a directory, with that directory.
    """

    name: str
    path: str = ""
    sources: frozenset[str] = frozenset()
    found: bool = False
    roots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An owner as some file has it."""

    resource: Resource
    entry: Entry

    def below(self, root: str) -> Candidate:
        """The same with paths that begin at a directory of the tree."""
        if not root:
            return self
        paths = tuple(posixpath.join(root, path) for path in self.entry.paths)
        return replace(self, entry=replace(self.entry, paths=paths))

    @property
    def key(self) -> str:
        """What it is called in its file."""
        return f"{self.resource.origin.path} {self.resource.id}"

    @property
    def place(self) -> str:
        """The directory of its file."""
        return parent(self.resource.origin.path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Directories that it reads, if of this repository: all of a source is what is read of other repositories."""
        ours = self.entry.source == BOOTSTRAP or self.is_bootstrap
        return tuple(path for path in self.entry.paths if path or ours)

    def may_be_entry(self, applied: Collection[str]) -> bool:
        """Could an agent begin here without saying so? Not at what was put away, or was taken out of another owner.

        Args:
            applied: Files whose owners another one applies in the base.
        """
        path = self.resource.origin.path
        return path not in applied and not any(part.startswith(".") for part in self.place.split("/"))

    @property
    def is_bootstrap(self) -> bool:
        """`flux bootstrap` writes `<path>/flux-system/gotk-sync.yaml` with the Kustomization of `<path>`."""
        return self.place.rpartition("/")[2] == self.resource.id.name == self.resource.id.namespace

    @property
    def own_path(self) -> str | None:
        """The directory that it reads and that its own file lies in, if there is one: it manages itself."""
        path = self.resource.origin.path
        return next((directory for directory in self.paths if inside(path, directory)), None)


def marked_objects(
    tree: Tree, context: SourceContext, marks: Iterable[bytes], where: Callable[[str], bool] = lambda _: True
) -> tuple[Resource, ...]:
    """Every object in files that may have one of the marks in them, as written; others say what cannot be read."""
    found: list[Resource] = []
    for path, document in marked_documents(tree, context, marks, where):
        origin = Origin(path, document.index, (), document.line)
        found.extend(read_objects(document.value, origin, file_locator(path, document)).resources)
    return tuple(found)


def marked_documents(
    tree: Tree, context: SourceContext, marks: Iterable[bytes], where: Callable[[str], bool] = lambda _: True
) -> Iterator[tuple[str, YamlDocument]]:
    """Every document of these files, with its path."""
    marks = (*marks, *_SPELLINGS)
    paths = [
        path
        for path in sorted(tree.entries)
        if path.endswith(MANIFEST_SUFFIXES)
        and where(path)
        and path not in tree.special
        and not path.startswith(RULEBOOK)
        and not matches_any(context.exclude, path)
    ]
    context.documents.load(tree, paths)
    for path in paths:
        data = context.documents.source(tree, path)
        if data is not None and any(mark in data for mark in marks):
            yield from ((path, document) for document in context.documents.read(tree, path).documents)


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


def topmost(
    candidates: Iterable[Candidate], named: Callable[[str], Collection[str]] = lambda _: (), known: Collection[str] = ()
) -> list[tuple[str, tuple[Candidate, ...]]]:
    """Owners whose files no other owner reads, by the directory that they are in.

    Args:
        candidates: Owners.
        named: Files that the kustomization of a directory names, all that it leads to included.
        known: Keys of owners that are entry points whoever else reads them; their groups come first.
    """
    candidates = tuple(candidates)
    groups: dict[str, list[Candidate]] = {}
    read = Counter(path for candidate in candidates for path in frozenset(candidate.paths))
    readers: dict[str, set[str]] = {}
    for path in read:
        for file in named(path):
            readers.setdefault(file, set()).add(path)
    for candidate in candidates:
        above = ancestors(candidate.place)
        by_others = any(read[path] > (path in candidate.paths) for path in above) or not readers.get(
            candidate.resource.origin.path, set()
        ).issubset(candidate.paths)
        if candidate.key in known or (candidate.paths and not by_others):
            groups.setdefault(candidate.place, []).append(candidate)
    first = {place for place, group in groups.items() if any(one.key in known for one in group)}
    return [(place, tuple(groups[place])) for place in sorted(groups, key=lambda place: (place not in first, place))]


def elsewhere(
    candidates: Iterable[Candidate], written: Iterable[Resource], directories: Collection[str]
) -> frozenset[str]:
    """Sources that the tree defines and that are another repository: none of the paths that are read of them is here.

    Args:
        candidates: Owners as files have them.
        written: Objects as files have them.
        directories: Of the tree.
    """
    defined = {f"{one.id.kind} {one.id.namespace}/{one.id.name}" for one in written if one.id.group == _SOURCES}
    here: dict[str, bool] = {}
    for one in candidates:
        for path in filter(None, one.entry.paths):
            here[one.entry.source] = here.get(one.entry.source, False) or path in directories
    return frozenset(source for source, found in here.items() if source in defined and not found)


def forgotten(candidates: Iterable[Candidate], named: Callable[[str], Collection[str]]) -> Iterator[Candidate]:
    """Owners that the kustomization of their own directory does not name, where it names other ones."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.place, []).append(candidate)
    for place, group in groups.items():
        files = named(place)
        without = [one for one in group if one.resource.origin.path not in files]
        yield from without if len(without) < len(group) else ()


def siblings(paths: Iterable[str]) -> Callable[[Candidate], str | None]:
    """Tells the directory beside one of these that an owner lies in: `clusters/b` for one in `clusters/b/apps`."""
    paths = frozenset(paths)
    above = {parent(path) for path in paths} - {""}

    def beside(candidate: Candidate) -> str | None:
        found = next((path for path in ancestors(candidate.place) if parent(path) in above), None)
        return found if found not in paths else None

    return beside


def joined(
    groups: Iterable[tuple[str, tuple[Candidate, ...]]],
    kustomizations: Collection[str],
    beside: Callable[[Candidate], str | None],
) -> list[tuple[str, tuple[Candidate, ...]]]:
    """Groups of owners, those in directories below another group's with that one: what reads it reads them, too."""
    found: dict[str, tuple[Candidate, ...]] = {}
    for place, group in groups:
        above = next((one for one in found if one and lies_at(f"{place}/_", one, kustomizations)), place)
        above = beside(group[0]) or above
        found[above] = (*found.get(above, ()), *group)
    return list(found.items())


def lies_at(path: str, place: str, kustomizations: Collection[str]) -> bool:
    """Does Flux find a file when it is given a directory? A kustomization there, or on the way, decides otherwise."""
    directory = parent(path)
    if directory == place:
        return True
    between = ancestors(directory)
    return (
        bool(place)
        and inside(directory, place)
        and not any(one in kustomizations for one in between if inside(one, place))
    )


def cluster_name(path: str) -> str:
    """`clusters/production` is called `production`; anything else by its path."""
    return path.removeprefix("clusters/") or "."
