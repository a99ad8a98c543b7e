"""SSH signatures: every kind of key against the real ssh-keygen, security keys, and what hostile blobs do."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from gitgate.signature.armor import Armored, read_armor
from gitgate.signature.ssh import SshSignature, read_ssh_signature, verify_ssh
from gitgate.signature.ssh_files import RevokedKeys, SshFileError, read_revoked_keys
from gitgate.signature.ssh_wire import SshKey, WireError, read_key, read_key_line, string
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Code, Failure
from tests.support.keys import SigningKeys, run_program

PAYLOAD = b"tree ...\n\nChange\n"
STRENGTH = Strength(rsa_bits=2048)


def codes(payload: bytes, signature: SshSignature | Failure, *keys: SshKey) -> set[Code]:
    assert isinstance(signature, SshSignature), signature
    evidence = verify_ssh(payload, signature, {key.fingerprint: key for key in keys}, STRENGTH)
    assert evidence.good == (not evidence.failures)
    return {failure.code for failure in evidence.failures}


def mpint(value: int) -> bytes:
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def blob(
    key_blob: bytes, inner: bytes, *, namespace: bytes = b"git", reserved: bytes = b"", digest: bytes = b"sha512"
) -> bytes:
    head = b"SSHSIG" + (1).to_bytes(4, "big")
    return head + b"".join(map(string, (key_blob, namespace, reserved, digest, inner)))


def signed_data(payload: bytes = PAYLOAD) -> bytes:
    return b"SSHSIG" + b"".join(map(string, (b"git", b"", b"sha512", hashlib.sha512(payload).digest())))


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "ed25519"),
        ("-t", "ecdsa", "-b", "256"),
        ("-t", "ecdsa", "-b", "384"),
        ("-t", "ecdsa", "-b", "521"),
        ("-t", "rsa", "-b", "2048"),
    ],
    ids=lambda options: "-".join(options[1::2]),
)
def test_what_ssh_keygen_signs_verifies(keys: SigningKeys, options: tuple[str, ...]) -> None:
    name = "kind-" + "-".join(options[1::2])
    pair = keys.ssh.get(name) or keys.new_ssh(name, *options)
    key = read_key_line(pair.public.decode())
    assert key.fingerprint == pair.fingerprint
    for digest in ("sha256", "sha512"):
        armored = read_armor(pair.sign(PAYLOAD, "-O", f"hashalg={digest}"))
        assert isinstance(armored, Armored)
        signature = read_ssh_signature(armored.data)
        assert codes(PAYLOAD, signature, key) == set()
        assert codes(PAYLOAD + b"x", signature, key) == {Code.SIG_BAD}
        assert codes(PAYLOAD, signature) == {Code.KEY_UNKNOWN}


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def rsa_blob(key: rsa.RSAPrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)


def test_a_short_rsa_signature_is_padded_as_openssh_does(rsa_key: rsa.RSAPrivateKey) -> None:
    public = rsa_blob(rsa_key)
    for counter in range(10_000):
        payload = PAYLOAD + str(counter).encode()
        value = rsa_key.sign(signed_data(payload), padding.PKCS1v15(), hashes.SHA512())
        if value[0] == 0:
            break
    else:
        pytest.fail("no signature started with a zero byte")
    short = read_ssh_signature(blob(public, string(b"rsa-sha2-512") + string(value.lstrip(b"\0"))))
    assert codes(payload, short, read_key(public)) == set()
    long = read_ssh_signature(blob(public, string(b"rsa-sha2-512") + string(b"\0" + value)))
    assert codes(payload, long, read_key(public)) == {Code.SIG_BAD}


def test_s7_ssh_rsa_with_sha1(rsa_key: rsa.RSAPrivateKey) -> None:
    public = rsa_blob(rsa_key)
    value = rsa_key.sign(signed_data(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the weak digest is the point
    signature = read_ssh_signature(blob(public, string(b"ssh-rsa") + string(value)))
    assert Code.SIG_DIGEST_WEAK in codes(PAYLOAD, signature, read_key(public))


def security_key(kind: str, flags: int, *, application: bytes = b"ssh:", counter: int = 7) -> tuple[bytes, bytes]:
    """Public key blob and SSHSIG blob, as a FIDO token makes them (openssh/PROTOCOL.u2f)."""
    authenticated = (
        hashlib.sha256(b"ssh:").digest()
        + bytes([flags])
        + counter.to_bytes(4, "big")
        + hashlib.sha256(signed_data()).digest()
    )
    if kind == "ed25519":
        private = Ed25519PrivateKey.generate()
        name, point = b"sk-ssh-ed25519@openssh.com", private.public_key().public_bytes_raw()
        public = string(name) + string(point) + string(application)
        value = private.sign(authenticated)
    else:
        curve = ec.generate_private_key(ec.SECP256R1())
        name = b"sk-ecdsa-sha2-nistp256@openssh.com"
        point = curve.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        public = string(name) + string(b"nistp256") + string(point) + string(application)
        value = b"".join(map(mpint, decode_dss_signature(curve.sign(authenticated, ec.ECDSA(hashes.SHA256())))))
    return public, blob(public, string(name) + string(value) + bytes([flags]) + counter.to_bytes(4, "big"))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_that_was_touched(kind: str) -> None:
    public, data = security_key(kind, flags=0x01)
    assert codes(PAYLOAD, read_ssh_signature(data), read_key(public)) == set()
    assert codes(PAYLOAD + b"x", read_ssh_signature(data), read_key(public)) == {Code.SIG_BAD}


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_that_nobody_touched(kind: str) -> None:
    public, data = security_key(kind, flags=0x04)
    assert codes(PAYLOAD, read_ssh_signature(data), read_key(public)) == {Code.SIG_BAD}


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_flags_counter_and_application_are_signed(kind: str) -> None:
    public, data = security_key(kind, flags=0x01)
    forged_counter = data[:-1] + bytes([data[-1] ^ 1])
    forged_flags = data[:-5] + b"\x05" + data[-4:]
    for forged in (forged_counter, forged_flags):
        assert codes(PAYLOAD, read_ssh_signature(forged), read_key(public)) == {Code.SIG_BAD}
    public, data = security_key(kind, flags=0x01, application=b"ssh:other")
    assert codes(PAYLOAD, read_ssh_signature(data), read_key(public)) == {Code.SIG_BAD}


@pytest.fixture(scope="module")
def ed25519() -> tuple[Ed25519PrivateKey, bytes]:
    private = Ed25519PrivateKey.generate()
    return private, string(b"ssh-ed25519") + string(private.public_key().public_bytes_raw())


def test_other_digests_and_purposes(ed25519: tuple[Ed25519PrivateKey, bytes]) -> None:
    private, public = ed25519
    inner = string(b"ssh-ed25519") + string(private.sign(signed_data()))
    key = read_key(public)
    assert codes(PAYLOAD, read_ssh_signature(blob(public, inner)), key) == set()
    assert codes(PAYLOAD, read_ssh_signature(blob(public, inner, digest=b"sha1")), key) == {Code.SIG_DIGEST_WEAK}
    assert codes(PAYLOAD, read_ssh_signature(blob(public, inner, namespace=b"")), key) == {Code.SIG_CLASS, Code.SIG_BAD}
    other = read_ssh_signature(blob(public, string(b"rsa-sha2-512") + string(private.sign(signed_data()))))
    assert codes(PAYLOAD, other, key) == {Code.SIG_BAD}


def test_blobs_that_are_malformed(ed25519: tuple[Ed25519PrivateKey, bytes]) -> None:
    private, public = ed25519
    inner = string(b"ssh-ed25519") + string(private.sign(signed_data()))
    good = blob(public, inner)
    bad = [
        b"",
        good[:-1],
        good + b"\0",
        b"SSHSIH" + good[6:],
        good[:9] + b"\2" + good[10:],
        blob(public, inner, reserved=b"x"),
        blob(public, inner + b"x"),
        blob(public, string(b"\xff") + string(b"")),
        b"SSHSIG" + (1).to_bytes(4, "big") + b"\xff\xff\xff\xff",
    ]
    for data in bad:
        found = read_ssh_signature(data)
        assert isinstance(found, Failure)
        assert found.code is Code.SIG_MALFORMED


def test_a_certificate_in_place_of_a_key(keys: SigningKeys) -> None:
    ca, user = keys.ssh["bob"], keys.ssh["stranger"]
    run_program(["ssh-keygen", "-q", "-s", str(ca.path), "-I", "x", "-n", "git", f"{user.path}.pub"])
    certificate = user.path.with_name(user.path.name + "-cert.pub").read_text()
    with pytest.raises(WireError, match="not supported"):
        read_key_line(certificate)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIK2EhITylf+uZMxtiS2FPufOmp0wDkW22dFFvas6J9vB",
    ],
)
def test_public_keys_that_are_malformed(line: str) -> None:
    with pytest.raises(WireError):
        read_key_line(line)


def test_a_private_key_is_what_cryptography_reads_too(keys: SigningKeys) -> None:
    bob = keys.ssh["bob"]
    private = load_ssh_private_key(bob.path.read_bytes(), None)
    raw = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert read_key_line(raw).fingerprint == bob.fingerprint


# Revocation lists


def test_a_revocation_list_as_text(keys: SigningKeys) -> None:
    bob, other = (read_key_line(keys.ssh[name].public.decode()) for name in ("bob", "stranger"))
    text = f"# gone\n\nkey: {keys.ssh['bob'].public.decode()}\nsha256: {other.fingerprint}\n".encode()
    revoked = read_revoked_keys(text)
    assert revoked.holds(bob)
    assert revoked.holds(other)
    assert not read_revoked_keys(b"").holds(bob)


@pytest.mark.parametrize(
    "data",
    [b"serial: 1\n", b"id: x\n", b"garbage", b"SHA256:short", b"\xff", b"SSHKRL\n\0", b"SSHKRL\n\0" + b"\xff" * 80],
)
def test_a_revocation_list_that_is_not_understood(data: bytes) -> None:
    with pytest.raises(SshFileError):
        read_revoked_keys(data)


def test_an_empty_krl_and_one_with_certificates(keys: SigningKeys) -> None:
    spec = keys.home / "krl-spec"
    spec.write_text("serial: 5\nid: x\n")
    run_program(
        ["ssh-keygen", "-q", "-k", "-s", f"{keys.ssh['bob'].path}.pub", "-f", str(keys.home / "krl"), str(spec)]
    )
    assert read_revoked_keys((keys.home / "krl").read_bytes()) == RevokedKeys()


def test_every_cut_of_a_krl_is_refused(keys: SigningKeys) -> None:
    spec = keys.home / "krl-spec-2"
    spec.write_bytes(b"sha256: " + keys.ssh["bob"].public)
    run_program(["ssh-keygen", "-q", "-k", "-f", str(keys.home / "krl2"), str(spec)])
    data = (keys.home / "krl2").read_bytes()
    whole = read_revoked_keys(data)
    assert whole.sha256 == {keys.ssh["bob"].fingerprint}
    header = 8 + 4 + 24 + 4 + 4
    for end in range(9, len(data)):
        if end != header:
            with pytest.raises(SshFileError):
                read_revoked_keys(data[:end])
