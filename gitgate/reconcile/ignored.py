"""Ignored fields: Argo CD's `ignoreDifferences`, Flux's `spec.ignore`, and the replicas that an autoscaler sets.

A rule that is not understood ignores nothing, and is told. Patterns are steps; no regular expression of a repository
is ever run.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.resource import ResourceId

EVERY = "[]"
"""The step of a pattern that stands for every item of a list."""

_TEXT_LIMIT = 80
_JQ = re.compile(r"(?:\.[A-Za-z_][A-Za-z0-9_]*|\.?\[\"[^\"\\]*\"\]|\[[0-9]*\])+\Z")
_JQ_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\.?\[\"([^\"\\]*)\"\]|\[([0-9]*)\]")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreRule:
    """What an agent does not compare.

    Attributes:
        steps: The field, or what is above it; a number is an item of a list, `EVERY` all of them.
        told: Who ignores it, and as it is written there.
        keeps_live: Does the agent keep what the cluster has when it applies, too?
        group, kind, name, namespace: Which objects; empty means any. Group and kind are globs.
    """

    steps: tuple[str, ...]
    told: str
    keeps_live: bool
    group: str = "*"
    kind: str = "*"
    name: str = ""
    namespace: str = ""

    def concerns(self, resource: ResourceId) -> bool:
        """Is the rule about this object? Source: argo-cd/util/argo/normalizers/diff_normalizer.go."""
        return (
            fnmatch.fnmatchcase(resource.group, self.group)
            and fnmatch.fnmatchcase(resource.kind, self.kind)
            and self.name in ("", resource.name)
            and self.namespace in ("", resource.namespace)
        )

    def covers(self, path: FieldPath) -> bool:
        """Is the field, or something above it, ignored?"""
        return len(self.steps) <= len(path) and all(
            (wanted == EVERY and isinstance(step, int)) or wanted == str(step)
            for wanted, step in zip(self.steps, path, strict=False)
        )


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field that differs, and that somebody ignores.

    Attributes:
        path: The field.
        rule: Who ignores it, and why.
        applied: Does the next sync set it all the same?
    """

    path: FieldPath
    rule: str
    applied: bool

    def __str__(self) -> str:
        ending = "the next sync sets it all the same" if self.applied else "what the cluster has stays"
        return f"{format_field_path(self.path)} is ignored by {self.rule}: {ending}"


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
        which = {key: entry.get(key, "") for key in ("group", "kind", "name", "namespace")}
        if not all(isinstance(value, str) and "[" not in value for value in which.values()) or not which["kind"]:
            unclear.append(f"{owner}: which objects an entry of ignoreDifferences means is not understood")
            continue
        for field, read in (("jsonPointers", pointer_steps), ("jqPathExpressions", jq_steps)):
            for written in _items(entry.get(field)):
                steps = read(written)
                if steps is None:
                    unclear.append(
                        f"{owner}: {_quoted(written)} of {field} is not understood, and ignores nothing here"
                    )
                else:
                    rules.append(IgnoreRule(steps=steps, told=_told(owner, written), keeps_live=keeps_live, **which))
        unclear += [
            f"{owner}: it ignores fields of the manager {_quoted(manager)}, which only the cluster knows"
            for manager in _items(entry.get("managedFieldsManagers"))
        ]
    return IgnoreRules(tuple(rules), tuple(unclear))


def flux_ignores(owner: str, spec: Mapping[str, Any]) -> IgnoreRules:
    """`spec.ignore` of a Kustomization: JSON pointers, and a selector of objects."""
    rules: list[IgnoreRule] = []
    unclear: list[str] = []
    for entry in _mappings(spec.get("ignore")):
        which = _flux_target(entry.get("target"))
        if which is None:
            unclear.append(f"{owner}: a target of spec.ignore is not understood, and ignores nothing")
            continue
        for written in _items(entry.get("paths")):
            steps = pointer_steps(written)
            if steps is None:
                unclear.append(
                    f"{owner}: {_quoted(written)} of spec.ignore is not understood, and ignores nothing here"
                )
            else:
                rules.append(IgnoreRule(steps=steps, told=_told(owner, written), keeps_live=True, **which))
    return IgnoreRules(tuple(rules), tuple(unclear))


def _flux_target(target: Any) -> dict[str, str] | None:
    """Names of a selector. They are regular expressions: only those that are plain names are read."""
    if target is None:
        return {}
    names = ("group", "kind", "name", "namespace")
    if not isinstance(target, Mapping) or not set(target) <= set(names):
        return None
    found = {key: value for key, value in target.items() if value != ""}
    plain = all(isinstance(value, str) and _PLAIN.match(value) for value in found.values())
    return found if plain else None


def pointer_steps(written: Any) -> tuple[str, ...] | None:
    """The steps of a JSON pointer (RFC 6901); None when it is none, or means the whole object."""
    if not isinstance(written, str) or not written.startswith("/") or re.search("~(?![01])", written):
        return None
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in written[1:].split("/"))
    return None if EVERY in steps else steps


def jq_steps(written: Any) -> tuple[str, ...] | None:
    """The steps of a jq path that has only fields and items: `.spec.containers[].image`; None for any other."""
    if not isinstance(written, str) or not written.startswith(".") or not _JQ.match(written):
        return None
    steps = []
    for plain, quoted, index in _JQ_STEP.findall(written):
        if quoted == EVERY:
            return None
        steps.append(plain or quoted or index or EVERY)
    return tuple(steps)


def split_ignored(
    resource: ResourceId, paths: Iterable[FieldPath], rules: Iterable[IgnoreRule]
) -> dict[FieldPath, IgnoreRule]:
    """The fields that are ignored, with the rule that says so; one that keeps the live value goes first."""
    mine = sorted((rule for rule in rules if rule.concerns(resource)), key=lambda rule: not rule.keeps_live)
    found = ((path, next((rule for rule in mine if rule.covers(path)), None)) for path in paths)
    return {path: rule for path, rule in found if rule is not None}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in _items(value) if isinstance(item, Mapping))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _told(owner: str, written: Any) -> str:
    return f"{owner} ({str(written)[:_TEXT_LIMIT]})"


def _quoted(value: Any) -> str:
    return json.dumps(value, default=str)[:_TEXT_LIMIT]
