"""One source of an Application as Argo CD reads it: overrides laid over, the tool found, variables known.

Source: argo-cd, reposerver/repository/repository.go, `mergeSourceParameters`, `GetAppSourceType`, `newEnv`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.kustomization import FILE_NAMES
from gitgate.sources.kustomize_graph import Closure
from gitgate.sources.owners import Owner, Workshop, text
from gitgate.sources.tree_files import TreeFiles

TOOLS = ("kustomize", "helm", "directory", "plugin")
_OVERRIDE = ".argocd-source.yaml"
_NAMED_OVERRIDE = ".argocd-source-{}.yaml"
_FIXED = ("chart", "path", "repoURL", "targetRevision")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]*)\}|([A-Za-z0-9_]+))")
_REVISION = "0" * 40
"""Stands for the commit, which nobody knows before the merge."""
_MAXIMUM_DEPTH = 50


class SourceError(Exception):
    """A source that Argo CD would refuse.

    Attributes:
        code: Of the problem that it becomes.
        field: Below the source.
    """

    def __init__(self, code: str, field_: FieldPath, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field_


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one source comes to; the attributes are those of `Outcome`, and `variants` those of `HelmRendering`."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, Coverage] = field(default_factory=lambda: MappingProxyType({}))
    closures: tuple[Closure, ...] = ()
    yaml_files: frozenset[str] = frozenset()
    reused: bool = False
    variants: tuple[tuple[str, tuple[Resource, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source whose directory is in this repository.

    Attributes:
        owner: The Application.
        workshop: What rendering needs.
        place: Where the Application has it.
        value: With overrides laid over it.
        directory: Without symbolic links; empty for the tree's root.
        overrides: Files that were laid over it.
        references: Sources by the name that values files call them by.
    """

    owner: Owner
    workshop: Workshop
    place: FieldPath
    value: Mapping[str, Any]
    directory: str
    overrides: tuple[str, ...] = ()
    references: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def with_overrides(self) -> Source:
        """The source with what files beside the manifests lay over it.

        Raises:
            SourceError: Such a file cannot be read.
        """
        documents = self.workshop.context.documents
        merged, found = dict(self.value), []
        for name in (_OVERRIDE, _NAMED_OVERRIDE.format(self.owner.resource.id.name)):
            path = posixpath.join(self.directory, name)
            if path not in self.workshop.tree.entries:
                continue
            file = documents.read(self.workshop.tree, path)
            value = file.documents[0].value if file.documents else {}
            if any(problem.fatal for problem in file.problems) or file.opaque or not isinstance(value, dict):
                raise SourceError("agent-invalid", ("path",), f"{path} cannot be read as a mapping")
            merged = merge_patch(merged, value, 0)
            found.append(path)
        merged.update({key: self.value[key] for key in _FIXED if key in self.value})
        return replace(self, value=merged, overrides=tuple(found))

    def tool(self) -> str:
        """What renders it.

        Raises:
            SourceError: Several tools are named.
        """
        named = [tool for tool in TOOLS if self.value.get(tool) is not None]
        if len(named) > 1:
            raise SourceError("agent-invalid", (named[1],), f"it names several tools, {', '.join(named)}")
        return (
            named[0]
            if named
            else detected_tool(self.workshop.context.documents.files(self.workshop.tree), self.directory)
        )

    def expand(self, written: str) -> str:
        """The text with variables of the build environment; unknown ones are empty, as in Argo CD."""
        known = {
            "ARGOCD_APP_NAME": self.owner.resource.id.name,
            "ARGOCD_APP_NAMESPACE": text(destination(self.owner).get("namespace")),
            "ARGOCD_APP_PROJECT_NAME": text(self.owner.spec.get("project")) or "default",
            "ARGOCD_APP_REVISION": _REVISION,
            "ARGOCD_APP_REVISION_SHORT": _REVISION[:7],
            "ARGOCD_APP_REVISION_SHORT_8": _REVISION[:8],
            "ARGOCD_APP_SOURCE_REPO_URL": text(self.value.get("repoURL")),
            "ARGOCD_APP_SOURCE_PATH": text(self.value.get("path")),
            "ARGOCD_APP_SOURCE_TARGET_REVISION": text(self.value.get("targetRevision")),
        }
        return _VARIABLE.sub(lambda match: known.get(match[1] or match[2] or "", ""), written)

    def problem(self, code: str, path: FieldPath, message: str, *, fix: str | None = None, detail: str = "") -> Problem:
        """A problem at a field of the source."""
        told = f"{self.owner.name}: {message}"
        return self.workshop.problem(self.owner, code, told, (*self.place, *path), fix=fix, detail=detail or message)

    def failed(self, problems: Iterable[Problem], paths: Iterable[str] = ()) -> Part:
        """Nothing of it could be rendered."""
        return Part(problems=tuple(problems), files=dict.fromkeys((*paths, *self.overrides), Coverage.FAILED))


def destination(owner: Owner) -> Mapping[str, Any]:
    """Where an Application applies to."""
    value = owner.spec.get("destination")
    return value if isinstance(value, Mapping) else {}


def detected_tool(files: TreeFiles, directory: str) -> str:
    """What the files of a directory ask for; the last one by name decides. Source: util/app/discovery, `Discover`."""
    found = "directory"
    for path in files.below(directory):
        place, _, name = path.rpartition("/")
        if place == directory and name.endswith("Chart.yaml"):
            found = "helm"
        elif place == directory and name in FILE_NAMES:
            found = "kustomize"
    return found


def merge_patch(base: Mapping[str, Any], patch: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396).

    Raises:
        SourceError: It is nested too deep.
    """
    if depth > _MAXIMUM_DEPTH:
        raise SourceError("agent-invalid", ("path",), "what is laid over it is nested too deep")
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            present = merged.get(key)
            merged[key] = merge_patch(present if isinstance(present, Mapping) else {}, value, depth + 1)
        else:
            merged[key] = value
    return merged
