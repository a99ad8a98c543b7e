"""When Kubernetes introduced, deprecated and removed an API, and what replaces it.

The facts are in `schemas/api-lifecycle.json`; tests hold them against what the bundled versions serve.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from gitgate import bundled
from gitgate.resource import split_api_version
from gitgate.schema.catalog import Kind, parse_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The life of one kind in one API version; versions as `1.25`.

    Attributes:
        introduced: First Kubernetes version that serves it; None when it is older than what gitgate knows.
        deprecated: First version that warns of its use; None when it is not deprecated.
        removed: First version that does not serve it; may lie in the future. None when no removal is planned.
        replacement: `autoscaling/v2`, `discovery.k8s.io/v1 EndpointSlice`, or words; None when there is none.
    """

    introduced: str | None = None
    deprecated: str | None = None
    removed: str | None = None
    replacement: str | None = None

    def is_introduced_after(self, version: str) -> bool:
        """Is a Kubernetes version too old to serve it?"""
        return self.introduced is not None and parse_version(version) < parse_version(self.introduced)

    def is_deprecated_in(self, version: str) -> bool:
        """Does a Kubernetes version serve it with a warning?"""
        return _has_come(self.deprecated, version) and not self.is_removed_in(version)

    def is_removed_in(self, version: str) -> bool:
        """Has a Kubernetes version ceased to serve it?"""
        return _has_come(self.removed, version)


def lifecycle_of(group: str, version: str, kind: str) -> Lifecycle | None:
    """What is known of a kind's life; None for one that is neither new nor on its way out, and for a custom resource.

    A list kind lives as long as its items' kind.
    """
    lives = _lives()
    return lives.get((group, version, kind)) or lives.get((group, version, kind.removesuffix("List")))


def lifecycles() -> Mapping[Kind, Lifecycle]:
    """Every kind whose life is known, by group, version and kind."""
    return _lives()


@cache
def _lives() -> dict[Kind, Lifecycle]:
    document = json.loads(bundled.schema_file("api-lifecycle.json").read_bytes())
    lives: dict[Kind, Lifecycle] = {}
    for entry in document["apis"]:
        group, version = split_api_version(entry["apiVersion"])
        life = Lifecycle(
            introduced=entry.get("introduced"),
            deprecated=entry.get("deprecated"),
            removed=entry.get("removed"),
            replacement=entry.get("replacement"),
        )
        lives.update({(group, version, kind): life for kind in entry["kinds"]})
    return lives


def _has_come(since: str | None, version: str) -> bool:
    return since is not None and parse_version(version) >= parse_version(since)
