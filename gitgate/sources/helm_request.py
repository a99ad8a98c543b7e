"""What is asked of Helm, and what it answers: the types between the renderer of charts and those who own a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gitgate.location import Location
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource

HOOK_ANNOTATION = "helm.sh/hook"


@dataclass(frozen=True, slots=True)
class HelmParameter:
    """One value set by its path: an entry of Argo CD's `helm.parameters` or `helm.fileParameters`.

    Attributes:
        name: `image.tag`, as `helm --set` spells it.
        value: The value; for a file parameter the path of a file in the tree.
        force_string: Text whatever it looks like (`--set-string`).
    """

    name: str
    value: str
    force_string: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmRequest:
    """One release to render. Later values win: the chart's own, `values_files` in order, `values`, then parameters.

    Attributes:
        chart: Directory of the tree with the chart's `Chart.yaml`; empty for the tree's root.
        release_name: What `.Release.Name` is.
        namespace: What `.Release.Namespace` is.
        values: Values written in the owner itself, merged by the caller.
        values_files: Files of the tree, as paths from its root.
        chart_values_files: Files of the tree that stand in for the chart's own `values.yaml`, merged in order (Flux:
            `spec.chart.spec.valuesFiles`); empty keeps the chart's own.
        ignore_missing_values_files: Is a values file that is not there nothing to complain of?
        parameters: Set after all values (`--set`, `--set-string`).
        file_parameters: Values that are the content of a file of the tree (`--set-file`).
        kube_version: What `.Capabilities.KubeVersion` is, `1.33` or `v1.33.2`; None for the builder's own.
        api_versions: Added to `.Capabilities.APIVersions`, `monitoring.coreos.com/v1/ServiceMonitor`; where they are
            given, nothing of the cluster's counts.
        include_crds: Print what is in `crds/`?
        skip_hooks: Leave out objects with the annotation `helm.sh/hook`?
        skip_tests: Leave out those that are tests (`helm.sh/hook: test`)?
        upgrades: Does the agent upgrade a release that is there? Argo CD renders as for the first time, always.
        owner: Where the release is asked for, so that a problem of the request has a line; None for a chart that
            nobody owns.
    """

    chart: str
    release_name: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    values_files: tuple[str, ...] = ()
    chart_values_files: tuple[str, ...] = ()
    ignore_missing_values_files: bool = False
    parameters: tuple[HelmParameter, ...] = ()
    file_parameters: tuple[HelmParameter, ...] = ()
    kube_version: str | None = None
    api_versions: tuple[str, ...] = ()
    include_crds: bool = True
    skip_hooks: bool = False
    skip_tests: bool = False
    upgrades: bool = True
    owner: Location | None = None


class HelmOutcome(StrEnum):
    """How a rendering ended."""

    RENDERED = "rendered"
    NO_PROGRAM = "unavailable"
    """Helm is not there, or too old."""
    REFUSED = "refused"
    """The chart or the request may not be rendered; Helm was not run."""
    ELSEWHERE = "elsewhere"
    """An agent would fetch charts that it needs; Helm was not run."""
    NEEDS_VALUES = "unsatisfied"
    """The chart itself says that values are missing or wrong: `required`, `fail`, `values.schema.json`."""
    FAILED = "failed"
    """Helm could not render it, or not within the limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmRendering:
    """What one release renders to.

    Attributes:
        outcome: Only a rendering that was `RENDERED` has resources.
        resources: In the order in which Helm printed them, hooks included (see `hook_events`). An object without
            `metadata.namespace` goes to the release's namespace if its kind is namespaced; that is not written in.
        problems: Why nothing was rendered, and what is wrong with what was.
        files: What became of the chart's files and of the values files.
        digest: Of everything that the rendering depends on; equal for equal requests on equal contents.
        complaint: What the chart or Helm says of a rendering that failed; untrusted text.
        variants: What it renders to where something else holds in the cluster: that, and all resources.
    """

    outcome: HelmOutcome
    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Coverage] = field(default_factory=lambda: MappingProxyType({}))
    digest: str = ""
    complaint: str = ""
    variants: tuple[tuple[str, tuple[Resource, ...]], ...] = ()


def hook_events(resource: Resource) -> tuple[str, ...]:
    """When Helm runs a hook: `("pre-install", "pre-upgrade")`; empty for an object that belongs to the release itself.

    Source: helm.sh/docs/topics/charts_hooks; pkg/releaseutil/manifest_sorter.go, `manifestFile.sort`.
    """
    metadata = resource.data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(HOOK_ANNOTATION) if isinstance(annotations, dict) else None
    return tuple(event.strip().lower() for event in text.split(",") if event.strip()) if isinstance(text, str) else ()
