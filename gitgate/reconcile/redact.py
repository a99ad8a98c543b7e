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
    """Is it a Secret? Of any API version: one that is misspelt, or another's, holds no fewer secrets."""
    return data.get("kind") == "Secret"


def redact(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without the copy of itself that kubectl leaves; a Secret without any, and with digests for values."""
    secret = is_secret(data)
    result = _without_copies(data, secret=secret)
    if not secret:
        return result
    for field, encoded in (("data", True), ("stringData", False)):
        values = data.get(field)
        if isinstance(values, Mapping):
            result[field] = {key: _digest(value, encoded=encoded) for key, value in values.items()}
        elif values is not None:
            # No mapping, which the server refuses: so shall the plan, without saying what it is.
            result[field] = HIDDEN
    return result


def _without_copies(data: Mapping[str, Any], *, secret: bool) -> dict[str, Any]:
    """An object without the annotations in which whoever applied it keeps a copy of it."""
    metadata = data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(annotations, Mapping):
        return dict(data)
    # One of the others: `objectset.rio.cattle.io/applied`.
    copies = {key for key in annotations if key == LAST_APPLIED or (secret and "applied" in str(key))}
    if not copies:
        return dict(data)
    kept = {key: value for key, value in annotations.items() if key not in copies}
    return {**data, "metadata": {**metadata, "annotations": kept}}


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


_SHOWN = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
"""Fields of a Secret that hold no secret. Any other, such as a misspelt `data`, may."""


def is_sensitive(data: Mapping[str, Any], path: FieldPath) -> bool:
    """May the value of this field not be shown?"""
    if not is_secret(data):
        return False
    return bool(path) and path[0] not in _SHOWN
