"""`LiveState`: what the cluster has, looked up the way that manifests name it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitgate.reconcile.places import Identity
from gitgate.resource import Resource


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the cluster has, by identity."""

    objects: Mapping[Identity, Resource]
    by_name: Mapping[tuple[str, str, str], tuple[Resource, ...]]

    @staticmethod
    def of(resources: Iterable[Resource] | None) -> LiveState | None:
        """Index a dump of the cluster; None for none."""
        if resources is None:
            return None
        objects: dict[Identity, Resource] = {}
        by_name: dict[tuple[str, str, str], tuple[Resource, ...]] = {}
        for resource in resources:
            objects[resource.id.identity] = resource
            name = (resource.id.group, resource.id.kind, resource.id.name)
            by_name[name] = (*by_name.get(name, ()), resource)
        return LiveState(objects, by_name)

    def find(self, resource: Resource) -> Resource | None:
        """The live object of a manifest, which may leave its namespace to the agent."""
        found = self.objects.get(resource.id.identity)
        if found is not None or resource.id.namespace:
            return found
        named = self.by_name.get((resource.id.group, resource.id.kind, resource.id.name), ())
        return named[0] if len(named) == 1 else None
