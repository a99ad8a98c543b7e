"""SSH signatures, verified in this process: the mathematics by `cryptography`, everything else here.

Neither the commit's date nor any file of the machine takes part. Sources: openssh/PROTOCOL.sshsig and sshsig.c;
openssh/PROTOCOL.u2f for security keys; RFC 8332 for RSA; ssh-rsa.c for short RSA signatures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gitgate.signature.ssh_wire import (
    ECDSA_CURVES,
    ED25519,
    RSA,
    SK_ECDSA,
    SK_ED25519,
    Reader,
    SshKey,
    WireError,
    fingerprint,
    read_key,
    string,
)
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence

NAMESPACE = b"git"
SSH_MAGIC = b"SSHSIG"
_USER_PRESENT = 0x01
_RSA_DIGESTS = MappingProxyType({"rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512"})
_LARGEST_RSA_BITS = 16384
"""As OpenSSH has it; beyond it, verifying takes an attacker's time rather than ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSignature:
    """What an SSHSIG blob holds, before anything in it is believed."""

    key_blob: bytes
    namespace: bytes
    digest: str
    algorithm: str
    value: bytes
    flags: int | None = None
    counter: int = 0


def read_ssh_signature(data: bytes) -> SshSignature | Failure:
    """Read an SSHSIG blob to its last byte."""
    try:
        return _read(data)
    except WireError as error:
        return Failure(Code.SIG_MALFORMED, f"the SSH signature is malformed: {error}")


def verify_ssh(
    payload: bytes,
    signature: SshSignature,
    known: Mapping[str, SshKey],
    strength: Strength,
    namespace: bytes = NAMESPACE,
) -> SignatureEvidence:
    """Judge a signature against declared keys, by fingerprint. Windows and revocation belong to the signers file."""
    name = fingerprint(signature.key_blob)
    failures = list(_purpose_failures(signature, strength, namespace))
    key = known.get(name)
    verified = False
    kind = ""
    if key is None or key.blob != signature.key_blob:
        failures += _unknown(signature, name)
    else:
        kind = key.type
        failures += _strength_failures(key, signature, strength)
        if signature.digest in {"sha256", "sha512"}:
            problem = _check(key, signature, _signed_data(payload, signature))
            verified = problem is None
            if problem is not None:
                failures.append(Failure(Code.SIG_BAD, problem))
    return SignatureEvidence(
        format=Format.SSH,
        fingerprint=name,
        primary=name if key is not None else "",
        digest=signature.digest,
        algorithm=kind or signature.algorithm,
        tool="gitgate",
        verified=verified,
        failures=tuple(failures),
    )


def _read(data: bytes) -> SshSignature:
    reader = Reader(data)
    if reader.take(len(SSH_MAGIC)) != SSH_MAGIC or reader.number() != 1:
        raise WireError("it is no SSHSIG of version 1")
    key_blob, namespace, reserved, digest, value = reader.string(), reader.string(), reader.string(), "", b""
    digest, value = reader.text(), reader.string()
    reader.end()
    if reserved:
        raise WireError("its reserved field is in use")
    inner = Reader(value)
    algorithm, signed = inner.text(), inner.string()
    flags, counter = None, 0
    if algorithm in {SK_ED25519, SK_ECDSA}:
        flags, counter = inner.number(1), inner.number()
    inner.end()
    return SshSignature(
        key_blob=key_blob,
        namespace=namespace,
        digest=digest,
        algorithm=algorithm,
        value=signed,
        flags=flags,
        counter=counter,
    )


def _purpose_failures(signature: SshSignature, strength: Strength, namespace: bytes) -> Iterator[Failure]:
    if signature.namespace != namespace:
        name = signature.namespace[:40].decode("utf-8", "backslashreplace")
        yield Failure(Code.SIG_CLASS, f"it was made for the namespace {name!r}, not for {namespace.decode()!r}")
    if signature.digest not in {"sha256", "sha512"} or signature.digest not in strength.digests:
        yield Failure(Code.SIG_DIGEST_WEAK, f"digest {signature.digest[:40]}")


