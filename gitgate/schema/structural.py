"""CustomResourceDefinition to JSON Schema, so that one validator judges built-in and custom resources alike.

The meaning of a structural schema is that of k8s.io/apiextensions-apiserver (pkg/apiserver/schema, pkg/apiserver/
validation): fields that it does not declare are errors, null is allowed only where `nullable` says so or a default
replaces it, and metadata is that of every Kubernetes object. What the API server would refuse as a definition is a
violation of the definition, and its kinds judge nothing. docs/adr/0007-custom-resource-schemas.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gitgate.go_patterns import UnsupportedPatternError, translate
from gitgate.location import FieldPath, format_field_path
from gitgate.openapi_formats import FORMATS, custom_resource_format
from gitgate.schema.violation import SchemaViolation

DEPTH_LIMIT = 64
"""Levels of a schema; the deepest published ones, which embed a Pod, have about 25."""

SIZE_LIMIT = 200_000
"""Schema nodes of one version; the largest published ones have about 10,000."""

OBJECT_META = "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
TYPES = ("array", "boolean", "integer", "number", "object", "string")
_INTEGER_BOUNDS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_INT64_BOUNDS = (-(2**63), 2**63 - 1)
_COUNTS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_FORBIDDEN = ("$ref", "$schema", "additionalItems", "definitions", "dependencies", "id", "patternProperties")
_FORBIDDEN_NESTED = (
    "additionalProperties", "default", "description", "nullable", "title", "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
)  # fmt: skip
_KEPT = ("default", "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type")

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A version's schema as JSON Schema, or why there is none.

    Attributes:
        schema: Judges an object of the kind; refers to `OBJECT_META`. Accepts nothing when there are violations.
        violations: What is wrong with the definition; fields are paths inside it.
        rules: How many CEL rules (`x-kubernetes-validations`) it has, which this schema does not judge.
        patterns: Regular expressions as the validator spells them, and as the author did.
    """

    schema: Schema
    violations: tuple[SchemaViolation, ...]
    rules: int
    patterns: Mapping[str, str]


def convert(structural: Any, path: FieldPath, *, lenient: bool) -> Conversion:
    """The JSON Schema of one version of a definition; total, whatever the definition holds.

    Args:
        structural: `openAPIV3Schema`.
        path: Where it is inside the definition.
        lenient: Types may be absent and unknown fields are kept, as in a v1beta1 definition that says so.
    """
    return _Converter(lenient=lenient).convert(structural, path)


def invalid_definition(path: FieldPath, message: str, fix: str | None = None) -> SchemaViolation:
    """A violation of a CustomResourceDefinition: why it cannot judge."""
    return SchemaViolation("crd-invalid", path, message, fix)


class _TooMuchError(Exception):
    """The schema is too deep or too large; ends the conversion."""


