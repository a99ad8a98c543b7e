"""One signed commit against the signers: every attack on a signature by its code (security rows S1-S10, S14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from gitgate.errors import ToolError
from gitgate.signature.clock import BUILD_TIME
from gitgate.signature.commit import CommitObject, parse_commit
from gitgate.signature.judge import SignatureJudge, signature_judge
from gitgate.signature.packets import packets_of, read_certificate
from gitgate.signature.verdict import Code, Failure, SignatureEvidence
from tests.support.keys import (
    EMPTY_TREE,
    GpgKey,
    SigningKeys,
    armor,
    clock,
    dearmor,
    gpg,
    key_entry,
    make_signers,
    payload,
    run_program,
    signed,
    signers_document,
)
from tests.support.signature_scene import NOW

Judge = Callable[[bytes], set[Code]]


def codes(evidence: SignatureEvidence) -> set[Code]:
    found = {failure.code for failure in evidence.failures}
    assert evidence.good == (not found)
    return found


def judge_raw(judge: SignatureJudge, raw: bytes) -> set[Code]:
    parsed = parse_commit(raw)
    return {parsed.code} if isinstance(parsed, Failure) else codes(judge.judge(parsed))


@pytest.fixture(scope="module")
def document(keys: SigningKeys) -> dict:
    made = signers_document(keys)
    for name in ("expired", "revoked"):
        made["principals"][name] = {"keys": [key_entry(keys.gpg[name])]}
    return made


@pytest.fixture(scope="module")
def judge(keys: SigningKeys, document: dict) -> Iterator[Judge]:
    with signature_judge(make_signers(keys, document), NOW) as made:
        yield lambda raw: judge_raw(made, raw)


def test_a_good_openpgp_signature(keys: SigningKeys, judge: Judge) -> None:
    assert judge(signed(payload(), keys.gpg["alice"].sign(payload()))) == set()


def test_a_good_ssh_signature(keys: SigningKeys, judge: Judge) -> None:
    assert judge(signed(payload("bob"), keys.ssh["bob"].sign(payload("bob")))) == set()


def test_s1_an_unsigned_commit(judge: Judge) -> None:
    assert judge(payload()) == {Code.UNSIGNED}


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_s1_a_signature_over_another_payload(keys: SigningKeys, judge: Judge, name: str) -> None:
    key = keys.gpg.get(name) or keys.ssh[name]
    assert judge(signed(payload(name), key.sign(payload(name, message="Other\n")))) == {Code.SIG_BAD}


def test_s2_an_unknown_openpgp_key(keys: SigningKeys, judge: Judge) -> None:
    assert judge(signed(payload(), keys.gpg["mallory"].sign(payload()))) == {Code.KEY_UNKNOWN}


def test_s2_an_unknown_ssh_key_is_not_trusted(keys: SigningKeys, judge: Judge) -> None:
    assert judge(signed(payload(), keys.ssh["stranger"].sign(payload()))) == {Code.KEY_UNKNOWN}


def test_s2_an_x509_signature_is_recognised_and_refused(judge: Judge) -> None:
    text = b"-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n"
    assert judge(signed(payload(), text)) == {Code.SIG_FORMAT_NOT_ALLOWED}


def test_s2_a_format_that_the_signers_do_not_allow(keys: SigningKeys, document: dict) -> None:
    signers = make_signers(keys, {**document, "formats": ["openpgp"]})
    with signature_judge(signers, NOW) as judge:
        found = judge_raw(judge, signed(payload("bob"), keys.ssh["bob"].sign(payload("bob"))))
    assert found == {Code.SIG_FORMAT_NOT_ALLOWED}


def test_s4_an_expired_key_although_gpgv_exits_with_0(keys: SigningKeys, judge: Judge) -> None:
    made = keys.gpg["expired"].sign(payload(), *clock(NOW - timedelta(days=250)))
    assert judge(signed(payload(), made)) == {Code.KEY_EXPIRED}


def test_s4_a_key_that_will_have_expired_by_the_given_time(keys: SigningKeys, document: dict) -> None:
    brief = keys.gpg.get("brief") or keys.new_gpg("brief", expire="30d")
    document = {**document, "principals": {**document["principals"], "brief": {"keys": [key_entry(brief)]}}}
    commit = signed(payload(), brief.sign(payload()))
    for later, expected in ((timedelta(), set()), (timedelta(days=31), {Code.KEY_EXPIRED})):
        with signature_judge(make_signers(keys, document), NOW + later) as judge:
            assert judge_raw(judge, commit) == expected


def test_s5_a_revoked_key_although_gpgv_exits_with_0(keys: SigningKeys, judge: Judge) -> None:
    assert judge(signed(payload(), keys.signed_before_revocation)) == {Code.KEY_REVOKED}


@pytest.mark.parametrize("form", ["key", "fingerprint", "krl", "krl-sha256", "krl-sha1"])
def test_s5_an_ssh_key_in_the_revocation_list(keys: SigningKeys, document: dict, form: str, tmp_path: Path) -> None:
    bob = keys.ssh["bob"]
    if form.startswith("krl"):
        spec = tmp_path / "spec"
        prefix = {"krl": b"key: ", "krl-sha256": b"sha256: ", "krl-sha1": b"sha1: "}[form]
        spec.write_bytes(prefix + bob.public)
        run_program(["ssh-keygen", "-q", "-k", "-f", str(tmp_path / "krl"), str(spec)])
        listed = (tmp_path / "krl").read_bytes()
    else:
        listed = {"key": bob.public, "fingerprint": bob.fingerprint.encode()}[form]
    document = {**document, "ssh": {"revokedKeys": "revoked"}}
    with signature_judge(make_signers(keys, document, {"revoked": listed}), NOW) as judge:
        assert judge_raw(judge, signed(payload("bob"), bob.sign(payload("bob")))) == {Code.KEY_REVOKED}


def test_s6_a_signature_from_the_future(keys: SigningKeys, judge: Judge) -> None:
    later = keys.gpg["alice"].sign(payload(), *clock(NOW + timedelta(days=3000)))
    assert judge(signed(payload(), later)) == {Code.SIG_FUTURE}


def test_s6_the_commits_date_revives_no_ssh_key(keys: SigningKeys, document: dict) -> None:
    """The payload is dated 2023; what counts is now."""
    bob = keys.ssh["bob"]
    commit = signed(payload("bob"), bob.sign(payload("bob")))
    for window, expected in (
        ({"notAfter": "2024-01-01"}, Code.KEY_EXPIRED),
        ({"notBefore": f"{NOW + timedelta(days=2):%Y-%m-%d}"}, Code.KEY_NOT_YET_VALID),
    ):
        people = {**document["principals"], "bob": {"keys": [key_entry(bob, **window)]}}
        with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
            assert judge_raw(judge, commit) == {expected}


def test_s6_an_openpgp_key_outside_of_its_declared_window(keys: SigningKeys, document: dict) -> None:
    alice = keys.gpg["alice"]
    people = {**document["principals"], "alice": {"keys": [key_entry(alice, notAfter="2024-01-01")]}}
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        found = judge_raw(judge, signed(payload(), alice.sign(payload())))
    assert found == {Code.KEY_OUT_OF_WINDOW}


def test_s6_a_signature_older_than_its_key(keys: SigningKeys, judge: Judge) -> None:
    earlier = keys.gpg["alice"].sign(payload(), "--ignore-time-conflict", *clock(NOW - timedelta(days=400)))
    assert judge(signed(payload(), earlier)) == {Code.KEY_NOT_YET_VALID}


def test_s6_a_key_from_the_future_refuses_its_own_signatures_only(keys: SigningKeys, document: dict) -> None:
    later = NOW + timedelta(days=300)
    ahead = keys.gpg.get("ahead") or keys.new_gpg("ahead", when=later)
    people = {**document["principals"], "ahead": {"keys": [key_entry(ahead)]}}
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        made = ahead.sign(payload(), *clock(later + timedelta(days=1)))
        assert judge_raw(judge, signed(payload(), made)) == {Code.SIG_FUTURE, Code.KEY_NOT_YET_VALID}
        assert judge_raw(judge, signed(payload(), keys.gpg["alice"].sign(payload()))) == set()


def test_s7_a_certificate_that_only_sha1_holds_together(keys: SigningKeys, document: dict) -> None:
    """Refused, with what its owner can do about it, rather than as a bad signature."""
    if "oldish" not in keys.gpg:
        gpg(
            keys.home, "--cert-digest-algo", "SHA1", "--quick-generate-key", "oldish <o@example.com>", "rsa3072", "sign"
        )
        fingerprint = next(
            line.split(":")[9]
            for line in gpg(keys.home, "--with-colons", "--list-keys", "=oldish <o@example.com>").decode().splitlines()
            if line.startswith("fpr:")
        )
        keys.gpg["oldish"] = GpgKey(keys.home, "oldish", fingerprint, keys.export(fingerprint))
    old = keys.gpg["oldish"]
    people = {**document["principals"], "oldish": {"keys": [key_entry(old)]}}
    commit = signed(payload(), old.sign(payload()))
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        parsed = parse_commit(commit)
        assert isinstance(parsed, CommitObject)
        (failure,) = judge.judge(parsed).failures
    assert failure.code is Code.KEY_NOT_AUTHORIZED
    assert "--quick-set-expire" in failure.detail
    gpg(keys.home, "--cert-digest-algo", "SHA512", "--quick-set-expire", old.fingerprint, "2y")
    renewed = GpgKey(keys.home, "oldish", old.fingerprint, keys.export(old.fingerprint))
    signers = make_signers(keys, {**document, "principals": people}, {renewed.file: renewed.public})
    with signature_judge(signers, NOW) as judge:
        assert judge_raw(judge, commit) == set(), "the remedy works"


@pytest.mark.parametrize(
    "options",
    [
        ("--sig-notation", "note@example.com=hello"),
        ("--sig-policy-url", "https://example.com/policy"),
        ("--sig-keyserver-url", "hkps://example.com"),
        ("--sender", "alice@example.com"),
        ("--openpgp",),
        ("--digest-algo", "SHA384"),
    ],
    ids=lambda options: options[0].strip("-"),
)
def test_what_gpg_may_add_to_a_signature_does_no_harm(
    keys: SigningKeys, judge: Judge, options: tuple[str, ...]
) -> None:
    assert judge(signed(payload(), keys.gpg["alice"].sign(payload(), *options))) == set()


def test_s6_a_signature_that_has_expired(keys: SigningKeys, judge: Judge) -> None:
    brief = keys.gpg["expired"].sign(payload(), "--default-sig-expire", "2d", *clock(NOW - timedelta(days=250)))
    assert judge(signed(payload(), brief)) == {Code.SIG_EXPIRED, Code.KEY_EXPIRED}


def test_s7_sha1(keys: SigningKeys, judge: Judge) -> None:
    weak = keys.gpg["alice"].sign(payload(), "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    assert judge(signed(payload(), weak)) == {Code.SIG_DIGEST_WEAK}


def test_s7_a_digest_that_the_signers_do_not_list(keys: SigningKeys, document: dict) -> None:
    signers = make_signers(keys, {**document, "algorithms": {"digests": ["sha512"]}})
    commit = signed(payload(), keys.gpg["alice"].sign(payload(), "--digest-algo", "SHA256"))
    with signature_judge(signers, NOW) as judge:
        assert judge_raw(judge, commit) == {Code.SIG_DIGEST_WEAK}


def test_s7_a_text_mode_signature_and_its_crlf_twin(keys: SigningKeys, judge: Judge) -> None:
    text = keys.gpg["alice"].sign(payload(), "--textmode")
    assert judge(signed(payload(), text)) == {Code.SIG_CLASS}
    twin = payload(message="Change\r\n")
    assert Code.SIG_CLASS in judge(signed(twin, text))


def test_s7_an_rsa_key_that_is_too_short(keys: SigningKeys, document: dict) -> None:
    short = keys.ssh.get("short") or keys.new_ssh("short", "-t", "rsa", "-b", "2048")
    people = {**document["principals"], "short": {"keys": [key_entry(short)]}}
    commit = signed(payload(), short.sign(payload()))
    for algorithms, expected in (({}, {Code.SIG_ALGO_WEAK}), ({"rsaMinimumBits": 2048}, set())):
        signers = make_signers(keys, {**document, "principals": people, "algorithms": algorithms})
        with signature_judge(signers, NOW) as judge:
            assert judge_raw(judge, commit) == expected


@pytest.mark.parametrize(("algorithm", "detail"), [("dsa2048", "algorithm dsa"), ("secp256k1", "curve secp256k1")])
def test_s7_algorithms_that_are_not_accepted(keys: SigningKeys, document: dict, algorithm: str, detail: str) -> None:
    key = keys.gpg.get(algorithm) or keys.new_gpg(algorithm, algorithm)
    people = {**document["principals"], algorithm: {"keys": [key_entry(key)]}}
    parsed = parse_commit(signed(payload(), key.sign(payload())))
    assert isinstance(parsed, CommitObject)
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        assert judge.judge(parsed).failures == (Failure(Code.SIG_ALGO_WEAK, detail),)


@pytest.mark.parametrize("algorithm", ["nistp256", "nistp384", "nistp521", "brainpoolP256r1", "brainpoolP512r1"])
def test_curves_that_are_accepted(keys: SigningKeys, document: dict, algorithm: str) -> None:
    key = keys.gpg.get(algorithm) or keys.new_gpg(algorithm, algorithm)
    people = {**document["principals"], algorithm: {"keys": [key_entry(key)]}}
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        assert judge_raw(judge, signed(payload(), key.sign(payload()))) == set()


def test_s7_an_ssh_signature_for_another_purpose(keys: SigningKeys, judge: Judge) -> None:
    for_files = keys.ssh["bob"].sign(payload("bob"), namespace="file")
    assert judge(signed(payload("bob"), for_files)) == {Code.SIG_CLASS}


def test_s8_two_packets_in_one_block(keys: SigningKeys, judge: Judge) -> None:
    good = dearmor(keys.gpg["alice"].sign(payload()))
    other = dearmor(keys.gpg["carol"].sign(payload()))
    bad = dearmor(keys.gpg["alice"].sign(payload(message="Other\n")))
    for packets in (good + other, bad + good, good + bad, good + good):
        assert judge(signed(payload(), armor(packets))) == {Code.SIG_MULTIPLE}


def test_s8_two_blocks_in_one_header(keys: SigningKeys, judge: Judge) -> None:
    openpgp, ssh = keys.gpg["alice"].sign(payload()), keys.ssh["bob"].sign(payload())
    for text in (openpgp + openpgp, ssh + ssh, ssh + openpgp, openpgp + ssh):
        assert judge(signed(payload(), text)) == {Code.SIG_MULTIPLE}


def test_s8_two_signature_headers(keys: SigningKeys, judge: Judge) -> None:
    good = keys.gpg["alice"].sign(payload())
    assert judge(signed(signed(payload(), good), good)) == {Code.SIG_MULTIPLE}
    assert judge(signed(signed(payload(), good), good, header=b"gpgsig-sha256")) == {Code.SIG_MULTIPLE}


def test_s8_a_header_that_git_leaves_out_of_the_signed_bytes(keys: SigningKeys, judge: Judge) -> None:
    good = keys.gpg["alice"].sign(payload())
    assert judge(signed(signed(payload(), good), b"evil", header=b"gpgsigevil")) == {Code.SIG_MALFORMED}
    assert judge(signed(payload(), good, header=b"gpgsig-sha256")) == {Code.SIG_MALFORMED}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"SIGNATURE-----\n\n", b"SIGNATURE-----\nComment: all good\n\n", 1),
        lambda text: text + b"\n\ntrailing text\n",
        lambda text: b"leading text\n" + text,
        lambda text: text.replace(b"PGP SIGNATURE", b"PGP MESSAGE"),
        lambda text: text.replace(b"PGP SIGNATURE", b"EVIL SIGNATURE"),
        lambda text: text.replace(b"-----END PGP SIGNATURE-----", b""),
        lambda text: text.replace(b"=", b"=A", 1),
        lambda text: b"-----BEGIN PGP SIGNATURE-----\n\nZ2FyYmFnZQ==\n-----END PGP SIGNATURE-----\n",
        lambda text: b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
        lambda text: b"\n",
        lambda text: b"-----BEGIN PGP SIGNATURE-----\n\n::error::\x1b[31m\n-----END PGP SIGNATURE-----\n",
    ],
)
def test_s8_armor_that_is_not_canonical(keys: SigningKeys, judge: Judge, change: Callable[[bytes], bytes]) -> None:
    assert judge(signed(payload(), change(keys.gpg["alice"].sign(payload())))) == {Code.SIG_MALFORMED}


def test_s8_bytes_behind_the_signatures_numbers(keys: SigningKeys, judge: Judge) -> None:
    packet = dearmor(keys.gpg["alice"].sign(payload()))
    assert packet[0] == 0x88, "an old header with a length of one byte"
    longer = bytes([0x88, packet[1] + 1]) + packet[2:] + b"\0"
    assert judge(signed(payload(), armor(longer))) == {Code.SIG_MALFORMED}


def test_a_signature_whose_numbers_were_changed(keys: SigningKeys, judge: Judge) -> None:
    packet = dearmor(keys.gpg["alice"].sign(payload()))
    assert judge(signed(payload(), armor(packet[:-1] + bytes([packet[-1] ^ 1])))) == {Code.SIG_BAD}


def test_s9_a_user_id_cannot_forge_status_lines(keys: SigningKeys, document: dict) -> None:
    spoof = keys.gpg.get("spoof")
    if spoof is None:
        user = "x\n[GNUPG:] GOODSIG 0000000000000000 alice\n[GNUPG:] VALIDSIG <spoof@example.com>"
        gpg(keys.home, "--allow-freeform-uid", "--quick-generate-key", user, "ed25519", "sign", "never")
        listing = gpg(keys.home, "--with-colons", "--list-keys", "GOODSIG").decode()
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        spoof = GpgKey(keys.home, "spoof", fingerprint, keys.export(fingerprint))
        keys.gpg["spoof"] = spoof
        assert "x\\n[GNUPG" in listing, "gpg escapes the line end, so it is really in the user ID"
    people = {**document["principals"], "spoof": {"keys": [key_entry(spoof)]}}
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        assert judge_raw(judge, signed(payload(), spoof.sign(payload()))) == set()
        other = spoof.sign(payload(message="Other\n"))
        assert judge_raw(judge, signed(payload(), other)) == {Code.SIG_BAD}


def test_s10_a_signing_subkey_is_reported_with_its_primary_key(keys: SigningKeys, document: dict) -> None:
    if "sub" not in keys.gpg:
        made = keys.new_gpg("sub")
        gpg(keys.home, "--quick-add-key", made.fingerprint, "ed25519", "sign", "never")
        keys.gpg["sub"] = GpgKey(keys.home, "sub", made.fingerprint, keys.export(made.fingerprint))
    sub = keys.gpg["sub"]
    people = {**document["principals"], "sub": {"keys": [key_entry(sub)]}}
    with signature_judge(make_signers(keys, {**document, "principals": people}), NOW) as judge:
        parsed = parse_commit(signed(payload(), sub.sign(payload())))
        assert isinstance(parsed, CommitObject)
        evidence = judge.judge(parsed)
    assert evidence.good
    assert evidence.primary == sub.fingerprint
    assert len(evidence.fingerprint) == 40
    assert evidence.fingerprint != evidence.primary


def test_s10_a_subkey_that_another_certificate_adopted(keys: SigningKeys, document: dict) -> None:
    """Mallory appends alice's primary key as a subkey of a new certificate, without alice's consent."""
    alice, mallory = (read_certificate(keys.gpg[name].public).raw for name in ("alice", "mallory"))
    (_, body), *_ = list(packets_of(alice))
    adopted = mallory + bytes([0xB8, len(body)]) + body
    key = GpgKey(keys.home, "adopter", keys.gpg["mallory"].fingerprint, adopted)
    people = {"adopter": {"keys": [key_entry(key)]}, "bob": document["principals"]["bob"]}
    document = {**document, "principals": people, "groups": {"gitops-admins": ["adopter", "bob"]}, "rules": []}
    signers = make_signers(keys, document, {key.file: adopted})
    with signature_judge(signers, NOW) as judge:
        found = judge_raw(judge, signed(payload(), keys.gpg["alice"].sign(payload())))
    assert found == {Code.KEY_UNKNOWN}


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("two trees", lambda raw: b"tree " + b"0" * 40 + b"\n" + raw),
        ("two authors", lambda raw: raw.replace(b"\ncommitter", b"\nauthor x <x@y> 1 +0000\ncommitter", 1)),
        ("two committers", lambda raw: raw.replace(b"\n\n", b"\ncommitter x <x@y> 1 +0000\n\n", 1)),
        (
            "a parent after the author",
            lambda raw: raw.replace(b"\ncommitter", b"\nparent " + b"1" * 40 + b"\ncommitter", 1),
        ),
        ("a NUL byte", lambda raw: raw + b"\0hidden"),
        ("a huge date", lambda raw: raw.replace(b"1700000000", b"99999999999999999999")),
        ("a negative date", lambda raw: raw.replace(b"1700000000", b"-1")),
        ("a shortened tree", lambda raw: raw.replace(EMPTY_TREE.encode(), EMPTY_TREE[:12].encode())),
        ("capital digits", lambda raw: raw.replace(EMPTY_TREE.encode(), EMPTY_TREE.upper().encode())),
        ("another encoding", lambda raw: raw.replace(b"\n\n", b"\nencoding UTF-7\n\n", 1)),
        ("an unknown header", lambda raw: raw.replace(b"\n\n", b"\nevil yes\n\n", 1)),
        ("a tag inside", lambda raw: raw.replace(b"\n\n", b"\nmergetag object x\n y\n\n", 1)),
        ("endless headers", lambda raw: raw.replace(b"\n\n", b"\ngpgsig x\n" + b" \n" * 200_000 + b"\n", 1)),
        ("no message separator", lambda raw: raw.split(b"\n\n")[0] + b"\n"),
        ("a continued committer", lambda raw: raw.replace(b"\n\n", b"\n more\n\n", 1)),
        ("an address with brackets", lambda raw: raw.replace(b"<alice@", b"<alice@x> <")),
        ("nothing", lambda raw: b""),
    ],
)
def test_s14_a_malformed_commit(keys: SigningKeys, judge: Judge, what: str, change: Callable[[bytes], bytes]) -> None:
    raw = change(payload())
    assert raw != payload()
    assert judge(raw) == {Code.COMMIT_MALFORMED}
    if b"\n\n" in raw and b"\0" not in raw:
        assert judge(signed(raw, keys.gpg["alice"].sign(raw))) == {Code.COMMIT_MALFORMED}


def test_s14_a_signature_header_in_the_wrong_place(keys: SigningKeys, judge: Judge) -> None:
    good = signed(payload(), keys.gpg["alice"].sign(payload()))
    start, end = good.index(b"gpgsig "), good.index(b"-----END PGP SIGNATURE-----\n") + 28
    moved = good[:start] + good[end:]
    tree_end = moved.index(b"\n") + 1
    assert judge(moved[:tree_end] + good[start:end] + moved[tree_end:]) == {Code.COMMIT_MALFORMED}


def test_t8_a_clock_before_the_release(keys: SigningKeys, document: dict) -> None:
    with pytest.raises(ToolError, match="before this release"), ExitStack() as stack:
        stack.enter_context(signature_judge(make_signers(keys, document), BUILD_TIME - timedelta(seconds=1)))