def _unknown(signature: SshSignature, name: str) -> Iterator[Failure]:
    yield Failure(Code.KEY_UNKNOWN, f"key {name} is not declared")
    try:
        read_key(signature.key_blob)
    except WireError as error:
        yield Failure(Code.SIG_FORMAT_NOT_ALLOWED, str(error))


def _strength_failures(key: SshKey, signature: SshSignature, strength: Strength) -> Iterator[Failure]:
    if key.type != RSA:
        return
    if signature.algorithm == RSA:
        yield Failure(Code.SIG_DIGEST_WEAK, "ssh-rsa signs a SHA-1 digest")
    if not strength.rsa_bits <= key.modulus.bit_length() <= _LARGEST_RSA_BITS:
        bits = key.modulus.bit_length()
        yield Failure(Code.SIG_ALGO_WEAK, f"RSA key of {bits} bits; accepted are {strength.rsa_bits} or more")


def _signed_data(payload: bytes, signature: SshSignature) -> bytes:
    digest = hashlib.new(signature.digest, payload).digest()
    parts = (signature.namespace, b"", signature.digest.encode(), digest)
    return SSH_MAGIC + b"".join(string(part) for part in parts)


def _check(key: SshKey, signature: SshSignature, data: bytes) -> str | None:
    """Why the mathematics do not hold; None when they do."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - 40 ms

    expected = (*_RSA_DIGESTS,) if key.type == RSA else (key.type,)
    if signature.algorithm not in expected:
        return f"a key of type {key.type} does not make signatures of type {signature.algorithm[:60]}"
    try:
        _VERIFIERS[key.type](key, signature, data)
    except InvalidSignature:
        return "it was made over other bytes or by another key"
    except (WireError, ValueError, UnsupportedAlgorithm) as error:
        return f"it cannot be checked: {error}"
    return None


def _check_ed25519(key: SshKey, signature: SshSignature, data: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - see _check

    if len(signature.value) != 64:
        raise WireError("an Ed25519 signature has 64 bytes")
    Ed25519PublicKey.from_public_bytes(key.point).verify(signature.value, data)


def _check_ecdsa(key: SshKey, signature: SshSignature, data: bytes) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see _check
    from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: PLC0415

    curves: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
        "nistp256": (ec.SECP256R1(), hashes.SHA256()),
        "nistp384": (ec.SECP384R1(), hashes.SHA384()),
        "nistp521": (ec.SECP521R1(), hashes.SHA512()),
    }
    curve, digest = curves[ECDSA_CURVES.get(key.type, "nistp256")]
    reader = Reader(signature.value)
    encoded = utils.encode_dss_signature(reader.positive(), reader.positive())
    reader.end()
    ec.EllipticCurvePublicKey.from_encoded_point(curve, key.point).verify(encoded, data, ec.ECDSA(digest))


def _check_rsa(key: SshKey, signature: SshSignature, data: bytes) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see _check
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    size = (key.modulus.bit_length() + 7) // 8
    if not signature.value or len(signature.value) > size:
        raise WireError("the RSA signature is longer than the key")
    # Signers may leave leading zero bytes out; OpenSSH puts them back (ssh-rsa.c, ssh_rsa_verify), and so does this.
    value = signature.value.rjust(size, b"\0")
    digest = hashes.SHA256() if signature.algorithm == "rsa-sha2-256" else hashes.SHA512()
    public = rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    public.verify(value, data, padding.PKCS1v15(), digest)


def _check_security_key(key: SshKey, signature: SshSignature, data: bytes) -> None:
    if signature.flags is None or not signature.flags & _USER_PRESENT:
        raise WireError("nobody touched the security key")
    signed = (
        hashlib.sha256(key.application).digest()
        + bytes([signature.flags])
        + signature.counter.to_bytes(4, "big")
        + hashlib.sha256(data).digest()
    )
    (_check_ed25519 if key.type == SK_ED25519 else _check_ecdsa)(key, signature, signed)


_VERIFIERS: Mapping[str, Callable[[SshKey, SshSignature, bytes], None]] = MappingProxyType(
    {
        ED25519: _check_ed25519,
        RSA: _check_rsa,
        SK_ED25519: _check_security_key,
        SK_ECDSA: _check_security_key,
        **dict.fromkeys(ECDSA_CURVES, _check_ecdsa),
    }
)
