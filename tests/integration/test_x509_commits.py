"""Commits signed as gitsign signs them: refused by default, accepted from declared identities under pins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Ended, gitgate
from tests.support.keys import SigningKeys, keys, payload, signed, signers_document, signers_files
from tests.support.repository import RepositoryBuilder
from tests.support.x509 import (
    CA,
    IDENTITY,
    ISSUER,
    LOG_KEY,
    LOGS_FILE,
    OTHER_LOG,
    ROOT,
    ROOTS_FILE,
    STRANGER,
    Recipe,
    block,
    pem,
    public_pem,
)

__all__ = ["keys"]
NOW = ("--now", "2026-12-01T12:00:00")
PINS = {ROOTS_FILE: pem(ROOT[1]), LOGS_FILE: public_pem(LOG_KEY)}


def document(keys: SigningKeys, **key: str) -> dict[str, Any]:
    """A release bot that may change images, known by its workflow's identity."""
    value = signers_document(keys)
    entry = {"type": "x509", "issuer": ISSUER, "identity": IDENTITY, **key}
    value["principals"]["release"] = {"kind": "bot", "emails": ["release@example.com"], "keys": [entry]}
    value["rules"].append({"id": "release", "paths": ["release/*.yaml"], "signers": ["release"]})
    value["formats"] = ["openpgp", "ssh", "x509"]
    value["x509"] = {"roots": ROOTS_FILE, "logs": LOGS_FILE}
    return value


def shop(
    path: Path, keys: SigningKeys, value: dict[str, Any], pins: dict[str, bytes] | None = None
) -> RepositoryBuilder:
    builder = RepositoryBuilder(path / "shop")
    files = signers_files(keys, value, PINS if pins is None else pins)
    builder.commit({**files, "release/a.yaml": "a: 1\n", "app.yaml": "a: 1\n"}, branch="main")
    return builder


def commit(builder: RepositoryBuilder, files: dict[str, str], **ingredients: Any) -> str:
    plain = builder.commit(files, branch="change", parents=["main"])
    parent, tree = (builder.git("rev-parse", f"{plain}{end}") for end in ("^", "^{tree}"))
    unsigned = payload("release", tree=tree, parents=(parent,))
    data = signed(unsigned, block(Recipe(**{"payload": unsigned, **ingredients}).make()))
    return builder.branch("change", builder.write(data, "commit"))


def verify(builder: RepositoryBuilder, *arguments: str) -> Ended:
    return gitgate("verify", "main..change", "-o", "json", *NOW, *arguments, cwd=builder.path)


def first_code(ended: Ended) -> str:
    return ended.report["commits"][0]["code"]


def test_a_declared_workflow_may_sign_what_it_is_named_for(tmp_path: Path, keys: SigningKeys) -> None:
    builder = shop(tmp_path, keys, document(keys))
    commit(builder, {"release/a.yaml": "a: 2\n"})
    ended = verify(builder)
    assert ended.code == 0, ended
    (judged,) = ended.report["commits"]
    assert (judged["principal"], judged["code"]) == ("release", "SIGNED")
    assert judged["signature"]["primary"] == f"{ISSUER} {IDENTITY}"
    assert judged["signature"]["verified"]
    commit(builder, {"app.yaml": "a: 2\n"})
    assert first_code(verify(builder)) == "PATH_NOT_AUTHORIZED"


def test_the_code_of_each_refusal(tmp_path: Path, keys: SigningKeys) -> None:
    builder = shop(tmp_path, keys, document(keys))
    for ingredients, code in (
        ({"payload": b"other"}, "SIG_BAD"),
        ({"issuer": "https://accounts.google.com", "old_issuer": None}, "KEY_UNKNOWN"),
        ({"issued_by": STRANGER, "certificates": (STRANGER[1],)}, "KEY_UNKNOWN"),
        ({"log_key": OTHER_LOG}, "SIG_BAD"),
        ({"without_entry": True}, "SIG_FORMAT_NOT_ALLOWED"),
        ({"signers": 2}, "SIG_MULTIPLE"),
    ):
        commit(builder, {"release/a.yaml": "a: 2\n"}, **ingredients)
        ended = verify(builder)
        assert (ended.code, first_code(ended)) == (1, code), ingredients


def test_without_the_format_or_the_pins_it_is_shown_and_refused(tmp_path: Path, keys: SigningKeys) -> None:
    value = document(keys)
    value["formats"] = ["openpgp", "ssh"]
    builder = shop(tmp_path, keys, value)
    commit(builder, {"release/a.yaml": "a: 2\n"})
    ended = verify(builder)
    assert (ended.code, first_code(ended)) == (1, "SIG_FORMAT_NOT_ALLOWED")
    assert IDENTITY in ended.report["commits"][0]["failures"][0]["detail"]
    assert not ended.report["commits"][0]["principal"]


def test_the_window_in_the_signers_file_is_judged_now(tmp_path: Path, keys: SigningKeys) -> None:
    builder = shop(tmp_path, keys, document(keys, notAfter="2026-11-30"))
    commit(builder, {"release/a.yaml": "a: 2\n"})
    assert first_code(verify(builder)) == "KEY_OUT_OF_WINDOW"


@pytest.mark.parametrize(
    ("edit", "pins", "reason"),
    [
        ({"x509": None}, PINS, "needs the section x509"),
        ({"x509": {"roots": ROOTS_FILE}}, PINS, "'logs' is a required property"),
        ({}, {**PINS, ROOTS_FILE: b"x"}, "certificates of authorities"),
        ({}, {**PINS, LOGS_FILE: pem(CA[1])}, "public keys"),
        ({}, {LOGS_FILE: PINS[LOGS_FILE]}, "is not there"),
    ],
)
def test_half_a_configuration_is_refused(
    tmp_path: Path, keys: SigningKeys, edit: dict[str, Any], pins: dict[str, bytes], reason: str
) -> None:
    value = {name: each for name, each in {**document(keys), **edit}.items() if each is not None}
    builder = shop(tmp_path, keys, value, pins)
    commit(builder, {"release/a.yaml": "a: 2\n"})
    ended = verify(builder)
    assert (ended.code, ended.stdout) == (2, "")
    assert reason in ended.stderr


@pytest.mark.parametrize(
    "key", [{"file": "keys/a.asc"}, {"fingerprint": "0" * 40}, {"issuer": "http://a"}, {"identity": "a b"}]
)
def test_an_identity_is_declared_exactly(tmp_path: Path, keys: SigningKeys, key: dict[str, str]) -> None:
    builder = shop(tmp_path, keys, document(keys, **key))
    commit(builder, {"release/a.yaml": "a: 2\n"})
    assert verify(builder).code == 2


def test_other_pins_are_an_edit_of_what_judges(tmp_path: Path, keys: SigningKeys) -> None:
    value = document(keys)
    builder = shop(tmp_path, keys, value)
    before = verify(_changed(builder, {})).report["signers"]["digest"]
    ended = verify(_changed(builder, {f".gitgate/{ROOTS_FILE}": pem(STRANGER[1])}))
    assert ended.code == 1
    assert before == ended.report["signers"]["digest"]
    assert any(line.startswith("+ X.509 root: ") for line in ended.report["signersChanges"])


def _changed(builder: RepositoryBuilder, files: dict[str, Any]) -> RepositoryBuilder:
    builder.commit({**files, "release/a.yaml": "a: 3\n"}, branch="change", parents=["main"])
    return builder
