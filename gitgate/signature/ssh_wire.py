"""SSH's wire format, and public keys in it: reading what an attacker wrote, once, to its last byte.

Sources: RFC 4251 §5 (string, mpint), RFC 4253 §6.6, RFC 5656, RFC 8709; openssh/PROTOCOL.u2f for `sk-` keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

ED25519 = "ssh-ed25519"
RSA = "ssh-rsa"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
ECDSA_CURVES = {
    "ecdsa-sha2-nistp256": "nistp256",
    "ecdsa-sha2-nistp384": "nistp384",
    "ecdsa-sha2-nistp521": "nistp521",
}
KEY_TYPES = frozenset({ED25519, RSA, SK_ED25519, SK_ECDSA, *ECDSA_CURVES})


class WireError(ValueError):
    """The bytes are not what they must be; the message says what is wrong."""


class Reader:
    """Takes fields off the front of a byte string."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, size: int) -> bytes:
        """That many bytes."""
        if self._offset + size > len(self._data):
            raise WireError("it is cut off")
        self._offset += size
        return self._data[self._offset - size : self._offset]

    def number(self, width: int = 4) -> int:
        """An unsigned number."""
        return int.from_bytes(self.take(width), "big")

    def string(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.number())

    def text(self) -> str:
        """A string of printable ASCII."""
        value = self.string()
        if not all(0x20 < byte < 0x7F for byte in value):
            raise WireError("a name in it is not printable ASCII")
        return value.decode("ascii")

    def positive(self) -> int:
        """An mpint above zero in its only encoding."""
        value = self.string()
        if not value or value[0] & 0x80 or (value[0] == 0 and (len(value) == 1 or not value[1] & 0x80)):
            raise WireError("a number in it is not positive and canonical")
        return int.from_bytes(value, "big")

    @property
    def left(self) -> bool:
        """Is there anything more?"""
        return self._offset < len(self._data)

    def end(self) -> None:
        """Nothing may follow."""
        if self.left:
            raise WireError("something follows its end")


def string(value: bytes) -> bytes:
    """Bytes with their length before them."""
    return len(value).to_bytes(4, "big") + value


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """A public key.

    Attributes:
        point: Ed25519 public key, or the encoded point of an ECDSA key.
        modulus: Of an RSA key; 0 otherwise, as `exponent`.
        application: Of a security key: what its signatures are made for.
    """

    type: str
    blob: bytes
    point: bytes = b""
    modulus: int = 0
    exponent: int = 0
    application: bytes = b""

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as `ssh-keygen -l` prints it."""
        return fingerprint(self.blob)


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of a public key blob."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def read_key(blob: bytes) -> SshKey:
    """Read a public key blob.

    Raises:
        WireError: Malformed, or of a type that is not supported, certificates among them.
    """
    reader = Reader(blob)
    kind = reader.text()
    if kind not in KEY_TYPES:
        raise WireError(f"keys of type {kind[:60]} are not supported")
    point, application, modulus, exponent = b"", b"", 0, 0
    if kind == RSA:
        exponent, modulus = reader.positive(), reader.positive()
    else:
        expected_curve = "nistp256" if kind == SK_ECDSA else ECDSA_CURVES.get(kind)
        if expected_curve is not None and reader.text() != expected_curve:
            raise WireError("its type and its curve contradict each other")
        point = reader.string()
    if kind in {ED25519, SK_ED25519} and len(point) != 32:
        raise WireError("an Ed25519 key has 32 bytes")
    if kind in {SK_ED25519, SK_ECDSA}:
        application = reader.string()
    reader.end()
    return SshKey(type=kind, blob=blob, point=point, modulus=modulus, exponent=exponent, application=application)


def read_key_line(line: str) -> SshKey:
    """Read `type base64 [comment]`, the content of a `.pub` file.

    Raises:
        WireError: Malformed or not supported.
    """
    fields = line.split(None, 2)
    if len(fields) < 2:
        raise WireError("it is not 'type base64 [comment]'")
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("its key is not valid base64") from error
    key = read_key(blob)
    if key.type != fields[0]:
        raise WireError("its two names of the key's type contradict each other")
    return key
