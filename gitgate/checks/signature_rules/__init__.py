"""The rules of the signature check, as data: one for every failing code of a verdict, and those of the check itself.

`UNSIGNED` of `gitgate.signature.verdict` is the rule `signature/unsigned`, and so on. Codes that say that something
could not be examined (`HISTORY_INCOMPLETE`, `TOOL_ERROR`, `LIMIT`) are no rules: they leave the check undetermined.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitgate.checks.signature_rules import agents, authority, commits, history, keys
from gitgate.finding import Rule

SIGNERS_CHANGED = "signers-changed"
"""The rule of the lines that say how a change edits the signers."""

GATE_CHANGED = "gate-changed"
"""The rule of edits to what runs gitgate."""

SIGNATURE_RULE_LIST: tuple[Rule, ...] = tuple(
    sorted((*agents.RULES, *commits.RULES, *keys.RULES, *authority.RULES, *history.RULES), key=lambda rule: rule.id)
)
"""Every rule of the signature check, sorted by id."""

SIGNATURE_RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id.removeprefix("signature/"): rule for rule in SIGNATURE_RULE_LIST}
)
"""The same rules by their name without the check, `unsigned`."""
