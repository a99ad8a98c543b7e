"""`gitgate signer`: entries that the verifier takes, and suggestions that promise nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.tree import DirectoryTree
from tests.support.cli import Ended, gitgate
from tests.support.keys import SigningKeys, commit_signed, gpg, keys, payload, signed
from tests.support.repository import RepositoryBuilder

__all__ = ["keys"]


def add(directory: Path, keys: SigningKeys, name: str, *options: str) -> Ended:
    key = keys.gpg.get(name) or keys.ssh[name]
    file = directory.parent / f"{name}.key"
    file.write_bytes(key.public)
    return gitgate("signer", "add", name, "--email", f"{name}@example.com", "--key", file, *options, cwd=directory)


def test_nothing_new_in_the_history_is_told_in_lines_that_can_be_read(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "shop")
    add(builder.path, keys, "bob")
    builder.branch("main", commit_signed(builder, keys.ssh["bob"], {"app.yaml": "a: 1\n"}, parents=()))
    builder.checkout("main")
    assert add(builder.path, keys, "alice").code == 0
    ended = gitgate("signer", "add", "--from-git", "main", cwd=builder.path)
    assert ended.code == 2
    assert "declared already" in ended.stderr
    assert "\\n" not in ended.stderr


def test_what_is_added_judges(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "shop")
    first = add(builder.path, keys, "alice")
    assert first.code == 0, first.stderr
    assert keys.gpg["alice"].fingerprint in first.stdout
    place = builder.path / SIGNERS_PATH
    place.write_text(place.read_text() + "# the end\n")
    assert add(builder.path, keys, "bob").code == 0
    assert place.read_text().endswith("# the end\n")
    signers = load_signers(DirectoryTree(builder.path))
    assert signers is not None
    assert signers.version == 1, "no version is in force yet, so that there is nothing to raise"
    assert set(signers.principals) == {"alice", "bob"}
    builder.git("add", "-A")
    builder.git("commit", "-q", "-m", "Signers")
    builder.checkout("main")
    commit_signed(builder, keys.ssh["bob"], {"app.yaml": "a: 1\n"})
    assert gitgate("verify", "main..change", cwd=builder.path).code == 0
    commit_signed(builder, keys.gpg["carol"], {"app.yaml": "a: 2\n"})
    assert gitgate("verify", "main..change", cwd=builder.path).code == 1


def test_a_platforms_list_of_keys_gives_one_file_each(tmp_path: Path, keys: SigningKeys) -> None:
    (tmp_path / "user.keys").write_bytes(keys.ssh["bob"].public + b"# a comment\n" + keys.ssh["stranger"].public)
    ended = gitgate("signer", "add", "bob", "--email", "bob@example.com", "--key", tmp_path / "user.keys", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    entry = yaml.safe_load((tmp_path / SIGNERS_PATH).read_text())["principals"]["bob"]
    assert [key["file"] for key in entry["keys"]] == ["keys/bob.pub", "keys/bob-2.pub"]


@pytest.mark.parametrize("name", ["alice", "../x", "Alice Liddell", 'a": {}'])
def test_what_cannot_be_added_changes_nothing(tmp_path: Path, keys: SigningKeys, name: str) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    assert add(shop, keys, "alice").code == 0
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    (tmp_path / "stranger.pub").write_bytes(keys.ssh["stranger"].public)
    ended = gitgate("signer", "add", name, "--email", "a@b", "--key", tmp_path / "stranger.pub", cwd=shop)
    assert ended.code == 2
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"ssh-ed25519 AAAA\n", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n", b"\xff\xfe"):
        (tmp_path / "key").write_bytes(data)
        ended = gitgate("signer", "add", "eve", "--email", "e@x", "--key", "key", cwd=tmp_path)
        assert ended.code == 2
        assert not (tmp_path / ".gitgate").exists() or not any((tmp_path / ".gitgate").rglob("*.yaml"))


def test_suggestions_name_keys_and_say_that_nothing_is_proved(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "shop")
    builder.commit({"a": "1"}, branch="main")
    commit_signed(builder, keys.ssh["bob"], {"a": "2"}, branch="main")
    commit_signed(builder, keys.gpg["alice"], {"a": "3"}, branch="main")
    commit_signed(builder, keys.gpg["mallory"], {"a": "4"}, branch="main", who="alice")
    ended = gitgate("signer", "suggest", "main", cwd=builder.path)
    assert ended.code == 0
    assert "Unproven" in ended.stdout
    entries = yaml.safe_load(ended.stdout)
    assert {entry["fingerprint"] for entry in entries} == {
        keys.ssh["bob"].fingerprint,
        keys.gpg["alice"].fingerprint,
        keys.gpg["mallory"].fingerprint,
    }


def snapshot(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and ".git/" not in str(path)}


def principals(directory: Path) -> dict[str, Any]:
    return yaml.safe_load((directory / SIGNERS_PATH).read_text())["principals"]


COMMENTED = """\
# Ours.
apiVersion: gitgate.dev/v1
kind: Signers
version: 7   # raised by hand
principals:   # people

  # zoe comes first, for she was here first
  zoe:
      emails: [zoe@example.com]
      keys:
      - {type: ssh, fingerprint: "FINGERPRINT", file: keys/zoe.pub}   # her laptop's
