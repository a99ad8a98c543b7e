"""What an agent leaves in the cluster because it cannot render what git has now.

A build that fails applies nothing and prunes nothing: fluxcd/kustomize-controller, `reconcile`, and
argo-cd/controller/state.go, `CompareAppState`, end before they compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitgate.proposal import Coverage, Snapshot
from gitgate.resource import Resource

_Key = tuple[str, str]
_AGENT_FAILS = frozenset({
    "agent-dangling-reference", "agent-invalid", "helm-failed", "kustomize-dangling-reference",
    "kustomize-escaping-reference", "kustomize-failed", "kustomize-invalid", "yaml-alias", "yaml-encoding",
    "yaml-syntax", "yaml-template",
})  # fmt: skip
"""Why an agent fails as well. What gitgate alone refuses, or has no program for, the agent may render and prune."""
_ROOTS = ("kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml")


def with_held(before: Snapshot, after: Snapshot) -> Snapshot:
    """The merge's objects, and those of the base whose owner or file is not rendered any more.

    What an owner applies that is held itself is held, too: its own owner makes no new one of it.
    """
    stuck = after.stuck - before.stuck
    if (Coverage.FAILED not in after.files.values() and not stuck) or _refused(after):
        return after
    present = {_identity(one) for one in after.resources}
    owned: dict[_Key, list[Resource]] = {}
    held: list[Resource] = []
    waiting = list(stuck)
    for resource in before.resources:
        origin = resource.origin
        if _identity(resource) in present:
            continue
        if origin.owner:
            owned.setdefault((origin.cluster, origin.owner), []).append(resource)
        elif _failed(resource, after.files):
            held.append(resource)
            waiting.append((origin.cluster, str(resource.id)))
    while waiting:
        for resource in owned.pop(waiting.pop(), ()):
            held.append(resource)
            waiting.append((resource.origin.cluster, str(resource.id)))
    return replace(after, resources=(*after.resources, *held)) if held else after


def _refused(after: Snapshot) -> bool:
    """Is something not rendered for a reason that may be gitgate's own?"""
    return any(
        problem.code not in _AGENT_FAILS and after.files.get(problem.location.path) is Coverage.FAILED
        for problem in after.problems
    )


def _identity(resource: Resource) -> tuple[object, ...]:
    return (resource.origin.cluster, resource.id.identity)


def _failed(resource: Resource, files: Mapping[str, Coverage]) -> bool:
    """Can the file, or what renders it, not be read any more?"""
    root = resource.origin.rendered_by
    paths = [resource.origin.path, *(f"{root}/{name}".lstrip("/") for name in _ROOTS if root is not None)]
    return any(files.get(path) is Coverage.FAILED for path in paths)
