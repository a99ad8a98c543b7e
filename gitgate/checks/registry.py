"""Every check that gitgate has, in report order."""

from __future__ import annotations

from gitgate.checks.base import Check
from gitgate.checks.schema import SchemaCheck
from gitgate.finding import Rule

CHECKS: tuple[Check, ...] = (SchemaCheck(),)


def all_rules() -> dict[str, Rule]:
    """Every rule of every check, by id, sorted."""
    return dict(sorted((rule.id, rule) for check in CHECKS for rule in check.rules))
