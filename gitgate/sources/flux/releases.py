"""Flux HelmReleases: rendered where the repository holds their chart, judged as objects where it does not.

Sources: fluxcd/helm-controller, api/v2/helmrelease_types.go and internal/{postrender,release}; fluxcd/pkg, chartutil.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.flux.artifact import BEING_A_LINK, artifact_of
from gitgate.sources.flux.definitions import is_wanted, shipped
from gitgate.sources.flux.dependencies import contested_problems, dependency_problems
from gitgate.sources.flux.post_render import PostRenderError, post_rendered
from gitgate.sources.flux.sources import SOURCE_GROUP, FluxSource, Whose, find_source, inside_source
from gitgate.sources.flux.substitution import unknown_in, with_unknown
from gitgate.sources.flux.values import ValuesProblem, release_values, values_references
from gitgate.sources.helm_request import HelmOutcome, HelmRendering, HelmRequest
from gitgate.sources.helm_variants import conditional
from gitgate.sources.owners import Entry, Outcome, Owner, Work, Workshop, World, items, mapping, text
from gitgate.sources.tree_files import PathKind
from gitgate.sources.vendored import LOCK_PATH, RemoteChart, VendoredError, demand_archive, find_locked, read_lock

GROUP = "helm.toolkit.fluxcd.io"
KIND = "HelmRelease"
_NAME_LENGTH = 53
"""Source: fluxcd/helm-controller, internal/release/name.go, `ShortenName`."""
_CHART = ("spec", "chart", "spec", "chart")
_CHART_FILES = (".yaml", ".yml", ".tpl", ".tgz", ".json")
_NOT_NAMESPACED = frozenset((
    "APIService", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "ClusterTrustBundle",
    "CSIDriver", "CSINode", "CustomResourceDefinition", "DeviceClass", "FlowSchema", "GatewayClass", "IPAddress",
    "IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration",
    "Namespace", "Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass",
    "ServiceCIDR", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass",
))  # fmt: skip
_BUILT_IN = ("", "apps", "batch", "autoscaling", "policy", "extensions")


@dataclass(frozen=True, slots=True)
class FluxReleases:
    """See `OwnerType`."""

    def entry(self, resource: Resource) -> Entry | None:
        """See `OwnerType`: a release reads no manifests."""
        del resource
        return None

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """See `OwnerType`: for its source, and for objects that hold its values."""
        world = workshop.world(owner)
        if any(world.find("", kind, owner.namespace, name) is None for kind, name, _, _ in values_references(owner)):
            return True
        reference = _source_reference(owner, world)
        return bool(reference) and find_source(owner, world, reference).whose is Whose.UNKNOWN

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """See `OwnerType`."""
        source, chart = _chart(owner, workshop)
        if chart is None:
            return _vendored(owner, workshop, source)
        directory = inside_source(source, chart)
        if directory is None:
            return Work.done(
                Outcome(not_rendered=f"its chart comes from {source.told}, put together from several places")
            )
        files = workshop.context.documents.files(workshop.tree)
        if files.resolve(directory).kind is not PathKind.DIRECTORY:
            message = f"{owner.name} installs the chart {chart!r}, which the tree does not have"
            return Work.done(Outcome(problems=(
                workshop.problem(owner, "agent-dangling-reference", message, _CHART, detail=chart),
            )))  # fmt: skip
        place = files.resolve(directory).path
        if files.resolve(directory).links:
            message = f"{owner.name} installs the chart {chart!r}, which a symbolic link leads to: Flux fetches none"
            return Work.done(Outcome(problems=(
                workshop.problem(owner, "agent-dangling-reference", message, _CHART, detail=chart),
            )))  # fmt: skip
        left_out = _left_out(owner, workshop, files.below(place))
        if left_out is not None:
            return Work.done(Outcome(problems=(left_out,)))
        return _work(owner, workshop, source, place)

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """See `OwnerType`."""
        world = workshop.world(owner)
        reference = _source_reference(owner, world)
        if reference:
            source = find_source(owner, world, reference)
            if source.whose is Whose.UNKNOWN:
                code = "agent-unproved-reference" if world.incomplete else "agent-dangling-reference"
                path: FieldPath = (
                    ("spec", "chartRef") if "chartRef" in owner.spec else ("spec", "chart", "spec", "sourceRef")
                )
                message = f"{owner.name} takes its chart from {source.told}, which nothing in the repository defines"
                yield workshop.problem(owner, code, message, path, detail=source.told)
        for kind, name, optional, path in values_references(owner):
            if not optional and world.find("", kind, owner.namespace, name) is None:
                told = f"{kind} {owner.namespace}/{name}"
                message = f"{owner.name} takes values from {told}, which the repository does not have in plain text"
                yield workshop.problem(owner, "agent-unproved-reference", message, path, detail=f"{kind} {name}")
        yield from contested_problems(owner, workshop, values_references(owner))
        yield from dependency_problems(owner, workshop, (GROUP, KIND))


def _left_out(owner: Owner, workshop: Workshop, paths: Iterable[str]) -> Problem | None:
    """A chart that is another one, or none, in what Flux fetches of this repository."""
    artifact = artifact_of(owner, _source_reference(owner, workshop.world(owner)), workshop)
    told = [(path, found) for path in paths if (found := artifact.excluded_by(path)) and _matters(path, found)]
    if not told:
        return None
    path, found = told[0]
    message = f"{owner.name} installs a chart of which {found} keeps {path} out of what Flux fetches"
    fix = "Commit the file itself." if found == BEING_A_LINK else "Let the pattern leave the chart in."
    return workshop.problem(owner, "agent-dangling-reference", message, _CHART, fix=fix, detail=f"{path} {found}")


def _matters(path: str, told: str) -> bool:
    """Is it a file, or a directory, that the chart may render otherwise without?"""
    is_template = "/templates/" in path and not path.endswith(("/NOTES.txt", ".md"))
    return told == BEING_A_LINK or is_template or path.endswith(_CHART_FILES)


def _work(owner: Owner, workshop: Workshop, source: FluxSource, chart: str) -> Work:
    """The rendering of a chart that the tree has."""
    try:
        values = release_values(owner, workshop.world(owner))
    except ValuesProblem as error:
        problem = workshop.problem(owner, "agent-invalid", f"{owner.name}: {error}", error.field, detail=str(error))
        return Work.done(Outcome(problems=(problem,)))
    request = _request(owner, workshop, source, chart, values.merged)
    run, answer = workshop.context.helm.begin(workshop.tree, request)
    return Work(run, lambda printed: _finish(owner, workshop, request, answer(printed), values.missing))


def _vendored(owner: Owner, workshop: Workshop, source: FluxSource) -> Work:
    """The rendering of a chart of a registry, if it was vendored as the lock says (ADR 0036)."""
    told = Outcome(not_rendered=f"its chart comes from {source.told}")
    wanted = remote_chart(owner, workshop)
    if wanted is None:
        return Work.done(told)
    told = replace(told, chart=wanted)
    documents, tree = workshop.context.documents, workshop.tree
    place = LOCK_PATH
    try:
        locked = find_locked(wanted, read_lock(tree, documents))
        if locked is None:
            return Work.done(replace(told, not_rendered=f"{told.not_rendered}, which is not vendored"))
        place = locked.path
        if place in tree.special or place not in tree.entries:
            raise VendoredError("the tree does not have it as a regular file")  # noqa: TRY301 - as the others
        documents.load(tree, (place,))
        data = documents.source(tree, place)
        if data is None:
            raise VendoredError(f"it has {documents.state(tree, place)}, more than is read")  # noqa: TRY301
        demand_archive(data, locked)
    except VendoredError as error:
        message = f"{owner.name} cannot be rendered: {place}: {error}"
        problem = workshop.problem(owner, "vendored-chart", message, _CHART, detail=str(error))
        return Work.done(replace(told, problems=(problem,)))
    if _values_files(_chart_template(owner, workshop.world(owner))[1]):
        return Work.done(replace(told, not_rendered="it names valuesFiles of a vendored chart"))
    work = _work(owner, workshop, source, place)
    return replace(work, finish=lambda answer: replace(work.finish(answer), chart=wanted))


def remote_chart(owner: Owner, workshop: Workshop) -> RemoteChart | None:
    """The chart of a registry that a release names; None where that is not known.

    Source: fluxcd/source-controller, api/v1, `HelmRepositorySpec`, `OCIRepositoryRef`: digest, then semver, then tag.
    """
    reference, chart = _chart_template(owner, workshop.world(owner))
    kind, name = text(reference.get("kind")), text(reference.get("name"))
    namespace = text(reference.get("namespace")) or owner.namespace
    resource = workshop.world(owner).find(SOURCE_GROUP, kind, namespace, name)
    spec = mapping(resource.data.get("spec")) if resource is not None else {}
    url = text(spec.get("url")).rstrip("/")
    if kind == "HelmRepository":
        return RemoteChart.of(url, text(chart.get("chart")), text(chart.get("version"))) if url else None
    if kind == "OCIRepository" and url.startswith("oci://"):
        wanted = mapping(spec.get("ref"))
        version = next((text(wanted.get(key)) for key in ("digest", "semver", "tag") if wanted.get(key)), "")
        repository, _, chart_name = url.rpartition("/")
        return RemoteChart.of(repository, chart_name, version)
    return None


def _chart_template(owner: Owner, world: World) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The reference to where the chart comes from, and what is asked for there, as `HelmChartSpec` has it.

    A release says it itself, or names a HelmChart, which does; of the other sources the chart is all that they have.
    """
    reference = mapping(owner.spec.get("chartRef"))
    if reference.get("kind") == "HelmChart":
        namespace = text(reference.get("namespace")) or owner.namespace
        chart = world.find(SOURCE_GROUP, "HelmChart", namespace, text(reference.get("name")))
        template = mapping(chart.data.get("spec")) if chart is not None else {}
        source = mapping(template.get("sourceRef"))
        return ({**source, "namespace": namespace}, template) if source else (reference, {})
    template = {} if reference else mapping(mapping(owner.spec.get("chart")).get("spec"))
    return reference or mapping(template.get("sourceRef")), template


