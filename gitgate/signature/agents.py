"""Will the agent in the cluster accept the tip after the merge? What Flux and Argo CD demand, read from their objects.

Sources: Flux source-controller, `GitRepository.spec.verify` (docs/spec/v1/gitrepositories.md, "Verification"); Argo CD,
`AppProject.spec.signatureKeys` and `AppProject.spec.sourceIntegrity` (docs/user-guide/source-integrity-git-gpg.md).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Resource
from gitgate.signature.packets import Certificate, PacketError, read_certificate, read_certificates
from gitgate.signature.signers import SignerKey, Signers
from gitgate.signature.ssh_wire import WireError, read_key_line
from gitgate.signature.verdict import Format

_ARGO_KEYS = "argocd-gpg-keys-cm"
"""The ConfigMap that Argo CD's keyring is made of."""
_KEY_ID = 16
"""Hex digits of an OpenPGP key that Argo CD compares, even where a fingerprint is configured."""


class Method(StrEnum):
    """How a platform merges."""

    MERGE_COMMIT = "merge-commit"
    SQUASH = "squash"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDemand:
    """What one object makes the agent demand of the tip.

    Attributes:
        field: Where the object says so.
        keys: Keys that it accepts, upper-case hex or `SHA256:…`; None where the tree does not show them.
        openpgp_only: Does the agent know no SSH signatures?
        strict: Does it judge the whole history, not only the tip?
        ring: Certificates that the agent holds; None where the tree does not show them.
    """

    agent: str
    resource: Resource
    field: FieldPath
    keys: frozenset[str] | None
    openpgp_only: bool = False
    strict: bool = False
    ring: tuple[Certificate, ...] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A way of merging whose result the agent would refuse, and why, as a clause."""

    demand: AgentDemand
    method: Method
    reason: str


def refusals(
    resources: Iterable[Resource],
    signers: Signers | None,
    good_no_more: Callable[[Certificate], str] = lambda _: "",
    past: Callable[[AgentDemand], Iterable[tuple[Method, str]]] = lambda _: (),
) -> Iterator[Refusal]:
    """Every way of merging on a platform that ends with a tip which an agent refuses.

    Only what is certain: where neither the accepted keys nor the platform's are known, nothing is said.

    Args:
        resources: Of one snapshot.
        signers: Whose platform keys and people are meant; None where nobody said.
        good_no_more: Why no signature of a certificate is good any more (`has expired`); empty where some may be.
        past: What of history a demand in strict mode refuses, by the way of merging that keeps it.
    """
    every = tuple(resources)
    for demand in _demands(every):
        yield Refusal(demand, Method.REBASE, "a platform that rebases makes new commits, without signatures")
        if signers is not None and signers.platform_keys:
            yield from _by_platform(demand, signers, good_no_more)
        if demand.strict:
            yield from (Refusal(demand, method, why) for method, why in past(demand))


def _by_platform(
    demand: AgentDemand, signers: Signers, good_no_more: Callable[[Certificate], str]
) -> Iterator[Refusal]:
    """What becomes of a tip that the platform signs."""
    accepted = [key for key in signers.platform_keys.values() if _accepts(demand, key, signers)]
    ended = {key.fingerprint: why for key in accepted if (why := _ended(demand, key, signers, good_no_more))}
    why = ""
    if not accepted:
        why = "the platform would sign the tip, and none of its keys is among those that are accepted"
    elif len(ended) == len(accepted):
        name, reason = next(iter(ended.items()))
        why = f"the platform would sign the tip, and its key {name} {reason}"
    if why:
        yield Refusal(demand, Method.SQUASH, why)
        yield Refusal(demand, Method.MERGE_COMMIT, why)
    elif demand.strict:
        outside = [each.name for each in signers.principals.values() if not _some_accepted(demand, each.keys, signers)]
        if outside:
            why = f"strict mode judges the merged commits, too, and accepts no key of {', '.join(sorted(outside))}"
            yield Refusal(demand, Method.MERGE_COMMIT, why)


def _ended(demand: AgentDemand, key: SignerKey, signers: Signers, good_no_more: Callable[[Certificate], str]) -> str:
    """Why the agent takes no signature of an accepted key; empty where it may. SSH keys have no end of their own."""
    if key.format is not Format.OPENPGP:
        return ""
    held = [each for each in demand.ring or () if each.fingerprint == key.fingerprint]
    if demand.ring is not None and not held:
        return "is not in the agent's keyring"
    # The agent judges by its own copy, which may be older or newer than the one beside the signers file.
    copies = held or [each for each in signers.certificates if each.fingerprint == key.fingerprint]
    reasons = [good_no_more(each) for each in copies]
    return reasons[0] if reasons and all(reasons) else ""


def _some_accepted(demand: AgentDemand, keys: Iterable[SignerKey], signers: Signers) -> bool:
    return any(_accepts(demand, key, signers) for key in keys)


def _accepts(demand: AgentDemand, key: SignerKey, signers: Signers) -> bool:
    """Is it one of the accepted keys, or one that cannot be told?"""
    if key.format is Format.X509:
        return False  # neither agent verifies them
    if key.format is Format.SSH:
        return not demand.openpgp_only and (demand.keys is None or key.fingerprint in demand.keys)
    if demand.keys is None:
        return True
    names = {key.fingerprint}
    for certificate in signers.certificates:
        if certificate.fingerprint == key.fingerprint:
            names |= set(certificate.subkeys)
    return any(name[-_KEY_ID:] == accepted[-_KEY_ID:] for name in names for accepted in demand.keys)


def _demands(resources: tuple[Resource, ...]) -> Iterator[AgentDemand]:
    for resource in resources:
        kind = (resource.id.group, resource.id.kind)
        spec = _mapping(resource.data.get("spec"))
        if kind == ("source.toolkit.fluxcd.io", "GitRepository") and isinstance(spec.get("verify"), Mapping):
            verify = _mapping(spec["verify"])
            if str(verify.get("mode", "HEAD")).lower() != "tag":
                name = _mapping(verify.get("secretRef")).get("name")
                keys, ring = _secret_keys(resources, resource.id.namespace, name)
                yield AgentDemand(agent="Flux", resource=resource, field=("spec", "verify"), keys=keys, ring=ring)
        if kind == ("argoproj.io", "AppProject"):
            yield from (replace(demand, ring=_argo_ring(resources)) for demand in _argo_demands(resource, spec))


def _argo_demands(resource: Resource, spec: Mapping[str, Any]) -> Iterator[AgentDemand]:
    listed = spec.get("signatureKeys")
    if isinstance(listed, list) and listed:
        keys = frozenset(str(_mapping(item).get("keyID", "")).upper() for item in listed)
        yield AgentDemand(
            agent="Argo CD", resource=resource, field=("spec", "signatureKeys"), keys=keys, openpgp_only=True
        )
    policies = _mapping(_mapping(spec.get("sourceIntegrity")).get("git")).get("policies")
    for index, policy in enumerate(policies if isinstance(policies, list) else ()):
        gpg = _mapping(_mapping(policy).get("gpg"))
        mode = gpg.get("mode")
        if mode not in ("head", "strict"):
            continue
        names = gpg.get("keys")
        yield AgentDemand(
            agent="Argo CD",
            resource=resource,
            field=("spec", "sourceIntegrity", "git", "policies", index, "gpg"),
            keys=frozenset(str(name).upper() for name in names) if isinstance(names, list) else frozenset(),
            openpgp_only=True,
            strict=mode == "strict",
        )


def _secret_keys(
    resources: tuple[Resource, ...], namespace: str, name: object
) -> tuple[frozenset[str] | None, tuple[Certificate, ...] | None]:
    """Keys in a Secret of the tree, and its certificates; None where it is not there, encrypted, or cannot be read."""
    for resource in resources:
        if (resource.id.group, resource.id.kind, resource.id.namespace, resource.id.name) != (
            "",
            "Secret",
            namespace,
            name,
        ):
            continue
        files = {str(key): str(value).encode() for key, value in _mapping(resource.data.get("stringData")).items()}
        try:
            for key, value in _mapping(resource.data.get("data")).items():
                files.setdefault(str(key), base64.b64decode(str(value), validate=True))
            ssh = {key: data for key, data in files.items() if key.endswith(".sshpub")}
            names = {name for data in ssh.values() for name in _ssh_names(data)}
            ring = tuple(read_certificate(data) for key, data in files.items() if key not in ssh)
        except (binascii.Error, PacketError, WireError, UnicodeError):
            return None, None
        names |= {name for each in ring for name in (each.fingerprint, *each.subkeys)}
        return frozenset(names), ring
    return None, None


def _argo_ring(resources: tuple[Resource, ...]) -> tuple[Certificate, ...] | None:
    """Argo CD's keyring, where the tree shows it whole."""
    for resource in resources:
        if (resource.id.group, resource.id.kind, resource.id.name) == ("", "ConfigMap", _ARGO_KEYS):
            held = _mapping(resource.data.get("data")).values()
            try:
                return tuple(each for value in held for each in read_certificates(str(value).encode()))
            except (PacketError, UnicodeError):
                return None
    return None


def _ssh_names(data: bytes) -> Iterator[str]:
    for line in data.decode("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield read_key_line(line).fingerprint


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
