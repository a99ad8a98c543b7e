"""`simulate_live`: what an existing cluster has, copied into a simulator; then the base, and the merge, applied there.

What applying the base changes is drift: the agent puts it back whatever is merged. What the merge changes after that is
the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain

from gitgate.location import FieldPath
from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import handling, owner_of
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.changes import FieldChange, changed_fields
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.ignored import Pair, split_ignored
from gitgate.reconcile.ownership import named_managers
from gitgate.reconcile.places import Identity
from gitgate.reconcile.plan import Action, PlannedObject, hide_values
from gitgate.reconcile.redact import redact
from gitgate.reconcile.server.applier import Applied
from gitgate.reconcile.server.client import Client, concurrently
from gitgate.reconcile.server.copying import Copied, Copier, as_the_agent_sees
from gitgate.reconcile.server.judging import compared, is_same, some, told, with_kept
from gitgate.reconcile.server.reading import LiveCluster, Object
from gitgate.reconcile.server.simulation import Simulated, Simulation, Work
from gitgate.reconcile.server.stored import stored
from gitgate.resource import Origin, Resource, ResourceId, split_api_version

Tell = Callable[[str], None]
NOT_THERE = "the cluster does not have it"
THERE = "the cluster has it already, and the base does not"
_LIMITS = frozenset({"LimitRange", "ResourceQuota"})
_LATE = 2
"""The stage of policies: copied last with limits, so that no copy is judged or changed by them."""


def simulate_live(  # noqa: PLR0913 - as `simulate`, and what the cluster has
    client: Client, live: LiveCluster, before: Snapshot, after: Snapshot, offline: Iterable[PlannedObject], *,
    version: str, default: ApplyMethod, tell: Tell = lambda _: None,
) -> Simulated:  # fmt: skip
    """Let a simulator work out the plan of one cluster, from what the cluster has.

    Args:
        client: The simulator, with nothing in it.
        live: What the cluster has.
        before: What the base renders to.
        after: What the merge would render to.
        offline: The offline plan's objects.
        version: Kubernetes version of the simulator.
        default: How objects are applied whose owner the repository does not have.
        tell: Told what is being done.

    Raises:
        ToolError: The simulator is out of order.
    """
    return _LiveSimulation(client, live, before, after, version=version, default=default, tell=tell).run(tuple(offline))


class _LiveSimulation(Simulation):
    def __init__(  # noqa: PLR0913 - as `simulate_live`
        self, client: Client, live: LiveCluster, before: Snapshot, after: Snapshot, *, version: str,
        default: ApplyMethod, tell: Tell,
    ) -> None:  # fmt: skip
        super().__init__(
            client, before, after, version=version, default=default, tell=tell,
            definitions=[as_resource(one) for one in live.definitions],
        )  # fmt: skip
        self._live = live
        self._counted |= {as_resource(one).id.namespace for one in live.limits if one.get("kind") == "ResourceQuota"}
        self._copier = Copier(client, self._discovery)
        self._mutating = self._mutating or any("Mutating" in str(one.get("kind")) for one in live.policies)
        self._copies: dict[Identity, Copied] = {}
        self._refused: dict[Identity, tuple[Failure, ...]] = {}
        self._kept: dict[Identity, tuple[FieldPath, ...]] = {}
        self._drift: dict[Identity, tuple[FieldChange, ...]] = {}
        self._notes: list[str] = []

    def _install_definitions(self) -> None:
        """Those of the cluster are copied, and it has no others."""

    def _make_namespaces(self, offline: Iterable[PlannedObject]) -> None:
        self._tell("copying what the cluster has")
        self._surroundings(self._live.definitions)
        self._readiness.definitions(as_resource(one) for one in self._live.definitions)
        self._surroundings((*self._live.namespaces, *self._live.classes))
        super()._make_namespaces(offline)

    def _surroundings(self, objects: Iterable[Object]) -> None:
        """Copy what the repository does not own."""
        wanted = [one for one in objects if as_resource(one).id.identity not in self._live.objects]
        for one, copy in zip(wanted, concurrently(self._copier.copy, wanted), strict=True):
            if copy.refusal:
                self._notes.append(f"{as_resource(one).id} of the cluster could not be copied: {copy.refusal[:200]}.")

    def _base(self, asked: Mapping[int, PlannedObject]) -> dict[int, Applied]:
        self._copy_all(asked)
        there = {number: item for number, item in asked.items() if self._copied(item)}
        base = super()._base(there)
        for number, item in there.items():
            copy = self._copies[item.id.identity]
            if item.before is None and item.after is not None:
                base[number] = Applied(sent=item.after.data, body=copy.body)
            elif item.before is not None and number in base and not base[number].accepted:
                self._refused[item.id.identity] = base[number].failures
                base[number] = Applied(sent=item.before.data, body=copy.body)
        self._find_drift(there, base)
        return base

    def _copy_all(self, asked: Mapping[int, PlannedObject]) -> None:
        """Definitions and namespaces first, what judges others last."""
        stages: dict[int, list[PlannedObject]] = {}
        for item in asked.values():
            if item.id.identity in self._live.objects:
                stages.setdefault(self._copy_stage(item), []).append(item)
        for stage, items in sorted(stages.items()):
            self._tell(f"copying what the cluster has: {len(items)} objects")
            found = concurrently(self._copy, items)
            self._copies |= {item.id.identity: copy for item, copy in zip(items, found, strict=True)}
            if stage == 0:
                self._readiness.definitions(
                    one for item in items if (one := item.after or item.before) is not None
                    and one.id.kind == "CustomResourceDefinition"
                )  # fmt: skip
        self._surroundings((*self._live.limits, *self._live.policies))
        if self._live.policies or any("AdmissionPolicy" in item.id.kind for item in stages.get(_LATE, ())):
            self._tell("waiting for admission policies")
            self._readiness.policies(mutating=self._mutating)

    def _copy_stage(self, item: PlannedObject) -> int:
        stage = self._stage(one) if (one := item.after or item.before) is not None else 0
        limits = item.id.kind in _LIMITS and not item.id.group
        return 0 if stage == 0 else _LATE if stage == _LATE or limits else 1

    def _copy(self, item: PlannedObject) -> Copied:
        sides = [one for one in (item.before, item.after) if one is not None]
        side = 1 if item.after is not None else 0
        owner = owner_of(sides[-1], self._owners[side])
        how = handling(sides[-1], owner, self._default)
        live = self._live.objects[item.id.identity]
        return self._copier.copy(as_the_agent_sees(live, sides, owner, how.method))

    def _copied(self, item: PlannedObject) -> bool:
        copy = self._copies.get(item.id.identity)
        return copy is not None and not copy.refusal

    def _find_drift(self, there: Mapping[int, PlannedObject], base: dict[int, Applied]) -> None:
        """Note what applying the base changed; what the agent leaves alone is put back as the cluster has it."""
        again: list[Work] = []
        for number, item in there.items():
            if item.before is None or item.after is None or item.id.identity in self._refused or number not in base:
                continue
            drift, kept = self._drift_of(item.before, self._copies[item.id.identity].body, base[number])
            if drift:
                self._drift[item.id.identity] = drift
            if kept:
                self._kept[item.id.identity] = kept
                live = Applied(sent=item.before.data, body=self._copies[item.id.identity].body)
                again.append(Work(number, item.before, self._how(item.before, 0), with_kept(item.before, kept, live)))
        if again:
            base |= self._apply("what the agent leaves alone", again)

    def _drift_of(
        self, before: Resource, copy: Object, applied: Applied
    ) -> tuple[tuple[FieldChange, ...], tuple[FieldPath, ...]]:
        was, shall_be = stored(copy, before.data), stored(applied.body, before.data)
        changes = changed_fields(was, shall_be)
        node = self._kinds.find(before) or self._kinds.undefined
        live = self._live.objects[before.id.identity]
        owner = owner_of(before, self._owners[0])
        rules = owner.ignores.rules if owner is not None else ()
        ignored = split_ignored(before, (one.path for one in changes), rules, Pair(was, shall_be, node, dict(live)))
        kept = tuple(path for path, rule in ignored.items() if rule.keeps_live)
        drift = named_managers(node, live, (one for one in changes if one.path not in kept))
        return hide_values(redact(before.data), drift), kept

    def _data(self, item: PlannedObject, live: Applied | None) -> Mapping[str, object] | None:
        ignored = (one.path for one in item.ignored if not one.applied)
        paths = dict.fromkeys(chain(self._kept.get(item.id.identity, ()), ignored))
        return with_kept(item.after, paths, live)

    def _judge(
        self, item: PlannedObject, base: Applied | None, head: Applied | None, pruned: tuple[Failure, ...] | None
    ) -> PlannedObject:
        if item.is_unread:
            return item
        return replace(
            self._judge_live(item, base, head, pruned), drift=self._drift.get(item.id.identity, ())
        )  # fmt: skip

    def _judge_live(
        self, item: PlannedObject, base: Applied | None, head: Applied | None, pruned: tuple[Failure, ...] | None
    ) -> PlannedObject:
        copy = self._copies.get(item.id.identity)
        if copy is not None and copy.refusal:
            reason = f"what the cluster has of it could not be copied: {copy.refusal[:200]}"
            return replace(item, action=Action.UNKNOWN, changes=(), failures=(), reason=reason)
        if item.before is not None and item.id.identity not in self._live.objects and not self._left_out(item):
            if item.after is None:
                return replace(item, action=Action.UNCHANGED, changes=(), reason=NOT_THERE)
            if head is not None:
                return replace(compared(item, None, head), reason=NOT_THERE)
        refused = self._refused.get(item.id.identity)
        if refused and is_same(item) and (head is None or not head.accepted):
            said = "; ".join(str(one) for one in told(item, refused))
            reason = f"the API server refuses it as the base has it, so it stays as it is: {said}"
            return replace(item, action=Action.UNKNOWN, changes=(), failures=(), reason=reason)
        found = super()._judge(item, base, head, pruned)
        if item.before is None and copy is not None and found.action is not Action.BLOCKED:
            return replace(found, reason="; ".join(filter(None, (THERE, found.reason))))
        return found

    def _assumptions(self, offline: Iterable[PlannedObject]) -> Iterable[str]:
        items = tuple(offline)
        yield from self._live.notes
        yield from self._notes
        going = sorted(str(item.id) for item in items if _is_going(self._live.objects.get(item.id.identity)))
        if going:
            yield f"These are being deleted in the cluster, and are simulated as if they stayed: {some(going)}."
        guessed = sorted({str(item.id) for item in items if self._is_guessed(item)})
        if guessed:
            yield f"These name no namespace and were looked for in the namespace default: {some(guessed)}."
        yield "No controllers run on the simulator."
        yield from self._told_of_help(items)

    def _is_guessed(self, item: PlannedObject) -> bool:
        resource = item.after or item.before
        served = self._applier.served(resource) if resource is not None else None
        return not item.id.namespace and served is not None and served.namespaced


def as_resource(data: Object) -> Resource:
    """An object of a cluster by its name."""
    group, version = split_api_version(str(data.get("apiVersion")))
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name"))
    return Resource(ResourceId(group, version, str(data.get("kind")), namespace, name), data, Origin(""))


def _is_going(live: Object | None) -> bool:
    metadata = live.get("metadata") if live is not None else None
    return isinstance(metadata, Mapping) and bool(metadata.get("deletionTimestamp"))
