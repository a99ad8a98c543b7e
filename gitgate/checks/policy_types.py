"""Do the expressions of policies fit the kinds that they are about? The API server's type check, before the merge.

The API server writes what it doubts into the policy's status and refuses nothing, so here it is a warning and keeps no
policy from judging. Looked at are the policies that the repository brings; those that gitgate ships are tested.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go (`TypeChecker.Check`, `typesToCheck`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from gitgate.checks.custom_resources import CRD_KIND
from gitgate.checks.policy_rules import POLICY_RULES
from gitgate.finding import Finding, stable_field
from gitgate.location import FieldPath, format_field_path
from gitgate.policy.cel import Engine
from gitgate.policy.definition import Policy, ResourceRule
from gitgate.policy.matching import plural_of
from gitgate.resource import Resource
from gitgate.schema.catalog import KindSchema, SchemaCatalog, parse_version
from gitgate.schema.definition import read_definition
from gitgate.settings import Settings

KIND_LIMIT = 10
"""Kinds of one policy that are looked at: `maxTypesToCheck`."""
_TYPED = ("object", "oldObject")


def type_warnings(
    policies: Iterable[Policy], resources: Iterable[Resource], settings: Settings, engine: Engine
) -> tuple[Finding, ...]:
    """What of policies does not fit the kinds that their matchConstraints name.

    Args:
        policies: Those of one tree.
        resources: Of the same tree, whose definitions count.
        settings: The newest Kubernetes version that they demand gives the schemas.
        engine: Compiles each policy once more, with the schemas.

    Raises:
        ToolError: The engine cannot be started.
    """
    usable = [policy for policy in policies if not policy.defects and not policy.asks_cluster]
    if not usable:
        return ()
    kinds = _kinds(resources, settings)
    found: dict[str, Finding] = {}
    for policy in usable:
        for finding in _warnings(policy, kinds, engine):
            found.setdefault(finding.fingerprint, finding)
    return tuple(found.values())


_Kinds = Mapping[tuple[str, str, str], KindSchema]
"""By group, version and resource (`deployments`)."""


def _kinds(resources: Iterable[Resource], settings: Settings) -> _Kinds:
    newest = max(settings.kubernetes_versions, key=parse_version, default=SchemaCatalog.newest())
    definitions = [item for item in resources if (item.id.group, item.id.kind) == CRD_KIND]
    catalog = SchemaCatalog.bundled(newest).with_custom_resources(definitions)
    kinds = {(item.group, item.version, plural_of(item.kind)): item for item in catalog.kinds() if item.custom is None}
    for definition in definitions:
        plural = _plural(definition.data)
        for version in read_definition(definition.data).versions if plural else ():
            schema = catalog.find(version.group, version.version, version.kind)
            if schema is not None and schema.custom is not None:
                kinds.setdefault((version.group, version.version, plural), schema)
    return kinds


def _plural(definition: Mapping[str, Any]) -> str:
    spec = definition.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    plural = names.get("plural") if isinstance(names, Mapping) else None
    return plural if isinstance(plural, str) else ""


def _warnings(policy: Policy, kinds: _Kinds, engine: Engine) -> Iterator[Finding]:
    chosen = _chosen(policy.match.rules, kinds)
    if not chosen or not engine.compile(policy.source).runnable:
        return
    schemas = tuple((_label(kind), dict.fromkeys(_TYPED, kind.standalone())) for kind in chosen)
    # A source of its own: whatever becomes of it, the policy's program is not touched.
    program = engine.compile(replace(policy.source, kinds=schemas))
    if program.limit is not None:
        yield _finding(policy, ("spec",), f"checking the types of policy {policy.name} {program.limit}")
    meant: defaultdict[tuple[str, int, int, int, str], list[str]] = defaultdict(list)
    for doubt in program.doubts:
        meant[doubt.part, doubt.index, doubt.line, doubt.column, doubt.message].append(doubt.kind)
    for (part, index, line, column, message), labels in meant.items():
        path = policy.field_of(part, index)
        words = f"{message} in {format_field_path(path)} of policy {policy.name}, line {line}, column {column}"
        for_kinds = ", ".join(dict.fromkeys(labels))
        yield _finding(policy, path, f"for {for_kinds}: {words}", f"for {for_kinds}: {message}")


def _chosen(rules: Iterable[ResourceRule], kinds: _Kinds) -> list[KindSchema]:
    """The kinds that rules name one by one, in order; what has a `*` names none, and subresources are not looked at."""
    chosen: dict[tuple[str, str, str], KindSchema] = {}
    for rule in rules:
        if any("*" in name for name in (*rule.groups, *rule.versions)):
            continue
        names = sorted({name for name, part in rule.resources if not part and "*" not in name})
        for name in product(sorted(rule.groups), sorted(rule.versions), names):
            kind = kinds.get(name)
            if kind is not None and not kind.defects:
                chosen[name] = kind
                if len(chosen) == KIND_LIMIT:
                    return list(chosen.values())
    return list(chosen.values())


def _label(kind: KindSchema) -> str:
    return f"{kind.group}/{kind.version} {kind.kind}" if kind.group else f"{kind.version} {kind.kind}"


def _finding(policy: Policy, path: FieldPath, message: str, content: str = "") -> Finding:
    """A warning; what its content says tells it apart, wherever in the expression it stands."""
    resource = policy.resource
    return Finding(
        rule="policy/type-check",
        severity=POLICY_RULES["type-check"].severity,
        message=" ".join(message.split()),
        resource=resource.id,
        field=path,
        origin=resource.origin,
        stable_field=stable_field(resource.data, path),
        discriminator=content,
    )
