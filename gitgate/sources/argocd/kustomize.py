"""A kustomization as Argo CD renders it: edited by the Application's fields first, built by kustomize then.

Sources: argo-cd, util/kustomize/kustomize.go, `Build`; kustomize, kustomize/commands/edit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.errors import ToolError
from gitgate.location import FieldPath
from gitgate.proposal import Coverage, Problem
from gitgate.sources.argocd.source import Part, Source, SourceError, destination
from gitgate.sources.kustomization import read_kustomization
from gitgate.sources.kustomize_build import Built
from gitgate.sources.kustomize_graph import HARMLESS, Closure, KustomizeGraph, Node
from gitgate.sources.kustomize_render import KustomizeRenderer, Rendered
from gitgate.sources.owners import digest_of, items, mapping, text
from gitgate.sources.tree_files import PathKind

_TAG = re.compile(r"(.*):([a-zA-Z0-9._-]*|\*)", re.DOTALL)
_TARGET = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")
Step = tuple[Callable[[], Any] | None, Callable[[Any], Part]]
"""What runs beside others, and what makes a part of its answer."""


def kustomize_step(source: Source) -> Step:
    """Prepare to render a kustomization.

    Raises:
        SourceError: A field cannot be read, or names nothing.
    """
    graph = source.workshop.graph
    own = graph.nodes.get(source.directory)
    if own is None:
        message = f"it has kustomize render {source.directory or '.'!r}, which has no kustomization"
        raise SourceError("agent-dangling-reference", ("path",), message)
    value = edited(own.kustomization.value, source)
    return _Build.begin(source, graph, own, value)


def edited(base: Mapping[str, Any], source: Source) -> Mapping[str, Any]:
    """The kustomization as `kustomize edit` leaves it.

    Raises:
        SourceError: A field cannot be read.
    """
    spec = mapping(source.value.get("kustomize"))
    value = dict(base)
    for name in ("namePrefix", "nameSuffix", "namespace"):
        if text(spec.get(name)):
            value[name] = spec[name]
    if items(spec.get("images")):
        value["images"] = with_images(
            items(value.get("images")), [source.expand(text(one)) for one in items(spec["images"])]
        )
    if items(spec.get("replicas")):
        value["replicas"] = _replicas(items(value.get("replicas")), items(spec["replicas"]))
    if mapping(spec.get("commonLabels")):
        _add_labels(value, source, spec)
    if mapping(spec.get("commonAnnotations")):
        expand = source.expand if spec.get("commonAnnotationsEnvsubst") is True else str
        added = {key: expand(text(one)) for key, one in spec["commonAnnotations"].items()}
        forced = spec.get("forceCommonAnnotations") is True
        value["commonAnnotations"] = _added(value.get("commonAnnotations"), added, "commonAnnotations", forced=forced)
    if items(spec.get("patches")):
        value["patches"] = [*items(value.get("patches")), *map(_patch, items(spec["patches"]))]
    present = items(value.get("components"))
    components = [one for one in _components(source, spec) if one not in present]
    if components:
        value["components"] = [*present, *components]
    return value


def parse_image(written: str) -> dict[str, str]:
    """An image as `kustomize edit set image` takes it: `name=new:tag`, `name:tag`, `name@digest`.

    Raises:
        SourceError: It is none.
    """
    parts = written.split("=")
    name, new = (parts[0], parts[1]) if len(parts) == 2 else ("", written)
    pieces = new.split("@")
    tagged = _TAG.fullmatch(pieces[0])
    image = {"newTag": tagged[2]} if tagged else {}
    if len(pieces) > 1:
        image["digest"] = pieces[1]
    place = tagged[1] if tagged else pieces[0]
    if not place or not (image or name):
        raise SourceError("agent-invalid", ("kustomize", "images"), f"{written!r} is no image for kustomize")
    return {"name": name, "newName": place, **image} if name else {"name": place, **image}


def with_images(present: list[Any], wanted: list[str]) -> list[Any]:
    """Images by name: those of the Application stand for those of the kustomization, `*` keeps what is there."""
    found: dict[str, dict[str, Any]] = {}
    for written in wanted:
        image = parse_image(written)
        found[image["name"]] = dict(image)
    for image in present:
        name = text(mapping(image).get("name"))
        new = found.get(name)
        if new is None:
            found[name] = dict(mapping(image))
            continue
        for key in ("newName", "newTag", "digest"):
            if new.get(key) == "*":
                new.pop(key)
                new.update({key: image[key]} if key in image else {})
    return [found[name] for name in sorted(found)]


def _replicas(present: list[Any], wanted: list[Any]) -> list[Any]:
    found = {text(mapping(one).get("name")): dict(mapping(one)) for one in present}
    for one in wanted:
        name, count = text(mapping(one).get("name")), mapping(one).get("count")
        shown = str(count)
        if not name or isinstance(count, bool) or not re.fullmatch(r"[0-9]{1,9}", shown, re.ASCII):
            raise SourceError("agent-invalid", ("kustomize", "replicas"), "an entry has no name, or no count")
        found[name] = {"name": name, "count": int(shown)}
    return [found[name] for name in sorted(found)]


def _add_labels(value: dict[str, Any], source: Source, spec: Mapping[str, Any]) -> None:
    added = {key: source.expand(text(one)) for key, one in spec["commonLabels"].items()}
    forced = spec.get("forceCommonLabels") is True
    if spec.get("labelWithoutSelector") is not True:
        value["commonLabels"] = _added(value.get("commonLabels"), added, "commonLabels", forced=forced)
        return
    templates = spec.get("labelIncludeTemplates") is True
    labels = [dict(mapping(one)) for one in items(value.get("labels"))]
    for one in labels:
        if one.get("includeSelectors") is not True and (one.get("includeTemplates") is True) == templates:
            one["pairs"] = _added(one.get("pairs"), added, "commonLabels", forced=forced)
            break
    else:
        labels.append({"pairs": added, **({"includeTemplates": True} if templates else {})})
    value["labels"] = labels


def _added(present: Any, added: Mapping[str, str], name: str, *, forced: bool) -> dict[str, Any]:
    known = dict(mapping(present))
    twice = sorted(key for key in added if key in known)
    if twice and not forced:
        message = f"{twice[0]!r} is in the kustomization already, and Argo CD is not told to force it"
        raise SourceError("agent-invalid", ("kustomize", name), message)
    return {**known, **added}


def _patch(patch: Any) -> Mapping[str, Any]:
    value = mapping(patch)
    kept: dict[str, Any] = {key: value[key] for key in ("path", "patch") if text(value.get(key))}
    if mapping(value.get("target")):
        kept["target"] = {key: value["target"][key] for key in _TARGET if text(value["target"].get(key))}
    if mapping(value.get("options")):
        kept["options"] = dict(value["options"])
    return kept


def _components(source: Source, spec: Mapping[str, Any]) -> Iterator[str]:
    files = source.workshop.context.documents.files(source.workshop.tree)
    for index, component in enumerate(items(spec.get("components"))):
        if not text(component):
            raise SourceError("agent-invalid", ("kustomize", "components", index), "a component must be text")
        if files.resolve_from(source.directory, component).kind is not PathKind.DIRECTORY:
            if spec.get("ignoreMissingComponents") is True:
                continue
            message = f"it uses the component {component!r}, which the tree does not have"
            raise SourceError("agent-dangling-reference", ("kustomize", "components", index), message)
        yield component


@dataclass(frozen=True, slots=True)
class _Build:
    source: Source
    graph: KustomizeGraph
    closure: Closure
    value: Mapping[str, Any]
    is_edited: bool

    @staticmethod
    def begin(source: Source, graph: KustomizeGraph, own: Node, value: Mapping[str, Any]) -> Step:
        is_edited = value != own.kustomization.value
        blamed: tuple[Any, ...] = ()
        root = own
        if is_edited:
            root = Node(own.directory, own.path, read_kustomization(value), own.document)
            graph, blamed = graph.with_root(root)
        build = _Build(source, graph, graph.closure(source.directory), value, is_edited)
        problems = list(build._problems(own, root, blamed))
        if problems or build._flawed(own):
            return None, lambda _: build._failed(problems)
        return build._step()

    def _problems(self, own: Node, root: Node, blamed: tuple[Any, ...]) -> Iterator[Problem]:
        """What is wrong with what the Application adds, and with files outside, which Argo CD does not let it read."""
        if not own.kustomization.flaws:
            for flaw in root.kustomization.flaws if self.is_edited else ():
                message = f"it makes a kustomization that cannot be rendered: {flaw.message}"
                yield self.source.problem("agent-invalid", ("kustomize",), message)
        known = {reference.text for reference in own.kustomization.references}
        for reference, problem in blamed:
            if reference.text not in known:
                path: FieldPath = ("kustomize", str(reference.field[0]) if reference.field else "")
                yield self.source.problem("agent-dangling-reference", path, problem.message, fix=problem.fix)
        for directory in self.closure.nodes:
            for problem in self.graph.nodes[directory].strict_problems:
                yield replace(problem, discriminator=f"{problem.discriminator} {self.closure.digest}")

    def _flawed(self, own: Node) -> bool:
        partly = self.closure.partly and len(own.problems) == len(own.remote)
        nodes = (self.graph.nodes[directory] for directory in self.closure.nodes)
        return (not partly and any(node.problems for node in (own, *nodes))) or any(
            map(self._unreadable, self.closure.files)
        )

    def _unreadable(self, path: str) -> bool:
        workshop = self.source.workshop
        if workshop.context.documents.source(workshop.tree, path) is None:
            return True
        kinds = {self.graph.nodes[directory].files.get(path) for directory in self.closure.nodes} - {None, "data"}
        if not kinds:
            return False
        problems = workshop.context.documents.read(workshop.tree, path).problems
        return any(problem.fatal and problem.code not in HARMLESS for problem in problems)

    def _step(self) -> Step:
        workshop = self.source.workshop
        builder = workshop.context.builder
        workshop.context.documents.load(workshop.tree, self.closure.files)
        root = f"{self.closure.root}\0{digest_of(self.value)}" if self.is_edited else self.closure.root
        key = (root, self.closure.digest)
        if key in builder.rendered:
            known: Rendered = builder.rendered[key]
            return None, lambda _: self._finish(known, reused=True)
        try:
            builder.program()
        except ToolError as error:
            message = f"{error}, so {self.source.owner.name} could not be rendered"
            problem = self.source.problem(
                "kustomize-missing", (), message, fix=error.remedy, detail=self.closure.digest
            )
            return None, lambda _: self._failed((problem,))
        renderer = KustomizeRenderer(workshop.tree, workshop.context, self.graph)
        wanted = renderer.input(self.closure)

        def finish(built: Built) -> Part:
            builder.rendered[key] = rendered = renderer.read(self.closure, built)
            return self._finish(rendered, reused=False)

        return lambda: builder.build(wanted), finish

    def _finish(self, rendered: Rendered, *, reused: bool) -> Part:
        if rendered.failed:
            return self._failed(rendered.problems)
        owner = self.source.owner
        state = dict.fromkeys(self.source.overrides, Coverage.CONSUMED) | self.closure.states(Coverage.CONSUMED)
        return Part(
            resources=tuple(replace(one, origin=owner.owned(one.origin)) for one in rendered.resources),
            problems=tuple(self._told(problem) for problem in rendered.problems),
            files=state | dict.fromkeys(rendered.encrypted, Coverage.OPAQUE),
            closures=(self._framed() if self.closure.partly else self.closure,),
            reused=reused,
        )

    def _told(self, problem: Problem) -> Problem:
        origin = self.source.owner.owned(problem.origin) if problem.origin is not None else None
        return replace(problem, origin=origin)

    def _failed(self, problems: tuple[Problem, ...] | list[Problem]) -> Part:
        framed = self._framed()
        told = [framed.renewed(problem, self.closure) for problem in problems]
        part = self.source.failed(told, (*self.closure.files, *self.closure.links))
        return replace(part, closures=(framed,))

    def _framed(self) -> Closure:
        """What it reads. What cannot be judged of it is new whenever it comes out otherwise, whatever the reason."""
        return self.closure.under(self.value, destination(self.source.owner))
