"""`hide_secrets`: what an expression says of an object, without the secrets that it may quote.

Policies and rules make messages of what they read. A Secret is never quoted at all (`policy.evaluation`); custom
resources hold secrets, too, in fields that only their names, or `format: password`, tell from others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "(sensitive)"
_NAME = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|credentials?|(?:private|secret|access|api|encryption|signing)[-_.]?key)s?\Z",
    re.IGNORECASE,
)
_SHORTEST = 3
"""Characters; a shorter value would hide half of any sentence."""


def hide_secrets(words: str, data: Mapping[str, Any], schema: Any = None) -> str:
    """The words, with values of sensitive fields taken out.

    Args:
        words: What is said.
        data: The object that it is said of.
        schema: The structural schema of its kind, for `format: password`.
    """
    values = {part for value in _sensitive(data, schema) for part in (value, *value.splitlines())}
    for value in sorted(values, key=len, reverse=True):
        if len(value.strip()) >= _SHORTEST:
            words = words.replace(value, HIDDEN)
    return words


def _sensitive(data: Any, schema: Any) -> Iterator[str]:
    pending: list[tuple[Any, Any, bool]] = [(data, schema, False)]
    while pending:
        value, shape, sensitive = pending.pop()
        shape = shape if isinstance(shape, Mapping) else {}
        sensitive = sensitive or shape.get("format") == "password"
        if isinstance(value, Mapping):
            fields = shape.get("properties")
            fields = fields if isinstance(fields, Mapping) else {}
            for key, item in value.items():
                named = sensitive or _NAME.search(str(key)) is not None
                pending.append((item, fields.get(key, shape.get("additionalProperties")), named))
        elif isinstance(value, list):
            pending += ((item, shape.get("items"), sensitive) for item in value)
        elif sensitive and value is not None and not isinstance(value, bool):
            yield str(value)
