"""What kustomizations fetch, and whether all else of them can be judged without it (docs/adr/0046).

What is fetched is not known here, so two things are asked. Can what the tree has be rendered alone, and come out as it
does beside what is fetched? And what must stay as it is, so that what becomes of the fetched objects is what somebody
accepted when the reference came? The digest of the latter, the frame, tells a change that only edits objects of the
tree from one that reaches further.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitgate.sources.kustomization import Reference, ReferenceKind
from gitgate.sources.tree_files import PathKind

if TYPE_CHECKING:
    from gitgate.sources.documents import DocumentReader
    from gitgate.sources.kustomize_graph import Node
    from gitgate.tree import Tree

_RESOURCES = ("resources", "bases")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_FILE = re.compile(r"https?://[^/?#\s]+(?:/[^/?#\s]+)+\.(?:ya?ml|json)")
"""A URL that kustomize reads as a file of objects. Of a repository it would read a kustomization, which may have
variables, replacements and configurations that reach objects of the tree."""
_DATA = re.compile(r"https?://\S+")
_NEVER = ("configurations", "crds", "openapi", "vars")
"""Fields that count for all objects of a root, whichever kustomization of it has them."""
_NOT_BESIDE = ("replacements", "generators", "transformers", "validators", "components")
"""Fields by which objects of the tree may reach into those that are fetched beside them."""
_RENAMING = ("replacements", "generators", "transformers", "validators")
_INSIGNIFICANT = frozenset((
    "apiVersion", "kind", "metadata", *_RESOURCES, "namespace", "images", "sortOptions", "buildMetadata",
))  # fmt: skip
"""Fields that cannot make an object be taken for one that others refer to."""
_REFERRED = frozenset((
    "ClusterRole", "ConfigMap", "Deployment", "IngressClass", "PersistentVolume", "PersistentVolumeClaim",
    "PriorityClass", "ReplicaSet", "ReplicationController", "Role", "Secret", "Service", "ServiceAccount",
    "StatefulSet", "StorageClass",
))  # fmt: skip
"""Kinds by whose new names kustomize edits what refers to them. Source: kustomize/api/internal/konfig,
`nameReferenceFieldSpecs`."""
_OWN_ANNOTATIONS = ("config.kubernetes.io/", "config.k8s.io/")
"""Annotations by which kustomize knows former names of an object, and whether it replaces another one."""
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/._?=&@%+~-]*\Z")


def may_be_left_out(reference: Reference) -> bool:
    """Can a kustomization be rendered without this remote reference, and what is beside it be judged?"""
    field = reference.field
    if reference.kind is ReferenceKind.RESOURCE and field[0] in _RESOURCES:
        return bool(_FILE.fullmatch(reference.text))
    return reference.kind is ReferenceKind.DATA and field[0] in _GENERATORS and bool(_DATA.fullmatch(reference.text))


def without_fetched(value: Mapping[str, Any], fetched: Iterable[Reference]) -> Mapping[str, Any]:
    """A kustomization without the entries that name something to fetch."""
    dropped: dict[object, set[object]] = {}
    for reference in fetched:
        dropped.setdefault(reference.field[0], set()).add(reference.field[1])
    kept = {
        name: [one for index, one in enumerate(item) if index not in dropped[name]] if name in dropped else item
        for name, item in value.items()
    }
    kept = {name: item for name, item in kept.items() if item or name not in dropped}
    if not any(item for name, item in kept.items() if name not in {"apiVersion", "kind", "metadata"}):
        kept["generatorOptions"] = {}  # an empty kustomization is an error, and this says nothing
    return kept


def how_to_vendor(reference: Reference) -> str:
    """What to do about a remote reference: a command, where its text has nothing that a shell would take up."""
    name = reference.text.partition("?")[0].rstrip("/").rpartition("/")[2]
    credentials = "://" in reference.text and "@" in reference.text
    if not _PLAIN_TEXT.match(reference.text) or name.startswith("-") or credentials:
        return "Commit what it holds and name the copy."
    if _FILE.fullmatch(reference.text) or reference.kind in {ReferenceKind.DATA, ReferenceKind.FILE}:
        return f"Commit it and name the copy: curl -fsSL -o {name} '{reference.text}'"
    return f"Commit what it renders to and name that: kustomize build '{reference.text}' > upstream.yaml"


@dataclass(frozen=True, slots=True)
class Frames:
    """Digests of what decides on content that is not rendered.

    Attributes:
        tree: What the kustomizations are of.
        documents: Reads files of it.
    """

    tree: Tree
    documents: DocumentReader

    def of(self, nodes: Sequence[Node], links: Iterable[str], *, loose: bool) -> str | None:
        """The frame of a root; None where objects of the tree may change what becomes of the fetched ones.

        Args:
            nodes: Every kustomization of the root.
            links: Symbolic links on the way to its files.
            loose: May they name files outside of their directories?
        """
        together = beside(nodes)
        # What a generator puts into a ConfigMap refers to nothing, so that names do not matter.
        with_names = any(one.field[0] in _RESOURCES for node in nodes for one in node.remote)
        if not all(_is_judged_apart(node, node.directory in together, loose, with_names=with_names) for node in nodes):
            return None
        files = sorted({path for node in nodes for path in self._objects_of(node)})
        self.documents.load(self.tree, files)
        if any(self._is_marked(path) for path in files):
            return None
        counted = _significant(nodes, {node.directory: tuple(self._named(node)) for node in nodes})
        said: list[object] = [with_names, [(path, self._target(path)) for path in sorted(links)]]
        kept = [node for node in nodes if node.directory in (counted if with_names else together)]
        said.extend((node.directory, self._node(node, counted, with_names=with_names)) for node in kept)
        return hashlib.sha256(repr(said).encode("utf-8", "backslashreplace")).hexdigest()

    def named_by_charts(self, nodes: Sequence[Node]) -> str:
        """A digest of what programs would read that kustomizations name and that never run here; empty for none."""
        said: list[str] = []
        for node in nodes:
            codes = {problem.code for problem in node.problems}
            if "kustomize-exec-function" in codes:
                said.extend(self._states(self._below(node.directory)))
            if "kustomize-helm" in codes:
                values = [item for name, item in node.kustomization.value.items() if name.startswith("helm")]
                read = (self.documents.read(self.tree, path).documents for path in self._plugins(node))
                values += [document.value for documents in read for document in documents]
                texts = (text for text in (*_texts(values), "charts") if text)
                named = {path for text in texts for path in self._all_of(node.directory, text)}
                said.extend(self._states(sorted(named)))
        return hashlib.sha256("\n".join(said).encode("utf-8", "backslashreplace")).hexdigest() if said else ""

    def _node(self, node: Node, counted: frozenset[str], *, with_names: bool) -> object:
        """What must stay of a kustomization: its fields, the files that they name, and names that others refer to."""
        value = {name: item for name, item in node.kustomization.value.items() if name not in _RESOURCES}
        fetched = frozenset(node.remote)
        whole = {one.field[:2] for one in fetched}
        read: list[str] = []
        entries: list[object] = []
        for reference in node.kustomization.references:
            kept = reference.field[0] not in _RESOURCES
            if kept and (reference.kind is not ReferenceKind.DATA or reference.field[:2] in whole):
                read.extend(self._states(self._all_of(node.directory, reference.text)))
            elif not kept and reference in fetched:
                entries.append(reference.text)
            elif not kept and with_names:
                entries.extend(self._entry(node, reference, counted))
        return (sorted(value.items(), key=lambda item: item[0]), read, entries)

    def _entry(self, node: Node, reference: Reference, counted: frozenset[str]) -> Iterator[object]:
        resolved = self.documents.files(self.tree).resolve_from(node.directory, reference.text)
        if resolved.kind is not PathKind.DIRECTORY:
            yield from self._names(resolved.path)
        elif resolved.path in counted:
            yield resolved.path

    def _objects_of(self, node: Node) -> Iterator[str]:
        """Files of objects that a kustomization names."""
        files, fetched = self.documents.files(self.tree), frozenset(node.remote)
        for reference in node.kustomization.references:
            if reference.kind is ReferenceKind.RESOURCE and reference not in fetched:
                resolved = files.resolve_from(node.directory, reference.text)
                if resolved.kind is PathKind.FILE:
                    yield resolved.path

    def _named(self, node: Node) -> Iterator[object]:
        for path in self._objects_of(node):
            yield from self._names(path)

    def _names(self, path: str) -> Iterator[object]:
        """Objects of a file that others may refer to, in their order."""
        for value in self._values(path):
            if str(value.get("kind")) in _REFERRED:
                metadata = value.get("metadata")
                place = (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else ()
                yield (value.get("apiVersion"), value["kind"], *place)

    def _is_marked(self, path: str) -> bool:
        """Does an object of a file carry annotations by which kustomize itself goes?"""
        for value in self._values(path):
            metadata = value.get("metadata")
            annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
            if any(mark in str(key) for key in annotations or () for mark in _OWN_ANNOTATIONS):
                return True
        return False

    def _values(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Objects of a file; those of lists one by one."""
        waiting = [document.value for document in reversed(self.documents.read(self.tree, path).documents)]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                yield value
                inner = value.get("items")
                waiting.extend(reversed(inner) if isinstance(inner, list) else ())

    def _plugins(self, node: Node) -> list[str]:
        return sorted(path for path, kind in node.files.items() if kind is ReferenceKind.PLUGIN)

    def _all_of(self, directory: str, text: str) -> list[str]:
        """The file that a text names, or all files of the directory that it names."""
        resolved = self.documents.files(self.tree).resolve_from(directory, text)
        if resolved.kind is PathKind.FILE:
            return [resolved.path]
        return self._below(resolved.path) if resolved.kind is PathKind.DIRECTORY else []

    def _below(self, directory: str) -> list[str]:
        return sorted(self.documents.files(self.tree).below(directory))

    def _states(self, paths: Iterable[str]) -> list[str]:
        return [f"{path!r} {self.documents.state(self.tree, path)}" for path in paths]

    def _target(self, path: str) -> str:
        return self.documents.files(self.tree).link_target(path)


