"""`gitgate verify`: a table and JSON of who signed what, by the real program on real commits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gitgate import bundled
from tests.support.cli import Ended, gitgate
from tests.support.keys import SigningKeys, commit_signed, keys, signers_document, signers_files
from tests.support.repository import RepositoryBuilder

__all__ = ["keys"]
FILES = {"app.yaml": "a: 1\n", "clusters/prod/app.yaml": "a: 1\n"}


@pytest.fixture
def shop(tmp_path: Path, keys: SigningKeys) -> RepositoryBuilder:
    builder = RepositoryBuilder(tmp_path / "shop")
    builder.commit({**signers_files(keys, signers_document(keys)), **FILES}, branch="main")
    builder.branch("change", "main")
    builder.checkout("change")
    return builder


def verify(builder: RepositoryBuilder, *arguments: str) -> Ended:
    """Run it; JSON must be as the published schema says, whatever was verified."""
    ended = gitgate("verify", *arguments, cwd=builder.path)
    if "json" in arguments and ended.stdout:
        schema = json.loads(bundled.schema_file("verification-v1.json").read_bytes())
        assert not list(Draft202012Validator(schema).iter_errors(ended.report))
    return ended


def test_the_table_says_who_signed_what_by_which_rule(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    first = commit_signed(shop, keys.gpg["carol"], {"app.yaml": "a: 2\n"})
    second = commit_signed(shop, keys.ssh["bob"], {"clusters/prod/app.yaml": "a: 2\n"})
    ended = verify(shop, "main..change")
    assert ended.code == 0, ended.stdout
    heading, *rows = ended.stdout.splitlines()
    assert heading.split() == ["commit", "verdict", "signer", "key", "author", "paths", "(rules)"]
    key = keys.ssh["bob"].fingerprint[:19]
    assert rows[0].split() == [
        second[:12],
        "SIGNED",
        "bob",
        key,
        "bob",
        "<bob@example.com>",
        "clusters/prod/app.yaml",
        "(prod)",
    ]
    assert rows[1].split()[:4] == [first[:12], "SIGNED", "carol", keys.gpg["carol"].fingerprint[-16:]]
    assert rows[1].endswith("app.yaml (default)")
    assert "\naccepted: 2 commits, 0 refused (base " in ended.stdout


def test_what_is_refused_comes_with_what_to_do(shop: RepositoryBuilder) -> None:
    commit_signed(shop, None, {"app.yaml": "a: 2\n"})
    ended = verify(shop, "main..change")
    assert ended.code == 1
    command = "gitgate explain signature/unsigned"
    assert command in " ".join(ended.stdout.split())
    assert "force-rebase" in gitgate(*command.split()[1:], cwd=shop.path).stdout


def test_json_holds_the_evidence(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    base = shop.git("rev-parse", "main")
    head = commit_signed(shop, keys.gpg["carol"], {"clusters/prod/app.yaml": "a: 2\n"})
    ended = verify(shop, "main..change", "-o", "json")
    report = ended.report
    assert (ended.code, report["exitCode"], report["verdict"]) == (1, 1, "rejected")
    assert (report["base"], report["head"]) == (base, head)
    assert report["tree"] == shop.git("rev-parse", f"{head}^{{tree}}")
    (commit,) = report["commits"]
    assert commit["principal"] == "carol"
    assert commit["signature"]["fingerprint"] == keys.gpg["carol"].fingerprint
    assert commit["paths"] == [{"path": "clusters/prod/app.yaml", "rules": ["prod"]}]
    assert [failure["rule"] for failure in commit["failures"]] == ["signature/path-not-authorized"]


def test_the_default_range_is_what_head_brings_into_the_upstream(shop: RepositoryBuilder) -> None:
    shop.ref("refs/remotes/origin/main", "main")
    commit_signed(shop, None, {"app.yaml": "a: 2\n"})
    ended = verify(shop)
    assert ended.code == 1
    assert "UNSIGNED" in ended.stdout
    assert "origin/main" in ended.stdout
    assert verify(shop, "main..").stdout.startswith(ended.stdout.splitlines()[0])


@pytest.mark.parametrize("text", ["main", "main...change", "main..change..x"])
def test_anything_but_a_range_is_refused(shop: RepositoryBuilder, text: str) -> None:
    ended = verify(shop, text)
    assert (ended.code, ended.stdout) == (2, "")
    assert "no range" in ended.stderr


def test_a_base_without_signers_is_no_pass(tmp_path: Path) -> None:
    builder = RepositoryBuilder(tmp_path / "plain")
    builder.commit(FILES, branch="main")
    builder.commit({"app.yaml": "a: 2\n"}, branch="change")
    ended = verify(builder, "main..change")
    assert (ended.code, ended.stdout) == (2, "")
    assert "demands no signatures" in ended.stderr


@pytest.mark.parametrize("text", ["main..main", "change..main", "main..change"])
def test_a_range_without_commits_is_no_pass(shop: RepositoryBuilder, text: str) -> None:
    ended = verify(shop, text)
    assert ended.code == 3
    assert "so there is nothing to verify" in ended.stderr
    assert ended.stdout == ""


def test_what_cannot_be_merged_is_no_pass(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": "a: 2\n"})
    commit_signed(shop, keys.gpg["carol"], {"app.yaml": "a: 3\n"}, branch="main")
    ended = verify(shop, "main..change")
    assert (ended.code, ended.stdout) == (3, "")
    assert "cannot be merged" in ended.stderr


def test_a_shallow_clone_is_undetermined(shop: RepositoryBuilder, keys: SigningKeys, tmp_path: Path) -> None:
    for number in range(3):
        commit_signed(shop, keys.ssh["bob"], {"app.yaml": f"b: {number}\n"})
    shallow = shop.shallow_clone(tmp_path / "shallow")
    assert verify(shallow, "origin/main..origin/change").code == 3


def test_hostile_names_are_shown_and_not_obeyed(shop: RepositoryBuilder) -> None:
    base = shop.git("rev-parse", "main")
    tree = shop.raw_tree({"\x1b[31m::error::x\n##[y].yaml": "a: 1\n"})
    raw = f"tree {tree}\nparent {base}\nauthor \u202e ##[add-mask]x <a@b> 1700000000 +0000\ncommitter c <c@d> 1700000000 +0000\n\nx\n"
    shop.branch("change", shop.write(raw, "commit"))
    for output in ("text", "json"):
        ended = verify(shop, "main..change", "-o", output)
        assert ended.code == 1
        assert not {"\x1b", "\u202e"} & set(ended.stdout)
        assert "##[" not in ended.stdout
