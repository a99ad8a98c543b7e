"""Custom resources against the CEL rules of their definitions (`x-kubernetes-validations`), transitions included.

An edited object is judged as the update it is, with the base's object as `oldSelf`. What the API server tolerates
because the value is as it was (ratcheting, Kubernetes 1.30 and later) is in the baseline when the base's definition
demanded it, too; a rule that the change itself brings is asked of every object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.checks.policy_rules import POLICY_RULES
from gitgate.checks.policy_secrets import hide_secrets
from gitgate.finding import Finding, stable_field
from gitgate.location import FieldPath, Position
from gitgate.policy.cel import Engine, Item, Outcome, Program
from gitgate.policy.custom_rules import Node, Place, Rule, places, read_rules
from gitgate.policy.evaluation import Request
from gitgate.policy.requests import Requests
from gitgate.resource import Resource
from gitgate.schema.definition import CustomVersion, read_definition
from gitgate.settings import Settings

CRD_KIND = ("apiextensions.k8s.io", "CustomResourceDefinition")
_REASONS = {
    "FieldValueForbidden": "Forbidden",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
}
_RATCHETING = (1, 30)
_PARTS = {"validations": "rule", "messages": "messageExpression"}
_BEYOND = Outcome(limit="is more than gitgate's CEL engine takes, and only a cluster can say what it answers")


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found, and in how many objects of how many kinds."""

    findings: tuple[Finding, ...] = ()
    baseline: tuple[Finding, ...] = ()
    objects: int = 0


@dataclass(frozen=True, slots=True)
class _Kind:
    """One version of a definition that has rules, ready to run.

    Attributes:
        programs: By the path of the rule; those that no API server takes are absent.
    """

    version: CustomVersion
    root: Node
    programs: Mapping[FieldPath, Program]


@dataclass(frozen=True, slots=True)
class _Question:
    kind: _Kind
    request: Request
    place: Place
    rules: tuple[tuple[Rule, Program], ...]


@dataclass(slots=True)
class _Judge:
    """Compiles what both trees define, each rule once."""

    engine: Engine
    settings: Settings
    programs: dict[tuple[str, FieldPath], tuple[Program | None, tuple[tuple[str, str, int, int], ...]]] = field(
        default_factory=dict
    )

    def kinds(
        self, resources: Iterable[Resource]
    ) -> tuple[dict[tuple[str, str, str], list[_Kind]], tuple[Finding, ...]]:
        """The kinds that definitions of a tree give rules to, and what is wrong with those rules."""
        kinds: dict[tuple[str, str, str], list[_Kind]] = {}
        findings: dict[str, Finding] = {}
        for resource in resources:
            if (resource.id.group, resource.id.kind) != CRD_KIND:
                continue
            for version in read_definition(resource.data).versions:
                root = read_rules(version.structural)
                if not root.deep:
                    continue
                programs = {}
                for node in root.walk():
                    for rule in node.rules:
                        program, problems = self._compiled(version, node, rule)
                        for finding in _defects(problems, resource, version, rule):
                            findings.setdefault(finding.fingerprint, finding)
                        if program is not None:
                            programs[rule.path] = program
                variants = kinds.setdefault((version.group, version.version, version.kind), [])
                if version.served and all(known.version.source != version.source for known in variants):
                    variants.append(_Kind(version, root, programs))
        return kinds, tuple(findings.values())

    def _compiled(
        self, version: CustomVersion, node: Node, rule: Rule
    ) -> tuple[Program | None, tuple[tuple[str, str, int, int], ...]]:
        if rule.defect is not None:
            return None, ((*rule.defect, 0, 0),)
        key = (version.source, rule.path)
        if key not in self.programs:
            program = self.engine.compile(node.source(rule))
            problems = [(_PARTS[item.part], item.message, item.line, item.column) for item in program.problems]
            versions = self.settings.kubernetes_versions
            for item in program.requirements:
                for demanded in versions:
                    if not item.is_met_by(demanded):
                        lacks = f"{item.what} exists from Kubernetes {item.version} on, not in {demanded}"
                        problems.append((_PARTS[item.part], lacks, item.line, item.column))
            if program.limit is not None:
                problems.append(("rule", f"compiling it {program.limit}", 0, 0))
            enforced = program.is_taken(versions) and (program.runnable or program.beyond)
            self.programs[key] = (program if enforced else None, tuple(problems))
        return self.programs[key]

    def answers(
        self, kinds: Mapping[tuple[str, str, str], list[_Kind]], requests: Sequence[Request]
    ) -> Iterator[tuple[_Question, Outcome, Rule]]:
        """What rules say of requests; of what a change touches also which of them only a cluster can ask."""
        questions: list[_Question] = []
        unable: list[tuple[_Question, Rule]] = []

        def items() -> Iterator[Item]:
            for request in requests:
                for question in _questions(kinds, request):
                    runnable = tuple(pair for pair in question.rules if pair[1].runnable)
                    unable.extend((question, rule) for rule in _beyond(question))
                    for optional in (False, True):
                        chosen = tuple(pair for pair in runnable if pair[0].optional is optional)
                        if chosen:
                            place = question.place
                            old = ([] if place.old is None else [place.old]) if optional else place.old
                            questions.append(replace(question, rules=chosen))
                            yield Item({"self": place.new, "oldSelf": old}, [program.number for _, program in chosen])

        for position, outcomes in enumerate(self.engine.evaluate(items())):
            question = questions[position]
            for (rule, _), outcome in zip(question.rules, outcomes, strict=True):
                if outcome.limit is not None or outcome.denials or outcome.errors:
                    yield question, outcome, rule
        yield from ((question, _BEYOND, rule) for question, rule in unable)


