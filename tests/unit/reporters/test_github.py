"""Annotations, read back as the runner reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitgate.finding import Finding, Severity
from gitgate.report import CheckResult, Report
from gitgate.reporters.encode import log_safe
from gitgate.reporters.github import CAP, render
from tests.support.reports import (
    ACCEPTED,
    ATTACKS,
    EXISTING,
    FIXED,
    REJECTED,
    SAMPLES,
    SUPPRESSED,
    TYPO,
    UNDETERMINED,
    hostile_report,
)
from tests.support.runner_log import commands, could_be_command


def _report(*findings: Finding) -> Report:
    return replace(REJECTED, results=(CheckResult(check="schema", findings=findings, judged={"objects": 9}),))


def test_annotation_carries_place_rule_message_field_and_fix():
    [command] = commands(render(_report(TYPO)))
    assert command.name == "error"
    assert command.properties == {
        "file": "apps/shop/deployment.yaml",
        "line": "19",
        "col": "11",
        "title": "schema/unknown-field",
    }
    assert command.data.splitlines() == [
        'unknown field "imagee"; it is "image" that containers have',
        "Deployment shop/web spec.template.spec.containers[0].imagee",
        'fix: Rename it to "image".',
    ]


@pytest.mark.parametrize("finding", [EXISTING, FIXED, SUPPRESSED])
def test_what_the_change_does_not_bring_is_not_annotated(finding: Finding):
    assert commands(render(_report(finding))) == []


def test_accepted_is_one_line():
    assert render(ACCEPTED) == "gitgate: accepted: 0 errors in 37 objects\n"


def test_undetermined_check_is_an_error_with_its_remedy():
    first = commands(render(UNDETERMINED))[0]
    assert (first.name, first.properties) == ("error", {"title": "gitgate: schema check undetermined"})
    assert first.data.endswith("\nInstall kustomize 5.0 or newer, or kubectl, and run again.")


def test_annotations_beyond_the_cap_of_the_runner_are_counted():
    findings = [replace(TYPO, severity=severity, message=f"{n:02}") for severity in Severity for n in range(CAP + 3)]
    text = render(_report(*findings))
    names = [command.name for command in commands(text)]
    assert {name: names.count(name) for name in names} == {"error": CAP, "warning": CAP, "notice": CAP}
    assert text.splitlines()[-1].endswith("; 9 more findings in the summary")


def test_no_hostile_text_adds_a_command_or_changes_a_property():
    for attack in ATTACKS:
        found = commands(render(hostile_report((attack,))))
        assert [command.name for command in found] == ["error", "error", "error", "warning"]
        assert found[2].properties == {
            "file": log_safe(attack),
            "line": "3",
            "col": "5",
            "title": "schema/unknown-field",
        }


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_that_looks_like_a_command_is_ours(name: str):
    text = render(SAMPLES[name])
    assert len(could_be_command(text)) == len(commands(text))
