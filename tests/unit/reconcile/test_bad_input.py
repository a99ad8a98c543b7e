"""Plans of what nobody should commit: nothing crashes, everything ends, and what is not known is called that."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gitgate.proposal import Snapshot
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import Action, Plan, make_plan
from gitgate.reconcile.render import render_text
from gitgate.reconcile.render_html import render_html
from gitgate.reconcile.render_json import render_json
from gitgate.reconcile.render_markdown import render_markdown
from gitgate.resource import Origin, Resource, ResourceId
from tests.support.cluster import VERSION, changed, thing, workload

PASSWORD = "correct-horse-battery"
OTHER = "staple-of-another-kind"


def resource(data: dict[str, Any], index: int = 0) -> Resource:
    """As tolerant as hostile input demands: nothing of it need be there."""
    metadata = data.get("metadata") if isinstance(data.get("metadata"), dict) else {}
    group, _, version = str(data.get("apiVersion", "")).rpartition("/")
    name = ResourceId(group, version, str(data.get("kind", "")), "shop", str((metadata or {}).get("name", "")))
    return Resource(name, data, Origin(f"apps/{index}.yaml"))


def planned(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Plan:
    sides = [Snapshot(tuple(resource(data, index) for index, data in enumerate(side))) for side in (before, after)]
    return make_plan(sides[0], sides[1], VERSION)


def printed(plan: Plan) -> dict[str, str]:
    sides = [
        Snapshot(tuple(one for item in plan.objects if (one := getattr(item, side)) is not None))
        for side in ("before", "after")
    ]
    follows = follow(plan, sides[0], sides[1])
    return {
        "text": render_text(plan, follows),
        "json": render_json(plan, follows),
        "markdown": render_markdown(plan, follows),
        "html": render_html(plan, follows),
    }


ODD: list[dict[str, Any]] = [
    {},
    {"apiVersion": "v1"},
    {"apiVersion": "v1", "kind": "ConfigMap"},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": None},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 5}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": ""}, "spec": []},
    {"apiVersion": "apps/v1", "metadata": {"name": "a"}, "spec": {"template": 1}},
    {"apiVersion": "a/b/c", "kind": "Strange", "metadata": {"name": "a"}},
    {"apiVersion": "v1", "kind": ["List"], "metadata": {"name": "a", "labels": [1]}, "items": {}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": ["x"], "stringData": {"a": {"b": 1}}},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: json.dumps(odd)[:50])
def test_an_object_without_name_or_kind_is_planned_and_shown(odd: dict[str, Any]) -> None:
    for before, after in (([], [odd]), ([odd], []), ([odd], [{**odd, "extra": 1}]), ([{**odd, "extra": None}], [odd])):
        texts = printed(planned(before, after))
        assert all(texts.values())


def test_a_kind_that_nothing_defines_is_never_called_unchanged_when_it_changes() -> None:
    base = thing("unknown.example.com/v1", "Mystery", spec={"a": 1})
    plan = planned([base], [changed(base, "spec.b", 2)])
    assert [item.action for item in plan.objects] == [Action.UNKNOWN]
    assert "unknown" in printed(plan)["text"]


def owners_in_a_circle() -> list[dict[str, Any]]:
    found = []
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        data = changed(workload(), "metadata.name", one)
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": other, "uid": other}
        found.append(changed(data, "metadata.ownerReferences", [owner]))
    return found


def agents_in_a_circle() -> list[dict[str, Any]]:
    found = []
    for one, other in (("a", "b"), ("b", "a")):
        spec = {"path": f"./{other}", "prune": True, "dependsOn": [{"name": other}], "interval": "1m",
                "sourceRef": {"kind": "GitRepository", "name": "x"}}  # fmt: skip
        found.append(changed(thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec=spec), "metadata.name", one))
    return found


@pytest.mark.parametrize("circle", [owners_in_a_circle(), agents_in_a_circle()], ids=["owners", "agents"])
def test_owners_in_a_circle_come_to_an_end(circle: list[dict[str, Any]]) -> None:
    started = time.process_time()
    for before, after in (([], circle), (circle, []), (circle, circle[1:]), (circle[:1], circle)):
        assert all(printed(planned(before, after)).values())
    assert time.process_time() - started < 5


def test_fifty_thousand_objects_are_planned_in_bounded_time() -> None:
    before = [
        changed(thing("v1", "ConfigMap", data={"a": "1"}), "metadata.name", f"c{number}") for number in range(50_000)
    ]
    after = [*before[:49_000], *(changed(data, "data.a", "2") for data in before[49_000:49_500])]
    started = time.process_time()
    plan = planned(before, after)
    assert plan.counts[Action.UNCHANGED] == 49_000
    assert plan.counts[Action.UPDATE] == 500
    assert plan.counts[Action.PRUNE] == 500
    assert len(render_markdown(plan, ())) <= 60_000
    assert time.process_time() - started < 60


def test_a_definition_of_two_megabytes_is_planned_in_bounded_time() -> None:
    properties = {f"field{number}": {"type": "string", "description": "x" * 180} for number in range(10_000)}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    names = {"kind": "Foo", "plural": "foos"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "ex.io", "scope": "Namespaced", "names": names, "versions": [version]}
    base = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec=spec)
    base = changed(base, "metadata.name", "foos.ex.io")
    assert len(json.dumps(base)) > 2_000_000
    head = changed(base, "spec.versions.0.schema.openAPIV3Schema.properties.spec.properties.field7.type", "integer")
    foo = thing("ex.io/v1", "Foo", spec={"field7": "a"})
    started = time.process_time()
    plan = planned([base, foo], [head, changed(foo, "spec.field8", "b")])
    assert all(printed(plan).values())
    assert time.process_time() - started < 20


COPIES = ("kubectl.kubernetes.io/last-applied-configuration", "objectset.rio.cattle.io/applied")
"""Annotations in which whoever applied an object keeps all of it."""
SECRETS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"stringData": {"password": PASSWORD}}, {"stringData": {"password": OTHER}}),
    ({"stringData": {"password": PASSWORD}}, {}),
    ({}, {"stringData": {"password": PASSWORD}}),
    ({"data": {"password": PASSWORD + "="}}, {"data": {"password": OTHER + "!"}}),
    ({"data": {"password": [PASSWORD]}}, {"data": {"password": {OTHER: PASSWORD}}}),
    ({"data": PASSWORD}, {"stringData": OTHER}),
    ({"dataa": {"password": PASSWORD}}, {"dataa": {"password": OTHER}}),
    ({"password": PASSWORD}, {"password": OTHER}),
    ({"data": {"a": "MQ=="}, "immutable": True}, {"stringData": {"a": PASSWORD}, "immutable": True}),
]


@pytest.mark.parametrize("api_version", ["v1", "V1", "vault.example.io/v1"])
@pytest.mark.parametrize(("base", "head"), SECRETS)
def test_no_value_of_a_secret_is_printed_anywhere(base: dict[str, Any], head: dict[str, Any], api_version: str) -> None:
    copies = dict.fromkeys(COPIES, json.dumps({"stringData": {"a": PASSWORD}}))
    before = changed(thing(api_version, "Secret", **base), "metadata.annotations", copies)
    after = thing(api_version, "Secret", **head)
    for plan in (planned([before], [after]), planned([], [before]), planned([after], [before])):
        assert_hidden(plan)


def assert_hidden(plan: Plan) -> None:
    for text in printed(plan).values():
        assert PASSWORD not in text
        assert OTHER not in text


def test_equal_secrets_in_other_words_are_no_change_and_others_are() -> None:
    plain = thing("v1", "Secret", stringData={"a": "1"})
    assert [item.action for item in planned([plain], [thing("v1", "Secret", data={"a": "MQ=="})]).objects] == [
        Action.UNCHANGED
    ]
    assert [item.action for item in planned([plain], [thing("v1", "Secret", data={"a": "Mg=="})]).objects] == [
        Action.UPDATE
    ]


def test_a_secret_that_is_no_base64_is_blocked_and_not_called_equal() -> None:
    plan = planned([thing("v1", "Secret", data={"a": "MQ=="})], [thing("v1", "Secret", data={"a": "not base64"})])
    assert [item.action for item in plan.objects] == [Action.BLOCKED]
