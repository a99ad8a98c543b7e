"""`Kinds`: the types of every object of a change: built-in, defined in the repository, or shipped to predict from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from gitgate import bundled
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.tables import KubernetesTables, TypeNode, kubernetes_tables
from gitgate.reconcile.undefined import not_served
from gitgate.resource import Resource

_Key = tuple[str, str]
"""API version and kind."""


class Kinds:
    """Looks types up; of two definitions of a kind the later one counts.

    A kind that none of them defines may be one that gitgate ships a definition of, to predict from it. That is likely
    and no more, as the cluster's may be another (`release`; docs/adr/0042-definitions-for-predictions.md).

    Args:
        version: Kubernetes version.
        resources: Where CustomResourceDefinitions may be among.
        predicts: Are the definitions that gitgate ships taken, too? Not where something is judged.
    """

    def __init__(self, version: str, resources: Iterable[Resource], *, predicts: bool = False) -> None:
        self.version = version
        self._predicts = predicts
        self._tables: KubernetesTables = kubernetes_tables(version)
        self._structural: dict[_Key, Mapping[str, Any]] = {}
        self._nodes: dict[_Key, TypeNode | None] = {}
        self._releases: dict[_Key, str] = {}
        self._defined: set[tuple[str, str]] = set()
        for resource in resources:
            if resource.id.kind == "CustomResourceDefinition" and resource.id.group == "apiextensions.k8s.io":
                self._structural.update(custom_schemas(resource.data))
                self._defined.add(defined_names(resource.data))

    def find(self, resource: Resource) -> TypeNode | None:
        """The type of an object; None where nothing defines its kind."""
        return self.node(resource.id.api_version, resource.id.kind)

    def node(self, api_version: str, kind: str) -> TypeNode | None:
        """The type of a kind; None where nothing defines it."""
        key = (api_version, kind)
        if key not in self._nodes:
            node = self._tables.kind(*key)
            if node is None and key in self._structural:
                node = self._tables.custom(self._structural[key])
            elif node is None and self._predicts:
                node = self._shipped(api_version.rpartition("/")[0], key)
            self._nodes[key] = node
        return self._nodes[key]

    def _shipped(self, group: str, key: _Key) -> TypeNode | None:
        release, structural = shipped_schemas(group).get(key, ("", None))
        if structural is None or (group, key[1]) in self._defined:
            return None
        self._releases[key] = release
        return self._tables.custom(structural)

    def release(self, resource: Resource) -> str:
        """The release whose shipped definition `find` gives, `cert-manager v1.21.1`; empty where nothing is assumed."""
        self.find(resource)
        return self._releases.get((resource.id.api_version, resource.id.kind), "")

    @property
    def undefined(self) -> TypeNode:
        """The type of what nothing defines."""
        return self._tables.undefined

    def not_served(self, resource: Resource) -> Failure | None:
        """Why a kind that `find` does not know cannot be applied; None where a definition elsewhere may serve it."""
        return not_served(self._tables.groups, resource.id.api_version, resource.id.kind)


def shipped_schemas(group: str) -> Mapping[_Key, tuple[str, Mapping[str, Any]]]:
    """The definitions that gitgate ships for a group, with their releases, by API version and kind."""
    name = bundled.agents_file(group) or bundled.operators_file(group)
    return _read(name) if name is not None else MappingProxyType({})


@lru_cache(maxsize=8)
def _read(name: str) -> Mapping[_Key, tuple[str, Mapping[str, Any]]]:
    return MappingProxyType({
        key: (definition["release"], structural)
        for definition in bundled.definitions(name)
        for key, structural in custom_schemas(definition).items()
    })  # fmt: skip


def defined_names(definition: Mapping[str, Any]) -> tuple[str, str]:
    """Group and kind that a CustomResourceDefinition is about; total, whatever it holds."""
    spec = definition.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(names, Mapping):
        return "", ""
    return str(spec.get("group")), str(names.get("kind"))


def custom_schemas(definition: Mapping[str, Any]) -> dict[_Key, Mapping[str, Any]]:
    """The structural schemas of a CustomResourceDefinition by API version and kind; total, whatever it holds."""
    spec = definition.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    versions = spec.get("versions") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(names, Mapping) or not isinstance(versions, list):
        return {}
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for version in versions:
        holder = version.get("schema") if isinstance(version, Mapping) else None
        structural = holder.get("openAPIV3Schema") if isinstance(holder, Mapping) else None
        if isinstance(structural, Mapping) and _is_sound(structural, 0):
            found[f"{spec.get('group')}/{version.get('name')}", str(names.get("kind"))] = structural
    return found


_DEPTH = 64


def _is_sound(schema: Any, depth: int) -> bool:
    """Is every part that planning reads of the right type? A hostile definition defines nothing."""
    if not isinstance(schema, Mapping) or depth > _DEPTH or "$ref" in schema:
        return False
    properties, extra, items = schema.get("properties"), schema.get("additionalProperties"), schema.get("items")
    if properties is not None and not (
        isinstance(properties, Mapping) and all(_is_sound(value, depth + 1) for value in properties.values())
    ):
        return False
    required = schema.get("required")
    if required is not None and not (isinstance(required, list) and all(isinstance(name, str) for name in required)):
        return False
    if schema.get("type") is not None and not isinstance(schema["type"], str):
        return False
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys is not None and not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        return False
    below = [extra] if isinstance(extra, Mapping) else []
    below += [items] if items is not None else []
    return all(_is_sound(value, depth + 1) for value in below)
