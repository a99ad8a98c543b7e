"""The same object in another version of its kind, as `matchPolicy: Equivalent` has the API server put it.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go (`VersionedAttributes`) and
kubernetes/pkg/apis/autoscaling/v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AUTOSCALER = ("autoscaling", "HorizontalPodAutoscaler")
_DIFFERENT = frozenset({"resource.k8s.io"})
"""Groups whose versions spell the same thing differently."""
_ANNOTATIONS = "autoscaling.alpha.kubernetes.io/"
_PERCENTAGE = "targetCPUUtilizationPercentage"


def converted(data: Mapping[str, Any], group: str, kind: str, version: str) -> Mapping[str, Any] | None:
    """The object in a version; None where only the API server can tell.

    Args:
        data: The object, complete.
        group: Of its kind.
        kind: Its kind.
        version: The version that is asked for, another one than it has.
    """
    api_version = f"{group}/{version}" if group else version
    if group in _DIFFERENT:
        return None
    if (group, kind) == _AUTOSCALER:
        return _autoscaler(data, api_version)
    return {**data, "apiVersion": api_version}


def _autoscaler(data: Mapping[str, Any], api_version: str) -> Mapping[str, Any] | None:
    metadata, spec = data.get("metadata"), data.get("spec")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(spec, Mapping) or any(str(key).startswith(_ANNOTATIONS) for key in annotations or ()):
        return None
    made = {key: value for key, value in spec.items() if key not in ("metrics", _PERCENTAGE)}
    if api_version == "autoscaling/v2":
        target = {"type": "Utilization", "averageUtilization": spec.get(_PERCENTAGE, 80)}
        made["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    elif api_version == "autoscaling/v1":
        percentages = [_utilization(metric) for metric in spec.get("metrics") or ()]
        # Whatever else there is would be in annotations, in a text that only the server writes.
        if "behavior" in spec or len(percentages) != 1 or percentages[0] is None:
            return None
        made[_PERCENTAGE] = percentages[0]
    else:
        return None
    return {**data, "apiVersion": api_version, "spec": made}


def _utilization(metric: Any) -> Any:
    """The percentage of CPU that a metric asks for; None for any other metric."""
    resource = metric.get("resource") if isinstance(metric, Mapping) else None
    target = resource.get("target") if isinstance(resource, Mapping) else None
    if not isinstance(target, Mapping) or not isinstance(resource, Mapping) or resource.get("name") != "cpu":
        return None
    return target.get("averageUtilization")
