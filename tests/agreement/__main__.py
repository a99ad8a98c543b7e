"""`python -m tests.agreement`: asks real API servers what gitgate says offline, and prints where they disagree.

The plan: generated pairs of objects are applied. Policies: those that gitgate ships are applied as they are, and asked
about their examples, about the pods of a corpus alone and in workloads, and beside Pod Security admission.

Every Kubernetes version that `make control-plane` built is asked, or those of `--kubernetes`. `--recorded FILE` judges
what `--record` wrote of an earlier run, without a server. `--seed N` asks about changes of the same objects that no other
choice has, and `--repository PATH` about the objects and the commits of a clone: what no rule was written for.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.server.binaries import cached_versions, find_binaries
from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.expressions import judge_expressions
from tests.agreement.kubectl import KubectlServer
from tests.agreement.outcomes import Outcome, comparable, predicted, run
from tests.agreement.pairs import Pair, corpus_pairs, pairs
from tests.agreement.policies import judge_policies
from tests.agreement.policies import report as report_policies
from tests.agreement.repositories import repository_pairs
from tests.agreement.scenes import play
from tests.agreement.server import Server
from tests.conformance.reconcile import Measure

RECALL = {"unchanged": 99.0, "update": 99.5, "fail": 93.0}
PRECISION = {"unchanged": 99.5}
"""In percent, as in `tests.conformance.reconcile`; of what is generated and what changes in repositories alike."""


def main() -> int:
    """Run, print, and say whether the offline plan is as right as it has to be."""
    parser = argparse.ArgumentParser(prog="tests.agreement", description=__doc__)
    parser.add_argument("--kubernetes", action="append", help="a version: 1.37; all that there are otherwise")
    parser.add_argument("--recorded", type=Path, action="append", help="outcomes of an earlier run")
    parser.add_argument("--record", type=Path, help="write the outcomes to a file for each version in this folder")
    parser.add_argument("--each", type=int, default=60, help="pairs for each object; 0 for all")
    parser.add_argument("--corpora", type=Path, help="also the pairs of this folder's recorded changes")
    parser.add_argument("--kind", action="append", help="only these kinds")
    parser.add_argument("--seed", type=int, default=0, help="another choice of changes, without those of 0")
    parser.add_argument("--repository", type=Path, action="append", help="the objects of this clone, instead of ours")
    parser.add_argument("--kubectl", type=Path, help="apply with this program")
    parser.add_argument("--method", type=ApplyMethod, choices=list(ApplyMethod), default=ApplyMethod.SERVER_SIDE,
                        help="how: server-side; and with --kubectl client-side or replace")  # fmt: skip
    parser.add_argument("--only", choices=("plan", "policies"), help="one of the two; both otherwise")
    arguments = parser.parse_args()
    good = True
    for path in arguments.recorded or ():
        version, each, seed, actual = load(path)
        good &= report(version, _chosen(arguments, version, each, seed), actual, arguments.method)
    for minor in () if arguments.recorded else arguments.kubernetes or cached_versions():
        chosen = _chosen(arguments, minor, arguments.each, arguments.seed)
        with ControlPlane(find_binaries(minor)) as plane:
            if arguments.only != "plan" and not arguments.seed and not arguments.repository:
                good &= report_policies(minor, judge_policies(plane, arguments.corpora))
                good &= report_policies(minor, play(plane))
                good &= report_policies(minor, judge_expressions(plane))
            if arguments.only == "policies":
                continue
            by = (
                KubectlServer(plane, arguments.kubectl, arguments.method) if arguments.kubectl else Server(plane.client)
            )
            actual = run(chosen, by, minor)
        if arguments.record:
            name = "repositories" if arguments.repository else "held-out" if arguments.seed else "agreement"
            name = f"kubectl-{arguments.method}" if arguments.kubectl else name
            save(arguments.record / f"{name}-{minor}.jsonl.gz", minor, arguments.each, actual, arguments.seed)
        good &= report(minor, chosen, actual, arguments.method)
    return 0 if good else 1


def _chosen(arguments: argparse.Namespace, version: str, each: int, seed: int) -> list[Pair]:
    made = (
        repository_pairs(arguments.repository, version, seed, each)
        if arguments.repository
        else pairs(version, each, seed)
    )
    found = [pair for pair in made if not arguments.kind or pair.kind in arguments.kind]
    return [*found, *corpus_pairs(arguments.corpora, version)] if arguments.corpora else found


def save(path: Path, version: str, each: int, actual: Mapping[str, Outcome], seed: int = 0) -> None:
    """Write outcomes: a line that says of what, then one for each pair, without what it is made of."""
    rows = [json.dumps({"version": version, "each": each, "seed": seed})]
    for key in sorted(actual):
        one = actual[key]
        row = [key, one.verdict, list(one.paths), one.field, one.message[:160], one.stored]
        rows.append(json.dumps(row, ensure_ascii=False))
    path.write_bytes(gzip.compress("\n".join(rows).encode(), 9, mtime=0))


def load(path: Path) -> tuple[str, int, int, dict[str, Outcome]]:
    """Read what `save` wrote: the version, how many of each object, the seed, and the outcomes."""
    head, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    about = json.loads(head)
    found = {}
    for row in rows:
        key, verdict, paths, *rest = json.loads(row)
        found[key] = Outcome(verdict, tuple(paths), *rest)
    return about["version"], about["each"], about.get("seed", 0), found


class Tally:
    """Counts what was right, and keeps what was wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.kinds: dict[str, Counter[str]] = defaultdict(Counter)
        self._table: Counter[tuple[str, str]] = Counter()
        self._whole: Counter[bool] = Counter()
        self._named: Counter[bool] = Counter()

    def count(self, pair: Pair, was: Outcome, said: Outcome) -> None:
        """Compare what a server made of a pair with what was said of it."""
        count = self.kinds[pair.kind]
        count["pairs"] += 1
        self._table[was.verdict, said.verdict] += 1
        if was.verdict != said.verdict:
            count["verdict"] += 1
            self.wrong.append(f"{was.verdict} / {said.verdict}: {pair.key}\n      server:  {was.message[:300]} {list(was.paths)}"
                              f"\n      gitgate: {said.field}: {said.message[:200]} {list(said.paths)}")  # fmt: skip
        elif was.verdict == "update":
            self._update(pair, was, said)
        elif was.field:
            self._named[was.field == said.field] += 1
            if was.field != said.field:
                count["field"] += 1
                self.wrong.append(f"field: {pair.key}\n      server:  {was.message[:300]}"
                                  f"\n      gitgate: {said.field}: {said.message[:160]}")  # fmt: skip

    def _update(self, pair: Pair, was: Outcome, said: Outcome) -> None:
        if was.stored:  # older records do not have it
            self._whole[was.stored == said.stored] += 1
        if was.paths != said.paths:
            self.kinds[pair.kind]["paths"] += 1
            self.wrong.append(f"paths: {pair.key}\n      server:  {list(was.paths)}\n      gitgate: {list(said.paths)}")
        elif was.stored not in ("", said.stored):
            self.kinds[pair.kind]["whole"] += 1
            self.wrong.append(f"whole object: {pair.key}")

    def measures(self) -> Iterator[Measure]:
        """What was reached, beside what has to be."""
        for verdict, recall in RECALL.items():
            actual = sum(number for (was, _), number in self._table.items() if was == verdict)
            said = sum(number for (_, is_said), number in self._table.items() if is_said == verdict)
            right = self._table[verdict, verdict]
            yield Measure(f"{verdict}: recall", right, actual, recall)
            yield Measure(f"{verdict}: precision", right, said, PRECISION.get(verdict, 0))
        accepted = sum(number for (was, _), number in self._table.items() if was in ("unchanged", "update"))
        false = self._table["unchanged", "fail"] + self._table["update", "fail"]
        yield Measure("false fails among the accepted", false, accepted, 0.5, most=True)
        yield Measure("updates that are said to be none", self._table["update", "unchanged"], accepted, 0, most=True)
        updates = self._table["update", "update"]
        paths = sum(count["paths"] for count in self.kinds.values())
        yield Measure("changed paths equal", updates - paths, updates, 99)
        yield Measure("whole object equal", self._whole[True], self._whole.total(), 98)
        yield Measure("failing field right, where it is named", self._named[True], self._named.total(), 90)
        unknown = sum(number for (_, is_said), number in self._table.items() if is_said == "unknown")
        yield Measure("unknown", unknown, self._table.total(), 5, most=True)


