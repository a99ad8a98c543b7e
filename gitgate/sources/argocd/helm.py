"""A chart as Argo CD renders it: values files of this and other sources, values of the Application, parameters.

Source: argo-cd, reposerver/repository/repository.go, `helmTemplate` and `getResolvedValueFiles`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Coverage
from gitgate.sources.argocd.globs import is_glob, matches_tree
from gitgate.sources.argocd.kustomize import Step
from gitgate.sources.argocd.repository import is_elsewhere, is_ours, shown_url
from gitgate.sources.argocd.source import Part, Source, SourceError, destination
from gitgate.sources.helm_request import HelmOutcome, HelmParameter, HelmRendering, HelmRequest
from gitgate.sources.owners import items, mapping, text
from gitgate.sources.tree_files import PathKind
from gitgate.yaml_document import read_yaml

_NAMESPACE = "default"


class NotHereError(Exception):
    """What is needed lies in another repository; the text says what.

    Attributes:
        field: Below the source.
    """

    def __init__(self, field_: FieldPath, message: str) -> None:
        super().__init__(message)
        self.field = field_


@dataclass(slots=True)
class ValuesFiles:
    """The values files of a source, found in the tree.

    Attributes:
        paths: In order; later ones win.
    """

    source: Source
    paths: list[str] = field(default_factory=list)

    def collect(self) -> tuple[str, ...]:
        """Find all of them.

        Raises:
            SourceError: One does not exist, or is outside the repository.
            NotHereError: One is in another repository, or fetched from elsewhere.
        """
        helm = mapping(self.source.value.get("helm"))
        written = items(helm.get("valueFiles"))
        lenient = helm.get("ignoreMissingValueFiles") is True
        explicit = {path for one in written if (path := self._quiet(one)) and not is_glob(path)}
        for index, one in enumerate(written):
            at: FieldPath = ("helm", "valueFiles", index)
            path = self.resolve(one, at)
            found = list(self._expand(path)) if is_glob(path) else [path] if self._exists(path) else []
            if not found and not lenient:
                message = f"it takes values from {text(one)!r}, which the tree does not have"
                raise SourceError("agent-dangling-reference", at, message)
            for file in found:
                if file not in self.paths and not (is_glob(path) and file in explicit):
                    self.paths.append(file)
        return tuple(self.paths)

    def resolve(self, written: Any, at: FieldPath) -> str:
        """The path in the tree that a values file or parameter file stands for.

        Raises:
            SourceError: It is outside the repository.
            NotHereError: It is in another repository, or fetched from elsewhere.
        """
        source = self.source
        shown = text(written)
        name, slash, rest = shown.partition("/")
        reference = source.references.get(name[1:]) if name.startswith("$") else None
        if reference is not None:
            if not is_ours(reference, source.owner, source.workshop) or is_elsewhere(
                reference.get("targetRevision"), source.workshop.context.memory
            ):
                raise NotHereError(
                    at, f"{shown!r} is a file of {shown_url(text(reference.get('repoURL'))) or 'another source'}"
                )
            place, path = "", f"/{source.expand(rest)}"
        elif name.startswith("$") and slash and len(items(source.owner.spec.get("sources"))) > 1:
            message = f"{shown!r} begins with a name that no source has as its `ref`"
            raise SourceError("agent-dangling-reference", at, message)
        else:
            place, path = source.directory, source.expand(shown)
        if "://" in path:
            raise NotHereError(at, f"{shown!r} is fetched from elsewhere")
        joined = posixpath.normpath(posixpath.join(place or ".", path) if not path.startswith("/") else path)
        if not path.startswith("/") and (joined == ".." or joined.startswith("../")):
            raise SourceError("agent-invalid", at, f"{shown!r} is outside the repository, which Argo CD refuses")
        inner = joined.lstrip("/")
        reached = source.workshop.context.documents.files(source.workshop.tree).resolve(inner)
        if reached.kind is PathKind.ESCAPING:
            raise SourceError("agent-invalid", at, f"{shown!r} is outside the repository, which Argo CD refuses")
        return inner

    def _quiet(self, written: Any) -> str | None:
        try:
            return self.resolve(written, ())
        except (SourceError, NotHereError):
            return None

    def _exists(self, path: str) -> bool:
        workshop = self.source.workshop
        return workshop.context.documents.files(workshop.tree).resolve(path).kind is PathKind.FILE

    def _expand(self, pattern: str) -> Iterator[str]:
        fixed = pattern[: min(pattern.index(sign) for sign in "*?[" if sign in pattern)].rpartition("/")[0]
        workshop = self.source.workshop
        for path in workshop.context.documents.files(workshop.tree).below(fixed):
            if matches_tree(pattern, path) and self._exists(path):
                yield path


def helm_step(source: Source) -> Step:
    """Prepare to render a chart.

    Raises:
        SourceError: A field cannot be read, or names nothing.
        NotHereError: Values are in another repository.
    """
    helm = mapping(source.value.get("helm"))
    values_files = ValuesFiles(source).collect()
    namespace = text(helm.get("namespace")) or text(destination(source.owner).get("namespace")) or _NAMESPACE
    request = HelmRequest(
        chart=source.directory,
        release_name=text(helm.get("releaseName")) or source.owner.resource.id.name,
        namespace=namespace,
        values=inline_values(helm),
        values_files=values_files,
        parameters=tuple(_parameters(source, helm)),
        file_parameters=tuple(_file_parameters(source, helm)),
        kube_version=text(helm.get("kubeVersion")) or text(source.value.get("kubeVersion")) or None,
        api_versions=tuple(text(one) for one in items(helm.get("apiVersions"))),
        include_crds=helm.get("skipCrds") is not True,
        skip_tests=helm.get("skipTests") is True,
        upgrades=False,
        owner=source.workshop.place(source.owner.resource.origin, source.place),
    )
    workshop = source.workshop
    return None, lambda _: _finish(source, workshop.context.helm.template(workshop.tree, request))


def inline_values(helm: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values in the Application; an object goes before text. Source: argo-cd, types, values.go, `ValuesYAML`.

    Raises:
        SourceError: The text is no mapping.
    """
    value = helm.get("valuesObject")
    if value is not None:
        if not isinstance(value, dict):
            raise SourceError("agent-invalid", ("helm", "valuesObject"), "values must be a mapping")
        return value
    written = helm.get("values")
    if written is None or written == "":
        return {}
    file = read_yaml(text(written).encode("utf-8", "surrogateescape"))
    found = file.documents[0].value if file.documents else {}
    if any(problem.fatal for problem in file.problems) or not isinstance(found, dict | None):
        raise SourceError("agent-invalid", ("helm", "values"), "values must be the text of a mapping")
    return found or {}


