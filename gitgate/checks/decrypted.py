"""Secrets whose values a change brings into the open: those of encrypted ones, and those beside encrypted ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Proposal
from gitgate.resource import Resource

_PARTS = ("stringData", "data")
_CIPHERTEXT = "ENC["
_NAMED = 3


def decrypted(proposal: Proposal) -> Iterator[tuple[Resource, FieldPath, str]]:
    """Secrets that were encrypted, with the field that can be read and what is to be said."""
    sealed = {(one.origin.cluster, one.id.identity) for one in proposal.before.resources if one.sealed}
    for resource in proposal.after.resources if sealed else ():
        if resource.sealed or (resource.origin.cluster, resource.id.identity) not in sealed or "sops" in resource.data:
            continue
        part = next((name for name in _PARTS if resource.data.get(name)), None)
        if part is not None:
            yield resource, (part,), "its values are in plain text, and in the base they are encrypted"


def half_encrypted(resource: Resource) -> str:
    """What to say of an object with what SOPS adds, and with values that it has not encrypted; empty for any other."""
    if not isinstance(resource.data.get("sops"), Mapping) or (resource.id.group, resource.id.kind) != ("", "Secret"):
        return ""
    plain = [
        f"{part}.{key}" for part in _PARTS for key, value in _items(resource.data.get(part)) if not _is_cipher(value)
    ]
    if not plain:
        return ""
    more = f" and {len(plain) - _NAMED} more" if len(plain) > _NAMED else ""
    return f"SOPS encrypted this Secret, and {', '.join(plain[:_NAMED])}{more} can be read: no agent can decrypt it so"


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items() if isinstance(value, Mapping) else ()


def _is_cipher(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith(_CIPHERTEXT) or not value)
