"""Sign with somebody's own key, through the program that keeps it: gpg, or ssh-keygen.

Both may ask an agent or a security key, which no library in this process could; gitgate never reads a secret key.
See docs/adr/0028-attestations.md.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from gitgate.errors import ToolError, UsageError
from gitgate.process import find_program, run
from gitgate.signature.armor import read_armor
from gitgate.signature.openpgp import REMEDY, private_home
from gitgate.signature.verdict import Failure

ATTESTATION_NAMESPACE = b"attestation@gitgate.dev"
"""What SSH signatures of attestations are made for: no commit's signature can be taken for one, nor the reverse."""
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})\Z")
_SECONDS = 120.0
"""Somebody may have to touch a key or to enter a PIN."""


def sign(data: bytes, key: str) -> bytes:
    """Sign bytes; the signature in its binary form, an OpenPGP packet or an SSHSIG blob.

    Args:
        data: What is signed.
        key: Fingerprint of an OpenPGP key in the user's own keyring; or a file with an SSH private key, or with a
            public key whose private one the agent has.

    Raises:
        UsageError: There is no such file.
        ToolError: The program is missing or did not sign.
    """
    home = private_home()
    try:
        return _openpgp(data, key, home) if _FINGERPRINT.match(key) else _ssh(data, key, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _openpgp(data: bytes, fingerprint: str, directory: Path) -> bytes:
    gpg = find_program("gpg", remedy=REMEDY)
    # No options file: what is signed, and how, must not depend on comments and digests that somebody once preferred.
    options = ("--no-options", "--batch", "--no-tty", "--quiet", "--digest-algo", "SHA512")
    return run(
        [gpg, *options, "--local-user", fingerprint, "--output", "-", "--detach-sign"],
        cwd=directory,
        environment=_inherited("HOME", "GNUPGHOME"),
        stdin=data,
        timeout=_SECONDS,
        output_limit=1 << 20,
    ).stdout


def _ssh(data: bytes, key: str, directory: Path) -> bytes:
    path = Path(key).absolute()
    if not path.is_file():
        raise UsageError(f"{key} is neither the fingerprint of an OpenPGP key nor a file with an SSH key")
    program = find_program("ssh-keygen", remedy="install the OpenSSH client")
    done = run(
        [program, "-q", "-Y", "sign", "-n", ATTESTATION_NAMESPACE.decode("ascii"), "-f", str(path)],
        cwd=directory,
        environment=_inherited("HOME", "SSH_AUTH_SOCK"),
        stdin=data,
        timeout=_SECONDS,
        output_limit=1 << 20,
    )
    armored = read_armor(done.stdout)
    if isinstance(armored, Failure):
        raise ToolError(f"ssh-keygen wrote no signature: {armored.detail}")
    return armored.data


def _inherited(*names: str) -> dict[str, str]:
    """Where the user's keys and agents are; nothing else of the environment reaches the programs."""
    return {name: os.environ[name] for name in names if name in os.environ}
