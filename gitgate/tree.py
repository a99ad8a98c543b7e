"""Trees: path to bytes, whether from git objects, from a plain directory or from memory.

Everything above asks a `Tree` and never knows where it came from. Paths are repository paths with `/`, relative to the
tree's root; bytes that are not UTF-8 are surrogate-escaped in them (PEP 383).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from gitgate.change import ChangedPath, TreeEntry
from gitgate.errors import RepositoryError, UsageError

FILE: Final = "100644"
EXECUTABLE: Final = "100755"
LINK: Final = "120000"
SUBMODULE: Final = "160000"

MAX_BLOB_BYTES = 256 * 1024 * 1024
"""More than this is never read into memory, whoever asks. Sources set their own, smaller limits with `sizes`."""
MAX_ENTRIES = 1_000_000
"""A few small tree objects can name billions of paths (a "git bomb"); the largest known repositories stay below."""

MAX_PATH_CHARACTERS = 200_000_000
"""All paths of a tree together, directories included; the same attack with longer names."""


class Tree(Protocol):
    """What a merge would leave behind, or what it would replace."""

    @property
    def oid(self) -> str | None:
        """Object name of the tree; None outside git."""

    @property
    def entries(self) -> Mapping[str, TreeEntry]:
        """Every file, symbolic link and submodule by its path, sorted by path; directories are implied."""

    @property
    def special(self) -> Mapping[str, TreeEntry]:
        """Those entries that are no regular files: symbolic links and submodules."""

    def size(self, path: str) -> int:
        """Bytes of a file, or of a link's target, without reading it.

        Raises:
            KeyError: No such entry.
            GitgateError: It cannot be read, or is a submodule.
        """

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """Sizes of many entries, at the price of little more than one."""

    def read(self, path: str) -> bytes:
        """Content of a file, or a symbolic link's target.

        Raises:
            KeyError: No such entry.
            GitgateError: It cannot be read, is a submodule, or holds more than `MAX_BLOB_BYTES`.
        """

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Contents of many entries in the order asked for, at the price of little more than one."""


