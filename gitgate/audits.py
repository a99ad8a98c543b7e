"""Audits: is an attestation genuine, and does the repository still show what it says?

1. The envelope is read strictly, and its signature judged by signers that the file has no say in: those at the
   protected branch's current tip, or keys that the auditor gives. Only then is the statement looked at.
2. Its base must be part of the protected branch's history, as its rulebook is what judges the range.
3. The range is verified again as of the attested time, and the statement made anew; both must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gitgate import bundled
from gitgate.attestations import CHANGE, RUN, TIME_FORMAT, Run, facts_of, judge_envelope, statement
from gitgate.enforcement import verify_revisions
from gitgate.errors import RepositoryError, UsageError
from gitgate.git import Repository
from gitgate.report import Verdict
from gitgate.reporters.encode import json_document, log_safe
from gitgate.reporters.summary import counted
from gitgate.signature.clock import FUTURE_TOLERANCE, current_time
from gitgate.signature.dsse import LARGEST_ENVELOPE, Envelope, EnvelopeError, read_envelope, read_json
from gitgate.signature.packets import Certificate, PacketError, read_certificate
from gitgate.signature.signers import ADMINS_RULE, DEFAULT_RULE, Holder, PathRule, Principal, SignerKey, Signers
from gitgate.signature.signers_file import SIGNERS_PATH, load_signers
from gitgate.signature.ssh_wire import SshKey, WireError, read_key_line
from gitgate.signature.verdict import Format, SignatureEvidence
from gitgate.signature.verification import Verification

_AUDITOR = "auditor's key"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDemand:
    """What the auditor trusts.

    Attributes:
        base: The protected branch; None for the upstream's default branch.
        keys: Files with public keys whose attestations count, instead of those that the signers file names.
        trust_roots: Digests of signers files that are trusted from outside the repository.
        merged: Commit of the protected branch that the attested merge ended in; None asks nothing of it.
    """

    base: str | None = None
    keys: tuple[Path, ...] = ()
    trust_roots: frozenset[str] = frozenset()
    merged: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit says.

    Attributes:
        verdict: Accepted only where the attestation is genuine, the repository shows the same, and it says PASSED.
        problems: What is against it, a sentence each.
        attester: Who vouches for it; empty when nobody entitled does.
        evidence: About its signature; None when it did not get that far.
        predicate: What it says, once its signature is believed.
        verification: What the repository shows as of the attested time.
        merged: Commit of the protected branch that was compared with what is attested.
    """

    verdict: Verdict
    problems: tuple[str, ...] = ()
    attester: str = ""
    evidence: SignatureEvidence | None = None
    predicate: Mapping[str, Any] | None = None
    verification: Verification | None = None
    merged: str | None = None


