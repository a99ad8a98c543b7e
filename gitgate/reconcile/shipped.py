"""Predictions from definitions that gitgate ships: what they are worth, and what the base says against them.

The cluster has some release of an operator, and gitgate ships another. What the base has was accepted by the cluster's
own definition, so where the shipped one refuses an object of the base, it is not held against the merge for the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gitgate.reconcile.failure import Certainty, Failure
from gitgate.reconcile.outcome import predict_create
from gitgate.reconcile.redact import redact
from gitgate.reconcile.tables import TypeNode
from gitgate.resource import Resource

_MOST = 500
"""Objects of one kind that are looked at: no more are needed to tell."""
_BY_KUBERNETES = frozenset({"apiVersion", "kind", "metadata"})
"""Fields that are the same in every kind, whatever its definition says."""

Reason = tuple[str, tuple[str, ...]]
"""The code of a failure, and its field without the numbers of items."""


class Evidence:
    """What the base says of the definitions that gitgate ships.

    Args:
        resources: The base.
        version: Kubernetes version.
    """

    def __init__(self, resources: Iterable[Resource], version: str) -> None:
        self._version = version
        self._resources = tuple(resources)
        self._refused: dict[tuple[str, str], frozenset[Reason]] = {}

    def contradicts(self, node: TypeNode, resource: Resource, failures: Iterable[Failure]) -> bool:
        """Does the base have an object of the kind that would be refused for one of these reasons, too?"""
        wanted = {_reason(failure) for failure in failures}
        return not wanted.isdisjoint(self._reasons(node, resource)) if wanted else False

    def _reasons(self, node: TypeNode, resource: Resource) -> frozenset[Reason]:
        key = (resource.id.api_version, resource.id.kind)
        if key not in self._refused:
            alike = [one for one in self._resources if (one.id.api_version, one.id.kind) == key][:_MOST]
            self._refused[key] = frozenset(_reason(failure) for one in alike for failure in self._failures(node, one))
        return self._refused[key]

    def _failures(self, node: TypeNode, resource: Resource) -> tuple[Failure, ...]:
        return predict_create(node, redact(resource.data), version=self._version).failures


def _reason(failure: Failure) -> Reason:
    return failure.code, tuple(str(step) for step in failure.field if not isinstance(step, int))


def likely(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures that follow from a shipped definition; what Kubernetes itself refuses stays as certain as it was."""
    return tuple(
        failure if failure.field[:1] and failure.field[0] in _BY_KUBERNETES
        else replace(failure, certainty=Certainty.LIKELY)
        for failure in failures
    )  # fmt: skip


def assumed_definitions(releases: Iterable[str]) -> str:
    """What is assumed of the cluster's definitions, in one sentence; empty where nothing is.

    Args:
        releases: Those that definitions were taken from.
    """
    told = ", ".join(sorted(set(releases)))
    return f"Kinds that the repository does not define are as in {told}." if told else ""
