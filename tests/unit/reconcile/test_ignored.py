"""Fields that agents ignore: shown with their rule, never dropped, and never more than what is understood."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.reconcile.ignored import EVERY, Select, jq_steps, pointer_steps
from gitgate.reconcile.plan import Action, Plan, PlannedObject, make_plan
from gitgate.reconcile.render import render_text
from gitgate.reconcile.render_html import render_html
from gitgate.reconcile.render_json import render_json
from gitgate.reconcile.render_markdown import render_markdown
from gitgate.reconcile.targets import pattern_globs, selector_requirements
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
        (".spec | .replicas", ("spec", "replicas")),
        ('.spec.containers[] | select(.name == "a")', ("spec", "containers", Select("name", "a"))),
        ('.spec.containers[]|select(.name=="a").image', ("spec", "containers", Select("name", "a"), "image")),
        ('.spec.containers[] | select(.name == "a") | .env[]', ("spec", "containers", Select("name", "a"), "env", EVERY)),
        (".webhooks[]?.clientConfig?.caBundle", ("webhooks", EVERY, "clientConfig", "caBundle")),
        ('.spec.containers[] select(.name == "a")', None),
        ('.spec | select(.name == "a")', None),
        ('.spec.containers[] | select(.name == "a" or .name == "b")', None),
        ('.spec.containers[] | select(.name != "a")', None),
        (".spec | [0]", None),
        (".spec | del(.replicas)", None),
        (".spec |", None),
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
        (kustomization("/spec/replicas", kind="(Deploy|Other).+", name="^w.b$", version="v1"), MORE, "spec.replicas"),
        (kustomization("/spec/replicas", labelSelector="!team", annotationSelector="team notin (a, b)"), MORE,
         "spec.replicas"),
        (argo(*RESPECT, jqPathExpressions=['.spec.template.spec.containers[] | select(.name == "web") | .image']), IMAGE,
         "spec.template.spec.containers[0].image"),
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
        kustomization("/spec/replicas", name="we"),
        kustomization("/spec/replicas", version="v1beta1"),
        kustomization("/spec/replicas", labelSelector="app=other"),
        kustomization("/spec/replicas", annotationSelector="team"),
        argo(*RESPECT, jqPathExpressions=['.spec.template.spec.containers[] | select(.name == "other")']),
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
        kustomization("/spec/replicas", name="[w]eb"),
        kustomization("/spec/replicas", labelSelector="a>5"),
        kustomization("/spec/replicas", anything="web"),
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
    assert (
        "spec.replicas is set by HorizontalPodAutoscaler shop/web, which scales it: the next sync sets it all the same"
        in render_text(plan, ())
    )


def test_many_rules_that_are_not_understood_do_not_crowd_out_the_plan() -> None:
    owner = argo(jqPathExpressions=[f".a | .b{number} <img> @all" for number in range(5000)])
    plan, _ = plan_of(owner, WEB, MORE)
    text = render_markdown(plan, ())
    assert "4980 more rules" in text
    assert "1 to update" in text
    assert "spec.replicas" in text
    assert "<img>" not in text
    assert "@all" not in text


def owned_live(manager: str, **fields: Any) -> dict[str, Any]:
    """What the cluster has, of which a manager owns some fields."""
    entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    return changed(changed(WEB, "spec.replicas", 9), "metadata.managedFields", [entry])


REPLICAS = {"f:spec": {"f:replicas": {}}}


@pytest.mark.parametrize(
    ("manager", "fields", "action"),
    [
        ("hpa", REPLICAS, Action.UNCHANGED),
        ("hpa", {"f:spec": {}}, Action.UNCHANGED),
        ("other", REPLICAS, Action.UPDATE),
        ("hpa", {"f:spec": {"f:paused": {}}}, Action.UPDATE),
        ("hpa", {"f:spec": {"f:replicas": {}}, "f:metadata": 7}, Action.UNCHANGED),
        ("hpa", {"f:spec": 7, "k:": {}, "f:": None}, Action.UNCHANGED),
    ],
)
def test_fields_of_a_manager_are_ignored_where_a_dump_tells_them(manager: str, fields: dict, action: Action) -> None:
    owner = argo(*RESPECT, managedFieldsManagers=["hpa"])
    live = snapshot(owned_live(manager, **fields)).resources
    plan = make_plan(snapshot(owner, WEB), snapshot(owner, MORE), VERSION, live=live)
    item = next(one for one in plan.objects if one.id.kind == "Deployment")
    assert item.action is action
    assert bool(item.ignored) is (action is Action.UNCHANGED)
    assert not any("dump with managed fields" in text for text in plan.assumptions)


def test_an_item_of_a_list_is_the_managers_by_its_key() -> None:
    owner = argo(*RESPECT, managedFieldsManagers=["hpa"])
    image = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}}
    live = snapshot(changed(owned_live("hpa", **image), "spec.replicas", 2)).resources
    plan = make_plan(snapshot(owner, WEB), snapshot(owner, IMAGE), VERSION, live=live)
    (item,) = [one for one in plan.objects if one.ignored]
    assert "containers[0].image is ignored by Application argocd/apps (manager" in str(item.ignored[0])


@pytest.mark.parametrize(
    ("written", "globs"),
    [
        ("web", ("web",)),
        ("^web$", ("web",)),
        ("web-.*|api", ("api", "web-*")),
        ("(web|api)-.+", ("api-?*", "web-?*")),
        (r"apps\.example", ("apps.example",)),
        ("v.", ("v?",)),
        ("(a+)+$", None),
        ("[a-z]+", None),
        ("(a|b)*", None),
        ("a{2}", None),
        ("(", None),
        ("|".join("a" * 100), None),
        ("a" * 2000, None),
        ("", None),
        (7, None),
    ],
)
def test_regular_expressions_that_are_no_more_than_globs(written: object, globs: object) -> None:
    assert pattern_globs(written) == globs


LABELS = {"app": "web", "tier": "front"}


@pytest.mark.parametrize(
    ("written", "matches"),
    [
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app != web", False),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("team notin (a)", True),
        ("app", True),
        ("!app", False),
        ("! team", True),
        ("team", False),
        ("", True),
        ("app=web,", None),
        ("app>1", None),
        ("app in web", None),
        ("=", None),
        (7, None),
    ],
)
def test_selectors_of_labels_as_text(written: object, matches: object) -> None:
    found = selector_requirements(written)
    assert (None if found is None else all(one.met(LABELS) for one in found)) is matches


@given(st.text(alphabet="ab.*+|()^$\\[]{}?,=! in-", max_size=40))
def test_any_text_is_read_or_refused(written: str) -> None:
    for read in (pattern_globs, selector_requirements, jq_steps, pointer_steps):
        assert read(written) is None or isinstance(read(written), tuple)


@given(st.lists(st.sampled_from(["a", "b", ".", ".*", ".+", "-", "|", "(a|b)", "\\."]), min_size=1, max_size=6),
       st.text(alphabet="ab.-", max_size=8))  # fmt: skip
def test_globs_match_what_the_regular_expression_matches(parts: list[str], name: str) -> None:
    written = "".join(parts)
    globs = pattern_globs(written)
    assume(globs is not None)
    assert globs is not None
    matched = any(fnmatch.fnmatchcase(name, one) for one in globs)
    assert matched is (re.fullmatch(f"(?:{written})", name) is not None)


def test_more_rules_than_anybody_needs_are_told_and_cost_no_time() -> None:
    owner = argo(*RESPECT, jsonPointers=[*(f"/spec/a{number}" for number in range(5000)), "/spec/replicas"])
    plan, item = plan_of(owner, WEB, MORE)
    assert item.action is Action.UPDATE
    assert any("only the first 500 are read" in text for text in plan.assumptions)


def test_the_same_rule_many_times_is_one() -> None:
    owner = argo(*RESPECT, jsonPointers=["/spec/replicas"] * 5000)
    plan, item = plan_of(owner, WEB, MORE)
    assert item.action is Action.UNCHANGED
    assert not any("are read" in text for text in plan.assumptions)
