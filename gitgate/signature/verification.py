"""A verified range as reporters and attestations see it: the verdicts, and by what and for what they were given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gitgate.report import Verdict
from gitgate.signature.verdict import UNDETERMINED, RangeVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `gitgate verify` says.

    Attributes:
        base_name: What the user called the base.
        head_name: What the user called the head.
        tree: Tree that the merge would produce; a verdict belongs to (base, head, tree) and to nothing else.
        signers_version: Of the signers file that judged.
        signers_digest: `sha256:…` of that file and all key files; what `--trust-root` takes.
        now: The time that keys had to be valid at.
    """

    range: RangeVerdict
    base_name: str
    head_name: str
    tree: str | None
    signers_version: int
    signers_digest: str
    now: datetime

    @property
    def verdict(self) -> Verdict:
        """As `decide()` comes to it: what is refused rejects, and what was not examined is never accepted."""
        return verdict_of(self.range)


def verdict_of(verified: RangeVerdict) -> Verdict:
    """The verdict on a range; total, and fails closed."""
    given = (*verified.failures, *(failure for commit in verified.commits for failure in commit.failures))
    if any(failure.code not in UNDETERMINED for failure in given):
        return Verdict.REJECTED
    return Verdict.ACCEPTED if verified.accepted else Verdict.UNDETERMINED
