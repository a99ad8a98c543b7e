"""A program of its own: holds servers for gitgate, and ends them and removes their directory when gitgate is gone.

Standard input is the line to gitgate: however that ends, also by SIGKILL, the pipe closes, and this program kills what
it started and removes what that wrote. Where the system can do it (Linux) the servers also end with this program. It
is run as a script by `gitgate.process.Servers` and imports nothing of gitgate.

One request a line, as JSON, with one line for an answer: `{"start": [program, ...], "log": file}` gives a number,
`{"poll": true}` a list with null for each server that runs and the exit code of each that does not.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until standard input ends."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.umask(0o077)
    directory = tempfile.mkdtemp(prefix="gitgate-servers-", dir=sys.argv[1])
    children: list[int] = []
    ended: dict[int, int] = {}
    try:
        _answer(directory)
        for line in sys.stdin:
            request = json.loads(line)
            if "start" in request:
                children.append(_start(request["start"], request["log"], directory))
                _answer(len(children) - 1)
            else:
                _answer([_ended(child, ended) for child in children])
    finally:
        for child in children:
            if _ended(child, ended) is None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _answer(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201 - its protocol


def _start(arguments: list[str], log: str, directory: str) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        _end_with_parent(parent)
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(directory)
        os.execv(arguments[0], arguments)  # noqa: S606 - no shell; the arguments are gitgate's own
    except OSError as error:
        os.write(2, f"{error.strerror}\n".encode())
    finally:
        os._exit(127)


def _end_with_parent(parent: int) -> None:
    """Linux: have the kernel kill this process when the supervisor is gone."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - only in the child, and not needed elsewhere

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it went before the kernel was told
            os._exit(127)


def _ended(child: int, ended: dict[int, int]) -> int | None:
    if child not in ended:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            ended[child] = os.waitstatus_to_exitcode(status)
    return ended.get(child)


if __name__ == "__main__":
    sys.exit(main())
