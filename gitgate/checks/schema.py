"""The schema check: is every object that the merge would leave behind valid for the cluster?

Each object is judged for every Kubernetes version that settings demand. Custom resources are judged by the
CustomResourceDefinitions of the base, by those that the change proposes, and by the schemas below
`.gitgate/schemas/` of the base; where a change edits a definition, its objects face the old and the new one, so that
a change cannot loosen the schema that judges it without saying so.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gitgate.checks.agent_sources import moved_owners
from gitgate.checks.base import Examination
from gitgate.checks.decrypted import decrypted, half_encrypted
from gitgate.checks.grants import unknown_grants
from gitgate.checks.schema_rules import SCHEMA_RULE_LIST, SCHEMA_RULES
from gitgate.errors import SettingsError
from gitgate.finding import Finding, Rule, Severity, stable_field
from gitgate.location import FieldPath, Location, format_field_path
from gitgate.proposal import Coverage, Problem, Proposal, Snapshot, newly_conditional
from gitgate.report import CheckStatus
from gitgate.resource import Resource
from gitgate.schema.catalog import KindSchema, SchemaCatalog
from gitgate.schema.directory import load_schema_directory
from gitgate.schema.lifecycle import Lifecycle, lifecycle_of
from gitgate.schema.validation import violations
from gitgate.schema.violation import SchemaViolation
from gitgate.settings import CHART_DIRECTORY, SCHEMA_DIRECTORY, SETTINGS_PATH, Settings, parse_settings
from gitgate.sources.base import OPAQUE_FILE
from gitgate.tree import MemoryTree

CRD_KIND = ("apiextensions.k8s.io", "CustomResourceDefinition")


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Valid for the cluster's Kubernetes versions and its custom resource definitions?"""

    name: str = "schema"
    rules: tuple[Rule, ...] = field(default=SCHEMA_RULE_LIST, repr=False)

    def examine(self, proposal: Proposal, settings: Settings) -> Examination:
        """Judge both trees; see `Check.examine`."""
        imported = load_schema_directory(MemoryTree(proposal.rulebook), SCHEMA_DIRECTORY)
        base_definitions = (*imported.definitions, *_definitions(proposal.before))
        proposed_definitions = (*imported.definitions, *_definitions(proposal.after))
        judges = [
            _Judge(
                base=SchemaCatalog.bundled(version).with_custom_resources(base_definitions),
                proposed=SchemaCatalog.bundled(version).with_custom_resources(proposed_definitions),
            )
            for version in settings.kubernetes_versions or (SchemaCatalog.newest(),)
        ]
        allowed = settings.allowed_unknown_groups
        if allowed is None:
            allowed = frozenset(
                resource.id.group
                for resource in (*proposal.before.resources, *proposal.before.conditional.present)
                if not any(judge.knows(resource) for judge in judges)
            )
            # A repair makes nothing new of what the base has and cannot render.
            allowed |= proposal.before.failed_groups
        memory: _Memory = {}
        before = (
            *_judge_snapshot(proposal.before, [judge.of_base() for judge in judges], allowed, memory),
            *_rejected(proposal.before, settings.rejected_kinds),
        )
        after = (
            *_judge_snapshot(proposal.after, judges, allowed, memory),
            *_rejected(proposal.after, settings.rejected_kinds),
        )
        unjudged = Counter(
            f"{resource.id.api_version} {resource.id.kind}"
            for resource in (*proposal.after.resources, *proposal.after.conditional.present)
            if not any(judge.knows(resource) for judge in judges)
        )
        reason, remedy = _unfinished(proposal)
        return Examination(
            findings=(
                *_weighed(after, proposal.before),
                *_definition_findings(proposal),
                *(_finding("agent-source-changed", words, one, field) for one, field, words in moved_owners(proposal)),
                *_conditional_deletions(proposal),
                *(_finding("secret-decrypted", words, one, field) for one, field, words in decrypted(proposal)),
                *_rulebook_findings(proposal, settings),
                *(_problem_finding(problem) for problem in imported.problems),
            ),
            baseline=(*before, *(_problem_finding(problem) for problem in imported.problems)),
            status=CheckStatus.UNDETERMINED if reason else CheckStatus.COMPLETED,
            reason=reason,
            remedy=remedy,
            judged=MappingProxyType({"objects": len(proposal.after.resources)}),
            unjudged=MappingProxyType(dict(sorted(unjudged.items()))),
            notes=tuple(_notes(proposal.after, judges)),
        )


