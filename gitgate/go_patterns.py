"""Go regular expressions, as CustomResourceDefinitions use them, in the dialect of the validator's linear-time engine.

The API server compiles `pattern` with Go's `regexp` (apiextensions-apiserver/pkg/apiserver/schema/validation.go);
the validator reads it as ECMA 262 and runs it on Rust's `regex`, which like Go's engine has no backtracking: `(a+)+$`
costs time linear in the text. Both lack look-around and back-references; they differ in spelling, which is what this
module translates. What it cannot translate is refused, never guessed.

Source of the grammar: Go's regexp/syntax/doc.go and regexp/syntax/parse.go.
"""

from __future__ import annotations

import re

LENGTH_LIMIT = 10_000
"""Characters of one pattern; the longest in published CustomResourceDefinitions are below 2,000."""

REPETITION_LIMIT = 1000
"""Go's own limit for `{n,m}`, nested ones multiplied: regexp/syntax/parse.go, `repeat` and `repeatIsValid`."""

_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\t\n\x0b\x0c\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_PERL_CLASSES = {"d": "0-9", "s": r"\t\n\x0c\r ", "w": "0-9A-Za-z_"}
_CONTROL_ESCAPES = {"a": "\x07", "f": "\x0c", "n": "\n", "r": "\r", "t": "\t", "v": "\x0b"}
_REPETITION = re.compile(r"\{([0-9]{1,6})(?:,([0-9]{0,6}))?\}")
_GROUP = re.compile(r"\((\?(?:P?<[A-Za-z_][A-Za-z0-9_]*>|[imsU-]{1,8}[:)]|:))?")
_CODE_POINT = re.compile(r"x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))|([1-7][0-7]{1,2}|0[0-7]{0,2})")
_UNICODE_CLASS = re.compile(r"[pP](?:[A-Z]|\{\^?[A-Za-z_]{1,40}\})")
_NEGATED_POSIX = re.compile(r"\[:(\^?)([a-z]+):\]")


class UnsupportedPatternError(ValueError):
    """The pattern is no Go regular expression, or uses what cannot be translated."""


