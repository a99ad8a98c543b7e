"""JSON: valid against the published schema, lossless where it can be, honest where it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft202012Validator

from gitgate.location import Location
from gitgate.report import CheckResult, Verdict
from gitgate.reporters.json_v1 import render
from tests.support.reports import ACCEPTED, REJECTED, SAMPLES, TYPO

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "report-v1.json").read_text())


def _errors(document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def test_published_schema_is_a_valid_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", SAMPLES)
def test_report_is_valid_against_the_published_schema(name: str):
    assert _errors(json.loads(render(SAMPLES[name]))) == []


def _closed(schema: Any, path: str = "") -> list[str]:
    if isinstance(schema, list):
        return [place for number, item in enumerate(schema) for place in _closed(item, f"{path}/{number}")]
    if not isinstance(schema, dict):
        return []
    found = [place for key, item in schema.items() if key != "allOf" for place in _closed(item, f"{path}/{key}")]
    if schema.get("type") == "object" and "additionalProperties" not in schema:
        found.append(path)
    return found


def test_every_object_of_the_schema_is_closed():
    assert _closed(SCHEMA) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("exitCode", 0), ("verdict", "accepted"), ("verdict", "perhaps"), ("surprise", 1), ("findings", None)],
)
def test_schema_refuses_a_report_that_contradicts_itself(key: str, value: Any):
    document = json.loads(render(REJECTED))
    document[key] = value
    assert _errors(document) != []


@pytest.mark.parametrize("verdict", Verdict)
def test_exit_code_belongs_to_the_verdict(verdict: Verdict):
    document = json.loads(render(replace(ACCEPTED, verdict=verdict)))
    assert (document["verdict"], document["exitCode"]) == (verdict.value, verdict.exit_code)


def test_path_that_is_not_utf_8_is_represented_exactly():
    path = "apps/\udcff\udc80é.yaml"
    report = replace(
        REJECTED, results=(CheckResult(check="schema", findings=(replace(TYPO, location=Location(path)),)),)
    )
    [finding] = json.loads(render(report))["findings"]
    assert finding["location"]["path"] == r"apps/\xff\x80é.yaml"
    assert unquote_to_bytes(finding["location"]["pathEncoded"]) == path.encode("utf-8", "surrogateescape")


def test_path_that_is_utf_8_has_no_second_spelling():
    assert "pathEncoded" not in json.loads(render(REJECTED))["findings"][0]["location"]


def test_excerpts_of_files_stay_out_of_the_report_that_is_kept():
    assert "registry.example.com" not in render(REJECTED)


def test_order_of_results_does_not_change_a_byte():
    [result] = REJECTED.results
    turned = replace(
        REJECTED,
        results=(
            replace(result, findings=result.findings[::-1], unjudged=dict(reversed(list(result.unjudged.items())))),
        ),
        files=dict(reversed(list(REJECTED.files.items()))),
    )
    assert render(turned) == render(REJECTED)
