"""Files that a checkout writes with other content than git holds: attributes that convert, and pointers to LFS.

Argo CD runs git itself, so its checkout follows `.gitattributes` of the tree; what is judged is the content in git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gitgate.location import Location, Position, Precision
from gitgate.path_glob import matches_any
from gitgate.proposal import Problem
from gitgate.tree import Tree

ATTRIBUTES_FILE = ".gitattributes"
_MAXIMUM_BYTES = 1 << 20
# gitattributes(5): what changes content on the way to the work tree. Line ends aside, which YAML does not keep.
_REWRITES = re.compile(r"filter(?:=|\Z)|ident\Z|working-tree-encoding=(?!utf-?8\Z)", re.IGNORECASE)
_PATTERN = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_OTHER_FILES = re.compile(r"\.(?!(?:ya?ml|json)\Z)[A-Za-z0-9]+\Z", re.IGNORECASE)
_POINTER = re.compile(rb"version https?://[^\n]*git-(?:lfs|media)[^\n]*\n(?:[^\n]*\n)*?oid ")


def is_pointer(data: bytes | None) -> bool:
    """Is this what git holds instead of a file in Git LFS? Source: git-lfs, docs/spec.md, "The Pointer"."""
    return data is not None and len(data) < 1024 and _POINTER.match(data) is not None


def pointer_problem(path: str, state: str) -> Problem:
    """The finding for a pointer in place of a manifest."""
    return Problem(
        code="checkout-rewrites",
        message="git holds only a pointer to this file; its content is in Git LFS, where nothing can judge it",
        location=Location(path, None, Precision.FILE),
        fix="Commit the file itself.",
        discriminator=state,
    )


def attribute_problems(tree: Tree, exclude: Iterable[str]) -> Iterator[Problem]:
    """Attributes of the tree that make a checkout convert files which may be manifests."""
    paths = [path for path in tree.entries if path.rpartition("/")[2] == ATTRIBUTES_FILE and path not in tree.special]
    sizes = tree.sizes(paths)
    globs = tuple(exclude)
    for path, data in tree.read_many(path for path in paths if sizes[path] <= _MAXIMUM_BYTES):
        if matches_any(globs, path):
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if _converts_manifests(line):
                yield _attribute_problem(path, Position(number, 1), " ".join(line.split()))
    for path in paths:
        if sizes[path] > _MAXIMUM_BYTES:
            yield _attribute_problem(path, None, str(sizes[path]))


def _converts_manifests(line: str) -> bool:
    """Does a line of attributes convert files on checkout, and may some of these be manifests?"""
    match = _PATTERN.match(line.lstrip())
    if match is None or match[0].startswith("#"):
        return False
    pattern = match[0].strip('"')
    # A macro may be used for anything. What ends in the name of some other format is no manifest.
    concerned = line.lstrip().startswith("[attr]") or not _OTHER_FILES.search(pattern)
    return concerned and any(_REWRITES.match(word) for word in line.lstrip()[match.end() :].split())


def _attribute_problem(path: str, position: Position | None, state: str) -> Problem:
    return Problem(
        code="checkout-rewrites",
        message="an agent's checkout would write manifests with other content than git holds, which is what was judged",
        location=Location(path, position, Precision.FILE if position is None else Precision.EXACT),
        fix="Remove the attribute, or give it to file names that are no manifests, such as *.png.",
        discriminator=state,
    )
