"""A program of its own: holds servers for gitgate, and ends them and removes their directory when gitgate is gone.

Standard input is the line to gitgate: however that ends, also by SIGKILL, the pipe closes, and this program kills what
it started and removes what that wrote. Where the system can do it (Linux) the servers also end with this program. It
is run as a script by `gitgate.process.Servers` and imports nothing of gitgate.

One request a line, as JSON, with one line for an answer: `{"start": [program, ...], "log": file}` gives a number,
`{"poll": true}` a list with null for each server that runs and the exit code of each that does not. With `"group"` a
program is ended with all that it started itself. `{"at_end": [program, ...]}` is run at the end, when nothing else runs
any more, and `{"at_end": null}` takes that back. `{"leftovers": [directory, ...]}` are removed with the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time

_AT_END_SECONDS = 120.0
_SETTLING_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until standard input ends."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.umask(0o077)
    directory = tempfile.mkdtemp(prefix="gitgate-servers-", dir=sys.argv[1])
    children: list[int] = []
    groups: set[int] = set()
    ended: dict[int, int] = {}
    at_end: list[str] | None = None
    leftovers: list[str] = []
    try:
        _answer(directory)
        for line in sys.stdin:
            request = json.loads(line)
            if "start" in request:
                children.append(_start(request["start"], request["log"], directory, group=request["group"]))
                groups |= {children[-1]} if request["group"] else set()
                _answer(len(children) - 1)
            elif "at_end" in request:
                at_end = request["at_end"]
                _answer(None)
            elif "leftovers" in request:
                leftovers = request["leftovers"]
                _answer(None)
            else:
                _answer([_ended(child, ended) for child in children])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        unsettled = False
        for child in children:
            if _ended(child, ended) is None:
                unsettled = unsettled or child in groups
                (os.killpg if child in groups else os.kill)(child, signal.SIGKILL)
                os.waitpid(child, 0)
        if at_end:
            # A daemon may still be busy with what a program asked of it that is gone now.
            time.sleep(_SETTLING_SECONDS if unsettled else 0)
            _run(at_end, directory)
        for place in (directory, *leftovers):
            shutil.rmtree(place, ignore_errors=True)
    return 0


def _run(arguments: list[str], directory: str) -> None:
    """Run a program to its end, for as long as it may take."""
    child = _start(arguments, os.devnull, directory, group=True, tied=False)
    ended: dict[int, int] = {}
    deadline = time.monotonic() + _AT_END_SECONDS
    while _ended(child, ended) is None:
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.05)


def _answer(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201 - its protocol


def _start(arguments: list[str], log: str, directory: str, *, group: bool, tied: bool = True) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        if group:
            with contextlib.suppress(OSError):  # the child does it, too: whoever is first
                os.setpgid(child, child)
        return child
    try:
        if group:
            os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if tied:
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
