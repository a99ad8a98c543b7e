"""Globs as Argo CD's libraries read them."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.sources.argocd.globs import (
    matches_anywhere,
    matches_pathspec,
    matches_segments,
    matches_tree,
    matches_url,
)


@pytest.mark.parametrize(
    ("matches", "pattern", "text", "wanted"),
    [
        (matches_anywhere, "*.yaml", "a/b.yaml", True),
        (matches_anywhere, "{a,b*}.yaml", "bcd.yaml", True),
        (matches_anywhere, "{a,{b,c}}", "c", True),
        (matches_anywhere, "[!a]", "b", True),
        (matches_anywhere, "[a-c]x", "bx", True),
        (matches_anywhere, r"\*", "*", True),
        (matches_anywhere, "{a", "a", False),
        (matches_segments, "apps/*", "apps/one", True),
        (matches_segments, "apps/*", "apps/one/two", False),
        (matches_segments, "apps/**", "apps/one/two", False),
        (matches_segments, r"a\*", "a*", True),
        (matches_segments, "*[.]yaml", "a.yaml", True),
        (matches_anywhere, "*.{yml,yaml}", "a.yaml", True),
        (matches_tree, "v/**/x.yaml", "v/a/b/x.yaml", True),
        (matches_tree, "v/**/x.yaml", "v/x.yaml", True),
        (matches_tree, "v/**/x.yaml", "v/ax.yaml", False),
        (matches_tree, "**/x.yaml", "x.yaml", True),
        (matches_tree, "v/*.yaml", "v/a/x.yaml", False),
        (matches_url, "https://example.com/*", "https://example.com/a", True),
        (matches_url, "https://example.com/*", "https://example.com/a/b", False),
        (matches_url, "https://example.com/**", "https://example.com/a/b", True),
        (matches_pathspec, "config", "config/a/b.json", True),
        (matches_pathspec, "config/*.json", "config/a/b.json", True),
        (matches_pathspec, "config/*.json", "config/a/b.yaml", False),
    ],
)
def test_globs_match_as_in_go(matches: object, pattern: str, text: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert callable(matches)
    assert matches(pattern, text) is wanted


@given(st.text("ab.*?", max_size=8), st.text("ab.", max_size=8))
def test_stars_and_question_marks_are_those_of_every_shell(pattern: str, name: str) -> None:
    assert matches_segments(pattern, name) is fnmatchcase(name, pattern)


@pytest.mark.parametrize("pattern", ["*a" * 200, "{a,b}" * 90, "[" * 400, "{" * 400, "**/" * 160])
def test_no_pattern_takes_long(pattern: str) -> None:
    started = time.process_time()
    assert matches_anywhere(pattern, "a" * 2000 + "b") in (True, False)
    assert time.process_time() - started < 5
