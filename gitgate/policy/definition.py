"""`Policy` and `Binding`: what ValidatingAdmissionPolicies and their bindings say, read once, with defaults filled in.

Source: k8s.io/api/admissionregistration/v1/types.go and the defaults beside it. The schema check judges the shape of
these objects; here a part of the wrong type counts as a defect, and a policy with a defect is never run nor passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gitgate.location import FieldPath
from gitgate.policy.cel import Source
from gitgate.policy.cel_names import without_strings
from gitgate.policy.declared_names import DECLARED
from gitgate.resource import Resource

GROUP = "admissionregistration.k8s.io"
VERSIONS = frozenset({"v1", "v1beta1"})
POLICY_KIND = "ValidatingAdmissionPolicy"
BINDING_KIND = "ValidatingAdmissionPolicyBinding"
NAMES = ("object", "oldObject", "request", "namespaceObject", "params")
"""What expressions may refer to; `authorizer` would need a cluster to ask."""
_AUTHORIZER = re.compile(r"(?<![\w.])authorizer\b")

_OBJECT = re.compile(r"(?<![\w.])object((?:\.\??[A-Za-z_]\w*)+)")
_VARIABLE = re.compile(r"(?<![\w.])variables\.([A-Za-z_]\w*)")


class Action(StrEnum):
    """What the API server does with a denial."""

    DENY = "Deny"
    WARN = "Warn"
    AUDIT = "Audit"


@dataclass(frozen=True, slots=True)
class Defect:
    """A part of a policy or binding that cannot be used."""

    field: FieldPath
    message: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector; the empty one selects everything."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRule:
    """Which requests a rule is about."""

    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    operations: frozenset[str]
    scope: str = "*"
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResources:
    """matchConstraints of a policy, matchResources of a binding.

    Attributes:
        rules: None of them matches: the request is not meant. Empty in a binding: every request is.
        equivalent: Does another version of a resource count as the same resource?
    """

    rules: tuple[ResourceRule, ...] = ()
    excluded: tuple[ResourceRule, ...] = ()
    namespaces: Selector = Selector()
    objects: Selector = Selector()
    equivalent: bool = True

    @property
    def unconditional(self) -> bool:
        """Is every object of a kind meant, or none? No names and no selectors."""
        named = any(rule.names for rule in (*self.rules, *self.excluded))
        return not named and self.namespaces == self.objects == Selector()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One demand of a policy."""

    expression: str
    message: str | None = None
    message_expression: str | None = None
    reason: str = "Invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A ValidatingAdmissionPolicy.

    Attributes:
        resource: Where it is.
        param_kind: apiVersion and kind of its params; None when it has none.
        fails: Does an evaluation error deny (`failurePolicy: Fail`)?
        asks_cluster: Does it use `authorizer`?
        defects: Why it cannot be used.
    """

    name: str
    resource: Resource
    param_kind: tuple[str, str] | None = None
    match: MatchResources = MatchResources()
    conditions: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    validations: tuple[Validation, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    fails: bool = True
    asks_cluster: bool = False
    defects: tuple[Defect, ...] = ()

    @property
    def remedy(self) -> str:
        """What its annotation `gitgate.dev/fix` tells whoever it denies; empty without one."""
        metadata = self.resource.data.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
        text = annotations.get("gitgate.dev/fix") if isinstance(annotations, Mapping) else None
        return " ".join(text.split()) if isinstance(text, str) else ""

    @property
    def source(self) -> Source:
        """Its expressions, for the CEL engine."""
        return Source(
            names=NAMES if self.param_kind is not None else tuple(name for name in NAMES if name != "params"),
            variables=self.variables,
            conditions=tuple(expression for _, expression in self.conditions),
            validations=tuple((item.expression, item.message_expression) for item in self.validations),
            annotations=tuple(expression for _, expression in self.annotations),
            shapes=DECLARED,
        )

    def looks_at(self, validation: int) -> FieldPath:
        """The first field of the object that a validation reads, directly or through variables; empty when none is.

        A hint for readers: what a validation is about is nowhere said.
        """
        texts = [self.validations[validation].expression]
        seen: set[str] = set()
        variables = dict(self.variables)
        while texts:
            text = without_strings(texts.pop(0))
            found = _OBJECT.search(text)
            if found is not None:
                return tuple(found[1].replace("?", "").strip(".").split("."))
            for name in _VARIABLE.findall(text):
                if name in variables and name not in seen:
                    seen.add(name)
                    texts.append(variables[name])
        return ()

    def field_of(self, part: str, index: int) -> FieldPath:
        """Where one of its expressions is written; `part` as in `cel.CompileProblem`."""
        key = {"messages": "messageExpression", "auditAnnotations": "valueExpression"}.get(part, "expression")
        return ("spec", "validations" if part == "messages" else part, index, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterReference:
    """paramRef: by name or by selector."""

    name: str | None
    namespace: str | None
    selector: Selector | None
    denies_absence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A ValidatingAdmissionPolicyBinding; see `Policy`."""

    name: str
    resource: Resource
    policy: str
    parameters: ParameterReference | None = None
    match: MatchResources | None = None
    actions: frozenset[Action] = frozenset()
    defects: tuple[Defect, ...] = ()


