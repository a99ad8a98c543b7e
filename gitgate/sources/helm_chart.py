"""A chart as Helm will find it: its files, the charts inside it, and what keeps it from being rendered.

Nothing is fetched: a dependency lies in `charts/`, or in the tree where a `file://` repository leads.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.proposal import Problem
from gitgate.sources.documents import DocumentReader
from gitgate.sources.tree_files import PathKind
from gitgate.tree import SUBMODULE, Tree
from gitgate.yaml_document import YamlDocument, read_yaml
from gitgate.yaml_text import UTF8_BOM

CHART_FILE = "Chart.yaml"
ELSEWHERE = "dependency-not-vendored"
"""Code of a dependency that an agent fetches."""
VALUES_FILE = "values.yaml"
SCHEMA_FILE = "values.schema.json"
_REQUIREMENTS = "requirements.yaml"
_CHARTS = "charts/"
_TEMPLATES = "templates/"
_CRDS = "crds/"
_OWN_FILES = frozenset((CHART_FILE, "Chart.lock", _REQUIREMENTS, "requirements.lock", VALUES_FILE, SCHEMA_FILE))
_BYTES = 64 * 1024 * 1024
_FILES = 10_000
_DEPTH = 8
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
_KNOWN_DIALECT = re.compile(r"https?://json-schema\.org/(?:draft-0[467]|draft/20(?:19-09|20-12))/schema#?")
"""Those that Helm's validator has built in."""


@dataclass(frozen=True, slots=True)
class ChartPart:
    """A chart, or one inside another, for finding files by the names that Helm prints.

    Attributes:
        name: What it is called.
        place: Where it lies below the private copy, with a slash at the end; where it is packed, the archive in the
            tree.
        packed: Is it inside an archive?
        parts: Charts inside, by their name and by every alias that this one gives them.
    """

    name: str
    place: str
    packed: bool
    parts: Mapping[str, ChartPart]


@dataclass(slots=True)
class LoadedChart:
    """All that one chart is made of.

    Attributes:
        files: Bytes by path below the private copy of the chart.
        places: Path in the tree that a copied file comes from; of an unpacked one, the archive's.
        templates: Texts of all templates, those of charts inside included, by path in the copy.
        values: Texts of all default values, likewise.
        problems: Why it may not be rendered.
        remote_schema: File of the tree whose JSON Schema for values leads out of itself.
        part: The chart for finding files; None when it has no name.
        library: Is it a library, which renders to nothing?
        size: Bytes of all files.
    """

    directory: str
    files: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remote_schema: str | None = None
    part: ChartPart | None = None
    library: bool = False
    size: int = 0
    _by_place: dict[str, str] = field(default_factory=dict)

    def source(self, printed: str) -> str:
        """The file of the tree behind a name that Helm prints; `Chart.yaml` for a name that leads nowhere.

        Source: helm.sh/helm, pkg/chart/chart.go, `ChartFullPath`: charts inside go by their name or alias.
        """
        part = self.part
        rest = printed.partition("/")[2]
        while part is not None and not part.packed and rest.startswith(_CHARTS):
            name, _, below = rest.removeprefix(_CHARTS).partition("/")
            inner = part.parts.get(name)
            if inner is None:
                break
            part, rest = inner, below
        if part is None:
            return f"{self.directory}/{CHART_FILE}".lstrip("/")
        if part.packed:
            return part.place
        return self.places.get(f"{part.place}{rest}", f"{self.directory}/{CHART_FILE}".lstrip("/"))

    def without_dependencies(self, names: Collection[str]) -> LoadedChart | None:
        """The chart as it would be without these, to judge what is here of it; None where nothing here is installed."""
        if not any(_installs_something(path) for path in self.files):
            return None
        files = dict(self.files)
        for path in (CHART_FILE, _REQUIREMENTS):
            document = _document(files.get(path, b""))
            value = document.value if document is not None and isinstance(document.value, dict) else {}
            entries = value.get("dependencies")
            if isinstance(entries, list):
                kept = [one for one in entries if not isinstance(one, dict) or one.get("name") not in names]
                # JSON is YAML; the copy is for Helm alone, and nothing points into it.
                files[path] = json.dumps({**value, "dependencies": kept}).encode()
        return replace(self, files=files, problems=[])

    def read_files(self, *, crds: bool) -> tuple[str, ...]:
        """Files of the tree that Helm itself makes something of; what templates may read beside them is left out.

        Args:
            crds: Count the definitions in `crds/`, too?
        """
        return tuple(
            place
            for path, place in self.places.items()
            if path in _OWN_FILES
            or (path.startswith((_TEMPLATES, _CHARTS)) and (crds or f"/{_CRDS}" not in path))
            or (crds and path.startswith(_CRDS))
        )

    def place_of(self, complaint: str) -> tuple[str | None, int]:
        """The file of the tree and the line that Helm complains of; line 1 where it names none."""
        part = self.part
        found = (
            re.search(rf"\b{re.escape(part.name)}/[^\s:()\"]+(?::(\d+))?(?:\):?(\d+)?)?", complaint) if part else None
        )
        if found is None:
            return None, 1
        printed, _, _ = found[0].partition(":")
        line = found[1] or "1"
        return self.source(printed.rstrip(")")), int(line) if len(line) < 7 else 1

    def places_of_tree(self) -> Mapping[str, str]:
        """Path in the private copy by path in the tree."""
        if not self._by_place:
            self._by_place = {place: path for path, place in self.places.items()}
        return self._by_place


