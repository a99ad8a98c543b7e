"""X.509 signatures: refused without pins; with them, only what a pinned log saw while the certificate was valid."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from gitgate.signature.cms import CmsSignature, read_cms
from gitgate.signature.rekor import LogEntry, promised, read_entry
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure, Format, SignatureEvidence
from gitgate.signature.x509 import (
    CertificateFileError,
    X509Demand,
    X509Trust,
    key_name,
    read_logs,
    read_roots,
    refuse_x509,
    verify_x509,
)
from tests.support.x509 import (
    CA,
    IDENTITY,
    ISSUER,
    LOG_KEY,
    MADE,
    NOW,
    OTHER_LOG,
    PAYLOAD,
    ROOT,
    STRANGER,
    Recipe,
    authority,
    log_id,
    pem,
    public_pem,
)

TRUST = X509Trust(roots=read_roots(pem(ROOT[1])), logs=read_logs(public_pem(LOG_KEY)))
DEMAND = X509Demand(
    trust=TRUST, names=frozenset({key_name(ISSUER, IDENTITY)}), now=int(NOW.timestamp()), strength=Strength()
)


def judge(recipe: Recipe, demand: X509Demand = DEMAND, payload: bytes = PAYLOAD) -> SignatureEvidence:
    return verify_x509(recipe.make(), payload, demand)


def codes(evidence: SignatureEvidence) -> set[Code]:
    assert evidence.good == (not evidence.failures)
    assert evidence.verified == (not evidence.failures)
    return {failure.code for failure in evidence.failures}


def test_a_declared_identity_under_pinned_roots_at_a_logged_time_is_good() -> None:
    evidence = judge(Recipe())
    assert not evidence.failures
    assert (evidence.verified, evidence.good, evidence.format) == (True, True, Format.X509)
    assert evidence.primary == key_name(ISSUER, IDENTITY)
    assert evidence.made_at == int((MADE + timedelta(minutes=1)).timestamp())
    assert IDENTITY in evidence.identity


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(issuer=None),
        Recipe(old_issuer=None),
        Recipe(digest="sha512", key=ec.generate_private_key(ec.SECP521R1())),
        Recipe(key=rsa.generate_private_key(65537, 3072)),
        Recipe(attributes=("content_type", "message_digest")),
        Recipe(issued_by=ROOT, certificates=()),
    ],
    ids=["old-issuer-only", "new-issuer-only", "p521-sha512", "rsa", "no-signing-time", "issued-by-the-root"],
)
def test_other_good_forms_are_good(recipe: Recipe) -> None:
    assert codes(judge(recipe)) == set()


def test_a_pinned_intermediate_needs_none_beside_the_signature() -> None:
    trust = replace(TRUST, roots=read_roots(pem(CA[1])))
    assert codes(judge(Recipe(certificates=()), replace(DEMAND, trust=trust))) == set()


def test_one_address_may_be_the_identity() -> None:
    demand = replace(DEMAND, names=frozenset({key_name("https://accounts.example.com", "alice@example.com")}))
    named = {"issuer": "https://accounts.example.com", "old_issuer": None}
    assert codes(judge(Recipe(names=(x509.RFC822Name("alice@example.com"),), **named), demand)) == set()
    assert codes(judge(Recipe(names=(x509.RFC822Name("Alice@example.com"),), **named), demand)) == {Code.KEY_UNKNOWN}


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(payload=b"tree 1\n\nChange\n"), Code.SIG_BAD),
        (Recipe(names=(x509.UniformResourceIdentifier(IDENTITY + "x"),)), Code.KEY_UNKNOWN),
        (Recipe(names=(x509.UniformResourceIdentifier(IDENTITY), x509.RFC822Name("a@example.com"))), Code.KEY_UNKNOWN),
        (Recipe(names=(x509.DNSName("example.com"),)), Code.KEY_UNKNOWN),
        (Recipe(names=()), Code.KEY_UNKNOWN),
        (Recipe(issuer="https://accounts.google.com", old_issuer="https://accounts.google.com"), Code.KEY_UNKNOWN),
        (Recipe(old_issuer="https://accounts.google.com"), Code.KEY_UNKNOWN),
        (Recipe(issuer=None, old_issuer=None), Code.KEY_UNKNOWN),
        (Recipe(issuer=ISSUER + "/"), Code.KEY_UNKNOWN),
        (Recipe(issued_by=STRANGER, certificates=(STRANGER[1],)), Code.KEY_UNKNOWN),
        (Recipe(issued_by=STRANGER, certificates=(STRANGER[1], CA[1])), Code.KEY_UNKNOWN),
        (Recipe(certificates=()), Code.KEY_UNKNOWN),
        (Recipe(issued_by=authority("leaf", issuer=CA, ca=False)), Code.KEY_UNKNOWN),
        (Recipe(purposes=()), Code.KEY_NOT_AUTHORIZED),
        (Recipe(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), Code.KEY_NOT_AUTHORIZED),
        (Recipe(purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), Code.KEY_NOT_AUTHORIZED),
        (Recipe(digital_signature=False), Code.KEY_NOT_AUTHORIZED),
        (Recipe(logged=timedelta(minutes=11)), Code.KEY_EXPIRED),
        (Recipe(logged=timedelta(minutes=-1)), Code.KEY_NOT_YET_VALID),
        (Recipe(without_entry=True), Code.SIG_FORMAT_NOT_ALLOWED),
        (Recipe(kind=b"intoto"), Code.SIG_FORMAT_NOT_ALLOWED),
        (Recipe(entry=b""), Code.SIG_FORMAT_NOT_ALLOWED),
        (Recipe(entry=b"\xff"), Code.SIG_FORMAT_NOT_ALLOWED),
        (Recipe(log_key=OTHER_LOG), Code.SIG_BAD),
        (Recipe(log_key=OTHER_LOG, logged_by=log_id(OTHER_LOG)), Code.KEY_UNKNOWN),
        (Recipe(digest="sha1"), Code.SIG_DIGEST_WEAK),
        (Recipe(key=rsa.generate_private_key(65537, 2048)), Code.SIG_ALGO_WEAK),
        (Recipe(key=ec.generate_private_key(ec.SECP256K1())), Code.SIG_ALGO_WEAK),
        (Recipe(content=PAYLOAD), Code.SIG_MALFORMED),
        (Recipe(content_type="signed_data"), Code.SIG_MALFORMED),
        (Recipe(attributes=("message_digest",)), Code.SIG_MALFORMED),
        (Recipe(attributes=("content_type", "signing_time")), Code.SIG_MALFORMED),
        (Recipe(attributes=("content_type", "message_digest", "message_digest")), Code.SIG_MALFORMED),
        (Recipe(signers=2), Code.SIG_MULTIPLE),
        (Recipe(signers=0), Code.SIG_MULTIPLE),
    ],
)
def test_one_wrong_ingredient_is_refused(recipe: Recipe, expected: Code) -> None:
    assert expected in codes(judge(recipe))


def test_a_certificate_that_is_valid_now_does_not_make_up_for_the_log() -> None:
    """A stolen key with a long certificate, and no log: a commit's date or the present prove nothing."""
    recipe = Recipe(valid=timedelta(days=365), without_entry=True)
    assert codes(judge(recipe)) == {Code.SIG_FORMAT_NOT_ALLOWED}


