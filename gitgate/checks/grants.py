"""Fields that grant rights: who may do what, as whom a container runs, and what an agent applies as.

A variable there that nothing in the repository resolves is a right that nobody can review: whoever writes the change
can encrypt its value, too, as that needs no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.policy.workloads import template_path
from gitgate.resource import Resource

_ANY = "*"
_CONTEXT = (
    "allowPrivilegeEscalation", "appArmorProfile", "capabilities", "privileged", "procMount", "runAsNonRoot",
    "runAsUser", "seLinuxOptions", "seccompProfile", "sysctls", "windowsOptions",
)  # fmt: skip
"""Of a `securityContext`; groups are left out, as many a repository fills them in."""
_POD = (
    ("serviceAccountName",), ("serviceAccount",), ("automountServiceAccountToken",),
    ("hostNetwork",), ("hostPID",), ("hostIPC",), ("hostUsers",), ("volumes", _ANY, "hostPath"),
    *(("securityContext", name) for name in _CONTEXT),
    *((kind, _ANY, *rest) for kind in ("containers", "initContainers", "ephemeralContainers")
      for rest in (("image",), ("volumeDevices",), *(("securityContext", name) for name in _CONTEXT))),
)  # fmt: skip
"""Of a Pod's `spec`."""
_REPOSITORY = re.compile(r"[^$]*/[^$/:@]+[:@][^/]*", re.DOTALL)
"""An image of which no more than the tag or digest is a variable: what it is of is known."""
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_AS_WHOM = (("spec", "serviceAccountName"), ("spec", "kubeConfig"))
_FIELDS: Mapping[tuple[str, str], tuple[FieldPath, ...]] = {
    (_RBAC, "Role"): (("rules",),),
    (_RBAC, "ClusterRole"): (("rules",), ("aggregationRule",)),
    (_RBAC, "RoleBinding"): (("roleRef",), ("subjects",), ("metadata", "namespace")),
    (_RBAC, "ClusterRoleBinding"): (("roleRef",), ("subjects",)),
    (_ADMISSION, "MutatingWebhookConfiguration"): (("webhooks",),),
    (_ADMISSION, "ValidatingWebhookConfiguration"): (("webhooks",),),
    (_ADMISSION, "ValidatingAdmissionPolicy"): (("spec",),),
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): (("spec",),),
    ("apiregistration.k8s.io", "APIService"): (("spec",),),
    ("", "PersistentVolume"): (("spec", "hostPath"), ("spec", "local")),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): _AS_WHOM,
    ("helm.toolkit.fluxcd.io", "HelmRelease"): _AS_WHOM,
    ("argoproj.io", "AppProject"): (("spec",),),
    ("argoproj.io", "Application"): (("spec", "project"), ("spec", "destination")),
}
"""By group and kind; what is below such a field is meant, too."""
_LABELS = ("pod-security.kubernetes.io/", f"{_RBAC}/aggregate-to-")
"""Of labels that grant, the beginning."""


def unknown_grants(resource: Resource) -> Iterator[tuple[FieldPath, str]]:
    """Fields that grant and whose value nothing in the repository tells for certain, with what is said of it.

    A variable in the place of something larger may hold such a field as well: Flux reads what it puts there as YAML.
    """
    for path in dict.fromkeys(resource.unresolved):
        written = _at(resource.data, path)
        if not isinstance(written, str) or not _is_grant(resource, path, written):
            continue
        if written.startswith("ENC["):
            yield path, "encrypted, so that nobody can review it"
        elif "${" in written:
            yield path, f"{written!r}, and nothing in the repository says what that becomes"
    for path in dict.fromkeys(resource.guessed):
        written = _at(resource.data, path)
        if path not in resource.unresolved and _is_grant(resource, path, str(written)):
            yield path, f"{written!r} only as long as an object that cannot be read here does not say otherwise"


def _is_grant(resource: Resource, path: FieldPath, written: str) -> bool:
    if path[-1:] == ("image",) and _REPOSITORY.fullmatch(written):
        return False
    return any(_touches(path, one) for one in _grants(resource))


def _grants(resource: Resource) -> Iterator[FieldPath]:
    own = resource.id
    yield from _FIELDS.get((own.group, own.kind), ())
    template = () if (own.group, own.kind) == ("", "Pod") else template_path(own.group, own.kind)
    if template is not None:
        yield from ((*template, "spec", *path) for path in _POD)
    metadata = resource.data.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    if (own.group, own.kind) in {("", "Namespace"), (_RBAC, "ClusterRole")}:
        names = labels if isinstance(labels, Mapping) else ()
        yield from (("metadata", "labels", name) for name in names if str(name).startswith(_LABELS))


def _touches(path: FieldPath, grant: FieldPath) -> bool:
    """Is one of them the other, or in it?"""
    return all(
        one == other or (other == _ANY and isinstance(one, int)) for one, other in zip(path, grant, strict=False)
    )


def _at(data: Any, path: FieldPath) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data
