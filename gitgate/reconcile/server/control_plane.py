"""`ControlPlane`: etcd and kube-apiserver on loopback, for one run, in a private directory.

As controller-runtime's envtest runs them, with admission as in a real cluster. No controllers run.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from gitgate.errors import GitgateError, ToolError
from gitgate.process import Servers
from gitgate.reconcile.server.binaries import Binaries
from gitgate.reconcile.server.certificates import write_certificates
from gitgate.reconcile.server.client import Client, tls_context

_ATTEMPTS = 3
_SECONDS = 60.0
_POLL = 0.1
_LOG_BYTES = 64 * 1024
_AGENT = "system:serviceaccount:gitops:agent"
_GROUPS = ("system:serviceaccounts", "system:serviceaccounts:gitops", "system:authenticated")


class ControlPlane:
    """A running API server; close it.

    Args:
        binaries: What to run.
        user: Who the agent is, for policies that ask.
        groups: The agent's groups.
        ports: Ports of etcd and the API server; None for any that are free.
        authorization: Who may do what: `AlwaysAllow`, or `RBAC` for a cluster in which rights are granted.

    Raises:
        ToolError: It does not start.
    """

    def __init__(
        self,
        binaries: Binaries,
        *,
        user: str = _AGENT,
        groups: Sequence[str] = _GROUPS,
        ports: tuple[int, int] | None = None,
        authorization: str = "AlwaysAllow",
    ) -> None:
        self.binaries = binaries
        self._authorization = authorization
        for attempt in range(_ATTEMPTS):
            self.servers = Servers()
            try:
                write_certificates(self.servers.directory, user, groups)
                self._start(*(ports or _free_ports(2)))
            except _PortTakenError as error:
                self.close()
                if ports is not None or attempt == _ATTEMPTS - 1:
                    raise ToolError(f"a port of the control plane is in use: {error}") from None
            except BaseException:
                self.close()
                raise
            else:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def directory(self) -> Path:
        """The private directory; it has the certificates."""
        return self.servers.directory

    def close(self) -> None:
        """End both programs and remove the directory."""
        client = getattr(self, "client", None)
        if client is not None:
            client.close()
        self.servers.close()

    def explain(self, error: GitgateError) -> GitgateError:
        """What became of a request that had no answer: the program that ended, and its last words."""
        for _ in range(10):  # the connection is gone a little before the program is
            try:
                codes = self.servers.poll()
            except ToolError:
                return error
            for name, code in zip(("etcd", "kube-apiserver"), codes, strict=False):
                if code is not None:
                    why = f"killed by signal {-code}" if code < 0 else self._last_words(name) or f"exit code {code}"
                    return ToolError(f"{name} ended while it was needed: {why}")
            time.sleep(_POLL)
        return error

    def _start(self, etcd_port: int, port: int) -> None:
        directory = self.directory
        self.servers.start(list(_etcd(self.binaries, directory, etcd_port)), directory / "etcd.log")
        arguments = list(_apiserver(self.binaries, directory, etcd_port, port, self._authorization))
        self.servers.start(arguments, directory / "kube-apiserver.log")
        self.address = f"https://127.0.0.1:{port}"
        # Where rights are granted, the agent has none before an administrator gives it some.
        allowed = "client" if self._authorization == "AlwaysAllow" else "admin"
        self.client = Client(self.address, tls_context(directory, allowed))
        self._wait(ssl.create_default_context(cafile=str(directory / "ca.crt")), port)

    def _wait(self, trusted: ssl.SSLContext, port: int) -> None:
        """Wait until it serves, is ready, and admits a Service, which is what works last."""
        deadline = time.monotonic() + _SECONDS
        while not (_listens(trusted, port) and self._is_ready()):
            for name, code in zip(("etcd", "kube-apiserver"), self.servers.poll(), strict=True):
                if code is not None:
                    words = self._last_words(name)
                    if "address already in use" in words:
                        raise _PortTakenError(words)
                    raise ToolError(f"{name} does not start: {words or f'exit code {code}'}")
            if time.monotonic() > deadline:
                raise ToolError(f"the API server was not ready within {_SECONDS:g} seconds")
            time.sleep(_POLL)

    def _is_ready(self) -> bool:
        if self.client.get("/readyz").status != 200 or not self.client.get("/api/v1/namespaces/default").accepted:
            return False
        probe = {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "gitgate-probe"},
            "spec": {"ports": [{"port": 80}]},
        }  # fmt: skip
        path = "/api/v1/namespaces/default/services"
        return self.client.request("POST", path, probe, query={"dryRun": "All"}).accepted

    def _last_words(self, name: str) -> str:
        try:
            with (self.directory / f"{name}.log").open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - _LOG_BYTES))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        telling = [line for line in lines if _is_telling(line)] or lines
        return _plain(telling[-1].strip())[-400:].replace(str(self.directory), "…") if telling else ""


class _PortTakenError(Exception):
    pass


def _plain(line: str) -> str:
    """What a line of etcd's log says, which is JSON with a stack trace."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    said = [str(entry[key]) for key in ("msg", "error") if entry.get(key)] if isinstance(entry, dict) else []
    return ": ".join(said) or line


