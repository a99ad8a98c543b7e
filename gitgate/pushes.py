"""Pushes: what a hook is told that refs would become, and whether they may.

On a server (pre-receive) protected refs only grow, each by commits that its own present tip's signers accept; refs
that change how objects are read are never pushed. Commits that another branch already has are judged as well: what
came in unprotected was judged by nobody. In front of a push (pre-push) the same is said earlier, as advice only:
whoever pushes can leave the hook out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitgate.change import OBJECT_ID_LENGTHS
from gitgate.enforcement import verify
from gitgate.errors import RepositoryError, UsageError
from gitgate.git import MergeConflict, Repository
from gitgate.git_directory import is_ref_name
from gitgate.path_glob import matches_any
from gitgate.report import Verdict
from gitgate.signature.clock import current_time
from gitgate.signature.range import is_governed, update_failures
from gitgate.signature.signers import Signers
from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.signature.verdict import Code, Failure
from gitgate.signature.verification import Verification
from gitgate.signature.verify import VerificationRequest, verify_tag
from gitgate.tree import Tree

_OID = re.compile(r"[0-9a-f]+\Z")
_LARGEST_INPUT = 16 * 1024 * 1024
_TAGS = "refs/tags/"
_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Update:
    """A ref that a push changes; None stands for a ref that is not there before or after."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushDemand:
    """What a hook was told to see to.

    Attributes:
        protected: Globs of full ref names; empty means the branch that HEAD names.
        trust_roots: Digests of signers files that are trusted from outside the repository.
        now: The time that keys must be valid at; None asks the operating system.
    """

    protected: tuple[str, ...] = ()
    trust_roots: frozenset[str] = frozenset()
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateVerdict:
    """What is said of one ref.

    Attributes:
        failures: What the push would do to history, and what is wrong with a tag.
        verification: Of the new commits; None where none had to be judged.
        note: Why nothing was judged; empty where something was.
    """

    update: Update
    failures: tuple[Failure, ...] = ()
    verification: Verification | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """May the ref be updated so?"""
        if self.failures:
            return Verdict.REJECTED
        return self.verification.verdict if self.verification is not None else Verdict.ACCEPTED


def read_updates(data: bytes) -> tuple[Update, ...]:
    """Read what git gives a pre-receive hook: `old new ref` lines. Source: githooks(5).

    Raises:
        RepositoryError: It is something else, so that a ref could be overlooked.
    """
    updates = tuple(Update(_ref(ref), _object(old), _object(new)) for old, new, ref in _fields(_lines(data), 3))
    if not updates:
        raise RepositoryError("git's list of refs is empty, so there is nothing to accept")
    return updates


def read_pushed(data: bytes) -> tuple[Update, ...]:
    """Read what git gives a pre-push hook: `local-ref local-oid remote-ref remote-oid` lines. Source: githooks(5).

    Raises:
        RepositoryError: It is something else.
    """
    return tuple(Update(_ref(ref), _object(old), _object(new)) for _, new, ref, old in _fields(_lines(data), 4))


def pushed_by_pre_commit(environment: Mapping[str, str]) -> tuple[Update, ...] | None:
    """What the pre-commit framework tells instead; None when it does not run the hook.

    Without a range (a first push, or a run by hand) that is everything up to HEAD.
    """
    if "PRE_COMMIT_TO_REF" not in environment:
        return (Update("", None, "HEAD"),) if "PRE_COMMIT" in environment else None
    ref = environment.get("PRE_COMMIT_REMOTE_BRANCH", "")
    return (Update(ref, environment.get("PRE_COMMIT_FROM_REF"), environment["PRE_COMMIT_TO_REF"]),)


def judge_received(repository: Repository, update: Update, demand: PushDemand) -> UpdateVerdict:
    """Judge one ref of a push that is being received.

    Raises:
        GitgateError: It cannot be judged, so the push must be refused.
    """
    names = [name for name in (update.ref, repository.symbolic_target(update.ref)) if name is not None]
    protected = any(matches_any(_protected(repository, demand), name) for name in names)
    if not protected and not any(map(is_governed, names)):
        return UpdateVerdict(update=update)
    if update.ref.startswith(_TAGS) and not is_governed(update.ref):
        return _judge_tag(repository, update, demand)
    present = repository.ref(update.ref)
    if present != update.old:
        raise RepositoryError(f"{update.ref} has moved since the push began", remedy="Push again.")
    failures = tuple(update_failures(repository, update.ref, update.old, update.new))
    if failures or update.new is None:
        return UpdateVerdict(update=update, failures=failures)
    base = update.old or _default_tip(repository)
    return _verify(repository, update, base, repository.tree(update.new), demand)


