"""Keys and certificates of one throw-away control plane, valid for a day and for loopback only."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)


def write_certificates(directory: Path, user: str, groups: Sequence[str]) -> None:
    """Write `ca.crt`, and as `.crt` and `.key`: `server`, `client` (the agent), `admin` and the key `accounts.key`.

    Args:
        directory: A private one.
        user: Who the agent is; a common name holds 64 characters, and what is longer is cut.
        groups: The agent's groups.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _name("gitgate control plane")
    _write(directory / "ca.crt", _pem(_sign(authority, authority, authority_key, authority_key, server=None)))
    for name, subject in (
        ("server", _name("kube-apiserver")),
        ("client", _name(user, groups)),
        ("admin", _name("gitgate", ["system:masters"])),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _sign(subject, authority, key, authority_key, server=name == "server")
        _write(directory / f"{name}.crt", _pem(signed))
        _write(directory / f"{name}.key", _key_pem(key))
    _write(directory / "accounts.key", _key_pem(ec.generate_private_key(ec.SECP256R1())))


def _name(common: str, organizations: Sequence[str] = ()) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one[:64]) for one in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    server: bool | None,
) -> x509.Certificate:
    """Sign a certificate: of an authority (None), a server or a client."""
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=server is None, path_length=None), critical=True)
        # Python 3.13 and later demand the identifiers of keys: ssl.VERIFY_X509_STRICT.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if server is None:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        return builder.add_extension(usage, critical=True).sign(issuer_key, hashes.SHA256())
    # The server is etcd's client, too.
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server else [])]
    builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if server:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
