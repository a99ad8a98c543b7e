"""`simulate_dry_run`: base and merge as dry runs against the API server of an existing cluster.

Both are tried on what the cluster has: what the base changes is drift, and what the merge changes beside it is the
plan. Deletions are predicted: a right to try them is a right to do them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import find_owners, handling, owner_of
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.changes import FieldChange, changed_fields
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.ignored import Pair, split_ignored
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.ownership import named_managers
from gitgate.reconcile.plan import Action, PlannedObject, hide_values
from gitgate.reconcile.redact import redact
from gitgate.reconcile.server.applier import Applied, Applier
from gitgate.reconcile.server.client import Answer, Client, Trial, concurrently
from gitgate.reconcile.server.copying import as_the_agent_sees
from gitgate.reconcile.server.discovery import Discovery
from gitgate.reconcile.server.judging import compared, is_same, some, told
from gitgate.reconcile.server.live_simulation import NOT_THERE, THERE
from gitgate.reconcile.server.reading import LiveClient, demand_answer, forbidden, is_unauthorized
from gitgate.reconcile.server.simulation import Simulated
from gitgate.reconcile.server.stored import stored
from gitgate.resource import Resource

Tell = Callable[[str], None]
Object = Mapping[str, Any]


class DryRunClient(Trial):
    """Sends everything that does not read as a dry run, and says which right is missing.

    Args:
        client: The API server; its own guard sees to it that nothing else leaves.
        context: What it is called.
    """

    def __init__(self, client: Client, context: str) -> None:
        super().__init__(client)
        self._context = context

    def request(  # noqa: PLR0913 - see `Client.request`
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        timeout: float = 60.0,
    ) -> Answer:
        """See `Client.request`."""
        answer = super().request(method, path, body, query=query, content=content, timeout=timeout)
        if is_unauthorized(answer):
            raise forbidden(self._context, answer)
        return demand_answer(self._context, answer) if answer.status < 500 else answer


def simulate_dry_run(  # noqa: PLR0913 - as `simulate`
    client: Client, context: str, before: Snapshot, after: Snapshot, offline: Iterable[PlannedObject], *,
    version: str, default: ApplyMethod, tell: Tell = lambda _: None,
) -> Simulated:  # fmt: skip
    """Let a cluster say what it would store.

    Args:
        client: The cluster.
        context: What it is called.
        before: What the base renders to.
        after: What the merge would render to.
        offline: The offline plan's objects.
        version: Kubernetes version of the cluster.
        default: How objects are applied whose owner the repository does not have.
        tell: Told what is being done.

    Raises:
        ToolError: The cluster does not answer, or a right is missing.
    """
    items = tuple(offline)
    run = _DryRun(DryRunClient(client, context), context, before, after, version=version, default=default)
    answers = concurrently(
        run.judge, items, lambda done: tell(f"asking the cluster of context {context}: {done} of {len(items)} objects")
    )
    left = sorted(str(answer.item.id) for answer in answers if answer.left_out)
    asked = (
        f"The cluster of context {context} was asked with dry runs, which store nothing: its own policies, webhooks "
        "and quotas answered. Each object was tried alone, so policies, definitions and quotas that the merge changes "
        "are not in force."
    )
    said = [asked, "Deletions are predicted, and not tried."]
    if left:
        said.append(f"These could not be tried, and are predictions: {some(left)}.")
    return Simulated(tuple(answer.item for answer in answers), tuple(said))


@dataclass(frozen=True, slots=True)
class _Judged:
    item: PlannedObject
    left_out: bool = False


class _DryRun:
    def __init__(  # noqa: PLR0913 - as `simulate_dry_run`
        self, client: Client, context: str, before: Snapshot, after: Snapshot, *, version: str, default: ApplyMethod,
    ) -> None:  # fmt: skip
        self._live = LiveClient(client, context)
        self._default = default
        self._owners = (find_owners(before.resources), find_owners(after.resources))
        self._kinds = Kinds(version, (*before.resources, *after.resources))
        self._discovery = Discovery(self._live)
        self._applier = Applier(client, self._discovery, self._kinds, dry_run=True)

    def judge(self, item: PlannedObject) -> _Judged:
        """What the cluster would make of one object."""
        sides = [one for one in (item.after, item.before) if one is not None and self._applier.served(one) is not None]
        if not sides:
            return _predicted(item, "the cluster does not serve its kind")
        live = self._object(sides[0])
        if live is None and item.before is not None and item.after is None:
            return _Judged(replace(item, action=Action.UNCHANGED, changes=(), reason=NOT_THERE))
        if item.after is None or item.is_unread:
            return _Judged(item)
        if self._applier.served(item.after) is None:
            return _predicted(item, "the cluster does not serve its kind")
        how = handling(item.after, owner_of(item.after, self._owners[1]), self._default)
        if how.frozen and live is not None:
            return _Judged(item)
        return self._judge_applied(item, item.after, live)

    def _judge_applied(self, item: PlannedObject, after: Resource, live: Object | None) -> _Judged:
        head = self._try(after, 1)
        if _is_elsewhere(head.failures):
            return _predicted(item, "its namespace is not in the cluster")
        item = replace(item, method=handling(after, owner_of(after, self._owners[1]), self._default).method)
        if live is None:
            found = compared(item, None, head)
            return _Judged(found if item.before is None else replace(found, reason=NOT_THERE))
        base = self._try(item.before, 0) if item.before is not None and self._applier.served(item.before) else None
        if base is not None:  # what the base takes is drift
            head = replace(head, taken=tuple(one for one in head.taken if one not in base.taken))
        seen = self._seen(item, after, live)
        head = replace(head, body=_tracked(head.body, live, seen)) if head.accepted else head
        base = replace(base, body=_tracked(base.body, live, seen)) if base is not None and base.accepted else base
        known = base if base is not None and base.accepted else Applied(sent=after.data, body=seen)
        drift = self._drift(item.before, seen, live, base) if item.before is not None and base is not None else ()
        if head.replaced:
            return _Judged(replace(item, action=Action.REPLACE, failures=told(item, head.failures), drift=drift))
        if base is not None and not base.accepted and not head.accepted and is_same(item):
            said = "; ".join(str(one) for one in told(item, base.failures))
            reason = f"the API server refuses it as the base has it, so it stays as it is: {said}"
            return _Judged(replace(item, action=Action.UNKNOWN, changes=(), failures=(), reason=reason))
        found = replace(compared(item, known, head), drift=drift)
        return _Judged(found if item.before is not None else replace(found, reason=THERE))

    def _seen(self, item: PlannedObject, after: Resource, live: Object) -> Object:
        sides = [one for one in (item.before, item.after) if one is not None]
        owner = owner_of(after, self._owners[1])
        return as_the_agent_sees(live, sides, owner, handling(after, owner, self._default).method)

    def _try(self, resource: Resource, side: int) -> Applied:
        return self._applier.apply(
            resource, handling(resource, owner_of(resource, self._owners[side]), self._default)
        )  # fmt: skip

    def _object(self, resource: Resource) -> Object | None:
        answer = self._live.get(self._applier.path(resource))
        return answer.body if answer.accepted else None

    def _drift(self, before: Resource, seen: Object, live: Object, base: Applied) -> tuple[FieldChange, ...]:
        if not base.accepted:
            return ()
        was, shall_be = stored(seen, before.data), stored(base.body, before.data)
        changes = changed_fields(was, shall_be)
        node = self._kinds.find(before) or self._kinds.undefined
        owner = owner_of(before, self._owners[0])
        rules = owner.ignores.rules if owner is not None else ()
        ignored = split_ignored(before, (one.path for one in changes), rules, Pair(was, shall_be, node, live))
        kept = {path for path, rule in ignored.items() if rule.keeps_live}
        return hide_values(
            redact(before.data), named_managers(node, live, (one for one in changes if one.path not in kept))
        )  # fmt: skip


def _tracked(body: Object, live: Object, seen: Object) -> Object:
    """What was stored without the marks of its agent, which `seen` has no more: they come with every sync."""
    metadata = dict(body.get("metadata") or {})
    for field in ("labels", "annotations"):
        there = live["metadata"].get(field) or {}
        marks = set(there) - set(seen["metadata"].get(field) or {})
        if isinstance(metadata.get(field), Mapping):
            metadata[field] = {key: value for key, value in metadata[field].items() if key not in marks}
            if not metadata[field]:
                metadata.pop(field)
    return {**body, "metadata": metadata}


def _is_elsewhere(failures: Iterable[Failure]) -> bool:
    return any(one.message.startswith("namespaces ") and one.message.endswith("not found") for one in failures)


def _predicted(item: PlannedObject, why: str) -> _Judged:
    said = "; ".join(filter(None, (item.reason, f"predicted offline: {why}")))
    return _Judged(item if item.action is Action.UNCHANGED else replace(item, reason=said), left_out=True)
