"""DSSE: the specification's own vector, and envelopes that come back as they were written or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.signature.dsse import (
    Envelope,
    EnvelopeError,
    pre_authentication_encoding,
    read_envelope,
    write_envelope,
)


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of protocol.md, "Test vectors"."""
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes() -> None:
    assert pre_authentication_encoding("é", "é".encode()) == "DSSEv1 2 é 2 é".encode()


@given(st.text(), st.binary(), st.text(), st.binary())
def test_no_two_meanings_have_one_encoding(left: str, data: bytes, right: str, other: bytes) -> None:
    left, right = (text.encode("utf-8", "replace").decode() for text in (left, right))
    same = pre_authentication_encoding(left, data) == pre_authentication_encoding(right, other)
    assert same == ((left, data) == (right, other))


@given(st.binary(), st.binary(), st.text(st.characters(codec="utf-8")))
def test_what_is_written_is_read(payload: bytes, signature: bytes, key_id: str) -> None:
    envelope = Envelope(payload=payload, signature=signature, key_id=key_id)
    assert read_envelope(write_envelope(envelope)) == envelope


@given(st.binary())
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        read_envelope(data)


@pytest.mark.parametrize("keys", [{"sig": ""}, {"sig": "", "keyid": ""}])
def test_the_key_id_is_optional(keys: dict[str, str]) -> None:
    document = {"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": [keys]}
    assert read_envelope(json.dumps(document).encode()).key_id == ""


@pytest.mark.parametrize(
    "signatures", [[], [{"sig": ""}] * 2, [{"keyid": ""}], [{"sig": "", "cert": ""}], [7], {}, None]
)
def test_anything_but_one_plain_signature_is_refused(signatures: object) -> None:
    document = {"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": signatures}
    with pytest.raises(EnvelopeError):
        read_envelope(json.dumps(document).encode())
