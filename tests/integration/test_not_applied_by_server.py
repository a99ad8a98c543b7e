"""What no agent can apply, held against what real API servers serve."""

from __future__ import annotations

from gitgate.reconcile import not_applied
from gitgate.reconcile.server.control_plane import ControlPlane
from gitgate.schema.catalog import SchemaCatalog
from tests.support.control_plane import needs_server, server_binaries

NO_OBJECTS = frozenset({"APIGroup", "APIVersions", "DeleteOptions", "Status", "WatchEvent"})
"""Kinds without the metadata of an object, which the schema check refuses for that."""


@needs_server
def test_the_kinds_that_cannot_be_applied_are_those_that_a_server_says(minor: str) -> None:
    verbs: dict[tuple[str, str, str], set[str]] = {}
    with ControlPlane(server_binaries()[minor]) as plane:
        groups = plane.client.get("/apis").body["groups"]
        versions = [f"/apis/{one['groupVersion']}" for group in groups for one in group["versions"]]
        for root in ("/api/v1", *versions):
            group, _, version = root.removeprefix("/apis/").removeprefix("/api/").rpartition("/")
            verbs[group, version, ""] = set()
            for one in plane.client.get(root).body["resources"]:
                if "/" not in one["name"]:
                    verbs[group, version, one["kind"]] = set(one["verbs"])
    served = {name[:2] for name in verbs}
    refused = {
        (one.group, one.kind): verbs.get((one.group, one.version, one.kind), set())
        for one in SchemaCatalog.bundled(minor).kinds()
        if (one.group, one.version) in served and one.kind not in NO_OBJECTS and not one.kind.endswith("List")
    }
    refused = {kind: allowed for kind, allowed in refused.items() if "patch" not in allowed}
    assert {kind for kind, allowed in refused.items() if not allowed} == not_applied.SUBRESOURCES.keys()
    assert {kind for kind, allowed in refused.items() if allowed == {"create"}} == not_applied.REQUESTS
    assert {kind for kind, allowed in refused.items() if allowed == {"get", "list"}} == not_applied.READ_ONLY
