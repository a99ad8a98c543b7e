"""Who may sign what: the signers of a repository as frozen values, and the questions that verification asks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from gitgate.path_glob import leads_into_any, matches_any
from gitgate.signature.packets import Certificate
from gitgate.signature.ssh_files import RevokedKeys
from gitgate.signature.ssh_wire import SshKey
from gitgate.signature.strength import Strength
from gitgate.signature.verdict import Format
from gitgate.signature.x509 import X509Trust

ADMINS_RULE = "admins"
DEFAULT_RULE = "default"
GUARDED_PATHS = (".gitgate/**", ".gitgate")
"""What judges a change; edits to it always need the administrators, whatever the rules say."""


class IdentityDemand(StrEnum):
    """How an address that a commit claims must relate to who signed it."""

    MUST_MATCH = "must-match"
    LISTED = "listed"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerKey:
    """A declared key.

    Attributes:
        fingerprint: Upper-case hex of the primary key, or `SHA256:…`; for X.509, `x509.key_name`.
        not_before: First moment at which signatures of it are accepted.
        not_after: First moment at which they are accepted no more.
    """

    format: Format
    fingerprint: str
    not_before: datetime | None = None
    not_after: datetime | None = None

    def accepted_at(self, now: datetime) -> bool:
        """Does the signers file accept the key at this time?"""
        after_start = self.not_before is None or self.not_before <= now
        return after_start and (self.not_after is None or now < self.not_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person or a bot: who counts once, however many keys they have.

    Attributes:
        unproven: Taken from the history and confirmed by nobody yet: signs nothing.
    """

    name: str
    bot: bool = False
    unproven: bool = False
    emails: tuple[str, ...] = ()
    keys: tuple[SignerKey, ...] = ()

    def has_email(self, email: str) -> bool:
        """Is it one of the principal's addresses? ASCII case does not count."""
        return _same(email) in {_same(each) for each in self.emails}


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """Who may change some paths.

    Attributes:
        paths: Globs (`gitgate.path_glob`); empty for the default rule.
        signers: Names of principals, groups resolved.
        threshold: How many distinct principals must have signed the final state.
        exclude_author: Whoever edits these paths in the change does not count among them.
    """

    id: str
    paths: tuple[str, ...] = ()
    signers: frozenset[str]
    threshold: int = 1
    exclude_author: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """To whom a key belongs: a principal, or a platform when `principal` is None."""

    name: str
    key: SignerKey
    principal: Principal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Everything that `.gitgate/signers.yaml` and the files that it names say.

    Attributes:
        epoch: Commit up to which nothing is judged.
        platform_keys: By name; they count only for merges that add nothing.
        certificates: OpenPGP certificates of all keys.
        ssh_keys: SSH keys by fingerprint.
        holders: Owner of every key, by fingerprint.
        submodules: Globs of submodules that may change.
        x509: Pinned roots and logs; None where X.509 signatures are not accepted.
        attesters: Principals whose attestations count; None stands for the administrators.
        digest: `sha256:…` over the signers file and every file that it names; what `--trust-root` pins.
    """

    version: int
    digest: str = ""
    epoch: str | None = None
    formats: frozenset[Format] = frozenset({Format.OPENPGP, Format.SSH})
    principals: Mapping[str, Principal]
    platform_keys: Mapping[str, SignerKey] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    strength: Strength = field(default_factory=Strength)
    committer: IdentityDemand = IdentityDemand.MUST_MATCH
    author: IdentityDemand = IdentityDemand.ANY
    signed_merges: bool = True
    platform_merges: bool = True
    submodules: tuple[str, ...] = ()
    rules: tuple[PathRule, ...] = ()
    default: PathRule
    admins: PathRule
    attesters: frozenset[str] | None = None
    x509: X509Trust | None = None
    certificates: tuple[Certificate, ...] = ()
    ssh_keys: Mapping[str, SshKey] = field(default_factory=lambda: MappingProxyType({}))
    revoked: RevokedKeys = field(default_factory=RevokedKeys)
    holders: Mapping[str, Holder] = field(default_factory=lambda: MappingProxyType({}))

    def rules_for(self, path: str, *, stands_in: bool = False) -> tuple[PathRule, ...]:
        """Every rule that a change of the path must satisfy.

        Args:
            path: A file, a link or a submodule.
            stands_in: Can it stand where a directory is meant? What is then found below its path matches no glob,
                as it is somewhere else, so whoever may change what is below answers for it.
        """
        matching = tuple(
            rule
            for rule in self.rules
            if matches_any(rule.paths, path) or (stands_in and leads_into_any(rule.paths, path))
        )
        if matches_any(GUARDED_PATHS, path):
            return (self.admins, *matching)
        return matching or (self.default,)

    def is_listed(self, email: str) -> bool:
        """Does the address belong to any principal?"""
        return any(principal.has_email(email) for principal in self.principals.values())

    def may_attest(self, name: str) -> bool:
        """Do attestations of this principal count?"""
        return name in (self.admins.signers if self.attesters is None else self.attesters)

    @property
    def all_rules(self) -> tuple[PathRule, ...]:
        """The rules, the administrators' and the default one."""
        return (self.admins, *self.rules, self.default)


def _same(email: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in email)
