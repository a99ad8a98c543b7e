"""Which kinds an API server serves, and under which paths."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from gitgate.reconcile.server.client import Answer
from gitgate.resource import Resource

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Served:
    """One kind.

    Attributes:
        root: `/apis/apps/v1`.
        plural: `deployments`.
        namespaced: Are its objects in namespaces?
    """

    root: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str) -> str:
        """The path of all objects in a namespace."""
        inside = f"/namespaces/{quote(namespace or DEFAULT_NAMESPACE, safe='')}" if self.namespaced else ""
        return f"{self.root}{inside}/{self.plural}"

    def object(self, namespace: str, name: str) -> str:
        """The path of one object."""
        return f"{self.collection(namespace)}/{_segment(name)}"


def _segment(name: str) -> str:
    """One segment of a path; dots alone would lead to another path."""
    return name.replace(".", "%2E") if not name.strip(".") else quote(name, safe="")


class Reader(Protocol):
    """Who asks the API server."""

    def get(self, path: str) -> Answer:
        """Read one thing."""
        ...


class Discovery:
    """Looks kinds up, each API version once."""

    def __init__(self, client: Reader) -> None:
        self._client = client
        self._known: dict[str, Mapping[str, Served]] = {}
        self._lock = threading.Lock()

    def find(self, resource: Resource) -> Served | None:
        """The kind of an object; None where the server does not serve it."""
        return self.kinds(resource.id.api_version).get(resource.id.kind)

    def kinds(self, api_version: str) -> Mapping[str, Served]:
        """Everything of one API version by kind."""
        with self._lock:
            if api_version not in self._known:
                self._known[api_version] = self._read(api_version)
            return self._known[api_version]

    def forget(self) -> None:
        """Definitions came or went."""
        with self._lock:
            self._known.clear()

    def _read(self, api_version: str) -> Mapping[str, Served]:
        group, slash, version = api_version.partition("/")
        root = f"/apis/{quote(group, safe='')}/{quote(version, safe='')}" if slash else f"/api/{quote(group, safe='')}"
        listed: Any = self._client.get(root).body.get("resources") if version or not slash else None
        return {
            str(one["kind"]): Served(root, str(one["name"]), one.get("namespaced") is True)
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, Mapping) and "/" not in str(one.get("name", "/"))
        }
