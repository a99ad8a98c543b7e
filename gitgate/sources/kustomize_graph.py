"""The kustomizations of a tree and what they name, every reference followed and checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath, Location, Position
from gitgate.proposal import Coverage, Problem
from gitgate.sources.documents import DocumentReader
from gitgate.sources.kustomization import (
    FILE_NAMES,
    Flaw,
    Kustomization,
    Reference,
    ReferenceKind,
    is_remote,
    looks_remote,
    read_kustomization,
    read_plugin,
)
from gitgate.sources.kustomize_remote import Frames, beside, how_to_vendor
from gitgate.sources.tree_files import PathKind, Resolved, inside
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument, YamlFile

HARMLESS = frozenset(("yaml-ambiguous-scalar",))
"""YAML problems that are none where kustomize alone reads a file: it writes its reading out, quoted."""
_PLUGIN_DIRECTORY_FIELDS = frozenset(("apiVersion", "kind", "metadata", "resources"))


@dataclass(slots=True)
class Node:
    """A directory with a kustomization; filled while the graph is built, not changed afterwards.

    Attributes:
        directory: Without symbolic links; empty for the tree's root.
        path: The kustomization file.
        kustomization: What it says.
        targets: Directories of the kustomizations that it builds upon.
        files: Files that it names, without symbolic links, and what for.
        links: Symbolic links on the way to them.
        problems: What keeps it from being rendered.
        remote: References among them that kustomize would fetch.
        outside: Files outside of its directory that it names; Flux reads them, other programs do not.
        outside_links: Symbolic links on the way to these.
        strict_problems: What keeps it from being rendered by programs that read no files outside.
    """

    directory: str
    path: str
    kustomization: Kustomization
    document: YamlDocument | None
    targets: dict[str, Reference] = field(default_factory=dict)
    files: dict[str, ReferenceKind] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    remote: list[Reference] = field(default_factory=list)
    outside: dict[str, ReferenceKind] = field(default_factory=dict)
    outside_links: set[str] = field(default_factory=set)
    strict_problems: list[Problem] = field(default_factory=list)

    def blame(self, code: str, message: str, path: FieldPath, fix: str | None = None, detail: str = "") -> None:
        """Note a problem at a field of the kustomization file."""
        self.problems.append(self._problem(code, message, path, fix, detail))

    def blame_strictly(
        self, code: str, message: str, path: FieldPath, fix: str | None = None, detail: str = ""
    ) -> None:
        """Note a problem for programs that read no files outside of the directory."""
        self.strict_problems.append(self._problem(code, message, path, fix, detail))

    def _problem(self, code: str, message: str, path: FieldPath, fix: str | None, detail: str) -> Problem:
        position = self.document.nearest(path) if self.document is not None else None
        return Problem(
            code=code, message=message, location=Location(self.path, position), fix=fix, discriminator=detail
        )


@dataclass(frozen=True, slots=True)
class Closure:
    """Everything that rendering one root reads.

    Attributes:
        root: Directory of the root.
        nodes: Directories of kustomizations, sorted, the root's included.
        files: Every file, the kustomization files included, sorted.
        links: Symbolic links on the way to them, sorted.
        digest: Over paths and object names of all of them: equal digests render equally.
        frame: Over what decides on content that cannot be judged; where nothing of it can be told apart, over
            everything. Owners add what they lay over it.
        partly: Kustomization files of which all is rendered but what is fetched; then no other problem is in the way.
    """

    root: str
    nodes: tuple[str, ...]
    files: tuple[str, ...]
    links: tuple[str, ...]
    digest: str
    frame: str
    partly: frozenset[str] = frozenset()

    def states(self, state: Coverage) -> dict[str, Coverage]:
        """A verdict for all that it reads; what stands beside something fetched is judged in part."""
        states = dict.fromkeys((*self.files, *self.links), state)
        return states | dict.fromkeys(self.partly.intersection(states), Coverage.PARTLY)

    def under(self, value: Mapping[str, Any], layer: object) -> Closure:
        """The same under what an owner lays over it, which counts in what it is known by.

        Args:
            value: The kustomization as the owner renders it; the frame has what counts of it.
            layer: JSON data that is laid over what it renders to.
        """
        laid = json.dumps(layer, sort_keys=True, default=str)
        whole = f"{laid} {json.dumps(value, sort_keys=True, default=str)}"
        framed = f"{self.frame} {laid if self.partly else whole}"
        return replace(self, digest=_sha256(f"{self.digest} {whole}"), frame=_sha256(framed))

    def renewed(self, problem: Problem, before: Closure) -> Problem:
        """The problem known by this digest, if it was known by that of another closure."""
        found = problem.discriminator == before.digest
        return replace(problem, discriminator=self.digest) if found else problem


class KustomizeGraph:
    """All kustomizations of a tree.

    Attributes:
        nodes: By directory.
        crowded: Problems of directories with several kustomization files, which kustomize refuses.
    """

    def __init__(self, tree: Tree, documents: DocumentReader) -> None:
        self._tree = tree
        self._documents = documents
        self._files = documents.files(tree)
        self._own = self._find()
        self.nodes: Mapping[str, Node] = self._own
        for node in self.nodes.values():
            for reference in node.kustomization.references:
                self._follow(node, reference)
        self._find_cycles()

    def referenced(self) -> frozenset[str]:
        """Directories that another kustomization builds upon."""
        return frozenset(target for node in self.nodes.values() for target in node.targets if target != node.directory)

    def files_of(self, kind: ReferenceKind) -> frozenset[str]:
        """Every file that some kustomization takes as that."""
        return frozenset(path for node in self.nodes.values() for path, own in node.files.items() if own is kind)

    def with_root(self, root: Node) -> tuple[KustomizeGraph, tuple[tuple[Reference, Problem], ...]]:
        """This graph with one more kustomization, or another one in the place of one of its own.

        Args:
            root: With nothing followed yet.

        Returns:
            The graph, and what is wrong with references of the new node.
        """
        graph = copy(self)
        graph.nodes = ChainMap({root.directory: root}, self._own)
        blamed: list[tuple[Reference, Problem]] = []
        for reference in root.kustomization.references:
            known = len(root.problems)
            graph._follow(root, reference)  # noqa: SLF001 - its own class
            blamed.extend((reference, problem) for problem in root.problems[known:])
        return graph, tuple(blamed)

    def closure(self, root: str, *, loose: bool = False) -> Closure:
        """Everything that rendering this root reads.

        Args:
            root: Its directory.
            loose: May files lie outside of the directory of the kustomization that names them?
        """
        nodes = self._reached(root)
        own = {node.path for node in nodes if node.path in self._tree.entries}
        files = sorted(own.union(*(node.files for node in nodes), *(node.outside for node in nodes if loose)))
        links = sorted(set().union(*(node.links for node in nodes), *(node.outside_links for node in nodes if loose)))
        digest = hashlib.sha256(repr((root, loose)).encode("utf-8", "backslashreplace"))
        for path in files:
            digest.update(f"{path!r} {self._documents.state(self._tree, path)}\n".encode("utf-8", "backslashreplace"))
        for path in links:
            digest.update(f"{path!r} -> {self._files.link_target(path)!r}\n".encode("utf-8", "backslashreplace"))
        frame, partly = self._frame(nodes, links, digest.hexdigest(), loose=loose)
        directories = tuple(node.directory for node in nodes)
        return Closure(root, directories, tuple(files), tuple(links), digest.hexdigest(), frame, partly)

    def _frame(self, nodes: list[Node], links: list[str], digest: str, *, loose: bool) -> tuple[str, frozenset[str]]:
        if not any(node.problems for node in nodes):
            return digest, frozenset()
        frames = Frames(self._tree, self._documents)
        partly = frozenset(node.path for node in nodes if node.directory in beside(nodes))
        frame = frames.of(nodes, links, loose=loose) if partly else None
        return (digest + frames.named_by_charts(nodes), frozenset()) if frame is None else (frame, partly)

    def files(self, root: str) -> frozenset[str]:
        """Every file that the kustomization of a directory leads to; none where there is no kustomization."""
        nodes = self._reached(root) if root in self.nodes else []
        return frozenset().union(*(node.files for node in nodes), *(node.outside for node in nodes))

    def _reached(self, root: str) -> list[Node]:
        seen = {root}
        waiting = [root]
        while waiting:
            for target in self.nodes[waiting.pop()].targets:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return [self.nodes[directory] for directory in sorted(seen)]

    def _find(self) -> dict[str, Node]:
        found: dict[str, list[str]] = {}
        for path in sorted(self._tree.entries):
            directory, _, name = path.rpartition("/")
            if name in FILE_NAMES and not any(part in {"..", "."} for part in path.split("/")):
                found.setdefault(directory, []).append(path)
        self._documents.load(self._tree, (path for paths in found.values() for path in paths))
        return {directory: self._node(directory, paths) for directory, paths in sorted(found.items())}

    def _node(self, directory: str, paths: list[str]) -> Node:
        path = paths[0]
        file = self._documents.read(self._tree, path)
        document = file.documents[0] if file.documents else None
        kustomization = read_kustomization(document.value if document is not None else None)
        node = Node(directory, path, kustomization, document)
        resolved = self._files.resolve(path)
        node.links.update(resolved.links)
        if resolved.kind is not PathKind.FILE or not inside(resolved.path, directory):
            node.blame(
                "kustomize-escaping-reference", "this kustomization is a link that leads out of its directory", ()
            )
        else:
            node.path = path
            node.files.update({resolved.path: ReferenceKind.FILE} if resolved.links else {})
        for other in paths[1:]:
            message = f"the directory has another kustomization, {other.rpartition('/')[2]}; kustomize refuses both"
            node.blame("kustomize-invalid", message, (), "keep one of them", other)
        if _reading_problems(node, file, self._documents.state(self._tree, path)):
            return node
        for flaw in kustomization.flaws:
            _blame_flaw(node, flaw)
        return node

    def _follow(self, node: Node, reference: Reference) -> None:
        resolved = self._resolve(node, reference, node.directory)
        if resolved is None:
            return
        node.links.update(resolved.links)
        if resolved.kind is PathKind.FILE:
            node.files.setdefault(resolved.path, reference.kind)
            if reference.kind is ReferenceKind.PLUGIN:
                self._read_plugins(node, reference, resolved.path)
        elif reference.kind is ReferenceKind.PLUGIN:
            self._enter_plugin_directory(node, reference, resolved.path)
        else:
            self._enter(node, reference, resolved.path)

    def _resolve(self, node: Node, reference: Reference, directory: str) -> Resolved | None:
        """Where a reference leads; None, and a problem, where that is nowhere that kustomize may go."""
        text = reference.text
        shown = _shown(text)

        def refuse(code: str, message: str, fix: str | None = None) -> None:
            node.blame(f"kustomize-{code}", message, reference.field, fix, text)

        if is_remote(text):
            node.remote.append(reference)
            refuse("remote-reference", f"{shown} would be fetched over the network", how_to_vendor(reference))
            return None
        if text.startswith("/"):
            refuse("absolute-reference", f"{shown} starts at the root of the file system", "Name it relative to here.")
            return None
        resolved = self._files.resolve_from(directory, text)
        takes_directory = reference.kind not in {ReferenceKind.FILE, ReferenceKind.DATA}
        if resolved.kind is PathKind.ESCAPING:
            refuse("escaping-reference", f"{shown} leads out of the repository")
        elif resolved.kind is PathKind.MISSING and looks_remote(text):
            refuse("remote-reference", f"{shown} looks like another repository", "Commit it and name the copy.")
        elif resolved.kind is PathKind.MISSING:
            refuse(
                "dangling-reference",
                f"{shown} is not in the tree",
                "Add it, correct the path, or remove the reference.",
            )
        elif resolved.kind is PathKind.DIRECTORY and not takes_directory:
            refuse("dangling-reference", f"{shown} is a directory where a file is expected")
        elif resolved.kind is PathKind.FILE and reference.kind is ReferenceKind.COMPONENT:
            refuse("dangling-reference", f"{shown} is a file where the directory of a component is expected")
        elif resolved.kind is PathKind.FILE and not inside(resolved.path, directory):
            _note_outside(node, reference, resolved)
        else:
            return resolved
        return None

    def _enter(self, node: Node, reference: Reference, target: str) -> None:
        shown = _shown(reference.text)
        other = self.nodes.get(target)
        if other is None:
            message = f"{shown} has no kustomization.yaml"
            node.blame("kustomize-dangling-reference", message, reference.field, None, reference.text)
        elif inside(node.directory, target):
            message = f"{shown} is this kustomization's own directory or one above it"
            node.blame("kustomize-cycle", message, reference.field, None, reference.text)
        elif other.kustomization.component != (reference.kind is ReferenceKind.COMPONENT):
            wanted = "components" if other.kustomization.component else "resources"
            message = f"{shown} is a {'Component' if other.kustomization.component else 'Kustomization'}"
            fix = f"name it under {wanted}"
            node.blame("kustomize-invalid", f"{message}, which belongs under {wanted}", reference.field, fix, target)
        else:
            node.targets.setdefault(target, reference)

    def _enter_plugin_directory(self, node: Node, reference: Reference, target: str) -> None:
        """A kustomization that renders configuration: followed only while it changes nothing on the way."""
        waiting = [target]
        seen: set[str] = set()
        while waiting:
            directory = waiting.pop()
            other = self.nodes.get(directory)
            plain = other is not None and not (other.kustomization.value.keys() - _PLUGIN_DIRECTORY_FIELDS)
            if other is None or not plain or directory in seen or inside(node.directory, directory):
                message = f"{_shown(reference.text)} renders the configuration of a plugin: it cannot be checked first"
                node.blame("kustomize-exec-function", message, reference.field, None, reference.text)
                return
            seen.add(directory)
            for inner in other.kustomization.references:
                if (
                    resolved := self._resolve(node, Reference(inner.kind, inner.text, reference.field), directory)
                ) is None:
                    return
                if resolved.kind is PathKind.DIRECTORY:
                    waiting.append(resolved.path)
                else:
                    self._read_plugins(node, reference, resolved.path)
            node.targets.setdefault(directory, reference)

    def _read_plugins(self, node: Node, reference: Reference, path: str) -> None:
        """Check the configuration of generators and transformers, and follow what it names."""
        file = self._documents.read(self._tree, path)
        if file.opaque or any(problem.code not in HARMLESS for problem in file.problems):
            message = f"{_shown(reference.text)} cannot be read in one way only"
            node.blame("kustomize-invalid", message, reference.field, None, reference.text)
        for document in file.documents:
            for value in _flat(document.value):
                references, flaws = read_plugin(value, ())
                for flaw in flaws:
                    _blame_flaw(node, Flaw(flaw.code, flaw.message, reference.field, flaw.fix))
                for inner in references:
                    self._follow(node, Reference(inner.kind, inner.text, reference.field))

    def _find_cycles(self) -> None:
        """Blame the reference that closes a circle; without recursion, as a hostile chain may be long."""
        done: set[str] = set()
        for start in self.nodes:
            path: list[tuple[str, Iterator[str]]] = [(start, iter(self.nodes[start].targets))]
            active = {start}
            while path and start not in done:
                directory, targets = path[-1]
                target = next(targets, None)
                if target is None:
                    path.pop()
                    active.discard(directory)
                    done.add(directory)
                elif target in active:
                    node = self.nodes[directory]
                    reference = node.targets[target]
                    message = f"{_shown(reference.text)} leads back to a kustomization that builds upon this one"
                    node.blame("kustomize-cycle", message, reference.field, None, reference.text)
                elif target not in done:
                    active.add(target)
                    path.append((target, iter(self.nodes[target].targets)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _reading_problems(node: Node, file: YamlFile, oid: str) -> bool:
    """Note why a kustomization file cannot be read as one mapping, in one way only."""
    if file.opaque:
        node.blame("kustomize-invalid", f"the kustomization cannot be read: {file.opaque}", (), None, oid)
    for problem in file.problems:
        if problem.code not in HARMLESS:
            location = Location(node.path, problem.position)
            node.problems.append(
                Problem(
                    code=problem.code, message=problem.message, location=location, fix=problem.fix, discriminator=oid
                )
            )
    if not node.problems and len(file.documents) > 1:
        position = Position(file.documents[1].line, 1)
        message = "kustomize reads only the first document of a kustomization file"
        node.problems.append(Problem(code="kustomize-invalid", message=message, location=Location(node.path, position)))
    return bool(node.problems)


def _note_outside(node: Node, reference: Reference, resolved: Resolved) -> None:
    message = f"{_shown(reference.text)} lies outside the kustomization's directory, where kustomize reads no files"
    fix = "Move the file, or give its directory a kustomization and name that."
    node.blame_strictly("kustomize-escaping-reference", message, reference.field, fix, reference.text)
    if reference.kind is not ReferenceKind.PLUGIN:
        node.outside.setdefault(resolved.path, reference.kind)
        node.outside_links.update(resolved.links)


def _blame_flaw(node: Node, flaw: Flaw) -> None:
    node.blame(flaw.code, flaw.message, flaw.field, flaw.fix, flaw.message)


def _flat(value: object) -> Iterable[object]:
    """The objects of a document; kustomize takes lists of generators and transformers apart, too."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict) and str(current.get("kind")).endswith("List") and "items" in current:
            items = current["items"]
            waiting.extend(items if isinstance(items, list) else [])
        else:
            yield current


def _shown(text: str) -> str:
    """A reference as a message shows it: quoted, never with a control character, credentials left out."""
    head, at, tail = text.rpartition("@")
    if at and "://" in head:
        text = f"{head.partition('://')[0]}://…@{tail}"
    return f"'{text if text.isprintable() else text.encode('unicode_escape').decode()}'"
