"""Kubeconfig files: how to reach a cluster, and as whom. What they hold is secret, and no message repeats any of it.

Source: k8s.io/client-go/tools/clientcmd/api/v1/types.go, and clientcmd/client_config.go for what outranks what. It is
stricter than kubectl: what would run a program, send secrets unprotected or act as somebody else is refused.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gitgate.errors import ToolError
from gitgate.reconcile.server.client import Client, Permits
from gitgate.yaml_document import read_yaml

LARGEST = 16 * 1024 * 1024
"""Bytes of a kubeconfig, and of every file that it names."""
_CLUSTER_FIELDS = frozenset(
    {"server", "certificate-authority", "certificate-authority-data", "disable-compression", "extensions"}
)
_USER_FIELDS = frozenset(
    {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile",
     "extensions"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How to reach one cluster.

    Attributes:
        context: The context that says so.
        server: `https://127.0.0.1:6443`, perhaps with a path.
        authority: Certificates to trust, PEM; None for those that the system trusts.
        certificate: Client certificate, PEM; None without one.
        key: Its key, PEM.
        token: Bearer token; None without one.
    """

    context: str
    server: str
    authority: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def read_kubeconfig(data: bytes, context: str | None = None, *, directory: Path | None = None) -> ClusterAccess:
    """Read how a context reaches its cluster.

    Args:
        data: The file.
        context: Which one; None for the current one.
        directory: Where the file is, for the files that it names; None refuses files.

    Raises:
        ToolError: It does not say it, or says it in a way that is refused.
    """
    document = _document(data)
    name = context if context is not None else document.get("current-context")
    if not isinstance(name, str) or not name:
        raise ToolError("the kubeconfig has no current context", remedy="Name a context with --cluster.")
    chosen = _named(document, "contexts", "context", name)
    cluster = _named(document, "clusters", "cluster", _text(chosen, "cluster", f"context {name!r}"))
    user = _named(document, "users", "user", _text(chosen, "user", f"context {name!r}"))
    _demand_known(cluster, _CLUSTER_FIELDS, f"the cluster of context {name!r}")
    _demand_known(user, _USER_FIELDS, f"the user of context {name!r}")
    reader = _Reader(directory, name)
    access = ClusterAccess(
        context=name,
        server=_server(cluster, name),
        authority=reader.content(cluster, "certificate-authority"),
        certificate=reader.content(user, "client-certificate"),
        key=reader.content(user, "client-key"),
        token=reader.token(user),
    )
    if (access.certificate is None) != (access.key is None):
        raise ToolError(f"the user of context {name!r} has a client certificate or a key, and not both")
    return access


def context_names(data: bytes) -> tuple[str, ...]:
    """The contexts of a kubeconfig, sorted.

    Raises:
        ToolError: It is no kubeconfig.
    """
    entries = _document(data).get("contexts")
    names = [one.get("name") for one in entries if isinstance(one, Mapping)] if isinstance(entries, list) else []
    return tuple(sorted(name for name in names if isinstance(name, str)))


def connect(
    access: ClusterAccess, headers: Iterable[tuple[str, str]] = (), *, permits: Permits | None = None
) -> Client:
    """A client of the cluster; close it.

    Args:
        access: Where it is, and who asks.
        headers: Sent with every request.
        permits: Which requests may be sent; None for all.

    Raises:
        ToolError: Its certificates cannot be read.
    """
    bearer = [("Authorization", f"Bearer {access.token}")] if access.token is not None else []
    return Client(access.server, trust(access), [*bearer, *headers], permits=permits)


