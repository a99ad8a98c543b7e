"""The self-test: what the real programs pass, and what a judge that cannot be relied on fails."""

from __future__ import annotations

import pytest

from gitgate.errors import ToolError
from gitgate.signature import self_test
from gitgate.signature.commit import CommitObject, parse_commit
from gitgate.signature.judge import signature_judge
from gitgate.signature.verdict import Code, SignatureEvidence
from tests.support.keys import SigningKeys, make_signers, payload, signed
from tests.support.signature_scene import NOW


def test_the_real_judges_pass() -> None:
    self_test.self_test_openpgp()
    self_test.self_test_ssh()


@pytest.mark.parametrize("vectors", [self_test.OPENPGP_VECTORS, self_test.SSH_VECTORS], ids=["openpgp", "ssh"])
def test_each_format_has_one_good_vector_and_three_bad_ones(vectors: dict[str, frozenset[Code]]) -> None:
    assert sorted(bool(codes) for codes in vectors.values()) == [False, True, True, True]


def test_ssh_verification_that_calls_everything_good_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a broken `cryptography`: nothing here can break the real one."""
    monkeypatch.setattr(self_test, "verify_ssh", lambda *_: SignatureEvidence(verified=True))
    with pytest.raises(ToolError, match=r"SSH verification failed gitgate's self-test: ssh-other-payload\.commit was"):
        self_test.self_test_ssh()


def test_ssh_verification_that_calls_nothing_good_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitgate.signature.ssh._check", lambda *_: "no")
    with pytest.raises(ToolError, match=r"ssh-good\.commit was judged SIG_BAD"):
        self_test.self_test_ssh()


def test_an_ssh_judge_tests_itself_before_its_first_verdict(monkeypatch: pytest.MonkeyPatch, keys: SigningKeys) -> None:
    monkeypatch.setattr("gitgate.signature.ssh._check", lambda *_: None)
    commit = parse_commit(signed(payload("bob"), keys.ssh["bob"].sign(payload("bob"))))
    assert isinstance(commit, CommitObject)
    with signature_judge(make_signers(keys), NOW) as judge, pytest.raises(ToolError, match="self-test"):
        judge.judge(commit)
