"""Go's regular expressions keep their meaning in the validator's engine."""

from __future__ import annotations

import pytest
from jsonschema_rs import Draft202012Validator, RegexOptions

from gitgate.go_patterns import LENGTH_LIMIT, UnsupportedPatternError, translate


def matches(pattern: str, text: str) -> bool:
    return Draft202012Validator({"pattern": translate(pattern)}, pattern_options=RegexOptions()).is_valid(text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"b", ["abc"], ["xyz"]),
        (r"^[\w-.]+$", ["a-b.c", "_"], ["a b", "é"]),
        (r"[[:alpha:]]", ["a"], ["1", ":", "["]),
        (r"^[[:digit:]x]$", ["1", "x"], ["a", ":"]),
        (r"^a{,2}$", ["a{,2}"], ["aa"]),
        (r"^a{1,2}$", ["a", "aa"], ["aaa"]),
        (r"^\Qa.b\E$", ["a.b"], ["axb"]),
        (r"^\Q(", ["("], ["a"]),
        (r"^[+--]$", ["+", ",", "-"], ["."]),
        (r"^[]a]$", ["]", "a"], ["b"]),
        (r"^[^]]$", ["x"], ["]"]),
        (r"^[a&&b]$", ["a", "&", "b"], ["c"]),
        (r"^[a~~b]$", ["a", "~", "b"], ["c"]),
        (r"^[[a]$", ["[", "a"], ["b"]),
        (r"\Aab\z", ["ab"], ["xab", "abx", "ab\n"]),
        (r"^\d+$", ["12"], ["٣"]),
        (r"^[\d]$", ["1"], ["٣"]),
        (r"^\s$", [" ", "\t"], ["\x0b", "\u00a0"]),
        (r"^\S$", ["a", "\x0b"], [" "]),
        (r"^[\D]$", ["a", "é"], ["1"]),
        (r"^\pN$", ["٣"], ["a"]),
        (r"^[\pL]\p{Greek}$", ["éα"], ["1a"]),
        (r"^\x41\x{42}\103$", ["ABC"], ["abc"]),
        (r"(?i)^abc$", ["ABC"], ["x"]),
        (r"^(?P<x>a)(?<y>b)(?:c)$", ["abc"], ["a"]),
        (r"^\_\-\"\'\/$", ["_-\"'/"], ["a"]),
        (r"^.$", ["a", "é"], ["\n", "ab"]),
        (r"^a$", ["a"], ["a\n"]),
        (r"^]}$", ["]}"], ["["]),
        (r"^[a-]$", ["-", "a"], ["b"]),
        (r"^[-a]$", ["-", "a"], ["b"]),
        (r"^[\.\-\\\]]$", [".", "-", "\\", "]"], ["a"]),
        (r"^[é-ü]$", ["ë"], ["a"]),
        ("^\n$", ["\n"], ["n"]),
        (r"^(a{10}b{10}){100}$", [("a" * 10 + "b" * 10) * 100], ["a"]),
        (r"^((a{500})(b{500})){2}$", [("a" * 500 + "b" * 500) * 2], ["a"]),
        (r"^(?:a{1000}){0}(a{1000})*$", ["", "a" * 1000], ["a"]),
    ],
)
def test_a_pattern_matches_what_go_matches(pattern, yes, no):
    assert [text for text in yes if not matches(pattern, text)] == []
    assert [text for text in no if matches(pattern, text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?!a)", "(?<=a)", "(?<!x)", r"(a)\1", r"\C", r"\Z", r"\c", "\\", "[a", "[", "[a-", r"[\]", "[z-a]",
        "[[:foo:]]", "[[:^alpha:]]", "a{1001}", "a{1,99999}",
        "(a{1000}){2}", "(?:a{1,1000}){1,1000}", "((a{20})*){51}", "(x(a{20})b){51}", "(a{2}|b{501}){2}", r"\x{110000}", r"\x{d800}", "(?x)a", "(?P=n)", "a" * (LENGTH_LIMIT + 1),
    ],
)  # fmt: skip
def test_what_go_refuses_or_what_cannot_be_translated_is_refused(pattern):
    with pytest.raises(UnsupportedPatternError):
        translate(pattern)
