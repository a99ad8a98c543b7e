"""X.509 signatures (gitsign): only from a declared identity, under pinned roots, at a time that a pinned log promised.

Without any of these every holder of any certificate in the world would pass, so without them the format is refused and
the certificate only shown. See docs/adr/0029-x509-signatures-need-a-pinned-log.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate.signature.clock import FUTURE_TOLERANCE
from gitgate.signature.cms import CmsSignature, read_cms
from gitgate.signature.rekor import LogEntry, check_promise, read_entry
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence

if TYPE_CHECKING:
    from cryptography import x509

_ISSUER = "1.3.6.1.4.1.57264.1.8"
_ISSUER_OLD = "1.3.6.1.4.1.57264.1.1"
"""OIDC issuer in a Fulcio certificate: as a DER string, and as bare text (sigstore/fulcio, docs/oid-info.md)."""
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


class CertificateFileError(ValueError):
    """The bytes are not pinned certificates or keys; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class X509Trust:
    """What X.509 signatures are judged by.

    Attributes:
        roots: Pinned certificates, DER; a way to one of them suffices.
        logs: Pinned public keys of transparency logs, DER, by the SHA-256 of each.
    """

    roots: tuple[bytes, ...] = ()
    logs: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


def key_name(issuer: str, identity: str) -> str:
    """What stands for a key where there is none that lasts: who confirmed whom."""
    return f"{issuer} {identity}"


def read_roots(data: bytes) -> tuple[bytes, ...]:
    """Read pinned certificates in PEM, DER each.

    Raises:
        CertificateFileError: One is malformed or is none of an authority, or there are none.
    """
    from cryptography import x509  # noqa: PLC0415 - 40 ms, for a rare format
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificates(data)
        for certificate in found:
            if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                raise CertificateFileError("a certificate in it is none of an authority")
    except (ValueError, x509.ExtensionNotFound) as error:
        if isinstance(error, CertificateFileError):
            raise
        raise CertificateFileError("it must hold certificates of authorities in PEM") from error
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


def read_logs(data: bytes) -> Mapping[str, bytes]:
    """Read pinned public keys of logs in PEM.

    Raises:
        CertificateFileError: One is malformed or not of an elliptic curve, or there are none.
    """
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - 40 ms, for a rare format
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    end = b"-----END PUBLIC KEY-----"
    *blocks, rest = data.split(end)
    found: dict[str, bytes] = {}
    try:
        for block in blocks:
            key = load_pem_public_key(block.strip() + b"\n" + end + b"\n")
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise CertificateFileError("a log's key must be one of an elliptic curve")
            der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            found[hashlib.sha256(der).hexdigest()] = der
    except ValueError as error:
        if isinstance(error, CertificateFileError):
            raise
        raise CertificateFileError("it must hold public keys in PEM") from error
    if not found or rest.strip():
        raise CertificateFileError("it must hold public keys in PEM and nothing else")
    return MappingProxyType(found)


def refuse_x509(data: bytes) -> SignatureEvidence:
    """Refuse a CMS signature where nobody declared what to accept, and say whom its certificate names."""
    identity = _shown(data)
    named = f"; the certificate, unverified, names {identity}" if identity else ""
    failure = Failure(Code.SIG_FORMAT_NOT_ALLOWED, f"X.509 signatures are not accepted{named}")
    return SignatureEvidence(format=Format.X509, identity=identity, failures=(failure,))


@dataclass(frozen=True, slots=True, kw_only=True)
class X509Demand:
    """All that an X.509 signature is judged by.

    Attributes:
        names: `key_name` of every declared identity.
        now: Seconds since 1970; the log's promise must not be younger.
        strength: Digests and key sizes that count.
    """

    trust: X509Trust
    names: frozenset[str]
    now: int
    strength: Strength


def verify_x509(data: bytes, payload: bytes, demand: X509Demand) -> SignatureEvidence:
    """Judge a CMS signature over `payload`."""
    signature = read_cms(data)
    if isinstance(signature, Failure):
        return SignatureEvidence(format=Format.X509, identity=_shown(data), tool="gitgate", failures=(signature,))
    evidence = SignatureEvidence(
        format=Format.X509,
        identity=_described(signature.certificate),
        tool="gitgate",
        fingerprint=hashlib.sha256(_der(signature.certificate)).hexdigest().upper(),
        digest=signature.digest,
        algorithm=signature.scheme,
    )
    if signature.log_entry is None:
        detail = "nothing in it proves when it was made: it holds no entry of a transparency log"
        return replace(evidence, failures=(Failure(Code.SIG_FORMAT_NOT_ALLOWED, detail),))
    entry = read_entry(signature.log_entry)
    if isinstance(entry, Failure):
        return replace(evidence, failures=(entry,))
    name = _name(signature.certificate)
    failures = tuple(_failures(signature, entry, payload, demand))
    if isinstance(name, Failure):
        return replace(evidence, made_at=entry.time, failures=(*failures, name))
    known = name in demand.names
    if not known:
        failures = (*failures, Failure(Code.KEY_UNKNOWN, f"nobody is declared as {name}"))
    return replace(
        evidence,
        made_at=entry.time,
        primary=name if known else "",
        verified=not failures,
        failures=failures,
    )


