"""CustomResourceDefinitions: how they judge, and what they may not be."""

from __future__ import annotations

import json

import pytest

from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.definition import definition_violations, read_definition
from gitgate.schema.structural import DEPTH_LIMIT
from tests.support.schema_objects import REMOVED, as_resource, backup, codes, crd, edited, judge, judge_custom

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
VERSION = ("spec", "versions", 0)
SPEC = (*VERSION, "schema", "openAPIV3Schema", "properties", "spec")


def fields(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (STRING, "x", []),
        (STRING, None, ["null-value"]),
        ({**STRING, "nullable": True}, None, []),
        ({**STRING, "nullable": False}, None, ["null-value"]),
        ({**STRING, "default": "x"}, None, []),
        ({**STRING, "default": "x", "enum": ["x"]}, None, []),
        ({**STRING, "default": None}, None, ["null-value"]),
        ({**STRING, "nullable": True, "enum": ["a"]}, None, ["invalid-value"]),
        ({"type": "array", "items": STRING}, [None], ["null-value"]),
        ({"type": "array", "items": {**STRING, "nullable": True}}, [None], []),
        ({"type": "object", "additionalProperties": STRING}, {"a": None}, ["null-value"]),
        ({"type": "object", "additionalProperties": {**STRING, "nullable": True}}, {"a": None}, []),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": None}, []),
        ({"x-kubernetes-preserve-unknown-fields": True}, None, []),
        ({"type": "array", "items": STRING}, None, ["null-value"]),
        (fields(a=STRING), None, ["null-value"]),
    ],
)
def test_null_in_custom_resources_is_judged_as_server_side_apply_does(schema, value, expected):
    """Recorded from a kube-apiserver 1.36: `spec.replicas in body must be of type integer: "null"`."""
    assert codes(judge_custom(crd(fields(field=schema)), backup({"field": value}))) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, []),
        ("5", []),
        ("50%", []),
        ([1], ["wrong-type"]),
        (1.5, ["wrong-type"]),
        (True, ["wrong-type"]),
        (None, ["null-value"]),
        (2**63, ["invalid-value"]),
    ],
)
@pytest.mark.parametrize(
    "schema",
    [
        {"x-kubernetes-int-or-string": True},
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]},
    ],
)  # fmt: skip
def test_int_or_string(schema, value, expected):
    found = judge_custom(crd(fields(field=schema)), backup({"field": value}))
    assert sorted(set(codes(found)) - ({"wrong-type"} if expected == ["null-value"] else set())) == expected


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (fields(a=STRING), {"a": "x", "b": 1}, ["unknown-field"]),
        (fields(), {"b": 1}, ["unknown-field"]),
        ({"type": "object"}, {"b": 1}, ["unknown-field"]),
        ({**fields(a=STRING), "x-kubernetes-preserve-unknown-fields": True}, {"a": "x", "b": 1}, []),
        ({**fields(a=fields(c=STRING)), "x-kubernetes-preserve-unknown-fields": True}, {"a": {"d": 1}, "b": 1}, ["unknown-field"]),
        ({**fields(a=STRING), "x-kubernetes-preserve-unknown-fields": True}, {"a": 1}, ["wrong-type"]),
        ({"type": "object", "additionalProperties": True}, {"b": 1}, []),
        ({"type": "object", "additionalProperties": INTEGER}, {"b": "x"}, ["wrong-type"]),
        ({"type": "array", "items": fields(a=STRING)}, [{"a": "x"}, {"b": "x"}], ["unknown-field"]),
        ({"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}, [{"b": 1}], []),
    ],
)  # fmt: skip
def test_unknown_fields(schema, value, expected):
    found = judge_custom(crd(fields(field=schema)), backup({"field": value}))
    assert codes(found) == expected
    assert all(violation.field[-1] in ("b", "d") for violation in found if violation.code == "unknown-field")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer", "format": "int32"}, [2**31 - 1, -(2**31)], [2**31, 2**40, -(2**31) - 1]),
        ({"type": "integer", "format": "int64"}, [2**63 - 1], [2**63, 2**70]),
        ({"type": "integer"}, [2**63 - 1, 3.0], [2**63]),
        ({"type": "integer", "minimum": 1, "maximum": 5}, [1, 5], [0, 6]),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [2], [1]),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, [0.9], [1, 1.0]),
        ({"type": "integer", "multipleOf": 5}, [0, 10], [3]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "éàü"], ["a", "abcd"]),
        ({"type": "string", "enum": ["Low", "High"]}, ["Low"], ["low", ""]),
        ({"type": "string", "pattern": r"^[\w-.]+$"}, ["a-b.c"], ["a b"]),
        ({"type": "string", "format": "date-time"}, ["2026-01-02T03:04:05Z"], ["yesterday"]),
        ({"type": "string", "format": "ipv4"}, ["192.0.2.1"], ["192.0.2"]),
        ({"type": "string", "format": "regex"}, ["("], []),
        ({"type": "string", "format": "uri-reference"}, ["\n"], []),
        ({"type": "string", "format": "byte"}, ["aGk="], ["h!"]),
        ({"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 2}, [[1]], [[], [1, 2, 3]]),
        ({"type": "object", "additionalProperties": STRING, "maxProperties": 1}, [{"a": "x"}], [{"a": "x", "b": "y"}]),
        ({**fields(a=STRING, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": "x"}], [{}, {"a": "x", "b": "y"}]),
        ({**fields(a=STRING, b=STRING), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": "x", "b": "y"}], [{}]),
        ({**fields(a=STRING, b=STRING), "not": {"required": ["a", "b"]}}, [{"a": "x"}], [{"a": "x", "b": "y"}]),
        ({**fields(a=STRING), "allOf": [{"properties": {"a": {"minLength": 2}}}]}, [{"a": "xy"}, {}], [{"a": "x"}]),
        ({**fields(a=STRING), "required": ["a"]}, [{"a": ""}], [{}]),
        ({**fields(a={**STRING, "default": "x"}), "required": ["a"]}, [{}], [{"a": 1}]),
        ({**fields(a={**STRING, "default": "x"}, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{}], [{"b": "y"}]),
        ({**fields(t={**STRING, "default": "IP"}, v=STRING), "oneOf": [{"properties": {"t": {"enum": ["IP"]}, "v": {"format": "ipv4"}}}, {"properties": {"t": {"not": {"enum": ["IP"]}}}}]}, [{"v": "192.0.2.1"}, {"t": "Name", "v": "x"}], [{"v": "x"}]),
    ],
)  # fmt: skip
def test_value_validations(schema, good, bad):
    definition = crd(fields(field=schema))
    assert definition_violations(definition) == ()
    assert [value for value in good if judge_custom(definition, backup({"field": value}))] == []
    assert [len(judge_custom(definition, backup({"field": value}))) for value in bad] == [1] * len(bad)


@pytest.mark.parametrize(
    ("schema", "value", "code", "message"),
    [
        ({**fields(a=STRING, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "missing-field", "spec.field must have a; or b"),
        ({**fields(a=STRING, b=STRING), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": "x", "b": "y"}, "invalid-value", "spec.field may satisfy only one of the alternatives that its definition allows: a, b"),
        ({**fields(a=STRING, b=STRING), "not": {"required": ["a", "b"]}}, {"a": "x", "b": "y"}, "invalid-value", "spec.field must not have a together with b"),
        ({"type": "string", "pattern": r"^[\w-.]+$"}, "a b", "invalid-value", 'spec.field must match the pattern ^[\\w-.]+$, not "a b"'),
        ({"type": "string", "enum": ["Low", "High"]}, "high", "invalid-value", 'spec.field must be one of "Low", "High", not "high"'),
        ({"type": "integer", "minimum": 1}, 0, "invalid-value", "spec.field must be between 1 and 9223372036854775807, not 0"),
        ({**fields(a=STRING), "anyOf": [{"properties": {"a": {"enum": ["x"]}}}, {"properties": {"a": {"enum": ["y"]}}}]}, {"a": "z"}, "invalid-value", 'spec.field satisfies none of the 2 alternatives that its definition allows; the nearest asks: spec.field.a must be "x", not "z"'),
    ],
)  # fmt: skip
def test_one_message_for_what_the_schema_says_in_several_ways(schema, value, code, message):
    (found,) = judge_custom(crd(fields(field=schema)), backup({"field": value}))
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("metadata", "labels"), {"a": "b"}, []),
        (("metadata", "labels"), {"a": 1}, ["wrong-type"]),
        (("metadata", "annotations"), {"a": True}, ["wrong-type"]),
        (("metadata", "lables"), {}, ["unknown-field"]),
        (("metadata",), "x", ["wrong-type"]),
        (("apiVersion",), "example.com/v1", []),
        (("status",), {"phase": "x"}, ["unknown-field"]),
        (("extra",), 1, ["unknown-field"]),
    ],
)
def test_metadata_and_root_are_those_of_every_object(path, value, expected):
    assert codes(judge_custom(crd(fields(a=STRING)), edited(backup({"a": "x"}), path, value))) == expected


def test_a_definition_may_limit_the_name():
    definition = crd(fields())
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"]["metadata"] = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}}
    (found,) = judge_custom(definition, backup({}))
    assert found.message == 'metadata.name must not be longer than 3 characters, not "nightly"'


EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {}}, []),
        ({"apiVersion": "v1", "kind": "Pod"}, []),
        ({"kind": "Pod"}, ["missing-field"]),
        ({"apiVersion": "", "kind": "Pod"}, ["invalid-value"]),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": 1}}}, ["wrong-type"]),
    ],
)
def test_embedded_objects(value, expected):
    assert codes(judge_custom(crd(fields(template=EMBEDDED)), backup({"template": value}))) == expected


def test_status_is_not_required_where_the_api_server_drops_it():
    definition = crd(fields(), subresources={"status": {}})
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"]["status"] = {**fields(phase=STRING), "required": ["phase"]}
    object_with_status = {**backup({}), "status": {}}
    assert judge_custom(definition, object_with_status) == ()
    del definition["spec"]["versions"][0]["subresources"]
    assert codes(judge_custom(definition, object_with_status)) == ["missing-field"]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ((*SPEC, "type"), "objekt", "properties.spec.type"),
        ((*SPEC, "type"), REMOVED, "properties.spec.type"),
        ((*SPEC, "type"), ["object", "null"], "properties.spec.type"),
        ((*SPEC, "$ref"), "#/definitions/x", "properties.spec.$ref"),
        ((*SPEC, "properties"), [], "properties.spec.properties"),
        ((*SPEC, "properties", "a"), "string", "properties.spec.properties.a"),
        ((*SPEC, "properties", "a"), {"type": "array"}, "properties.a.items"),
        ((*SPEC, "properties", "a"), {"type": "array", "items": [STRING]}, "properties.a.items"),
        ((*SPEC, "properties", "a", "pattern"), "(?=x)", "properties.a.pattern"),
        ((*SPEC, "properties", "a", "pattern"), "(x", "properties.a.pattern"),
        ((*SPEC, "properties", "a", "maxLength"), -1, "properties.a.maxLength"),
        ((*SPEC, "properties", "a", "minimum"), "1", "properties.a.minimum"),
        ((*SPEC, "properties", "a", "multipleOf"), 0, "properties.a.multipleOf"),
        ((*SPEC, "properties", "a", "enum"), "x", "properties.a.enum"),
        ((*SPEC, "properties", "a", "oneOf"), {}, "properties.a.oneOf"),
        ((*SPEC, "required"), "a", "properties.spec.required"),
        ((*SPEC, "required"), [1], "properties.spec.required"),
        ((*SPEC, "additionalProperties"), "no", "properties.spec.additionalProperties"),
        ((*SPEC, "anyOf"), [{"type": "object"}], "properties.spec.anyOf[0].type"),
        ((*SPEC, "allOf"), [{"properties": {"a": {"nullable": True}}}], "allOf[0].properties.a.nullable"),
        ((*SPEC, "not"), "x", "properties.spec.not"),
        ((*SPEC, "x-kubernetes-list-type"), "bag", "x-kubernetes-list-type"),
        ((*SPEC, "definitions"), {}, "properties.spec.definitions"),
        ((*SPEC, "uniqueItems"), True, "properties.spec.uniqueItems"),
        ((*VERSION, "schema"), REMOVED, "versions[0].schema.openAPIV3Schema"),
        ((*VERSION, "schema", "openAPIV3Schema", "type"), "array", "openAPIV3Schema.type"),
        ((*VERSION, "schema", "openAPIV3Schema", "additionalProperties"), True, "openAPIV3Schema.additionalProperties"),
        ((*VERSION, "name"), 5, "spec.versions[0]"),
        (("spec", "versions"), [], "spec.versions"),
        (("spec", "versions"), "v1", "spec.versions"),
        (("spec", "group"), "", "spec"),
        (("spec", "names"), None, "spec"),
        (("spec",), None, "spec"),
        (("spec", "preserveUnknownFields"), True, "spec.preserveUnknownFields"),
    ],
)
def test_a_definition_that_cannot_judge_says_where_and_judges_nothing(path, value, place):
    definition = edited(crd(fields(a=STRING)), path, value)
    found = definition_violations(definition)
    assert found
    assert {violation.code for violation in found} == {"crd-invalid"}
    assert place in found[0].message
    catalog = SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)])
    schema = catalog.find("example.com", "v1", "Backup")
    assert schema is None or codes(judge_custom(definition, backup({"a": "x"}))) == ["crd-invalid"]


