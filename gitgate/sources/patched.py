"""Fields that owners give to what they apply: an object that none of them reaches may be without these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gitgate.location import FieldPath
from gitgate.sources.owners import Owner, items, mapping, text
from gitgate.yaml_document import read_yaml


def patched_fields(owners: Iterable[Owner]) -> Mapping[str, tuple[FieldPath, ...]]:
    """By kind, fields of `spec` that patches of owners set."""
    found: dict[str, set[FieldPath]] = {}
    for owner in owners:
        for patch in map(mapping, items(owner.spec.get("patches"))):
            for kind, path in _fields(patch):
                found.setdefault(kind, set()).add(path)
    return {kind: tuple(sorted(paths)) for kind, paths in sorted(found.items())}


def _fields(patch: Mapping[str, object]) -> Iterator[tuple[str, FieldPath]]:
    kind = text(mapping(patch.get("target")).get("kind"))
    for document in read_yaml(text(patch.get("patch")).encode("utf-8", "replace")).documents:
        if isinstance(document.value, dict):
            wanted = kind or text(document.value.get("kind"))
            yield from ((wanted, ("spec", name)) for name in mapping(document.value.get("spec")))
        for operation in map(mapping, items(document.value)):
            steps = text(operation.get("path")).split("/")[1:]
            if operation.get("op") in {"add", "replace"} and len(steps) == 2 and steps[0] == "spec":
                yield kind, ("spec", steps[1])
