"""The only place that starts other programs.

Every child gets a scrubbed environment (nothing is inherited but PATH and what the caller names), a time limit, a
cap on its output, no standard input unless bytes are given, and a working directory that the caller chose. Every
exit code is looked at: one that the caller did not expect is a `ToolError`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Self, cast

from gitgate.errors import ToolError

DEFAULT_TIMEOUT = 60.0
"""Seconds."""
DEFAULT_OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes of standard output; standard error is cut at 64 KiB, as it only feeds messages."""
_STDERR_LIMIT = 64 * 1024
_CHUNK = 1 << 16
_COPROCESS_BUFFER = 1 << 18
_PATIENCE = 5.0
"""Seconds for the supervisor of servers to end them, and to run a last program, a little longer than it gives that."""
_AT_END_PATIENCE = 130.0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended."""

    program: str
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """The last line that the program wrote to standard error, undecodable bytes replaced; untrusted text."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else f"exit code {self.returncode}"


def find_program(name: str, *, remedy: str) -> str:
    """Absolute path of a program on PATH, so that what was found is what runs.

    Relative entries of PATH are left out: they would let the judged repository bring its own program.

    Raises:
        ToolError: Not there.
    """
    found = shutil.which(name, path=_search_path())
    if found is None:
        raise ToolError(f"{name} was not found on PATH", remedy=remedy)
    return found


SHORT_GO_PROGRAM: Mapping[str, str] = MappingProxyType({"GOGC": "400", "GOMEMLIMIT": "512MiB"})
"""For programs written in Go that run for moments: a fifth of their time would go into collecting garbage, which only
matters once they hold much (pkg.go.dev/runtime, "Environment Variables")."""


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: PATH, a fixed locale and time zone, and what the caller adds."""
    environment = {"PATH": _search_path(), "LC_ALL": "C", "TZ": "UTC"}
    environment.update(extra or {})
    return environment


def _search_path() -> str:
    """PATH without its relative entries, which would depend on the working directory."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if os.path.isabs(entry))  # noqa: PTH117 - for every child


def run(  # noqa: PLR0913 - each is a limit that a caller may need to set
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    expected: Sequence[int] = (0,),
    timeout: float = DEFAULT_TIMEOUT,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
    memory_limit: int | None = None,
) -> Completed:
    """Run a program to its end.

    Args:
        arguments: Absolute program path and its arguments; never a shell line.
        cwd: Working directory; a private one, never the judged checkout.
        environment: Added to `child_environment()`.
        stdin: Bytes for standard input.
        expected: Exit codes that mean the program did its work.
        timeout: Seconds of wall time.
        output_limit: Bytes of standard output.
        memory_limit: Bytes of memory of its own; a system that holds no such limit leaves it to the time limit.

    Raises:
        ToolError: It could not start, was killed, took too long, printed too much or ended with another code.
    """
    program = Path(arguments[0]).name
    with _start(arguments, cwd, environment, stderr=subprocess.PIPE) as child:
        _running.add(child)
        if memory_limit is not None:
            _limit_memory(child.pid, memory_limit)
        if _ended.is_set():
            child.kill()
        try:
            stdout, stderr = _converse(child, stdin, time.monotonic() + timeout, output_limit)
        except _LimitError as limit:
            reason = (
                f"took longer than {timeout:g} seconds" if limit.late else f"printed more than {output_limit} bytes"
            )
            raise ToolError(f"{program} {reason}") from None
        finally:
            # Also on Ctrl-C: the child has its own session, so the terminal's signal does not reach it.
            _kill(child)
            _running.discard(child)
    done = Completed(program, child.returncode, stdout, stderr)
    if done.returncode < 0:
        raise ToolError(f"{program} was killed by signal {-done.returncode}")
    if done.returncode not in expected:
        raise ToolError(f"{program} failed (exit code {done.returncode}): {done.complaint}")
    return done


_running: set[subprocess.Popen[bytes]] = set()
"""What `run` waits for in any thread."""


_ended = threading.Event()


def end_running() -> None:
    """On the way out: end every program that `run` waits for, or starts from now on, so that all threads end."""
    _ended.set()
    for child in tuple(_running):
        child.kill()