_ENCRYPT_ANEW = "Encrypt the file with SOPS anew; change what could be read, as the history keeps it."
_Memory = dict[tuple[int, str, str], tuple[SchemaViolation, ...]]
"""What is wrong with data that several objects share, base and head above all: by the data's identity, the Kubernetes
version and the schema's content. Never findings, as those name an object and its place."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one kind.

    Attributes:
        proposed: Its schema as the change leaves it; None where there is none.
        base: Its schema at the base; None where there is none.
        lifecycle: When Kubernetes introduced, deprecated and removed it, where that is of interest.
        withdrawn: Does the change leave a definition that does not serve this version?
        named: Is there a schema, an end of life, or a definition that does not serve it?
    """

    proposed: KindSchema | None
    base: KindSchema | None
    lifecycle: Lifecycle | None
    withdrawn: bool
    named: bool


@dataclass(frozen=True, slots=True)
class _Judge:
    """The two catalogs of one Kubernetes version: what the base says, and what the change proposes."""

    base: SchemaCatalog
    proposed: SchemaCatalog
    kinds: dict[tuple[str, str, str], _Known] = field(default_factory=dict, compare=False, repr=False)

    def of_base(self) -> _Judge:
        return _Judge(self.base, self.base)

    @property
    def version(self) -> str:
        return self.proposed.version

    def of(self, resource: Resource) -> _Known:
        """What is known of the object's kind; worked out once, as few kinds make up most of a repository."""
        name = (resource.id.group, resource.id.version, resource.id.kind)
        known = self.kinds.get(name)
        if known is None:
            proposed, base, lifecycle = self.proposed.find(*name), self.base.find(*name), lifecycle_of(*name)
            withdrawn = proposed is None and self.proposed.withdraws(*name)
            named = any((proposed, base, lifecycle, withdrawn, self.base.withdraws(*name)))
            known = self.kinds[name] = _Known(proposed, base, lifecycle, withdrawn, named)
        return known

    def knows(self, resource: Resource) -> bool:
        """Does either catalog, or an end of life, say what becomes of objects of this kind?"""
        return self.of(resource).named


def _definitions(snapshot: Snapshot) -> tuple[Resource, ...]:
    return tuple(resource for resource in snapshot.resources if (resource.id.group, resource.id.kind) == CRD_KIND)


def _judge_snapshot(
    snapshot: Snapshot, judges: list[_Judge], allowed: frozenset[str], memory: _Memory
) -> Iterator[Finding]:
    yield from (_problem_finding(problem) for problem in snapshot.problems)
    told: set[tuple[str, str]] = set()
    for resource in snapshot.resources:
        yield from _granted(resource)
        by_version = {judge.version: _judge_resource(resource, judge, allowed, memory) for judge in judges}
        for finding in _merge_versions(by_version):
            told.add((finding.fingerprint, finding.message))
            yield finding
    for resource in snapshot.conditional.present:
        yield from _granted(resource)
        by_version = {judge.version: _judge_resource(resource, judge, allowed, memory) for judge in judges}
        for finding in _merge_versions(by_version):
            # An object of a kind that is not served is none that the cluster would have.
            if finding.rule not in _NOT_SERVED and (finding.fingerprint, finding.message) not in told:
                yield replace(finding, message=f"{finding.message} (where {resource.condition})")


def _granted(resource: Resource) -> Iterator[Finding]:
    for path, told in unknown_grants(resource) if resource.unresolved or resource.guessed else ():
        message = f"{format_field_path(path)} is {told}"
        yield _finding("agent-unknown-grant", message, resource, path, discriminator=told)


def _conditional_deletions(proposal: Proposal) -> Iterator[Finding]:
    """What the chart no longer renders in some cases: the agent deletes it there, and no plan shows that."""
    for old, resource in newly_conditional(proposal.before, proposal.after):
        if _is_kept(old):
            continue
        words = f"{resource.id} is deleted where {resource.condition}, as the chart does not render it then"
        finding = _finding("helm-conditional-deletion", words, resource, ())
        certain = _UPGRADED in resource.condition or (resource.id.group, resource.id.kind) in _TAKES_ALONG
        yield finding if certain else replace(finding, severity=Severity.WARNING)


