"""From a field of an object to the line that a person would edit.

Checks name an object and a field; only here does that become file, line and column, for the few files that have
findings (docs/design.md, "Symbolic first").
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from gitgate.finding import Finding
from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.resource import Origin
from gitgate.sources.documents import DocumentReader
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument

_EXCERPT_LENGTH = 160
"""Characters; enough for a line of a manifest, too little to hide a page in."""
_ABOUT_THE_KEY = frozenset({"schema/unknown-field"})
"""Rules that find fault with a field's name; the others point at its value."""
_SECRET_KIND = re.compile(rb"^\s*[\"']?kind[\"']?\s*:\s*[\"']?Secret\b", re.MULTILINE)
_SENSITIVE_KEY = re.compile(r"(?i)(passw|token|secret|credential|private|api_?key|auth)[\w.-]*[\"']?\s*:\s*\S")


def locate(finding: Finding, tree: Tree, reader: DocumentReader) -> Finding:
    """Give a finding its place and the text of that line; what it has already stays."""
    location = finding.location
    if location is None and finding.origin is not None:
        location = _of_field(finding.origin, finding, tree, reader)
    if location is None:
        return finding
    return replace(finding, location=replace(location, excerpt=_excerpt(location, tree, reader)))


def _of_field(origin: Origin, finding: Finding, tree: Tree, reader: DocumentReader) -> Location:
    start = Position(origin.line, 1)
    document = _document(origin, tree, reader)
    if document is None:
        return Location(origin.path, start, Precision.FILE)
    path = (*origin.pointer, *finding.field)
    position = document.position(path, key=finding.rule in _ABOUT_THE_KEY)
    if position is None:
        return Location(origin.path, document.nearest(path), Precision.OBJECT)
    if origin.rendered_by is not None and not _leads_to_value(document.value, path):
        return Location(origin.path, position, Precision.OBJECT)
    return Location(origin.path, position, Precision.EXACT)


def _document(origin: Origin, tree: Tree, reader: DocumentReader) -> YamlDocument | None:
    if origin.path not in tree.entries:
        return None
    for document in reader.read(tree, origin.path).documents:
        if document.index == origin.document:
            return document
    return None


def _leads_to_value(value: Any, path: FieldPath) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _excerpt(location: Location, tree: Tree, reader: DocumentReader) -> str | None:
    """The located line, unless it may carry a secret: files with a Secret, keys that sound like credentials."""
    if location.position is None or location.path not in tree.entries:
        return None
    data = reader.source(tree, location.path)
    if data is None or _SECRET_KIND.search(data):
        return None
    lines = data.split(b"\n")
    if location.position.line > len(lines):
        return None
    text = lines[location.position.line - 1].decode("utf-8", "replace").rstrip("\r\n")
    if _SENSITIVE_KEY.search(text):
        return None
    return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "…"
