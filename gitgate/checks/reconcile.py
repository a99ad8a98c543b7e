"""The reconcile check: what would the agent fail on, delete or break, were the change merged?

Only what the change does is judged; where there is no base, that is the creation of each object by itself. An object
that merely changes gives no finding; `gitgate plan` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gitgate.checks.base import Examination
from gitgate.checks.reconcile_rules import RECONCILE_RULE_LIST, RECONCILE_RULES
from gitgate.finding import Finding, Rule, Severity, stable_field
from gitgate.location import FieldPath, Location, Precision
from gitgate.proposal import Proposal
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.consequence import Consequence
from gitgate.reconcile.create_rules import CUSTOM_RESOURCE, REQUIRED_BY_SCHEMA
from gitgate.reconcile.failure import Certainty, Failure
from gitgate.reconcile.follow import follow
from gitgate.reconcile.held import with_held
from gitgate.reconcile.not_applied import ONLY_CREATED
from gitgate.reconcile.places import place_of_origin
from gitgate.reconcile.plan import Action, Plan, PlannedObject, make_plan
from gitgate.reconcile.settings_ignored import ignore_fields
from gitgate.reconcile.tables import shipped_versions
from gitgate.reconcile.undefined import NOT_SERVED
from gitgate.resource import Resource
from gitgate.schema.directory import load_schema_directory
from gitgate.schema.lifecycle import lifecycle_of
from gitgate.settings import SCHEMA_DIRECTORY, Settings
from gitgate.tree import MemoryTree

_SCHEMA_CODES = frozenset(
    {"undeclared-field", "wrong-type", "invalid-quantity", "duplicate-key", REQUIRED_BY_SCHEMA, CUSTOM_RESOURCE}
)
"""Failures that the schema check finds in any tree."""
_REFERENCES = frozenset(("agent-dangling-reference", "agent-unproved-reference"))
_PLACEHOLDER = "${"
"""Where nothing says who applies an object, Flux may give such a value another text before it does."""
_FIX_NEW = "Change the field as the message says; until then nothing of the object is applied."


@dataclass(frozen=True, slots=True)
class ReconcileCheck:
    """What would the agent fail on, delete or break?"""

    name: str = "reconcile"
    rules: tuple[Rule, ...] = field(default=RECONCILE_RULE_LIST, repr=False)

    def examine(self, proposal: Proposal, settings: Settings) -> Examination:
        """Plan the change for every Kubernetes version; see `Check.examine`."""
        proposal = replace(proposal, after=with_held(proposal.before, proposal.after))
        versions = [version for version in settings.kubernetes_versions if version in shipped_versions()]
        found: dict[str, Finding] = {}
        known: dict[str, Finding] = {}
        method = ApplyMethod(settings.apply_method.value)
        definitions = load_schema_directory(MemoryTree(proposal.rulebook), SCHEMA_DIRECTORY).definitions
        changed = 0
        for version in versions or [shipped_versions()[-1]]:
            plan = make_plan(proposal.before, proposal.after, version, method, definitions=definitions)
            plan = ignore_fields(plan, settings.ignored_fields)
            changed = max(changed, len(plan.changed))
            for finding in _findings(plan, proposal):
                present = found.setdefault(finding.fingerprint, finding)
                found[finding.fingerprint] = replace(present, versions=(*present.versions, version))
            known |= {finding.fingerprint: finding for finding in _known_before(plan, proposal, method)}
        everywhere = len(versions or [""])
        return Examination(
            findings=tuple(
                replace(finding, versions=() if len(finding.versions) == everywhere else finding.versions)
                for finding in found.values()
            ),
            baseline=tuple(finding for name, finding in known.items() if name in found),
            judged=MappingProxyType({"changes": changed}),
        )


def _findings(plan: Plan, proposal: Proposal) -> Iterator[Finding]:
    for item in plan.objects:
        if proposal.change.base is not None or not _may_be_created(item):
            yield from _planned(item)
    if proposal.change.base is None:
        # Files that somebody names may be a part of what is applied: what they lack, the cluster may have.
        return
    found: dict[tuple[object, str], PlannedObject] = {}
    for item in plan.objects:
        resource = item.after or item.before
        if resource is not None:
            found[item.id, place_of_origin(resource)] = item
    told = {(one.resource, one.discriminator.partition(" ")[0]) for one in proposal.after.problems
            if one.code in _REFERENCES}  # fmt: skip
    for consequence in follow(plan, proposal.before, proposal.after):
        steps = list(map(str, consequence.field))
        if any((consequence.resource, ".".join(steps[:count])) in told for count in range(1, len(steps) + 1)):
            continue  # what an agent does not find is the schema check's to say
        concerned = found.get((consequence.resource, consequence.place))
        resource = (concerned.after or concerned.before) if concerned is not None else None
        if consequence.code in RECONCILE_RULES and concerned is not None and resource is not None:
            yield _of_consequence(consequence, resource, gone=concerned.after is None)


def _may_be_created(item: PlannedObject) -> bool:
    """Is it refused by nothing but what applies it? Of files that somebody names nothing says that they are applied."""
    return item.action is Action.BLOCKED and all(failure.code == ONLY_CREATED for failure in item.failures)


def _planned(item: PlannedObject) -> Iterator[Finding]:
    if item.after is None:
        return
    if item.action is Action.BLOCKED:
        for failure in item.failures:
            if not _is_schema_matter(failure, item.after):
                finding = _finding("blocked", f"the API server would refuse it: {failure}", item.after, failure.field)
                if failure.gate or (not item.owner and _PLACEHOLDER in failure.message):
                    finding = replace(finding, severity=Severity.WARNING)
                yield replace(finding, fix=failure.remedy or (_FIX_NEW if item.before is None else None))
    elif item.action is Action.REPLACE:
        reason = item.failures[0] if item.failures else ""
        yield _finding("replaced", f"it is deleted and created anew: {reason}", item.after, ())


def _is_schema_matter(failure: Failure, resource: Resource) -> bool:
    if failure.certainty is Certainty.LIKELY:
        # That nothing defines the kind is for the schema check to say.
        return True
    if failure.code == NOT_SERVED:
        return lifecycle_of(resource.id.group, resource.id.version, resource.id.kind) is not None
    return failure.code in _SCHEMA_CODES


def _known_before(plan: Plan, proposal: Proposal, method: ApplyMethod) -> Iterator[Finding]:
    """What already fails in the base: planned as if it were created."""
    blocked = {item.id.identity for item in plan.objects if item.action is Action.BLOCKED and item.before is not None}
    if not blocked:
        return
    held = tuple(resource for resource in proposal.before.resources
                 if resource.id.identity in blocked or resource.id.kind == "CustomResourceDefinition")  # fmt: skip
    created = make_plan(
        replace(proposal.before, resources=()), replace(proposal.before, resources=held), plan.version, method
    )
    for item in created.objects:
        yield from _planned(item)


def _of_consequence(consequence: Consequence, resource: Resource, *, gone: bool) -> Finding:
    finding = _finding(consequence.code, consequence.message, resource, consequence.field)
    if consequence.other:
        # A sentence may name numbers that change while what it is about stays.
        finding = replace(finding, discriminator=consequence.other)
    if gone:
        # Its lines are those of the base; its cluster tells it from the same object elsewhere.
        return replace(finding, location=Location(resource.origin.path, None, Precision.FILE))
    return finding


def _finding(code: str, message: str, resource: Resource, path: FieldPath) -> Finding:
    rule = RECONCILE_RULES[code]
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        message=message,
        resource=resource.id,
        field=path,
        stable_field=stable_field(resource.data, path),
        origin=resource.origin,
        discriminator=message if code != "blocked" else message.partition(": ")[2],
    )
