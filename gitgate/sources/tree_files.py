"""Paths inside a tree as a file system would resolve them: directories, symbolic links, `..`."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from gitgate.sources.paths import MAX_PATH_BYTES
from gitgate.tree import LINK, Tree

_MAXIMUM_LINKS = 40
"""Links followed for one path; Linux's own limit."""


class PathKind(StrEnum):
    """What a path leads to."""

    FILE = "file"
    DIRECTORY = "directory"
    MISSING = "missing"
    ESCAPING = "escaping"
    """Out of the tree, by `..` or by a symbolic link."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a path leads.

    Attributes:
        kind: What is there.
        path: The place without links; empty for the tree's root. Only meaningful for a file or a directory.
        links: Symbolic links that were followed.
    """

    kind: PathKind
    path: str = ""
    links: tuple[str, ...] = ()


class TreeFiles:
    """A tree with its directories, which git knows only by the paths below them."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.directories: frozenset[str] = _directories(tree)
        self._link_targets: dict[str, str] = {}
        self._sorted: list[str] = []

    def below(self, directory: str) -> list[str]:
        """Every path below a directory, at any depth, sorted."""
        if not self._sorted:
            self._sorted = sorted(self.tree.entries)
        if not directory:
            return self._sorted
        # The slash is followed by the digit zero among the characters.
        start, end = bisect_left(self._sorted, f"{directory}/"), bisect_left(self._sorted, f"{directory}0")
        return self._sorted[start:end]

    def resolve(self, path: str) -> Resolved:
        """Follow a path from the tree's root, through symbolic links, never out of the tree."""
        pending = [part for part in reversed(path.split("/")) if part not in {"", "."}]
        current: list[str] = []
        links: list[str] = []
        while pending:
            part = pending.pop()
            if part == ".." and not current:
                return Resolved(PathKind.ESCAPING, links=tuple(links))
            if part == "..":
                current.pop()
                continue
            place = "/".join((*current, part))
            if self._is_link(place):
                links.append(place)
                target = self.link_target(place)
                if target.startswith("/") or not target:
                    return Resolved(PathKind.ESCAPING if target else PathKind.MISSING, links=tuple(links))
                pending.extend(step for step in reversed(target.split("/")) if step not in {"", "."})
            elif place in self.directories:
                current.append(part)
            else:
                is_file = place in self.tree.entries and place not in self.tree.special and not pending
                return Resolved(PathKind.FILE if is_file else PathKind.MISSING, place, tuple(links))
            if len(links) > _MAXIMUM_LINKS:
                return Resolved(PathKind.MISSING, links=tuple(links))
        return Resolved(PathKind.DIRECTORY, "/".join(current), tuple(links))

    def _is_link(self, place: str) -> bool:
        entry = self.tree.special.get(place)
        return entry is not None and entry.mode == LINK

    def resolve_from(self, directory: str, reference: str) -> Resolved:
        """Follow a reference that a file in `directory` makes.

        `..` is taken away from the text before links are followed, as Go's `filepath.Join` does.
        """
        joined = posixpath.normpath(posixpath.join(directory or ".", reference))
        if joined == ".." or joined.startswith("../"):
            return Resolved(PathKind.ESCAPING)
        return self.resolve(joined)

    def link_target(self, path: str) -> str:
        """The text of a symbolic link; empty when it is longer than any file system takes."""
        if path not in self._link_targets:
            text = self.tree.read(path) if self.tree.size(path) <= MAX_PATH_BYTES else b""
            self._link_targets[path] = "" if b"\0" in text else text.decode("utf-8", "surrogateescape")
        return self._link_targets[path]


def parent(path: str) -> str:
    """The directory that a path lies in; empty for the tree's root."""
    return path.rpartition("/")[0]


def ancestors(directory: str) -> tuple[str, ...]:
    """The directory and every one above it, up to the tree's root, which is empty."""
    parts = directory.split("/") if directory else []
    return tuple("/".join(parts[:length]) for length in range(len(parts), -1, -1))


def inside(path: str, directory: str) -> bool:
    """Is the path the directory itself or below it?"""
    return not directory or path == directory or path.startswith(f"{directory}/")


def _directories(tree: Tree) -> frozenset[str]:
    found: set[str] = {""}
    for path in tree.entries:
        directory = parent(path)
        while directory not in found:
            found.add(directory)
            directory = parent(directory)
    return frozenset(found)
