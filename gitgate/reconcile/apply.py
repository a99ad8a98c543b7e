"""The ways in which an agent applies an object: server-side, client-side, by replacement, and as Flux does.

Each gives the object that the server would be asked to store; `gitgate.reconcile.outcome` then defaults and validates
it. Sources: docs/adr/0022-apply-engines.md.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from gitgate.reconcile.content import copied
from gitgate.reconcile.merge import ABSENT, Sides, merge
from gitgate.reconcile.names import CORE
from gitgate.reconcile.tables import Shape, TypeNode

Object = Mapping[str, Any]


class ApplyMethod(StrEnum):
    """How an agent applies."""

    SERVER_SIDE = "server-side"
    """Server-side apply with force: Argo CD with `ServerSideApply=true`, kubectl `--server-side --force-conflicts`."""
    CLIENT_SIDE = "client-side"
    """kubectl's three-way patch: Argo CD's default."""
    FLUX = "flux"
    """Flux: objects are normalised first, then applied server-side."""
    REPLACE = "replace"
    """The object is put in the place of what is there: Argo CD with `Replace=true`."""


class ServerSideStyle:
    """Server-side apply: list and map types.

    Args:
        keeps_emptied: See `Style`. Source: structured-merge-diff/typed/remove.go, which left empty maps and lists from
            6.3.1 to 6.4.0, and so in Kubernetes 1.36; before and since it makes nothing of them.
    """

    null_deletes = False

    def __init__(self, *, keeps_emptied: bool = False) -> None:
        self.keeps_emptied = keeps_emptied

    def replaces(self, node: TypeNode) -> bool:
        """Atomic maps are one leaf."""
        return node.is_atomic if node.shape is not Shape.OPEN else False

    def keys(self, node: TypeNode) -> tuple[str, ...] | None:
        """`x-kubernetes-list-type`."""
        return node.keys

    def retains_only_sent(self, node: TypeNode) -> bool:  # noqa: ARG002 - the protocol's
        """Never."""
        return False


class ClientSideStyle:
    """kubectl's strategic merge patch; JSON merge patch for custom resources.

    Source: k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, k8s.io/kubectl/pkg/cmd/apply/patcher.go.
    """

    null_deletes = True
    keeps_emptied = True

    def replaces(self, node: TypeNode) -> bool:
        """Maps are merged by key unless their patch strategy is `replace`."""
        return "replace" in node.patch_strategies

    def keys(self, node: TypeNode) -> tuple[str, ...] | None:
        """`x-kubernetes-patch-merge-key`; lists of custom resources are replaced."""
        return None if node.custom else node.merge_keys

    def retains_only_sent(self, node: TypeNode) -> bool:
        """`retainKeys` clears the members of a union that are not sent."""
        return "retainKeys" in node.patch_strategies


_KEEPING_VERSIONS = frozenset({"1.36"})
SERVER_SIDE_STYLE = ServerSideStyle()
_KEEPING_STYLE = ServerSideStyle(keeps_emptied=True)
CLIENT_SIDE_STYLE = ClientSideStyle()


def apply(method: ApplyMethod, node: TypeNode, sides: Sides, version: str = "") -> dict[str, Any]:
    """The object that the server is asked to store.

    Args:
        method: How the agent applies.
        node: The type of the kind.
        sides: The object in the cluster, as applied last (the base, or the last-applied annotation), and as applied
            now; what other managers own counts for server-side apply only.
        version: Kubernetes version.
    """
    if method is ApplyMethod.REPLACE:
        return {key: copied(value) for key, value in sides.new.items()}
    style = _KEEPING_STYLE if version in _KEEPING_VERSIONS else SERVER_SIDE_STYLE
    if method is ApplyMethod.CLIENT_SIDE:
        result = merge(node, replace(sides, others=None), CLIENT_SIDE_STYLE)
    elif method is ApplyMethod.FLUX:
        old = normalise_for_flux(node, sides.old) if isinstance(sides.old, Mapping) else ABSENT
        result = merge(node, replace(sides, old=old, new=normalise_for_flux(node, sides.new)), style)
    else:
        result = merge(node, sides, style)
    return result if isinstance(result, dict) else {}


def normalise_for_flux(node: TypeNode, data: Object) -> dict[str, Any]:
    """An object after Flux's typed round trip: unknown fields of built-in kinds dropped, `stringData` in `data`.

    Source: github.com/fluxcd/pkg/ssa/normalize/normalize.go, `Unstructured`.
    """
    result = {key: value for key, value in data.items() if key != "status"}
    if node.custom or result.get("kind") in ("Role", "ClusterRole"):
        return {key: copied(value) for key, value in result.items()}
    known: dict[str, Any] = _known_fields(node, result)
    if node.name == CORE + "Secret" and isinstance(known.get("stringData"), dict):
        plain = known.pop("stringData")
        encoded = {
            key: base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")
            for key, value in plain.items()
            if isinstance(value, str)
        }
        known["data"] = {**(known.get("data") or {}), **encoded}
    return known


def _known_fields(node: TypeNode, value: Any) -> Any:
    if node.shape is Shape.STRUCT and isinstance(value, Mapping) and node.fields:
        return {key: _known_fields(node.fields[key], item) for key, item in value.items() if key in node.fields}
    if node.shape is Shape.MAP and isinstance(value, Mapping):
        return {key: _known_fields(node.item, item) for key, item in value.items()}
    if node.shape is Shape.LIST and isinstance(value, list):
        return [_known_fields(node.item, item) for item in value]
    return copied(value)
