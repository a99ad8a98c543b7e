"""`Client`: one API server, spoken to by many threads at once; httpx, see docs/adr/0039-client-of-the-api-server.md.

Nothing of the environment is read: no proxy, no `.netrc`. Redirects are not followed.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gitgate.errors import ToolError

if TYPE_CHECKING:
    import httpx

THREADS = 8
_SECONDS = 20.0
"""Longer than any request of a server that works; also how long it is waited for one whose store is gone."""
_RETRIES = 8
_LONGEST_WAIT = 30.0

Item = TypeVar("Item")
Result = TypeVar("Result")
Permits = Callable[[str, Sequence[tuple[str, str]]], bool]
"""May a request of this method, with this query, be sent?"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says.

    Attributes:
        status: HTTP status.
        body: The object, or a `Status`; untrusted text.
    """

    status: int
    body: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Was it done?"""
        return self.status < 300

    @property
    def message(self) -> str:
        """Why it was not; empty when it was."""
        return "" if self.accepted else str(self.body.get("message") or f"HTTP status {self.status}")


class Client:
    """One API server.

    Args:
        address: `https://127.0.0.1:6443`.
        context: Whom to trust, and the certificate to show.
        headers: Sent with every request: a bearer token, whom to act as; a name may come more than once.
        permits: Which requests may leave this process, by method and query; None for all. It is asked where requests
            are sent, so that no other code can get around it.

    Raises:
        ToolError: httpx is not installed; from every method: the server does not answer.
    """

    def __init__(
        self,
        address: str,
        context: ssl.SSLContext,
        headers: Iterable[tuple[str, str]] = (),
        *,
        permits: Permits | None = None,
    ) -> None:
        try:
            import httpx  # noqa: PLC0415 - heavy, and only here
        except ImportError as error:
            raise ToolError(
                "plans by an API server need httpx, which is not installed",
                remedy="Install gitgate with it: pip install 'gitgate-k8s[cluster]'",
            ) from error
        self._failed = (httpx.HTTPError, httpx.InvalidURL)
        self._http: httpx.Client = httpx.Client(
            base_url=address,
            verify=context,
            headers=list(headers),
            trust_env=False,
            timeout=_SECONDS,
            event_hooks={"request": [_hook(permits)] if permits is not None else []},
            limits=httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS),
        )
        self.address = address

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(  # noqa: PLR0913 - what a request of HTTP has
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        timeout: float = _SECONDS,
    ) -> Answer:
        """Ask for one thing, again where the server says that it is too busy (429, with Retry-After)."""
        data = None if body is None else encoded(body)
        attempt = 0
        while True:
            try:
                response = self._http.request(
                    method, path, content=data, params=dict(query or {}), timeout=timeout,
                    headers={"Content-Type": content, "Accept": "application/json"},
                )  # fmt: skip
            except self._failed as error:
                raise ToolError(f"the API server does not answer: {_reason(error)}") from error
            if response.status_code != 429 or attempt == _RETRIES:
                return Answer(response.status_code, _body(response.content))
            time.sleep(_wait(response.headers.get("Retry-After"), attempt))
            attempt += 1

    def get(self, path: str) -> Answer:
        """Read one thing."""
        return self.request("GET", path)


def encoded(body: Any) -> bytes:
    """JSON as Go writes it, and so as agents send it: servers read apply patches as YAML, which has no surrogates."""
    text = json.dumps(body, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text.encode("utf-8", "replace")


class Trial(Client):
    """Sends what another client would, as dry runs: the server judges it, and stores nothing.

    Args:
        client: The other one.
    """

    def __init__(self, client: Client) -> None:  # it has no connections of its own
        self._client = client
        self.address = client.address

    def request(  # noqa: PLR0913 - see `Client.request`
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        timeout: float = _SECONDS,
    ) -> Answer:
        """See `Client.request`."""
        asked = dict(query or {}) | ({} if method == "GET" else {"dryRun": "All"})
        return self._client.request(method, path, body, query=asked, content=content, timeout=timeout)


def reads_only(method: str, query: Sequence[tuple[str, str]]) -> bool:  # noqa: ARG001 - see `Permits`
    """Permit what reads."""
    return method == "GET"


def stores_nothing(method: str, query: Sequence[tuple[str, str]]) -> bool:
    """Permit what reads, and what the server only tries: never a deletion, and nothing that it would store."""
    tried = [value for key, value in query if key == "dryRun"] == ["All"]
    return method == "GET" or (method in ("PATCH", "POST", "PUT") and tried)


def _hook(permits: Permits) -> Callable[[httpx.Request], None]:
    def demand(request: httpx.Request) -> None:
        if not permits(request.method, request.url.params.multi_items()):
            raise ToolError(f"a {request.method} request was about to be sent to a cluster that is not to be changed")

    return demand


def _reason(error: BaseException) -> str:
    """Why there is no answer, in words of OpenSSL and the system: what httpx itself says may repeat a header."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"TLS fails ({cause.reason})"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _wait(told: str | None, attempt: int) -> float:
    """Seconds until the next attempt."""
    try:
        return min(float(told or ""), _LONGEST_WAIT)
    except ValueError:
        return min(0.25 * float(1 << attempt), _LONGEST_WAIT)


def _body(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {"message": content[:1000].decode("utf-8", "replace").strip()}
    return value if isinstance(value, Mapping) else {}


def tls_context(directory: Path, name: str = "client") -> ssl.SSLContext:
    """Trust in a control plane's own authority, and one of its client certificates."""
    context = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
    return context


def concurrently(
    work: Callable[[Item], Result], items: Iterable[Item], tell: Callable[[int], None] = lambda _: None
) -> list[Result]:
    """Do something with each item, several at a time; results in the order of the items.

    Args:
        work: What to do. The first exception ends it all.
        items: What with.
        tell: Told how many are done.
    """
    done, lock = 0, threading.Lock()

    def one(item: Item) -> Result:
        nonlocal done
        result = work(item)
        with lock:
            done += 1
            tell(done)
        return result

    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(one, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