class ChartLoader:
    """Reads the charts of one tree, each once: many releases may install the same."""

    def __init__(self, tree: Tree, documents: DocumentReader) -> None:
        self._tree = tree
        self._documents = documents
        self._paths = sorted(tree.entries)
        self._loaded: dict[str, LoadedChart] = {}

    def load(self, directory: str) -> LoadedChart:
        """A chart, or the archive of one, not to be changed; what is wrong with it is among its problems."""
        if directory not in self._loaded:
            self._loaded[directory] = self._load(directory)
        return self._loaded[directory]

    def _load(self, directory: str) -> LoadedChart:
        chart = LoadedChart(directory)
        if directory.endswith(".tgz") and directory in self._tree.entries:
            self._load_archive(chart, directory)
            return chart
        self._copy(chart, directory, "", 0)
        if not chart.problems:
            chart.part = self._inspect(chart, "")
        return chart

    def _load_archive(self, chart: LoadedChart, path: str) -> None:
        """The same of a packed chart: everything in it leads to the archive."""
        from gitgate.sources.helm_archive import ArchiveError, unpack  # noqa: PLC0415 - few repositories hold any

        self._documents.load(self._tree, (path,))
        data = self._documents.source(self._tree, path)
        if data is None:
            message = f"the chart cannot be rendered: its archive has {self._documents.state(self._tree, path)}"
            chart.problems.append(_file_problem("helm-limit", message, path))
            return
        try:
            chart.files.update(unpack(data))
        except ArchiveError as error:
            chart.problems.append(_file_problem("helm-invalid", f"the chart cannot be rendered: {error}", path))
            return
        chart.places.update(dict.fromkeys(chart.files, path))
        part = self._inspect(chart, "")
        chart.part = ChartPart(part.name, path, packed=True, parts={}) if part is not None else None

    def _copy(self, chart: LoadedChart, directory: str, target: str, depth: int) -> None:
        """Take over the files of a directory, links replaced by what they lead to."""
        if depth > _DEPTH:
            chart.problems.append(_file_problem("helm-invalid", "links in the chart are nested too deep", directory))
            return
        plain = [path for path in self._below(directory) if path not in self._tree.special]
        self._documents.load(self._tree, plain)
        for path in plain:
            self._take(chart, path, f"{target}{_relative(path, directory)}")
        for path in self._below(directory):
            if path in self._tree.special:
                self._follow(chart, path, f"{target}{_relative(path, directory)}", depth)

    def _take(self, chart: LoadedChart, path: str, target: str) -> None:
        data = self._documents.source(self._tree, path)
        if data is None:
            message = f"the chart cannot be rendered: this file has {self._documents.state(self._tree, path)}"
            chart.problems.append(_file_problem("helm-limit", message, path))
        elif len(chart.files) >= _FILES or chart.size + len(data) > _BYTES:
            if not any(problem.code == "helm-limit" for problem in chart.problems):
                message = f"the chart holds more than {_FILES} files or {_BYTES} bytes"
                chart.problems.append(_file_problem("helm-limit", message, path))
        else:
            chart.size += len(data)
            chart.files[target] = data
            chart.places[target] = path

    def _follow(self, chart: LoadedChart, path: str, target: str, depth: int) -> None:
        if self._tree.special[path].mode == SUBMODULE:
            message = "the chart holds a submodule, whose files are not in this repository"
            chart.problems.append(_file_problem("helm-invalid", message, path))
            return
        reached = self._documents.files(self._tree).resolve(path)
        if reached.kind is PathKind.FILE:
            self._documents.load(self._tree, (reached.path,))
            self._take(chart, reached.path, target)
        elif reached.kind is PathKind.DIRECTORY and not f"{path}/".startswith(f"{reached.path}/"):
            self._copy(chart, reached.path, f"{target}/", depth + 1)
        else:
            where = "out of the repository" if reached.kind is PathKind.ESCAPING else "to nothing that can be read"
            message = f"the chart cannot be rendered: this symbolic link in it leads {where}"
            chart.problems.append(_file_problem("helm-invalid", message, path))

    def _below(self, directory: str) -> Iterator[str]:
        prefix = f"{directory}/" if directory else ""
        for index in range(bisect_left(self._paths, prefix), len(self._paths)):
            if not self._paths[index].startswith(prefix):
                return
            yield self._paths[index]

    def _inspect(self, chart: LoadedChart, prefix: str) -> ChartPart | None:
        """Look at a chart whose files were taken over: name, dependencies, the charts inside."""
        chart_file = f"{prefix}{CHART_FILE}"
        if chart_file not in chart.files:
            return None
        place = chart.places[chart_file]
        document = _document(chart.files[chart_file])
        value = document.value if document is not None and isinstance(document.value, dict) else {}
        name = value.get("name")
        if document is None or not isinstance(name, str) or not name or "/" in name:
            message = "the chart cannot be rendered: its Chart.yaml cannot be read, or does not name it"
            chart.problems.append(_file_problem("helm-invalid", message, place))
            return None
        if not prefix:
            chart.library = value.get("type") == "library"
        self._note_texts(chart, prefix)
        inside = dict(self._inside(chart, prefix))
        dependencies = list(_dependencies(chart, prefix, document))
        if not prefix:
            for dependency in dependencies:
                if dependency.name not in inside:
                    self._add_local(chart, dependency, inside)
        parts = dict(inside)
        for dependency in dependencies:
            if dependency.alias and dependency.name in inside:
                parts[dependency.alias] = inside[dependency.name]
        return ChartPart(name, prefix, packed=False, parts=parts)

    def _note_texts(self, chart: LoadedChart, prefix: str) -> None:
        for path in [path for path in chart.files if path.startswith(prefix)]:
            below = path.removeprefix(prefix)
            if below.startswith(_TEMPLATES):
                chart.templates[path] = chart.files[path].decode("utf-8", "replace")
            elif below == VALUES_FILE:
                chart.values[path] = chart.files[path].decode("utf-8", "replace")
            elif below == SCHEMA_FILE and leads_out(chart.files[path]):
                chart.remote_schema = chart.remote_schema or chart.places[path]

    def _inside(self, chart: LoadedChart, prefix: str) -> Iterator[tuple[str, ChartPart]]:
        """The charts in `charts/`. Source: helm.sh/helm, pkg/chart/loader/load.go, `LoadFiles`."""
        start = f"{prefix}{_CHARTS}"
        names = sorted({path.removeprefix(start).partition("/")[0] for path in chart.files if path.startswith(start)})
        for name in names:
            if name.startswith(("_", ".")):
                continue
            path = f"{start}{name}"
            if path in chart.files:
                if name.endswith(".tgz"):
                    yield from self._packed(chart, path)
                continue
            part = self._inspect(chart, f"{path}/")
            if part is not None:
                yield part.name, part

    def _packed(self, chart: LoadedChart, path: str) -> Iterator[tuple[str, ChartPart]]:
        from gitgate.sources.helm_archive import ArchiveError, unpack  # noqa: PLC0415 - few repositories hold any

        place = chart.places[path]
        pending = [(path, chart.files[path], 0)]
        names: list[str] = []
        while pending:
            archive, data, depth = pending.pop()
            try:
                files = unpack(data)
            except ArchiveError as error:
                chart.problems.append(_file_problem("helm-invalid", f"a chart in this archive: {error}", place))
                return
            if depth > _DEPTH:
                chart.problems.append(_file_problem("helm-limit", "archives in it are nested too deep", place))
                return
            pending.extend((*each, depth + 1) for each in self._note_packed(chart, archive, place, files))
            document = _document(files.get(CHART_FILE, b""))
            name_of = document.value.get("name") if document is not None and isinstance(document.value, dict) else None
            if depth == 0 and isinstance(name_of, str):
                names.append(name_of)
        for name in names:
            yield name, ChartPart(name, place, packed=True, parts={})

    def _note_packed(
        self, chart: LoadedChart, archive: str, place: str, files: Mapping[str, bytes]
    ) -> Iterator[tuple[str, bytes]]:
        """Note the texts of one archive; archives inside it are handed back."""
        for inner, content in files.items():
            name = f"{archive}/{inner}"
            if f"/{_TEMPLATES}" in f"/{inner}":
                chart.templates[name] = content.decode("utf-8", "replace")
                chart.places[name] = place
            elif inner.rpartition("/")[2] == VALUES_FILE:
                chart.values[name] = content.decode("utf-8", "replace")
                chart.places[name] = place
            elif inner.rpartition("/")[2] == SCHEMA_FILE and leads_out(content):
                chart.remote_schema = chart.remote_schema or place
            elif inner.endswith(".tgz") and f"/{_CHARTS}" in f"/{inner}":
                yield name, content

    def _add_local(self, chart: LoadedChart, dependency: _Dependency, inside: dict[str, ChartPart]) -> None:
        """Put a `file://` dependency into the copy, as `helm dependency build` does, or say why it is not there."""
        if not dependency.repository.startswith("file://"):
            if dependency.repository:
                message = (
                    f"the chart's dependency {dependency.name!r} is not in charts/, and is fetched from elsewhere: "
                    "gitgate fetches nothing, so what it installs is not judged"
                )
                chart.problems.append(dependency.problem(ELSEWHERE, message))
                return
            message = (
                f"the chart cannot be rendered: its dependency {dependency.name!r} is not in charts/, and names no "
                "repository"
            )
            chart.problems.append(dependency.problem("helm-dependency", message))
            return
        reference = dependency.repository.removeprefix("file://")
        reached = self._documents.files(self._tree).resolve_from(chart.directory, reference)
        local = reached.path if reached.kind is PathKind.DIRECTORY and not reference.startswith("/") else None
        if local is None or f"{local}/{CHART_FILE}".lstrip("/") not in self._tree.entries:
            message = (
                f"the chart cannot be rendered: its dependency {dependency.name!r} is not where the repository "
                f"{dependency.repository!r} leads"
            )
            chart.problems.append(dependency.problem("helm-dependency", message))
            return
        if f"{chart.directory}/".startswith(f"{local}/") or not local:
            message = f"the chart cannot be rendered: its dependency {dependency.name!r} is a directory around it"
            chart.problems.append(dependency.problem("helm-dependency", message))
            return
        prefix = f"{_CHARTS}gitgate-{len(inside)}/"
        self._copy(chart, local, prefix, 0)
        if not chart.problems:
            part = self._inspect(chart, prefix)
            if part is not None:
                inside[part.name] = part


