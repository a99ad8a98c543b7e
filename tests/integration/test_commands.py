"""`gitgate explain`, `init` and `schema add`, and the outermost frame."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import yaml

from gitgate.cli import FORMATS, cli
from gitgate.reporters.registry import REPORTERS
from tests.support.cli import check, gitgate
from tests.support.manifests import crd, deployment, widget


def test_the_formats_of_the_command_line_are_those_of_the_reporters() -> None:
    assert list(REPORTERS) == list(FORMATS)


def test_explain_lists_every_rule_and_explains_each(tmp_path) -> None:
    listed = gitgate("explain", cwd=tmp_path)
    assert listed.code == 0
    rules = [line.split()[0] for line in listed.stdout.splitlines() if "/" in line.split(" ")[0]]
    assert len(rules) > 40
    page = gitgate("explain", "schema/unknown-field", cwd=tmp_path)
    assert page.code == 0
    assert page.stdout.startswith("# schema/unknown-field\n")
    assert gitgate("explain", "unknown-field", cwd=tmp_path).stdout == page.stdout
    assert "\x1b[" in gitgate("explain", "unknown-field", "--color", "always", cwd=tmp_path).stdout


def test_explain_suggests_what_was_meant(tmp_path) -> None:
    ended = gitgate("explain", "unknown-feld", cwd=tmp_path)
    assert ended.code == 2
    assert "unknown-field" in ended.stderr


def test_init_writes_what_a_repository_needs_and_overwrites_nothing(repository) -> None:
    repository.write_files({"web.yaml": deployment(), "w.yaml": widget()})
    first = gitgate("init", cwd=repository.path)
    assert first.code == 0, first.stderr
    written = [".gitgate/settings.yaml", ".github/workflows/gitgate.yaml", ".pre-commit-config.yaml"]
    for name in written:
        text = (repository.path / name).read_text()
        assert yaml.safe_load(text)
        assert name in first.stdout
    assert "example.com" in (repository.path / written[0]).read_text()
    (repository.path / written[0]).write_text("version: 1\n")
    second = gitgate("init", cwd=repository.path)
    assert second.code == 0
    assert [line.partition(";")[2] for line in second.stdout.splitlines()] == [" nothing in it was changed"] * 3
    assert (repository.path / written[0]).read_text() == "version: 1\n"


def test_what_init_writes_judges_the_next_change(repository) -> None:
    repository.write_files({"web.yaml": deployment(), "w.yaml": widget()})
    gitgate("init", cwd=repository.path)
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "adopt gitgate")
    repository.stage({"w2.yaml": widget("second")})
    assert check(repository.path, "--staged").code == 0
    repository.stage({"w3.yaml": widget(group="example.org")})
    ended = check(repository.path, "--staged")
    assert ended.code == 1
    assert ended.rules() == ["schema/unknown-kind"]


def test_schema_add_imports_what_judges_from_the_merge_on(repository) -> None:
    repository.write_files({"crd.yaml": crd(fields="size: {type: integer}")})
    repository.commit({"web.yaml": deployment(), ".gitgate/settings.yaml": "version: 1\n"})
    added = gitgate("schema", "add", "crd.yaml", cwd=repository.path)
    assert added.code == 0, added.stderr
    assert added.stdout.startswith("wrote .gitgate/schemas/example.com/widget.json")
    text = (repository.path / ".gitgate/schemas/example.com/widget.json").read_text()
    repository.commit({".gitgate/schemas/example.com/widget.json": text})
    repository.stage({"w.yaml": widget(spec="size: many")})
    ended = check(repository.path, "--staged")
    assert (ended.code, ended.rules()) == (1, ["schema/wrong-type"])


def test_schema_add_refuses_what_cannot_judge(tmp_path) -> None:
    (tmp_path / "bad.yaml").write_text(deployment())
    ended = gitgate("schema", "add", "bad.yaml", cwd=tmp_path)
    assert ended.code == 2
    assert "bad.yaml" in ended.stderr
    assert not (tmp_path / ".gitgate").exists()


def test_every_command_has_help(tmp_path) -> None:
    for command in ([], *([name] for name in cli.list_commands(click.Context(cli))), ["schema", "add"]):
        ended = gitgate(*command, "--help", cwd=tmp_path)
        assert ended.code == 0
        assert ended.stdout.startswith("Usage: gitgate")
        assert "...\n" not in ended.stdout.partition("Commands:")[2], "a summary is cut off"
        gives_a_verdict = command[:1] not in (
            ["explain"],
            ["init"],
            ["schema"],
            ["hook"],
            ["signer"],
            ["policy"],
            ["waiver"],
        )
        assert ("Exit codes: 0" in ended.stdout) == gives_a_verdict


def test_an_unknown_command_or_option_is_exit_2(tmp_path) -> None:
    assert gitgate("chekc", cwd=tmp_path).code == 2
    assert gitgate("check", "--nope", cwd=tmp_path).code == 2


# Exit 0 only from a verdict (E1)


def test_a_reader_that_goes_away_is_not_accepted(tmp_path) -> None:
    (tmp_path / "web.yaml").write_text(deployment())
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-I", "-m", "gitgate", "validate", "web.yaml"]
    done = subprocess.run(program, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr


def test_a_closed_standard_output_is_not_accepted(tmp_path) -> None:
    (tmp_path / "web.yaml").write_text(deployment())
    line = f"{sys.executable} -I -m gitgate validate web.yaml >&-"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"standard output is closed" in done.stderr


def test_a_full_disk_is_not_accepted(tmp_path) -> None:
    (tmp_path / "web.yaml").write_text(deployment())
    ended = gitgate("validate", "web.yaml", "--output", "json=/dev/full", cwd=tmp_path)
    assert ended.code == 3
    assert "/dev/full" in ended.stderr
    with Path("/dev/full").open("w") as full:
        program = [sys.executable, "-I", "-m", "gitgate", "validate", "web.yaml"]
        done = subprocess.run(program, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3


def test_an_interrupt_is_130(tmp_path) -> None:
    program = [sys.executable, "-I", "-m", "gitgate", "validate", "-"]
    child = subprocess.Popen(
        program, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with child:
        time.sleep(1.5)  # it waits for standard input now
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=10)
    assert child.returncode == 130
    assert b"Traceback" not in stderr
