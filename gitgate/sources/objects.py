"""From a decoded document to the objects that an agent would apply, flattened as kubectl does.

kubectl, and with it Argo CD and Flux, takes every object with a top-level `items` array for a list and applies the
items instead of the object, whatever its kind (k8s.io/apimachinery/pkg/apis/meta/v1/unstructured/helpers.go,
`detectList`). The name of the kind only decides whether a reader of the file would have expected that.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import NoneType
from typing import Any

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Problem
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from gitgate.yaml_document import YamlDocument, is_encrypted

MAXIMUM_LIST_DEPTH = 3
"""Lists inside lists that are followed; no tool writes more than one."""
_REMEMBERED_LENGTH = 256
"""Names longer than this are looked at each time, so that hostile ones fill no memory."""

_CIPHERTEXT = "ENC["
_READABLE = frozenset(("apiVersion", "kind", "metadata", "type", "immutable"))
"""What SOPS mostly leaves readable of a Secret beside its keys."""

Locate = Callable[[FieldPath], Location]
"""Where a field of the document is in its file."""


@dataclass(frozen=True, slots=True)
class Objects:
    """What a document holds.

    Attributes:
        encrypted: Objects that SOPS encrypted: there, but nothing in them can be judged.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    encrypted: int = 0


def read_objects(value: Any, origin: Origin, locate: Locate) -> Objects:
    """Find the objects in a decoded document; total on any JSON value.

    Args:
        value: The document, or a part of it.
        origin: Of `value`; its pointer leads from the document to it.
        locate: Finds a field of the *document*.
    """
    found = _Found()
    _collect(value, _Reading(origin, locate), found, 0)
    return Objects(tuple(found.resources), tuple(found.problems), found.encrypted)


def is_sealed(value: Mapping[str, Any]) -> bool:
    """Is this a Secret that SOPS encrypted, every value of it?

    A `sops` key alone does not make an object opaque, or it would be a way around the gate: Flux decrypts nothing but
    core Secrets, and one readable value means that the object is applied as it is read.
    """
    return value.get("apiVersion") == "v1" and value.get("kind") == "Secret" and is_encrypted(value)


def file_locator(path: str, document: YamlDocument) -> Locate:
    """Finds fields of a document in its file: the field itself, or the nearest thing around it."""

    def locate(field: FieldPath) -> Location:
        position = document.position(field)
        if position is not None:
            return Location(path, position)
        return Location(path, document.nearest(field), Precision.OBJECT)

    return locate


def duplicate_problems(resources: Iterable[Resource], scope: str) -> tuple[Problem, ...]:
    """Objects that appear twice where one agent reads both: the later one silently wins.

    Only ask this of things that certainly go to the same cluster: one file, one source that settings name, one
    kustomization. Two directories of a repository may well hold the same object for two clusters.

    Args:
        resources: In the order in which they are applied.
        scope: What the two share, for the message: `this file`.
    """
    first: dict[tuple[str, str, str, str], Resource] = {}
    problems: list[Problem] = []
    for resource in resources:
        if resource.id.name.endswith("*"):
            continue
        earlier = first.setdefault(resource.id.identity, resource)
        if earlier is resource:
            continue
        problems.append(
            Problem(
                code="duplicate-object",
                message=(
                    f"{resource.id} is also in {earlier.origin.path}, line {earlier.origin.line}; {scope} may hold it "
                    "only once, as the later one replaces the earlier one without a word"
                ),
                location=Location(resource.origin.path, Position(resource.origin.line, 1)),
                fix="Remove or rename one of the two.",
                resource=resource.id,
                origin=resource.origin,
            )
        )
    return tuple(problems)


@dataclass(frozen=True, slots=True)
class _Reading:
    origin: Origin
    locate: Locate

    def problem(self, code: str, message: str, path: FieldPath = (), fix: str | None = None) -> Problem:
        return Problem(
            code=code,
            message=message,
            location=self.locate((*self.origin.pointer, *path)),
            fix=fix,
            origin=self.origin,
            discriminator=".".join(map(str, (self.origin.document, *self.origin.pointer, *path))),
        )


@dataclass(slots=True)
class _Found:
    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    encrypted: int = 0


def _collect(value: Any, reading: _Reading, found: _Found, depth: int) -> None:
    if not isinstance(value, dict):
        message = "an object must be a mapping with apiVersion and kind"
        found.problems.append(reading.problem("missing-kind", message))
        return
    problems = list(_identity_problems(value, reading))
    if "items" in value and isinstance(value["items"], list | NoneType):
        found.problems.extend(problems)
        _flatten(value, reading, found, depth)
        return
    if not problems:
        problems = list(_name_problems(value, reading))
    if problems:
        found.problems.extend(problems)
    elif is_sealed(value):
        found.encrypted += 1
        found.resources.extend(_sealed(value, reading.origin))
    else:
        found.resources.append(Resource(_identity(value), value, reading.origin))


def _sealed(value: Mapping[str, Any], origin: Origin) -> Iterable[Resource]:
    """An encrypted Secret by its name and keys, if those are readable: with each ciphertext for the value."""
    identity = _identity(value)
    if _CIPHERTEXT in (identity.name[: len(_CIPHERTEXT)], identity.namespace[: len(_CIPHERTEXT)]):
        return
    data = {key: one for key, one in value.items() if key in _READABLE and not str(one).startswith(_CIPHERTEXT)}
    for name in ("data", "stringData"):
        held = value.get(name)
        texts = {key: str(one) for key, one in held.items()} if isinstance(held, Mapping) else {}
        if texts and name == "data":
            texts = {key: base64.b64encode(one.encode()).decode() for key, one in texts.items()}
        if texts:
            data[name] = texts
    yield Resource(identity, data, origin, sealed=True)


