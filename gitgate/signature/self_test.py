"""Known vectors, of each format a good commit and bad ones, that must be judged as expected before any verdict counts.

A gpgv on PATH that merely prints good news fails the bad ones, and so does a damaged installation of `cryptography`.
The vectors are made by tools/make_signature_vectors.py, with keys that were thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from types import MappingProxyType

from gitgate.errors import ToolError
from gitgate.signature.armor import read_armor
from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.commit import parse_commit
from gitgate.signature.openpgp import REMEDY, CertificateError, openpgp_verifier
from gitgate.signature.packets import read_certificate, read_signature
from gitgate.signature.ssh import read_ssh_signature, verify_ssh
from gitgate.signature.ssh_wire import read_key_line
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, SignatureEvidence

OPENPGP_VECTORS: Mapping[str, frozenset[Code]] = MappingProxyType(
    {
        "good.commit": frozenset(),
        "other-payload.commit": frozenset({Code.SIG_BAD}),
        "other-signature.commit": frozenset({Code.SIG_BAD}),
        "revoked-key.commit": frozenset({Code.KEY_REVOKED}),
    }
)
"""File and the codes it must give, all of them."""
SSH_VECTORS: Mapping[str, frozenset[Code]] = MappingProxyType(
    {
        "ssh-good.commit": frozenset(),
        "ssh-other-payload.commit": frozenset({Code.SIG_BAD}),
        "ssh-other-signature.commit": frozenset({Code.SIG_BAD}),
        "ssh-other-namespace.commit": frozenset({Code.SIG_CLASS}),
    }
)
"""As `OPENPGP_VECTORS`."""
_OPENPGP_KEYS = ("good.asc", "revoked.asc")
_SSH_KEY = "ssh-good.pub"
_REINSTALL = "install gitgate again"

Verify = Callable[[bytes, bytes], SignatureEvidence | Failure]
"""A payload and the bytes of its signature, out of their armor."""


def self_test_openpgp() -> None:
    """Judge the vectors with the gpg and gpgv that will judge the change.

    Raises:
        ToolError: One of them was judged wrongly.
    """
    now = int(BUILD_TIME.timestamp())
    try:
        with openpgp_verifier([read_certificate(_read(name)) for name in _OPENPGP_KEYS]) as verifier:

            def verify(payload: bytes, data: bytes) -> SignatureEvidence | Failure:
                packet = read_signature(data)
                return packet if isinstance(packet, Failure) else verifier.verify(payload, packet, now, Strength())

            _judge_all(OPENPGP_VECTORS, verify, "gpgv", REMEDY)
    except CertificateError as error:
        raise ToolError(f"gpg failed gitgate's self-test: {error}", remedy=REMEDY) from error


def self_test_ssh() -> None:
    """Judge the vectors with the library that will judge the change.

    Raises:
        ToolError: One of them was judged wrongly.
    """
    key = read_key_line(_read(_SSH_KEY).decode())

    def verify(payload: bytes, data: bytes) -> SignatureEvidence | Failure:
        signature = read_ssh_signature(data)
        if isinstance(signature, Failure):
            return signature
        return verify_ssh(payload, signature, {key.fingerprint: key}, Strength())

    _judge_all(SSH_VECTORS, verify, "SSH verification", _REINSTALL)


def _judge_all(vectors: Mapping[str, frozenset[Code]], verify: Verify, judge: str, remedy: str) -> None:
    for name, expected in vectors.items():
        commit = parse_commit(_read(name))
        armored = commit if isinstance(commit, Failure) else read_armor(commit.signature or b"")
        if isinstance(commit, Failure) or isinstance(armored, Failure):
            raise ToolError("the vectors of gitgate's self-test are damaged", remedy=_REINSTALL)
        evidence = verify(commit.payload, armored.data)
        failures = (evidence,) if isinstance(evidence, Failure) else evidence.failures
        found = frozenset(failure.code for failure in failures)
        good = isinstance(evidence, SignatureEvidence) and evidence.good
        if found != expected or good == bool(expected):
            said = ", ".join(sorted(found)) or "good"
            raise ToolError(f"{judge} failed gitgate's self-test: {name} was judged {said}", remedy=remedy)


def _read(name: str) -> bytes:
    return (files("gitgate.signature") / "vectors" / name).read_bytes()
