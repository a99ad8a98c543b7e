"""`simulate`: the base and then the merge applied for real to an empty API server; what differs is the plan.

The offline plan says what belongs together, who applies it and how; the server says what comes of it. What the server
cannot be asked keeps the offline answer, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import Handling, find_owners, handling, owner_of
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.not_applied import ONLY_CREATED
from gitgate.reconcile.plan import Action, PlannedObject
from gitgate.reconcile.server.applier import Applied, Applier
from gitgate.reconcile.server.client import Client, Trial, concurrently
from gitgate.reconcile.server.discovery import DEFAULT_NAMESPACE, Discovery
from gitgate.reconcile.server.judging import (
    blocked,
    compared,
    is_same,
    predicted,
    some,
    told,
    unknown,
    with_kept,
    with_mutations,
)
from gitgate.reconcile.server.readiness import Readiness
from gitgate.reconcile.server.stored import converts_by_webhook, stored
from gitgate.resource import Resource

Tell = Callable[[str], None]
_POLICIES = frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
                       "MutatingAdmissionPolicyBinding"})  # fmt: skip
_WEBHOOKS = frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"})
_DEFINITION = "CustomResourceDefinition"
_ADMISSION_GROUP = "admissionregistration.k8s.io"
_EARLY = frozenset({"ClusterRole", "LimitRange", "ResourceQuota", "ServiceAccount"})
_PRESENT = frozenset({DEFAULT_NAMESPACE, "", "kube-system", "kube-public", "kube-node-lease"})
_STAGES = 4


@dataclass(frozen=True, slots=True)
class Simulated:
    """What the server said.

    Attributes:
        objects: In the order of the offline plan.
        assumptions: What the server was helped with, and what it was not asked.
    """

    objects: tuple[PlannedObject, ...]
    assumptions: tuple[str, ...]


def simulate(  # noqa: PLR0913 - a server, two sides, and how they are applied
    client: Client, before: Snapshot, after: Snapshot, offline: Iterable[PlannedObject], *, version: str,
    default: ApplyMethod, tell: Tell = lambda _: None, controllers: bool = False,
    definitions: Iterable[Resource] = (),
) -> Simulated:  # fmt: skip
    """Let a server work out the plan of one cluster.

    Args:
        client: An API server with nothing of the repository in it.
        before: What the base renders to.
        after: What the merge would render to.
        offline: The offline plan's objects.
        version: Kubernetes version of the server.
        default: How objects are applied whose owner the repository does not have.
        tell: Told what is being done.
        controllers: Do controllers run? They change what is stored, and do their part of deleting. No Pods run.
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.

    Raises:
        ToolError: The server is out of order.
    """
    simulation = Simulation(
        client, before, after, version=version, default=default, tell=tell, controllers=controllers,
        definitions=definitions,
    )  # fmt: skip
    return simulation.run(tuple(offline))


@dataclass(frozen=True, slots=True)
class Work:
    """One object of the plan, by its number, with what is to be applied."""

    number: int
    resource: Resource
    how: Handling
    data: Mapping[str, Any] | None = None


class Simulation:
    """Applies both sides, and judges: what `simulate` does; a subclass may begin with something else than the base."""

    def __init__(  # noqa: PLR0913 - as `simulate`
        self, client: Client, before: Snapshot, after: Snapshot, *, version: str, default: ApplyMethod, tell: Tell,
        controllers: bool = False, definitions: Iterable[Resource] = (),
    ) -> None:  # fmt: skip
        self._client = client
        self._controllers = controllers
        self._sides = (before, after)
        self._default = default
        self._tell = tell
        self._owners = (find_owners(before.resources), find_owners(after.resources))
        self._discovery = Discovery(client)
        self._readiness = Readiness(client, self._discovery, controllers=controllers)
        definitions = tuple(definitions)
        self._kinds = Kinds(version, (*definitions, *before.resources, *after.resources))
        self._applier = Applier(client, self._discovery, self._kinds, controllers=controllers)
        self._trial = Applier(Trial(client), self._discovery, self._kinds, dry_run=True)
        self._counted = {
            one.id.namespace or DEFAULT_NAMESPACE for side in self._sides for one in side.resources
            if one.id.kind == "ResourceQuota" and not one.id.group
        }  # fmt: skip
        self._parameters = frozenset(_parameter_kinds((*before.resources, *after.resources)))
        self._mutating = any(
            _is_policy(one) and "Mutating" in one.id.kind for side in self._sides for one in side.resources
        )
        self._definitions = tuple(definitions)
        self._given: dict[str, str] = {}
        self._made: list[str] = []

    def run(self, offline: tuple[PlannedObject, ...]) -> Simulated:
        """Work the plan out."""
        rounds: list[list[int]] = []
        seen: dict[tuple[str, str, str, str], int] = {}
        for number, item in enumerate(offline):
            turn = seen[item.id.identity] = seen.get(item.id.identity, -1) + 1
            rounds += [[]] if turn == len(rounds) else []
            rounds[turn].append(number)
        self._install_definitions()
        self._make_namespaces(offline)
        found: dict[int, PlannedObject] = {}
        for turn, numbers in enumerate(rounds):
            chosen = {number: offline[number] for number in numbers}
            if turn:  # the same object, as another place of the repository has it
                self._clear(chosen.values())
            found |= self._round(chosen)
        return Simulated(tuple(found[number] for number in sorted(found)), tuple(self._assumptions(offline)))

    def _round(self, items: Mapping[int, PlannedObject]) -> dict[int, PlannedObject]:
        asked = {number: item for number, item in items.items() if not self._left_out(item)}
        base = self._base(asked)
        everything = any(_concerns_others(item) for item in asked.values())
        work = []
        for number, item in asked.items():
            was = base.get(number)
            same = item.action is Action.UNCHANGED and item.before is not None and is_same(item)
            if item.after is None or (same and not everything and was is not None and was.accepted):
                continue
            how = self._how(item.after, 1)
            if not (how.frozen and item.before is not None):
                work.append(Work(number, item.after, how, self._data(item, was)))
        head = self._apply("the merge", work, base)
        pruned = self._prune({number: item for number, item in asked.items() if item.action is Action.PRUNE})
        return {
            number: self._judge(item, base.get(number), head.get(number), pruned.get(number))
            for number, item in items.items()
        }

    def _base(self, asked: Mapping[int, PlannedObject]) -> dict[int, Applied]:
        """Have the server store what the cluster is taken to have."""
        return self._apply(
            "the base",
            [Work(number, item.before, self._how(item.before, 0)) for number, item in asked.items() if item.before],
        )

    def _data(self, item: PlannedObject, live: Applied | None) -> Mapping[str, Any] | None:
        """What the agent sends of the merge; None for what the file says."""
        return with_kept(item.after, (one.path for one in item.ignored if not one.applied), live)

    def _how(self, resource: Resource, side: int) -> Handling:
        return handling(resource, owner_of(resource, self._owners[side]), self._default)

    def _apply(self, what: str, work: Iterable[Work], base: Mapping[int, Applied] | None = None) -> dict[int, Applied]:
        """Apply objects stage by stage; what takes effect later is awaited before the next one."""
        stages: list[list[Work]] = [[] for _ in range(_STAGES)]
        for one in work:
            stages[self._stage(one.resource)].append(one)
        total, before = sum(map(len, stages)), 0
        found: dict[int, Applied] = {}
        for stage in stages:
            ready = [one for one in stage if self._applier.served(one.resource) is not None]
            results = concurrently(
                lambda several: {one.number: self._send(one) for one in several},
                self._together(ready),
                lambda done, before=before: self._tell(f"applying {what}: {before + done} of {total} objects"),  # type: ignore[misc]
            )
            found |= {number: applied for several in results for number, applied in several.items()}
            before += len(stage)
            changed = [one.resource for one in ready if _has_changed(found[one.number], (base or {}).get(one.number))]
            self._await(changed)
        return found

    def _together(self, work: Iterable[Work]) -> list[list[Work]]:
        """What may be applied at once; under a quota one after the other, as the first ones get what there is."""
        counted: dict[str, list[Work]] = {}
        free: list[list[Work]] = []
        for one in work:
            namespace = one.resource.id.namespace or DEFAULT_NAMESPACE
            if namespace in self._counted:
                counted.setdefault(namespace, []).append(one)
            else:
                free.append([one])
        return [*(sorted(some, key=_by_name) for some in counted.values()), *free]

    def _send(self, one: Work) -> Applied:
        """Apply one object; of a definition that a webhook converts for, what it says of that is only tried."""
        data = one.data or one.resource.data
        if not converts_by_webhook(data):
            return self._applier.apply(one.resource, one.how, one.data)
        tried = self._trial.apply(one.resource, one.how, one.data)
        if not tried.accepted and not tried.replaced:
            return tried
        harmless = {**data, "spec": {**data["spec"], "conversion": {"strategy": "None"}}}
        applied = self._applier.apply(one.resource, one.how, harmless)
        return replace(applied, sent=tried.sent)

    def _await(self, resources: list[Resource]) -> None:
        self._readiness.accounts(one.id.name for one in resources if one.id.kind == "Namespace" and not one.id.group)
        self._readiness.definitions(one for one in resources if one.id.kind == _DEFINITION)
        self._readiness.quotas(one for one in resources if one.id.kind == "ResourceQuota" and not one.id.group)
        if any(map(_is_policy, resources)):
            self._tell("waiting for admission policies")
            self._readiness.policies(mutating=self._mutating)

    def _stage(self, resource: Resource) -> int:
        """Definitions and namespaces, then what others are judged by, then policies, then the rest."""
        kind, group = resource.id.kind, resource.id.group
        if kind == _DEFINITION or (kind == "Namespace" and not group):
            return 0
        if _is_policy(resource):
            return 2
        early = kind in _EARLY or kind.endswith("Class") or (resource.id.api_version, kind) in self._parameters
        return 1 if early else 3

    def _prune(self, items: Mapping[int, PlannedObject]) -> dict[int, tuple[Failure, ...]]:
        """Delete what git no longer has, in the order opposite to applying."""
        ready = [
            (number, item.before)
            for number, item in items.items()
            if item.before is not None and self._applier.served(item.before) is not None
        ]
        ready.sort(key=lambda pair: -self._stage(pair[1]))
        return {number: self._applier.delete(resource) for number, resource in ready}

    def _clear(self, items: Iterable[PlannedObject]) -> None:
        for item in items:
            resource = item.before or item.after
            if resource is not None and not self._left_out(item) and self._applier.served(resource) is not None:
                self._applier.delete(resource)

    def _install_definitions(self) -> None:
        """Have the server know the kinds that the cluster knows, and the repository does not define."""
        own = {one.id.name for side in self._sides for one in side.resources if one.id.kind == _DEFINITION}
        wanted = [one for one in self._definitions if one.id.name not in own]
        results = concurrently(lambda one: self._send(Work(0, one, self._how(one, 0))), wanted)
        self._readiness.definitions(one for one, answer in zip(wanted, results, strict=True) if answer.accepted)
        for one, answer in zip(wanted, results, strict=True):
            self._given[one.id.name] = "; ".join(map(str, answer.failures))

    def _make_namespaces(self, offline: Iterable[PlannedObject]) -> None:
        """Make namespaces that objects are in and that the repository makes too late, or not at all."""
        for side, known in ((0, self._sides[0]), (1, self._sides[1])):
            made = {one.id.name for one in known.resources if one.id.kind == "Namespace" and not one.id.group}
            used = {one.id.namespace for item in offline if (one := (item.before, item.after)[side]) is not None}
            for name in sorted(used - made - _PRESENT - set(self._made)):
                body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                if self._client.request("POST", "/api/v1/namespaces", body).accepted:
                    self._made.append(name)
        self._readiness.accounts(self._made)

    def _judge(
        self,
        item: PlannedObject,
        base: Applied | None,
        head: Applied | None,
        pruned: tuple[Failure, ...] | None,
    ) -> PlannedObject:
        if item.is_unread:
            return item
        why = self._left_out(item)
        if why:
            return item if item.action is Action.UNCHANGED else predicted(item, why)
        if item.after is None:
            if item.action is Action.PRUNE and base is not None and not base.accepted:
                return unknown(item, base)
            return item if not pruned else replace(item, action=Action.BLOCKED, failures=told(item, pruned))
        resource = item.after
        item = replace(item, method=self._how(resource, 1).method)
        return self._judge_applied(item, resource, base, head)

    def _judge_applied(
        self, item: PlannedObject, resource: Resource, base: Applied | None, head: Applied | None
    ) -> PlannedObject:
        if base is not None and not base.accepted:
            rejected = head is not None and not head.accepted and not is_same(item)
            return blocked(item, head) if rejected and head is not None else unknown(item, base)
        if head is not None:
            if item.before is not None and base is None and head.accepted:
                return predicted(item, "the API server serves its kind only after the merge")
            answer = compared(item, base, head)
            return with_mutations(item, answer, head) if self._mutating and head.accepted else answer
        if base is not None or self._applier.served(resource) is not None:
            return replace(item, action=Action.UNCHANGED, changes=(), failures=())
        return item if item.action is Action.UNCHANGED else predicted(item, "the API server does not serve its kind")

    def _left_out(self, item: PlannedObject) -> str:
        """Why an object is kept from the server; empty for what is applied."""
        if self._controllers and any(_names_node(one) for one in (item.before, item.after)):
            return "no Pod is placed on a node"
        return _left_out(item)

    def _assumptions(self, offline: Iterable[PlannedObject]) -> Iterable[str]:
        if self._controllers:
            yield "The cluster has only what kind and the repository have. Its controllers run, and no Pods."
        else:
            yield "The API server has only what the repository has, and no controllers run on it."
        yield from self._told_of_help(tuple(offline))

    def _told_of_help(self, offline: tuple[PlannedObject, ...]) -> Iterable[str]:
        taken = sorted(name for name, refusal in self._given.items() if not refusal)
        if taken:
            yield f"The cluster has these definitions, as .gitgate/schemas says: {some(taken)}."
        for name, refusal in sorted(self._given.items()):
            if refusal:
                yield f"The API server refuses the definition {name} of .gitgate/schemas: {refusal[:200]}."
        if self._made:
            yield f"These namespaces are there, though the repository does not make them first: {some(self._made)}."
        hooks = {str(one.id) for item in offline for one in (item.before, item.after)
                 if one is not None and converts_by_webhook(one.data)}  # fmt: skip
        if hooks:
            yield f"No webhook converts objects of these; only their apiVersion changes: {some(sorted(hooks))}."
        left = sorted({str(item.id) for item in offline if self._left_out(item)})
        if left:
            yield f"These are not simulated, as nothing answers for them: {some(left)}."


def _by_name(work: Work) -> tuple[str, str]:
    return work.resource.id.kind, work.resource.id.name


def _has_changed(applied: Applied, base: Applied | None) -> bool:
    return applied.accepted and (base is None or stored(applied.body, applied.sent) != stored(base.body, base.sent))


def _is_policy(resource: Resource) -> bool:
    return resource.id.group == _ADMISSION_GROUP and resource.id.kind in _POLICIES


def _names_node(resource: Resource | None) -> bool:
    """Is it a Pod that no scheduler has to place?"""
    spec = resource.data.get("spec") if resource is not None and resource.id.kind == "Pod" else None
    return isinstance(spec, Mapping) and bool(spec.get("nodeName"))


def _left_out(item: PlannedObject) -> str:
    """Why no server is asked for an object."""
    if item.id.group == _ADMISSION_GROUP and item.id.kind in _WEBHOOKS:
        return "webhooks are not simulated"
    if item.id.group == "apiregistration.k8s.io" and item.id.kind == "APIService":
        return "aggregated APIs are not simulated"
    if any(failure.code == ONLY_CREATED for failure in item.failures):
        return "nothing that applies objects sends it"
    return ""


def _concerns_others(item: PlannedObject) -> bool:
    """May a change of it have the server refuse or alter what stays as it is?"""
    if item.before is not None and item.after is not None and is_same(item):
        return False
    kinds = (*_POLICIES, _DEFINITION, "LimitRange", "Namespace", "ResourceQuota")
    return item.id.kind in kinds


def _parameter_kinds(resources: Iterable[Resource]) -> Iterable[tuple[str, str]]:
    """Kinds that policies take parameters from."""
    for resource in resources:
        spec: Any = resource.data.get("spec") if _is_policy(resource) else None
        kind = spec.get("paramKind") if isinstance(spec, Mapping) else None
        if isinstance(kind, Mapping):
            yield str(kind.get("apiVersion")), str(kind.get("kind"))
