"""What a GitHub runner offers a step: environment, outputs, the log and the job's summary."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitgate.reporters.encode import command_data, html_code

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of one step's summary; GitHub shows nothing of a longer one (docs.github.com, "Workflow commands")."""


class UndeterminedError(Exception):
    """The step cannot go on: what is wrong and, where there is something to say, what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def variable(name: str) -> str:
    """A variable of the runner's environment.

    Raises:
        UndeterminedError: It is not set, so this is no GitHub runner.
    """
    try:
        return os.environ[name]
    except KeyError:
        raise UndeterminedError(f"{name} is not set; this is a step of a GitHub Action") from None


def set_outputs(values: Mapping[str, str]) -> None:
    """Give later steps these values; the random delimiter keeps a value from adding an output of its own."""
    text = ""
    for name, value in values.items():
        delimiter = f"gitgate-{secrets.token_hex(16)}"
        text += f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
    with Path(variable("GITHUB_OUTPUT")).open("a", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)


def add_summary(markdown: str) -> None:
    """Add Markdown to the job's summary, where there is one and it fits."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name or os.environ.get("GITGATE_SUMMARY") == "false":
        return
    path = Path(name)
    present = path.stat().st_size if path.exists() else 0
    if present + len(markdown.encode()) > SUMMARY_LIMIT:
        markdown = "gitgate's report is too long for this summary; the step's log has all of it.\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(markdown)


@contextmanager
def commands_stopped() -> Iterator[None]:
    """Lines that are written inside start no workflow command: only a random word ends that.

    Every reporter encodes what it writes; this is the second lock on the same door.
    """
    token = f"gitgate-{secrets.token_hex(16)}"
    say(f"::stop-commands::{token}")
    try:
        yield
    finally:
        say(f"::{token}::")


def say(line: str) -> None:
    """A line in the log, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def undetermined(error: UndeterminedError) -> None:
    """Tell in the log, in the summary and in the outputs that there is no verdict, and why."""
    text = f"{error}\n{error.remedy}".strip()
    say(f"::error title=gitgate: undetermined::{command_data(text)}")
    lines = "\n".join(f"<p>{html_code(line)}</p>" for line in text.split("\n"))
    add_summary(f"## gitgate: undetermined\n\n{lines}\n")
    set_outputs({"verdict": "undetermined"})
