"""One glob grammar: anchored, segment by segment, without surprises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.path_glob import compile_glob, leads_into_any, matches_any

MATCHES = [
    ("a.yaml", "a.yaml"),
    ("*.yaml", "a.yaml"),
    ("a/**", "a/b"),
    ("a/**", "a/b/c.yaml"),
    ("**", "a"),
    ("**", "a/b"),
    ("**/x.yaml", "x.yaml"),
    ("**/x.yaml", "a/b/x.yaml"),
    ("a/**/b", "a/b"),
    ("a/**/b", "a/x/y/b"),
    ("a?c", "abc"),
    (".gitgate/**", ".gitgate/settings.yaml"),
    ("a+(b).yaml", "a+(b).yaml"),
    ("a/*", "a/\nb"),
]
MISSES = [
    ("a.yaml", "b/a.yaml"),
    ("*.yaml", "b/a.yaml"),
    ("a/**", "a"),
    ("a/**", "ab/c"),
    ("A.yaml", "a.yaml"),
    ("a?c", "a/c"),
    ("a.yaml", "aXyaml"),
    ("a/*", "a/b/c"),
    ("a.yaml", "a.yaml\n"),
]


@pytest.mark.parametrize(("pattern", "path"), MATCHES)
def test_matches(pattern, path) -> None:
    assert compile_glob(pattern).match(path)


@pytest.mark.parametrize(("pattern", "path"), MISSES)
def test_does_not_match(pattern, path) -> None:
    assert not compile_glob(pattern).match(path)


@pytest.mark.parametrize("pattern", ["", "/a", "a/", "a//b", "../a", "a/./b", "a**", "**a/b"])
def test_a_pattern_that_could_mean_two_things_is_refused(pattern) -> None:
    with pytest.raises(ValueError, match=r"segment|whole"):
        compile_glob(pattern)


segments = st.text(st.characters(blacklist_characters="/*?", blacklist_categories=["Cs"]), min_size=1, max_size=5)
paths = st.lists(segments.filter(lambda text: text not in {".", ".."}), min_size=1, max_size=5).map("/".join)


@given(paths)
def test_a_path_without_wildcards_matches_itself_and_nothing_longer(path) -> None:
    assert compile_glob(path).match(path)
    assert not compile_glob(path).match(path + "x")
    assert not compile_glob(path).match("x/" + path)
    assert matches_any([path], path)
    assert not matches_any([], path)


@given(paths)
def test_two_stars_match_every_path(path) -> None:
    assert compile_glob("**").match(path)
    assert compile_glob("**/" + path).match(path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a/b/**", "a", True),
        ("a/b/**", "a/b", True),
        ("a/b/**", "a/b/c", False),
        ("a/b/**", "b", False),
        ("a/*/c.yaml", "a/x", True),
        ("a/*/c.yaml", "a/x/c.yaml", False),
        ("a/**/c/*.yaml", "a/x/y/c", True),
        ("a/**/c/*.yaml", "a/x/y", False),
        ("**/c.yaml", "x", False),
        ("c.yaml", "c.yaml", False),
    ],
)
def test_which_directories_a_pattern_names_on_its_way(pattern: str, path: str, *, expected: bool) -> None:
    assert leads_into_any([pattern], path) is expected
