"""The values of a HelmRelease: those that it refers to, in order, then those written in it.

Source: fluxcd/pkg, chartutil/values.go, `ChartValuesFromReferences`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath
from gitgate.sources.flux.set_values import SetError, set_value
from gitgate.sources.flux.substitution import data_of
from gitgate.sources.owners import Owner, World, items, mapping, text
from gitgate.yaml_document import read_yaml

_DEFAULT_KEY = "values.yaml"


class ValuesProblem(Exception):  # noqa: N818 - what it says is a problem of the content
    """Values that Flux cannot read."""

    def __init__(self, field: FieldPath, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ReleaseValues:
    """The values, and the objects with others that the repository does not have in plain text."""

    merged: Mapping[str, Any]
    missing: tuple[tuple[str, FieldPath], ...] = ()


def values_references(owner: Owner) -> Iterator[tuple[str, str, bool, FieldPath]]:
    """Kind, name, whether it may be absent, and field of every object that values come from."""
    for index, reference in enumerate(items(owner.spec.get("valuesFrom"))):
        kind, name = text(mapping(reference).get("kind")), text(mapping(reference).get("name"))
        if kind in {"ConfigMap", "Secret"} and name:
            yield kind, name, mapping(reference).get("optional") is True, ("spec", "valuesFrom", index)


def release_values(owner: Owner, world: World) -> ReleaseValues:
    """Merge the values of a release.

    Raises:
        ValuesProblem: Something referred to is there and cannot be used.
    """
    merged: dict[str, Any] = {}
    missing: list[tuple[str, FieldPath]] = []
    references = items(owner.spec.get("valuesFrom"))
    inline = copy.deepcopy(dict(mapping(owner.spec.get("values"))))
    for kind, name, optional, path in values_references(owner):
        reference = mapping(references[int(path[-1])])
        resource = world.find("", kind, owner.namespace, name)
        held = data_of(resource) if resource is not None else None
        told = f"{kind} {owner.namespace}/{name}"
        if held is None:
            missing.append((told, path))
            continue
        key = text(reference.get("valuesKey")) or _DEFAULT_KEY
        if key not in held:
            if not optional:
                raise ValuesProblem((*path, "valuesKey"), f"{told} has no key {key!r}")
            continue
        target = text(reference.get("targetPath"))
        if not target:
            merged = merge(merged, _read(held[key], told, path))
            continue
        # What a path leads to in here wins over what is written in the release, as the two share it from now on.
        merged = merge(merged, inline)
        try:
            set_value(merged, target, held[key], literal=reference.get("literal") is True)
        except SetError as error:
            message = f"Helm cannot put the value of {key!r} in {told} at {target!r}: {error}"
            raise ValuesProblem((*path, "targetPath"), message) from error
    return ReleaseValues(merge(merged, inline), tuple(missing))


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings at any depth; everything else is replaced, and shared with where it comes from."""
    merged = dict(under)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _read(value: str, told: str, path: FieldPath) -> Mapping[str, Any]:
    file = read_yaml(value.encode("utf-8", "surrogatepass"))
    values = file.documents[0].value if file.documents else {}
    if any(problem.fatal for problem in file.problems) or not isinstance(values, dict | None):
        raise ValuesProblem(path, f"the values in {told} are no YAML mapping")
    return values or {}
