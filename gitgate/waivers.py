"""Waivers: findings that are accepted by name for a while, from `.gitgate/waivers.yaml` of the base.

A waiver takes nothing out of a report: the finding stays, suppressed, with owner, reason and last day. Only what the
base says counts, so that no change excuses itself (docs/adr/0020-waivers.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from gitgate.errors import SettingsError
from gitgate.finding import Finding, Rule, Severity, State, Suppression
from gitgate.location import Location, Position
from gitgate.own_document import demand_schema, did_you_mean, error_at, read_document
from gitgate.report import CheckResult
from gitgate.tree import Tree
from gitgate.yaml_document import YamlProblem

WAIVERS_PATH = ".gitgate/waivers.yaml"
KIND = "waiver"
"""What such a suppression is called in reports."""
LONGEST = timedelta(days=90)

_NEVER_PREFIXES = (
    "signature/", "waiver/", "schema/yaml-", "schema/path-", "schema/symlink-", "schema/kustomize-",
)  # fmt: skip
_NEVER = frozenset(
    {
        "policy/limit",
        "policy/policy-changed",
        "schema/checkout-rewrites",
        "schema/hidden-list",
        "schema/merge-conflict",
        "schema/rulebook-changed",
        "schema/settings-invalid",
        "schema/submodule",
    }
)

WAIVER_RULES: tuple[Rule, ...] = (
    Rule(
        id="waiver/expired",
        title="A waiver past its last day",
        severity=Severity.ERROR,
        what="A waiver in `.gitgate/waivers.yaml` of the base has expired, and what it excused is still there.",
        why="It was accepted for a while. Without an end nobody would come back to it.",
        remedy="Mend the finding and remove the waiver; or, in a change of its own, give the waiver a new last day.",
    ),
    Rule(
        id="waiver/invalid",
        title="Waivers that would stop every later run",
        severity=Severity.ERROR,
        what="The change leaves `.gitgate/waivers.yaml` in a state that gitgate cannot read.",
        why="After the merge every run would end with an error about waivers, and no change could be judged.",
        remedy="Correct the file at the place given; schemas/waivers-v1.json describes what it may hold.",
    ),
    Rule(
        id="waiver/too-long",
        title="A waiver for too long",
        severity=Severity.ERROR,
        what="A waiver's last day is more than 90 days ahead, so it excuses nothing.",
        why="A waiver is a loan. One that nobody has to look at again becomes the rule.",
        remedy="Name a day within 90 days.",
    ),
    Rule(
        id="waiver/unused",
        title="A waiver that excuses nothing",
        severity=Severity.WARNING,
        what="No finding matches a waiver of the base: it was mended, it moved, or the waiver names it wrongly.",
        why="It would excuse the next mistake of that kind, which nobody has looked at.",
        remedy="Remove the waiver from `.gitgate/waivers.yaml`.",
    ),
)
"""The rules about waivers themselves, sorted by id."""
_SEVERITIES = {rule.id: rule.severity for rule in WAIVER_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A finding accepted by name.

    Attributes:
        rule: Id of the rule.
        resource: Group, kind, namespace and name; None when it is about a file alone.
        path: Of the file; empty when it is about a resource, wherever that is written.
        fingerprint: Of the one finding; empty when rule, resource and path are enough.
        expires: The last day on which it counts, in UTC.
        position: Where the entry is; two waivers that say the same are the same.
    """

    rule: str
    resource: tuple[str, str, str, str] | None
    path: str
    fingerprint: str
    owner: str
    reason: str
    expires: date
    position: Position | None = field(default=None, compare=False)

    def covers(self, finding: Finding) -> bool:
        """Is the finding the one that it names?"""
        if finding.rule != self.rule or (self.fingerprint and finding.fingerprint != self.fingerprint):
            return False
        if self.resource is not None and (finding.resource is None or finding.resource.identity != self.resource):
            return False
        return not self.path or self.path in _paths(finding)

    def is_too_long(self, today: date) -> bool:
        """Is the last day further ahead than allowed?"""
        return self.expires > today + LONGEST

    def __str__(self) -> str:
        subject = self.path
        if self.resource is not None:
            _, kind, namespace, name = self.resource
            subject = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        return f"the waiver of {self.rule} for {subject} (owner {self.owner})"


def _paths(finding: Finding) -> set[str]:
    paths = {finding.location.path} if finding.location is not None else set()
    return paths | ({finding.origin.path} if finding.origin is not None else set())


def is_waivable(rule: str) -> bool:
    """May findings of a rule be excused? Never those about trust, nor those that say that nothing is known."""
    return rule not in _NEVER and not rule.startswith(_NEVER_PREFIXES)


def load_waivers(tree: Tree, rules: Iterable[str]) -> tuple[Waiver, ...]:
    """The waivers of a tree; none when it has no file.

    Raises:
        SettingsError: The file is not valid; says where and what is allowed.
    """
    if WAIVERS_PATH in tree.special:
        raise SettingsError(f"{WAIVERS_PATH} must be a regular file, not a symbolic link or submodule")
    if WAIVERS_PATH not in tree.entries:
        return ()
    return parse_waivers(tree.read(WAIVERS_PATH), WAIVERS_PATH, rules)


