"""What the objects of a repository say about the agent: how it applies, what it owns, what it never prunes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.ignored import NOTHING_IGNORED, IgnoreRules, argo_ignores, flux_ignores
from gitgate.resource import Resource

FLUX_GROUP = "kustomize.toolkit.fluxcd.io"
ARGO_GROUP = "argoproj.io"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
_NOWHERE = "\0"
"""The path of an owner that applies nothing by the place where it lies."""
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_SYNC_WAVE = "argocd.argoproj.io/sync-wave"
_HOOK = "argocd.argoproj.io/hook"
_HELM_HOOK = "helm.sh/hook"
_SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
_HELM_WEIGHT = "helm.sh/hook-weight"
_WAVE = re.compile(r"[+-]?[0-9]{1,9}\Z")
_FLUX_PRUNE = f"{FLUX_GROUP}/prune"
_FLUX_FORCE = f"{FLUX_GROUP}/force"
_FLUX_SSA = f"{FLUX_GROUP}/ssa"
_FLUX_RECONCILE = f"{FLUX_GROUP}/reconcile"
_OPERATOR_GROUP = "fluxcd.controlplane.io"
_HELM_POLICY = "helm.sh/resource-policy"
_KEEPING = ((_FLUX_PRUNE, "disabled"), (_FLUX_RECONCILE, "disabled"), (_FLUX_SSA, "ignore"), (_HELM_POLICY, "keep"))
"""Annotations, and the values with which nothing is pruned. Sources: fluxcd/kustomize-controller, `prune`; Helm's
pkg/kube/resource_policy.go."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A Flux Kustomization or an Argo CD Application of the repository.

    Attributes:
        name: As people say it: `Kustomization flux-system/apps`.
        path: The directory that it applies, without slashes at its ends; empty for the whole repository.
        method: How it applies.
        force: Does it delete and create anew what cannot be updated?
        prunes: Does it delete what git no longer has?
        ignores: Fields that it does not compare.
        flux: Is it a Flux Kustomization?
        helm: Is it a HelmRelease?
        cascades: Is what it applied deleted together with it?
        depends_on: Names of the owners that it waits for.
        waits: Does it count as ready only when what it applied is?
        idle: Why a merge alone makes it do nothing; empty where it acts by itself.
        makes_namespace: Does it make the namespaces that its objects are in?
        skips_missing_kinds: Does it go on where a kind is not defined yet?
        wave: Its own place among the objects that its parent applies.
    """

    name: str
    path: str
    method: ApplyMethod
    force: bool
    prunes: bool
    ignores: IgnoreRules = NOTHING_IGNORED
    flux: bool = False
    helm: bool = False
    cascades: bool = False
    depends_on: tuple[str, ...] = ()
    waits: bool = False
    idle: str = ""
    makes_namespace: bool = False
    skips_missing_kinds: bool = False
    wave: int = 0


class Owners(tuple[Owner, ...]):  # noqa: SLOT001 - it keeps what it works out
    """Owners in the order in which they are asked, the first of each name found at once."""

    @cached_property
    def by_name(self) -> Mapping[str, Owner]:
        """An Application with several sources is several of one name."""
        return {owner.name: owner for owner in reversed(self)}


def find_owners(resources: Iterable[Resource], elsewhere: Iterable[Resource] = ()) -> Owners:
    """The agents' own objects, the longest path first.

    Args:
        resources: Of one cluster, or of all.
        elsewhere: Of other clusters: they apply what says so here, and nothing by its place.
    """
    owners = [owner for resource in resources for owner in _owners(resource)]
    names = {owner.name for owner in owners}
    owners.extend(
        replace(owner, path=_NOWHERE)
        for resource in elsewhere
        for owner in _owners(resource)
        if owner.name not in names
    )
    return Owners(sorted(owners, key=lambda owner: (-len(owner.path), owner.name)))


def _owners(resource: Resource) -> list[Owner]:
    """What an object applies others as; several for an Application with several sources."""
    kind = resource.id.group, resource.id.kind
    if kind == (FLUX_GROUP, "Kustomization"):
        return [_flux(resource)]
    if kind == ("helm.toolkit.fluxcd.io", "HelmRelease"):
        # Helm 4 applies on the server's side.
        suspended = _mapping(resource.data.get("spec")).get("suspend") is True
        return [
            Owner(
                str(resource.id), _NOWHERE, ApplyMethod.SERVER_SIDE, force=False, prunes=True, helm=True,
                cascades=not suspended,
            )
        ]  # fmt: skip
    if kind == (_OPERATOR_GROUP, "ResourceSet"):
        return [Owner(str(resource.id), _NOWHERE, ApplyMethod.FLUX, force=False, prunes=True, cascades=True)]
    if kind == (ARGO_GROUP, "ApplicationSet"):
        return [_argo_set(resource)]
    return _argo(resource) if kind == (ARGO_GROUP, "Application") else []


def _argo_set(resource: Resource) -> Owner:
    """Source: argo-cd, applicationset_types.go, `ApplicationsSyncPolicy`, `AllowDelete`."""
    policy = _mapping(_mapping(resource.data.get("spec")).get("syncPolicy")).get("applicationsSync")
    deletes = policy not in ("create-only", "create-update")
    return Owner(str(resource.id), _NOWHERE, ApplyMethod.SERVER_SIDE, force=False, prunes=deletes, cascades=deletes)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _path(text: Any) -> str:
    path = posixpath.normpath(str(text or ".")).strip("/")
    return "" if path == "." else path


def _flux(resource: Resource) -> Owner:
    """Source: fluxcd/kustomize-controller, `api/v1/kustomization_types.go` and `finalize`."""
    spec = _mapping(resource.data.get("spec"))
    prunes, policy = spec.get("prune") is True, spec.get("deletionPolicy") or "MirrorPrune"
    suspended = spec.get("suspend") is True
    deletes = policy in ("Delete", "WaitForTermination") or (policy == "MirrorPrune" and prunes)
    return Owner(
        name=str(resource.id),
        path=_path(spec.get("path")),
        method=ApplyMethod.FLUX,
        force=spec.get("force") is True,
        prunes=prunes,
        ignores=flux_ignores(str(resource.id), spec),
        flux=True,
        cascades=deletes and not suspended,
        depends_on=tuple(depends_on(resource)),
        waits=spec.get("wait") is True or bool(spec.get("healthChecks")),
        idle="it is suspended" if suspended else "",
    )


def depends_on(resource: Resource) -> Iterator[str]:
    """The objects of its own kind that a Flux Kustomization or HelmRelease waits for, as people say them."""
    entries = _mapping(resource.data.get("spec")).get("dependsOn")
    for entry in entries if isinstance(entries, list) else ():
        name = _mapping(entry).get("name")
        if isinstance(name, str):
            yield f"{resource.id.kind} {_mapping(entry).get('namespace') or resource.id.namespace}/{name}"


def _argo(resource: Resource) -> list[Owner]:
    """One owner for each path of an Application."""
    spec = _mapping(resource.data.get("spec"))
    several = spec.get("sources") or None
    sources = [_mapping(one) for one in several] if isinstance(several, list) else [_mapping(spec.get("source"))]
    policy = _mapping(spec.get("syncPolicy"))
    options = policy.get("syncOptions")
    wanted = {str(option) for option in options} if isinstance(options, list) else set()
    automated = policy.get("automated")
    acts = isinstance(automated, Mapping) and automated.get("enabled") is not False
    finalizers = _mapping(resource.data.get("metadata")).get("finalizers")
    return [
        Owner(
            name=str(resource.id),
            path=_path(source["path"]),
            method=_argo_method(wanted) or ApplyMethod.CLIENT_SIDE,
            force="Force=true" in wanted,
            prunes=isinstance(automated, Mapping) and automated.get("prune") is True,
            ignores=argo_ignores(str(resource.id), spec, keeps_live="RespectIgnoreDifferences=true" in wanted),
            cascades=isinstance(finalizers, list) and any(str(one).startswith(_FINALIZER) for one in finalizers),
            idle=_argo_idle(resource, acts=acts),
            makes_namespace="CreateNamespace=true" in wanted,
            skips_missing_kinds="SkipDryRunOnMissingResource=true" in wanted,
            wave=sync_wave(resource),
        )
        for source in sources
        if isinstance(source.get("path"), str)
    ]


def _argo_idle(resource: Resource, *, acts: bool) -> str:
    annotations = _mapping(_mapping(resource.data.get("metadata")).get("annotations"))
    if str(annotations.get(_SKIP_RECONCILE, "")) == "true":
        return f"{_SKIP_RECONCILE} is set"
    return "" if acts else "it does not sync by itself"


def sync_wave(resource: Resource) -> int:
    """Argo CD's wave: argo-cd/gitops-engine/pkg/sync/syncwaves/waves.go, `Wave`."""
    annotations = _mapping(_mapping(resource.data.get("metadata")).get("annotations"))
    for key in (_SYNC_WAVE, _HELM_WEIGHT):
        text = str(annotations.get(key, ""))
        if _WAVE.match(text):
            return int(text)
    return 0


