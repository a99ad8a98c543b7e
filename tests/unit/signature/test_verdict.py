"""Codes: each explained, each in the documentation, and none that passes by accident."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gitgate.signature.verdict import (
    ACCEPTING,
    EXPLANATIONS,
    UNDETERMINED,
    Code,
    CommitVerdict,
    Failure,
    RangeVerdict,
    in_order,
)

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "signatures.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", Code)
def test_every_code_is_explained_and_documented(code: Code) -> None:
    assert f"| `{code}` | {EXPLANATIONS[code]} |\n" in PAGE


def test_the_documented_signers_file_is_valid() -> None:
    import json

    from jsonschema import Draft202012Validator

    from gitgate import bundled

    text = PAGE.split("## Who may sign", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
    schema = json.loads(bundled.schema_file("signers-v1.json").read_bytes())
    assert not list(Draft202012Validator(schema).iter_errors(yaml.safe_load(text)))


def commit(outcome: Code, *failures: Code) -> CommitVerdict:
    return CommitVerdict(commit="1" * 40, outcome=outcome, failures=tuple(Failure(code, "") for code in failures))


@pytest.mark.parametrize("code", Code)
def test_only_accepting_codes_accept(code: Code) -> None:
    assert commit(code).accepted == (code in ACCEPTING)
    assert not commit(Code.SIGNED, code).accepted


@pytest.mark.parametrize("code", Code)
def test_any_failure_keeps_a_change_out(code: Code) -> None:
    good = commit(Code.SIGNED)
    verdict = RangeVerdict(base=None, head="1" * 40, commits_seen=1, commits=(good,))
    assert verdict.accepted
    failed = RangeVerdict(base=None, head="1" * 40, commits_seen=1, commits=(good,), failures=(Failure(code, ""),))
    assert not failed.accepted
    assert failed.undetermined == (code in UNDETERMINED)


def test_failures_come_in_a_fixed_order_and_once() -> None:
    given = [Failure(Code.THRESHOLD_UNMET, "a"), Failure(Code.SIG_BAD, "b"), Failure(Code.SIG_BAD, "b")]
    assert [failure.code for failure in in_order(given)] == [Code.SIG_BAD, Code.THRESHOLD_UNMET]
    assert commit(Code.SIGNED, Code.SIG_BAD, Code.KEY_UNKNOWN).code is Code.SIG_BAD
