"""Values that only the cluster knows: what depends on them is not foretold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitgate.location import FieldPath
from gitgate.proposal import Snapshot
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import NOT_KNOWN_HERE, Action, PlannedObject, make_plan
from tests.support.agents import snapshot
from tests.support.cluster import VERSION

CRON_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"schedule": "${CRON}", "jobTemplate": {"spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "a", "image": "a.example.com/b:1"}],
    }}}}},
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "shop"},
    "spec": {"ports": [{"port": "${PORT}"}]},
}  # fmt: skip
BINDING: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a", "namespace": "shop"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "${ROLE}"}, "subjects": [],
}  # fmt: skip


def unknown(data: dict[str, Any], *paths: FieldPath) -> Snapshot:
    (one,) = snapshot(data).resources
    return Snapshot(resources=(replace(one, unresolved=paths),))


def only(before: Snapshot, after: Snapshot) -> PlannedObject:
    (item,) = make_plan(before, after, VERSION).objects
    return item


@pytest.mark.parametrize(("data", "path"), [(CRON_JOB, ("spec", "schedule")), (SERVICE, ("spec", "ports", 0, "port"))])
def test_an_object_whose_value_is_not_known_is_created(data: dict[str, Any], path: FieldPath) -> None:
    item = only(Snapshot(), unknown(data, path))
    assert (item.action, item.failures, item.reason) == (Action.CREATE, (), NOT_KNOWN_HERE)
    assert only(Snapshot(), snapshot(data)).action is Action.BLOCKED


def test_what_is_refused_for_another_reason_is_refused() -> None:
    data = {**CRON_JOB, "spec": {**CRON_JOB["spec"], "concurrencyPolicy": "Never"}}
    item = only(Snapshot(), unknown(data, ("spec", "schedule")))
    assert item.action is Action.BLOCKED
    assert [failure.field for failure in item.failures] == [("spec", "concurrencyPolicy")]


def test_a_value_that_becomes_unknown_in_a_field_that_cannot_change_is_no_certain_refusal() -> None:
    before = snapshot({**BINDING, "roleRef": {**BINDING["roleRef"], "name": "view"}})
    item = only(before, unknown(BINDING, ("roleRef", "name")))
    assert (item.action, [change.path for change in item.changes]) == (Action.UPDATE, [("roleRef", "name")])


def test_what_a_variable_names_is_not_missed() -> None:
    path = ("spec", "tls", 0, "secretName")
    data = {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"tls": [{"secretName": "${NAME}-tls"}]},
    }  # fmt: skip
    for after, wanted in ((unknown(data, path), []), (snapshot(data), ["unresolved-reference"])):
        told = follow(make_plan(Snapshot(), after, VERSION), Snapshot(), after)
        assert [one.code for one in told] == wanted
