"""A custom resource against the schema of its definition, and what of it passes because it was so before.

Sources: k8s.io/kube-openapi/pkg/validation/validate/{schema,schema_props,object_validator,slice_validator,values}.go;
k8s.io/apiextensions-apiserver/pkg/apiserver/validation/ratcheting.go. CEL rules are the policy check's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from gitgate.go_patterns import UnsupportedPatternError, translate
from gitgate.location import FieldPath, format_field_path
from gitgate.openapi_formats import FORMATS, custom_resource_format
from gitgate.reconcile.changes import same
from gitgate.reconcile.failure import Failure, invalid, required, unsupported
from gitgate.reconcile.tables import TypeNode
from gitgate.reconcile.typed import item_key

Schema = Mapping[str, Any]
_OF_KUBERNETES = ("apiVersion", "kind", "metadata")
_NAMES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("boolean", (bool,)), ("integer", (int,)), ("number", (float,)), ("string", (str,)), ("object", (dict,)),
    ("array", (list,)), ("null", (type(None),)),
)  # fmt: skip
RATCHETING = (1, 30)
"""The first version whose server lets pass what is wrong and as it was: CRDValidationRatcheting is on by default."""


def custom_resource_failures(node: TypeNode, data: Mapping[str, Any]) -> Iterator[Failure]:
    """What the schema of a definition refuses; of metadata, which is Kubernetes' own, nothing is said.

    Args:
        node: The type of the kind.
        data: The object with its defaults.
    """
    schema = {**node.schema, "properties": {key: child.schema for key, child in node.fields.items() if child.custom}}
    for name in _OF_KUBERNETES:
        schema["properties"].pop(name, None)
    for failure in _value(schema, data, ()):
        place = _spelt(failure.field)
        yield failure if place == format_field_path(failure.field) else replace(failure, place=place)


def _spelt(path: FieldPath) -> str:
    """A path as the server spells it here: keys of maps after a point, whatever they hold."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _value(schema: Schema, value: Any, path: FieldPath) -> Iterator[Failure]:
    """`SchemaValidator.Validate`: the type first, and then what is asked of that type."""
    if wrong := _wrong_type(schema, value, path):
        yield wrong
        return
    if value is None:
        return
    yield from _junctors(schema, value, path)
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(schema, value, path)
    elif isinstance(value, list):
        yield from _list(schema, value, path)
    allowed = schema.get("enum")
    if isinstance(allowed, list) and not any(same(value, one) for one in allowed):
        yield unsupported(path, _plain(value), tuple(map(_plain, allowed)))
    if isinstance(value, dict):
        yield from _object(schema, value, path)


def _name_of(value: Any) -> str:
    return next((name for name, types in _NAMES if type(value) in types), "unknown")


def _wrong_type(schema: Schema, value: Any, path: FieldPath) -> Failure | None:
    either = schema.get("x-kubernetes-int-or-string") is True
    kind = "integer,string" if either else schema.get("type")
    if not isinstance(kind, str) or (value is None and schema.get("nullable") is True):
        return None
    got = _name_of(value)
    whole = got == "integer" or (isinstance(value, float) and value.is_integer())
    if got in kind.split(",") or (kind == "number" and got == "integer") or ("integer" in kind and whole):
        return None
    return invalid(path, f'"{got}"', f'{_spelt(path)} in body must be of type {kind}: "{got}"')


def _junctors(schema: Schema, value: Any, path: FieldPath) -> Iterator[Failure]:
    """`schemaPropsValidator.Validate`."""
    place = _spelt(path)
    if (nested := _schemas(schema, "anyOf")) and all(_fails(one, value, path) for one in nested):
        yield invalid(path, '""', f'"{place}" must validate at least one schema (anyOf)')
    if (nested := _schemas(schema, "oneOf")) and sum(not _fails(one, value, path) for one in nested) != 1:
        yield invalid(path, '""', f'"{place}" must validate one and only one schema (oneOf)')
    for one in _schemas(schema, "allOf"):
        yield from _value(one, value, path)
    refused = schema.get("not")
    if isinstance(refused, dict) and refused and not _fails(refused, value, path):
        yield invalid(path, '""', f'"{place}" must not validate the schema (not)')


def _schemas(schema: Schema, junctor: str) -> list[Schema]:
    found = schema.get(junctor)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _fails(schema: Schema, value: Any, path: FieldPath) -> bool:
    return next(_value(schema, value, path), None) is not None


