"""What a kubeconfig may say, and what is refused of it without repeating it."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitgate.errors import ToolError
from gitgate.reconcile.server.certificates import write_certificates
from gitgate.reconcile.server.kubeconfig import context_names, read_kubeconfig, trust

SECRET = "c2VjcmV0LWtleQ=="


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def config(*, cluster: object = None, user: object = None, **fields: object) -> bytes:
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "kind-plan",
        "clusters": [{"name": "kind-plan", "cluster": {"server": "https://127.0.0.1:6443"} if cluster is None else cluster}],
        "contexts": [
            {"name": "kind-plan", "context": {"cluster": "kind-plan", "user": "kind-plan"}},
            {"name": "dangling", "context": {"cluster": "gone", "user": "kind-plan"}},
            {"name": "aimless", "context": {}},
        ],
        "users": [{"name": "kind-plan", "user": {} if user is None else user}],
        "preferences": {},
    }  # fmt: skip
    return yaml.safe_dump(document | fields).encode()


def test_what_kind_writes_is_read() -> None:
    data = config(
        cluster={"server": "https://127.0.0.1:6443", "certificate-authority-data": encoded(b"authority")},
        user={"client-certificate-data": encoded(b"certificate"), "client-key-data": encoded(b"key")},
    )
    access = read_kubeconfig(data)
    assert (access.context, access.server) == ("kind-plan", "https://127.0.0.1:6443")
    assert (access.authority, access.certificate, access.key, access.token) == (
        b"authority", b"certificate", b"key", None)  # fmt: skip
    assert read_kubeconfig(data, "kind-plan") == access
    assert context_names(data) == ("aimless", "dangling", "kind-plan")


def test_a_kubeconfig_as_json_with_a_token() -> None:
    data = json.dumps(yaml.safe_load(config(user={"token": "abc.def-1"}))).encode()
    assert read_kubeconfig(data).token == "abc.def-1"


def test_files_are_looked_up_beside_the_kubeconfig_and_data_outranks_them(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "ca.crt").write_bytes(b"from-file")
    data = config(
        cluster={"server": "https://cluster:6443/k8s/one/", "certificate-authority": "ca.crt"},
        user={"tokenFile": str(tmp_path / "token"), "token": "outranked", "client-certificate": "no.crt",
              "client-certificate-data": encoded(b"data"), "client-key-data": encoded(b"key")},
    )  # fmt: skip
    access = read_kubeconfig(data, directory=tmp_path)
    assert (access.server, access.authority, access.certificate) == (
        "https://cluster:6443/k8s/one", b"from-file", b"data")  # fmt: skip
    assert access.token == "from-file"


BAD = {
    "empty": (b"", "not one YAML document"),
    "two documents": (config() + b"---\n" + config(), "not one YAML document"),
    "binary": (b"\0\1\2\3" * 50, "not one YAML document"),
    "a list": (b"[]", "not of kind Config"),
    "another kind": (config(kind="Secret"), "not of kind Config"),
    "no current context": (config(**{"current-context": ""}), "has no current context"),
    "a context that is not there": (config(**{"current-context": "gone"}), "has no context 'gone'"),
    "two of one name": (config(users=[{"name": "kind-plan"}] * 2), "more than one user 'kind-plan'"),
    "lists that are none": (config(clusters={"name": "kind-plan"}), "has no cluster 'kind-plan'"),
    "a cluster that is not there": (config(**{"current-context": "dangling"}), "has no cluster 'gone'"),
    "a context of nothing": (config(**{"current-context": "aimless"}), "names no cluster"),
    "no server": (config(cluster={"x": None}), "names no server"),
    "plain http": (config(cluster={"server": "http://a"}), "is not an https:// address"),
    "a server with a password": (config(cluster={"server": f"https://u:{SECRET}@a"}), "is not an https:// address"),
    "a port that is none": (config(cluster={"server": "https://a:99999"}), "is not an https:// address"),
    "no verification": (
        config(cluster={"server": "https://a", "insecure-skip-tls-verify": True}), "uses insecure-skip-tls-verify"),
    "a proxy": (config(cluster={"server": "https://a", "proxy-url": f"http://u:{SECRET}@p"}), "uses proxy-url"),
    "a program": (config(user={"exec": {"command": "/bin/false", "env": [SECRET]}}), "uses exec"),
    "a plug-in": (config(user={"auth-provider": {"name": "gcp"}}), "uses auth-provider"),
    "a password": (config(user={"username": "a", "password": SECRET}), "uses password, username"),
    "somebody else": (config(user={"token": SECRET, "as": "root"}), "uses as"),
    "half a certificate": (config(user={"client-key-data": encoded(b"a")}), "and not both"),
    "not base64": (config(user={"client-key-data": f"{SECRET}!"}), "client-key-data of context 'kind-plan' is not base64"),
    "a file, and nowhere to look": (config(user={"client-key": "a.key"}), "cannot be read from a file"),
    "a token with a line break": (config(user={"token": f"{SECRET}\r\nHost: evil"}), "characters that no token has"),
    "a token that is a number": (config(user={"token": 12}), "characters that no token has"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused_is_said_without_secrets(case: str) -> None:
    data, expected = BAD[case]
    with pytest.raises(ToolError) as refused:
        read_kubeconfig(data)
    assert expected in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_secret_is_in_its_representation() -> None:
    access = read_kubeconfig(
        config(user={"token": SECRET, "client-key-data": SECRET, "client-certificate-data": SECRET})
    )
    assert SECRET not in repr(access)
    assert "secret-key" not in repr(access)


def test_a_missing_file_is_named_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="the tokenFile of context 'kind-plan' cannot be read: No such file"):
        read_kubeconfig(config(user={"tokenFile": "gone"}), directory=tmp_path)


def test_its_certificates_are_trusted_and_shown(tmp_path: Path) -> None:
    write_certificates(tmp_path, "somebody", [])
    data = config(
        cluster={"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"},
        user={"client-certificate": "client.crt", "client-key": "client.key"},
    )
    context = trust(read_kubeconfig(data, directory=tmp_path))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1  # and none of the system's


ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.mark.parametrize("key", [b"no key", ENCRYPTED, b""])
def test_certificates_that_are_none_are_one_line(tmp_path: Path, key: bytes) -> None:
    write_certificates(tmp_path, "somebody", [])
    (tmp_path / "client.key").write_bytes(key)
    data = config(user={"client-certificate": "client.crt", "client-key": "client.key"})
    with pytest.raises(ToolError, match="the certificates of context 'kind-plan' cannot be read"):
        trust(read_kubeconfig(data, directory=tmp_path))


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3))  # fmt: skip


@given(cluster=VALUES, user=VALUES, contexts=VALUES, rest=st.binary(max_size=20))
def test_no_content_ends_the_run(cluster: object, user: object, contexts: object, rest: bytes) -> None:
    for data in (config(cluster=cluster, user=user), config(contexts=contexts), config() + rest, rest):
        try:
            read_kubeconfig(data)
            context_names(data)
        except ToolError:
            pass
