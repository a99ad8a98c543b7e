"""What a real API server made of a change, and what gitgate predicts, class by class.

Run alone: `python -m tests.conformance.reconcile CORPORA [CRDS]`. The corpus has custom resources without their
definitions, as repositories mostly have; what gitgate ships of them is taken, and a folder of CustomResourceDefinitions
can be given to take those instead.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitgate.location import format_field_path
from gitgate.reconcile.changes import changed_paths
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.outcome import Outcome, predict_update
from gitgate.reconcile.undefined import update_without_type
from gitgate.resource import Origin, Resource, ResourceId
from tests.conformance.score import Score, report

VERSION = "1.36"
FILES = ("history", "mutations")
_SERVER_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid",
                    "namespace", "finalizers")  # fmt: skip
_ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")


@dataclass(frozen=True)
class Prediction:
    """One pair of texts: what happened and what was said."""

    row: Mapping[str, Any]
    outcome: Outcome
    verdict: str
    naive: str
    defined: bool

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.row["base"]["kind"])


def predictions(corpora: Path, name: str, definitions: Path | None) -> Iterator[Prediction]:
    """Every row of a file with its prediction."""
    kinds = Kinds(VERSION, _definitions(definitions), predicts=True)
    with gzip.open(corpora / "reconcile" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            base, head = row["base"], row["head"]
            naive = "unchanged" if base == head else "update"
            node = kinds.find(_resource(base))
            outcome = predict_update(node or kinds.undefined, base, head, version=VERSION)
            yield Prediction(row, outcome, _verdict(outcome, defined=node is not None), naive, node is not None)


def _verdict(outcome: Outcome, *, defined: bool) -> str:
    if outcome.failures:
        return "fail"
    if not changed_paths(outcome.before, outcome.after):
        return "unchanged"
    return "update" if defined or update_without_type(outcome.before, outcome.after) is not None else "unknown"


def _definitions(folder: Path | None) -> Iterator[Resource]:
    for path in sorted(folder.glob("*.yaml")) if folder is not None else ():
        yield _resource(yaml.safe_load(path.read_text("utf-8")))


def _resource(data: Mapping[str, Any]) -> Resource:
    group, _, version = data["apiVersion"].rpartition("/")
    return Resource(ResourceId(group, version, data["kind"], "", data["metadata"]["name"]), data, Origin(""))


def visible(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored object without what the server allocates, and without nulls, which Go's encoder leaves."""
    plain = {key: value for key, value in stored.items() if key != "status"}
    metadata = {key: value for key, value in plain.get("metadata", {}).items() if key not in _SERVER_METADATA}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop("deprecated.daemonset.template.generation", None)
    metadata["annotations"] = annotations or None
    plain["metadata"] = metadata
    if plain.get("kind") == "Service":
        spec = {key: value for key, value in plain["spec"].items() if key not in _ALLOCATED}
        ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec.get("ports") or ()]
        plain["spec"] = {**spec, "ports": ports or None}
    result: dict[str, Any] = _without_nulls(plain)
    return result


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def failing_field(message: str) -> str:
    """The first field that the server names; empty where its message names none."""
    if "json: cannot unmarshal" in message or "quantities must match" in message:
        return ""
    if typed := re.search(r"failed to create typed patch object \([^)]*\): (.*)", message, re.DOTALL):
        return typed[1].split(": ", 1)[0]
    named = re.search(r" is invalid: \[?(.*)", message, re.DOTALL)
    return named[1].split(": ", 1)[0] if named else ""


def _same_field(prediction: Prediction) -> bool:
    """Does the first failure name the field that the server names first?"""
    wanted = failing_field(prediction.row["msg"])
    failure = prediction.outcome.failures[0]
    return wanted in ("", failure.place, format_field_path(failure.field))


@dataclass(frozen=True)
class Measure:
    """One line of the table: a share, what the naive predictor reaches, and what is asked."""

    name: str
    part: int
    whole: int
    target: float
    """In percent; at most this where `most` is set, else at least."""
    most: bool = False
    naive: tuple[int, int] | None = None

    @property
    def reached(self) -> bool:
        """Is the target reached? Where nothing was to be measured, it is."""
        share = _percent(self.part, self.whole)
        return not self.whole or (share <= self.target if self.most else share >= self.target)

    def __str__(self) -> str:
        naive = f"{_percent(*self.naive):5.1f} %" if self.naive and self.naive[1] else "      –"
        value = f"{_percent(self.part, self.whole):6.2f} %" if self.whole else "       –"
        sign = "≤" if self.most else "≥"
        count = f"{self.part}/{self.whole}"
        return f"  {self.name:38}{value}{count:>11}{naive:>11}   {sign} {self.target:4} %  {'yes' if self.reached else 'NO'}"


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


