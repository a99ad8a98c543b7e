"""Ignored fields: Argo CD's `ignoreDifferences`, Flux's `spec.ignore`, and the replicas that an autoscaler sets.

A rule that is not understood ignores nothing, and is told. Patterns are steps; no regular expression of a repository
is ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.ownership import manager_owns, owned_by
from gitgate.reconcile.tables import TypeNode
from gitgate.reconcile.targets import EVERYTHING, Target, argo_target, flux_target
from gitgate.resource import Resource

EVERY = "[]"
"""The step of a pattern that stands for every item of a list."""

_TEXT_LIMIT = 80
_MOST = 500
"""Rules of one owner: no usual one has as many."""
_JQ_STEP = re.compile(
    r"(?P<pipe>[ \t]*\|[ \t]*)?(?:"
    r"\.(?P<field>[A-Za-z_][A-Za-z0-9_]*)|\.?\[\"(?P<quoted>[^\"\\]*)\"\]|\.?\[(?P<index>[0-9]*)\]"
    r"|select\([ \t]*\.(?P<key>[A-Za-z_][A-Za-z0-9_]*)[ \t]*==[ \t]*\"(?P<value>[^\"\\]*)\"[ \t]*\))\??"
)


@dataclass(frozen=True, slots=True)
class Select:
    """The step of a pattern that stands for the items of a list with this value: `select(.name == "web")`."""

    key: str
    value: str


Step = str | Select


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """What an agent does not compare.

    Attributes:
        told: Who ignores it, and as it is written there.
        keeps_live: Does the agent keep what the cluster has when it applies, too?
        steps: The field, or what is above it; a number is an item of a list, `EVERY` all of them.
        target: Which objects.
        manager: Instead of `steps`, everything that this field manager owns in the cluster.
        verb: What it does to the field.
    """

    told: str
    keeps_live: bool
    steps: tuple[Step, ...] = ()
    target: Target = EVERYTHING
    manager: str = ""
    verb: str = "ignored"

    def covers(self, path: FieldPath, pair: Pair) -> bool:
        """Is the field, or something above it, ignored?"""
        if self.manager:
            owned = owned_by(pair.node, pair.live, self.manager)
            return owned is not None and manager_owns(owned, pair.node, pair.before, path)
        if len(self.steps) > len(path):
            return False
        held: tuple[Any, ...] = (pair.before, pair.after)
        for wanted, step in zip(self.steps, path, strict=False):
            held = tuple(_below(one, step) for one in held)
            if isinstance(wanted, Select):
                if not all(isinstance(one, Mapping) and one.get(wanted.key) == wanted.value for one in held):
                    return False
            elif wanted != str(step) and not (wanted == EVERY and isinstance(step, int)):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Pair:
    """An object as it is stored and as it would be, which tells what an index in a list means.

    Attributes:
        before: As stored now.
        after: As stored afterwards.
        node: The type of its kind.
        live: As the cluster gave it, with its managed fields; None without a dump.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    node: TypeNode
    live: Mapping[str, Any] | None = None


