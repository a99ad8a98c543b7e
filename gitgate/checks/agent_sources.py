"""Owners that read from elsewhere than the base's did: another repository, branch or tag than what is judged.

Which content is this repository's is told by the owners themselves, so a change that edits what they say would choose
what it is judged by: gitgate would go on judging this tree, and the agent apply another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Resource

_FLUX, _SOURCES, _ARGO = "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "argoproj.io"
_BY_CONTENT = ("GitRepository", "FluxInstance")
"""Kinds of sources whose revision is a branch of a repository; another tag of an artifact is what a release is."""
_GONE = "agent-not-rendered"
_PATCHES = "what its patches make of the source"

Moved = tuple[Resource, FieldPath, str]
"""An agent's object, the field that says where it reads, and what is to be said."""
_Pair = tuple[str, str]


def moved_owners(proposal: Proposal) -> Iterator[Moved]:
    """Owners whose objects the base had here, and that read elsewhere after the merge."""
    if proposal.change.base is None:
        return
    before, after = proposal.before, proposal.after
    rendered = {resource.origin.owner for resource in before.resources if resource.origin.owner}
    if not rendered:
        return
    yield from _left(before, after, rendered)
    yield from _moved_instances(before, after)
    earlier, sources = _sources(before), _sources(after)
    known = {pair for resource in _owners(before) for _, _, pair in _read(resource, earlier) if pair is not None}
    still = {resource.origin.owner for resource in after.resources}
    found: dict[tuple[Any, FieldPath], Moved] = {}
    for owner in _owners(after):
        name = str(owner.id)
        if (name not in rendered and owner.origin.owner) or name not in still:
            continue  # of what is new, only where an agent begins is of interest: the rest follows what others say
        for place, field, pair in _read(owner, sources):
            if pair is not None and pair not in known and _was_known(owner, before, earlier):
                message = f"{place.id} now takes {_told(pair)}, and not what is judged here"
                found.setdefault((place.id, field), (place, field, message))
    yield from found.values()


def _left(before: Snapshot, after: Snapshot, rendered: set[str]) -> Iterator[Moved]:
    """Owners that could be rendered and that are not any more."""
    here = {(one.origin.cluster, one.origin.owner) for one in before.resources}
    left = (after.elsewhere.keys() - before.elsewhere.keys()) & here
    gone = {name: after.elsewhere[cluster, name] for cluster, name in sorted(left)}
    known = {problem.resource for problem in before.problems if problem.code == _GONE}
    told = {problem.resource: problem.message for problem in after.problems if problem.code == _GONE}
    for resource in after.resources:
        if resource.id in told and resource.id not in known and str(resource.id) in rendered:
            why = told.pop(resource.id).removeprefix(f"{resource.id}: ").removeprefix(f"{resource.id} ")
            message = f"{resource.id} was judged with all that it applies, and cannot be any more: {why}"
        elif str(resource.id) in gone:
            why = gone[str(resource.id)]
            message = f"{resource.id} was judged with all that it applies, and cannot be any more: {why}"
        else:
            continue
        gone.pop(str(resource.id), None)
        yield resource, ("spec",), message


def _owners(snapshot: Snapshot) -> Iterator[Resource]:
    for resource in snapshot.resources:
        if (resource.id.group, resource.id.kind) in (
            (_FLUX, "Kustomization"), (_ARGO, "Application"),
        ):  # fmt: skip
            yield resource


def _sources(snapshot: Snapshot) -> tuple[Resource, ...]:
    return tuple(one for one in snapshot.resources if one.id.group == _SOURCES)


def _was_known(owner: Resource, before: Snapshot, sources: tuple[Resource, ...]) -> bool:
    """Did the base say where it reads? A source that the repository begins to define is no other one."""
    same = next((one for one in before.resources if one.id.identity == owner.id.identity), None)
    return same is None or any(pair is not None for _, _, pair in _read(same, sources))


def _read(owner: Resource, sources: tuple[Resource, ...]) -> Iterator[tuple[Resource, FieldPath, _Pair | None]]:
    """Where an owner reads: the object and field that say so, and address and revision; None where nothing says it."""
    spec = _mapping(owner.data.get("spec"))
    if owner.id.group == _ARGO:
        yield from _read_by_argo(owner, spec)
    else:
        reference = _mapping(spec.get("sourceRef"))
        source = _source(owner, reference, sources)
        if source is None:
            yield owner, ("spec", "sourceRef"), None
        else:
            yield source, ("spec",), _pair(source.id.kind, _mapping(source.data.get("spec")))
            yield from _included(source, sources)


