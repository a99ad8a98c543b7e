"""Argo CD's strict mode: which commits of a whole history it would refuse, down to the seals in it.

It verifies every ancestor of the tip that no seal reaches: a commit with a good OpenPGP signature and the text
`Argocd-gpg-seal:` anywhere in its message. The seals are verified as well. Whether signatures hold is not asked here,
only whose they claim to be. Source: Argo CD's util/git/client.go, `LsSignatures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitgate.git import Repository
from gitgate.signature.agents import Method
from gitgate.signature.armor import read_armor
from gitgate.signature.commit import CommitObject
from gitgate.signature.packets import Certificate, SignaturePacket, key_id, read_signature
from gitgate.signature.verdict import Failure, Format
from gitgate.signature.verify import read_commits

_SEAL = b"argocd-gpg-seal:"


@dataclass(frozen=True, slots=True)
class Past:
    """Where history is read, and what is known of the keys in it.

    Attributes:
        certificates: By which a signing subkey is known as its primary key's.
    """

    repository: Repository
    certificates: tuple[Certificate, ...] = ()


def refused_by_history(
    past: Past, base: str, head: str | None, accepted: frozenset[str]
) -> Iterator[tuple[Method, str]]:
    """Ways of merging after which strict mode refuses the tip for what is below it, and why.

    Args:
        past: Where to look.
        base: Tip of the protected branch.
        head: Last commit of the change; None to look at the base alone.
        accepted: Fingerprints or key IDs, upper-case hex.

    Raises:
        RepositoryError: History is not complete.
    """
    change = frozenset(past.repository.commits(base, head) if head is not None else ())
    refused = unsealed(past, (base,) if head is None else (head, base), accepted)
    old = [oid for oid in refused if oid not in change]
    if old:
        reason = (
            f"strict mode judges all of history and refuses {_listed(old)} below it; seal it with"
            ' `git commit --allow-empty -S --trailer "Argocd-gpg-seal: …"`'
        )
        yield Method.MERGE_COMMIT, reason
        yield Method.SQUASH, reason
    if len(refused) > len(old):
        own = [oid for oid in refused if oid in change]
        yield Method.MERGE_COMMIT, f"strict mode judges the merged commits, too, and refuses {_listed(own)}"


def _listed(commits: Sequence[str]) -> str:
    first = commits[0][:12]
    return f"commit {first}" if len(commits) == 1 else f"{len(commits)} commits, the last of them {first}"


def unsealed(past: Past, tips: Iterable[str], accepted: frozenset[str]) -> tuple[str, ...]:
    """Commits that strict mode would certainly refuse, newest first.

    Args:
        past: Where to look.
        tips: Commits whose ancestors are meant, themselves included.
        accepted: Fingerprints or key IDs, upper-case hex.

    Raises:
        RepositoryError: History is not complete.
    """
    found: dict[str, CommitObject | Failure] = {}
    heads = tuple(dict.fromkeys(tips))
    for tip in heads:
        listed = past.repository.commits(None, tip)
        found |= read_commits(past.repository, [oid for oid in listed if oid not in found])
    packets = {oid: _packet(each) for oid, each in found.items()}
    seals = [oid for oid, each in found.items() if packets[oid] is not None and _is_seal(each)]
    below = _ancestors(found, seals)
    names = _names(past.certificates, accepted)
    known = frozenset(key_id(name) for each in past.certificates for name in (each.fingerprint, *each.subkeys))
    # A key that nothing shows may be a subkey of an accepted one whose certificate nothing shows either.
    certain = {each[-16:] for each in accepted} <= known
    return tuple(
        oid
        for oid, packet in packets.items()
        if oid not in below and (packet is None or (packet.key_id not in names and (certain or packet.key_id in known)))
    )


def _packet(commit: CommitObject | Failure) -> SignaturePacket | None:
    """The one OpenPGP signature of a commit; None where there is none, or none that can be read."""
    if isinstance(commit, Failure) or commit.signature is None:
        return None
    armored = read_armor(commit.signature)
    if isinstance(armored, Failure) or armored.format is not Format.OPENPGP:
        return None
    packet = read_signature(armored.data)
    return None if isinstance(packet, Failure) else packet


def _is_seal(commit: CommitObject | Failure) -> bool:
    return isinstance(commit, CommitObject) and _SEAL in commit.payload.partition(b"\n\n")[2].lower()


def _ancestors(commits: dict[str, CommitObject | Failure], seals: Sequence[str]) -> frozenset[str]:
    """Everything that a seal reaches, without the seals that no other one reaches."""
    reached: set[str] = set()
    pending = [parent for seal in seals for parent in _parents(commits[seal])]
    while pending:
        oid = pending.pop()
        if oid not in reached:
            reached.add(oid)
            pending += _parents(commits.get(oid))
    return frozenset(reached)


def _parents(commit: CommitObject | Failure | None) -> tuple[str, ...]:
    return commit.parents if isinstance(commit, CommitObject) else ()


def _names(certificates: Sequence[Certificate], accepted: frozenset[str]) -> frozenset[str]:
    """Key IDs of accepted keys and of the subkeys of their certificates."""
    wanted = {each[-16:] for each in accepted}
    of_subkeys = {
        key_id(name)
        for each in certificates
        if key_id(each.fingerprint) in wanted
        for name in (each.fingerprint, *each.subkeys)
    }
    return frozenset(wanted | of_subkeys)