admins: {signers: [zoe]}
# the end
"""


@pytest.fixture
def commented(tmp_path: Path, keys: SigningKeys) -> RepositoryBuilder:
    """A repository whose signers file somebody wrote by hand, with comments, as version 7."""
    builder = RepositoryBuilder(tmp_path / "commented")
    zoe = keys.ssh["bob"]
    text = COMMENTED.replace("FINGERPRINT", zoe.fingerprint)
    builder.commit({SIGNERS_PATH: text, ".gitgate/keys/zoe.pub": zoe.public}, branch="main")
    builder.branch("change", "main")
    builder.checkout("change")
    return builder


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_comments_and_order_stay_and_the_version_rises_once(
    commented: RepositoryBuilder, keys: SigningKeys, line_end: str
) -> None:
    place = commented.path / SIGNERS_PATH
    place.write_bytes(place.read_bytes().replace(b"\n", line_end.encode()))
    before = place.read_bytes().decode().splitlines()
    first = add(commented.path, keys, "alice")
    assert first.code == 0, first.stderr
    assert "version 7 → 8" in first.stdout
    second = add(commented.path, keys, "carol")
    assert "version" not in second.stdout, "both are merged together, which raises the version by one"
    after = place.read_bytes().decode().splitlines()
    kept = [line for line in after if line in before]
    assert kept == [line for line in before if not line.startswith("version")]
    assert "version: 8   # raised by hand" in after
    assert list(principals(commented.path)) == ["carol", "alice", "zoe"]
    commented.git("add", "-A")
    commented.git("commit", "-q", "-m", "Signers")
    ended = gitgate("verify", "main..change", cwd=commented.path)
    assert "POLICY_INVALID" not in ended.stdout


@pytest.mark.parametrize(
    "text",
    [
        "principals: {zoe: {}}\n",
        'version: 0x7\nprincipals:\n  zoe: {keys: []}\nadmins: {signers: ["*"]}\n',
        "not: [yaml\n",
        "version: 1\n",
    ],
)
def test_a_file_that_cannot_take_the_entry_stays_as_it_is(
    commented: RepositoryBuilder, keys: SigningKeys, text: str
) -> None:
    (commented.path / SIGNERS_PATH).write_text(f"apiVersion: gitgate.dev/v1\nkind: Signers\n{text}")
    before = snapshot(commented.path)
    assert add(commented.path, keys, "alice").code == 2
    assert snapshot(commented.path) == before


def test_a_file_in_flow_style_gets_the_entry_as_text_to_add_by_hand(
    commented: RepositoryBuilder, keys: SigningKeys
) -> None:
    place = commented.path / SIGNERS_PATH
    document = yaml.safe_load(place.read_text())
    place.write_text(yaml.safe_dump(document, default_flow_style=True))
    before = snapshot(commented.path)
    ended = add(commented.path, keys, "alice")
    assert ended.code == 2
    assert keys.gpg["alice"].fingerprint in ended.stderr
    assert snapshot(commented.path) == before


def github(tmp_path: Path, answer: object) -> Path:
    file = tmp_path / "answer.json"
    file.write_text(answer if isinstance(answer, str) else json.dumps(answer))
    return file


def test_answers_of_github_are_taken_with_the_addresses_that_it_verified(tmp_path: Path, keys: SigningKeys) -> None:
    gpg_keys = [
        {
            "id": 1,
            "key_id": "3262EFF25BA0D270",
            "raw_key": keys.gpg["alice"].public.decode(),
            "revoked": False,
            "emails": [
                {"email": "alice@example.com", "verified": True},
                {"email": "ceo@example.com", "verified": False},
            ],
        },
        {"id": 2, "raw_key": keys.gpg["mallory"].public.decode(), "revoked": True, "emails": []},
        {"id": 3, "raw_key": None, "revoked": False, "emails": []},
    ]
    file = github(tmp_path, gpg_keys)
    ended = gitgate("signer", "add", "alice", "--github-user", file, cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert "key 2 of answer.json is left out: it is revoked" in ended.stdout
    assert "key 3 of answer.json is left out" in ended.stdout
    entry = principals(tmp_path)["alice"]
    assert entry["emails"] == ["alice@example.com"]
    assert [key["fingerprint"] for key in entry["keys"]] == [keys.gpg["alice"].fingerprint]
    ssh = github(tmp_path, [{"id": 9, "key": keys.ssh["bob"].public.decode().strip(), "title": "laptop"}])
    nobody = gitgate("signer", "add", "bob", "--github-user", ssh, cwd=tmp_path)
    assert (nobody.code, "--email" in nobody.stderr) == (2, True)
    ended = gitgate("signer", "add", "bob", "--github-user", ssh, "--email", "bob@example.com", cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert principals(tmp_path)["bob"]["keys"][0]["fingerprint"] == keys.ssh["bob"].fingerprint


def test_a_keyring_of_several_certificates_gives_one_file_each(tmp_path: Path, keys: SigningKeys) -> None:
    """`https://github.com/USER.gpg` holds all keys of a user in one block."""
    people = [keys.gpg[name].fingerprint for name in ("alice", "carol")]
    ring = tmp_path / "user.gpg"
    ring.write_bytes(gpg(keys.home, "--armor", "--export", *people))
    ended = gitgate("signer", "add", "alice", "--email", "a@example.com", "--github-user", ring, cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    assert {key["fingerprint"] for key in principals(tmp_path)["alice"]["keys"]} == set(people)
    listed = gpg(keys.home, "--show-keys", "--with-colons", stdin=(tmp_path / ".gitgate/keys/alice-2.asc").read_bytes())
    assert listed.count(b"pub:") == 1
    ring.write_bytes(gpg(keys.home, "--export", people[0]))
    (tmp_path / "other").mkdir()
    binary = gitgate("signer", "add", "alice", "--email", "a@x", "--key", ring, cwd=tmp_path / "other")
    assert binary.code == 0, binary.stderr


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        '{"message": "Not Found"}',
        "[" * 100_000,
        "[1]",
        '[{"key": 1}]',
        '[{"key": "ssh-ed25519 AAAA"}]',
        '[{"raw_key": null}]',
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nNote: no keys\n\n\n=twTO\n-----END PGP PUBLIC KEY BLOCK-----\n",
        "",
    ],
)
def test_an_answer_without_a_key_changes_nothing(tmp_path: Path, answer: str) -> None:
    ended = gitgate(
        "signer", "add", "eve", "--email", "e@example.com", "--github-user", github(tmp_path, answer), cwd=tmp_path
    )
    assert ended.code == 2
    assert not (tmp_path / ".gitgate").exists()


@pytest.fixture
def history(commented: RepositoryBuilder, keys: SigningKeys) -> RepositoryBuilder:
    """Commits by bob (declared), a stranger, alice, and one in alice's name that somebody else signed."""
    commit_signed(commented, keys.ssh["bob"], {"a": "1"})
    commit_signed(commented, keys.ssh["stranger"], {"a": "2"})
    commit_signed(commented, keys.ssh["deploy"], {"a": "3"}, who="alice")
    commit_signed(commented, keys.gpg["alice"], {"a": "4"})
    commit_signed(commented, keys.gpg["carol"], {"a": "5"}, who="evil,\u202e")
    commented.commit({"a": "6"}, branch="change")
    return commented