def _source_reference(owner: Owner, world: World) -> Mapping[str, Any]:
    return _chart_template(owner, world)[0]


def _chart(owner: Owner, workshop: Workshop) -> tuple[FluxSource, str | None]:
    """Where the chart comes from, and its path there; None where nothing of it is in this repository."""
    world = workshop.world(owner)
    reference, chart = _chart_template(owner, world)
    source = find_source(owner, world, reference)
    if source.whose is Whose.OURS and reference.get("kind") in {"GitRepository", "ExternalArtifact"}:
        return source, text(chart.get("chart")) or "."
    name = text(chart.get("chart"))
    return (replace(source, told=f"{source.told}, chart {name}") if name else source), None


def _values_files(template: Mapping[str, Any]) -> list[str]:
    """In their order, that of old versions last. Source: fluxcd/source-controller, api/v1beta2, `GetValuesFiles`."""
    files = [text(name) for name in items(template.get("valuesFiles"))]
    return [*files, *filter(None, (text(template.get("valuesFile")),))]


def release_name(owner: Owner) -> str:
    """What Helm calls the release. Source: api/v2/helmrelease_types.go, `GetReleaseName`; internal/release/name.go."""
    target = text(owner.spec.get("targetNamespace"))
    name = text(owner.spec.get("releaseName"))
    name = name or (f"{target}-{owner.resource.id.name}" if target else owner.resource.id.name)
    if len(name) <= _NAME_LENGTH:
        return name
    return f"{name[: _NAME_LENGTH - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _request(
    owner: Owner, workshop: Workshop, source: FluxSource, chart: str, values: Mapping[str, Any]
) -> HelmRequest:
    _, spec = _chart_template(owner, workshop.world(owner))
    files = _values_files(spec)
    return HelmRequest(
        chart=chart,
        release_name=release_name(owner),
        namespace=text(owner.spec.get("targetNamespace")) or owner.namespace,
        values=values,
        # Values files are looked for in the source, not in the chart.
        chart_values_files=tuple(inside_source(source, name) or text(name) for name in files),
        ignore_missing_values_files=spec.get("ignoreMissingValuesFiles") is True,
        include_crds=is_wanted(owner),
        skip_tests=mapping(owner.spec.get("test")).get("enable") is not True,
        owner=workshop.place(owner.resource.origin, _CHART),
    )


