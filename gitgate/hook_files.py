"""Hooks of git as files: what `gitgate hook install` writes into a repository."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from gitgate.errors import GitgateError, UsageError
from gitgate.git_directory import find_git_directory

_MARK = "# Written by `gitgate hook install`;"


def install(name: str, arguments: Sequence[str], git_dir: Path | None) -> Path:
    """Write a hook that runs this gitgate; a hook of somebody else is never overwritten.

    Args:
        name: `pre-push` or `pre-receive`.
        arguments: Further arguments of `gitgate hook NAME`.
        git_dir: The repository; None means that of the working directory.

    Raises:
        UsageError: There is another hook of that name.
        GitgateError: The hook cannot be written.
    """
    place = find_git_directory(git_dir).common / "hooks" / name
    try:
        if place.is_symlink() or (place.exists() and _MARK not in place.read_text("utf-8", "replace")):
            raise UsageError(
                f"there is a hook {name} already", remedy=f"Call it from there: {shlex.join(_command(name, arguments))}"
            )
        place.parent.mkdir(exist_ok=True)
        place.write_text(script(name, arguments), encoding="utf-8")
        place.chmod(0o755)
    except OSError as error:
        raise GitgateError(f"the hook cannot be written: {error.strerror}") from error
    return place


def script(name: str, arguments: Sequence[str]) -> str:
    """The hook's text: this interpreter by its full path, as a server's PATH is not the user's."""
    return f"""\
#!/bin/sh
{_MARK} write it again when gitgate has moved.
exec {shlex.join(_command(name, arguments))} "$@"
"""


def _command(name: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-m", "gitgate", "hook", name, *arguments]
