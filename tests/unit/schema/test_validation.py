"""What is found in objects of built-in kinds, and how it is said."""

from __future__ import annotations

import json

import pytest

from gitgate.location import format_field_path
from gitgate.schema.validation import VIOLATION_LIMIT, violations
from tests.support.schema_objects import (
    REMOVED,
    codes,
    config_map,
    deployment,
    edited,
    judge,
    schema_of,
    secret,
    service,
)  # fmt: skip

POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
REQUESTS = (*CONTAINER, "resources", "requests")
METADATA = ("metadata",)


@pytest.mark.parametrize("make", [deployment, service, secret, config_map])
@pytest.mark.parametrize("version", ["1.25", "1.30", "1.37"])
def test_valid_objects_pass(make, version):
    assert judge(make(), version) == ()


@pytest.mark.parametrize(
    ("path", "value", "code", "message", "fix"),
    [
        (("spec", "replicas"), "3", "wrong-type", 'spec.replicas must be an integer, not a string ("3")', "Remove the quotes."),
        (("spec", "replicas"), 1.5, "wrong-type", "spec.replicas must be an integer, not a number (1.5)", None),
        (("spec", "replicas"), True, "wrong-type", "spec.replicas must be an integer, not a boolean (true)", None),
        (("spec", "replicas"), 2**31, "invalid-value", "spec.replicas must be between -2147483648 and 2147483647, not 2147483648", None),
        (("spec", "replicas"), 2**70, "invalid-value", f"spec.replicas must be between -2147483648 and 2147483647, not {2**70}", None),
        (("spec", "paused"), "true", "wrong-type", 'spec.paused must be a boolean, not a string ("true")', "Remove the quotes."),
        (("spec", "replica"), 3, "unknown-field", "spec.replica is not a field of DeploymentSpec", "Did you mean replicas?"),
        (("Spec",), {}, "unknown-field", "Spec is not a field of Deployment", "Did you mean spec?"),
        (("replicas",), 3, "unknown-field", "replicas is not a field of Deployment", "It belongs to spec: check the indentation."),
        (("spec", "containers"), [], "unknown-field", "spec.containers is not a field of DeploymentSpec", "It belongs to spec.template.spec: check the indentation."),
        ((*CONTAINER, "volumes"), [], "unknown-field", f"{format_field_path(CONTAINER)}.volumes is not a field of Container", "It is a field of spec.template.spec: check the indentation."),
        ((*CONTAINER, "hostNetwork"), True, "unknown-field", f"{format_field_path(CONTAINER)}.hostNetwork is not a field of Container", "It is a field of spec.template.spec: check the indentation."),
        ((*CONTAINER, "xyzzy"), 1, "unknown-field", f"{format_field_path(CONTAINER)}.xyzzy is not a field of Container", "Delete it, or correct its name or its indentation."),
        (("spec", "selector"), REMOVED, "missing-field", "spec.selector is required", "Add selector."),
        (("spec", "selector"), None, "missing-field", "spec.selector is required, but it is null", "Give selector a value."),
        (("spec",), REMOVED, "missing-field", "spec is required", "Add spec."),
        (("spec",), None, "missing-field", "spec is required, but it is null", "Give spec a value."),
        ((*CONTAINER, "name"), REMOVED, "missing-field", f"{format_field_path(CONTAINER)}.name is required", "Add name."),
        ((*POD, "containers"), None, "missing-field", "spec.template.spec.containers is required, but it is null", "Give containers a value."),
        ((*POD, "containers", 1), None, "null-value", "spec.template.spec.containers[1] must be an object, not null", "Delete the empty item, or fill it."),
        ((*POD, "containers"), {"name": "web"}, "wrong-type", "spec.template.spec.containers must be a list, not an object", 'Make it a list: begin each item with "- ".'),
        ((*POD, "securityContext"), [], "wrong-type", "spec.template.spec.securityContext must be an object, not a list", 'Remove the "- " before its fields.'),
        ((*CONTAINER, "args", 1), 8080, "wrong-type", f"{format_field_path(CONTAINER)}.args[1] must be a string, not an integer (8080)", 'Put it in quotes: "8080".'),
        ((*REQUESTS, "memory"), "64 MB", "invalid-value", f'{format_field_path(REQUESTS)}.memory must be a quantity such as 500m, 1.5 or 2Gi, not "64 MB"', None),
        ((*REQUESTS, "cpu"), True, "wrong-type", f"{format_field_path(REQUESTS)}.cpu must be a number or a string, not a boolean (true)", None),
        ((*REQUESTS, "cpu"), [1], "wrong-type", f"{format_field_path(REQUESTS)}.cpu must be a number or a string, not a list", None),
        (("metadata", "labels", "app"), 5, "wrong-type", "metadata.labels.app must be a string, not an integer (5)", 'Put it in quotes: "5".'),
        (("metadata", "labels", "a.b/c"), True, "wrong-type", "metadata.labels[a.b/c] must be a string, not a boolean (true)", 'Put it in quotes: "true".'),
        (("metadata", "annotations"), "x", "wrong-type", 'metadata.annotations must be an object, not a string ("x")', None),
        (("metadata", "creationTimestamp"), "yesterday", "invalid-value", 'metadata.creationTimestamp must be a time such as 2006-01-02T15:04:05Z, not "yesterday"', None),
        ((*CONTAINER, "livenessProbe", "httpGet", "port"), 1.5, "wrong-type", f"{format_field_path(CONTAINER)}.livenessProbe.httpGet.port must be an integer or a string, not a number (1.5)", None),
        ((*CONTAINER, "livenessProbe", "httpGet", "port"), 2**40, "invalid-value", f"{format_field_path(CONTAINER)}.livenessProbe.httpGet.port must be between -2147483648 and 2147483647, not {2**40}", None),
    ],
)  # fmt: skip
def test_one_defect_is_one_violation_at_its_field(path, value, code, message, fix):
    (found,) = judge(edited(deployment(), path, value))
    assert (found.code, found.field, found.message, found.fix) == (code, path, message, fix)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replicas"), None),
        (("spec", "replicas"), 3.0),
        (("spec", "strategy"), None),
        (("metadata", "labels"), None),
        (("metadata", "labels", "app"), None),
        (("metadata", "creationTimestamp"), None),
        (("metadata", "creationTimestamp"), "2026-01-02T03:04:05Z"),
        ((*POD, "volumes"), None),
        ((*POD, "volumes", 0, "emptyDir"), None),
        ((*CONTAINER, "args", 0), None),
        ((*CONTAINER, "resources", "requests", "cpu"), None),
        ((*CONTAINER, "securityContext"), {"capabilities": None}),
        (("status",), {}),
        (("status",), {"conditions": [{"type": "Available"}]}),
        (("status",), {"observedGeneration": None}),
    ],
)
def test_null_passes_where_the_api_server_reads_it_as_absent(path, value):
    """Recorded from a kube-apiserver 1.36: optional fields, map values and items of atomic lists."""
    assert judge(edited(deployment(), path, value)) == ()


