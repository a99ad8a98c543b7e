"""Fields that grant rights, and of which nobody can review the value."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.checks.grants import unknown_grants
from gitgate.location import FieldPath
from gitgate.resource import Origin, Resource, ResourceId, split_api_version

RBAC = "rbac.authorization.k8s.io/v1"


def resource(api_version: str, kind: str, path: FieldPath, value: Any, **more: Any) -> Resource:
    """An object in which one field is set."""
    held: Any = value
    for step in reversed(path):
        held = [held] if isinstance(step, int) else {step: held}
    identity = ResourceId(*split_api_version(api_version), kind, "", "a")
    return Resource(identity, {"apiVersion": api_version, "kind": kind, **held}, Origin("a.yaml"), **more)


POD = ("spec", "template", "spec")
GRANTS: list[tuple[str, str, FieldPath]] = [
    (RBAC, "ClusterRoleBinding", ("roleRef", "name")),
    (RBAC, "RoleBinding", ("subjects", 0, "namespace")),
    (RBAC, "RoleBinding", ("metadata", "namespace")),
    (RBAC, "Role", ("rules", 0, "verbs", 0)),
    (RBAC, "ClusterRole", ("metadata", "labels", "rbac.authorization.k8s.io/aggregate-to-admin")),
    ("apps/v1", "Deployment", (*POD, "serviceAccountName")),
    ("apps/v1", "Deployment", (*POD, "containers", 0, "securityContext", "privileged")),
    ("apps/v1", "Deployment", (*POD, "initContainers", 0, "securityContext")),
    ("apps/v1", "Deployment", (*POD, "volumes", 0, "hostPath", "path")),
    ("apps/v1", "Deployment", (*POD, "containers", 0)),
    ("apps/v1", "Deployment", ("spec", "template")),
    ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template", "spec", "hostPID")),
    ("v1", "Pod", ("spec", "hostNetwork")),
    ("v1", "Namespace", ("metadata", "labels", "pod-security.kubernetes.io/enforce")),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", ("spec", "serviceAccountName")),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", ("webhooks", 0, "clientConfig", "url")),
]
OTHERS: list[tuple[str, str, FieldPath]] = [
    ("networking.k8s.io/v1", "Ingress", ("spec", "rules", 0, "host")),
    ("apps/v1", "Deployment", ("spec", "replicas")),
    ("apps/v1", "Deployment", (*POD, "containers", 0, "env", 0, "value")),
    ("apps/v1", "Deployment", (*POD, "containers", 0, "args", 0)),
    ("apps/v1", "Deployment", (*POD, "securityContext", "fsGroup")),
    ("apps/v1", "Deployment", (*POD, "volumes", 0, "nfs", "server")),
    ("apps/v1", "Deployment", ("metadata", "labels", "pod-security.kubernetes.io/enforce")),
    ("v1", "Namespace", ("metadata", "labels", "team")),
    (RBAC, "ClusterRoleBinding", ("metadata", "labels", "team")),
    ("v1", "ConfigMap", ("data", "roleRef")),
]


@pytest.mark.parametrize(("api_version", "kind", "path"), GRANTS)
def test_a_variable_that_nobody_knows_is_told_where_it_grants(api_version: str, kind: str, path: FieldPath) -> None:
    one = resource(api_version, kind, path, "${X}", unresolved=(path,))
    assert [found for found, _ in unknown_grants(one)] == [path]


@pytest.mark.parametrize(("api_version", "kind", "path"), OTHERS)
def test_it_may_stand_elsewhere(api_version: str, kind: str, path: FieldPath) -> None:
    assert not list(unknown_grants(resource(api_version, kind, path, "${X}", unresolved=(path,))))


@pytest.mark.parametrize(
    ("image", "is_told"),
    [
        ("${IMAGE}", True), ("${HOST}/shop/web:1", True), ("example.com/${OWNER}/web", True), ("web:${TAG}/evil", True),
        ("registry:${PORT}", True), ("example.com/web:${TAG}", False), ("example.com/web@${DIGEST}", False),
        ("example.com:5000/shop/web:1-${TAG}", False), ("example.com:${PORT}/web:1", True),
    ],
)  # fmt: skip
def test_an_image_is_known_by_its_repository(image: str, is_told: bool) -> None:  # noqa: FBT001 - a table
    path = (*POD, "containers", 0, "image")
    one = resource("apps/v1", "Deployment", path, image, unresolved=(path,))
    assert bool(list(unknown_grants(one))) is is_told


def test_what_is_missing_for_a_patch_to_add_is_no_variable() -> None:
    path = ("spec", "serviceAccountName")
    one = resource("kustomize.toolkit.fluxcd.io/v1", "Kustomization", ("spec", "path"), "./apps", unresolved=(path,))
    assert not list(unknown_grants(one))


def test_a_value_that_what_cannot_be_read_may_replace_is_told_once() -> None:
    path = ("roleRef", "name")
    assert len(list(unknown_grants(resource(RBAC, "RoleBinding", path, "view", guessed=(path,))))) == 1
    one = resource(RBAC, "RoleBinding", path, "a-${X}", guessed=(path,), unresolved=(path,))
    assert len(list(unknown_grants(one))) == 1
