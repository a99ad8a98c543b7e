"""Fields that agents ignore: shown with their rule, never dropped, and never more than what is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.reconcile.ignored import EVERY, jq_steps, pointer_steps
from gitgate.reconcile.plan import Action, Plan, PlannedObject, make_plan
from gitgate.reconcile.render import render_text
from gitgate.reconcile.render_html import render_html
from gitgate.reconcile.render_json import render_json
from gitgate.reconcile.render_markdown import render_markdown
from tests.support.cluster import VERSION, changed, workload
from tests.unit.reconcile.test_plan import SCALER, application, flux, snapshot

WEB = changed(workload(), "spec.replicas", 2)
MORE = changed(WEB, "spec.replicas", 3)
IMAGE = changed(WEB, "spec.template.spec.containers.0.image", "web:2")
RESPECT = ["RespectIgnoreDifferences=true"]


def argo(*options: str, **entry: Any) -> dict[str, Any]:
    found = application("apps", syncOptions=list(options))
    found["spec"]["ignoreDifferences"] = [{"group": "apps", "kind": "Deployment", **entry}]
    return found


def kustomization(path: str, **target: str) -> dict[str, Any]:
    return flux("apps", "./apps", ignore=[{"paths": [path], "target": target}])


def plan_of(owner: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> tuple[Plan, PlannedObject]:
    plan = make_plan(snapshot(owner, before), snapshot(owner, after), VERSION)
    return plan, next(item for item in plan.objects if item.id.kind == "Deployment")


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        ("/spec/replicas", ("spec", "replicas")),
        ("/metadata/annotations/a~1b~0c", ("metadata", "annotations", "a/b~c")),
        ("spec/replicas", None),
        ("", None),
        ("/a~2", None),
        (7, None),
    ],
)
def test_json_pointers(written: object, steps: object) -> None:
    assert pointer_steps(written) == steps


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        (".spec.replicas", ("spec", "replicas")),
        (".spec.template.spec.containers[].image", ("spec", "template", "spec", "containers", EVERY, "image")),
        (".spec.ports[0].port", ("spec", "ports", "0", "port")),
        ('.metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c")),
        (".", None),
        ("spec", None),
        ("..", None),
        (".spec | .replicas", None),
        ('.spec.containers[] | select(.name == "a")', None),
        (".spec?", None),
        (".spec[-1]", None),
        ("[].spec", None),
        (None, None),
    ],
)  # fmt: skip
def test_jq_paths_of_fields_and_items_only(written: object, steps: object) -> None:
    assert jq_steps(written) == steps


@pytest.mark.parametrize(
    ("owner", "after", "field"),
    [
        (argo(*RESPECT, jsonPointers=["/spec/replicas"]), MORE, "spec.replicas"),
        (argo(*RESPECT, jqPathExpressions=[".spec.replicas"]), MORE, "spec.replicas"),
        (argo(*RESPECT, jqPathExpressions=[".spec.template.spec.containers[].image"]), IMAGE,
         "spec.template.spec.containers[0].image"),
        (kustomization("/spec/replicas"), MORE, "spec.replicas"),
        (kustomization("/spec/replicas", kind="Deployment"), MORE, "spec.replicas"),
    ],
)  # fmt: skip
def test_what_the_agent_keeps_is_no_update_and_is_shown(owner: dict, after: dict, field: str) -> None:
    plan, item = plan_of(owner, WEB, after)
    assert item.action is Action.UNCHANGED
    text = render_text(plan, ())
    assert f"◌ {field} is ignored by {owner['kind']} " in text
    assert "what the cluster has stays" in text
    assert "is ignored by" in render_html(plan, ())
    assert "is ignored by" in render_markdown(plan, ())
    document = json.loads(render_json(plan, ()))
    Draft202012Validator(json.loads(bundled.schema_file("plan-v1.json").read_bytes())).validate(document)
    assert [one["field"] for one in document["objects"][0]["ignored"]] == [field]


def test_without_respect_the_next_sync_sets_it_all_the_same() -> None:
    plan, item = plan_of(argo(jsonPointers=["/spec/replicas"]), WEB, MORE)
    assert item.action is Action.UPDATE
    assert [one.applied for one in item.ignored] == [True]
    assert "the next sync sets it all the same" in render_text(plan, ())


@pytest.mark.parametrize(
    "owner",
    [
        argo(*RESPECT, jsonPointers=["/spec/paused"]),
        argo(*RESPECT, jsonPointers=["/spec/replicas/0"]),
        argo(*RESPECT, jsonPointers=["/spec/replicas"], name="other"),
        argo(*RESPECT, jsonPointers=["/spec/replicas"], kind="StatefulSet"),
        kustomization("/spec/replicas", kind="StatefulSet"),
        kustomization("/spec/replicas", name="other"),
    ],
)
def test_other_fields_and_objects_are_updated(owner: dict) -> None:
    _, item = plan_of(owner, WEB, MORE)
    assert (item.action, item.ignored) == (Action.UPDATE, ())


@pytest.mark.parametrize(
    "owner",
    [
        argo(*RESPECT, jqPathExpressions=[".spec | del(.replicas)"]),
        argo(*RESPECT, jsonPointers=["spec/replicas", 7, None]),
        argo(*RESPECT, managedFieldsManagers=["hpa\x1b[31m"]),
        argo(*RESPECT, jsonPointers=["/spec/replicas"], name=["web"]),
        argo(*RESPECT, jsonPointers=["/spec/replicas"], kind="[D]eployment"),
        kustomization("/spec/replicas", name="(a+)+$"),
        kustomization("/spec/replicas", labelSelector="a=b"),
        kustomization("spec"),
    ],
)
def test_what_is_not_understood_ignores_nothing_and_is_told(owner: dict) -> None:
    plan, item = plan_of(owner, WEB, MORE)
    assert (item.action, item.ignored) == (Action.UPDATE, ())
    told = [text for text in plan.assumptions if text.startswith(owner["kind"])]
    assert told
    assert told[0].isprintable()


@pytest.mark.parametrize(
    "value", [1, "a", [1], [None], {"a": 1}, [[]], [{}], [{"kind": "Deployment", "jsonPointers": 3}]]
)
def test_no_value_of_the_list_crashes_a_plan(value: object) -> None:
    owner = application("apps")
    owner["spec"]["ignoreDifferences"] = value
    assert plan_of(owner, WEB, MORE)[1].action is Action.UPDATE
    assert plan_of(flux("apps", "apps", ignore=value), WEB, MORE)[1].action is Action.UPDATE


def test_an_immutable_field_that_is_kept_does_not_block_and_the_rest_is_judged_with_it() -> None:
    wider = changed(WEB, "spec.template.metadata.labels", {"app": "web", "tier": "a"})
    wider = changed(wider, "spec.selector.matchLabels", {"app": "web", "tier": "a"})
    moved = changed(WEB, "spec.template.metadata.labels", {"app": "b"})
    moved = changed(moved, "spec.selector.matchLabels", {"app": "b"})
    keeping = argo("ServerSideApply=true", *RESPECT, jsonPointers=["/spec/selector"])
    assert plan_of(argo("ServerSideApply=true"), WEB, wider)[1].action is Action.BLOCKED
    assert plan_of(keeping, WEB, wider)[1].action is Action.UPDATE
    _, item = plan_of(keeping, WEB, moved)
    assert item.action is Action.BLOCKED, "the selector that stays does not match the new labels"


def test_replicas_of_an_autoscaled_workload_are_marked() -> None:
    plan, item = plan_of(SCALER, WEB, MORE)
    assert item.action is Action.UPDATE
    assert "HorizontalPodAutoscaler" in item.ignored[0].rule
    assert "which scales it: the next sync sets it all the same" in render_text(plan, ())


def test_many_rules_that_are_not_understood_do_not_crowd_out_the_plan() -> None:
    owner = argo(jqPathExpressions=[f".a | .b{number} <img> @all" for number in range(5000)])
    plan, _ = plan_of(owner, WEB, MORE)
    text = render_markdown(plan, ())
    assert "4980 more rules" in text
    assert "1 to update" in text
    assert "spec.replicas" in text
    assert "<img>" not in text
    assert "@all" not in text
