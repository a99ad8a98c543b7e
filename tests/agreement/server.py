"""A running API server, spoken to as an agent does: server-side apply with force, and deletion."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MANAGER = "gitgate-agreement"
_PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What the server says."""

    status: int
    body: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Was it done?"""
        return self.status < 300

    @property
    def message(self) -> str:
        """Why it was not; empty when it was."""
        return "" if self.accepted else str(self.body.get("message", self.status))


class Server:
    """One connection to an API server on this machine.

    Args:
        address: `https://127.0.0.1:6443`.
        token: A bearer token.
    """

    def __init__(self, address: str, token: str) -> None:
        self._token = token
        context = ssl.create_default_context()
        # A throw-away server on loopback signs its own certificate.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(urlsplit(address).netloc, timeout=60, context=context)
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Answer:
        """Ask for one thing."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content}
        text = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, path, body=text, headers=headers)
        response = self._connection.getresponse()
        content_type = response.headers.get("Content-Type", "")
        raw = response.read()
        return Answer(response.status, json.loads(raw) if "json" in content_type else {"message": raw.decode()})

    @property
    def version(self) -> str:
        """Its minor version: `1.37`."""
        found = self.request("GET", "/version").body
        return f"{found['major']}.{str(found['minor']).rstrip('+')}"

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
        query = f"?fieldManager={MANAGER}&force=true&fieldValidation=Strict"
        path = f"{self.place(data, namespace)}/{data['metadata']['name']}{query}"
        return self.request("PATCH", path, data, "application/apply-patch+yaml")

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
                self.request("PATCH", path, patch, "application/merge-patch+json")
        raise RuntimeError(f"{path} does not go")
