"""Changes of custom resources that nothing in the repository defines: what is known, what is likely, what is not."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.proposal import Snapshot
from gitgate.reconcile.plan import Action, PlannedObject, make_plan
from gitgate.reconcile.undefined import LIKELY
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.support.cluster import VERSION, changed, thing, workload

RELEASE = thing("example.io/v1", "Release", spec={
    "chart": "web", "replicas": 2, "values": {"image": "web:1"}, "empty": [], "enabled": True,
    "steps": [{"name": "a", "run": 1}, {"name": "b", "run": 2}], "selector": {"example.io/app": "web"},
})  # fmt: skip


def planned(before: dict[str, Any] | None, after: dict[str, Any]) -> PlannedObject:
    def held(data: dict[str, Any] | None) -> Snapshot:
        if data is None:
            return Snapshot(resources=())
        group, version = split_api_version(data["apiVersion"])
        identity = ResourceId(group, version, data["kind"], "shop", "web")
        return Snapshot(resources=(Resource(identity, data, Origin("a.yaml")),))

    (item,) = make_plan(held(before), held(after), VERSION).objects
    return item


LIKELY_UPDATES = [
    ("spec.chart", "other"), ("spec.replicas", 3), ("spec.values.image", "web:2"), ("spec.enabled", False),
    ("spec.steps", [{"name": "b", "run": 2}, {"name": "a", "run": 1}]),
    ("spec.steps", [{"name": "a", "run": 1}, {"name": "b", "run": 2}, {"name": "c", "run": 3}]),
    ("spec.steps", [{"name": "b", "run": 2}]),
    ("spec.selector", {"example.io/app": "web", "example.io/tier": "front"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), LIKELY_UPDATES)
def test_a_new_value_in_a_field_that_was_there_updates_probably(path: str, value: object) -> None:
    item = planned(RELEASE, changed(RELEASE, path, value))
    assert (item.action, item.reason) == (Action.UPDATE, LIKELY)
    assert all(change.path[0] == "spec" for change in item.changes)


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_metadata_is_the_same_for_every_kind(field: str) -> None:
    item = planned(RELEASE, changed(RELEASE, f"metadata.{field}", {"a": "b"}))
    assert (item.action, item.reason) == (Action.UPDATE, "")


UNKNOWN = [
    ("a field that comes may be a default, or not declared", "spec.more", 1),
    ("a field that goes may be a default, or required", "spec.chart", None),
    ("another type", "spec.replicas", "3"),
    ("a whole number is no fraction", "spec.replicas", 2.5),
    ("true is no number", "spec.enabled", 1),
    ("an item with a new field", "spec.steps.0.more", 1),
    ("a first item", "spec.empty", ["x"]),
    ("another part of the object", "data", {}),
    ("a status, which may be stored or not", "status", {"phase": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("why", "path", "value"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_what_a_definition_could_decide_otherwise_is_unknown(why: str, path: str, value: object) -> None:
    item = planned(RELEASE, changed(RELEASE, path, value))
    assert item.action is Action.UNKNOWN
    assert "nothing in the repository defines its kind" in item.reason


REFUSED = [
    ("metadata.labels", {"a b": "c"}, "metadata.labels: Invalid value"),
    ("metadata.labels", {"a": 1}, ".metadata.labels.a: expected string"),
    ("metadata.annotations", {"a": "x" * 262_144}, "metadata.annotations: Too long"),
]


@pytest.mark.parametrize(("path", "value", "said"), REFUSED)
def test_bad_metadata_is_refused_whatever_the_kind(path: str, value: object, said: str) -> None:
    for before in (RELEASE, None):
        item = planned(before, changed(RELEASE, path, value))
        assert item.action is Action.BLOCKED
        assert said in str(item.failures[0])


SERVED = [
    ("policy/v1beta1", "PodSecurityPolicy", True), ("extensions/v1beta1", "Ingress", True),
    ("apps/v1", "Deploiment", True), ("v1", "Pot", True), ("apps/v1beta2", "Deployment", True),
    ("snapshot.storage.k8s.io/v1", "VolumeSnapshot", False), ("example.io/v1", "Deployment", False),
    ("metrics.k8s.io/v1beta1", "NodeMetrics", False), ("apps.openshift.io/v1", "DeploymentConfig", False),
]  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "refused"), SERVED)
def test_a_kind_that_kubernetes_own_groups_do_not_have_is_refused(api_version: str, kind: str, refused: bool) -> None:  # noqa: FBT001 - a column of the table
    data = thing(api_version, kind, spec={"a": 1})
    for before in (None, changed(data, "spec.a", 2)):
        item = planned(before, data)
        assert (item.action is Action.BLOCKED) is refused
        if refused:
            assert str(item.failures[0]) == f'apiVersion: no matches for kind "{kind}" in version "{api_version}"'


def test_true_and_one_are_not_the_same_content() -> None:
    item = planned(workload(replicas=1), workload(replicas=True))
    assert item.action is Action.BLOCKED


def test_a_list_of_many_shapes_is_judged_in_linear_time() -> None:
    before = changed(RELEASE, "spec.steps", [{f"a{number}": [{"b": number}]} for number in range(20_000)])
    after = changed(RELEASE, "spec.steps", [{f"a{number}": [{"b": 0}]} for number in range(20_000)])
    assert planned(before, after).action is Action.UPDATE
