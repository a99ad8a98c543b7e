"""The rules of the schema check are complete, well formed and cover every code that the engines can give."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import gitgate
from gitgate.checks.schema_rules import SCHEMA_RULE_LIST, SCHEMA_RULES
from gitgate.finding import Rule

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_REFERENCE = re.compile(r"https://[a-z0-9.-]+\.[a-z]{2,}/[\w./#%~()-]*\Z")

OWN_WISHES = frozenset({"schema/rejected-kind", "schema/settings-invalid"})
"""Rules that rest on nothing but the repository's settings."""

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
        assert text[0].isupper() or text[0] == "`" or text.startswith(("kubectl", "kustomize", "gitgate"))
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
    assert bool(rule.references) != (rule.id in OWN_WISHES)
    for reference in rule.references:
        assert _REFERENCE.match(reference), reference


PACKAGE = Path(gitgate.__file__).parent
EMITTERS = (
    "gate.py",
    "yaml_*.py",
    "sources/*.py",
    "sources/flux/*.py",
    "sources/argocd/*.py",
    "schema/*.py",
    "checks/schema.py",
)
"""The modules that give codes of the schema check."""
_HYPHENATED = re.compile(r"(schema/)?[a-z][a-z0-9]*(-[a-z0-9]+)+\Z")
NO_CODES = frozenset(
    {
        "date-time",
        "flux-system",
        "in-cluster",
        "kustomize-controller",
        "path-missing",
        "test-failure",
        "test-success",
        "utf-8",
    }
)
"""Hyphenated words that the emitters use for something else."""


def words_of_the_emitters() -> set[str]:
    """Every string literal of the package that could be a code, and what f"prefix-{word}" makes of it."""
    found: set[str] = set()
    for path in (path for pattern in EMITTERS for path in PACKAGE.glob(pattern)):
        found |= _words(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _words(module: ast.Module) -> set[str]:
    nodes = list(ast.walk(module))
    formats = [node.values[0] for node in nodes if isinstance(node, ast.JoinedStr) and len(node.values) == 2]
    prefixes = {"", *(node.value for node in formats if isinstance(node, ast.Constant))}
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = set()
    for word in words:
        bare = word.removeprefix("schema/")
        codes = {f"{prefix}{bare}" for prefix in prefixes} & set(SCHEMA_RULES)
        if codes:
            found |= codes
        elif _HYPHENATED.match(word) and not word.startswith("x-"):
            found.add(bare)
    return found


def test_every_code_that_the_engines_can_give_has_a_rule() -> None:
    assert words_of_the_emitters() - NO_CODES - set(SCHEMA_RULES) == set()


def test_every_rule_is_about_something_that_the_engines_find() -> None:
    assert set(SCHEMA_RULES) - words_of_the_emitters() == set()


def test_the_list_of_words_that_are_no_codes_is_not_stale() -> None:
    assert words_of_the_emitters() >= NO_CODES
