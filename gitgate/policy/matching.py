"""Does a policy mean a request? Rules, selectors, and the names of resources.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/matching/matching.go, …/webhook/predicates/rules/rules.go and
…/webhook/predicates/{namespace,object}/matcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.policy.definition import GROUP, MatchResources, ResourceRule, Selector

_EXEMPT = frozenset(
    f"{kind}admission{what}" for kind in ("mutating", "validating") for what in ("policies", "policybindings")
)


@dataclass(frozen=True, slots=True)
class Target:
    """The kind of request: what rules look at.

    Attributes:
        plural: `deployments`.
        namespaced: Is the object in a namespace? False for Namespaces themselves, too.
        operation: `CREATE`, `UPDATE` or `DELETE`.
    """

    group: str
    version: str
    plural: str
    namespaced: bool
    operation: str


def plural_of(kind: str) -> str:
    """The resource of a built-in kind, which the API server serves under this name.

    Source: k8s.io/apimachinery/pkg/api/meta/restmapper.go, `UnsafeGuessKindToResource`; true for every built-in kind.
    """
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def matches_target(match: MatchResources, target: Target, *, unrestricted: bool) -> bool:
    """Do the rules, those with names left open, mean such a request?

    Args:
        match: What is constrained.
        target: The request.
        unrestricted: What no rules at all mean: everything in a binding, nothing in a policy.
    """
    if any(_rule_matches(rule, target, match.equivalent) for rule in match.excluded if not rule.names):
        return False
    if not match.rules:
        return unrestricted
    return any(_rule_matches(rule, target, match.equivalent) for rule in match.rules)


def is_exempt(target: Target) -> bool:
    """Is it a policy or a binding? No policy is asked about those, whatever its rules say.

    Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic/plugin.go, `admissionResources`.
    """
    return target.group == GROUP and target.plural in _EXEMPT


def version_asked(match: MatchResources, target: Target) -> str:
    """The version in which a policy sees objects of a kind that its rules mean: theirs, where they name no other way.

    Source: k8s.io/apiserver/pkg/admission/plugin/policy/matching/matching.go, `matchesResourceRules`.
    """
    meant = [rule for rule in match.rules if _rule_matches(rule, target, match.equivalent)]
    if not meant or any({"*", target.version} & rule.versions for rule in meant):
        return target.version
    return min(meant[0].versions, default=target.version)


def matches_object(match: MatchResources, target: Target, request: Mapping[str, Any]) -> bool:
    """Do names and selectors mean this very object? The rules without names were asked before.

    Args:
        match: What is constrained.
        target: The request.
        request: `name`, `labels` (of object and oldObject) and `namespace_labels` (one set that is selected is enough;
            empty without a namespace).
    """
    name = request["name"]
    if any(
        rule.names and name in rule.names and _rule_matches(rule, target, match.equivalent) for rule in match.excluded
    ):
        return False
    if match.rules and not any(
        (not rule.names or name in rule.names) and _rule_matches(rule, target, match.equivalent) for rule in match.rules
    ):
        return False
    spaces = request["namespace_labels"]
    if spaces and not any(selects(match.namespaces, candidate) for candidate in spaces):
        return False
    return any(selects(match.objects, candidate) for candidate in request["labels"])


def _rule_matches(rule: ResourceRule, target: Target, equivalent: bool) -> bool:  # noqa: FBT001 - a flag of the API
    if not ({"*", target.operation} & rule.operations and {"*", target.group} & rule.groups):
        return False
    # Another version of the same resource is the same object in other words.
    if not equivalent and not {"*", target.version} & rule.versions:
        return False
    if rule.scope != "*" and (rule.scope == "Namespaced") != target.namespaced:
        return False
    return any(name in {"*", target.plural} and part in {"*", ""} for name, part in rule.resources)


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Does a label selector select these labels?

    Source: k8s.io/apimachinery/pkg/labels/selector.go, `Requirement.Matches`.
    """
    for key, value in selector.labels:
        if labels.get(key) != value:
            return False
    for key, operator, values in selector.expressions:
        present = key in labels
        if operator == "In" and not (present and labels[key] in values):
            return False
        if operator == "NotIn" and present and labels[key] in values:
            return False
        if operator == "Exists" and not present:
            return False
        if operator == "DoesNotExist" and present:
            return False
    return True


def labels_of(data: Mapping[str, Any] | None) -> dict[str, str]:
    """The labels of an object; what is no string is left out, as the schema check reports it."""
    metadata = data.get("metadata") if data is not None else None
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    if not isinstance(labels, Mapping):
        return {}
    return {key: value for key, value in labels.items() if isinstance(key, str) and isinstance(value, str)}
