"""`gitgate plan --cluster CONTEXT`: bad kubeconfigs and clusters that do not answer are one line, without a secret."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.__main__ import run
from gitgate.errors import ToolError
from gitgate.reconcile.server import existing
from gitgate.reconcile.server.binaries import Binaries
from gitgate.reconcile.server.certificates import write_certificates
from gitgate.reconcile.server.client import Client, reads_only, stores_nothing
from tests.support.cluster import service, workload
from tests.support.existing_cluster import encoded
from tests.support.repository import RepositoryBuilder

TOKEN = "hunter2-token"


def config(address: str = "https://127.0.0.1:9", *, user: object = None, **cluster: object) -> bytes:
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "staging",
        "clusters": [{"name": "c", "cluster": {"server": address, **cluster}}],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("staging", "production", "kind")],
    }).encode()  # fmt: skip


BOMB = b"a: &a [x, x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(20)
)


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    builder = RepositoryBuilder(tmp_path / "app")
    builder.commit({"app.yaml": yaml.safe_dump(service())})
    builder.commit({"app.yaml": yaml.safe_dump(workload())}, branch="change")

    def asked(*options: str, file: bytes | None = None) -> tuple[int, str]:
        given: tuple[str, ...] = ()
        if file is not None:
            (tmp_path / "config").write_bytes(file)
            given = ("--kubeconfig", str(tmp_path / "config"))
        code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), *given, *options])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "hunter2" not in captured.err
        assert "Traceback" not in captured.err
        return code, captured.err

    return asked


@pytest.mark.parametrize(
    ("file", "options", "expected"),
    [
        (config(), ("--cluster", "nowhere"), "has no context 'nowhere'; there is kind, production, staging"),
        (b"kind: Config\n", ("--cluster", "production"), "has no context 'production'; there is none"),
        (b"", ("--cluster", "production"), "cannot be read: it is not one YAML document"),
        (b"hunter2: [", ("--cluster", "production"), "cannot be read"),
        (b"\xff\xfe\x00hunter2", ("--cluster", "production"), "cannot be read"),
        (BOMB, ("--cluster", "production"), "cannot be read"),
        (b"[" * 100_000, ("--cluster", "production"), "cannot be read"),
        (config(user={"exec": {"command": "hunter2"}}), ("--cluster", "production"), "uses exec, which gitgate does not"),
        (config(user={"auth-provider": {"name": "gcp"}}), ("--cluster", "production"), "uses auth-provider, which"),
        (config(user={"token": "hunter2\r\nX: y"}), ("--cluster", "production"), "characters that no token has"),
        (config("http://127.0.0.1:9"), ("--cluster", "production"), "is not an https:// address"),
        (config(**{"insecure-skip-tls-verify": True}), ("--cluster", "production"), "uses insecure-skip-tls-verify"),
        (config(**{"certificate-authority-data": "aHVudGVyMg=="}), ("--cluster", "production"), "certificates of context"),
        (config(), ("--cluster", "production"), "context 'production': the API server does not answer: Connection refused"),
        (config(), ("--cluster", "context:kind"), "context 'kind': the API server does not answer: Connection refused"),
        (None, ("--cluster", "production"), "there is no KUBECONFIG and no ~/.kube/config"),
        (None, ("--cluster", "production", "--kubeconfig", "/nonexistent/file"), "No such file or directory"),
        (None, ("--cluster", "production", "--kubeconfig", "/"), "Is a directory"),
    ],
)  # fmt: skip
def test_a_kubeconfig_that_leads_nowhere_is_one_line(
    ask, file: bytes | None, options: tuple[str, ...], expected: str
) -> None:
    code, said = ask(*options, file=file)
    assert (code, expected in said.splitlines()[0]) == (3, True), said
    assert len(said.splitlines()) <= 2


@pytest.mark.parametrize(
    "options",
    [
        ("--cluster", "production", "--rollback"),
        ("--cluster", "production", "--from-live", "x"),
        ("--cluster", "offline", "--server-dry-run"),
        ("--cluster", "control-plane", "--as-cluster", "x"),
        ("--server-dry-run",),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(ask, options: tuple[str, ...]) -> None:
    assert ask(*options)[0] == 2


def test_a_kubeconfig_of_the_judged_repository_is_not_taken_from_the_environment(
    ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "app" / "kubeconfig"
    inside.write_bytes(config())
    link = tmp_path / "link"
    link.symlink_to(inside)
    for named in (inside, link):
        monkeypatch.setenv("KUBECONFIG", str(named))
        code, said = ask("--cluster", "production")
        assert (code, "is inside the repository that is judged" in said) == (3, True), said
    monkeypatch.chdir(tmp_path / "app")
    monkeypatch.setenv("KUBECONFIG", "kubeconfig")
    assert "is inside the repository that is judged" in ask("--cluster", "production")[1]
    # Who names the file means it.
    assert "Connection refused" in ask("--cluster", "production", "--kubeconfig", str(inside))[1]


def test_of_several_kubeconfigs_the_first_with_the_context_counts(
    ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(b"kind: Config\n")
    (tmp_path / "two").write_bytes(config())
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/one:{tmp_path}/not-there:{tmp_path}/two")
    assert "Connection refused" in ask("--cluster", "production")[1]


def test_a_repository_alone_does_not_choose_a_cluster(ask, tmp_path: Path) -> None:
    kube = tmp_path / "home" / ".kube"
    kube.mkdir(parents=True)
    (kube / "config").write_bytes(config())
    builder = RepositoryBuilder(tmp_path / "app2")
    builder.commit(
        {"app.yaml": "", ".gitgate/settings.yaml": "version: 1\nreconcile: {cluster: 'context:production'}\n"}
    )
    there = ("--git-dir", str(tmp_path / "app2"))
    builder.commit({"app.yaml": yaml.safe_dump(service())}, branch="change")
    code, said = ask(*there)
    assert (code, "a repository alone does not choose a cluster" in said) == (3, True), said
    code, said = ask(*there, file=config())
    assert (code, "context 'production': the API server does not answer" in said) == (3, True), said
    assert ask(*there, "--server-dry-run", file=config())[0] == 2


class _Server:
    """An API server of few words."""

    def __init__(self, directory: Path, answers: dict[str, tuple[int, Any]]) -> None:
        self.asked: list[tuple[str, str]] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.command, self.path))
                status, body = answers.get(self.path.partition("?")[0], answers.get("*", (404, {})))
                if status == 0:
                    self.connection.close()
                    return
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if 300 <= status < 400:
                    self.send_header("Location", "https://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.crt", directory / "server.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.address = f"https://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    started: list[_Server] = []
    (tmp_path / "pki").mkdir()
    write_certificates(tmp_path / "pki", "nobody", ())

    def start(answers: dict[str, tuple[int, Any]]) -> _Server:
        started.append(_Server(tmp_path / "pki", answers))
        return started[-1]

    yield start
    for one in started:
        one.close()


VERSION = (200, {"major": "1", "minor": "37+"})
DENIED = (403, {"message": 'services "web" is forbidden: User "u" cannot get resource "services" in API group "" in the '
                           'namespace "shop"'})  # fmt: skip
CORE = (200, {"resources": [{"name": "services", "kind": "Service", "namespaced": True}]})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"*": (401, {"message": TOKEN})}, "does not accept the credentials of context 'production'"),
        ({"*": (500, {"message": TOKEN})}, "the API server of context 'production' fails: HTTP status 500"),
        ({"*": (302, {})}, "is no API server: it redirects"),
        ({"*": (200, {})}, "does not say which version of Kubernetes it is"),
        ({"*": (200, {"major": "1", "minor": "12"})}, "is Kubernetes 1.12, of which there are no tables"),
        ({"/version": VERSION, "/api/v1": (403, {"message": "no"})}, "are not allowed to do this: no"),
        ({"/version": VERSION, "/api/v1": CORE, "/api/v1/namespaces/shop/services/web": DENIED},
         "the credentials of context 'production' may not get services in namespace shop"),
        ({"/version": VERSION, "/api/v1": CORE, "*": (0, {})}, "context 'production': the API server does not answer: "),
    ],
)  # fmt: skip
def test_a_cluster_that_fails_is_one_line(  # noqa: PLR0917 - fixtures and the case
    ask, serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], expected: str
) -> None:
    # None of these comes as far as to start it.
    simulator = Binaries(tmp_path / "etcd", tmp_path / "kube-apiserver", (1, 37, 0))
    monkeypatch.setattr(existing, "find_binaries", lambda _: simulator)
    server = serve(answers)
    authority = encoded(tmp_path / "pki" / "ca.crt")
    code, said = ask(
        "--cluster", "production", file=config(server.address, **{"certificate-authority-data": authority})
    )
    assert (code, expected in said.splitlines()[0]) == (3, True), said
    assert {method for method, _ in server.asked} == {"GET"}


def test_a_cluster_that_is_not_trusted_is_one_line(ask, serve) -> None:
    server = serve({})
    code, said = ask("--cluster", "production", file=config(server.address))
    assert code == 3
    assert "its certificate is not trusted (" in said
    assert server.asked == []


def test_a_simulator_that_is_missing_is_one_line(ask, serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("gitgate.process.find_program", _nothing)
    server = serve({"/version": VERSION})
    authority = encoded(tmp_path / "pki" / "ca.crt")
    code, said = ask(
        "--cluster", "production", file=config(server.address, **{"certificate-authority-data": authority})
    )
    assert (code, "is simulated with Kubernetes 1.37: " in said) == (3, True), said
    assert "setup-envtest use -p path 1.37" in said


def _nothing(name: str, **_: object) -> str:
    raise ToolError(f"{name} is not there")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_client_of_a_live_cluster_sends_nothing_but_get(serve, tmp_path: Path, method: str) -> None:
    server = serve({"*": (200, {})})
    trusted = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.crt"))
    for permits, query in ((reads_only, {"dryRun": "All"}), (stores_nothing, {}), (stores_nothing, {"dryRun": "none"})):
        client = Client(server.address, trusted, permits=permits)
        with pytest.raises(ToolError, match="not to be changed"):
            client.request(method, "/api/v1/namespaces", {}, query=query)
        assert client.get("/version").accepted
        client.close()
    assert {asked for asked, _ in server.asked} == {"GET"}


def test_a_dry_run_client_never_deletes(serve, tmp_path: Path) -> None:
    server = serve({})
    trusted = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.crt"))
    client = Client(server.address, trusted, permits=stores_nothing)
    with pytest.raises(ToolError, match="not to be changed"):
        client.request("DELETE", "/api/v1/namespaces/shop", query={"dryRun": "All"})
    client.close()
    assert server.asked == []
