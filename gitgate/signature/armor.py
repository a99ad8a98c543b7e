"""The text around a signature, and the one signature packet in it; nothing else may be in there.

What a program makes of several blocks, several packets, comments or trailing text differs from program to program,
so nothing but the canonical form reaches a verifier. Sources: RFC 4880 §6, RFC 9580 §6; openssh/PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from gitgate.signature.verdict import Code, Failure, Format

MAXIMUM_SIGNATURE_BYTES = 64 * 1024
_KINDS = {
    b"PGP SIGNATURE": Format.OPENPGP,
    b"SSH SIGNATURE": Format.SSH,
    b"SIGNED MESSAGE": Format.X509,
}
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\Z")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{1,76}={0,2}\Z")
_CHECKSUM_LINE = re.compile(rb"=[A-Za-z0-9+/]{4}\Z")


@dataclass(frozen=True, slots=True)
class Armored:
    """The bytes inside one block of armor."""

    format: Format
    data: bytes


def read_armor(text: bytes) -> Armored | Failure:
    """Read exactly one block of a known kind, without headers, comments or anything around it."""
    if len(text) > MAXIMUM_SIGNATURE_BYTES:
        return _malformed(f"the signature is larger than {MAXIMUM_SIGNATURE_BYTES} bytes")
    lines = text.split(b"\n")
    match = _BEGIN.match(lines[0])
    if match is None:
        return _malformed("it does not start with a signature block")
    return _read_block(text, lines, match[1])


def _read_block(text: bytes, lines: list[bytes], name: bytes) -> Armored | Failure:
    if text.count(b"-----BEGIN ") > 1:
        return Failure(Code.SIG_MULTIPLE, "it holds several signature blocks")
    kind = _KINDS.get(name)
    if kind is None:
        return _malformed(f"a block of the kind {name[:40].decode('ascii')!r} is no detached signature")
    while lines and lines[-1] == b"":
        lines.pop()
    # Signatures of hosting platforms end with one blank line; more would be room for other bytes.
    if len(text) - len(b"\n".join(lines)) > 2 or lines[-1] != b"-----END " + name + b"-----":
        return _malformed("something follows the signature block")
    body = lines[1:-1]
    if kind is Format.OPENPGP:
        if not body or body[0] != b"":
            return _malformed("its armor has headers, which nothing protects; remove comments and versions from it")
        body = body[1:]
    data = _decode(body, checksum=kind is Format.OPENPGP)
    return data if isinstance(data, Failure) else Armored(kind, data)


def _decode(lines: list[bytes], *, checksum: bool) -> bytes | Failure:
    expected: bytes | None = None
    if checksum and lines and _CHECKSUM_LINE.match(lines[-1]):
        expected = lines[-1][1:]
        lines = lines[:-1]
    if not lines or not all(_BASE64_LINE.match(line) for line in lines):
        return _malformed("its text is not plain base64")
    joined = b"".join(lines)
    try:
        data = base64.b64decode(joined, validate=True)
    except (binascii.Error, ValueError):
        return _malformed("its text is not valid base64")
    if base64.b64encode(data) != joined:
        return _malformed("its base64 has more than one reading")
    if expected is not None and base64.b64encode(crc24(data).to_bytes(3, "big")) != expected:
        return _malformed("its checksum does not fit")
    return data


def crc24(data: bytes) -> int:
    """The checksum of OpenPGP armor (RFC 4880 §6.1)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc & 0xFFFFFF


def _malformed(detail: str) -> Failure:
    return Failure(Code.SIG_MALFORMED, detail)
