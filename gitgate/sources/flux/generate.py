"""The kustomization that Flux renders for a Kustomization: the one of its directory, or one made of its files.

Source: fluxcd/pkg, kustomize/kustomize_generator.go, `GenerateManifest` and `scanManifests`.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from gitgate.sources.flux.artifact import Artifact
from gitgate.sources.kustomization import FILE_NAMES, read_kustomization
from gitgate.sources.kustomize_graph import KustomizeGraph, Node
from gitgate.sources.owners import Owner, items, mapping, text
from gitgate.sources.tree_files import PathKind, TreeFiles, parent

_SELECTOR = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")
_IMAGE = ("name", "newName", "newTag", "digest")
_SUFFIXES = (".yaml", ".yml")


class SpecError(Exception):
    """A field of the spec that Flux cannot read; its path and one clause."""

    def __init__(self, field: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.field = field


def root_node(owner: Owner, directory: str, graph: KustomizeGraph, files: TreeFiles, artifact: Artifact) -> Node:
    """The kustomization that is rendered, with nothing followed yet.

    Raises:
        SpecError: The spec cannot be read.
    """
    own = graph.nodes.get(directory)
    if own is None:
        resources = listed(directory, graph, files, artifact)
        base: Mapping[str, Any] = {"resources": resources} if resources else {"namespace": "_placeholder"}
        path = posixpath.join(directory, FILE_NAMES[0])
    else:
        base, path = own.kustomization.value, own.path
        if not base.get("resources"):
            # Flux asks for this, so that a kustomization without resources is not empty.
            base = {**base, "buildMetadata": ["originAnnotations"]}
    value = with_spec(base, owner.spec, directory, files)
    document = own.document if own is not None else None
    return Node(directory, path, read_kustomization(value), document)


def listed(directory: str, graph: KustomizeGraph, files: TreeFiles, artifact: Artifact) -> list[str]:
    """Manifests below a directory, and directories with a kustomization of their own, as the generated one has them.

    What Flux fetches has no symbolic links: fluxcd/source-controller, internal/controller/storage.go, `Archive`.
    """
    found: dict[str, None] = {}
    for path in sorted(files.below(directory), key=lambda path: path.split("/")):
        if path in files.tree.special or artifact.excluded_by(path) is not None:
            continue
        inner = _kustomization_above(path, directory, graph)
        if inner is not None:
            found.setdefault(posixpath.relpath(inner, directory or "."))
        elif posixpath.splitext(path)[1] in _SUFFIXES:
            found.setdefault(posixpath.relpath(path, directory or "."))
    return [f"./{path}" for path in found]


def _kustomization_above(path: str, top: str, graph: KustomizeGraph) -> str | None:
    """The highest directory below `top` with a kustomization that the path lies in."""
    rest = parent(path)[len(top) :].strip("/")
    place = top
    for part in rest.split("/") if rest else ():
        place = posixpath.join(place, part)
        if place in graph.nodes:
            return place
    return None


def with_spec(base: Mapping[str, Any], spec: Mapping[str, Any], directory: str, files: TreeFiles) -> Mapping[str, Any]:
    """A kustomization with what the spec lays over it.

    Raises:
        SpecError: The spec cannot be read.
    """
    value = dict(base)
    for name, target in (("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix")):
        if name in spec and spec[name] is not None:
            if not isinstance(spec[name], str):
                raise SpecError(("spec", name), "must be text")
            value[target] = spec[name]
    components = list(_components(spec, directory, files))
    if components:
        value["components"] = [*items(value.get("components")), *components]
    for name, new in laid_over(spec, items(value.get("images"))).items():
        value[name] = new if name == "images" else [*items(value.get(name)), *new]
    if _list(spec, "buildMetadata"):
        value["buildMetadata"] = _list(spec, "buildMetadata")
    return value


def laid_over(spec: Mapping[str, Any], images: list[Any] | None = None) -> Mapping[str, list[Any]]:
    """Patches and images that a spec lays over objects, as fields of a kustomization; only those that it has.

    Raises:
        SpecError: The spec cannot be read.
    """
    added: dict[str, list[Any]] = {
        "patches": [_patch(patch, index) for index, patch in enumerate(_list(spec, "patches"))],
        "patchesStrategicMerge": [json.dumps(patch) for patch in _list(spec, "patchesStrategicMerge")],
        "patchesJson6902": [
            {"patch": json.dumps(mapping(patch).get("patch")), "target": _target(mapping(patch).get("target"))}
            for patch in _list(spec, "patchesJson6902")
        ],
    }
    if _list(spec, "images"):
        added["images"] = _images(images or [], _list(spec, "images"))
    return {name: new for name, new in added.items() if new}


def _list(spec: Mapping[str, Any], name: str) -> list[Any]:
    value = spec.get(name)
    if value is not None and not isinstance(value, list):
        raise SpecError(("spec", name), "must be a list")
    return value or []


def _patch(patch: Any, index: int) -> Mapping[str, Any]:
    if not isinstance(patch, dict) or not isinstance(patch.get("patch"), str):
        raise SpecError(("spec", "patches", index), "must have a patch, which is text")
    target = patch.get("target")
    return {"patch": patch["patch"], **({"target": _target(target)} if target is not None else {})}


def _target(target: Any) -> Mapping[str, str]:
    return {key: mapping(target)[key] for key in _SELECTOR if isinstance(mapping(target).get(key), str)}


def _components(spec: Mapping[str, Any], directory: str, files: TreeFiles) -> Iterable[str]:
    for index, component in enumerate(_list(spec, "components")):
        if not isinstance(component, str):
            raise SpecError(("spec", "components", index), "must be text")
        missing = files.resolve_from(directory, component).kind is PathKind.MISSING
        if not (missing and spec.get("ignoreMissingComponents") is True):
            yield component


def _images(own: list[Any], laid_over: list[Any]) -> list[Any]:
    """Images of the kustomization, then of the spec: the same name is changed field by field."""
    merged = [dict(image) for image in own if isinstance(image, dict)]
    for index, image in enumerate(laid_over):
        if not isinstance(image, dict) or not isinstance(image.get("name"), str):
            raise SpecError(("spec", "images", index), "must have a name")
        new = {key: text(image.get(key)) for key in _IMAGE if text(image.get(key))}
        known = next((one for one in merged if one.get("name") == image["name"]), None)
        if known is None:
            merged.append(new)
            continue
        if "newTag" in new or "digest" in new:
            known.pop("newTag", None)
            known.pop("digest", None)
        known.update(new)
    return merged
