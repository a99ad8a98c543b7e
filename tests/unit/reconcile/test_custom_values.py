"""Custom resources against the schema of their definition: what a server refuses, and what it lets pass as it was."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.reconcile.outcome import predict_create, predict_update
from gitgate.reconcile.tables import TypeNode, kubernetes_tables

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
EITHER = {"x-kubernetes-int-or-string": True, "anyOf": [NUMBER, TEXT]}


def of(schema: dict[str, Any]) -> TypeNode:
    spec = {"type": "object", "properties": {"a": schema, "other": NUMBER}}
    return kubernetes_tables("1.36").custom({"type": "object", "properties": {"spec": spec}})


def thing(value: Any, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "ex.io/v1", "kind": "Foo", "metadata": {"name": "a"}, "spec": {"a": value, **fields}}


def said(schema: dict[str, Any], value: Any) -> list[str]:
    return [str(failure) for failure in predict_create(of(schema), thing(value), version="1.36").failures]


REFUSED: list[tuple[dict[str, Any], Any, str]] = [
    ({**TEXT, "maxLength": 2}, "abc", "spec.a: Too long: may not be more than 2 bytes"),
    ({**TEXT, "minLength": 2}, "a", "should be at least 2 chars long"),
    ({**TEXT, "pattern": "^([0-9]{1,3}(ms|s|m|h))+$"}, "5 minutes", "spec.a in body should match"),
    ({**TEXT, "format": "ipv4"}, "10.0.0.256", "must be of type ipv4"),
    ({**TEXT, "enum": ["A", "B"]}, "C", 'Unsupported value: "C": supported values: "A", "B"'),
    ({**NUMBER, "minimum": 1}, 0, "should be greater than or equal to 1"),
    ({**NUMBER, "maximum": 5, "exclusiveMaximum": True}, 5, "should be less than 5"),
    ({**NUMBER, "multipleOf": 5}, 7, "should be a multiple of 5"),
    ({"type": "array", "items": TEXT, "maxItems": 1}, ["a", "b"], "Too many: 2: must have at most 1 items"),
    ({"type": "array", "items": TEXT, "minItems": 1}, [], "should have at least 1 items"),
    ({"type": "array", "items": {**TEXT, "maxLength": 1}}, ["a", "bc"], "spec.a[1]: Too long"),
    ({"type": "array", "items": TEXT}, [None], 'spec.a[0] in body must be of type string: "null"'),
    ({"type": "object", "additionalProperties": {**TEXT, "enum": ["x"]}}, {"k": "y"}, "spec.a.k: Unsupported value"),
    ({"type": "object", "additionalProperties": TEXT, "minProperties": 1}, {}, "should have at least 1 properties"),
    ({"type": "object", "additionalProperties": TEXT, "maxProperties": 1}, {"k": "", "l": ""}, "Too many: 2"),
    ({"type": "object", "properties": {"b": TEXT}, "required": ["b"]}, {}, "spec.a.b: Required value"),
    ({"type": "object", "properties": {"b": TEXT, "c": TEXT}, "oneOf": [{"required": ["b"]}, {"required": ["c"]}]},
     {"b": "", "c": ""}, '"spec.a" must validate one and only one schema (oneOf)'),
    ({"type": "object", "properties": {"b": TEXT, "c": TEXT}, "anyOf": [{"required": ["b"]}, {"required": ["c"]}]},
     {}, '"spec.a" must validate at least one schema (anyOf)'),
    ({**TEXT, "allOf": [{"minLength": 2}, {"maxLength": 3}]}, "a", "should be at least 2 chars long"),
    ({**TEXT, "not": {"enum": ["no"]}}, "no", '"spec.a" must not validate the schema (not)'),
    ({"type": "object", "additionalProperties": NUMBER}, {"ex.io/k": None}, "spec.a.ex.io/k in body must be of type integer"),
    (EITHER, {"b": 1}, 'must be of type integer,string: "object"'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "reason"), REFUSED)
def test_a_value_that_the_definition_refuses(schema: dict[str, Any], value: Any, reason: str) -> None:
    found = said(schema, value)
    assert any(reason in text for text in found), found


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (EITHER, "50%"),
        (EITHER, 5),
        ({**TEXT, "nullable": True, "minLength": 2}, None),
        ({**TEXT, "pattern": "^([0-9]{1,3}(ms|s|m|h))+$"}, "1h30m"),
        ({**TEXT, "pattern": r"(?<!a)b"}, "anything: a pattern that Go does not have is not judged"),
        ({"type": "number", "minimum": 0.5}, 1),
        ({"x-kubernetes-preserve-unknown-fields": True}, [{"a": None}]),
        ({"type": "object", "properties": {"b": {**TEXT, "default": "x"}}, "required": ["b"]}, {}),
    ],
)
def test_a_value_that_the_definition_takes(schema: dict[str, Any], value: Any) -> None:
    assert said(schema, value) == []


SHORT = {**TEXT, "maxLength": 1}
KEYED = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
         "items": {"type": "object", "properties": {"name": TEXT, "b": SHORT}, "required": ["name"]}}  # fmt: skip
LISTED = {"type": "array", "items": SHORT}


@pytest.mark.parametrize(
    ("schema", "before", "after", "passes"),
    [
        (SHORT, "too long", "too long", True),
        (SHORT, "too long", "longer, too", False),
        (LISTED, ["too long"], ["too long"], True),
        (LISTED, ["too long"], ["too long", "b"], False),
        (KEYED, [{"name": "x", "b": "too long"}], [{"name": "y"}, {"name": "x", "b": "too long"}], True),
        (KEYED, [{"name": "x", "b": "too long"}], [{"name": "y", "b": "too long"}], False),
    ],
)
def test_what_is_wrong_and_as_it_was_passes_since_1_30(schema: Any, before: Any, after: Any, *, passes: bool) -> None:
    base, head = thing(before, other=1), thing(after, other=2)
    assert (not predict_update(of(schema), base, head, version="1.30").failures) is passes
    assert predict_update(of(schema), base, head, version="1.29").failures


def test_a_field_that_becomes_required_is_asked_for_where_something_beside_it_changes() -> None:
    schema = {"type": "object", "properties": {"b": TEXT, "c": TEXT}, "required": ["c"]}
    untouched = predict_update(of(schema), thing({"b": "x"}, other=1), thing({"b": "x"}, other=2), version="1.36")
    touched = predict_update(of(schema), thing({"b": "x"}), thing({"b": "y"}), version="1.36")
    assert untouched.failures == ()
    assert [str(failure) for failure in touched.failures] == ["spec.a.c: Required value"]


def test_a_pattern_of_an_attacker_takes_no_time() -> None:
    assert said({**TEXT, "pattern": "^(a+)+$"}, "a" * 5_000 + "b")
