"""Schemas that a repository keeps for itself: reading one file of them, and what `gitgate schema add` puts there.

A file there is a CustomResourceDefinition (YAML or JSON, any number in one file), or a JSON Schema named
`<group>/<kind>_<version>.json` as catalogues of converted definitions name theirs. The first is better: it tells
nullable from required and which lists have keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gitgate.location import FieldPath, Location
from gitgate.proposal import Problem
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.schema.definition import definition_violations, read_definition
from gitgate.schema.directory import ImportedSchemas
from gitgate.yaml_document import YamlDocument, YamlFile, YamlLimits, read_yaml

LIMITS = YamlLimits(bytes=16 * 1024 * 1024, nodes=2_000_000)
"""Larger than for manifests: one file may hold all definitions of an operator."""

_GROUP = "apiextensions.k8s.io"
_KIND = "CustomResourceDefinition"
_RAW_NAME = re.compile(r"(?:.*/)?(?P<group>[^/]*\.[^/]*)/(?P<kind>[A-Za-z][A-Za-z0-9]*)_(?P<version>v[a-z0-9]+)\.json")
_SAFE_GROUP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_SAFE_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_NOT_NEEDED = frozenset({"description", "example", "externalDocs", "title"})


@dataclass(frozen=True, slots=True)
class SchemaImport:
    """What importing one file comes to.

    Attributes:
        files: Path below `.gitgate/schemas/` to content.
        problems: What could not be imported.
    """

    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[Problem, ...] = ()


def import_definitions(name: str, data: bytes) -> SchemaImport:
    """Turn a file with CustomResourceDefinitions into files for `.gitgate/schemas/`; pure, and total.

    Each definition becomes one file, `<group>/<kind>.json`, without descriptions and status: they judge nothing.

    Args:
        name: What to call the file in problems.
        data: YAML or JSON.
    """
    read = read_schemas(name, data, "")
    files: dict[str, bytes] = {}
    problems = list(read.problems)
    for definition in read.definitions:
        spec = definition.data["spec"]
        group, kind = spec["group"], spec["names"]["kind"]
        if not _SAFE_GROUP.fullmatch(group) or not _SAFE_KIND.fullmatch(kind):
            message = f"the definition's group {group!r} or kind {kind!r} is not a name that Kubernetes allows"
            problems.append(_problem(name, message, definition))
            continue
        kept = {key: definition.data[key] for key in ("apiVersion", "kind", "spec")}
        kept["metadata"] = {"name": definition.id.name}
        text = json.dumps(_without_prose(kept), indent=1, sort_keys=True)
        files[f"{group}/{kind.lower()}.json"] = text.encode("ascii") + b"\n"
    if not files and not problems:
        problems.append(_problem(name, "the file holds no CustomResourceDefinition"))
    return SchemaImport(MappingProxyType(dict(sorted(files.items()))), tuple(problems))


def read_schemas(path: str, data: bytes, relative: str) -> ImportedSchemas:
    """Read one file; total.

    Args:
        path: What to call the file in problems.
        data: YAML or JSON.
        relative: Its path below the schema directory, which names a JSON Schema's group and kind; empty where only
            CustomResourceDefinitions count.
    """
    file = read_yaml(data, LIMITS)
    problems = list(_reading_problems(path, file))
    definitions: list[Resource] = []
    raw_name = _RAW_NAME.fullmatch(relative)
    for document in file.documents:
        for pointer, found_value in _objects(document.value):
            value = found_value
            if raw_name is not None and isinstance(value, dict) and "apiVersion" not in value:
                value = _as_definition(value, raw_name)
            if _is_definition(value):
                resource = _resource(path, document, pointer, value)
                found = definition_violations(value)
                problems += [_problem(path, violation.message, resource, violation.fix) for violation in found]
                if not read_definition(value).violations:
                    definitions.append(resource)
            elif relative:
                message = "this is neither a CustomResourceDefinition nor a JSON Schema named "
                problems.append(_problem(path, f"{message}<group>/<kind>_<version>.json"))
    return ImportedSchemas(tuple(definitions), tuple(problems))


def _objects(value: Any) -> Iterator[tuple[FieldPath, Any]]:
    """A document's objects: the items of a List, or itself."""
    items = value.get("items") if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") else None
    if isinstance(items, list):
        yield from ((("items", index), item) for index, item in enumerate(items))
    else:
        yield (), value


def _is_definition(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("kind") != _KIND:
        return False
    return value.get("apiVersion") in (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")


def _as_definition(schema: Mapping[str, Any], name: re.Match[str]) -> dict[str, Any]:
    """A JSON Schema in the shape of an old definition, which says itself where fields are closed."""
    kept = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": _KIND,
        "metadata": {"name": f"{name['kind'].lower()}.{name['group']}"},
        "spec": {
            "group": name["group"],
            "names": {"kind": name["kind"]},
            "preserveUnknownFields": True,
            "versions": [
                {"name": name["version"], "served": True, "storage": True, "schema": {"openAPIV3Schema": kept}},
            ],
        },
    }


def _resource(path: str, document: YamlDocument, pointer: FieldPath, value: Mapping[str, Any]) -> Resource:
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return Resource(
        id=ResourceId(
            group=_GROUP,
            version=str(value["apiVersion"]).partition("/")[2],
            kind=_KIND,
            namespace="",
            name=name if isinstance(name, str) else "",
        ),
        data=value,
        origin=Origin(path=path, document=document.index, pointer=pointer, line=document.nearest(pointer).line),
    )


def _reading_problems(path: str, file: YamlFile) -> Iterator[Problem]:
    if file.opaque is not None:
        yield _problem(path, f"the file holds no schema that can be read: it is {file.opaque}")
    for problem in file.problems:
        yield Problem(
            code=problem.code,
            message=problem.message,
            location=Location(path, problem.position),
            fix=problem.fix,
        )


def _problem(path: str, message: str, resource: Resource | None = None, fix: str | None = None) -> Problem:
    return Problem(
        code="crd-invalid",
        message=message,
        location=Location(path),
        fix=fix,
        resource=resource.id if resource is not None else None,
        origin=resource.origin if resource is not None else None,
    )


def _without_prose(value: Any, *, names: bool = False) -> Any:
    """A definition without what only people read; `names` marks a mapping whose keys are field names."""
    if isinstance(value, list):
        return [_without_prose(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        if names:
            kept[key] = _without_prose(item)
        elif key in ("default", "enum"):
            kept[key] = item
        elif key not in _NOT_NEEDED:
            kept[key] = _without_prose(item, names=key == "properties")
    return kept