def _is_kept(resource: Resource) -> bool:
    """Does Helm leave it alone, or is it a hook, which belongs to no release?"""
    metadata = resource.data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    told = annotations if isinstance(annotations, Mapping) else {}
    return told.get("helm.sh/resource-policy") == "keep" or bool(told.get("helm.sh/hook"))


_UPGRADED = "upgraded"
_TAKES_ALONG = frozenset((("", "Namespace"), ("", "PersistentVolumeClaim"), CRD_KIND))
"""Kinds with which others go, or data."""
_NOT_SERVED = frozenset(("schema/removed-kind", "schema/kind-not-yet-served"))
_READ = frozenset({Coverage.JUDGED, Coverage.CONSUMED, Coverage.PARTLY, Coverage.FAILED, Coverage.OPAQUE})


def _weighed(findings: Iterable[Finding], before: Snapshot) -> Iterator[Finding]:
    """A file that nothing can be read of is an error where it takes the place of what the base had there."""
    rule = f"schema/{OPAQUE_FILE}"
    known = {problem.location.path for problem in before.problems if problem.code == OPAQUE_FILE}
    for finding in findings:
        path = finding.location.path if finding.rule == rule and finding.location is not None else None
        replaces = path is not None and path not in known and before.files.get(path) in _READ
        yield finding if finding.rule != rule or replaces else replace(finding, severity=Severity.WARNING)


def _rejected(snapshot: Snapshot, kinds: frozenset[str]) -> Iterator[Finding]:
    for resource in (*snapshot.resources, *snapshot.conditional.present):
        if resource.id.is_one_of(kinds):
            where = f" (where {resource.condition})" if resource.condition else ""
            yield _finding("rejected-kind", f"settings reject the kind {resource.id.kind}{where}", resource, ("kind",))


def _judge_resource(resource: Resource, judge: _Judge, allowed: frozenset[str], memory: _Memory) -> Iterator[Finding]:
    known = judge.of(resource)
    base, lifecycle = known.base, known.lifecycle
    schema = known.proposed or base
    withdrawn = known.withdrawn and not _is_allowed(resource, allowed)
    if schema is None or withdrawn:
        yield from _without_schema(resource, judge.version, lifecycle, allowed, withdrawn=withdrawn)
        return
    found = _violations(resource, schema, judge.version, memory)
    yield from (_violation_finding(resource, violation) for violation in found)
    if base is not None and base.source != schema.source:
        told = {(violation.code, violation.field) for violation in found}
        for violation in _violations(resource, base, judge.version, memory):
            if (violation.code, violation.field) not in told:
                yield _only_under_changed_definition(resource, violation)
    if lifecycle is not None and lifecycle.is_deprecated_in(judge.version):
        yield _deprecated(resource, lifecycle)


def _violations(resource: Resource, schema: KindSchema, version: str, memory: _Memory) -> tuple[SchemaViolation, ...]:
    key = (id(resource.data), version, schema.source)
    if key not in memory:
        found = violations(resource.data, schema)
        if (resource.id.group, resource.id.kind) == CRD_KIND:
            from gitgate.schema.definition import definition_violations  # noqa: PLC0415 - see `SchemaCatalog`

            found += definition_violations(resource.data)
        memory[key] = found
    return memory[key]


def _without_schema(
    resource: Resource, version: str, lifecycle: Lifecycle | None, allowed: frozenset[str], *, withdrawn: bool
) -> Iterator[Finding]:
    kind = f"{resource.id.api_version} {resource.id.kind}"
    if lifecycle is not None and lifecycle.is_removed_in(version):
        yield _finding(
            "removed-kind",
            f"{kind} was removed in Kubernetes {lifecycle.removed}",
            resource,
            ("apiVersion",),
            fix=f"Use {lifecycle.replacement}." if lifecycle.replacement else None,
        )
    elif lifecycle is not None and lifecycle.is_introduced_after(version):
        yield _finding(
            "kind-not-yet-served",
            f"{kind} exists only from Kubernetes {lifecycle.introduced} on, not in {version}",
            resource,
            ("apiVersion",),
        )
    elif not _is_allowed(resource, allowed):
        told = f"the definition of {resource.id.kind} serves no version {resource.id.version}, so there is no {kind}"
        yield _finding(
            "unknown-kind",
            told if withdrawn else f"no schema for {kind}, so its fields cannot be judged",
            resource,
            ("kind",),
            discriminator=_digest(resource.data),
        )


