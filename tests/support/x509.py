"""X.509 signatures made at test time as Fulcio, Rekor and gitsign make them, each ingredient replaceable.

Recipe(payload=unsigned).make()          # the CMS block over a commit
block(Recipe(payload=unsigned).make())   # in the armor that git puts around it
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import cms as asn1
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gitgate.signature.cms import LOG_ENTRY, CmsSignature
from gitgate.signature.rekor import LogEntry, promised

ISSUER = "https://token.actions.githubusercontent.com"
IDENTITY = "https://github.com/org/app/.github/workflows/release.yaml@refs/heads/main"
PAYLOAD = b"tree 0\n\nChange\n"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MADE = NOW - timedelta(days=90)
"""The certificate has long expired: the log says that it had not when the signature was made."""
ROOTS_FILE, LOGS_FILE = "x509/roots.pem", "x509/logs.pub"


def authority(
    name: str, key: Any = None, *, issuer: tuple[Any, x509.Certificate] | None = None, ca: bool = True
) -> tuple[Any, x509.Certificate]:
    key = key or ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, above = issuer or (key, None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.subject if above else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE - timedelta(days=365))
        .not_valid_after(MADE + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage(cert_sign=True), critical=True)
    )
    if above is not None:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    return key, builder.sign(signer, hashes.SHA384())


def usage(*, cert_sign: bool = False, digital_signature: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


ROOT = authority("root")
CA = authority("intermediate", issuer=ROOT)
STRANGER = authority("intermediate")
LOG_KEY, OTHER_LOG = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def log_id(key: Any) -> str:
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A signature as Fulcio, Rekor and gitsign make it; each test changes one ingredient."""

    payload: bytes = PAYLOAD
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    issued_by: tuple[Any, x509.Certificate] = CA
    certificates: tuple[x509.Certificate, ...] = (CA[1],)
    names: tuple[x509.GeneralName, ...] = (x509.UniformResourceIdentifier(IDENTITY),)
    issuer: str | None = ISSUER
    old_issuer: str | None = ISSUER
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CODE_SIGNING,)
    digital_signature: bool = True
    valid: timedelta = timedelta(minutes=10)
    logged: timedelta = timedelta(minutes=1)
    digest: str = "sha256"
    attributes: tuple[str, ...] = ("content_type", "message_digest", "signing_time")
    content: bytes | None = None
    content_type: str = "data"
    signers: int = 1
    log_key: Any = LOG_KEY
    logged_by: str = log_id(LOG_KEY)
    entry: bytes | None = None
    without_entry: bool = False
    kind: bytes = b"hashedrekord"

    def certificate(self) -> x509.Certificate:
        signer, above = self.issued_by
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(above.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(MADE)
            .not_valid_after(MADE + self.valid)
            .add_extension(usage(digital_signature=self.digital_signature), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if self.purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
        if self.names:
            builder = builder.add_extension(x509.SubjectAlternativeName(self.names), critical=True)
        if self.issuer is not None:
            value = core.UTF8String(self.issuer).dump()
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if self.old_issuer is not None:
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, self.old_issuer.encode()), critical=False)
        return builder.sign(signer, hashes.SHA384())

    def make(self) -> bytes:
        certificate = self.certificate()
        values = {
            "content_type": self.content_type,
            "message_digest": hashlib.new(self.digest, self.payload).digest(),
            "signing_time": asn1.Time({"utc_time": core.UTCTime(MADE)}),
        }
        attributes = asn1.CMSAttributes([{"type": name, "values": [values[name]]} for name in self.attributes])
        digest = getattr(hashes, self.digest.upper())()
        signed = attributes.dump()
        elliptic = isinstance(self.key, ec.EllipticCurvePrivateKey)
        value = (
            self.key.sign(signed, ec.ECDSA(digest)) if elliptic else self.key.sign(signed, padding.PKCS1v15(), digest)
        )
        read = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
        signer: dict[str, Any] = {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": read.issuer, "serial_number": read.serial_number}},
            "digest_algorithm": {"algorithm": self.digest},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": f"{self.digest}_{'ecdsa' if elliptic else 'rsa'}"},
            "signature": value,
        }
        if not self.without_entry:
            unverified = CmsSignature(
                certificate=certificate,
                others=(),
                attributes=signed,
                message_digest=b"",
                digest=self.digest,
                scheme="",
                value=value,
                log_entry=None,
            )
            entry = self.entry if self.entry is not None else self.log(unverified)
            unsigned = {"type": LOG_ENTRY, "values": [core.Any(core.OctetString(entry))]}
            signer["unsigned_attrs"] = asn1.CMSAttributes([unsigned])
        others = [asn1.Certificate.load(each.public_bytes(Encoding.DER)) for each in self.certificates]
        block = {
            "version": "v1",
            "digest_algorithms": [{"algorithm": self.digest}],
            "encap_content_info": {"content_type": "data", "content": self.content},
            "certificates": [read, *others],
            "signer_infos": [signer] * self.signers,
        }
        return asn1.ContentInfo({"content_type": "signed_data", "content": block}).dump()

    def log(self, signature: CmsSignature) -> bytes:
        time = int((MADE + self.logged).timestamp())
        entry = LogEntry(index=7, log=self.logged_by, time=time, promise=b"")
        promise = self.log_key.sign(promised(entry, signature), ec.ECDSA(hashes.SHA256()))
        return message(
            (1, 7),
            (2, message((1, bytes.fromhex(self.logged_by)))),
            (3, message((1, self.kind), (2, b"0.0.1"))),
            (4, time),
            (5, message((1, promise))),
        )


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A protobuf message."""
    return b"".join(
        varint(number << 3 | (0 if isinstance(value, int) else 2))
        + (varint(value) if isinstance(value, int) else varint(len(value)) + value)
        for number, value in fields
    )


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(data: bytes) -> bytes:
    """The armor that git stores."""
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN SIGNED MESSAGE-----", *lines, "-----END SIGNED MESSAGE-----", ""]).encode()
