"""Entries of the transparency log Rekor: what proves when a signature with a ten-minute certificate was made.

The log signs a promise (signed entry timestamp) over its time and the entry's body. The body is made anew from the
signature at hand, so a promise for any other signature does not fit. Sources: sigstore/protobuf-specs,
sigstore_rekor.proto (fields); sigstore/rekor, pkg/types/hashedrekord (body) and pkg/verify (promise); RFC 8785 (JSON).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitgate.signature.cms import CmsSignature
from gitgate.signature.verdict import Code, Failure

_LOG_INDEX, _LOG_ID, _KIND, _TIME, _PROMISE, _PROOF, _BODY = range(1, 8)
_LATEST_SECOND = 253402300799


class _EntryError(ValueError):
    """The bytes are not such a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """What an entry says.

    Attributes:
        time: Seconds since 1970.
        log: SHA-256 of the log's public key, hex.
        promise: The log's signature over the other fields and the body.
    """

    index: int
    log: str
    time: int
    promise: bytes


def read_entry(data: bytes) -> LogEntry | Failure:
    """Read a `TransparencyLogEntry` that carries a promise for a `hashedrekord` of version 0.0.1."""
    try:
        fields = dict(_fields(data))
        kind = dict(_fields(_bytes(fields, _KIND)))
        if (kind.get(1), kind.get(2)) != (b"hashedrekord", b"0.0.1"):
            return _refused("its log entry is of a kind that holds no promise of a time")
        promise = _bytes(dict(_fields(_bytes(fields, _PROMISE))), 1)
        log = _bytes(dict(_fields(_bytes(fields, _LOG_ID))), 1).hex()
        return LogEntry(index=_number(fields, _LOG_INDEX), log=log, time=_number(fields, _TIME), promise=promise)
    except _EntryError as error:
        return _refused(f"its log entry cannot be read: {error}")


def check_promise(entry: LogEntry, signature: CmsSignature, logs: Mapping[str, bytes]) -> Failure | None:
    """Did a pinned log promise to hold this very signature since the entry's time?

    Args:
        entry: What the log is said to have promised.
        signature: What the entry must be about.
        logs: DER public keys of the pinned logs by the SHA-256 of each.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - 40 ms
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    pinned = logs.get(entry.log)
    if pinned is None:
        return Failure(Code.KEY_UNKNOWN, f"its time comes from the log {entry.log}, which is not pinned")
    key = load_der_public_key(pinned)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return Failure(Code.SIG_ALGO_WEAK, "the pinned log has a key that is not of an elliptic curve")
    try:
        key.verify(entry.promise, promised(entry, signature), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return Failure(Code.SIG_BAD, "the log did not promise to hold this signature at this time")
    return None


def promised(entry: LogEntry, signature: CmsSignature) -> bytes:
    """The bytes that a log signs: canonical JSON over the body, the time and the place in the log."""
    return _canonical(
        {
            "body": base64.b64encode(entry_body(signature)).decode("ascii"),
            "integratedTime": entry.time,
            "logID": entry.log,
            "logIndex": entry.index,
        }
    )


def entry_body(signature: CmsSignature) -> bytes:
    """The entry that a log holds for this signature; it is over the signed attributes."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - 40 ms

    certificate = signature.certificate.public_bytes(Encoding.PEM)
    return _canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(signature.attributes).hexdigest()}},
                "signature": {
                    "content": base64.b64encode(signature.value).decode("ascii"),
                    "publicKey": {"content": base64.b64encode(certificate).decode("ascii")},
                },
            },
        }
    )


def _canonical(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _refused(detail: str) -> Failure:
    return Failure(Code.SIG_FORMAT_NOT_ALLOWED, detail)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protobuf message, each at most once (protobuf.dev, "Encoding")."""
    offset, seen = 0, set[int]()
    while offset < len(data):
        tag, offset = _varint(data, offset)
        number, kind = tag >> 3, tag & 7
        if number in seen or number == 0:
            raise _EntryError("a field stands twice in it")
        seen.add(number)
        value: int | bytes
        if kind == 0:
            value, offset = _varint(data, offset)
        elif kind == 2:
            size, offset = _varint(data, offset)
            value = data[offset : offset + size]
            if len(value) != size:
                raise _EntryError("it is cut off")
            offset += size
        else:
            raise _EntryError("a field is of a type that does not occur in it")
        yield number, value


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(data):
            raise _EntryError("it is cut off")
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, offset
    raise _EntryError("a number in it is too long")


def _bytes(fields: Mapping[int, int | bytes], number: int) -> bytes:
    value = fields.get(number)
    if not isinstance(value, bytes) or not value:
        raise _EntryError(f"field {number} is missing")
    return value


def _number(fields: Mapping[int, int | bytes], number: int) -> int:
    value = fields.get(number, 0)
    if not isinstance(value, int) or value > _LATEST_SECOND:
        raise _EntryError(f"field {number} is no number that makes sense")
    return value
