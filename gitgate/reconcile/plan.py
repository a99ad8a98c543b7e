"""`make_plan`: what the agent would do to every object, were the change merged.

Pure: two snapshots in, a `Plan` out. Only what differs is looked at closely; an object whose content has the same
digest is unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Snapshot, newly_conditional
from gitgate.reconcile.agents import Handling, Owner, Owners, find_owners, handling, kept_in_deletion, owner_of
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.changes import ABSENT, FieldChange, changed_fields, same
from gitgate.reconcile.clusters import by_cluster
from gitgate.reconcile.content import content_digest
from gitgate.reconcile.failure import Certainty, Failure, is_certain
from gitgate.reconcile.ignored import IgnoredField, IgnoreRule, Pair, managers_ignored, split_ignored
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.live import LiveState
from gitgate.reconcile.merge import NOBODY, Owned, Sides
from gitgate.reconcile.not_applied import not_applied
from gitgate.reconcile.outcome import Outcome, predict_create, predict_kept, predict_update
from gitgate.reconcile.ownership import named_managers, others, with_taken_over
from gitgate.reconcile.pairs import pairs
from gitgate.reconcile.places import Identity, place_of, place_of_origin
from gitgate.reconcile.redact import HIDDEN, is_secret, is_sensitive, redact
from gitgate.reconcile.references import scale_target
from gitgate.reconcile.shipped import Evidence, assumed_definitions, likely
from gitgate.reconcile.tables import TypeNode
from gitgate.reconcile.typed import typed_failures
from gitgate.reconcile.undefined import NOT_KNOWN, NOT_VALIDATED, update_without_type
from gitgate.resource import Origin, Resource, ResourceId


class Action(StrEnum):
    """What becomes of an object."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    """It is deleted and created anew."""
    PRUNE = "prune"
    ORPHAN = "orphan"
    """Git no longer has it, and the cluster keeps it."""
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    """Applying it fails."""
    UNKNOWN = "unknown"
    """It differs, and nothing says what that comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedObject:
    """One object of the plan.

    Attributes:
        id: Its name.
        action: What becomes of it.
        before: As the base has it; None when it is new.
        after: As the merge would have it; None when it goes.
        changes: Fields that change, as stored; values of Secrets are hidden.
        failures: Why it is blocked, or replaced instead of updated.
        reason: Why it is unknown, kept or left alone; empty otherwise.
        owner: Who applies it; empty where the repository does not say.
        method: How it is applied.
        drift: What somebody changed in the cluster, and the agent puts back; empty without a live state.
        ignored: Fields that differ and that a rule ignores; those that are applied all the same are changes, too.
        definition: The release whose definition of the kind was assumed; empty where none was.
    """

    id: ResourceId
    action: Action
    before: Resource | None
    after: Resource | None
    changes: tuple[FieldChange, ...] = ()
    failures: tuple[Failure, ...] = ()
    reason: str = ""
    owner: str = ""
    method: ApplyMethod = ApplyMethod.SERVER_SIDE
    drift: tuple[FieldChange, ...] = ()
    ignored: tuple[IgnoredField, ...] = ()
    definition: str = ""

    @property
    def is_unread(self) -> bool:
        """Does nothing tell whether it stays, as what the base has it from cannot be read any more?"""
        return self.action is Action.UNKNOWN and self.before is not None and self.before is self.after

    @property
    def is_likely_blocked(self) -> bool:
        """Is it blocked by nothing but a definition that gitgate ships?"""
        return self.action is Action.BLOCKED and all(one.certainty is Certainty.LIKELY for one in self.failures)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the agent would do.

    Attributes:
        objects: Sorted by id.
        version: The Kubernetes version that it is worked out for.
        assumptions: What it rests on, one sentence each.
        unplanned: What a change touches that it does not show, and why, one sentence each.
        duplicates: Objects that the merge renders more than once, and where.
        backend: Who worked it out: `offline`, or an API server as `--cluster` names it.
    """

    objects: tuple[PlannedObject, ...]
    version: str
    assumptions: tuple[str, ...] = ()
    unplanned: tuple[str, ...] = ()
    duplicates: Mapping[ResourceId, tuple[Resource, ...]] = field(default_factory=lambda: MappingProxyType({}))
    backend: str = "offline"

    @property
    def basis(self) -> str:
        """What it is worked out for, and by whom: `Kubernetes 1.37`."""
        who = "" if self.backend == "offline" else f", applied to a real API server ({self.backend})"
        return f"Kubernetes {self.version}{who}"

    @property
    def counts(self) -> Mapping[Action, int]:
        """How many objects each action concerns."""
        found = Counter(item.action for item in self.objects)
        return {action: found[action] for action in Action}

    @property
    def changed(self) -> tuple[PlannedObject, ...]:
        """Every object that does not simply stay."""
        return tuple(item for item in self.objects if item.action is not Action.UNCHANGED)


ASSUMPTIONS = (
    "The cluster has what the base says: the last sync went through, and nobody changed anything by hand.",
    (
        "No admission webhook, quota or policy of the cluster changes or refuses what is applied, and features that "
        "are off by default are off."
    ),
)
_BOUND = "PersistentVolumeClaims are bound, Jobs run unsuspended, and what the server allocates is allocated already."
_PRUNES = "The agent prunes: what git no longer has is deleted."


NOT_KNOWN_HERE = "some of its values are known to the cluster only, so they were not validated"
_LIVE = "The live state is as complete as the file: what it does not have, the cluster does not have."


def make_plan(  # noqa: PLR0913 - what a plan is made of
    before: Snapshot,
    after: Snapshot,
    version: str,
    default: ApplyMethod = ApplyMethod.SERVER_SIDE,
    live: Iterable[Resource] | None = None,
    *,
    definitions: Iterable[Resource] = (),
) -> Plan:
    """Work out what merging does.

    Args:
        before: What the base renders to.
        after: What the merge would render to.
        version: Kubernetes version of the cluster.
        default: How objects are applied whose owner the repository does not have.
        live: What the cluster has; None to assume what applying the base made.
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.
    """
    state = LiveState.of(live)
    kinds = Kinds(version, (*definitions, *before.resources, *after.resources), predicts=True)
    objects: list[PlannedObject] = []
    not_understood: dict[str, None] = {}
    duplicates: dict[ResourceId, tuple[Resource, ...]] = {}
    owned = {_read_from(one) for one in before.resources if one.origin.owner}
    for old_side, new_side in by_cluster(before, after):
        planner = _Planner(kinds, default, old_side, new_side, state)
        objects += [
            planner.plan(old, new) for old, new in pairs(old_side.resources, new_side.resources)
            if old is not None or new is None or new.origin.owner or _read_from(new) not in owned
        ]  # fmt: skip
        not_understood |= dict.fromkeys(planner.not_understood)
        duplicates |= find_duplicates(new_side.resources)
    objects.sort(key=_order)
    return Plan(
        objects=tuple(objects),
        version=version,
        assumptions=(*_assumptions(objects, live=live is not None), *not_understood),
        unplanned=tuple(_conditional(before, after)),
        duplicates=MappingProxyType(duplicates),
    )


def _read_from(resource: Resource) -> tuple[str, str, int]:
    """Kind, file and document: nobody creates what an owner applied and leaves out from now on."""
    return resource.id.kind, resource.origin.path, resource.origin.document


def _order(item: PlannedObject) -> tuple[str, ...]:
    resource = item.after or item.before
    origin = resource.origin if resource is not None else Origin("")
    place = (origin.path, origin.rendered_by or "", origin.owner)
    return (origin.cluster, item.id.namespace, item.id.kind, item.id.name, item.id.group, *place)


def _assumptions(objects: list[PlannedObject], *, live: bool) -> tuple[str, ...]:
    found = [_LIVE if live else ASSUMPTIONS[0], *ASSUMPTIONS[1:]]
    if any(failure.certainty is Certainty.ASSUMED for item in objects for failure in item.failures):
        found.append(_BOUND)
    if any(item.action is Action.PRUNE and not item.owner for item in objects):
        found.append(_PRUNES)
    shipped = assumed_definitions(item.definition for item in objects if item.definition)
    return (*found, shipped) if shipped else tuple(found)


def _conditional(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """What is not planned, as charts render it only where something holds in the cluster, and the change touches it."""
    known: dict[ResourceId, list[Mapping[str, Any]]] = {}
    for resource in before.conditional.present:
        known.setdefault(resource.id, []).append(resource.data)
    changed: dict[str, list[str]] = {}
    for resource in after.conditional.present:
        if resource.data not in known.get(resource.id, ()):
            changed.setdefault(resource.condition, []).append(str(resource.id))
    for condition, names in sorted(changed.items()):
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Not in this plan: {names[0]}{more}, as a chart renders it so only where {condition}"
    for _, resource in newly_conditional(before, after):
        yield f"Not in this plan: {resource.id} is deleted where {resource.condition}"


def find_duplicates(resources: Iterable[Resource]) -> dict[ResourceId, tuple[Resource, ...]]:
    """Objects that one place, or two owners of this repository, render more than once."""
    resources = tuple(resources)
    # Hardly any identity occurs twice, and only such ones are worth a closer look.
    often = {identity for identity, count in Counter(one.id.identity for one in resources).items() if count > 1}
    owners = find_owners(resources) if often else Owners()
    several: dict[tuple[Identity, str], list[Resource]] = {}
    for resource in resources if often else ():
        if resource.id.identity in often:
            owned = owner_of(resource, owners) is not None
            key = (resource.id.identity, "" if owned else place_of_origin(resource))
            several.setdefault(key, []).append(resource)
    return {found[0].id: tuple(found) for found in several.values() if len(found) > 1}


_OWNERS = 30
"""Owners above one another."""
_TOLD = 20
"""Rules that are not understood, told one by one: a repository must not crowd out its own plan."""


class _Planner:
    """What planning one object needs of all the others."""

    def __init__(
        self,
        kinds: Kinds,
        default: ApplyMethod,
        before: Snapshot,
        after: Snapshot,
        live: LiveState | None,
    ) -> None:
        self._live = live
        self._unread = after.unread
        self._version = kinds.version
        self._default = default
        self._kinds = kinds
        self._evidence = Evidence(before.resources, kinds.version)
        self._owners_before: Owners = find_owners(before.resources, before.agents)
        self._owners_after: Owners = find_owners(after.resources, after.agents)
        self._own = {str(one.id): one for one in (*before.agents, *before.resources)}
        self._scaled = {target: str(one.id) for one in after.resources if (target := scale_target(one)) is not None}

    @property
    def not_understood(self) -> tuple[str, ...]:
        """What the owners ignore in words that are not understood."""
        unclear = {text for owner in self._owners_after for text in owner.ignores.not_understood}
        if self._live is None:
            unclear.update(text for owner in self._owners_after for text in managers_ignored(owner.ignores.rules))
        told = sorted(unclear)
        more = [f"{len(told) - _TOLD} more rules that ignore fields are not understood"] if len(told) > _TOLD else []
        return (*told[:_TOLD], *more)

    def _ignores(self, after: Resource) -> tuple[IgnoreRule, ...]:
        owner = owner_of(after, self._owners_after)
        rules = owner.ignores.rules if owner is not None else ()
        scaler = self._scaled.get(place_of(after))
        if scaler is None:
            return rules
        scaled = IgnoreRule(steps=("spec", "replicas"), told=f"{scaler}, which scales it", keeps_live=False, verb="set")
        return (*rules, scaled)

    def _pair(self, node: TypeNode, outcome: Outcome, after: Resource) -> Pair:
        live = self._live.find(after) if self._live is not None else None
        return Pair(outcome.before, outcome.after, node, live.data if live is not None else None)

    def plan(self, before: Resource | None, after: Resource | None) -> PlannedObject:
        if after is None:
            assert before is not None  # noqa: S101 - one of the two is there
            return self._prune(before)
        owner = owner_of(after, self._owners_after)
        action = Action.CREATE if before is None else Action.UNCHANGED
        item = PlannedObject(id=after.id, action=action, before=before, after=after, owner=owner.name if owner else "")
        if before is after and (reason := self._unread.get((after.origin, after.id))):
            return replace(item, action=Action.UNKNOWN, reason=reason)
        if before is not None and self._live is None and _same_content(before.data, after.data):
            return item
        how = handling(after, owner, self._default)
        item = replace(item, method=how.method)
        refused = not_applied(after, owner, how)
        if refused is not None:
            return replace(item, action=Action.BLOCKED, failures=(refused,))
        return self._predict(item, before, after, how)

    def _predict(self, item: PlannedObject, before: Resource | None, after: Resource, how: Handling) -> PlannedObject:
        node, release = self._kinds.find(after), self._kinds.release(after)
        found = self._judge(item, before, after, how, node)
        if found.failures and after.unresolved:
            failures = tuple(one for one in found.failures if is_certain(one, after))
            if not failures:
                # Nothing but the cluster tells whether the API server takes it, so it is planned as if it does.
                undefined = self._judge(item, before, after, how, self._kinds.undefined)
                action = Action.CREATE if before is None else Action.UPDATE
                return replace(undefined, action=action, failures=(), reason=NOT_KNOWN_HERE)
            found = replace(found, failures=failures)
        if node is None or not release or found.action is Action.UNCHANGED:
            return found
        if found.action is Action.UNKNOWN or self._evidence.contradicts(node, after, found.failures):
            return self._judge(item, before, after, how, None)
        if not found.failures and found.before is not None and _only_metadata(found.changes):
            return found  # which is the same whatever the definition says
        return replace(found, failures=likely(found.failures), definition=release)

    def _judge(
        self, item: PlannedObject, before: Resource | None, after: Resource, how: Handling, node: TypeNode | None
    ) -> PlannedObject:
        """One object of a kind; None where nothing defines the kind."""
        if before is None:
            return self._create(item, after, how, node)
        return self._update(item, before, after, how, node)

    def _unreadable_base(
        self, item: PlannedObject, after: Resource, how: Handling, node: TypeNode | None
    ) -> PlannedObject:
        """The base cannot have been applied, so nobody knows what the cluster has."""
        created = self._create(item, after, how, node)
        if created.action is Action.BLOCKED:
            return replace(item, action=Action.BLOCKED, failures=created.failures)
        reason = "the base cannot be applied, so what the cluster has is not known"
        return replace(item, action=Action.UNKNOWN, reason=reason)

    def _state(self, node: TypeNode, after: Resource, how: Handling) -> tuple[Mapping[str, Any] | None, Owned]:
        """The live object without what the manifest leaves to the agent, and what others own of it."""
        found = self._live.find(after) if self._live is not None else None
        if found is None:
            return None, NOBODY
        data = dict(redact(found.data))
        metadata = after.data.get("metadata")
        if isinstance(metadata, Mapping) and "namespace" not in metadata and isinstance(data.get("metadata"), Mapping):
            data["metadata"] = {key: value for key, value in data["metadata"].items() if key != "namespace"}
        return data, others(node, found.data, takes_over=how.method is ApplyMethod.FLUX)

    def _drift(self, node: TypeNode, sides: Sides, how: Handling) -> tuple[FieldChange, ...]:
        """What applying the base once more would put back."""
        live, base = sides.live, sides.new
        if live is None:
            return ()
        outcome = predict_update(
            node, sides.old, base, version=self._version, method=how.method, live=live, others=sides.others or NOBODY
        )
        if outcome.failures:
            return ()
        return hide_values(base, named_managers(node, live, changed_fields(outcome.before, outcome.after)))

    def _create(self, item: PlannedObject, after: Resource, how: Handling, node: TypeNode | None) -> PlannedObject:
        item = replace(item, action=Action.CREATE)
        if node is None and (refused := self._kinds.not_served(after)) is not None:
            return replace(item, action=Action.BLOCKED, failures=(refused,))
        data = redact(after.data)
        outcome = predict_create(node or self._kinds.undefined, data, version=self._version, method=how.method)
        if outcome.failures:
            return replace(item, action=Action.BLOCKED, failures=hide_values_in_messages(data, outcome.failures))
        if node is None:
            return replace(item, reason=NOT_VALIDATED)
        return replace(item, changes=hide_values(data, changed_fields({}, outcome.after)))

    def _prune(self, before: Resource) -> PlannedObject:
        owner = owner_of(before, self._owners_before)
        keep = self._kept(before, owner, 0)
        action = Action.ORPHAN if keep else Action.PRUNE
        name = owner.name if owner else ""
        return PlannedObject(id=before.id, action=action, before=before, after=None, reason=keep, owner=name)

    def _kept(self, before: Resource, owner: Owner | None, depth: int) -> str:
        """Why something that git no longer has stays in the cluster; empty where it goes."""
        own = self._own.get(owner.name) if owner is not None else None
        if owner is None or own is None or own is before or owner.name in self._owners_after.by_name:
            return handling(before, owner, self._default).keep
        # Whoever applied it is no longer in git either: what it applied goes if it goes itself, and cascades.
        if depth < _OWNERS and self._kept(own, owner_of(own, self._owners_before), depth + 1):
            return f"{owner.name}, which applies it, does so as well"
        return kept_in_deletion(before, owner)

    def _update(
        self, item: PlannedObject, before: Resource, after: Resource, how: Handling, node: TypeNode | None
    ) -> PlannedObject:
        if how.frozen:
            return replace(item, reason=f"it is never updated: {how.frozen}")
        base = redact(before.data)
        if node is None and (refused := self._kinds.not_served(after)) is not None:
            return replace(item, action=Action.BLOCKED, failures=(refused,))
        node = node or self._kinds.undefined
        if typed_failures(node, base if self._live is None else {}, frozenset({"undeclared-field", "duplicate-key"})):
            return self._unreadable_base(item, after, how, node)
        if self._live is not None and self._live.find(after) is None:
            return replace(self._create(item, after, how, node), reason="the cluster does not have it")
        return self._compare(item, node, base, after, how)

    def _compare(
        self, item: PlannedObject, node: TypeNode, base: Mapping[str, Any], after: Resource, how: Handling
    ) -> PlannedObject:
        head = redact(after.data)
        live, foreign = self._state(node, after, how)
        applied = base
        if live is not None and how.method is ApplyMethod.FLUX:
            applied = with_taken_over(node, base, live)
        outcome = predict_update(
            node, applied, head, version=self._version, method=how.method, live=live, others=foreign
        )
        changes = hide_values(head, changed_fields(outcome.before, outcome.after)) if outcome.after else ()
        drift = self._drift(node, Sides(live, applied, base, foreign), how)
        item = replace(item, drift=drift if outcome.failures else _put_back(drift, changes))
        if outcome.after and how.method is not ApplyMethod.REPLACE:
            item, kept = _ignoring(item, after, changes, self._ignores(after), self._pair(node, outcome, after))
            if kept:
                outcome = predict_kept(node, outcome, kept, self._version)
                changes = hide_values(head, changed_fields(outcome.before, outcome.after))
        if outcome.failures:
            return _blocked_or_replaced(item, outcome, changes, head, how)
        if node is self._kinds.undefined and not same(base.get("status"), head.get("status")):
            return replace(item, action=Action.UNKNOWN, changes=changes, reason=NOT_KNOWN)
        if not changes:
            return item
        item = replace(item, action=Action.UPDATE, changes=changes)
        if node is not self._kinds.undefined:
            return item
        known = update_without_type(outcome.before, outcome.after)
        return replace(item, action=Action.UNKNOWN, reason=NOT_KNOWN) if known is None else replace(item, reason=known)


def _put_back(drift: tuple[FieldChange, ...], changes: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Drift that applying the merge ends; what git lets go of at the same time stays as somebody made it."""
    ends = [change.path for change in changes]
    return tuple(one for one in drift if any(one.path[: len(path)] == path[: len(one.path)] for path in ends))


