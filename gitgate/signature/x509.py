"""X.509 signatures (gpgsm, gitsign): recognised and shown, never accepted.

Accepting one needs an issuer, an identity and a pinned trusted root with an offline transparency bundle; without
them every holder of any certificate in the world would pass. See docs/adr/0013-x509-signatures-are-refused.md.
"""

from __future__ import annotations

from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence

_FULCIO_ISSUER = "1.3.6.1.4.1.57264.1.8"
"""OIDC issuer in a Fulcio certificate (sigstore/fulcio, docs/oid-info.md)."""


def judge_x509(data: bytes) -> SignatureEvidence:
    """Refuse a CMS signature, and say whom its certificate names as far as that can be read."""
    identity = _identity(data)
    named = f"; the certificate, unverified, names {identity}" if identity else ""
    failure = Failure(Code.SIG_FORMAT_NOT_ALLOWED, f"X.509 signatures are not accepted{named}")
    return SignatureEvidence(format=Format.X509, identity=identity, failures=(failure,))


def _identity(data: bytes) -> str:
    from cryptography import x509  # noqa: PLC0415 - 40 ms, for a rare format
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

    try:
        certificates = pkcs7.load_der_pkcs7_certificates(data)
        names: list[str] = []
        for certificate in certificates[:1]:
            names.append(certificate.subject.rfc4514_string())
            for extension in certificate.extensions:
                if isinstance(extension.value, x509.SubjectAlternativeName):
                    names += [str(name.value) for name in extension.value]
                elif extension.oid.dotted_string == _FULCIO_ISSUER:
                    raw = getattr(extension.value, "value", b"")
                    names.append("issued by " + raw[2:].decode("utf-8", "replace"))
    except Exception:  # noqa: BLE001 - a parser of hostile bytes; the signature is refused whatever it says
        return ""
    return ", ".join(name for name in names if name)[:500]