def judge_custom_resources(  # noqa: PLR0913 - both trees, and what judges them
    before: Sequence[Resource],
    after: Sequence[Resource],
    requests: Requests,
    settings: Settings,
    engine: Engine,
    *,
    imported: Sequence[Resource] = (),
) -> Judged:
    """Ask the rules of both trees' definitions.

    Args:
        before: What the base has.
        after: What the merge has.
        requests: What the merge would ask for, and what stands for the base.
        settings: Which Kubernetes versions count.
        engine: Evaluates.
        imported: Definitions that the repository keeps for itself; those of kinds that the base defines do not count.

    Raises:
        ToolError: The engine cannot be started.
    """
    judge = _Judge(engine, settings)
    defined = {names for resource in before if (names := _defined(resource)) is not None}
    kept = [resource for resource in imported if _defined(resource) not in defined]
    new_kinds, findings = judge.kinds((*after, *kept))
    old_kinds, baseline = judge.kinds((*before, *kept))
    ratchets = all(_number(version) >= _RATCHETING for version in settings.kubernetes_versions)
    found: dict[str, Finding] = {finding.fingerprint: finding for finding in findings}
    refused: set[str] = set()
    for question, outcome, rule in judge.answers(new_kinds, requests.proposed):
        finding = _finding(question, outcome, rule)
        found.setdefault(finding.fingerprint, finding)
        tolerated = ratchets and question.place.unchanged and not rule.transition
        if question.request.old is not None and not tolerated:
            refused.add(finding.fingerprint)
    known: dict[str, Finding] = {finding.fingerprint: finding for finding in baseline}
    for question, outcome, rule in judge.answers(old_kinds, requests.standing):
        finding = _finding(question, outcome, rule)
        if outcome.limit is None and finding.fingerprint not in refused:
            known.setdefault(finding.fingerprint, finding)
    count = sum(1 for request in requests.proposed if request.new is not None and _name(request) in new_kinds)
    return Judged(tuple(found.values()), tuple(known.values()), count)


def _defined(resource: Resource) -> tuple[str, str] | None:
    """Group and kind that a definition is about."""
    if (resource.id.group, resource.id.kind) != CRD_KIND:
        return None
    versions = read_definition(resource.data).versions
    return (versions[0].group, versions[0].kind) if versions else None


def _name(request: Request) -> tuple[str, str, str]:
    return (request.target.group, request.target.version, request.kind)


def _questions(kinds: Mapping[tuple[str, str, str], list[_Kind]], request: Request) -> Iterator[_Question]:
    if request.new is None or request.field:
        return
    for kind in kinds.get(_name(request), ()):
        hidden = {"status"} if kind.version.status else set()
        new = {key: value for key, value in request.new.items() if key not in hidden}
        old = None if request.old is None else {key: value for key, value in request.old.items() if key not in hidden}
        for place in places(kind.root, new, old):
            rules = tuple(
                (rule, kind.programs[rule.path])
                for rule in place.node.rules
                if rule.path in kind.programs and (place.compared or rule.optional or not rule.transition)
            )
            if rules:
                yield _Question(kind, request, place, rules)


def _beyond(question: _Question) -> Iterator[Rule]:
    """The rules that an API server would ask of a change and that cannot be asked here."""
    if not question.request.untouched:
        for rule, program in question.rules:
            if not program.runnable and (rule.transition or not question.place.unchanged):
                yield rule


def _finding(question: _Question, outcome: Outcome, rule: Rule) -> Finding:
    resource = question.request.resource
    path = _existing(resource.data, (*question.place.field, *rule.field))
    if outcome.limit is not None:
        code, words = "limit", f"a rule of its definition could not be evaluated: it {outcome.limit}"
    else:
        code = "crd-rule"
        said = outcome.denials[0][1] if outcome.denials else None
        failed = f"the rule ended with an error: {outcome.errors[0].message}" if outcome.errors else None
        reason = _REASONS.get(rule.reason, "Invalid value")
        quoted = failed or said
        if quoted is not None:
            structural = question.kind.version.structural
            for data in (question.request.new, question.request.old):
                quoted = hide_secrets(quoted, data, structural) if data is not None else quoted
        detail = quoted or rule.message or f"failed rule: {rule.text}"
        words = f"the API server would refuse the {question.request.target.operation}: {reason}: {detail}"
    return Finding(
        rule=f"policy/{code}",
        severity=POLICY_RULES[code].severity,
        message=" ".join(words.split()),
        resource=resource.id,
        field=path,
        origin=resource.origin,
        stable_field=stable_field(resource.data, (*question.place.field, *rule.field)),
        discriminator=repr((rule.text, resource.origin.rendered_by)),
    )


def _existing(data: Any, path: FieldPath) -> FieldPath:
    """As much of a path as there is: a default has no line."""
    for index, step in enumerate(path):
        inside = isinstance(data, Mapping) and step in data
        if not inside and not (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            return path[:index]
        data = data[step]
    return path


def _defects(
    problems: Iterable[tuple[str, str, int, int]], resource: Resource, version: CustomVersion, rule: Rule
) -> Iterator[Finding]:
    for key, message, line, column in problems:
        path = (*version.path, *rule.path, key)
        # What a version lacks says so; the place is said by the location.
        place = f"line {line}, column {column} of the expression: " if line and " exists from " not in message else ""
        yield Finding(
            rule="policy/crd-rule-invalid",
            severity=POLICY_RULES["crd-rule-invalid"].severity,
            message=" ".join(f"{place}{message}".split()),
            resource=resource.id,
            field=_existing(resource.data, path),
            within=Position(line, column) if line else None,
            origin=resource.origin,
            stable_field=stable_field(resource.data, path),
            discriminator=repr((rule.text, message)),
        )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])