def _only_metadata(changes: tuple[FieldChange, ...]) -> bool:
    return all(change.path[:1] == ("metadata",) for change in changes)


def _same_content(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Does one text say what the other says? What means the same in other words is looked at closely."""
    if before is after:
        return True
    digest = content_digest(before)
    return (bool(digest) and digest == content_digest(after)) or same(dict(before), dict(after))


def _ignoring(
    item: PlannedObject, after: Resource, changes: tuple[FieldChange, ...], rules: tuple[IgnoreRule, ...], pair: Pair
) -> tuple[PlannedObject, tuple[FieldPath, ...]]:
    """Note what is ignored, and say which fields the agent leaves as they are in the cluster.

    What it only hides from its comparison is applied with the next sync. Source: argo-cd/controller/sync.go,
    `normalizeTargetResources`.
    """
    found = split_ignored(after, (change.path for change in changes), rules, pair)
    drifted = split_ignored(after, (change.path for change in item.drift), rules, pair)
    fields = (IgnoredField(path, rule.told, not rule.keeps_live, rule.verb) for path, rule in (drifted | found).items())
    kept = tuple(path for path, rule in found.items() if rule.keeps_live)
    back = tuple(one for one in item.drift if one.path not in drifted or not drifted[one.path].keeps_live)
    return replace(item, ignored=tuple(sorted(fields, key=str)), drift=back), kept


_RECONCILED = frozenset({"RoleBinding", "ClusterRoleBinding"})


def _blocked_or_replaced(
    item: PlannedObject, outcome: Outcome, changes: tuple[FieldChange, ...], head: Mapping[str, Any], how: Handling
) -> PlannedObject:
    failures = hide_values_in_messages(head, outcome.failures)
    recreated = all(failure.recreate for failure in failures)
    # kubectl auth reconcile, which Argo CD runs before a client-side apply of RBAC, deletes and creates the binding.
    reconciles = how.method is ApplyMethod.CLIENT_SIDE and item.id.kind in _RECONCILED
    if recreated and (how.force or reconciles):
        return replace(item, action=Action.REPLACE, failures=failures, changes=changes)
    return replace(item, action=Action.BLOCKED, failures=failures, changes=changes)


def hide_values_in_messages(data: Mapping[str, Any], failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Failures without the values of a Secret."""
    if not is_secret(data):
        return failures
    return tuple(
        replace(failure, message=failure.message.split(", got")[0].split(":")[0]) if failure.field[:1] != ("type",)
        else failure
        for failure in failures
    )  # fmt: skip


def hide_values(data: Mapping[str, Any], changes: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Changes without the values of a Secret."""
    if not is_secret(data):
        return changes
    return tuple(
        replace(change, old=_hidden(change.old), new=_hidden(change.new)) if is_sensitive(data, change.path) else change
        for change in changes
    )


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return value if value is ABSENT else HIDDEN
