"""What Helm printed, as objects that lead back to the template they were made by."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Problem
from gitgate.resource import Origin, Resource, Trace
from gitgate.sources.helm_chart import LoadedChart
from gitgate.sources.objects import duplicate_problems, read_objects
from gitgate.yaml_document import YamlDocument, YamlLimits, read_yaml

_SOURCE = re.compile(rb"^---\n# Source: ([^\n]+)$", re.MULTILINE)
_KIND = re.compile(r"^[ \t]*[\"']?kind[\"']?:[ \t]*[\"']?([A-Za-z0-9]+)[\"']?[ \t]*(?:#.*)?$")
_NAME = re.compile(r"^[ \t]*[\"']?name[\"']?:[ \t]*(.*?)[ \t]*$")
_LOWER, _UPPER, _DIGIT = re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]")
_LIKELY_NAME_LINES = 12
"""Lines after `kind:` in which `metadata.name` is looked for."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one rendering holds.

    Attributes:
        resources: In Helm's order.
        problems: About its objects.
        unreadable: Why the output cannot be read as YAML; None when it can.
    """

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    unreadable: str | None = None


def read_output(
    printed: bytes, chart: LoadedChart, limits: YamlLimits, values: tuple[tuple[FieldPath, str], ...] = ()
) -> Output:
    """The objects of one rendering; `values` are the files with its values, as `Trace` has them."""
    file = read_yaml(printed, limits)
    fatal = next((problem for problem in file.problems if problem.fatal), None)
    if fatal is not None or file.opaque:
        return Output(unreadable=fatal.message if fatal is not None else str(file.opaque))
    find = template_finder(printed)
    lines = _TemplateLines(chart, values)
    resources: list[Resource] = []
    problems: list[Problem] = []
    for problem in file.problems:
        path = chart.source(find(problem.position.line))
        place = Location(path, Position(1, 1), Precision.FILE)
        message = f"in what this template renders to: {problem.message}"
        problems.append(
            Problem(code=problem.code, message=message, location=place, fix=problem.fix, discriminator=problem.code)
        )
    for document in file.documents:
        if isinstance(document.value, dict) and not document.value:
            continue
        origin = lines.origin(find(document.line), document)
        location = Location(origin.path, Position(origin.line, 1), Precision.OBJECT)
        objects = read_objects(document.value, origin, _always(location))
        resources.extend(objects.resources)
        problems.extend(objects.problems)
    problems.extend(duplicate_problems(resources, "one release"))
    return Output(tuple(resources), tuple(problems))


def template_finder(printed: bytes) -> Callable[[int], str]:
    """Which template Helm names for a line of its output.

    Only the line right after `---` counts, which Helm itself writes there. Files in `crds/` are printed whole, so
    that a second document in one has no such line and belongs to the same file.
    """
    starts: list[int] = []
    names: list[str] = []
    line, counted = 1, 0
    for match in _SOURCE.finditer(printed):
        line += printed.count(b"\n", counted, match.start())
        counted = match.start()
        starts.append(line)
        names.append(match[1].decode("utf-8", "replace").strip())

    def find(wanted: int) -> str:
        index = bisect_right(starts, wanted) - 1
        return names[index] if index >= 0 else ""

    return find


def differing_templates(first: bytes, second: bytes) -> tuple[str, ...]:
    """Templates whose output is not the same in two renderings, sorted."""
    one, other = dict(_by_template(first)), dict(_by_template(second))
    return tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))


def mask_differences(first: Output, second: Output) -> Output | None:
    """The objects of the first rendering with every scalar that differs replaced by one of the same shape.

    So the objects can be judged, and a report says the same on every run. None when the two hold different objects.
    """
    if len(first.resources) != len(second.resources):
        return None
    masked: list[Resource] = []
    for one, other in zip(first.resources, second.resources, strict=True):
        if one.id.kind != other.id.kind or one.id.api_version != other.id.api_version:
            return None
        try:
            data = _mask(one.data, other.data)
        except ValueError:
            return None
        masked.extend(read_objects(data, one.origin, _always(Location(one.origin.path))).resources)
    return Output(tuple(masked), first.problems)


def _mask(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _mask(value, other[key]) for key, value in one.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_mask(*pair) for pair in zip(one, other, strict=True)]
    if type(one) is not type(other) or isinstance(one, dict | list):
        raise ValueError("not the same shape")
    if one == other:
        return one
    if isinstance(one, str):
        return _DIGIT.sub("0", _UPPER.sub("A", _LOWER.sub("a", one)))
    return type(one)()


def _by_template(printed: bytes) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    matches = list(_SOURCE.finditer(printed))
    ends = [*(match.start() for match in matches[1:]), len(printed)]
    for match, end in zip(matches, ends, strict=True):
        name = match[1].decode("utf-8", "replace").strip()
        found[name] = found.get(name, b"") + printed[match.end() : end]
    return found


class _TemplateLines:
    """Finds the line of a template that an object begins on."""

    def __init__(self, chart: LoadedChart, values: tuple[tuple[FieldPath, str], ...]) -> None:
        self._chart = chart
        self._values = values
        self._traces: dict[str, Trace] = {}
        self._kinds: dict[str, tuple[tuple[int, str, str], ...]] = {}

    def origin(self, printed_name: str, document: YamlDocument) -> Origin:
        """The origin of one object of the output."""
        path = self._chart.source(printed_name)
        line = self._line(path, document.value)
        if printed_name not in self._traces:
            prefix = key_of_inner_chart(printed_name.partition("/")[2])
            self._traces[printed_name] = Trace(values=self._values, prefix=prefix, chart=True)
        trace = self._traces[printed_name]
        return Origin(path, document=0, line=line, rendered_by=self._chart.directory or ".", trace=trace)

    def _line(self, path: str, value: Any) -> int:
        """The template's one object of the kind, or the one whose name is spelled the most like the rendered one."""
        if path not in self._kinds:
            text = self._chart.files.get(self._chart.places_of_tree().get(path, ""), b"").decode("utf-8", "replace")
            self._kinds[path] = tuple(_kinds(text))
        kind = value.get("kind") if isinstance(value, dict) else None
        metadata = value.get("metadata") if isinstance(value, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        same = [entry for entry in self._kinds[path] if entry[1] == kind]
        if len(same) > 1 and isinstance(name, str):
            same.sort(key=lambda entry: -_likeness(entry[2], name))
        return same[0][0] if same else 1


def key_of_inner_chart(path: str) -> FieldPath:
    """The key of the values that a file of a chart inside gets: `("db",)` for `charts/db/templates/x.yaml`."""
    key: list[str] = []
    while path.startswith("charts/"):
        name, _, path = path.removeprefix("charts/").partition("/")
        key.append(name)
    return tuple(key)


def _kinds(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and name, as written, of everything in a template that looks like an object."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        found = _KIND.match(line)
        if found is None:
            continue
        start = index
        if start > 0 and lines[start - 1].lstrip().startswith("apiVersion:"):
            start -= 1
        names = (_NAME.match(near) for near in lines[index + 1 : index + 1 + _LIKELY_NAME_LINES])
        name = next((match[1] for match in names if match is not None), "")
        yield start + 1, found[1], name


def _likeness(written: str, rendered: str) -> int:
    """How many characters of a written name, its template actions aside, are in the rendered one."""
    if written.strip("\"'") == rendered:
        return len(rendered) + 1
    texts = re.split(r"\{\{.*?\}\}", written)
    return sum(len(text) for text in texts if text and text in rendered)


def _always(location: Location) -> Callable[[Any], Location]:
    return lambda _: location