def test_whom_the_history_shows_is_entered_as_unproven_and_signs_nothing(
    history: RepositoryBuilder, keys: SigningKeys
) -> None:
    ended = gitgate("signer", "add", "--from-git", "change", cwd=history.path)
    assert ended.code == 0, ended.stderr
    assert f"left out: ssh {keys.ssh['bob'].fingerprint}, 1 commit as bob" in ended.stdout
    assert f"left out: openpgp {keys.gpg['alice'].fingerprint}" in ended.stdout
    entered = principals(history.path)
    assert sorted(entered) == ["alice", "stranger", "zoe"]
    assert entered["stranger"]["unproven"] is True
    assert entered["alice"]["keys"][0]["fingerprint"] == keys.ssh["deploy"].fingerprint
    assert "version 7 → 8" in ended.stdout
    history.git("add", "-A")
    history.git("commit", "-q", "-m", "Signers")
    history.branch("main", "HEAD")
    history.checkout("main")
    commit_signed(history, keys.ssh["stranger"], {"b": "1"}, branch="new", parents=(history.git("rev-parse", "HEAD"),))
    refused = gitgate("verify", "main..new", cwd=history.path)
    assert refused.code == 1
    assert "KEY_NOT_AUTHORIZED" in refused.stdout
    wrong = gitgate("signer", "confirm", "stranger", keys.ssh["bob"].fingerprint, cwd=history.path)
    assert (wrong.code, principals(history.path)["stranger"].get("unproven")) == (2, True)
    confirmed = gitgate("signer", "confirm", "stranger", keys.ssh["stranger"].fingerprint, cwd=history.path)
    assert confirmed.code == 0, confirmed.stderr
    assert "unproven" not in principals(history.path)["stranger"]
    assert "# zoe comes first" in (history.path / SIGNERS_PATH).read_text()
    again = gitgate("signer", "confirm", "stranger", keys.ssh["stranger"].fingerprint, cwd=history.path)
    assert again.code == 2
    history.git("add", "-A")
    history.git("commit", "-q", "-m", "Confirm")
    commit_signed(history, keys.ssh["stranger"], {"b": "1"}, branch="new", parents=(history.git("rev-parse", "HEAD"),))
    assert gitgate("verify", "main..new", cwd=history.path).code == 0


