"""A change that edits the signers: readable differences, and whether the result could still judge anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitgate.signature.openpgp import CertificateError, KeyState, ended, openpgp_verifier
from gitgate.signature.signers import Principal, SignerKey, Signers
from gitgate.signature.signers_file import SIGNERS_PATH, SignersError, load_signers
from gitgate.signature.verdict import Code, Failure, Format
from gitgate.tree import Tree


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What a merge would do to the signers.

    Attributes:
        lines: One readable line for each difference.
    """

    lines: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def judge_policy_change(old: Signers, merged: Tree, now: datetime) -> PolicyChange:
    """Judge the signers file of the prospective merge against the base's.

    Who may edit it is a matter of the base's administrators rule; this is about what comes out.

    Raises:
        ToolError: gpg is missing or fails.
    """
    try:
        new = load_signers(merged)
    except SignersError as error:
        return PolicyChange((), (Failure(Code.POLICY_INVALID, str(error)),))
    if new is None:
        return PolicyChange(
            (f"{SIGNERS_PATH} is removed",), (Failure(Code.POLICY_INVALID, f"{SIGNERS_PATH} is removed"),)
        )
    if new.digest == old.digest:
        return PolicyChange()
    return PolicyChange(policy_changes(old, new), tuple(_result_failures(old, new, now)))


def policy_changes(old: Signers, new: Signers) -> tuple[str, ...]:
    """Every difference in meaning between two versions, one line each, in a stable order."""
    lines = [f"version {old.version} → {new.version}"] if old.version != new.version else []
    lines += _setting_changes(old, new)
    lines += _principal_changes(old.principals, new.principals)
    lines += _key_changes("platform key", old.platform_keys, new.platform_keys)
    for name in sorted(old.groups.keys() | new.groups.keys()):
        lines += _set_changes(f"group {name}", old.groups.get(name), new.groups.get(name))
    before, after = ({rule.id: rule for rule in signers.all_rules} for signers in (old, new))
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        lines += _set_changes(f"rule {name} paths", left and left.paths, right and right.paths)
        lines += _set_changes(f"rule {name} signers", left and left.signers, right and right.signers)
        if left and right and left.threshold != right.threshold:
            lines.append(f"rule {name}: threshold {left.threshold} → {right.threshold}")
        if left and right and left.exclude_author != right.exclude_author:
            lines.append(f"rule {name}: its author counts {'no more' if right.exclude_author else 'again'}")
    lines += _set_changes("revoked SSH keys", old.revoked.sha256, new.revoked.sha256)
    return tuple(lines)


def _result_failures(old: Signers, new: Signers, now: datetime) -> Iterator[Failure]:
    if new.version != old.version + 1:
        detail = f"version must go from {old.version} to {old.version + 1}, not to {new.version}"
        yield Failure(Code.POLICY_INVALID, detail)
    if new.epoch != old.epoch and new.epoch is not None:
        yield Failure(Code.POLICY_INVALID, "the epoch cannot move once signatures are demanded")
    try:
        with openpgp_verifier(new.certificates) as verifier:
            usable = {
                name
                for name in new.admins.signers
                if any(_usable(new, key, verifier.keys, now) for key in new.principals[name].keys)
            }
    except CertificateError as error:
        yield Failure(Code.POLICY_INVALID, str(error))
        return
    people = {name for name in usable if not new.principals[name].bot}
    needed = new.admins.threshold + new.admins.exclude_author
    if len(usable) < needed or not people:
        detail = f"{len(usable)} administrators would have a usable key; {needed} are needed"
        yield Failure(Code.POLICY_INVALID, detail)


def _usable(signers: Signers, key: SignerKey, states: Mapping[str, KeyState], now: datetime) -> bool:
    if key.format not in signers.formats or not key.accepted_at(now):
        return False
    if key.format is Format.X509:
        return signers.x509 is not None
    if key.format is Format.SSH:
        return not signers.revoked.holds(signers.ssh_keys[key.fingerprint])
    return not ended(states, key.fingerprint, int(now.timestamp()))


def _setting_changes(old: Signers, new: Signers) -> Iterator[str]:
    pairs = (
        ("epoch", old.epoch, new.epoch),
        ("least RSA bits", old.strength.rsa_bits, new.strength.rsa_bits),
        ("identity of the committer", old.committer, new.committer),
        ("identity of the author", old.author, new.author),
        ("clean merges must be signed", old.signed_merges, new.signed_merges),
        ("platforms may sign clean merges", old.platform_merges, new.platform_merges),
    )
    for name, left, right in pairs:
        if left != right:
            yield f"{name}: {_word(left)} → {_word(right)}"
    yield from _set_changes("formats", old.formats, new.formats)
    yield from _set_changes("digests", old.strength.digests, new.strength.digests)
    yield from _set_changes("submodules", old.submodules, new.submodules)
    yield from _set_changes("attesters", old.attesters, new.attesters)
    for name in ("root", "log"):
        yield from _set_changes(f"X.509 {name}", *(_pinned(signers, name) for signers in (old, new)))


def _pinned(signers: Signers, name: str) -> frozenset[str]:
    """What X.509 signatures are judged by, by its digest."""
    if signers.x509 is None:
        return frozenset()
    if name == "log":
        return frozenset(signers.x509.logs)
    return frozenset(hashlib.sha256(root).hexdigest() for root in signers.x509.roots)


def _principal_changes(old: Mapping[str, Principal], new: Mapping[str, Principal]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        left, right = old.get(name), new.get(name)
        if left is None or right is None:
            yield f"{'+' if left is None else '-'} principal {name}"
        if left and right and left.bot != right.bot:
            yield f"principal {name}: {'bot' if left.bot else 'person'} → {'bot' if right.bot else 'person'}"
        before, after = (each is not None and each.unproven for each in (left, right))
        if right is not None and before != after:
            yield f"principal {name}: {'unproven' if after else 'confirmed'}"
        yield from _set_changes(f"principal {name} e-mail", left and left.emails, right and right.emails)
        yield from _key_changes(
            f"principal {name} key",
            {key.fingerprint: key for key in left.keys} if left else {},
            {key.fingerprint: key for key in right.keys} if right else {},
        )


def _key_changes(what: str, old: Mapping[str, SignerKey], new: Mapping[str, SignerKey]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        left, right = old.get(name), new.get(name)
        if left == right:
            continue
        if left is not None:
            yield f"- {what} {_key(left)}"
        if right is not None:
            yield f"+ {what} {_key(right)}"


def _key(key: SignerKey) -> str:
    window = f" from {key.not_before:%Y-%m-%d %H:%M}" if key.not_before else ""
    window += f" until {key.not_after:%Y-%m-%d %H:%M}" if key.not_after else ""
    return f"{key.format} {key.fingerprint}{window}"


def _set_changes(what: str, old: object, new: object) -> Iterator[str]:
    left = frozenset(map(str, old)) if isinstance(old, tuple | frozenset) else frozenset()
    right = frozenset(map(str, new)) if isinstance(new, tuple | frozenset) else frozenset()
    yield from (f"- {what}: {item}" for item in sorted(left - right))
    yield from (f"+ {what}: {item}" for item in sorted(right - left))


def _word(value: object) -> str:
    return (
        {True: "yes", False: "no", None: "none"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )
