"""Names and links in a tree: what a checkout would trip over, and where symbolic links lead.

Pure functions of a `Tree`. Links are followed inside the tree only, never on a disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitgate.location import Location, Precision
from gitgate.proposal import Problem
from gitgate.tree import LINK, SUBMODULE, Tree

MAX_PATH_BYTES = 4096
"""PATH_MAX of Linux; git gives up on longer ones too."""
MAX_NAME_BYTES = 255
"""NAME_MAX of Linux."""
_MAX_LINKS = 40
"""Links on one way, as in Linux (fs/namei.c, MAXSYMLINKS)."""
# Names that need no closer look: they neither begin nor end with a dot.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_@+=,-][A-Za-z0-9._@+=,-]{0,253}[A-Za-z0-9_@+=,-]\Z")
# Code points that HFS+ ignores in names. Source: git's utf8.c, `next_hfs_char`.
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# `.git` in all the ways that NTFS spells it. Source: git's path.c, `is_ntfs_dotgit`.
_NTFS_GIT = re.compile(r"(?:\.git|git~1)(?:[ .]*\Z|[ .]*[:\\])", re.IGNORECASE)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LinkProblem:
    """Why a path leads to no file of the tree.

    Attributes:
        code: `symlink-escape`, `symlink-loop`, `symlink-dangling`, or `path-missing` where no link is to blame.
        message: One sentence, complete without the location.
        link: The symbolic link at fault; the path itself for `path-missing`.
    """

    code: str
    message: str
    link: str


def path_problems(tree: Tree) -> tuple[Problem, ...]:
    """Everything about names, links and submodules that a reader of the tree could be misled by, sorted by path."""
    paths = tuple(tree.entries)
    found = [*_name_problems(paths), *_collisions(paths), *_special_problems(tree)]
    return tuple(sorted(found, key=lambda problem: (problem.location.path, problem.code, problem.message)))


def is_git_name(name: str) -> bool:
    """Would some file system take this name for `.git`?"""
    return bool(_NTFS_GIT.match(name)) or _HFS_IGNORED.sub("", name).casefold() == ".git"


class LinkResolver:
    """Follows symbolic links inside one tree; reads all their targets once.

    Args:
        tree: The tree; nothing outside it is looked at.
    """

    def __init__(self, tree: Tree) -> None:
        self._files = tree.entries
        self._special = tree.special
        self._directories = _directories(tree.entries)
        links = [path for path, entry in tree.special.items() if entry.mode == LINK]
        sizes = tree.sizes(links)
        self._targets = dict(tree.read_many(path for path in links if sizes[path] <= MAX_PATH_BYTES))

    def resolve(self, path: str) -> str | LinkProblem:
        """The file or directory of the tree that a path leads to; the empty string is the root.

        Args:
            path: Relative to the tree's root; may go through links, `.` and `..`.
        """
        pending = path.split("/")[::-1]
        reached: list[str] = []
        link, followed = "", 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == ".." and reached:
                reached.pop()
                continue
            place = "/".join((*reached, name))
            if fault := self._fault(name, place, last=not pending):
                return _problem(*fault, path=path, link=link)
            if place not in self._special:
                reached.append(name)
                continue
            link, followed = place, followed + 1
            target = self._targets.get(link, b"")
            if fault := _target_fault(target) if followed <= _MAX_LINKS else ("symlink-loop", "leads back to itself"):
                return _problem(*fault, path=path, link=link)
            pending.extend(target.decode("utf-8", "surrogateescape").split("/")[::-1])
        return "/".join(reached)

    def _fault(self, name: str, place: str, *, last: bool) -> tuple[str, str] | None:
        """Code and reason why the way cannot go on to a place."""
        if name == "..":
            return "symlink-escape", "leaves the repository"
        if is_git_name(name):
            return "symlink-escape", "leads into the git directory"
        if place in self._special:
            is_submodule = self._special[place].mode == SUBMODULE
            return ("symlink-escape", "leads into a submodule") if is_submodule else None
        if place in self._directories or (last and place in self._files):
            return None
        return "symlink-dangling", "leads to nothing"


def _target_fault(target: bytes) -> tuple[str, str] | None:
    if target.startswith(b"/"):
        return "symlink-escape", "is absolute"
    if not target or b"\0" in target:
        return "symlink-dangling", "has a target that is empty, too long or holds a NUL byte"
    return None


def _problem(code: str, what: str, *, path: str, link: str) -> LinkProblem:
    if not link:
        code = "path-missing" if code == "symlink-dangling" else code
        return LinkProblem(code, f"The path {what}", path)
    return LinkProblem(code, f"The symbolic link {what}", link)


def _name_problems(paths: Sequence[str]) -> Iterator[Problem]:
    names: set[str] = set()
    for path in paths:
        names.update(path.split("/"))
    odd = (name for name in names if not _PLAIN_NAME.match(name))
    bad = {name: problems for name in odd if (problems := tuple(_judge_name(name)))}
    for path in paths:
        if bad:
            found = {code: message for name in path.split("/") for code, message in bad.get(name, ())}
            for code, message in found.items():
                yield _path_problem(code, message, path)
        # No character takes more than four bytes, so that shorter paths need no encoding.
        if len(path) > MAX_PATH_BYTES // 4 and len(path.encode("utf-8", "surrogateescape")) > MAX_PATH_BYTES:
            yield _path_problem("path-reserved", f"The path is longer than {MAX_PATH_BYTES} bytes", path)


def _judge_name(name: str) -> Iterator[tuple[str, str]]:
    """Codes and messages for one component of a path."""
    if name in ("", ".", ".."):
        yield "path-reserved", f"The path has the component {name!r}, which no checkout can hold"
    elif is_git_name(name):
        yield "path-reserved", "The path has a component that a file system may take for .git"
    elif "\\" in name:
        yield "path-reserved", "The path has a backslash, which separates directories on Windows"
    elif name[-1] in ". ":
        yield "path-reserved", "The path has a component that ends in a dot or a space, which Windows drops"
    elif len(name.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
        yield "path-reserved", f"The path has a component longer than {MAX_NAME_BYTES} bytes"
    if _SURROGATE.search(name):
        yield "path-not-utf8", "The path is not UTF-8"
    hidden = [character for character in name if unicodedata.category(character) in _HIDDEN_CATEGORIES]
    if hidden:
        code_point = f"U+{ord(hidden[0]):04X}"
        shown = unicodedata.name(hidden[0], "")
        yield "path-hidden-character", f"The path has the invisible character {code_point} {shown}".rstrip()


def _collisions(paths: Sequence[str]) -> Iterator[Problem]:
    """Names that differ in the tree and are one on a file system that ignores case or normalises Unicode."""
    names = {*paths, *_directories(paths)}
    keys = {path.lower() if path.isascii() else _folded(path) for path in names}
    if len(keys) == len(names):
        return
    first: dict[str, str] = {}
    for path in sorted(names):
        other = first.setdefault(_folded(path), path)
        # Below two directories that collide everything does; say it once, of the directories.
        if other != path and other.rpartition("/")[0] == path.rpartition("/")[0]:
            message = "The path differs from another only in case or Unicode form, so that a checkout may mix them up"
            yield _path_problem("path-collision", f"{message}: {other}", path)


def _folded(path: str) -> str:
    """Canonical caseless matching. Source: Unicode 15, section 3.13, D145."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _special_problems(tree: Tree) -> Iterator[Problem]:
    if not tree.special:
        return
    resolver = LinkResolver(tree)
    for path, entry in tree.special.items():
        if entry.mode == SUBMODULE:
            message = f"The path is a submodule at commit {entry.oid}; what it holds is not judged"
            yield _path_problem("submodule", message, path, entry.oid)
        else:
            outcome = resolver.resolve(path)
            if isinstance(outcome, LinkProblem):
                code = outcome.code if outcome.code != "path-missing" else "symlink-dangling"
                by = "" if outcome.link == path else f", by way of {outcome.link}"
                yield _path_problem(code, outcome.message + by, path)


def _directories(paths: Iterable[str]) -> frozenset[str]:
    """Every directory that some path lies in."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return frozenset(found)


def _path_problem(code: str, message: str, path: str, state: str = "") -> Problem:
    return Problem(code=code, message=message, location=Location(path, precision=Precision.FILE), discriminator=state)