def _failures(signature: CmsSignature, entry: LogEntry, payload: bytes, demand: X509Demand) -> Iterator[Failure]:
    trust, now, strength = demand.trust, demand.now, demand.strength
    if signature.digest not in strength.digests:
        yield Failure(Code.SIG_DIGEST_WEAK, f"digest {signature.digest}")
    if hashlib.new(signature.digest, payload).digest() != signature.message_digest:
        yield Failure(Code.SIG_BAD, "it was made over other bytes")
    problem = _check(signature, strength)
    if problem is not None:
        yield problem
    promise = check_promise(entry, signature, trust.logs)
    if promise is not None:
        yield promise
    if entry.time > now + FUTURE_TOLERANCE:
        yield Failure(Code.SIG_FUTURE, f"logged {entry.time - now} seconds from now")
    time = datetime.fromtimestamp(entry.time, UTC)
    if time > signature.certificate.not_valid_after_utc:
        yield Failure(Code.KEY_EXPIRED, "the certificate had expired when the signature was logged")
    elif time < signature.certificate.not_valid_before_utc:
        yield Failure(Code.KEY_NOT_YET_VALID, "the signature was logged before the certificate was valid")
    else:
        yield from _chain_failures(signature, trust, time)
    yield from _purpose_failures(signature.certificate)


def _check(signature: CmsSignature, strength: Strength) -> Failure | None:
    """The mathematics: did the certificate's key sign the attributes?"""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - 40 ms
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415

    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[signature.digest]
    try:
        key = signature.certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and signature.scheme == "ecdsa":
            if key.curve.name not in _CURVES:
                return Failure(Code.SIG_ALGO_WEAK, f"curve {key.curve.name}")
            key.verify(signature.value, signature.attributes, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and signature.scheme == "rsassa_pkcs1v15":
            if key.key_size < strength.rsa_bits:
                least = strength.rsa_bits
                return Failure(Code.SIG_ALGO_WEAK, f"RSA key of {key.key_size} bits; accepted are {least} or more")
            key.verify(signature.value, signature.attributes, padding.PKCS1v15(), digest)
        else:
            return Failure(Code.SIG_ALGO_WEAK, "the certificate's key does not make signatures of this kind")
    except InvalidSignature:
        return Failure(Code.SIG_BAD, "it was made over other bytes or by another key")
    except (ValueError, UnsupportedAlgorithm) as error:
        return Failure(Code.SIG_BAD, f"it cannot be checked ({type(error).__name__})")
    return None


def _chain_failures(signature: CmsSignature, trust: X509Trust, time: datetime) -> Iterator[Failure]:
    from cryptography import x509  # noqa: PLC0415 - 40 ms
    from cryptography.x509.verification import (  # noqa: PLC0415
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    roots = [x509.load_der_x509_certificate(root) for root in trust.roots]
    # What an end certificate must say is asked in `_purpose_failures`: the defaults are for web servers and clients.
    builder = PolicyBuilder().store(Store(roots)).time(time.replace(tzinfo=None))
    builder = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
    )
    try:
        builder.build_client_verifier().verify(signature.certificate, list(signature.others))
    except (VerificationError, ValueError, TypeError) as error:
        yield Failure(Code.KEY_UNKNOWN, f"its certificate leads to no pinned root: {str(error)[:200]}")


def _purpose_failures(certificate: x509.Certificate) -> Iterator[Failure]:
    from cryptography import x509  # noqa: PLC0415 - 40 ms
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    try:
        extensions = certificate.extensions
        purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        yield Failure(Code.KEY_NOT_AUTHORIZED, "its certificate does not say what it is for")
        return
    if purposes != [ExtendedKeyUsageOID.CODE_SIGNING] or not usage.digital_signature or usage.key_cert_sign:
        yield Failure(Code.KEY_NOT_AUTHORIZED, "its certificate is not one for signing code")


def _name(certificate: x509.Certificate) -> str | Failure:
    """Who confirmed whom: `key_name` of the one identity in a certificate."""
    from cryptography import x509  # noqa: PLC0415 - 40 ms

    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        issuers = set(_issuers(certificate))
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return Failure(Code.KEY_UNKNOWN, "its certificate names nobody")
    if len(names) != 1 or not isinstance(names[0], x509.UniformResourceIdentifier | x509.RFC822Name):
        return Failure(Code.KEY_UNKNOWN, "its certificate does not name exactly one address or URI")
    if len(issuers) != 1:
        return Failure(Code.KEY_UNKNOWN, "its certificate does not name exactly one issuer of the identity")
    return key_name(issuers.pop(), names[0].value)


def _issuers(certificate: x509.Certificate) -> Iterator[str]:
    """The issuer in either form.

    Raises:
        ValueError: It is no text.
    """
    from asn1crypto import core  # type: ignore[import-untyped]  # noqa: PLC0415 - for a rare format

    for extension in certificate.extensions:
        name, raw = extension.oid.dotted_string, getattr(extension.value, "value", b"")
        if name == _ISSUER:
            yield str(core.UTF8String.load(raw, strict=True).native)
        elif name == _ISSUER_OLD:
            yield raw.decode("utf-8")


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - 40 ms

    return certificate.public_bytes(Encoding.DER)


def _shown(data: bytes) -> str:
    """Whom the certificate of a block names that is not judged; of its signer, where that can be told."""
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415 - 40 ms, for a rare format

    signature = read_cms(data)
    if isinstance(signature, CmsSignature):
        return _described(signature.certificate)
    try:
        return _described(pkcs7.load_der_pkcs7_certificates(data)[0])
    except Exception:  # noqa: BLE001 - a parser of hostile bytes; nothing is decided by what is shown
        return ""


def _described(certificate: x509.Certificate) -> str:
    from cryptography import x509  # noqa: PLC0415 - 40 ms

    try:
        names = [certificate.subject.rfc4514_string()]
        for extension in certificate.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names += [str(name.value) for name in extension.value]
        names += [f"issued by {issuer}" for issuer in sorted(set(_issuers(certificate)))]
    except Exception:  # noqa: BLE001 - as in _shown
        return ""
    return ", ".join(name for name in names if name)[:500]
