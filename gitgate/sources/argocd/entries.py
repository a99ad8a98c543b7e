"""Where Argo CD begins to read: Applications and ApplicationSets that no other one makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gitgate.resource import Resource
from gitgate.sources.argocd.repository import GROUP, is_elsewhere, own_urls, sources_of
from gitgate.sources.base import SourceContext
from gitgate.sources.flux.sources import normal_url
from gitgate.sources.owners import mapping, text
from gitgate.sources.tree_files import PathKind, inside, parent
from gitgate.tree import Tree

_KINDS = ("Application", "ApplicationSet")


@dataclass(frozen=True, slots=True)
class EntryGroup:
    """Entry points of one directory.

    Attributes:
        place: The directory.
        resources: The Applications and ApplicationSets of it.
        near: Projects and clusters that they may refer to.
    """

    place: str
    resources: tuple[Resource, ...]
    near: tuple[Resource, ...]


def entry_groups(
    tree: Tree, context: SourceContext, written: Iterable[Resource], has_reached: Callable[[Resource], bool]
) -> Iterator[EntryGroup]:
    """Directories where Argo CD begins, those first that read others; lazily, as walking one reaches others.

    Args:
        tree: What is rendered.
        context: Its memory is told which URLs are this repository's.
        written: Every object of an agent in the tree.
        has_reached: Does somebody apply it by now?
    """
    written = tuple(written)
    own = [one for one in written if one.id.group == GROUP and one.id.kind in _KINDS]
    files = context.documents.files(tree)
    context.memory.own_urls.update(own_urls(own, files))
    reads = {
        (one.origin.path, one.origin.document): directories
        for one in own
        if (directories := tuple(_directories(one, tree, context)))
    }
    groups: dict[str, list[Resource]] = {}
    for one in own:
        own_place = one.origin.path, one.origin.document
        above = [paths for other, paths in reads.items() if other != own_place]
        if not any(inside(_place(one), directory) for paths in above for directory in paths):
            groups.setdefault(_place(one), []).append(one)
    # What is left reads one another in a circle, or is in a directory whose reader leaves it out.
    for one in own:
        groups.setdefault(f"{_place(one)}\0", []).append(one)
    shared = tuple(one for one in written if one.id.kind in ("AppProject", "Secret"))
    for key in sorted(groups, key=lambda key: (key.endswith("\0"), key)):
        place = key.rstrip("\0")
        fresh = tuple(one for one in groups[key] if not has_reached(one))
        if fresh:
            near = tuple(one for one in written if _place(one) == place)
            yield EntryGroup(place, fresh, (*shared, *near))


def _place(resource: Resource) -> str:
    """Where an object is: its file's directory, or that of the chart or kustomization which renders it."""
    origin = resource.origin
    return origin.rendered_by.removeprefix(".") if origin.rendered_by is not None else parent(origin.path)


def _directories(resource: Resource, tree: Tree, context: SourceContext) -> Iterator[str]:
    """Directories of this repository that an Application applies."""
    for _, source in sources_of(mapping(resource.data.get("spec"))) if resource.id.kind == "Application" else ():
        ours = normal_url(text(source.get("repoURL"))) in context.memory.own_urls
        path = text(source.get("path"))
        if (
            not ours
            or is_elsewhere(source.get("targetRevision"), context.memory)
            or source.get("chart")
            or path.startswith("/")
        ):
            continue
        reached = context.documents.files(tree).resolve(path)
        if path and reached.kind is PathKind.DIRECTORY:
            yield reached.path
