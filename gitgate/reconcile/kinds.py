"""`Kinds`: the types of every object of a change, built-in or defined in the repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gitgate.reconcile.failure import Failure
from gitgate.reconcile.tables import KubernetesTables, TypeNode, kubernetes_tables
from gitgate.reconcile.undefined import not_served
from gitgate.resource import Resource


class Kinds:
    """Looks types up; of two definitions of a kind the later one counts.

    Args:
        version: Kubernetes version.
        resources: Where CustomResourceDefinitions may be among.
    """

    def __init__(self, version: str, resources: Iterable[Resource]) -> None:
        self.version = version
        self._tables: KubernetesTables = kubernetes_tables(version)
        self._structural: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._nodes: dict[tuple[str, str], TypeNode | None] = {}
        for resource in resources:
            if resource.id.kind == "CustomResourceDefinition" and resource.id.group == "apiextensions.k8s.io":
                self._structural.update(custom_schemas(resource.data))

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
            self._nodes[key] = node
        return self._nodes[key]

    @property
    def undefined(self) -> TypeNode:
        """The type of what nothing defines."""
        return self._tables.undefined

    def not_served(self, resource: Resource) -> Failure | None:
        """Why a kind that `find` does not know cannot be applied; None where a definition elsewhere may serve it."""
        return not_served(self._tables.groups, resource.id.api_version, resource.id.kind)


def custom_schemas(definition: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
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
