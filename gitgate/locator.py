"""From a field of an object to the line that a person would edit.

Checks name an object and a field; only here does that become file, line and column, for the few findings that there
are (docs/design.md, "Symbolic first"). In a rendered object the file that kustomize names is asked first; where its
text says something else, a patch said it, and the patch is what has to be edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gitgate.finding import Finding
from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Coverage, Snapshot
from gitgate.resource import Origin, ResourceId
from gitgate.sources.base import MANIFEST_SUFFIXES
from gitgate.sources.documents import DocumentReader
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument, read_yaml

_EXCERPT_LENGTH = 160
"""Characters; enough for a line of a manifest, too little to hide a page in."""
_ABOUT_THE_KEY = frozenset({"schema/unknown-field"})
"""Rules that find fault with a field's name; the others point at its value."""
_SECRET_KIND = re.compile(rb"[\"']?kind[\"']?\s*:\s*[\"']?Secret\b")
_SENSITIVE_KEY = re.compile(r"(?i)(passw|token|secret|credential|private|api_?key|auth)[\w.-]*[\"']?\s*:\s*\S")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Text:
    """A file taken apart.

    Attributes:
        lines: Without their ends.
        secret: Whether it may hold a Secret.
    """

    lines: tuple[bytes, ...]
    secret: bool


class Locator:
    """Gives the findings of one tree their places.

    Args:
        tree: The tree that they are about.
        snapshot: What it rendered to.
        reader: Has read its files.
    """

    def __init__(self, tree: Tree, snapshot: Snapshot, reader: DocumentReader) -> None:
        self._tree = tree
        self._snapshot = snapshot
        self._reader = reader
        self._last: tuple[str, _Text] = ("", _Text((), secret=False))

    def locate(self, finding: Finding) -> Finding:
        """The finding with its place and the text of that line; what it has already stays."""
        location = finding.location
        if location is None and finding.origin is not None:
            location = self._of_field(finding.origin, finding)
        if location is None:
            return finding
        return replace(finding, location=replace(location, excerpt=self._excerpt(location)))

    def _of_field(self, origin: Origin, finding: Finding) -> Location:
        document = self._document(origin)
        if document is None:
            return Location(origin.path, Position(origin.line, 1), Precision.FILE)
        at_key = finding.rule in _ABOUT_THE_KEY
        if origin.rendered_by is None:
            path = (*origin.pointer, *finding.field)
            position = document.position(path, key=at_key)
            if position is not None:
                return Location(origin.path, self._inside(finding, position, _descend(document.value, path)))
            return Location(origin.path, document.nearest(path), Precision.OBJECT)
        rendered = self._rendered.get((finding.resource, origin))
        written = _follow(_descend(document.value, origin.pointer), rendered, finding.field)
        if written is not None:
            path = (*origin.pointer, *written)
            position = document.position(path, key=at_key)
            if position is not None:
                return Location(origin.path, self._inside(finding, position, _descend(document.value, path)))
        patched = next(self._in_patches(finding, rendered), None)
        if patched is not None:
            return patched
        return Location(origin.path, Position(origin.line, 1), Precision.OBJECT)

    def _inside(self, finding: Finding, position: Position, text: Any) -> Position:
        """The place inside a text, where the file spells that line of it as it is; else where the text starts."""
        within, origin = finding.within, finding.origin
        if within is None or origin is None or not isinstance(text, str):
            return position
        lines = text.split("\n")
        if not 1 <= within.line <= len(lines):
            return position
        written = self._line(origin.path, position.line)[position.column - 1 :]
        if written.startswith("|"):
            wanted, line = lines[within.line - 1], position.line + within.line
            spelt = self._line(origin.path, line)
            indentation = len(spelt) - len(wanted)
            is_same = spelt.endswith(wanted) and not spelt[:indentation].strip(" ")
            return Position(line, indentation + within.column) if is_same else position
        quote = written[:1] if written[:1] in {"'", '"'} else ""
        if len(lines) > 1 or not written.startswith(f"{quote}{text}{quote}"):
            return position
        return Position(position.line, position.column + len(quote) + within.column - 1)

    @cached_property
    def _rendered(self) -> dict[tuple[ResourceId | None, Origin], Any]:
        return {(resource.id, resource.origin): resource.data for resource in self._snapshot.resources}

    def _document(self, origin: Origin) -> YamlDocument | None:
        if origin.path not in self._tree.entries:
            return None
        documents = self._reader.read(self._tree, origin.path).documents
        return next((document for document in documents if document.index == origin.document), None)

    def _in_patches(self, finding: Finding, rendered: Any) -> Iterator[Location]:
        """Where a file that a renderer read gives the field the value that it has; the nearest files first."""
        value = _descend(rendered, finding.field)
        if finding.resource is None or finding.origin is None or value is _ABSENT or not finding.field:
            return
        root = finding.origin.rendered_by or ""
        consumed = [
            path
            for path, coverage in self._snapshot.files.items()
            if coverage is Coverage.CONSUMED and path.endswith(MANIFEST_SUFFIXES)
        ]
        at_key = finding.rule in _ABOUT_THE_KEY
        for path in sorted(consumed, key=lambda path: (not path.startswith(f"{root}/"), path)):
            for document in self._reader.read(self._tree, path).documents:
                for written in _patched_at(document.value, finding.resource, rendered, finding.field, value):
                    position = document.position(written, key=at_key)
                    if position is not None:
                        yield Location(path, position)
                yield from self._inline(path, document, finding.resource, rendered, finding.field)

    def _inline(
        self, path: str, document: YamlDocument, resource: ResourceId, rendered: Any, field: FieldPath
    ) -> Iterator[Location]:
        """Patches that stand as text in a kustomization: `patches: [{patch: |- …}]`."""
        patches = document.value.get("patches") if isinstance(document.value, dict) else None
        for index, entry in enumerate(patches if isinstance(patches, list) else ()):
            text = entry.get("patch") if isinstance(entry, dict) else None
            start = document.position(("patches", index, "patch"))
            if not isinstance(text, str) or start is None:
                continue
            for inner in read_yaml(text.encode("utf-8", "surrogatepass")).documents:
                value = _descend(rendered, field)
                for written in _patched_at(inner.value, resource, rendered, field, value):
                    line = start.line + inner.nearest(written).line
                    yield Location(path, Position(line, self._indentation(path, line) + 1))

    def _indentation(self, path: str, line: int) -> int:
        text = self._line(path, line)
        return len(text) - len(text.lstrip())

    def _line(self, path: str, line: int) -> str:
        lines = self._text(path).lines
        return lines[line - 1].decode("utf-8", "replace").rstrip("\r") if line <= len(lines) else ""

    def _text(self, path: str) -> _Text:
        """The file that was asked for last is kept: one with many findings is looked through once."""
        if self._last[0] != path:
            data = self._reader.source(self._tree, path) or b""
            self._last = path, _Text(tuple(data.split(b"\n")), _SECRET_KIND.search(data) is not None)
        return self._last[1]

    def _excerpt(self, location: Location) -> str | None:
        """The located line, unless it may carry a secret: files with a Secret, keys that sound like credentials."""
        if location.position is None or location.path not in self._tree.entries:
            return None
        if self._reader.source(self._tree, location.path) is None or self._text(location.path).secret:
            return None
        text = self._line(location.path, location.position.line)
        if _SENSITIVE_KEY.search(text):
            return None
        return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "…"


