"""The values of a chart as written in a release, in an Application and in files, and where each one stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitgate.location import FieldPath, Location, Position, format_field_path
from gitgate.resource import Resource, Trace
from gitgate.written.texts import ABSENT, Texts, descend, embedded, entries

_LEAVES = 20_000
"""Values of one release that are looked through for an equal one."""
_SHOWN = 100

Place = Callable[[Resource, FieldPath], Location | None]
"""Where a field of an object stands."""
Find = Callable[[str, str, str], Resource | None]
"""An object of the same cluster by kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one place.

    Attributes:
        value: All of them, as the chart sees them.
        place: Where one of them stands; None where the text does not say.
    """

    value: Any
    place: Callable[[FieldPath], Location | None]


class Values:
    """The values of one release.

    Args:
        layers: The one that wins first.
    """

    def __init__(self, layers: tuple[Layer, ...] = ()) -> None:
        self._layers = layers

    def find(self, path: FieldPath) -> tuple[Any, Location | None]:
        """The value at a key, and where it stands; `ABSENT` where no layer gives one."""
        for layer in self._layers:
            value = descend(layer.value, path)
            if value is not ABSENT:
                return value, layer.place(path)
        return ABSENT, None

    @cached_property
    def leaves(self) -> dict[FieldPath, Any]:
        """Every scalar that holds in the end, by its key."""
        found: dict[FieldPath, Any] = {}
        hidden: set[FieldPath] = set()
        for layer in self._layers:
            lists: set[FieldPath] = set()
            for path, value in _scalars(layer.value, (), lists):
                if len(found) >= _LEAVES:
                    return found
                if not any(path[:length] in hidden for length in range(1, len(path))):
                    found.setdefault(path, value)
            hidden |= lists
        return found


def values_of(trace: Trace, owner: Resource | None, find: Find, place: Place, texts: Texts) -> Values:
    """The values that a chart was rendered with.

    Args:
        trace: What was rendered.
        owner: The release or Application.
        find: An object of the same cluster by kind, namespace and name.
        place: Where a field of an object stands.
        texts: The files of the tree.
    """
    found: list[Layer] = []
    if owner is not None and owner.id.kind == "HelmRelease":
        found.extend(_release(owner, find, place, texts))
    elif owner is not None:
        for pointer, helm in _sources(owner):
            found.extend(_application(owner, pointer, helm, place, texts))
    for prefix, path in reversed(trace.values):
        found.extend(_file(prefix, path, texts))
    return Values(tuple(found))


def told(path: FieldPath) -> str:
    """What a value is called in a report."""
    shown = format_field_path(path)
    return f"values key {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"


def _scalars(value: Any, path: FieldPath, lists: set[FieldPath]) -> Iterator[tuple[FieldPath, Any]]:
    """Scalars with their keys; a list replaces the one below it whole, so its place is noted."""
    if len(path) > _SHOWN:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _scalars(item, (*path, key), lists)
    elif isinstance(value, list):
        lists.add(path)
        for index, item in enumerate(value):
            yield from _scalars(item, (*path, index), lists)
    else:
        yield path, value


def _release(owner: Resource, find: Find, place: Place, texts: Texts) -> Iterator[Layer]:
    spec = owner.data.get("spec")
    yield Layer(descend(spec, ("values",)), lambda path: place(owner, ("spec", "values", *path)))
    for _, reference in reversed(list(entries(descend(spec, ("valuesFrom",))))):
        if not isinstance(reference, dict):
            continue
        holder = find(str(reference.get("kind")), owner.id.namespace, str(reference.get("name")))
        key = reference.get("valuesKey") or "values.yaml"
        text = descend(holder.data.get("data"), (key,)) if holder is not None else None
        if holder is None or not isinstance(text, str):
            continue
        target = reference.get("targetPath")
        if isinstance(target, str) and target:
            yield _single(target, text, holder, ("data", key), place)
        else:
            yield from _text(text, holder, ("data", key), place, texts)


def _single(name: str, value: Any, holder: Resource, field: FieldPath, place: Place) -> Layer:
    """One value given by its path: `image.tag`."""
    steps = tuple(name.split("."))
    nested: Any = value
    for step in reversed(steps):
        nested = {step: nested}
    return Layer(nested, lambda _: place(holder, field))


def _text(text: str, holder: Resource, field: FieldPath, place: Place, texts: Texts) -> Iterator[Layer]:
    """Values that stand as text in a field of an object."""
    documents = embedded(text)
    if not documents:
        return
    document = documents[0]

    def find(path: FieldPath) -> Location | None:
        around = place(holder, field)
        if around is None or around.position is None:
            return around
        inner = document.position(path) or Position(1, 1)
        return Location(around.path, texts.inside(around.path, around.position, inner.line), around.precision)

    yield Layer(document.value, find)


def _sources(owner: Resource) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    spec = owner.data.get("spec")
    for pointer in (("source",), *(("sources", index) for index, _ in entries(descend(spec, ("sources",))))):
        helm = descend(spec, (*pointer, "helm"))
        if isinstance(helm, dict):
            yield ("spec", *pointer, "helm"), helm


def _application(
    owner: Resource, pointer: FieldPath, helm: Mapping[str, Any], place: Place, texts: Texts
) -> Iterator[Layer]:
    for index, parameter in reversed(list(entries(helm.get("parameters")))):
        name = parameter.get("name") if isinstance(parameter, dict) else None
        if isinstance(name, str) and "value" in parameter:
            yield _single(name, parameter["value"], owner, (*pointer, "parameters", index, "value"), place)
    if helm.get("valuesObject") is not None:
        yield Layer(helm["valuesObject"], lambda path: place(owner, (*pointer, "valuesObject", *path)))
    elif isinstance(helm.get("values"), str):
        yield from _text(helm["values"], owner, (*pointer, "values"), place, texts)


def _file(prefix: FieldPath, path: str, texts: Texts) -> Iterator[Layer]:
    for document in texts.documents(path)[:1]:
        value: Any = document.value
        for key in reversed(prefix):
            value = {key: value}

        def find(key: FieldPath, document: Any = document) -> Location | None:
            position = document.position(key[len(prefix) :])
            return Location(path, position) if position is not None else None

        yield Layer(value, find)
