"""`predict`: what becomes of one object when the agent applies a new text of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.apply import ApplyMethod, apply
from gitgate.reconcile.canon import canonical
from gitgate.reconcile.content import copied
from gitgate.reconcile.create_rules import CUSTOM_RESOURCE, create_failures
from gitgate.reconcile.create_workloads import ZONE_WORDS
from gitgate.reconcile.custom_values import RATCHETING, is_as_it_was
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.merge import NOBODY, Owned, Sides
from gitgate.reconcile.names import APPS, BATCH, CORE
from gitgate.reconcile.tables import TypeNode
from gitgate.reconcile.typed import typed_failures
from gitgate.reconcile.update_rules import update_failures

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the cluster would hold afterwards, or why the server refuses.

    Attributes:
        before: The object as stored now; empty when there is none.
        after: As stored afterwards; what was to be stored when there are failures, empty when it cannot be read.
        failures: Why the server refuses; empty when it does not.
    """

    before: Object = field(default_factory=lambda: MappingProxyType({}))
    after: Object = field(default_factory=lambda: MappingProxyType({}))
    failures: tuple[Failure, ...] = ()


def predict_create(
    node: TypeNode, head: Object, *, version: str, method: ApplyMethod = ApplyMethod.SERVER_SIDE
) -> Outcome:
    """What becomes of an object that the cluster does not have.

    Args:
        node: The type of its kind.
        head: The object as git has it.
        version: Kubernetes version.
        method: How the agent applies.
    """
    unreadable = typed_failures(node, head, _tolerated(node, method))
    if unreadable:
        return Outcome(failures=unreadable)
    after = canonical(node, head)
    return Outcome(after=after, failures=create_failures(node, after, version))


def predict_update(  # noqa: PLR0913 - what a three-way merge takes, and how
    node: TypeNode, base: Object, head: Object, *, version: str, method: ApplyMethod = ApplyMethod.SERVER_SIDE,
    live: Object | None = None, others: Owned = NOBODY,
) -> Outcome:  # fmt: skip
    """What becomes of an object that the cluster has.

    Args:
        node: The type of its kind.
        base: The object as git has it now, and as the agent applied it last.
        head: As git would have it.
        version: Kubernetes version.
        method: How the agent applies.
        live: What the cluster holds; None when it is what applying the base made.
        others: What other managers own of it.
    """
    before = canonical(node, base if live is None else live)
    unreadable = typed_failures(node, head, _tolerated(node, method))
    if unreadable:
        return Outcome(before=before, failures=unreadable)
    after = canonical(node, apply(method, node, Sides(before, base, head, others), version))
    _keep_allocated(node, before, after)
    return Outcome(before=before, after=after, failures=_refused(node, before, after, version))


def _refused(node: TypeNode, before: Object, after: Object, version: str) -> tuple[Failure, ...]:
    refused, changed = create_failures(node, after, version), update_failures(before, after, version)
    if node.name == BATCH + "CronJob" and "TZ" in str((before.get("spec") or {}).get("schedule")):
        # batch/validation, validateCronJobSpec: a zone in the schedule may stay where it was before it was forbidden.
        refused = tuple(failure for failure in refused if ZONE_WORDS not in failure.message)
    if node.custom and tuple(map(int, version.split("."))) >= RATCHETING:
        refused = tuple(
            one for one in refused if one.code != CUSTOM_RESOURCE or not is_as_it_was(node, before, after, one)
        )
    # apps/validation, core/validation: of these the update is judged before the content, of all others after it.
    first = (APPS + "DaemonSet", CORE + "ConfigMap", CORE + "Secret")
    return changed + refused if node.name in first else refused + changed


def predict_kept(node: TypeNode, outcome: Outcome, kept: Iterable[FieldPath], version: str) -> Outcome:
    """What becomes of an update when the agent leaves some fields as they are in the cluster.

    Args:
        node: The type of the kind.
        outcome: What `predict_update` says.
        kept: Paths that `changed_fields` gave for it.
        version: Kubernetes version.
    """
    after = copied(dict(outcome.after))
    for path in kept:
        _put_back(outcome.before, after, path)
    return Outcome(before=outcome.before, after=after, failures=_refused(node, outcome.before, after, version))


def _put_back(before: Any, after: Any, path: FieldPath) -> None:
    for step in path[:-1]:
        before, after = before[step], after[step]
    if not isinstance(before, Mapping) or path[-1] in before:
        after[path[-1]] = copied(before[path[-1]])
    else:
        after.pop(path[-1], None)


def _tolerated(node: TypeNode, method: ApplyMethod) -> frozenset[str]:
    """Failures of server-side apply that another way of applying does not have.

    kubectl's patch and replacement do not read list keys; Flux drops the unknown fields of built-in kinds beforehand.
    """
    if method in (ApplyMethod.CLIENT_SIDE, ApplyMethod.REPLACE):
        return frozenset({"duplicate-key"})
    if method is ApplyMethod.FLUX and not node.custom:
        return frozenset({"undeclared-field"})
    return frozenset()


_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")


def _keep_allocated(node: TypeNode, before: Object, after: dict[str, Any]) -> None:
    """What the server carries over when an update leaves it out.

    Source: registry/core/service/storage/storage.go, `patchAllocatedValues`.
    """
    if node.name != CORE + "Service":
        return
    old, new = before.get("spec"), after.get("spec")
    if not isinstance(old, dict) or not isinstance(new, dict) or "ExternalName" in (old.get("type"), new.get("type")):
        return
    for key in _ALLOCATED:
        if key in old and key not in new and (key != "healthCheckNodePort" or _is_checked(new)):
            new[key] = copied(old[key])
    if _is_checked(old) and not _is_checked(new) and new.get("healthCheckNodePort") == old.get("healthCheckNodePort"):
        new.pop("healthCheckNodePort", None)
    _drop_of_load_balancers(new, old)
    if new.get("type") not in ("NodePort", "LoadBalancer"):
        _wipe_node_ports(new, old)
        return
    ports = {(port.get("port"), port.get("protocol")): port.get("nodePort") for port in old.get("ports") or ()}
    for port in new.get("ports") or ():
        number = ports.get((port.get("port"), port.get("protocol")))
        if number and not port.get("nodePort"):
            port["nodePort"] = number


def _is_checked(spec: Object) -> bool:
    """Does a load balancer ask each node? registry/core/service/strategy.go, `needsHCNodePort`."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _wipe_node_ports(new: dict[str, Any], old: Object) -> None:
    # registry/core/service/strategy.go, `dropTypeDependentFields`: only what an update left over.
    if old.get("type") not in ("NodePort", "LoadBalancer"):
        return
    kept = {port.get("nodePort") for port in old.get("ports") or ()}
    for port in new.get("ports") or ():
        if port.get("nodePort") in kept:
            port.pop("nodePort", None)
    if new.get("externalTrafficPolicy") == old.get("externalTrafficPolicy"):
        new.pop("externalTrafficPolicy", None)


def _drop_of_load_balancers(new: dict[str, Any], old: Object) -> None:
    # Likewise: what only load balancers have goes with the type, unless the change sets it to something else.
    if old.get("type") == "LoadBalancer" and new.get("type") != "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if new.get(key) == old.get(key):
                new.pop(key, None)
