"""Globs as Argo CD's libraries read them, matched in time that no pattern can make explode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

MAXIMUM_LENGTH = 500
"""Characters of a pattern; longer ones match nothing."""
_MAXIMUM_ALTERNATIVES = 64
_NO_DIRECTORY = re.compile(r"(?:(?<=/)|(?<=\0)|\A)\*\*/")
_Test = Callable[[str], bool]


def matches_anywhere(pattern: str, text: str) -> bool:
    """`github.com/gobwas/glob` without separators, as for `directory.include` and AppProjects: `*` takes slashes."""
    return _matches(pattern, text, slash=False, braces=True)


def matches_segments(pattern: str, text: str) -> bool:
    """Go's `path.Match`, as for the directories of the git generator: `*` takes no slash."""
    return _matches(pattern, text, slash=True, braces=False, double=False)


def matches_tree(pattern: str, text: str) -> bool:
    """`doublestar`, as for values files: `*` takes no slash, `**` takes any number of directories."""
    variants = [pattern]
    while len(variants) <= _MAXIMUM_ALTERNATIVES and any(_NO_DIRECTORY.search(one) for one in variants):
        # `a/**/b` takes `a/b`, too.
        found = [(one, _NO_DIRECTORY.search(one)) for one in variants]
        variants = [
            part
            for one, match in found
            for part in ([one] if match is None else [one[: match.start()] + one[match.end() :], _kept(one, match)])
        ]
    return any(_matches(one.replace("\0", "**/"), text, slash=True, braces=True) for one in variants)


def _kept(pattern: str, match: re.Match[str]) -> str:
    return f"{pattern[: match.start()]}\0{pattern[match.end() :]}"


def matches_url(pattern: str, text: str) -> bool:
    """`github.com/gobwas/glob` with `/` as the separator, as for `sourceRepos`."""
    return _matches(pattern, text, slash=True, braces=True)


def matches_pathspec(pattern: str, text: str) -> bool:
    """Git's pathspec, as for the files of the git generator: `*` takes slashes, a directory takes what is in it."""
    plain = pattern.rstrip("/")
    return text == plain or text.startswith(f"{plain}/") or _matches(pattern, text, slash=False, braces=False)


def is_glob(text: str) -> bool:
    """Would Argo CD expand this as a glob? Source: reposerver/repository/repository.go, `isGlobPath`."""
    return any(sign in text for sign in "*?[")


def _matches(pattern: str, text: str, *, slash: bool, braces: bool, double: bool = True) -> bool:
    return text.endswith(_ending(pattern)) and any(
        _run(tokens, text) for tokens in _compiled(pattern, slash, braces, double)
    )


@lru_cache(maxsize=512)
def _ending(pattern: str) -> str:
    """What every match ends in, as far as that is seen at once: most names that are asked about end otherwise."""
    if any(sign in pattern for sign in "[\\{"):
        return ""
    return pattern[max(pattern.rfind("*"), pattern.rfind("?")) + 1 :]


@lru_cache(maxsize=512)
def _compiled(pattern: str, slash: bool, braces: bool, double: bool) -> tuple[tuple[tuple[bool, _Test], ...], ...]:  # noqa: FBT001 - a cache takes positions
    if len(pattern) > MAXIMUM_LENGTH:
        return ()
    try:
        texts = list(_alternatives(pattern, [_MAXIMUM_ALTERNATIVES])) if braces else [pattern]
        return tuple(tuple(_tokens(text, slash=slash, double=double)) for text in texts)
    except ValueError:
        return ()


def _alternatives(pattern: str, left: list[int]) -> Iterator[str]:
    """The pattern with each of its `{a,b}` replaced.

    Raises:
        ValueError: There are too many, or a brace is not closed.
    """
    start = _unescaped(pattern, "{")
    if start < 0:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("too many alternatives")
        yield pattern
        return
    depth, index, begin, parts = 0, start, start + 1, list[str]()
    while index < len(pattern):
        sign = pattern[index]
        if sign == "\\":
            index += 1
        elif sign == "{":
            depth += 1
        elif sign in ",}" and depth == 1:
            parts.append(pattern[begin:index])
            begin = index + 1
            if sign == "}":
                break
        elif sign == "}":
            depth -= 1
        index += 1
    else:
        raise ValueError("a brace is not closed")
    for part in parts:
        yield from _alternatives(pattern[:start] + part + pattern[index + 1 :], left)


def _unescaped(pattern: str, wanted: str) -> int:
    index = 0
    while index < len(pattern):
        if pattern[index] == "\\":
            index += 1
        elif pattern[index] == wanted:
            return index
        index += 1
    return -1


def _tokens(pattern: str, *, slash: bool, double: bool) -> Iterator[tuple[bool, _Test]]:
    """Pairs of: may it repeat (also not at all), and what one character must be.

    Raises:
        ValueError: The pattern is none.
    """
    index = 0
    while index < len(pattern):
        sign = pattern[index]
        index += 1
        if sign == "*":
            doubled = double and pattern[index : index + 1] == "*"
            while pattern[index : index + 1] == "*":
                index += 1
            yield True, _no_slash if slash and not doubled else _anything
        elif sign == "?":
            yield False, _no_slash if slash else _anything
        elif sign == "[":
            end = pattern.find("]", index + 1)
            if end < 0:
                raise ValueError("a class is not closed")
            yield False, _class(pattern[index:end])
            index = end + 1
        elif sign == "\\" and index < len(pattern):
            yield False, _only(pattern[index])
            index += 1
        else:
            yield False, _only(sign)


def _class(text: str) -> _Test:
    negated = text[:1] in {"!", "^"}
    body = text[1:] if negated else text
    ranges: list[tuple[str, str]] = []
    index = 0
    while index < len(body):
        if body[index + 1 : index + 2] == "-" and index + 2 < len(body):
            ranges.append((body[index], body[index + 2]))
            index += 3
        else:
            ranges.append((body[index], body[index]))
            index += 1
    return lambda character: any(low <= character <= high for low, high in ranges) != negated


def _only(wanted: str) -> _Test:
    return lambda character: character == wanted


def _anything(_: str) -> bool:
    return True


def _no_slash(character: str) -> bool:
    return character != "/"


def _run(tokens: tuple[tuple[bool, _Test], ...], text: str) -> bool:
    """Follow all ways at once: the time is at most the product of both lengths."""

    def settled(states: set[int]) -> set[int]:
        for state in sorted(states):
            while state < len(tokens) and tokens[state][0]:
                state += 1  # noqa: PLW2901 - it goes on from there
                states.add(state)
        return states

    states = settled({0})
    for character in text:
        states = settled({
            state if tokens[state][0] else state + 1
            for state in states
            if state < len(tokens) and tokens[state][1](character)
        })  # fmt: skip
        if not states:
            return False
    return len(tokens) in states