def _descend(value: Any, path: FieldPath) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return value


def _follow(written: Any, rendered: Any, field: FieldPath) -> FieldPath | None:
    """The way to a rendered field in the text that it was made of; None where the text lacks it or says otherwise.

    Items of lists are found by their name, as patches move them; without one by their place.
    """
    path: list[str | int] = []
    for step in field:
        own_step = step
        if isinstance(step, int) and isinstance(written, list) and isinstance(rendered, list) and step < len(rendered):
            own_step = _same_item(written, rendered[step], step)
        rendered, written = _descend(rendered, (step,)), _descend(written, (own_step,))
        if written is _ABSENT:
            return None
        path.append(own_step)
    return tuple(path) if type(written) is type(rendered) and written == rendered else None


def _same_item(items: list[Any], item: Any, index: int) -> int:
    name = item.get("name") if isinstance(item, dict) else None
    if name is None:
        return index
    named = (place for place, other in enumerate(items) if isinstance(other, dict) and other.get("name") == name)
    return next(named, index)


def _patched_at(patch: Any, resource: ResourceId, rendered: Any, field: FieldPath, value: Any) -> Iterator[FieldPath]:
    """Where a document gives a field of an object its value, be it a partial object or a list of JSON patches."""
    if isinstance(patch, dict) and patch.get("kind") == resource.kind:
        name = _descend(patch, ("metadata", "name"))
        written = _follow(patch, rendered, field)
        if written is not None and isinstance(name, str) and name in resource.name:
            yield written
    for index, operation in enumerate(patch if isinstance(patch, list) else ()):
        pointer = operation.get("path") if isinstance(operation, dict) else None
        if not isinstance(pointer, str) or "value" not in operation:
            continue
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        rest = field[len(steps) :]
        given = _descend(operation["value"], rest)
        if [str(step) for step in field[: len(steps)]] == steps and type(given) is type(value) and given == value:
            yield (index, "value", *rest)
