"""Programs end, or are ended: every limit, every exit code, every way of dying."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitgate.errors import ToolError
from gitgate.process import Coprocess, child_environment, find_program, run

PYTHON = sys.executable
SHELL = "/bin/sh"


def shell(script: str, tmp_path: Path, **options):
    return run([SHELL, "-c", script], cwd=tmp_path, **options)


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def is_alive(pid: int) -> bool:
    """Zombies of other parents count as dead: nobody runs there any more."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline, f"{pid} is still running"
        time.sleep(0.01)


def test_output_errors_and_exit_code_are_returned(tmp_path: Path):
    done = shell("printf out; printf 'one\\ntwo\\n' >&2; exit 1", tmp_path, expected=(0, 1))
    assert (done.stdout, done.stderr, done.returncode, done.complaint) == (b"out", b"one\ntwo\n", 1, "two")


def test_an_unexpected_exit_code_is_an_error_with_the_programs_last_words(tmp_path: Path):
    with pytest.raises(ToolError, match=r"^sh failed \(exit code 7\): no good$"):
        shell("echo first >&2; echo no good >&2; exit 7", tmp_path)


def test_an_exit_code_without_words_names_the_code(tmp_path: Path):
    with pytest.raises(ToolError, match=r"^sh failed \(exit code 7\): exit code 7$"):
        shell("exit 7", tmp_path)


def test_death_by_signal_is_an_error_even_where_its_number_is_expected(tmp_path: Path):
    with pytest.raises(ToolError, match="sh was killed by signal 9"):
        shell("kill -KILL $$", tmp_path, expected=(0, -9, 9, 137))


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(ToolError, match="nothing-here could not be started: No such file"):
        run([str(tmp_path / "nothing-here")], cwd=tmp_path)


def test_too_long_is_an_error(tmp_path: Path):
    start = time.monotonic()
    with pytest.raises(ToolError, match=r"sh took longer than 0\.2 seconds"):
        shell("sleep 60", tmp_path, timeout=0.2)
    assert time.monotonic() - start < 5


def test_a_child_that_closed_its_streams_and_sleeps_on_is_ended(tmp_path: Path):
    with pytest.raises(ToolError, match="took longer"):
        shell("exec >&- 2>&- <&-; sleep 60", tmp_path, timeout=0.2)


def test_a_grandchild_that_keeps_the_pipe_open_is_ended_with_it(tmp_path: Path):
    with pytest.raises(ToolError, match="took longer"):
        shell("sleep 60 & echo $! > pid; exit 0", tmp_path, timeout=0.5)
    wait_until_dead(int((tmp_path / "pid").read_text()))


def test_a_grandchild_in_a_session_of_its_own_cannot_hold_the_gate(tmp_path: Path):
    script = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open('pid', 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    start = time.monotonic()
    with pytest.raises(ToolError, match="took longer"):
        run([PYTHON, "-I", "-S", "-c", script], cwd=tmp_path, timeout=2)
    assert time.monotonic() - start < 10
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_too_much_output_is_an_error_and_ends_the_program(tmp_path: Path):
    with pytest.raises(ToolError, match="sh printed more than 1000 bytes"):
        shell("echo $$ > pid; while :; do echo 0123456789; done", tmp_path, output_limit=1000)
    wait_until_dead(int((tmp_path / "pid").read_text()))


def test_exactly_the_limit_is_not_too_much(tmp_path: Path):
    assert shell("printf 0123456789", tmp_path, output_limit=10).stdout == b"0123456789"


def test_standard_error_without_end_is_cut_to_its_last_part(tmp_path: Path):
    done = shell("yes x | head -c 300000 >&2; echo the end >&2", tmp_path)
    assert len(done.stderr) == 64 * 1024
    assert done.complaint == "the end"


def test_large_input_and_large_output_do_not_block_each_other(tmp_path: Path):
    data = os.urandom(1 << 20) * 5
    assert shell("cat", tmp_path, stdin=data).stdout == data


def test_a_child_that_does_not_read_its_input_may_succeed(tmp_path: Path):
    assert shell("exec <&-; echo done", tmp_path, stdin=b"x" * (1 << 20)).stdout == b"done\n"


def test_without_input_a_child_reads_the_end_of_file(tmp_path: Path):
    assert shell("cat; echo read", tmp_path).stdout == b"read\n"


def test_the_environment_is_scrubbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("GIT_DIR", "HOME", "LD_PRELOAD_X", "PYTHONPATH", "HTTP_PROXY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "leak")
    done = run([PYTHON, "-I", "-c", "import os; print(sorted(os.environ))"], cwd=tmp_path, environment={"A": "1"})
    names = set(ast.literal_eval(done.stdout.decode())) - {
        "LC_CTYPE",
        "__CF_USER_TEXT_ENCODING",
    }  # set by Python, by macOS
    assert names == {"A", "LC_ALL", "PATH", "TZ"}


def test_relative_entries_of_path_are_never_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    evil = tmp_path / "bin"
    evil.mkdir()
    (evil / "some-tool").write_text("#!/bin/sh\n")
    (evil / "some-tool").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["bin", "", ".", "./bin", "/usr/bin"]))
    with pytest.raises(ToolError, match="some-tool was not found on PATH") as raised:
        find_program("some-tool", remedy="install it")
    assert raised.value.remedy == "install it"
    assert child_environment()["PATH"] == "/usr/bin"
    monkeypatch.setenv("PATH", str(evil))
    assert find_program("some-tool", remedy="") == str(evil / "some-tool")