def beside(nodes: Sequence[Node]) -> frozenset[str]:
    """Directories of kustomizations whose objects are together with fetched ones while they are rendered."""
    found = {node.directory for node in nodes if node.remote}
    return _above(nodes, found)


def _significant(nodes: Sequence[Node], named: Mapping[str, Sequence[object]]) -> frozenset[str]:
    """Directories of kustomizations from which names may come that others refer to."""
    found = {
        node.directory
        for node in nodes
        if node.remote or named[node.directory] or node.kustomization.component
        or not node.kustomization.value.keys() <= _INSIGNIFICANT
    }  # fmt: skip
    return _above(nodes, found)


def _above(nodes: Sequence[Node], found: set[str]) -> frozenset[str]:
    """These kustomizations, and all that build upon them."""
    users: dict[str, list[str]] = {}
    for node in nodes:
        for target in node.targets:
            users.setdefault(target, []).append(node.directory)
    waiting = list(found)
    while waiting:
        more = [user for user in users.get(waiting.pop(), ()) if user not in found]
        found.update(more)
        waiting.extend(more)
    return frozenset(found)


def _is_judged_apart(node: Node, is_beside: bool, loose: bool, *, with_names: bool) -> bool:  # noqa: FBT001 - internal
    """Does a kustomization keep what is fetched and what the tree has apart?"""
    value = node.kustomization.value
    if len(node.problems) != len(node.remote) or not all(map(may_be_left_out, node.remote)):
        return False
    if (node.strict_problems and not loose) or any(value.get(name) for name in _NEVER):
        return False
    if is_beside and (any(value.get(name) for name in _NOT_BESIDE) or node.kustomization.component):
        return False
    if is_beside and any(_behavior(one) not in {"", "create", "unspecified"} for one in _entries(value, _GENERATORS)):
        return False
    return not (with_names and (any(value.get(name) for name in _RENAMING) or any(map(_may_rename, _patches(value)))))


def _may_rename(patch: Mapping[str, Any]) -> bool:
    """May a patch rename objects by what is in them, and not by the names that they have?"""
    target = patch.get("target")
    selects = isinstance(target, dict) and (target.get("labelSelector") or target.get("annotationSelector"))
    return bool(patch.get("options") or selects)


def _patches(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return _entries(value, ("patches", "patchesJson6902"))


def _behavior(entry: Mapping[str, Any]) -> str:
    return str(entry.get("behavior") or "")


def _entries(value: Mapping[str, Any], names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        items = value.get(name)
        yield from (one for one in (items if isinstance(items, list) else ()) if isinstance(one, dict))


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
