"""Standard output, report files and the progress line: how a report leaves the program."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitgate.errors import GitgateError, UsageError
from gitgate.report import Report, Verdict
from gitgate.reporters.base import Style
from gitgate.reporters.encode import log_safe
from gitgate.reporters.registry import REPORTERS

if TYPE_CHECKING:
    from gitgate.pushes import UpdateVerdict
    from gitgate.signature.verification import Verification

_PROGRESS_DELAY = 1.0
"""Seconds before a run says what it is doing."""
_ONE_TO_A_STREAM = frozenset({"json", "sarif"})
"""Formats for machines: nothing else may be on the stream beside them."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One `--output`: a format, and a file or standard output."""

    format: str
    file: Path | None = None


def plan_outputs(wanted: Sequence[Destination]) -> tuple[Destination, ...]:
    """What to write where; text on standard output when nothing was asked.

    Raises:
        UsageError: Two formats would spoil each other.
    """
    destinations = tuple(wanted) or (Destination("text"),)
    streamed = [destination.format for destination in destinations if destination.file is None]
    spoilt = [name for name in streamed if name in _ONE_TO_A_STREAM]
    if spoilt and len(streamed) > 1:
        raise UsageError(
            f"{' and '.join(streamed)} would be mixed on standard output",
            remedy=f"Give one of them a file: --output {spoilt[0]}=FILE",
        )
    files = [destination.file for destination in destinations if destination.file is not None]
    for file in files:
        if files.count(file) > 1:
            raise UsageError(f"two outputs go to {file}")
        if not file.absolute().parent.is_dir():
            raise UsageError(f"{file} cannot be written: its directory does not exist")
    return destinations


def write_report(
    report: Report, destinations: Sequence[Destination], *, color: str, verbose: bool, files_only: bool = False
) -> None:
    """Write a report in every wanted format.

    Args:
        report: What to write.
        destinations: From `plan_outputs`.
        color: `auto`, `always` or `never`.
        verbose: List what was there before the change, too.
        files_only: Leave standard output alone.

    Raises:
        GitgateError: A file cannot be written: the verdict did not reach who waits for it.
    """
    if sys.stdout is None and not files_only and any(destination.file is None for destination in destinations):
        raise GitgateError("standard output is closed, so the report has nowhere to go")
    for destination in destinations:
        render = REPORTERS[destination.format]
        if destination.file is None:
            if not files_only:
                style = Style(color=wants_color(color), width=_width(), verbose=verbose)
                _print(render(report, style))
            continue
        text = render(report, Style(verbose=verbose))
        try:
            destination.file.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise GitgateError(f"{destination.file} cannot be written: {error.strerror}") from error


def write_verification(verification: Verification, output: str, *, color: str) -> None:
    """Write a verified range to standard output, as `text` or `json`.

    Raises:
        GitgateError: It cannot be written: the verdict did not reach who waits for it.
    """
    from gitgate.reporters.verification import render_json, render_text  # noqa: PLC0415 - only for signatures

    render = {"text": render_text, "json": render_json}[output]
    _print(render(verification, Style(color=wants_color(color), width=_width())))


def write_text(text: str) -> None:
    """Write text to standard output.

    Raises:
        GitgateError: It cannot be written: the verdict did not reach who waits for it.
    """
    _print(text)


def write_updates(verdicts: Sequence[UpdateVerdict], *, quiet: bool) -> int:
    """Write to standard output what is said of pushed refs, and give the exit code of the worst.

    Args:
        verdicts: From `pushes`.
        quiet: Say nothing of refs that nothing was judged for.

    Raises:
        GitgateError: It cannot be written.
    """
    from gitgate.reporters.verification import render_refused, render_text  # noqa: PLC0415 - only for signatures

    texts: list[str] = []
    for each in verdicts:
        if each.failures:
            texts.append(render_refused(each.update.ref, each.failures))
        if each.verification is not None and each.verification.verdict is not Verdict.ACCEPTED:
            texts.append(render_text(each.verification))
        elif each.verification is None and each.note and not quiet:
            texts.append(f"{log_safe(f'{each.update.ref} {each.note}')}\n")
    _print("".join(texts))
    codes = {each.verdict for each in verdicts}
    worst = next(
        (verdict for verdict in (Verdict.REJECTED, Verdict.UNDETERMINED) if verdict in codes), Verdict.ACCEPTED
    )
    return worst.exit_code


def _print(text: str) -> None:
    """Write to standard output as UTF-8, whatever the locale says: a report must not be lost to an ASCII terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What was not written must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise GitgateError(f"standard output cannot be written: {error.strerror}") from error


def show_markdown(text: str, *, color: str) -> None:
    """Print Markdown: laid out on a terminal, as it is in a pipe."""
    if not wants_color(color):
        _print(text)
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms that only a terminal needs
    from rich.markdown import Markdown  # noqa: PLC0415

    Console(width=min(_width(), 100), force_terminal=True).print(Markdown(text))


def wants_color(choice: str) -> bool:
    """Colours on standard output? `NO_COLOR` (no-color.org) and a pipe say no, `--color always` says yes."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _width() -> int:
    return min(shutil.get_terminal_size((100, 24)).columns, 120) if sys.stdout.isatty() else 100


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A function that is told what is being done, and shows it on a terminal once a run takes over a second."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield lambda _: None
        return
    line = _ProgressLine()
    try:
        yield line.tell
    finally:
        line.close()


class _ProgressLine:
    def __init__(self) -> None:
        self._text = ""
        self._shown = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(_PROGRESS_DELAY, self._start)
        self._timer.daemon = True
        self._timer.start()

    def tell(self, text: str) -> None:
        with self._lock:
            self._text = text
            if self._shown:
                self._draw()

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()

    def _start(self) -> None:
        with self._lock:
            self._shown = True
            self._draw()

    def _draw(self) -> None:
        sys.stderr.write(f"\r\x1b[Kgitgate: {self._text} …")
        sys.stderr.flush()
