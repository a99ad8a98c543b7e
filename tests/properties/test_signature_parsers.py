"""Whatever bytes arrive, the readers of signatures answer; and what they accept, they read in one way only."""

from __future__ import annotations

import base64
import re

from hypothesis import example, given
from hypothesis import strategies as st

from gitgate.path_glob import compile_glob
from gitgate.signature.armor import Armored, crc24, read_armor
from gitgate.signature.commit import CommitObject, TagObject, parse_commit, parse_tag
from gitgate.signature.gpg_status import Outcome, StatusError, read_status
from gitgate.signature.packets import PacketError, SignaturePacket, packets_of, read_certificate, read_signature
from gitgate.signature.ssh import SshSignature, read_ssh_signature
from gitgate.signature.ssh_files import SshFileError, read_allowed_signers, read_revoked_keys
from gitgate.signature.verdict import Code, Failure
from gitgate.signature.x509 import refuse_x509

OID = st.text("0123456789abcdef", min_size=40, max_size=40)
NAME = st.text(
    st.characters(exclude_characters="<>", min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]),
    max_size=10,
)
EMAIL = st.text("abc@.+-", min_size=1, max_size=12)
MESSAGE = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=60)
SIGNATURE = st.binary(min_size=1, max_size=90)

# Fragments of real objects, so that random texts get past the first check.
FRAGMENT = st.sampled_from(
    [
        b"tree " + b"0" * 40 + b"\n",
        b"parent " + b"1" * 40 + b"\n",
        b"author A <a@b> 1 +0000\n",
        b"committer A <a@b> 1 +0000\n",
        b"encoding UTF-8\n",
        b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----\n",
        b"gpgsigx y\n",
        b" continued\n",
        b"\n",
        b"\0",
        b"object " + b"0" * 40 + b"\n",
        b"type commit\n",
        b"tag v1\n",
        b"tagger A <a@b> 1 +0000\n",
        b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    ]
)
OBJECT = st.lists(st.one_of(FRAGMENT, st.binary(max_size=12)), max_size=14).map(b"".join)