def test_the_promise_for_another_signature_proves_nothing() -> None:
    """The entry of one signature, moved to another one of the same identity, made after its certificate expired."""
    first = Recipe()
    entry = read_cms(first.make())
    assert isinstance(entry, CmsSignature)
    moved = Recipe(entry=entry.log_entry, payload=b"evil")
    assert codes(judge(moved, payload=b"evil")) == {Code.SIG_BAD}


def test_what_was_logged_in_the_future_is_refused() -> None:
    early = replace(DEMAND, now=int(MADE.timestamp()) - 3600)
    assert codes(judge(Recipe(), early)) == {Code.SIG_FUTURE}


def test_the_signers_file_decides_over_digests_and_sizes() -> None:
    demand = replace(DEMAND, strength=Strength(digests=frozenset({"sha512"}), rsa_bits=4096))
    assert codes(judge(Recipe(), demand)) == {Code.SIG_DIGEST_WEAK}
    large = Recipe(digest="sha512", key=rsa.generate_private_key(65537, 3072))
    assert codes(judge(large, demand)) == {Code.SIG_ALGO_WEAK}


def test_no_flipped_bit_of_a_signature_is_good() -> None:
    """Each byte once; what is not signed (the version, the order of sets) may differ, but never what is said."""
    good = Recipe().make()
    expected = verify_x509(good, PAYLOAD, DEMAND)
    for place in range(0, len(good), 7):
        data = bytearray(good)
        data[place] ^= 0x01
        evidence = verify_x509(bytes(data), PAYLOAD, DEMAND)
        if evidence.good:
            same = ("primary", "fingerprint", "made_at", "identity")
            assert [getattr(evidence, name) for name in same] == [getattr(expected, name) for name in same]
        if not evidence.good:
            assert evidence.failures


