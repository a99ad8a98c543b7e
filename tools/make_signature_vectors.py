"""Make gitgate/signature/vectors/: the commits that gpgv must judge as expected before gitgate believes it.

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
    home = Path(tempfile.mkdtemp(prefix="gg-", dir="/tmp"))
    try:
        VECTORS.mkdir(exist_ok=True)
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
    headers, message = payload.split(b"\n\n", 1)
    (VECTORS / name).write_bytes(headers + b"\ngpgsig " + "\n ".join(lines).encode() + b"\n\n" + message)


if __name__ == "__main__":
    main()