def _missing_values(owner: Owner, workshop: Workshop, missing: Iterable[tuple[str, FieldPath]]) -> Iterator[Problem]:
    for told, path in missing:
        message = (
            f"{owner.name} was rendered without the values in {told}, which the repository does not have in plain text"
        )
        yield workshop.problem(owner, "agent-unresolved-variable", message, path, detail=told)


def _finish(
    owner: Owner,
    workshop: Workshop,
    request: HelmRequest,
    answer: HelmRendering,
    missing: Sequence[tuple[str, FieldPath]],
) -> Outcome:
    if answer.outcome is HelmOutcome.NEEDS_VALUES and missing:
        return _unknown(owner, workshop, answer, missing)
    problems = [*answer.problems, *_missing_values(owner, workshop, missing)]
    if answer.outcome is not HelmOutcome.RENDERED:
        if not answer.problems:
            message = f"{owner.name} could not be rendered: {answer.complaint or answer.outcome.value}"
            problems.append(workshop.problem(owner, "helm-failed", message, _CHART, detail=answer.digest))
        return Outcome(problems=tuple(problems), files=answer.files or {})
    try:
        definitions, resources = _installed(owner, workshop, request, answer.resources)
        variants = [
            (condition, chain(*_installed(owner, workshop, request, found))) for condition, found in answer.variants
        ]
    except PostRenderError as error:
        message = f"{owner.name}: its post-renderers fail: {error}"
        problems.append(
            workshop.problem(owner, "agent-invalid", message, ("spec", "postRenderers"), detail=answer.digest)
        )
        return Outcome(problems=tuple(problems), files=dict.fromkeys(answer.files, Coverage.FAILED))
    resources = (*definitions, *resources)
    return Outcome(
        resources=resources,
        problems=tuple(problems),
        files=answer.files,
        definitions=definitions,
        conditional=conditional(resources, variants),
    )


