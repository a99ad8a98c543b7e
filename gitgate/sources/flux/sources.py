"""Where a Flux object fetches from: this repository, another one, or nothing that is known.

Sources: fluxcd/source-controller, api/v1; fluxcd/source-watcher, ArtifactGenerator.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gitgate.sources.owners import Owner, World, items, mapping, text

SOURCE_GROUP = "source.toolkit.fluxcd.io"
EXTENSIONS_GROUP = "source.extensions.fluxcd.io"


class Whose(Enum):
    """Whose content a source has."""

    OURS = auto()
    OTHERS = auto()
    UNKNOWN = auto()
    """Nothing in the repository defines the source."""


@dataclass(frozen=True, slots=True)
class FluxSource:
    """A source as an owner names it.

    Attributes:
        prefix: For a source of ours: the directory of the repository that is its root.
        told: For reports: `GitRepository flux-system/podinfo (https://…)`.
    """

    whose: Whose
    told: str
    prefix: str = ""


def source_key(reference: Mapping[str, Any], namespace: str) -> str:
    """Kind and name of the source that a `sourceRef` or `chartRef` names: `GitRepository flux-system/apps`."""
    return (
        f"{text(reference.get('kind'))} {text(reference.get('namespace')) or namespace}/{text(reference.get('name'))}"
    )


def find_source(owner: Owner, world: World, reference: Mapping[str, Any]) -> FluxSource:
    """Whose content the source has that an owner names."""
    key = source_key(reference, owner.namespace)
    if key in owner.cluster.sources:
        return FluxSource(Whose.OURS, key)
    namespace = text(reference.get("namespace")) or owner.namespace
    kind, name = text(reference.get("kind")), text(reference.get("name"))
    if kind == "ExternalArtifact":
        return _artifact(owner, world, namespace, name)
    resource = world.find(SOURCE_GROUP, kind, namespace, name)
    if resource is None:
        return FluxSource(Whose.UNKNOWN, key)
    url = text(mapping(resource.data.get("spec")).get("url"))
    if kind == "GitRepository" and url and normal_url(url) in _own_urls(owner, world):
        return FluxSource(Whose.OURS, key)
    return FluxSource(Whose.OTHERS, f"{key} ({_shown(url)})" if url else key)


def normal_url(url: str) -> str:
    """A URL without what does not name the repository: scheme, user, `.git`, slashes at the end."""
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    return rest.rpartition("@")[2].rstrip("/").removesuffix(".git").lower()


def _own_urls(owner: Owner, world: World) -> frozenset[str]:
    found = set()
    for key in owner.cluster.sources:
        kind, _, place = key.partition(" ")
        namespace, _, name = place.partition("/")
        resource = world.find(SOURCE_GROUP, kind, namespace, name)
        url = text(mapping(resource.data.get("spec")).get("url")) if resource is not None else key
        found.add(normal_url(url))
    return frozenset(found)


def _artifact(owner: Owner, world: World, namespace: str, name: str) -> FluxSource:
    """An artifact that is copied out of sources: ours if one directory of ours is behind all of the copy."""
    key = f"ExternalArtifact {namespace}/{name}"
    for generator in world.of_kind(EXTENSIONS_GROUP, "ArtifactGenerator"):
        spec = mapping(generator.data.get("spec"))
        artifact = next((one for one in items(spec.get("artifacts")) if mapping(one).get("name") == name), None)
        if artifact is None or generator.id.namespace != namespace:
            continue
        aliases = {text(mapping(one).get("alias")): mapping(one) for one in items(spec.get("sources"))}
        prefixes = {_prefix(mapping(copy), aliases, owner, world, namespace) for copy in items(artifact.get("copy"))}
        only = prefixes.pop() if len(prefixes) == 1 else None
        if only is None:
            return FluxSource(Whose.OTHERS, f"{key}, put together from several places")
        return FluxSource(Whose.OURS, key, only)
    return FluxSource(Whose.UNKNOWN, key)


def _prefix(
    copy: Mapping[str, Any], aliases: Mapping[str, Mapping[str, Any]], owner: Owner, world: World, namespace: str
) -> str | None:
    """The directory of this repository whose paths the copy keeps; None where it does not, or is not of ours."""
    alias, _, pattern = text(copy.get("from")).removeprefix("@").partition("/")
    target = text(copy.get("to")).removeprefix("@artifact").strip("/")
    reference = aliases.get(alias)
    if reference is None or reference.get("kind") == "ExternalArtifact":
        return None
    named = {**reference, "namespace": text(reference.get("namespace")) or namespace}
    if find_source(owner, world, named).whose is not Whose.OURS:
        return None
    directory, stars, rest = pattern.partition("**")
    directory = directory.strip("/")
    if not stars or rest or any(sign in directory for sign in "*?["):
        return None
    if not target:
        return directory
    return directory.removesuffix(target).rstrip("/") if f"/{directory}".endswith(f"/{target}") else None


def inside_source(source: FluxSource, path: Any) -> str:
    """A path of a source as a path of this repository; `..` never leaves the source, as in Flux."""
    confined = posixpath.normpath(f"/{text(path)}").strip("/")
    return posixpath.join(source.prefix, confined).strip("/") if confined else source.prefix


def _shown(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    shown = f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
    return shown if shown.isprintable() else repr(shown)
