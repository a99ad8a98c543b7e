"""An existing cluster for tests: a control plane with RBAC, and kubeconfigs of users with few rights."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitgate.reconcile.server.binaries import Binaries
from gitgate.reconcile.server.client import Client, tls_context
from gitgate.reconcile.server.control_plane import ControlPlane

USER = "reader"
READING = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},)
WRITING = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "create", "update", "patch"]},)
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Cluster:
    """Attributes: plane, and admin, who may do everything."""

    plane: ControlPlane
    admin: Client

    def apply(self, path: str, data: Mapping[str, Any], manager: str = "argocd-controller") -> dict[str, Any]:
        """Apply as an agent does; `path` is the collection's."""
        name = data["metadata"]["name"]
        answer = self.admin.request("PATCH", f"{path}/{name}", data, content="application/apply-patch+yaml",
                                    query={"fieldManager": manager, "force": "true"})  # fmt: skip
        assert answer.accepted, answer.message
        return dict(answer.body)

    def edit(self, path: str, patch: Mapping[str, Any], manager: str = "kubectl-edit") -> None:
        answer = self.admin.request("PATCH", path, patch, content="application/merge-patch+json",
                                    query={"fieldManager": manager})  # fmt: skip
        assert answer.accepted, answer.message

    def allow(self, rules: tuple[dict[str, Any], ...]) -> None:
        """Give the user of the kubeconfig these rights, and no others."""
        root = f"/apis/{RBAC}/v1"
        self.apply(
            f"{root}/clusterroles",
            {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": USER}, "rules": list(rules)},
            "test",
        )
        self.apply(f"{root}/clusterrolebindings", {
            "apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": USER},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": USER},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": USER}]}, "test")  # fmt: skip
        self._await_rights(writes=any("patch" in rule["verbs"] for rule in rules))

    def _await_rights(self, *, writes: bool) -> None:
        """The authorizer reads rights a little later."""
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments"}},
        }  # fmt: skip
        user = Client(self.plane.address, tls_context(self.plane.directory))
        try:
            deadline = time.monotonic() + 30
            path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            while user.request("POST", path, review).body.get("status", {}).get("allowed") is not writes:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            user.close()

    def kubeconfig(self, **user: object) -> bytes:
        """A kubeconfig whose context `production` is the user with few rights."""
        directory = self.plane.directory
        chosen = user or {
            "client-certificate-data": encoded(directory / "client.crt"), "client-key-data": encoded(directory / "client.key"),
        }  # fmt: skip
        return yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "staging",
            "clusters": [{"name": "c", "cluster": {
                "server": self.plane.address, "certificate-authority-data": encoded(directory / "ca.crt")}}],
            "users": [{"name": "u", "user": chosen}],
            "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("staging", "production")],
        }).encode()  # fmt: skip

    def everything(self) -> dict[str, str]:
        """What is stored, byte by byte, by path."""
        found: dict[str, str] = {}
        roots = ["/api/v1"]
        for group in self.admin.get("/apis").body["groups"]:
            roots += [f"/apis/{one['groupVersion']}" for one in group["versions"]]
        for root in roots:
            for kind in self.admin.get(root).body.get("resources") or ():
                if "/" in kind["name"] or "list" not in kind["verbs"]:
                    continue
                listed = self.admin.get(f"{root}/{kind['name']}")
                for one in listed.body.get("items") or ():
                    if one["metadata"].get("namespace") == "kube-system" and kind["name"] in ("leases", "events"):
                        continue  # the API server renews its own lease
                    place = f"{root}/{one['metadata'].get('namespace', '')}/{kind['name']}/{one['metadata']['name']}"
                    found[place] = json.dumps(one, sort_keys=True)
        return found


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@contextmanager
def existing_cluster(binaries: Binaries) -> Iterator[Cluster]:
    with ControlPlane(binaries, user=USER, groups=(), authorization="RBAC") as plane:
        admin = Client(plane.address, tls_context(plane.directory, "admin"))
        try:
            yield Cluster(plane, admin)
        finally:
            admin.close()
