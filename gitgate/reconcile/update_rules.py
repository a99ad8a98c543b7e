"""What the API server refuses because of what was there before: immutable fields, and fields that only grow.

Each entry names the Go function that it follows, in k8s.io/kubernetes/pkg/apis/<group>/validation/validation.go;
messages are the server's. Which of them assume something of the cluster (a claim is bound) says `Certainty.ASSUMED`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Certainty, Failure
from gitgate.reconcile.quantity import parse_quantity

Object = Mapping[str, Any]
Rule = Callable[[Object, Object, str], Iterator[Failure]]
"""The stored object, the proposed one, and the Kubernetes version."""

IMMUTABLE = "field is immutable"
_POD_WORDS = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_CLAIM_WORDS = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field that may not change.

    Attributes:
        path: Where it is.
        message: The server's wording; `{value}` stands for the new value.
        once_set: It may be set while it is absent.
        place: The field that the server names, where it is another.
    """

    path: FieldPath
    message: str = "Invalid value: {value}: " + IMMUTABLE
    once_set: bool = False
    place: FieldPath = ()


_SELECTOR = (Fixed(("spec", "selector")),)
FIXED: Mapping[tuple[str, str], tuple[Fixed, ...]] = {
    # In apps, ValidateDeploymentUpdate, ValidateDaemonSetUpdate, ValidateReplicaSetUpdate
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "ReplicaSet"): _SELECTOR,
    # In batch, validateJobSpecUpdate
    ("batch", "Job"): (
        Fixed(("spec", "selector")),
        Fixed(("spec", "completionMode")),
        Fixed(("spec", "podFailurePolicy")),
        Fixed(("spec", "backoffLimitPerIndex")),
        Fixed(("spec", "managedBy")),
        Fixed(("spec", "successPolicy")),
    ),
    # In rbac, ValidateRoleBindingUpdate, ValidateClusterRoleBindingUpdate
    ("rbac.authorization.k8s.io", "RoleBinding"): (
        Fixed(("roleRef",), "Invalid value: {value}: cannot change roleRef"),
    ),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (
        Fixed(("roleRef",), "Invalid value: {value}: cannot change roleRef"),
    ),
    # In storage, ValidateStorageClassUpdate, ValidateCSIDriverUpdate, ValidateVolumeAttributesClassUpdate
    ("storage.k8s.io", "StorageClass"): (
        Fixed(("parameters",)), Fixed(("provisioner",)), Fixed(("reclaimPolicy",)), Fixed(("volumeBindingMode",)),
    ),
    ("storage.k8s.io", "CSIDriver"): (
        Fixed(("spec", "attachRequired"), place=("spec", "attachedRequired")), Fixed(("spec", "volumeLifecycleModes")),
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): (Fixed(("driverName",)), Fixed(("parameters",))),
    # In core, ValidateSecretUpdate, ValidateResourceQuotaUpdate, ValidatePersistentVolumeUpdate
    ("", "Secret"): (Fixed(("type",)),),
    ("", "PersistentVolume"): (Fixed(("spec", "volumeMode")), Fixed(("spec", "nodeAffinity"), once_set=True)),
    # discovery, scheduling, node, networking
    ("discovery.k8s.io", "EndpointSlice"): (Fixed(("addressType",)),),
    ("scheduling.k8s.io", "PriorityClass"): (
        Fixed(("value",), "Forbidden: may not be changed in an update."), Fixed(("preemptionPolicy",)),
    ),
    ("node.k8s.io", "RuntimeClass"): (Fixed(("handler",)),),
    ("networking.k8s.io", "IngressClass"): (Fixed(("spec", "controller")),),
    ("networking.k8s.io", "IPAddress"): (Fixed(("spec", "parentRef")),),
    # In apiextensions, ValidateCustomResourceDefinitionUpdate
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (
        Fixed(("spec", "group")), Fixed(("spec", "names", "plural")), Fixed(("spec", "scope")),
        Fixed(("spec", "names", "kind")),
    ),
}  # fmt: skip
"""By group and kind: fields that may not change."""