def _included(source: Resource, sources: Iterable[Resource]) -> Iterator[tuple[Resource, FieldPath, _Pair]]:
    """Other repositories that are copied into one. Source: fluxcd/source-controller, api/v1, `GitRepositoryInclude`."""
    included = _mapping(source.data.get("spec")).get("include")
    for index, one in enumerate(included if isinstance(included, list) else ()):
        reference = {"kind": source.id.kind, "name": _mapping(_mapping(one).get("repository")).get("name")}
        found = _source(source, reference, sources)
        address, revision = ("", "") if found is None else _pair(found.id.kind, _mapping(found.data.get("spec")))
        origin, target = _mapping(one).get("fromPath") or "", _mapping(one).get("toPath") or reference["name"]
        told = f"{address or reference['name']}/{origin}".rstrip("/")
        yield source, ("spec", "include", index), (f"{told} in {target}", revision)


def _moved_instances(before: Snapshot, after: Snapshot) -> Iterator[Moved]:
    """Instances of the Flux operator by which all of a cluster is read from elsewhere."""
    told = {pair for _, _, pair in _read_by_instances(before)}
    sources = _sources(before)
    known = told | {pair for owner in _owners(before) for _, _, pair in _read(owner, sources) if pair is not None}
    for instance, field, pair in _read_by_instances(after) if known else ():
        if pair not in known and (told or pair[0] != _PATCHES):
            yield instance, field, f"{instance.id} now takes {_told(pair)}, and not what is judged here"


def _read_by_instances(snapshot: Snapshot) -> Iterator[tuple[Resource, FieldPath, _Pair]]:
    from gitgate.sources.flux.instances import SOURCES, instances_in, patches_for  # noqa: PLC0415 - as below

    for resource in snapshot.resources:
        if resource.id.kind not in {"FluxInstance", "HelmRelease", "ConfigMap"}:
            continue
        for path, spec in instances_in(resource.data):
            sync = _mapping(spec.get("sync"))
            if not sync:
                continue
            within = path if path[0] == "data" else (*path, "sync")  # what is a text has no fields to point at
            yield resource, within, _pair("FluxInstance", {**sync, "ref": {"name": sync.get("ref")}})
            patches = json.dumps(patches_for(spec, SOURCES), sort_keys=True, default=str).encode()
            within = path if path[0] == "data" else (*path, "kustomize", "patches")
            yield resource, within, (_PATCHES, hashlib.sha256(patches).hexdigest()[:12])


def _read_by_argo(owner: Resource, spec: Mapping[str, Any]) -> Iterator[tuple[Resource, FieldPath, _Pair | None]]:
    from gitgate.sources.argocd.repository import sources_of  # noqa: PLC0415 - only where there are Applications

    for path, source in sources_of(spec):
        if source.get("repoURL") and not source.get("chart"):
            revision = str(source.get("targetRevision") or "HEAD")
            yield owner, (*path, "repoURL"), (_address(source.get("repoURL")), revision)
    hydrator = _mapping(spec.get("sourceHydrator"))
    if hydrator:
        # What is rendered is committed to a branch, whose content is applied: argo-cd, types.go, `SyncSource`.
        address = _address(_mapping(hydrator.get("drySource")).get("repoURL"))
        branches = (_mapping(hydrator.get(key)).get("targetBranch") for key in ("hydrateTo", "syncSource"))
        told = " by way of ".join(str(branch) for branch in branches if branch)
        yield owner, ("spec", "sourceHydrator"), (address, f"hydrated to {told}")


def _source(owner: Resource, reference: Mapping[str, Any], sources: Iterable[Resource]) -> Resource | None:
    wanted = (str(reference.get("kind")), str(reference.get("namespace") or owner.id.namespace), reference.get("name"))
    found = [one for one in sources if (one.id.kind, one.id.namespace, one.id.name) == wanted]
    near = [one for one in found if one.origin.cluster == owner.origin.cluster]
    return next(iter(near or found), None)


def _pair(kind: str, spec: Mapping[str, Any]) -> _Pair:
    from gitgate.sources.flux.sources import revision_of  # noqa: PLC0415 - only where there are sources of Flux

    if kind == "Bucket":
        return f"{spec.get('endpoint')}/{spec.get('bucketName')}", ""
    return _address(spec.get("url")), revision_of(spec) if kind in _BY_CONTENT else ""


def _address(url: object) -> str:
    from gitgate.sources.flux.sources import normal_url  # noqa: PLC0415 - only where there are owners

    return normal_url(str(url or ""))


def _told(pair: _Pair) -> str:
    address, revision = pair
    told = f"{address}, {revision}" if revision else address
    return told if told.isprintable() else repr(told)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
