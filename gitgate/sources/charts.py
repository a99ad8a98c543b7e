"""Helm charts in a tree: told by their `Chart.yaml`, and which of them nobody owns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.path_glob import matches_any
from gitgate.proposal import Coverage
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
        name: What it calls itself.
        library: Does it only hold templates for other charts?
    """

    directory: str
    dependencies: int
    name: str = ""
    library: bool = False

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
            dependencies = _count(value) + _count(requirements)
            found.append(Chart(parent(path), dependencies, str(value["name"]), value.get("type") == "library"))
    return tuple(found)


def chart_of(path: str, charts: Iterable[Chart]) -> Chart | None:
    """The chart that a file belongs to: the nearest one, as charts hold others."""
    around = (chart for chart in charts if inside(path, chart.directory))
    return max(around, key=lambda chart: len(chart.directory), default=None)


def is_rendered_by_helm(path: str, chart: Chart) -> bool:
    """Does the file mean something only once Helm has rendered the chart?"""
    return chart.below(path).startswith((_TEMPLATES, _SUBCHARTS))


def standalone_charts(
    tree: Tree, context: SourceContext, charts: Iterable[Chart], claimed: Mapping[str, Coverage]
) -> Iterator[Chart]:
    """Charts that would install something and that no owner took; one in another's `charts/` goes with that one."""
    charts = tuple(charts)
    for chart in charts:
        outer = chart_of(parent(chart.directory), charts) if chart.directory else None
        is_subchart = outer is not None and outer.below(chart.directory).startswith(_SUBCHARTS)
        chart_file = chart.path_of(CHART_FILE)
        if is_subchart or chart.library or chart_file in claimed or matches_any(context.exclude, chart_file):
            continue
        own = [path for path in tree.entries if inside(path, chart.directory)]
        if chart.dependencies or any(_installs(chart.below(path)) for path in own):
            yield chart


def _installs(below: str) -> bool:
    """Would Helm make objects of the file? Source: helm.sh/docs/chart_template_guide, "Named Templates"."""
    folder, _, name = below.rpartition("/")
    if below.startswith(_SUBCHARTS) and name.endswith(".tgz"):
        return True
    if name.startswith("_") or name == "NOTES.txt":
        return False
    return f"{folder}/".startswith(_TEMPLATES) or (below.startswith(_SUBCHARTS) and f"/{_TEMPLATES}" in below)


def _value(tree: Tree, context: SourceContext, path: str) -> Mapping[str, Any]:
    documents = context.documents.read(tree, path).documents if path in tree.entries else ()
    value = documents[0].value if documents else None
    return value if isinstance(value, dict) else {}


def _count(value: Mapping[str, Any]) -> int:
    dependencies = value.get("dependencies")
    return len(dependencies) if isinstance(dependencies, list) else 0
