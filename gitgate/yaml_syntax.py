"""Why a text is not YAML, said so that a person can mend it: libyaml's errors in plain words."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from gitgate.location import Position
from gitgate.yaml_problem import YamlProblem

_CONFLICT = re.compile(r"(<{7} |={7}$|>{7} )", re.MULTILINE)
# Outside quotes: at the start of a line or an item, as a value, or inside a plain one.
_TEMPLATE = re.compile(r"""^[ \t]*(?:- +)*(?:\{\{|\{%)|^[^'"#\n]*\{\{""", re.MULTILINE)
_TOO_DEEP = "exceeded maximum nesting depth"
_BRACES = re.compile(r"\{\{|\{%")

# Problem of libyaml, what it means, and what to do; `{line}` is the line that the construct began on.
_EXPLANATIONS = (
    (_TOO_DEEP, "mappings and lists nest too deeply", "Split the file, or write it more simply."),
    (
        "mapping values are not allowed",
        'a second ": " on a line that has a value, or a line above that is not finished',
        "Quote the value if the colon belongs to it; otherwise compare the indentation with the line above.",
    ),
    (
        "did not find expected key",
        "this line does not continue the mapping of line {line}: its indentation differs, or text follows a quote",
        "Give the line the indentation of the keys beside it, and look for a quote that ends too early above it.",
    ),
    (
        "did not find expected '-' indicator",
        "this line does not continue the list that starts on line {line}: it is indented like an item but is none",
        "Start it with - or indent it like the key that it belongs to.",
    ),
    (
        "did not find expected ',' or",
        "the bracket that opens on line {line} is not closed, or a comma is missing",
        "Close the bracket, put the missing comma, or quote the value if it is meant to start with the bracket.",
    ),
    (
        "could not find expected ':'",
        "line {line} is neither `key: value` nor an item of a list",
        "Put a colon and a space after the key, or indent the line as part of the text above it.",
    ),
    (
        "block sequence entries are not allowed",
        "a list item cannot start here: the line above has a value, or the - stands beside a key",
        "Put the list on lines of its own under its key.",
    ),
    (
        "did not find expected alphabetic or numeric character",
        "a plain value cannot start with * or &, which mark aliases and anchors",
        "Quote the value.",
    ),
    (
        "found unknown escape character",
        "double-quoted text has a backslash escape that YAML does not know",
        "Use single quotes, or write the backslash twice.",
    ),
    (
        "did not find expected <document start>",
        "the text goes on after the document has ended",
        "Indent the line as part of the document, or separate documents with a line that holds only ---.",
    ),
    (
        "did not find expected comment or line break",
        "text follows | or > on the line where a block of text begins",
        "Start the text on the next line.",
    ),
    (
        "did not find expected whitespace or line break",
        "a space is missing after a tag, an anchor or an alias",
        "Quote the value if it is meant to start with ! or & or *.",
    ),
    (
        "did not find URI escaped octet",
        "a tag holds a percent sign that is not an escape",
        "Quote the value if it is meant to start with an exclamation mark.",
    ),
    (
        "found undefined tag handle",
        "a plain value cannot start with an exclamation mark, which marks a tag",
        "Quote the value.",
    ),
    (
        "found unexpected ':'",
        "a colon follows a value inside brackets, and readers differ on what it belongs to",
        "Quote the value, or put a space after the colon.",
    ),
    (
        "did not find expected node content",
        "a value is missing between a bracket and a comma",
        "Remove the comma, or write the value.",
    ),
)
# Problems that libyaml notices only after what is wrong.
_FAULT_AT_START = frozenset({"could not find expected ':'", "did not find expected alphabetic or numeric character"})


def template_position(text: str, line: int, failed: Position) -> Position | None:
    """Where the first template directive of a text is, if reading failed on one; None otherwise.

    Args:
        text: The document's text.
        line: Line of the file that it starts on.
        failed: Where reading failed; a directive counts on that line and on the two above it.
    """
    lines = text.split("\n")
    near = "\n".join(lines[max(0, failed.line - line - 2) : failed.line - line + 1])
    if not _TEMPLATE.search(near):
        return None
    first = _TEMPLATE.search(text)
    match = _BRACES.search(text, first.start()) if first else None
    if match is None:
        return None
    start = text.rfind("\n", 0, match.start()) + 1
    return Position(text.count("\n", 0, match.start()) + line, match.start() - start + 1)


def template_problem(position: Position, document: int) -> YamlProblem:
    """A text that does not parse because it is a template."""
    return YamlProblem(
        code="yaml-template",
        message="the text is a template ({{ ... }}), not a manifest: it cannot be read before it is rendered",
        position=position,
        document=document,
        fix="Render it where gitgate can see the result, or exclude it; quote the braces if they are meant as text.",
        fatal=True,
    )


def syntax_problem(error: Any, source: bytes, line: int, document: int) -> YamlProblem:
    """What libyaml says (a `yaml.MarkedYAMLError` or `yaml.reader.ReaderError`), in words that help."""
    text = source.decode("utf-8", "replace")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    began = getattr(error, "context_mark", None) or mark
    here = Position(mark.line, mark.column) if mark else Position(0, 0)
    start = Position(began.line, began.column) if began else here
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", "") or "cannot be read")
    in_quotes = "quoted scalar" in str(getattr(error, "context", ""))
    if in_quotes and ("end of stream" in problem or "document indicator" in problem):
        advice = _Advice(start, "the quote that opens here is never closed", "Close it, or remove it.")
    else:
        advice = None
    advice = (
        _conflict(text)
        or advice
        or _bad_character(text, here, start, problem)
        or _explained(problem, here, start, line)
    )
    position = Position(line + advice.place.line, advice.place.column + 1)
    # libyaml reads ahead of its events and stops at a depth of its own, before the builder comes to ours.
    code = "yaml-limit" if problem.startswith(_TOO_DEEP) else "yaml-syntax"
    return YamlProblem(
        code=code, message=advice.message, position=position, document=document, fix=advice.fix, fatal=True
    )


class _Advice(NamedTuple):
    """What to say; `place` counts from 0 inside the document's text."""

    place: Position
    message: str
    fix: str | None


def _conflict(text: str) -> _Advice | None:
    match = _CONFLICT.search(text)
    if match is None:
        return None
    place = Position(text.count("\n", 0, match.start()), 0)
    return _Advice(place, "the file holds the markers of an unresolved git merge conflict", "Resolve the conflict.")


def _bad_character(text: str, place: Position, start: Position, problem: str) -> _Advice | None:
    """A character that a person overlooks: a tab or a no-break space, or one that cannot start a value."""
    lines = text.split("\n")
    for number in (place.line, place.line - 1):
        candidate = lines[number] if 0 <= number < len(lines) else ""
        indentation = candidate[: len(candidate) - len(candidate.lstrip(" \t"))]
        if "\t" in indentation and candidate.strip():
            tab = Position(number, indentation.index("\t"))
            return _Advice(tab, "a tab indents this line, and YAML allows only spaces", "Use spaces.")
    for number in (place.line, place.line - 1, start.line):
        candidate = lines[number] if 0 <= number < len(lines) else ""
        if "\u00a0" in candidate:
            space = Position(number, candidate.index("\u00a0"))
            return _Advice(space, "a no-break space (U+00A0) stands where a space should", "Type a plain space.")
    here = lines[place.line] if place.line < len(lines) else ""
    if problem == "found character that cannot start any token":
        return _Advice(place, f"a plain value cannot start with {here[place.column : place.column + 1]}", "Quote it.")
    return None


def _explained(problem: str, place: Position, start: Position, line: int) -> _Advice:
    for beginning, message, fix in _EXPLANATIONS:
        if problem.startswith(beginning):
            place = start if beginning in _FAULT_AT_START else place
            return _Advice(place, message.format(line=start.line + line), fix)
    return _Advice(place, f"the text is not YAML: {problem}", None)