def test_status_is_decoded_before_it_is_dropped():
    found = judge(edited(deployment(), ("status",), {"replicas": "one"}))
    assert codes(found) == ["wrong-type"]
    found = judge(edited(deployment(), ("status",), {"replica": 1}))
    assert codes(found) == ["unknown-field"]


QUANTITIES = ["1", "100m", "1.5", ".5", "5.", "1Gi", "+1", "-1", "1e3", "1E3", "1e-3", "2E", "100n", "0", "12.34Ki"]
NOT_QUANTITIES = ["", " 1", "1 Gi", "1gb", "1GiB", "abc", "1.2.3", "1K", "1e", "1i", "0x10", "1,5", "1\n", "--1", "１"]


@pytest.mark.parametrize("text", QUANTITIES)
def test_quantities_pass(text):
    assert judge(edited(deployment(), (*REQUESTS, "cpu"), text)) == ()


@pytest.mark.parametrize("number", [1, 0, 0.5, 1e25, -1])
def test_numbers_are_quantities(number):
    assert judge(edited(deployment(), (*REQUESTS, "cpu"), number)) == ()


@pytest.mark.parametrize("text", NOT_QUANTITIES)
def test_what_is_no_quantity_is_found(text):
    assert codes(judge(edited(deployment(), (*REQUESTS, "cpu"), text))) == ["invalid-value"]


