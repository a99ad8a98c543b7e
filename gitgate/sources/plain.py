"""Files that an agent applies as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gitgate.location import Location, Position, Precision
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Origin, Resource
from gitgate.settings import SourceSetting, SourceType
from gitgate.sources.argocd_files import jsonnet_problems, override_problems
from gitgate.sources.base import MANIFEST_SUFFIXES, Rendering, SourceContext, opaque_problem, yaml_problem
from gitgate.sources.charts import find_charts
from gitgate.sources.checkout import is_pointer, pointer_problem
from gitgate.sources.kustomization import FILE_NAMES
from gitgate.sources.manifest_files import FileMode, classify, is_manifest, judges, may_hold_objects, source_of
from gitgate.sources.objects import Objects, duplicate_problems, file_locator, read_objects
from gitgate.sources.tree_files import PathKind, parent
from gitgate.tree import SUBMODULE, Tree
from gitgate.yaml_document import YamlDocument, YamlFile

_READ_IN_PLACE = (FileMode.STRICT, FileMode.LENIENT, FileMode.QUIET)


class PlainSource:
    """Every `*.yaml`, `*.yml` and `*.json` that no other source took, and every file that settings name."""

    name = "plain"

    def render(self, tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage]) -> Rendering:
        """See `Source`."""
        reading = _Reading(tree, context)
        charts = find_charts(tree, context)
        named = {source.path for source in context.sources}
        for path in sorted(tree.entries):
            if (path.endswith(MANIFEST_SUFFIXES) or path in named) and not _is_submodule(tree, path):
                found = classify(path, tree, context, claimed, charts)
                if isinstance(found, FileMode):
                    reading.modes[path] = found
                elif found is not None:
                    reading.files[path] = found
        reading.read_all()
        problems = [
            *reading.problems,
            *_duplicates(reading.resources, context.sources),
            *override_problems(tree, context, claimed),
            *jsonnet_problems(tree, context, reading.plain_directories()),
        ]
        kustomizations = {parent(path) for path in tree.entries if path.rpartition("/")[2] in FILE_NAMES}
        context.memory.remember_plain({resource.origin.path for resource in reading.resources}, kustomizations)
        return Rendering(tuple(reading.resources), tuple(problems), MappingProxyType(reading.files))


@dataclass(slots=True)
class _Reading:
    """The files of one tree, read one after the other.

    Attributes:
        modes: How to look at each file that is read.
        files: What became of each file.
    """

    tree: Tree
    context: SourceContext
    modes: dict[str, FileMode] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, Coverage] = field(default_factory=dict)

    def read_all(self) -> None:
        """Read every file, links after what they lead to."""
        self.context.documents.load(self.tree, self.modes)
        links = [path for path in self.modes if path in self.tree.special]
        for path in self.modes:
            if path not in self.tree.special:
                self.files[path] = self._read(path)
        for path in links:
            self.files[path] = self._read_link(path)

    def plain_directories(self) -> frozenset[str]:
        """Directories that an agent may read as they stand: those with objects, and those that settings name."""
        named = {source.path for source in self.context.sources if source.type is not SourceType.KUSTOMIZE}
        found = {parent(resource.origin.path) for resource in self.resources}
        return frozenset("" if path == "." else path for path in (named if self.context.sources else found))

    def _read_link(self, path: str) -> Coverage:
        """A link to a file that is judged in its own place has that file's fate; others are read as if a copy."""
        target = self.context.documents.files(self.tree).resolve(path)
        if target.kind is PathKind.DIRECTORY:
            return Coverage.NOT_A_MANIFEST
        if target.kind is not PathKind.FILE:
            return Coverage.FAILED  # tree hygiene says why
        if self.modes.get(target.path) in _READ_IN_PLACE:
            return self.files[target.path]
        return self._read(path)

    def _read(self, path: str) -> Coverage:
        file = self.context.documents.read(self.tree, path)
        mode = self.modes[path]
        if file.opaque is not None:
            if mode is not FileMode.BESIDE:
                state = self.context.documents.state(self.tree, path)
                self.problems.append(opaque_problem(path, file.opaque, state))
            return Coverage.OPAQUE
        if mode is FileMode.BESIDE:
            return self._read_beside(path, file)
        if is_pointer(self.context.documents.source(self.tree, path)):
            self.problems.append(pointer_problem(path, self.context.documents.state(self.tree, path)))
            return Coverage.FAILED
        strict = mode is FileMode.STRICT
        manifests = [document for document in file.documents if strict or is_manifest(document.value)]
        if mode is FileMode.RULEBOOK:
            manifests = [document for document in manifests if not judges(document.value)]
        unreadable = any(problem.fatal for problem in file.problems) and self._must_be_readable(path, mode)
        state = self.context.documents.state(self.tree, path)
        for problem in file.problems:
            if unreadable or (manifests and not problem.fatal):
                self.problems.append(yaml_problem(problem, path, state))
        objects = self._objects(path, manifests)
        if objects.encrypted:
            return Coverage.OPAQUE
        if unreadable:
            return Coverage.FAILED
        return Coverage.JUDGED if manifests else Coverage.NOT_A_MANIFEST

    def _objects(self, path: str, documents: Iterable[YamlDocument]) -> Objects:
        resources: list[Resource] = []
        problems: list[Problem] = []
        encrypted = 0
        for document in documents:
            origin = Origin(path, document.index, (), document.line)
            objects = read_objects(document.value, origin, file_locator(path, document))
            resources.extend(objects.resources)
            problems.extend(objects.problems)
            encrypted += objects.encrypted
        if source_of(path, self.context.sources) is None:
            problems.extend(duplicate_problems(resources, "one file"))
        self.resources.extend(resources)
        self.problems.extend(problems)
        return Objects(tuple(resources), tuple(problems), encrypted)

    def _must_be_readable(self, path: str, mode: FileMode) -> bool:
        """Is a file that cannot be read a problem?

        JSON that programs write for themselves often has comments in it; it matters only if it may hold an object,
        as do files that no agent is likely to read.
        """
        if mode in {FileMode.STRICT, FileMode.LENIENT} and not (mode is FileMode.LENIENT and path.endswith(".json")):
            return True
        data = self.context.documents.source(self.tree, path)
        if data is not None and path.endswith(".json") and data.lstrip().startswith(b"[") and b"\n---" not in data:
            return False  # a list at the top is no object for any agent
        return may_hold_objects(data)

    def _read_beside(self, path: str, file: YamlFile) -> Coverage:
        manifest = next((document for document in file.documents if is_manifest(document.value)), None)
        if manifest is None:
            readable = not any(problem.fatal for problem in file.problems)
            return Coverage.NOT_A_MANIFEST if readable else Coverage.NOT_RENDERED
        self.problems.append(
            Problem(
                code="unreferenced-manifest",
                message="the kustomization of this directory does not name the file, so no agent applies it",
                location=Location(path, Position(manifest.line, 1), Precision.FILE),
            )
        )
        return Coverage.NOT_RENDERED


def _duplicates(resources: Iterable[Resource], sources: Iterable[SourceSetting]) -> Iterable[Problem]:
    """Objects that one source of the settings holds twice; what is merely found may go to several clusters."""
    for source in sources:
        own = [resource for resource in resources if source_of(resource.origin.path, (source,)) is not None]
        yield from duplicate_problems(own, "one source")


def _is_submodule(tree: Tree, path: str) -> bool:
    return path in tree.special and tree.special[path].mode == SUBMODULE
