"""What the policy check does where there are policies; a module of its own, because it takes long to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gitgate.checks.base import Examination
from gitgate.checks.custom_resources import CRD_KIND, judge_custom_resources
from gitgate.checks.policy import defines_rules
from gitgate.checks.policy_objects import ServedObjects
from gitgate.checks.policy_rules import POLICY_RULES
from gitgate.checks.policy_secrets import hide_secrets
from gitgate.checks.policy_types import type_warnings
from gitgate.finding import Finding, Severity, stable_field
from gitgate.location import FieldPath, Location, Position
from gitgate.policy.cel import Engine, Program
from gitgate.policy.definition import GROUP, Action, Binding, Policy, read_bindings, read_policies
from gitgate.policy.evaluation import (
    Answer,
    Bound,
    Code,
    Surroundings,
    User,
    evaluate,
    is_asked_of_edits,
    is_parameter,
    unanswered,
)
from gitgate.policy.files import BUNDLED, DIRECTORY, PolicyFiles, read_bundled, read_rulebook
from gitgate.policy.requests import Kinds, Requests, conditional_requests, plan_requests
from gitgate.proposal import Proposal
from gitgate.reconcile.held import with_held
from gitgate.resource import Resource
from gitgate.schema.directory import load_schema_directory
from gitgate.schema.scope import is_cluster_scoped
from gitgate.settings import SCHEMA_DIRECTORY, Settings
from gitgate.tree import MemoryTree

_SEVERITIES = {Action.DENY: Severity.ERROR, Action.WARN: Severity.WARNING, Action.AUDIT: Severity.NOTE}


def examine_policies(proposal: Proposal, settings: Settings, engine: Engine) -> Examination:
    """Judge both trees; see `Check.examine`."""
    rulebooks = _rulebooks(proposal, settings)
    if not any(rulebook.present for rulebook in rulebooks) and not defines_rules(proposal):
        return Examination(judged=MappingProxyType({"policies": 0}))
    return _examine(proposal, settings, rulebooks, engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rulebook:
    """Policies and bindings that judge together.

    Attributes:
        proposed: Does the change itself bring them?
        parameters: Objects that params are looked up in.
        by_parameters: Names of the policies of which the change brings nothing but params.
        files: What was read from files of their own.
    """

    policies: tuple[Policy, ...]
    bindings: tuple[Binding, ...]
    proposed: bool
    parameters: tuple[Resource, ...]
    by_parameters: frozenset[str] = frozenset()
    files: PolicyFiles = field(default_factory=PolicyFiles)

    @property
    def present(self) -> bool:
        return bool(self.policies or self.bindings or self.files.problems)


def _rulebooks(proposal: Proposal, settings: Settings) -> tuple[_Rulebook, ...]:
    """That of the base, and what the change adds to it or edits."""
    own = read_rulebook(proposal.rulebook, settings.limits)
    shipped = tuple(resource for name in settings.policy.sets for resource in read_bundled(name))
    judge = proposal.before.resources if proposal.change.base is not None else proposal.after.resources
    old = (*shipped, *own.resources, *judge)
    base = _Rulebook(
        policies=tuple(read_policies(old)),
        bindings=tuple(read_bindings(old)),
        proposed=False,
        parameters=old,
        files=own,
    )
    if proposal.change.base is None:
        return (base,)
    ours = read_rulebook(proposal.proposed_rulebook, settings.limits)
    new = (*shipped, *ours.resources, *proposal.after.resources)
    known: dict[tuple[str, str, str, str], list[Any]] = {}
    for resource in old:
        known.setdefault(resource.id.identity, []).append(resource.data)

    def is_known(resource: Resource) -> bool:
        return resource.data in known.get(resource.id.identity, ())

    policies = tuple(read_policies(new))
    bindings = tuple(read_bindings(new))
    edited = {item.name for item in policies if not is_known(item.resource)}
    brought = {id(item) for item in bindings if item.policy in edited or not is_known(item.resource)}
    edited |= {item.policy for item in bindings if id(item) in brought}
    moved = _with_other_parameters(policies, bindings, old, new)
    chosen = tuple(item for item in bindings if id(item) in brought or id(item) in moved)
    needed = edited | {item.policy for item in chosen}
    proposed = _Rulebook(
        policies=tuple(item for item in policies if item.name in needed),
        bindings=chosen,
        proposed=True,
        by_parameters=frozenset(needed - edited),
        parameters=new,
        files=_edited_problems(ours, proposal),
    )
    return (base, proposed)


def _with_other_parameters(
    policies: Sequence[Policy], bindings: Sequence[Binding], old: Sequence[Resource], new: Sequence[Resource]
) -> set[int]:
    """Bindings whose params the change adds, edits or removes."""
    found: set[int] = set()
    named = {policy.name: policy for policy in policies if policy.param_kind is not None}
    for binding in bindings:
        if binding.policy in named and binding.parameters is not None:
            pair = [(named[binding.policy], binding)]
            before, after = ({key: one.data for key, one in _parameters(side, pair).items()} for side in (old, new))
            if before != after:
                found.add(id(binding))
    return found


def _edited_problems(files: PolicyFiles, proposal: Proposal) -> PolicyFiles:
    """What is wrong in policy files that the change adds or edits."""
    old, new = proposal.rulebook, proposal.proposed_rulebook
    problems = (item for item in files.problems if old.get(item.location.path) != new.get(item.location.path))
    return PolicyFiles(problems=tuple(problems))


def _examine(proposal: Proposal, settings: Settings, rulebooks: Sequence[_Rulebook], engine: Engine) -> Examination:
    after, before = proposal.after.resources, proposal.before.resources
    imported = _imported(proposal)
    definitions = [item for item in (*imported, *before, *after) if (item.id.group, item.id.kind) == CRD_KIND]
    user = User(settings.policy.user, settings.policy.groups)
    served = (
        ServedObjects.of_settings(settings, (*imported, *before, *after)),
        ServedObjects.of_settings(settings, (*imported, *before)),
    )
    readings = (served[1].readings, served[0].readings)
    kinds = Kinds(is_cluster_scoped, definitions)
    requests = plan_requests(before, after, kinds, _held(proposal), readings)
    conditional = conditional_requests(proposal.before, proposal.after, kinds, readings)
    requests = Requests((*requests.proposed, *conditional.proposed), (*requests.standing, *conditional.standing))
    findings: list[Finding] = [*_changes(proposal, settings)]
    baseline: list[Finding] = []
    absent: set[str] = set()
    count = 0
    for rulebook in rulebooks:
        bounds, defects, unable = _prepare(rulebook, settings, engine)
        count += len({bound.policy.name for bound in bounds})
        findings += defects
        if not rulebook.proposed:
            baseline += defects
        new = Surroundings(_namespaces(after), rulebook.parameters, user, earlier=_namespaces(before), served=served[0])
        if not rulebook.proposed and proposal.change.base is not None:
            unknown = unanswered(unable, requests.proposed, new)
            findings += _unique(_answered(answer, rulebook) for answer in unknown)
        if not bounds:
            continue
        old = Surroundings(_namespaces(before), rulebook.parameters, user, served=served[1])
        found = list(evaluate(engine, bounds, requests.proposed, new))
        findings += _unique(_answered(answer, rulebook) for answer in found)
        standing = evaluate(engine, bounds, requests.standing, old)
        # What could not be judged in the base is no excuse for the change.
        baseline += _unique(
            _answered(answer, rulebook)
            for answer in standing
            if answer.code is not Code.LIMIT and (not answer.request.edited or is_asked_of_edits(answer))
        )
        absent |= new.absent
    new_types, old_types = _type_warnings(proposal, settings, engine)
    findings += new_types
    baseline += old_types
    custom = judge_custom_resources(before, after, requests, settings, engine, imported=imported)
    findings += custom.findings
    baseline += custom.baseline
    return Examination(
        findings=tuple(findings),
        baseline=tuple(baseline),
        judged=MappingProxyType(
            {"policies": count, "requests": len(requests.proposed)}
            | ({"custom resources": custom.objects} if custom.objects else {})
        ),
        notes=tuple(_notes(absent)),
    )


def _held(proposal: Proposal) -> frozenset[int]:
    """The base's objects that stay in the cluster, as their agent fails; not those of which nothing tells."""
    held = with_held(proposal.before, proposal.after)
    return frozenset(id(one) for one in held.resources if (one.origin, one.id) not in held.unread)


