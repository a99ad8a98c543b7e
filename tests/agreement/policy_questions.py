"""Requests about which shipped policies have something to say: their examples, workloads around pods, and pods of a corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitgate.policy_cases import bundled_cases
from gitgate.policy_shelf import current_sets
from gitgate.reconcile.content import copied
from gitgate.resource import Origin, Resource, ResourceId, split_api_version

NAMESPACES = ("argocd", "flux-system", "shop")
WORKLOADS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "CronJob": ("batch/v1", ("spec", "jobTemplate", "spec", "template")),
    "DaemonSet": ("apps/v1", ("spec", "template")),
    "Deployment": ("apps/v1", ("spec", "template")),
    "Job": ("batch/v1", ("spec", "template")),
    "ReplicaSet": ("apps/v1", ("spec", "template")),
    "ReplicationController": ("v1", ("spec", "template")),
    "StatefulSet": ("apps/v1", ("spec", "template")),
}
_LABELS = {"app": "w"}


@dataclass(frozen=True)
class Question:
    """A request.

    Attributes:
        key: Tells it from the others.
        new: The object; None in a DELETE.
        old: As it was; None in a CREATE.
        sets: The sets that it is an example of; nothing for one that every set is asked about.
    """

    key: str
    new: Mapping[str, Any] | None
    old: Mapping[str, Any] | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The object, or what it was."""
        return self.new if self.new is not None else self.old or {}

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.data["kind"])

    @property
    def namespace(self) -> str:
        """Where it is; `default` where it does not say."""
        return str(self.data["metadata"].get("namespace") or "default")


def resource(data: Mapping[str, Any] | None) -> Resource | None:
    """An object as the offline engine takes it."""
    if data is None:
        return None
    group, version = split_api_version(data["apiVersion"])
    metadata = data["metadata"]
    identity = ResourceId(group, version, data["kind"], metadata.get("namespace", ""), metadata["name"])
    return Resource(identity, data, Origin("question.yaml"))


def examples(name: str) -> Iterator[Question]:
    """What the examples of a set ask; objects that change or go have names of their own, as all are there at once."""
    for number, case in enumerate(bundled_cases(name)):
        key = f"{name}: {case.policy}: {case.title}"
        new, old = (None if one is None else _storable(one.data, number, renamed=case.old is not None)
                    for one in (case.new, case.old))  # fmt: skip
        yield Question(key, new, old)


def _storable(data: Mapping[str, Any], number: int, *, renamed: bool) -> dict[str, Any]:
    """What an example leaves out that the server asks for."""
    made: dict[str, Any] = copied(dict(data))
    metadata = made["metadata"]
    if made["kind"] == "CustomResourceDefinition":
        plural, _, domain = metadata["name"].partition(".")
        group = f"example{number}.{domain}"
        metadata["name"] = f"{plural}.{group}"
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        made["spec"] = {
            "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": "Example"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        }  # fmt: skip
    elif renamed:
        metadata["name"] = f"{metadata['name']}-{number}"
    if made["kind"] == "PersistentVolumeClaim":
        spec = made.setdefault("spec", {})
        spec.setdefault("accessModes", ["ReadWriteOnce"])
        spec.setdefault("resources", {"requests": {"storage": "1Gi"}})
    if made["kind"] in WORKLOADS:
        _completed(made)
    return made


def pods(corpora: Path | None) -> list[dict[str, Any]]:
    """Pods of the Pod Security examples, and of a folder of corpora: each once."""
    found: dict[str, dict[str, Any]] = {}
    for name in current_sets():
        for case in bundled_cases(name):
            if case.new is not None and case.new.id.kind == "Pod":
                found.setdefault(json.dumps(case.new.data, sort_keys=True), copied(dict(case.new.data)))
    if corpora is not None:
        for line in (corpora / "pod-security.jsonl").read_text("utf-8").splitlines():
            pod = yaml.safe_load(json.loads(line)["yaml"])
            pod["metadata"] |= {"namespace": "shop", "name": pod["metadata"]["name"].replace("_", "-")}
            found.setdefault(json.dumps({**pod, "metadata": {**pod["metadata"], "name": ""}}, sort_keys=True), pod)
    return list(found.values())


def alone(chosen: list[dict[str, Any]]) -> Iterator[Question]:
    """Pods by themselves."""
    for number, pod in enumerate(chosen):
        yield Question(f"Pod {number} {pod['metadata']['name']}", pod)


def wrapped(chosen: list[dict[str, Any]]) -> Iterator[Question]:
    """Each pod in each kind of workload, such that the server accepts the workload."""
    for number, pod in enumerate(chosen):
        for kind, (api_version, path) in WORKLOADS.items():
            template: Any = copied({"metadata": pod["metadata"], "spec": pod["spec"]})
            template["metadata"] = {
                key: value for key, value in template["metadata"].items() if key in ("annotations", "labels")
            }
            for step in reversed(path):
                template = {step: template}
            metadata = {"name": "w", "namespace": pod["metadata"].get("namespace", "shop")}
            data = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **template}
            yield Question(f"{kind} of pod {number} {pod['metadata']['name']}", _completed(data))


def _completed(data: dict[str, Any]) -> dict[str, Any]:
    """A workload with all that its kind needs."""
    kind, spec = data["kind"], data["spec"]
    if kind == "StatefulSet":
        spec.setdefault("template", {"spec": {"containers": [{"name": "web", "image": "web:1"}]}})
    template = pod_template(data)
    if kind in ("CronJob", "Job"):
        template["spec"].setdefault("restartPolicy", "Never")
    else:
        template.setdefault("metadata", {}).setdefault("labels", {}).update(_LABELS)
        spec["selector"] = _LABELS if kind == "ReplicationController" else {"matchLabels": _LABELS}
    if kind == "StatefulSet":
        spec.setdefault("serviceName", "w")
    if kind == "CronJob":
        spec.setdefault("schedule", "0 0 * * *")
    return data


def pod_template(data: Mapping[str, Any]) -> Any:
    """The template of a workload's pods."""
    template: Any = data
    for step in WORKLOADS[data["kind"]][1]:
        template = template[step]
    return template
