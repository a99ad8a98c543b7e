"""Policies in files: those that gitgate ships, and those below `.gitgate/policies` of the base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitgate import bundled
from gitgate.location import Location, Position
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from gitgate.yaml_document import YamlLimits, read_yaml

DIRECTORY = ".gitgate/policies"
BUNDLED = "gitgate:policies/"
"""What the paths of shipped policies start with in reports."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a part of it, that holds no policy that could be read."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What files hold: policies, bindings and params, and what could not be read."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[FileProblem, ...] = ()


def is_test_file(data: bytes) -> bool:
    """Does a file hold cases for `gitgate policy test`, and so no policies?"""
    documents = read_yaml(data).documents
    value = documents[0].value if len(documents) == 1 else None
    return isinstance(value, dict) and "cases" in value and "kind" not in value


def read_rulebook(rulebook: Mapping[str, bytes], limits: YamlLimits) -> PolicyFiles:
    """The policies among the files below `.gitgate/`."""
    files = PolicyFiles()
    for path, data in sorted(rulebook.items()):
        if path.startswith(f"{DIRECTORY}/") and path.endswith((".yaml", ".yml", ".json")):
            if path.startswith(f"{DIRECTORY}/tests/") and is_test_file(data):
                continue
            found = _read(path, data, limits)
            files = PolicyFiles((*files.resources, *found.resources), (*files.problems, *found.problems))
    return files


def bundled_names() -> tuple[str, ...]:
    """The names of the sets of policies that gitgate ships, sorted; `pod-security-restricted`."""
    return tuple(path.stem for path in bundled.policy_files())


def read_bundled(name: str) -> tuple[Resource, ...]:
    """The policies and bindings of a set that gitgate ships.

    Raises:
        FileNotFoundError: There is no such set.
    """
    path = bundled.policy_set(name)
    return _read(f"{BUNDLED}{path.name}", path.read_bytes(), YamlLimits()).resources


def _read(path: str, data: bytes, limits: YamlLimits) -> PolicyFiles:
    file = read_yaml(data, limits)
    resources: list[Resource] = []
    problems = [FileProblem(Location(path, problem.position), problem.message) for problem in file.problems]
    if file.opaque:
        problems.append(FileProblem(Location(path), f"the file cannot be read: {file.opaque}"))
    for document in file.documents:
        for resource in _resources(path, document.value, document.index, document.line):
            if resource is None:
                place = Position(document.line, 1)
                problems.append(FileProblem(Location(path, place), "the document is no Kubernetes object"))
            else:
                resources.append(resource)
    return PolicyFiles(tuple(resources), tuple(problems))


def _resources(path: str, value: object, document: int, line: int) -> Iterator[Resource | None]:
    if not isinstance(value, dict):
        yield None
        return
    items = value.get("items")
    if value.get("kind") == "List" and isinstance(items, list):
        for index, item in enumerate(items):
            yield _resource(item, Origin(path, document, ("items", index), line))
        return
    yield _resource(value, Origin(path, document, (), line))


def _resource(value: object, origin: Origin) -> Resource | None:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metadata, dict):
        return None
    api_version, kind, name = value.get("apiVersion"), value.get("kind"), metadata.get("name")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not isinstance(name, str):
        return None
    try:
        group, version = split_api_version(api_version)
    except ValueError:
        return None
    namespace = metadata.get("namespace")
    return Resource(
        ResourceId(group, version, kind, namespace if isinstance(namespace, str) else "", name), value, origin
    )