def _imported(proposal: Proposal) -> tuple[Resource, ...]:
    """Definitions below `.gitgate/schemas` of the base; a converted JSON Schema says nothing of rules or defaults."""
    found = load_schema_directory(MemoryTree(proposal.rulebook), SCHEMA_DIRECTORY).definitions
    return tuple(item for item in found if "plural" in item.data["spec"]["names"])


def _type_warnings(
    proposal: Proposal, settings: Settings, engine: Engine
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Of the merge and of the base, each by its own definitions: what the change removes is doubted no more."""

    def doubted(files: Mapping[str, bytes], resources: Sequence[Resource]) -> tuple[Finding, ...]:
        policies = read_policies((*read_rulebook(files, settings.limits).resources, *resources))
        return type_warnings(policies, resources, settings, engine)

    return (
        doubted(proposal.proposed_rulebook, proposal.after.resources),
        doubted(proposal.rulebook, proposal.before.resources) if proposal.change.base is not None else (),
    )


def _prepare(
    rulebook: _Rulebook, settings: Settings, engine: Engine
) -> tuple[tuple[Bound, ...], tuple[Finding, ...], tuple[Bound, ...]]:
    """Compile what is bound; whatever cannot run is a finding, and comes last where it can in a cluster."""
    findings: list[Finding] = [
        Finding(
            rule="policy/invalid", severity=Severity.ERROR, message=problem.message, location=problem.location,
        ) for problem in rulebook.files.problems
    ]  # fmt: skip
    # Several roots may render a policy of one name differently: each of them judges.
    policies: dict[str, list[tuple[Policy, Program | None]]] = {}
    for policy in rulebook.policies:
        variants = policies.setdefault(policy.name, [])
        if any(variant.resource.data.get("spec") == policy.resource.data.get("spec") for variant, _ in variants):
            continue
        program, defects = _compile(policy, settings, engine)
        findings += defects
        variants.append((policy, program))
    bounds = []
    unable = []
    for binding in rulebook.bindings:
        if binding.defects:
            defect = binding.defects[0]
            findings.append(_finding("invalid", defect.message, binding.resource, defect.field))
        elif binding.policy not in policies:
            message = f"there is no policy {binding.policy}, so the binding enforces nothing"
            findings.append(_finding("binding-without-policy", message, binding.resource, ("spec", "policyName")))
        else:
            found = [Bound(policy, binding, program) for policy, program in policies[binding.policy] if program]
            bounds += [bound for bound in found if bound.program.runnable]
            unable += [bound for bound in found if not bound.program.runnable]
    findings += _unbound(rulebook)
    return tuple(bounds), tuple(findings), tuple(unable)


def _unbound(rulebook: _Rulebook) -> Iterator[Finding]:
    """Policies that are kept for gitgate alone, and that nothing tells it to enforce."""
    named = {binding.policy for binding in rulebook.bindings}
    for policy in rulebook.policies:
        if policy.name not in named and policy.resource.origin.path.startswith(f"{DIRECTORY}/"):
            message = f"no binding names policy {policy.name}, so it judges nothing"
            yield _finding("policy-without-binding", message, policy.resource, ("metadata", "name"))


def _compile(policy: Policy, settings: Settings, engine: Engine) -> tuple[Program | None, list[Finding]]:
    """A policy's program, and why it cannot run; None for one that no cluster would run, either."""
    if policy.defects:
        return None, [_finding("invalid", defect.message, policy.resource, defect.field) for defect in policy.defects]
    if policy.asks_cluster:
        message = f"policy {policy.name} uses authorizer, and only a cluster can say what that answers"
        # It is never compiled.
        return Program(-1, limit=message), [_finding("not-evaluable", message, policy.resource, ("spec",))]
    program = engine.compile(policy.source)
    if program.limit is not None:
        words = f"compiling policy {policy.name} {program.limit}"
        return program, [_finding("limit", words, policy.resource, ("spec",))]
    findings = [
        _finding(
            "compile-error",
            f"line {problem.line}, column {problem.column} of the expression: {problem.message}",
            policy.resource,
            policy.field_of(problem.part, problem.index),
            Position(problem.line, problem.column),
        )
        for problem in program.problems
    ]
    taken = not findings
    if not policy.resource.origin.path.startswith(BUNDLED):
        findings += _too_new(policy, program, settings)
        taken = taken and program.is_taken(settings.kubernetes_versions)
    return (program if program.beyond or taken else None), findings


def _too_new(policy: Policy, program: Program, settings: Settings) -> Iterator[Finding]:
    """What some demanded Kubernetes version does not have; shipped policies need not be in a cluster to judge."""
    for requirement in program.requirements:
        for version in settings.kubernetes_versions:
            if not requirement.is_met_by(version):
                yield _finding(
                    "compile-error",
                    f"{requirement.what} exists from Kubernetes {requirement.version} on, not in {version}",
                    policy.resource,
                    policy.field_of(requirement.part, requirement.index),
                    Position(requirement.line, requirement.column),
                )


def _answered(answer: Answer, rulebook: _Rulebook) -> Finding:
    request = answer.request
    resource = request.resource
    by = f"policy {answer.policy.name}"
    if rulebook.proposed:
        only = answer.policy.name in rulebook.by_parameters
        by += " with the params of this change" if only else ", which this change brings,"
    where = f"where {resource.condition}: " if resource.condition else ""
    made = f"{where}the pods it would make: " if request.field else where
    words = answer.message
    for data in (request.new, request.old):
        words = hide_secrets(words, data) if data is not None else words
    verb = {
        Code.DENIED: f"{by} denies the {request.target.operation}: {made}{words}",
        Code.ERROR: f"{by} failed: {where}{words}",
        Code.LIMIT: f"{by} could not be evaluated: {where}{words}",
        Code.MISSING_PARAMETERS: f"{by} cannot be judged: {where}{words}",
        Code.AUDIT: f"{by} notes: {where}{words}",
        Code.NOT_EVALUABLE: f"{by} cannot be judged before the merge: {made}{words}",
    }[answer.code]
    deleted = request.new is None
    return Finding(
        rule=f"policy/{answer.code.value}",
        severity=_weight(answer),
        message=" ".join(verb.split()),
        resource=resource.id,
        field=() if deleted else _place(answer),
        origin=resource.origin,
        location=Location(resource.origin.path) if deleted else None,
        # The change's own words are no advice.
        fix=None if rulebook.proposed or answer.code is not Code.DENIED else answer.policy.remedy or None,
        # Not the field: it is a guess, and another one when the object has other fields.
        stable_field=stable_field(resource.data, request.field) or "object",
        discriminator=repr(
            (answer.policy.name, answer.part, answer.index, rulebook.proposed, deleted, resource.origin.rendered_by)
        ),
    )


def _place(answer: Answer) -> FieldPath:
    """The field that a denial is most likely about, as far as the object has it."""
    request = answer.request
    start = request.field[:-1]
    hint = answer.policy.looks_at(answer.index) if answer.part == "validations" else ()
    path: FieldPath = start
    value: Any = request.resource.data
    for step in start:
        value = value.get(step) if isinstance(value, Mapping) else None
    for step in hint:
        if not isinstance(value, Mapping) or step not in value:
            break
        path, value = (*path, step), value[step]
    return path if path != start else request.field


def _weight(answer: Answer) -> Severity:
    if answer.code is Code.LIMIT:
        return Severity.ERROR
    return _SEVERITIES[answer.action] if answer.action is not None else Severity.NOTE


def _unique(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for what several bindings of a policy say, with the greatest weight."""
    order = list(Severity)
    kept: dict[str, Finding] = {}
    for finding in findings:
        present = kept.get(finding.fingerprint)
        if present is None or order.index(finding.severity) < order.index(present.severity):
            kept[finding.fingerprint] = finding
    yield from kept.values()


def _changes(proposal: Proposal, settings: Settings) -> Iterator[Finding]:
    """What the change does to policies, bindings and params in the manifests, and below `.gitgate/policies`."""
    if proposal.change.base is None:
        return
    old = (*read_rulebook(proposal.rulebook, settings.limits).resources, *proposal.before.resources)
    new = (*read_rulebook(proposal.proposed_rulebook, settings.limits).resources, *proposal.after.resources)
    yield from _differences(_judges(old), _judges(new), lambda resource: resource.data.get("spec"))
    pairs = [*_parametrized(old), *_parametrized(new)]
    if pairs:
        yield from _differences(_parameters(old, pairs), _parameters(new, pairs), lambda resource: resource.data)


_Named = Mapping[tuple[str, ...], Resource]


def _differences(old: _Named, new: _Named, content: Callable[[Resource], Any]) -> Iterator[Finding]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is not None and after is not None and content(before) == content(after):
            continue
        resource = after or before
        assert resource is not None  # noqa: S101 - one of them is there
        verb = "adds" if before is None else "removes" if after is None else "edits"
        what = "" if resource.id.group == GROUP else f", which policy {name[-1]} has as params"
        words = f"the change {verb} {resource.id.kind} {resource.id.name}{what}"
        finding = _finding("policy-changed", words, resource, ())
        if after is None:
            finding = replace(finding, location=Location(resource.origin.path))
        yield finding


def _parametrized(resources: Sequence[Resource]) -> Iterator[tuple[Policy, Binding]]:
    """Policies with bindings that name params."""
    policies = {policy.name: policy for policy in read_policies(resources) if policy.param_kind is not None}
    for binding in read_bindings(resources):
        if binding.policy in policies and binding.parameters is not None:
            yield policies[binding.policy], binding


def _parameters(resources: Iterable[Resource], pairs: Sequence[tuple[Policy, Binding]]) -> _Named:
    return {
        (*resource.id.identity, policy.name): resource
        for resource in resources
        for policy, binding in pairs
        if is_parameter(resource, policy, binding)
        and (
            binding.parameters is None
            or resource.id.namespace in ("", binding.parameters.namespace or resource.id.namespace)
        )
    }


def _judges(resources: Iterable[Resource]) -> _Named:
    items = list(resources)
    policies = [policy.resource for policy in read_policies(items)]
    bindings = [binding.resource for binding in read_bindings(items)]
    return {(resource.id.kind, resource.id.name): resource for resource in (*policies, *bindings)}


def _finding(code: str, message: str, resource: Resource, path: FieldPath, within: Position | None = None) -> Finding:
    return Finding(
        rule=f"policy/{code}",
        severity=POLICY_RULES[code].severity,
        message=" ".join(message.split()),
        resource=resource.id,
        field=path,
        within=within,
        origin=resource.origin,
        stable_field=stable_field(resource.data, path),
        discriminator=message if code == "compile-error" else "",
    )


def _namespaces(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, Any]]:
    return {item.id.name: item.data for item in resources if (item.id.group, item.id.kind) == ("", "Namespace")}


def _notes(absent: Iterable[str]) -> Iterator[str]:
    names = sorted(absent)
    if names:
        listed = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
        yield f"Policies select by labels of namespaces that the tree does not have, taken to be without: {listed}."
