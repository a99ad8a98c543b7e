"""Public keys as people have them: key files, exported keyrings, and what a platform answers about a user's keys."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitgate.errors import UsageError
from gitgate.signature.armor import crc24
from gitgate.signature.packets import Certificate, PacketError, read_certificate, read_certificates
from gitgate.signature.ssh_wire import WireError, read_key_line
from gitgate.signature.verdict import Format

LARGEST_FILE = 16 * 1024 * 1024
_BLOCK = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_LINE = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, and the bytes of a file that holds just it.

    Attributes:
        fingerprint: Of the primary key, or `SHA256:…`.
        subkeys: Fingerprints of an OpenPGP certificate's subkeys.
    """

    format: Format
    fingerprint: str
    data: bytes
    subkeys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform says of a user.

    Attributes:
        emails: Addresses that the platform verified for the keys.
        left_out: Keys that are not taken and why, a line each.
    """

    keys: tuple[PublicKey, ...]
    emails: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_key_file(file: Path) -> tuple[PublicKey, ...]:
    """The keys of a file: OpenPGP certificates, armored or binary, or SSH public keys, one a line.

    Raises:
        UsageError: It cannot be read, holds no key, or something that is none.
    """
    return _keys(read_file(file), str(file))


def read_answer(file: Path) -> Answer:
    """A saved answer about a user's keys: of GitHub's API, or `https://github.com/USER.keys` and `.gpg`.

    The API lists SSH keys as `{"key": "ssh-ed25519 …"}` and OpenPGP keys as `{"raw_key": "-----BEGIN …", "emails":
    [{"email": …, "verified": true}], "revoked": false}`. Source: docs.github.com, REST API, "Git SSH keys", "SSH
    signing keys" and "GPG keys" of users.

    Raises:
        UsageError: It cannot be read, or is no such answer.
    """
    data = read_file(file)
    if not data.lstrip().startswith((b"[", b"{")):
        return Answer(_keys(data, str(file)))
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no list of keys: it is not valid JSON") from error
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(
            f"{file} is no list of keys, or an empty one",
            remedy="Save the answer of /users/USER/keys, /users/USER/ssh_signing_keys or /users/USER/gpg_keys.",
        )
    keys: list[PublicKey] = []
    emails: list[str] = []
    left_out: list[str] = []
    for number, entry in enumerate(entries, start=1):
        problem = _unusable(entry)
        if problem:
            left_out.append(f"key {number} of {file.name} is left out: {problem}")
            continue
        text = entry["key"] if "key" in entry else entry["raw_key"]
        keys += _keys(text.encode("utf-8", "replace"), f"key {number} of {file}")
        emails += _verified(entry)
    if not keys:
        raise UsageError(f"{file} holds no key that can be used: {left_out[0]}")
    return Answer(tuple(keys), tuple(dict.fromkeys(emails)), tuple(left_out))


def read_file(file: Path) -> bytes:
    """A small file's bytes.

    Raises:
        UsageError: It cannot be read or is too large.
    """
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise UsageError(f"{file} is larger than {LARGEST_FILE} bytes")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _unusable(entry: dict[str, Any]) -> str:
    """Why an entry gives no key; empty when it does."""
    if entry.get("revoked") is True:
        return "it is revoked"
    if not isinstance(entry.get("key", entry.get("raw_key")), str):
        return "the answer does not hold the key itself"
    return ""


def _verified(entry: dict[str, Any]) -> Iterator[str]:
    emails = entry.get("emails")
    for each in emails if isinstance(emails, list) else ():
        if isinstance(each, dict) and each.get("verified") is True and isinstance(each.get("email"), str):
            yield each["email"]


def _keys(data: bytes, place: str) -> tuple[PublicKey, ...]:
    try:
        blocks = _BLOCK.findall(data)
        if blocks or data[:1] >= b"\x80":
            return tuple(key for block in blocks or [data] for key in _openpgp(block))
        lines = [line for line in data.decode("utf-8").splitlines() if line.strip() and not line.startswith("#")]
        return tuple(_ssh(line) for line in lines or [""])
    except (PacketError, WireError, UnicodeDecodeError) as error:
        what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError(f"{place} is no public key: {what}") from error


def _ssh(line: str) -> PublicKey:
    return PublicKey(Format.SSH, read_key_line(line).fingerprint, line.encode() + b"\n")


def _openpgp(block: bytes) -> Iterator[PublicKey]:
    """A certificate as it was given, or each of several in a block of its own."""
    certificates = read_certificates(block)
    for certificate in certificates:
        data = block + b"\n" if len(certificates) == 1 and block.startswith(b"-") else armored(certificate)
        read_certificate(data)
        yield PublicKey(Format.OPENPGP, certificate.fingerprint, data, certificate.subkeys)


def armored(certificate: Certificate) -> bytes:
    """A certificate as text, for a file that people compare and git shows."""
    text = base64.b64encode(certificate.raw)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    checksum = b"=" + base64.b64encode(crc24(certificate.raw).to_bytes(3, "big"))
    begin, end = b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----END PGP PUBLIC KEY BLOCK-----"
    return b"\n".join([begin, b"", *lines, checksum, end, b""])
