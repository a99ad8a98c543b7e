"""What the API server asks of a schema inside a definition: that it is structural, and what of OpenAPI it may use.

Sources: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{validation,complete}.go, `ValidateStructural`;
pkg/apis/apiextensions/validation/validation.go, `ValidateCustomResourceDefinitionOpenAPISchema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported

Schema = Mapping[str, Any]
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_JUNCTORS = ("allOf", "anyOf", "oneOf")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_KEEPS, _EITHER, _EMBEDDED = (
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "x-kubernetes-embedded-resource",
)  # fmt: skip
_LIST, _KEYS, _MAP = "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"
_NOT_NESTED: tuple[tuple[str, str], ...] = (
    ("type", "must be empty to be structural"), ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"), ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"), ("nullable", "must be false to be structural"),
    (_KEEPS, "must be false to be structural"), (_EMBEDDED, "must be false to be structural"),
    (_EITHER, "must be false to be structural"), (_KEYS, "must be empty to be structural"),
    (_LIST, "must be undefined to be structural"), (_MAP, "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)  # fmt: skip
_REFUSED_ELSEWHERE = ("id", "$schema", "$ref", "additionalItems", "patternProperties", "definitions", "dependencies")
_OF_METADATA = frozenset({"type", "properties", "default", "externalDocs", "example", *_REFUSED_ELSEWHERE})
"""What the schema of `metadata` may have; other rules refuse a default, and what nothing may have."""
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_GO_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,),
}  # fmt: skip
_DEEPEST = 200
"""Levels that are followed; the server's own decoder ends far below."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in a schema: where it is, and how the server spells it."""

    path: FieldPath
    text: str

    def at(self, field: str) -> _Spot:
        return _Spot((*self.path, field), f"{self.text}.{field}")

    def inside(self, field: str, key: str | int) -> _Spot:
        return _Spot((*self.path, field, key), f"{self.text}.{field}[{key}]")

    def required(self, words: str) -> Failure:
        return replace(required(self.path, words), place=self.text)

    def forbidden(self, words: str) -> Failure:
        return replace(forbidden(self.path, words), place=self.text)

    def invalid(self, shown: str, words: str) -> Failure:
        return replace(invalid(self.path, shown, words), place=self.text)


def structural_failures(schema: Schema, path: FieldPath, place: str) -> Iterator[Failure]:
    """`ValidateStructural`, `ValidateDefaults`.

    Args:
        schema: `openAPIV3Schema`.
        path: Where it is.
        place: How the server spells that.
    """
    if _has_dialect(schema, 0):
        # structural/convert.go, `validateUnsupportedFields`
        yield _Spot(path, place).invalid('""', "OpenAPIV3Schema 'schema' is not supported")
        return
    found = [*_invariants(schema, _Spot(path, place), "root")]
    yield from found or _defaults(schema, _Spot(path, place))


def _has_dialect(schema: Schema, depth: int) -> bool:
    spot = _Spot((), "")
    return depth < _DEEPEST and (
        bool(schema.get("$schema")) or any(_has_dialect(below, depth + 1) for _, below in _below(schema, spot))
    )


_EMPTY_TYPE = {"root": "at the root", "item": "for specified array items", "field": "for specified object fields"}


def _invariants(schema: Schema, spot: _Spot, level: str) -> Iterator[Failure]:
    """`validateStructuralInvariants`, `validateExtensions`."""
    if len(spot.path) > _DEEPEST:
        return
    kind = schema.get("type") or ""
    if kind == "array" and schema.get("items") is None:
        yield spot.at("items").required("must be specified")
    if schema.get("additionalProperties") is not None and level == "root":
        yield spot.at("additionalProperties").forbidden("must not be used at the root")
    for where, below in _inner(schema, spot):
        yield from _invariants(below, where, "item" if where.text.endswith(".items") else "field")
    if schema.get(_EITHER) is True:
        for field in (_KEEPS, _EMBEDDED):
            if schema.get(field) is True:
                yield spot.at(field).invalid("true", f"must be false if {_EITHER} is true")
    yield from _junctors(schema, schema, spot)
    yield from _kinds(schema, spot, level, kind)


def _inner(schema: Schema, spot: _Spot) -> Iterator[tuple[_Spot, Schema]]:
    """The schemas of what is inside a value."""
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            yield spot.at(field), schema[field]
    for name, below in (schema.get("properties") or {}).items():
        if isinstance(below, dict):
            yield spot.inside("properties", name), below


