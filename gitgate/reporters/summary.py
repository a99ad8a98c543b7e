"""The counts and sentences that several formats share, so that they never say different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from gitgate.change import Change
from gitgate.finding import Finding, Severity, State
from gitgate.location import Precision, format_field_path
from gitgate.report import CheckResult, CheckStatus, Report, Verdict
from gitgate.reporters.clusters import named
from gitgate.reporters.order import path_of

RULE_PAGES = "https://github.com/gitgate/gitgate/blob/main/docs/rules/"
"""Where the rule pages are published; `tools/rule_pages.py` writes them."""
_SHORT_OID = 8
_KINDS_SHOWN = 20
_CHECKED = frozenset({"judged", "consumed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a report comes to, in numbers.

    Attributes:
        errors: New findings that block.
        warnings: New, unsuppressed.
        notes: New, unsuppressed.
        existing: In the base as well; unsuppressed.
        fixed: In the base only.
        suppressed: Accepted by name, new or existing.
        waived: Those of them that a waiver accepts.
        affected: Objects that new, unsuppressed findings are about.
        objects: Objects that were judged.
        files: Files of the judged tree whose objects were judged or that a renderer consumed.
        unjudged: What nothing judged, by kind.
    """

    errors: int
    warnings: int
    notes: int
    existing: int
    fixed: int
    suppressed: int
    waived: int
    affected: int
    objects: int
    files: int
    unjudged: Mapping[str, int]


def is_new(finding: Finding) -> bool:
    """Does the change bring it, and did nobody accept it by name?"""
    return finding.state is State.NEW and finding.suppression is None


def tally(report: Report) -> Tally:
    """Count a report."""
    findings = report.findings
    unjudged: Counter[str] = Counter()
    for result in report.results:
        unjudged.update(result.unjudged)
    return Tally(
        errors=report.count(Severity.ERROR),
        warnings=report.count(Severity.WARNING),
        notes=report.count(Severity.NOTE),
        existing=sum(finding.state is State.EXISTING and finding.suppression is None for finding in findings),
        fixed=sum(finding.state is State.FIXED for finding in findings),
        suppressed=sum(finding.state is not State.FIXED and finding.suppression is not None for finding in findings),
        waived=sum(
            finding.state is not State.FIXED and finding.suppression is not None and finding.suppression.expires != ""
            for finding in findings
        ),
        affected=len({f.resource.identity for f in findings if is_new(f) and f.resource is not None}),
        objects=max((result.judged.get("objects", 0) for result in report.results), default=0),
        files=sum(number for coverage, number in report.files.items() if coverage in _CHECKED),
        unjudged=dict(sorted(unjudged.items())),
    )


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rule_page(rule: str) -> str:
    """The published page of a rule, by its id."""
    return f"{RULE_PAGES}{rule}.md"


def unfinished(report: Report) -> tuple[CheckResult, ...]:
    """The checks that came to no end."""
    return tuple(result for result in report.results if result.status is not CheckStatus.COMPLETED)


def outcome(report: Report) -> str:
    """The new findings and what they are in: `2 errors, 1 warning in 2 of 37 objects`."""
    numbers = tally(report)
    text = ", ".join(
        counted(number, noun)
        for number, noun in ((numbers.errors, "error"), (numbers.warnings, "warning"), (numbers.notes, "note"))
        if number or noun == "error"
    )
    if not numbers.objects:
        return text
    if numbers.affected:
        return f"{text} in {numbers.affected} of {counted(numbers.objects, 'object')}"
    return f"{text} in {counted(numbers.objects, 'object')}"


def why_undetermined(report: Report) -> str:
    """What an undetermined verdict is due to, as a clause; empty for another verdict."""
    if report.verdict is not Verdict.UNDETERMINED:
        return ""
    names = [result.check for result in unfinished(report)]
    if not report.results:
        return "nothing was checked"
    if not names:
        return "a required check did not run"
    noun = "check" if len(names) == 1 else "checks"
    return f"the {' and '.join(names)} {noun} could not finish"


def compared(change: Change, *, full: bool = False) -> str:
    """Which two things were compared: `base 1a2b3c4d5e6f main, head 9f8e7d6c5b4a feature`."""
    length = None if full else _SHORT_OID

    def side(word: str, oid: str | None, name: str) -> str:
        return " ".join(part for part in (word, oid[:length] if oid else "", name if name != oid else "") if part)

    if change.base is None and change.head is None:
        return f"{change.head_name}, no base" if change.head_name else "no base"
    if change.base is None:
        return f"{side('head', change.head, change.head_name)}, no base: every finding counts as new"
    return f"{side('base', change.base, change.base_name)}, {side('head', change.head, change.head_name)}"


