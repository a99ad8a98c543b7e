"""A running API server, spoken to as an agent does: server-side apply with force, and deletion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gitgate.reconcile.server.client import Answer, Client

_FIELDS = {"fieldManager": "gitgate-agreement", "force": "true", "fieldValidation": "Strict"}
_PATIENCE = 60


class Server:
    """One API server that may be written to, shared by threads.

    Args:
        client: Its client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.request = client.request
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    def place(self, data: Mapping[str, Any], namespace: str) -> str:
        """The path of an object."""
        group = data["apiVersion"]
        if data["kind"] not in self._resources.get(group, {}):
            root = f"/apis/{group}" if "/" in group else f"/api/{group}"
            listed = self.request("GET", root).body.get("resources", ())
            self._resources[group] = {
                one["kind"]: (f"{root}|{one['name']}", one["namespaced"]) for one in listed if "/" not in one["name"]
            }
        (where, namespaced) = self._resources[group][data["kind"]]
        root, _, name = where.partition("|")
        return f"{root}/namespaces/{namespace}/{name}" if namespaced else f"{root}/{name}"

    def apply(self, data: Mapping[str, Any], namespace: str) -> Answer:
        """Server-side apply with force."""
        path = f"{self.place(data, namespace)}/{data['metadata']['name']}"
        return self.request("PATCH", path, data, query=_FIELDS, content="application/apply-patch+yaml")

    def delete(self, data: Mapping[str, Any], namespace: str) -> None:
        """Delete at once, whatever holds the object."""
        path = f"{self.place(data, namespace)}/{data['metadata']['name']}"
        for attempt in range(200):
            answer = self.request("DELETE", path, {"propagationPolicy": "Background", "gracePeriodSeconds": 0})
            # The object itself is the answer where finalizers hold it.
            if answer.status == 404 or (answer.accepted and answer.body.get("kind") == "Status"):
                return
            if data["kind"] == "Namespace":
                name = data["metadata"]["name"]
                body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
                self.request("PUT", f"{path}/finalize", body)
            elif data["kind"] == "CustomResourceDefinition" and attempt < _PATIENCE:
                # The server itself ends it, once it has looked for instances.
                time.sleep(0.05)
            else:
                patch = {"metadata": {"finalizers": None}}
                self.request("PATCH", path, patch, content="application/merge-patch+json")
        raise RuntimeError(f"{path} does not go")