def _kinds(schema: Schema, spot: _Spot, level: str, kind: str) -> Iterator[Failure]:
    embedded = schema.get(_EMBEDDED) is True
    if embedded and kind != "object":
        words = f"must be object if {_EMBEDDED} is true"
        yield spot.at("type").invalid(f'"{kind}"', words) if kind else spot.at("type").required(words)
    elif not kind and schema.get(_EITHER) is not True and schema.get(_KEEPS) is not True:
        yield spot.at("type").required(f"must not be empty {_EMPTY_TYPE[level]}")
    if level == "root" and kind and kind != "object":
        yield spot.at("type").invalid(f'"{kind}"', "must be object at the root")
    properties = schema.get("properties") or {}
    if level != "root" and not embedded:
        return
    for name, wanted in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        below = properties.get(name)
        if isinstance(below, dict) and below.get("type") != wanted:
            yield (
                spot.inside("properties", name).at("type").invalid(f'"{below.get("type") or ""}"', f"must be {wanted}")
            )
    metadata = properties.get("metadata")
    if level == "root" and isinstance(metadata, dict):
        named = (metadata.get("properties") or {}).keys() - {"name", "generateName"}
        if named or metadata.keys() - _OF_METADATA:
            words = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            yield spot.inside("properties", "metadata").forbidden(words)
    if embedded and schema.get(_KEEPS) is not True and not properties:
        yield spot.at("properties").required(f"must not be empty if {_EMBEDDED} is true without {_KEEPS}")


def _junctors(schema: Schema, outer: Schema, spot: _Spot) -> Iterator[Failure]:
    """`validateValueValidation`; an integer or a string may be spelled with types."""
    for junctor in _JUNCTORS:
        for index, nested in enumerate(schema.get(junctor) or ()):
            inside = spot.inside(junctor, index)
            if not isinstance(nested, dict) or (junctor == "anyOf" and schema.get("anyOf") == _INT_OR_STRING):
                continue
            spelled = junctor == "allOf" and index == 0 and nested.get("anyOf") == _INT_OR_STRING
            plain = {key: value for key, value in nested.items() if key != "anyOf"} if spelled else nested
            yield from _nested(plain, outer, inside)
    if isinstance(schema.get("not"), dict):
        yield from _nested(schema["not"], outer, spot.at("not"))


def _nested(nested: Schema, outer: Schema, spot: _Spot) -> Iterator[Failure]:
    """`validateNestedValueValidation`, `validateNestedValueValidationCompleteness`."""
    if len(spot.path) > _DEEPEST:
        return
    for field, words in _NOT_NESTED:
        if nested.get(field) not in (None, "", False, []):
            yield spot.at(field).forbidden(words)
    yield from _junctors(nested, outer, spot)
    if isinstance(nested.get("items"), dict):
        items = outer.get("items")
        yield from _nested(nested["items"], items if isinstance(items, dict) else {}, spot.at("items"))
    known = outer.get("properties") or {}
    for name, below in (nested.get("properties") or {}).items():
        if name == "metadata":
            yield spot.inside("properties", name).forbidden("must not be specified in a nested context")
        if isinstance(below, dict):
            inner = known.get(name)
            yield from _nested(below, inner if isinstance(inner, dict) else {}, spot.inside("properties", name))


def _defaults(schema: Schema, spot: _Spot) -> Iterator[Failure]:
    """`ValidateDefaults`: a default is of the type that it stands for."""
    if len(spot.path) > _DEEPEST:
        return
    if schema.get("default") is not None:
        yield from _of_type(schema, schema["default"], spot.at("default"))
    for where, below in _inner(schema, spot):
        yield from _defaults(below, where)