def _argo_method(options: set[str]) -> ApplyMethod | None:
    if "Replace=true" in options:
        return ApplyMethod.REPLACE
    if "ServerSideApply=true" in options:
        return ApplyMethod.SERVER_SIDE
    return ApplyMethod.CLIENT_SIDE if "ServerSideApply=false" in options else None


def owner_of(resource: Resource, owners: Owners) -> Owner | None:
    """Who applies an object: the owner that rendered it, or else the one with the longest path above it."""
    if not owners:
        return None
    if resource.origin.owner:
        return owners.by_name.get(resource.origin.owner)
    place = resource.origin.rendered_by
    directory = place if place is not None else posixpath.dirname(resource.origin.path)
    for owner in owners:
        if not owner.path or directory == owner.path or directory.startswith(owner.path + "/"):
            return owner
    return None


@dataclass(frozen=True, slots=True)
class Handling:
    """How one object is applied.

    Attributes:
        method: See `ApplyMethod`.
        force: Is it deleted and created anew where it cannot be updated?
        keep: Why it is never pruned; empty when it may be.
        frozen: Why it is never updated; empty when it is.
    """

    method: ApplyMethod
    force: bool = False
    keep: str = ""
    frozen: str = ""


def handling(resource: Resource, owner: Owner | None, default: ApplyMethod) -> Handling:
    """How one object is applied: what its annotations say, then its owner, then the default.

    Sources: argo-cd/gitops-engine/pkg/sync/sync_context.go; fluxcd/kustomize-controller, `reconcile` and `prune`.
    """
    metadata = _mapping(resource.data.get("metadata"))
    annotations = _read_by(owner, _mapping(metadata.get("annotations")))
    options = {part.strip() for part in str(annotations.get(SYNC_OPTIONS, "")).split(",")}
    method = _argo_method(options) or (owner.method if owner is not None else default)
    force = "Force=true" in options or (owner is not None and owner.force)
    force = force or str(annotations.get(_FLUX_FORCE, "")).lower() == "enabled"
    if method is ApplyMethod.SERVER_SIDE and "Force=true" in options:
        force = False
    hook = _hook(annotations) if owner is not None and not owner.flux else ""
    if not hook and metadata.get("generateName") and not metadata.get("name"):
        hook = "it has no name until it is created, so whoever applies it makes another one each time"
    keep = hook or _keep(annotations, options, owner)
    return Handling(method, force, keep=keep, frozen=hook or _frozen(annotations))