def _is_allowed(resource: Resource, allowed: frozenset[str]) -> bool:
    return resource.id.group in allowed or "*" in allowed


def _digest(data: Mapping[str, Any]) -> str:
    """Of an object that nothing judges: what is said of it is new whenever the object is another one."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode("ascii")).hexdigest()


def _deprecated(resource: Resource, lifecycle: Lifecycle) -> Finding:
    kind = f"{resource.id.api_version} {resource.id.kind}"
    end = f" and is removed in {lifecycle.removed}" if lifecycle.removed else ""
    return _finding(
        "deprecated-kind",
        f"{kind} is deprecated since Kubernetes {lifecycle.deprecated}{end}",
        resource,
        ("apiVersion",),
        fix=f"Use {lifecycle.replacement}." if lifecycle.replacement else None,
    )


def _violation_finding(resource: Resource, violation: SchemaViolation) -> Finding:
    finding = _finding(violation.code, violation.message, resource, violation.field, fix=violation.fix)
    if violation.field == ("sops",) and (words := half_encrypted(resource)):
        return replace(finding, message=words, fix=_ENCRYPT_ANEW)
    if violation.field not in resource.unresolved or violation.code == "unknown-field":
        return finding
    told = "the value has a variable in it that nothing in the repository resolves"
    if violation.code == "missing-field":
        told = "others of its kind get it from a patch of the owner that applies them, and none applies this one"
    return replace(finding, severity=Severity.NOTE, message=f"{finding.message}; {told}")


def _only_under_changed_definition(resource: Resource, violation: SchemaViolation) -> Finding:
    return _finding(
        "valid-only-under-changed-crd",
        f"valid only because the same change edits the definition of {resource.id.kind}: {violation.message}",
        resource,
        violation.field,
    )


def _finding(  # noqa: PLR0913 - what a finding is made of
    code: str, message: str, resource: Resource, path: FieldPath, *, fix: str | None = None, discriminator: str = ""
) -> Finding:
    return Finding(
        rule=f"schema/{code}",
        severity=_severity(code),
        message=message,
        resource=resource.id,
        field=path,
        origin=resource.origin,
        fix=fix,
        stable_field=stable_field(resource.data, path),
        discriminator=discriminator,
    )


def _severity(code: str) -> Severity:
    """The rule's severity; a code without a rule still blocks."""
    rule = SCHEMA_RULES.get(code)
    return rule.severity if rule is not None else Severity.ERROR


def _problem_finding(problem: Problem) -> Finding:
    return Finding(
        rule=f"schema/{problem.code}",
        severity=_severity(problem.code),
        message=problem.message,
        resource=problem.resource,
        origin=problem.origin,
        location=problem.location,
        fix=problem.fix,
        discriminator=problem.discriminator,
    )


def _merge_versions(by_version: Mapping[str, Iterable[Finding]]) -> Iterator[Finding]:
    """One finding for what several Kubernetes versions say alike, with the versions it holds in."""
    merged: dict[tuple[str, FieldPath, str], tuple[Finding, list[str]]] = {}
    for version, findings in by_version.items():
        for finding in findings:
            entry = merged.setdefault((finding.rule, finding.field, finding.message), (finding, []))
            entry[1].append(version)
    for finding, versions in merged.values():
        if len(versions) == len(by_version):
            yield finding
        else:
            yield replace(finding, versions=tuple(versions))