class _Converter:
    """One conversion. Violations are gathered; the schema is used only when there are none."""

    def __init__(self, *, lenient: bool) -> None:
        self._lenient = lenient
        self._violations: list[SchemaViolation] = []
        self._nodes = 0
        self._rules = 0
        self._patterns: dict[str, str] = {}

    def convert(self, structural: Any, path: FieldPath) -> Conversion:
        schema: Schema = {}
        try:
            schema = self._root(structural, path)
        except _TooMuchError as error:
            self._violations.append(invalid_definition(path, f"{format_field_path(path)} {error}"))
        usable: Any = schema if not self._violations else {"not": {}}
        return Conversion(schema=usable, violations=tuple(self._violations), rules=self._rules, patterns=self._patterns)

    def _root(self, node: Any, path: FieldPath) -> Schema:
        if not isinstance(node, dict):
            return self._refuse(path, "must be an object schema; every served version of a v1 definition needs one")
        if node.get("type") != "object" and not (self._lenient and "type" not in node):
            return self._refuse((*path, "type"), "must be object")
        if "additionalProperties" in node and not self._lenient:
            return self._refuse((*path, "additionalProperties"), "must not be used at the root of a schema")
        schema = self._structural({**node, "nullable": False}, path, 0)
        self._add_object_fields(schema, node, path)
        schema["type"] = "object"
        return schema

    def _add_object_fields(self, schema: Schema, node: Schema, path: FieldPath) -> None:
        """apiVersion, kind and metadata, which every object has whether its definition names them or not."""
        properties = schema.setdefault("properties", {})
        for name in ("apiVersion", "kind"):
            properties[name] = {**properties.get(name, {}), "type": "string"}
        declared = node.get("properties")
        metadata = declared.get("metadata") if isinstance(declared, dict) else None
        properties["metadata"] = {"$ref": OBJECT_META, "type": "object"}
        limits = metadata.get("properties") if isinstance(metadata, dict) else None
        if isinstance(limits, dict):
            place = (*path, "properties", "metadata", "properties")
            properties["metadata"]["properties"] = {
                name: self._structural(limit, (*place, name), 1)
                for name, limit in limits.items()
                if name in ("name", "generateName")
            }

    def _structural(self, node: Any, path: FieldPath, depth: int) -> Schema:
        """A node that gives values their structure: types, fields, items."""
        if not self._enter(node, path, depth):
            return {}
        schema: Schema = {key: node[key] for key in _KEPT if key in node}
        self._types(schema, node, path)
        self._fields(schema, node, path, depth)
        self._items(schema, node, path, depth)
        self._values(schema, node, node, path, depth)
        if node.get("default") is not None and isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
        if node.get("x-kubernetes-embedded-resource") is True:
            self._add_object_fields(schema, node, path)
            schema["properties"]["apiVersion"]["minLength"] = schema["properties"]["kind"]["minLength"] = 1
            schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind"})
        return schema

    def _enter(self, node: Any, path: FieldPath, depth: int) -> bool:
        """Count the node, and refuse what no schema may hold."""
        self._nodes += 1
        if depth > DEPTH_LIMIT:
            raise _TooMuchError(f"is nested more than {DEPTH_LIMIT} levels deep")
        if self._nodes > SIZE_LIMIT:
            raise _TooMuchError(f"has more than {SIZE_LIMIT} nodes")
        if not isinstance(node, dict):
            self._refuse(path, "must be a schema, which is an object")
            return False
        for key in _FORBIDDEN:
            if key in node:
                self._refuse((*path, key), "is not allowed in the schema of a custom resource")
        if node.get("uniqueItems") is True:
            self._refuse((*path, "uniqueItems"), "must not be true; use x-kubernetes-list-type: set")
        rules = node.get("x-kubernetes-validations")
        self._rules += len(rules) if isinstance(rules, list) else 0
        return True

    def _types(self, schema: Schema, node: Schema, path: FieldPath) -> None:
        kind = node.get("type")
        if node.get("x-kubernetes-int-or-string") is True:
            types = ["integer", "string"]
            schema["minimum"], schema["maximum"] = _INT64_BOUNDS
        elif self._lenient and isinstance(kind, list) and kind and all(name in (*TYPES, "null") for name in kind):
            schema["type"] = kind
            return
        elif isinstance(kind, str) and kind in TYPES:
            types = [kind]
            if kind == "integer":
                form = node.get("format")
                bounds = _INTEGER_BOUNDS.get(form, _INT64_BOUNDS) if isinstance(form, str) else _INT64_BOUNDS
                schema["minimum"], schema["maximum"] = bounds
        elif kind is None and (self._lenient or node.get("x-kubernetes-preserve-unknown-fields") is True):
            return
        else:
            allowed = ", ".join(TYPES)
            self._refuse((*path, "type"), f"must be one of {allowed}", "Every level of a schema needs a type.")
            return
        # A default replaces null before anything is validated: defaulting/algorithm.go, `Default`.
        nullable = node.get("nullable") is True or node.get("default") is not None
        schema["type"] = [*types, "null"] if nullable else types[0] if len(types) == 1 else types

    def _fields(self, schema: Schema, node: Schema, path: FieldPath, depth: int) -> None:
        properties, others = node.get("properties"), node.get("additionalProperties")
        if properties is not None and not isinstance(properties, dict):
            self._refuse((*path, "properties"), "must be an object")
            properties = {}
        if properties:
            schema["properties"] = {
                name: self._structural(child, (*path, "properties", name), depth + 1)
                for name, child in properties.items()
            }
        if isinstance(others, dict):
            schema["additionalProperties"] = self._structural(others, (*path, "additionalProperties"), depth + 1)
        elif others not in (None, True, False):
            self._refuse((*path, "additionalProperties"), "must be a schema or a boolean")
        elif others is False or (others is None and not self._lenient and _is_closed(node)):
            schema["additionalProperties"] = False
            # Without this the validator does not say which fields it refuses.
            schema.setdefault("properties", {})

    def _items(self, schema: Schema, node: Schema, path: FieldPath, depth: int) -> None:
        items = node.get("items")
        if items is not None:
            schema["items"] = self._structural(items, (*path, "items"), depth + 1)
        elif node.get("type") == "array" and not self._lenient:
            self._refuse((*path, "items"), "must say what the items of the list are")
        keys, list_type = node.get("x-kubernetes-list-map-keys"), node.get("x-kubernetes-list-type")
        if list_type not in (None, "atomic", "set", "map"):
            self._refuse((*path, "x-kubernetes-list-type"), "must be atomic, set or map")
        if list_type == "map" and not (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)):
            self._refuse((*path, "x-kubernetes-list-map-keys"), "must name the keys of the list")

    def _values(self, schema: Schema, node: Schema, structure: Any, path: FieldPath, depth: int) -> None:
        """Value validations, which may stand at any level and inside allOf, anyOf, oneOf and not.

        `structure` is the structural node that describes the same value; it tells which fields have defaults.
        """
        self._numbers(schema, node, path)
        self._text(schema, node, path)
        self._required(schema, node, structure, path)
        enum = node.get("enum")
        if isinstance(enum, list) and enum:
            schema["enum"] = enum
        elif enum is not None:
            self._refuse((*path, "enum"), "must be a list of values")
        for key in ("allOf", "anyOf", "oneOf"):
            parts = node.get(key)
            if isinstance(parts, list) and parts:
                schema[key] = [
                    self._nested(part, structure, (*path, key, index), depth + 1) for index, part in enumerate(parts)
                ]
            elif parts is not None and parts != []:
                self._refuse((*path, key), "must be a list of schemas")
        if node.get("not") is not None:
            schema["not"] = self._nested(node["not"], structure, (*path, "not"), depth + 1)

    def _nested(self, node: Any, structure: Any, path: FieldPath, depth: int) -> Schema:
        if not self._enter(node, path, depth):
            return {}
        schema: Schema = {}
        kind = node.get("type")
        if kind is not None:
            either = isinstance(structure, dict) and structure.get("x-kubernetes-int-or-string") is True
            if not (self._lenient or (either and kind in ("integer", "string"))) or kind not in TYPES:
                self._refuse((*path, "type"), "must be absent below allOf, anyOf, oneOf and not")
            else:
                schema["type"] = kind
        for key in () if self._lenient else _FORBIDDEN_NESTED:
            if node.get(key) not in (None, False, "", []):
                self._refuse((*path, key), "must be absent below allOf, anyOf, oneOf and not")
        properties = node.get("properties")
        if isinstance(properties, dict):
            structures = structure.get("properties") if isinstance(structure, dict) else None
            known = structures if isinstance(structures, dict) else {}
            schema["properties"] = {
                name: self._nested(child, known.get(name), (*path, "properties", name), depth + 1)
                for name, child in properties.items()
            }
        elif properties is not None:
            self._refuse((*path, "properties"), "must be an object")
        if node.get("items") is not None:
            below = structure.get("items") if isinstance(structure, dict) else None
            schema["items"] = self._nested(node["items"], below, (*path, "items"), depth + 1)
        self._values(schema, node, structure, path, depth)
        self._count_defaults_in(schema, structure)
        return schema

    def _count_defaults_in(self, schema: Schema, structure: Any) -> None:
        """Let an absent field with a default count as that default, which the API server sets before it validates.

        Where the default does not satisfy what is asked of the field, its absence does not either: it is required.
        """
        properties = structure.get("properties") if isinstance(structure, dict) else None
        known = properties if isinstance(properties, dict) else {}
        unsatisfied = {
            name
            for name, asked in schema.get("properties", {}).items()
            if _has_default(known.get(name)) and asked and not self._accepts(asked, known[name]["default"])
        }
        if unsatisfied:
            schema["required"] = sorted({*schema.get("required", ()), *unsatisfied})

    def _accepts(self, schema: Schema, value: Any) -> bool:
        if self._violations:
            return True
        from jsonschema_rs import Draft202012Validator, RegexOptions  # noqa: PLC0415 - heavy, and rarely needed

        try:
            validator = Draft202012Validator(
                schema, formats=dict(FORMATS), validate_formats=True, pattern_options=RegexOptions()
            )
            return validator.is_valid(value)
        except ValueError:
            return True

    def _numbers(self, schema: Schema, node: Schema, path: FieldPath) -> None:
        for key in _COUNTS:
            value = node.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
                schema[key] = value
            elif value is not None:
                self._refuse((*path, key), "must be a non-negative integer")
        for key, exclusive, tighter in (
            ("minimum", "exclusiveMinimum", max),
            ("maximum", "exclusiveMaximum", min),
        ):
            value = node.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                self._refuse((*path, key), "must be a number")
            elif node.get(exclusive) is True:
                schema[exclusive] = value
            else:
                schema[key] = tighter(value, schema.get(key, value))
        multiple = node.get("multipleOf")
        if isinstance(multiple, int | float) and not isinstance(multiple, bool) and multiple > 0:
            schema["multipleOf"] = multiple
        elif multiple is not None:
            self._refuse((*path, "multipleOf"), "must be a number above zero")

    def _text(self, schema: Schema, node: Schema, path: FieldPath) -> None:
        pattern, form = node.get("pattern"), node.get("format")
        if isinstance(pattern, str):
            try:
                schema["pattern"] = translate(pattern)
                self._patterns[schema["pattern"]] = pattern
                _compile_pattern(schema["pattern"])
            except UnsupportedPatternError as error:
                self._refuse(
                    (*path, "pattern"), f"must be a regular expression that Go accepts, but the pattern {error}"
                )
        elif pattern is not None:
            self._refuse((*path, "pattern"), "must be text")
        known = custom_resource_format(form) if isinstance(form, str) else None
        if known is not None:
            schema["format"] = known

    def _required(self, schema: Schema, node: Schema, structure: Any, path: FieldPath) -> None:
        """Required fields, without those that a default supplies before validation."""
        required = node.get("required")
        if required is None:
            return
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            self._refuse((*path, "required"), "must be a list of field names")
            return
        properties = structure.get("properties") if isinstance(structure, dict) else None
        known = properties if isinstance(properties, dict) else {}
        names = sorted({name for name in required if not _has_default(known.get(name))})
        if names:
            schema["required"] = names

    def _refuse(self, path: FieldPath, complaint: str, fix: str | None = None) -> Schema:
        if len(self._violations) < 20:
            self._violations.append(invalid_definition(path, f"{format_field_path(path)} {complaint}", fix))
        return {}


def _is_closed(node: Schema) -> bool:
    """Does the API server drop fields that this node does not declare? (pruning/algorithm.go, `Prune`)."""
    if node.get("x-kubernetes-preserve-unknown-fields") is True:
        return False
    return node.get("type") == "object" or bool(node.get("properties"))


def _has_default(node: Any) -> bool:
    return isinstance(node, dict) and node.get("default") is not None


@lru_cache(maxsize=4096)
def _compile_pattern(pattern: str) -> None:
    """Let the engine that will run the pattern compile it once, so that it fails here and not in the validator."""
    compiler: Callable[..., Any]
    from jsonschema_rs import Draft202012Validator, RegexOptions  # noqa: PLC0415 - heavy, and only for patterns

    compiler = Draft202012Validator
    try:
        compiler({"pattern": pattern}, pattern_options=RegexOptions())
    except ValueError as error:
        raise UnsupportedPatternError("is malformed or too large") from error
