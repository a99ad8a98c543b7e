"""Who signed so far, as the history shows it: keys and names that nothing proves."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitgate.git import Repository
from gitgate.signature.armor import read_armor
from gitgate.signature.commit import CommitObject, parse_commit
from gitgate.signature.packets import read_signature
from gitgate.signature.ssh import read_ssh_signature, verify_ssh
from gitgate.signature.ssh_wire import WireError, fingerprint, read_key
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Failure, Format

_UNUSUAL = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 40


PLATFORM_COMMITTERS = frozenset({"noreply@github.com", "noreply@gitlab.com"})
"""Whom hosting platforms name as committer of what they sign themselves: merges, squashes, edits in the browser."""


@dataclass(slots=True)
class SeenKey:
    """What the history shows of one key.

    Attributes:
        name: Fingerprint, or the key ID where an OpenPGP signature names no more.
        public: An SSH key as its `.pub` file has it; OpenPGP signatures do not hold their key.
        committers: `(name, e-mail)` of the commits that it signed, and how many of them.
    """

    format: Format
    name: str
    public: bytes = b""
    committers: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def commits(self) -> int:
        """How many commits it signed."""
        return self.committers.total()

    @property
    def committer(self) -> tuple[str, str]:
        """In whose name it signed most often."""
        return min(self.committers, key=lambda who: (-self.committers[who], who))

    @property
    def platform(self) -> bool:
        """Does it seem to be a hosting platform's own? Anybody can sign in that name, too."""
        return self.committer[1].lower() in PLATFORM_COMMITTERS

    @property
    def shown(self) -> str:
        """The key and what it did, for a line of a report."""
        name, email = self.committer
        return f"{self.format} {self.name}, {count(self.commits)} as {name} <{email}>"

    @property
    def principal(self) -> str:
        """A name that a principal could have: `alice-liddell`."""
        return _UNUSUAL.sub("-", self.committer[0].lower()).strip("-")[:_LONGEST_NAME].strip("-") or "signer"


def count(commits: int) -> str:
    """`1 commit`, `12 commits`."""
    return f"{commits} commit" if commits == 1 else f"{commits} commits"


def seen_keys(repository: Repository, revision: str, limit: int) -> tuple[tuple[SeenKey, ...], int, int]:
    """Keys that signed commits, the busiest first; how many commits were read, and how many show no key.

    Args:
        repository: The clean room.
        revision: Whose history.
        limit: Commits that are read at most.

    Raises:
        GitgateError: The history cannot be read.
    """
    seen: dict[str, SeenKey] = {}
    read, without = 0, 0
    for _, kind, raw in repository.objects(repository.commits(None, repository.resolve(revision))[:limit]):
        read += 1
        commit = parse_commit(raw) if kind == "commit" else None
        found = _signer(commit) if isinstance(commit, CommitObject) else None
        if found is None or not isinstance(commit, CommitObject):
            without += 1
            continue
        entry = seen.setdefault(found.name, found)
        entry.committers[commit.committer.name, commit.committer.email] += 1
    return tuple(sorted(seen.values(), key=lambda key: (-key.commits, key.name))), read, without


def suggest_signers(repository: Repository, revision: str, limit: int) -> Iterator[str]:
    """Principals that the signatures in the history speak of, as lines of YAML; nothing of it is proved.

    Raises:
        GitgateError: The history cannot be read.
    """
    keys, read, without = seen_keys(repository, revision, limit)
    by = "1 key" if len(keys) == 1 else f"{len(keys)} keys"
    yield f"# {count(read)} read; {without} without a signature that can be read, the others signed by {by}."
    if not keys:
        return
    yield "# Unproven: a signature in the history names a key, and anybody can make one in any name. Confirm each"
    yield "# fingerprint with its owner over another channel, get the key from them, and run:"
    yield "#   gitgate signer add NAME --email ADDRESS --key FILE"
    yield "# SSH signatures hold their key; `gitgate signer add --from-git` enters those, marked as unproven."
    for key in keys:
        committers = ", ".join(json.dumps(f"{name} <{email}>") for (name, email), _ in key.committers.most_common(3))
        about = f"type: {key.format}, {_kind(key)}: {json.dumps(key.name)}"
        if key.platform:
            yield "# The next one seems to be a hosting platform's, which signs for whoever is logged in, so"
            yield "# declare it under platformKeys, where it counts only for merges that add nothing, or not at all."
        yield f"- {{{about}, commits: {key.commits}, committers: [{committers}]}}"


def by_principal(keys: tuple[SeenKey, ...], taken: frozenset[str]) -> Mapping[str, list[SeenKey]]:
    """Keys by the principal that they may be of: those that signed in one name and with one address.

    Args:
        keys: Seen in the history.
        taken: Names that principals and groups have already.
    """
    people: dict[tuple[str, str], list[SeenKey]] = {}
    for key in keys:
        people.setdefault(key.committer, []).append(key)
    named: dict[str, list[SeenKey]] = {}
    for group in people.values():
        name, number = group[0].principal, 2
        while name in taken or name in named:
            name, number = f"{group[0].principal}-{number}", number + 1
        named[name] = group
    return named


def _kind(key: SeenKey) -> str:
    return "keyId" if key.format is Format.OPENPGP and len(key.name) == 16 else "fingerprint"


def _signer(commit: CommitObject) -> SeenKey | None:
    """The key that a commit's signature names; one that is in the signature must have made it."""
    armored = read_armor(commit.signature) if commit.signature is not None else None
    if armored is None or isinstance(armored, Failure):
        return None
    if armored.format is Format.SSH:
        return _ssh_signer(commit, armored.data)
    packet = read_signature(armored.data) if armored.format is Format.OPENPGP else None
    if packet is None or isinstance(packet, Failure):
        return None
    return SeenKey(Format.OPENPGP, packet.issuer or packet.key_id)


def _ssh_signer(commit: CommitObject, data: bytes) -> SeenKey | None:

    signature = read_ssh_signature(data)
    if isinstance(signature, Failure):
        return None
    try:
        key = read_key(signature.key_blob)
    except WireError:
        return None
    name = fingerprint(signature.key_blob)
    if not verify_ssh(commit.payload, signature, {name: key}, Strength()).verified:
        return None
    public = f"{key.type} {base64.b64encode(key.blob).decode()}\n".encode()
    return SeenKey(Format.SSH, name, public)