def _definition_findings(proposal: Proposal) -> Iterator[Finding]:
    """What the change does to custom resource definitions: their edits are findings of their own."""
    old = {resource.id.name: resource for resource in _definitions(proposal.before)}
    new = {resource.id.name: resource for resource in _definitions(proposal.after)}
    for name, resource in new.items():
        if name not in old:
            if proposal.change.base is not None:
                yield _finding("crd-added", f"the change adds the kind {_served_kind(resource.data)}", resource, ())
        elif old[name].data.get("spec") != resource.data.get("spec"):
            yield _finding(
                "crd-changed",
                f"the change edits the definition of {_served_kind(resource.data)}; its objects were judged by the "
                "old and by the new one",
                resource,
                ("spec",),
            )
    for name, resource in old.items():
        if name not in new:
            kind = _served_kind(resource.data)
            left = sum(1 for other in proposal.after.resources if other.id.kind == kind)
            remain = f" while {left} of its objects stay" if left else ""
            yield _finding("crd-changed", f"the change removes the definition of {kind}{remain}", resource, ())


def _served_kind(definition: Mapping[str, Any]) -> str:
    spec = definition.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    kind = names.get("kind") if isinstance(names, Mapping) else None
    return kind if isinstance(kind, str) else "?"


def _rulebook_findings(proposal: Proposal, settings: Settings) -> Iterator[Finding]:
    """Edits below `.gitgate/`: they judge from the next change on, never this one."""
    if proposal.change.base is None:
        return
    old, new = proposal.rulebook, proposal.proposed_rulebook
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        verb = "adds" if path not in old else "removes" if path not in new else "edits"
        does = (
            "with which releases are rendered: what they install was judged by it"
            if path.startswith(CHART_DIRECTORY)
            else "which judges every later change; this one was judged without it"
        )
        yield Finding(
            rule="schema/rulebook-changed",
            severity=_severity("rulebook-changed"),
            message=f"the change {verb} {path}, {does}",
            location=Location(path),
        )
    if proposal.rulebook_defect is not None:
        path, words = proposal.rulebook_defect
        yield Finding(
            rule="schema/settings-invalid",
            severity=_severity("settings-invalid"),
            message=f"after the merge every run would fail: {path} {words}",
            location=Location(path),
        )
    if SETTINGS_PATH in new and new[SETTINGS_PATH] != old.get(SETTINGS_PATH):
        try:
            parse_settings(new[SETTINGS_PATH], SETTINGS_PATH, settings.known_rules)
        except SettingsError as error:
            yield Finding(
                rule="schema/settings-invalid",
                severity=_severity("settings-invalid"),
                message=f"after the merge every run would fail: {error}",
                location=Location(SETTINGS_PATH),
            )


def _defined_kinds(definitions: tuple[Resource, ...]) -> Iterator[tuple[str, str, str]]:
    if definitions:
        from gitgate.schema.definition import read_definition  # noqa: PLC0415 - see `SchemaCatalog`

        for definition in definitions:
            for version in read_definition(definition.data).versions:
                yield version.group, version.version, version.kind


def _notes(snapshot: Snapshot, judges: list[_Judge]) -> Iterator[str]:
    """What was left unsaid about objects that were judged; rules of definitions in the tree are the policy check's."""
    defined = set(_defined_kinds(_definitions(snapshot)))
    kinds = Counter(
        resource.id.kind
        for resource in snapshot.resources
        if (schema := judges[0].proposed.find(resource.id.group, resource.id.version, resource.id.kind)) is not None
        and (resource.id.group, resource.id.version, resource.id.kind) not in defined
        and schema.rules
    )
    if kinds:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield f"The CEL rules of custom resource definitions were not evaluated: {listed}."


def _unfinished(proposal: Proposal) -> tuple[str | None, str | None]:
    """Why the check cannot say that all is well, and what to do; None when it can."""
    missing = [problem for problem in proposal.after.problems if problem.code == "kustomize-missing"]
    if missing:
        # Base and head lack it alike, so that the finding is an old one; and yet nothing of them was judged.
        return f"{missing[0].message}, so nothing that kustomize renders was judged", missing[0].fix
    without_helm = [problem for problem in proposal.after.problems if problem.code == "helm-missing"]
    if without_helm:
        return f"{without_helm[0].message}, so nothing that charts render to was judged", without_helm[0].fix
    if proposal.after.resources:
        return None, None
    if proposal.before.resources:
        return "the change leaves no Kubernetes object behind, so there is nothing to judge", None
    return "no Kubernetes object was found, so there is nothing to judge", None
