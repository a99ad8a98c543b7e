"""What makes one rendering of a chart tell too little: its templates ask the cluster, the clock, or chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitgate.location import Location, Position, Precision
from gitgate.proposal import Problem
from gitgate.sources.helm_chart import CHART_FILE, LoadedChart
from gitgate.sources.helm_decisions import Decision, Unknown, decisions, is_closed
from gitgate.sources.helm_scan import CLOCK, LOOKUPS, RANDOM, Action, Call, Text, renders_texts
from gitgate.yaml_document import read_yaml


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """What is written in the templates of a chart.

    Attributes:
        chart: The chart.
        owner: Where the release is asked for.
        calls: Functions that are answered otherwise when an agent installs it.
        decisions: What is decided by what nobody knows.
        unrendered: API versions that are asked for, where they are too many to try all answers.
    """

    chart: LoadedChart
    owner: Location | None
    calls: tuple[Call, ...]
    decisions: tuple[Decision, ...]
    unrendered: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Will each rendering of the same be the same, whatever functions are called?"""
        return all(call.function in LOOKUPS for call in self.calls)

    @cached_property
    def state(self) -> str:
        """Of all that the chart may render: another branch than the one that was judged may be in any of its files."""
        texts = (*self.chart.templates.items(), *self.chart.values.items())
        return hashlib.sha256(repr(sorted(texts)).encode("utf-8", "surrogatepass")).hexdigest()

    def place(self, call: Call | Decision) -> Location:
        """The template's line; a value's file, an archive or the owner where there is none."""
        place = self.chart.places.get(call.path)
        if place is not None and call.path in self.chart.files:
            return Location(place, Position(call.line, 1))
        if place is not None or call.path:
            return Location(place or call.path, None, Precision.FILE)
        return self.owner or self._chart_file

    @property
    def _chart_file(self) -> Location:
        return Location(f"{self.chart.directory}/{CHART_FILE}".lstrip("/"), None, Precision.FILE)

    def problems(self) -> Iterator[Problem]:
        """What the templates ask of the world outside the repository; one problem for each place.

        They are told anew whenever the chart changes, as nobody judged what it renders to with another answer.
        """
        for call in self.calls:
            if call.function in LOOKUPS:
                message = (
                    f"the template calls {call.function}, which answers with nothing here and with what it finds when "
                    "an agent installs the chart: what is applied may differ from what was judged"
                )
                yield self._problem("helm-lookup", message, call, f"{call.function} {call.path} {self.state}")
            elif call.function in CLOCK:
                message = f"the template calls {call.function}: what is applied depends on when that happens"
                yield self._problem("helm-clock", message, call, f"{call.function} {call.path}")
        for decision in self.decisions:
            detail = f"{decision.unknown} {decision.path} {self.state}"
            yield self._problem("helm-undecided", _told(decision.unknown), decision, detail)
        if self.unrendered:
            apis = ", ".join(self.unrendered)
            message = (
                f"the chart asks whether the cluster serves {apis}: these are too many to render every case, so not "
                "all that it may install was judged"
            )
            yield Problem(
                code="helm-undecided", message=message, location=self._chart_file, discriminator=f"{apis} {self.state}"
            )
        if self.chart.remote_schema is not None:
            message = (
                "this JSON Schema for values loads another one from the network or from a file, or cannot be read; it "
                "was left out, and so it is not known whether the values satisfy it"
            )
            location = Location(self.chart.remote_schema, None, Precision.FILE)
            yield Problem(code="helm-remote-schema", message=message, location=location)

    def random_problem(self, templates: Sequence[str]) -> Problem:
        """Templates, as Helm names them, that came to something else in a second rendering."""
        paths = {self.chart.source(name) for name in templates}
        suspects = [call for call in self.calls if call.function in RANDOM | CLOCK]
        # A helper in another file may be what differs, so any suspect is better than none.
        suspects.sort(key=lambda call: self.place(call).path not in paths)
        named = ", ".join(sorted(paths))
        message = f"two renderings of the chart differ, so what is applied is not what was judged: {named}"
        if suspects:
            message += f"; {suspects[0].function} gives another result each time"
            return self._problem("helm-nondeterministic", message, suspects[0], "")
        location = Location(min(paths, default=self.chart.directory), None, Precision.FILE)
        return Problem(code="helm-nondeterministic", message=message, location=location)

    def _problem(self, code: str, message: str, call: Call | Decision, detail: str) -> Problem:
        return Problem(code=code, message=message, location=self.place(call), discriminator=detail)


def decided(actions: Sequence[Action], values: Iterable[Text], minors: Sequence[int]) -> tuple[Decision, ...]:
    """What a chart decides by what nobody knows.

    Args:
        actions: All that rendering reaches.
        values: That `tpl` may be given.
        minors: Of the Kubernetes versions that it is rendered for.
    """
    found = decisions(actions, minors)
    if not renders_texts(actions):
        return found
    # A part of a template, which only together with another one is a whole.
    halves = {Decision(Unknown.TEMPLATE, one.path, one.line) for one in values if not is_closed(one.text)}
    return (*found, *sorted(halves, key=lambda one: (one.path, one.line)))


def texts_of(value: Any, path: str = "", written: str = "") -> Iterator[Text]:
    """Every text in values that may be a template, or a part of one, keys included.

    Args:
        value: JSON data.
        path: The file that has it.
        written: The file's content, for the lines.
    """
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict | Mapping):
            pending.extend((*one.keys(), *one.values()))
        elif isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, str) and ("{{" in one or "}}" in one):
            place = written.find(next(line for line in one.splitlines() if "{{" in line or "}}" in line).strip())
            yield Text(path, written.count("\n", 0, max(place, 0)) + 1, one)


def texts_in(path: str, text: str) -> Iterator[Text]:
    """The same of a file with values; the whole where it cannot be read."""
    if "{" not in text and "}" not in text and "\\" not in text:
        return
    file = read_yaml(text.encode("utf-8", "surrogatepass"))
    if any(problem.fatal for problem in file.problems):
        yield Text(path, 1, text)
    for document in file.documents:
        yield from texts_of(document.value, path, text)


def _told(unknown: Unknown) -> str:
    if unknown is Unknown.TEMPLATE:
        return "the template renders a text that is put together while rendering, so nothing tells what that calls"
    return (
        f"the template decides by {unknown}, which nobody knows before an agent installs the chart: only one outcome "
        "was judged"
    )