def extent(report: Report) -> str:
    """What was looked at: `37 objects in 12 files for Kubernetes 1.36 and 1.37`."""
    numbers = tally(report)
    text = counted(numbers.objects, "object")
    if numbers.files:
        text += f" in {counted(numbers.files, 'file')}"
    if report.kubernetes_versions:
        text += f" for Kubernetes {' and '.join(report.kubernetes_versions)}"
    return text


def also(report: Report) -> str:
    """The findings that do not count against the change: `4 existing, 1 fixed findings`; empty without any."""
    numbers = tally(report)
    kinds = [
        (numbers.existing, "existing"),
        (numbers.fixed, "fixed"),
        (numbers.suppressed - numbers.waived, "suppressed"),
        (numbers.waived, "waived"),
    ]
    total = sum(number for number, _ in kinds)
    if not total:
        return ""
    words = ", ".join(f"{number} {word}" for number, word in kinds if number)
    return f"{words} {'finding' if total == 1 else 'findings'}"


def not_checked(report: Report) -> str:
    """The files that no check saw, by what became of them: `not checked: 1 failed, 2 opaque`; empty without any."""
    words = [
        f"{number} {coverage.replace('-', ' ')}"
        for coverage, number in sorted(report.files.items())
        if number and coverage not in _CHECKED
    ]
    return f"not checked: {', '.join(words)}" if words else ""


def looked_at(report: Report) -> str:
    """One sentence: the extent, the files that no check saw, the findings that do not count against the change."""
    return "; ".join(part for part in (f"checked {extent(report)}", not_checked(report), also(report)) if part)


def unjudged_sentence(numbers: Tally) -> str:
    """What no schema judged, by kind, the most frequent first; empty when everything was judged."""
    if not numbers.unjudged:
        return ""
    kinds = sorted(numbers.unjudged.items(), key=lambda item: (-item[1], item[0]))
    total = counted(sum(numbers.unjudged.values()), "object")
    shown = [f"{number} {kind}" for kind, number in kinds[:_KINDS_SHOWN]]
    if len(kinds) > _KINDS_SHOWN:
        shown.append(f"and {counted(len(kinds) - _KINDS_SHOWN, 'more kind')}")
    return f"no schema judged {total}: {', '.join(shown)}"


_NAMED = 3
"""Objects beside the first that are named."""


def subject_of(finding: Finding, clusters: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The object, the field in it, what sets it, clusters; the field is left out where the message names it anyway.

    Args:
        finding: What is told.
        clusters: Where it holds.
        others: The same object in further namespaces.
    """
    parts = [str(finding.resource)] if finding.resource is not None else []
    if others:
        more = f"{len(others)} more" if len(others) > _NAMED else others[-1]
        parts[0] = ", ".join([parts[0], *(others[:-1] if len(others) <= _NAMED else ())]) + f" and {more}"
    field = format_field_path(finding.field)
    if field and field not in finding.message:
        parts.append(field)
    setter = _setter_of(finding)
    if setter:
        parts.append(setter)
    if clusters:
        parts.append(named(clusters))
    return tuple(parts)


def _setter_of(finding: Finding) -> str:
    """What stands at the place, if it is not the object itself, and how certain that is."""
    location = finding.location
    if location is None:
        return ""
    if location.precision is Precision.ROOT:
        return f"(rendered by {location.set_by or 'this file'}; what sets the field is not known)"
    if not location.set_by:
        return ""
    doubt = {Precision.LIKELY: "likely set by", Precision.OBJECT: "rendered by", Precision.FILE: "rendered by"}
    return f"({doubt.get(location.precision, 'set by')} {location.set_by})"


def precision_of(finding: Finding) -> str:
    """How closely the place points at what sets the field; empty where it is the very line, or nothing was rendered."""
    location = finding.location
    return location.precision.value if location is not None and location.precision is not Precision.EXACT else ""


def place_of(finding: Finding) -> str:
    """`path:line:column`, as far as it is known; empty where no file is."""
    path = path_of(finding)
    if path is None:
        return ""
    if finding.location is None or finding.location.position is None:
        return path
    return f"{path}:{finding.location.position.line}:{finding.location.position.column}"


def remedy_of(finding: Finding, report: Report) -> str:
    """What to do: the finding's own fix, or its rule's remedy; empty when there is neither."""
    if finding.fix:
        return finding.fix
    rule = report.rules.get(finding.rule)
    return rule.remedy if rule is not None else ""