def _of_type(schema: Schema, value: Any, spot: _Spot) -> Iterator[Failure]:
    kind = schema.get("type")
    wanted = _GO_TYPES.get(kind) if isinstance(kind, str) and schema.get(_EITHER) is not True else None
    if value is None and schema.get("nullable") is True:
        return
    whole = kind == "integer" and isinstance(value, float) and value.is_integer()
    if wanted and not whole and (not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")):
        shown = next((name for name, types in _GO_TYPES.items() if type(value) in types), "null")
        yield spot.invalid(f'"{shown}"', f'must be of type {kind}: "{shown}"')
        return
    allowed = schema.get("enum")
    if isinstance(allowed, list) and allowed and value not in allowed:
        found = unsupported(spot.path, str(value), tuple(map(str, allowed)))
        yield replace(found, place=spot.text)


def openapi_failures(schema: Schema, path: FieldPath, place: str) -> Iterator[Failure]:
    """`ValidateCustomResourceDefinitionOpenAPISchema`."""
    yield from _openapi(schema, _Spot(path, place), root=True)


def _openapi(schema: Schema, spot: _Spot, *, root: bool = False) -> Iterator[Failure]:
    if len(spot.path) > _DEEPEST:
        return
    kind = schema.get("type") or ""
    if kind and kind not in _TYPES:
        yield replace(unsupported((*spot.path, "type"), kind, _TYPES), place=f"{spot.text}.type")
    for field in _UNSUPPORTED:
        value = schema.get(field)
        if value is not None and (value or field in ("additionalItems", "dependencies", "$ref")):
            yield spot.at(field).forbidden(f"{field} is not supported")
    if schema.get("uniqueItems") is True:
        words = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield spot.at("uniqueItems").forbidden(words)
    more = schema.get("additionalProperties")
    if schema.get("properties") and (more is False or isinstance(more, dict)):
        words = "additionalProperties and properties are mutual exclusive"
        yield spot.at("additionalProperties").forbidden(words)
    yield from _extensions(schema, spot, kind)
    for where, below in _below(schema, spot):
        if root and where.path[-2:] in _TOP and below.get("default") is not None:
            yield where.at("default").forbidden(f"must not be set in top-level {where.path[-1]}")
        yield from _openapi(below, where)


_TOP = tuple(("properties", name) for name in ("metadata", "kind", "apiVersion"))


def _below(schema: Schema, spot: _Spot) -> Iterator[tuple[_Spot, Schema]]:
    yield from _inner(schema, spot)
    if isinstance(schema.get("not"), dict):
        yield spot.at("not"), schema["not"]
    for field in _JUNCTORS:
        for index, below in enumerate(schema.get(field) or ()):
            if isinstance(below, dict):
                yield spot.inside(field, index), below


def _extensions(schema: Schema, spot: _Spot, kind: str) -> Iterator[Failure]:
    if schema.get(_KEEPS) is False:
        yield spot.at(_KEEPS).invalid("false", "must be true or undefined")
    for field, wanted, allowed in (
        (_MAP, "object", ("atomic", "granular")),
        (_LIST, "array", ("atomic", "set", "map")),
    ):
        value = schema.get(field)
        if value is None:
            continue
        if kind != wanted:
            words = f"must be {wanted} if {field} is specified"
            yield spot.at("type").invalid(f'"{kind}"', words) if kind else spot.at("type").required(words)
        if value not in allowed:
            yield replace(unsupported((*spot.path, field), value, allowed), place=f"{spot.text}.{field}")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and _is_broken(pattern):
        yield spot.at("pattern").invalid(f'"{pattern}"', "must be a valid regular expression, but isn't")
    yield from _list_keys(schema, spot)


def _is_broken(pattern: str) -> bool:
    """Is it no expression in Go either? Brackets and braces that do not close alone are told."""
    try:
        re.compile(pattern)
    except re.error as error:
        return error.msg.startswith(("missing ), unterminated", "unbalanced paren", "unterminated character set",
                                     "nothing to repeat"))  # fmt: skip
    except (OverflowError, RecursionError):
        return False
    return False


def _list_keys(schema: Schema, spot: _Spot) -> Iterator[Failure]:
    """`x-kubernetes-list-map-keys`, and `validateMapListKeysMapSet`."""
    keys, kind, items = schema.get(_KEYS) or [], schema.get(_LIST), schema.get("items")
    if keys and kind != "map":
        words = f"must be map if {_KEYS} is non-empty"
        yield spot.at(_LIST).invalid(f'"{kind}"', words) if kind else spot.at(_LIST).required(words)
    if kind not in ("map", "set"):
        return
    inner = items if isinstance(items, dict) else {}
    if kind == "map":
        yield from _map_list(keys, items, spot)
    elif inner.get("type") == "object" and inner.get(_MAP) != "atomic":
        words = f"must be atomic as item of a list with {_LIST}=set"
        yield spot.at("items").at(_MAP).invalid("null", words)
    if inner.get("nullable") is True:
        yield spot.at("items").at("nullable").forbidden(f"cannot be nullable when {_LIST} is {kind}")
    for key in keys if kind == "map" else ():
        below, place = (inner.get("properties") or {}).get(key), spot.at("items").inside("properties", key)
        if isinstance(below, dict) and key not in (inner.get("required") or ()) and below.get("default") is None:
            words = f"this property is in {_KEYS}, so it must have a default or be a required property"
            yield place.at("default").required(words)
        if isinstance(below, dict) and below.get("nullable") is True:
            yield place.at("nullable").forbidden(f"this property is in {_KEYS}, so it cannot be nullable")


def _map_list(keys: list[Any], items: Any, spot: _Spot) -> Iterator[Failure]:
    if not keys:
        yield spot.at(_KEYS).required(f"must not be empty if {_LIST} is map")
    if items is None:
        yield spot.at("items").required(f"must have a schema if {_LIST} is map")
    if not isinstance(items, dict):
        return
    if items.get("type") != "object":
        words = f"must be object if parent array's {_LIST} is map"
        yield spot.at("items").at("type").invalid(f'"{items.get("type") or ""}"', words)
        return
    properties = items.get("properties") or {}
    if any(key not in properties for key in keys):
        yield spot.at(_KEYS).invalid(str(keys), "entries must all be names of item properties")
    if len(set(map(str, keys))) != len(keys):
        yield spot.at(_KEYS).invalid(str(keys), "must not contain duplicate entries")
    for key in keys:
        below = properties.get(key)
        if isinstance(below, dict) and below.get("type") in ("array", "object"):
            words = f"must be a scalar type if parent array's {_LIST} is map"
            yield spot.at("items").inside("properties", key).at("type").invalid('"object"', words)
