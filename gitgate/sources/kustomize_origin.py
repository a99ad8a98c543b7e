"""Where an object that kustomize printed was written: the file, document and line that a person would edit.

kustomize says so itself in an annotation, when a kustomization asks for it (`buildMetadata: [originAnnotations]`).
The annotation is untrusted, as a patch can write it, too: it only ever points at files that the render read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitgate.location import FieldPath, Position
from gitgate.resource import Origin, Trace
from gitgate.sources.documents import DocumentReader
from gitgate.sources.kustomize_graph import Closure, Node
from gitgate.sources.objects import file_locator, read_objects
from gitgate.tree import Tree
from gitgate.yaml_document import read_yaml

ORIGIN_ANNOTATION = "config.kubernetes.io/origin"


@dataclass(frozen=True, slots=True)
class _Written:
    kind: str
    name: str
    origin: Origin


class OriginFinder:
    """Finds the origins of what one root rendered to."""

    def __init__(self, tree: Tree, documents: DocumentReader, closure: Closure, nodes: Mapping[str, Node]) -> None:
        self._tree = tree
        self._documents = documents
        self._closure = closure
        self._nodes = {nodes[directory].path: nodes[directory] for directory in closure.nodes}
        self._files = frozenset(closure.files)
        self._root_file = nodes[closure.root].path
        self._objects: dict[str, tuple[_Written, ...]] = {}
        self._trace = Trace(closure.files)

    def find(self, value: Any) -> Origin:
        """The origin of one rendered object, as close as its annotation allows."""
        annotation = _annotation(value)
        path = self._file(annotation.get("path"))
        if path is not None:
            return self._in_file(path, value)
        path = self._file(annotation.get("configuredIn"))
        if path is not None:
            return self._generator(path, value)
        return self._origin(self._root_file)

    def _file(self, relative: Any) -> str | None:
        if not isinstance(relative, str) or not relative:
            return None
        path = posixpath.normpath(posixpath.join(self._closure.root, relative))
        if path not in self._files:
            resolved = self._documents.files(self._tree).resolve(path)
            path = resolved.path
        return path if path in self._files else None

    def _in_file(self, path: str, value: Any) -> Origin:
        """The one object of that kind in the file, or the one whose name the rendered name grew out of."""
        if path not in self._objects:
            self._objects[path] = tuple(self._list_objects(path))
        kind, name = _kind_and_name(value)
        same = [written for written in self._objects[path] if written.kind == kind]
        if len(same) != 1:
            same = [written for written in same if written.name in name]
            same.sort(key=lambda written: -len(written.name))
        return same[0].origin if same else self._origin(path)

    def _list_objects(self, path: str) -> Iterator[_Written]:
        """The objects of a file as kustomize sees them: it takes apart only what calls itself a list."""
        for document in self._documents.read(self._tree, path).documents:
            origin = self._origin(path, document.index, (), document.line)
            kind, name = _kind_and_name(document.value)
            if kind.endswith("List"):
                objects = read_objects(document.value, origin, file_locator(path, document))
                for resource in objects.resources:
                    yield _Written(resource.id.kind, resource.id.name, resource.origin)
            else:
                yield _Written(kind, name, origin)

    def _generator(self, path: str, value: Any) -> Origin:
        """The entry of a generator: objects that it makes have no file of their own."""
        node = self._nodes.get(path)
        if node is None or node.document is None:
            return self._origin(path)
        kind, name = _kind_and_name(value)
        field = {"ConfigMap": "configMapGenerator", "Secret": "secretGenerator"}.get(kind, "")
        entries = node.kustomization.value.get(field) or []
        best: tuple[int, FieldPath] | None = None
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            own = entry.get("name") if isinstance(entry, dict) else None
            if isinstance(own, str) and own in name and (best is None or len(own) > best[0]):
                best = (len(own), (field, index))
        if best is None:
            return self._origin(path)
        position = node.document.position(best[1]) or Position(1, 1)
        return self._origin(path, node.document.index, best[1], position.line)

    def _origin(self, path: str, document: int = 0, pointer: FieldPath = (), line: int = 1) -> Origin:
        return Origin(path, document, pointer, line, rendered_by=self._closure.root or ".", trace=self._trace)


def without_origin(value: Any) -> Any:
    """The object without the annotation, nor an `annotations` left empty, as kustomize would have printed it."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(annotations, dict):
        return value
    kept = {key: text for key, text in annotations.items() if key != ORIGIN_ANNOTATION}
    stripped = {key: item for key, item in metadata.items() if key != "annotations" or kept}
    return {**value, "metadata": {**stripped, "annotations": kept} if kept else stripped}


def _annotation(value: Any) -> Mapping[str, Any]:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(ORIGIN_ANNOTATION) if isinstance(annotations, dict) else None
    return _read_annotation(text) if isinstance(text, str) else {}


@lru_cache(maxsize=1024)
def _read_annotation(text: str) -> Mapping[str, Any]:
    """Many objects lie in a `config.yaml` beside their kustomization, and say so in the same words."""
    file = read_yaml(text.encode("utf-8", "surrogatepass"))
    origin = file.documents[0].value if file.documents else None
    return origin if isinstance(origin, dict) else {}


def _kind_and_name(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict):
        return "", ""
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return str(value.get("kind")), name if isinstance(name, str) else ""