def read_attestation(file: Path) -> bytes:
    """The bytes of an attestation.

    Raises:
        UsageError: The file cannot be read or is larger than attestations are.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_ENVELOPE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_ENVELOPE:
        raise UsageError(f"{file} is larger than {LARGEST_ENVELOPE} bytes")
    return data


def audit(repository: Repository, data: bytes, demand: AuditDemand) -> Audit:
    """Audit an attestation.

    Args:
        repository: The clean room.
        data: The file's bytes, as hostile as any.
        demand: What the auditor trusts.

    Raises:
        UsageError: What the auditor trusts is not usable: no signers file, a key that cannot be read.
        GitgateError: Something keeps the audit from an answer: missing objects, a tool that failed.
    """
    base_name, tip = (demand.base, repository.resolve(demand.base)) if demand.base else _default_base(repository)
    signers = _given_signers(demand.keys) if demand.keys else _signers(repository, base_name, tip)
    if demand.trust_roots and not demand.keys and signers.digest not in demand.trust_roots:
        return _refused(f"the signers of {base_name} ({signers.digest}) are not the pinned ones")
    try:
        envelope = read_envelope(data)
    except EnvelopeError as error:
        return _refused(f"the attestation cannot be read: {error}")
    attester, evidence = judge_envelope(envelope, signers)
    if not attester:
        problems = [str(failure) for failure in evidence.failures]
        problems += [] if problems else [f"the key {evidence.fingerprint} belongs to none of the attesters"]
        return _refused(*problems, evidence=evidence)
    try:
        document = _document(envelope)
    except EnvelopeError as error:
        return _refused(f"the attestation cannot be read: {error}", evidence=evidence)
    result = _again(repository, document, tip, attester, evidence)
    if demand.merged is None or result.predicate is None:
        return result
    merged = repository.resolve(demand.merged)
    found = (*result.problems, *_merge_problems(repository, result.predicate[CHANGE], tip, merged))
    verdict = Verdict.REJECTED if found else result.verdict
    return replace(result, verdict=verdict, problems=found, merged=merged)


def render_audit_json(result: Audit) -> str:
    """What an audit says, for programs; described by `schemas/audit-v1.json`."""
    key = {"format": result.evidence.format, "fingerprint": result.evidence.fingerprint} if result.evidence else None
    document = {
        "apiVersion": "gitgate.dev/v1",
        "kind": "Audit",
        "verdict": result.verdict.value,
        "exitCode": result.verdict.exit_code,
        "problems": [log_safe(problem) for problem in result.problems],
        "attester": result.attester or None,
        "key": key,
        "merged": result.merged,
        "predicate": dict(result.predicate) if result.predicate is not None else None,
    }
    return json_document(document)


def render_audit(result: Audit) -> str:
    """What an audit says, line by line, the verdict last."""
    lines: list[str] = []
    if result.predicate is not None and result.evidence is not None:
        facts, run = result.predicate[CHANGE], result.predicate[RUN]
        name = result.predicate["verificationResult"]
        key = f"{result.evidence.format} key {result.evidence.fingerprint}"
        lines.append(f"gitgate {run['command']} {name} at {result.predicate['timeVerified']}")
        lines.append(f"  attested by {result.attester} with the {key}")
        lines += [f"  {each} {facts[each]}" for each in ("base", "head", "tree")]
        lines.append(f"  {counted(facts['commitsSeen'], 'commit')}, signers version {facts['signers']['version']}")
        if result.merged is not None:
            lines.append(f"  compared with what was merged, {result.merged}")
        if run["checks"]:
            lines.append(f"  taken from the attestation: {', '.join(sorted(set(run['checks']) - {'signature'}))}")
    lines += [f"  {problem}" for problem in result.problems]
    word = "genuine, and the repository shows the same" if not result.problems else "not to be relied on"
    lines.append(f"{result.verdict}: {word}")
    return "".join(f"{log_safe(line)}\n" for line in lines)


def _again(
    repository: Repository, document: Mapping[str, Any], tip: str, attester: str, evidence: SignatureEvidence
) -> Audit:
    """Verify the range as of the attested time, make the statement again, and compare."""
    predicate = document["predicate"]
    facts, run = predicate[CHANGE], _run(predicate)
    time = datetime.strptime(run.time, TIME_FORMAT).replace(tzinfo=UTC)
    if time > current_time() + timedelta(seconds=FUTURE_TOLERANCE):
        return _refused("it says that it was made in the future", evidence=evidence)
    base = repository.resolve(facts["base"])
    if repository.commits(tip, base):
        return _refused(f"its base {base} is not in the history of the protected branch", evidence=evidence)
    verification = verify_revisions(repository, base, facts["head"], now=time, attested=True)
    shown = facts_of(repository, verification)
    problems = tuple(_differences(document, facts, statement(shown, run), shown))
    if problems and verification.range.undetermined:
        failure = verification.range.failures[0] if verification.range.failures else None
        raise RepositoryError(f"the range cannot be verified again: {failure or 'a commit could not be examined'}")
    if predicate["verificationResult"] != "PASSED":
        problems = (*problems, f"what it attests is {predicate['verificationResult']}: the verdict was {run.verdict}")
    return Audit(
        verdict=Verdict.REJECTED if problems else Verdict.ACCEPTED,
        problems=problems,
        attester=attester,
        evidence=evidence,
        predicate=MappingProxyType(dict(predicate)),
        verification=verification,
    )


def _merge_problems(repository: Repository, facts: Mapping[str, Any], tip: str, merged: str) -> Iterator[str]:
    """Is what was merged what was judged? The base may have moved in between, or another commit been pushed."""
    if repository.commits(tip, merged):
        yield f"{merged} is not in the history of the protected branch"
    if repository.commits(merged, facts["base"]):
        yield f"{merged} does not contain the base that is attested"
    tree = repository.tree(merged).oid
    if tree != facts["tree"]:
        yield f"what was merged is not what was judged: {merged} has the tree {tree}, attested is {facts['tree']}"


def _differences(
    document: Mapping[str, Any], facts: Mapping[str, Any], again: Mapping[str, Any], shown: Mapping[str, Any]
) -> Iterator[str]:
    different = [name for name in shown if facts.get(name) != shown[name]]
    for name in different:
        said, found = (_short(values.get(name)) for values in (facts, shown))
        yield f"{name}: it says {said}, the repository shows {found}"
    if not different and document != again:
        yield "it contradicts itself: its summary does not follow from what it says of the change"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _document(envelope: Envelope) -> dict[str, Any]:
    """The statement, as its schema says; anything else is no attestation of gitgate."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 60 ms, for audits only

    value = read_json(envelope.payload)
    schema = json.loads(bundled.schema_file("attestation-v1.json").read_bytes())
    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the statement"
        raise EnvelopeError(f"{place} is not as gitgate writes it")
    try:
        datetime.strptime(value["predicate"]["timeVerified"], TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise EnvelopeError("its time is no time") from error
    return dict(value)


def _run(predicate: Mapping[str, Any]) -> Run:
    own = predicate[RUN]
    return Run(
        command=own["command"],
        verdict=Verdict(own["verdict"]),
        checks=own["checks"],
        report=own["report"]["sha256"],
        resource=own["resource"],
        time=predicate["timeVerified"],
        version=predicate["verifier"]["version"]["gitgate"],
    )


def _signers(repository: Repository, name: str, tip: str) -> Signers:
    signers = load_signers(repository.tree(tip))
    if signers is None:
        raise UsageError(
            f"{name} has no {SIGNERS_PATH}, so nothing says whose attestations count",
            remedy="Give the public key with --key FILE.",
        )
    return signers


def _default_base(repository: Repository) -> tuple[str, str]:
    found = repository.default_base()
    if found is None:
        raise RepositoryError("nothing says which branch is protected", remedy="Name it with --base.")
    return found


def _given_signers(files: Iterable[Path]) -> Signers:
    """Signers that consist of the auditor's keys: they attest, and nothing else."""
    keys: dict[str, SignerKey] = {}
    certificates: list[Certificate] = []
    ssh_keys: dict[str, SshKey] = {}
    for file in files:
        read = _public_key(file)
        if isinstance(read, SshKey):
            ssh_keys[read.fingerprint] = read
            keys[read.fingerprint] = SignerKey(format=Format.SSH, fingerprint=read.fingerprint)
        elif read.fingerprint not in keys:
            certificates.append(read)
            keys[read.fingerprint] = SignerKey(format=Format.OPENPGP, fingerprint=read.fingerprint)
    principal = Principal(name=_AUDITOR, keys=tuple(keys.values()))
    nobody = frozenset[str]()
    return Signers(
        version=1,
        principals=MappingProxyType({_AUDITOR: principal}),
        default=PathRule(id=DEFAULT_RULE, signers=nobody),
        admins=PathRule(id=ADMINS_RULE, signers=nobody),
        attesters=frozenset({_AUDITOR}),
        certificates=tuple(certificates),
        ssh_keys=MappingProxyType(ssh_keys),
        holders=MappingProxyType({name: Holder(_AUDITOR, key, principal) for name, key in keys.items()}),
    )


def _public_key(file: Path) -> Certificate | SshKey:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    try:
        return read_key_line(text) if text.startswith(("ssh-", "ecdsa-", "sk-")) else read_certificate(data)
    except (PacketError, WireError) as error:
        raise UsageError(f"{file}: {error}") from error


def _refused(*problems: str, evidence: SignatureEvidence | None = None) -> Audit:
    return Audit(verdict=Verdict.REJECTED, problems=problems, evidence=evidence)
