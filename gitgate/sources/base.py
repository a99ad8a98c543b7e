"""What every source is: something that turns a part of a tree into the objects an agent would apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from gitgate import bundled
from gitgate.location import Location, Precision, format_field_path
from gitgate.proposal import Conditional, Coverage, Problem
from gitgate.resource import Resource
from gitgate.settings import ClusterSetting, Settings, SourceSetting
from gitgate.sources.documents import DocumentReader
from gitgate.sources.kustomize_build import KustomizeBuilder
from gitgate.sources.render_cache import RenderCache
from gitgate.sources.tree_files import ancestors, parent
from gitgate.tree import Tree
from gitgate.yaml_document import YamlProblem

if TYPE_CHECKING:
    from gitgate.sources.helm import HelmBuilder
    from gitgate.sources.kustomize_render import Reached

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
"""What kubectl, Argo CD and Flux read when they are given a directory."""
Identity = tuple[str, str, str, str]
Definitions = Mapping[tuple[str, str], Mapping[Identity, Resource]]
"""Definitions by their identity, of each release by its cluster and name."""
_RENDERED = frozenset((Coverage.JUDGED, Coverage.CONSUMED, Coverage.PARTLY))
_OTHER_VALUES = frozenset(("yaml-merge-order", "yaml-split-ambiguous"))
"""Problems of text in which one agent may find objects or values that were not judged."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one source makes of a tree.

    Attributes:
        resources: In a stable order.
        problems: What keeps something from being judged, or from being read in one way only.
        files: What became of each file that the source claims; later sources leave those alone.
        conditional: See `Snapshot`.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Coverage] = field(default_factory=lambda: MappingProxyType({}))
    conditional: Conditional = field(default_factory=Conditional)


