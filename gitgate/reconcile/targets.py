"""`Target`: which objects a rule of an agent is about, in the words of that agent.

No regular expression of a repository is ever run: those of Flux are read as globs where they say no more than that.
"""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.resource import Resource

_ANY = ("*",)
_LENGTH = 1_000
_ALTERNATIVES = 64
_GROUP = re.compile(r"\((?:\?:)?([^()]*)\)(?![*+?{])")
_TOKEN = re.compile(r"[A-Za-z0-9_-]|\\[.-]|\.[*+]?")
_TOKENS = re.compile(rf"(?:{_TOKEN.pattern})+\Z")
_AS_GLOB = {".": "?", ".*": "*", ".+": "?*", "\\.": ".", "\\-": "-"}
_KEY = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_VALUE = r"[A-Za-z0-9._-]*"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<key>{_KEY})\s*(?P<operator>==?|!=)\s*(?P<value>{_VALUE})"
    rf"|(?P<among>{_KEY})\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<absent>!?)\s*(?P<there>{_KEY}))\s*(?:,|\Z)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition of a selector of labels or annotations.

    Attributes:
        key: Of the label.
        values: What it may be; empty for anything.
        negated: Does it match what does not meet the condition?
    """

    key: str
    values: frozenset[str]
    negated: bool

    def met(self, labels: Mapping[str, Any]) -> bool:
        """Source: k8s.io/apimachinery/pkg/labels/selector.go, `Requirement.Matches`."""
        found = self.key in labels and (not self.values or str(labels[self.key]) in self.values)
        return found is not self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which objects; each name is one of several globs.

    Attributes:
        groups, versions, kinds, names, namespaces: Any of these globs.
        labels, annotations: All of these conditions.
    """

    groups: tuple[str, ...] = _ANY
    versions: tuple[str, ...] = _ANY
    kinds: tuple[str, ...] = _ANY
    names: tuple[str, ...] = _ANY
    namespaces: tuple[str, ...] = _ANY
    labels: tuple[Requirement, ...] = ()
    annotations: tuple[Requirement, ...] = ()

    def concerns(self, resource: Resource) -> bool:
        """Is the rule about this object?"""
        identity = resource.id
        named = (
            (identity.group, self.groups), (identity.version, self.versions), (identity.kind, self.kinds),
            (identity.name, self.names), (identity.namespace, self.namespaces),
        )  # fmt: skip
        return all(any(fnmatch.fnmatchcase(text, one) for one in globs) for text, globs in named) and all(
            one.met(_metadata(resource, field))
            for field, wanted in (("labels", self.labels), ("annotations", self.annotations))
            for one in wanted
        )


EVERYTHING = Target()


def _metadata(resource: Resource, field: str) -> Mapping[str, Any]:
    metadata = resource.data.get("metadata")
    found = metadata.get(field) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def argo_target(entry: Mapping[str, Any]) -> Target | None:
    """An entry of `ignoreDifferences`: group and kind are globs, name and namespace are not; None if unreadable.

    Source: argo-cd/util/argo/normalizers/diff_normalizer.go.
    """
    group, kind, name, namespace = (entry.get(key, "") for key in ("group", "kind", "name", "namespace"))
    if not all(isinstance(value, str) for value in (group, kind, name, namespace)) or not kind:
        return None
    if set("[]{}\\") & set(group + kind):
        return None
    return Target(
        groups=(group,), kinds=(kind,), names=(glob.escape(name) if name else "*",),
        namespaces=(glob.escape(namespace) if namespace else "*",),
    )  # fmt: skip


def flux_target(target: Any) -> Target | None:
    """A `target` of Flux: regular expressions that match as a whole, and selectors; None if it is not understood.

    Source: github.com/fluxcd/pkg/ssa/jsondiff/selector.go.
    """
    if target is None:
        return EVERYTHING
    if not isinstance(target, Mapping):
        return None
    found: dict[str, Any] = {}
    for key, value in target.items():
        if key not in _FLUX:
            return None
        if value in ("", None):
            continue
        name, read = _FLUX[key]
        found[name] = read(value)
        if found[name] is None:
            return None
    return Target(**found)


def pattern_globs(written: Any) -> tuple[str, ...] | None:
    """The globs that match what a regular expression matches as a whole; None when there are none."""
    if not isinstance(written, str) or len(written) > _LENGTH:
        return None
    ahead, found = [written], []
    while ahead:
        text = ahead.pop()
        group = _GROUP.search(text)
        if group is not None:
            ahead += [text[: group.start()] + part + text[group.end() :] for part in group[1].split("|")]
        else:
            for part in text.split("|"):
                plain = part.removeprefix("^").removesuffix("$")
                if not _TOKENS.match(plain):
                    return None
                found.append("".join(_AS_GLOB.get(token, token) for token in _TOKEN.findall(plain)))
        if len(ahead) + len(found) > _ALTERNATIVES:
            return None
    return tuple(sorted(set(found)))


def selector_requirements(written: Any) -> tuple[Requirement, ...] | None:
    """A label selector as text; None when it is none, or compares numbers.

    Source: k8s.io/apimachinery/pkg/labels/selector.go, `Parse`.
    """
    if not isinstance(written, str) or len(written) > _LENGTH:
        return None
    found: list[Requirement] = []
    place = 0
    while place < len(written):
        match = _REQUIREMENT.match(written, place)
        if match is None:
            return None
        found.append(_requirement(match))
        place = match.end()
    return tuple(found) if not written.rstrip().endswith(",") else None


def _requirement(match: re.Match[str]) -> Requirement:
    if match["key"] is not None:
        return Requirement(match["key"], frozenset({match["value"]}), match["operator"] == "!=")
    if match["among"] is not None:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["among"], values, match["set"] == "notin")
    return Requirement(match["there"], frozenset(), bool(match["absent"]))


_FLUX = {
    "group": ("groups", pattern_globs), "version": ("versions", pattern_globs), "kind": ("kinds", pattern_globs),
    "name": ("names", pattern_globs), "namespace": ("namespaces", pattern_globs),
    "labelSelector": ("labels", selector_requirements), "annotationSelector": ("annotations", selector_requirements),
}  # fmt: skip
