"""Kustomizations: found, checked, rendered by the real kustomize, and every object led back to its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from gitgate.errors import ToolError
from gitgate.location import Location, Precision
from gitgate.path_glob import matches_any
from gitgate.proposal import Coverage, Problem
from gitgate.settings import SourceType
from gitgate.sources.base import Rendering, SourceContext, yaml_problem
from gitgate.sources.checkout import is_pointer, pointer_problem
from gitgate.sources.documents import DocumentReader
from gitgate.sources.kustomization import ReferenceKind
from gitgate.sources.kustomize_build import KustomizeBuilder
from gitgate.sources.kustomize_graph import HARMLESS, Closure, KustomizeGraph, Node
from gitgate.sources.kustomize_render import KustomizeRenderer, Reached, Rendered, in_parallel
from gitgate.sources.tree_files import inside
from gitgate.tree import Tree

_PARALLEL_BUILDS = 4
_READ_AS_YAML = (ReferenceKind.RESOURCE, ReferenceKind.FILE, ReferenceKind.COMPONENT, ReferenceKind.PLUGIN)


class KustomizeSource:
    """Every kustomization that nobody else builds upon, and those that settings name."""

    name = "kustomize"

    def render(self, tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage]) -> Rendering:
        """See `Source`. Problems of references keep a root from being rendered; nothing of it runs then."""
        reached = context.reached or Reached(KustomizeGraph(tree, context.documents))
        graph = reached.graph
        context.memory.whole_files = graph.files_of(ReferenceKind.RESOURCE)
        context.memory.data_files = graph.files_of(ReferenceKind.DATA)
        if not graph.nodes and not reached.closures:
            return Rendering(problems=_missing_sources(graph, context))
        return _Run(tree, context, reached, claimed).render()


class _Run:
    """The rendering of one tree's kustomizations."""

    def __init__(self, tree: Tree, context: SourceContext, reached: Reached, claimed: Mapping[str, Coverage]) -> None:
        self._claimed = claimed
        self._tree = tree
        self._context = context
        self._documents: DocumentReader = context.documents
        self._builder: KustomizeBuilder = context.builder
        self._graph = graph = reached.graph
        self._renderer = KustomizeRenderer(tree, context, graph)
        self._owned = reached
        owned = reached.directories
        self._closures = {root: graph.closure(root) for root in _roots(graph, context, owned)}
        self._bare = frozenset(directory for closure in self._closures.values() for directory in closure.nodes)
        self._used = self._bare | owned.intersection(graph.nodes)
        self._only_owned = owned - self._bare

    def _all_closures(self) -> tuple[Closure, ...]:
        """What this run renders, and what was rendered for owners."""
        return (*self._closures.values(), *self._owned.closures)

    def render(self) -> Rendering:
        """Render every root whose references are in order."""
        self._load()
        unreadable = self._unreadable_files()
        broken = {
            root
            for root, closure in self._closures.items()
            if (not closure.partly and any(_problems(self._graph.nodes[directory]) for directory in closure.nodes))
            or any(path in unreadable for path in closure.files)
        }
        problems = [*_missing_sources(self._graph, self._context), *self._node_problems(), *self._file_problems()]
        sound = [closure for root, closure in self._closures.items() if root not in broken]
        missing = self._missing_program(sound)
        rendered = {} if missing else self._build_all(sound)
        problems.extend(missing)
        for outcome in rendered.values():
            problems.extend(outcome.problems)
        problems.extend(self._unused_components())
        self._context.memory.roots.update(self._closures)
        return Rendering(
            resources=tuple(resource for outcome in rendered.values() for resource in outcome.resources),
            problems=tuple(problems),
            files=MappingProxyType(self._coverage(rendered)),
        )

    def _concerned(self) -> Iterator[tuple[str, Node]]:
        """The kustomizations that this run answers for: those that roots use and, if found, those that nobody uses."""
        for directory, node in self._graph.nodes.items():
            found = not self._context.sources and not _excluded(node, self._context)
            if found or directory in self._used:
                yield directory, node

    def _load(self) -> None:
        self._documents.load(self._tree, (path for closure in self._closures.values() for path in closure.files))

    def _judged_files(self) -> list[str]:
        """Files that kustomize reads as YAML, beside the kustomizations themselves, and what is too large to read.

        The bytes of a generator's file need not be YAML.
        """
        nodes = [self._graph.nodes[directory] for directory in sorted(self._used)]
        named = [*(pair for node in nodes for pair in node.files.items()), *self._owned.files.items()]
        files = dict(named)
        files.update({path: kind for path, kind in named if kind in _READ_AS_YAML})
        return sorted(
            path
            for path, kind in files.items()
            if kind in _READ_AS_YAML or self._documents.source(self._tree, path) is None
        )

    def _unreadable_files(self) -> frozenset[str]:
        return frozenset(
            path
            for path in self._judged_files()
            if any(problem.fatal for problem in self._documents.read(self._tree, path).problems)
        )

    def _node_problems(self) -> Iterable[Problem]:
        """Problems of kustomization files, renewed whenever anything changes that they keep from being judged."""
        for directory, node in self._concerned():
            problems = node.problems if directory in self._only_owned else _problems(node)
            if not problems:
                continue
            closures = [closure for closure in self._all_closures() if directory in closure.nodes]
            state = _frames(closures)
            told = "; all else is rendered without it" if closures and all(one.partly for one in closures) else ""
            for problem in problems:
                message = f"{problem.message}{told}"
                yield replace(problem, message=message, discriminator=f"{problem.discriminator} {state}")

    def _file_problems(self) -> Iterable[Problem]:
        for path in sorted({path for closure in self._all_closures() for path in closure.files}):
            if is_pointer(self._documents.source(self._tree, path)):
                yield pointer_problem(path, self._documents.state(self._tree, path))
        for path in self._judged_files():
            state = self._documents.state(self._tree, path)
            for problem in self._documents.read(self._tree, path).problems:
                if problem.code in HARMLESS:
                    continue
                if problem.fatal:
                    state = _digest(closure for closure in self._all_closures() if path in closure.files)
                yield yaml_problem(problem, path, state)

    def _missing_program(self, sound: list[Closure]) -> list[Problem]:
        if not sound:
            return []
        try:
            self._builder.program()
        except ToolError as error:
            node = self._graph.nodes[sound[0].root]
            state = _digest(sound)
            message = f"{error}, so {len(sound)} kustomizations could not be rendered"
            location = Location(node.path, None, Precision.FILE)
            return [
                Problem(
                    code="kustomize-missing", message=message, location=location, fix=error.remedy, discriminator=state
                )
            ]
        return []

    def _build_all(self, closures: list[Closure]) -> dict[str, Rendered]:
        waiting = [closure for closure in closures if _key(closure) not in self._builder.rendered]
        if waiting:
            self._context.progress(f"rendering {len(waiting)} kustomizations")
            self._build_waiting(waiting)
        return {closure.root: self._builder.rendered[_key(closure)] for closure in closures}

    def _build_waiting(self, waiting: list[Closure]) -> None:
        inputs = [self._renderer.input(closure) for closure in waiting]
        for closure, built in zip(waiting, in_parallel(self._builder.build, inputs), strict=True):
            self._builder.rendered[_key(closure)] = self._renderer.read(closure, built)

    def _unused_components(self) -> Iterable[Problem]:
        for directory, node in self._concerned():
            if node.kustomization.component and directory not in self._used:
                yield Problem(
                    code="unreferenced-manifest",
                    message="no kustomization of the tree uses this component, so nothing of it was judged",
                    location=Location(node.path, None, Precision.FILE),
                )

    def _coverage(self, rendered: Mapping[str, Rendered]) -> dict[str, Coverage]:
        """Every file of a kustomization; what one root failed on is failed, whatever another made of it."""
        coverage = dict(self._claimed)
        apart = {directory for one in self._all_closures() if one.partly for directory in one.nodes}
        for directory, node in self._concerned():
            state = Coverage.FAILED if _problems(node) and directory not in apart else Coverage.NOT_RENDERED
            for path in (node.path, *node.files, *node.links):
                coverage.setdefault(path, state)
        for root, closure in self._closures.items():
            outcome = rendered.get(root)
            for path, state in closure.states(Coverage.CONSUMED).items():
                if outcome is None or outcome.failed:
                    coverage[path] = Coverage.FAILED
                elif coverage.get(path) is not Coverage.FAILED:
                    coverage[path] = Coverage.OPAQUE if path in outcome.encrypted else state
        return dict(sorted(coverage.items()))


