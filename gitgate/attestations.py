"""Attestations: what was judged, of what and by what, as an in-toto statement that a key vouches for.

The statement is a pure function of what was verified and of the few things that only the run knows (`Run`), so that an
audit can make it again and compare. It says PASSED in one place only, and only of an accepted verdict.
Sources: in-toto/attestation spec/v1/statement.md and digest_set.md; slsa.dev/spec/v1.0/verification_summary.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gitgate import __version__
from gitgate.enforcement import verify_revisions
from gitgate.errors import GitgateError, UsageError
from gitgate.git import Repository
from gitgate.report import Report, Verdict
from gitgate.reporters.base import PLAIN
from gitgate.reporters.encode import percent_encoded
from gitgate.reporters.json_v1 import render as render_report
from gitgate.reporters.verification import render_json
from gitgate.signature.clock import current_time
from gitgate.signature.dsse import STATEMENT_TYPE, Envelope, pre_authentication_encoding, write_envelope
from gitgate.signature.judge import signature_judge
from gitgate.signature.signers import Signers
from gitgate.signature.signers_file import load_signers
from gitgate.signature.signing import ATTESTATION_NAMESPACE, sign
from gitgate.signature.verdict import CommitVerdict, SignatureEvidence
from gitgate.signature.verification import Verification

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/verification_summary/v1"
VERIFIER = "https://gitgate.dev/verify@v1"
CHANGE = "gitgate_change"
"""What is gitgate's own in the predicate; vendors prefix their fields (in-toto/attestation, parsing rules)."""
RUN = "gitgate_run"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_RULEBOOK = ".gitgate/"
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationDemand:
    """What the caller asks of an attestation.

    Attributes:
        file: Where it goes; nothing is overwritten.
        key: See `signing.sign`.
        time: When it is, to the second, as statements have no more.
        resource: URI of the repository; empty names the head commit.
    """

    file: Path
    key: str
    time: datetime
    resource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What only the run knows.

    Attributes:
        command: `check` or `verify`.
        verdict: What it came to, over everything that it judged.
        checks: What `check` asked, and how each ended: `{"schema": "completed"}`.
        report: Digest of the JSON report, so that one that is kept beside it can be trusted.
        time: When it was, as `TIME_FORMAT`.
        version: Of gitgate.
    """

    command: str
    verdict: Verdict
    checks: Mapping[str, str]
    report: str
    resource: str
    time: str
    version: str


class NothingToAttestError(GitgateError):
    """What was judged has no commits and tree that an attestation could name."""


def plan_attestation(
    file: Path | None, key: str | None, resource: str, now: datetime | None
) -> AttestationDemand | None:
    """What to attest, where options ask for it.

    Raises:
        UsageError: They do not go together, or the file cannot become what is asked for.
    """
    if file is None:
        if key or resource:
            raise UsageError("--attest-key and --attest-resource go with --attest FILE")
        return None
    if not key:
        raise UsageError("--attest needs --attest-key: the fingerprint of an OpenPGP key, or a file with an SSH key")
    if now is not None:
        raise UsageError("--now is another time than the present, which is what an attestation vouches for")
    if resource and not _URI.match(resource):
        raise UsageError(f"{resource!r} is no URI", remedy="Write it as git+https://example.com/shop.git.")
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} exists; an attestation is never overwritten")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"{file} cannot be written: its directory does not exist")
    return AttestationDemand(file=file, key=key, time=current_time().replace(microsecond=0), resource=resource)


def attest_verification(repository: Repository, verification: Verification, demand: AttestationDemand) -> bytes:
    """The signed attestation of what `gitgate verify` said.

    Raises:
        UsageError: The key is not one whose attestations the base's signers believe.
        GitgateError: Nothing can be attested, or nothing was signed.
    """
    run = _run(demand, "verify", verification.verdict, {}, render_json(verification))
    return _attest(repository, verification, demand, run)


def attest_merge(
    repository: Repository, report: Report, demand: AttestationDemand, trust_roots: frozenset[str]
) -> bytes:
    """The signed attestation of what `gitgate check` said; PASSED needs the commits to be accepted as well.

    Raises:
        UsageError: As `attest_verification`.
        NothingToAttestError: The change cannot be merged, so there is no tree to name.
        GitgateError: As `attest_verification`.
    """
    change = report.change
    if change.head is None or change.tree is None:
        raise NothingToAttestError("there is no merged tree, so nothing is attested")
    verification = verify_revisions(repository, change.base, change.head, now=demand.time, trust_roots=trust_roots)
    if (change.base, change.head, change.tree) != _ends(verification):
        raise GitgateError("what was checked and what was verified are not the same, so nothing is attested")
    checks = {result.check: result.status.value for result in report.results}
    run = _run(demand, "check", report.verdict, checks, render_report(report, PLAIN))
    return _attest(repository, verification, demand, run)


def write_attestation(demand: AttestationDemand, data: bytes) -> None:
    """Write the file, all of it or nothing.

    Raises:
        GitgateError: It cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".gitgate-", dir=demand.file.absolute().parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            # A link, as a rename would overwrite what came there in the meantime.
            demand.file.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise GitgateError(f"{demand.file} cannot be written: {error.strerror}") from error


