"""Globs over repository paths, one grammar for settings, signers and waivers.

A pattern is anchored at the root of the repository and compared case-sensitively, segment by segment: `*` and `?`
stay inside one segment, a segment that is `**` stands for any number of segments, also none. There is no negation
and no character class, so that a pattern means what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """The regular expression of one pattern.

    Raises:
        ValueError: An empty pattern or segment, `.` or `..`, a leading slash, or `**` as a part of a segment.
    """
    segments = pattern.split("/")
    expression = ""
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment in {"", ".", ".."}:
            raise ValueError(f"{pattern!r} has an empty, '.' or '..' segment")
        if segment == "**":
            expression += r"[^/]+(?:/[^/]+)*" if last else r"(?:[^/]+/)*"
            continue
        if "**" in segment:
            raise ValueError(f"{pattern!r}: ** stands only for whole segments, as in a/**/b")
        expression += "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in segment)
        expression += "" if last else "/"
    return re.compile(expression + r"\Z", re.DOTALL)


@lru_cache(maxsize=1024)
def _directories_of(pattern: str) -> tuple[re.Pattern[str], ...]:
    """The directories that a pattern names on its way, as `a` and `a/*` of `a/*/b/**`."""
    segments = pattern.split("/")
    named = [index for index, segment in enumerate(segments[:-1], start=1) if segment != "**"]
    return tuple(compile_glob("/".join(segments[:index])) for index in named)


def leads_into_any(patterns: Iterable[str], path: str) -> bool:
    """Is the path a directory that any of the patterns names on its way, so that it decides what is found there?"""
    return any(directory.match(path) for pattern in patterns for directory in _directories_of(pattern))


def matches_any(patterns: Iterable[str], path: str) -> bool:
    """Does any of the patterns match the path?"""
    return any(compile_glob(pattern).match(path) for pattern in patterns)