def _is_telling(line: str) -> bool:
    return any(
        word in line for word in ('"level":"fatal"', "address already in use", "Error:", "err=", "no space left")
    )


def _free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()


def _listens(trusted: ssl.SSLContext, port: int) -> bool:
    """Is it our server that listens there, and not somebody else's?"""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            trusted.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except ssl.SSLError as error:
        raise _PortTakenError(f"another server listens on port {port}") from error
    except OSError:
        return False


def _etcd(binaries: Binaries, directory: Path, port: int) -> Iterator[str]:
    address = f"https://127.0.0.1:{port}"
    yield str(binaries.etcd)
    yield f"--data-dir={directory / 'etcd'}"
    yield f"--listen-client-urls={address}"
    yield f"--advertise-client-urls={address}"
    # It has no peers; port 0 is any port, as envtest does.
    yield "--listen-peer-urls=http://127.0.0.1:0"
    yield f"--cert-file={directory / 'server.crt'}"
    yield f"--key-file={directory / 'server.key'}"
    yield "--client-cert-auth=true"
    yield f"--trusted-ca-file={directory / 'ca.crt'}"
    # What a crash would lose is thrown away anyhow.
    yield "--unsafe-no-fsync=true"
    yield "--log-level=warn"


def _apiserver(binaries: Binaries, directory: Path, etcd_port: int, port: int, authorization: str) -> Iterator[str]:
    yield str(binaries.apiserver)
    yield f"--etcd-servers=https://127.0.0.1:{etcd_port}"
    yield f"--etcd-cafile={directory / 'ca.crt'}"
    yield f"--etcd-certfile={directory / 'server.crt'}"
    yield f"--etcd-keyfile={directory / 'server.key'}"
    yield "--bind-address=127.0.0.1"
    yield "--advertise-address=127.0.0.1"
    yield f"--secure-port={port}"
    yield f"--tls-cert-file={directory / 'server.crt'}"
    yield f"--tls-private-key-file={directory / 'server.key'}"
    yield f"--client-ca-file={directory / 'ca.crt'}"
    yield f"--cert-dir={directory}"
    yield "--anonymous-auth=false"
    # Whether the agent may do it is not asked here: its rights are the cluster's.
    yield f"--authorization-mode={authorization}"
    yield "--service-account-issuer=https://kubernetes.default.svc"
    yield f"--service-account-key-file={directory / 'accounts.key'}"
    yield f"--service-account-signing-key-file={directory / 'accounts.key'}"
    yield "--service-cluster-ip-range=10.96.0.0/16"
    yield "--endpoint-reconciler-type=none"
    # The default ServiceAccount of a namespace comes from a controller, and none runs.
    yield "--disable-admission-plugins=ServiceAccount"
    yield "--allow-privileged=true"
    yield "--profiling=false"
    # Fairness between many users costs one user time.
    yield "--enable-priority-and-fairness=false"
    yield "--max-requests-inflight=0"
    yield "--max-mutating-requests-inflight=0"
    yield "--v=0"
    mutating = {32: "v1alpha1", 33: "v1alpha1", 34: "v1beta1", 35: "v1beta1"}.get(binaries.version[1])
    if mutating:  # served without being asked since 1.36
        yield "--feature-gates=MutatingAdmissionPolicy=true"
        yield f"--runtime-config=admissionregistration.k8s.io/{mutating}=true"
