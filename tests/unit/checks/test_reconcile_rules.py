"""The rules of the reconcile check are complete and well formed, and cover what blocks by default."""

from __future__ import annotations

import pytest

from gitgate.checks.reconcile_rules import RECONCILE_RULE_LIST, RECONCILE_RULES
from gitgate.finding import Rule, Severity

every_rule = pytest.mark.parametrize("rule", RECONCILE_RULE_LIST, ids=[rule.id for rule in RECONCILE_RULE_LIST])


def test_ids_are_unique_and_sorted() -> None:
    ids = [rule.id for rule in RECONCILE_RULE_LIST]
    assert ids == sorted(set(ids))
    assert {f"reconcile/{code}" for code in RECONCILE_RULES} == set(ids)


def test_what_blocks_by_default() -> None:
    blocking = {code for code, rule in RECONCILE_RULES.items() if rule.severity is Severity.ERROR}
    assert blocking == {
        "blocked", "dependency-cycle", "implied-deletion", "not-examined", "ownership-move", "stateful-prune",
    }  # fmt: skip


@every_rule
def test_texts_are_short_sentences(rule: Rule) -> None:
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert rule.references
    for text in (rule.what, rule.why, rule.remedy):
        assert text.endswith(".")
        assert text == " ".join(text.split())
        assert 20 <= len(text) <= 320