def _text(schema: Schema, text: str, path: FieldPath) -> Iterator[Failure]:
    name, most, least = _spelt(path), _count(schema, "maxLength"), _count(schema, "minLength")
    pattern, form = schema.get("pattern"), schema.get("format")
    if most is not None and len(text) > most:
        yield Failure(code="too-long", field=path, message=f"Too long: may not be more than {most} bytes")
    if least is not None and len(text) < least:
        yield invalid(path, _plain(text), f"{name} in body should be at least {least} chars long")
    if isinstance(pattern, str) and pattern and _matches(pattern, text) is False:
        yield invalid(path, json.dumps(text, ensure_ascii=False), f"{name} in body should match '{pattern}'")
    known = custom_resource_format(form) if isinstance(form, str) else None
    if known is not None and not FORMATS[known](text):
        shown = json.dumps(text, ensure_ascii=False)
        yield invalid(path, shown, f"{name} in body must be of type {form}: {shown}")


def _number(schema: Schema, number: float, path: FieldPath) -> Iterator[Failure]:
    name, factor = _spelt(path), schema.get("multipleOf")
    if isinstance(factor, int) and not isinstance(factor, bool) and factor > 0 and number % factor:
        yield invalid(path, str(number), f"{name} in body should be a multiple of {factor}")
    for field, exclusive, sign, words in (
        ("maximum", "exclusiveMaximum", 1, "less"),
        ("minimum", "exclusiveMinimum", -1, "greater"),
    ):
        bound = schema.get(field)
        if not isinstance(bound, int | float) or isinstance(bound, bool):
            continue
        strict = schema.get(exclusive) is True
        if sign * (number - bound) > 0 or (strict and number == bound):
            more = "" if strict else " or equal to"
            yield invalid(path, str(number), f"{name} in body should be {words} than{more} {bound}")


def _list(schema: Schema, items: list[Any], path: FieldPath) -> Iterator[Failure]:
    inner, name = schema.get("items"), _spelt(path)
    if isinstance(inner, dict):
        for index, item in enumerate(items):
            yield from _value(inner, item, (*path, index))
    most, least = _count(schema, "maxItems"), _count(schema, "minItems")
    if least is not None and len(items) < least:
        yield invalid(path, str(len(items)), f"{name} in body should have at least {least} items")
    if most is not None and len(items) > most:
        yield Failure(code="too-many", field=path, message=f"Too many: {len(items)}: must have at most {most} items")


def _object(schema: Schema, value: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    """`ObjectValidator.Validate`."""
    most, least = _count(schema, "maxProperties"), _count(schema, "minProperties")
    if least is not None and len(value) < least:
        words = f"{_spelt(path)} in body should have at least {least} properties"
        yield invalid(path, str(len(value)), words)
        return
    if most is not None and len(value) > most:
        yield Failure(code="too-many", field=path, message=f"Too many: {len(value)}: must have at most {most} items")
        return
    properties, more = schema.get("properties"), schema.get("additionalProperties")
    known = properties if isinstance(properties, Mapping) else {}
    for key in sorted(value, key=str):
        below = known.get(key, more)
        if isinstance(below, Mapping):
            yield from _value(below, value[key], (*path, key))
    needed = schema.get("required")
    for key in needed if isinstance(needed, list | tuple) else ():
        if key not in value:
            yield required((*path, key))


def _count(schema: Schema, field: str) -> int | None:
    found = schema.get(field)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@lru_cache(maxsize=4096)
def _matches(pattern: str, text: str) -> bool | None:
    """Does Go find the pattern in a text? None where nothing can tell. It takes time linear in the text."""
    checker = _compiled(pattern)
    return None if checker is None else bool(checker.is_valid(text))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    from jsonschema_rs import Draft202012Validator, RegexOptions  # noqa: PLC0415 - heavy, and only for patterns

    try:
        return Draft202012Validator({"pattern": translate(pattern)}, pattern_options=RegexOptions())
    except (UnsupportedPatternError, ValueError):
        return None


def is_as_it_was(node: TypeNode, before: Any, after: Any, failure: Failure) -> bool:
    """Is what a schema refuses the same as before, so that the server lets it pass with a warning?

    Source: ratcheting.go: each value is compared with the one that it stood for, items of a list by their keys.
    """
    subject = failure.field[:-1] if failure.message.startswith("Required") else failure.field
    for step in subject:
        if isinstance(after, dict) and isinstance(before, dict):
            if step not in before or step not in after:
                return False
            node, before, after = node.child(str(step)), before[step], after[step]
        elif isinstance(after, list) and isinstance(before, list) and isinstance(step, int) and node.keys:
            wanted = item_key(node, node.keys, after[step])
            found = [item for item in before if item_key(node, node.keys, item) == wanted]
            if not found:
                return False
            node, before, after = node.item, found[0], after[step]
        else:
            return False
        if same(before, after):
            return True
    return False
