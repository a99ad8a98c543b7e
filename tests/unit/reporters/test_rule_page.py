"""A rule's page has one shape, whoever prints it."""

from __future__ import annotations

from dataclasses import replace

from gitgate.reporters.rule_page import render_index, render_list, render_rule
from tests.support.golden import assert_golden
from tests.support.reports import RULES, UNKNOWN_FIELD, WRONG_TYPE
from tests.support.web_page import page_of


def test_page_of_a_rule():
    assert_golden("rule-page.md", render_rule(UNKNOWN_FIELD))


def test_index_of_all_rules():
    assert_golden("rule-index.md", render_index(RULES.values()))


def test_list_has_a_line_for_each_rule_in_columns():
    assert render_list(RULES.values()) == (
        "schema/deprecated-kind  warning  a kind that a later version removes\n"
        "schema/unknown-field    error    a field that the schema does not know\n"
        "schema/wrong-type       error    a value of the wrong type\n"
        "\n"
        "gitgate explain RULE says more.\n"
    )


def test_sections_without_content_are_left_out():
    assert "## Example" not in render_rule(WRONG_TYPE)
    assert "## References" not in render_rule(WRONG_TYPE)


def test_example_with_a_fence_inside_stays_one_block():
    page = page_of(render_rule(replace(UNKNOWN_FIELD, bad="a: |\n  ```\n  # not a heading\n  ```\n", good="")))
    assert page.code[-1] == "a: |\n  ```\n  # not a heading\n  ```\n"
