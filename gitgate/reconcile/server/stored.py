"""Stored objects without what the server allocates or keeps for itself, so that two of them can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitgate.reconcile.content import copied
from gitgate.reconcile.redact import redact

_METADATA = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
    "resourceVersion", "selfLink", "uid",
)  # fmt: skip
_JOB_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
_ALLOCATED = ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy")


def stored(body: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """An object as the plan compares it; values of Secrets are digests.

    Args:
        body: What the server stored.
        sent: What it was asked to store: allocated fields that it names are kept.
    """
    result: dict[str, Any] = copied(dict(redact(body)))
    result.pop("status", None)
    metadata = result.get("metadata")
    if isinstance(metadata, dict):
        for key in _METADATA:
            metadata.pop(key, None)
        if not metadata.get("annotations"):
            metadata.pop("annotations", None)
        if not _at(sent, "metadata", "namespace"):
            metadata.pop("namespace", None)
    _drop_made(result, sent)
    return result


def _drop_made(result: dict[str, Any], sent: Mapping[str, Any]) -> None:
    """Take out what the server itself makes of a kind."""
    kind, spec = (result.get("apiVersion"), result.get("kind")), result.get("spec")
    if not isinstance(spec, dict):
        return
    if kind == ("v1", "Service"):
        _drop_allocated(spec, sent)
    elif kind == ("batch/v1", "Job"):
        drop_generated(spec, sent)
        _drop_labels(result.get("metadata"), _at(sent, "metadata", "labels"))
    elif kind == ("v1", "Namespace"):
        result.pop("spec")
    elif converts_by_webhook(sent):
        # No webhook of a stranger is asked to convert, so what is stored says something else.
        spec["conversion"] = copied(sent["spec"]["conversion"])


def converts_by_webhook(data: Mapping[str, Any]) -> bool:
    """Is it a CustomResourceDefinition whose objects a webhook converts?"""
    return data.get("kind") == "CustomResourceDefinition" and _at(data, "spec", "conversion", "strategy") == "Webhook"


def _at(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


def _drop_allocated(spec: dict[str, Any], sent: Mapping[str, Any]) -> None:
    for key in _ALLOCATED:
        if not _at(sent, "spec", key):
            spec.pop(key, None)
    asked = {
        (port.get("port"), port.get("protocol") or "TCP"): port.get("nodePort")
        for port in _at(sent, "spec", "ports") or ()
        if isinstance(port, Mapping)
    }
    for port in spec.get("ports") or ():
        if not asked.get((port.get("port"), port.get("protocol"))):
            port.pop("nodePort", None)


def drop_generated(spec: dict[str, Any], sent: Mapping[str, Any]) -> None:
    """Take out what the server makes of a Job's UID. Source: registry/batch/job/strategy.go.

    Args:
        spec: Of the Job.
        sent: The Job as it was sent; labels that it names are kept.
    """
    if _at(sent, "spec", "manualSelector"):
        return
    spec.pop("selector", None)
    _drop_labels(_at(spec, "template", "metadata"), _at(sent, "spec", "template", "metadata", "labels"))


def _drop_labels(metadata: Any, asked: Any) -> None:
    """Take out the labels of a Job that name it by its UID; it takes them over from its template."""
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict):
        return
    for key in _JOB_LABELS:
        if key not in (asked or {}):
            labels.pop(key, None)
    if not labels:
        metadata.pop("labels")