def test_certificates_for_the_histories_openpgp_signatures_are_given_as_files(
    history: RepositoryBuilder, keys: SigningKeys, tmp_path: Path
) -> None:
    ring = tmp_path / "team.asc"
    ring.write_bytes(
        gpg(keys.home, "--armor", "--export", *(keys.gpg[name].fingerprint for name in ("alice", "carol")))
    )
    ended = gitgate("signer", "add", "--from-git", "change", "--key", ring, cwd=history.path)
    assert ended.code == 0, ended.stderr
    entered = principals(history.path)
    fingerprints = {key["fingerprint"] for key in entered["alice"]["keys"]}
    assert fingerprints == {keys.ssh["deploy"].fingerprint, keys.gpg["alice"].fingerprint}, "both signed as alice"
    assert "its committer has no usable address" in ended.stdout
    assert "\u202e" not in ended.stdout


def test_an_ssh_signature_that_its_key_did_not_make_enters_nobody(
    commented: RepositoryBuilder, keys: SigningKeys
) -> None:
    plain = payload("stranger", tree=commented.git("rev-parse", "main^{tree}"))
    forged = signed(plain, keys.ssh["stranger"].sign(plain + b"other"))
    commented.branch("forged", commented.write(forged, "commit"))
    before = snapshot(commented.path)
    ended = gitgate("signer", "add", "--from-git", "forged", cwd=commented.path)
    assert (ended.code, snapshot(commented.path)) == (2, before)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from-git", "HEAD", "alice"],
        ["--from-git", "HEAD", "--email", "a@b"],
        ["--from-git", "HEAD", "--bot"],
        ["--from-git", "no-such-branch"],
        ["alice"],
        ["alice", "--email", "a@b"],
        [],
        ["alice", "--email", "a@b", "--key", "no-such-file"],
    ],
)
def test_arguments_that_make_no_sense_change_nothing(commented: RepositoryBuilder, arguments: list[str]) -> None:
    before = snapshot(commented.path)
    ended = gitgate("signer", "add", *arguments, cwd=commented.path)
    assert ended.code in {2, 3}
    assert ended.stderr.startswith("gitgate: ")
    assert snapshot(commented.path) == before


def test_the_history_administers_nothing(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "shop")
    commit_signed(builder, keys.ssh["bob"], {"a": "1"}, branch="main")
    ended = gitgate("signer", "add", "--from-git", "main", cwd=builder.path)
    assert ended.code == 2
    assert "gitgate signer add NAME" in ended.stderr


def test_a_platforms_key_is_pointed_to_platform_keys_and_entered_as_nobody(tmp_path: Path, keys: SigningKeys) -> None:
    """Everybody who is logged in signs with it, so a principal of that name could be anybody."""
    builder = RepositoryBuilder(tmp_path / "r")
    base = builder.commit({"app.yaml": "a: 1\n"}, branch="main")
    plain = payload("alice", tree=builder.git("rev-parse", "main^{tree}"), parents=(base,))
    plain = plain.replace(b"alice@example.com", b"noreply@github.com")
    builder.branch("main", builder.write(signed(plain, keys.ssh["bob"].sign(plain)), "commit"))
    suggested = gitgate("signer", "suggest", cwd=builder.path).stdout
    assert "declare it under platformKeys" in suggested
    (tmp_path / "me.asc").write_bytes(keys.gpg["alice"].public)
    arguments = ("alice", "--email", "alice@example.com", "--key", str(tmp_path / "me.asc"))
    assert gitgate("signer", "add", *arguments, cwd=builder.path).code == 0
    ended = gitgate("signer", "add", "--from-git", "main", cwd=builder.path)
    assert ended.code == 2
    assert "declare it under platformKeys" in ended.stderr
    assert keys.ssh["bob"].fingerprint not in (builder.path / ".gitgate" / "signers.yaml").read_text()