@given(st.binary(max_size=300))
def test_whatever_comes_is_refused_and_does_no_harm(data: bytes) -> None:
    assert isinstance(read_cms(data), Failure)
    assert not verify_x509(data, PAYLOAD, DEMAND).good
    assert isinstance(read_entry(data), Failure)


def test_the_canonical_entry_is_ascii_json_in_order() -> None:
    signature = read_cms(Recipe().make())
    assert isinstance(signature, CmsSignature)
    text = promised(LogEntry(index=1, log="00", time=2, promise=b""), signature)
    value = json.loads(text)
    assert list(value) == sorted(value) == ["body", "integratedTime", "logID", "logIndex"]
    body = json.loads(base64.b64decode(value["body"]))
    assert body["spec"]["data"]["hash"] == {
        "algorithm": "sha256",
        "value": hashlib.sha256(signature.attributes).hexdigest(),
    }
    assert b" " not in text


@pytest.mark.parametrize("data", [b"", b"x", pem(ROOT[1])[:-40], pem(Recipe().certificate()), public_pem(LOG_KEY)])
def test_roots_are_certificates_of_authorities(data: bytes) -> None:
    with pytest.raises(CertificateFileError):
        read_roots(data)


@pytest.mark.parametrize(
    "data", [b"", b"x", public_pem(LOG_KEY) + b"x", pem(ROOT[1]), public_pem(rsa.generate_private_key(65537, 2048))]
)
def test_logs_are_public_keys(data: bytes) -> None:
    with pytest.raises(CertificateFileError):
        read_logs(data)


def test_several_logs_may_be_pinned() -> None:
    assert set(read_logs(public_pem(LOG_KEY) + b"\n" + public_pem(OTHER_LOG))) == {log_id(LOG_KEY), log_id(OTHER_LOG)}


def test_s2_a_certificate_that_anybody_can_have_is_shown_and_refused() -> None:
    evidence = refuse_x509(Recipe(certificates=()).make())
    assert codes(evidence) == {Code.SIG_FORMAT_NOT_ALLOWED}
    assert (evidence.format, evidence.verified, evidence.good) == (Format.X509, False, False)
    assert "workflows/release.yaml@refs/heads/main" in evidence.identity
    assert "issued by https://token.actions.githubusercontent.com" in evidence.identity
    assert "unverified" in evidence.failures[0].detail


def test_a_block_that_cannot_be_read_is_refused_without_a_name() -> None:
    for data in (b"", b"\x30", Recipe().make()[:-20], b"\xff" * 100):
        evidence = refuse_x509(data)
        assert codes(evidence) == {Code.SIG_FORMAT_NOT_ALLOWED}
        assert not evidence.identity


def test_a_long_identity_is_cut() -> None:
    names = (x509.UniformResourceIdentifier("https://example.com/" + "a" * 5000),)
    assert len(refuse_x509(Recipe(names=names).make()).identity) <= 500