def parse_waivers(data: bytes, name: str, rules: Iterable[str]) -> tuple[Waiver, ...]:
    """Read waivers from the bytes of a file that is called `name` in messages.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    document = read_document(data, name, tolerates=_is_bare_date)
    demand_schema(document, name, "waivers-v1.json", "a part of a waiver")
    known = frozenset(rules)
    waivers = []
    for index, entry in enumerate(document.value["waivers"]):
        path = ("waivers", index)
        rule = entry["rule"]
        if rule not in known:
            raise error_at(name, document, (*path, "rule"), f"there is no rule {rule!r}{did_you_mean(rule, known)}")
        if not is_waivable(rule):
            raise error_at(name, document, (*path, "rule"), f"findings of {rule} cannot be waived")
        try:
            expires = date.fromisoformat(entry["expires"])
        except ValueError:
            raise error_at(name, document, (*path, "expires"), f"{entry['expires']!r} is no day") from None
        waivers.append(_waiver(entry, expires, document.nearest(path)))
    return tuple(waivers)


def _is_bare_date(problem: YamlProblem) -> bool:
    """A date without quotes: a string to this reader, whatever others make of it."""
    return problem.code == "yaml-ambiguous-scalar" and problem.path[-1:] == ("expires",)


def _waiver(entry: Mapping[str, Any], expires: date, position: Position) -> Waiver:
    resource = entry.get("resource")
    return Waiver(
        rule=entry["rule"],
        resource=None
        if resource is None
        else (resource.get("group", ""), resource["kind"], resource.get("namespace", ""), resource["name"]),
        path=entry.get("path", ""),
        fingerprint=entry.get("fingerprint", ""),
        owner=" ".join(entry["owner"].split()),
        reason=" ".join(entry["reason"].split()),
        expires=expires,
        position=position,
    )


def apply_waivers(
    results: Sequence[CheckResult], base: Sequence[Waiver], proposed: Sequence[Waiver] | SettingsError, today: date
) -> tuple[CheckResult, ...]:
    """Suppress what the waivers of the base excuse, and add what is to be said of the waivers themselves.

    Args:
        results: Of every check, located.
        base: What excuses.
        proposed: What the merge would leave; or why it could not be read.
        today: In UTC.

    Returns:
        The results in their order, then one called `waiver`.
    """
    used: Counter[Waiver] = Counter()
    overdue: Counter[Waiver] = Counter()
    excused = []
    for result in results:
        findings = tuple(_excused(finding, base, today, used, overdue) for finding in result.findings)
        excused.append(replace(result, findings=findings))
    left = () if isinstance(proposed, SettingsError) else proposed
    own = [*_about_proposed(base, proposed, today)]
    for waiver in dict.fromkeys(base):
        if overdue[waiver]:
            message = f"{waiver} ended on {waiver.expires}, and what it excused is still there"
            own.append(_about(waiver, "expired", message, left))
        elif not used[waiver] and not waiver.is_too_long(today):
            own.append(_about(waiver, "unused", f"{waiver} excuses nothing", left))
    return (*excused, CheckResult(check=KIND, findings=tuple(own), judged={"waivers": len(base)}))


def _excused(
    finding: Finding, waivers: Sequence[Waiver], today: date, used: Counter[Waiver], overdue: Counter[Waiver]
) -> Finding:
    """The finding, suppressed if one of the waivers covers it; counts which did, and which would have."""
    if finding.state is State.FIXED or not is_waivable(finding.rule):
        return finding
    covering = [waiver for waiver in waivers if waiver.covers(finding) and not waiver.is_too_long(today)]
    valid = next((waiver for waiver in covering if today <= waiver.expires), None)
    if valid is None:
        overdue.update(covering if finding.suppression is None else ())
        return finding
    used.update(covering)
    if finding.suppression is not None:
        return finding
    suppression = Suppression(
        kind=KIND,
        justification=f"waived by {valid.owner} until {valid.expires}: {valid.reason}",
        owner=valid.owner,
        expires=valid.expires.isoformat(),
    )
    return replace(finding, suppression=suppression)


def _about_proposed(
    base: Sequence[Waiver], proposed: Sequence[Waiver] | SettingsError, today: date
) -> Iterator[Finding]:
    """What the merge would leave behind: unreadable waivers, and those for too long."""
    if isinstance(proposed, SettingsError):
        yield Finding(
            rule="waiver/invalid", severity=_SEVERITIES["waiver/invalid"], message=str(proposed),
            location=Location(WAIVERS_PATH), fix=proposed.remedy,
        )  # fmt: skip
        return
    for waiver in dict.fromkeys((*proposed, *base)):
        if waiver.is_too_long(today):
            message = f"{waiver} ends on {waiver.expires}, more than {LONGEST.days} days from now"
            finding = _about(waiver, "too-long", message, proposed)
            # What the base has already is not this change's doing, and excuses nothing.
            known = waiver in base and finding.state is State.NEW
            yield replace(finding, state=State.EXISTING) if known else finding


def _about(waiver: Waiver, code: str, message: str, left: Sequence[Waiver]) -> Finding:
    """A finding about a waiver; fixed when the change takes the waiver away."""
    present = next((other for other in left if other == waiver), None)
    place = present if present is not None else waiver
    rule = f"waiver/{code}"
    return Finding(
        rule=rule,
        severity=_SEVERITIES[rule],
        message=message,
        location=Location(WAIVERS_PATH, place.position),
        discriminator=repr((waiver.rule, waiver.resource, waiver.path, waiver.fingerprint)),
        state=State.NEW if present is not None else State.FIXED,
    )
