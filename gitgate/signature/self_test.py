"""Known vectors that gpgv must judge as expected before its word counts: one good commit, and bad ones.

A program on PATH that merely prints good news fails the bad ones. The vectors are made by
tools/make_signature_vectors.py, with keys that were thrown away.
"""

from __future__ import annotations

from importlib.resources import files

from gitgate.errors import ToolError
from gitgate.signature.armor import read_armor
from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.commit import parse_commit
from gitgate.signature.openpgp import REMEDY, CertificateError, OpenPgpVerifier, openpgp_verifier
from gitgate.signature.packets import read_certificate, read_signature
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, SignatureEvidence

VECTORS = (
    ("good.commit", frozenset[Code]()),
    ("other-payload.commit", frozenset({Code.SIG_BAD})),
    ("other-signature.commit", frozenset({Code.SIG_BAD})),
    ("revoked-key.commit", frozenset({Code.KEY_REVOKED})),
)
"""File and the codes it must give, all of them."""
_KEYS = ("good.asc", "revoked.asc")


def self_test() -> None:
    """Judge the vectors with the gpg and gpgv that will judge the change.

    Raises:
        ToolError: One of them was judged wrongly.
    """
    folder = files("gitgate.signature") / "vectors"
    try:
        certificates = [read_certificate((folder / name).read_bytes()) for name in _KEYS]
        with openpgp_verifier(certificates) as verifier:
            for name, expected in VECTORS:
                evidence = _judge(verifier, (folder / name).read_bytes())
                found = frozenset(failure.code for failure in evidence.failures)
                if found != expected or evidence.good != (not expected):
                    said = ", ".join(sorted(found)) or "good"
                    raise ToolError(f"gpgv failed gitgate's self-test: {name} was judged {said}", remedy=REMEDY)
    except CertificateError as error:
        raise ToolError(f"gpg failed gitgate's self-test: {error}", remedy=REMEDY) from error


def _judge(verifier: OpenPgpVerifier, raw: bytes) -> SignatureEvidence:
    commit = parse_commit(raw)
    armored = Failure(Code.COMMIT_MALFORMED, "") if isinstance(commit, Failure) else read_armor(commit.signature or b"")
    packet = armored if isinstance(armored, Failure) else read_signature(armored.data)
    if isinstance(packet, Failure) or isinstance(commit, Failure):
        raise ToolError("the vectors of gitgate's self-test are damaged", remedy="install gitgate again")
    return verifier.verify(commit.payload, packet, int(BUILD_TIME.timestamp()), Strength())
