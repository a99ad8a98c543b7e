"""Nothing of a change runs in a cluster that has nodes: the guard, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gitgate.reconcile.server.client import Client, tls_context
from gitgate.reconcile.server.control_plane import ControlPlane
from gitgate.reconcile.server.guard import MESSAGE, install_guard
from tests.support.control_plane import needs_server, server_binaries

PODS = "/api/v1/namespaces/default/pods"
APPLY = "application/apply-patch+yaml"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
    "containers": [{"name": "a", "image": "a:1", "securityContext": {"privileged": True}}]}}  # fmt: skip
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}
BINDING = {
    "apiVersion": "v1",
    "kind": "Binding",
    "metadata": {"name": "a"},
    "target": {"kind": "Node", "name": "node-1"},
}


@pytest.fixture
def guarded(minor: str) -> Iterator[Client]:
    with ControlPlane(server_binaries()[minor], authorization="RBAC") as plane:
        admin = Client(plane.address, tls_context(plane.directory, "admin"))
        try:
            install_guard(admin, "gitgate-earlier", user="agent")
            install_guard(admin, "gitgate-now", user="agent")
            yield admin
        finally:
            admin.close()


@needs_server
def test_no_pod_gets_a_node_whoever_places_it(guarded: Client) -> None:
    assert guarded.request("POST", "/api/v1/nodes", NODE).accepted
    assert guarded.request("POST", PODS, POD).accepted
    placed = {**POD, "metadata": {"name": "b"}, "spec": {**POD["spec"], "nodeName": "node-1"}}
    attempts = [
        guarded.request("POST", PODS, placed),
        guarded.request("PATCH", f"{PODS}/b", placed, content=APPLY, query={"fieldManager": "x", "force": "true"}),
        guarded.request("PATCH", f"{PODS}/a", {"spec": {"nodeName": "node-1"}}, content="application/merge-patch+json"),
        guarded.request("POST", f"{PODS}/a/binding", BINDING),
        guarded.request("POST", "/api/v1/namespaces/default/bindings", BINDING),
    ]
    assert [(one.accepted, MESSAGE in one.message or one.status == 422) for one in attempts] == [(False, True)] * 5
    assert [one["spec"].get("nodeName") for one in guarded.get(PODS).body["items"]] == [None]


@needs_server
def test_a_new_guard_replaces_the_one_before(guarded: Client) -> None:
    admission = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    assert {one["metadata"]["name"] for one in guarded.get(admission).body["items"]} == {
        "gitgate-now-placing", "gitgate-now-placed"}  # fmt: skip