def _flatten(value: Mapping[str, Any], reading: _Reading, found: _Found, depth: int) -> None:
    """The items of a list; a list that does not call itself one is a problem, but its items are judged all the same."""
    kind = value.get("kind")
    if not (isinstance(kind, str) and kind.endswith("List")):
        message = f"a {_called(kind)} with a top-level items field is applied as a list: the items, and not the object"
        fix = "Move the items into documents of their own."
        found.problems.append(reading.problem("hidden-list", message, ("items",), fix))
    if depth >= MAXIMUM_LIST_DEPTH:
        message = f"lists are nested more than {MAXIMUM_LIST_DEPTH} deep"
        found.problems.append(reading.problem("hidden-list", message, ("items",), "Write the objects as documents."))
        return
    for index, item in enumerate(value["items"] or ()):
        pointer = (*reading.origin.pointer, "items", index)
        position = reading.locate(pointer).position
        line = position.line if position is not None else reading.origin.line
        _collect(item, _Reading(replace(reading.origin, pointer=pointer, line=line), reading.locate), found, depth + 1)


def _identity_problems(value: Mapping[str, Any], reading: _Reading) -> Iterable[Problem]:
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if (
        isinstance(api_version, str)
        and isinstance(kind, str)
        and len(api_version) + len(kind) < _REMEMBERED_LENGTH
        and _names_a_kind(api_version, kind)
    ):
        return
    from gitgate.sources.api_versions import API_VERSIONS  # noqa: PLC0415 - only where something is wrong

    likely = API_VERSIONS.get(kind) if isinstance(kind, str) else None
    for code, name, advice in (
        ("missing-api-version", "apiVersion", f"Write `apiVersion: {likely}`." if likely else None),
        ("missing-kind", "kind", None),
    ):
        text = value.get(name)
        if not isinstance(text, str) or not text.strip():
            whose = _called_by_name(value)
            message = f"{whose} has no {name}" if name not in value else f"the {name} of {whose} must be text"
            yield reading.problem(code, message, (name,), advice)
        elif not _plain(text):
            yield _not_ascii(reading, name, text, (name,))
        elif name == "apiVersion" and not _is_api_version(text):
            message = f"apiVersion {text!r} is not a version or group/version"
            yield reading.problem(code, message, (name,), "Write it as v1 or apps/v1.")


@lru_cache(maxsize=1024, typed=True)
def _names_a_kind(api_version: str, kind: str) -> bool:
    """Is there nothing to say of the two? Remembered, because few kinds make up most of a repository."""
    return _plain(api_version) and _is_api_version(api_version) and bool(kind) and _plain(kind)


def _name_problems(value: Mapping[str, Any], reading: _Reading) -> Iterable[Problem]:
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping):
        what = "has no metadata" if metadata is None else "has metadata that is not a mapping"
        yield reading.problem("missing-name", f"the {value['kind']} {what}, so no name", ("metadata",))
        return
    for name in ("name", "generateName", "namespace"):
        text = metadata.get(name)
        path = ("metadata", name)
        if isinstance(text, str):
            if not _plain(text):
                yield _not_ascii(reading, f"metadata.{name}", text, path)
        elif text is not None and name != "namespace":  # the schema judges a namespace that is no text
            yield reading.problem("missing-name", f"metadata.{name} must be text, not {_type(text)}", path, "Quote it.")
    if not metadata.get("name") and not metadata.get("generateName"):
        message = f"the {value['kind']} has neither metadata.name nor metadata.generateName"
        yield reading.problem("missing-name", message, ("metadata",))


def _called_by_name(value: Mapping[str, Any]) -> str:
    """An object as far as it says what it is: `the Service shop/web`, `the object web`, `the object`."""
    kind, metadata = value.get("kind"), value.get("metadata")
    names = [metadata.get(key) for key in ("namespace", "name")] if isinstance(metadata, Mapping) else []
    told = "/".join(one for one in names if isinstance(one, str) and one and _plain(one))
    called = kind if isinstance(kind, str) and kind and _plain(kind) else "object"
    return f"the {called} {told}".rstrip()


def _not_ascii(reading: _Reading, field: str, text: str, path: FieldPath) -> Problem:
    shown = text.encode("ascii", "backslashreplace").decode()
    message = f"{field} {shown} has a character outside visible ASCII, which may look like another one"
    return reading.problem("non-ascii-name", message, path, "Type it again by hand.")


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _is_api_version(text: str) -> bool:
    try:
        group, version = split_api_version(text)
    except ValueError:
        return False
    return bool(version) and bool(group or "/" not in text)


def _identity(value: Mapping[str, Any]) -> ResourceId:
    group, version = split_api_version(value["apiVersion"])
    metadata = value["metadata"]
    namespace = metadata.get("namespace")
    return ResourceId(
        group=group,
        version=version,
        kind=value["kind"],
        namespace=namespace if isinstance(namespace, str) else "",
        name=metadata.get("name") or f"{metadata['generateName']}*",
    )


def _called(kind: Any) -> str:
    return kind.encode("ascii", "backslashreplace").decode() if isinstance(kind, str) and kind else "mapping"


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"
