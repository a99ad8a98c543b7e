"""The only place that starts other programs.

Every child gets a scrubbed environment (nothing is inherited but PATH and what the caller names), a time limit, a
cap on its output, no standard input unless bytes are given, and a working directory that the caller chose. Every
exit code is looked at: one that the caller did not expect is a `ToolError`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from gitgate.errors import ToolError

DEFAULT_TIMEOUT = 60.0
"""Seconds."""
DEFAULT_OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes of standard output; standard error is cut at 64 KiB, as it only feeds messages."""
_STDERR_LIMIT = 64 * 1024
_CHUNK = 1 << 16


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
    entries = [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(entries))
    if found is None:
        raise ToolError(f"{name} was not found on PATH", remedy=remedy)
    return found


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: PATH, a fixed locale and time zone, and what the caller adds."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    environment.update(extra or {})
    return environment


def run(  # noqa: PLR0913 - each is a limit that a caller may need to set
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    expected: Sequence[int] = (0,),
    timeout: float = DEFAULT_TIMEOUT,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
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

    Raises:
        ToolError: It could not start, was killed, took too long, printed too much or ended with another code.
    """
    program = Path(arguments[0]).name
    try:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=child_environment(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{program} could not be started: {error.strerror}") from error
    with child:
        collected = _collect(child, stdin, timeout, output_limit)
    if collected.failure is not None:
        raise ToolError(f"{program} {collected.failure}")
    done = Completed(program, child.returncode, collected.stdout, collected.stderr)
    if done.returncode < 0:
        raise ToolError(f"{program} was killed by signal {-done.returncode}")
    if done.returncode not in expected:
        raise ToolError(f"{program} failed (exit code {done.returncode}): {done.complaint}")
    return done


@dataclass(slots=True)
class _Collected:
    stdout: bytes = b""
    stderr: bytes = b""
    failure: str | None = None


def _collect(child: subprocess.Popen[bytes], stdin: bytes, timeout: float, output_limit: int) -> _Collected:
    """Feed and drain a child's pipes at once, so that neither side blocks, and end it at its limits."""
    collected = _Collected()
    assert child.stdin is not None  # noqa: S101 - opened with PIPE above
    assert child.stdout is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101

    def read_stdout(pipe: IO[bytes]) -> None:
        chunks: list[bytes] = []
        size = 0
        while chunk := pipe.read(_CHUNK):
            size += len(chunk)
            if size > output_limit:
                collected.failure = f"printed more than {output_limit} bytes"
                _kill(child)
                return
            chunks.append(chunk)
        collected.stdout = b"".join(chunks)

    def read_stderr(pipe: IO[bytes]) -> None:
        kept = b""
        while chunk := pipe.read(_CHUNK):
            kept = (kept + chunk)[-_STDERR_LIMIT:]
        collected.stderr = kept

    def write_stdin(pipe: IO[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError), pipe:
            pipe.write(stdin)

    workers = [
        threading.Thread(target=read_stdout, args=(child.stdout,), daemon=True),
        threading.Thread(target=read_stderr, args=(child.stderr,), daemon=True),
        threading.Thread(target=write_stdin, args=(child.stdin,), daemon=True),
    ]
    for worker in workers:
        worker.start()
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        collected.failure = f"took longer than {timeout:g} seconds"
        _kill(child)
        child.wait()
    for worker in workers:
        worker.join()
    return collected


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything it started, so that no grandchild keeps the pipes open."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


class Coprocess:
    """A program that answers requests for as long as it is open: `git cat-file --batch`.

    Raises:
        ToolError: From every method, when the program is gone or its stream ends early.
    """

    def __init__(self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
        self._program = Path(arguments[0]).name
        try:
            self._child = subprocess.Popen(
                list(arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=cwd,
                env=child_environment(environment),
                start_new_session=True,
                bufsize=1 << 20,
            )
        except OSError as error:
            raise ToolError(f"{self._program} could not be started: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: bytes) -> None:
        """Write a request and flush it."""
        assert self._child.stdin is not None  # noqa: S101 - opened with PIPE
        try:
            self._child.stdin.write(request)
            self._child.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def read_line(self) -> bytes:
        """One line without its newline."""
        assert self._child.stdout is not None  # noqa: S101 - opened with PIPE
        line = self._child.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        return line[:-1]

    def read_exactly(self, size: int) -> bytes:
        """That many bytes."""
        assert self._child.stdout is not None  # noqa: S101 - opened with PIPE
        data = self._child.stdout.read(size)
        if len(data) != size:
            raise self._gone()
        return data

    def close(self) -> None:
        """End the program; its exit code no longer matters, as every answer was read in full."""
        with contextlib.suppress(OSError):
            if self._child.stdin is not None:
                self._child.stdin.close()
        if self._child.stdout is not None:
            self._child.stdout.close()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            _kill(self._child)
            self._child.wait()

    def _gone(self) -> ToolError:
        return ToolError(f"{self._program} ended before it answered")
