"""Post-renderers of a HelmRelease: patches and images that kustomize lays over what Helm printed.

Source: fluxcd/helm-controller, internal/postrender/kustomize.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gitgate.location import Location, Precision
from gitgate.resource import Resource
from gitgate.sources.flux.generate import SpecError, laid_over
from gitgate.sources.flux.kustomizations import with_metadata
from gitgate.sources.helm_request import hook_events
from gitgate.sources.kustomization import read_kustomization
from gitgate.sources.kustomize_build import BuildInput, KustomizeBuilder
from gitgate.sources.kustomize_origin import without_origin
from gitgate.sources.objects import read_objects
from gitgate.sources.owners import Owner, items, mapping
from gitgate.yaml_document import read_yaml

_FILE = "helm-output.yaml"
_ROOT_FILE = "kustomization.yaml"


class PostRenderError(Exception):
    """A post-renderer cannot be run; one clause."""


def post_rendered(owner: Owner, builder: KustomizeBuilder, resources: Sequence[Resource]) -> Iterator[Resource]:
    """The objects as Helm gets them back: after every post-renderer, and with the release's common metadata.

    They have no namespace yet but what their templates write.

    Raises:
        PostRenderError: One cannot be run.
    """
    hooks = [one for one in resources if hook_events(one)]
    others = [one for one in resources if not hook_events(one)]
    strategy = owner.spec.get("postRenderStrategy")
    streams = {"nohooks": (others,), "separate": (others, hooks)}.get(str(strategy), (resources,))
    for stream in streams:
        yield from _every(owner, builder, stream)
    yield from hooks if strategy == "nohooks" else ()


def _every(owner: Owner, builder: KustomizeBuilder, resources: Sequence[Resource]) -> Iterator[Resource]:
    for entry in items(owner.spec.get("postRenderers")):
        kustomize = mapping(mapping(entry).get("kustomize"))
        if kustomize and resources:
            resources = _once(kustomize, builder, resources)
    common = mapping(owner.spec.get("commonMetadata"))
    yield from (replace(one, data=with_metadata(one.data, common)) for one in resources)


def _once(spec: Any, builder: KustomizeBuilder, resources: Sequence[Resource]) -> Sequence[Resource]:
    try:
        value = {"resources": [_FILE], **laid_over(spec)}
    except SpecError as error:
        raise PostRenderError(f"{'.'.join(map(str, error.field))} {error}") from error
    flaws = read_kustomization(value).flaws
    if flaws or len(read_kustomization(value).references) > 1:
        raise PostRenderError(flaws[0].message if flaws else "it names files")
    printed = "\n---\n".join(json.dumps(dict(resource.data)) for resource in resources)
    built = builder.build(
        BuildInput(
            root="", root_file=_ROOT_FILE, kustomizations={_ROOT_FILE: value}, files={_FILE: printed.encode()}, links={}
        )
    )
    if built.output is None:
        raise PostRenderError(built.complaint)
    file = read_yaml(built.output, builder.output_limits)
    if file.opaque or any(problem.fatal for problem in file.problems):
        raise PostRenderError("what kustomize printed cannot be read")
    origins = {resource.id.identity: resource.origin for resource in resources}
    first = resources[0].origin if resources else None
    changed: list[Resource] = []
    for document in file.documents if first is not None else ():
        data = without_origin(document.value) if built.origins else document.value
        found = read_objects(data, first, lambda _: Location(_FILE, None, Precision.FILE)).resources  # type: ignore[arg-type]
        changed.extend(replace(one, origin=origins.get(one.id.identity, one.origin)) for one in found)
    return changed