def update_failures(live: Object, proposed: Object, version: str) -> tuple[Failure, ...]:
    """Why the server would refuse to turn one object into the other.

    Args:
        live: The stored object, as `canonical` makes it.
        proposed: What it would become, likewise.
        version: Kubernetes version: `1.33`.
    """
    group = str(proposed.get("apiVersion", "")).rpartition("/")[0]
    kind = str(proposed.get("kind", ""))
    found = [failure for fixed in FIXED.get((group, kind), ()) for failure in _fixed(fixed, live, proposed)]
    rule = RULES.get((group, kind))
    if rule is not None:
        try:
            found.extend(rule(live, proposed, version))
        except (AttributeError, KeyError, TypeError, ValueError):
            # A value of a type that other rules report.
            return tuple(found)
    return tuple(found)


def _get(data: Any, path: FieldPath) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def _fixed(fixed: Fixed, live: Object, proposed: Object) -> Iterator[Failure]:
    before, after = _get(live, fixed.path), _get(proposed, fixed.path)
    if before == after or (fixed.once_set and before in (None, "")):
        return
    shown = json.dumps(after, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    yield _immutable(fixed.place or fixed.path, fixed.message.replace("{value}", shown))


def _immutable(
    field: FieldPath, message: str = "Forbidden: " + IMMUTABLE, certainty: Certainty = Certainty.CERTAIN
) -> Failure:
    return Failure(code="immutable-field", field=field, message=message, certainty=certainty, recreate=True)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _stateful_set(live: Object, proposed: Object, version: str) -> Iterator[Failure]:
    # In apps, ValidateStatefulSetUpdate. revisionHistoryLimit became mutable in 1.33, ordinals came in 1.27.
    if _version(version) >= (1, 37):
        # Field by field, and no longer all that is not named.
        for name in ("selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"):
            yield from _fixed(Fixed(("spec", name)), live, proposed)
        return
    free = ["replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds"]  # fmt: skip
    if _version(version) >= (1, 33):
        free.insert(4, "revisionHistoryLimit")
    before = {key: value for key, value in (live.get("spec") or {}).items() if key not in free}
    after = {key: value for key, value in (proposed.get("spec") or {}).items() if key not in free}
    if before != after:
        named = ", ".join(f"'{name}'" for name in _in_message_order(free)[:-1])
        words = f"updates to statefulset spec for fields other than {named} and 'minReadySeconds' are forbidden"
        yield _immutable(("spec",), f"Forbidden: {words}")


def _in_message_order(free: list[str]) -> list[str]:
    order = ["replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
             "persistentVolumeClaimRetentionPolicy", "minReadySeconds"]  # fmt: skip
    return [name for name in order if name in free]


def _job(live: Object, proposed: Object, version: str) -> Iterator[Failure]:
    # In batch, validateJobSpecUpdate; a suspended job may change its template's scheduling directives.
    before, after = live.get("spec") or {}, proposed.get("spec") or {}
    if before.get("completions") != after.get("completions"):
        indexed = after.get("completionMode") == "Indexed" and after.get("completions") == after.get("parallelism")
        if not indexed:
            shown = json.dumps(after.get("completions"))
            yield _immutable(("spec", "completions"), f"Invalid value: {shown}: {IMMUTABLE}")
    old_template, new_template = before.get("template") or {}, after.get("template") or {}
    if before.get("suspend") is True:
        old_template, new_template = _without_scheduling(old_template), _without_scheduling(new_template)
        if _version(version) >= (1, 36):
            # MutablePodResourcesForSuspendedJobs
            old_template, new_template = _without_resources(old_template), _without_resources(new_template)
    if old_template != new_template:
        yield _immutable(("spec", "template"), f"Invalid value: {{...}}: {IMMUTABLE}", Certainty.ASSUMED)


def _without_scheduling(template: Object) -> Object:
    spec = dict(template.get("spec") or {})
    for key in ("nodeSelector", "affinity", "tolerations", "schedulingGates"):
        spec.pop(key, None)
    metadata = {key: value for key, value in (template.get("metadata") or {}).items()
                if key not in ("annotations", "labels")}  # fmt: skip
    return {**template, "spec": spec, "metadata": metadata}


def _without_resources(template: Object) -> Object:
    spec = dict(template.get("spec") or {})
    for group in ("containers", "initContainers"):
        if group in spec:
            spec[group] = [{key: value for key, value in one.items() if key != "resources"} for one in spec[group]]
    return {**template, "spec": spec}


def _pod(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidatePodUpdate, validateOnlyAddedTolerations, validateOnlyDeletedSchedulingGates
    before, after = live.get("spec") or {}, proposed.get("spec") or {}
    kept = [_without_seconds(one) for one in after.get("tolerations") or ()]
    if any(_without_seconds(one) not in kept for one in before.get("tolerations") or ()):
        words = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
        yield _immutable(("spec", "tolerations"), words)
    yield from _pod_ends(before, after)
    if _pod_rest(live) != _pod_rest(proposed):
        yield _immutable(("spec",), f"Forbidden: {_POD_WORDS}")


def _pod_ends(before: Object, after: Object) -> Iterator[Failure]:
    old, new = before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds")
    place = ("spec", "activeDeadlineSeconds")
    if old is not None and new is None:
        yield _immutable(place, "Invalid value: null: must not update from a positive integer to nil value")
    elif isinstance(old, int) and isinstance(new, int) and new > old:
        yield _immutable(place, f"Invalid value: {new}: must be less than or equal to previous value")
    gates = [one.get("name") for one in before.get("schedulingGates") or ()]
    for index, gate in enumerate(after.get("schedulingGates") or ()):
        if gate.get("name") not in gates:
            words = f"Forbidden: only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            yield _immutable(("spec", "schedulingGates", index, "name"), words)


def _without_seconds(toleration: Object) -> Object:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _pod_rest(pod: Object) -> Object:
    spec = {key: value for key, value in (pod.get("spec") or {}).items()
            if key not in ("activeDeadlineSeconds", "tolerations", "schedulingGates")}  # fmt: skip
    for group in ("containers", "initContainers"):
        if group in spec:
            spec[group] = [{key: value for key, value in item.items() if key != "image"} for item in spec[group]]
    return spec


def _service(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidateServiceUpdate, validateServiceClusterIPsUpdate; not to or from ExternalName
    before, after = live.get("spec") or {}, proposed.get("spec") or {}
    if "ExternalName" in (before.get("type"), after.get("type")):
        return
    old, new = before.get("clusterIP"), after.get("clusterIP")
    if new and old != new and (old or new == "None"):
        # The server allocated an address where the base names none.
        shown = json.dumps([new])
        yield _immutable(("spec", "clusterIPs", 0), f"Invalid value: {shown}: may not change once set")
    elif new and not old:
        words = f"Invalid value: {json.dumps([new])}: may not change once set"
        yield _immutable(("spec", "clusterIPs", 0), words, Certainty.ASSUMED)
    yield from _families(before, after)
    checks = [spec.get("healthCheckNodePort") for spec in (before, after)]
    if _needs_check(before) and _needs_check(after) and checks[1] and checks[0] != checks[1]:
        # validateServiceExternalTrafficFieldsUpdate; the server allocated a port where the base names none.
        certainty = Certainty.CERTAIN if checks[0] else Certainty.ASSUMED
        yield _immutable(("spec", "healthCheckNodePort"), "Forbidden: " + IMMUTABLE, certainty)
    if (before.get("loadBalancerClass") or "") != (after.get("loadBalancerClass") or "") and (
        before.get("type") == after.get("type") == "LoadBalancer"
    ):
        yield _immutable(("spec", "loadBalancerClass"), "Invalid value: may not change once set")


def _needs_check(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _families(before: Object, after: Object) -> Iterator[Failure]:
    """In core, validateUpgradeDowngradeIPFamilies; of families that the server chose nothing is said."""
    old, new = before.get("ipFamilies") or (), after.get("ipFamilies") or ()
    if not old or not new or "None" in (before.get("clusterIP"), after.get("clusterIP")):
        return
    if old[0] != new[0]:
        # The address stays, and is judged first: ValidateServiceClusterIPsRelatedFields.
        words = f"expected an {new[0]} value as indicated by `ipFamilies[0]`"
        yield _immutable(("spec", "clusterIPs", 0), f"Invalid value: {words}")
        words = f"Invalid value: {json.dumps(list(new))}: may not change once set"
        yield _immutable(("spec", "ipFamilies", 0), words)
    elif len(new) < len(old) and after.get("ipFamilyPolicy") != "SingleStack":
        words = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield _immutable(
            ("spec", "ipFamilyPolicy"), f"Invalid value: {json.dumps(after.get('ipFamilyPolicy'))}: {words}"
        )


def _claim(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidatePersistentVolumeClaimUpdate
    before, after = dict(live.get("spec") or {}), dict(proposed.get("spec") or {})
    grown = _grown(before, after)
    for spec in (before, after):
        spec.pop("volumeAttributesClassName", None)
        if not spec.get("volumeName"):
            spec.pop("volumeName", None)
    if before.get("volumeName") is None:
        after.pop("volumeName", None)
    old_class, new_class = (_get(one, ("metadata", "annotations", _CLASS_OF_OLD)) for one in (live, proposed))
    if before.get("storageClassName") is None and old_class in (None, after.get("storageClassName")):
        # validateStorageClassUpgradeFromNil, validateStorageClassUpgradeFromAnnotation: a class is set once, later.
        moved = new_class is None and after.pop("storageClassName", None) is not None
        old_class = None if moved else old_class
    if grown:
        before.pop("resources", None)
        after.pop("resources", None)
    if before != after:
        yield _immutable(("spec",), f"Forbidden: {_CLAIM_WORDS}")
    if (old_class or "") != (new_class or ""):
        place = ("metadata", "annotations", _CLASS_OF_OLD)
        found = _immutable(place, f'Invalid value: "{new_class or ""}": {IMMUTABLE}')
        yield replace(found, place=f"metadata.annotations.{_CLASS_OF_OLD}")


_CLASS_OF_OLD = "volume.beta.kubernetes.io/storage-class"
"""The annotation that named a claim's class before `storageClassName` did."""


def _grown(before: Object, after: Object) -> bool:
    """Is the only change of the resources a larger request?"""
    old, new = before.get("resources") or {}, after.get("resources") or {}
    small = parse_quantity((old.get("requests") or {}).get("storage"))
    large = parse_quantity((new.get("requests") or {}).get("storage"))
    return small is not None and large is not None and large[0] > small[0] and old.get("limits") == new.get("limits")


_VOLUME_FREE = frozenset(
    {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
     "storageClassName", "volumeAttributesClassName", "volumeMode"}
)  # fmt: skip


def _volume(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidatePersistentVolumeUpdate
    before = {key: value for key, value in (live.get("spec") or {}).items() if key not in _VOLUME_FREE}
    after = {key: value for key, value in (proposed.get("spec") or {}).items() if key not in _VOLUME_FREE}
    if before != after:
        words = "Forbidden: spec.persistentvolumesource is immutable after creation"
        yield _immutable(("spec", "persistentvolumesource"), words)


def _frozen_data(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidateSecretUpdate, ValidateConfigMapUpdate
    if live.get("immutable") is not True:
        return
    words = "Forbidden: field is immutable when `immutable` is set"
    if proposed.get("immutable") is not True:
        yield _immutable(("immutable",), words)
    for field in ("data", "binaryData"):
        if (live.get(field) or {}) != (proposed.get(field) or {}):
            yield _immutable((field,), words)


def _definition(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In apiextensions, validateCustomResourceDefinitionVersions, status.storedVersions
    new_names = {item.get("name") for item in _get(proposed, ("spec", "versions")) or ()}
    for item in _get(live, ("spec", "versions")) or ():
        name = item.get("name")
        if item.get("storage") is True and name not in new_names:
            message = (
                f'Invalid value: "{name}": missing from spec.versions; {name} was previously a storage version, and '
                "must remain in spec.versions until a storage migration ensures no data remains persisted in "
                f"{name} and removes {name} from status.storedVersions"
            )
            yield _immutable(("status", "storedVersions", 0), message, Certainty.ASSUMED)


def _quota(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In core, ValidateResourceQuotaUpdate: as sets
    before, after = _get(live, ("spec", "scopes")) or [], _get(proposed, ("spec", "scopes")) or []
    if set(before) != set(after):
        yield _immutable(("spec", "scopes"), f"Invalid value: {json.dumps(after)}: {IMMUTABLE}")


def _revision(live: Object, proposed: Object, version: str) -> Iterator[Failure]:  # noqa: ARG001
    # In apps, ValidateControllerRevisionUpdate
    if live.get("data") != proposed.get("data"):
        shown = json.dumps(proposed.get("data"), sort_keys=True, separators=(",", ":"), default=str)
        yield _immutable(("data",), f"Invalid value: {shown}: {IMMUTABLE}")


RULES: Mapping[tuple[str, str], Rule] = {
    ("", "ConfigMap"): _frozen_data,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "ResourceQuota"): _quota,
    ("", "Secret"): _frozen_data,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "ControllerRevision"): _revision,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
}
"""By group and kind: what one field alone does not tell."""
