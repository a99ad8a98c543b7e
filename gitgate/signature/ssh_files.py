"""Allowed-signers files and revocation lists of OpenSSH, read strictly: what is not understood is refused.

Sources: ssh-keygen(1), "ALLOWED SIGNERS" and "KEY REVOCATION LISTS"; openssh/PROTOCOL.krl.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gitgate.signature.ssh_wire import KEY_TYPES, Reader, SshKey, WireError, fingerprint, read_key_line

_KRL_MAGIC = b"SSHKRL\n\0"
_PRINCIPAL = re.compile(r"[^\s,*?!\"]+\Z")
_TIME_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_SHA256_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")


class SshFileError(ValueError):
    """The file is not understood in full; the message starts with the line where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSigner:
    """One key of an allowed-signers file.

    Attributes:
        principals: E-mail addresses, exactly; patterns are refused.
        not_before: First second at which it is accepted; None means always.
        not_after: Last second.
    """

    principals: tuple[str, ...]
    key: SshKey
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevokedKeys:
    """Keys that count no more, by fingerprint.

    Attributes:
        sha1: SHA-1 digests of key blobs, as a KRL may name them.
    """

    sha256: frozenset[str] = frozenset()
    sha1: frozenset[bytes] = frozenset()

    def holds(self, key: SshKey) -> bool:
        """Is the key revoked?"""
        import hashlib  # noqa: PLC0415 - beside its only use

        return key.fingerprint in self.sha256 or (
            bool(self.sha1) and hashlib.sha1(key.blob, usedforsecurity=False).digest() in self.sha1
        )


def read_allowed_signers(data: bytes) -> tuple[AllowedSigner, ...]:
    """Read an allowed-signers file; entries for other namespaces than git's are left out.

    Times without `Z` are UTC here, so that a file means the same on every machine.

    Raises:
        SshFileError: A line is not understood, has patterns, or names a certificate authority.
    """
    found: list[AllowedSigner] = []
    for number, line in _text_lines(data):
        try:
            entry = _allowed_signer(line)
        except (WireError, ValueError) as error:
            raise SshFileError(f"line {number}: {error}") from error
        if entry is not None:
            found.append(entry)
    return tuple(found)


def read_revoked_keys(data: bytes) -> RevokedKeys:
    """Read a revocation list: a binary KRL, or a text with a public key or `SHA256:` fingerprint per line.

    Raises:
        SshFileError: Something in it is not understood; half a revocation list revokes nothing reliably.
    """
    if data.startswith(_KRL_MAGIC):
        try:
            return _read_krl(data)
        except WireError as error:
            raise SshFileError(f"the key revocation list is malformed: {error}") from error
    revoked: set[str] = set()
    for number, line in _text_lines(data):
        name, _, rest = line.partition(":")
        candidate = rest.strip() if name.lower() == "sha256" and rest.strip().startswith("SHA256:") else line
        if _SHA256_FINGERPRINT.match(candidate):
            revoked.add(candidate)
            continue
        try:
            revoked.add(read_key_line(rest.strip() if name.lower() == "key" else line).fingerprint)
        except WireError as error:
            raise SshFileError(f"line {number}: {error}") from error
    return RevokedKeys(frozenset(revoked))


def _text_lines(data: bytes) -> list[tuple[int, str]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SshFileError("it is not UTF-8") from error
    if re.search(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]", text):
        raise SshFileError("it holds control characters")
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _allowed_signer(line: str) -> AllowedSigner | None:
    principals_text, _, rest = line.partition(" ")
    principals = tuple(principals_text.strip('"').split(","))
    if not all(_PRINCIPAL.match(principal) for principal in principals):
        raise SshFileError("principals must be plain e-mail addresses; patterns would let in people unseen")
    options: dict[str, str | None] = {}
    rest = rest.strip()
    if rest.split(None, 1)[0:1] and rest.split(None, 1)[0] not in KEY_TYPES:
        options, rest = _options(rest)
    key = read_key_line(rest)
    if "git" not in (options.get("namespaces") or "git").split(","):
        return None
    return AllowedSigner(
        principals=principals,
        key=key,
        not_before=_time(options.get("valid-after")),
        not_after=_time(options.get("valid-before")),
    )


def _options(rest: str) -> tuple[dict[str, str | None], str]:
    options: dict[str, str | None] = {}
    offset = 0
    while True:
        match = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?').match(rest, offset)
        if match is None:
            raise SshFileError("its options cannot be read")
        name = match[1].lower()
        if name == "cert-authority":
            raise SshFileError("certificate authorities are not supported; name the keys themselves")
        if name not in {"namespaces", "valid-after", "valid-before"} or match[2] is None or name in options:
            raise SshFileError(f"the option {match[1][:40]!r} is not supported, has no value or stands twice")
        if name == "namespaces" and re.search(r"[*?!]", match[2]):
            raise SshFileError("namespaces must be plain names")
        options[name] = match[2]
        offset = match.end()
        if rest[offset : offset + 1] != ",":
            break
        offset += 1
    if not rest[offset : offset + 1].isspace():
        raise SshFileError("its options cannot be read")
    return options, rest[offset:].strip()


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    digits = value.removesuffix("Z")
    form = _TIME_FORMATS.get(len(digits))
    if form is None or not digits.isascii() or not digits.isdigit():
        raise SshFileError(f"{value[:40]!r} is no time; write YYYYMMDD or YYYYMMDDHHMM[SS], with Z")
    return datetime.strptime(digits, form).replace(tzinfo=UTC)


def _read_krl(data: bytes) -> RevokedKeys:
    """Explicit keys and fingerprints; sections about certificates concern no key that gitgate accepts."""
    reader = Reader(data)
    reader.take(len(_KRL_MAGIC))
    if reader.number() != 1:
        raise WireError("its format version is not 1")
    reader.number(8), reader.number(8), reader.number(8)
    reader.string(), reader.string()
    sha256: set[str] = set()
    sha1: set[bytes] = set()
    while reader.left:
        kind, section = reader.number(1), Reader(reader.string())
        if kind == 1:
            continue
        if kind not in {2, 3, 5}:
            raise WireError(f"it has a section of type {kind}, which is not supported")
        while section.left:
            value = section.string()
            if kind == 2:
                sha256.add(fingerprint(value))
            elif len(value) != (20 if kind == 3 else 32):
                raise WireError("a digest in it has the wrong length")
            elif kind == 3:
                sha1.add(value)
            else:
                sha256.add("SHA256:" + base64.b64encode(value).decode().rstrip("="))
    return RevokedKeys(frozenset(sha256), frozenset(sha1))
