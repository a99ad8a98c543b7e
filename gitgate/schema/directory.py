"""The directory of schemas that a repository keeps for itself, `.gitgate/schemas/`."""

from __future__ import annotations

from dataclasses import dataclass

from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.tree import Tree

_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class ImportedSchemas:
    """What a schema directory holds.

    Attributes:
        definitions: CustomResourceDefinitions; a JSON Schema is presented as one that keeps unknown fields.
        problems: Files that are no schema; rule `schema/crd-invalid`, or that of the YAML reader.
    """

    definitions: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()


def load_schema_directory(tree: Tree, prefix: str) -> ImportedSchemas:
    """Read every schema below a directory of a tree; total, whatever the files hold.

    Args:
        tree: The base, or its rulebook.
        prefix: `.gitgate/schemas`, without a slash at the end.
    """
    paths = [path for path in tree.entries if path.startswith(f"{prefix}/") and is_schema_file(path)]
    if not paths:
        return ImportedSchemas()
    from gitgate.schema.imports import read_schemas  # noqa: PLC0415 - few repositories keep schemas

    definitions: list[Resource] = []
    problems: list[Problem] = []
    for path, data in tree.read_many(paths):
        found = read_schemas(path, data, path.removeprefix(f"{prefix}/"))
        definitions += found.definitions
        problems += found.problems
    return ImportedSchemas(tuple(definitions), tuple(problems))


def is_schema_file(path: str) -> bool:
    """Does the name say that a schema may be in it?"""
    return path.lower().endswith(_SUFFIXES)
