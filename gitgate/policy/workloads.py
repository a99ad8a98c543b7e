"""The pods that workloads would make: what a policy for pods has to judge before there are any.

Source: the Go types of each kind, and k8s.io/pod-security-admission/admission/admission.go, `defaultPodSpecExtractor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitgate.location import FieldPath

TEMPLATES: Mapping[tuple[str, str], FieldPath] = {
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}
"""Where the pod's template is, by group and kind."""


_OWNERS: Mapping[str, tuple[str, str]] = {"CronJob": ("batch/v1", "Job"), "Deployment": ("apps/v1", "ReplicaSet")}
"""Workloads that make their pods through another."""


def template_path(group: str, kind: str) -> FieldPath | None:
    """Where a kind keeps its pod template; None for a kind that makes no pods."""
    return TEMPLATES.get((group, kind))


def pod_of(data: Mapping[str, Any], path: FieldPath, namespace: str) -> dict[str, Any] | None:
    """The pod that a workload would make; None where the template is absent, which the schema check reports."""
    template: Any = data
    for step in path:
        template = template.get(step) if isinstance(template, Mapping) else None
    if not isinstance(template, Mapping) or not isinstance(template.get("spec"), Mapping):
        return None
    metadata = template.get("metadata")
    owner = data.get("metadata")
    name = owner.get("name", "") if isinstance(owner, Mapping) else ""
    api_version, kind = _OWNERS.get(str(data.get("kind")), (data.get("apiVersion"), data.get("kind")))
    reference = {"apiVersion": api_version, "kind": kind, "name": name, "controller": True, "blockOwnerDeletion": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **(metadata if isinstance(metadata, Mapping) else {}),
            "namespace": namespace,
            "generateName": f"{name}-",
            "ownerReferences": [reference],
        },
        "spec": template["spec"],
    }