def trust(access: ClusterAccess) -> ssl.SSLContext:
    """Whom to trust, and the certificate to show.

    Raises:
        ToolError: They cannot be read.
    """
    try:
        authority = None if access.authority is None else access.authority.decode("ascii")
        found = ssl.create_default_context(cadata=authority)
        # kubectl does not demand what Python 3.13 does of the form of certificates. The chain is verified all the same.
        found.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.certificate is not None and access.key is not None:
            # OpenSSL reads them from a file only.
            with tempfile.NamedTemporaryFile(prefix="gitgate-") as file:
                file.write(access.certificate + b"\n" + access.key)
                file.flush()
                found.load_cert_chain(file.name, password=_refuse_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise ToolError(f"the certificates of context {access.context!r} cannot be read") from error
    return found


def _refuse_password() -> str:
    """Without it OpenSSL would ask on the terminal."""
    raise ValueError("the key is encrypted")


def _document(data: bytes) -> Mapping[str, Any]:
    if len(data) > LARGEST:
        raise ToolError(f"the kubeconfig is larger than {LARGEST} bytes")
    file = read_yaml(data)
    documents = file.documents
    if file.opaque or any(one.fatal for one in file.problems) or len(documents) != 1:
        raise ToolError("the kubeconfig cannot be read: it is not one YAML document")
    value = documents[0].value
    if not isinstance(value, Mapping) or value.get("kind", "Config") != "Config":
        raise ToolError("the kubeconfig cannot be read: it is not of kind Config")
    return value


def _named(document: Mapping[str, Any], several: str, one: str, name: str) -> Mapping[str, Any]:
    """The entry of a list that has the name; client-go refuses two of one name as well."""
    listed = document.get(several)
    entries = [
        entry for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, Mapping) and entry.get("name") == name
    ]  # fmt: skip
    if not entries:
        raise ToolError(f"the kubeconfig has no {one} {name!r}")
    if len(entries) > 1:
        raise ToolError(f"the kubeconfig has more than one {one} {name!r}")
    value = entries[0].get(one)
    return value if isinstance(value, Mapping) else {}


def _text(entry: Mapping[str, Any], key: str, what: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ToolError(f"{what} of the kubeconfig names no {key}")
    return value


def _demand_known(entry: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(str(key) for key, value in entry.items() if key not in known and value not in (None, False, ""))
    if unknown:
        raise ToolError(
            f"{what} uses {', '.join(unknown)}, which gitgate does not support",
            remedy="Give a kubeconfig with a client certificate or a token, as for a ServiceAccount.",
        )


def _server(cluster: Mapping[str, Any], context: str) -> str:
    address = _text(cluster, "server", f"the cluster of context {context!r}")
    try:
        parts = urlsplit(address)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise ToolError(f"the server of context {context!r} is not an https:// address")
    return address.rstrip("/")


class _Reader:
    """Reads values that stand in the kubeconfig or in files that it names."""

    def __init__(self, directory: Path | None, context: str) -> None:
        self._directory = directory
        self._context = context

    def content(self, entry: Mapping[str, Any], key: str) -> bytes | None:
        """A value that may be given as data, which outranks the file, or as a file."""
        encoded = entry.get(f"{key}-data")
        if encoded:
            try:
                return base64.b64decode(str(encoded), validate=True)
            except (binascii.Error, ValueError):
                raise ToolError(f"the {key}-data of context {self._context!r} is not base64") from None
        path = entry.get(key)
        return self._read(path, key) if path else None

    def token(self, user: Mapping[str, Any]) -> str | None:
        """The token; that of a file outranks the other."""
        path = user.get("tokenFile")
        token = self._read(path, "tokenFile").decode("utf-8", "replace").strip() if path else user.get("token")
        if not token:
            return None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            raise ToolError(f"the token of context {self._context!r} has characters that no token has")
        return token

    def _read(self, path: Any, key: str) -> bytes:
        if self._directory is None or not isinstance(path, str) or "\0" in path:
            raise ToolError(f"the {key} of context {self._context!r} cannot be read from a file")
        try:
            with (self._directory / path).open("rb") as stream:
                data = stream.read(LARGEST + 1)
        except OSError as error:
            reason = error.strerror
            raise ToolError(f"the {key} of context {self._context!r} cannot be read: {reason}") from error
        if len(data) > LARGEST:
            raise ToolError(f"the {key} of context {self._context!r} is larger than {LARGEST} bytes")
        return data
