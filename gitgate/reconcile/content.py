"""The content of JSON values: a digest that tells two of them apart, and a copy that shares nothing."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Mapping
from typing import Any, cast

_FORMAT = 2
"""The last format of `marshal` whose bytes depend on the value alone, and not on which parts of it are shared."""


def content_digest(data: Mapping[str, Any]) -> bytes:
    """A SHA-256 digest of everything that an object holds, in its order; empty for what is no JSON value.

    Types count: `true` is not 1, and 1 is not 1.0. Two objects with one digest are the same; two with different ones
    may still mean the same. `marshal` writes JSON values four times as fast as `json` does, and nothing reads it back.
    """
    try:
        return hashlib.sha256(marshal.dumps(cast("dict[str, Any]", data), _FORMAT)).digest()
    except ValueError:
        return b""


def copied(value: Any) -> Any:
    """A copy of a JSON value down to the last list; `copy.deepcopy` does it ten times slower."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value
