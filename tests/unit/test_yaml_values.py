"""Every text of the golden file, read as kubectl reads it (tools/yaml_values.py wrote what the real programs say)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gitgate.yaml_document import YamlFile, read_yaml
from tools.yaml_values import MANIFEST

ROWS = json.loads((Path(__file__).parents[1] / "golden" / "yaml-values.json").read_text(encoding="utf-8"))
DIFFERENT_READINGS = {"yaml-ambiguous-scalar", "yaml-merge-order"}


def read(text: str) -> YamlFile:
    return read_yaml((MANIFEST + "".join(f"  {line}\n" if line else "\n" for line in text.split("\n"))).encode())


def same(ours: Any, golden: Any) -> bool:
    """Equal, with types; a number that Go prints as digits beyond int64 is the same double for us."""
    if isinstance(ours, dict) and isinstance(golden, dict):
        return ours.keys() == golden.keys() and all(same(ours[key], golden[key]) for key in ours)
    if isinstance(ours, list) and isinstance(golden, list):
        return len(ours) == len(golden) and all(map(same, ours, golden))
    if isinstance(ours, float) and isinstance(golden, int | float):
        return ours == float(golden) and not (isinstance(golden, int) and abs(golden) < 2**63 - 1024)
    return type(ours) is type(golden) and ours == golden


def test_the_table_is_large_enough() -> None:
    assert len(ROWS) >= 350
    assert sum(row["kubectl"] is None for row in ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=[row["text"] for row in ROWS])
def test_value_is_what_kubectl_reads(row: dict[str, Any]) -> None:
    file = read(row["text"])
    if row["kubectl"] is None:
        assert file.documents == ()
        assert any(problem.fatal for problem in file.problems)
    else:
        assert [problem for problem in file.problems if problem.fatal] == []
        assert same(file.documents[0].value.get("spec"), row["kubectl"]["spec"])


@pytest.mark.parametrize("row", ROWS, ids=[row["text"] for row in ROWS])
def test_ambiguity_is_reported_exactly_where_kubectl_and_kustomize_differ(row: dict[str, Any]) -> None:
    if row["kubectl"] is None:
        return  # refused, and test_value_is_what_kubectl_reads holds that
    codes = {problem.code for problem in read(row["text"]).problems}
    if row["kustomize"] is None:
        # One reads and one refuses: nothing is read in two ways, unless a merge is on top of a repeated key.
        assert not codes & DIFFERENT_READINGS or "yaml-duplicate-key" in codes
    else:
        assert bool(codes & DIFFERENT_READINGS) == (row["kubectl"] != row["kustomize"])


def test_an_ambiguous_value_is_reported_with_both_readings_and_its_place() -> None:
    file = read("v: no")
    (problem,) = file.problems
    assert problem.message == 'kubectl reads no as false, kustomize as the string "no"'
    assert problem.fix == 'Quote it: "no", or write false.'
    assert problem.path == ("spec", "v")
    assert (problem.position.line, problem.position.column) == (6, 6)
    assert not problem.fatal
