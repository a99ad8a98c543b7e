"""What kustomize and Helm printed in earlier runs, kept in a private directory by the content that they read.

Only what a program printed is kept, never a judgement: every run reads and judges it anew. The directory belongs to one
user; what another one could have written is not read. An entry counts only with the digest that it was written with.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitgate import __version__

_FORMAT = "gitgate renders 2"
"""Raised when the parts that renderers keep change, as entries of other formats are never read."""
_ENTRY_LIMIT = 256 * 1024 * 1024
_HEADER_LIMIT = 4_096
_KEPT = 5_000
"""Entries; the oldest ones go first."""


@dataclass(slots=True)
class RenderCache:
    """Renders of earlier runs; whatever is wrong with the directory, nothing is found in it.

    Attributes:
        directory: Private to the user; None keeps nothing.
        reused: How many renders were found.
        kept: How many were written.
    """

    directory: Path | None = None
    reused: int = 0
    kept: int = 0
    _usable: bool | None = field(default=None, repr=False)

    @staticmethod
    def of_user() -> RenderCache:
        """The cache of whoever runs the program: `$XDG_CACHE_HOME/gitgate/renders`, `~/.cache` without it."""
        named = os.environ.get("XDG_CACHE_HOME", "")
        try:
            home = Path(named) if named and Path(named).is_absolute() else Path.home() / ".cache"
        except RuntimeError:
            return RenderCache()
        return RenderCache(home / "gitgate" / "renders")

    def find(self, key: str) -> tuple[bytes, ...] | None:
        """What was printed for a key; None when that is not known for certain."""
        if not self._is_usable():
            return None
        assert self.directory is not None  # noqa: S101 - it is usable
        try:
            descriptor = os.open(self.directory / key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            parts = _read(descriptor, key)
        finally:
            os.close(descriptor)
        if parts is not None:
            self.reused += 1
        return parts

    def keep(self, key: str, parts: Sequence[bytes]) -> None:
        """Write an entry, all of it or nothing; a directory that is full or gone is nothing to complain of."""
        if sum(map(len, parts)) > _ENTRY_LIMIT or not self._is_usable():
            return
        assert self.directory is not None  # noqa: S101 - it is usable
        try:
            descriptor, name = tempfile.mkstemp(dir=self.directory, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(_header(key, parts))
                    stream.writelines(parts)
                Path(name).replace(self.directory / key)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError:
            return
        self.kept += 1

    def tidy(self) -> None:
        """Remove the oldest entries above the limit."""
        if not self.kept or self.directory is None:
            return
        try:
            entries = sorted(
                (entry.stat(follow_symlinks=False).st_mtime, entry.path) for entry in os.scandir(self.directory)
            )
            for _, path in entries[: max(len(entries) - _KEPT, 0)]:
                Path(path).unlink(missing_ok=True)
        except OSError:
            return

    def _is_usable(self) -> bool:
        if self._usable is None:
            self._usable = self.directory is not None and _is_private(self.directory)
        return self._usable


def key_of(program: Sequence[str], parts: Iterable[bytes]) -> str:
    """Names a render: this version of gitgate, the program, and all that it reads.

    Args:
        program: Its path and whatever else tells one version from another.
        parts: Names and contents, in an order of their own; their limits count.
    """
    found = hashlib.sha256(
        repr((_FORMAT, __version__, *program, *map(_identity, program[:1]))).encode("utf-8", "replace")
    )
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def _identity(program: str) -> tuple[int, ...]:
    """Changes when another program is put in the place of this one."""
    try:
        found = Path(program).stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _is_private(directory: Path) -> bool:
    """Make the directory, and see that nobody else can write into it."""
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        places = [directory.lstat(), directory.parent.lstat()]
    except OSError:
        return False
    return all(
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022 for found in places
    )


def _digest(key: str, parts: Sequence[bytes]) -> str:
    found = hashlib.sha256(key.encode())
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def _header(key: str, parts: Sequence[bytes]) -> bytes:
    header = {"format": _FORMAT, "key": key, "sizes": list(map(len, parts)), "sha256": _digest(key, parts)}
    return json.dumps(header).encode().ljust(_HEADER_LIMIT - 1) + b"\n"


def _read(descriptor: int, key: str) -> tuple[bytes, ...] | None:
    """The parts of an entry, if it is whole and the user's own."""
    found = os.fstat(descriptor)
    private = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not private or found.st_size > _ENTRY_LIMIT + _HEADER_LIMIT:
        return None
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            header = json.loads(stream.read(_HEADER_LIMIT))
            body = stream.read()
        sizes = header["sizes"]
        if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) != len(body):
            return None
        parts, start = [], 0
        for size in sizes:
            parts.append(body[start : start + size])
            start += size
        return tuple(parts) if header["sha256"] == _digest(key, parts) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
