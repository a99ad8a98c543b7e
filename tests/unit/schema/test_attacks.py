"""Definitions and objects made to hurt: nothing is fetched, nothing hangs, nothing crashes, nothing passes unjudged."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest

from gitgate.schema.catalog import KindSchema, SchemaCatalog
from gitgate.schema.definition import definition_violations
from gitgate.schema.directory import load_schema_directory
from gitgate.schema.shared_types import SharedTypes
from gitgate.schema.validation import VIOLATION_LIMIT, violations
from gitgate.tree import MemoryTree
from tests.support.schema_objects import as_resource, backup, codes, crd, deployment, edited, judge, judge_custom


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/schema.json", asked
        server.shutdown()
        thread.join()


@pytest.mark.network_canary
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema", "$id", "id"])
@pytest.mark.parametrize("place", ["spec", "root", "nested"])
def test_no_reference_in_a_definition_is_followed(canary, keyword, place):
    url, asked = canary
    reference = {"type": "object", keyword: url, "properties": {"a": {"type": "string"}}}
    definition = crd({"type": "object", "properties": {"a": {"type": "string"}}})
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    if place == "spec":
        root["properties"]["spec"] = reference
    elif place == "root":
        root[keyword] = url
    else:
        root["properties"]["spec"]["allOf"] = [{keyword: url}]
    found = judge_custom(definition, backup({"a": 1}))
    assert codes(found) in (["crd-invalid"], ["wrong-type"])
    assert asked == []


@pytest.mark.network_canary
def test_no_reference_in_a_json_schema_is_followed(canary):
    url, asked = canary
    for raw in ({"$ref": url}, {"$schema": url}, {"$id": url, "$ref": "x"}, {"properties": {"spec": {"$ref": url}}}):
        files = {".gitgate/schemas/example.com/backup_v1.json": json.dumps({"type": "object", **raw}).encode()}
        loaded = load_schema_directory(MemoryTree(files), ".gitgate/schemas")
        schema = (
            SchemaCatalog.bundled("1.33").with_custom_resources(loaded.definitions).find("example.com", "v1", "Backup")
        )
        assert schema is not None
        violations(backup({}), schema)
    assert asked == []


@pytest.mark.network_canary
def test_the_validator_refuses_to_retrieve_even_when_a_reference_reaches_it(canary):
    url, asked = canary
    for reference in (url, "file:///etc/passwd", "other.json", "https://json-schema.org/nothing"):
        schema = KindSchema(
            ("example.com", "v1", "Backup"), source="x", root=lambda r=reference: {"$ref": r}, types=SharedTypes({})
        )
        assert violations(backup({}), schema) != ()
    assert asked == []


@pytest.mark.parametrize("reference", ["file:///etc/passwd", "#", "#/properties/spec", "#/$defs/x"])
def test_local_and_recursive_references_are_refused(reference):
    definition = crd({"type": "object", "properties": {"a": {"type": "object", "$ref": reference}}})
    assert codes(judge_custom(definition, backup({"a": {"a": {}}}))) == ["crd-invalid"]


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*(.*)*(.*)*b"]
)
def test_a_pattern_that_would_backtrack_is_done_within_a_second(pattern):
    definition = crd({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})
    start = time.process_time()
    judge_custom(definition, backup({"a": "a" * 50_000 + "!"}))
    judge_custom(definition, backup({"a": "x" * 50_000}))
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "pattern",
    ["(((a{1000}){1000}){1000})", "(?:a{1,1000}){1,1000}", "\\pL{1000}\\pL{1000}", "(" * 5000 + ")" * 5000, "[" * 9000],
)
def test_a_pattern_that_is_too_large_is_refused_and_not_compiled(pattern):
    definition = crd({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})
    start = time.process_time()
    assert codes(judge_custom(definition, backup({"a": "a"}))) == ["crd-invalid"]
    assert time.process_time() - start < 5


def test_a_definition_of_two_megabytes_is_read():
    properties = {
        f"field{index:05}": {"type": "string", "description": "x" * 70, "maxLength": 5} for index in range(15_000)
    }
    definition = crd({"type": "object", "properties": properties})
    assert len(json.dumps(definition)) > 2_000_000
    start = time.process_time()
    assert codes(judge_custom(definition, backup({"field00001": "toolong"}))) == ["invalid-value"]
    assert time.process_time() - start < 10


@pytest.mark.parametrize("keyword", ["properties", "items", "additionalProperties", "allOf", "not"])
def test_depth_of_any_kind_is_bounded(keyword):
    schema: dict[str, object] = {"type": "string"}
    for _ in range(600):
        if keyword == "properties":
            schema = {"type": "object", "properties": {"a": schema}}
        elif keyword == "items":
            schema = {"type": "array", "items": schema}
        elif keyword == "additionalProperties":
            schema = {"type": "object", "additionalProperties": schema}
        else:
            schema = {"type": "object", keyword: [schema] if keyword == "allOf" else schema}
    assert codes(definition_violations(crd(schema)))[-1] == "crd-invalid"


def test_an_enormous_enum_is_judged_and_its_message_stays_short():
    definition = crd(
        {"type": "object", "properties": {"a": {"type": "string", "enum": [f"v{i}" for i in range(100_000)]}}}
    )
    (found,) = judge_custom(definition, backup({"a": "nothing"}))
    assert len(found.message) < 500


def test_a_lax_definition_does_not_loosen_a_built_in_kind():
    lax = crd({"x-kubernetes-preserve-unknown-fields": True})
    lax["spec"].update(group="apps")
    lax["spec"]["names"] = {"kind": "Deployment", "plural": "deployments"}
    catalog = SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(lax)])
    schema = catalog.find("apps", "v1", "Deployment")
    assert schema is not None
    assert codes(violations(edited(deployment(), ("spec", "replica"), 1), schema)) == ["unknown-field"]


def test_many_aliases_of_one_object_are_not_reported_without_end():
    shared = {"unknown": 1}
    data = edited(deployment(), ("spec", "template", "spec", "containers"), [shared] * 20_000)
    start = time.process_time()
    assert len(judge(data)) == VIOLATION_LIMIT + 1
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "name", ["__class__", "\u202ereplicas", "\x1b[31m", "::error::x", "a" * 5_000, "", "constructor", "$ref"]
)
def test_hostile_field_names_are_unknown_fields(name):
    assert codes(judge(edited(deployment(), ("spec", name), 1))) == ["unknown-field"]


@pytest.mark.parametrize(
    "hostile",
    [None, [], "x", 5, {"versions": None}, {"group": [], "names": {}}, {"group": "a.b", "names": {"kind": {}}}, {"group": "a.b", "names": {"kind": "B"}, "versions": [None, 5, {}, {"name": "v1"}, {"name": "v1", "schema": 5}]}],
)  # fmt: skip
def test_a_malformed_definition_is_a_violation_and_no_crash(hostile):
    definition = {**crd({}), "spec": hostile}
    assert "crd-invalid" in codes(definition_violations(definition))
    assert judge(definition) != ()
    SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)])


def test_a_flood_of_what_does_not_count_hides_nothing():
    data = {**deployment(), "status": {"replicas": 2**40, "readyReplicas": 2**40, "conditions": []}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "status": {"containerStatuses": [{} for _ in range(500)]},
        "spec": {"containers": [{"name": "web", "imagee": "x"}]},
    }
    assert judge(data) == ()
    assert codes(judge(pod)) == ["unknown-field"]
