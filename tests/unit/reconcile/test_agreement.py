"""The offline plan against what real API servers made of generated pairs: `python -m tests.agreement --record tests/data`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.agreement.__main__ import load
from tests.agreement.outcomes import comparable, predicted
from tests.agreement.pairs import objects, pairs

RECORDED = sorted((Path(__file__).parents[2] / "data").glob("agreement-*.jsonl.gz"))


def test_there_are_outcomes_of_two_versions_and_of_many_kinds() -> None:
    assert [path.name for path in RECORDED] == ["agreement-1.34.jsonl.gz", "agreement-1.37.jsonl.gz"]
    assert len({data["kind"] for data in objects()}) >= 25


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_the_plan_says_what_the_server_did(path: Path) -> None:
    version, each, seed, actual = load(path)
    table: Counter[tuple[str, str]] = Counter()
    paths = fields = named = 0
    for pair in pairs(version, each, seed):
        was = actual[pair.key]
        said = comparable(predicted(pair, version), was)
        table[was.verdict, said.verdict] += 1
        paths += was.verdict == said.verdict == "update" and was.paths == said.paths
        named += was.verdict == said.verdict == "fail" and bool(was.field)
        fields += was.verdict == said.verdict == "fail" and was.field == said.field != ""
    total = {
        verdict: sum(count for (was, _), count in table.items() if was == verdict)
        for verdict in ("unchanged", "update", "fail")
    }
    false_fails = table["unchanged", "fail"] + table["update", "fail"]
    assert false_fails <= 0.005 * (total["unchanged"] + total["update"])
    assert table["update", "unchanged"] == 0
    assert table["fail", "unchanged"] <= 0.002 * total["fail"]
    assert table["unchanged", "unchanged"] >= 0.99 * total["unchanged"]
    assert table["update", "update"] >= 0.995 * total["update"]
    assert table["fail", "fail"] >= 0.93 * total["fail"]
    assert paths >= 0.99 * table["update", "update"]
    assert fields >= 0.90 * named
