"""A YAML file as bytes: is it text that reads the same to everybody, and where do its documents begin?

Splitting follows k8s.io/apimachinery/pkg/util/yaml/decoder.go, `YAMLReader.Read`: a line that starts with `---`
separates, and anything but a comment after it is an error. What other readers split elsewhere is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gitgate.location import Position
from gitgate.yaml_problem import Unreadable, YamlProblem

UTF8_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")

_BASE64_LINES = rb"(?:[A-Za-z0-9+/]{1,76}={0,2}\r?\n)+"
_OPAQUE = (
    # The whole text must have the form: a manifest that merely starts like a ciphertext is read as a manifest.
    (
        "encrypted by ansible-vault",
        b"$ANSIBLE_VAULT;",
        re.compile(rb"\$ANSIBLE_VAULT;[0-9.]+;[A-Z0-9]+(?:;[^\s:]+)?\r?\n(?:[0-9a-f]{1,80}\r?\n?)+\Z"),
    ),
    (
        "encrypted by age",
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        re.compile(
            rb"-----BEGIN AGE ENCRYPTED FILE-----\r?\n" + _BASE64_LINES + rb"-----END AGE ENCRYPTED FILE-----\s*\Z"
        ),
    ),
    (
        "encrypted by PGP",
        b"-----BEGIN PGP MESSAGE-----",
        re.compile(
            rb"-----BEGIN PGP MESSAGE-----\r?\n(?:[A-Za-z]+: [^\r\n]*\r?\n)*\r?\n"
            + _BASE64_LINES
            + rb"(?:=[A-Za-z0-9+/]{4}\r?\n)?-----END PGP MESSAGE-----\s*\Z"
        ),
    ),
)

_AGE = re.compile(
    # The header, line by line; no reader takes the line with the checksum for the end of a document.
    rb"age-encryption\.org/v1\n(?:-> [^\n]+\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+--- [A-Za-z0-9+/]{43}\n"
)

# Line breaks to some readers, nothing to others, and what no YAML reader takes.
_FATAL = re.compile("\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
# Invisible, or changes the order in which a reviewer sees the text: bidi controls, zero-width and tag characters.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_ASCII_FATAL = re.compile(rb"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ASCII_TEXT = bytes([*b"\t\n", *range(0x20, 0x7F)])
_NAMES = {"\r": "a carriage return without a line feed", "\ufeff": "a byte order mark inside the text"}

_CLEAN_SEPARATOR = re.compile(rb"---(?:[ \t]*| +#[^\r\n]*)\r?\Z")
_SURROGATE_ESCAPE = re.compile(
    rb"\\\\|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The text between two separators.

    Attributes:
        source: UTF-8.
        line: Line of the file that it starts on, from 1.
    """

    source: bytes
    line: int


def opaque_reason(data: bytes) -> str | None:
    """Why nothing in the file can be judged: it is encrypted as a whole, or binary; None for text."""
    if data.startswith(b"\0GITCRYPT\0"):
        return "encrypted by git-crypt"
    if _AGE.match(data):
        return "encrypted by age" if not _is_text(data) else None
    for reason, start, form in _OPAQUE:
        if data.startswith(start) and form.match(data):
            return reason
    # kubectl applies the documents before one that it cannot read, so only a first one can be binary for good. One NUL
    # makes no manifest binary: an agent that reads it fails, so it is text that nobody can read.
    if b"\0" in data.partition(b"\n---")[0] and not data.startswith(_UTF16_BOMS) and b"apiVersion" not in data:
        return "binary"
    return None


def _is_text(data: bytes) -> bool:
    try:
        return _ASCII_FATAL.search(data) is None and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def check_characters(data: bytes) -> list[YamlProblem]:
    """Characters that hide something from a reviewer; the text is known to be UTF-8 afterwards.

    Raises:
        Unreadable: It is not UTF-8, or holds a character that some readers take for a line break or refuse.
    """
    if data.startswith(_UTF16_BOMS):
        raise Unreadable(
            YamlProblem(
                code="yaml-encoding",
                message="the file is encoded in UTF-16 or UTF-32, which reviewers and readers decode differently",
                fix="Save it as UTF-8.",
                fatal=True,
            )
        )
    if data.isascii():
        # Deleting what is allowed is ten times faster than searching for what is not.
        match = _ASCII_FATAL.search(data) if data.translate(None, _ASCII_TEXT) else None
        if match is not None:
            raise Unreadable(_hidden(data[: match.end()].decode(), match.start(), fatal=True))
        return []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        raise Unreadable(
            YamlProblem(
                code="yaml-encoding",
                message=f"the byte 0x{data[error.start]:02x} is not part of UTF-8 text; kubectl would replace it",
                position=_position(before, len(before)),
                fix="Save the file as UTF-8.",
                fatal=True,
            )
        ) from error
    start = 1 if text.startswith("\ufeff") else 0
    fatal = _FATAL.search(text, start)
    if fatal is not None:
        raise Unreadable(_hidden(text, fatal.start(), fatal=True))
    return [
        _hidden(text, match.start(), fatal=False)
        for match in _INVISIBLE.finditer(text)
        if not _joins_script(text, match.start())
    ]


