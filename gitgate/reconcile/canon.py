"""`canonical`: an object as the API server would store it: decoded, converted, defaulted, encoded again.

What the server allocates (cluster IPs, node ports, UIDs) is not invented. `canonical` is idempotent.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from gitgate.reconcile.content import copied
from gitgate.reconcile.defaults import apply_defaults
from gitgate.reconcile.names import CORE
from gitgate.reconcile.quantity import canonical_quantity
from gitgate.reconcile.tables import Declaration, Shape, TypeNode

_DROPPED_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_ABSENT = object()


def canonical(node: TypeNode, data: Mapping[str, Any]) -> dict[str, Any]:
    """The object as stored, without `status` and what only the server writes.

    Args:
        node: The type of its kind.
        data: The object as sent; not modified.
    """
    plain = {key: value for key, value in data.items() if key != "status"}
    if isinstance(plain.get("metadata"), dict):
        plain["metadata"] = {key: value for key, value in plain["metadata"].items() if key not in _DROPPED_METADATA}
    _drop_protection(node, plain)
    decoded = _decode(node, plain)
    if not isinstance(decoded, dict):
        return {}
    if node.name == CORE + "Secret":
        _convert_secret(decoded)
    _default(node, decoded)
    if node.name == CORE + "Pod":
        _tolerate(decoded.get("spec"))
    encoded = _encode(node, decoded)
    encoded.pop("status", None)
    return encoded if isinstance(encoded, dict) else {}


_PROTECTION: Mapping[str, str] = {
    CORE + "PersistentVolume": "kubernetes.io/pv-protection",
    CORE + "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
}  # fmt: skip
"""Finalizers that the server sets itself: plugin/pkg/admission/storage/storageobjectinuseprotection."""


def _drop_protection(node: TypeNode, data: dict[str, Any]) -> None:
    """Drop what a controller puts back whenever it is taken out, and what is there whether git has it or not."""
    own, metadata = _PROTECTION.get(node.name), data.get("metadata")
    finalizers = metadata.get("finalizers") if isinstance(metadata, dict) else None
    if own is None or not isinstance(metadata, dict) or not isinstance(finalizers, list) or own not in finalizers:
        return
    metadata["finalizers"] = [name for name in finalizers if name != own]


def _tolerate(spec: Any) -> None:
    """Let a Pod stay on a failing node for a while: plugin/pkg/admission/defaulttolerationseconds/admission.go."""
    found = (spec.get("tolerations") or []) if isinstance(spec, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return
    added = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(one.get("key") in (None, "", key) and one.get("effect") in (None, "", "NoExecute") for one in found)
    ]
    if added:
        spec["tolerations"] = [*found, *added]


def _decode(node: TypeNode, value: Any) -> Any:
    """Read a value into its type: unknown fields and nulls go, quantities are respelled."""
    if node.shape is Shape.STRUCT and isinstance(value, dict):
        return _decode_struct(node, value)
    if node.shape is Shape.MAP and isinstance(value, dict):
        return {key: _decode_element(node.item, item) for key, item in value.items()}
    if node.shape is Shape.LIST and isinstance(value, list):
        return [_decode_element(node.item, item) for item in value]
    if node.shape is Shape.QUANTITY and not node.custom:
        return canonical_quantity(value)
    if node.content is not None and isinstance(value, dict):
        return _decode(node.content, value)
    return copied(value) if isinstance(value, dict | list) else value


def _decode_struct(node: TypeNode, value: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for key, item in value.items():
        child = node.fields.get(key)
        if child is None:
            if node.keeps_unknown or not node.fields:
                result[key] = copied(item)
        elif (item is not None or node.custom) and not child.unserved:
            result[key] = _decode(child, item)
    if node.name == CORE + "PodSpec":
        _drop_container_restarts(node, result)
    return result


def _drop_container_restarts(node: TypeNode, spec: dict[str, Any]) -> None:
    """Drop how containers restart, but for the first ones, while ContainerRestartRules is off: pkg/api/pod/util.go."""
    containers = node.fields.get("containers")
    rules = containers.item.fields.get("restartPolicyRules") if containers is not None else None
    if rules is None or not rules.unserved:
        return
    for container in spec.get("containers") or ():
        if isinstance(container, dict):
            container.pop("restartPolicy", None)


def _decode_element(node: TypeNode, item: Any) -> Any:
    if item is not None or node.custom:
        return _decode(node, item)
    if node.shape is Shape.SCALAR:
        return node.zero
    if node.shape is Shape.QUANTITY:
        return "0"
    return {} if node.shape in (Shape.STRUCT, Shape.MAP) else item


def _default(node: TypeNode, value: Any) -> None:
    """Fill in defaults, parents before children."""
    node = node.content or node
    if node.shape is Shape.STRUCT and isinstance(value, dict):
        if node.custom:
            _custom_defaults(node, value)
        else:
            _by_value_structs(node, value)
            _drop_zeros(node, value)
            try:
                apply_defaults(node.name, value)
            except (AttributeError, KeyError, TypeError, ValueError):
                # A field of the wrong type, which is a failure of its own: no default depends on it any more.
                return
        for key, item in value.items():
            if isinstance(item, dict | list) and key in node.fields:
                _default(node.fields[key], item)
    elif node.shape is Shape.MAP and isinstance(value, dict):
        for item in value.values():
            _default(node.item, item)
    elif node.shape is Shape.LIST and isinstance(value, list):
        for item in value:
            _default(node.item, item)


def _custom_defaults(node: TypeNode, value: dict[str, Any]) -> None:
    # apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go, `Default`
    for key, child in node.fields.items():
        if child.default is not None and (key not in value or (value[key] is None and not child.nullable)):
            value[key] = copied(child.default)


def _by_value_structs(node: TypeNode, value: dict[str, Any]) -> None:
    for key in node.structs_by_value:
        if key not in value:
            value[key] = {}


def _drop_zeros(node: TypeNode, value: dict[str, Any]) -> None:
    """Drop what a Go struct cannot tell from absent."""
    for key in [key for key, item in value.items() if not item]:
        declaration = node.declarations.get(key)
        item = value[key]
        zero = declaration is Declaration.OMITTED and _is_zero(item)
        if zero or (declaration is Declaration.COLLECTION and item in ([], {})):
            if _keeps_empty(node.name, key):
                continue
            del value[key]


def _keeps_empty(type_name: str, key: str) -> bool:
    # autoscaling/v2/defaults.go tells an empty list of policies from none at all.
    return key == "policies" and type_name.endswith(".HPAScalingRules")


def _is_zero(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, str | int | float | dict) and not value)


def _encode(node: TypeNode, value: Any) -> Any:
    """Write a value as the server does, children first."""
    node = node.content or node
    if node.shape is Shape.STRUCT and isinstance(value, dict):
        result = {}
        for key, item in value.items():
            below = isinstance(item, dict | list) and key in node.fields
            result[key] = _encode(node.fields[key], item) if below else item
        if not node.custom:
            _drop_zeros(node, result)
            _write_zeros(node, result)
        return result
    if node.shape is Shape.MAP and isinstance(value, dict):
        return {key: _encode(node.item, item) for key, item in value.items()}
    if node.shape is Shape.LIST and isinstance(value, list):
        return [_encode(node.item, item) for item in value]
    return value


def _write_zeros(node: TypeNode, value: dict[str, Any]) -> None:
    for key in node.structs_by_value:
        if key not in value:
            value[key] = {}
    for key, zero in node.written_zeros:
        if key not in value:
            value[key] = zero


def _convert_secret(secret: dict[str, Any]) -> None:
    # core/v1/conversion.go, Convert_v1_Secret_To_core_Secret: stringData wins and is not stored.
    plain = secret.pop("stringData", None)
    data = secret.get("data")
    merged = {key: _respell_base64(value) for key, value in data.items()} if isinstance(data, dict) else {}
    if isinstance(plain, dict):
        for key, value in plain.items():
            if isinstance(value, str):
                merged[key] = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")
    if merged:
        secret["data"] = merged


def _respell_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode("ascii")
    except (binascii.Error, ValueError):
        return value