@pytest.mark.parametrize(("value", "count"), [(1, 0), ("http", 0), ("25%", 0), (None, 0), (True, 1), ([1], 1), ({}, 1)])
def test_int_or_string(value, count):
    assert len(judge(edited(service(), ("spec", "ports", 0, "targetPort"), value))) == count


@pytest.mark.parametrize(
    ("text", "valid"),
    [("aGk=", True), ("aGk=\n", True), ("", True), ("aG\nk=", True), ("aGk", False), ("hi there", False), ("aGk*", False), ("é", False)],
)  # fmt: skip
def test_secret_data_is_base64(text, valid):
    assert (judge(edited(secret(), ("data", "password"), text)) == ()) is valid


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "password"), "hunter2!CANARY"),
        (("data", "password"), 20261123999),
        (("data", "password"), ["CANARY"]),
        (("stringData",), {"password": 20261123999}),
        (("stringData",), "CANARY"),
        (("type",), 20261123999),
        (("immutable",), "CANARY"),
        (("data",), "CANARY"),
        (("metadata", "annotations"), {"kubectl.kubernetes.io/last-applied-configuration": 20261123999}),
        (("metadata", "labels"), "CANARY"),
        (("kind",), "Secret"),
    ],
)
def test_no_value_of_a_secret_is_repeated(path, value):
    found = judge(edited(secret(), path, value))
    said = json.dumps([(violation.message, violation.fix) for violation in found])
    assert "CANARY" not in said
    assert "20261123999" not in said
    assert found or path == ("kind",)


@pytest.mark.parametrize(
    "path",
    [
        (*CONTAINER, "env", 0, "value"),
        ("metadata", "annotations", "example.com/api-token"),
        ("metadata", "labels", "password"),
    ],
)
def test_what_may_be_a_secret_elsewhere_is_not_repeated_either(path):
    data = edited(deployment(), ("metadata", "annotations"), {})
    (found,) = judge(edited(data, path, 20261123999))
    assert "20261123999" not in found.message
    assert found.fix == "Put it in quotes."


def test_long_and_structured_values_are_not_repeated():
    found = judge(edited(deployment(), ("spec", "replicas"), "x" * 10_000))
    assert found[0].message == "spec.replicas must be an integer, not a string"


def test_all_defects_are_reported_in_the_order_of_their_fields():
    data = edited(deployment(), ("spec", "replicas"), "3")
    data = edited(data, ("spec", "Strategy"), {})
    data = edited(data, ("metadata", "labels", "app"), 1)
    data = edited(data, (*POD, "containers", 1), {"name": 5, "imagee": "x"})
    found = judge(data)
    assert [format_field_path(violation.field) for violation in found] == [
        "metadata.labels.app",
        "spec.Strategy",
        "spec.replicas",
        "spec.template.spec.containers[1].imagee",
        "spec.template.spec.containers[1].name",
    ]


def test_a_flood_of_defects_is_cut_and_says_so():
    data = edited(config_map(), ("data",), {f"key{index:05}": index for index in range(5_000)})
    found = judge(data)
    assert len(found) == VIOLATION_LIMIT + 1
    assert found[-1].message == f"the object has more than {VIOLATION_LIMIT} violations; the others are not listed"
    found = judge(edited(service(), ("spec",), {f"key{index:05}": index for index in range(5_000)}))
    assert len(found) == VIOLATION_LIMIT + 1


def test_the_same_defect_twice_is_the_same_answer():
    data = edited(deployment(), ("spec", "replicas"), "3")
    assert judge(data) == judge(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": {1, 2}}, b"x", (1, 2)])
def test_what_is_no_json_never_passes_and_never_raises(value):
    data = edited(deployment(), ("spec", "replicas"), value)
    assert violations(data, schema_of(deployment())) != ()


def test_deep_data_is_judged_without_a_crash():
    deep: object = "x"
    for _ in range(90):
        deep = [deep]
    assert codes(judge(edited(deployment(), ("spec", "replicas"), deep))) == ["wrong-type"]
