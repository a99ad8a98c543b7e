"""Reads a log as the GitHub Actions runner does, to show what it would take for a command.

Facts: actions/runner, src/Runner.Common/ActionCommand.cs, `TryParseV2` (a line that starts with `::` after white space)
and `TryParse` (`##[` anywhere in a line).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_LEGACY = re.compile(r"##\w*\[")


@dataclass(frozen=True, slots=True)
class Command:
    """A workflow command with its decoded properties and data."""

    name: str
    properties: dict[str, str]
    data: str


def commands(log: str) -> list[Command]:
    """Every workflow command that the runner finds in a log."""
    found = []
    for line in _LINE_ENDS.split(log):
        text = line.lstrip()
        if not text.startswith("::") or "::" not in text[2:]:
            continue
        info, _, data = text[2:].partition("::")
        name, _, properties = info.partition(" ")
        pairs = (pair.partition("=") for pair in properties.split(",") if pair)
        found.append(Command(name, {key: _decoded(value) for key, _, value in pairs}, _decoded(data)))
    return found


def could_be_command(log: str) -> list[str]:
    """Every line that begins as a command, complete or not, or holds a legacy one."""
    return [line for line in _LINE_ENDS.split(log) if line.lstrip().startswith("::") or _LEGACY.search(line)]


def _decoded(value: str) -> str:
    for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(escaped, plain)
    return value
