"""X.509 signatures: recognised, shown, refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gitgate.signature.verdict import Code, Format, SignatureEvidence
from gitgate.signature.x509 import judge_x509


def cms(identity: str = "https://github.com/org/app/.github/workflows/release.yaml@refs/heads/main") -> bytes:
    """A detached CMS signature with a certificate like those that Fulcio issues."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    issuer = "https://token.actions.githubusercontent.com"
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anybody")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        .add_extension(
            x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), b"\x0c" + bytes([len(issuer)]) + issuer.encode()
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"payload").add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])


def only_code(evidence: SignatureEvidence) -> Code:
    (failure,) = evidence.failures
    return failure.code


def test_s2_a_certificate_that_anybody_can_have_is_shown_and_refused() -> None:
    evidence = judge_x509(cms())
    assert only_code(evidence) is Code.SIG_FORMAT_NOT_ALLOWED
    assert (evidence.format, evidence.verified, evidence.good) == (Format.X509, False, False)
    assert "workflows/release.yaml@refs/heads/main" in evidence.identity
    assert "issued by https://token.actions.githubusercontent.com" in evidence.identity
    assert "unverified" in evidence.failures[0].detail


def test_a_block_that_cannot_be_read_is_refused_without_a_name() -> None:
    for data in (b"", b"\x30", cms()[:-20], b"\xff" * 100):
        evidence = judge_x509(data)
        assert only_code(evidence) is Code.SIG_FORMAT_NOT_ALLOWED
        assert not evidence.identity


def test_a_long_identity_is_cut() -> None:
    assert len(judge_x509(cms("https://example.com/" + "a" * 5000)).identity) <= 500
