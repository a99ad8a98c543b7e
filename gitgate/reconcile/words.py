"""Untrusted values and counts in words that a terminal or a page can show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitgate.reconcile.plan import Action, Plan

SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.PRUNE: "-",
    Action.ORPHAN: "o",
    Action.UNCHANGED: "=",
    Action.BLOCKED: "!",
    Action.UNKNOWN: "?",
}
_WORDS: Mapping[Action, str] = {
    Action.CREATE: "to create", Action.UPDATE: "to update", Action.REPLACE: "to replace", Action.PRUNE: "to prune",
    Action.ORPHAN: "to orphan", Action.BLOCKED: "blocked", Action.UNKNOWN: "unknown", Action.UNCHANGED: "unchanged",
}  # fmt: skip
_VALUE_LIMIT = 60


def value_text(value: Any, limit: int = _VALUE_LIMIT) -> str:
    """A value in one short line of JSON."""
    text = printable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
    if len(text) <= limit:
        return text
    ending = '…"' if isinstance(value, str) else "…"
    return text[: limit - len(ending)] + ending


def printable(text: str) -> str:
    """Untrusted text without control, direction and surrogate characters."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def summary(plan: Plan) -> str:
    """`1 to create, 2 to update, 40 unchanged`."""
    counts = plan.counts
    named = [f"{counts[action]} {_WORDS[action]}" for action in _WORDS if counts[action]]
    return ", ".join(named) or "nothing to do"
