"""Verify a change: read its commits, judge their signatures, then who may change what, then the change as a whole.

1. The range is what head reaches and the base's current tip does not; missing objects end it.
2. Every commit is parsed by a strict grammar, and its signature judged against the base's signers at `now`.
3. The paths that a commit changes, or that a merge adds to its parents, need its signer's authority.
4. Thresholds are counted over the change; an edit of the signers must leave signers that can judge.
5. Commits seen and verdicts given are compared before anything is accepted.

The caller must still read the signers from the *current* tip of the protected ref, and see that what is merged is
what was judged: a verdict belongs to (base, head, merged tree) and to nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from gitgate.errors import GitgateError, IncompleteHistoryError, RepositoryError
from gitgate.git import Repository
from gitgate.signature.authority import Authority
from gitgate.signature.commit import CommitObject, TagObject, parse_commit, parse_tag
from gitgate.signature.judge import SignatureJudge, signature_judge
from gitgate.signature.merged_paths import path_failures
from gitgate.signature.openpgp import CertificateError
from gitgate.signature.policy_change import PolicyChange, judge_policy_change
from gitgate.signature.range import before_epoch, new_commits
from gitgate.signature.signers import Holder, IdentityDemand, Signers
from gitgate.signature.thresholds import threshold_failures
from gitgate.signature.verdict import Code, CommitVerdict, Failure, RangeVerdict, SignatureEvidence, in_order
from gitgate.tree import Tree

CONCURRENT_VERIFICATIONS = 4
"""Each waits for a process of gpgv; more than this gains nothing on two cores."""
MAXIMUM_COMMITS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequest:
    """What is to be verified, and by what.

    Attributes:
        base: Current tip of the protected ref; None when it does not exist yet.
        head: Proposed commit.
        signers: Read from `base`, never from `head`.
        now: From the operating system, or given by a test; never from the judged content.
        merged: Tree that the merge would produce, to judge edits of the signers; None when the signers do not
            matter, as for a tag.
        other_tips: Tips of further protected refs, whose commits were judged when they came in.
        approvals: Principals whose approval of exactly this merge was verified.
        trust_roots: Digests of signers that are trusted from outside the repository; empty trusts the base.
        attested: Is `now` the time of a verified attestation? Then it may lie before this release was made.
        uncommitted: Does `merged` hold more than the commits bring: what is staged on top of them?
    """

    base: str | None
    head: str
    signers: Signers
    now: datetime
    merged: Tree | None = None
    other_tips: tuple[str, ...] = ()
    approvals: frozenset[str] = frozenset()
    trust_roots: frozenset[str] = field(default_factory=frozenset)
    attested: bool = False
    uncommitted: bool = False


def verify_range(repository: Repository, request: VerificationRequest) -> RangeVerdict:
    """Verify every new commit; what cannot be examined is a failure of its own, never an exception.

    Raises:
        CertificateError: The base's signers name a certificate that gpg does not accept; nobody's change can mend that.
    """
    try:
        return _verify(repository, request)
    except CertificateError:
        raise
    except IncompleteHistoryError as error:
        return _nothing(request, Failure(Code.HISTORY_INCOMPLETE, _sentence(error)))
    except RepositoryError as error:
        return _nothing(request, Failure(Code.COMMIT_MALFORMED, _sentence(error)))
    except GitgateError as error:
        return _nothing(request, Failure(Code.TOOL_ERROR, _sentence(error)))


def verify_tag(
    repository: Repository, oid: str, signers: Signers, now: datetime, ref: str = ""
) -> tuple[str, SignatureEvidence]:
    """Who signed an annotated tag (empty when nobody known), and what its signature is worth.

    A signed tag never stands in for the signature of the commit that it names. Tags have no paths, so they belong to
    whoever may change what no rule guards, or the signers; a bot that may change a few files makes no releases.

    Args:
        repository: Where it is.
        oid: The tag object.
        signers: Of the protected branch.
        now: The time that keys must be valid at.
        ref: Full name that it is to have; a signed tag that is pushed under another name would be another release.

    Raises:
        GitgateError: The tag cannot be read, or a program or the clock cannot be relied on.
    """
    kind, raw = repository.object(oid)
    if kind != "tag":
        return "", SignatureEvidence(failures=(Failure(Code.UNSIGNED, "it is no annotated tag"),))
    parsed = parse_tag(raw)
    if isinstance(parsed, Failure):
        return "", SignatureEvidence(failures=(parsed,))
    with signature_judge(signers, now) as judge:
        evidence = judge.judge(parsed)
        holder = judge.holder(evidence)
    failures = in_order((*evidence.failures, *_tag_failures(parsed, holder, signers, ref)))
    return (holder.name if holder is not None else ""), replace(evidence, failures=failures)


def _tag_failures(tag: TagObject, holder: Holder | None, signers: Signers, ref: str) -> Iterator[Failure]:
    if ref and ref != f"refs/tags/{tag.name}":
        yield Failure(Code.IDENTITY_MISMATCH, f"the tag calls itself {tag.name}, not {ref.removeprefix('refs/tags/')}")
    if holder is None:
        return
    if holder.principal is None:
        yield Failure(Code.PLATFORM_KEY_CONTENT, f"{holder.name} may sign only merges that add nothing")
        return
    if holder.name not in signers.default.signers | signers.admins.signers:
        yield Failure(Code.KEY_NOT_AUTHORIZED, f"{holder.name} is named neither by default nor by admins")
    demanded = signers.committer is IdentityDemand.MUST_MATCH and holder.principal.emails
    if demanded and not holder.principal.has_email(tag.tagger.email):
        yield Failure(Code.IDENTITY_MISMATCH, f"{holder.name} signed it, but its tagger is {tag.tagger}")


def _verify(repository: Repository, request: VerificationRequest) -> RangeVerdict:
    signers = request.signers
    tips = (*(() if request.base is None else (request.base,)), *request.other_tips)
    commits = new_commits(repository, tips, request.head)
    if len(commits) > MAXIMUM_COMMITS:
        detail = f"the change has {len(commits)} commits; at most {MAXIMUM_COMMITS} are examined"
        return _nothing(request, Failure(Code.LIMIT, detail), seen=len(commits))
    old = before_epoch(repository, signers.epoch, commits, request.head)
    parsed = read_commits(repository, commits)
    wanted = {oid: each for oid, each in parsed.items() if oid not in old and isinstance(each, CommitObject)}
    trees = {oid: each.tree for oid, each in parsed.items() if isinstance(each, CommitObject)}
    authority = Authority(repository, signers, trees)
    with signature_judge(signers, request.now, attested=request.attested) as judge:
        evidence = judge_concurrently(judge, wanted)
        verdicts: list[CommitVerdict] = []
        for oid in commits:
            commit = parsed[oid]
            if oid in old:
                verdicts.append(CommitVerdict(commit=oid, outcome=Code.PRE_EPOCH))
            elif isinstance(commit, Failure):
                verdicts.append(CommitVerdict(commit=oid, outcome=Code.COMMIT_MALFORMED, failures=(commit,)))
            else:
                verdicts.append(authority.judge(oid, commit, evidence[oid], judge.holder(evidence[oid])))
    policy = PolicyChange() if request.merged is None else judge_policy_change(signers, request.merged, request.now)
    failures = [*threshold_failures(signers, verdicts, request.approvals), *policy.failures, *_trust(request)]
    if request.merged is not None and not request.uncommitted:
        failures += _merge_failures(repository, request, request.merged, authority, verdicts)
    return RangeVerdict(
        base=request.base,
        head=request.head,
        commits_seen=len(commits),
        commits=tuple(verdicts),
        failures=in_order(failures),
        policy_changes=policy.lines,
    )


def _merge_failures(
    repository: Repository,
    request: VerificationRequest,
    merged: Tree,
    authority: Authority,
    verdicts: Sequence[CommitVerdict],
) -> Iterator[Failure]:
    """What the merge makes of commits that may each be accepted."""
    before = None if request.base is None else repository.tree(request.base)
    if request.base is not None and merged.oid is not None:
        yield from authority.unnamed(request.base, request.head, merged.oid, verdicts)
    yield from path_failures(before, merged, verdicts)


def judge_concurrently(judge: SignatureJudge, commits: Mapping[str, CommitObject]) -> Mapping[str, SignatureEvidence]:
    """Judge many commits at once: threads wait for gpgv, while this one does what needs no other program.

    Raises:
        ToolError: gpgv could not run to its end for one of them.
    """
    with ThreadPoolExecutor(CONCURRENT_VERIFICATIONS) as pool:
        elsewhere = {oid: pool.submit(judge.judge, commit) for oid, commit in commits.items() if _needs_gpgv(commit)}
        here = {oid: judge.judge(commit) for oid, commit in commits.items() if oid not in elsewhere}
        return MappingProxyType({**here, **{oid: future.result() for oid, future in elsewhere.items()}})


def _needs_gpgv(commit: CommitObject) -> bool:
    return commit.signature is not None and commit.signature.startswith(b"-----BEGIN PGP")


def read_commits(repository: Repository, commits: Iterable[str]) -> Mapping[str, CommitObject | Failure]:
    """Read and parse commits, whether or not they are well-formed.

    Raises:
        IncompleteHistoryError: One is missing.
    """
    return MappingProxyType({oid: _parse(kind, raw) for oid, kind, raw in repository.objects(commits)})


def _parse(kind: str, raw: bytes) -> CommitObject | Failure:
    if kind != "commit":
        return Failure(Code.COMMIT_MALFORMED, f"it is a {kind}")
    return parse_commit(raw)


def _trust(request: VerificationRequest) -> Iterable[Failure]:
    if request.trust_roots and request.signers.digest not in request.trust_roots:
        yield Failure(Code.POLICY_INVALID, f"the base's signers ({request.signers.digest}) are not the pinned ones")


def _nothing(request: VerificationRequest, failure: Failure, seen: int = 0) -> RangeVerdict:
    return RangeVerdict(base=request.base, head=request.head, commits_seen=seen, commits=(), failures=(failure,))


def _sentence(error: GitgateError) -> str:
    return f"{error}; {error.remedy}" if error.remedy else str(error)