def test_a_defect_has_the_field_of_the_definition():
    definition = edited(crd(fields(a=STRING)), (*SPEC, "type"), "objekt")
    (found,) = definition_violations(definition)
    assert found.field == (*SPEC, "type")
    assert found.fix == "Every level of a schema needs a type."
    assert definition_violations(crd(fields(a=STRING))) == judge(crd(fields(a=STRING))) == ()


def test_an_old_definition_keeps_unknown_fields_unless_it_says_otherwise():
    old = crd(fields(a={}), api_version="apiextensions.k8s.io/v1beta1")
    assert judge_custom(old, backup({"a": 1, "b": 2})) == ()
    strict = crd(fields(a=STRING), api_version="apiextensions.k8s.io/v1beta1")
    strict["spec"]["preserveUnknownFields"] = False
    assert codes(judge_custom(strict, backup({"b": 2}))) == ["unknown-field"]


def test_an_old_definition_has_one_schema_for_all_versions():
    old = crd(None, api_version="apiextensions.k8s.io/v1beta1")
    old["spec"]["version"] = "v1"
    del old["spec"]["versions"]
    old["spec"]["validation"] = {"openAPIV3Schema": {"properties": {"spec": fields(a=INTEGER)}}}
    assert codes(judge_custom(old, backup({"a": "x"}))) == ["wrong-type"]
    del old["spec"]["validation"]
    assert judge_custom(old, backup({"a": "x"})) == ()


