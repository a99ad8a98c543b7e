"""Objects of Argo CD as kustomizations that no owner renders make them: `kubectl apply -k` of somebody's.

An overlay may patch an Application, so that what its file says is not what Argo CD is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitgate.errors import ToolError
from gitgate.resource import Resource
from gitgate.sources.argocd.repository import GROUP
from gitgate.sources.base import SourceContext
from gitgate.sources.kustomize_graph import Closure, KustomizeGraph
from gitgate.sources.kustomize_render import KustomizeRenderer, Rendered, in_parallel
from gitgate.tree import Tree


@dataclass(frozen=True, slots=True)
class Overlaid:
    """The objects that Argo CD begins with.

    Attributes:
        resources: Those of files, and those of kustomizations in the place of what these read and change.
        directories: Of these kustomizations.
    """

    resources: tuple[Resource, ...]
    directories: frozenset[str] = frozenset()


def overlaid(
    tree: Tree, context: SourceContext, graph: KustomizeGraph, written: Iterable[Resource], used: frozenset[str]
) -> Overlaid:
    """Take what kustomizations make of objects for the objects.

    What was judged on its own in the base stays among them: a kustomization that a change adds takes nothing away.

    Args:
        tree: What is rendered.
        context: Renders, and what is rendered here is not rendered again.
        graph: The kustomizations of the tree.
        written: Objects as files have them.
        used: Directories of kustomizations that owners render.
    """
    written = tuple(written)
    own = {one.origin.path for one in written if one.id.group == GROUP}
    closures = [
        closure
        for root in _roots(graph, context, used)
        if not own.isdisjoint((closure := graph.closure(root)).files) and _is_sound(closure, tree, context, graph)
    ]
    made: list[Resource] = []
    read: set[str] = set()
    kept = set(context.memory.plain_files)
    directories: set[str] = set()
    for closure, rendered in _rendered(closures, tree, context, graph):
        found = [one for one in rendered.resources if one.id.group == GROUP]
        as_written = [one.data for one in written if one.origin.path in closure.files]
        if rendered.failed or all(one.data in as_written for one in found):
            kept.update(closure.files)
            continue
        made.extend(found)
        read.update(closure.files)
        directories.add(closure.root)
    gone = read - kept
    as_they_stand = (one for one in written if one.id.group != GROUP or one.origin.path not in gone)
    return Overlaid((*as_they_stand, *made), frozenset(directories))


def _roots(graph: KustomizeGraph, context: SourceContext, used: frozenset[str]) -> Iterator[str]:
    referenced = graph.referenced()
    for directory, node in graph.nodes.items():
        is_root = directory not in referenced and not node.kustomization.component
        if (is_root or directory in context.memory.roots) and directory not in used:
            yield directory


def _is_sound(closure: Closure, tree: Tree, context: SourceContext, graph: KustomizeGraph) -> bool:
    """May it be rendered? What keeps it from that is told where all kustomizations are rendered."""
    nodes = [graph.nodes[directory] for directory in closure.nodes]
    context.documents.load(tree, closure.files)
    return not any(node.problems or node.strict_problems for node in nodes) and not any(
        context.documents.source(tree, path) is None
        or any(problem.fatal for problem in context.documents.read(tree, path).problems)
        for path in closure.files
    )


def _rendered(
    closures: Iterable[Closure], tree: Tree, context: SourceContext, graph: KustomizeGraph
) -> Iterator[tuple[Closure, Rendered]]:
    builder = context.builder
    renderer = KustomizeRenderer(tree, context, graph)
    closures = tuple(closures)
    waiting = [one for one in closures if (one.root, one.digest) not in builder.rendered]
    if waiting:
        try:
            builder.program()
        except ToolError:
            return
        inputs = [renderer.input(closure) for closure in waiting]
        for closure, built in zip(waiting, in_parallel(builder.build, inputs), strict=True):
            builder.rendered[closure.root, closure.digest] = renderer.read(closure, built)
    for closure in closures:
        yield closure, builder.rendered[closure.root, closure.digest]
