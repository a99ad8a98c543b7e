"""DSSE envelopes: signed bytes with their type, read as strictly as they are written.

Source: secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0. One signature, as two would leave open which
one counts; `keyid` is a hint that nothing relies on. The signature is the binary form of what the key's own program
makes: an OpenPGP packet, or an SSHSIG blob.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

STATEMENT_TYPE = "application/vnd.in-toto+json"
"""Payload type of in-toto statements (in-toto/attestation, spec/v1/envelope.md)."""
LARGEST_ENVELOPE = 64 * 1024 * 1024
_KEYS = {"payloadType", "payload", "signatures"}
_SIGNATURE_KEYS = {"keyid", "sig"}


class EnvelopeError(ValueError):
    """The bytes are no such envelope; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What an envelope holds, before anything in it is believed.

    Attributes:
        payload: The bytes that are meant.
        signature: Over `pre_authentication_encoding` of type and payload.
        key_id: What the envelope calls the key; proved by nothing.
    """

    payload: bytes
    signature: bytes
    key_id: str


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: `DSSEv1`, then type and payload, each after its length."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def write_envelope(envelope: Envelope) -> bytes:
    """The envelope of an in-toto statement as JSON, one line."""
    document = {
        "payloadType": STATEMENT_TYPE,
        "payload": base64.b64encode(envelope.payload).decode("ascii"),
        "signatures": [{"keyid": envelope.key_id, "sig": base64.b64encode(envelope.signature).decode("ascii")}],
    }
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def read_envelope(data: bytes) -> Envelope:
    """Read the envelope of an in-toto statement.

    Raises:
        EnvelopeError: It is something else, or more.
    """
    document = read_json(data)
    if not isinstance(document, dict) or set(document) != _KEYS:
        raise EnvelopeError("it is no DSSE envelope: that has payloadType, payload and signatures, and nothing else")
    if document["payloadType"] != STATEMENT_TYPE:
        raise EnvelopeError(f"its payload type is not {STATEMENT_TYPE}")
    signatures = document["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        count = len(signatures) if isinstance(signatures, list) else "no list of"
        raise EnvelopeError(f"it has {count} signatures where one must be")
    signature = signatures[0]
    if not isinstance(signature, dict) or not {"sig"} <= set(signature) <= _SIGNATURE_KEYS:
        raise EnvelopeError("its signature is not built as DSSE says")
    key_id = signature.get("keyid", "")
    if not isinstance(key_id, str):
        raise EnvelopeError("its keyid is no text")
    return Envelope(payload=_bytes(document["payload"]), signature=_bytes(signature["sig"]), key_id=key_id)


def read_json(data: bytes) -> Any:
    """Parse JSON in which no name stands twice, so that it has one reading.

    Raises:
        EnvelopeError: It is not such JSON.
    """
    if len(data) > LARGEST_ENVELOPE:
        raise EnvelopeError(f"it is larger than {LARGEST_ENVELOPE} bytes")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise EnvelopeError("it is not JSON") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise EnvelopeError("a name stands twice in it")
    return found


def _refuse(name: str) -> None:
    raise EnvelopeError(f"{name} is not JSON")


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise EnvelopeError("its payload and its signature must be base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError("its payload and its signature must be base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise EnvelopeError("its base64 has more than one reading")
    return data