def _parameters(source: Source, helm: Mapping[str, Any]) -> Iterator[HelmParameter]:
    """Parameters by name, the last of each; those that are text are set after the others."""
    found: dict[tuple[bool, str], HelmParameter] = {}
    for index, one in enumerate(items(helm.get("parameters"))):
        name, value = text(mapping(one).get("name")), mapping(one).get("value")
        if not name or not isinstance(value, str | None):
            message = "a parameter must have a name and a value, both text"
            raise SourceError("agent-invalid", ("helm", "parameters", index), message)
        forced = mapping(one).get("forceString") is True
        found[forced, name] = HelmParameter(name, source.expand(value or ""), forced)
    yield from (found[key] for key in sorted(found))


def _file_parameters(source: Source, helm: Mapping[str, Any]) -> Iterator[HelmParameter]:
    files = ValuesFiles(source)
    for index, one in enumerate(items(helm.get("fileParameters"))):
        at: FieldPath = ("helm", "fileParameters", index)
        path = files.resolve(mapping(one).get("path"), at)
        reached = source.workshop.context.documents.files(source.workshop.tree).resolve(path)
        if reached.kind is not PathKind.FILE:
            message = f"it takes a parameter from {text(mapping(one).get('path'))!r}, which the tree does not have"
            raise SourceError("agent-dangling-reference", at, message)
        yield HelmParameter(text(mapping(one).get("name")), path)


def _finish(source: Source, answer: HelmRendering) -> Part:
    owner = source.owner
    problems = [
        replace(problem, origin=owner.owned(problem.origin) if problem.origin is not None else None)
        for problem in answer.problems
    ]
    if answer.outcome is not HelmOutcome.RENDERED:
        if not problems:
            message = f"it could not be rendered: {answer.complaint or answer.outcome.value}"
            problems.append(source.problem("helm-failed", (), message, detail=answer.digest))
        elsewhere = answer.outcome is HelmOutcome.ELSEWHERE
        state = dict.fromkeys(
            (*answer.files, *source.overrides), Coverage.NOT_RENDERED if elsewhere else Coverage.FAILED
        )
        return Part(problems=tuple(problems), files=state)
    return Part(
        resources=tuple(replace(one, origin=owner.owned(one.origin)) for one in answer.resources),
        variants=answer.variants,
        problems=tuple(problems),
        files={**answer.files, **dict.fromkeys(source.overrides, Coverage.CONSUMED)},
    )