def read_policies(resources: Iterable[Resource]) -> Iterator[Policy]:
    """Every ValidatingAdmissionPolicy among objects."""
    for resource in resources:
        if (resource.id.group, resource.id.kind) == (GROUP, POLICY_KIND) and resource.id.version in VERSIONS:
            yield _read_policy(resource)


def read_bindings(resources: Iterable[Resource]) -> Iterator[Binding]:
    """Every ValidatingAdmissionPolicyBinding among objects."""
    for resource in resources:
        if (resource.id.group, resource.id.kind) == (GROUP, BINDING_KIND) and resource.id.version in VERSIONS:
            yield _read_binding(resource)


class _DefectError(Exception):
    def __init__(self, field: FieldPath, message: str) -> None:
        super().__init__(message)
        self.defect = Defect(field, message)


@dataclass(frozen=True, slots=True)
class _Part:
    """A mapping and the way to it; what is read from it has the demanded type, or a defect is raised."""

    data: Mapping[str, Any]
    path: FieldPath = ()

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise _DefectError((*self.path, key), f"{key} must be a string")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self.data.get(key) is None else self.text(key)

    def part(self, key: str) -> _Part:
        value = self.data.get(key)
        if value is None:
            return _Part({}, (*self.path, key))
        if not isinstance(value, Mapping):
            raise _DefectError((*self.path, key), f"{key} must be a mapping")
        return _Part(value, (*self.path, key))

    def parts(self, key: str) -> list[_Part]:
        items = self._list(key)
        for index, item in enumerate(items):
            if not isinstance(item, Mapping):
                raise _DefectError((*self.path, key, index), f"an item of {key} must be a mapping")
        return [_Part(item, (*self.path, key, index)) for index, item in enumerate(items)]

    def texts(self, key: str) -> tuple[str, ...]:
        items = self._list(key)
        if not all(isinstance(item, str) for item in items):
            raise _DefectError((*self.path, key), f"{key} must be a list of strings")
        return tuple(items)

    def _list(self, key: str) -> list[Any]:
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _DefectError((*self.path, key), f"{key} must be a list")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of some words; the first one where nothing is said."""
        value = self.text(key, allowed[0])
        if value not in allowed:
            raise _DefectError((*self.path, key), f"{key} must be {' or '.join(allowed)}")
        return value


def _read_policy(resource: Resource) -> Policy:
    try:
        spec = _Part(resource.data).part("spec")
        kind = spec.part("paramKind")
        policy = Policy(
            name=resource.id.name,
            resource=resource,
            param_kind=(kind.text("apiVersion"), kind.text("kind")) if kind.data else None,
            match=_match(spec.part("matchConstraints")),
            conditions=tuple((item.text("name"), item.text("expression")) for item in spec.parts("matchConditions")),
            variables=tuple((item.text("name"), item.text("expression")) for item in spec.parts("variables")),
            validations=tuple(_validation(item) for item in spec.parts("validations")),
            annotations=tuple(
                (item.text("key"), item.text("valueExpression")) for item in spec.parts("auditAnnotations")
            ),
            fails=spec.choice("failurePolicy", ("Fail", "Ignore")) == "Fail",
        )
    except _DefectError as error:
        return Policy(name=resource.id.name, resource=resource, defects=(error.defect,))
    return _checked(policy)


def _checked(policy: Policy) -> Policy:
    defects: list[Defect] = []
    if not policy.match.rules:
        defects.append(
            Defect(("spec", "matchConstraints"), "matchConstraints has no resourceRules, so nothing is meant")
        )
    if not policy.validations and not policy.annotations:
        defects.append(Defect(("spec",), "there are neither validations nor auditAnnotations"))
    texts = [text for _, text in (*policy.conditions, *policy.variables, *policy.annotations)]
    texts += [text for item in policy.validations for text in (item.expression, item.message_expression or "")]
    asks = any(_AUTHORIZER.search(without_strings(text)) for text in texts)
    return replace(policy, defects=tuple(defects), asks_cluster=asks)


def _validation(part: _Part) -> Validation:
    return Validation(
        expression=part.text("expression"),
        message=part.optional_text("message"),
        message_expression=part.optional_text("messageExpression"),
        reason=part.text("reason", "Invalid"),
    )


def _match(part: _Part) -> MatchResources:
    return MatchResources(
        rules=tuple(_rule(item) for item in part.parts("resourceRules")),
        excluded=tuple(_rule(item) for item in part.parts("excludeResourceRules")),
        namespaces=read_selector(part.part("namespaceSelector")),
        objects=read_selector(part.part("objectSelector")),
        equivalent=part.choice("matchPolicy", ("Equivalent", "Exact")) == "Equivalent",
    )


def _rule(part: _Part) -> ResourceRule:
    resources = tuple(text.partition("/")[::2] for text in part.texts("resources"))
    return ResourceRule(
        groups=frozenset(part.texts("apiGroups")),
        versions=frozenset(part.texts("apiVersions")),
        resources=resources,
        operations=frozenset(part.texts("operations")),
        scope=part.choice("scope", ("*", "Cluster", "Namespaced")),
        names=frozenset(part.texts("resourceNames")),
    )


def read_selector(part: _Part) -> Selector:
    """A label selector."""
    labels = part.part("matchLabels")
    pairs = tuple(sorted((key, labels.text(key)) for key in labels.data))
    expressions = []
    for item in part.parts("matchExpressions"):
        operator = item.choice("operator", ("In", "NotIn", "Exists", "DoesNotExist"))
        expressions.append((item.text("key"), operator, item.texts("values")))
    return Selector(pairs, tuple(expressions))


def _read_binding(resource: Resource) -> Binding:
    try:
        spec = _Part(resource.data).part("spec")
        actions = spec.texts("validationActions")
        unknown = set(actions) - {action.value for action in Action}
        if unknown or not actions:
            raise _DefectError(("spec", "validationActions"), "validationActions must name Deny, Warn or Audit")  # noqa: TRY301
        return Binding(
            name=resource.id.name,
            resource=resource,
            policy=spec.text("policyName"),
            parameters=_parameters(spec.part("paramRef")),
            match=_match(spec.part("matchResources")) if spec.data.get("matchResources") is not None else None,
            actions=frozenset(Action(action) for action in actions),
        )
    except _DefectError as error:
        return Binding(name=resource.id.name, resource=resource, policy="", defects=(error.defect,))


def _parameters(part: _Part) -> ParameterReference | None:
    if not part.data:
        return None
    name = part.optional_text("name")
    selector = read_selector(part.part("selector")) if part.data.get("selector") is not None else None
    if (name is None) == (selector is None):
        raise _DefectError(part.path, "paramRef must have either a name or a selector")
    return ParameterReference(
        name=name,
        namespace=part.optional_text("namespace"),
        selector=selector,
        denies_absence=part.choice("parameterNotFoundAction", ("Deny", "Allow")) == "Deny",
    )
