"""The judged repository's git directory: where it is, its refs, its objects. Read as plain files; git never opens it.

Its configuration, hooks, attributes, grafts and replace refs are therefore never loaded by anything
(docs/adr/0004-clean-room.md). What is read here is small, and parsed strictly: a ref is a full object name or the
name of another ref, or it is an error.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from gitgate.errors import RepositoryError, UsageError

_MAX_LINKS = 5  # of symbolic refs; git's own SYMREF_MAXDEPTH (refs/refs-internal.h)
_MAX_REF_FILE = 4096
_REF_VALUE = re.compile(rb"(?:([0-9a-f]{40}|[0-9a-f]{64})|ref:\s*(\S.*?))\s*\Z", re.DOTALL)
# git-check-ref-format(1): what a ref's name cannot hold. It also keeps a name from leaving the directory.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:\A|/)\.|\.lock(?:/|\Z)|[./]\Z|\A/|\A@\Z")
_PER_WORKTREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_SHA256 = re.compile(rb"^\s*objectformat\s*=\s*\"?sha256\b", re.IGNORECASE | re.MULTILINE)
_REFTABLE = re.compile(rb"^\s*refstorage\s*=\s*\"?reftable\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """The parts of a repository that gitgate reads.

    Attributes:
        path: The git directory; of a linked work tree its own, which holds HEAD and the index.
        common: The directory that all work trees share, which holds refs and objects.
        object_format: `sha1` or `sha256`.
    """

    path: Path
    common: Path
    object_format: str

    @property
    def objects(self) -> Path:
        """The object directory."""
        return self.common / "objects"

    @property
    def index(self) -> Path:
        """The index, unless the environment names another."""
        return self.path / "index"

    @property
    def is_shallow(self) -> bool:
        """Was history cut off when it was cloned?"""
        return (self.common / "shallow").exists()

    @property
    def is_partial(self) -> bool:
        """Were objects left out when it was cloned (`--filter`)?"""
        return any((self.objects / "pack").glob("*.promisor"))

    def read_ref(self, name: str) -> str | None:
        """Object name that a ref holds, through symbolic refs; None when there is no such ref.

        Args:
            name: Full name, `HEAD` or `refs/…`.

        Raises:
            RepositoryError: The ref is broken.
        """
        for _ in range(_MAX_LINKS + 1):
            value = self._value(name)
            if value is None or not value.startswith("refs/"):
                return value
            name = value
        raise RepositoryError(f"the symbolic ref {name} refers to itself")

    def symbolic_target(self, name: str) -> str | None:
        """The ref that a symbolic ref names, `refs/heads/main` for HEAD; None when it is not symbolic."""
        value = self._value(name)
        return value if value is not None and value.startswith("refs/") else None

    def merge_heads(self) -> tuple[str, ...]:
        """Commits that the merge in progress merges, besides HEAD; empty when none is in progress."""
        data = _read_small(self.path / "MERGE_HEAD", 1 << 16) or b""
        return tuple(re.findall(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$", data.decode("ascii", "replace"), re.MULTILINE))

    def shared_indexes(self) -> tuple[Path, ...]:
        """The other halves of a split index (`core.splitIndex`)."""
        return tuple(sorted(self.path.glob("sharedindex.*")))

    def _value(self, name: str) -> str | None:
        """Object name or ref name that a ref holds."""
        if not is_ref_name(name):
            return None
        own = not name.startswith("refs/") or name.startswith(_PER_WORKTREE)
        data = _read_small((self.path if own else self.common) / name, _MAX_REF_FILE)
        if data is None:
            return self._packed(name)
        match = _REF_VALUE.match(data)
        target = match[2].decode("utf-8", "surrogateescape") if match and match[2] else None
        if match is None or (target is not None and not (target.startswith("refs/") and is_ref_name(target))):
            raise RepositoryError(f"the ref {name} is broken: it holds neither an object name nor a ref's name")
        return target if target is not None else match[1].decode("ascii")

    def _packed(self, name: str) -> str | None:
        try:
            data = (self.common / "packed-refs").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RepositoryError(f"packed-refs cannot be read: {error.strerror}") from error
        pattern = rb"^([0-9a-f]{40}|[0-9a-f]{64}) " + re.escape(name.encode("utf-8", "surrogateescape")) + rb"$"
        match = re.search(pattern, data, re.MULTILINE)
        return match[1].decode("ascii") if match else None


def is_ref_name(name: str) -> bool:
    """May a ref be called that? Source: git-check-ref-format(1)."""
    return bool(name) and _BAD_REF.search(name) is None


def find_git_directory(path: Path | None = None) -> GitDirectory:
    """Find the repository that a path belongs to.

    Upwards from the path, only `.git` counts: a directory that looks like a bare repository may have been committed
    to be taken for one (`safe.bareRepository=explicit`). A path that is named may be a git directory itself.

    Args:
        path: A work tree or anything in it, a `.git`, or a bare repository; the working directory when None.

    Raises:
        UsageError: The path does not exist.
        RepositoryError: There is no repository, or one that cannot be read.
    """
    start = path if path is not None else Path.cwd()
    if not start.exists():
        raise UsageError(f"{start} does not exist")
    start = start.resolve()
    for place in (start, *start.parents):
        if os.path.lexists(place / ".git"):
            return _open(_git_file_target(place / ".git"))
        if place == start and path is not None and _looks_like_git_directory(place):
            return _open(place)
    shown = path if path is not None else "the working directory"
    bare = any(_looks_like_git_directory(place) for place in (start, *start.parents))
    remedy = "Name a bare repository with --git-dir." if bare else "Run gitgate inside one, or name it with --git-dir."
    raise RepositoryError(f"{shown} is not in a git repository", remedy=remedy)


def _git_file_target(place: Path) -> Path:
    """The directory that `.git` is or, where it is a file (work trees, submodules), names."""
    if place.is_dir():
        return place
    data = _read_small(place, _MAX_REF_FILE) or b""
    if not data.startswith(b"gitdir: "):
        raise RepositoryError(f"{place.name} is neither a directory nor a file that names one")
    return place.parent / os.fsdecode(data.removeprefix(b"gitdir: ").rstrip(b"\r\n"))


def _open(path: Path) -> GitDirectory:
    common_file = _read_small(path / "commondir", _MAX_REF_FILE)
    common = path / os.fsdecode(common_file.rstrip(b"\r\n")) if common_file else path
    if not (_looks_like_git_directory(path) and (common / "objects").is_dir()):
        raise RepositoryError(f"{path.name} is not a git directory: HEAD or the object directory is missing")
    config = _read_small(common / "config", 1 << 20) or b""
    if _REFTABLE.search(config) or (common / "reftable").exists():
        raise RepositoryError(
            "the repository keeps its refs in the reftable format, which gitgate cannot read yet",
            remedy="Run `git refs migrate --ref-format=files`, or clone with `git clone --ref-format=files`.",
        )
    # Should this text mislead, no object is found: an error, never another verdict.
    object_format = "sha256" if _SHA256.search(config) else "sha1"
    return GitDirectory(path.resolve(), common.resolve(), object_format)


def _looks_like_git_directory(path: Path) -> bool:
    """Source: git's setup.c, `is_git_directory`."""
    has_objects = (path / "objects").is_dir() or (path / "commondir").is_file()
    return has_objects and os.path.lexists(path / "HEAD")


def _read_small(path: Path, limit: int) -> bytes | None:
    """A regular file of at most `limit` bytes; None when there is none of that name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise _unreadable(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):  # `refs/heads/feature` where only `refs/heads/feature/one` exists
            return None
        if not stat.S_ISREG(mode):
            raise RepositoryError(f"{path.name} in the git directory is no regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise RepositoryError(f"{path.name} in the git directory has more than {limit} bytes")
    return data


def _unreadable(path: Path, error: OSError | ValueError) -> RepositoryError:
    reason = error.strerror if isinstance(error, OSError) else "a name with a NUL byte"
    return RepositoryError(f"{path.name} in the git directory cannot be read: {reason}")
