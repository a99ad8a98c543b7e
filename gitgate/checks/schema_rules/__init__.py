"""The rules of the schema check, as data: one for every code that a reader, a source or a validator can give.

The texts are what `gitgate explain` prints and what docs/rules/ is generated from. A code without a rule cannot be
reported, so tests/unit/checks/test_schema_rules.py compares this table with the codes of the engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitgate.checks.schema_rules import (
    agents,
    custom_resources,
    helm,
    kustomize,
    manifests,
    objects,
    paths,
    rulebook,
    yaml,
)
from gitgate.finding import Rule

SCHEMA_RULE_LIST: tuple[Rule, ...] = tuple(
    sorted(
        (
            *yaml.RULES,
            *paths.RULES,
            *manifests.RULES,
            *agents.RULES,
            *kustomize.RULES,
            *helm.RULES,
            *objects.RULES,
            *custom_resources.RULES,
            *rulebook.RULES,
        ),
        key=lambda rule: rule.id,
    )
)
"""Every rule of the schema check, sorted by id."""

SCHEMA_RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id.removeprefix("schema/"): rule for rule in SCHEMA_RULE_LIST}
)
"""The same rules by problem code, `yaml-syntax`."""
