"""Git objects, through one `git cat-file --batch-command` for as long as a repository is open.

Every answer is checked: it is about the object that was asked for, of the size that was promised, and ends where it
should. A stream that ends early is an error, never a shorter answer.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from gitgate.change import OBJECT_ID_LENGTHS, TreeEntry
from gitgate.errors import IncompleteHistoryError, RepositoryError, ToolError
from gitgate.process import Coprocess
from gitgate.tree import (
    EXECUTABLE,
    FILE,
    LINK,
    MAX_BLOB_BYTES,
    MAX_ENTRIES,
    MAX_PATH_CHARACTERS,
    SUBMODULE,
    too_large,
)

if TYPE_CHECKING:
    from gitgate.git_directory import GitDirectory

_Answer = TypeVar("_Answer", bound=tuple[str, str, object])

_WINDOW = 40
"""Requests under way at once. 40 of at most 74 bytes fit into the smallest pipe (4 KiB), so that writing them never
blocks while git waits for its answers to be read."""
_HEADER = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) ([0-9]{1,18})\Z")
_OID = re.compile(r"[0-9a-f]+\Z")
_COMMIT = re.compile(rb"tree ([0-9a-f]{40,64})\n((?:parent [0-9a-f]{40,64}\n)*)(?:author |committer )")
_TAG = re.compile(rb"object ([0-9a-f]{40,64})\ntype (blob|tree|commit|tag)\n")
_TREE_MODE = re.compile(rb"[0-7]{1,7}\Z")
_DIRECTORY = "040000"
_MAX_DEPTH = 2048  # directories; a path of 4096 bytes cannot have more


@dataclass(frozen=True, slots=True)
class Commit:
    """The two headers of a commit that history is made of, read as git reads them (commit.c, `parse_commit_buffer`)."""

    tree: str
    parents: tuple[str, ...]


class ObjectStore:
    """Reads objects; trees and blobs that were read stay known, as base and head share most of theirs.

    To keep blobs costs nothing: the readers of files keep the same bytes until the end of the run.

    Args:
        batch: A running `git cat-file --batch-command`.
        directory: Where the objects are from; says what to advise when one is missing.
    """

    def __init__(self, batch: Coprocess, directory: GitDirectory) -> None:
        self._batch = batch
        self._directory = directory
        self._raw_oid_bytes = 32 if directory.object_format == "sha256" else 20
        self._trees: dict[str, tuple[tuple[str, str, str], ...]] = {}
        self._blobs: dict[str, bytes] = {}

    def headers(self, oids: Iterable[str]) -> Iterator[tuple[str, str, int]]:
        """Object name, type and size of many objects, in the order asked for.

        Raises:
            IncompleteHistoryError: An object is missing.
            ToolError: git failed.
        """
        for window in _windows(oids):
            self._request("info", window)
            yield from self._complete(window, [self._header(oid) for oid in window])

    def objects(self, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """Object name, type and content of many objects, in the order asked for.

        Raises:
            IncompleteHistoryError: An object is missing.
            RepositoryError: An object has more than `MAX_BLOB_BYTES`.
            ToolError: git failed.
        """
        for window in _windows(oids):
            unknown = [oid for oid in dict.fromkeys(window) if oid not in self._blobs]
            self._request("contents", unknown)
            answers = self._complete(unknown, [self._content(oid) for oid in unknown])
            self._blobs.update((oid, data) for oid, kind, data in answers if kind == "blob")
            others = {oid: (oid, kind, data) for oid, kind, data in answers if kind != "blob"}
            yield from [others.get(oid) or (oid, "blob", self._blobs[oid]) for oid in window]

    def object(self, oid: str) -> tuple[str, bytes]:
        """Type and content of one object; raises as `objects` does."""
        return next((kind, data) for _, kind, data in self.objects((oid,)))

    def commit(self, oid: str) -> Commit:
        """A commit's tree and parents.

        Raises:
            RepositoryError: The object is no commit, or a malformed one.
        """
        kind, data = self.object(oid)
        match = _COMMIT.match(data) if kind == "commit" else None
        if match is None:
            raise RepositoryError(f"object {oid} is not a {'well-formed ' if kind == 'commit' else ''}commit")
        parents = tuple(line[len("parent ") :] for line in match[2].decode("ascii").splitlines())
        return Commit(match[1].decode("ascii"), parents)

    def peel(self, oid: str) -> tuple[str, str]:
        """Object name and type of what a tag, or a chain of tags, is about; any other object is itself."""
        for _ in range(100):
            kind, data = self.object(oid)
            if kind != "tag":
                return oid, kind
            match = _TAG.match(data)
            if match is None:
                raise RepositoryError(f"the tag object {oid} is malformed")
            oid = match[1].decode("ascii")
        raise RepositoryError(f"more than 100 tags are about each other, the last one is {oid}")

    def tree_entries(self, oid: str) -> dict[str, TreeEntry]:
        """All files, links and submodules of a tree by path, sorted.

        Raises:
            RepositoryError: A tree is malformed, too deep or has too many entries.
        """
        entries: dict[str, TreeEntry] = {}
        level, characters = [("", oid)], 0
        for _ in range(_MAX_DEPTH):
            self._learn_trees(tree for _, tree in level)
            below: list[tuple[str, str]] = []
            for prefix, tree in level:
                for name, mode, entry in self._trees[tree]:
                    if mode == _DIRECTORY:
                        below.append((f"{prefix}{name}/", entry))
                    else:
                        entries[prefix + name] = TreeEntry(mode, entry)
                    characters += len(prefix) + len(name)
                if characters > MAX_PATH_CHARACTERS:
                    raise RepositoryError(
                        f"the paths of the tree {oid} have more than {MAX_PATH_CHARACTERS} characters"
                    )
                if len(entries) + len(below) > MAX_ENTRIES:
                    raise RepositoryError(f"the tree {oid} has more than {MAX_ENTRIES} entries")
            if not below:
                return dict(sorted(entries.items()))
            level = below
        raise RepositoryError(f"the tree {oid} is nested deeper than {_MAX_DEPTH} directories")

    def _learn_trees(self, oids: Iterable[str]) -> None:
        missing = dict.fromkeys(oid for oid in oids if oid not in self._trees)
        for oid, kind, data in self.objects(missing):
            if kind != "tree":
                raise RepositoryError(f"object {oid} is a {kind} where a tree was expected")
            self._trees[oid] = self._parse_tree(oid, data)

    def _parse_tree(self, oid: str, data: bytes) -> tuple[tuple[str, str, str], ...]:
        """Name, mode and object name of a tree's entries. Format: git's Documentation/technical, tree-walk.c."""
        entries: list[tuple[str, str, str]] = []
        position, width = 0, self._raw_oid_bytes
        while position < len(data):
            end = data.find(b"\0", position)
            mode, space, name = data[position:end].partition(b" ")
            raw = data[end + 1 : end + 1 + width]
            if end < 0 or not space or not name or b"/" in name or len(raw) != width or not _TREE_MODE.match(mode):
                raise RepositoryError(f"the tree object {oid} is malformed")
            entries.append((name.decode("utf-8", "surrogateescape"), canonical_mode(int(mode, 8)), raw.hex()))
            position = end + 1 + width
        # The same name twice is one file to a reader and another file to the next: never guess which.
        if len({name for name, _, _ in entries}) != len(entries):
            raise RepositoryError(f"the tree object {oid} is malformed: it has an entry twice")
        return tuple(entries)

    def _request(self, command: str, window: Sequence[str]) -> None:
        for oid in window:
            if len(oid) not in OBJECT_ID_LENGTHS or not _OID.match(oid):
                raise ValueError(f"{oid!r} is not a full object name")
        if window:
            self._batch.send("".join(f"{command} {oid}\n" for oid in window).encode("ascii") + b"flush\n")

    def _complete(self, window: Sequence[str], answers: Sequence[_Answer | None]) -> Sequence[_Answer]:
        """All answers, once all are read: whatever a caller does between two of them, the stream stays in step."""
        present = [answer for answer in answers if answer is not None]
        if len(present) != len(window):
            raise self.missing(window[answers.index(None)])
        return present

    def _content(self, oid: str) -> tuple[str, str, bytes] | None:
        header = self._header(oid)
        if header is None:
            return None
        _, kind, size = header
        if size > MAX_BLOB_BYTES:
            self._batch.close()  # the content is on its way, so that nothing else can be read any more
            raise too_large(f"object {oid}", size)
        data = self._batch.read_exactly(size)
        if self._batch.read_exactly(1) != b"\n":
            self._out_of_step(oid)
        return oid, kind, data

    def _header(self, oid: str) -> tuple[str, str, int] | None:
        """Object name, type and size; None when the object is missing."""
        line = self._batch.read_line()
        if line == oid.encode("ascii") + b" missing":
            return None
        match = _HEADER.match(line)
        if match is None or match[1].decode("ascii") != oid:
            self._out_of_step(oid)
        return oid, match[2].decode("ascii"), int(match[3])

    def missing(self, oid: str | None = None) -> IncompleteHistoryError:
        """The error for an object that should be there, with the command that brings it."""
        what = f"object {oid} is missing" if oid else "commits between base and head are missing"
        if self._directory.is_shallow:
            return IncompleteHistoryError(
                f"{what}: the clone is shallow",
                remedy="Run `git fetch --unshallow`; in GitHub Actions give actions/checkout `fetch-depth: 0`.",
            )
        if self._directory.is_partial:
            return IncompleteHistoryError(
                f"{what}: the clone is partial (`--filter`)",
                remedy="Run `git fetch --refetch --no-filter`; in GitHub Actions drop actions/checkout's `filter`.",
            )
        return IncompleteHistoryError(f"{what} in this repository", remedy="Fetch it, or check with `git fsck`.")

    def _out_of_step(self, oid: str) -> NoReturn:
        self._batch.close()
        raise ToolError(f"git cat-file answered something else when asked for object {oid}")


def _windows(oids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(oids)
    while window := list(itertools.islice(remaining, _WINDOW)):
        yield window


class GitTree:
    """A tree object and everything below it; see `tree.Tree` for the methods."""

    def __init__(self, store: ObjectStore, oid: str) -> None:
        self._store = store
        self._oid = oid
        entries = store.tree_entries(oid)
        self._entries = MappingProxyType(entries)
        self._special = MappingProxyType(
            {path: entry for path, entry in entries.items() if entry.mode in (LINK, SUBMODULE)}
        )

    @property
    def oid(self) -> str:
        """Object name of the tree."""
        return self._oid

    @property
    def entries(self) -> Mapping[str, TreeEntry]:
        """See `tree.Tree`."""
        return self._entries

    @property
    def special(self) -> Mapping[str, TreeEntry]:
        """See `tree.Tree`."""
        return self._special

    def size(self, path: str) -> int:
        """See `tree.Tree`."""
        return self.sizes((path,))[path]

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """See `tree.Tree`."""
        wanted = list(paths)
        headers = self._store.headers([self._blob(path) for path in wanted])
        return {path: size for path, (_, _, size) in zip(wanted, headers, strict=True)}

    def read(self, path: str) -> bytes:
        """See `tree.Tree`."""
        return next(data for _, data in self.read_many((path,)))

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `tree.Tree`."""
        wanted = list(paths)
        objects = self._store.objects([self._blob(path) for path in wanted])
        for path, (oid, kind, data) in zip(wanted, objects, strict=True):
            if kind != "blob":
                raise RepositoryError(f"object {oid} is a {kind} where a blob was expected")
            yield path, data

    def _blob(self, path: str) -> str:
        entry = self._entries[path]
        if entry.mode == SUBMODULE:
            raise RepositoryError(f"{path} is a submodule, whose content is in another repository")
        return entry.oid


def canonical_mode(mode: int) -> str:
    """Mode as git understands it. Source: git's cache.h, `canon_mode`."""
    kind = mode & 0o170000
    if kind == 0o100000:
        return EXECUTABLE if mode & 0o100 else FILE
    return {0o120000: LINK, 0o040000: _DIRECTORY}.get(kind, SUBMODULE)
