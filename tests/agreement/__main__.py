"""`python -m tests.agreement`: applies generated pairs to an API server and prints where the offline plan disagrees.

`--server https://127.0.0.1:6443 --token TOKEN` names one that runs; `--recorded FILE` judges what was recorded of one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.agreement.outcomes import Outcome, predicted, run
from tests.agreement.pairs import Pair, corpus_pairs, pairs
from tests.agreement.server import Server

CLASSES = ("unchanged", "update", "fail")


def main() -> int:
    """Run, print, and say how many pairs disagree in their verdict."""
    parser = argparse.ArgumentParser(prog="tests.agreement", description=__doc__)
    parser.add_argument("--server", help="address of an API server that may be written to")
    parser.add_argument("--token", default="")
    parser.add_argument("--recorded", type=Path, help="outcomes of an earlier run")
    parser.add_argument("--record", type=Path, help="write the outcomes to this file")
    parser.add_argument("--each", type=int, default=60, help="pairs for each object; 0 for all")
    parser.add_argument("--corpora", type=Path, help="also the pairs of this folder's recorded changes")
    parser.add_argument("--kind", action="append", help="only these kinds")
    arguments = parser.parse_args()
    if arguments.recorded:
        version, each, actual = load(arguments.recorded)
        chosen = [pair for pair in pairs(version, each) if not arguments.kind or pair.kind in arguments.kind]
    else:
        version = Server(arguments.server, arguments.token).version
        chosen = [pair for pair in pairs(version, arguments.each) if not arguments.kind or pair.kind in arguments.kind]
        if arguments.corpora:
            chosen += corpus_pairs(arguments.corpora, version)
        actual = run(chosen, lambda: Server(arguments.server, arguments.token))
    if arguments.record:
        save(arguments.record, version, arguments.each, actual)
    return report(version, chosen, actual)


def save(path: Path, version: str, each: int, actual: Mapping[str, Outcome]) -> None:
    """Write outcomes: a line that says of what, then one for each pair, without what it is made of."""
    rows = [json.dumps({"version": version, "each": each})]
    for key in sorted(actual):
        one = actual[key]
        rows.append(json.dumps([key, one.verdict, list(one.paths), one.field, one.message[:160]], ensure_ascii=False))
    path.write_bytes(gzip.compress("\n".join(rows).encode(), 9, mtime=0))


def load(path: Path) -> tuple[str, int, dict[str, Outcome]]:
    """Read what `save` wrote: the version, how many of each object, and the outcomes."""
    head, *rows = gzip.decompress(path.read_bytes()).decode().splitlines()
    about = json.loads(head)
    found = {}
    for row in rows:
        key, verdict, paths, field, message = json.loads(row)
        found[key] = Outcome(verdict, tuple(paths), field, message)
    return about["version"], about["each"], found


def report(version: str, chosen: list[Pair], actual: Mapping[str, Outcome]) -> int:
    """Print agreement by class and by kind, and every disagreement."""
    said = {pair.key: _told(predicted(pair, version), actual[pair.key]) for pair in chosen}
    wrong: list[str] = []
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    table: Counter[tuple[str, str]] = Counter()
    paths = fields = 0
    for pair in chosen:
        was, is_said, count = actual[pair.key], said[pair.key], kinds[pair.kind]
        count["pairs"] += 1
        table[was.verdict, is_said.verdict] += 1
        if was.verdict != is_said.verdict:
            count["verdict"] += 1
            wrong.append(f"{was.verdict} / {is_said.verdict}: {pair.key}\n      server:  {was.message[:300]} {list(was.paths)}"
                         f"\n      gitgate: {is_said.field}: {is_said.message[:200]} {list(is_said.paths)}")  # fmt: skip
        elif was.verdict == "update" and was.paths != is_said.paths:
            count["paths"] += 1
            paths += 1
            wrong.append(f"paths: {pair.key}\n      server:  {list(was.paths)}\n      gitgate: {list(is_said.paths)}")
        elif was.verdict == "fail" and was.field not in ("", is_said.field):
            count["field"] += 1
            fields += 1
            wrong.append(
                f"field: {pair.key}\n      server:  {was.message[:300]}\n      gitgate: {is_said.field}: {is_said.message[:160]}"
            )
    for text in sorted(wrong):
        print(f"  {text}")
    print(f"Kubernetes {version}: {len(chosen)} pairs of {len(kinds)} kinds")
    print(f"  {'kind':34}{'pairs':>7}{'verdict':>9}{'paths':>7}{'field':>7}   wrong")
    for kind, count in sorted(kinds.items()):
        print(f"  {kind:34}{count['pairs']:>7}{count['verdict']:>9}{count['paths']:>7}{count['field']:>7}")
    _summary(table, paths, fields)
    return sum(number for (was, is_said), number in table.items() if was != is_said)


def _told(said: Outcome, was: Outcome) -> Outcome:
    """What gitgate says, as far as it can be compared: what the server allocates is not, and may be all that changes."""
    return was if was.verdict == "unchanged" and said == Outcome("update") else said


def _summary(table: Counter[tuple[str, str]], paths: int, fields: int) -> None:
    for verdict in CLASSES:
        actual = sum(number for (was, _), number in table.items() if was == verdict)
        said = sum(number for (_, is_said), number in table.items() if is_said == verdict)
        right = table[verdict, verdict]
        print(f"  {verdict:10} recall {_share(right, actual)}   precision {_share(right, said)}")
    accepted = sum(number for (was, _), number in table.items() if was in ("unchanged", "update"))
    false = table["unchanged", "fail"] + table["update", "fail"]
    print(f"  false fails among the accepted      {_share(false, accepted)}")
    print(
        f"  changed paths equal                 {_share(table['update', 'update'] - paths, table['update', 'update'])}"
    )
    print(f"  failing field right                 {_share(table['fail', 'fail'] - fields, table['fail', 'fail'])}")
    unknown = sum(number for (_, is_said), number in table.items() if is_said == "unknown")
    print(f"  unknown                             {_share(unknown, sum(table.values()))}")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.2f} % ({part}/{whole})" if whole else "     – (0/0)"


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
