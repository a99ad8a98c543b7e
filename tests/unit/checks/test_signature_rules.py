"""The rules of the signature check are complete, well formed and cover every code that a commit can be refused for."""

from __future__ import annotations

import re

import pytest

from gitgate.checks.signature_rules import SIGNATURE_RULE_LIST, SIGNATURE_RULES
from gitgate.finding import Rule, Severity
from gitgate.signature.agents import Method
from gitgate.signature.verdict import ACCEPTING, UNDETERMINED, Code

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_REFERENCE = re.compile(r"https://[a-z0-9.-]+\.[a-z]{2,}/[\w./#%~()-]*\Z")
OWN = frozenset({"gate-changed", "signers-changed", *(f"agent-will-refuse-{method}" for method in Method)})
"""Rules of the check that are no codes of a verdict."""

every_rule = pytest.mark.parametrize("rule", SIGNATURE_RULE_LIST, ids=[rule.id for rule in SIGNATURE_RULE_LIST])


def test_every_code_that_refuses_a_change_has_a_rule_and_no_other_has() -> None:
    refusing = set(Code) - ACCEPTING - UNDETERMINED - {Code.WAIVER_EXPIRED}
    assert {code.value.lower().replace("_", "-") for code in refusing} == set(SIGNATURE_RULES) - OWN


def test_ids_are_unique_and_sorted() -> None:
    ids = [rule.id for rule in SIGNATURE_RULE_LIST]
    assert ids == sorted(set(ids))
    assert [f"signature/{name}" for name in SIGNATURE_RULES] == ids


@every_rule
def test_whatever_refuses_a_change_is_an_error(rule: Rule) -> None:
    assert rule.check == "signature"
    name = rule.id.removeprefix("signature/")
    assert _NAME.match(name)
    assert (rule.severity is Severity.ERROR) == (name not in OWN)


@every_rule
def test_what_why_and_remedy_are_short_sentences(rule: Rule) -> None:
    for text in (rule.what, rule.why, rule.remedy):
        assert text.endswith(".")
        assert text == " ".join(text.split())
        assert text[0].isupper() or text[0] == "`"
        assert 20 <= len(text) <= 320
    assert rule.title[0].isupper()
    assert len(rule.title) <= 64


@every_rule
def test_every_rule_can_be_checked_against_a_public_source(rule: Rule) -> None:
    assert rule.references
    for reference in rule.references:
        assert _REFERENCE.match(reference), reference
