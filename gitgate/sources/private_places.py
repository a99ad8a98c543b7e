"""Private directories for programs that render, one below another, so that they are removed together.

A file system searches long for room for a new file when many others have just been removed (Linux, fs/ext4/ialloc.c,
`recently_deleted`), and a run makes thousands of them. So what is small stays until the end of the run.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

ABSENT = "absent"
"""A directory in a place that nobody makes: where a program looks for what it must not find."""
SMALL = 1 << 18
"""Bytes of content that may stay until the end: a thousand of them are 256 MiB at the most."""


class PrivatePlaces:
    """Gives directories that only this user can enter; all are gone when this is, or when the process ends.

    Raises:
        OSError: From every method, when there is no place for temporary files.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._directory: Path | None = None

    @contextlib.contextmanager
    def place(self, size: int) -> Iterator[Path]:
        """A new directory, without symbolic links in its path.

        Args:
            size: Bytes that will be put there; a large place is removed as soon as it is left.
        """
        with self._lock:
            if self._directory is None:
                # Programs name real paths in their messages.
                self._directory = Path(tempfile.mkdtemp(prefix="gitgate-")).resolve()
                weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
            # Nothing that is written into one can name another.
            place = Path(tempfile.mkdtemp(dir=self._directory))
        try:
            yield place
        finally:
            if size > SMALL:
                shutil.rmtree(place, ignore_errors=True)


def size_of(files: Mapping[str, bytes]) -> int:
    """Bytes of content."""
    return sum(map(len, files.values()))
