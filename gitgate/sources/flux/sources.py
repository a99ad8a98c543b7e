"""Where a Flux object fetches from: this repository, another one, or nothing that is known.

Sources: fluxcd/source-controller, api/v1; fluxcd/source-watcher, ArtifactGenerator.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from gitgate.sources.owners import Owner, World, items, mapping, text
from gitgate.sources.tree_files import inside

SOURCE_GROUP = "source.toolkit.fluxcd.io"
EXTENSIONS_GROUP = "source.extensions.fluxcd.io"
_FILES = (".yaml", ".yml", ".json", ".tgz", ".gz")


Mount = tuple[str, str]
"""A directory of a source, and the directory of the repository that it is a copy of."""


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
        told: For reports: `GitRepository flux-system/podinfo (https://…)`.
        mounts: For a source of ours: directories of it, and the directory of the repository that each one is.
        included: Directories of it in which it has a copy of another repository.
    """

    whose: Whose
    told: str
    mounts: tuple[Mount, ...] = (("", ""),)
    included: tuple[str, ...] = ()


def source_key(reference: Mapping[str, Any], namespace: str) -> str:
    """Kind and name of the source that a `sourceRef` or `chartRef` names: `GitRepository flux-system/apps`."""
    return (
        f"{text(reference.get('kind'))} {text(reference.get('namespace')) or namespace}/{text(reference.get('name'))}"
    )


def find_source(owner: Owner, world: World, reference: Mapping[str, Any]) -> FluxSource:
    """Whose content the source has that an owner names."""
    key = source_key(reference, owner.namespace)
    namespace = text(reference.get("namespace")) or owner.namespace
    kind, name = text(reference.get("kind")), text(reference.get("name"))
    resource = world.find(SOURCE_GROUP, kind, namespace, name)
    spec = mapping(resource.data.get("spec")) if resource is not None else {}
    if key in owner.cluster.sources:
        mounts = (("", dict(owner.cluster.roots).get(key, "")),)
        return FluxSource(Whose.OURS, key, mounts, tuple(_included(spec)))
    if kind == "ExternalArtifact":
        return _artifact(owner, world, namespace, name)
    if resource is None:
        return FluxSource(Whose.UNKNOWN, key)
    url, revision = text(spec.get("url")), revision_of(spec)
    ours = _own_revisions(owner, world) if kind == "GitRepository" and url else {}
    if ours.get(normal_url(url)) == revision and not items(spec.get("include")):
        return FluxSource(Whose.OURS, key)
    told = f"{_shown(url)}, {revision}" if normal_url(url) in ours else _shown(url)
    return FluxSource(Whose.OTHERS, f"{key} ({told})" if url else key)


def _included(spec: Mapping[str, Any]) -> Iterator[str]:
    """Where other repositories are copied to. Source: fluxcd/source-controller, api/v1, `GitRepositoryInclude`."""
    for one in map(mapping, items(spec.get("include"))):
        target = text(one.get("toPath")) or text(mapping(one.get("repository")).get("name"))
        yield posixpath.normpath(f"/{target}").strip("/")


def normal_url(url: str) -> str:
    """A URL without what does not name the repository: scheme, user, `.git`, slashes at the end."""
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    return rest.rpartition("@")[2].rstrip("/").removesuffix(".git").lower()


def _own_revisions(owner: Owner, world: World) -> Mapping[str, str]:
    """URLs of this repository, each with the branch that is judged."""
    found = {}
    for key in sorted(owner.cluster.sources):
        kind, _, place = key.partition(" ")
        namespace, _, name = place.partition("/")
        resource = world.find(SOURCE_GROUP, kind, namespace, name)
        spec = mapping(resource.data.get("spec")) if resource is not None else {"url": key}
        found[normal_url(text(spec.get("url")))] = revision_of(spec)
    return found


def revision_of(spec: Mapping[str, Any]) -> str:
    """What of a repository is fetched. Source: fluxcd/source-controller, api/v1, `GitRepositoryRef`, in its order."""
    reference = mapping(spec.get("ref"))
    found = ((kind, text(reference.get(kind))) for kind in ("commit", "name", "semver", "tag", "branch"))
    told = next((f"{kind} {value}" for kind, value in found if value), "branch master")
    return told.replace("name refs/heads/", "branch ")


