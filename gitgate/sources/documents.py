"""The YAML files of a run, each blob read and parsed once, however many trees and paths it appears in."""

from __future__ import annotations

from collections.abc import Iterable

from gitgate.location import Position
from gitgate.sources.tree_files import PathKind, TreeFiles
from gitgate.tree import Tree
from gitgate.yaml_document import DEFAULT_LIMITS, YamlFile, YamlLimits, YamlProblem, read_yaml


class DocumentReader:
    """Reads files of trees; shared by base and head, which have most blobs in common.

    Symbolic links are followed inside the tree. A blob above `YamlLimits.bytes` is never read: it costs a
    problem, not memory.

    Attributes:
        limits: What is too large to read.
        blobs_read: How many blobs were read from a repository so far.
    """

    def __init__(self, limits: YamlLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.blobs_read = 0
        self._bytes: dict[str, bytes] = {}
        self._files: dict[str, YamlFile] = {}
        self._states: dict[tuple[int, str], str] = {}
        self._trees: dict[int, TreeFiles] = {}

    def files(self, tree: Tree) -> TreeFiles:
        """The tree with its directories and links, worked out once."""
        known = self._trees.get(id(tree))
        if known is None:
            known = self._trees[id(tree)] = TreeFiles(tree)
        return known

    def load(self, tree: Tree, paths: Iterable[str]) -> None:
        """Read the blobs of many paths in one go; what was read before is not read again."""
        new = [path for path in dict.fromkeys(paths) if (id(tree), path) not in self._states]
        reals = [real for path in new if (real := self._real(tree, path)) is not None]
        unknown = [real for real in reals if (id(tree), real) not in self._states]
        sizes = tree.sizes(unknown)
        wanted: dict[str, str] = {}
        for real in unknown:
            if sizes[real] > self.limits.bytes:
                # Without its object name, which for a plain directory means reading the file.
                self._states[id(tree), real] = f"{sizes[real]} bytes"
                continue
            oid = self._states[id(tree), real] = tree.entries[real].oid
            if oid not in self._bytes:
                wanted.setdefault(oid, real)
        oids = {path: oid for oid, path in wanted.items()}
        for path, data in tree.read_many(list(oids)):
            self._bytes[oids[path]] = data
            self.blobs_read += 1

    def state(self, tree: Tree, path: str) -> str:
        """What changes when the content of a path does: its object name, or its size where it is too large to read."""
        known = self._states.get((id(tree), path))
        if known is not None:
            return known
        real = self._real(tree, path)
        if real is None:
            return ""
        if (id(tree), real) not in self._states:
            self.load(tree, (real,))
        return self._states[id(tree), real]

    def source(self, tree: Tree, path: str) -> bytes | None:
        """The bytes of a file; None when there is none, or when it is too large to read."""
        return self._bytes.get(self.state(tree, path))

    def read(self, tree: Tree, path: str) -> YamlFile:
        """A file as YAML; never raises for what the file contains."""
        state = self.state(tree, path)
        if state not in self._files:
            data = self._bytes.get(state)
            if not state:
                self._files[state] = _unreadable("yaml-syntax", "this path leads to no file")
            elif data is None:
                message = f"the file has {state}, more than the limit of {self.limits.bytes}"
                self._files[state] = _unreadable(
                    "yaml-limit", message, fix="Split it, or raise limits.fileBytes in .gitgate/settings.yaml."
                )
            else:
                self._files[state] = read_yaml(data, self.limits)
        return self._files[state]

    def _real(self, tree: Tree, path: str) -> str | None:
        if path in tree.entries and path not in tree.special:
            return path
        resolved = self.files(tree).resolve(path)
        return resolved.path if resolved.kind is PathKind.FILE else None


def _unreadable(code: str, message: str, fix: str | None = None) -> YamlFile:
    problem = YamlProblem(code=code, message=message, position=Position(1, 1), document=0, path=(), fix=fix, fatal=True)
    return YamlFile(documents=(), problems=(problem,), opaque=None)