def diff_trees(before: Tree, after: Tree) -> tuple[ChangedPath, ...]:
    """Paths whose content or mode differs, sorted; a rename is a deletion and an addition."""
    if before.oid is not None and before.oid == after.oid:
        return ()
    old, new = before.entries, after.entries
    return tuple(
        ChangedPath(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def blob_oid(data: bytes) -> str:
    """Object name that git (with SHA-1) gives to a file of that content."""
    digest = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


class MemoryTree:
    """A tree of given contents: standard input, tests, "nothing at all".

    Args:
        files: Path to content.
        links: Path to target of symbolic links.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None, links: Mapping[str, bytes] | None = None) -> None:
        self._contents = {**(files or {}), **(links or {})}
        modes = {**dict.fromkeys(files or {}, FILE), **dict.fromkeys(links or {}, LINK)}
        entries = {path: TreeEntry(modes[path], blob_oid(self._contents[path])) for path in sorted(modes)}
        self._entries = MappingProxyType(entries)
        self._special = MappingProxyType({path: entry for path, entry in entries.items() if entry.mode == LINK})

    @property
    def oid(self) -> None:
        """None: not from git."""
        return

    @property
    def entries(self) -> Mapping[str, TreeEntry]:
        """See `Tree`."""
        return self._entries

    @property
    def special(self) -> Mapping[str, TreeEntry]:
        """See `Tree`."""
        return self._special

    def size(self, path: str) -> int:
        """See `Tree`."""
        return len(self._contents[path])

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """See `Tree`."""
        return {path: self.size(path) for path in paths}

    def read(self, path: str) -> bytes:
        """See `Tree`."""
        return self._contents[path]

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `Tree`."""
        for path in paths:
            yield path, self._contents[path]


class DirectoryTree:
    """Files below a directory, as they are on disk; `.git` is left out and no symbolic link is followed.

    Names and kinds are listed when it is made. A file is read once, when its entry or content is first asked for, so
    that what was named is what is judged even if the file changes meanwhile.

    Args:
        root: The directory that paths are relative to.
        paths: Files and directories below the root to take; everything when empty.

    Raises:
        UsageError: The root or a path does not exist, or lies outside the root.
        RepositoryError: A directory cannot be listed.
    """

    def __init__(self, root: Path, paths: Sequence[Path] = ()) -> None:
        if not root.is_dir():
            raise UsageError(f"{root} is no directory" if root.exists() else f"{root} does not exist")
        self._root = root
        self._modes: dict[str, str] = {}
        for path in paths or (root,):
            self._add(path)
        self._modes = dict(sorted(self._modes.items()))
        self._contents: dict[str, bytes] = {}
        self._entries = _DirectoryEntries(self._modes, self.read)
        special = {path: self._entries[path] for path, mode in self._modes.items() if mode == LINK}
        self._special = MappingProxyType(special)

    @classmethod
    def of(cls, *paths: Path) -> DirectoryTree:
        """The tree of the named files and directories, with paths as the user would type them.

        They are relative to the working directory where all lie below it, and otherwise to the directory that they
        have in common.

        Raises:
            UsageError: A path does not exist.
        """
        for path in paths:
            if not os.path.lexists(path):
                raise UsageError(f"{path} does not exist")
        places = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - resolve() would follow the last link
        root = Path.cwd()
        if not all(place.is_relative_to(root) for place in places):
            root = Path(os.path.commonpath([place if place.is_dir() else place.parent for place in places]))
        return cls(root, places)

    @property
    def oid(self) -> None:
        """None: not from git."""
        return

    @property
    def entries(self) -> Mapping[str, TreeEntry]:
        """See `Tree`. Taking an entry out reads the file; iterating over the paths does not."""
        return self._entries

    @property
    def special(self) -> Mapping[str, TreeEntry]:
        """See `Tree`."""
        return self._special

    def size(self, path: str) -> int:
        """See `Tree`."""
        if path in self._contents:
            return len(self._contents[path])
        if path not in self._modes:
            raise KeyError(path)
        try:
            return (self._root / path).lstat().st_size
        except OSError as error:
            raise _unreadable(path, error) from error

    def sizes(self, paths: Iterable[str]) -> dict[str, int]:
        """See `Tree`."""
        return {path: self.size(path) for path in paths}

    def read(self, path: str) -> bytes:
        """See `Tree`."""
        if path not in self._contents:
            mode = self._modes[path]
            try:
                self._contents[path] = self._read_link(path) if mode == LINK else self._read_file(path)
            except OSError as error:
                raise _unreadable(path, error) from error
        return self._contents[path]

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `Tree`."""
        for path in paths:
            yield path, self.read(path)

    def _read_link(self, path: str) -> bytes:
        return os.fsencode((self._root / path).readlink())

    def _read_file(self, path: str) -> bytes:
        # Without O_NONBLOCK, opening a FIFO waits for somebody to write; O_NOFOLLOW: it was a file when listed.
        descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise RepositoryError(f"{path} is neither a file, a directory nor a symbolic link")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_BLOB_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(data) > MAX_BLOB_BYTES:
            raise too_large(path, status.st_size)
        return data

    def _add(self, path: Path) -> None:
        """List a file or everything below a directory."""
        absolute_root = Path(os.path.abspath(self._root))  # noqa: PTH100 - links in it are the user's business
        place = Path(os.path.abspath(path))  # noqa: PTH100
        if not os.path.lexists(place):
            raise UsageError(f"{path} does not exist")
        if not place.is_relative_to(absolute_root):
            raise UsageError(f"{path} is not below {self._root}")
        name = place.relative_to(absolute_root).as_posix()
        if name == ".":
            self._list("")
        elif place.is_dir() and not place.is_symlink():
            self._list(name)
        else:
            self._modes[name] = _mode_of(place.lstat().st_mode)

    def _list(self, start: str) -> None:
        pending = [start]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(self._root / directory) as found:
                    children = [(child.name, child.stat(follow_symlinks=False).st_mode) for child in found]
            except OSError as error:
                raise _unreadable(directory or ".", error) from error
            for name, mode in children:
                if name == ".git":
                    continue
                path = f"{directory}/{name}" if directory else name
                if stat.S_ISDIR(mode):
                    pending.append(path)
                else:
                    self._modes[path] = _mode_of(mode)
            if len(self._modes) > MAX_ENTRIES:
                raise RepositoryError(f"more than {MAX_ENTRIES} files", remedy="Name the directories to judge.")


class _DirectoryEntries(Mapping[str, TreeEntry]):
    """Entries whose object names are worked out when asked for, as that means reading the file."""

    def __init__(self, modes: Mapping[str, str], read: Callable[[str], bytes]) -> None:
        self._modes = modes
        self._read = read
        self._known: dict[str, TreeEntry] = {}

    def __getitem__(self, path: str) -> TreeEntry:
        if path not in self._known:
            self._known[path] = TreeEntry(self._modes[path], blob_oid(self._read(path)))
        return self._known[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modes)

    def __len__(self) -> int:
        return len(self._modes)

    def __contains__(self, path: object) -> bool:
        return path in self._modes


def too_large(name: str, size: int) -> RepositoryError:
    """The error of a file that no limit of a source kept from being read."""
    return RepositoryError(f"{name} has {size} bytes; at most {MAX_BLOB_BYTES} are read")


def _unreadable(path: str, error: OSError) -> RepositoryError:
    return RepositoryError(f"{path} cannot be read: {error.strerror}")


def _mode_of(mode: int) -> str:
    """Mode as git would record it; what is no file (a FIFO, a device) passes for one until it is read."""
    if stat.S_ISLNK(mode):
        return LINK
    return EXECUTABLE if mode & stat.S_IXUSR else FILE
