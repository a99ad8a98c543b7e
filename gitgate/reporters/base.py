"""What every reporter is: one pure function from a report to text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gitgate.report import Report

MINIMUM_WIDTH = 60
"""Columns below which text is not wrapped any narrower; paths and names would no longer fit anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How text should look; formats that machines read ignore it.

    Attributes:
        color: Write ANSI colours. The words are the same with and without.
        width: Columns of the terminal; messages wrap there, paths and names are never cut.
        verbose: List existing, fixed and suppressed findings too, instead of counting them.
    """

    color: bool = False
    width: int = 80
    verbose: bool = False


PLAIN = Style()


class Reporter(Protocol):
    """One output format. Pure: reads no file, no environment and no clock; the same report gives the same bytes."""

    def __call__(self, report: Report, style: Style = PLAIN) -> str:
        """Write the report; the text ends with a newline and encodes as UTF-8 whatever the report contains."""
        ...