def armored(data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    check = base64.b64encode(crc24(data).to_bytes(3, "big")).decode()
    return "\n".join(
        ["-----BEGIN PGP SIGNATURE-----", "", *lines, f"={check}", "-----END PGP SIGNATURE-----", ""]
    ).encode()


@given(OBJECT)
def test_a_commit_is_read_or_refused(raw: bytes) -> None:
    parsed = parse_commit(raw)
    if isinstance(parsed, CommitObject):
        assert b"\0" not in raw
        assert parsed.payload == raw or parsed.signature is not None
        assert raw.startswith(f"tree {parsed.tree}\n".encode())
    else:
        assert parsed.code is Code.COMMIT_MALFORMED


@given(OID, st.lists(OID, unique=True, max_size=3), NAME, EMAIL, st.integers(0, 253402300799), MESSAGE, SIGNATURE)
def test_a_signature_is_split_off_a_commit_without_changing_a_byte(  # noqa: PLR0917 - hypothesis gives each
    tree: str, parents: list[str], name: str, email: str, seconds: int, message: str, data: bytes
) -> None:
    head = f"tree {tree}\n" + "".join(f"parent {parent}\n" for parent in parents)
    head += f"author {name} <{email}> {seconds} +0100\ncommitter {name} <{email}> {seconds} -0330\n"
    text = armored(data)
    unsigned = (head + "\n" + message).encode()
    folded = text.rstrip(b"\n").replace(b"\n", b"\n ")
    parsed = parse_commit(head.encode() + b"gpgsig " + folded + b"\n\n" + message.encode())
    assert isinstance(parsed, CommitObject)
    assert parsed.payload == unsigned
    assert parsed.signature == text
    assert parsed.parents == tuple(parents)
    assert (parsed.committer.name, parsed.committer.email, parsed.committer.seconds) == (name, email, seconds)
    plain = parse_commit(unsigned)
    assert isinstance(plain, CommitObject)
    assert (plain.signature, plain.payload) == (None, unsigned)


@given(OBJECT)
def test_a_tag_is_read_or_refused(raw: bytes) -> None:
    parsed = parse_tag(raw)
    if isinstance(parsed, TagObject):
        assert parsed.payload + (parsed.signature or b"") == raw
    else:
        assert parsed.code is Code.COMMIT_MALFORMED


@given(st.binary(min_size=1, max_size=300))
def test_armor_gives_back_what_went_in(data: bytes) -> None:
    found = read_armor(armored(data))
    assert isinstance(found, Armored)
    assert found.data == data


@given(st.binary(min_size=1, max_size=100), st.data())
def test_armor_with_any_one_byte_changed_is_refused_or_means_the_same(data: bytes, draw: st.DataObject) -> None:
    """Nothing in the armor is free for an attacker to vary, but for what the signature itself then covers."""
    text = bytearray(armored(data))
    at = draw.draw(st.integers(0, len(text) - 1))
    text[at] = draw.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    assert isinstance(read_armor(bytes(text)), Failure)


@given(
    st.lists(
        st.sampled_from(
            [
                b"-----BEGIN PGP SIGNATURE-----\n",
                b"-----END PGP SIGNATURE-----\n",
                b"\n",
                b"AAAA\n",
                b"=AAAA\n",
                b"Comment: x\n",
                b" ",
                b"-----BEGIN SSH SIGNATURE-----\n",
            ]
        ),
        max_size=8,
    ).map(b"".join)
)
def test_armor_is_read_or_refused(text: bytes) -> None:
    found = read_armor(text)
    if isinstance(found, Failure):
        assert found.code in {Code.SIG_MALFORMED, Code.SIG_MULTIPLE}
    else:
        assert text.count(b"BEGIN") == 1


def packet(body: bytes) -> bytes:
    return b"\x88" + bytes([len(body)]) + body if len(body) < 256 else b"\x89" + len(body).to_bytes(2, "big") + body


PACKET_BODY = st.builds(
    lambda kind, hashed, unhashed, rest: (
        bytes([4, kind, 22, 8])
        + len(hashed).to_bytes(2, "big")
        + hashed
        + len(unhashed).to_bytes(2, "big")
        + unhashed
        + rest
    ),
    st.integers(0, 255),
    st.one_of(st.just(b"\x05\x02\0\0\0\1" + b"\x16\x21\4" + b"\1" * 20), st.binary(max_size=40)),
    st.binary(max_size=20),
    st.one_of(st.just(b"ab" + b"\0\1\1" + b"\0\1\1"), st.binary(max_size=12)),
)


@given(
    st.one_of(
        st.binary(max_size=80),
        PACKET_BODY.map(packet),
        st.tuples(PACKET_BODY, st.binary(max_size=5)).map(lambda pair: packet(pair[0]) + pair[1]),
    )
)
@example(
    packet(bytes([4, 0, 22, 8, 0, 29]) + b"\x05\x02\0\0\0\1" + b"\x16\x21\4" + b"\1" * 20 + b"\0\0" + b"ab\0\1\1\0\1\1")
)
def test_a_signature_packet_is_read_or_refused(data: bytes) -> None:
    found = read_signature(data)
    if isinstance(found, SignaturePacket):
        assert found.raw == data
        assert len(list(packets_of(data))) == 1
        assert len(found.key_id) == 16
    else:
        assert found.code in {Code.SIG_MALFORMED, Code.SIG_MULTIPLE}


@given(st.binary(max_size=80))
def test_a_key_file_is_read_or_refused(data: bytes) -> None:
    try:
        certificate = read_certificate(data)
    except PacketError:
        return
    assert len(certificate.fingerprint) in {40, 64}


STATUS = st.lists(
    st.sampled_from(
        [
            b"[GNUPG:] NEWSIG\n",
            b"[GNUPG:] GOODSIG 0 x\n",
            b"[GNUPG:] BADSIG 0 x\n",
            b"[GNUPG:] REVKEYSIG 0 x\n",
            b"[GNUPG:] ERRSIG 0 x\n",
            b"[GNUPG:] VALIDSIG " + b"A" * 40 + b" 2026-01-01 1 0 4 0 22 8 00 " + b"A" * 40 + b"\n",
            b"[GNUPG:] NOTATION_DATA x\n",
            b"[GNUPG:] KEYREVOKED\n",
            b"gpgv: x\n",
            b"\n",
        ]
    ),
    max_size=6,
)


@given(STATUS, st.sampled_from([0, 1, 2]))
def test_only_one_exact_set_of_status_lines_is_good(given_lines: list[bytes], returncode: int) -> None:
    try:
        status = read_status(b"".join(given_lines), returncode)
    except StatusError:
        return
    if status.outcome is Outcome.GOOD:
        assert returncode == 0
        exclusive = [line for line in given_lines if re.search(rb"(GOOD|BAD|REVKEY|ERR)SIG ", line)]
        assert len(exclusive) == 1
        assert sum(b"VALIDSIG" in line for line in given_lines) == 1
        assert sum(b"NEWSIG" in line for line in given_lines) == 1
        assert b"[GNUPG:] KEYREVOKED\n" not in given_lines


@given(st.binary(max_size=200))
def test_an_ssh_signature_is_read_or_refused(data: bytes) -> None:
    for found in (read_ssh_signature(data), read_ssh_signature(b"SSHSIG\0\0\0\1" + data)):
        assert isinstance(found, SshSignature) or found.code is Code.SIG_MALFORMED


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
LINE = st.lists(
    st.sampled_from(
        [
            "a@b",
            ",",
            " ",
            "*",
            "cert-authority",
            'namespaces="git"',
            'valid-before="2026"',
            KEY,
            "#",
            "\n",
            '"',
            "=",
            "\t",
        ]
    )
    | st.text(max_size=4),
    max_size=8,
).map("".join)


@given(LINE)
@example(f'a@b namespaces="git" {KEY}')
def test_an_allowed_signers_file_is_read_or_refused(text: str) -> None:
    try:
        entries = read_allowed_signers(text.encode("utf-8", "surrogatepass"))
    except SshFileError:
        return
    for entry in entries:
        assert entry.principals
        assert not set('*?!" \t') & set("".join(entry.principals))


@given(st.one_of(st.binary(max_size=120), st.binary(max_size=120).map(lambda data: b"SSHKRL\n\0\0\0\0\1" + data)))
def test_a_revocation_list_is_read_or_refused(data: bytes) -> None:
    try:
        read_revoked_keys(data)
    except SshFileError:
        return


@given(st.binary(max_size=120))
def test_an_x509_signature_is_refused_where_nobody_declared_what_to_accept(data: bytes) -> None:
    assert not refuse_x509(data).good


SEGMENT = st.text("ab*?.", min_size=1, max_size=4).filter(lambda text: "**" not in text and text not in {".", ".."})
PATTERN = st.lists(st.one_of(SEGMENT, st.just("**")), min_size=1, max_size=4)
PATH = st.lists(st.text("ab.\n*", min_size=1, max_size=3), min_size=1, max_size=5)


def matches(pattern: list[str], path: list[str]) -> bool:
    """What a glob means, said once more and more slowly."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(matches(pattern[1:], path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path) and segment(pattern[0], path[0]) and matches(pattern[1:], path[1:])


def segment(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(segment(pattern[1:], text[skipped:]) for skipped in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and segment(pattern[1:], text[1:])


@given(PATTERN, PATH)
def test_a_glob_matches_what_its_words_say(pattern: list[str], path: list[str]) -> None:
    found = compile_glob("/".join(pattern)).match("/".join(path)) is not None
    assert found == matches(pattern, path)
