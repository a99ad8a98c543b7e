"""From the entry points of every cluster through all that agents apply (docs/adr/0035)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate.location import Location, Precision
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Origin, Resource
from gitgate.settings import ClusterSetting
from gitgate.sources.base import SourceContext
from gitgate.sources.bootstrap import BOOTSTRAP
from gitgate.sources.clusters import (
    Candidate,
    Cluster,
    candidates_of,
    cluster_name,
    elsewhere,
    forgotten,
    joined,
    lies_at,
    marked_objects,
    self_managed,
    siblings,
    topmost,
)
from gitgate.sources.helm_source import default_objects
from gitgate.sources.kustomization import ReferenceKind
from gitgate.sources.kustomize_graph import KustomizeGraph
from gitgate.sources.kustomize_render import Reached, in_parallel
from gitgate.sources.owners import Entry, Outcome, Owner, OwnerKind, OwnerType, Work, Workshop, World, digest_of
from gitgate.sources.tree_files import inside
from gitgate.tree import Tree

if TYPE_CHECKING:
    from gitgate.sources.flux.artifact import Artifact

ARGO_CD = "argoproj.io"

MAXIMUM_OWNERS = 5_000
MAXIMUM_DEPTH = 30
_MAXIMUM_SELVES = 3
"""How often an owner may change itself by what it applies."""
_NAMED = 5
_Key = tuple[str, tuple[str, str, str, str], str]


@dataclass(frozen=True, slots=True)
class Walk:
    """What owners make of a tree.

    Attributes:
        clusters: In the order in which they were walked.
        outcomes: What each owner came to.
        problems: What no single owner is to blame for, and what was found in the end.
        reached: What need not be rendered without owners.
        artifacts: What Flux leaves out of the copies of the tree that owners read.
        left: Definitions that stay in a cluster although the release that installed them is gone.
    """

    clusters: tuple[Cluster, ...]
    outcomes: tuple[tuple[Owner, Outcome], ...]
    problems: tuple[Problem, ...]
    reached: Reached
    artifacts: tuple[Artifact, ...] = ()
    left: tuple[Resource, ...] = ()

    @property
    def files(self) -> Mapping[str, Coverage]:
        """What became of each file that owners read; what one of them failed on is failed."""
        return _files(self.outcomes)

    @property
    def stuck(self) -> frozenset[tuple[str, str]]:
        """Owners of which something cannot be rendered, each with its cluster."""
        return frozenset((owner.cluster.name, owner.name) for owner, outcome in self.outcomes if outcome.failed)

    @property
    def elsewhere(self) -> Mapping[tuple[str, str], str]:
        """Owners of which nothing is rendered as it is somewhere else, each with its cluster, and why."""
        return MappingProxyType({
            (owner.cluster.name, owner.name): outcome.not_rendered
            for owner, outcome in self.outcomes if outcome.not_rendered and not outcome.failed
        })  # fmt: skip


def _files(outcomes: Iterable[tuple[Owner, Outcome]]) -> Mapping[str, Coverage]:
    found: dict[str, Coverage] = {}
    for _, outcome in outcomes:
        for path, state in outcome.files.items():
            if found.get(path) is not Coverage.FAILED:
                found[path] = state
    return MappingProxyType(found)


def walk_owners(tree: Tree, context: SourceContext, kinds: Sequence[OwnerKind]) -> Walk:
    """Render every owner that an entry point leads to."""
    graph = KustomizeGraph(tree, context.documents)
    written = marked_objects(tree, context, (b".fluxcd.io", *(kind.mark for kind in kinds)))
    flux = any(one.id.group.endswith(".fluxcd.io") for one in written)
    made = tuple(candidates_of(_synchronised(tree, context) if flux else (), kinds))
    waiting = tuple(candidates_of(written, kinds))
    roots = _roots(tree, context, (*waiting, *made))
    waiting, made = (
        tuple(one.below(roots.get(one.entry.source, "")) for one in candidates) for candidates in (waiting, made)
    )
    walker = _Walker(Workshop(tree=tree, context=context, graph=graph, worlds={}), kinds, tuple(roots.items()))
    if context.clusters:
        _enter_named(walker, context.clusters, waiting, written)
        _enter_argo_cd(walker, context.clusters, written)
        _enter_charts(walker, context.clusters, written)
        return walker.result()
    for path, group in self_managed(waiting):
        fresh = tuple(one for one in group if not walker.has_reached(one))
        if fresh:
            walker.enter(walker.cluster(path, fresh, found=False), fresh, ())
    fresh_start = not context.memory.walked
    context.memory.walked = True
    _enter_made(walker, [one for one in made if fresh_start or one.key in context.memory.entries])
    _enter_found(walker, waiting, elsewhere(waiting, written, context.documents.files(tree).directories))
    _enter_made(walker, made)
    _enter_argo_cd(walker, (), written)
    _enter_charts(walker, (), written)
    return walker.result()


def _synchronised(tree: Tree, context: SourceContext) -> Iterable[Resource]:
    from gitgate.sources.flux.instances import synchronised  # noqa: PLC0415 - see `OwnerKind`

    return synchronised(tree, context)


def _enter_made(walker: _Walker, made: Iterable[Candidate]) -> None:
    """Walk from what the Flux operator makes, where no cluster begins yet; what the base began at comes first."""
    memory, files = walker.workshop.context.memory, walker.workshop.context.documents.files(walker.workshop.tree)
    for one in made:
        place = one.entry.paths[0]
        taken = any(inside(place, cluster.path) or inside(cluster.path, place) for cluster in walker.clusters)
        if place in files.directories and not taken:
            walker.enter(walker.cluster(place, (one,), found=False), (one,), ())
            memory.entries.add(one.key)


def _roots(tree: Tree, context: SourceContext, waiting: Sequence[Candidate]) -> Mapping[str, str]:
    """Sources of which this repository is only a directory."""
    if not waiting:
        return {}
    from gitgate.sources.flux.roots import source_roots  # noqa: PLC0415 - see `OwnerKind`

    entries = ((one.place, one.entry) for one in waiting)
    roots = source_roots(context.documents.files(tree), entries, context.memory.source_roots)
    context.memory.source_roots.update(roots)
    return roots


def _enter_found(walker: _Walker, waiting: Sequence[Candidate], others: Collection[str]) -> None:
    """Walk from owners that nobody applies: from those beside a cluster that manages itself; from all where none does.

    What was an entry point in the base is one in the head, whoever applies it there.

    Args:
        walker: The walk so far.
        waiting: Owners as files have them.
        others: Sources that are another repository.
    """
    tree, context, graph = walker.workshop.tree, walker.workshop.context, walker.workshop.graph
    memory = context.memory
    known = frozenset(memory.entries)
    beside = siblings(cluster.path for cluster in walker.clusters)
    left = {one.key for one in forgotten(waiting, graph.files)} | {
        one.key for one in waiting if walker.has_reached(one)
    }
    waiting = [
        one
        for one in waiting
        if one.key in known
        or (one.key not in left and one.may_be_entry(memory.applied) and (not walker.clusters or beside(one)))
    ]
    for place, group in joined(topmost(waiting, graph.files, known), graph.nodes, beside):
        fresh = tuple(one for one in group if one.key in known or not walker.has_reached(one))
        if fresh:
            below = partial(inside, directory=place) if beside(fresh[0]) == place else None
            here = below or partial(lies_at, place=place, kustomizations=graph.nodes)
            near = marked_objects(tree, context, (b"",), here)
            walker.enter(walker.cluster(place, fresh, found=True, others=others), fresh, near)
            memory.entries.update(one.key for one in fresh)
    memory.applied.update(path for path, _ in walker.applied)


def _enter_argo_cd(walker: _Walker, named: Iterable[ClusterSetting], written: Sequence[Resource]) -> None:
    """Walk from Applications that nobody applies; a cluster that is known by its directory is the same one."""
    tree, context = walker.workshop.tree, walker.workshop.context
    if not any(one.id.group == ARGO_CD for one in written):
        return
    from gitgate.sources.argocd.entries import entry_groups  # noqa: PLC0415 - as late as `OwnerKind` loads the rest
    from gitgate.sources.argocd.overlays import overlaid  # noqa: PLC0415 - likewise

    found = overlaid(tree, context, walker.workshop.graph, written, walker.rendered_directories)
    walker.overlays |= found.directories
    for group in entry_groups(tree, context, found.resources, walker.has_applied):
        setting = next((one for one in named if inside(group.place, one.path)), None)
        if named and setting is None:
            continue
        path = setting.path if setting is not None else group.place
        cluster = next((one for one in walker.clusters if one.path == path), None)
        cluster = cluster or walker.cluster(path, (), found=True)
        walker.enter(cluster, [Candidate(one, Entry((), "")) for one in group.resources], group.near)


def _enter_charts(walker: _Walker, named: Iterable[ClusterSetting], written: Sequence[Resource]) -> None:
    """Walk from Applications of charts that nobody in the repository installs: somebody does so by hand."""
    tree, context = walker.workshop.tree, walker.workshop.context
    rendered = default_objects(tree, context, _files(walker.outcomes.values()))
    near = [one for one in written if one.id.group == ARGO_CD or one.id.kind == "Secret"]
    _enter_argo_cd(walker, named, [*near, *rendered] if any(one.id.group == ARGO_CD for one in rendered) else ())


def _enter_named(
    walker: _Walker, named: Iterable[ClusterSetting], waiting: Sequence[Candidate], written: Sequence[Resource]
) -> None:
    """Walk from the clusters that settings name, each with what lies at its path."""
    for setting in named:
        inner = [one for one in waiting if inside(one.resource.origin.path, setting.path)]
        own = [group for path, group in self_managed(inner) if path == setting.path]
        groups = own[:1] or [group for _, group in topmost(inner)]
        sources = frozenset(one.entry.source for group in groups for one in group if one.paths) | {BOOTSTRAP}
        cluster = Cluster(setting.name, setting.path, sources, found=not own, roots=walker.roots)
        near = [one for one in written if inside(one.origin.path, setting.path)]
        walker.enter(cluster, [one for group in groups for one in group], () if own else near)
        if not inner:
            message = f"settings name the cluster {setting.name!r}, but no owner lies at {setting.path or '.'!r}"
            place = Location(setting.path or ".", None, Precision.FILE)
            walker.problems.append(Problem(code="agent-dangling-reference", message=message, location=place))


@dataclass(slots=True)
class _Walker:
    """The walk of one tree."""

    workshop: Workshop
    kinds: Sequence[OwnerKind]
    roots: tuple[tuple[str, str], ...] = ()
    worlds: dict[str, World] = field(default_factory=dict)
    clusters: list[Cluster] = field(default_factory=list)
    outcomes: dict[_Key, tuple[Owner, Outcome]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    selves: dict[tuple[str, object], int] = field(default_factory=dict)
    places: set[tuple[str, int]] = field(default_factory=set)
    applied: set[tuple[str, int]] = field(default_factory=set)
    overlays: frozenset[str] = frozenset()
    accepted: int = 0
    left_out: dict[str, list[Owner]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workshop = replace(self.workshop, worlds=self.worlds)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(cluster.name for cluster in self.clusters)

    def cluster(self, path: str, group: Iterable[Candidate], *, found: bool, others: Collection[str] = ()) -> Cluster:
        """A cluster that begins at a path; its sources are what its entry points read."""
        name = cluster_name(path)
        sources = {one.entry.source for one in group if one.entry.source not in others}
        # Many repositories leave out what the bootstrap wrote.
        sources = {one for one in sources if not one.startswith("ExternalArtifact ")} | (
            {BOOTSTRAP} if found else set()
        )
        return Cluster(name if name not in self.names else path or ".", path, frozenset(sources), found, self.roots)

    def has_reached(self, candidate: Candidate) -> bool:
        """Does some owner apply the object?"""
        return self.has_applied(candidate.resource)

    def has_applied(self, resource: Resource) -> bool:
        """The same of an object as some file, or some kustomization, has it."""
        origin = resource.origin
        if origin.rendered_by is not None and origin.rendered_by.removeprefix(".") in self.overlays:
            return origin.rendered_by.removeprefix(".") in self.rendered_directories
        return (origin.path, origin.document) in self.places

    @property
    def rendered_directories(self) -> frozenset[str]:
        """Directories of kustomizations that owners render."""
        outcomes = (outcome for _, outcome in self.outcomes.values())
        return frozenset(directory for one in outcomes for closure in one.closures for directory in closure.nodes)

    def enter(self, cluster: Cluster, candidates: Iterable[Candidate], near: Iterable[Resource]) -> None:
        """Walk from the entry points of one cluster."""
        if cluster not in self.clusters:
            self.clusters.append(cluster)
        world = self.worlds.setdefault(cluster.name, World())
        world.add(near)
        pending = [Owner(resource=one.resource, cluster=cluster) for one in candidates]
        if cluster.found:
            self.places.update((one.resource.origin.path, one.resource.origin.document) for one in candidates)
        while pending:
            ready = [owner for owner in pending if not self._type(owner).waits(owner, self.workshop)] or pending
            taken = set(map(id, ready))
            pending = [owner for owner in pending if id(owner) not in taken]
            pending.extend(self._render(ready))
            pending = list({self._key(owner): owner for owner in pending}.values())

    def _type(self, owner: Owner) -> OwnerType:
        return next(kind for kind in self.kinds if kind.owns(owner.resource)).load()

    @staticmethod
    def _key(owner: Owner) -> _Key:
        return owner.cluster.name, owner.resource.id.identity, owner.digest

    def _render(self, owners: Sequence[Owner]) -> list[Owner]:
        """Render some owners, several at once; what they own next."""
        works = [self._type(owner).prepare(owner, self.workshop) for owner in owners]
        runs = [work for work in works if work.run is not None]
        if runs:
            self.workshop.context.progress(f"rendering {len(runs)} owners")
        answers = iter(list(in_parallel(_run, runs)) if runs else ())
        following: list[Owner] = []
        for owner, work in zip(owners, works, strict=True):
            outcome = work.finish(next(answers) if work.run is not None else None)
            following.extend(self._take(owner, outcome))
        return following

    def _take(self, owner: Owner, outcome: Outcome) -> Iterator[Owner]:
        """Keep an outcome, and find the owners in it."""
        own = next((one for one in outcome.resources if one.id.identity == owner.resource.id.identity), None)
        if own is not None:
            changed = replace(owner, resource=own)
            tries = self.selves.get((owner.cluster.name, own.id.identity), 0)
            if changed.digest != owner.digest and tries < _MAXIMUM_SELVES:
                self.selves[owner.cluster.name, own.id.identity] = tries + 1
                yield changed
                return
            owner = changed
        self.outcomes[self._key(owner)] = (owner, outcome)
        world = self.workshop.world(owner)
        world.add(outcome.resources)
        # What a chart installs is hardly ever what others refer to; what another repository applies may well be.
        unknown = outcome.not_rendered and outcome.problems
        failed = any(state is Coverage.FAILED for state in outcome.files.values())
        fetches = any(closure.partly for closure in outcome.closures)
        world.incomplete = world.incomplete or bool(unknown) or fetches or (failed and not outcome.resources)
        for resource in (*outcome.conditional.present, *outcome.conditional.absent):
            if any(kind.owns(resource) for kind in self.kinds):
                message = f"{resource.id} is another one, or none, where {resource.condition}: that was not judged"
                problem = self.workshop.problem(owner, "helm-undecided", message, (), detail=str(resource.id))
                self.problems.append(replace(problem, discriminator=f"{problem.discriminator} {owner.digest}"))
        for resource in outcome.resources:
            if not any(kind.owns(resource) for kind in self.kinds):
                continue
            self.places.add((resource.origin.path, resource.origin.document))
            self.applied.add((resource.origin.path, resource.origin.document))
            child = Owner(resource=resource, cluster=owner.cluster, depth=owner.depth + 1)
            if self._key(child) not in self.outcomes and self._within_limits(child):
                yield child

    def _within_limits(self, owner: Owner) -> bool:
        if owner.depth <= MAXIMUM_DEPTH and self.accepted < MAXIMUM_OWNERS:
            self.accepted += 1
            return True
        what = f"{MAXIMUM_OWNERS} owners" if owner.depth <= MAXIMUM_DEPTH else f"{MAXIMUM_DEPTH} above one another"
        self.left_out.setdefault(what, []).append(owner)
        return False

    def _beyond_limits(self) -> Iterator[Problem]:
        """Told once, as there may be very many of them."""
        for what, owners in self.left_out.items():
            more = f" and {len(owners) - 1} more are" if len(owners) > 1 else " is"
            message = f"{owners[0].name}{more} not rendered: there are more than {what}"
            detail = digest_of(sorted(owner.digest for owner in owners))
            yield self.workshop.problem(owners[0], "agent-limit", message, (), detail=detail)

    def result(self) -> Walk:
        """Everything, once every cluster was walked."""
        from gitgate.sources.flux.definitions import settle  # noqa: PLC0415 - see `OwnerKind`

        rendered = sorted(self.outcomes.values(), key=lambda pair: (pair[0].cluster.name, self._key(pair[0])))
        settlement = settle(rendered, self.workshop)
        outcomes = settlement.outcomes
        problems = [*self.problems, *settlement.problems, *self._beyond_limits()]
        for owner, _ in outcomes:
            problems.extend(self._type(owner).examine(owner, self.workshop))
        problems.extend(_releases(outcomes, self.workshop))
        outcomes, problems = _once(outcomes, problems)
        reached = Reached(
            self.workshop.graph,
            tuple(closure for _, outcome in outcomes for closure in outcome.closures),
            {path: ReferenceKind.RESOURCE for _, outcome in outcomes for path in sorted(outcome.yaml_files)},
        )
        artifacts = tuple(self.workshop.artifacts.values())
        return Walk(tuple(self.clusters), tuple(outcomes), tuple(problems), reached, artifacts, tuple(settlement.left))


def _once(
    outcomes: Iterable[tuple[Owner, Outcome]], problems: Iterable[Problem]
) -> tuple[list[tuple[Owner, Outcome]], list[Problem]]:
    """The same with one problem for what several owners of a cluster have in common, at the first of them."""
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    alone: list[Problem] = []
    for problem in (*problems, *(one for _, outcome in outcomes for one in outcome.problems if one.common)):
        cluster = problem.origin.cluster if problem.origin is not None else ""
        same = groups.setdefault((problem.code, cluster, problem.common), []) if problem.common else alone
        same.append(problem)
    for (_, cluster, common), group in groups.items():
        alone.append(group[0] if len(group) == 1 else _of_several(group, cluster, common))
    rest = [
        (owner, replace(outcome, problems=tuple(one for one in outcome.problems if not one.common)))
        for owner, outcome in outcomes
    ]
    return rest, alone


def _of_several(group: Sequence[Problem], cluster: str, common: str) -> Problem:
    first = group[0]
    names = sorted({str(one.resource) for one in group})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return replace(
        first, message=f"{', '.join(names[:_NAMED])}{more}: {common}", resource=None, discriminator=common,
        origin=Origin(first.location.path, cluster=cluster),
    )  # fmt: skip


def _releases(outcomes: Iterable[tuple[Owner, Outcome]], workshop: Workshop) -> Iterator[Problem]:
    """One note for each cluster of what is judged as an object only, as charts seldom lie in the repository."""
    found: dict[str, list[Owner]] = {}
    partly: set[str] = set()
    for owner, outcome in outcomes:
        if (outcome.not_rendered and not outcome.problems) or outcome.in_part:
            found.setdefault(owner.cluster.name, []).append(owner)
        if outcome.in_part:
            partly.add(owner.name)
    for cluster, owners in found.items():
        names = [owner.name.partition(" ")[2] + (" (in part)" if owner.name in partly else "") for owner in owners]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        verb = "release is" if len(names) == 1 else "releases are"
        message = (
            f"{len(names)} {verb} judged as objects only, as their charts are not in the repository: "
            f"{', '.join(names[:_NAMED])}{more}"
        )
        problem = workshop.problem(owners[0], "release-not-rendered", message, ())
        yield replace(problem, resource=None, origin=Origin(problem.location.path, cluster=cluster), discriminator="")


def _run(work: Work) -> object:
    assert work.run is not None  # noqa: S101 - asked for only where there is one
    return work.run()
