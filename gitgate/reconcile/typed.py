"""What makes an object unreadable for server-side apply: fields, types and list keys, in structured-merge-diff's words.

Source: sigs.k8s.io/structured-merge-diff/typed/validate.go and helpers.go. What decoding into Go finds on top of it
(quantities, numbers out of range) follows.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.quantity import parse_quantity
from gitgate.reconcile.tables import Shape, TypeNode

_QUANTITY_WORDS = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_LIMIT = 20
"""Failures of one object that are worth telling."""


def typed_failures(
    node: TypeNode, data: Mapping[str, Any], tolerated: frozenset[str] = frozenset()
) -> tuple[Failure, ...]:
    """Why an object cannot be read as its kind; empty when it can.

    Args:
        node: The type of its kind.
        data: The object as sent.
        tolerated: Codes of failures that the way of applying does not have.
    """
    found: list[Failure] = []
    for failure in _value(node, data, (), ""):
        if failure.code in tolerated:
            continue
        found.append(failure)
        if len(found) == _LIMIT:
            break
    if not found:
        found = [failure for failure, _ in zip(_decoding(node, data, ()), range(_LIMIT), strict=False)]
    return tuple(found)


def _value(node: TypeNode, value: Any, path: FieldPath, place: str) -> Iterator[Failure]:
    if value is None or node.shape is Shape.OPEN:
        return
    if node.shape in (Shape.STRUCT, Shape.MAP):
        if not isinstance(value, dict):
            yield _type(path, place, f"expected map, got &{{{_go(value)}}}")
            return
        yield from _mapping(node, value, path, place)
    elif node.shape is Shape.LIST:
        if not isinstance(value, list):
            yield _type(path, place, f"expected list, got &{{{_go(value)}}}")
            return
        yield from _list(node, value, path, place)
    elif node.shape is Shape.QUANTITY:
        if isinstance(value, dict | list):
            yield _type(path, place, f"expected any scalar, got &{{{_go(value)}}}")
    elif node.shape is Shape.SCALAR:
        yield from _scalar(node, value, path, place)


def _mapping(node: TypeNode, value: Mapping[str, Any], path: FieldPath, place: str) -> Iterator[Failure]:
    for key, item in value.items():
        below, spelled = (*path, key), f"{place}.{key}"
        if node.shape is Shape.MAP:
            yield from _value(node.item, item, below, spelled)
        elif key in node.fields and not node.fields[key].unserved:
            # What a feature gate switches off is dropped, whatever it holds.
            yield from _value(node.fields[key], item, below, spelled)
        elif node.fields and key not in node.fields and not node.keeps_unknown:
            yield Failure(code="undeclared-field", field=below, place=spelled, message="field not declared in schema")


def _list(node: TypeNode, items: list[Any], path: FieldPath, place: str) -> Iterator[Failure]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        element, below = f"{place}[{index}]", (*path, index)
        if node.keys is not None:
            key = item_key(node, node.keys, item)
            if key is None:
                why = "may not have a null element" if item is None else "has an element that omits a key field"
                yield Failure(
                    code="wrong-type", field=below, place=place,
                    message=f"element {index}: associative list with keys {why}",
                )  # fmt: skip
                continue
            element = f"{place}[{spell_key(node.keys, key)}]"
            if repr(key) in seen:
                yield Failure(
                    code="duplicate-key", field=below, place=place,
                    message=f"duplicate entries for key [{spell_key(node.keys, key)}]",
                )  # fmt: skip
            seen.add(repr(key))
        yield from _value(node.item, item, below, element)


def item_key(node: TypeNode, keys: tuple[str, ...], item: Any) -> tuple[Any, ...] | None:
    """What tells an item of an associative list apart; None for one that has nothing that could.

    Source: structured-merge-diff/typed/helpers.go, `keyedAssociativeListItemToPathElement`.
    """
    if not keys:
        return None if isinstance(item, dict | list) or item is None else (item,)
    if not isinstance(item, dict):
        return None
    # A null is there, and a key like any other.
    values = tuple(item[key] if key in item else node.key_default(key) for key in keys)
    missing = all(value is None and key not in item for key, value in zip(keys, values, strict=True))
    return None if missing else values


def spell_key(keys: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """`port=53,protocol="TCP"`, or the value itself for a set."""
    if not keys:
        return f"={json.dumps(values[0], ensure_ascii=False)}"
    pairs = sorted(zip(keys, values, strict=True))
    return ",".join(f"{key}={_spell_value(value)}" for key, value in pairs)


def _spell_value(value: Any) -> str:
    if isinstance(value, dict):
        return ";".join(f"{key}={_spell_value(item)}" for key, item in sorted(value.items()))
    return json.dumps(value, ensure_ascii=False, default=str)


_EXPECTED = {"string": "string", "integer": "numeric (int or float)", "number": "numeric (int or float)",
             "boolean": "boolean"}  # fmt: skip
_JSON_NAMES = {bool: "bool", float: "number", dict: "object", list: "array"}
_GOT = {str: "string", int: "int", float: "float", bool: "boolean"}


def _scalar(node: TypeNode, value: Any, path: FieldPath, place: str) -> Iterator[Failure]:
    for kind in node.types:
        if kind == "string" and isinstance(value, str):
            return
        if kind == "boolean" and isinstance(value, bool):
            return
        if kind in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
            return
    wanted = node.types[0] if node.types else ""
    if wanted in ("integer", "number") and not isinstance(value, dict | list):
        got = _GOT.get(type(value), "string")
    else:
        got = f"&value.valueUnstructured{{Value:{_go_verbose(value)}}}"
    yield _type(path, place, f"expected {_EXPECTED.get(wanted, wanted)}, got {got}")


def _type(path: FieldPath, place: str, message: str) -> Failure:
    return Failure(code="wrong-type", field=path, place=place, message=message)


def _go(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_go, value)) + "]"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _go_verbose(value: Any) -> str:
    if isinstance(value, dict):
        return "map[string]interface {}{" + ", ".join(f'"{k}":{_go_verbose(v)}' for k, v in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(map(_go_verbose, value)) + "}"
    return json.dumps(value, ensure_ascii=False, default=str)


def _decoding(node: TypeNode, value: Any, path: FieldPath) -> Iterator[Failure]:  # noqa: C901 - one line for each shape
    """Why Go cannot decode a value; the server names no field, so the message has none, either."""
    if value is None or node.custom:
        return
    if isinstance(value, str) and node.shape is Shape.SCALAR:
        yield from _text(node, value, path)
        return
    if node.shape in (Shape.STRUCT, Shape.MAP) and isinstance(value, dict):
        for key, item in value.items():
            yield from _decoding(node.child(key), item, (*path, key))
    elif node.shape is Shape.LIST and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _decoding(node.item, item, (*path, index))
    elif node.content is not None and isinstance(value, dict):
        yield from _decoding_untyped(node.content, value, path)
    elif node.shape is Shape.QUANTITY and parse_quantity(value) is None:
        yield Failure(code="invalid-quantity", field=path, message=_QUANTITY_WORDS)
    elif node.shape is Shape.INT_OR_STRING and isinstance(value, bool | float | dict | list):
        words = f"json: cannot unmarshal {_JSON_NAMES[type(value)]} into Go value of type int32"
        yield Failure(code="wrong-type", field=path, message=words)
    elif node.types == ("integer",) and isinstance(value, float) and not value.is_integer():
        yield Failure(code="wrong-type", field=path, message="json: cannot unmarshal number into Go value of type int")


def _decoding_untyped(node: TypeNode, value: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    """What OpenAPI has no type for, and Go has; fields that it does not have are passed over."""
    for failure in _value(node, value, path, ""):
        if failure.code == "wrong-type":
            yield replace(failure, place="", message="json: cannot unmarshal into Go struct field JSONSchemaProps")
    yield from _decoding(node, value, path)


_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})\Z")


def _text(node: TypeNode, value: str, path: FieldPath) -> Iterator[Failure]:
    """Texts that Go reads as something else: times, and bytes in base64."""
    form = node.schema.get("format")
    if form == "date-time" and not _TIME.match(value):
        words = f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse'
        yield Failure(code="wrong-type", field=path, message=words)
    elif form == "byte" and not _is_base64(value):
        yield Failure(code="wrong-type", field=path, message="error decoding from json: illegal base64 data")


def _is_base64(text: str) -> bool:
    try:
        # encoding/base64 passes over line breaks, and over nothing else.
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
