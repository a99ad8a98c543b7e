"""Which paths differ between two trees, from raw tree objects: only what differs is read, and names are exact."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gitgate.change import ChangedPath, TreeEntry
from gitgate.errors import RepositoryError
from gitgate.git_objects import canonical_mode
from gitgate.tree import MAX_ENTRIES, MAX_PATH_CHARACTERS

LINK = "120000"
SUBMODULE = "160000"
_DIRECTORY = "040000"
_CACHED_TREES = 4096
_DEEPEST = 256
_NO_NAMES = frozenset({b"", b".", b"..", b".git"})
"""What git writes into no tree, as no checkout can hold it (git/read-cache.c, `verify_path`)."""
_MODE = re.compile(rb"[0-7]{5,6}\Z")

ObjectReader = Callable[[str], tuple[str, bytes]]
"""Type and content of an object by its full name."""


@dataclass(frozen=True, slots=True)
class TreeChanges:
    """What differs.

    Attributes:
        paths: Files, links and submodules, sorted.
        collisions: Added names that a file system which ignores case or Unicode form takes for another one there.
    """

    paths: tuple[ChangedPath, ...] = ()
    collisions: tuple[str, ...] = ()


class TreeComparer:
    """Compares trees of one repository, remembering those that it read last."""

    def __init__(self, read: ObjectReader) -> None:
        self._read = read
        self._cache: OrderedDict[str, Mapping[str, TreeEntry]] = OrderedDict()
        self._directories = 0

    def compare(self, before: str | None, after: str | None) -> TreeChanges:
        """Differences between two tree objects; None is the empty tree.

        Raises:
            RepositoryError: A tree is missing or malformed.
        """
        collisions: list[str] = []
        paths: list[ChangedPath] = []
        characters = self._directories = 0
        for change in self._differences(before, after, "", collisions, 0):
            paths.append(change)
            characters += len(change.path)
            if len(paths) > MAX_ENTRIES or characters > MAX_PATH_CHARACTERS:
                raise _too_many(before, after)
        paths.sort(key=lambda change: change.path)
        return TreeChanges(tuple(paths), tuple(sorted(collisions)))

    def moved(self, first: str, second: str, merged: str) -> tuple[ChangedPath, ...]:
        """Paths of a merge that are neither side's, though only one side has them: git followed a rename there.

        Where one side moved a file, git carries the other side's edits to the new path, which no commit of that
        side names. Each is shown against `first`. Source: git's Documentation/technical/directory-rename-detection.

        Args:
            first: Tree of one side.
            second: Tree of the other.
            merged: Tree of what was made of both.

        Raises:
            RepositoryError: A tree is missing or malformed.
        """
        if merged in {first, second}:
            return ()
        against = {change.path: change for change in self.compare(second, merged).paths}
        return tuple(
            change
            for change in self.compare(first, merged).paths
            if change.path in against
            and change.after is not None
            and (change.before is None or against[change.path].before is None)
        )

    def blob(self, oid: str) -> bytes:
        """The content of a blob.

        Raises:
            RepositoryError: It is missing or something else.
        """
        kind, data = self._read(oid)
        if kind != "blob":
            raise RepositoryError(f"object {oid} is a {kind} where a blob was expected")
        return data

    def _differences(
        self, before: str | None, after: str | None, prefix: str, collisions: list[str], depth: int
    ) -> Iterator[ChangedPath]:
        if before == after:
            return
        if depth > _DEEPEST:
            raise RepositoryError(f"trees are nested deeper than {_DEEPEST} directories")
        self._directories += 1
        if self._directories > MAX_ENTRIES:
            raise _too_many(before, after)
        old, new = self._entries(before), self._entries(after)
        collisions += _collisions(old, new, prefix)
        for name in old.keys() | new.keys():
            left, right = old.get(name), new.get(name)
            if left == right:
                continue
            path = prefix + name
            left_tree, left_file = _split(left)
            right_tree, right_file = _split(right)
            if left_file != right_file:
                yield ChangedPath(path, left_file, right_file)
            yield from self._differences(left_tree, right_tree, path + "/", collisions, depth + 1)

    def _entries(self, oid: str | None) -> Mapping[str, TreeEntry]:
        if oid is None:
            return MappingProxyType({})
        if oid in self._cache:
            self._cache.move_to_end(oid)
            return self._cache[oid]
        kind, data = self._read(oid)
        if kind != "tree":
            raise RepositoryError(f"object {oid} is a {kind} where a tree was expected")
        self._cache[oid] = parse_tree(oid, data)
        if len(self._cache) > _CACHED_TREES:
            self._cache.popitem(last=False)
        return self._cache[oid]


def parse_tree(oid: str, data: bytes) -> Mapping[str, TreeEntry]:
    """Entries of a raw tree object by name. Format: `mode SP name NUL raw-object-name` (git/tree-walk.c).

    Git relies on the order of the names: of two trees with the same entries in different orders, it takes some for
    removed and added again, so that a merge forgets what the other side did to them.

    Raises:
        RepositoryError: Malformed, a name stands twice, or the names are out of order.
    """
    entries: dict[str, TreeEntry] = {}
    width = len(oid) // 2
    offset, last = 0, b""
    while offset < len(data):
        end = data.find(b"\0", offset)
        mode, blank, name = data[offset:end].partition(b" ")
        raw = data[end + 1 : end + 1 + width]
        text = name.decode("utf-8", "surrogateescape")
        malformed = (
            name.lower() in _NO_NAMES
            or end < 0
            or not blank
            or b"/" in name
            or len(raw) != width
            or not _MODE.match(mode)
        )
        if malformed or text in entries:
            raise RepositoryError(f"the tree object {oid} is malformed")
        # What git takes for a directory is one, however its mode is written: else its files would have no names here.
        entries[text] = TreeEntry(canonical_mode(int(mode, 8)), raw.hex())
        # Directories are sorted as if their names ended with a slash (git/read-cache.c, base_name_compare).
        place = name + b"/" if entries[text].mode == _DIRECTORY else name
        if place <= last:
            raise RepositoryError(f"the tree object {oid} is malformed: its entries are not in order")
        offset, last = end + 1 + width, place
    return MappingProxyType(entries)


def escapes(path: str, target: bytes) -> bool:
    """Does a symbolic link at this path lead out of the repository, by its text?"""
    text = target.decode("utf-8", "surrogateescape")
    if text.startswith("/") or "\0" in text:
        return True
    depth = path.count("/")
    for part in text.split("/"):
        depth += 0 if part in {"", "."} else -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _too_many(before: str | None, after: str | None) -> RepositoryError:
    """A few trees that hold each other can stand for more files than there is memory, or for endless directories."""
    return RepositoryError(f"the trees {before} and {after} differ in more paths than are examined")


def _split(entry: TreeEntry | None) -> tuple[str | None, TreeEntry | None]:
    """An entry as a directory's object name or as a file, whichever it is."""
    if entry is None:
        return None, None
    return (entry.oid, None) if entry.mode == _DIRECTORY else (None, entry)


def _collisions(old: Mapping[str, TreeEntry], new: Mapping[str, TreeEntry], prefix: str) -> Iterator[str]:
    added = new.keys() - old.keys()
    if not added:
        return
    names: dict[str, list[str]] = {}
    for name in new:
        names.setdefault(unicodedata.normalize("NFC", name.casefold()), []).append(name)
    for same in names.values():
        if len(same) > 1 and any(name in added for name in same):
            yield from (prefix + name for name in same if name in added)