def judge_pushed(repository: Repository, update: Update, remote: str, demand: PushDemand) -> UpdateVerdict:
    """Judge one ref that is about to be pushed, as what it would bring into the remote's default branch.

    Raises:
        GitgateError: It cannot be judged.
    """
    if update.new is None:
        return UpdateVerdict(update=update, note="would be deleted; the server decides about that")
    name, tip = _remote_default(repository, remote)
    same = name is None or update.ref == f"{_BRANCHES}{name}"
    base = update.old if same and update.old is not None and _has(repository, update.old) else tip
    if base is None:
        return UpdateVerdict(update=update, note="goes where no protected branch is known yet, so nothing judges it")
    head = repository.resolve(update.new)
    merged = repository.merge(base, head)
    return _verify(
        repository, Update(update.ref, base, head), base, None if isinstance(merged, MergeConflict) else merged, demand
    )


def _verify(
    repository: Repository, update: Update, base: str | None, merged: Tree | None, demand: PushDemand
) -> UpdateVerdict:
    """Verify what a ref would gain, by the signers of its base, or by pinned ones where there is no base."""
    assert update.new is not None  # noqa: S101 - the callers have dealt with deletions
    signers = load_signers(repository.tree(base if base is not None else update.new))
    if signers is None:
        if demand.trust_roots:
            failure = Failure(Code.POLICY_INVALID, f"the signers are pinned, but there is no {SIGNERS_PATH}")
            return UpdateVerdict(update=update, failures=(failure,))
        return UpdateVerdict(update=update, note=f"demands no signatures, as it has no {SIGNERS_PATH}")
    if base is None and signers.digest not in demand.trust_roots:
        detail = f"nothing vouches for the first signers; pin them with --trust-root {signers.digest}"
        return UpdateVerdict(update=update, failures=(Failure(Code.POLICY_INVALID, detail),))
    request = _request(signers, base, update.new, merged, demand)
    verification = verify(repository, request, base_name="", head_name=update.ref)
    return UpdateVerdict(update=update, verification=verification)


def _request(
    signers: Signers, base: str | None, head: str, merged: Tree | None, demand: PushDemand
) -> VerificationRequest:
    return VerificationRequest(
        base=base,
        head=head,
        signers=signers,
        now=demand.now or current_time(),
        merged=merged,
        trust_roots=demand.trust_roots,
    )


def _judge_tag(repository: Repository, update: Update, demand: PushDemand) -> UpdateVerdict:
    """A protected tag is new, annotated, signed by somebody known, and names what the default branch may hold."""
    if update.old is not None or update.new is None:
        verb = "deleted" if update.new is None else "moved"
        return UpdateVerdict(update=update, failures=(Failure(Code.HISTORY_REWRITE, f"{update.ref} would be {verb}"),))
    base = _default_tip(repository)
    head = repository.resolve(update.new)
    # Where there is no base yet, pinned signers of the tag's own commit judge, as they judge the first branch.
    signers = load_signers(repository.tree(base if base is not None else head))
    judged = _verify(repository, Update(update.ref, None, head), base, None, demand)
    if signers is None:
        return judged
    _, evidence = verify_tag(repository, update.new, signers, demand.now or current_time(), update.ref)
    return UpdateVerdict(update=update, failures=evidence.failures, verification=judged.verification)


def _protected(repository: Repository, demand: PushDemand) -> tuple[str, ...]:
    if demand.protected:
        return demand.protected
    branch = repository.symbolic_target("HEAD")
    if branch is None:
        raise RepositoryError("HEAD names no branch", remedy="Name what is protected with --protect.")
    return (branch,)


def _default_tip(repository: Repository) -> str | None:
    """Tip of the branch that HEAD names; None in a repository that has none yet."""
    branch = repository.symbolic_target("HEAD")
    return repository.ref(branch) if branch is not None else None


def _remote_default(repository: Repository, remote: str) -> tuple[str | None, str | None]:
    """Name and tip of the branch that pushes to a remote are meant for, as it was last fetched."""
    place = f"refs/remotes/{remote}/"
    for name in ("HEAD", "main", "master") if is_ref_name(f"{place}HEAD") else ():
        tip = repository.ref(place + name)
        if tip is not None:
            target = repository.symbolic_target(place + name) or place + name
            return target.removeprefix(place), tip
    found = repository.default_base()
    return (found[0].partition("/")[2] or found[0], found[1]) if found is not None else (None, None)


def _has(repository: Repository, oid: str) -> bool:
    """Was the remote's tip ever fetched?"""
    try:
        repository.resolve(oid)
    except RepositoryError:
        return False
    return True


def _lines(data: bytes) -> list[str]:
    if len(data) > _LARGEST_INPUT or (data and not data.endswith(b"\n")):
        raise RepositoryError("git's list of refs is cut off or too long")
    return data.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _fields(lines: list[str], count: int) -> Iterator[list[str]]:
    for line in lines:
        fields = line.split(" ")
        if len(fields) != count:
            raise RepositoryError("git's list of refs has another form than githooks(5) says")
        yield fields


def _object(text: str) -> str | None:
    if len(text) not in OBJECT_ID_LENGTHS or not _OID.match(text):
        raise RepositoryError("git's list of refs holds no full object name")
    return None if set(text) == {"0"} else text


def _ref(text: str) -> str:
    if not text.startswith("refs/") or not is_ref_name(text):
        raise UsageError(f"{text!r} cannot be the name of a ref")
    return text
