"""From a checked root to its objects: what kustomize is given, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from gitgate.location import Location, Position, Precision
from gitgate.process import end_running
from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.sources.base import SourceContext
from gitgate.sources.kustomization import ReferenceKind
from gitgate.sources.kustomize_build import BuildInput, Built
from gitgate.sources.kustomize_graph import Closure, KustomizeGraph
from gitgate.sources.kustomize_origin import OriginFinder, without_origin
from gitgate.sources.kustomize_remote import without_fetched
from gitgate.sources.objects import Locate, duplicate_problems, read_objects
from gitgate.tree import Tree
from gitgate.yaml_document import read_yaml

_PARALLEL = 4
_MAY_TAKE_AWAY = frozenset({"patches", "patchesJson6902", "patchesStrategicMerge", "transformers"})
_Wanted = TypeVar("_Wanted")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one root came to.

    Attributes:
        encrypted: Files whose objects SOPS encrypted.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    encrypted: frozenset[str] = frozenset()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """What owners of the tree rendered, so that it is not rendered a second time without them.

    Attributes:
        graph: The kustomizations of the tree.
        closures: What owners rendered.
        files: Files that they read although no kustomization names them, and what as.
    """

    graph: KustomizeGraph
    closures: tuple[Closure, ...] = ()
    files: Mapping[str, ReferenceKind] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def directories(self) -> frozenset[str]:
        """Every directory with a kustomization that they used."""
        return frozenset(directory for closure in self.closures for directory in closure.nodes)


class KustomizeRenderer:
    """Renders roots of one graph.

    Args:
        loose: May kustomizations name files outside of their directories, as Flux lets them?
    """

    def __init__(self, tree: Tree, context: SourceContext, graph: KustomizeGraph, *, loose: bool = False) -> None:
        self._tree = tree
        self._documents = context.documents
        self._builder = context.builder
        self._graph = graph
        self._loose = loose

    def input(self, closure: Closure) -> BuildInput:
        """What kustomize needs for a root."""
        nodes = [self._graph.nodes[directory] for directory in closure.nodes]
        named = {path for node in nodes for path in (*node.files, *node.outside)}
        files = self._documents.files(self._tree)
        return BuildInput(
            root=closure.root,
            root_file=self._graph.nodes[closure.root].path,
            kustomizations={
                node.path: without_fetched(node.kustomization.value, node.remote)
                if closure.partly
                else node.kustomization.value
                for node in nodes
            },
            files={path: self._bytes(path) for path in closure.files if path in named},
            links={path: files.link_target(path) for path in closure.links},
            loose=self._loose,
        )

    def _bytes(self, path: str) -> bytes:
        data = self._documents.source(self._tree, path)
        assert data is not None, path  # noqa: S101 - a root that reads more than the limits allow is not rendered
        return data

    def read(self, closure: Closure, built: Built) -> Rendered:
        """The objects of a root, led back to their files."""
        if built.output is None:
            return Rendered(problems=(self.failure(closure, built),), failed=True)
        file = read_yaml(built.output, self._builder.output_limits)
        fatal = next((problem for problem in file.problems if problem.fatal), None)
        if fatal is not None or file.opaque:
            reason = fatal.message if fatal is not None else file.opaque
            complaint = f"what kustomize printed cannot be read: {reason}"
            return Rendered(problems=(self.failure(closure, Built(None, complaint=complaint)),), failed=True)
        finder = OriginFinder(self._tree, self._documents, closure, self._graph.nodes)
        resources: list[Resource] = []
        problems: list[Problem] = []
        encrypted: set[str] = set()
        for document in file.documents:
            origin = finder.find(document.value)
            value = without_origin(document.value) if built.origins else document.value
            location = Location(origin.path, Position(origin.line, 1), Precision.OBJECT)
            objects = read_objects(value, origin, _always(location))
            resources.extend(objects.resources)
            problems.extend(objects.problems)
            if objects.encrypted:
                encrypted.add(origin.path)
        if not file.documents and (given := self._objects_given(closure)):
            complaint = f"kustomize printed nothing, although its files hold {given} and nothing takes objects away"
            return Rendered(problems=(self.failure(closure, Built(None, complaint=complaint)),), failed=True)
        problems.extend(duplicate_problems(resources, "one kustomization"))
        return Rendered(tuple(resources), tuple(problems), frozenset(encrypted))

    def _objects_given(self, closure: Closure) -> str:
        """What a root is rendered from, in words; empty when that is nothing, or when the root may take it away."""
        nodes = [self._graph.nodes[directory] for directory in closure.nodes]
        if any(node.kustomization.value.keys() & _MAY_TAKE_AWAY for node in nodes):
            return ""
        paths = {path for node in nodes for path, kind in node.files.items() if kind is ReferenceKind.RESOURCE}
        count = sum(
            _is_kept(document.value)
            for path in sorted(paths)
            for document in self._documents.read(self._tree, path).documents
        )
        return "" if not count else "an object" if count == 1 else f"{count} objects"

    def failure(self, closure: Closure, built: Built) -> Problem:
        """Why a root cannot be rendered."""
        node = self._graph.nodes[closure.root]
        path = f"{closure.root}/{built.file}".lstrip("/") if built.file else ""
        known = path in closure.files
        position = Position(built.line, 1) if known and built.line else None
        location = Location(path if known else node.path, position, Precision.FILE)
        shown = f"kustomize cannot render {closure.root or '.'}: {built.complaint}"
        return Problem(code="kustomize-failed", message=shown, location=location, discriminator=closure.digest)


def in_parallel(run: Callable[[_Wanted], _Answer], wanted: Iterable[_Wanted]) -> Iterator[_Answer]:
    """Answers in the order of what is wanted; `run` spawns a program and touches nothing shared."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only where something is rendered

    with ThreadPoolExecutor(max_workers=_PARALLEL) as executor:
        try:
            yield from executor.map(run, wanted)
        except (KeyboardInterrupt, SystemExit):
            # A signal arrives in this thread; the others would go on until their programs run out of time.
            executor.shutdown(wait=False, cancel_futures=True)
            end_running()
            raise


def _is_kept(value: Any) -> bool:
    """Is this an object that kustomize prints? Source: kustomize/api/internal/target, `IgnoreLocal`."""
    if not isinstance(value, dict) or not value.get("kind"):
        return False
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    is_local = isinstance(annotations, dict) and "config.kubernetes.io/local-config" in annotations
    return not is_local and value.get("items") != []


def _always(location: Location) -> Locate:
    return lambda _: location
