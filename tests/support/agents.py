"""Snapshots, agents' own objects and plans of them in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitgate.proposal import Snapshot
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import Plan, make_plan
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.support.cluster import VERSION

Item = dict[str, Any] | tuple[str, dict[str, Any]]
"""An object, or the file that it is in and the object."""


def snapshot(*objects: Item) -> Snapshot:
    """Each object in a file of its own below `apps/`, unless the file is named."""
    resources = []
    for number, item in enumerate(objects):
        path, data = item if isinstance(item, tuple) else (f"apps/{number}.yaml", item)
        group, version = split_api_version(data["apiVersion"])
        metadata = data["metadata"]
        identity = ResourceId(group, version, data["kind"], metadata.get("namespace", ""), metadata["name"])
        resources.append(Resource(identity, data, Origin(path)))
    return Snapshot(resources=tuple(resources))


def planned(before: Sequence[Item], after: Sequence[Item], **options: Any) -> tuple[Plan, tuple[Consequence, ...]]:
    """The plan, and what follows."""
    was, shall_be = snapshot(*before), snapshot(*after)
    plan = make_plan(was, shall_be, VERSION, **options)
    return plan, follow(plan, was, shall_be)


def flux(name: str, path: str, **spec: Any) -> dict[str, Any]:
    """A Flux Kustomization that prunes."""
    return {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {"path": path, "prune": True, **spec}}  # fmt: skip


def application(name: str, path: str, *options: str, **policy: Any) -> dict[str, Any]:
    """An Argo CD Application that syncs and prunes by itself, with its sync options."""
    automated = policy.pop("automated", {"prune": True})
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": "argocd", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
            "spec": {"source": {"path": path},
                     "syncPolicy": {"automated": automated, "syncOptions": list(options), **policy}}}  # fmt: skip