class _LimitError(Exception):
    def __init__(self, *, late: bool) -> None:
        self.late = late


def _start(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str] | None, *, stderr: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program with unbuffered pipes in a session of its own, so that all it starts can be ended with it."""
    program = Path(arguments[0]).name
    try:
        return subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env=child_environment(environment),
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise ToolError(f"{program} could not be started: {error.strerror}") from error


def _limit_memory(pid: int, size: int) -> None:
    """Bound what a child may allocate (Linux; RLIMIT_DATA counts private writable pages since 4.7)."""
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system, and only needed here

        resource.prlimit(pid, resource.RLIMIT_DATA, (size, size))


def _converse(
    child: subprocess.Popen[bytes], request: bytes, deadline: float, output_limit: int
) -> tuple[bytes, bytes]:
    """Feed and drain a child's pipes at once in one thread, then wait for its end.

    One thread, so that nothing can be left blocked in a read when a grandchild keeps a pipe open.
    """
    assert child.stdin is not None  # noqa: S101 - opened with PIPE in `_start`
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    stdout: list[bytes] = []
    size, stderr, rest = 0, b"", memoryview(request)
    with selectors.DefaultSelector() as selector:
        _watch(selector, child.stdout, selectors.EVENT_READ)
        _watch(selector, child.stderr, selectors.EVENT_READ)
        _watch(selector, child.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _ in selector.select(_remaining(deadline)):
                if key.fileobj is child.stdin:
                    rest = rest[_write(child.stdin, rest) :]
                    if not rest:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is child.stderr:
                    stderr = (stderr + chunk)[-_STDERR_LIMIT:]
                else:
                    size += len(chunk)
                    stdout.append(chunk)
                    if size > output_limit:
                        raise _LimitError(late=False)
    try:
        child.wait(_remaining(deadline))
    except subprocess.TimeoutExpired:
        raise _LimitError(late=True) from None
    return b"".join(stdout), stderr


def _watch(selector: selectors.BaseSelector, pipe: IO[bytes], event: int) -> None:
    os.set_blocking(pipe.fileno(), False)
    selector.register(pipe, event)


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise _LimitError(late=True)
    return seconds


def _write(pipe: IO[bytes], data: memoryview) -> int:
    """Write what the pipe takes; a child that no longer reads has simply read enough."""
    try:
        return os.write(pipe.fileno(), data[:_CHUNK]) if data else 0
    except BrokenPipeError:
        return len(data)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a child that has not been waited for, and everything in its session's group, and wait for it.

    Only then: once it was waited for, its number may belong to somebody else.
    """
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class Coprocess:
    """A program that answers requests for as long as it is open: `git cat-file --batch-command`.

    Args:
        arguments: Absolute program path and its arguments.
        cwd: Working directory; a private one.
        environment: Added to `child_environment()`.
        lifetime: Seconds after which it is killed, so that a stuck program does not hold the gate for ever.

    Raises:
        ToolError: From every method, when the program is gone or its stream ends early.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        lifetime: float = 900.0,
    ) -> None:
        self._program = Path(arguments[0]).name
        # A file, not a pipe: nobody reads it until the program is gone.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        try:
            self._child = _start(arguments, cwd, environment, stderr=self._stderr)
        except BaseException:
            self._stderr.close()
            raise
        assert self._child.stdin is not None  # noqa: S101 - opened with PIPE in `_start`
        assert self._child.stdout is not None  # noqa: S101
        self._input = self._child.stdin
        self._output = io.BufferedReader(cast("io.RawIOBase", self._child.stdout), _COPROCESS_BUFFER)
        self._deadline = threading.Timer(lifetime, self._expire)
        self._deadline.daemon = True
        self._deadline.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: an exit code, a signal as a negative number; None while it runs."""
        return self._child.returncode

    def send(self, request: bytes) -> None:
        """Write a request. More than a pipe holds (4 KiB at worst) may block for ever while answers wait to be read."""
        rest = memoryview(request)
        try:
            while rest:
                rest = rest[os.write(self._input.fileno(), rest) :]
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def read_line(self) -> bytes:
        """One line without its newline; at most 64 KiB."""
        line = self._read(lambda: self._output.readline(_CHUNK))
        if not line.endswith(b"\n"):
            raise self._gone()
        return line[:-1]

    def read_exactly(self, size: int) -> bytes:
        """That many bytes."""
        data = self._read(lambda: self._output.read(size))
        if len(data) != size:
            raise self._gone()
        return data

    def end(self, patience: float) -> None:
        """Close its input, give it some seconds to clean up after itself, and end it."""
        self._input.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(patience)
        self.close()

    def close(self) -> None:
        """End the program; its exit code no longer matters, as every answer was read in full."""
        self._deadline.cancel()
        _kill(self._child)
        self._input.close()
        self._output.close()
        self._stderr.close()

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def _expire(self) -> None:
        # Not `_kill`: only close(), in the owner's thread, waits for the child, so its number is still its own here.
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _gone(self) -> ToolError:
        """What to say of a program that no longer answers; it is ended here, as its stream is of no more use."""
        if self._stderr.closed:
            return ToolError(f"{self._program} was closed")
        self._deadline.cancel()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(1)  # it may still be writing why
        _kill(self._child)
        self._stderr.seek(0)
        ended = Completed(self._program, self._child.returncode, b"", self._stderr.read(_STDERR_LIMIT))
        if ended.returncode == -signal.SIGKILL:
            return ToolError(f"{self._program} was killed before it answered")
        return ToolError(f"{self._program} ended before it answered: {ended.complaint}")


