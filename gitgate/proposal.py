"""The proposal as rendered: all objects before and after the merge, and what could not be judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gitgate.change import Change
from gitgate.location import Location
from gitgate.resource import Origin, Resource, ResourceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in the judged tree that a source or the YAML reader found; a check turns it into a finding.

    Attributes:
        code: Kebab-case name; the schema check owns the rule `schema/<code>`.
        message: One sentence, complete without the location.
        location: The file and, where known, the line.
        fix: What to do; None falls back to the rule's remedy.
        resource: The object it is about, if that much is known.
        origin: Where that object was read from.
        discriminator: See `Finding.discriminator`: a digest of what could not be judged.
        common: What many agents' objects of a cluster have in common, told once of all:
            `no Secret of the repository registers the cluster east`.
    """

    code: str
    message: str
    location: Location
    fix: str | None = None
    resource: ResourceId | None = None
    origin: Origin | None = None
    discriminator: str = ""
    common: str = ""


class Coverage(StrEnum):
    """What became of one file of the judged tree."""

    JUDGED = "judged"
    """Its objects are in the snapshot."""
    CONSUMED = "consumed"
    """A renderer read it; what was made of it is in the snapshot."""
    PARTLY = "partly"
    """A renderer read it, but not what it leads to on the network; a problem names that."""
    FAILED = "failed"
    """It could not be read or rendered; a problem says why."""
    OPAQUE = "opaque"
    """Encrypted or binary: nothing in it can be judged."""
    NOT_RENDERED = "not-rendered"
    """A template or a component that nothing renders here."""
    NOT_A_MANIFEST = "not-a-manifest"
    """YAML or JSON, but no Kubernetes object."""
    EXCLUDED = "excluded"
    """Left out by `exclude` in the settings of the base."""


@dataclass(frozen=True, slots=True)
class Conditional:
    """What of a tree depends on something that is known in the cluster only; each object names it as its `condition`.

    Attributes:
        present: Objects that may be there as well, or in the place of one of the snapshot's resources. They are judged
            like all others, and are in no plan.
        absent: Resources of the snapshot that may not be there.
    """

    present: tuple[Resource, ...] = ()
    absent: tuple[Resource, ...] = ()

    @staticmethod
    def of(parts: Iterable[Conditional]) -> Conditional:
        """All of several together."""
        parts = tuple(parts)
        return Conditional(
            tuple(one for part in parts for one in part.present), tuple(one for part in parts for one in part.absent)
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one tree would put in the cluster.

    Attributes:
        resources: In a stable order: by origin path, document, pointer.
        problems: What the sources found, in the same order.
        files: Coverage of every file that a source looked at.
        stuck: Cluster and name of agents' objects of which something cannot be rendered: they apply and prune nothing.
        elsewhere: Cluster and name of agents' objects of which nothing is in the repository, and why.
        unread: Objects of the base of which nothing tells whether they stay, by origin and name, and why. They are
            among the resources.
        failed_groups: API groups of objects in files that could not be rendered, as they are written there.
        conditional: What may be otherwise in the cluster.
        agents: Of a part of a snapshot, one cluster: the objects of the others, among which are those of its agents.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Coverage] = field(default_factory=lambda: MappingProxyType({}))
    stuck: frozenset[tuple[str, str]] = frozenset()
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    unread: Mapping[tuple[Origin, ResourceId], str] = field(default_factory=lambda: MappingProxyType({}))
    failed_groups: frozenset[str] = frozenset()
    conditional: Conditional = field(default_factory=Conditional)
    agents: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change and what its two trees render to.

    Attributes:
        before: The base's tip; empty when there is no base.
        after: The tree that the merge would produce.
        rulebook: The files below `.gitgate/` at the base, by path: what judges.
        proposed_rulebook: The same files as the merge would leave them: what would judge from then on.
        rulebook_defect: A path of these, and why the next run would refuse it; None when nothing is wrong.
    """

    change: Change
    before: Snapshot
    after: Snapshot
    rulebook: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    proposed_rulebook: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    rulebook_defect: tuple[str, str] | None = None


def newly_conditional(before: Snapshot, after: Snapshot) -> Iterator[tuple[Resource, Resource]]:
    """Objects that are there for certain in one tree and may be absent in the other, as both have them."""
    certain = {_place(one): one for one in before.resources}
    for one in before.conditional.absent:
        certain.pop(_place(one), None)
    for one in after.conditional.absent:
        old = certain.get(_place(one))
        if old is not None:
            yield old, one


def _place(resource: Resource) -> tuple[object, ...]:
    return (*resource.id.identity, resource.origin.owner, resource.origin.cluster)
