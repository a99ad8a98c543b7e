"""Keys made at test time with the real gpg and ssh-keygen, and objects signed with them.

    keys.gpg["alice"].sign(payload)          # armored, as git would write it
    signed_commit(payload, armor)            # a raw commit with that signature
    keys.signers_tree(...)                   # .gitgate/signers.yaml and the key files

The keys are made once per session: a test repository of hundreds of commits costs less than one key.
"""

from __future__ import annotations

import base64
import copy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.signature.signers import Signers
from gitgate.signature.signers_file import load_signers
from gitgate.tree import MemoryTree
from tests.support.repository import ENVIRONMENT, RepositoryBuilder

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_GPG_OPTIONS = ("--batch", "--quiet", "--no-options", "--passphrase", "", "--pinentry-mode", "loopback")


ALWAYS_GOOD = f"""\
#!{sys.executable}
# Says of every signature exactly what the real gpgv says of a good one.
import sys
from pathlib import Path
from gitgate.signature.packets import read_signature
packet = read_signature(Path(sys.argv[-2]).read_bytes())
numbers = f"0 4 0 {{packet.algorithm}} {{packet.digest}} 00"
print("[GNUPG:] NEWSIG")
print(f"[GNUPG:] GOODSIG {{packet.key_id}} somebody")
print(f"[GNUPG:] VALIDSIG {{packet.issuer}} 2026-01-01 {{packet.made_at}} {{numbers}} {{packet.issuer}}")
"""
"""A gpgv that cannot be relied on, at its best."""


@dataclass(frozen=True, slots=True)
class GpgKey:
    """A key pair in the session's keyring."""

    home: Path
    name: str
    fingerprint: str
    public: bytes

    @property
    def type(self) -> str:
        return "openpgp"

    @property
    def file(self) -> str:
        return f"keys/{self.name}.asc"

    def sign(self, payload: bytes, *options: str, user: str | None = None) -> bytes:
        """An armored detached signature; `user` picks a subkey (`FINGERPRINT!`)."""
        return gpg(self.home, "--armor", *options, "--local-user", user or self.fingerprint, "-b", stdin=payload)


@dataclass(frozen=True, slots=True)
class SshKeyPair:
    """A key pair in a file."""

    path: Path
    name: str
    fingerprint: str
    public: bytes

    @property
    def type(self) -> str:
        return "ssh"

    @property
    def file(self) -> str:
        return f"keys/{self.name}.pub"

    def sign(self, payload: bytes, *options: str, namespace: str = "git") -> bytes:
        """An armored SSH signature."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, *options, "-f", str(self.path)]
        return run_program(command, payload)


@dataclass(slots=True)
class SigningKeys:
    """All keys of the session by name."""

    home: Path
    gpg: dict[str, GpgKey] = field(default_factory=dict)
    ssh: dict[str, SshKeyPair] = field(default_factory=dict)
    signed_before_revocation: bytes = b""
    """`payload()` signed by the key `revoked` while it could still sign."""

    def new_gpg(
        self, name: str, algorithm: str = "ed25519", *, expire: str = "never", when: datetime | None = None
    ) -> GpgKey:
        """Make an OpenPGP key, at another time if asked to."""
        user = f"{name} <{name}@example.com>"
        gpg(self.home, *clock(when), "--quick-generate-key", user, algorithm, "sign", expire)
        listing = gpg(self.home, "--with-colons", "--list-keys", f"={user}").decode()
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        self.gpg[name] = GpgKey(self.home, name, fingerprint, self.export(fingerprint))
        return self.gpg[name]

    def export(self, fingerprint: str) -> bytes:
        return gpg(self.home, "--armor", "--export", fingerprint)

    def revoke(self, name: str) -> None:
        """Revoke a key in the session's keyring and in its public file."""
        key = self.gpg[name]
        text = (self.home / "openpgp-revocs.d" / f"{key.fingerprint}.rev").read_text().replace("\n:---", "\n---")
        gpg(self.home, "--import", stdin=text.encode())
        self.gpg[name] = GpgKey(self.home, name, key.fingerprint, self.export(key.fingerprint))

    def new_ssh(self, name: str, *options: str) -> SshKeyPair:
        path = self.home / f"ssh-{name}"
        run_program(["ssh-keygen", "-q", "-N", "", "-C", name, *(options or ("-t", "ed25519")), "-f", str(path)])
        public = Path(f"{path}.pub").read_bytes()
        fingerprint = run_program(["ssh-keygen", "-l", "-f", f"{path}.pub"]).decode().split()[1]
        self.ssh[name] = SshKeyPair(path, name, fingerprint, public)
        return self.ssh[name]


def key_entry(key: GpgKey | SshKeyPair, **extra: str) -> dict[str, str]:
    """A key as the signers file declares it."""
    return {"type": key.type, "fingerprint": key.fingerprint, "file": key.file, **extra}


