"""Lines of styled text: wrapped and made safe once, then written plain or with colours, with the same words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitgate.reporters.encode import cells, log_safe


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line: safe text, and a rich style of ours (`bold red`); empty for none."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


def span(text: str, style: str = "") -> Span:
    """A piece made of text that may be hostile."""
    return Span(log_safe(text), style)


def width_of(line: Line) -> int:
    """Columns that a line takes."""
    return sum(cells(piece.text) for piece in line)


def wrapped(text: str, width: int, *, first: Line, indent: int, style: str = "") -> tuple[Line, ...]:
    """Break text at spaces so that lines fit; a word that is longer than a line is left whole.

    Args:
        text: What to break; may be hostile.
        width: Columns that a line may take.
        first: What precedes the text on the first line.
        indent: Spaces before the following lines.
        style: Style of the text.
    """
    lines: list[Line] = []
    start: Line = first
    current = ""
    for word in log_safe(text).split(" "):
        candidate = f"{current} {word}" if current else word
        if current and width_of(start) + cells(candidate) > width:
            lines.append((*start, Span(current, style)))
            start, current = (Span(" " * indent),), word
        else:
            current = candidate
    lines.append((*start, Span(current, style)))
    return tuple(lines)


def _guarded(line: Line) -> Line:
    """A finished line in which no log reader finds a command, not even one that pieces make together."""
    joined = "".join(piece.text for piece in line)
    safe = log_safe(joined)
    return line if safe == joined else (Span(safe),)


def write_plain(lines: Iterable[Line]) -> str:
    """The lines as text without a single control character but line feeds."""
    return "".join("".join(piece.text for piece in _guarded(line)).rstrip() + "\n" for line in lines)


def write_colored(lines: Iterable[Line]) -> str:
    """The same lines with ANSI colours."""
    from io import StringIO  # noqa: PLC0415 - only a terminal needs it

    from rich.console import Console  # noqa: PLC0415 - 40 ms that piped output need not pay
    from rich.text import Text  # noqa: PLC0415 - as above

    stream = StringIO()
    console = Console(
        file=stream,
        force_terminal=True,
        color_system="standard",  # The reader's own palette: legible on light and on dark.
        width=1_000_000,  # The lines are already wrapped.
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},  # A reporter is pure: the command decides about colour, not a variable read here.
    )
    for line in lines:
        pieces = _guarded(line)
        text = Text(end="\n")
        for piece in pieces:
            text.append(piece.text, piece.style or None)
        text.rstrip()
        console.print(text, soft_wrap=True)
    return stream.getvalue()
