"""What Flux leaves out of the copy of a repository that it hands to its controllers: `.sourceignore` and `spec.ignore`.

Sources: fluxcd/pkg, sourceignore/sourceignore.go and artifact/storage/archive.go, `SourceIgnoreFilter`; go-git,
plumbing/format/gitignore, `ParsePattern` and `Match`. Files only count: a directory is there if something in it is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitgate.sources.argocd.globs import matches_segments
from gitgate.sources.documents import DocumentReader
from gitgate.sources.flux.sources import SOURCE_GROUP
from gitgate.sources.owners import Owner, Workshop, items, mapping, text
from gitgate.sources.tree_files import parent
from gitgate.tree import LINK, Tree

IGNORE_FILE = ".sourceignore"
BEING_A_LINK = "being a symbolic link"
"""What keeps a link out of the copy."""
_PATTERNS = 2_000
"""Patterns of one repository that are read; those after them leave nothing out, so that more is judged."""
_NONE = -1
_ALWAYS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_BY_DEFAULT = (
    "*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip", ".github/", ".circleci/", ".travis.yml",
    ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml",
    "**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file, as go-git reads it.

    Attributes:
        parts: Between its slashes.
        domain: Directory that it holds in.
        included: Does it take files in again (`!`)?
        directory: Does it end in a slash?
        anchored: Does it have another slash, so that it begins at its directory?
        told: Where it stands: `.sourceignore:3`.
    """

    parts: tuple[str, ...]
    domain: tuple[str, ...]
    included: bool
    directory: bool
    anchored: bool
    told: str

    @staticmethod
    def parse(line: str, told: str, domain: tuple[str, ...] = ()) -> Pattern:
        """Read one line that is no comment."""
        included = line.startswith("!")
        rest = line[1:] if included else line
        rest = rest if rest.endswith("\\ ") else rest.rstrip(" ")
        directory = rest.endswith("/")
        rest = rest[:-1] if directory else rest
        name = rest.removeprefix("**/")
        # With two stars before it, a name counts anywhere, as it does alone.
        rest = rest if not name or "/" in name or "**" in name else name
        return Pattern(tuple(rest.split("/")), domain, included, directory, "/" in rest, told)

    def matches(self, path: tuple[str, ...]) -> bool:
        """Does it say something about this file?"""
        if len(path) <= len(self.domain) or path[: len(self.domain)] != self.domain:
            return False
        path = path[len(self.domain) :]
        if self.anchored:
            return self._from_the_top(path)
        last = len(path) - 1
        return any(self.fits(name, directory=place != last) for place, name in enumerate(path))

    @property
    def is_of_names(self) -> bool:
        """Does it hold everywhere, and look at one name of a path at a time?"""
        return not self.anchored and not self.domain

    def fits(self, name: str, *, directory: bool) -> bool:
        """Does the name of a file or directory say that what is there is meant, or what is below?"""
        return (directory or not self.directory) and matches_segments(self.parts[0], name)

    def _from_the_top(self, path: tuple[str, ...]) -> bool:
        matched, skipping = False, False
        for index, part in enumerate(self.parts):
            if part == "":
                skipping = False
            elif part == "**":
                if index == len(self.parts) - 1:
                    break
                skipping = True
            elif "**" in part or not path:
                return False
            else:
                place = next((at for at, name in enumerate(path) if matches_segments(part, name)), None)
                if not skipping and place != 0:
                    return False
                matched = place is not None
                path = path[place + 1 :] if place is not None else ()
                skipping = False
        return matched and not (self.directory and not path)