def test_with_only_relative_entries_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", ".:bin")
    with pytest.raises(ToolError):
        find_program("sh", remedy="")


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -KILL $$", "sleep 60", "yes"])
def test_no_descriptor_and_no_zombie_is_left(script: str, tmp_path: Path):
    before = open_descriptors()
    for _ in range(3):
        with contextlib.suppress(ToolError):
            shell(script, tmp_path, timeout=0.1, output_limit=100_000)
    assert open_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_an_interrupt_ends_the_child(tmp_path: Path):
    program = (
        "import sys, pathlib\n"
        "from gitgate.process import run\n"
        "run(['/bin/sh', '-c', 'echo $$ > pid.new; mv pid.new pid; exec sleep 60'], cwd=pathlib.Path(sys.argv[1]))\n"
    )
    parent = subprocess.Popen(
        [PYTHON, "-c", program, str(tmp_path)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 20
    while not pid.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(10) != 0
    wait_until_dead(int(pid.read_text()))


class TestCoprocess:
    def test_requests_are_answered_in_turn(self, tmp_path: Path):
        with Coprocess(["/bin/cat"], cwd=tmp_path) as cat:
            cat.send(b"one\ntwo\n")
            assert cat.read_line() == b"one"
            assert cat.read_exactly(4) == b"two\n"
            cat.send(b"three\n")
            assert cat.read_line() == b"three"

    def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing_open(self, tmp_path: Path):
        before = open_descriptors()
        with pytest.raises(ToolError, match="could not be started"):
            Coprocess([str(tmp_path / "no")], cwd=tmp_path)
        assert open_descriptors() == before

    @pytest.mark.parametrize("request_more", [False, True])
    def test_a_stream_that_ends_early_is_an_error_with_the_programs_last_words(self, tmp_path: Path, request_more):
        with Coprocess([SHELL, "-c", "read x; printf half; echo broken >&2; exit 3"], cwd=tmp_path) as program:
            program.send(b"go\n")
            with pytest.raises(ToolError, match=r"^sh ended before it answered: broken$"):
                if request_more:
                    program.read_exactly(5)
                else:
                    program.read_line()

    def test_a_killed_program_is_an_error(self, tmp_path: Path):
        with Coprocess(["/bin/cat"], cwd=tmp_path) as cat:
            os.kill(cat.pid, signal.SIGKILL)
            with pytest.raises(ToolError, match=r"^cat was killed before it answered$"):
                cat.read_line()
            with pytest.raises(ToolError):
                cat.send(b"more\n")

    def test_a_program_that_never_answers_is_ended_after_its_lifetime(self, tmp_path: Path):
        with (
            Coprocess([SHELL, "-c", "sleep 60 & sleep 60"], cwd=tmp_path, lifetime=0.2) as program,
            pytest.raises(ToolError, match="was killed"),
        ):
            program.read_line()

    def test_a_line_without_end_is_an_error(self, tmp_path: Path):
        with Coprocess([SHELL, "-c", "yes | tr -d '\\n'"], cwd=tmp_path) as program, pytest.raises(ToolError):
            program.read_line()

    def test_closing_ends_the_program_and_its_children_and_leaves_nothing(self, tmp_path: Path):
        before = open_descriptors()
        with Coprocess([SHELL, "-c", "sleep 60 & echo $!; wait"], cwd=tmp_path) as program:
            grandchild = int(program.read_line())
        wait_until_dead(grandchild)
        assert open_descriptors() == before
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        with pytest.raises(ToolError, match="was closed"):
            program.read_line()
