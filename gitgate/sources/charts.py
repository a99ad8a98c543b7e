"""Helm charts in a tree: told by their `Chart.yaml`, and what nobody judges as long as nothing renders them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import Location, Precision
from gitgate.path_glob import matches_any
from gitgate.proposal import Coverage, Problem
from gitgate.sources.base import SourceContext
from gitgate.sources.tree_files import inside, parent
from gitgate.tree import Tree

CHART_FILE = "Chart.yaml"
_REQUIREMENTS = "requirements.yaml"
"""Where charts of Helm 2 name their dependencies."""
_TEMPLATES = "templates/"
_SUBCHARTS = "charts/"


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart.

    Attributes:
        directory: Where its `Chart.yaml` lies; empty for the tree's root.
        dependencies: Charts that it installs beside its own templates, by what it declares.
    """

    directory: str
    dependencies: int

    def path_of(self, name: str) -> str:
        """A file of the chart as a path of the tree."""
        return f"{self.directory}/{name}" if self.directory else name

    def below(self, path: str) -> str:
        """A path of the tree as a file of the chart."""
        return path.removeprefix(f"{self.directory}/") if self.directory else path


def find_charts(tree: Tree, context: SourceContext) -> tuple[Chart, ...]:
    """Every chart of the tree, sorted by directory; a `Chart.yaml` must have a name and a version to be one."""
    paths = sorted(path for path in tree.entries if path.rpartition("/")[2] == CHART_FILE)
    context.documents.load(tree, paths)
    found = []
    for path in paths:
        value = _value(tree, context, path)
        if {"name", "version"} <= value.keys() and "kind" not in value:
            requirements = _value(tree, context, Chart(parent(path), 0).path_of(_REQUIREMENTS))
            found.append(Chart(parent(path), _count(value) + _count(requirements)))
    return tuple(found)


def chart_of(path: str, charts: Iterable[Chart]) -> Chart | None:
    """The chart that a file belongs to: the nearest one, as charts hold others."""
    around = (chart for chart in charts if inside(path, chart.directory))
    return max(around, key=lambda chart: len(chart.directory), default=None)


def is_rendered_by_helm(path: str, chart: Chart) -> bool:
    """Does the file mean something only once Helm has rendered the chart?"""
    return chart.below(path).startswith((_TEMPLATES, _SUBCHARTS))


def chart_problems(
    tree: Tree, context: SourceContext, charts: Iterable[Chart], files: Mapping[str, Coverage]
) -> Iterator[Problem]:
    """The charts that would install something; a chart in another one's `charts/` is told with that one.

    What a chart installs depends on all of its files, values above all, so that a change to any of them counts as new.
    """
    charts = tuple(charts)
    if context.sources:
        return  # settings say what is applied, and everything else is not
    for chart in charts:
        outer = chart_of(parent(chart.directory), charts) if chart.directory else None
        is_subchart = outer is not None and outer.below(chart.directory).startswith(_SUBCHARTS)
        if is_subchart or matches_any(context.exclude, chart.path_of(CHART_FILE)):
            continue
        own = sorted(path for path in tree.entries if inside(path, chart.directory))
        templates = sum(_is_unseen_template(chart.below(path), files.get(path)) for path in own)
        archives = sum(chart.below(path).startswith(_SUBCHARTS) and path.endswith(".tgz") for path in own)
        unseen = [
            *_counted(templates, "template", "templates"),
            *_counted(chart.dependencies or archives, "dependency", "dependencies"),
        ]
        if unseen:
            state = "\n".join(f"{path}\0{tree.entries[path].oid}" for path in own)
            yield Problem(
                code="chart-not-rendered",
                message=f"nothing renders this Helm chart here, so its {' and '.join(unseen)} could not be judged",
                location=Location(chart.path_of(CHART_FILE), None, Precision.FILE),
                discriminator=hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest(),
            )


def _is_unseen_template(below: str, coverage: Coverage | None) -> bool:
    """Would Helm make objects of the file? Source: helm.sh/docs/chart_template_guide, "Named Templates"."""
    folder, _, name = below.rpartition("/")
    if name.startswith("_") or name == "NOTES.txt" or coverage not in {None, Coverage.NOT_RENDERED}:
        return False
    return f"{folder}/".startswith(_TEMPLATES) or (below.startswith(_SUBCHARTS) and f"/{_TEMPLATES}" in below)


def _counted(number: int, one: str, many: str) -> Iterator[str]:
    if number:
        yield f"{number} {one if number == 1 else many}"


def _value(tree: Tree, context: SourceContext, path: str) -> Mapping[str, Any]:
    documents = context.documents.read(tree, path).documents if path in tree.entries else ()
    value = documents[0].value if documents else None
    return value if isinstance(value, dict) else {}


def _count(value: Mapping[str, Any]) -> int:
    dependencies = value.get("dependencies")
    return len(dependencies) if isinstance(dependencies, list) else 0
