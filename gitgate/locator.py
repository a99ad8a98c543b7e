"""From a field of an object to the line that a person would edit.

Checks name an object and a field; only here does that become file, line and column, for the few findings that there
are (docs/design.md, "Symbolic first"). In a rendered object the file that the renderer names is asked first; where its
text says something else, a patch, a setting or a value said it, and that is what has to be edited (`written/`). What
is not certain is called likely; where nothing says, the place is the object, its file, or what asks for the rendering.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import Any

from gitgate.finding import Finding
from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Snapshot
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.sources.documents import DocumentReader
from gitgate.tree import Tree
from gitgate.written.charted import in_chart
from gitgate.written.kustomized import Section, in_generator, in_patches, in_settings, sections_of
from gitgate.written.texts import ABSENT, Asked, Texts, corresponding, descend, entries, same
from gitgate.written.values import Values, values_of
from gitgate.yaml_document import YamlDocument

_EXCERPT_LENGTH = 160
"""Characters; enough for a line of a manifest, too little to hide a page in."""
_ABOUT_THE_KEY = frozenset({"schema/unknown-field"})
"""Rules that find fault with a field's name; the others point at its value."""
_SENSITIVE_KEY = re.compile(r"(?i)(passw|token|secret|credential|private|api_?key|auth)[\w.-]*[\"']?\s*:\s*\S")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)")
_DEPTH = 4
"""Owners that are made by owners; deeper ones are not followed."""
_ROOT_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_NAMED_BY_OTHERS = frozenset({"Kustomization", "HelmRelease", "Application", "ConfigMap", "Secret"})


