"""OpenPGP packets, as far as deciding what may reach gpg needs them: one signature, or one certificate.

Sources: RFC 4880 §4.2 (packet headers), §5.2 (signatures), §12.2 (fingerprints); RFC 9580 for version 5 and 6 keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from gitgate.signature.verdict import Code, Failure

BINARY_DOCUMENT = 0
"""The only signature type that git makes. Type 1 signs text with line ends changed: another commit has the same one."""
DIGESTS = MappingProxyType(
    {
        1: "md5",
        2: "sha1",
        3: "ripemd160",
        8: "sha256",
        9: "sha384",
        10: "sha512",
        11: "sha224",
        12: "sha3-256",
        14: "sha3-512",
    }
)
ALGORITHMS = MappingProxyType({1: "rsa", 3: "rsa", 17: "dsa", 19: "ecdsa", 22: "eddsa", 27: "ed25519", 28: "ed448"})
_SIGNATURE, _PUBLIC_KEY, _PUBLIC_SUBKEY = 2, 6, 14
_CERTIFICATE_PACKETS = frozenset({_SIGNATURE, _PUBLIC_KEY, _PUBLIC_SUBKEY, 13, 17})
_BEGIN_KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END_KEY = b"-----END PGP PUBLIC KEY BLOCK-----"


class PacketError(ValueError):
    """The bytes are not what they must be; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePacket:
    """What a signature says of itself. Only the hashed part is protected, so only that is read.

    Attributes:
        kind: Signature type (RFC 4880 §5.2.1).
        made_at: Seconds since 1970.
        expires_after: Seconds after `made_at`; 0 means never.
        issuer: Fingerprint, upper-case hex; empty when it names only a key ID.
        key_id: 16 upper-case hex digits; a hint for finding the key, never an identity.
        raw: The whole packet.
    """

    kind: int
    algorithm: int
    digest: int
    made_at: int
    expires_after: int
    issuer: str
    key_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """An OpenPGP certificate as declared; gpg decides what in it is valid.

    Attributes:
        fingerprint: Of the primary key, upper-case hex.
        subkeys: Fingerprints of the subkeys.
        raw: Its packets, binary.
    """

    fingerprint: str
    subkeys: tuple[str, ...]
    raw: bytes


def read_signature(data: bytes) -> SignaturePacket | Failure:
    """Read exactly one version 4 or 5 signature packet."""
    try:
        packets = list(packets_of(data))
        if len(packets) > 1:
            code = Code.SIG_MULTIPLE if all(tag == _SIGNATURE for tag, _ in packets) else Code.SIG_MALFORMED
            return Failure(code, f"the block holds {len(packets)} packets where one signature must be")
        if not packets or packets[0][0] != _SIGNATURE:
            return Failure(Code.SIG_MALFORMED, "the block holds no signature packet")
        return _signature(packets[0][1], data)
    except PacketError as error:
        return Failure(Code.SIG_MALFORMED, str(error))


def read_certificate(data: bytes) -> Certificate:
    """Read a key file, armored or binary, that holds exactly one public certificate.

    Raises:
        PacketError: It holds something else, or more.
    """
    raw = _dearmor_key(data) if data.lstrip().startswith(b"-----") else data
    fingerprints: list[str] = []
    for index, (tag, body) in enumerate(packets_of(raw)):
        if tag not in _CERTIFICATE_PACKETS:
            secret = " (a secret key; remove it from the repository)" if tag in {5, 7} else ""
            raise PacketError(f"it holds a packet of type {tag}, which is not part of a public certificate{secret}")
        if (tag == _PUBLIC_KEY) != (index == 0):
            raise PacketError(
                "it must hold exactly one certificate" if index else "it does not start with a public key"
            )
        if tag in {_PUBLIC_KEY, _PUBLIC_SUBKEY}:
            fingerprints.append(_fingerprint(body))
    if not fingerprints:
        raise PacketError("it is empty")
    return Certificate(fingerprints[0], tuple(fingerprints[1:]), raw)


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read the certificates of an exported keyring, armored or binary, one by one; at least one.

    Their packets get headers of one form, which changes no fingerprint (RFC 4880 §12.2 leaves headers out).

    Raises:
        PacketError: It holds something else.
    """
    raw = _dearmor_key(data) if data.lstrip().startswith(b"-----") else data
    parts: list[bytearray] = []
    for tag, body in packets_of(raw):
        if tag == _PUBLIC_KEY or not parts:
            parts.append(bytearray())
        parts[-1] += bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
    if not parts:
        raise PacketError("it is empty")
    return tuple(read_certificate(bytes(part)) for part in parts)


def key_id(fingerprint: str) -> str:
    """The key ID that belongs to a fingerprint: its last 64 bits in version 4, its first in later versions."""
    return fingerprint[-16:] if len(fingerprint) == 40 else fingerprint[:16]


def packets_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of every packet.

    Raises:
        PacketError: Cut off, or with a header that would let bytes hide.
    """
    offset = 0
    while offset < len(data):
        first = data[offset]
        offset += 1
        if not first & 0x80:
            raise PacketError("its bytes are no OpenPGP packet")
        if first & 0x40:
            tag = first & 0x3F
            length, offset = _new_length(data, offset)
        else:
            tag = (first >> 2) & 0x0F
            width = (1, 2, 4, 0)[first & 3]
            if not width:
                raise PacketError("a packet has no length")
            length, offset = _integer(data, offset, width)
        if offset + length > len(data):
            raise PacketError("a packet is cut off")
        yield tag, data[offset : offset + length]
        offset += length