@dataclass(frozen=True, slots=True)
class _Dependency:
    name: str
    repository: str
    alias: str
    path: str
    document: YamlDocument
    field: FieldPath

    def problem(self, code: str, message: str) -> Problem:
        position = self.document.nearest((*self.field, "repository"))
        return Problem(code=code, message=message, location=Location(self.path, position), discriminator=self.name)


def _dependencies(chart: LoadedChart, prefix: str, document: YamlDocument) -> Iterator[_Dependency]:
    files = [(chart.places[f"{prefix}{CHART_FILE}"], document)]
    requirements = f"{prefix}{_REQUIREMENTS}"
    if requirements in chart.files:
        second = _document(chart.files[requirements])
        if second is not None:
            files.append((chart.places[requirements], second))
    for path, holder in files:
        entries = holder.value.get("dependencies") if isinstance(holder.value, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                repository, alias = entry.get("repository"), entry.get("alias")
                yield _Dependency(
                    entry["name"],
                    repository if isinstance(repository, str) else "",
                    alias if isinstance(alias, str) else "",
                    path,
                    holder,
                    ("dependencies", index),
                )


def _installs_something(path: str) -> bool:
    """Is this a file of a chart, or of one inside it, that Helm makes objects of?"""
    if path.startswith((_CHARTS, _CRDS)):
        return True
    name = path.rpartition("/")[2]
    return path.startswith(_TEMPLATES) and name != "NOTES.txt" and not name.startswith("_")


def leads_out(schema: bytes) -> bool:
    """Would a JSON Schema make Helm load another one, by URL or from a file? Also true of what cannot be read.

    Helm's validator follows `$ref` and unknown dialects in `$schema` over HTTP and into the file system.
    """
    if len(schema) > _BYTES // 8:
        return True
    out = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal out
        for key, value in pairs:
            if key in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
                out = True
            if key == "$schema" and isinstance(value, str) and not _KNOWN_DIALECT.fullmatch(value):
                out = True

    try:
        json.loads(schema.removeprefix(UTF8_BOM).decode(), object_pairs_hook=look)
    except (ValueError, RecursionError):
        return True
    return out


def _document(data: bytes) -> YamlDocument | None:
    documents = read_yaml(data).documents
    return documents[0] if documents else None


def _relative(path: str, directory: str) -> str:
    return path.removeprefix(f"{directory}/") if directory else path


def _file_problem(code: str, message: str, path: str) -> Problem:
    return Problem(code=code, message=message, location=Location(path, Position(1, 1), Precision.FILE))
