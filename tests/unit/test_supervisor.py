"""Servers end, and their directory goes, with the one who started them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from gitgate.errors import ToolError
from gitgate.process import Servers, private_directory

SLEEP = ["/bin/sh", "-c", "echo $$ >pid; exec sleep 60"]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(holds) -> None:
    give_up = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def pid_of(servers: Servers) -> int:
    file = servers.directory / "pid"
    wait_until(lambda: file.exists() and file.read_text().strip())
    return int(file.read_text())


def test_closing_ends_programs_and_removes_the_directory() -> None:
    with Servers() as servers:
        servers.start(SLEEP, servers.directory / "log")
        pid = pid_of(servers)
        assert servers.poll() == (None,)
        assert servers.directory.stat().st_mode & 0o777 == 0o700
    assert is_gone(pid)
    assert not servers.directory.exists()


def test_a_program_that_ends_is_told_with_its_code_and_output() -> None:
    with Servers() as servers:
        servers.start(["/bin/sh", "-c", "echo words; exit 7"], servers.directory / "log")
        servers.start(["/nowhere/at/all"], servers.directory / "other")
        wait_until(lambda: servers.poll() == (7, 127))
        assert (servers.directory / "log").read_text() == "words\n"
        assert (servers.directory / "other").read_text() == "No such file or directory\n"


def test_programs_end_with_a_supervisor_that_is_killed() -> None:
    servers = Servers()
    try:
        servers.start(SLEEP, servers.directory / "log")
        pid = pid_of(servers)
        os.kill(servers.pid, signal.SIGKILL)
        wait_until(lambda: is_gone(pid))
        with pytest.raises(ToolError):
            servers.poll()
    finally:
        servers.close()
    assert not servers.directory.exists()


def test_a_program_gets_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with Servers() as servers:
        servers.start(["/usr/bin/env"], servers.directory / "log")
        wait_until(lambda: servers.poll() == (0,))
        assert "hunter2" not in (servers.directory / "log").read_text()


def test_a_program_ends_with_what_it_started_and_then_the_last_one_runs(tmp_path: Path) -> None:
    done = tmp_path / "done"
    last = ["/bin/sh", "-c", f'[ -n "$PLACE" ] && cat "$PLACE/pid" >{done}']
    with Servers(environment={"PLACE": str(tmp_path)}) as servers:
        servers.at_end(last)
        servers.start(
            ["/bin/sh", "-c", f"sleep 60 & echo $! >{tmp_path}/pid; wait"], servers.directory / "log", group=True
        )
        wait_until((tmp_path / "pid").exists)
        wait_until(lambda: (tmp_path / "pid").read_text().strip())
    assert is_gone(int((tmp_path / "pid").read_text()))
    assert done.read_text() == (tmp_path / "pid").read_text()


def test_the_last_program_can_be_taken_back(tmp_path: Path) -> None:
    with Servers() as servers:
        servers.at_end(["/bin/sh", "-c", f"touch {tmp_path}/done"])
        servers.at_end(None)
    assert not (tmp_path / "done").exists()


def test_private_directories_go_with_who_is_killed_and_stay_with_who_closes() -> None:
    with private_directory() as kept, Servers() as servers:
        servers.close()
        assert kept.exists()
    assert not kept.exists()
    with private_directory() as lost:
        other = Servers()
        os.kill(other.pid, signal.SIGTERM)  # as little is said to it as by a gitgate that is gone
        wait_until(lambda: not lost.exists())
        other.close()
        lost.mkdir()
