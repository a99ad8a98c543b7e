"""ResourceSets of the Flux operator: the objects written in them, once for every set of inputs.

Sources: controlplaneio-fluxcd/flux-operator, api/v1/resourceset_types.go; internal/builder/resourceset.go. What takes
more than `<< inputs.name >>` is named and not worked out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath, Location
from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.sources.effort import LimitError
from gitgate.sources.flux.envsubst import SubstitutionError
from gitgate.sources.flux.kustomizations import with_metadata
from gitgate.sources.flux.substitution import read_written, written
from gitgate.sources.objects import read_objects
from gitgate.sources.owners import Entry, Outcome, Owner, Work, Workshop, items, mapping, text

GROUP = "fluxcd.controlplane.io"
KIND = "ResourceSet"
_INPUT = re.compile(r"<< *inputs\.([A-Za-z_][A-Za-z0-9_.]*) *>>")
_DISABLED = ("fluxcd.controlplane.io/reconcile", "disabled")


class _Unresolved(Exception):  # noqa: N818 - what it says is no error of the content
    """What is not worked out here, and the field that has it."""

    def __init__(self, field: FieldPath, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class FluxResourceSets:
    """See `OwnerType`."""

    def entry(self, resource: Resource) -> Entry | None:
        """See `OwnerType`: it reads no manifests."""
        del resource
        return None

    def waits(self, owner: Owner, workshop: Workshop) -> bool:
        """See `OwnerType`."""
        del owner, workshop
        return False

    def prepare(self, owner: Owner, workshop: Workshop) -> Work:
        """See `OwnerType`."""
        try:
            found = list(_objects(owner, workshop))
        except _Unresolved as error:
            message = f"{owner.name} {error}, which is not worked out here; its objects are not known"
            problem = workshop.problem(owner, "agent-not-rendered", message, error.field, detail=owner.digest)
            return Work.done(Outcome(problems=(problem,), not_rendered=str(error)))
        except LimitError as error:
            message = f"{owner.name} {error}; none of its objects was judged"
            problem = workshop.problem(owner, "agent-limit", message, ("spec",), detail=owner.digest)
            return Work.done(Outcome(problems=(problem,)))
        return Work.done(_outcome(owner, workshop, found))

    def examine(self, owner: Owner, workshop: Workshop) -> Iterable[Problem]:
        """See `OwnerType`."""
        del owner, workshop
        return ()


def _objects(owner: Owner, workshop: Workshop) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    spec = owner.spec
    for field, told in (("inputsFrom", "takes inputs from elsewhere"), ("resourcesTemplate", "is made of a template")):
        if spec.get(field):
            raise _Unresolved(("spec", field), told)
    for index, step in enumerate(map(mapping, items(spec.get("steps")))):
        if step.get("resourcesTemplate"):
            raise _Unresolved(("spec", "steps", index, "resourcesTemplate"), "is made of a template")
    lists: list[FieldPath] = [("spec", "resources")]
    lists += [("spec", "steps", index, "resources") for index in range(len(items(spec.get("steps"))))]
    inputs = [mapping(one) for one in items(spec.get("inputs"))] or [{}]
    for path in lists:
        for index, one in enumerate(items(_at(owner.resource.data, path))):
            for given in inputs:
                workshop.effort.spend_on(one)
                yield (*path, index), _filled(mapping(one), given, (*path, index), workshop)


def _at(value: Any, path: FieldPath) -> Any:
    for step in path:
        value = value[step] if isinstance(step, int) else mapping(value).get(step)
    return value


def _filled(
    value: Mapping[str, Any], given: Mapping[str, Any], path: FieldPath, workshop: Workshop
) -> Mapping[str, Any]:
    """An object with inputs in their places: in all its text, as the operator does, so that they may bring fields."""

    def told(match: re.Match[str]) -> str:
        found: Any = given
        for name in match[1].split("."):
            found = mapping(found).get(name)
        if not isinstance(found, str | int):
            raise _Unresolved(path, f"uses the input {match[1]!r}")
        shown = str(found).lower() if isinstance(found, bool) else str(found)
        workshop.effort.spend_on_text(shown)
        return shown

    template = written(value)
    if "<<" not in template:
        return value
    if "<<" in _INPUT.sub("", template):
        raise _Unresolved(path, "uses a template of more than inputs")
    try:
        return read_written(_INPUT.sub(told, template))
    except SubstitutionError as error:
        raise _Unresolved(path, f"cannot be read with its inputs ({error})") from error


def _outcome(owner: Owner, workshop: Workshop, found: Iterable[tuple[FieldPath, Mapping[str, Any]]]) -> Outcome:
    resources: dict[tuple[str, str, str, str], Resource] = {}
    problems: list[Problem] = []
    own = owner.resource.origin
    for path, value in found:
        place = workshop.place(own, path)
        line = place.position.line if place.position is not None else own.line
        origin = owner.owned(replace(own, pointer=(*own.pointer, *path), line=line))

        def locate(_: FieldPath, place: Location = place) -> Location:
            return place

        objects = read_objects(with_metadata(value, mapping(owner.spec.get("commonMetadata"))), origin, locate)
        problems.extend(objects.problems)
        for one in objects.resources:
            annotations = mapping(mapping(one.data.get("metadata")).get("annotations"))
            if text(annotations.get(_DISABLED[0])) != _DISABLED[1]:
                resources.setdefault(one.id.identity, one)
    return Outcome(resources=tuple(resources.values()), problems=tuple(problems))
