"""Failures of use or of the environment: what gitgate raises when it cannot go on.

A problem in the *judged content* is never an exception; it is a `Finding`. Each error names its exit code
(docs/design.md, "Verdict"), so that `__main__` maps every ending of the program in one place.
"""

from __future__ import annotations

from typing import ClassVar


class GitgateError(Exception):
    """An expected ending that is not a verdict: one line that says what is wrong, and what to do about it.

    Attributes:
        remedy: What the reader can do, as a sentence or a command; None where nothing useful can be said.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(GitgateError):
    """The command line asks for something that makes no sense: a missing path, an unknown rule."""

    exit_code = 2


class SettingsError(UsageError):
    """`.gitgate/settings.yaml` at the base is not valid; the message starts with file, line and column."""


class RepositoryError(GitgateError):
    """The repository cannot be read, or does not hold what was asked for."""


class IncompleteHistoryError(RepositoryError):
    """Objects are missing (shallow or partial clone): judging what is there would judge less than the merge."""


class ToolError(GitgateError):
    """An external program is missing, failed, was killed, took too long or printed too much."""