def statement(facts: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """The in-toto statement: a SLSA verification summary over the head and the tree that the merge would make."""
    passed = run.verdict is Verdict.ACCEPTED and facts["verdict"] == Verdict.ACCEPTED.value
    levels = ["ORG_SOURCE_GITGATE_SIGNED", *(["ORG_SOURCE_GITGATE_CHECKED"] if run.command == "check" else [])]
    base = _gitoid("commit", facts["base"])
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": "head", "digest": {"gitCommit": facts["head"]}},
            {"name": "merge", "digest": {"gitTree": facts["tree"]}},
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": VERIFIER, "version": {"gitgate": run.version}},
            "timeVerified": run.time,
            "resourceUri": run.resource or _gitoid("commit", facts["head"]),
            "policy": {
                "uri": f"{base}#{_RULEBOOK}",
                "digest": {"gitCommit": facts["base"], "sha256": facts["rulebook"]["sha256"]},
            },
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": levels if passed else ["FAILED"],
            CHANGE: dict(facts),
            RUN: {
                "command": run.command,
                "verdict": run.verdict.value,
                "checks": dict(run.checks),
                "report": {"sha256": run.report},
                "resource": run.resource,
            },
        },
    }


def facts_of(repository: Repository, verification: Verification) -> dict[str, Any]:
    """What was established of the change and of what judged it, as plain values that an audit establishes again."""
    verified = verification.range
    if verified.base is None or verification.tree is None:
        raise GitgateError("there is no merge, so there is nothing to attest")
    return {
        "base": verified.base,
        "head": verified.head,
        "tree": verification.tree,
        "verdict": verification.verdict.value,
        "signers": {"version": verification.signers_version, "digest": verification.signers_digest},
        "rulebook": _rulebook(repository, verified.base),
        "commitsSeen": verified.commits_seen,
        "commits": [
            {"commit": each.commit, "code": each.code.value, "digest": {"sha256": _digest(commit_record(each))}}
            for each in verified.commits
        ],
        "failures": [failure.code.value for failure in verified.failures],
    }


def commit_record(verdict: CommitVerdict) -> bytes:
    """What one commit's digest is over: everything that was decided, and no wording."""
    record = {
        "commit": verdict.commit,
        "tree": verdict.tree,
        "parents": verdict.parents,
        "outcome": verdict.outcome.value,
        "failures": [failure.code.value for failure in verdict.failures],
        "principal": verdict.principal,
        "format": verdict.signature.format.value if verdict.signature.format else "",
        "fingerprint": verdict.signature.fingerprint,
        "primary": verdict.signature.primary,
        "verified": verdict.signature.verified,
        "paths": [[item.change.path, item.rules] for item in verdict.paths],
    }
    return json.dumps(record, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")


def judge_envelope(envelope: Envelope, signers: Signers) -> tuple[str, SignatureEvidence]:
    """Who vouches for an attestation, by what these signers say now; the name is empty when nobody entitled does.

    The time is the present: what an attestation says of its own time is the word of its key, so a key that was taken
    and then withdrawn must not be able to attest anything, whenever it says that was.

    Raises:
        GitgateError: A program or the clock cannot be relied on.
    """
    signed = pre_authentication_encoding(STATEMENT_TYPE, envelope.payload)
    with signature_judge(signers, current_time()) as judge:
        evidence = judge.judge_detached(envelope.signature, signed, ATTESTATION_NAMESPACE)
        holder = judge.holder(evidence)
    entitled = evidence.good and holder is not None and holder.principal is not None and signers.may_attest(holder.name)
    return (holder.name if entitled and holder is not None else ""), evidence


def _run(demand: AttestationDemand, command: str, verdict: Verdict, checks: Mapping[str, str], report: str) -> Run:
    return Run(
        command=command,
        verdict=verdict,
        checks=checks,
        report=_digest(report.encode("utf-8")),
        resource=demand.resource,
        time=demand.time.strftime(TIME_FORMAT),
        version=__version__,
    )


def _attest(repository: Repository, verification: Verification, demand: AttestationDemand, run: Run) -> bytes:
    if verification.now != demand.time:
        raise GitgateError("what was verified is of another time, so nothing is attested")
    facts = facts_of(repository, verification)
    signers = load_signers(repository.tree(facts["base"]))
    if signers is None:
        raise UsageError("the base has no .gitgate/signers.yaml, so nothing says whose attestation would count")
    payload = json.dumps(statement(facts, run), ensure_ascii=True, separators=(",", ":")).encode("ascii")
    signature = sign(pre_authentication_encoding(STATEMENT_TYPE, payload), demand.key)
    name, evidence = judge_envelope(Envelope(payload=payload, signature=signature, key_id=""), signers)
    if not name:
        reason = "; ".join(map(str, evidence.failures)) or "it belongs to none of its attesters"
        raise UsageError(
            f"the base's signers would not believe an attestation by {demand.key}: {reason}",
            remedy="Name its owner under attesters in .gitgate/signers.yaml; without them the administrators count.",
        )
    return write_envelope(Envelope(payload=payload, signature=signature, key_id=evidence.fingerprint))


def _ends(verification: Verification) -> tuple[str | None, str | None, str | None]:
    return verification.range.base, verification.range.head, verification.tree


def _rulebook(repository: Repository, base: str) -> dict[str, Any]:
    """Digests of the regular files below `.gitgate/` at the base, and one over them all."""
    tree = repository.tree(base)
    paths = sorted(path for path in tree.entries if path.startswith(_RULEBOOK) and path not in tree.special)
    files = [{"uri": percent_encoded(path), "sha256": _digest(data)} for path, data in tree.read_many(paths)]
    lines = "".join(f"{file['sha256']}  {file['uri']}\n" for file in files)
    return {"sha256": _digest(lines.encode("ascii")), "files": files}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _gitoid(kind: str, oid: str) -> str:
    """An object as a URI (gitoid, in IANA's register of URI schemes)."""
    return f"gitoid:{kind}:{'sha1' if len(oid) == 40 else 'sha256'}:{oid}"
