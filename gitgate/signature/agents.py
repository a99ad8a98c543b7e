"""Will the agent in the cluster accept the tip after the merge? What Flux and Argo CD demand, read from their objects.

Sources: Flux source-controller, `GitRepository.spec.verify` (docs/spec/v1/gitrepositories.md, "Verification"); Argo CD,
`AppProject.spec.signatureKeys` and `AppProject.spec.sourceIntegrity` (docs/user-guide/source-integrity-git-gpg.md).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitgate.location import FieldPath
from gitgate.resource import Resource
from gitgate.signature.packets import PacketError, read_certificate
from gitgate.signature.signers import SignerKey, Signers
from gitgate.signature.ssh_wire import WireError, read_key_line
from gitgate.signature.verdict import Format

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
    """

    agent: str
    resource: Resource
    field: FieldPath
    keys: frozenset[str] | None
    openpgp_only: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A way of merging whose result the agent would refuse, and why, as a clause."""

    demand: AgentDemand
    method: Method
    reason: str


def refusals(resources: Iterable[Resource], signers: Signers | None) -> Iterator[Refusal]:
    """Every way of merging on a platform that ends with a tip which an agent refuses.

    Only what is certain: where neither the accepted keys nor the platform's are known, nothing is said.

    Args:
        resources: Of one snapshot.
        signers: Whose platform keys and people are meant; None where nobody said.
    """
    every = tuple(resources)
    for demand in _demands(every):
        yield Refusal(demand, Method.REBASE, "a platform that rebases makes new commits, without signatures")
        platform = tuple(signers.platform_keys.values()) if signers is not None else ()
        if signers is None or not platform:
            continue
        accepted = [key for key in platform if _accepts(demand, key, signers)]
        if not accepted:
            why = "the platform would sign the tip, and none of its keys is among those that are accepted"
            yield Refusal(demand, Method.SQUASH, why)
            yield Refusal(demand, Method.MERGE_COMMIT, why)
        elif demand.strict:
            outside = [
                each.name for each in signers.principals.values() if not _some_accepted(demand, each.keys, signers)
            ]
            if outside:
                why = f"strict mode judges the merged commits, too, and accepts no key of {', '.join(sorted(outside))}"
                yield Refusal(demand, Method.MERGE_COMMIT, why)


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
                keys = _secret_keys(resources, resource.id.namespace, _mapping(verify.get("secretRef")).get("name"))
                yield AgentDemand(agent="Flux", resource=resource, field=("spec", "verify"), keys=keys)
        if kind == ("argoproj.io", "AppProject"):
            yield from _argo_demands(resource, spec)


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


def _secret_keys(resources: tuple[Resource, ...], namespace: str, name: object) -> frozenset[str] | None:
    """Keys in a Secret of the tree; None where it is not there, encrypted, or cannot be read."""
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
            return frozenset(found for key, data in files.items() for found in _keys_in(key, data))
        except (binascii.Error, PacketError, WireError, UnicodeError):
            return None
    return None


def _keys_in(name: str, data: bytes) -> Iterator[str]:
    if name.endswith(".sshpub"):
        for line in data.decode("utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                yield read_key_line(line).fingerprint
        return
    certificate = read_certificate(data)
    yield from (certificate.fingerprint, *certificate.subkeys)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
