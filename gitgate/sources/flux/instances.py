"""What the Flux operator installs: a FluxInstance makes the Kustomization by which its cluster begins to read.

The object may stand in a file, or be made by a chart from values, which then say the same below `instance`.
Source: controlplaneio-fluxcd/flux-operator, internal/builder/templates.go, the template of a sync.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.sources.base import SourceContext
from gitgate.sources.clusters import marked_documents
from gitgate.sources.kustomization import FILE_NAMES, read_kustomization
from gitgate.sources.kustomize_build import BuildInput, KustomizeBuilder
from gitgate.sources.owners import items, mapping, text
from gitgate.tree import Tree
from gitgate.yaml_document import read_yaml

_MARK = b"sync"
_KIND = "FluxInstance"
_NAMESPACE = "flux-system"
SOURCES = frozenset(("Bucket", "GitRepository", "OCIRepository"))
"""Kinds of what an instance may read."""
_MADE = frozenset(("Kustomization",))
_FILE = "sync.yaml"
_PATCH = ("patch", "target", "options")


def synchronised(tree: Tree, context: SourceContext) -> Iterator[Resource]:
    """The Kustomization of every instance of the tree, at the instance; those in hidden directories are put away."""
    for path, document in marked_documents(tree, context, (_MARK,), _is_in_view):
        found = _kustomization(mapping(document.value), Origin(path, document.index, (), document.line), context)
        if found is not None:
            yield found


def instances_in(value: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """The specs of instances that an object is, or that a chart makes of the values in it, each with its place."""
    kind, spec = value.get("kind"), mapping(value.get("spec"))
    if kind == _KIND:
        yield ("spec",), spec
    elif kind == "HelmRelease" and mapping(mapping(spec.get("values")).get("instance")):
        yield ("spec", "values", "instance"), mapping(spec["values"]["instance"])
    elif kind == "ConfigMap":
        for key, written in mapping(value.get("data")).items():
            if isinstance(written, str) and "instance" in written and "sync" in written:
                for document in read_yaml(written.encode("utf-8", "replace")).documents[:1]:
                    instance = mapping(mapping(document.value).get("instance"))
                    if mapping(instance.get("sync")):
                        yield ("data", key), instance


def patches_for(spec: Mapping[str, Any], kinds: frozenset[str]) -> list[Mapping[str, Any]]:
    """Patches of an instance that may change objects of these kinds; a target is a pattern, or absent."""
    patches = map(mapping, items(mapping(spec.get("kustomize")).get("patches")))
    return [one for one in patches if _may_be(text(mapping(one.get("target")).get("kind")), kinds)]


def _may_be(pattern: str, kinds: frozenset[str]) -> bool:
    return not pattern.isalnum() or pattern in kinds


def _is_in_view(path: str) -> bool:
    return not any(part.startswith(".") for part in path.split("/"))


def _kustomization(value: Mapping[str, Any], origin: Origin, context: SourceContext) -> Resource | None:
    kind, spec = value.get("kind"), mapping(value.get("spec"))
    namespace = _NAMESPACE
    if kind == "HelmRelease":
        spec = mapping(mapping(spec.get("values")).get("instance"))
    elif kind is None and "apiVersion" not in value:
        spec = mapping(value.get("instance"))
    elif kind == _KIND:
        namespace = text(mapping(value.get("metadata")).get("namespace")) or _NAMESPACE
    else:
        return None
    sync = mapping(spec.get("sync"))
    if sync.get("kind") not in SOURCES or not text(sync.get("path")).strip("./"):
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
        "spec": own,
    }
    return Resource(identifier, _patched(data, patches_for(spec, _MADE), context.builder), origin)


def _patched(data: dict[str, Any], patches: list[Mapping[str, Any]], builder: KustomizeBuilder) -> Mapping[str, Any]:
    """The Kustomization as kustomize patches it; as it is where kustomize cannot, as nothing is installed then."""
    if not patches:
        return data
    value = {"resources": [_FILE], "patches": [{key: one[key] for key in one if key in _PATCH} for one in patches]}
    known = read_kustomization(value)
    if known.flaws or len(known.references) > 1:
        return data
    files = {_FILE: json.dumps(data).encode()}
    built = builder.build(
        BuildInput(root="", root_file=FILE_NAMES[0], kustomizations={FILE_NAMES[0]: value}, files=files, links={})
    )
    documents = read_yaml(built.output or b"").documents
    found = mapping(documents[0].value) if documents else {}
    return {**data, "spec": mapping(found.get("spec"))} if found else data
