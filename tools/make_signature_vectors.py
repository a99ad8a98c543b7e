"""Make gitgate/signature/vectors/: the commits that must be judged as expected before gitgate believes any verdict.

    python tools/make_signature_vectors.py

Keys are made for the occasion and thrown away, so that a second run gives other, equally good, files.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "gitgate" / "signature" / "vectors"
WHEN = "20261101T000000"
SECONDS = 1793491200
"""The same moment; before the release, as vectors must not come from the future."""
PAYLOAD = f"""tree {"4b825dc642cb6eb9a060e54bf8d69288fbee4904"}
author Vector <vector@gitgate.invalid> {SECONDS} +0000
committer Vector <vector@gitgate.invalid> {SECONDS} +0000

Known to be {{}}
"""


def main() -> None:
    """Write all vectors."""
    VECTORS.mkdir(exist_ok=True)
    _make_openpgp()
    with tempfile.TemporaryDirectory() as home:
        _make_ssh(Path(home))


def _make_ssh(home: Path) -> None:
    key = home / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gitgate self-test", "-f", str(key)], check=True
    )
    payload = PAYLOAD.format("good").encode()
    armor = _sign_by_ssh(key, payload, "git")
    body = base64.b64decode("".join(armor.splitlines()[1:-1]))
    changed = base64.b64encode(body[:-1] + bytes([body[-1] ^ 1])).decode()
    lines = [changed[at : at + 70] for at in range(0, len(changed), 70)]
    first, last = armor.splitlines()[0], armor.splitlines()[-1]
    _write_armored("ssh-good.commit", payload, armor)
    _write_armored("ssh-other-payload.commit", payload.replace(b"good", b"evil"), armor)
    _write_armored("ssh-other-signature.commit", payload, "\n".join([first, *lines, last]))
    _write_armored("ssh-other-namespace.commit", payload, _sign_by_ssh(key, payload, "file"))
    shutil.copy(home / "key.pub", VECTORS / "ssh-good.pub")


def _sign_by_ssh(key: Path, payload: bytes, namespace: str) -> str:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key)]
    return subprocess.run(command, input=payload, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def _make_openpgp() -> None:
    home = Path(tempfile.mkdtemp(prefix="gg-", dir="/tmp"))
    try:
        good, revoked = (_make_key(home, name) for name in ("good", "revoked"))
        payload = PAYLOAD.format("good").encode()
        signature = _sign(home, good, payload)
        _write("good.commit", payload, signature)
        _write("other-payload.commit", payload.replace(b"good", b"evil"), signature)
        _write("other-signature.commit", payload, signature[:-1] + bytes([signature[-1] ^ 1]))
        payload = PAYLOAD.format("signed by a revoked key").encode()
        _write("revoked-key.commit", payload, _sign(home, revoked, payload))
        certificate = (home / "openpgp-revocs.d" / f"{revoked}.rev").read_text().replace("\n:---", "\n---")
        _gpg(home, "--import", stdin=certificate.encode())
        for name, key in (("good", good), ("revoked", revoked)):
            (VECTORS / f"{name}.asc").write_bytes(_gpg(home, "--armor", "--export", key))
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home)


def _make_key(home: Path, name: str) -> str:
    user = f"gitgate self-test, {name} <{name}@gitgate.invalid>"
    _gpg(home, "--quick-generate-key", user, "ed25519", "sign", "never")
    listing = _gpg(home, "--with-colons", "--list-keys", user).decode()
    return next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))


def _sign(home: Path, key: str, payload: bytes) -> bytes:
    return _gpg(home, "--local-user", key, "--detach-sign", stdin=payload)


def _gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    options = ("--batch", "--quiet", "--no-options", "--passphrase", "", "--pinentry-mode", "loopback")
    clock = ("--faked-system-time", WHEN + "!")
    command = ["gpg", "--homedir", str(home), *options, *clock, *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def _write(name: str, payload: bytes, signature: bytes) -> None:
    encoded = base64.b64encode(signature).decode()
    lines = ["-----BEGIN PGP SIGNATURE-----", "", *(encoded[at : at + 64] for at in range(0, len(encoded), 64))]
    lines.append("-----END PGP SIGNATURE-----")
    _write_armored(name, payload, "\n".join(lines))


def _write_armored(name: str, payload: bytes, armor: str) -> None:
    headers, message = payload.split(b"\n\n", 1)
    (VECTORS / name).write_bytes(headers + b"\ngpgsig " + armor.replace("\n", "\n ").encode() + b"\n\n" + message)


if __name__ == "__main__":
    main()