@dataclass(slots=True)
class Memory:
    """What the rendering of the base tells the rendering of the head.

    A change may bring a kustomization that takes files, or another kustomization, away from the agent's view in
    gitgate's eyes only: the agent goes on applying what it applied. So what stood on its own in the base is judged on
    its own in the head, too (ADR 0010).

    Attributes:
        roots: Directories of kustomizations that were rendered.
        charts: Directories of charts that were rendered with their default values.
        read_files: Files that were judged, or rendered from, in the base.
        plain_files: Files with objects that were judged as they stand.
        plain_directories: The directories of these files.
        plain_trees: Those of them with no kustomization anywhere below: an agent may read all that is below them.
        whole_files: Files of the tree that is being rendered that a kustomization takes as objects, not as patches.
        data_files: Files of that tree whose bytes a kustomization puts into a ConfigMap or Secret.
        entries: Keys of the owners at which agents were taken to begin to read.
        walked: Was the base's tree walked?
        applied: Files with owners that other owners apply.
        own_urls: URLs that stand for this repository.
        own_branches: Branches of it that Applications of the base follow.
        rendered: Is the base rendered?
        source_roots: Sources of which this repository is only a directory, with that directory.
        definitions: Those in the `crds` of charts that each release of the base installs; None while the base is read.
    """

    roots: set[str] = field(default_factory=set)
    charts: set[str] = field(default_factory=set)
    read_files: set[str] = field(default_factory=set)
    plain_files: set[str] = field(default_factory=set)
    plain_directories: set[str] = field(default_factory=set)
    plain_trees: set[str] = field(default_factory=set)
    whole_files: frozenset[str] = frozenset()
    data_files: frozenset[str] = frozenset()
    entries: set[str] = field(default_factory=set)
    walked: bool = False
    applied: set[str] = field(default_factory=set)
    own_urls: set[str] = field(default_factory=set)
    own_branches: set[str] = field(default_factory=set)
    rendered: bool = False
    source_roots: dict[str, str] = field(default_factory=dict)
    definitions: Definitions | None = None

    def remember_plain(self, files: Iterable[str], kustomizations: Iterable[str]) -> None:
        """Keep what was judged as it stands for the next rendering.

        Args:
            files: Files with objects that were.
            kustomizations: Directories of the tree's kustomizations.
        """
        self.plain_files.update(files)
        self.plain_directories.update(parent(path) for path in self.plain_files)
        above = {directory for kustomization in kustomizations for directory in ancestors(kustomization)}
        self.plain_trees.update(self.plain_directories - above)

    def remember_read(self, files: Mapping[str, Coverage]) -> None:
        """Keep what was read for the next rendering, as this one is done."""
        self.rendered = True
        self.read_files.update(path for path, state in files.items() if state in _RENDERED)

    def is_plain_tree(self, directory: str) -> bool:
        """Would an agent that reads a directory of the base with all that is below it read this one?"""
        return not self.plain_trees.isdisjoint(ancestors(directory))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What sources need beside the tree; one for a whole run, so that base and head share what is read and rendered.

    Attributes:
        documents: Reads files.
        builder: Runs kustomize.
        make_helm: Makes what renders charts, once.
        sources: What settings name; empty means: find what is there.
        clusters: What settings name; empty means: find what is there.
        exclude: Globs of files that are no manifests.
        progress: Told what is being done, never with untrusted text.
        resource_limit: Objects that one tree may render to.
        memory: What one rendering leaves for the next.
        reached: What owners of the tree rendered; None before anybody looked.
    """

    documents: DocumentReader
    builder: KustomizeBuilder
    sources: tuple[SourceSetting, ...] = ()
    clusters: tuple[ClusterSetting, ...] = ()
    exclude: tuple[str, ...] = ()
    progress: Callable[[str], None] = lambda _: None
    resource_limit: int = 200_000
    memory: Memory = field(default_factory=Memory)
    make_helm: Callable[[], HelmBuilder] = field(default_factory=lambda: _helm_maker())  # noqa: PLW0108 - defined below
    reached: Reached | None = None

    @property
    def helm(self) -> HelmBuilder:
        """Renders charts; most runs meet none, so it is loaded for the first."""
        return self.make_helm()

    @staticmethod
    def from_settings(
        settings: Settings, progress: Callable[[str], None] = lambda _: None, cache: RenderCache | None = None
    ) -> SourceContext:
        """The context that settings ask for; without a cache everything is rendered anew."""
        cache = cache or RenderCache()
        documents = DocumentReader(settings.limits)
        seconds = float(settings.render_seconds)
        versions = settings.kubernetes_versions or bundled.kubernetes_versions()[-1:]
        return SourceContext(
            documents=documents,
            make_helm=_helm_maker(documents=documents, timeout=seconds, kube_versions=tuple(versions), cache=cache),
            builder=KustomizeBuilder(timeout=seconds, limits=settings.limits, cache=cache),
            sources=settings.sources,
            clusters=settings.clusters,
            exclude=settings.exclude,
            progress=progress,
        )


def _helm_maker(**arguments: Any) -> Callable[[], HelmBuilder]:
    @cache
    def make() -> HelmBuilder:
        from gitgate.sources.helm import HelmBuilder  # noqa: PLC0415 - see `SourceContext.helm`

        return HelmBuilder(**arguments)

    return make


class Source(Protocol):
    """A kind of thing that agents apply."""

    @property
    def name(self) -> str:
        """What it is called: `plain`, `kustomize`."""
        ...

    def render(self, tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage]) -> Rendering:
        """Find its things in a tree and render them; a problem of the content is a `Problem`, never an exception.

        Args:
            tree: What to render.
            context: Limits, settings, shared readers.
            claimed: Files that an earlier source accounts for.
        """
        ...


OPAQUE_FILE = "opaque-file"
"""The code of a file of which nothing can be read."""


def opaque_problem(path: str, reason: str, state: str) -> Problem:
    """A file that may be a manifest and of which nothing can be read: known by its content, like all that is unread.

    Args:
        path: Of the file.
        reason: Why, as `YamlFile.opaque`.
        state: What changes when its content does.
    """
    message = f"nothing in the file can be judged, as it is {reason}: an agent that reads it fails, or finds nothing"
    return Problem(
        code=OPAQUE_FILE, message=message, location=Location(path, None, Precision.FILE), discriminator=state
    )


def yaml_problem(problem: YamlProblem, path: str, oid: str) -> Problem:
    """A problem of the YAML reader as a problem of the snapshot.

    What could not be read at all, or is read with other values by every reader, counts as new whenever the file
    changes; the rest is known by its field.
    """
    place = format_field_path(problem.path)
    return Problem(
        code=problem.code,
        message=problem.message,
        location=Location(path, problem.position),
        fix=problem.fix,
        discriminator=oid if problem.fatal or problem.code in _OTHER_VALUES else f"{problem.document}:{place}",
    )