_PRIVATE: dict[str, None] = {}
"""Private directories of this process that outlive a single step."""


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that goes when this is left; while `Servers` are open, also when this process is killed."""
    with tempfile.TemporaryDirectory(prefix="gitgate-") as name:
        _PRIVATE[name] = None
        try:
            yield Path(name)
        finally:
            del _PRIVATE[name]


class Servers:
    """Programs that serve for as long as this is open, and a private directory for them; both go with gitgate.

    A supervisor holds them (gitgate/supervisor.py), so that they end and their files vanish even when this process is
    killed.

    Args:
        environment: Added to `child_environment()`, for the programs.
        lifetime: Seconds after which everything is killed.

    Raises:
        ToolError: From every method, when the supervisor is gone.
    """

    def __init__(self, *, environment: Mapping[str, str] | None = None, lifetime: float = 3600.0) -> None:
        script = Path(__file__).with_name("supervisor.py")
        place = tempfile.gettempdir()
        self._patience = _PATIENCE
        self._supervisor = Coprocess(
            [sys.executable, "-I", "-S", str(script), place],
            cwd=Path(place), environment=environment, lifetime=lifetime,
        )  # fmt: skip
        try:
            self.directory = Path(json.loads(self._supervisor.read_line()))
            self._ask({"leftovers": list(_PRIVATE)})
        except BaseException:
            self._supervisor.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process number of the supervisor."""
        return self._supervisor.pid

    def start(self, arguments: Sequence[str], log: Path, *, group: bool = False) -> int:
        """Start a program with its output in a file, and give its number, from 0.

        Args:
            arguments: Absolute program path and its arguments.
            log: The file.
            group: Is what it starts itself to be ended with it?
        """
        return int(self._ask({"start": list(arguments), "log": str(log), "group": group}))

    def at_end(self, arguments: Sequence[str] | None) -> None:
        """Have a program run when this is closed or this process is gone; None takes that back."""
        self._patience = _PATIENCE if arguments is None else _AT_END_PATIENCE
        self._ask({"at_end": None if arguments is None else list(arguments)})

    def poll(self) -> tuple[int | None, ...]:
        """For each program its exit code, or None while it runs."""
        return tuple(self._ask({"poll": True}))

    def close(self) -> None:
        """End every program and remove the directory."""
        with contextlib.suppress(ToolError):
            self._ask({"leftovers": []})  # this process is there to remove them
        self._supervisor.end(self._patience)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _ask(self, request: Mapping[str, Any]) -> Any:
        self._supervisor.send(json.dumps(request).encode() + b"\n")
        return json.loads(self._supervisor.read_line())