def _new_length(data: bytes, offset: int) -> tuple[int, int]:
    first, offset = _integer(data, offset, 1)
    if first < 192:
        return first, offset
    if first < 224:
        second, offset = _integer(data, offset, 1)
        return ((first - 192) << 8) + second + 192, offset
    if first < 255:
        raise PacketError("a packet comes in parts")
    return _integer(data, offset, 4)


def _integer(data: bytes, offset: int, width: int) -> tuple[int, int]:
    if offset + width > len(data):
        raise PacketError("a packet is cut off")
    return int.from_bytes(data[offset : offset + width], "big"), offset + width


def _signature(body: bytes, raw: bytes) -> SignaturePacket:
    if len(body) < 6 or body[0] not in {4, 5}:
        raise PacketError("it is no signature of version 4 or 5")
    kind, algorithm, digest = body[1], body[2], body[3]
    size, offset = _integer(body, 4, 2)
    hashed = _subpackets(body, offset, size)
    size, unhashed_offset = _integer(body, offset + size, 2)
    unhashed = _subpackets(body, unhashed_offset, size)
    _check_numbers(body, unhashed_offset + size + 2, algorithm)
    times = [value for number, value in hashed if number == 2]
    lifetimes = [value for number, value in hashed if number == 3]
    if len(times) != 1 or len(times[0]) != 4 or len(lifetimes) > 1:
        raise PacketError("it does not say exactly once when it was made")
    issuers = {value[1:].hex().upper() for number, value in (*hashed, *unhashed) if number == 33}
    key_ids = {value.hex().upper() for number, value in (*hashed, *unhashed) if number == 16}
    if len(issuers) > 1 or len(key_ids) > 1:
        raise PacketError("it names several issuers")
    issuer = next(iter(issuers), "")
    identifier = next(iter(key_ids), "") or (key_id(issuer) if issuer else "")
    if not identifier or (issuer and key_id(issuer) != identifier):
        raise PacketError("it does not name one issuer")
    return SignaturePacket(
        kind=kind,
        algorithm=algorithm,
        digest=digest,
        made_at=int.from_bytes(times[0], "big"),
        expires_after=int.from_bytes(lifetimes[0], "big") if lifetimes else 0,
        issuer=issuer,
        key_id=identifier,
        raw=raw,
    )


def _subpackets(body: bytes, offset: int, size: int) -> list[tuple[int, bytes]]:
    end = offset + size
    if end > len(body):
        raise PacketError("its subpackets are cut off")
    found: list[tuple[int, bytes]] = []
    while offset < end:
        length, offset = _integer(body, offset, 1)
        if 192 <= length < 255:
            second, offset = _integer(body, offset, 1)
            length = ((length - 192) << 8) + second + 192
        elif length == 255:
            length, offset = _integer(body, offset, 4)
        if not length or offset + length > end:
            raise PacketError("a subpacket is cut off")
        found.append((body[offset] & 0x7F, body[offset + 1 : offset + length]))
        offset += length
    return found


def _check_numbers(body: bytes, offset: int, algorithm: int) -> None:
    """See that the packet ends with the signature's numbers, so that nothing hides behind them."""
    if algorithm not in {1, 3, 17, 19, 22}:
        return
    count = 0
    while offset < len(body):
        bits, offset = _integer(body, offset, 2)
        offset += (bits + 7) // 8
        count += 1
    if offset != len(body) or count != (1 if algorithm in {1, 3} else 2):
        raise PacketError("bytes follow the signature's numbers, or some are missing")


def _fingerprint(body: bytes) -> str:
    version = body[0] if body else 0
    if version == 4:
        prefix = b"\x99" + len(body).to_bytes(2, "big")
        # Fingerprints of version 4 are SHA-1 by definition; a second preimage is not feasible.
        return hashlib.sha1(prefix + body, usedforsecurity=False).hexdigest().upper()
    if version in {5, 6}:
        prefix = (b"\x9a" if version == 5 else b"\x9b") + len(body).to_bytes(4, "big")
        return hashlib.sha256(prefix + body).hexdigest().upper()
    raise PacketError(f"it holds a key of version {version}")


def _dearmor_key(data: bytes) -> bytes:
    lines = [line.rstrip() for line in data.strip().splitlines()]
    if lines[0] != _BEGIN_KEY or lines[-1] != _END_KEY or data.count(b"-----BEGIN ") != 1:
        raise PacketError("it must hold exactly one PGP PUBLIC KEY BLOCK")
    body = lines[1:-1]
    start = body.index(b"") + 1 if b"" in body else 0
    encoded = [line for line in body[start:] if not line.startswith(b"=")]
    try:
        return base64.b64decode(b"".join(encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PacketError("its text is not valid base64") from error