def _installed(
    owner: Owner, workshop: Workshop, request: HelmRequest, found: Sequence[Resource]
) -> tuple[tuple[Resource, ...], tuple[Resource, ...]]:
    """What Helm printed as the agent applies it: what is in `crds` apart.

    Raises:
        PostRenderError: A post-renderer cannot be run.
    """
    definitions = shipped(found, request.chart, workshop)
    apart = set(map(id, definitions))
    rendered = post_rendered(owner, workshop.context.builder, [one for one in found if id(one) not in apart])
    unknown = unknown_in(owner.resource)
    placed = (with_unknown(_placed(one, request.namespace), unknown) for one in rendered)
    owned = [replace(one, origin=owner.owned(one.origin)) for one in (*definitions, *placed)]
    return tuple(owned[: len(definitions)]), tuple(owned[len(definitions) :])


def _unknown(
    owner: Owner, workshop: Workshop, answer: HelmRendering, missing: Sequence[tuple[str, FieldPath]]
) -> Outcome:
    """A chart that asks for values which only the cluster has."""
    told = ", ".join(sorted({name for name, _ in missing}))
    reason = f"its chart needs values, and the repository does not have {told} in plain text"
    message = f"{owner.name} was not rendered: {reason}: {answer.complaint}"
    problem = workshop.problem(owner, "agent-not-rendered", message, missing[0][1], detail=answer.digest)
    kept = tuple(one for one in answer.problems if one.code != "helm-failed")
    return Outcome(
        problems=(*kept, problem), files=dict.fromkeys(answer.files, Coverage.NOT_RENDERED), not_rendered=reason
    )


def _placed(resource: Resource, namespace: str) -> Resource:
    """The object in the release's namespace, where it names none and its kind is known to have one."""
    own = resource.id
    built_in = own.group in _BUILT_IN or own.group.endswith(".k8s.io")
    if own.namespace or not built_in or own.kind in _NOT_NAMESPACED or not namespace:
        return resource
    metadata = {**mapping(resource.data.get("metadata")), "namespace": namespace}
    return replace(resource, id=replace(own, namespace=namespace), data={**resource.data, "metadata": metadata})
