"""Variables are expanded as Flux does, which is not as a shell does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.sources.flux.envsubst import SubstitutionError, expand

VALUES = {"name": "web.example.tar.gz", "Path": "/srv/data/web", "empty": "", "size": "Abc"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("no variable, $name and a lone $", "no variable, $name and a lone $"),
        ("${name}", "web.example.tar.gz"),
        ("${unknown}", ""),
        ("a${size}b${size}c", "aAbcbAbcc"),
        ("$${name} $$", "${name} $"),
        ("$$$${name}", "$${name}"),
        ("${unknown:=x y}", "x y"),
        ("${unknown:-x}", "x"),
        ("${empty:-x}", "x"),
        ("${unknown=x}", "x"),
        ("${size:=x}", "Abc"),
        ("${unknown:=}", ""),
        ("${unknown:=${size}-${empty:=e}}", "Abc-e"),
        ("${#size}", "3"),
        ("${size,,}${size^^}${size,}${size^}", "abcABCabcAbc"),
        ("${size:1}", "bc"),
        ("${size:1:1}", "b"),
        ("${size:9}", ""),
        ("${size:x}", "Abc"),
        ("${name#*.}", "example.tar.gz"),
        ("${name##*.}", "gz"),
        ("${name%.*}", "web.example.tar"),
        ("${name%%.*}", "web"),
        ("${Path/data/log}", "/srv/log/web"),
        (r"${Path//\//-}", "-srv-data-web"),
        ("${Path/#\\/srv/x}", "x/data/web"),
        ("${Path/%web/db}", "/srv/data/db"),
        ("${name/./}", "webexample.tar.gz"),
    ],
)
def test_what_variables_become(text: str, expanded: str) -> None:
    assert expand(text, VALUES.get) == expanded


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${name", "${na.me}", "${name-x}", "${name?}", "${ name }", "${name:=x", "${name[0]}", "${x:=${y}"],
)
def test_what_flux_cannot_read_is_an_error(text: str) -> None:
    with pytest.raises(SubstitutionError):
        expand(text, VALUES.get)


@pytest.mark.parametrize("text", ["${unknown}", "${#unknown}", "${unknown^^}", "${unknown/a/b}", "${unknown#a}"])
def test_strict_demands_a_value(text: str) -> None:
    assert expand("${unknown:=x}", VALUES.get, strict=True) == "x"
    with pytest.raises(SubstitutionError, match="strict"):
        expand(text, VALUES.get, strict=True)


def test_nesting_without_end_is_refused_and_does_not_recurse_for_ever() -> None:
    with pytest.raises(SubstitutionError, match="deep"):
        expand("${a:=" * 5_000, VALUES.get)


def test_a_pattern_made_to_take_long_does_not() -> None:
    with pytest.raises(SubstitutionError, match="too long"):
        expand("${v##" + "*a" * 2_000 + "b}", {"v": "a" * 5_000}.get)


@given(st.text(alphabet="ab${}:=-/#%\\^,. \n*?01", max_size=40))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        assert isinstance(expand(text, VALUES.get), str)
    except SubstitutionError as error:
        assert str(error)


@given(st.text())
def test_escaped_text_comes_back(text: str) -> None:
    assert expand(text.replace("$", "$$"), VALUES.get) == text
