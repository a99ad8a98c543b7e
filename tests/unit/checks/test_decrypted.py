"""Secrets that a change brings into the open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import check
from tests.support.repository import RepositoryBuilder

CIPHER = "ENC[AES256_GCM,data:c2VjcmV0,iv:aXY=,tag:dGFn,type:str]"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\n  namespace: shop\nstringData:\n  word: {}\n"
STAMP = f"sops:\n  mac: {CIPHER}\n  version: 3.9.0\n"
KEPT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
SEALED = SECRET.format(CIPHER) + STAMP


def findings(directory: Path, base: str, head: str) -> list[tuple[str, str, str]]:
    repository = RepositoryBuilder(directory)
    repository.commit({"secret.yaml": base, "a.yaml": KEPT})
    repository.commit({"secret.yaml": head}, branch="change")
    report = json.loads(check(directory, "--base", "main", "--head", "change").stdout)
    return [
        (one["rule"], one["state"], one["message"]) for one in report["findings"] if one["rule"].startswith("schema/")
    ]


def test_a_secret_that_is_encrypted_no_more_is_an_error(tmp_path: Path) -> None:
    ((rule, state, message),) = findings(tmp_path, SEALED, SECRET.format("hunter2"))
    assert (rule, state) == ("schema/secret-decrypted", "new")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "head",
    [SEALED.replace("c2VjcmV0", "b3RoZXI"), SECRET.partition("stringData")[0], KEPT.replace("name: a", "name: b")],
)
def test_one_that_changes_otherwise_is_none(tmp_path: Path, head: str) -> None:
    assert findings(tmp_path, SEALED, head) == []


def test_one_that_was_readable_all_along_is_none(tmp_path: Path) -> None:
    assert findings(tmp_path, SECRET.format("hunter1"), SECRET.format("hunter2")) == []


def test_a_value_that_was_added_after_encrypting_is_named_and_not_shown(tmp_path: Path) -> None:
    ((rule, _, message),) = findings(
        tmp_path, SEALED, SEALED.replace("stringData:\n", "stringData:\n  token: hunter2\n")
    )
    assert rule == "schema/unknown-field"
    assert "stringData.token can be read" in message
    assert "hunter2" not in message
