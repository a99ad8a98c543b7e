"""What every owner is: an object by which an agent applies others, and the seam between the kinds of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Conditional, Coverage, Problem
from gitgate.resource import Origin, Resource
from gitgate.sources.base import SourceContext
from gitgate.sources.effort import Effort
from gitgate.sources.kustomize_graph import Closure, KustomizeGraph
from gitgate.tree import Tree

if TYPE_CHECKING:
    from gitgate.sources.clusters import Cluster
    from gitgate.sources.vendored import RemoteChart


@dataclass(frozen=True, kw_only=True)
class Owner:
    """An agent's object that applies others.

    Attributes:
        resource: The object as its own owner applies it, patches of that one included.
        cluster: Where it is.
        depth: Owners above it.
    """

    resource: Resource
    cluster: Cluster
    depth: int = 0

    @property
    def name(self) -> str:
        """As people say it, and as `Origin.owner` has it: `Kustomization flux-system/apps`."""
        return str(self.resource.id)

    @property
    def namespace(self) -> str:
        """Where names that it mentions without a namespace are."""
        return self.resource.id.namespace

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its `spec`; empty where there is none."""
        return mapping(self.resource.data.get("spec"))

    @cached_property
    def digest(self) -> str:
        """Of its labels, annotations and spec: equal ones render equally from equal trees."""
        return digest_of([self.resource.data.get("metadata"), self.resource.data.get("spec")])

    def owned(self, origin: Origin) -> Origin:
        """The origin of one of its objects."""
        return replace(origin, owner=self.name, cluster=self._destination)

    @cached_property
    def _destination(self) -> str:
        """Name of the cluster that it applies to: `one/remote` where Flux reads how to reach that one from `remote`."""
        access = mapping(self.spec.get("kubeConfig"))
        named = (text(mapping(access.get(key)).get("name")) for key in ("secretRef", "configMapRef"))
        return "/".join([self.cluster.name, *(name for name in named if name)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What rendering one owner came to.

    Attributes:
        resources: Its objects, with owner and cluster in their origins.
        problems: What keeps something of it from being judged.
        files: What became of each file that it reads.
        closures: What was rendered with kustomize.
        yaml_files: Files among them that were read as objects without a kustomization that names them.
        not_rendered: Why nothing of it was; empty when it was, or failed.
        in_part: Is something rendered, and a chart that it installs as well not here?
        reused: Was the content rendered before?
        chart: The chart of a registry that it needs, if any.
        definitions: Those of its objects that Helm takes from the `crds` of a chart, and from no template.
        conditional: See `Snapshot`.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Coverage] = field(default_factory=lambda: MappingProxyType({}))
    closures: tuple[Closure, ...] = ()
    yaml_files: frozenset[str] = frozenset()
    not_rendered: str = ""
    in_part: bool = False
    reused: bool = False
    chart: RemoteChart | None = None
    definitions: tuple[Resource, ...] = ()
    conditional: Conditional = field(default_factory=Conditional)

    @property
    def failed(self) -> bool:
        """Does the agent end with an error before it applies or prunes anything?"""
        nothing = bool(self.problems) and not self.resources and not self.not_rendered
        return nothing or any(state is Coverage.FAILED for state in self.files.values())


@dataclass(frozen=True, slots=True)
class Work:
    """An owner's rendering, cut where a program runs, so that several programs may run at once.

    Attributes:
        run: Runs the program; touches nothing shared. None where no program is needed.
        finish: Makes the outcome of what `run` returned.
    """

    run: Callable[[], Any] | None
    finish: Callable[[Any], Outcome]

    @staticmethod
    def done(outcome: Outcome) -> Work:
        """Work that is done already."""
        return Work(None, lambda _: outcome)


_READ_BY_AGENTS = frozenset(("ConfigMap", "Secret"))
_HELD = ("data", "stringData", "binaryData")


class World:
    """The objects of one cluster, as far as they are known; filled by the walk."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], dict[tuple[str, str], Resource]] = {}
        self._applied: dict[tuple[str, str, str, str], dict[str, Resource]] = {}
        self.incomplete = False
        """Is there an owner of which nothing is known, so that an object may exist all the same?"""

    def add(self, resources: Iterable[Resource]) -> None:
        """Take in what an owner applies."""
        for resource in resources:
            group, kind, *place = resource.id.identity
            self._kinds.setdefault((group, kind), {})[place[0], place[1]] = resource
            if kind in _READ_BY_AGENTS and resource.origin.owner:
                self._applied.setdefault(resource.id.identity, {})[resource.origin.owner] = resource

    def contested(self, kind: str, namespace: str, name: str) -> Mapping[str, Resource]:
        """A ConfigMap or Secret by the owners that apply it, where these do not apply the same."""
        found = self._applied.get(("", kind, namespace, name), {})
        contents = {digest_of([one.data.get(key) for key in _HELD]) for one in found.values()}
        return MappingProxyType(found if len(contents) > 1 else {})

    def find(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """An object by its identity."""
        return self._kinds.get((group, kind), {}).get((namespace, name))

    def of_kind(self, group: str, kind: str) -> Iterator[Resource]:
        """Every object of a kind, in a stable order."""
        found = self._kinds.get((group, kind), {})
        return (found[key] for key in sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What rendering needs.

    Attributes:
        tree: What is rendered.
        context: Limits, settings, shared readers and builders.
        graph: The kustomizations of the tree.
        worlds: Objects of each cluster, by its name.
        effort: What it cost to work out what owners make.
        matches: Paths of the tree that patterns fit, by what they are and the pattern.
        artifacts: What Flux leaves out of its copies of the tree, by what the spec of the source says of that.
    """

    tree: Tree
    context: SourceContext
    graph: KustomizeGraph
    worlds: Mapping[str, World]
    effort: Effort = field(default_factory=Effort)
    matches: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    artifacts: dict[tuple[str | None, tuple[str, ...]], Any] = field(default_factory=dict)

    def world(self, owner: Owner) -> World:
        """The cluster that an owner is in."""
        return self.worlds[owner.cluster.name]

    def place(self, origin: Origin, path: FieldPath) -> Location:
        """Where a field of an object stands in its file, or the nearest thing to it."""
        documents = self.context.documents.read(self.tree, origin.path).documents
        document = next((one for one in documents if one.index == origin.document), None)
        if document is None:
            return Location(origin.path, None, Precision.FILE)
        position = document.position((*origin.pointer, *path))
        if position is not None:
            return Location(origin.path, position)
        nearest = document.nearest((*origin.pointer, *path)) if origin.rendered_by is None else None
        return Location(origin.path, nearest or Position(origin.line, 1), Precision.OBJECT)

    def problem(  # noqa: PLR0913 - one call says all of a problem
        self, owner: Owner, code: str, message: str, path: FieldPath, *, fix: str | None = None, detail: str = ""
    ) -> Problem:
        """A problem at a field of an owner."""
        resource = owner.resource
        # What an ApplicationSet makes is written in its template.
        made = resource.origin.owner.startswith("ApplicationSet ") and path[:1] == ("spec",)
        location = self.place(resource.origin, ("spec", "template", *path) if made else path)
        discriminator = f"{'.'.join(map(str, path))} {detail}".strip()
        return Problem(
            code=code, message=message, location=location, fix=fix, resource=resource.id, origin=resource.origin,
            discriminator=discriminator,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What an owner reads as written, before anything is rendered.

    Attributes:
        paths: Directories of the source.
        source: What it reads them from: a URL, or kind and name of a source object.
    """

    paths: tuple[str, ...]
    source: str


class OwnerType(Protocol):
    """What gitgate does with the owners of one kind."""

    def entry(self, resource: Resource) -> Entry | None:
        """What one that nobody else owns reads; None where it cannot be an entry point."""
        ...

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """Does it need objects that are not there yet? After the last round it is rendered all the same."""
        ...

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """Begin to render it; a problem of the content is a `Problem`, never an exception."""
        ...

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """Look at its references, once everything is rendered."""
        ...


@dataclass(frozen=True, slots=True)
class OwnerKind:
    """A kind of owner.

    Attributes:
        group: Its API group.
        kind: Its kind.
        load: Imports what renders such owners; most repositories have a few of the kinds, and many have none.
    """

    group: str
    kind: str
    load: Callable[[], OwnerType]

    @property
    def mark(self) -> bytes:
        """Bytes that no file with such an owner lacks."""
        return self.group.encode()

    def owns(self, resource: Resource) -> bool:
        """Is this an object of the kind?"""
        return resource.id.group == self.group and resource.id.kind == self.kind


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping; else an empty one."""
    return value if isinstance(value, (dict, Mapping)) else {}  # asked very often, and a dictionary is told fastest


def items(value: Any) -> list[Any]:
    """The value if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is text; else an empty one."""
    return value if isinstance(value, str) else ""


def digest_of(value: Any) -> str:
    """A digest of JSON data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("ascii")).hexdigest()
