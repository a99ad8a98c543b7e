r"""The only place where untrusted text becomes output: one function per thing that reads what gitgate writes.

Everything in a report may come from the author of the change: paths, names, field keys, messages, branch names,
excerpts. What could be taken for something else is never dropped but *shown*, as a C escape (`\x1b`, `\u202e`), so
that a reader sees what is there. tests/properties/test_reporters.py holds every format to it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

# Characters that Python calls printable and that a terminal or browser nevertheless shows as nothing: the part of
# Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt) outside the categories that `str.isprintable`
# already refuses, and BRAILLE PATTERN BLANK.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
# `##[command]` anywhere in a line is a command to the GitHub runner (actions/runner, ActionCommand.cs, `TryParse`),
# `##vso[…]` to Azure Pipelines, `##teamcity[…]` to TeamCity.
_LOG_COMMAND: Final = re.compile(r"#(?=#\w*\[)")
# Words that are prose beyond doubt: letters or a number, and punctuation around them. Not among them: anything in
# which GitHub might find a mention, an issue, a URL, an e-mail address, an emoji or (from seven hex digits) a commit.
_PROSE: Final = re.compile(
    r"[(]?(?![0-9a-f]{7})[A-Za-z]+(?:['-][A-Za-z]+)*[.,;:!?]?[)]?[.,;]?|[0-9]{1,4}(?:[.][0-9]{1,3}){0,2}[.,;:]?",
)
_SHORT_ESCAPES: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if 0xDC80 <= code <= 0xDCFF:  # A byte that is not UTF-8, as Python's surrogateescape keeps it (PEP 383).
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def printable(text: str) -> str:
    r"""One line that shows every character: what is not visible as itself becomes a C escape.

    Escaped are control characters (C0, DEL, C1: every ANSI and OSC sequence begins with one), bidirectional and other
    format characters, line and paragraph separators, spaces other than U+0020, lone surrogates, private and
    unassigned code points, and invisible letters. A byte that is not UTF-8 is shown as `\xNN`.
    """
    if text.isprintable() and _INVISIBLE.search(text) is None:
        return text
    return "".join(
        _escaped(character) if not character.isprintable() or _INVISIBLE.match(character) else character
        for character in text
    )


def clipped(text: str, limit: int) -> str:
    """The text, or its first `limit` characters and how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def log_safe(text: str) -> str:
    r"""A printable piece of text in which no log reader finds a command; apply it again to the finished line.

    The GitHub runner takes a line for a command when it starts with `::` after leading white space, or contains
    `##[` (actions/runner, src/Runner.Common/ActionCommand.cs, `TryParseV2` and `TryParse`). The first character that
    makes it one is shown as a C escape. `::stop-commands::` is not used: it would need a random token, and with
    every line encoded there is nothing left to stop.
    """
    text = _LOG_COMMAND.sub(r"\\x23", printable(text))
    stripped = text.lstrip()
    if stripped.startswith("::"):
        return f"{text[: len(text) - len(stripped)]}\\x3a{stripped[1:]}"
    return text


def command_data(text: str) -> str:
    """Text after the second `::` of a workflow command; may contain line feeds, which annotations show.

    Source: actions/toolkit, packages/core/src/command.ts, `escapeData`: percent first, then CR and LF.
    """
    lines = "\n".join(log_safe(line) for line in text.split("\n"))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """A property of a workflow command (`file=…`, `title=…`).

    Source: actions/toolkit, packages/core/src/command.ts, `escapeProperty`: as data, then colon and comma.
    """
    return command_data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def html_code(text: str, limit: int = 300) -> str:
    """Untrusted text as `<code>` for an HTML block inside Markdown.

    Inside `<code>` GitHub makes no mention, issue reference, commit link, URL or emoji of anything (jch/html-pipeline,
    the filters' `IGNORE_PARENTS`). Inside an HTML block (CommonMark 0.31, 4.6, types 1 and 6) no Markdown is read until
    a blank line, and a printable text has none: so escaping HTML is all that is needed, and backticks, pipes,
    images and `</details>` are mere text.
    """
    return _code(log_safe(clipped(text, limit)))


def html_prose(text: str, limit: int = 600) -> str:
    """A message for an HTML block inside Markdown: plain words stay prose, everything else becomes code."""
    words = log_safe(clipped(text, limit)).split(" ")
    pieces: list[str] = []
    for prose, group in groupby(words, key=lambda word: not word or _PROSE.fullmatch(word) is not None):
        phrase = " ".join(group)
        if prose:
            pieces.append(_html_safe(phrase))
        else:
            body = phrase.rstrip(".,;")  # Punctuation of the sentence is not part of what it names.
            pieces.append(f"{_code(body)}{phrase[len(body) :]}" if body else phrase)
    return " ".join(pieces)


def _code(text: str) -> str:
    return f"<code>{_html_safe(text)}</code>"


def json_text(text: str) -> str:
    r"""Text that any JSON parser takes: a lone surrogate, which strict ones refuse (RFC 7493, 2.1), becomes `\xNN`.

    Nothing else is changed, for JSON itself encodes the rest.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join(
            _escaped(character) if unicodedata.category(character) == "Cs" else character for character in text
        )
    return text


def json_document(value: Any) -> str:
    """Serialise to ASCII JSON that strict parsers and CI logs take, whatever strings it holds; ends with a newline."""
    document = json.dumps(_json_value(value), indent=2, ensure_ascii=True, allow_nan=False)
    return _json_log_safe(document) + "\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, str):
        return json_text(value)
    if isinstance(value, Mapping):
        return {json_text(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value


def _json_log_safe(document: str) -> str:
    r"""Break `##[` inside strings, as `\u0023#[`: the document says the same (RFC 8259, section 7)."""
    return _LOG_COMMAND.sub(r"\\u0023", document)


def is_unicode(path: str) -> bool:
    """Is this path UTF-8, so that text can represent it?"""
    return json_text(path) == path


def percent_encoded(path: str) -> str:
    """A repository path as a relative URI reference: its very bytes, percent-encoded (RFC 3986, 2.1 and 4.2).

    A colon is encoded too: in the first segment it would make a scheme of what precedes it.
    """
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # A surrogate that stands for no byte: not a path, but still no reason to crash.
        data = path.encode("utf-8", "surrogatepass")
    return quote(data, safe="/")


def sarif_message(text: str) -> str:
    r"""A SARIF plain-text message; `](` is broken, or it would make an embedded link (SARIF 2.1.0, 3.11.6)."""
    return printable(text).replace("](", r"]\x28")


def xml_text(text: str) -> str:
    r"""Text that XML 1.0 can carry (2.2, production `Char`): what it cannot, and what hides, is shown as a C escape.

    Markup is not escaped here; that is the XML writer's work.
    """
    return "\n".join(printable(line) for line in text.split("\n"))


def cells(text: str) -> int:
    """Columns that printable text takes on a terminal (Unicode Annex 11: wide and full-width take two, marks none)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _html_safe(text: str) -> str:
    from html import escape  # noqa: PLC0415 - brings a table of 2,000 names, and only Markdown needs it

    return escape(text, quote=False)