def _joins_script(text: str, index: int) -> bool:
    """Is a zero-width joiner where it belongs: in an emoji, or between letters of a script that needs it?"""
    if text[index] not in "\u200c\u200d" or index == 0 or index + 1 >= len(text):
        return False
    before, after = text[index - 1], text[index + 1]
    return all(not side.isascii() and unicodedata.category(side)[0] in "LMS" for side in (before, after))


def _hidden(text: str, index: int, *, fatal: bool) -> YamlProblem:
    character = text[index]
    name = _NAMES[character] if character in _NAMES else unicodedata.name(character, "a control character")
    why = "readers do not agree whether a line ends here" if fatal and character in "\r\x85\u2028\u2029" else ""
    why = why or ("YAML readers refuse it" if fatal else "a reviewer does not see it")
    return YamlProblem(
        code="yaml-hidden-character",
        message=f"U+{ord(character):04X} ({name.lower()}) is in the text, and {why}",
        position=_position(text, index),
        fix="Remove it, or write it as an escape in double quotes."
        if character != "\r"
        else "Save the file with LF or CRLF line ends.",
        fatal=fatal,
    )


def _position(text: str, index: int) -> Position:
    start = text.rfind("\n", 0, index) + 1
    return Position(text.count("\n", 0, index) + 1, index - start + 1)


def split(data: bytes) -> Iterator[Chunk | YamlProblem]:
    """The documents' texts in order; a problem ends them where readers would not agree on the boundary.

    A last line without its end gets one, as in kubectl: a block scalar there ends in a line break all the same.
    Source: apimachinery/pkg/util/yaml/decoder.go, `LineReader.Read`.
    """
    start, line = 0, 1
    while (separator := _separator(data, start)) is not None:
        if separator > start:
            source = data[start:separator]
            yield Chunk(source, line)
            line += source.count(b"\n")
        end = data.find(b"\n", separator)
        end = len(data) if end < 0 else end
        text = data[separator:end]
        if not _CLEAN_SEPARATOR.match(text):
            yield _ambiguous_separator(text, line)
            return
        start, line = end + 1, line + 1
    rest = data[start:]
    yield Chunk(rest if not rest or rest.endswith(b"\n") else rest + b"\n", line)


def _separator(data: bytes, start: int) -> int | None:
    """Offset of the next line that starts with ---, from the start of a line on."""
    if data.startswith(b"---", start):
        return start
    found = data.find(b"\n---", start)
    return None if found < 0 else found + 1


def _ambiguous_separator(text: bytes, line: int) -> YamlProblem:
    rest = text[3:].strip()
    if rest.startswith(b"#"):
        message = "kubectl starts a new document at this line, other readers take it for content"
    else:
        message = (
            "kubectl refuses a line that starts with --- and goes on, other readers start a document or go on reading"
        )
    return YamlProblem(
        code="yaml-split-ambiguous",
        message=message,
        position=Position(line, 4),
        fix="Put --- alone on its line, and what follows on the next one.",
        fatal=True,
    )


def is_json(source: bytes) -> bool:
    """Does the first visible character make Kubernetes try JSON first (decoder.go, `GuessJSONStream`)?"""
    return source.lstrip()[:1] == b"{"


def json_rest(source: bytes) -> tuple[bool, Position | None]:
    """Does a text start with a JSON value, and where does something other than space follow it?"""
    text = source.decode("utf-8")
    start = len(text) - len(text.lstrip())
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False, None
    rest = text[end:].lstrip()
    return True, _position(text, len(text) - len(rest)) if rest else None


def without_surrogate_escapes(source: bytes) -> bytes:
    """JSON's escaped surrogate pairs as the one escape that YAML knows; a lone one is U+FFFD, as in Go."""

    def rewrite(match: re.Match[bytes]) -> bytes:
        escape = match[0]
        if escape == b"\\\\":
            return escape
        if len(escape) < 12:
            return b"\\ufffd"
        high, low = int(escape[2:6], 16), int(escape[8:12], 16)
        return b"\\U%08x" % (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    return _SURROGATE_ESCAPE.sub(rewrite, source)
