"""Verifying 1,000 signed commits against git's own ways of doing it, and listing 30,000.

OpenPGP: at most 0.6 of the wall time of `git verify-commit` given all names in one call. SSH: at most 0.05 of
`git log --format=%G?`. Listing, reading and classifying 30,000 commits: under 5 seconds.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from gitgate.git import Repository
from gitgate.signature.range import new_commits
from gitgate.signature.signers import Signers
from gitgate.signature.verify import VerificationRequest, read_commits, verify_range
from tests.support.keys import GpgKey, SshKeyPair, make_signers, payload, signed, signers_document, temporary_keys
from tests.support.repository import ENVIRONMENT, RepositoryBuilder

COMMITS = 1_000
LISTED = 30_000
TARGETS = {"OpenPGP": 0.6, "SSH": 0.05}
LISTING_SECONDS = 5.0


def main() -> bool:
    """Print the ratios; true when every target was reached."""
    with tempfile.TemporaryDirectory(prefix="gb-", dir="/tmp") as folder, temporary_keys() as keys:
        document = signers_document(keys)
        alice, bob = keys.gpg["alice"], keys.ssh["bob"]
        rsa, ssh_rsa = keys.new_gpg("rsa", "rsa4096"), keys.new_ssh("rsa", "-t", "rsa", "-b", "3072")
        ecdsa = keys.new_ssh("ecdsa", "-t", "ecdsa", "-b", "256")
        for key in (rsa, ssh_rsa, ecdsa):
            entry = {"type": key.type, "fingerprint": key.fingerprint, "file": key.file}
            document["principals"][f"{key.type}-{key.name}"] = {"keys": [entry]}
        signers = make_signers(keys, document)
        place = Path(folder)
        openpgp = _repository(place / "openpgp", [alice, rsa])
        ssh = _repository(place / "ssh", [bob, ssh_rsa, bob, ecdsa])
        allowed = place / "allowed"
        allowed.write_bytes(b"".join(b"x@example.com " + key.public for key in (bob, ssh_rsa, ecdsa)))
        home = {"GNUPGHOME": str(keys.home)}
        ours = {"OpenPGP": _ours(openpgp, signers), "SSH": _ours(ssh, signers)}
        names = openpgp.git("rev-list", "HEAD^@").splitlines()
        option = f"gpg.ssh.allowedSignersFile={allowed}"
        theirs = {
            "OpenPGP": _theirs(openpgp, ["verify-commit", *names], home),
            "SSH": _theirs(ssh, ["-c", option, "log", "--format=%G?", "HEAD^@"], {}),
        }
        good = True
        for kind, target in TARGETS.items():
            ratio = ours[kind] / theirs[kind]
            good = good and ratio <= target
            times = f"{ours[kind]:.2f} s against {theirs[kind]:.2f} s of git"
            print(f"  {kind}: {COMMITS} commits in {times}, ratio {ratio:.3f} (at most {target})")
        seconds = _listing(place / "listed")
        print(f"  listing and reading {LISTED} commits: {seconds:.2f} s (under {LISTING_SECONDS:g} s)")
        return good and seconds < LISTING_SECONDS


def _ours(builder: RepositoryBuilder, signers: Signers) -> float:
    head = builder.git("rev-parse", "HEAD")
    with Repository.open(builder.path) as repository:
        request = VerificationRequest(base=None, head=head, signers=signers, now=datetime.now(UTC))
        start = time.perf_counter()
        verdict = verify_range(repository, request)
        seconds = time.perf_counter() - start
    assert verdict.commits_seen == COMMITS + 1
    assert sum(commit.signature.good for commit in verdict.commits) == COMMITS, verdict.failures
    return seconds


def _theirs(builder: RepositoryBuilder, arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        ["git", *arguments],
        cwd=builder.path,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def _repository(path: Path, keys: list[GpgKey | SshKeyPair]) -> RepositoryBuilder:
    """Commits that are signed by the keys in turn, side by side, so that they can be signed at once; one merges all."""
    builder = RepositoryBuilder(path)
    unsigned = [payload("x", message=f"Change {number}\n") for number in range(COMMITS)]
    with ThreadPoolExecutor(4) as pool:
        signatures = list(pool.map(lambda number: keys[number % len(keys)].sign(unsigned[number]), range(COMMITS)))
    for number, (text, signature) in enumerate(zip(unsigned, signatures, strict=True)):
        (path / str(number)).write_bytes(signed(text, signature))
    files = "\n".join(map(str, range(COMMITS)))
    names = builder.git("hash-object", "-w", "-t", "commit", "--stdin-paths", stdin=files.encode()).splitlines()
    builder.branch("main", builder.write(payload("x", parents=tuple(names)), "commit"))
    return builder


def _listing(path: Path) -> float:
    builder = RepositoryBuilder(path, bare=True)
    person = "author A <a@example.com> 1700000000 +0000\ncommitter A <a@example.com> 1700000000 +0000\n"
    commits = (f"commit refs/heads/main\n{person}data 2\nx\n" for _ in range(LISTED))
    builder.git("fast-import", "--quiet", stdin="\n".join(commits).encode())
    head = builder.git("rev-parse", "refs/heads/main")
    with Repository.open(path) as repository:
        start = time.perf_counter()
        read = read_commits(repository, new_commits(repository, [], head))
        seconds = time.perf_counter() - start
    assert len(read) == LISTED
    return seconds


if __name__ == "__main__":
    main()
