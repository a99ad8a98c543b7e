"""Where kustomize took a field from: patches, in files or in place, and what kustomizations set.

The same sections stand in kustomizations, in the specs of Flux's Kustomizations, in post-renderers of releases and in
Argo CD's Applications.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.resource import Origin
from gitgate.sources.base import MANIFEST_SUFFIXES
from gitgate.sources.kustomization import FILE_NAMES
from gitgate.written.texts import ABSENT, Asked, Texts, descend, embedded, entries, follow, same
from gitgate.yaml_document import YamlDocument

_PATCH_TEXTS = ("patches", "patchesJson6902")
_METADATA = ("labels", "annotations", "matchLabels", "selector")


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with kustomize's settings.

    Attributes:
        path: Its file.
        document: The document in that file.
        pointer: Where in it the mapping stands.
    """

    path: str
    document: YamlDocument
    pointer: FieldPath = ()

    @property
    def value(self) -> Mapping[str, Any]:
        """The mapping; empty where there is none."""
        value = descend(self.document.value, self.pointer)
        return value if isinstance(value, dict) else {}

    def at(self, path: FieldPath) -> Position | None:
        """Where one of its fields stands."""
        return self.document.position((*self.pointer, *path))


def sections_of(files: tuple[str, ...], texts: Texts) -> Iterator[Section]:
    """The kustomizations among what a renderer read."""
    for path in files:
        if posixpath.basename(path) in FILE_NAMES:
            for document in texts.documents(path)[:1]:
                yield Section(path, document)


def in_patches(asked: Asked, files: tuple[str, ...], sections: list[Section], texts: Texts) -> Location | None:
    """The patch that gives the field its value; one of several likely ones where it is not the only one."""
    if asked.value is ABSENT or not asked.field:
        return None
    root = asked.resource.origin.rendered_by or ""
    found: list[Location] = []
    for path in sorted(files, key=lambda path: (not path.startswith(f"{root}/"), path)):
        if path != asked.resource.origin.path and path.endswith(MANIFEST_SUFFIXES):
            found.extend(_in_file(asked, path, texts))
    for section in sections:
        found.extend(_in_place(asked, section, texts))
    places = list(dict.fromkeys(found))
    if not places:
        return None
    precision = Precision.EXACT if len(places) == 1 else Precision.LIKELY
    return Location(places[0].path, places[0].position, precision, set_by="patch")


def _in_file(asked: Asked, path: str, texts: Texts) -> Iterator[Location]:
    for document in texts.documents(path):
        for written in _patched_at(document.value, asked, {}):
            position = document.position(written, key=asked.at_key)
            if position is not None:
                yield Location(path, position)


def _in_place(asked: Asked, section: Section, texts: Texts) -> Iterator[Location]:
    """Patches that stand as text in a section: `patches: [{patch: |- …}]`."""
    for pointer, text, target in _patch_texts(section.value):
        start = section.at(pointer)
        for inner in embedded(text) if start is not None else ():
            for written in _patched_at(inner.value, asked, target):
                yield Location(section.path, texts.inside(section.path, start, inner.nearest(written).line))  # type: ignore[arg-type]


def _patch_texts(value: Mapping[str, Any]) -> Iterator[tuple[FieldPath, str, Any]]:
    for name in _PATCH_TEXTS:
        for index, entry in entries(value.get(name)):
            text = entry.get("patch") if isinstance(entry, dict) else None
            if isinstance(text, str):
                yield (name, index, "patch"), text, entry.get("target")
    for index, text in entries(value.get("patchesStrategicMerge")):
        if isinstance(text, str) and "\n" in text:
            yield ("patchesStrategicMerge", index), text, {}


def _patched_at(patch: Any, asked: Asked, target: Any) -> Iterator[FieldPath]:
    """Where a document gives the field its value, be it a partial object or a list of JSON patches."""
    resource, field = asked.resource.id, asked.field
    target = target if isinstance(target, dict) else {}
    if target.get("kind", resource.kind) != resource.kind:
        return
    if isinstance(patch, dict) and patch.get("kind") == resource.kind:
        name = descend(patch, ("metadata", "name"))
        written = follow(patch, asked.resource.data, field)
        if written is not None and isinstance(name, str) and (target or name in resource.name):
            yield written
    for index, operation in entries(patch):
        pointer = operation.get("path") if isinstance(operation, dict) else None
        if not isinstance(pointer, str) or "value" not in operation:
            continue
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        rest = field[len(steps) :]
        reached = len(steps) <= len(field) and all(
            step == str(own) or (step == "-" and isinstance(own, int)) for step, own in zip(steps, field, strict=False)
        )
        if reached and same(descend(operation["value"], rest), asked.value):
            yield (index, "value", *rest)


def in_settings(asked: Asked, sections: list[Section]) -> Location | None:
    """The setting that gives the field its value: an image, a prefix, a label, a replacement."""
    for section in sections:
        for pointer, told in _settings(asked, section.value):
            position = section.at(pointer)
            if position is not None:
                precision = Precision.LIKELY if told == "replacement" else Precision.EXACT
                return Location(section.path, position, precision, set_by=told)
    return None


