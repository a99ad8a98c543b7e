"""Objects in few words, and what a predicted apply makes of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.outcome import Outcome, predict_create, predict_update
from gitgate.reconcile.tables import TypeNode, kubernetes_tables

VERSION = "1.36"


def workload(kind: str = "Deployment", container: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Deployment, DaemonSet or StatefulSet `web` with one container; further fields of its spec by name."""
    pod = spec.pop("pod", {})
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1.0", **(container or {})}], **pod},
            },
            **spec,
        },
    }


def thing(api_version: str, kind: str, /, **fields: Any) -> dict[str, Any]:
    """Any object called `web` in namespace `shop`."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, **fields}


def service(*ports: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return thing("v1", "Service", spec={"selector": {"app": "web"}, "ports": list(ports) or [{"port": 80}], **spec})


def changed(data: Mapping[str, Any], path: str, value: Any = None) -> dict[str, Any]:
    """A copy with one field set, or taken out when the value is None; list items by index: `spec.ports.0.port`."""
    result = copy.deepcopy(dict(data))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    holder: Any = result
    for step in way:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return result


def node(data: Mapping[str, Any]) -> TypeNode:
    found = kubernetes_tables(VERSION).kind(data["apiVersion"], data["kind"])
    assert found is not None
    return found


def update(
    base: Mapping[str, Any],
    head: Mapping[str, Any],
    method: ApplyMethod = ApplyMethod.SERVER_SIDE,
    version: str = VERSION,
) -> Outcome:
    return predict_update(node(base), base, head, version=version, method=method)


def create(head: Mapping[str, Any], version: str = VERSION) -> Outcome:
    return predict_create(node(head), head, version=version)


def reasons(outcome: Outcome) -> list[str]:
    return [str(failure) for failure in outcome.failures]