def _artifact(owner: Owner, world: World, namespace: str, name: str) -> FluxSource:
    """An artifact that is copied out of sources: ours if all of the copy is of ours, directory by directory."""
    key = f"ExternalArtifact {namespace}/{name}"
    patterned = False
    for generator in world.of_kind(EXTENSIONS_GROUP, "ArtifactGenerator"):
        spec = mapping(generator.data.get("spec"))
        if generator.id.namespace != namespace:
            continue
        artifact = next((one for one in items(spec.get("artifacts")) if mapping(one).get("name") == name), None)
        patterned = patterned or bool(spec.get("pathPattern"))
        if artifact is None:
            continue
        aliases = {text(mapping(one).get("alias")): mapping(one) for one in items(spec.get("sources"))}
        copies = items(mapping(artifact).get("copy"))
        mounts = {_mount(mapping(copy), aliases, owner, world, namespace) for copy in copies}
        known = sorted(one for one in mounts if one is not None)
        if not known or len(known) < len(mounts):
            return FluxSource(Whose.OTHERS, f"{key}, put together from several places")
        return FluxSource(Whose.OURS, key, tuple(known))
    if patterned:
        return FluxSource(Whose.OTHERS, f"{key}, if a generator's pattern finds a directory for it")
    return FluxSource(Whose.UNKNOWN, key)


def _mount(
    copy: Mapping[str, Any], aliases: Mapping[str, Mapping[str, Any]], owner: Owner, world: World, namespace: str
) -> Mount | None:
    """Where a copied directory comes to lie, and where it comes from; None where it is no directory of ours.

    Source: fluxcd/source-watcher, internal/builder/builder.go: `dir/**` copies what is in a directory, `dir` itself.
    """
    alias, _, pattern = text(copy.get("from")).removeprefix("@").partition("/")
    target = text(copy.get("to")).removeprefix("@artifact").strip("/")
    reference = aliases.get(alias)
    if reference is None or reference.get("kind") == "ExternalArtifact" or copy.get("strategy") == "Extract":
        return None
    named = {**reference, "namespace": text(reference.get("namespace")) or namespace}
    source = find_source(owner, world, named)
    directory, stars, rest = pattern.partition("**")
    directory = directory.strip("/")
    file = not stars and directory.endswith(_FILES)
    if source.whose is not Whose.OURS or file or rest or any(sign in directory for sign in "*?["):
        return None
    place = inside_source(source, directory)
    if place is None:
        return None
    return (target if stars else posixpath.join(target, posixpath.basename(directory))), place


def inside_source(source: FluxSource, path: Any) -> str | None:
    """A path of a source as a path of this repository; None where several directories, or none, make it up.

    `..` never leaves the source, as in Flux. Where the source has nothing else in a directory than one copy further
    down, that copy is the directory: what Flux makes of the one is what it makes of the other.
    """
    confined = posixpath.normpath(f"/{text(path)}").strip("/")
    if any(inside(confined, directory) for directory in source.included):
        return None
    around = [mount for mount in source.mounts if inside(confined, mount[0])]
    below = [mount for mount in source.mounts if mount not in around and inside(mount[0], confined)]
    if around and not below:
        nearest = max(len(at) for at, _ in around)
        found = {
            posixpath.join(directory, confined[nearest:].strip("/")).strip("/")
            for at, directory in around
            if len(at) == nearest
        }
        return found.pop() if len(found) == 1 else None  # several are laid over one another
    if len(below) == 1 and not around:
        return below[0][1]
    kept = {_root(mount) for mount in (*around, *below)}
    root = kept.pop() if len(kept) == 1 else None
    return posixpath.join(root, confined).strip("/") if root is not None else None


def _root(mount: Mount) -> str | None:
    """The directory of the repository from which on a copy keeps the paths; None where it does not."""
    at, directory = mount
    if not at:
        return directory
    return directory[: -len(at)].strip("/") if f"/{directory}".endswith(f"/{at}") else None


def _shown(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    shown = f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
    return shown if shown.isprintable() else repr(shown)
