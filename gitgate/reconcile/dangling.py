"""Consequences where one object needs another that is not there, or not like that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.reconcile.consequence import Consequence, happens_to
from gitgate.reconcile.places import told
from gitgate.reconcile.references import Reference, get, mappings, pod_template, references_of, spec_of
from gitgate.reconcile.scene import Scene, Side
from gitgate.resource import Resource
from gitgate.sources.bootstrap import BOOTSTRAP


def dangling(scene: Scene) -> Iterator[Consequence]:
    """A reference to something that the change takes away, or that was never there."""
    # Where nothing goes, only what changes can come to miss something.
    edited = {id(item.after) for item in scene.changed}
    something_goes = not scene.before.by_place.keys() <= scene.after.by_place.keys()
    for resource in scene.after.resources:
        if not something_goes and id(resource) not in edited:
            continue
        before = scene.was(resource)
        old = {one.place for one in references_of(before)} if before is not None else set()
        for reference in references_of(resource):
            if scene.after.has(reference.place) or not _is_told(reference, scene):
                continue
            if reference.path in resource.unresolved:  # of which no more is known than that it has a variable
                continue
            name = told(reference.place)
            if scene.before.has(reference.place):
                message = f"{_short(reference, resource)}, which it needs, goes with this change"
                yield happens_to(resource, "dangling-reference", message, reference.path, other=name)
            elif reference.place not in old and not reference.optional and name != BOOTSTRAP:
                message = f"it needs {_short(reference, resource)}, which is not in this repository"
                yield happens_to(resource, "unresolved-reference", message, reference.path, other=name)


def _is_told(reference: Reference, scene: Scene) -> bool:
    """A namespace that the agent fills in makes names unknowable: an object without one may be anywhere."""
    if reference.namespace or reference.kind == "ClusterRole":
        return True
    return (reference.kind, reference.name) not in scene.after.named


def _short(reference: Reference, resource: Resource) -> str:
    away = reference.namespace and reference.namespace != resource.id.namespace
    return told(reference.place) if away else f"{reference.kind} {reference.name}"


def empty_selectors(side: Side) -> Iterator[Consequence]:
    """Services that select no Pods, name a port that no container has, and budgets that protect nothing."""
    for service in side.of_kind("", "Service"):
        selector = spec_of(service).get("selector")
        if not isinstance(selector, Mapping) or not selector:
            continue
        wanted = {"matchLabels": selector}
        first = next(side.selected(wanted, service), None)
        if first is None:
            message = "no workload of the repository has Pods that its selector matches"
            yield happens_to(service, "empty-service", message, ("spec", "selector"))
            continue
        for index, port in mappings(spec_of(service).get("ports")):
            target = port.get("targetPort")
            if isinstance(target, str) and not any(
                target in _container_ports(one) for one in side.selected(wanted, service)
            ):
                message = f"no container of {first.id} has a port that is called {target}"
                field = ("spec", "ports", index, "targetPort")
                yield happens_to(service, "empty-service", message, field, other=f"port {target}")
    for budget in side.of_kind("policy", "PodDisruptionBudget"):
        selector = spec_of(budget).get("selector")
        if isinstance(selector, Mapping) and selector and next(side.selected(selector, budget), None) is None:
            message = "no workload of the repository has Pods that its selector matches: it protects nothing"
            yield happens_to(budget, "unresolved-reference", message, ("spec", "selector"), other="selector")


def _container_ports(workload: Resource) -> Iterator[Any]:
    for group in ("initContainers", "containers"):
        for _, container in mappings(get(pod_template(workload.data), "spec", group)):
            yield from (port.get("name") for _, port in mappings(container.get("ports")))


def missing_ports(side: Side) -> Iterator[Consequence]:
    """Backends that name a port which their Service does not have."""
    for resource in side.resources:
        if resource.id.group not in ("networking.k8s.io", "gateway.networking.k8s.io"):
            continue
        for reference in references_of(resource):
            service = side.nearest(reference.place, resource) if reference.port is not None else None
            if service is None or spec_of(service).get("type") == "ExternalName":
                continue
            ports = [port for _, port in mappings(spec_of(service).get("ports"))]
            if not any(reference.port in (port.get("port"), port.get("name")) for port in ports):
                message = f"Service {service.id.name} has no port {reference.port}"
                yield happens_to(
                    resource, "dangling-reference", message, reference.path,
                    other=f"{service.id} port {reference.port}",
                )  # fmt: skip
