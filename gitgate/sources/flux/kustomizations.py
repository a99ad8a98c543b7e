"""Flux Kustomizations: rendered as kustomize-controller renders them.

Sources: fluxcd/kustomize-controller, internal/controller/kustomization_controller.go; fluxcd/pkg, kustomize and ssa.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.errors import ToolError
from gitgate.location import Location, Precision
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.flux.artifact import BEING_A_LINK, Artifact, artifact_of
from gitgate.sources.flux.dependencies import contested_problems, dependency_problems
from gitgate.sources.flux.envsubst import SubstitutionError
from gitgate.sources.flux.generate import SpecError, root_node
from gitgate.sources.flux.sources import FluxSource, Whose, find_source, inside_source, source_key
from gitgate.sources.flux.substitution import (
    Substitution,
    decryptable,
    is_strict,
    sources_of,
    unknown_in,
    variables_of,
    with_unknown,
)
from gitgate.sources.kustomize_build import Built
from gitgate.sources.kustomize_graph import HARMLESS, Closure, KustomizeGraph, Node
from gitgate.sources.kustomize_render import KustomizeRenderer, Rendered
from gitgate.sources.objects import read_objects
from gitgate.sources.owners import Entry, Outcome, Owner, Work, Workshop, digest_of, items, mapping, text
from gitgate.sources.tree_files import PathKind

GROUP = "kustomize.toolkit.fluxcd.io"
KIND = "Kustomization"
_NAMES = 10
"""Variables that a message names."""


@dataclass(frozen=True, slots=True)
class FluxKustomizations:
    """See `OwnerType`."""

    def entry(self, resource: Resource) -> Entry | None:
        """See `OwnerType`."""
        spec = mapping(resource.data.get("spec"))
        reference = mapping(spec.get("sourceRef"))
        if not reference:
            return None
        path = inside_source(FluxSource(Whose.OURS, ""), spec.get("path")) or ""
        return Entry((path,), source_key(reference, resource.id.namespace))

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """See `OwnerType`: for its source, and for objects that hold its variables."""
        world = workshop.world(owner)
        if find_source(owner, world, mapping(owner.spec.get("sourceRef"))).whose is Whose.UNKNOWN:
            return True
        return any(world.find("", kind, owner.namespace, name) is None for kind, name, _, _ in sources_of(owner))

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """See `OwnerType`."""
        world = workshop.world(owner)
        source = find_source(owner, world, mapping(owner.spec.get("sourceRef")))
        files = workshop.context.documents.files(workshop.tree)
        place = inside_source(source, owner.spec.get("path"))
        resolved = files.resolve(place or "")
        here = resolved.kind is PathKind.DIRECTORY
        if place is None or source.whose is Whose.OTHERS or (source.whose is Whose.UNKNOWN and not here):
            reason = f"its source is {source.told}"
            message = f"{owner.name} applies content of another source, {source.told}, which is not judged here"
            path = ("spec", "sourceRef")
            problem = workshop.problem(owner, "agent-not-rendered", message, path, detail=digest_of(owner.spec))
            return Work.done(Outcome(problems=(problem,), not_rendered=reason))
        if not here:
            shown = text(owner.spec.get("path")) or "."
            message = f"{owner.name} applies the directory {shown!r}, which the tree does not have"
            problem = workshop.problem(owner, "agent-dangling-reference", message, ("spec", "path"), detail=shown)
            return Work.done(Outcome(problems=(problem,)))
        if resolved.links:
            shown = text(owner.spec.get("path"))
            message = f"{owner.name} applies the directory {shown!r}, which a symbolic link leads to: Flux fetches none"
            problem = workshop.problem(owner, "agent-dangling-reference", message, ("spec", "path"), detail=shown)
            return Work.done(Outcome(problems=(problem,)))
        artifact = artifact_of(owner, mapping(owner.spec.get("sourceRef")), workshop)
        left_out = _left_out(artifact, files.below(resolved.path))
        if left_out:
            message = f"{owner.name} applies {resolved.path!r}, and {left_out} keeps all of it out of what Flux fetches"
            problem = workshop.problem(
                owner, "agent-dangling-reference", message, ("spec", "path"), detail=f"{resolved.path} {left_out}"
            )
            return Work.done(Outcome(problems=(problem,)))
        try:
            node = root_node(owner, resolved.path, workshop.graph, files, artifact)
        except SpecError as error:
            message = f"{owner.name} cannot be read: {'.'.join(map(str, error.field))} {error}"
            problem = workshop.problem(owner, "agent-invalid", message, error.field, detail=owner.digest)
            return Work.done(Outcome(problems=(problem,)))
        return _Rendering.begin(owner, workshop, node, artifact)

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """See `OwnerType`."""
        world = workshop.world(owner)
        reference = mapping(owner.spec.get("sourceRef"))
        source = find_source(owner, world, reference)
        if source.whose is Whose.UNKNOWN:
            code = "agent-unproved-reference" if world.incomplete or owner.cluster.found else "agent-dangling-reference"
            message = f"{owner.name} reads from {source.told}, which nothing in the repository defines"
            yield workshop.problem(owner, code, message, ("spec", "sourceRef"), detail=source.told)
        yield from contested_problems(owner, workshop, sources_of(owner))
        yield from dependency_problems(owner, workshop, (GROUP, KIND))


@dataclass(frozen=True, slots=True)
class _Rendering:
    """The rendering of one Kustomization."""

    owner: Owner
    workshop: Workshop
    graph: KustomizeGraph
    node: Node
    closure: Closure
    generated: bool

    @staticmethod
    def begin(owner: Owner, workshop: Workshop, node: Node, artifact: Artifact) -> Work:
        """Follow and check what it names, and prepare the program's run."""
        own = workshop.graph.nodes.get(node.directory)
        graph, blamed = workshop.graph.with_root(node)
        closure = graph.closure(node.directory, loose=True)
        rendering = _Rendering(owner, workshop, graph, node, closure, own is None)
        problems = [*rendering._reference_problems(own, blamed), *rendering._excluded(artifact)]
        workshop.context.documents.load(workshop.tree, closure.files)
        flawed = any(graph.nodes[directory].problems for directory in closure.nodes)
        if own is not None:
            flawed = flawed or bool(own.problems)
        flawed = flawed and not (closure.partly and (own is None or len(own.problems) == len(own.remote)))
        if problems or flawed or rendering._is_unreadable():
            return Work.done(rendering._failed(problems))
        return rendering._work()

    def _reference_problems(self, own: Node | None, blamed: Iterable[tuple[Any, Problem]]) -> Iterator[Problem]:
        """What is wrong with what the spec adds; the kustomization's own mistakes are told where it stands."""
        for flaw in self.node.kustomization.flaws if own is None or not own.kustomization.flaws else ():
            message = f"{self.owner.name} makes a kustomization that cannot be rendered: {flaw.message}"
            yield self.workshop.problem(self.owner, "agent-invalid", message, ("spec",), detail=flaw.message)
        before = len(items(own.kustomization.value.get("components"))) if own is not None else 0
        for reference, problem in blamed:
            index = reference.field[1] if reference.field[:1] == ("components",) else -1
            if isinstance(index, int) and index >= before:
                path = ("spec", "components", index - before)
                message = f"{self.owner.name}: {problem.message}"
                yield self.workshop.problem(
                    self.owner, "agent-dangling-reference", message, path, fix=problem.fix, detail=reference.text
                )
            elif own is None:
                yield self.workshop.problem(
                    self.owner, problem.code, f"{self.owner.name}: {problem.message}", ("spec", "path"),
                    fix=problem.fix, detail=f"{reference.text} {self.closure.digest}",
                )  # fmt: skip

    def _excluded(self, artifact: Artifact) -> Iterator[Problem]:
        """Files that are named and that Flux does not fetch: its build fails where the one here would not."""
        for path in (*self.closure.files, *self.closure.links):
            told = artifact.excluded_by(path)
            if told is not None and not (self.generated and path == self.node.path):
                message = (
                    f"{self.owner.name} needs {path}, which {told} keeps out of what Flux fetches: its build fails"
                )
                fix = "Let the pattern leave the file in, or do not name the file."
                fix = "Commit the file itself." if told == BEING_A_LINK else fix
                yield self.workshop.problem(
                    self.owner, "agent-dangling-reference", message, ("spec", "path"), fix=fix, detail=f"{path} {told}"
                )

    def _is_unreadable(self) -> bool:
        """Is one of the files too large, or one that is read as YAML none?"""
        tree, documents = self.workshop.tree, self.workshop.context.documents
        if any(documents.source(tree, path) is None for path in self.closure.files):
            return True
        nodes = tuple(self._nodes())
        read = {path for node in nodes for path, kind in (*node.files.items(), *node.outside.items()) if kind != "data"}
        inside = {path for node in (self.node, *nodes) for path in node.files}
        return any(
            problem.fatal and problem.code not in HARMLESS
            for path in self.closure.files
            if path in read and path in inside
            for problem in documents.read(tree, path).problems
        )

    def _nodes(self) -> Iterator[Node]:
        return (self.graph.nodes[directory] for directory in self.closure.nodes)

    def _work(self) -> Work:
        builder = self.workshop.context.builder
        value = digest_of(self.node.kustomization.value)
        key = (f"{self.closure.root}\0{value}", self.closure.digest)
        if key in builder.rendered:
            known: Rendered = builder.rendered[key]
            return Work(None, lambda _: self._finish(known, reused=True))
        try:
            builder.program()
        except ToolError as error:
            message = f"{error}, so {self.owner.name} could not be rendered"
            problem = self.workshop.problem(
                self.owner, "kustomize-missing", message, ("spec",), fix=error.remedy, detail=self.closure.digest
            )
            return Work.done(self._failed((problem,)))
        renderer = KustomizeRenderer(self.workshop.tree, self.workshop.context, self.graph, loose=True)
        wanted = renderer.input(self.closure)

        def finish(built: Built) -> Outcome:
            builder.rendered[key] = rendered = renderer.read(self.closure, built)
            return self._finish(rendered, reused=False)

        return Work(lambda: builder.build(wanted), finish)

    def _finish(self, rendered: Rendered, *, reused: bool) -> Outcome:
        problems = [self._told(problem) for problem in rendered.problems]
        if rendered.failed:
            return self._failed(problems)
        changed, found = self._substituted(rendered.resources)
        state = self.closure.states(Coverage.CONSUMED)
        return Outcome(
            resources=tuple(changed),
            problems=(*problems, *found),
            files=state | dict.fromkeys(rendered.encrypted, Coverage.OPAQUE),
            closures=(self._framed() if self.closure.partly else self.closure,),
            yaml_files=self._yaml_files(),
            reused=reused,
        )

    def _told(self, problem: Problem) -> Problem:
        """A problem of the rendering, with its owner; a generated kustomization has no file to point at."""
        origin = self.owner.owned(problem.origin) if problem.origin is not None else None
        message = problem.message
        if problem.code == "kustomize-failed":
            message = f"{self.owner.name}: {message}"
        location = problem.location
        if self.generated and location.path == self.node.path:
            location = self.workshop.place(self.owner.resource.origin, ("spec", "path"))
        return replace(problem, origin=origin, message=message, location=location)

    def _failed(self, problems: Iterable[Problem]) -> Outcome:
        paths = (*self.closure.files, *self.closure.links)
        framed = self._framed()
        return Outcome(
            problems=tuple(framed.renewed(problem, self.closure) for problem in problems),
            files=dict.fromkeys(paths, Coverage.FAILED),
            closures=(framed,),
            yaml_files=self._yaml_files(),
        )

    def _framed(self) -> Closure:
        """What it reads. What cannot be judged of it is new whenever it comes out otherwise, whatever the reason."""
        variables = variables_of(self.owner, self.workshop.world(self.owner)).values
        spec = {name: self.owner.spec.get(name) for name in ("commonMetadata", "kubeConfig", "postBuild")}
        return self.closure.under(self.node.kustomization.value, [dict(variables), spec])

    def _yaml_files(self) -> frozenset[str]:
        """Files that only this rendering reads as objects: those of a generated kustomization, and those outside."""
        own = frozenset(self.node.files) if self.generated else frozenset()
        outside = {path for node in self._nodes() for path, kind in node.outside.items() if kind != "data"}
        return own | outside

    def _substituted(self, resources: Iterable[Resource]) -> tuple[list[Resource], list[Problem]]:
        """The objects with their variables expanded and the common metadata laid over."""
        owner, workshop = self.owner, self.workshop
        world = workshop.world(owner)
        substitution = Substitution(variables_of(owner, world), is_strict(world))
        common = mapping(owner.spec.get("commonMetadata"))
        changed: list[Resource] = []
        problems: list[Problem] = []
        inherited = unknown_in(owner.resource)
        decrypts = mapping(owner.spec.get("decryption")).get("provider") == "sops"
        for found in resources:
            resource, ciphers = decryptable(found) if decrypts else (found, ())
            origin = owner.owned(resource.origin)
            try:
                data, unresolved = substitution.apply(resource.data)
            except SubstitutionError as error:
                message = f"{owner.name} cannot expand the variables in {resource.id}: {error}"
                problem = _at_object("agent-substitution", message, resource, self.closure.digest)
                problems.append(replace(problem, origin=origin))
                changed.append(replace(resource, origin=origin))
                continue
            data = with_metadata(data, common)
            if data is resource.data:
                changed.append(with_unknown(replace(resource, origin=origin, unresolved=ciphers), inherited))
                continue
            unresolved = (*ciphers, *unresolved)
            objects = read_objects(data, origin, lambda _, origin=origin: Location(origin.path, None, Precision.FILE))  # type: ignore[misc]
            problems.extend(objects.problems)
            guessed = substitution.guessed(resource.data)
            absent = substitution.without_unknown(resource.data) if unresolved else None
            otherwise = with_metadata(absent, common) if absent is not None and len(objects.resources) == 1 else None
            changed.extend(
                replace(one, unresolved=unresolved, otherwise=otherwise, guessed=guessed, sealed=resource.sealed)
                for one in objects.resources
            )
        problems.extend(self._unknown(substitution))
        return changed, problems

    def _unknown(self, substitution: Substitution) -> Iterator[Problem]:
        if substitution.undefined and not substitution.strict:
            does = (
                "puts nothing in their place"
                if substitution.strict is False
                else "fails, or puts nothing in their place"
            )
            names = _shown(substitution.undefined)
            message = f"{self.owner.name} has variables with neither value nor default: {names}; Flux {does}"
            yield self.workshop.problem(
                self.owner, "agent-undefined-variable", message, ("spec", "postBuild"), detail=names
            )
        if not substitution.unknown or not substitution.variables.missing:
            return  # what an owner above does not know is told of that one
        names = _shown(substitution.unknown)
        missing = ", ".join(told for told, _ in substitution.variables.missing)
        message = f"{self.owner.name} has variables without a value in the repository: {names}; it has no {missing}"
        _, path = substitution.variables.missing[0]
        yield self.workshop.problem(
            self.owner, "agent-unresolved-variable", f"{message} in plain text", path, detail=names
        )


def _shown(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _NAMES} more" if len(listed) > _NAMES else ""
    return ", ".join(listed[:_NAMES]) + more


def _left_out(artifact: Artifact, paths: Iterable[str]) -> str:
    """What leaves out all that lies in a directory; empty where something of it is fetched."""
    told = ""
    for path in paths:
        found = artifact.excluded_by(path)
        if found is None:
            return ""
        told = found
    return told


def _at_object(code: str, message: str, resource: Resource, detail: str) -> Problem:
    location = Location(resource.origin.path, None, Precision.FILE)
    return Problem(
        code=code,
        message=message,
        location=location,
        resource=resource.id,
        origin=resource.origin,
        discriminator=detail,
    )


def with_metadata(data: Mapping[str, Any], common: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object with labels and annotations laid over its own: fluxcd/pkg, ssa/normalize, `SetCommonMetadata`."""
    for name in ("labels", "annotations"):
        added = {key: value for key, value in mapping(common.get(name)).items() if isinstance(value, str)}
        if added:
            metadata = mapping(data.get("metadata"))
            data = {**data, "metadata": {**metadata, name: {**mapping(metadata.get(name)), **added}}}
    return data