def translate(pattern: str) -> str:
    """Spell a Go pattern so that the validator's engine matches the same texts.

    Raises:
        UnsupportedPatternError: Why not, as the end of a sentence that begins with "the pattern".
    """
    if len(pattern) > LENGTH_LIMIT:
        raise UnsupportedPatternError(f"is longer than {LENGTH_LIMIT} characters")
    return _Translator(pattern).run()


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        # How often the part before this place repeats something, and the same for what each open group holds so far.
        self._repeats = 1
        self._groups: list[int] = [1]

    def run(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._next_part())
        return "".join(parts)

    def _next_part(self) -> str:
        character = self._pattern[self._at]
        if character in "\\[":
            self._repeats = 1
            return self._escape() if character == "\\" else self._character_class()
        if character == "(":
            return self._group()
        if character == "{":
            return self._brace()
        self._at += 1
        if character == ")" and len(self._groups) > 1:
            self._repeats = self._groups.pop()
            self._groups[-1] = max(self._groups[-1], self._repeats)
        elif character not in "*+?":
            self._repeats = 1
        # A lone closing bracket or brace is itself in Go.
        return "\\" + character if character in "]}" else character

    def _group(self) -> str:
        match = _GROUP.match(self._pattern, self._at)
        if match is None or (match[1] is None and self._pattern.startswith("(?", self._at)):
            raise UnsupportedPatternError("uses a group that Go's regular expressions do not have")
        self._at = match.end()
        if not match[0].endswith(")"):
            self._groups.append(1)
        return match[0].replace("(?<", "(?P<")

    def _brace(self) -> str:
        match = _REPETITION.match(self._pattern, self._at)
        if match is None:
            self._at += 1
            self._repeats = 1
            return r"\{"
        self._repeats *= max(int(match[1]), int(match[2] or 0))
        if self._repeats > REPETITION_LIMIT:
            raise UnsupportedPatternError(f"repeats something more than {REPETITION_LIMIT} times")
        self._groups[-1] = max(self._groups[-1], self._repeats)
        self._at = match.end()
        return match[0]

    def _escape(self) -> str:
        if self._pattern.startswith(r"\Q", self._at):
            return self._quoted()
        follower = self._pattern[self._at + 1 : self._at + 2]
        if follower in "AzbB" and follower:
            self._at += 2
            return {"A": r"(?-m:^)", "z": r"(?-m:$)"}.get(follower, "\\" + follower)
        if follower.lower() in _PERL_CLASSES:
            self._at += 2
            negation = "^" if follower.isupper() else ""
            return f"[{negation}{_PERL_CLASSES[follower.lower()]}]"
        unicode_class = _UNICODE_CLASS.match(self._pattern, self._at + 1)
        if unicode_class is not None:
            self._at = unicode_class.end()
            return _braced("\\" + unicode_class[0])
        return _literal(self._escaped_character())

    def _quoted(self) -> str:
        end = self._pattern.find(r"\E", self._at + 2)
        text = self._pattern[self._at + 2 : end] if end >= 0 else self._pattern[self._at + 2 :]
        self._at = end + 2 if end >= 0 else len(self._pattern)
        return "".join(map(_literal, text))

    def _escaped_character(self) -> str:
        """The character that the escape at this place stands for."""
        start = self._at + 1
        follower = self._pattern[start : start + 1]
        number = _CODE_POINT.match(self._pattern, start)
        if number is not None:
            self._at = number.end()
            code = int(number[1] or number[2], 16) if number[1] or number[2] else int(number[3], 8)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise UnsupportedPatternError("names a character that does not exist")
            return chr(code)
        self._at += 2
        if follower in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[follower]
        if not follower or follower.isalnum() or not follower.isascii():
            raise UnsupportedPatternError(f"uses the escape \\{follower}, which Go's regular expressions do not have")
        return follower

    def _character_class(self) -> str:
        self._at += 1
        negation = ""
        if self._pattern.startswith("^", self._at):
            negation = "^"
            self._at += 1
        items: list[str] = []
        first = True
        while first or not self._pattern.startswith("]", self._at):
            if self._at >= len(self._pattern):
                raise UnsupportedPatternError("has a character class without its closing bracket")
            items.append(self._class_item())
            first = False
        self._at += 1
        return f"[{negation}{''.join(items)}]"

    def _class_item(self) -> str:
        posix = _NEGATED_POSIX.match(self._pattern, self._at)
        if posix is not None:
            if posix[1] or posix[2] not in _POSIX_CLASSES:
                raise UnsupportedPatternError(f"uses the character class {posix[0]}, which gitgate cannot translate")
            self._at = posix.end()
            return _POSIX_CLASSES[posix[2]]
        if self._pattern[self._at] == "\\":
            follower = self._pattern[self._at + 1 : self._at + 2]
            if follower.lower() in _PERL_CLASSES:
                self._at += 2
                return _PERL_CLASSES[follower] if follower.islower() else "\\" + follower
            unicode_class = _UNICODE_CLASS.match(self._pattern, self._at + 1)
            if unicode_class is not None:
                self._at = unicode_class.end()
                return _braced("\\" + unicode_class[0])
        low = self._class_character()
        if self._pattern.startswith("-", self._at) and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 1
            high = self._class_character()
            if high < low:
                raise UnsupportedPatternError(f"has the empty character range {low}-{high}")
            return f"{_class_literal(low)}-{_class_literal(high)}"
        return _class_literal(low)

    def _class_character(self) -> str:
        if self._pattern[self._at] == "\\":
            return self._escaped_character()
        self._at += 1
        return self._pattern[self._at - 1]


def _braced(unicode_class: str) -> str:
    r"""`\pL` as `\p{L}`; the one-letter spelling is unknown to ECMA 262."""
    return unicode_class if unicode_class.endswith("}") else f"{unicode_class[:2]}{{{unicode_class[2]}}}"


def _literal(character: str) -> str:
    if character in r"\.+*?()|[]{}^$/-":
        return character if character == "-" else "\\" + character
    return _numbered(character)


def _class_literal(character: str) -> str:
    if character in r"\[]^-":
        return "\\" + character
    # Two of these in a row would be an operator on classes.
    return f"\\x{ord(character):02x}" if character in "&~" else _numbered(character)


def _numbered(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x20 or code == 0x7F else character
