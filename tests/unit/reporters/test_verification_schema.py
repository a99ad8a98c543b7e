"""The published JSON Schema of `gitgate verify -o json` describes it, and refuses verdicts that contradict themselves."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.change import ChangedPath
from gitgate.reporters.verification import render_json
from gitgate.signature.verdict import (
    ACCEPTING,
    Code,
    CommitVerdict,
    Failure,
    Format,
    PathEvidence,
    RangeVerdict,
    SignatureEvidence,
)
from gitgate.signature.verification import Verification

SCHEMA = json.loads(bundled.schema_file("verification-v1.json").read_bytes())
BASE, HEAD, TREE = ("1" * 40, "2" * 40, "3" * 40)


def commit(outcome: Code, *failures: Code) -> CommitVerdict:
    return CommitVerdict(
        commit=HEAD,
        outcome=outcome,
        tree=TREE,
        parents=(BASE,),
        author="\u202e\udcff <a@b>",
        signature=SignatureEvidence(format=Format.OPENPGP, fingerprint="A" * 40, made_at=0, verified=True),
        principal="alice",
        paths=(PathEvidence(ChangedPath("caf\udce9.yaml", None, None), ("prod",)),),
        failures=tuple(Failure(code, "why") for code in failures),
    )


def document(*commits: CommitVerdict, **options: Any) -> dict[str, Any]:
    verified = RangeVerdict(base=BASE, head=HEAD, commits_seen=len(commits), commits=commits)
    verification = Verification(
        range=replace(verified, **options),
        base_name="main",
        head_name="HEAD",
        tree=TREE,
        signers_version=1,
        signers_digest="sha256:" + "0" * 64,
        now=datetime(2026, 12, 1, tzinfo=UTC),
    )
    return json.loads(render_json(verification))


def problems(value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(value)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_it_knows_every_code() -> None:
    assert SCHEMA["$defs"]["code"]["enum"] == [code.value for code in Code]


@pytest.mark.parametrize("code", Code)
def test_every_verdict_is_described(code: Code) -> None:
    good = code in ACCEPTING
    value = document(commit(code) if good else commit(Code.SIGNED, code))
    assert not problems(value)
    assert value["exitCode"] == (
        0 if good else 3 if code in {Code.HISTORY_INCOMPLETE, Code.TOOL_ERROR, Code.LIMIT} else 1
    )
    if not good:
        assert not problems(document(failures=(Failure(code, "why"),), policy_changes=("version 1 → 2",)))


def test_what_has_no_signature_and_no_base_is_described() -> None:
    unsigned = CommitVerdict(commit=HEAD, outcome=Code.SIGNED, failures=(Failure(Code.UNSIGNED, "why"),))
    assert not problems(document(unsigned, base=None))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exitCode", 1),
        ("verdict", "rejected"),
        ("failures", [{"code": "TOOL_ERROR", "detail": "", "rule": "signature/tool-error"}]),
        ("tree", "333"),
        ("now", "2026-12-01"),
        ("surprise", 1),
    ],
)
def test_what_contradicts_itself_is_refused(key: str, value: object) -> None:
    good = document(commit(Code.SIGNED))
    assert not problems(good)
    assert problems({**good, key: value})


def test_an_accepted_change_has_no_refused_commit() -> None:
    changed = copy.deepcopy(document(commit(Code.SIGNED)))
    changed["commits"] = document(commit(Code.SIGNED, Code.UNSIGNED))["commits"]
    assert problems(changed)
