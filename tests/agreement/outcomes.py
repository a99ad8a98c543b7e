"""What a server made of a pair, what gitgate says of it, and whether the two agree."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitgate import bundled
from gitgate.location import FieldPath, format_field_path
from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.canon import canonical
from gitgate.reconcile.changes import changed_paths
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.outcome import predict_update
from gitgate.reconcile.plan import Action, make_plan
from gitgate.reconcile.server.stored import stored
from gitgate.reconcile.tables import TypeNode
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.agreement.pairs import Pair, definition
from tests.agreement.server import Server
from tests.conformance.reconcile import failing_field, visible

_NOT_COMPARED = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"})
VERDICTS: Mapping[Action, str] = {
    Action.UNCHANGED: "unchanged", Action.UPDATE: "update", Action.BLOCKED: "fail", Action.UNKNOWN: "unknown",
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What becomes of a pair.

    Attributes:
        verdict: `unchanged`, `update`, `fail`; `refused` when the base cannot be applied, `unknown` from gitgate alone.
        paths: Fields that change, in the order of their names; nothing unless it updates.
        field: The first field that the server names; empty where it names none.
        message: Why it fails.
        stored: A digest of the whole object afterwards, without what the server allocates; nothing unless it updates.
    """

    verdict: str
    paths: tuple[str, ...] = ()
    field: str = ""
    message: str = ""
    stored: str = ""


def predicted(pair: Pair, version: str, method: ApplyMethod = ApplyMethod.SERVER_SIDE) -> Outcome:
    """What gitgate says."""
    if method is not ApplyMethod.SERVER_SIDE:
        return _applied_otherwise(pair, version, method)
    before, after = (Snapshot((_resource(definition()), _resource(one))) for one in (pair.base, pair.head))
    item = next(
        one for one in make_plan(before, after, version).objects if one.id.name == pair.base["metadata"]["name"]
    )
    verdict = VERDICTS[item.action]
    if item.failures:
        first = item.failures[0]
        return Outcome(verdict, (), first.place or format_field_path(first.field), first.message)
    paths = _compared(pair, (change.path for change in item.changes)) if verdict == "update" else ()
    return Outcome(verdict, paths, stored=_said_to_be_stored(pair, version) if verdict == "update" else "")


def _said_to_be_stored(pair: Pair, version: str) -> str:
    after = predict_update(_type_of(pair, version), pair.base, pair.head, version=version).after
    return digest(pair, after, version)


def digest(pair: Pair, body: Mapping[str, Any], version: str) -> str:
    """A few characters that tell one stored object from another, whatever the server allocates and however it is spelt."""
    plain = visible(canonical(_type_of(pair, version), stored(body, pair.head)))
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:12]


def _type_of(pair: Pair, version: str) -> TypeNode:
    kinds = _kinds(version)
    return kinds.find(_resource(pair.base)) or kinds.undefined


def comparable(said: Outcome, was: Outcome) -> Outcome:
    """What gitgate says, as far as it can be compared: what the server allocates is not, and may be all that changes."""
    return was if was.verdict == "unchanged" and said.verdict == "update" and not said.paths else said


def _applied_otherwise(pair: Pair, version: str, method: ApplyMethod) -> Outcome:
    node = _kinds(version).find(_resource(pair.base))
    assert node is not None
    outcome = predict_update(node, pair.base, pair.head, version=version, method=method)
    if outcome.failures:
        first = outcome.failures[0]
        return Outcome("fail", (), first.place or format_field_path(first.field), first.message)
    everything = changed_paths(outcome.before, outcome.after)
    paths = _compared(pair, everything)
    return Outcome("update" if everything else "unchanged", paths)


@lru_cache
def _kinds(version: str) -> Kinds:
    return Kinds(version, (_resource(definition()),), predicts=True)


