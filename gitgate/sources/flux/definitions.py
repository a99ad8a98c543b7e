"""Definitions in a chart's `crds/`: Helm installs them, and what becomes of them afterwards is a policy of the release.

No release updates them unless it says so, and none ever deletes them. So what the cluster has of them after a merge is
what the base had, and only with `upgrade.crds: CreateReplace` what the chart has then.

Source: fluxcd/helm-controller, internal/action/crds.go, `applyCRDs`; its default is Create, of upgrades too.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitgate.location import FieldPath
from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.sources.base import Definitions, Identity
from gitgate.sources.owners import Outcome, Owner, Workshop, mapping, text

KIND = ("helm.toolkit.fluxcd.io", "HelmRelease")
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_DIRECTORY = "crds"
_DEFAULT, _SKIP, _REPLACE = "Create", "Skip", "CreateReplace"
_NAMED = 3


def policy_of(owner: Owner, step: str) -> str:
    """What a release does with these definitions when it is installed (`install`) or upgraded (`upgrade`)."""
    return text(mapping(owner.spec.get(step)).get("crds")) or _DEFAULT


def is_wanted(owner: Owner) -> bool:
    """Does the release ever apply them?"""
    return any(policy_of(owner, step) != _SKIP for step in ("install", "upgrade"))


def shipped(resources: Sequence[Resource], chart: str, workshop: Workshop) -> tuple[Resource, ...]:
    """The definitions among a chart's objects that come from a `crds` directory, and from no template."""
    found = [one for one in resources if (one.id.group, one.id.kind) == _DEFINITION]
    packed = {one.origin.path for one in found if one.origin.path.endswith(".tgz")}
    texts = {path: b"\n".join(_packed(path, workshop)) for path in packed}
    return tuple(
        one for one in found
        if (one.id.name.encode() in texts[one.origin.path] if one.origin.path in texts else _lies_in(one, chart))
    )  # fmt: skip


def _lies_in(resource: Resource, chart: str) -> bool:
    steps = posixpath.relpath(resource.origin.path, chart or ".").split("/")
    return _DIRECTORY in steps[:-1] and "templates" not in steps[: steps.index(_DIRECTORY)]


def _packed(path: str, workshop: Workshop) -> Iterator[bytes]:
    """The files in the `crds` directories of an archive."""
    from gitgate.sources.helm_archive import ArchiveError, unpack  # noqa: PLC0415 - few repositories hold any

    data = workshop.context.documents.source(workshop.tree, path)
    try:
        files: Mapping[str, bytes] = unpack(data) if data is not None else {}
    except ArchiveError:
        return
    yield from (content for name, content in files.items() if f"/{_DIRECTORY}/" in f"/{name}")


@dataclass(slots=True)
class Settlement:
    """What the cluster has of the definitions of releases.

    Attributes:
        outcomes: What each owner came to, with these.
        left: Definitions of releases that are gone.
        problems: What upgrades leave as it is.
    """

    outcomes: list[tuple[Owner, Outcome]] = field(default_factory=list)
    left: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def settle(outcomes: Sequence[tuple[Owner, Outcome]], workshop: Workshop) -> Settlement:
    """Put in the place of what charts have what the cluster has: the base's outcomes are remembered for the head's."""
    memory = workshop.context.memory
    if memory.definitions is None:
        memory.definitions = {
            _key(owner): {one.id.identity: one for one in outcome.definitions}
            for owner, outcome in outcomes if (owner.resource.id.group, owner.resource.id.kind) == KIND
        }  # fmt: skip
        return Settlement(list(outcomes))
    settlement = Settlement()
    seen = set()
    others = {
        (owner.cluster.name, one.id.identity) for owner, outcome in outcomes for one in outcome.resources
        if (one.id.group, one.id.kind) == _DEFINITION
    }  # fmt: skip
    for owner, outcome in outcomes:
        seen.add(_key(owner))
        if not outcome.resources or (owner.resource.id.group, owner.resource.id.kind) != KIND:
            settlement.outcomes.append((owner, outcome))
            continue
        upgrade = _Upgrade(owner, memory.definitions, others)
        settlement.outcomes.append((owner, upgrade.of(outcome)))
        settlement.problems.extend(upgrade.problems(workshop))
    for key, known in memory.definitions.items():
        settlement.left.extend(known.values() if key not in seen else ())
    return settlement


def _key(owner: Owner) -> tuple[str, str]:
    return owner.cluster.name, owner.name


@dataclass(slots=True)
class _Upgrade:
    """One release of the head.

    Attributes:
        applied: Definitions that owners of the head apply, each with its cluster.
        stale: Definitions that the chart has otherwise than the cluster.
        absent: Those that the cluster does not get.
    """

    owner: Owner
    before: Definitions
    applied: Collection[tuple[str, Identity]]
    stale: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @property
    def step(self) -> str:
        return "upgrade" if _key(self.owner) in self.before else "install"

    def of(self, outcome: Outcome) -> Outcome:
        """The outcome with the definitions that the cluster has then."""
        own = self.before.get(_key(self.owner), {})
        here = (known for (cluster, _), known in self.before.items() if cluster == self.owner.cluster.name)
        there = dict(pair for known in (*here, own) for pair in known.items())
        ids = set(map(id, outcome.definitions))
        kept = [resource for resource in outcome.resources if id(resource) not in ids]
        for one in outcome.definitions:
            kept.extend(self._settled(one, there.get(one.id.identity)))
        kept.extend(one for identity, one in own.items() if (self.owner.cluster.name, identity) not in self.applied)
        return replace(outcome, resources=tuple(kept))

    def _settled(self, definition: Resource, present: Resource | None) -> Iterator[Resource]:
        policy = policy_of(self.owner, self.step)
        if present is None and policy == _SKIP:
            self.absent.append(definition.id.name)
        elif present is None or policy == _REPLACE or present.data == definition.data:
            yield definition
        else:
            self.stale.append(definition.id.name)
            yield replace(definition, data=present.data)

    def problems(self, workshop: Workshop) -> Iterator[Problem]:
        """What the cluster does not get of the chart, for whoever upgrades it."""
        policy = policy_of(self.owner, self.step)
        path: FieldPath = ("spec", self.step, "crds") if self.step in self.owner.spec else ("spec", "chart")
        for names, does in ((sorted(self.stale), "changes"), (sorted(self.absent), "brings")):
            if names:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                message = (
                    f"{self.owner.name}: its chart {does} {', '.join(names[:_NAMED])}{more}, and Flux leaves the "
                    f"cluster as it is: {self.step}.crds is {policy}"
                )
                yield workshop.problem(self.owner, "release-definitions", message, path, detail=" ".join(names))