_RECALL: Mapping[str, Mapping[str, float]] = {"unchanged": {"history": 99, "mutations": 99}, "update": {"history": 99.5, "mutations": 99.5},
           "fail": {"history": 95, "mutations": 93}}  # fmt: skip
_PRECISION = 99.5
"""Asked of `unchanged`; the other classes are held to the same."""


def _classes(name: str, rows: list[Prediction]) -> Iterator[Measure]:
    """Recall and precision of each class; recall also as if every unknown were a wrong answer."""
    for verdict in ("unchanged", "update", "fail"):
        actual = [item for item in rows if item.row["verdict"] == verdict]
        answered = [item for item in actual if item.verdict != "unknown"]
        said = [item for item in rows if item.verdict == verdict]
        naive_said = [item for item in rows if item.naive == verdict]
        target = _RECALL[verdict][name]
        naive = sum(item.naive == verdict for item in actual)
        right = sum(item.verdict == verdict for item in actual)
        yield Measure(f"{verdict}: recall, of the answered", right, len(answered), target, naive=(naive, len(actual)))
        yield Measure(f"{verdict}: recall, unknown as missed", right, len(actual), target, naive=(naive, len(actual)))
        agree = sum(item.row["verdict"] == verdict for item in naive_said)
        yield Measure(f"{verdict}: precision", right, len(said), _PRECISION, naive=(agree, len(naive_said)))
    accepted = [item for item in rows if item.row["verdict"] != "fail"]
    false = sum(item.verdict == "fail" for item in accepted)
    yield Measure("false fails among the accepted", false, len(accepted), 0.5, most=True, naive=(0, len(accepted)))
    unknown = sum(item.verdict == "unknown" for item in rows)
    yield Measure("unknown", unknown, len(rows), 5, most=True, naive=(0, len(rows)))


def _fields(rows: list[Prediction]) -> Iterator[Measure]:
    updates = [item for item in rows if item.row["verdict"] == "update" == item.verdict]
    paths = naive = 0
    for item in updates:
        wanted = changed_paths(visible(item.row["live"]), visible(item.row["res"]))
        paths += wanted == changed_paths(visible(item.outcome.before), visible(item.outcome.after))
        naive += wanted == changed_paths(item.row["base"], item.row["head"])
    yield Measure("changed paths equal", paths, len(updates), 99, naive=(naive, len(updates)))
    # What a definition that nobody has would fill in cannot be told.
    defined = [item for item in updates if item.defined]
    full = [item for item in defined if visible(item.row["res"]) == visible(item.outcome.after)]
    whole = sum(visible(item.row["res"]) == visible(item.row["head"]) for item in defined)
    yield Measure("whole object equal, kinds with a type", len(full), len(defined), 98, naive=(whole, len(defined)))
    wrong = Counter(item.kind for item in defined if item not in full)
    for kind, count in sorted(wrong.items()):
        print(f"    {kind}: {count} objects differ")
    fails = [item for item in rows if item.row["verdict"] == "fail" == item.verdict]
    yield Measure("failing field right", sum(map(_same_field, fails)), len(fails), 90, naive=(0, len(fails)))


def score(corpora: Path, definitions: Path | None = None) -> Score:
    """Print every measure beside the naive predictor and its target.

    Returns:
        How many verdicts were right among those that were not unknown, and how many targets were reached.
    """
    total = passed = 0
    everything: list[Prediction] = []
    disagreements: list[str] = []
    for name in FILES:
        rows = list(predictions(corpora, name, definitions))
        print(f"reconcile, {name}: {len(rows)} objects{'':17}gitgate{'':14}naive      target")
        for measure in (*_classes(name, rows), *_fields(rows)):
            print(measure)
            total, passed = total + 1, passed + measure.reached
            if not measure.reached:
                disagreements.append(f"{name}, {measure.name}: the target is not reached")
        everything += rows
        answered = [item for item in rows if item.verdict != "unknown"]
        right = [item for item in answered if item.verdict == item.row["verdict"]]
        total, passed = total + len(answered), passed + len(right)
        disagreements += [_told(name, item) for item in answered if item.verdict != item.row["verdict"]]
    print(f"reconcile, all {len(everything)} objects")
    unknown = sum(item.verdict == "unknown" for item in everything)
    print(Measure("unknown", unknown, len(everything), 5, most=True, naive=(0, len(everything))))
    return Score("reconciliation verdicts and targets", passed, total, tuple(disagreements))


def _told(name: str, item: Prediction) -> str:
    place = "/".join(map(str, item.row.get("path", ())))
    reason = str(item.outcome.failures[0]) if item.outcome.failures else ""
    return (
        f"{name} {item.kind} {item.row.get('mut', '')} {place}: the server says {item.row['verdict']}"
        f" {str(item.row.get('msg', ''))[:160]!r}, gitgate says {item.verdict} {reason[:160]}"
    )


if __name__ == "__main__":
    sys.exit(report(score(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)))
