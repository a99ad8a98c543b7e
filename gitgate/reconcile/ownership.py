"""Managed fields of a live object: what managers other than the agent own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.changes import FieldChange
from gitgate.reconcile.merge import NOBODY, Owned
from gitgate.reconcile.tables import Shape, TypeNode

AGENTS = ("argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller")
"""Managers that are the agent itself."""

_TAKEN_OVER = ("kubectl", "before-first-apply")
"""Managers whose fields Flux absorbs: fluxcd/kustomize-controller, `kustomization_controller.go`, `apply`."""

_DEPTH = 64


def others(node: TypeNode, live: Mapping[str, Any], *, takes_over: bool) -> Owned:
    """What other managers own of a live object.

    Args:
        node: The type of its kind.
        live: The object as the cluster has it, with `metadata.managedFields`.
        takes_over: Does the agent absorb what kubectl did, as Flux does?
    """
    owned = NOBODY
    for entry in _entries(live):
        manager = str(entry.get("manager", ""))
        if manager in AGENTS or (takes_over and manager.startswith(_TAKEN_OVER)) or _is_apply_by_kubectl(entry):
            continue
        owned = _union(owned, _read(node, entry["fieldsV1"], 0))
    return owned


def with_taken_over(node: TypeNode, base: Mapping[str, Any], live: Mapping[str, Any]) -> Mapping[str, Any]:
    """The base, and with it what Flux absorbs of a live object: what kubectl set there goes unless git sets it.

    Args:
        node: The type of its kind.
        base: The object as git has it now.
        live: The object as the cluster has it, with `metadata.managedFields`.
    """
    owned = NOBODY
    for entry in _entries(live):
        if str(entry.get("manager", "")).startswith(_TAKEN_OVER):
            owned = _union(owned, _read(node, entry["fieldsV1"], 0))
    taken = _owned_part(node, live, owned)
    joined = _joined(node, base, taken) if isinstance(taken, Mapping) else base
    return joined if isinstance(joined, Mapping) else base


def _owned_part(node: TypeNode, value: Any, owned: Owned) -> Any:
    """What of a value is owned."""
    if not owned.fields:
        return value
    if isinstance(value, Mapping):
        return {
            key: _owned_part(node.child(key), value[key], below) for key, below in owned.fields.items() if key in value
        }
    if isinstance(value, list):
        keyed = ((item, owned.child(repr(_key_of(node, item)))) for item in value)
        return [
            _with_key(node, item, _owned_part(node.item, item, below)) for item, below in keyed if below is not None
        ]
    return value


def _with_key(node: TypeNode, item: Any, part: Any) -> Any:
    """A part of a list's item with what tells it from others."""
    if not isinstance(item, Mapping) or not isinstance(part, Mapping):
        return item
    return {**part, **{key: item[key] for key in node.keys or () if key in item}}


def _joined(node: TypeNode, base: Any, more: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(more, Mapping):
        added = {key: _joined(node.child(key), base[key], item) if key in base else item for key, item in more.items()}
        return {**base, **added}
    if isinstance(base, list) and isinstance(more, list) and node.keys is not None:
        parts = {repr(_key_of(node, item)): item for item in more}
        kept = [_joined(node.item, item, parts.pop(repr(_key_of(node, item)), item)) for item in base]
        return [*kept, *parts.values()]
    return base


def owned_by(node: TypeNode, live: Mapping[str, Any] | None, manager: str) -> Owned | None:
    """What one manager owns of a live object; None when it owns nothing, or that is not known."""
    found = [_read(node, entry["fieldsV1"], 0) for entry in _entries(live or {}) if entry.get("manager") == manager]
    owned = NOBODY
    for one in found:
        owned = _union(owned, one)
    return owned if found else None


def named_managers(node: TypeNode, live: Mapping[str, Any], changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """Say of each field of a live object that drifted which managers other than the agent own it, or something in it.

    Args:
        node: The type of its kind.
        live: The object as the cluster has it, with `metadata.managedFields`.
        changes: What differs, from the live object to what the agent makes of it.
    """
    entries = [(str(one.get("manager", "")), _read(node, one["fieldsV1"], 0)) for one in _entries(live)]
    return tuple(
        replace(change, manager=", ".join(sorted({
            manager for manager, owned in entries
            if manager not in AGENTS and _reaches(owned, node, live, change.path)
        })))
        for change in changes
    )  # fmt: skip


def _reaches(owned: Owned, node: TypeNode, data: Any, path: FieldPath) -> bool:
    """Is the field, something above it as a whole, or something in it owned?"""
    for step in path:
        if isinstance(step, int):
            item = data[step] if isinstance(data, list) and step < len(data) else None
            key = repr(_key_of(node, item))
            node, data = node.item, item
        else:
            key, node = step, node.child(step)
            data = data.get(step) if isinstance(data, Mapping) else None
        below = owned.child(key)
        if below is None:
            return False
        if not below.fields:
            return True
        owned = below
    return True


def _key_of(node: TypeNode, item: Any) -> tuple[Any, ...]:
    if not isinstance(item, Mapping):
        return (item,)
    return tuple(item.get(name, node.key_default(name)) for name in node.keys or ())


def manager_owns(owned: Owned, node: TypeNode, data: Any, path: FieldPath) -> bool:
    """Is a field, or what is above it as a whole, owned?

    Args:
        owned: What a manager owns.
        node: The type of the object.
        data: The object, in which the path's indices are those of its lists.
        path: The field.
    """
    for step in path:
        if isinstance(step, int):
            item = data[step] if isinstance(data, list) and step < len(data) else None
            if not isinstance(item, Mapping) or node.keys is None:
                return False
            key = repr(tuple(item.get(name, node.key_default(name)) for name in node.keys))
            node, data = node.item, item
        else:
            key, node = step, node.child(step)
            data = data.get(step) if isinstance(data, Mapping) else None
        below = owned.child(key)
        if below is None:
            return False
        if not below.fields:
            return True
        owned = below
    return False


def _entries(live: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("fieldsV1"), Mapping):
            yield entry


def _is_apply_by_kubectl(entry: Mapping[str, Any]) -> bool:
    # Argo CD migrates what client-side apply left, and is kubectl where it applies client-side.
    return entry.get("manager") == "kubectl-client-side-apply"


def _read(node: TypeNode, fields: Mapping[str, Any], depth: int) -> Owned:
    """Parse `fieldsV1`: sigs.k8s.io/structured-merge-diff/fieldpath/serialize.go."""
    children = dict(_children(node, fields, depth)) if depth < _DEPTH else {}
    return Owned(children, self_owned="." in fields or not children)


def _children(node: TypeNode, fields: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Owned]]:
    for name, below in fields.items():
        kind, _, text = str(name).partition(":")
        inner = below if isinstance(below, Mapping) else {}
        if kind == "f":
            yield text, _read(node.child(text), inner, depth + 1)
        elif kind in ("k", "v") and node.shape is Shape.LIST and node.keys is not None:
            key = _key(node, kind, text)
            if key is not None:
                yield repr(key), _read(node.item, inner, depth + 1)


def _key(node: TypeNode, kind: str, text: str) -> tuple[Any, ...] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if kind == "v":
        return (value,)
    if not isinstance(value, Mapping):
        return None
    return tuple(value.get(key, node.key_default(key)) for key in node.keys or ())


def _union(one: Owned, other: Owned) -> Owned:
    fields = dict(one.fields)
    for key, child in other.fields.items():
        fields[key] = _union(fields[key], child) if key in fields else child
    return Owned(fields, one.self_owned or other.self_owned)
