"""Argo CD ApplicationSets: the Applications that they make.

Sources: argo-cd, applicationset/controllers/template and applicationset/utils/utils.go, `RenderTemplateParams`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath, Location, Precision
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.argocd.generators import GeneratorError, Generators
from gitgate.sources.argocd.projects import cluster_secrets
from gitgate.sources.argocd.repository import GROUP
from gitgate.sources.argocd.source import SourceError, merge_patch
from gitgate.sources.argocd.templates import TemplateError, UnresolvedError, replace_deep
from gitgate.sources.effort import LimitError
from gitgate.sources.objects import read_objects
from gitgate.sources.owners import Entry, Outcome, Owner, Work, Workshop, items, mapping, text
from gitgate.yaml_document import read_yaml

KIND = "ApplicationSet"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"


@dataclass(frozen=True, slots=True)
class ArgoApplicationSets:
    """See `OwnerType`."""

    def entry(self, resource: Resource) -> Entry | None:
        """See `OwnerType`: where Argo CD begins is found apart (`entries.py`), so it names no paths."""
        del resource
        return Entry((), "")

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """See `OwnerType`: for Secrets of clusters."""
        asks = "'clusters'" in str(owner.spec.get("generators"))
        return asks and not any(True for _ in cluster_secrets(workshop.world(owner)))

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """See `OwnerType`."""
        return Work.done(_Making(owner, workshop, Generators(owner, workshop, {}, {})).outcome())

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """See `OwnerType`: its Applications are examined as what they are."""
        del owner, workshop
        return ()


@dataclass(frozen=True, slots=True)
class _Making:
    owner: Owner
    workshop: Workshop
    generators: Generators

    def outcome(self) -> Outcome:
        """The Applications, or why they are not known."""
        owner, workshop = self.owner, self.workshop
        problems: list[Problem] = []
        made: list[Resource] = []
        for index, generator in enumerate(items(owner.spec.get("generators"))):
            at: FieldPath = ("spec", "template")
            try:
                made.extend(self._applications(generator, index, problems))
            except LimitError as error:
                message = f"{owner.name} {error}; none of its Applications was judged"
                at = ("spec", "generators", index)
                problems.append(workshop.problem(owner, "agent-limit", message, at, detail=owner.digest))
            except GeneratorError as error:
                code = "agent-invalid" if error.resolved else "agent-not-rendered"
                message = f"{owner.name}: {error}; its Applications are not known"
                problems.append(workshop.problem(owner, code, message, error.field, detail=f"{error} {owner.digest}"))
            except UnresolvedError as error:
                message = f"{owner.name}: {error}, which is not worked out here; its Applications are not known"
                at = ("spec", "templatePatch") if "templatePatch" in owner.spec else at
                problems.append(workshop.problem(owner, "agent-not-rendered", message, at, detail=owner.digest))
            except (TemplateError, SourceError) as error:
                message = f"{owner.name}: {error}, so Argo CD makes no Applications of it"
                problems.append(workshop.problem(owner, "agent-invalid", message, at, detail=f"{error} {owner.digest}"))
        problems.extend(self._twice(made))
        for field, told in list(self.generators.guesses.items())[:1]:
            problem = workshop.problem(owner, "agent-unproved-reference", f"{owner.name}: {told}", field, detail=told)
            problems.append(replace(problem, common=told))
        failed = any(problem.code in {"agent-invalid", "agent-not-rendered", "agent-limit"} for problem in problems)
        return Outcome(
            resources=tuple(made),
            problems=tuple(problems),
            files=dict.fromkeys(self.generators.files, Coverage.CONSUMED),
            not_rendered="its Applications are not known" if failed and not made else "",
        )

    def _applications(self, generator: Any, index: int, problems: list[Problem]) -> Iterator[Resource]:
        spec = self.owner.spec
        for parameters, own in self.generators.sets(generator, ("spec", "generators", index), {}):
            self.workshop.effort.spend_on(spec.get("template"))
            template = _filled(mapping(own), mapping(spec.get("template")))

            def render(written: str, parameters: Mapping[str, Any] = parameters) -> str:
                return self.generators.render(written, parameters)

            made = replace_deep(template, render) if parameters else template
            made = self._patched(made, render)
            yield from self._resource(made, problems)

    def _patched(self, made: Mapping[str, Any], render: Any) -> Mapping[str, Any]:
        """The template with `templatePatch` merged in, which cannot change the project."""
        written = text(self.owner.spec.get("templatePatch"))
        if not written:
            return made
        file = read_yaml(render(written).encode("utf-8", "surrogateescape"))
        value = file.documents[0].value if file.documents else {}
        if any(problem.fatal for problem in file.problems) or not isinstance(value, dict | None):
            raise TemplateError("what templatePatch becomes cannot be read as a mapping")
        if "$" in "".join(_keys(value or {})) or "finalizers" in mapping(mapping(value).get("metadata")):
            raise UnresolvedError("templatePatch has directives of strategic merge patches, or finalizers")
        merged = merge_patch(made, value or {}, 0)
        project = mapping(made.get("spec")).get("project")
        return {**merged, "spec": {**mapping(merged.get("spec")), "project": project}}

    def _resource(self, made: Mapping[str, Any], problems: list[Problem]) -> Iterator[Resource]:
        metadata = mapping(made.get("metadata"))
        kept = {key: metadata[key] for key in ("name", "labels", "annotations", "finalizers") if metadata.get(key)}
        if self.owner.namespace:
            kept["namespace"] = self.owner.namespace
        preserves = mapping(self.owner.spec.get("syncPolicy")).get("preserveResourcesOnDeletion") is True
        if not kept.get("finalizers") and not preserves:
            kept["finalizers"] = [_FINALIZER]
        value = {
            "apiVersion": f"{GROUP}/v1alpha1", "kind": "Application", "metadata": kept,
            "spec": dict(mapping(made.get("spec"))),
        }  # fmt: skip
        origin = self.owner.resource.origin
        place = origin.rendered_by if origin.rendered_by is not None else origin.path.rpartition("/")[0] or "."
        origin = replace(self.owner.owned(origin), rendered_by=place)
        location = Location(origin.path, None, Precision.FILE)
        objects = read_objects(value, origin, lambda _: location)
        problems.extend(objects.problems)
        yield from objects.resources

    def _twice(self, made: Iterable[Resource]) -> Iterator[Problem]:
        names: set[str] = set()
        for one in made:
            if one.id.name in names:
                message = f"{self.owner.name} makes two Applications called {one.id.name}: Argo CD makes none of them"
                yield self.workshop.problem(
                    self.owner, "agent-invalid", message, ("spec", "template", "metadata", "name"), detail=one.id.name
                )
                return
            names.add(one.id.name)


def _keys(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, Mapping) and depth < 50:
        for key, inner in value.items():
            yield key
            yield from _keys(inner, depth + 1)


def _filled(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The generator's own template before the common one. Source: `mergeGeneratorTemplate`."""
    merged = dict(second)
    for key, value in first.items():
        present = merged.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            merged[key] = _filled(value, present)
        elif value not in ("", 0, False, None, [], {}):
            merged[key] = value
    return merged
