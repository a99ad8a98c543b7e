"""What is proposed: base, head, the commits between them and the paths that differ."""

from __future__ import annotations

from dataclasses import dataclass

OBJECT_ID_LENGTHS = (40, 64)
"""Hex digits of a SHA-1 and of a SHA-256 object name; gitgate never uses a shortened one."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A blob, symbolic link or submodule as a git tree lists it.

    Attributes:
        mode: `100644`, `100755`, `120000` (symbolic link) or `160000` (submodule).
        oid: Object name, full hex.
    """

    mode: str
    oid: str


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """One path that differs between two trees; a rename is a deletion and an addition.

    Attributes:
        before: None when the path is added.
        after: None when it is deleted.
    """

    path: str
    before: TreeEntry | None
    after: TreeEntry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposed merge.

    Attributes:
        base: Commit at the current tip of the protected ref; None when there is no history to compare with
            (`gitgate validate`, a first commit).
        head: Commit that is proposed; None for content that is not a commit (the index, files).
        base_name: What the user called the base: `origin/main`.
        head_name: What the user called the head: `HEAD`, `index`.
        tree: Object name of the tree that was judged: the prospective merge; None outside git.
        commits: Reachable from head and not from base, in topological order, newest first.
        paths: Paths in which the judged tree differs from base's tree, sorted.
    """

    base: str | None
    head: str | None
    base_name: str
    head_name: str
    tree: str | None = None
    commits: tuple[str, ...] = ()
    paths: tuple[ChangedPath, ...] = ()