def _problems(node: Node) -> tuple[Problem, ...]:
    return (*node.problems, *node.strict_problems)


def _digest(closures: Iterable[Closure]) -> str:
    return hashlib.sha256("\n".join(closure.digest for closure in closures).encode()).hexdigest()


def _frames(closures: Iterable[Closure]) -> str:
    return hashlib.sha256("\n".join(closure.frame for closure in closures).encode()).hexdigest()


def _key(closure: Closure) -> tuple[str, str]:
    return closure.root, closure.digest


def _roots(graph: KustomizeGraph, context: SourceContext, owned: frozenset[str]) -> list[str]:
    """Directories that are rendered, sorted: those that settings name, or those that nobody else builds upon.

    What owners reach is rendered with them.

    A directory that was a root in the base stays one: a change that builds upon it does not stop an agent from
    applying it, nor does calling it a Component, which kustomize renders as well when it is asked to.
    """
    nodes = graph.nodes
    referenced = graph.referenced()
    candidates = [
        directory
        for directory, node in nodes.items()
        if not node.kustomization.component
        and directory not in referenced
        and not _excluded(node, context)
        and directory not in owned
    ]
    roots = {directory for directory in context.memory.roots if directory in nodes}
    if not context.sources:
        return sorted(roots.union(candidates, _unreachable(graph, (*candidates, *owned.intersection(nodes)))))
    for source in context.sources:
        directory = "" if source.path == "." else source.path
        if source.type is SourceType.PLAIN:
            continue
        if directory in nodes:
            roots.add(directory)
        elif source.type is SourceType.AUTO:
            roots.update(candidate for candidate in candidates if inside(candidate, directory))
    return sorted(roots)


def _unreachable(graph: KustomizeGraph, roots: Iterable[str]) -> list[str]:
    """One kustomization of every circle that no root leads to, so that its files are accounted for."""
    reached: set[str] = set()
    found: list[str] = []

    def walk(starts: Iterable[str]) -> None:
        waiting = list(starts)
        while waiting:
            directory = waiting.pop()
            if directory not in reached:
                reached.add(directory)
                waiting.extend(graph.nodes[directory].targets)

    walk([*roots, *(path for path, node in graph.nodes.items() if node.kustomization.component)])
    for directory in graph.nodes:
        if directory not in reached:
            found.append(directory)
            walk((directory,))
    return found


def _excluded(node: Node, context: SourceContext) -> bool:
    return matches_any(context.exclude, node.path)


def _missing_sources(graph: KustomizeGraph, context: SourceContext) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            code="kustomize-invalid",
            message=f"settings name {source.path!r} as a kustomization, but it has no kustomization.yaml",
            location=Location(source.path, None, Precision.FILE),
            discriminator="source",
        )
        for source in context.sources
        if source.type is SourceType.KUSTOMIZE and ("" if source.path == "." else source.path) not in graph.nodes
    )
