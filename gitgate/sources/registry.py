"""Every source that gitgate has, and the one function that renders a tree with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from gitgate.location import FieldPath, Location
from gitgate.path_glob import matches_any
from gitgate.proposal import Conditional, Coverage, Problem, Snapshot
from gitgate.resource import Resource, split_api_version
from gitgate.settings import SourceSetting
from gitgate.sources.base import MANIFEST_SUFFIXES, Source, SourceContext
from gitgate.sources.checkout import attribute_problems
from gitgate.sources.coverage import uncovered
from gitgate.sources.helm_source import HelmSource
from gitgate.sources.kustomize import KustomizeSource
from gitgate.sources.owner_walk import ARGO_CD, Walk, walk_owners
from gitgate.sources.owners import OwnerKind, OwnerType, mapping
from gitgate.sources.patched import patched_fields
from gitgate.sources.paths import path_problems
from gitgate.sources.plain import PlainSource
from gitgate.sources.template_files import templates_apart
from gitgate.sources.tree_files import PathKind, inside
from gitgate.tree import Tree

SOURCES: tuple[Source, ...] = (KustomizeSource(), HelmSource(), PlainSource())
"""In the order in which they choose their files: plain takes what is left."""


def _flux_kustomizations() -> OwnerType:
    from gitgate.sources.flux.kustomizations import FluxKustomizations  # noqa: PLC0415 - see `OwnerKind`

    return FluxKustomizations()


def _flux_releases() -> OwnerType:
    from gitgate.sources.flux.releases import FluxReleases  # noqa: PLC0415 - see `OwnerKind`

    return FluxReleases()


def _flux_resource_sets() -> OwnerType:
    from gitgate.sources.flux.resource_sets import FluxResourceSets  # noqa: PLC0415 - see `OwnerKind`

    return FluxResourceSets()


def _argo_applications() -> OwnerType:
    from gitgate.sources.argocd.applications import ArgoApplications  # noqa: PLC0415 - see `OwnerKind`

    return ArgoApplications()


def _argo_application_sets() -> OwnerType:
    from gitgate.sources.argocd.application_sets import ArgoApplicationSets  # noqa: PLC0415 - see `OwnerKind`

    return ArgoApplicationSets()


OWNER_KINDS: tuple[OwnerKind, ...] = (
    OwnerKind("kustomize.toolkit.fluxcd.io", "Kustomization", _flux_kustomizations),
    OwnerKind("helm.toolkit.fluxcd.io", "HelmRelease", _flux_releases),
    OwnerKind("fluxcd.controlplane.io", "ResourceSet", _flux_resource_sets),
    OwnerKind(ARGO_CD, "Application", _argo_applications),
    OwnerKind(ARGO_CD, "ApplicationSet", _argo_application_sets),
)
"""Kinds of objects by which agents apply others."""
_FOUND = (PathKind.FILE, PathKind.DIRECTORY)


def render_tree(tree: Tree, context: SourceContext) -> Snapshot:
    """Everything that a tree would put in the cluster, and what could not be judged.

    The base is rendered before the head with the same context, so that both share what is read, and so that what was
    judged on its own in the base is judged on its own in the head.
    """
    return render_with_owners(tree, context)[0]


def render_with_owners(tree: Tree, context: SourceContext) -> tuple[Snapshot, Walk | None]:
    """The same, and what owners made of the tree; None where settings say what is applied."""
    context = replace(context, sources=tuple(_followed(source, tree, context) for source in context.sources))
    resources: list[Resource] = []
    conditional: list[Conditional] = []
    problems: list[Problem] = [
        *(problem for problem in path_problems(tree) if not _is_excluded_submodule(problem, context)),
        *attribute_problems(tree, context.exclude),
    ]
    files: dict[str, Coverage] = {}
    walk = None if context.sources and not context.clusters else walk_owners(tree, context, OWNER_KINDS)
    if walk is not None:
        context = replace(context, reached=walk.reached)
        resources.extend(resource for _, outcome in walk.outcomes for resource in outcome.resources)
        conditional.extend(outcome.conditional for _, outcome in walk.outcomes)
        problems.extend(problem for _, outcome in walk.outcomes for problem in outcome.problems)
        problems.extend(walk.problems)
        files = dict(walk.files)
    patched = patched_fields(owner for owner, _ in walk.outcomes) if walk is not None else {}
    for source in SOURCES:
        rendering = source.render(tree, context, MappingProxyType(files))
        resources.extend(_in_cluster(_unpatched(one, patched), walk) for one in rendering.resources)
        conditional.append(_each(rendering.conditional, lambda one: _in_cluster(one, walk)))
        problems.extend(rendering.problems)
        files = {**files, **rendering.files}
    resources.extend(_left(walk, resources))
    if walk is not None:  # otherwise settings say what is applied
        problems, files = templates_apart(
            problems, files, resources, read=walk.files, graph=walk.reached.graph, memory=context.memory,
            data=partial(context.documents.source, tree),
        )  # fmt: skip
        problems.extend(uncovered(walk.reached.closures, files))
    context.memory.remember_read(files)
    otherwise = Conditional.of(conditional)
    total = len(resources) + len(otherwise.present)
    if total > context.resource_limit:
        message = f"the tree renders to {total} objects, more than the limit of {context.resource_limit}"
        problems.append(Problem(code="yaml-limit", message=message, location=Location(resources[0].origin.path)))
    snapshot = Snapshot(
        resources=tuple(sorted(resources, key=_resource_order)),
        conditional=Conditional(
            tuple(sorted(otherwise.present, key=_resource_order)), tuple(sorted(otherwise.absent, key=_resource_order))
        ),
        problems=tuple(sorted(problems, key=_problem_order)),
        files=MappingProxyType(dict(sorted(files.items()))),
        stuck=walk.stuck if walk is not None else frozenset(),
        elsewhere=walk.elsewhere if walk is not None else MappingProxyType({}),
        failed_groups=frozenset(
            _groups(tree, context, (path for path, one in files.items() if one is Coverage.FAILED))
        ),
    )
    return snapshot, walk


def _left(walk: Walk | None, resources: Iterable[Resource]) -> Iterator[Resource]:
    """What stays in a cluster although nobody applies it any more."""
    left = walk.left if walk is not None else ()
    there = {one.id.identity for one in resources} if left else ()
    yield from (one for one in left if one.id.identity not in there)


def _each(found: Conditional, change: Callable[[Resource], Resource]) -> Conditional:
    return Conditional(tuple(map(change, found.present)), tuple(map(change, found.absent)))


def _groups(tree: Tree, context: SourceContext, paths: Iterable[str]) -> Iterator[str]:
    """API groups of the objects that some files would have."""
    for path in paths:
        known = path in tree.entries and path not in tree.special and path.endswith(MANIFEST_SUFFIXES)
        for document in context.documents.read(tree, path).documents if known else ():
            version = document.value.get("apiVersion") if isinstance(document.value, dict) else None
            if isinstance(version, str) and version.count("/") <= 1:
                yield split_api_version(version)[0]


def _unpatched(resource: Resource, patched: Mapping[str, tuple[FieldPath, ...]]) -> Resource:
    """An owner that no other one applies: whether those would lay over it what it lacks is not known."""
    if resource.id.kind not in patched or not any(kind.owns(resource) for kind in OWNER_KINDS):
        return resource
    missing = (path for path in patched[resource.id.kind] if path[-1] not in mapping(resource.data.get("spec")))
    return replace(resource, unresolved=(*resource.unresolved, *missing))


def _in_cluster(resource: Resource, walk: Walk | None) -> Resource:
    """An object that stands where a cluster was found to begin is of that cluster."""
    origin = resource.origin
    place = origin.rendered_by if origin.rendered_by is not None else origin.path.rpartition("/")[0]
    found = (
        next((one for one in walk.clusters if one.found and inside(place, one.path)), None)
        if walk is not None
        else None
    )
    return resource if found is None else replace(resource, origin=replace(origin, cluster=found.name))


def _followed(source: SourceSetting, tree: Tree, context: SourceContext) -> SourceSetting:
    """The source where its directory really is, should the path be or become a symbolic link."""
    reached = context.documents.files(tree).resolve(source.path)
    return replace(source, path=reached.path or ".") if reached.links and reached.kind in _FOUND else source


def _is_excluded_submodule(problem: Problem, context: SourceContext) -> bool:
    """Settings of the base say that nothing there is applied."""
    return problem.code == "submodule" and matches_any(context.exclude, problem.location.path)


def _resource_order(resource: Resource) -> tuple[object, ...]:
    origin = resource.origin
    pointer = tuple((isinstance(step, str), str(step).zfill(9)) for step in origin.pointer)
    return (origin.path, origin.document, pointer, origin.rendered_by or "", origin.cluster, origin.owner, resource.id)


def _problem_order(problem: Problem) -> tuple[object, ...]:
    position = problem.location.position
    place = (position.line, position.column) if position is not None else (0, 0)
    return (problem.location.path, place, problem.code, problem.message, problem.discriminator)
