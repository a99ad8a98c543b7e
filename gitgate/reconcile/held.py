"""What an agent leaves in the cluster because it cannot render what git has now, and what nothing tells of.

A build that fails applies nothing and prunes nothing: fluxcd/kustomize-controller, `reconcile`, and
argo-cd/controller/state.go, `CompareAppState`, end before they compare. What only gitgate cannot read, an agent may
apply as before, otherwise, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gitgate.proposal import Coverage, Problem, Snapshot
from gitgate.resource import Origin, Resource, ResourceId

_Key = tuple[str, str]
_HELD = ""
"""The agent fails as well, so that it leaves everything as it is; any other text is why nothing tells of it."""
_AGENT_FAILS = frozenset({
    "agent-dangling-reference", "agent-invalid", "helm-failed", "kustomize-dangling-reference",
    "kustomize-escaping-reference", "kustomize-failed", "kustomize-invalid", "yaml-alias", "yaml-encoding",
    "yaml-syntax", "yaml-template",
})  # fmt: skip
"""Why an agent fails as well. What gitgate alone refuses, or has no program for, the agent may render and prune."""
_OPAQUE_FILE = "opaque-file"
_ENCRYPTED = "its file has an encrypted Secret, which may be this one"
REMOTE = "kustomize-remote-reference"
"""The code of something that a kustomization fetches, so that its objects are not known."""
_FETCHED = "it may be among what its kustomization fetches from now on"
_ROOTS = ("kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml")


def with_held(before: Snapshot, after: Snapshot) -> Snapshot:
    """The merge's objects, and those of the base whose owner or file is not rendered any more.

    What an owner applies that is held itself is held, too: its own owner makes no new one of it.
    """
    fates = _Fates(before, after)
    if not fates.any:
        return after
    present = {_identity(one) for one in after.resources}
    owned: dict[_Key, list[Resource]] = {}
    held: list[tuple[Resource, str]] = []
    for resource in before.resources:
        if _identity(resource) in present:
            continue
        fate = fates.of(resource)
        if fate is not None:
            held.append((resource, fate))
        elif resource.origin.owner:
            owned.setdefault((resource.origin.cluster, resource.origin.owner), []).append(resource)
    waiting = [*fates.owners.items(), *(_as_owner(resource, fate) for resource, fate in held)]
    while waiting:
        owner, fate = waiting.pop()
        for resource in owned.pop(owner, ()):
            held.append((resource, fate))
            waiting.append(_as_owner(resource, fate))
    if not held:
        return after
    # What an owner applied, and is found as if nobody did while the owner is not rendered, is the same object.
    found = {(one.origin.path, one.id.identity) for one, _ in held if one.origin.owner}
    others = (one for one in after.resources if one.origin.owner or (one.origin.path, one.id.identity) not in found)
    unread: Mapping[tuple[Origin, ResourceId], str] = {(one.origin, one.id): fate for one, fate in held if fate}
    return replace(after, resources=(*others, *(one for one, _ in held)), unread=MappingProxyType(unread))


class _Fates:
    """Why objects of the base are not in the merge, where that is for want of reading it."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._before, self._files = before.files, after.files
        self._problems: dict[str, list[Problem]] = {}
        for problem in after.problems:
            self._problems.setdefault(problem.location.path, []).append(problem)
        self._refused = self._why(self._problems)
        self.owners: dict[_Key, str] = {
            owner: f"its owner applies what is somewhere else: {why}"
            for owner, why in after.elsewhere.items()
            if owner not in before.elsewhere
        }
        self.owners |= dict.fromkeys(after.stuck - before.stuck, self._refused)
        self._fetches_anew = bool(_remote(after) - _remote(before))

    @property
    def any(self) -> bool:
        """Is there something that was not read?"""
        states = self._files.values()
        unread = {Coverage.FAILED, Coverage.OPAQUE, *((Coverage.PARTLY,) if self._fetches_anew else ())}
        return bool(self.owners) or not unread.isdisjoint(states)

    def of(self, resource: Resource) -> str | None:
        """What becomes of an object; None where that is known, or for its owner to say."""
        path, root = resource.origin.path, resource.origin.rendered_by
        if self._files.get(path) is Coverage.OPAQUE:
            return self._of_opaque(resource, path)
        if self._fetches_anew and self._is_beside_fetched(resource):
            return _FETCHED
        if resource.origin.owner:
            return None
        paths = [path, *(f"{root}/{name}".lstrip("/") for name in _ROOTS if root is not None)]
        if all(self._files.get(path) is not Coverage.FAILED for path in paths):
            return None
        # What is rendered fails with any of the files that it is made of.
        return self._why((path,)) if root is None and path in self._problems else self._refused

    def _is_beside_fetched(self, resource: Resource) -> bool:
        """Is what rendered the object rendered without what it fetches?"""
        trace = resource.origin.trace
        return trace is not None and any(self._files.get(path) is Coverage.PARTLY for path in trace.files)

    def _of_opaque(self, resource: Resource, path: str) -> str | None:
        for problem in self._problems.get(path, ()):
            if problem.code == _OPAQUE_FILE:
                return f"{path}: {problem.message}"
        was_sealed = self._before.get(path) is Coverage.OPAQUE
        is_secret = (resource.id.api_version, resource.id.kind) == ("v1", "Secret")
        return _ENCRYPTED if is_secret and not was_sealed else None

    def _why(self, paths: Iterable[str]) -> str:
        """Why something is not rendered, where that may be gitgate's own reason."""
        for path in paths:
            for problem in self._problems[path] if self._files.get(path) is Coverage.FAILED else ():
                if problem.code not in _AGENT_FAILS:
                    return f"{path} is not rendered here, and the agent may render it: {problem.message}"
        return _HELD


def _remote(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    return frozenset((one.location.path, one.discriminator) for one in snapshot.problems if one.code == REMOTE)


def _identity(resource: Resource) -> tuple[object, ...]:
    return (resource.origin.cluster, resource.id.identity)


def _as_owner(resource: Resource, fate: str) -> tuple[_Key, str]:
    return (resource.origin.cluster, str(resource.id)), fate
