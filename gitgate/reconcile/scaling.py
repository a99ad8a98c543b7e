"""Consequences where an autoscaler and git set the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.places import Place
from gitgate.reconcile.references import (
    get,
    mappings,
    pod_template,
    resize_target,
    scale_target,
    spec_of,
    template_path,
)
from gitgate.reconcile.scene import Scene, Side
from gitgate.resource import Resource

_RESOURCES = frozenset({"cpu", "memory"})


def scalers(side: Side) -> Iterator[tuple[Resource, Place, Resource]]:
    """Horizontal autoscalers with what they scale."""
    for scaler in (*side.of_kind("autoscaling", "HorizontalPodAutoscaler"), *side.of_kind("keda.sh", "ScaledObject")):
        target = scale_target(scaler)
        workload = side.nearest(target, scaler) if target is not None else None
        if target is not None and workload is not None:
            yield scaler, target, workload


def scaling_fights(side: Side) -> Iterator[Consequence]:
    """Replicas in git beside an autoscaler, and two autoscalers of one workload."""
    scaled_by: dict[int, list[Resource]] = {}
    for scaler, _, workload in scalers(side):
        scaled_by.setdefault(id(workload), []).append(scaler)
        replicas = spec_of(workload).get("replicas")
        if replicas is not None:
            message = f"git fixes replicas at {replicas}, and {scaler.id} scales it: every sync undoes the scaling"
            yield happens_to(workload, "scaling-fight", message, ("spec", "replicas"), other=str(scaler.id))
        if len(scaled_by[id(workload)]) > 1:
            other = scaled_by[id(workload)][0]
            message = f"{other.id} and {scaler.id} both scale it, and undo what the other does"
            yield happens_to(workload, "scaling-fight", message, other=f"{other.id} and {scaler.id}")
    for resizer in side.of_kind("autoscaling.k8s.io", "VerticalPodAutoscaler"):
        target = resize_target(resizer)
        resized_one = side.nearest(target, resizer) if target is not None else None
        if resized_one is not None:
            yield from _vertical(resizer, resized_one, scaled_by.get(id(resized_one), []))


def _vertical(resizer: Resource, workload: Resource, horizontal: list[Resource]) -> Iterator[Consequence]:
    """Source: kubernetes/autoscaler, vertical-pod-autoscaler/docs/known-limitations.md."""
    for scaler in horizontal:
        both = sorted(_measured(scaler) & _RESOURCES)
        if both:
            message = (
                f"{scaler.id} scales it by {' and '.join(both)}, which {resizer.id} sets: "
                "each undoes what the other does"
            )
            yield happens_to(workload, "scaling-fight", message, other=f"{scaler.id} and {resizer.id}")


def resized(scene: Scene) -> Iterator[Consequence]:
    """Requests that change in git while a VerticalPodAutoscaler sets them."""
    for resizer in scene.after.of_kind("autoscaling.k8s.io", "VerticalPodAutoscaler"):
        target = resize_target(resizer)
        workload = scene.after.nearest(target, resizer) if target is not None else None
        item = scene.item(workload) if workload is not None else None
        if workload is None or item is None:
            continue
        path = (*template_path(workload.data), "spec", "containers")
        for change in item.changes if item.before is not None else ():
            if change.path[: len(path)] == path and "requests" in change.path and _controls(resizer):
                message = (
                    f"git changes its requests, and {resizer.id} sets its own on every Pod: the change does not last"
                )
                yield happens_to(workload, "scaling-fight", message, change.path, other=f"requests, {resizer.id}")
                break


def _controls(resizer: Resource) -> bool:
    """Does it set anything? A policy `Off` for every container says no."""
    policies = [policy for _, policy in mappings(get(resizer.data, "spec", "resourcePolicy", "containerPolicies"))]
    return not any(policy.get("containerName") == "*" and policy.get("mode") == "Off" for policy in policies)


def _measured(scaler: Resource) -> set[Any]:
    """The resources that an autoscaler scales by; without metrics, processor time (autoscaling/v2/defaults.go)."""
    spec = spec_of(scaler)
    if scaler.id.kind == "ScaledObject":
        return {trigger.get("type") for _, trigger in mappings(spec.get("triggers"))
                if isinstance(trigger.get("type"), str)}  # fmt: skip
    metrics = [metric for _, metric in mappings(spec.get("metrics"))]
    if not metrics:
        return {"cpu"}
    names = [get(metric, "resource", "name") or get(metric, "containerResource", "name") for metric in metrics]
    return {name for name in names if isinstance(name, str)}


def replicas_reset(scene: Scene) -> Iterator[Consequence]:
    """Replicas that leave git while an autoscaler owns them."""
    for scaler, _, workload in scalers(scene.after):
        before = scene.was(workload)
        if before is None or pod_template(workload.data) is None:
            continue
        if spec_of(workload).get("replicas") is None and spec_of(before).get("replicas") is not None:
            message = f"replicas go from git while {scaler.id} scales it: they may fall to 1 until it scales again"
            yield happens_to(workload, "replicas-reset", message, ("spec", "replicas"), other=str(scaler.id))
