from __future__ import annotations

import gzip
import hashlib
import json

import pytest

from gitgate import bundled
from gitgate.schema.catalog import SchemaCatalog

MANIFEST = json.loads(bundled.schema_file("MANIFEST.json").read_text())
FILES = {path.name: path for path in bundled.schema_files("kubernetes-*.json.gz")}
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


def document(version: str):
    return json.loads(gzip.decompress(FILES[f"kubernetes-{version}.json.gz"].read_bytes()))


def test_every_file_is_the_one_that_was_built():
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FILES.items()} == MANIFEST["sha256"]


def test_the_bundle_stays_small():
    assert sum(path.stat().st_size for path in bundled.schema_files("*")) <= 1_000_000


def test_every_version_of_the_source_is_there():
    assert SchemaCatalog.bundled_versions() == tuple(f"1.{minor}" for minor in range(25, 38))


def test_rebuilding_writes_the_same_bytes():
    pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: `make schemas` installs it and rebuilds"
    )
    from tools.build_schemas import build

    rebuilt = dict(build())
    for name, content in rebuilt.items():
        present = bundled.schema_file(name).read_bytes()
        if name.endswith(".gz"):
            assert gzip.decompress(present) == gzip.decompress(content), name
    assert rebuilt.keys() == {*FILES, "MANIFEST.json"}
    assert json.loads(rebuilt["MANIFEST.json"])["source"] == MANIFEST["source"]


@pytest.mark.parametrize("version", ["1.25", "1.33", "1.37"])
def test_every_kind_compiles(version):
    count = 0
    for schema in SchemaCatalog.bundled(version).kinds():
        assert schema.validator.is_valid({"apiVersion": 5}) is False, schema.kind
        _ = schema.list_plan
        count += 1
    assert count > 200


def test_nothing_but_what_judges_or_merges_is_kept():
    types = document("1.37")["$defs"]
    keywords = set()
    pending = list(types.values())
    while pending:
        part = pending.pop()
        keywords |= part.keys()
        pending += part.get("properties", {}).values()
        pending += [part[key] for key in ("items", "additionalProperties") if isinstance(part.get(key), dict)]
    assert keywords == {
        "$ref", "additionalProperties", "enum", "format", "items", "maximum", "minimum", "pattern", "properties",
        "required", "type", "x-kubernetes-group-version-kind", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
        "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy", "x-kubernetes-unions",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("type_name", "field", "expected"),
    [
        ("io.k8s.api.apps.v1.DeploymentSpec", "replicas", ["integer", "null"]),
        ("io.k8s.api.apps.v1.DeploymentSpec", "template", "object"),
        ("io.k8s.api.core.v1.ContainerPort", "containerPort", "integer"),
        ("io.k8s.api.core.v1.PodSpec", "containers", "array"),
        ("io.k8s.api.apps.v1.Deployment", "kind", "string"),
    ],
)
def test_null_is_allowed_where_a_field_is_optional(type_name, field, expected):
    assert document("1.33")["$defs"][type_name]["properties"][field]["type"] == expected


def test_lists_keep_what_merging_needs():
    ports = document("1.33")["$defs"]["io.k8s.api.core.v1.ServiceSpec"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["items"]["type"] == "object"


def test_types_without_fields_are_closed_unless_they_hold_any_object():
    types = document("1.37")["$defs"]
    assert types["io.k8s.api.scheduling.v1beta1.AllDisruptionMode"]["additionalProperties"] is False
    assert types["io.k8s.apimachinery.pkg.runtime.RawExtension"] == {"type": ["object", "null"]}
    assert types[META + "FieldsV1"] == {"type": ["object", "null"]}
    assert types["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"] == {}
