"""Bad input about signatures through the command line: the exit code, the reason, and never a pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.packets import packets_of, read_certificate
from tests.support.cli import gitgate
from tests.support.keys import SigningKeys, commit_signed, keys, payload, signed, signers_document, signers_files
from tests.support.repository import RepositoryBuilder

__all__ = ["keys"]
SIGNERS = ".gitgate/signers.yaml"


def make(path: Path, keys: SigningKeys, extra: dict[str, Any] | None = None) -> RepositoryBuilder:
    builder = RepositoryBuilder(path)
    builder.commit(
        {**signers_files(keys, signers_document(keys)), "app.yaml": "a: 1\n", **(extra or {})}, branch="main"
    )
    builder.branch("change", "main")
    commit_signed(builder, keys.gpg["carol"], {"app.yaml": "a: 2\n"})
    return builder


def bare_certificate(keys: SigningKeys) -> dict[str, Any]:
    """A key with the right fingerprint that nothing makes a certificate of."""
    (_, body), *_ = packets_of(read_certificate(keys.gpg["alice"].public).raw)
    return {f".gitgate/{keys.gpg['alice'].file}": bytes([0x98, len(body)]) + body}


def two_certificates(keys: SigningKeys) -> dict[str, Any]:
    return {f".gitgate/{keys.gpg['alice'].file}": keys.gpg["alice"].public + keys.gpg["mallory"].public}


@pytest.mark.parametrize(
    ("extra", "code", "reason"),
    [
        (lambda keys: {SIGNERS: "apiVersion: [\n"}, 2, "signers.yaml"),
        (lambda keys: {SIGNERS: b"\xff\xfe\x00"}, 2, "signers.yaml"),
        (lambda keys: {SIGNERS: ""}, 2, "signers.yaml"),
        (two_certificates, 2, "exactly one"),
        (bare_certificate, 2, "does not accept the certificate"),
        (lambda keys: {f".gitgate/{keys.gpg['alice'].file}": b""}, 2, "it is empty"),
        (lambda keys: {SIGNERS: yaml.safe_dump({**signers_document(keys), "principals": {}})}, 2, "principals"),
    ],
    ids=["no-yaml", "no-text", "empty-file", "two-certificates", "bare-certificate", "empty-keyring", "no-principals"],
)
def test_signers_that_cannot_judge(
    tmp_path: Path, keys: SigningKeys, extra: Callable[[SigningKeys], dict[str, Any]], code: int, reason: str
) -> None:
    builder = make(tmp_path / "r", keys, extra(keys))
    for command in (("verify", "main..change"), ("check", "--base", "main", "--head", "change")):
        ended = gitgate(*command, cwd=builder.path)
        assert ended.code == code, (command, ended)
        assert reason in " ".join((ended.stdout + ended.stderr).split())
        assert "Traceback" not in ended.stderr


def fake(directory: Path, name: str, text: str) -> dict[str, str]:
    directory.mkdir()
    program = directory / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"PATH": f"{directory}:/usr/local/bin:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kill -9 $$", "TOOL_ERROR"),
        ("printf '[GNUPG:] NEWSIG\\n[GNUPG:] GOODSIG 0 x\\n'; exit 0", "self-test"),
        ("cat >/dev/null; exit 0", "self-test"),
        ('/usr/bin/gpgv "$@"; kill -9 $$', "TOOL_ERROR"),
    ],
    ids=["killed", "says-good-to-all", "says-nothing", "killed-after-its-word"],
)
def test_a_gpgv_that_cannot_be_relied_on_ends_with_3(tmp_path: Path, keys: SigningKeys, text: str, reason: str) -> None:
    builder = make(tmp_path / "r", keys)
    environment = fake(tmp_path / "bin", "gpgv", text)
    ended = gitgate("verify", "main..change", cwd=builder.path, environment=environment)
    assert ended.code == 3, ended
    assert reason in " ".join((ended.stdout + ended.stderr).split())
    assert "\naccepted" not in ended.stdout


def test_a_gpgv_that_dies_in_the_middle_of_the_range_ends_with_3(tmp_path: Path, keys: SigningKeys) -> None:
    builder = make(tmp_path / "r", keys)
    for number in range(6):
        commit_signed(builder, keys.gpg["carol"], {"app.yaml": f"b: {number}\n"})
    count = tmp_path / "count"
    text = f'echo x >> {count}; [ "$(wc -l < {count})" -gt 7 ] && kill -9 $$; exec /usr/bin/gpgv "$@"'
    ended = gitgate("verify", "main..change", cwd=builder.path, environment=fake(tmp_path / "bin", "gpgv", text))
    assert ended.code == 3, ended
    assert "TOOL_ERROR" in ended.stdout
    assert len(count.read_text().splitlines()) > 7, "it lived through the self-test"


@pytest.mark.parametrize("survived", range(6))
def test_a_gpg_that_dies_while_it_reads_the_keys_ends_with_3(tmp_path: Path, keys: SigningKeys, survived: int) -> None:
    """It is started three times for the self-test and three times for the signers: version, import, list."""
    builder = make(tmp_path / "r", keys)
    count = tmp_path / "count"
    text = f'echo x >> {count}; [ "$(wc -l < {count})" -gt {survived} ] && kill -9 $$; exec /usr/bin/gpg "$@"'
    ended = gitgate("verify", "main..change", cwd=builder.path, environment=fake(tmp_path / "bin", "gpg", text))
    assert ended.code == 3, ended
    assert "does not accept the certificate" not in ended.stdout + ended.stderr
    assert len(count.read_text().splitlines()) > survived


def test_a_missing_gpg_ends_with_3(tmp_path: Path, keys: SigningKeys) -> None:
    builder = make(tmp_path / "r", keys)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to("/usr/bin/git")
    ended = gitgate("verify", "main..change", cwd=builder.path, environment={"PATH": str(tmp_path / "bin")})
    assert ended.code == 3, ended
    assert "gpg" in ended.stdout + ended.stderr


def test_a_clock_before_the_release_ends_with_3(tmp_path: Path, keys: SigningKeys) -> None:
    builder = make(tmp_path / "r", keys)
    early = (BUILD_TIME - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    ended = gitgate("verify", "main..change", "--now", early, cwd=builder.path)
    assert ended.code == 3, ended
    assert "before this release" in " ".join(ended.stdout.split())


@pytest.mark.parametrize(
    ("armor", "code"),
    [
        (b"-----BEGIN PGP SIGNATURE-----\n\n\x1b]0;x\x07\n-----END PGP SIGNATURE-----\n", "SIG_MALFORMED"),
        (b"-----BEGIN PGP SIGNATURE-----\n\n/////w==\n-----END PGP SIGNATURE-----\n", "SIG_MALFORMED"),
        (b"-----BEGIN ::error::x-----\n", "SIG_MALFORMED"),
        (b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n", "SIG_MALFORMED"),
        (b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n", "SIG_MALFORMED"),
        (b"A" * 70_000 + b"\n", "SIG_MALFORMED"),
    ],
)
def test_hostile_armor_is_refused_and_not_obeyed(tmp_path: Path, keys: SigningKeys, armor: bytes, code: str) -> None:
    builder = make(tmp_path / "r", keys)
    tree, base = builder.git("rev-parse", "main^{tree}"), builder.git("rev-parse", "change")
    raw = signed(payload("carol", tree=tree, parents=(base,)), armor)
    builder.branch("change", builder.write(raw, "commit"))
    ended = gitgate("verify", "main..change", cwd=builder.path)
    assert ended.code == 1, ended
    assert code in ended.stdout
    assert "\n::error" not in ended.stdout
    assert "\x1b" not in ended.stdout
