"""The types that the schemas of one Kubernetes version share, and what is worked out of them once for all kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.schema.list_keys import ListPlan, ListPlans

Schema = dict[str, Any]
_REFERENCE_START = "#/$defs/"


def reference_to(name: str) -> Schema:
    """A schema that is a type."""
    return {"$ref": _REFERENCE_START + name}


class SharedTypes:
    """Types by name.

    Args:
        types: JSON Schemas that refer to one another.
    """

    def __init__(self, types: Mapping[str, Schema]) -> None:
        self._types = types
        self._mentioned: dict[str, tuple[str, ...]] = {}
        self._plans = ListPlans(self.resolve)

    def resolve(self, reference: str) -> Schema:
        """What a `$ref` names; an empty schema for one that names nothing."""
        return self._types.get(reference.removeprefix(_REFERENCE_START), {})

    def list_plan(self, root: Schema) -> ListPlan | None:
        """Where a kind has lists whose items are told apart by a key."""
        return self._plans.of(root)

    def reachable(self, root: Schema) -> dict[str, Schema]:
        """The types that a schema refers to, directly or not: all that its validator has to compile."""
        found: dict[str, Schema] = {}
        pending = list(_names_in(root))
        while pending:
            name = pending.pop()
            if name in self._types and name not in found:
                found[name] = self._types[name]
                if name not in self._mentioned:
                    self._mentioned[name] = tuple(_names_in(self._types[name]))
                pending.extend(self._mentioned[name])
        return found


def _names_in(schema: Schema) -> Iterator[str]:
    """The types that a schema mentions itself."""
    pending: list[Any] = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str):
                yield reference.removeprefix(_REFERENCE_START)
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
