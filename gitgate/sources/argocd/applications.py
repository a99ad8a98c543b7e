"""Argo CD Applications: every source of this repository rendered as Argo CD renders it.

Sources: argo-cd, controller/state.go, `GetRepoObjs`; reposerver/repository/repository.go, `GenerateManifests`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.proposal import Conditional, Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.argocd.directory import read_directory
from gitgate.sources.argocd.globs import is_glob
from gitgate.sources.argocd.helm import NotHereError, ValuesFiles, helm_step
from gitgate.sources.argocd.kustomize import Step, kustomize_step
from gitgate.sources.argocd.placing import IN_CLUSTER, placed, scopes_of
from gitgate.sources.argocd.projects import cluster_secrets, project_of, refusals, secret_value
from gitgate.sources.argocd.repository import GROUP, is_elsewhere, is_ours, shown_url, sources_of
from gitgate.sources.argocd.source import Part, Source, SourceError, destination
from gitgate.sources.helm_variants import conditional
from gitgate.sources.owners import Entry, Outcome, Owner, Work, Workshop, mapping, text
from gitgate.sources.tree_files import PathKind

KIND = "Application"
_DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class ArgoApplications:
    """See `OwnerType`."""

    def entry(self, resource: Resource) -> Entry | None:
        """See `OwnerType`: where Argo CD begins is found apart (`entries.py`), so it names no paths."""
        del resource
        return Entry((), "")

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """See `OwnerType`: for its project."""
        named = text(owner.spec.get("project")) or _DEFAULT_PROJECT
        return named != _DEFAULT_PROJECT and project_of(owner, workshop.world(owner)) is None

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """See `OwnerType`."""
        plan = _Plan(owner, workshop)
        sources = sources_of(owner.spec)
        references = {
            text(source.get("ref")): source for _, source in sources if text(source.get("ref")) and len(sources) > 1
        }
        for path, value in sources:
            plan.add(path, value, references, several=len(sources) > 1)
        if not sources:
            message = f"{owner.name} names no source, so Argo CD applies nothing of it"
            plan.problems.append(workshop.problem(owner, "agent-invalid", message, ("spec",), detail=owner.digest))
        return plan.work()

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """See `OwnerType`: its project, and the cluster that it names."""
        world = workshop.world(owner)
        named = text(owner.spec.get("project")) or _DEFAULT_PROJECT
        if named != _DEFAULT_PROJECT and project_of(owner, world) is None:
            known = any(True for _ in world.of_kind(GROUP, "AppProject"))
            code = "agent-dangling-reference" if known and not world.incomplete else "agent-unproved-reference"
            message = f"{owner.name} belongs to the project {named}, which nothing in the repository defines"
            path: FieldPath = ("spec", "project")
            yield workshop.problem(owner, code, message, path, detail=named)
        yield from _cluster_problems(owner, workshop)


def _cluster_problems(owner: Owner, workshop: Workshop) -> Iterator[Problem]:
    value = destination(owner)
    for key, own in (("name", IN_CLUSTER[0]), ("server", IN_CLUSTER[1])):
        named = text(value.get(key)).rstrip("/")
        if not named or named == own:
            continue
        known = {secret_value(secret, key).rstrip("/") for secret in cluster_secrets(workshop.world(owner))}
        if named not in known:
            told = f"no Secret of the repository registers the cluster {shown_url(named)}"
            path: FieldPath = ("spec", "destination", key)
            problem = workshop.problem(owner, "agent-unproved-reference", f"{owner.name}: {told}", path, detail=named)
            yield replace(problem, common=told)


@dataclass(slots=True)
class _Plan:
    """The rendering of one Application.

    Attributes:
        steps: What is to be rendered, in the order of the sources.
        elsewhere: Why sources are not rendered.
        charts: How many of them are charts of registries.
    """

    owner: Owner
    workshop: Workshop
    steps: list[Step] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, Coverage] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    charts: int = 0

    def add(
        self, path: FieldPath, value: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]], *, several: bool
    ) -> None:
        """Take in one source."""
        source = Source(
            owner=self.owner, workshop=self.workshop, place=path, value=value, directory="", references=references
        )
        where = text(value.get("path"))
        if value.get("chart"):
            self._note_chart(source)
        elif several and text(value.get("ref")) and not where:
            return
        elif not is_ours(value, self.owner, self.workshop):
            self._leave(source, ("repoURL",), f"it applies content of another repository, {_shown(value)}")
        elif is_elsewhere(value.get("targetRevision"), self.workshop.context.memory):
            revision = text(value.get("targetRevision"))
            self._leave(source, ("targetRevision",), f"it applies the revision {revision!r}, not what is judged here")
        else:
            self._render(source, where)

    def _render(self, source: Source, where: str) -> None:
        try:
            self.steps.append(_step(_at(source, where)))
        except SourceError as error:
            self.problems.append(
                source.problem(error.code, error.field, str(error), detail=f"{error} {self.owner.digest}")
            )
        except NotHereError as error:
            self._leave(source, error.field, f"{error}, which is not judged here")

    def _leave(self, source: Source, path: FieldPath, message: str) -> None:
        self.elsewhere.append(message)
        self.problems.append(
            source.problem("agent-not-rendered", path, message, detail=f"{message} {self.owner.digest}")
        )

    def _note_chart(self, source: Source) -> None:
        """A chart of a registry; its values files may all the same be ours."""
        self.elsewhere.append(f"its chart comes from {_shown(source.value)}")
        self.charts += 1
        files = ValuesFiles(source)
        helm = mapping(source.value.get("helm"))
        for index, written in enumerate(
            helm.get("valueFiles") or () if isinstance(helm.get("valueFiles"), list) else ()
        ):
            if text(written).startswith("$"):  # others are files of the chart
                self._note_values(source, files, written, ("helm", "valueFiles", index))

    def _note_values(self, source: Source, files: ValuesFiles, written: Any, at: FieldPath) -> None:
        try:
            named = files.resolve(written, at)
        except SourceError as error:
            self.problems.append(source.problem(error.code, error.field, str(error)))
            return
        except NotHereError:
            return
        documents = self.workshop.context.documents.files(self.workshop.tree)
        lenient = mapping(source.value.get("helm")).get("ignoreMissingValueFiles") is True
        if documents.resolve(named).kind is PathKind.FILE:
            self.files[named] = Coverage.NOT_RENDERED
        elif not is_glob(named) and not lenient:
            message = f"it takes values from {text(written)!r}, which the tree does not have"
            self.problems.append(source.problem("agent-dangling-reference", at, message))

    def work(self) -> Work:
        """The rendering of all sources, cut where programs run."""
        runs = [run for run, _ in self.steps if run is not None]

        def finish(answers: Any) -> Outcome:
            waiting = iter(answers or ())
            parts = [finish_one(next(waiting) if run is not None else None) for run, finish_one in self.steps]
            return self._outcome(parts)

        return Work((lambda: [run() for run in runs]) if runs else None, finish)

    def _outcome(self, parts: list[Part]) -> Outcome:
        problems = [*self.problems, *(problem for part in parts for problem in part.problems)]
        world = self.workshop.world(self.owner)
        found = placed(self.owner, [one for part in parts for one in part.resources], world)
        otherwise = Conditional.of(
            conditional(
                placed(self.owner, part.resources, world),
                ((condition, placed(self.owner, variant, world)) for condition, variant in part.variants),
            )
            for part in parts
        )
        problems.extend(refusals(self.owner, self.workshop, found, scopes_of(found, world)))
        files = dict(self.files)
        for part in parts:
            for path, state in part.files.items():
                files[path] = Coverage.FAILED if files.get(path) is Coverage.FAILED else state
        return Outcome(
            resources=found,
            conditional=otherwise,
            problems=tuple(problems),
            files=files,
            closures=tuple(closure for part in parts for closure in part.closures),
            yaml_files=frozenset().union(*(part.yaml_files for part in parts)),
            not_rendered="; ".join(self.elsewhere) if not parts else "",
            in_part=bool(parts) and self.charts > 0,
            reused=bool(parts) and all(part.reused for part in parts),
        )


def _at(source: Source, where: str) -> Source:
    """The source at its directory. Source: argo-cd, util/app/path, `Path`."""
    workshop = source.workshop
    if where.startswith("/"):
        raise SourceError("agent-invalid", ("path",), f"the path {where!r} is absolute, which Argo CD refuses")
    joined = posixpath.normpath(where or ".")
    reached = workshop.context.documents.files(workshop.tree).resolve(joined)
    if joined == ".." or joined.startswith("../") or reached.kind is PathKind.ESCAPING:
        raise SourceError("agent-invalid", ("path",), f"the path {where!r} is outside the repository")
    if reached.kind is not PathKind.DIRECTORY:
        message = f"it applies the directory {where or '.'!r}, which the tree does not have"
        raise SourceError("agent-dangling-reference", ("path",), message)
    return replace(source, directory=reached.path).with_overrides()


def _step(source: Source) -> Step:
    tool = source.tool()
    if tool == "kustomize":
        return kustomize_step(source)
    if tool == "helm":
        return helm_step(source)
    if tool == "plugin":
        raise NotHereError(
            ("plugin",), f"it is rendered by the plugin {text(mapping(source.value['plugin']).get('name'))!r}"
        )
    return None, lambda _: read_directory(source)


def _shown(source: Mapping[str, Any]) -> str:
    chart = f", chart {text(source.get('chart'))}" if source.get("chart") else ""
    return f"{shown_url(text(source.get('repoURL'))) or 'nowhere'}{chart}"