def kept_in_deletion(resource: Resource, owner: Owner) -> str:
    """Why an object stays when the owner that applied it is deleted; empty where it goes along.

    Source: argo-cd, controller/appcontroller.go, `shouldBeDeleted`; the others ask what they ask when they prune.
    """
    if not owner.cascades:
        return f"{owner.name} goes, and leaves what it applied"
    annotations = _read_by(owner, _mapping(_mapping(resource.data.get("metadata")).get("annotations")))
    options = {part.strip() for part in str(annotations.get(SYNC_OPTIONS, "")).split(",")}
    if "Delete=false" in options:
        return f"{SYNC_OPTIONS} says Delete=false"
    return _keep(annotations, options - {"Prune=false"}, replace(owner, prunes=True))


def _read_by(owner: Owner | None, annotations: Mapping[str, Any]) -> Mapping[str, Any]:
    """The annotations that an owner reads: those for another agent mean nothing to it."""
    if owner is None:
        return annotations
    others = [f"{FLUX_GROUP}/"] if not owner.flux else []
    others += ["argocd.argoproj.io/"] if owner.flux or owner.helm else []
    others += [_HELM_POLICY] if not owner.helm else []
    return {key: value for key, value in annotations.items() if not str(key).startswith(tuple(others))}


def is_marked_as_hook(metadata: Mapping[str, Any], owner: Owner | None) -> bool:
    """Does Argo CD, which may be who applies what nothing is known to apply, treat an object as a hook, or skip it?"""
    annotations = _mapping(metadata.get("annotations"))
    if owner is not None and owner.flux:
        return False
    return bool(_hook(annotations)) or isinstance(annotations.get(_HOOK), str)


def _hook(annotations: Mapping[str, Any]) -> str:
    """Why Argo CD neither updates nor prunes an object: argo-cd/gitops-engine/pkg/sync/hook/hook.go, `IsHook`."""
    written = annotations.get(_HOOK)
    if isinstance(written, str):
        types = [part.strip() for part in written.split(",") if part.strip()]
        return "" if types == ["Skip"] else f"it is a {', '.join(types)} hook, which each sync makes anew"
    helm = annotations.get(_HELM_HOOK)
    return f"it is a {helm} hook, which each sync makes anew" if isinstance(helm, str) and helm != "crd-install" else ""


def taken_out(resource: Resource, owner: Owner | None) -> str:
    """Why Argo CD or Helm no longer holds an object as part of what it applies; empty where it does."""
    if owner is None or owner.flux:
        return ""
    annotations = _read_by(owner, _mapping(_mapping(resource.data.get("metadata")).get("annotations")))
    if str(annotations.get(_HOOK, "")).strip() == "Skip":
        return f"{_HOOK} is Skip, so that it counts as removed"
    return _hook(annotations)


def _keep(annotations: Mapping[str, Any], options: set[str], owner: Owner | None) -> str:
    if "Prune=false" in options:
        return f"{SYNC_OPTIONS} says Prune=false"
    for key, value in _KEEPING:
        if str(annotations.get(key, "")).lower() == value:
            return f"{key} is {annotations[key]}"
    if owner is not None and not owner.prunes:
        return f"{owner.name} does not prune"
    return ""


def _frozen(annotations: Mapping[str, Any]) -> str:
    if str(annotations.get(_FLUX_RECONCILE, "")).lower() == "disabled":
        return f"{_FLUX_RECONCILE} is disabled"
    mode = str(annotations.get(_FLUX_SSA, "")).lower()
    return f"{_FLUX_SSA} is {annotations[_FLUX_SSA]}" if mode in ("ignore", "ifnotpresent") else ""
