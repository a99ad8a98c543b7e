"""Charts that nobody in the repository owns, rendered with the values that they bring themselves (ADR 0037)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate.location import Location, Precision
from gitgate.proposal import Conditional, Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.base import Rendering, SourceContext
from gitgate.sources.charts import CHART_FILE, Chart, find_charts, standalone_charts
from gitgate.tree import Tree

if TYPE_CHECKING:
    from gitgate.sources.helm_request import HelmRendering, HelmRequest

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]+")
_NAME_LENGTH = 53
_NAMESPACE = "default"


class HelmSource:
    """Every chart that would install something and that no earlier source took."""

    name = "helm"

    def render(self, tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage]) -> Rendering:
        """See `Source`. Where settings name what is applied, no other chart is."""
        if context.sources:
            return Rendering()
        charts = tuple(standalone_charts(tree, context, find_charts(tree, context), claimed))
        if not charts:
            return Rendering()
        from gitgate.sources.helm_request import HelmOutcome  # noqa: PLC0415 - see `SourceContext.helm`
        from gitgate.sources.helm_variants import conditional  # noqa: PLC0415

        context.progress(f"rendering {len(charts)} charts")
        answers = context.helm.template_all(tree, [_request(chart) for chart in charts])
        resources: list[Resource] = []
        otherwise: list[Conditional] = []
        problems: list[Problem] = []
        files: dict[str, Coverage] = {}
        for chart, answer in zip(charts, answers, strict=True):
            resources.extend(answer.resources)
            otherwise.append(conditional(answer.resources, answer.variants))
            problems.extend(_problems(chart, answer, was_judged=chart.directory in context.memory.charts))
            for path, coverage in answer.files.items():
                fate = Coverage.NOT_RENDERED if answer.outcome is HelmOutcome.NEEDS_VALUES else coverage
                files[path] = max(files.get(path, fate), fate, key=_weight)
            if answer.outcome is HelmOutcome.RENDERED:
                context.memory.charts.add(chart.directory)
        state = MappingProxyType(dict(sorted(files.items())))
        return Rendering(tuple(resources), tuple(problems), state, Conditional.of(otherwise))


def default_objects(tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage]) -> tuple[Resource, ...]:
    """Objects of the same charts, as far as they can be rendered; what is rendered here is not rendered again."""
    charts = () if context.sources else tuple(standalone_charts(tree, context, find_charts(tree, context), claimed))
    answers = context.helm.template_all(tree, [_request(chart) for chart in charts]) if charts else ()
    return tuple(resource for answer in answers for resource in answer.resources)


def _request(chart: Chart) -> HelmRequest:
    from gitgate.sources.helm_request import HelmRequest  # noqa: PLC0415 - see `SourceContext.helm`

    name = _NOT_IN_A_NAME.sub("-", chart.name.lower())[:_NAME_LENGTH].strip("-") or "release"
    return HelmRequest(chart=chart.directory, release_name=name, namespace=_NAMESPACE)


def _problems(chart: Chart, answer: HelmRendering, *, was_judged: bool) -> tuple[Problem, ...]:
    """What to say of a chart; one that needs values is no mistake unless the base could be judged without them."""
    from gitgate.sources.helm_request import HelmOutcome  # noqa: PLC0415 - see `SourceContext.helm`

    place = Location(chart.path_of(CHART_FILE), None, Precision.FILE)
    if answer.outcome is HelmOutcome.RENDERED:
        message = (
            "nothing in this repository says with which values this chart is installed, so it was judged with its "
            "default values"
        )
        return (*answer.problems, Problem(code="chart-default-values", message=message, location=place))
    if answer.outcome is HelmOutcome.NEEDS_VALUES and not was_judged:
        message = (
            f"this chart needs values that nothing in this repository names, so it was not judged: {answer.complaint}"
        )
        needs = Problem(code="chart-not-rendered", message=message, location=place, discriminator=answer.digest)
        return (*(problem for problem in answer.problems if problem.code != "helm-failed"), needs)
    if was_judged and answer.outcome is HelmOutcome.NEEDS_VALUES:
        told = "; it could be rendered without in the base"
        return tuple(replace(problem, message=problem.message + told) for problem in answer.problems)
    return answer.problems


def _weight(coverage: Coverage) -> int:
    """A file that two charts read has the worse of its fates."""
    return (Coverage.CONSUMED, Coverage.NOT_RENDERED, Coverage.FAILED).index(coverage)
