"""Consequences of an edited CustomResourceDefinition for the custom resources of the repository."""

from __future__ import annotations

from collections.abc import Iterator

from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.outcome import predict_create
from gitgate.reconcile.scene import Scene, defined_kind


def invalidated(scene: Scene) -> Iterator[Consequence]:
    """Custom resources that the old definition accepts and the new one refuses or no longer serves."""
    for item in scene.changed:
        if item.id.kind != "CustomResourceDefinition" or item.before is None or item.after is None:
            continue
        version = scene.plan.version
        old, new = Kinds(version, (item.before,)), Kinds(version, (item.after,))
        concerned = sorted({defined_kind(item.before), defined_kind(item.after)})
        for resource in (one for kind in concerned for one in scene.after.of_kind(*kind)):
            was, shall = old.find(resource), new.find(resource)
            if was is None or not was.custom:
                continue
            if shall is None:
                message = f"{item.id.name} no longer serves {resource.id.api_version}"
                yield happens_to(resource, "invalidated-resource", message, ("apiVersion",), other=item.id.name)
            elif not predict_create(was, resource.data, version=version).failures:
                for failure in predict_create(shall, resource.data, version=version).failures:
                    message = f"the new {item.id.name} refuses it: {failure}"
                    yield happens_to(resource, "invalidated-resource", message, failure.field)