def report(version: str, chosen: list[Pair], actual: Mapping[str, Outcome], method: ApplyMethod) -> bool:
    """Print agreement by class and by kind, and every disagreement.

    Returns:
        Are the targets reached?
    """
    refused = sum(actual[pair.key].verdict == "refused" for pair in chosen)
    chosen = [pair for pair in chosen if actual[pair.key].verdict != "refused"]
    said = {pair.key: comparable(predicted(pair, version, method), actual[pair.key]) for pair in chosen}
    tally = Tally()
    for pair in chosen:
        tally.count(pair, actual[pair.key], said[pair.key])
    for text in sorted(tally.wrong):
        print(f"  {text}")
    print(
        f"Kubernetes {version}: {len(chosen)} pairs of {len(tally.kinds)} kinds; {refused} left out whose base is refused"
    )
    print(f"  {'kind':34}{'pairs':>7}{'verdict':>9}{'paths':>7}{'whole':>7}{'field':>7}   wrong")
    for kind, count in sorted(tally.kinds.items()):
        print(
            f"  {kind:34}{count['pairs']:>7}{count['verdict']:>9}{count['paths']:>7}{count['whole']:>7}{count['field']:>7}"
        )
    measures = list(tally.measures())
    for measure in measures:
        print(measure)
    return bool(chosen) and all(measure.reached for measure in measures)


if __name__ == "__main__":
    sys.exit(main())