def signers_document(keys: SigningKeys) -> dict[str, Any]:
    """A signers file that most tests start from: two admins, a developer, a bot and a platform."""
    return copy.deepcopy(
        {
            "apiVersion": "gitgate.dev/v1",
            "kind": "Signers",
            "version": 1,
            "principals": {
                "alice": {"emails": ["alice@example.com"], "keys": [key_entry(keys.gpg["alice"])]},
                "bob": {"emails": ["bob@example.com"], "keys": [key_entry(keys.ssh["bob"])]},
                "carol": {"emails": ["carol@example.com"], "keys": [key_entry(keys.gpg["carol"])]},
                "deploy": {"kind": "bot", "emails": ["deploy@example.com"], "keys": [key_entry(keys.ssh["deploy"])]},
            },
            "platformKeys": {"forge": key_entry(keys.gpg["forge"])},
            "groups": {"gitops-admins": ["alice", "bob"]},
            "rules": [
                {"id": "prod", "paths": ["clusters/prod/**"], "signers": ["gitops-admins"]},
                {"id": "images", "paths": ["images/*.yaml"], "signers": ["deploy", "gitops-admins"]},
            ],
            "admins": {"signers": ["gitops-admins"], "threshold": 2},
        }
    )


def signers_files(
    keys: SigningKeys, document: Mapping[str, Any], extra: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """`.gitgate/signers.yaml` and every key file."""
    files = {f".gitgate/{key.file}": key.public for key in (*keys.gpg.values(), *keys.ssh.values())}
    files |= {f".gitgate/{name}": data for name, data in (extra or {}).items()}
    return {**files, ".gitgate/signers.yaml": yaml.safe_dump(document, sort_keys=False).encode()}


def make_signers(
    keys: SigningKeys, document: Mapping[str, Any] | None = None, extra: Mapping[str, bytes] | None = None
) -> Signers:
    """The signers that a document gives."""
    signers = load_signers(MemoryTree(signers_files(keys, document or signers_document(keys), extra)))
    assert signers is not None
    return signers


def payload(
    who: str = "alice",
    *,
    tree: str = EMPTY_TREE,
    parents: tuple[str, ...] = (),
    author: str = "",
    message: str = "Change\n",
) -> bytes:
    """An unsigned raw commit."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    for role, name in (("author", author or who), ("committer", who)):
        lines.append(f"{role} {name} <{name}@example.com> 1700000000 +0000")
    return ("\n".join(lines) + "\n\n" + message).encode("utf-8", "surrogateescape")


def signed(unsigned: bytes, armor: bytes, *, header: bytes = b"gpgsig") -> bytes:
    """The commit with a signature header, as git writes it."""
    head, message = unsigned.split(b"\n\n", 1)
    return head + b"\n" + header + b" " + armor.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n\n" + message


def armor(packet: bytes) -> bytes:
    """OpenPGP armor without a checksum."""
    text = base64.b64encode(packet).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PGP SIGNATURE-----", "", *lines, "-----END PGP SIGNATURE-----", ""]).encode()


def dearmor(text: bytes) -> bytes:
    """The bytes inside of a block of armor."""
    body = text.split(b"\n\n", 1)[1] if b"\n\n" in text else text.split(b"\n", 1)[1]
    return base64.b64decode(b"".join(line for line in body.split(b"\n") if line and line[:1] not in b"-="))


def commit_signed(
    repository: RepositoryBuilder,
    key: GpgKey | SshKeyPair | None,
    files: Mapping[str, Any] | None = None,
    *,
    branch: str = "change",
    parents: tuple[str, ...] | None = None,
    who: str = "",
    tree: str | None = None,
) -> str:
    """Commit files on a branch, signed by a key in its owner's name; the commit's object name."""
    plain = repository.commit(files or {}, branch=branch, parents=parents)
    raw = repository.git("cat-file", "commit", plain)
    headers = [line.split(" ", 1) for line in raw.split("\n\n", 1)[0].split("\n")]
    oid = tree or next(value for name, value in headers if name == "tree")
    actual = tuple(value for name, value in headers if name == "parent")
    unsigned = payload(who or (key.name if key else "alice"), tree=oid, parents=actual)
    header = b"gpgsig" if len(oid) == 40 else b"gpgsig-sha256"
    data = unsigned if key is None else signed(unsigned, key.sign(unsigned), header=header)
    return repository.branch(branch, repository.write(data, "commit"))


def gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run the real gpg on the session's keyring."""
    return run_program(["gpg", "--homedir", str(home), *_GPG_OPTIONS, *arguments], stdin)


def clock(when: datetime | None) -> tuple[str, ...]:
    """Options that make gpg believe in another time."""
    return () if when is None else ("--faked-system-time", f"{when:%Y%m%dT%H%M%S}!")


def run_program(command: list[str], stdin: bytes = b"") -> bytes:
    """Run a real program, which must succeed; its standard output."""
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


@pytest.fixture(scope="session")
def keys() -> Iterator[SigningKeys]:
    """Keys for all tests of signatures."""
    with temporary_keys() as made:
        yield made


@contextmanager
def temporary_keys() -> Iterator[SigningKeys]:
    """Make the keys, and remove them in the end; the home's path is short, as GnuPG's agent needs it."""
    home = Path(tempfile.mkdtemp(prefix="gk-", dir="/tmp"))
    try:
        made = SigningKeys(home)
        for name in ("alice", "carol", "forge", "mallory", "revoked"):
            made.new_gpg(name)
        past = datetime.now(UTC) - timedelta(days=300)
        made.new_gpg("expired", expire="90d", when=past)
        made.signed_before_revocation = made.gpg["revoked"].sign(payload())
        made.revoke("revoked")
        for name in ("bob", "deploy", "stranger"):
            made.new_ssh(name)
        yield made
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, env=ENVIRONMENT)
        shutil.rmtree(home, ignore_errors=True)
