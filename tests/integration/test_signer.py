"""`gitgate signer`: entries that the verifier takes, and suggestions that promise nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.tree import DirectoryTree
from tests.support.cli import Ended, gitgate
from tests.support.keys import SigningKeys, commit_signed, keys
from tests.support.repository import RepositoryBuilder

__all__ = ["keys"]


def add(directory: Path, keys: SigningKeys, name: str, *options: str) -> Ended:
    key = keys.gpg.get(name) or keys.ssh[name]
    file = directory.parent / f"{name}.key"
    file.write_bytes(key.public)
    return gitgate("signer", "add", name, "--email", f"{name}@example.com", "--key", file, *options, cwd=directory)


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
    assert signers.version == 2
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
