"""What gpgv says is compared with what gitgate read itself, and with what gpg says of the key."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitgate.signature.armor import read_armor
from gitgate.signature.openpgp import openpgp_verifier
from gitgate.signature.packets import SignaturePacket, read_certificate, read_signature
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure
from tests.support.keys import ALWAYS_GOOD, SigningKeys, dearmor, payload


def judge(keys: SigningKeys, name: str, signature: bytes) -> set[Code]:
    packet = read_signature(dearmor(signature))
    assert isinstance(packet, SignaturePacket)
    with openpgp_verifier([read_certificate(keys.gpg[name].public)]) as verifier:
        evidence = verifier.verify(payload(), packet, int(time.time()), Strength())
    return {failure.code for failure in evidence.failures}


@pytest.fixture
def gpgv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a gpgv of the test's own."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin" / "gpgv"


def write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def test_a_revoked_key_that_gpgv_calls_good(keys: SigningKeys, gpgv: Path) -> None:
    write(gpgv, ALWAYS_GOOD)
    assert judge(keys, "alice", keys.gpg["alice"].sign(payload())) == set()
    assert judge(keys, "revoked", keys.signed_before_revocation) == {Code.KEY_REVOKED}


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("{packet.digest} 00", "11 00"),
        ("{packet.digest} 00", "{packet.digest} 01"),
        ("{packet.made_at}", "1"),
        ("4 0 {packet.algorithm}", "4 0 1"),
        ("VALIDSIG {packet.issuer}", "VALIDSIG " + "0" * 40),
        ("{numbers} {packet.issuer}", "{numbers} " + "0" * 40),
    ],
)
def test_gpgv_verified_something_else(keys: SigningKeys, gpgv: Path, said: str, instead: str) -> None:
    assert said in ALWAYS_GOOD
    write(gpgv, ALWAYS_GOOD.replace(said, instead))
    assert judge(keys, "alice", keys.gpg["alice"].sign(payload())) == {Code.SIG_BAD}


def test_base64_with_more_than_one_reading() -> None:
    """The last character carries bits that no byte uses: two texts, one meaning."""
    for text, canonical in ((b"AA==", True), (b"AB==", False), (b"AAA=", True), (b"AAB=", False)):
        found = read_armor(b"-----BEGIN SSH SIGNATURE-----\n" + text + b"\n-----END SSH SIGNATURE-----\n")
        assert isinstance(found, Failure) is not canonical


@pytest.mark.parametrize(
    ("numbers", "good"),
    [
        (b"\0\1\1\0\1\1", True),
        (b"\0\1\1\0\x09\1", False),
        (b"\0\1\1", False),
        (b"\0\1\1\0\1\1\0\1\1", False),
        (b"\0\1\1\0\1\1x", False),
        (b"", False),
    ],
    ids=["two", "cut-off", "one", "three", "trailing", "none"],
)
def test_a_signature_ends_with_its_numbers(numbers: bytes, *, good: bool) -> None:
    hashed = b"\x05\x02\0\0\0\1" + b"\x16\x21\4" + b"\1" * 20
    body = bytes([4, 0, 22, 8, 0, len(hashed)]) + hashed + b"\0\0" + b"ab" + numbers
    found = read_signature(b"\x88" + bytes([len(body)]) + body)
    assert isinstance(found, SignaturePacket) is good
