"""The policies that gitgate ships: every example, and what each must have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from gitgate.policy.cel import Engine
from gitgate.policy.definition import Action, read_bindings, read_policies
from gitgate.policy.files import bundled_names, read_bundled
from gitgate.policy_cases import Case, CaseRunner, bundled_cases
from gitgate.policy_page import describe
from tools.policy_pages import DIRECTORY, SETS, pages
from tools.rule_pages import differences

CASES = [(name, case) for name in SETS for case in bundled_cases(name)]


@pytest.fixture(scope="module")
def runners() -> Iterator[dict[str, CaseRunner]]:
    with Engine() as engine:
        yield {name: CaseRunner(engine, read_bundled(name)) for name in SETS}


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{case.policy}: {case.title}" for _, case in CASES])
def test_an_example(runners, name: str, case: Case) -> None:
    result = runners[name].run(case)
    assert (result.actual, result.messages if result.actual == "error" else ()) == (case.expected, ())


@pytest.mark.parametrize("name", SETS)
def test_every_policy_has_good_and_bad_examples(name) -> None:
    expected = defaultdict(set)
    for case in bundled_cases(name):
        expected[case.policy].add("good" if case.expected == "allow" else "bad")
    assert expected == {policy.name: {"good", "bad"} for policy in read_policies(read_bundled(name))}


@pytest.mark.parametrize("name", bundled_names())
def test_every_policy_says_what_it_is_and_is_bound_once(name) -> None:
    resources = read_bundled(name)
    policies, bindings = list(read_policies(resources)), tuple(read_bindings(resources))
    assert sorted(binding.policy for binding in bindings) == sorted(policy.name for policy in policies)
    for described in describe(policies, bindings):
        words = {key: described.told(key) for key in ("id", "title", "severity", "what", "why", "fix")}
        assert all(words.values()), described.policy.name
        (binding,) = described.bindings
        assert {Action.DENY: "error", Action.WARN: "warning"}[next(iter(binding.actions))] == words["severity"]
        assert words["id"].startswith(described.policy.resource.data["metadata"]["labels"]["gitgate.dev/set"] + "/")
        assert described.policy.defects == ()
        assert len(described.policy.name) <= 63


def test_every_shipped_set_but_the_old_standards_has_pages() -> None:
    assert [name for name in bundled_names() if "-v1." not in name] == sorted(SETS)


def test_the_pages_are_up_to_date() -> None:
    assert differences(DIRECTORY, pages()) == []


def test_best_practice_blocks_nothing() -> None:
    actions = {action for binding in read_bindings(read_bundled("best-practice")) for action in binding.actions}
    assert actions == {Action.WARN}