def _settings(asked: Asked, value: Mapping[str, Any]) -> Iterator[tuple[FieldPath, str]]:
    field, given = asked.field, asked.value
    if field == ("metadata", "namespace"):
        yield from (((key,), key) for key in ("namespace", "targetNamespace") if same(value.get(key), given))
    if field == ("metadata", "name") and isinstance(given, str):
        ends = (("namePrefix", given.startswith), ("nameSuffix", given.endswith))
        yield from (((key,), key) for key, fits in ends if isinstance(value.get(key), str) and fits(value[key]))
    if field[-1:] == ("image",) and isinstance(given, str):
        yield from _images(value.get("images"), given)
    if field == ("spec", "replicas"):
        for index, entry in entries(value.get("replicas")):
            name = entry.get("name") if isinstance(entry, dict) else None
            if isinstance(name, str) and name in asked.resource.id.name and entry.get("count") == given:
                yield ("replicas", index, "count"), "replicas"
    if len(field) > 1 and field[-2] in _METADATA:
        yield from _labels(value, field[-1], given)
    for pointer in _replacements(value.get("replacements"), field):
        yield pointer, "replacement"


def _images(images: Any, given: str) -> Iterator[tuple[FieldPath, str]]:
    for index, image in entries(images):
        if isinstance(image, str):
            if given.endswith(image.rpartition("=")[2]):
                yield ("images", index), "image"
            continue
        name = (image.get("newName") or image.get("name")) if isinstance(image, dict) else None
        if not isinstance(name, str) or not re.match(re.escape(name) + r"(?:[:@]|\Z)", given):
            continue
        for key in ("digest", "newTag", "newName"):
            part = image.get(key)
            if isinstance(part, str) and part in given:
                yield ("images", index, key), "image"


def _labels(value: Mapping[str, Any], name: str | int, given: Any) -> Iterator[tuple[FieldPath, str]]:
    places: list[FieldPath] = [
        ("commonLabels",), ("commonAnnotations",), ("commonMetadata", "labels"), ("commonMetadata", "annotations"),
        *(("labels", index, "pairs") for index, _ in entries(value.get("labels"))),
    ]  # fmt: skip
    for place in places:
        if same(descend(value, (*place, name)), given):
            yield (*place, name), str(place[0])


def _replacements(value: Any, field: FieldPath) -> Iterator[FieldPath]:
    for index, replacement in entries(value):
        targets = replacement.get("targets") if isinstance(replacement, dict) else None
        for number, target in entries(targets):
            for place, path in entries(target.get("fieldPaths") if isinstance(target, dict) else None):
                if isinstance(path, str) and _reaches(path, field):
                    yield ("replacements", index, "targets", number, "fieldPaths", place)


def _reaches(path: str, field: FieldPath) -> bool:
    """Does a path of kustomize's, `spec.containers.[name=web].image`, mean the field?"""
    steps = re.findall(r"\[[^\]]*\]|(?:\\.|[^.\[])+", path)
    if len(steps) != len(field):
        return False
    for step, own in zip(steps, field, strict=True):
        plain = re.sub(r"\\(.)", r"\1", step)
        wild = step == "*" or (step.startswith("[") and isinstance(own, int))
        if not wild and plain.strip("[]") != str(own):
            return False
    return True


def in_generator(asked: Asked, origin: Origin, document: YamlDocument, texts: Texts) -> Location | None:
    """The literal or file that an entry of a generator takes the field from."""
    if origin.pointer[:1] not in {("configMapGenerator",), ("secretGenerator",)} or len(asked.field) < 2:
        return None
    entry, key = descend(document.value, origin.pointer), str(asked.field[1])
    if asked.field[0] not in {"data", "stringData", "binaryData"} or not isinstance(entry, dict):
        return None
    for index, literal in entries(entry.get("literals")):
        if isinstance(literal, str) and literal.partition("=")[0] == key:
            position = document.position((*origin.pointer, "literals", index))
            return Location(origin.path, position, set_by="literal") if position is not None else None
    for name in entry.get("files") or () if isinstance(entry.get("files"), list) else ():
        alias, equals, path = str(name).partition("=")
        path = path if equals else alias
        if (alias if equals else posixpath.basename(path)) == key:
            return _file(origin.path, path, None, texts)
    envs = [one for _, one in entries(entry.get("envs"))] + [entry.get("env")]
    for name in envs:
        if isinstance(name, str):
            found = _file(origin.path, name, key, texts)
            if found is not None:
                return found
    return None


def _file(kustomization: str, name: str, variable: str | None, texts: Texts) -> Location | None:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(kustomization), name))
    if not texts.is_readable(path):
        return None
    if variable is None:
        return Location(path, None, Precision.FILE, set_by="file of a generator")
    for number, line in enumerate(texts.text(path).lines, 1):
        if line.decode("utf-8", "replace").strip().partition("=")[0] == variable:
            return Location(path, Position(number, 1), set_by="file of a generator")
    return None