class Locator:
    """Gives the findings of one tree their places.

    Args:
        tree: The tree that they are about.
        snapshot: What it rendered to.
        reader: Has read its files.
    """

    def __init__(self, tree: Tree, snapshot: Snapshot, reader: DocumentReader) -> None:
        self._texts = Texts(tree, reader)
        self._snapshot = snapshot
        self._values: dict[object, Values] = {}

    def locate(self, finding: Finding) -> Finding:
        """The finding with its place and the text of that line; what it has already stays."""
        location = finding.location
        if location is None and finding.origin is not None:
            location = self._of_finding(finding.origin, finding)
        if location is None:
            return finding
        hidden = location.set_by and finding.resource is not None and finding.resource.kind == "Secret"
        return replace(finding, location=replace(location, excerpt=None if hidden else self._excerpt(location)))

    def _of_finding(self, origin: Origin, finding: Finding) -> Location:
        at_key = finding.rule in _ABOUT_THE_KEY
        rendered = self._rendered.get((finding.resource, origin))
        if origin.rendered_by is not None and rendered is not None:
            location = self._of_rendered(Asked.of(rendered, finding.field, at_key=at_key), 0)
            return self._narrowed(location, origin, finding)
        document = self._texts.document(origin)
        if document is None:
            return Location(origin.path, Position(origin.line, 1), Precision.FILE)
        path = (*origin.pointer, *finding.field)
        position = document.position(path, key=at_key)
        if position is not None:
            return self._narrowed(Location(origin.path, position), origin, finding)
        return Location(origin.path, document.nearest(path), Precision.OBJECT)

    def _of_rendered(self, asked: Asked, depth: int) -> Location:
        """Where a field of a rendered object was written, as close as the texts say."""
        origin = asked.resource.origin
        if origin.rendered_by is None:
            return self._of_written(asked)
        owner = self._owner(origin) if depth < _DEPTH else None
        if origin.trace is not None and origin.trace.chart:
            return self._of_chart(asked, owner, depth)
        document = self._texts.document(origin)
        written = None
        if document is not None:
            written = corresponding(descend(document.value, origin.pointer), asked.resource.data, asked.field)
            text = descend(document.value, (*origin.pointer, *written)) if written is not None else ABSENT
            position = document.position((*origin.pointer, *(written or ())), key=asked.at_key)
            if written is not None and same(text, asked.value) and position is not None:
                return Location(origin.path, position)
        files = origin.trace.files if origin.trace is not None else ()
        sections = [*self._sections_of(owner), *sections_of(files, self._texts)]
        found = (
            (in_generator(asked, origin, document, self._texts) if document is not None else None)
            or in_patches(asked, files, sections, self._texts)
            or in_settings(asked, sections)
            or self._of_variable(asked, document, written, owner, depth)
        )
        if found is not None:
            return found
        if document is None or (not origin.pointer and origin.line == 1 and origin.path.endswith(_ROOT_FILES)):
            return Location(origin.path, Position(origin.line, 1), Precision.ROOT)
        return Location(origin.path, Position(origin.line, 1), Precision.OBJECT)

    def _of_written(self, asked: Asked) -> Location:
        origin = asked.resource.origin
        document = self._texts.document(origin)
        if document is None:
            return Location(origin.path, Position(origin.line, 1), Precision.FILE)
        path = (*origin.pointer, *asked.field)
        position = document.position(path, key=asked.at_key)
        if position is not None:
            return Location(origin.path, position)
        return Location(origin.path, document.nearest(path), Precision.OBJECT)

    def _of_chart(self, asked: Asked, owner: Resource | None, depth: int) -> Location:
        origin = asked.resource.origin
        sections = list(self._sections_of(owner))
        found = in_patches(asked, (), sections, self._texts) or in_settings(asked, sections)
        found = found or in_chart(asked, self._values_of(origin, owner, depth), self._texts)
        if found is not None:
            return found
        if origin.path.endswith(".tgz") and owner is not None:
            place = self._of_rendered(Asked.of(owner, ("spec",)), depth + 1)
            return replace(place, precision=Precision.ROOT, set_by=str(owner.id))
        precision = Precision.FILE if origin.path.endswith(".tgz") else Precision.OBJECT
        return Location(origin.path, Position(origin.line, 1), precision, set_by="chart template")

    def _values_of(self, origin: Origin, owner: Resource | None, depth: int) -> Values:
        """The values of a release, worked out once."""
        key = (origin.cluster, origin.owner, origin.rendered_by, origin.trace.values if origin.trace else ())
        if key not in self._values:
            self._values[key] = Values() if origin.trace is None else values_of(
                origin.trace, owner,
                lambda kind, namespace, name: self._owned.get((origin.cluster, kind, namespace, name)),
                lambda resource, field: self._of_rendered(Asked.of(resource, field), depth + 1), self._texts,
            )  # fmt: skip
        return self._values[key]

    def _of_variable(
        self, asked: Asked, document: YamlDocument | None, written: FieldPath | None, owner: Resource | None, depth: int
    ) -> Location | None:
        """The value of the only variable in the text, or the text itself where a cluster or nobody gives it one."""
        if document is None or written is None:
            return None
        origin = asked.resource.origin
        path = (*origin.pointer, *written)
        text = descend(document.value, path)
        names = set(_VARIABLE.findall(text)) if isinstance(text, str) else set()
        position = document.position(path, key=asked.at_key)
        if not names or position is None:
            return None
        if asked.at_key:
            return Location(origin.path, position)
        if len(names) == 1 and owner is not None:
            (name,) = names
            place = self._value_of_variable(owner, name, depth)
            if place is not None:
                return replace(place, set_by=f"variable {name}")
        return Location(origin.path, position, set_by=f"variable {', '.join(sorted(names))[:100]}")

    def _value_of_variable(self, owner: Resource, name: str, depth: int) -> Location | None:
        build = descend(owner.data, ("spec", "postBuild"))
        if descend(build, ("substitute", name)) is not ABSENT:
            return self._of_rendered(Asked.of(owner, ("spec", "postBuild", "substitute", name)), depth + 1)
        references = descend(build, ("substituteFrom",))
        for reference in reversed(references if isinstance(references, list) else []):
            if not isinstance(reference, dict):
                continue
            key = (owner.origin.cluster, str(reference.get("kind")), owner.id.namespace, str(reference.get("name")))
            holder = self._owned.get(key)
            for field in ("stringData", "data") if holder is not None else ():
                if descend(holder.data, (field, name)) is not ABSENT:  # type: ignore[union-attr]
                    return self._of_rendered(Asked.of(holder, (field, name)), depth + 1)  # type: ignore[arg-type]
        return None

    def _owner(self, origin: Origin) -> Resource | None:
        kind, _, name = origin.owner.partition(" ")
        namespace, slash, rest = name.partition("/")
        return self._owned.get((origin.cluster, kind, namespace if slash else "", rest if slash else name))

    def _sections_of(self, owner: Resource | None) -> list[Section]:
        """The settings of kustomize's in an owner, as its file has them."""
        document = self._texts.document(owner.origin) if owner is not None else None
        if owner is None or document is None:
            return []
        pointers: list[FieldPath] = [("spec",), ("spec", "source", "kustomize")]
        for name in ("sources", "postRenderers"):
            pointers += [
                ("spec", name, index, "kustomize") for index, _ in entries(descend(owner.data, ("spec", name)))
            ]
        return [Section(owner.origin.path, document, (*owner.origin.pointer, *pointer)) for pointer in pointers]

    def _narrowed(self, location: Location, origin: Origin, finding: Finding) -> Location:
        """The place inside the text that the field holds, where the object's own file spells it."""
        document = self._texts.document(origin)
        if finding.within is None or document is None or location.set_by or location.precision is not Precision.EXACT:
            return location
        path = (*origin.pointer, *finding.field)
        rendered = self._rendered.get((finding.resource, origin))
        if rendered is not None:
            found = corresponding(descend(document.value, origin.pointer), rendered.data, finding.field)
            path = (*origin.pointer, *(found or finding.field))
        text = descend(document.value, path)
        return replace(location, position=self._inside(finding, location.position, text))  # type: ignore[arg-type]

    def _inside(self, finding: Finding, position: Position, text: Any) -> Position:
        """The place inside a text, where the file spells that line of it as it is; else where the text starts."""
        within, origin = finding.within, finding.origin
        if within is None or origin is None or not isinstance(text, str):
            return position
        lines = text.split("\n")
        if not 1 <= within.line <= len(lines):
            return position
        written = self._texts.line(origin.path, position.line)[position.column - 1 :]
        if written.startswith("|"):
            wanted, line = lines[within.line - 1], position.line + within.line
            spelt = self._texts.line(origin.path, line)
            indentation = len(spelt) - len(wanted)
            is_same = spelt.endswith(wanted) and not spelt[:indentation].strip(" ")
            return Position(line, indentation + within.column) if is_same else position
        quote = written[:1] if written[:1] in {"'", '"'} else ""
        if len(lines) > 1 or not written.startswith(f"{quote}{text}{quote}"):
            return position
        return Position(position.line, position.column + len(quote) + within.column - 1)

    @cached_property
    def _rendered(self) -> dict[tuple[ResourceId | None, Origin], Resource]:
        # An object that is always there goes before one that may take its place.
        every = (*self._snapshot.conditional.present, *self._snapshot.resources)
        return {(resource.id, resource.origin): resource for resource in every}

    @cached_property
    def _owned(self) -> dict[tuple[str, str, str, str], Resource]:
        """Objects by cluster, kind, namespace and name, for those that are named by others."""
        return {
            (one.origin.cluster, one.id.kind, one.id.namespace, one.id.name): one
            for one in self._snapshot.resources
            if one.id.kind in _NAMED_BY_OTHERS
        }

    def _excerpt(self, location: Location) -> str | None:
        """The located line, unless it may carry a secret: files with a Secret, keys that sound like credentials."""
        if location.position is None or not self._texts.is_readable(location.path):
            return None
        if self._texts.text(location.path).secret:
            return None
        text = self._texts.line(location.path, location.position.line)
        if _SENSITIVE_KEY.search(text[:_EXCERPT_LENGTH]):
            return None
        return text if len(text) <= _EXCERPT_LENGTH else text[:_EXCERPT_LENGTH] + "…"
