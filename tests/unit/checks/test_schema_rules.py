"""The rules of the schema check are complete, well formed and cover every code that the engines can give."""

from __future__ import annotations

import re

import pytest

from gitgate.checks.schema_rules import SCHEMA_RULE_LIST, SCHEMA_RULES
from gitgate.finding import Rule

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_REFERENCE = re.compile(r"https://[a-z0-9.-]+\.[a-z]{2,}/[\w./#%~()-]*\Z")

every_rule = pytest.mark.parametrize("rule", SCHEMA_RULE_LIST, ids=[rule.id for rule in SCHEMA_RULE_LIST])


def test_ids_are_unique_and_sorted() -> None:
    ids = [rule.id for rule in SCHEMA_RULE_LIST]
    assert ids == sorted(set(ids))


def test_the_mapping_holds_every_rule_under_its_code() -> None:
    assert {f"schema/{code}": rule for code, rule in SCHEMA_RULES.items()} == {
        rule.id: rule for rule in SCHEMA_RULE_LIST
    }


@every_rule
def test_the_id_is_a_kebab_case_code_of_the_schema_check(rule: Rule) -> None:
    assert rule.check == "schema"
    assert _CODE.match(rule.id.removeprefix("schema/"))


@every_rule
def test_what_why_and_remedy_are_short_sentences(rule: Rule) -> None:
    for text in (rule.what, rule.why, rule.remedy):
        assert text.endswith(".")
        assert text == " ".join(text.split())
        assert text[0].isupper() or text[0] == "`" or text.startswith(("kubectl", "kustomize", "apiVersion"))
        assert 20 <= len(text) <= 320


@every_rule
def test_the_title_is_a_short_phrase(rule: Rule) -> None:
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert len(rule.title) <= 64


@every_rule
def test_a_bad_example_comes_with_its_repair(rule: Rule) -> None:
    assert bool(rule.bad) == bool(rule.good)
    assert rule.bad == "" or rule.bad != rule.good
    for text in (rule.bad, rule.good):
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))


@every_rule
def test_every_rule_can_be_checked_against_a_public_source(rule: Rule) -> None:
    assert rule.references
    for reference in rule.references:
        assert _REFERENCE.match(reference), reference