def _resource(data: Mapping[str, Any]) -> Resource:
    group, version = split_api_version(data["apiVersion"])
    return Resource(ResourceId(group, version, data["kind"], "", data["metadata"]["name"]), data, Origin("a.yaml"))


def _compared(pair: Pair, paths: Iterable[FieldPath]) -> tuple[str, ...]:
    """Paths without those of what the server allocates."""
    service = pair.kind == "Service"
    kept = (
        path
        for path in paths
        if not (service and ((path[1:2] and path[1] in _NOT_COMPARED) or path[-1:] == ("nodePort",)))
    )
    return tuple(sorted(map(format_field_path, kept)))


def happened(pair: Pair, server: Server, namespace: str, version: str) -> Outcome:
    """What the server of a version makes of it; nothing stays behind."""
    try:
        created = server.apply(pair.base, namespace)
    except KeyError:
        return Outcome("refused", message="not served")
    if not created.accepted:
        return Outcome("refused", message=created.message)
    try:
        _wait(pair, server, namespace)
        live = server.request("GET", f"{server.place(pair.base, namespace)}/{pair.base['metadata']['name']}").body
        answer = server.apply(pair.head, namespace)
        if not answer.accepted:
            return Outcome("fail", (), failing_field(answer.message), answer.message)
        changed = _compared(pair, changed_paths(visible(live), visible(answer.body)))
        return (
            Outcome("update", changed, stored=digest(pair, answer.body, version)) if changed else Outcome("unchanged")
        )
    finally:
        server.delete(pair.base, namespace)


def _wait(pair: Pair, server: Server, namespace: str) -> None:
    """Wait until a definition is established: what may not change any more is decided by that."""
    path = f"{server.place(pair.base, namespace)}/{pair.base['metadata']['name']}"
    for _ in range(100 if pair.kind == "CustomResourceDefinition" else 0):
        status = server.request("GET", path).body.get("status")
        conditions = (status.get("conditions") if isinstance(status, dict) else None) or ()
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        time.sleep(0.02)


def _shipped(pairs: Iterable[Pair]) -> Iterator[dict[str, Any]]:
    """The definitions that gitgate ships for the groups of pairs, as a server takes them."""
    groups = {split_api_version(pair.base["apiVersion"])[0] for pair in pairs}
    for name in sorted(
        {name for group in groups if (name := bundled.agents_file(group) or bundled.operators_file(group))}
    ):
        for one in bundled.definitions(name):
            if one["spec"]["group"] in groups:
                names = {"plural": f"{one['spec']['names']['kind'].lower()}s", **one["spec"]["names"]}
                metadata = {
                    "name": f"{names['plural']}.{one['spec']['group']}",
                    "annotations": {"api-approved.kubernetes.io": "unapproved, in a test"},
                }
                yield {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                       "metadata": metadata, "spec": {**one["spec"], "names": names}}  # fmt: skip


def run(pairs: Iterable[Pair], server: Server, version: str, threads: int = 6) -> dict[str, Outcome]:
    """Apply every pair, several objects at once, those of one object one after the other."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        # What is not in a namespace must not be there twice at a time, wherever the pairs come from.
        name = f"{pair.base['apiVersion']} {pair.kind} {pair.base['metadata']['name']}"
        groups.setdefault(name, []).append(pair)
    for one_definition in (definition(), *_shipped(pair for found in groups.values() for pair in found)):
        server.apply(one_definition, "")
        _wait(Pair(one_definition, one_definition, "", ""), server, "")
    for index in range(len(groups)):
        server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"agreement-{index}"}}, "")

    def one(job: tuple[int, list[Pair]]) -> dict[str, Outcome]:
        return {pair.key: happened(pair, server, f"agreement-{job[0]}", version) for pair in job[1]}

    found: dict[str, Outcome] = {}
    with ThreadPoolExecutor(threads) as pool:
        for outcomes in pool.map(one, enumerate(groups.values())):
            found |= outcomes
    return found