class Artifact:
    """The copy that Flux makes of a tree.

    Args:
        patterns: What it leaves out; of those that fit a file the last one holds.
        checkout: Directories of the repository that are fetched at all; empty for all of them.
        links: Symbolic links, of which it has none. Source: fluxcd/pkg, artifact/storage/storage.go, `Archive`.
    """

    def __init__(
        self, patterns: tuple[Pattern, ...], checkout: tuple[str, ...] = (), links: frozenset[str] = frozenset()
    ) -> None:
        self._patterns = patterns
        self._checkout = checkout
        self._links = links
        backwards = list(reversed(list(enumerate(patterns))))
        self._anywhere = [one for one in backwards if one[1].is_of_names]
        self._elsewhere = [one for one in backwards if not one[1].is_of_names]
        self._names: dict[tuple[str, bool], int] = {}
        self._directories: dict[str, int] = {"": _NONE}
        self._known: dict[str, str | None] = {}

    def excluded_by(self, path: str) -> str | None:
        """What leaves a file out, `.sourceignore:3`; None where it is in the copy."""
        if path in self._links:
            return BEING_A_LINK
        if self._checkout and not path.startswith(self._checkout):
            return "spec.sparseCheckout of the source"
        if path not in self._known:
            directory, _, name = path.rpartition("/")
            named = max(self._of_directory(directory), self._of_name(name, directory=False))
            parts = tuple(path.split("/"))
            fits = (index for index, one in self._elsewhere if index > named and one.matches(parts))
            place = max(named, next(fits, _NONE))
            last = self._patterns[place] if place != _NONE else None
            self._known[path] = None if last is None or last.included else last.told
        return self._known[path]

    def _of_directory(self, path: str) -> int:
        """The last pattern of names that fits a directory or one above it."""
        if path not in self._directories:
            self._directories[path] = max(self._of_name(name, directory=True) for name in path.split("/"))
        return self._directories[path]

    def _of_name(self, name: str, *, directory: bool) -> int:
        """The last pattern of names that fits a name: asked once for each, as trees have few of them."""
        if (name, directory) not in self._names:
            fits = (index for index, one in self._anywhere if one.fits(name, directory=directory))
            self._names[name, directory] = next(fits, _NONE)
        return self._names[name, directory]


def read_artifact(
    tree: Tree,
    documents: DocumentReader,
    ignore: str | None = None,
    source: str = "",
    checkout: tuple[str, ...] = (),
) -> Artifact:
    """The copy of a tree.

    Args:
        tree: The tree.
        documents: Reads its ignore files.
        ignore: `spec.ignore` of the source; None where it has none.
        source: What the source is called.
        checkout: `spec.sparseCheckout` of the source.
    """
    own = list(_from_files(tree, documents))
    if ignore is not None:
        own.extend(_lines(ignore, lambda number: f"line {number} of spec.ignore of {source}"))
    defaults = () if own else _BY_DEFAULT
    fixed = (Pattern.parse(one, "what Flux leaves out by default") for one in (*_ALWAYS, *defaults))
    links = frozenset(path for path, entry in tree.special.items() if entry.mode == LINK)
    return _artifact((*fixed, *own[:_PATTERNS]), checkout, links)


@lru_cache(maxsize=8)
def _artifact(patterns: tuple[Pattern, ...], checkout: tuple[str, ...], links: frozenset[str]) -> Artifact:
    """What is known of a path holds for base and head: hardly any change brings another pattern."""
    return Artifact(patterns, checkout, links)


def artifact_of(owner: Owner, reference: Mapping[str, Any], workshop: Workshop) -> Artifact:
    """The copy of this repository that an owner reads by one of its references to a source."""
    namespace = text(reference.get("namespace")) or owner.namespace
    kind, name = text(reference.get("kind")), text(reference.get("name"))
    source = workshop.world(owner).find(SOURCE_GROUP, kind, namespace, name)
    spec = mapping(source.data.get("spec")) if source is not None else {}
    ignore = spec["ignore"] if isinstance(spec.get("ignore"), str) else None
    key = (ignore, tuple(_directories(spec)))
    if key not in workshop.artifacts:
        workshop.artifacts[key] = read_artifact(
            workshop.tree, workshop.context.documents, ignore, f"{kind} {namespace}/{name}", key[1]
        )
    found: Artifact = workshop.artifacts[key]
    return found


def _directories(spec: Mapping[str, Any]) -> Iterator[str]:
    """What `sparseCheckout` says. Source: go-git, plumbing/format/index, `SkipUnless`: text that paths begin with."""
    for directory in map(text, items(spec.get("sparseCheckout"))):
        if directory:
            path = posixpath.normpath(directory)
            yield "" if path == "." else path


def _from_files(tree: Tree, documents: DocumentReader) -> Iterator[Pattern]:
    """Patterns of every ignore file, those of a directory before those below it."""
    paths = [path for path in tree.entries if path.rpartition("/")[2] == IGNORE_FILE and path not in tree.special]
    documents.load(tree, paths)
    for path in sorted(paths, key=lambda path: parent(path).split("/") if parent(path) else []):
        written = (documents.source(tree, path) or b"").decode("utf-8", "replace")
        domain = tuple(parent(path).split("/")) if parent(path) else ()
        yield from _lines(written, lambda number, path=path: f"{path}:{number}", domain)


def _lines(written: str, told: Any, domain: tuple[str, ...] = ()) -> Iterator[Pattern]:
    for number, line in enumerate(written.split("\n"), 1):
        line = line.removesuffix("\r")  # noqa: PLW2901 - Go's scanner drops it, too
        if not line.startswith("#") and line.strip():
            yield Pattern.parse(line, told(number), domain)
