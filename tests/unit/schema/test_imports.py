from __future__ import annotations

import json

import pytest

from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.directory import load_schema_directory
from gitgate.schema.imports import import_definitions
from gitgate.schema.validation import violations
from gitgate.tree import MemoryTree
from tests.support.schema_objects import backup, codes, crd

PREFIX = ".gitgate/schemas"
SPEC = {
    "type": "object",
    "description": "What to keep",
    "properties": {
        "description": {"type": "string", "description": "free text"},
        "title": {"type": "string", "default": "x", "enum": ["x", "description"]},
    },
}
RAW = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["port"],
            "properties": {
                "port": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                "note": {"type": ["string", "null"]},
            },
        },
    },
}


def encoded(*documents: object) -> bytes:
    return b"\n---\n".join(json.dumps(document).encode() for document in documents)


def load(**files: bytes):
    return load_schema_directory(MemoryTree({f"{PREFIX}/{name}": data for name, data in files.items()}), PREFIX)


def judge(loaded, data):
    schema = SchemaCatalog.bundled("1.33").with_custom_resources(loaded.definitions).find("example.com", "v1", "Backup")
    assert schema is not None
    return codes(violations(data, schema))


@pytest.mark.parametrize("name", ["crd.yaml", "crd.yml", "crd.json", "deep/er/crd.yaml", "example.com/backup.json"])
def test_a_definition_is_read_wherever_it_lies(name):
    loaded = load(**{name: encoded(crd(SPEC))})
    assert loaded.problems == ()
    assert judge(loaded, backup({"title": "x"})) == []
    assert judge(loaded, backup({"titel": "x"})) == ["unknown-field"]
    assert loaded.definitions[0].origin.path == f"{PREFIX}/{name}"


def test_several_documents_and_lists_are_read():
    other = crd(SPEC)
    other["spec"]["names"]["kind"] = "Restore"
    listed = {"apiVersion": "v1", "kind": "List", "items": [crd(SPEC), other]}
    assert len(load(**{"all.yaml": encoded(crd(SPEC), listed)}).definitions) == 3


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"port": 1}, []),
        ({"port": "http", "note": None}, []),
        ({}, ["missing-field"]),
        ({"port": 1, "extra": 2}, ["unknown-field"]),
        ({"port": [1]}, ["wrong-type"]),
        ({"port": 1, "note": 5}, ["wrong-type"]),
    ],
)
def test_a_json_schema_named_by_group_kind_and_version_judges(spec, expected):
    loaded = load(**{"example.com/backup_v1.json": encoded(RAW)})
    assert loaded.problems == ()
    assert judge(loaded, backup(spec)) == expected


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.yaml", b"apiVersion: v1\nkind: ConfigMap\n", "crd-invalid"),
        ("a.yaml", b"- 1\n", "crd-invalid"),
        ("a.yaml", b"a: [\n", "yaml-syntax"),
        ("backup.json", encoded(RAW), "crd-invalid"),
        ("example.com/backup_v1.json", encoded({"$ref": "http://127.0.0.1/x"}), "crd-invalid"),
        ("a.yaml", encoded({**crd(SPEC), "spec": None}), "crd-invalid"),
        ("a.yaml", encoded(crd({"type": "nothing"})), "crd-invalid"),
    ],
)
def test_what_is_no_schema_is_a_problem_with_its_place(name, data, code):
    loaded = load(**{name: data})
    assert [problem.code for problem in loaded.problems] == [code]
    assert loaded.problems[0].location.path == f"{PREFIX}/{name}"


def test_only_schema_files_below_the_directory_are_read():
    files = {"other/crd.yaml": encoded(crd(SPEC)), f"{PREFIX}/README.md": b"text", f"{PREFIX}x/crd.yaml": b"x"}
    loaded = load_schema_directory(MemoryTree(files), PREFIX)
    assert (loaded.definitions, loaded.problems) == ((), ())


def test_importing_keeps_what_judges_and_drops_what_only_people_read():
    definition = {**crd(SPEC), "status": {"conditions": []}}
    definition["metadata"]["annotations"] = {"a": "b"}
    imported = import_definitions("crd.yaml", encoded(definition))
    assert imported.problems == ()
    assert list(imported.files) == ["example.com/backup.json"]
    kept = json.loads(imported.files["example.com/backup.json"])
    assert set(kept) == {"apiVersion", "kind", "metadata", "spec"}
    schema = kept["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert schema == {
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "title": {"type": "string", "default": "x", "enum": ["x", "description"]},
        },
    }


def test_what_is_imported_judges_as_the_original():
    imported = import_definitions("crd.yaml", encoded(crd(SPEC)))
    loaded = load(**imported.files)
    for spec in ({"title": "x"}, {"titel": "x"}, {"title": 5}):
        assert judge(loaded, backup(spec)) == judge(load(**{"crd.yaml": encoded(crd(SPEC))}), backup(spec))


def test_importing_twice_is_the_same():
    first = import_definitions("crd.yaml", encoded(crd(SPEC)))
    again = import_definitions("crd.yaml", first.files["example.com/backup.json"])
    assert first.files == again.files


@pytest.mark.parametrize(
    ("group", "kind"),
    [("../../etc", "Backup"), ("/etc.x", "Backup"), ("example.com", "../x"), ("a/b.c", "X"), ("example.com", "a\nb"), ("x", "Backup")],
)  # fmt: skip
def test_a_hostile_name_becomes_no_path(group, kind):
    definition = crd(SPEC)
    definition["spec"]["group"] = group
    definition["spec"]["names"]["kind"] = kind
    imported = import_definitions("crd.yaml", encoded(definition))
    assert imported.files == {}
    assert imported.problems[0].code == "crd-invalid"


@pytest.mark.parametrize("data", [b"", b"a: 1\n", b"\xff\xfe\x00", b"[", encoded(RAW)])
def test_a_file_without_a_definition_is_said_to_have_none(data):
    imported = import_definitions("x.yaml", data)
    assert imported.files == {}
    assert imported.problems
