"""The parts of plans by an API server that need none: answers, patches, retries, what is left out of a comparison."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.errors import ToolError
from gitgate.reconcile.server.answers import demand_working, failures_of, field_path
from gitgate.reconcile.server.applier import merge_patch
from gitgate.reconcile.server.client import Answer, Client, encoded
from gitgate.reconcile.server.discovery import Served
from gitgate.reconcile.server.stored import stored


def refusal(message: str, *causes: Mapping[str, str], status: int = 422) -> Answer:
    return Answer(status, {"kind": "Status", "message": message, "details": {"causes": list(causes)}})


LARGE = '{"a":[' + ",".join(['"x: y"'] * 100) + "]}"


@pytest.mark.parametrize(
    ("answer", "code", "field", "message"),
    [
        (refusal("…", {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.ports"}),
         "required-field", ("spec", "ports"), "Required value"),
        (refusal("…", {"reason": "FieldValueInvalid", "message": "Invalid value: 1: field is immutable", "field": "spec.a[0].b"}),
         "immutable-field", ("spec", "a", 0, "b"), "Invalid value: 1: field is immutable"),
        (refusal("…", {"reason": "FieldValueInvalid", "message": f"Invalid value: {LARGE}: field is immutable", "field": "spec"}),
         "immutable-field", ("spec",), "Invalid value: {...}: field is immutable"),
        (refusal("deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
         "policy-denied", (), "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
        (refusal("failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema", status=500),
         "undeclared-field", ("spec", "foo"), "field not declared in schema"),
        (refusal('Deployment in version "v1" cannot be handled: strict decoding error: unknown field "spec.foo"', status=400),
         "undeclared-field", ("spec", "foo"), 'Deployment in version "v1" cannot be handled: strict decoding error: unknown field "spec.foo"'),
        (refusal('configmaps "a" is forbidden: exceeded quota: q', status=403), "refused", (), "exceeded quota: q"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_field_and_reason(answer: Answer, code: str, field: tuple, message: str) -> None:
    (failure,) = failures_of(answer)
    assert (failure.code, failure.field, failure.message) == (code, field, message)


@pytest.mark.parametrize(
    ("status", "message"),
    [(500, "etcdserver: mvcc: database space exceeded"), (500, "rpc error: code = Unavailable"), (503, "apiserver not ready"),
     (500, "write: no space left on device"), (401, "Unauthorized"), (504, "Timeout: request did not complete")],
)  # fmt: skip
def test_a_server_out_of_order_is_no_refusal(status: int, message: str) -> None:
    with pytest.raises(ToolError, match="the API server failed on Deployment web"):
        demand_working(Answer(status, {"message": message}), "Deployment web")


def test_what_the_object_causes_is_a_refusal() -> None:
    demand_working(
        refusal("failed to create typed patch object: .spec.foo: field not declared in schema", status=500), "x"
    )


@pytest.mark.parametrize(
    ("place", "path"),
    [("metadata.labels[a.b/c]", ("metadata", "labels", "a.b/c")), ("spec.x[3]", ("spec", "x", 3)), ("", ()),
     ('spec.containers[name="web"].image', ("spec", "containers"))],
)  # fmt: skip
def test_fields_are_read_as_the_server_spells_them(place: str, path: tuple) -> None:
    assert field_path(place) == path


@given(st.text(max_size=200))
def test_no_message_breaks_the_reading(text: str) -> None:
    assert failures_of(refusal(text, {"message": text, "field": text, "reason": text}))
    assert failures_of(refusal(text))


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.text(max_size=3), _VALUES, max_size=5)


def patched(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


@given(_OBJECTS, _OBJECTS)
def test_a_merge_patch_makes_one_object_of_another(old: dict, new: dict) -> None:
    assert json.dumps(patched(old, merge_patch(old, new)), sort_keys=True) == json.dumps(new, sort_keys=True)


def test_what_the_server_allocates_is_not_compared() -> None:
    body = {
        "apiVersion": "v1", "kind": "Service", "status": {"loadBalancer": {}},
        "metadata": {"name": "a", "namespace": "b", "uid": "1", "resourceVersion": "2", "managedFields": []},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [
            {"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP", "nodePort": 30002}]},
    }  # fmt: skip
    sent = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80, "nodePort": 30001}, {"port": 81}]}}
    assert stored(body, sent) == {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}, {"port": 81, "protocol": "TCP"}]},
    }  # fmt: skip


def test_values_of_secrets_do_not_reach_the_comparison() -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"key": "aHVudGVyMg=="}}
    assert "aHVudGVyMg" not in json.dumps(stored(body, body))


@pytest.mark.parametrize("name", [".", "..", "a/../b", "a?b", "a#b", "%2e%2e"])
def test_no_name_leads_to_another_path(name: str) -> None:
    path = Served("/api/v1", "configmaps", namespaced=True).object("shop", name)
    assert path.startswith("/api/v1/namespaces/shop/configmaps/")
    assert path.count("/") == 6
    assert not path.endswith("/.")
    assert not path.endswith("/..")


@pytest.fixture
def busy_server() -> Iterator[tuple[str, list[str]]]:
    """Too busy twice, then it answers."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            busy = len(seen) < 3
            text = b"slow down" if busy else b'{"kind": "Namespace"}'
            self.send_response(429 if busy else 200)
            if busy:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def test_a_busy_server_is_asked_again(busy_server: tuple[str, list[str]]) -> None:
    address, seen = busy_server
    client = Client(address, ssl.create_default_context())
    try:
        assert client.get("/x") == Answer(200, {"kind": "Namespace"})
    finally:
        client.close()
    assert seen == ["/x"] * 3


def test_a_server_that_does_not_answer_is_one_line() -> None:
    client = Client("http://127.0.0.1:9", ssl.create_default_context())
    try:
        with pytest.raises(ToolError, match="the API server does not answer: Connection refused"):
            client.get("/x")
    finally:
        client.close()


def test_a_missing_client_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(ToolError, match="need httpx") as caught:
        Client("http://127.0.0.1:9", ssl.create_default_context())
    assert "gitgate-k8s[cluster]" in str(caught.value.remedy)


def test_bodies_are_written_as_go_writes_them() -> None:
    """A server reads apply patches as YAML, in which an emoji's two halves are an error and U+2028 is a line break."""
    assert encoded({"a": "é\U0001f600\u2028\x01"}) == b'{"a": "\xc3\xa9\xf0\x9f\x98\x80\\u2028\\u0001"}'
    assert encoded({"a": "\ud83d"}) == b'{"a": "?"}'