def _below(held: Any, step: str | int) -> Any:
    if isinstance(held, Mapping):
        return held.get(step)
    return held[step] if isinstance(held, list) and isinstance(step, int) and step < len(held) else None


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field that differs, and that somebody ignores.

    Attributes:
        path: The field.
        rule: Who ignores it, and why.
        applied: Does the next sync set it all the same?
        verb: What it does to the field.
    """

    path: FieldPath
    rule: str
    applied: bool
    verb: str = "ignored"

    def __str__(self) -> str:
        ending = "the next sync sets it all the same" if self.applied else "what the cluster has stays"
        return f"{format_field_path(self.path)} is {self.verb} by {self.rule}: {ending}"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """What one owner ignores, and what of it is not understood (one sentence each)."""

    rules: tuple[IgnoreRule, ...] = ()
    not_understood: tuple[str, ...] = ()


NOTHING_IGNORED = IgnoreRules()


def argo_ignores(owner: str, spec: Mapping[str, Any], *, keeps_live: bool) -> IgnoreRules:
    """`spec.ignoreDifferences` of an Application."""
    rules: list[IgnoreRule] = []
    unclear: list[str] = []
    for entry in _mappings(spec.get("ignoreDifferences")):
        target = argo_target(entry)
        if target is None:
            unclear.append(f"{owner}: which objects an entry of ignoreDifferences means is not understood")
            continue
        common = IgnoreRule(told=owner, keeps_live=keeps_live, target=target)
        for field, read in (("jsonPointers", pointer_steps), ("jqPathExpressions", jq_steps)):
            for written in _items(entry.get(field)):
                steps = read(written)
                if steps is None:
                    unclear.append(f"{owner}: {_quoted(written)} of {field} is not understood, and ignores nothing")
                else:
                    rules.append(replace(common, steps=steps, told=_told(owner, written)))
        for manager in _items(entry.get("managedFieldsManagers")):
            if isinstance(manager, str) and manager:
                told = f"{owner} (manager {_quoted(manager)})"
                rules.append(replace(common, manager=manager, told=told))
    return _limited(owner, rules, unclear)


def flux_ignores(owner: str, spec: Mapping[str, Any]) -> IgnoreRules:
    """`spec.ignore` of a Kustomization: JSON pointers, and a selector of objects."""
    rules: list[IgnoreRule] = []
    unclear: list[str] = []
    for entry in _mappings(spec.get("ignore")):
        target = flux_target(entry.get("target"))
        if target is None:
            unclear.append(f"{owner}: a target of spec.ignore is not understood, and ignores nothing")
            continue
        for written in _items(entry.get("paths")):
            steps = pointer_steps(written)
            if steps is None:
                unclear.append(f"{owner}: {_quoted(written)} of spec.ignore is not understood, and ignores nothing")
            else:
                rules.append(IgnoreRule(steps=steps, told=_told(owner, written), keeps_live=True, target=target))
    return _limited(owner, rules, unclear)


def _limited(owner: str, rules: Iterable[IgnoreRule], unclear: list[str]) -> IgnoreRules:
    """Each rule once, and no more than is quickly compared with every field."""
    found = tuple(dict.fromkeys(rules))
    if len(found) > _MOST:
        unclear.append(f"{owner}: of its {len(found)} rules that ignore fields only the first {_MOST} are read")
    return IgnoreRules(found[:_MOST], tuple(unclear))


def managers_ignored(rules: Iterable[IgnoreRule]) -> tuple[str, ...]:
    """Rules that need managed fields of the cluster, one sentence each."""
    return tuple(
        f"{rule.told}: what this manager owns is ignored, which only a dump with managed fields tells"
        for rule in rules
        if rule.manager
    )


def pointer_steps(written: Any) -> tuple[str, ...] | None:
    """The steps of a JSON pointer (RFC 6901); None when it is none, or means the whole object."""
    if not isinstance(written, str) or not written.startswith("/") or re.search("~(?![01])", written):
        return None
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in written[1:].split("/"))
    return None if EVERY in steps else steps


def jq_steps(written: Any) -> tuple[Step, ...] | None:
    """The steps of a jq path of fields, items and selected items; None for any other.

    `.spec.containers[].image`, `.spec.containers[] | select(.name == "web") | .image`.
    """
    if not isinstance(written, str) or not written.startswith("."):
        return None
    steps: list[Step] = []
    place = 0
    while place < len(written):
        match = _JQ_STEP.match(written, place)
        if match is None:
            return None
        piped, selects = match["pipe"] is not None, match["key"] is not None
        starts_list = written[match.end("pipe") if piped else place] == "["
        if piped is not selects and (selects or starts_list):
            return None
        if selects:
            if not steps or steps[-1] != EVERY:
                return None
            steps[-1] = Select(match["key"], match["value"])
        elif match["quoted"] == EVERY:
            return None
        else:
            steps.append(match["field"] or match["quoted"] or match["index"] or EVERY)
        place = match.end()
    return tuple(steps)


def split_ignored(
    resource: Resource, paths: Iterable[FieldPath], rules: Iterable[IgnoreRule], pair: Pair
) -> dict[FieldPath, IgnoreRule]:
    """The fields that are ignored, with the rule that says so; one that keeps the live value goes first."""
    mine = sorted((rule for rule in rules if rule.target.concerns(resource)), key=lambda rule: not rule.keeps_live)
    found = ((path, next((rule for rule in mine if rule.covers(path, pair)), None)) for path in paths)
    return {path: rule for path, rule in found if rule is not None}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in _items(value) if isinstance(item, Mapping))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _told(owner: str, written: Any) -> str:
    return f"{owner} ({str(written)[:_TEXT_LIMIT]})"


def _quoted(value: Any) -> str:
    return json.dumps(value, default=str)[:_TEXT_LIMIT]
