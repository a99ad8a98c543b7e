"""Signatures where they are enforced: ranges that somebody names, and pushes that a hook is told of."""

from __future__ import annotations

from datetime import datetime

from gitgate.errors import RepositoryError, UsageError
from gitgate.git import MergeConflict, Repository
from gitgate.report import Verdict
from gitgate.signature.clock import current_time
from gitgate.signature.signers import Signers
from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.signature.verification import Verification
from gitgate.signature.verify import VerificationRequest, verify_range


def split_range(text: str | None) -> tuple[str | None, str | None]:
    """The two ends of `BASE..HEAD`; None where the default is meant, as in `BASE..` and without any text.

    Raises:
        UsageError: It is no such range.
    """
    if text is None:
        return None, None
    base, dots, head = text.partition("..")
    if not dots or head.startswith(".") or ".." in head:
        raise UsageError(f"{text!r} is no range", remedy="Write BASE..HEAD, or BASE.. for everything up to HEAD.")
    return base or None, head or None


def verify_revisions(  # noqa: PLR0913 - a range, and what it is judged by
    repository: Repository,
    base: str | None,
    head: str | None,
    *,
    now: datetime | None = None,
    trust_roots: frozenset[str] = frozenset(),
    attested: bool = False,
) -> Verification:
    """Verify what `head` would bring into `base`, by the signers of the base's current tip.

    Args:
        repository: The clean room.
        base: What the commits go into; None for the upstream's default branch.
        head: What is proposed; None for HEAD.
        now: The time that keys must be valid at; None asks the operating system.
        trust_roots: Digests of signers files that are trusted from outside the repository.
        attested: Is `now` the time of a verified attestation?

    Raises:
        UsageError: The base has no signers file, or one that is not valid.
        GitgateError: The range cannot be read or merged.
    """
    if base is not None:
        base_name, base_commit = base, repository.resolve(base)
    else:
        found = repository.default_base()
        if found is None:
            raise RepositoryError(
                "nothing says what the commits go into", remedy="Name it as in `gitgate verify main..HEAD`."
            )
        base_name, base_commit = found
    head_name = head or "HEAD"
    head_commit = repository.resolve(head_name)
    signers = load_signers(repository.tree(base_commit))
    if signers is None:
        raise UsageError(
            f"{base_name} has no {SIGNERS_PATH}, so it demands no signatures",
            remedy="See who signed so far with `gitgate signer suggest`.",
        )
    merged = repository.merge(base_commit, head_commit)
    if isinstance(merged, MergeConflict):
        raise RepositoryError(
            f"{head_name} cannot be merged into {base_name}: both changed {merged.paths[0]}",
            remedy="Merge the base into the branch, resolve the conflict there, and verify that.",
        )
    request = VerificationRequest(
        base=base_commit,
        head=head_commit,
        signers=signers,
        now=now or current_time(),
        merged=merged,
        trust_roots=trust_roots,
        attested=attested,
    )
    verification = verify(repository, request, base_name=base_name, head_name=head_name)
    if not verification.range.commits and verification.verdict is Verdict.ACCEPTED:
        # A range that is empty by mistake, such as HEAD..HEAD in a job, must not look like one that was verified.
        raise RepositoryError(
            f"{head_name} has no commit that {base_name} lacks, so there is nothing to verify",
            remedy="Name a range with commits, as in `gitgate verify main..topic`.",
        )
    return verification


def verify(repository: Repository, request: VerificationRequest, *, base_name: str, head_name: str) -> Verification:
    """Verify a request and keep by what it was judged."""
    signers: Signers = request.signers
    return Verification(
        range=verify_range(repository, request),
        base_name=base_name,
        head_name=head_name,
        tree=request.merged.oid if request.merged is not None else None,
        signers_version=signers.version,
        signers_digest=signers.digest,
        now=request.now,
    )