def test_versions_are_judged_each_by_its_own_schema():
    definition = crd(fields(a=STRING))
    second = {**crd(fields(a=INTEGER))["spec"]["versions"][0], "name": "v2", "storage": False, "deprecated": True}
    definition["spec"]["versions"].append({**second, "deprecationWarning": "use v3"})
    versions = read_definition(definition).versions
    assert [(version.version, version.storage, version.deprecation) for version in versions] == [
        ("v1", True, None),
        ("v2", False, "use v3"),
    ]
    assert judge_custom(definition, backup({"a": "x"})) == ()
    assert codes(judge_custom(definition, {**backup({"a": "x"}), "apiVersion": "example.com/v2"})) == ["wrong-type"]


def test_rules_in_cel_are_counted_for_the_report():
    rule = {"rule": "self > 0"}
    definition = crd(
        {**fields(a={**INTEGER, "x-kubernetes-validations": [rule]}), "x-kubernetes-validations": [rule, rule]}
    )
    catalog = SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)])
    schema = catalog.find("example.com", "v1", "Backup")
    assert schema is not None
    assert schema.rules == 3
    assert SchemaCatalog.bundled("1.33").find("", "v1", "Pod").rules == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("depth", [DEPTH_LIMIT - 10, DEPTH_LIMIT + 10, 400])
def test_depth_is_bounded(depth):
    schema: dict[str, object] = STRING
    for _ in range(depth):
        schema = fields(a=schema)
    assert bool(definition_violations(crd(schema))) is (depth > DEPTH_LIMIT)


def test_the_same_content_has_the_same_source_wherever_it_stands():
    first = crd(fields(a=STRING))
    second = json.loads(json.dumps(first))
    second["metadata"]["annotations"] = {"changed": "yes"}
    sources = {read_definition(definition).versions[0].source for definition in (first, second)}
    assert len(sources) == 1
