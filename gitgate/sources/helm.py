"""Helm charts of a tree rendered by the real Helm: `HelmBuilder` is what owners of releases ask.

A chart is checked first and run on a private copy then (ADR 0037): what would be fetched, or lies outside the tree,
keeps it from being rendered; what asks a cluster, a name server or the clock is found in its templates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gitgate.errors import ToolError
from gitgate.location import FieldPath, Location, Position, Precision
from gitgate.process import end_running
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.documents import DocumentReader
from gitgate.sources.helm_build import OUTPUT_LIMIT, HelmInput, HelmRunner, Printed, find_helm
from gitgate.sources.helm_chart import CHART_FILE, ELSEWHERE, VALUES_FILE, ChartLoader, LoadedChart
from gitgate.sources.helm_decisions import renders_files
from gitgate.sources.helm_doubts import Doubts, decided, texts_in, texts_of
from gitgate.sources.helm_output import (
    Output,
    differing_templates,
    key_of_inner_chart,
    mask_differences,
    read_output,
)
from gitgate.sources.helm_request import HelmOutcome, HelmRendering, HelmRequest
from gitgate.sources.helm_scan import Text, reachable_actions, reachable_calls
from gitgate.sources.helm_values import CollectedValues, ValuesError, collect_values, parameters_of, request_options
from gitgate.sources.helm_variants import MAXIMUM, TRIED, Variant, questions, variants
from gitgate.sources.render_cache import RenderCache
from gitgate.tree import Tree
from gitgate.yaml_document import YamlLimits

_PARALLEL_RUNS = 4
_NEEDS_VALUES = ("execution error at (", "values don't meet the specifications", "nil pointer evaluating")
"""How Helm's complaint reads when a template calls `required` or `fail`, a schema objects, or a value is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A request that may be rendered."""

    request: HelmRequest
    chart: LoadedChart
    wanted: HelmInput
    variants: tuple[Variant, ...]
    doubts: Doubts
    files: tuple[str, ...]
    values: tuple[tuple[FieldPath, str], ...]
    digest: str
    absent: tuple[Problem, ...] = ()
    """Dependencies that the chart is rendered without, as an agent fetches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arguments:
    """What a request hands to Helm beside the chart, checked."""

    options: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    file_settings: tuple[tuple[str, bytes], ...]
    values: CollectedValues
    kube_versions: tuple[str, ...]


def _arguments(
    request: HelmRequest, tree: Tree, documents: DocumentReader, kube_versions: tuple[str, ...]
) -> _Arguments:
    settings, file_settings = parameters_of(request, tree, documents)
    return _Arguments(
        options=request_options(request, request.kube_version or kube_versions[-1]),
        kube_versions=(request.kube_version,) if request.kube_version else kube_versions,
        settings=settings,
        file_settings=file_settings,
        values=collect_values(request, tree, documents),
    )


def _ready(request: HelmRequest, chart: LoadedChart, arguments: _Arguments) -> _Prepared:
    """A chart and a request in which nothing is wrong, as what Helm is run with."""
    if arguments.values.defaults is not None:
        # The loaded one serves other releases, too.
        chart = replace(chart, files={**chart.files, VALUES_FILE: arguments.values.defaults})
    skipped = () if chart.remote_schema is None else ("--skip-schema-validation",)
    options = (*arguments.options, *skipped)
    values = tuple(_values(request, chart, arguments))
    actions = reachable_actions(chart.templates, values)
    if renders_files(actions):
        actions = reachable_actions(chart.templates, (*values, *_other_files(chart)))
    kube_version = arguments.kube_versions[-1]
    asked = questions(actions, kube_version, _written(request, chart, arguments))
    if request.api_versions:
        asked = replace(asked, apis=(), served=())
    every = tuple(variants(asked, upgrades=request.upgrades, others=arguments.kube_versions[:-1]))
    cases = every[: MAXIMUM - 1]
    doubts = Doubts(
        chart=chart,
        owner=request.owner,
        calls=reachable_calls(actions),
        decisions=decided(actions, values, [int(version.split(".")[1]) for version in arguments.kube_versions]),
        unrendered=asked.apis if len(asked.apis) > TRIED or len(every) > len(cases) else (),
    )
    wanted = HelmInput(
        files=chart.files,
        values_files=tuple(data for _, data in arguments.values.files),
        values=request.values,
        settings=arguments.settings,
        file_settings=arguments.file_settings,
        options=(*options, *(f"--api-versions={api}" for api in asked.served)),
        release_name=request.release_name,
        cases=((), *(case.options for case in cases)),
        twice=not doubts.certain,
    )
    contents = (*wanted.values_files, *(data for _, data in arguments.file_settings))
    return _Prepared(
        request=request,
        chart=chart,
        wanted=wanted,
        variants=cases,
        doubts=doubts,
        files=(*chart.read_files(crds=False), *arguments.values.paths),
        values=tuple(_values_files(chart, arguments.values)),
        digest=_digest(request, chart, (*contents, repr((wanted.options, wanted.cases, wanted.twice)).encode())),
    )


def _values(request: HelmRequest, chart: LoadedChart, arguments: _Arguments) -> Iterator[Text]:
    """What `tpl` may be given of the values of a release; those that the owner says itself are in no file."""
    for path, text in chart.values.items():
        yield from texts_in(path, text)
    for path, data in arguments.values.files:
        yield from texts_in(path, data.decode("utf-8", "replace"))
    own = [text for _, text in arguments.settings]
    own.extend(data.decode("utf-8", "replace") for _, data in arguments.file_settings)
    yield from texts_of([dict(request.values), *own])


def _other_files(chart: LoadedChart) -> Iterator[Text]:
    """What a template may read with `.Files`."""
    for path, data in chart.files.items():
        if path not in chart.templates and path not in chart.values and b"{{" in data:
            yield Text(path, 1, data.decode("utf-8", "replace"))


def _written(request: HelmRequest, chart: LoadedChart, arguments: _Arguments) -> Iterator[str]:
    """All values as they are written."""
    yield from chart.values.values()
    yield from (data.decode("utf-8", "replace") for _, data in arguments.values.files)
    yield json.dumps(dict(request.values), default=str)
    yield from (text for _, text in arguments.settings)


def _values_files(chart: LoadedChart, collected: CollectedValues) -> Iterator[tuple[FieldPath, str]]:
    """The files of the tree with values, those of charts inside first, as they win over nothing."""
    packed = chart.part is not None and chart.part.packed
    found = [] if packed else [(key_of_inner_chart(path), place) for path, place in chart.places.items()
                               if path in chart.values and place.endswith(VALUES_FILE)]  # fmt: skip
    for key, place in sorted(found, key=lambda one: (-len(one[0]), one)):
        if key or collected.defaults is None:
            yield key, place
    yield from (((), path) for path in collected.paths)


@dataclass(slots=True)
class HelmBuilder:
    """Renders charts; what was rendered for one tree serves the other.

    Attributes:
        documents: Reads files, shared with the other sources.
        timeout: Seconds that one run of Helm may take.
        kube_versions: Of the clusters, the newest last: what `.Capabilities.KubeVersion` is where a request does not
            say.
        rendered: What came of each rendering, by the digest of all that it depends on.
        runs: How many releases Helm was run for.
        cache: Renders of earlier runs.
        charts: Charts that were rendered, for the base to begin with: what they need must stay in the repository.
    """

    documents: DocumentReader = field(default_factory=DocumentReader)
    timeout: float = 120.0
    kube_versions: tuple[str, ...] = ("1.33",)
    rendered: dict[str, HelmRendering] = field(default_factory=dict)
    runs: int = 0
    cache: RenderCache = field(default_factory=RenderCache)
    charts: set[str] = field(default_factory=set)
    _prepared: dict[str, _Prepared] = field(default_factory=dict)
    _runner: HelmRunner | None = None
    _loader: tuple[Tree, ChartLoader] | None = None

    def runner(self) -> HelmRunner:
        """What runs Helm, looked for once.

        Raises:
            ToolError: It is not there, or too old.
        """
        if self._runner is None:
            self._runner = HelmRunner(find_helm(), self.timeout, self.cache)
        return self._runner

    def template(self, tree: Tree, request: HelmRequest) -> HelmRendering:
        """Render one release; whatever goes wrong is in the answer."""
        return self.template_all(tree, (request,))[0]

    def template_all(self, tree: Tree, requests: Sequence[HelmRequest]) -> tuple[HelmRendering, ...]:
        """Render several releases at once, in the order of the requests."""
        if not requests:
            return ()
        loader = ChartLoader(tree, self.documents)
        prepared = [self._prepare(tree, loader, request) for request in requests]
        waiting = {
            one.digest: one for one in prepared if isinstance(one, _Prepared) and one.digest not in self.rendered
        }
        self._render(tuple(waiting.values()))
        return tuple(one if isinstance(one, HelmRendering) else self.rendered[one.digest] for one in prepared)

    def begin(
        self, tree: Tree, request: HelmRequest
    ) -> tuple[Callable[[], tuple[Printed, ...]] | None, Callable[[Any], HelmRendering]]:
        """Render one release in two steps, so that several may run at once.

        Returns:
            What runs Helm and touches nothing shared, None where nothing needs to run; and what makes the answer.
        """
        if self._loader is None or self._loader[0] is not tree:
            self._loader = (tree, ChartLoader(tree, self.documents))
        one = self._prepare(tree, self._loader[1], request)
        if isinstance(one, HelmRendering):
            return None, lambda _: one
        if one.digest in self.rendered:
            return None, lambda _: self.rendered[one.digest]
        try:
            runner = self.runner()
        except ToolError as error:
            self.rendered[one.digest] = _without_program(one, error)
            return None, lambda _: self.rendered[one.digest]

        def finish(answer: tuple[Printed, ...]) -> HelmRendering:
            self.runs += 1
            found = self.rendered[one.digest] = self._read(one, answer)
            return found

        return lambda: runner.template(one.wanted), finish

    def _prepare(self, tree: Tree, loader: ChartLoader, request: HelmRequest) -> _Prepared | HelmRendering:
        chart = loader.load(request.chart)
        problems = list(chart.problems)
        chart_file = f"{request.chart}/{CHART_FILE}".lstrip("/")
        if not problems and chart.part is None:
            message = "there is no chart here: it has no Chart.yaml"
            problems.append(_problem("helm-invalid", message, request.owner or _whole(chart_file)))
        arguments: _Arguments | None = None
        try:
            arguments = _arguments(request, tree, self.documents, self.kube_versions)
        except ValuesError as error:
            problems.append(_problem(error.code, str(error), request.owner or _whole(chart_file)))
        if problems or arguments is None:
            state = _digest(request, chart, ())
            elsewhere = all(each.code == ELSEWHERE for each in problems)
            if elsewhere and request.chart in self.charts:
                problems = [_no_longer(each) for each in problems]
                elsewhere = False
            here = chart.without_dependencies({each.discriminator for each in problems}) if elsewhere else None
            # Told anew whenever the chart changes, as nobody judged what is fetched.
            told = tuple(replace(each, discriminator=f"{each.discriminator} {state}") for each in problems)
            if here is not None and arguments is not None:
                ready = self._ready(request, here, arguments)
                return replace(ready, absent=told, digest=f"{ready.digest} {state}")
            return HelmRendering(
                outcome=HelmOutcome.ELSEWHERE if elsewhere else HelmOutcome.REFUSED,
                problems=told,
                files=_coverage(chart.read_files(crds=False), Coverage.NOT_RENDERED if elsewhere else Coverage.FAILED),
                digest=state,
                complaint=problems[0].message,
            )
        return self._ready(request, chart, arguments)

    def _ready(self, request: HelmRequest, chart: LoadedChart, arguments: _Arguments) -> _Prepared:
        """Worked out once for base and head, and for whoever asks again."""
        known = _digest(request, chart, (repr(arguments).encode("utf-8", "surrogatepass"),))
        if known not in self._prepared:
            self._prepared[known] = _ready(request, chart, arguments)
        return self._prepared[known]

    def _render(self, waiting: Sequence[_Prepared]) -> None:
        if not waiting:
            return
        try:
            runner = self.runner()
        except ToolError as error:
            for one in waiting:
                self.rendered[one.digest] = _without_program(one, error)
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only where a chart waits

        with ThreadPoolExecutor(max_workers=_PARALLEL_RUNS) as executor:
            try:
                answers = executor.map(lambda one: runner.template(one.wanted), waiting)
                for one, answer in zip(waiting, answers, strict=True):
                    self.runs += 1
                    self.rendered[one.digest] = self._read(one, answer)
            except (KeyboardInterrupt, SystemExit):
                executor.shutdown(wait=False, cancel_futures=True)
                end_running()
                raise

    def _read(self, one: _Prepared, answer: tuple[Printed, ...]) -> HelmRendering:
        if answer[0].output is None:
            return _failed(one, answer[0].complaint)
        contexts = [answer[index :: len(one.variants) + 1] for index in range(len(one.variants) + 1)]
        problems = [*one.absent, *one.doubts.problems()]
        first, complaint = self._context(one, contexts[0], problems)
        if first is None:
            return _failed(one, complaint, problems if one.wanted.twice else ())
        others: list[tuple[str, tuple[Resource, ...]]] = []
        for variant, printed in zip(one.variants, contexts[1:], strict=True):
            if any(run.output is None for run in printed):
                problems.append(_failed_variant(one, variant, next(run.complaint for run in printed if run.complaint)))
            elif printed != contexts[0]:
                found, complaint = self._context(one, printed, problems)
                if found is None:
                    return _failed(one, f"where {variant.condition}: {complaint}", problems)
                others.append((variant.condition, _kept(one.request, found)))
        if not one.absent:
            self.charts.add(one.request.chart)
        return HelmRendering(
            outcome=HelmOutcome.RENDERED,
            resources=_kept(one.request, first),
            variants=tuple(others),
            problems=(*problems, *first.problems),
            files=_coverage((*one.files, *one.chart.read_files(crds=one.request.include_crds)), Coverage.CONSUMED),
            digest=one.digest,
        )

    def _context(
        self, one: _Prepared, answers: Sequence[Printed], problems: list[Problem]
    ) -> tuple[Output | None, str]:
        """What was printed in one case, read; or why it cannot be. Two runs that differ are a problem."""
        printed = [run.output for run in answers if run.output is not None]
        if len(printed) < len(answers):
            return None, next(run.complaint for run in answers if run.output is None)
        limits = self._output_limits()
        outputs = [read_output(output, one.chart, limits, one.values) for output in dict.fromkeys(printed)]
        unreadable = next((output.unreadable for output in outputs if output.unreadable), None)
        if unreadable is not None:
            return None, f"what helm printed cannot be read: {unreadable}"
        if len(outputs) == 1:
            return outputs[0], ""
        random = one.doubts.random_problem(differing_templates(*printed))
        if random not in problems:
            problems.append(random)
        return mask_differences(outputs[0], outputs[1]), "two renderings do not even hold the same objects"

    def _output_limits(self) -> YamlLimits:
        limits = self.documents.limits
        return replace(
            limits,
            bytes=max(limits.bytes, OUTPUT_LIMIT),
            documents=max(limits.documents, 100_000),
            nodes=max(limits.nodes, 20_000_000),
        )


def _no_longer(problem: Problem) -> Problem:
    """A dependency by which a change would take a chart that was judged out of sight."""
    return replace(problem, code="helm-dependency", message=f"{problem.message}; the chart was rendered without before")


def _kept(request: HelmRequest, output: Output) -> tuple[Resource, ...]:
    return tuple(resource for resource in output.resources if not is_left_out(request, resource.data))


def is_left_out(request: HelmRequest, data: Any) -> bool:
    """Does the request leave out this object, as a test? Source: helm.sh/helm, cmd/helm/template.go, `isTestHook`."""
    if not request.skip_tests:
        return False
    metadata = data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get("helm.sh/hook") if isinstance(annotations, dict) else None
    events = {event.strip() for event in text.split(",")} if isinstance(text, str) else set()
    # What is another hook, too, is run as that one.
    return bool(events) and events <= {"test", "test-success", "test-failure"}


def _digest(request: HelmRequest, chart: LoadedChart, contents: Iterable[bytes]) -> str:
    """Names everything that a rendering depends on, and where its problems are reported."""
    found = hashlib.sha256(repr(replace(request, values=MappingProxyType({}))).encode("utf-8", "surrogatepass"))
    found.update(json.dumps(dict(request.values), sort_keys=True, default=str).encode())
    for path, data in sorted(chart.files.items()):
        found.update(f"\0{path}\0{chart.places.get(path)}\0".encode("utf-8", "surrogateescape"))
        found.update(hashlib.sha256(data).digest())
    for data in contents:
        found.update(hashlib.sha256(data).digest())
    return found.hexdigest()


def _without_program(one: _Prepared, error: ToolError) -> HelmRendering:
    place = one.request.owner or _whole(f"{one.request.chart}/{CHART_FILE}".lstrip("/"))
    message = f"{error}, so the chart {one.request.chart or '.'} could not be rendered"
    problem = Problem(code="helm-missing", message=message, location=place, fix=error.remedy, discriminator=one.digest)
    return HelmRendering(
        outcome=HelmOutcome.NO_PROGRAM,
        problems=(problem,),
        files=_coverage(one.files, Coverage.NOT_RENDERED),
        digest=one.digest,
        complaint=str(error),
    )


def _failed(one: _Prepared, complaint: str, problems: Iterable[Problem] = ()) -> HelmRendering:
    """A rendering that failed, at the template and line that Helm names, or at the chart."""
    path, line = one.chart.place_of(complaint)
    known = path in one.chart.places_of_tree()
    place = Location(path, Position(line, 1), Precision.FILE) if known and path is not None else None
    chart_file = f"{one.request.chart}/{CHART_FILE}".lstrip("/")
    needs_values = any(sign in complaint for sign in _NEEDS_VALUES)
    without = "".join(f" without its dependency {each.discriminator.partition(' ')[0]}" for each in one.absent[:1])
    problem = Problem(
        code="helm-failed",
        message=f"helm cannot render the chart {one.request.chart or '.'}{without}: {complaint}",
        location=place or one.request.owner or _whole(chart_file),
        discriminator=one.digest,
    )
    return HelmRendering(
        outcome=HelmOutcome.NEEDS_VALUES if needs_values else HelmOutcome.FAILED,
        problems=(*(problems or one.absent), problem),
        files=_coverage(one.files, Coverage.FAILED),
        digest=one.digest,
        complaint=complaint,
    )


def _failed_variant(one: _Prepared, variant: Variant, complaint: str) -> Problem:
    """A case in which the agent would fail as well, and apply nothing."""
    path, line = one.chart.place_of(complaint)
    known = path in one.chart.places_of_tree()
    place = Location(path, Position(line, 1), Precision.FILE) if known and path is not None else None
    message = f"where {variant.condition}, helm cannot render the chart {one.request.chart or '.'}: {complaint}"
    chart_file = _whole(f"{one.request.chart}/{CHART_FILE}".lstrip("/"))
    return Problem(
        code="helm-conditional-failure", message=message, location=place or one.request.owner or chart_file,
        discriminator=variant.condition,
    )  # fmt: skip


def _problem(code: str, message: str, location: Location) -> Problem:
    return Problem(code=code, message=message, location=location)


def _whole(path: str) -> Location:
    return Location(path, None, Precision.FILE)


def _coverage(paths: Iterable[str], state: Coverage) -> MappingProxyType[str, Coverage]:
    return MappingProxyType(dict.fromkeys(sorted(set(paths)), state))
