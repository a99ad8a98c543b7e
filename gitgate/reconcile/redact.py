"""Secrets: their values are replaced by salted digests before anything compares or prints them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from gitgate.location import FieldPath

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HIDDEN = "(sensitive)"
_SALT = secrets.token_bytes(32)
"""New in every process and never printed: a digest tells equal from different and nothing else."""


def is_secret(data: Mapping[str, Any]) -> bool:
    """Is it a Secret?"""
    return data.get("kind") == "Secret" and data.get("apiVersion") == "v1"


def redact(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Secret with digests for values; any other object without the copy of itself that kubectl leaves."""
    metadata = data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    result = dict(data)
    if isinstance(metadata, Mapping) and isinstance(annotations, Mapping) and LAST_APPLIED in annotations:
        kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        result["metadata"] = {**metadata, "annotations": kept}
    if not is_secret(data):
        return result
    for field, encoded in (("data", True), ("stringData", False)):
        values = data.get(field)
        if isinstance(values, Mapping):
            result[field] = {key: _digest(value, encoded=encoded) for key, value in values.items()}
        elif values is not None:
            # No mapping, which the server refuses: so shall the plan, without saying what it is.
            result[field] = HIDDEN
    return result


def _digest(value: Any, *, encoded: bool) -> Any:
    """A digest in the place of a value, such that the two spellings of one value have the same."""
    if value is None:
        return None
    if not isinstance(value, str):
        # No text, which the server refuses: a value of the same type says so, and nothing else.
        return type(value)()
    content = value.encode("utf-8", "surrogatepass")
    if encoded:
        try:
            content = base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            return f"(not base64) {hmac.new(_SALT, content, hashlib.sha256).hexdigest()}"
    digest = hmac.new(_SALT, content, hashlib.sha256).hexdigest()
    # What is sent as `stringData` is encoded once more when it is stored; so is this.
    return base64.b64encode(digest.encode()).decode() if encoded else digest


def is_sensitive(data: Mapping[str, Any], path: FieldPath) -> bool:
    """May the value of this field not be shown?"""
    return is_secret(data) and path[:1] in (("data",), ("stringData",))
