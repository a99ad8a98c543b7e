"""A policy as a page: what `gitgate policy explain` prints and docs/policies holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitgate.policy.definition import Action, Binding, Policy, ResourceRule
from gitgate.policy_cases import Case

PREFIX = "gitgate.dev/"
"""What the annotations begin with that describe a policy to people."""
_INTRODUCTION = """\
{number} policies in {sets} sets; `policy.sets` of the settings names the sets that judge, and none does by default.
`gitgate policy explain NAME` prints the same pages. Written by `make docs`.

The Pod Security Standards are here as they are now; `pod-security-baseline-v1.N` and `pod-security-restricted-v1.N` are
the standards as they were in Kubernetes v1.N.

A ValidatingAdmissionPolicy sees one object. Whether an autoscaler and its target both set `replicas` takes two, and
[reconcile/scaling-fight](../rules/reconcile/scaling-fight.md) judges that; which objects with state a change would have
pruned is for [reconcile/stateful-prune](../rules/reconcile/stateful-prune.md)."""
_WEIGHTS = {Action.DENY: "error", Action.WARN: "warning", Action.AUDIT: "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A policy with everything that a reader is told of it.

    Attributes:
        place: Where it comes from: a set that gitgate ships, or a file.
        bindings: Those that name it; without one it is not enforced.
        cases: Examples.
    """

    policy: Policy
    place: str
    bindings: tuple[Binding, ...] = ()
    cases: tuple[Case, ...] = ()

    @property
    def actions(self) -> str:
        """`Deny`, `Warn`, `Audit`, or `-` where nothing is enforced."""
        found = {action for binding in self.bindings for action in binding.actions}
        return ", ".join(action.value for action in Action if action in found) or "-"

    def told(self, key: str) -> str:
        """What the policy's annotation `gitgate.dev/KEY` says; empty where it has none."""
        metadata = self.policy.resource.data.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
        value = annotations.get(f"{PREFIX}{key}") if isinstance(annotations, Mapping) else None
        return " ".join(value.split()) if isinstance(value, str) else ""

    @property
    def meant(self) -> str:
        """Which requests it is about, in a few words."""
        return "; ".join(_meant(rule) for rule in self.policy.match.rules)


def _meant(rule: ResourceRule) -> str:
    names = ", ".join(f"{name}/{part}" if part else name for name, part in rule.resources)
    groups = ", ".join(sorted(group or "core" for group in rule.groups))
    return f"{' '.join(sorted(rule.operations))} of {names} ({groups})"


def describe(
    policies: Iterable[Policy], bindings: Sequence[Binding], cases: Sequence[Case] = ()
) -> Iterator[Described]:
    """Policies with what belongs to them, in their order."""
    for policy in policies:
        yield Described(
            policy=policy,
            place=policy.resource.origin.path,
            bindings=tuple(binding for binding in bindings if binding.policy == policy.name),
            cases=tuple(case for case in cases if case.policy == policy.name),
        )


def render_page(described: Described) -> str:
    """The page in Markdown; every policy has the same shape, and what it does not say of itself is left out."""
    policy = described.policy
    sections = [f"# {policy.name}"]
    title = described.told("title")
    if title:
        sections.append(f"{title[:1].upper()}{title[1:]}.")
    sections.append(f"From `{described.place}`. {_weight(described)}")
    for heading, key in (("What it finds", "what"), ("Why it matters", "why"), ("What to do", "fix")):
        if described.told(key):
            sections.append(f"## {heading}\n\n{described.told(key)}")
    sections.append("## The policy\n\n" + "\n".join(_policy(described)))
    examples = list(_examples(described.cases))
    if examples:
        sections.append("## Examples\n\n" + "\n\n".join(examples))
    return "\n\n".join(sections) + "\n"


def _weight(described: Described) -> str:
    actions = [action for action in Action if any(action in binding.actions for binding in described.bindings)]
    if not actions:
        return "No binding enforces it."
    return f"Action {', '.join(action.value for action in actions)}: {_weights(actions[0])}."


def _weights(action: Action) -> str:
    blocks = "keeps the change from being accepted" if action is Action.DENY else "is reported and does not block"
    return f"a new finding is of weight {_WEIGHTS[action]} and {blocks}"


def _policy(described: Described) -> Iterator[str]:
    policy = described.policy
    yield f"Judges {described.meant or 'nothing'}."
    for name, expression in policy.conditions:
        yield f"\nOnly where `{name}`:\n\n{_fenced(expression)}"
    for name, expression in policy.variables:
        yield f"\n`variables.{name}`:\n\n{_fenced(expression)}"
    for validation in policy.validations:
        said = validation.message or validation.message_expression or "the expression must be true"
        yield f"\n{' '.join(said.split())}:\n\n{_fenced(validation.expression)}"
    for key, expression in policy.annotations:
        yield f"\nNotes `{key}`:\n\n{_fenced(expression)}"


def _examples(cases: Sequence[Case]) -> Iterator[str]:
    for case in cases:
        parts = [f"{case.title[:1].upper()}{case.title[1:]}: **{case.expected}**, as {case.operation}."]
        if case.old is not None:
            parts.append(
                f"{'oldObject' if case.new is not None else 'The object that is deleted'}:\n\n{_yaml(case.old.data)}"
            )
        if case.new is not None:
            parts.append(_yaml(case.new.data) if case.old is None else f"object:\n\n{_yaml(case.new.data)}")
        yield "\n\n".join(parts)


def _yaml(data: Mapping[str, Any]) -> str:
    import yaml  # noqa: PLC0415 - only where examples are shown

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
            return True

    text = yaml.dump(json.loads(json.dumps(data)), Dumper=Dumper, sort_keys=False, default_flow_style=False)
    return _fenced(text, "yaml")


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks inside (CommonMark 0.31, 4.5)."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def render_index(sets: Mapping[str, Sequence[Described]]) -> str:
    """The index of the pages of the policies that gitgate ships."""
    number = sum(map(len, sets.values()))
    sections = ["# Policies that gitgate ships", _INTRODUCTION.format(number=number, sets=len(sets))]
    for name, policies in sets.items():
        rows = [
            f"| [{item.policy.name}]({name}/{item.policy.name}.md) | {item.actions} | {item.told('title')} |"
            for item in policies
        ]
        sections.append(f"## {name}\n\n| policy | action | about |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(sections) + "\n"
