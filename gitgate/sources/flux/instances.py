"""What the Flux operator installs: a FluxInstance makes the Kustomization by which its cluster begins to read.

The object may stand in a file, or be made by a chart from values, which then say the same below `instance`.
Source: controlplaneio-fluxcd/flux-operator, internal/builder/templates.go, the template of a sync.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.resource import Origin, Resource, ResourceId
from gitgate.sources.base import SourceContext
from gitgate.sources.clusters import marked_documents
from gitgate.sources.owners import items, mapping, text
from gitgate.tree import Tree
from gitgate.yaml_document import read_yaml

_MARK = b"sync"
_NAMESPACE = "flux-system"
_SOURCES = frozenset(("Bucket", "GitRepository", "OCIRepository"))


def synchronised(tree: Tree, context: SourceContext) -> Iterator[Resource]:
    """The Kustomization of every instance of the tree, at the instance; those in hidden directories are put away."""
    for path, document in marked_documents(tree, context, (_MARK,), _is_in_view):
        found = _kustomization(mapping(document.value), Origin(path, document.index, (), document.line))
        if found is not None:
            yield found


def _is_in_view(path: str) -> bool:
    return not any(part.startswith(".") for part in path.split("/"))


def _kustomization(value: Mapping[str, Any], origin: Origin) -> Resource | None:
    kind, spec = value.get("kind"), mapping(value.get("spec"))
    namespace = _NAMESPACE
    if kind == "HelmRelease":
        spec = mapping(mapping(spec.get("values")).get("instance"))
    elif kind is None and "apiVersion" not in value:
        spec = mapping(value.get("instance"))
    elif kind == "FluxInstance":
        namespace = text(mapping(value.get("metadata")).get("namespace")) or _NAMESPACE
    else:
        return None
    sync = mapping(spec.get("sync"))
    if sync.get("kind") not in _SOURCES or not text(sync.get("path")).strip("./"):
        return None
    name = text(sync.get("name")) or namespace
    own = {
        "interval": "10m0s",
        "path": text(sync.get("path")),
        "prune": True,
        "sourceRef": {"kind": sync["kind"], "name": name},
    }
    identifier = ResourceId("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", namespace, name)
    data = {
        "apiVersion": identifier.api_version,
        "kind": identifier.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": _patched(own, spec, name),
    }
    return Resource(identifier, data, origin)


def _patched(own: dict[str, Any], spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The spec with what patches of the instance merge into it; what they say as JSON patches is left out."""
    for patch in map(mapping, items(mapping(spec.get("kustomize")).get("patches"))):
        target = mapping(patch.get("target"))
        if target.get("kind") != "Kustomization" or target.get("name", name) != name:
            continue
        for document in read_yaml(text(patch.get("patch")).encode("utf-8", "replace")).documents:
            own = {**own, **mapping(mapping(document.value).get("spec"))}
    return own
