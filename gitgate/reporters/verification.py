"""A verified range as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gitgate.reporters.base import PLAIN, Style
from gitgate.reporters.encode import cells, clipped, is_unicode, json_document, percent_encoded
from gitgate.reporters.layout import Line, Span, span, wrapped, write_colored, write_plain
from gitgate.reporters.summary import counted
from gitgate.signature.verdict import EXPLANATIONS, UNDETERMINED, Code, CommitVerdict, Failure, SignatureEvidence
from gitgate.signature.verification import Verification

_HEADINGS = ("commit", "verdict", "signer", "key", "author", "paths (rules)")
_SHORT = 12
_PATHS_SHOWN = 3
_FAILURES_SHOWN = 20
_STYLES = {"accepted": "bold green", "rejected": "bold red", "undetermined": "bold yellow"}


def render_text(verification: Verification, style: Style = PLAIN) -> str:
    """A row for each commit, what is against it below, and the verdict in the last line."""
    lines = list(_lines(verification, style.width))
    return write_colored(lines) if style.color else write_plain(lines)


def render_refused(ref: str, failures: Sequence[Failure]) -> str:
    """Why a pushed ref is refused, a line each."""
    lines = [line for failure in failures for line in wrapped(f"{ref}: {failure}", PLAIN.width, first=(), indent=2)]
    return write_plain(lines)


def render_json(verification: Verification, style: Style = PLAIN) -> str:  # noqa: ARG001 - the same for every format
    """Everything that was established, for programs; described by `schemas/verification-v1.json`."""
    verified = verification.range
    document = {
        "apiVersion": "gitgate.dev/v1",
        "kind": "Verification",
        "verdict": verification.verdict.value,
        "exitCode": verification.verdict.exit_code,
        "base": verified.base,
        "baseName": verification.base_name,
        "head": verified.head,
        "headName": verification.head_name,
        "tree": verification.tree,
        "signers": {"version": verification.signers_version, "digest": verification.signers_digest},
        "now": f"{verification.now:%Y-%m-%dT%H:%M:%SZ}",
        "commitsSeen": verified.commits_seen,
        "commits": [commit_value(commit) for commit in verified.commits],
        "failures": [_failure(failure) for failure in verified.failures],
        "signersChanges": list(verified.policy_changes),
    }
    return json_document(document)


def commit_value(commit: CommitVerdict) -> dict[str, Any]:
    """One commit's verdict and evidence as plain values."""
    return {
        "commit": commit.commit,
        "code": commit.code.value,
        "accepted": commit.accepted,
        "principal": commit.principal or None,
        "tree": commit.tree or None,
        "parents": list(commit.parents),
        "author": commit.author,
        "committer": commit.committer,
        "subject": commit.subject,
        "signature": _signature(commit.signature),
        "paths": [{**_path(item.change.path), "rules": list(item.rules)} for item in commit.paths],
        "failures": [_failure(failure) for failure in commit.failures],
    }


def _signature(evidence: SignatureEvidence) -> dict[str, Any] | None:
    if evidence.format is None:
        return None
    return {
        "format": evidence.format.value,
        "fingerprint": evidence.fingerprint or None,
        "primary": evidence.primary or None,
        "madeAt": evidence.made_at,
        "digest": evidence.digest or None,
        "algorithm": evidence.algorithm or None,
        "tool": evidence.tool or None,
        "verified": evidence.verified,
        "identity": evidence.identity or None,
    }


def _path(path: str) -> dict[str, str]:
    return {"path": path} if is_unicode(path) else {"path": path, "pathEncoded": percent_encoded(path)}


def _failure(failure: Failure) -> dict[str, str]:
    return {"code": failure.code.value, "detail": failure.detail, "rule": _rule_of(failure.code)}


def _rule_of(code: Code) -> str:
    return f"signature/{code.value.lower().replace('_', '-')}"


def _lines(verification: Verification, width: int) -> Iterator[Line]:
    verified = verification.range
    rows = [_row(commit) for commit in verified.commits]
    if rows:
        yield from _table(rows, verified.commits, width)
        yield ()
    for failure in verified.failures:
        yield from wrapped(f"{failure.code}: {failure.detail}", width, first=(), indent=2, style="red")
    for line in verified.policy_changes:
        yield from wrapped(line, width, first=(Span("signers: ", "cyan"),), indent=2)
    given = (*verified.failures, *(failure for commit in verified.commits for failure in commit.failures))
    for code in dict.fromkeys(failure.code for failure in given):
        remedy = "" if code in UNDETERMINED else f" (what to do: gitgate explain {_rule_of(code)})"
        yield from wrapped(EXPLANATIONS[code] + remedy, width, first=(Span(f"{code}: ", "bold"),), indent=2)
    verdict = verification.verdict.value
    refused = sum(not commit.accepted for commit in verified.commits)
    words = f"{counted(verified.commits_seen, 'commit')}, {refused} refused"
    base = f"{(verified.base or 'nothing')[:_SHORT]} {verification.base_name}".strip()
    head = f"{verified.head[:_SHORT]} {verification.head_name}".strip()
    text = f"{words} (base {base}, head {head}; signers version {verification.signers_version})"
    yield from wrapped(text, width, first=(Span(verdict, _STYLES[verdict]), Span(": ")), indent=2)


def _row(commit: CommitVerdict) -> tuple[str, ...]:
    return (
        commit.commit[:_SHORT],
        commit.code.value,
        commit.principal or "-",
        _key(commit.signature),
        clipped(commit.author, 60) or "-",
        _paths(commit),
    )


def _key(evidence: SignatureEvidence) -> str:
    if not evidence.fingerprint:
        return "-"
    return evidence.fingerprint[:19] if evidence.fingerprint.startswith("SHA256:") else evidence.fingerprint[-16:]


def _paths(commit: CommitVerdict) -> str:
    shown = [f"{item.change.path} ({', '.join(item.rules)})" for item in commit.paths[:_PATHS_SHOWN]]
    more = len(commit.paths) - _PATHS_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "-"


def _table(rows: Sequence[tuple[str, ...]], commits: Sequence[CommitVerdict], width: int) -> Iterator[Line]:
    """Columns as wide as their widest cell; the last one runs free, as paths are never cut."""
    safe = [[span(cell).text for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(_HEADINGS, *safe, strict=True)][:-1]
    yield (Span("  ".join(_padded(_HEADINGS, widths)), "dim"),)
    for cells_of_row, commit in zip(safe, commits, strict=True):
        padded = _padded(cells_of_row, widths)
        verdict = Span(padded[1], "green" if commit.accepted else "bold red")
        yield (Span(f"{padded[0]}  "), verdict, Span("  " + "  ".join(padded[2:])))
        for failure in commit.failures[:_FAILURES_SHOWN]:
            yield from wrapped(str(failure), width, first=(Span("  "),), indent=4)
        if len(commit.failures) > _FAILURES_SHOWN:
            yield (Span(f"  and {len(commit.failures) - _FAILURES_SHOWN} more"),)


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [text + " " * (size - cells(text)) for text, size in zip(row, widths, strict=False)] + [row[-1]]
