"""What gitgate says of a signed object: stable codes, evidence, and verdicts that report every failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gitgate.change import ChangedPath


class Code(StrEnum):
    """Stable names of verdicts; never reused for something else."""

    SIGNED = "SIGNED"
    MERGE_CLEAN = "MERGE_CLEAN"
    PRE_EPOCH = "PRE_EPOCH"
    WAIVED = "WAIVED"

    COMMIT_MALFORMED = "COMMIT_MALFORMED"
    UNSIGNED = "UNSIGNED"
    SIG_MULTIPLE = "SIG_MULTIPLE"
    SIG_MALFORMED = "SIG_MALFORMED"
    SIG_FORMAT_NOT_ALLOWED = "SIG_FORMAT_NOT_ALLOWED"
    SIG_CLASS = "SIG_CLASS"
    SIG_DIGEST_WEAK = "SIG_DIGEST_WEAK"
    SIG_ALGO_WEAK = "SIG_ALGO_WEAK"
    SIG_BAD = "SIG_BAD"
    SIG_FUTURE = "SIG_FUTURE"
    SIG_EXPIRED = "SIG_EXPIRED"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_REVOKED = "KEY_REVOKED"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    KEY_OUT_OF_WINDOW = "KEY_OUT_OF_WINDOW"
    KEY_NOT_AUTHORIZED = "KEY_NOT_AUTHORIZED"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    MERGE_UNSIGNED = "MERGE_UNSIGNED"
    MERGE_OCTOPUS = "MERGE_OCTOPUS"
    MERGE_EVIL = "MERGE_EVIL"
    PLATFORM_KEY_CONTENT = "PLATFORM_KEY_CONTENT"
    PATH_NOT_AUTHORIZED = "PATH_NOT_AUTHORIZED"
    THRESHOLD_UNMET = "THRESHOLD_UNMET"
    SUBMODULE_CHANGED = "SUBMODULE_CHANGED"
    SYMLINK_ESCAPE = "SYMLINK_ESCAPE"
    PATH_COLLISION = "PATH_COLLISION"

    HISTORY_INCOMPLETE = "HISTORY_INCOMPLETE"
    HISTORY_REWRITE = "HISTORY_REWRITE"
    POLICY_CHANGE_UNAUTHORIZED = "POLICY_CHANGE_UNAUTHORIZED"
    POLICY_INVALID = "POLICY_INVALID"
    WAIVER_EXPIRED = "WAIVER_EXPIRED"
    TOOL_ERROR = "TOOL_ERROR"
    LIMIT = "LIMIT"


ACCEPTING = frozenset({Code.SIGNED, Code.MERGE_CLEAN, Code.PRE_EPOCH, Code.WAIVED})
"""Codes that let a commit pass; everything else fails."""

UNDETERMINED = frozenset({Code.HISTORY_INCOMPLETE, Code.TOOL_ERROR, Code.LIMIT})
"""Failures of the examination rather than of what was examined: they say nothing about the commit."""

EXPLANATIONS: Mapping[Code, str] = MappingProxyType(
    {
        Code.SIGNED: "signed by somebody who may change these paths",
        Code.MERGE_CLEAN: "a merge that adds nothing of its own, signed by a known key",
        Code.PRE_EPOCH: "made before signatures were demanded, so it is not judged",
        Code.WAIVED: "accepted by a waiver of the base",
        Code.COMMIT_MALFORMED: "the object is not built as git builds it, so tools may read it differently",
        Code.UNSIGNED: "there is no signature",
        Code.SIG_MULTIPLE: "there is more than one signature, and programs differ on which one counts",
        Code.SIG_MALFORMED: "the signature is not exactly one well-formed signature",
        Code.SIG_FORMAT_NOT_ALLOWED: "signatures of this kind are not accepted here",
        Code.SIG_CLASS: "the signature was made for another purpose than a git object",
        Code.SIG_DIGEST_WEAK: "the signature uses a digest in which collisions can be made",
        Code.SIG_ALGO_WEAK: "the signature uses an algorithm or a key size that is not accepted",
        Code.SIG_BAD: "the signature does not belong to this object",
        Code.SIG_FUTURE: "the signature is dated in the future",
        Code.SIG_EXPIRED: "the signature itself has expired",
        Code.KEY_UNKNOWN: "the signing key is not declared in the base's signers",
        Code.KEY_REVOKED: "the signing key is revoked",
        Code.KEY_EXPIRED: "the signing key has expired",
        Code.KEY_NOT_YET_VALID: "the signing key is not valid yet, or younger than its signature",
        Code.KEY_OUT_OF_WINDOW: "the signers file does not accept this key at this time",
        Code.KEY_NOT_AUTHORIZED: "the key is known, but may not sign this",
        Code.IDENTITY_MISMATCH: "it names another person than its signer, or another tag than it is pushed as",
        Code.MERGE_UNSIGNED: "a merge must be signed here, even one that adds nothing of its own",
        Code.MERGE_OCTOPUS: "a merge of more than two parents cannot be recomputed, so it is not accepted",
        Code.MERGE_EVIL: "the merge contains changes that its parents do not explain and its signer may not make",
        Code.PLATFORM_KEY_CONTENT: "a platform's key signed content; it counts only for merges that add nothing",
        Code.PATH_NOT_AUTHORIZED: "the signer may not change a path that the commit changes",
        Code.THRESHOLD_UNMET: "fewer people than the rule demands have signed the final state of these paths",
        Code.SUBMODULE_CHANGED: "a submodule changes, and what it points to was not judged",
        Code.SYMLINK_ESCAPE: "a symbolic link points out of the repository",
        Code.PATH_COLLISION: "two paths are the same on a file system that ignores case or Unicode form",
        Code.HISTORY_INCOMPLETE: "commits or trees are missing, so less than the merge would be judged",
        Code.HISTORY_REWRITE: "the new tip does not contain the old one",
        Code.POLICY_CHANGE_UNAUTHORIZED: "the change edits what judges it without the base's administrators",
        Code.POLICY_INVALID: "the signers file is not valid, or would not be after the merge",
        Code.WAIVER_EXPIRED: "the waiver has expired",
        Code.TOOL_ERROR: "a program or the clock could not be relied on",
        Code.LIMIT: "the change is larger than what gitgate examines",
    }
)


_ORDER = {code: index for index, code in enumerate(Code)}


class Format(StrEnum):
    """Kinds of signature, as the armor names them."""

    OPENPGP = "openpgp"
    SSH = "ssh"
    X509 = "x509"


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why something is not accepted.

    Attributes:
        detail: What exactly, one clause; may contain untrusted text, so printers encode.
    """

    code: Code
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def in_order(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures without repetitions, in the order of evaluation, which is the order of `Code`."""
    return tuple(sorted(dict.fromkeys(failures), key=lambda failure: _ORDER[failure.code]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureEvidence:
    """What was established about one signature; fields are empty where it did not get that far.

    Attributes:
        fingerprint: Of the key that signed: a subkey's upper-case hex, or `SHA256:…` for SSH.
        primary: Of the certificate that owns it; the same as `fingerprint` for SSH.
        made_at: Seconds since 1970 that the signature claims; None where the format has no time.
        verified: The mathematics hold for a declared key. Says nothing about expiry, revocation or authority.
        identity: Whom an X.509 certificate names; for reading only.
        failures: Every reason against it; empty means good.
    """

    format: Format | None = None
    fingerprint: str = ""
    primary: str = ""
    made_at: int | None = None
    digest: str = ""
    algorithm: str = ""
    tool: str = ""
    verified: bool = False
    identity: str = ""
    failures: tuple[Failure, ...] = ()

    @property
    def good(self) -> bool:
        """Verified by a declared key, with nothing against it."""
        return self.verified and not self.failures


@dataclass(frozen=True, slots=True)
class PathEvidence:
    """A path that the signer answers for, and the rules that it was judged by."""

    change: ChangedPath
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitVerdict:
    """What is said of one commit.

    Attributes:
        outcome: How it passes when nothing is against it.
        principal: Who signed, by the name that the signers file gives; empty when nobody known did.
        author: `name <e-mail>` as the commit claims.
        subject: First line of the message; untrusted text.
        paths: What the signer answers for; for a merge, what the parents do not explain.
        failures: Every reason against it, in the order of evaluation.
    """

    commit: str
    outcome: Code
    tree: str = ""
    parents: tuple[str, ...] = ()
    author: str = ""
    committer: str = ""
    subject: str = ""
    signature: SignatureEvidence = SignatureEvidence()
    principal: str = ""
    paths: tuple[PathEvidence, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def code(self) -> Code:
        """The first failure, or how it passes."""
        return self.failures[0].code if self.failures else self.outcome

    @property
    def accepted(self) -> bool:
        """Does the commit pass?"""
        return not self.failures and self.outcome in ACCEPTING


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeVerdict:
    """What is said of a change: one verdict per commit, and what concerns them together.

    Attributes:
        commits_seen: How many commits git listed in the range.
        failures: Of the change as a whole: thresholds, the signers file, incomplete history.
        policy_changes: How the change edits the signers file, one readable line each.
    """

    base: str | None
    head: str
    commits_seen: int
    commits: tuple[CommitVerdict, ...]
    failures: tuple[Failure, ...] = ()
    policy_changes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Every listed commit has a verdict, every verdict accepts, and nothing is against the whole."""
        return (
            not self.failures
            and self.commits_seen == len(self.commits)
            and len({verdict.commit for verdict in self.commits}) == self.commits_seen
            and all(verdict.accepted for verdict in self.commits)
        )

    @property
    def undetermined(self) -> bool:
        """Could something not be examined, so that even a repaired change could not be accepted yet?"""
        given = (*self.failures, *(failure for verdict in self.commits for failure in verdict.failures))
        return any(failure.code in UNDETERMINED for failure in given)
