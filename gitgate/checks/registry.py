"""Every check that gitgate has, in report order."""

from __future__ import annotations

from dataclasses import replace

from gitgate.checks.base import Check
from gitgate.checks.policy import PolicyCheck
from gitgate.checks.reconcile import ReconcileCheck
from gitgate.checks.schema import SchemaCheck
from gitgate.checks.signature import History, SignatureCheck
from gitgate.finding import Rule
from gitgate.waivers import WAIVER_RULES

CHECKS: tuple[Check, ...] = (SchemaCheck(), PolicyCheck(), SignatureCheck(), ReconcileCheck())


def checks_of(history: History | None) -> tuple[Check, ...]:
    """The checks, with the commits that only the signature check asks about."""
    return tuple(replace(check, history=history) if isinstance(check, SignatureCheck) else check for check in CHECKS)


def all_rules() -> dict[str, Rule]:
    """Every rule of every check, and those about waivers, by id, sorted."""
    rules = [*(rule for check in CHECKS for rule in check.rules), *WAIVER_RULES]
    return dict(sorted((rule.id, rule) for rule in rules))
