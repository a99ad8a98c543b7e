"""What a real API server made of a change, and what gitgate predicts, class by class.

Run alone: `python -m tests.conformance.reconcile CORPORA [CRDS]`. The corpus has custom resources without their
definitions; a folder of CustomResourceDefinitions can be given to judge those, too. Without it they are counted as
unknown and scored apart.
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
from gitgate.reconcile.outcome import Outcome, predict_update
from gitgate.reconcile.tables import KubernetesTables, TypeNode, kubernetes_tables
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
    outcome: Outcome | None
    verdict: str
    naive: str

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.row["base"]["kind"])


def predictions(corpora: Path, name: str, definitions: Path | None) -> Iterator[Prediction]:
    """Every row of a file with its prediction."""
    tables = kubernetes_tables(VERSION)
    custom = dict(_definitions(tables, definitions))
    with gzip.open(corpora / "reconcile" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            base, head = row["base"], row["head"]
            naive = "unchanged" if base == head else "update"
            node = tables.kind(base["apiVersion"], base["kind"]) or custom.get((base["apiVersion"], base["kind"]))
            if node is None:
                yield Prediction(row, None, "unknown", naive)
                continue
            outcome = predict_update(node, base, head, version=VERSION)
            if outcome.failures:
                verdict = "fail"
            else:
                verdict = "update" if changed_paths(outcome.before, outcome.after) else "unchanged"
            yield Prediction(row, outcome, verdict, naive)


def _definitions(tables: KubernetesTables, folder: Path | None) -> Iterator[tuple[tuple[str, str], TypeNode]]:
    for path in sorted(folder.glob("*.yaml")) if folder is not None else ():
        spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            yield key, tables.custom(version["schema"]["openAPIV3Schema"])


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
    failure = prediction.outcome.failures[0] if prediction.outcome else None
    if failure is None:
        return False
    return wanted in ("", failure.place, format_field_path(failure.field))


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / whole:.1f} %" if whole else "none"


def _classes(name: str, rows: list[Prediction]) -> None:
    for verdict in ("unchanged", "update", "fail"):
        actual = [item for item in rows if item.row["verdict"] == verdict]
        said = [item for item in rows if item.verdict == verdict]
        right = sum(item.verdict == verdict for item in actual)
        naive = sum(item.naive == verdict for item in actual)
        print(f"  {name} {verdict:9} recall {_share(right, len(actual))}, precision {_share(right, len(said))};"
              f" naive recall {_share(naive, len(actual))}")  # fmt: skip
    accepted = [item for item in rows if item.row["verdict"] != "fail"]
    false = sum(item.verdict == "fail" for item in accepted)
    print(f"  {name} false fails {_share(false, len(accepted))}")


def _fields(name: str, rows: list[Prediction]) -> None:
    updates = [item for item in rows if item.row["verdict"] == "update" and item.verdict == "update"]
    paths = full = 0
    wrong: Counter[str] = Counter()
    for item in updates:
        assert item.outcome is not None
        live, result = visible(item.row["live"]), visible(item.row["res"])
        before, after = visible(item.outcome.before), visible(item.outcome.after)
        paths += changed_paths(live, result) == changed_paths(before, after)
        full += result == after
        wrong[item.kind] += result != after
    print(f"  {name} changed paths equal {_share(paths, len(updates))}, full object {_share(full, len(updates))}")
    for kind, count in wrong.items():
        if count:
            print(f"    {kind}: {count} objects differ")
    fails = [item for item in rows if item.row["verdict"] == "fail" == item.verdict]
    print(f"  {name} failing field right {_share(sum(map(_same_field, fails)), len(fails))}")


def score(corpora: Path, definitions: Path | None = None) -> Score:
    """Print every class beside the naive predictor.

    Returns:
        How many verdicts were right among the objects of known kinds.
    """
    total = passed = 0
    disagreements = []
    for name in FILES:
        rows = list(predictions(corpora, name, definitions))
        unknown = [item for item in rows if item.outcome is None]
        known = [item for item in rows if item.outcome is not None]
        print(f"  {name}: unknown {_share(len(unknown), len(rows))} (custom resources without a definition)")
        _classes(name, known)
        _fields(name, known)
        for item in known:
            total += 1
            if item.verdict == item.row["verdict"]:
                passed += 1
            else:
                place = "/".join(map(str, item.row.get("path", ())))
                reason = str(item.outcome.failures[0]) if item.outcome and item.outcome.failures else ""
                disagreements.append(
                    f"{name} {item.kind} {item.row.get('mut', '')} {place}: the server says {item.row['verdict']}"
                    f" {str(item.row.get('msg', ''))[:160]!r}, gitgate says {item.verdict} {reason[:160]}"
                )
    return Score("reconciliation verdicts", passed, total, tuple(disagreements))


if __name__ == "__main__":
    sys.exit(report(score(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)))
