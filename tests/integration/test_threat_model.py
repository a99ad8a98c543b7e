"""The threat model claims what tests show: every row is there, and every test and code that it names exists."""

from __future__ import annotations

import re

import pytest

from gitgate.signature.verdict import Code
from tests.support.action import ROOT

ROWS = (
    *(f"T{number}" for number in range(1, 9)),
    *(f"S{number}" for number in range(1, 16)),
    *("G5", "G6", "G7", "G8", "G15"),
)
"""What was asked about trust, signatures and git; each has a line of its own with the tests that show it."""
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
LINES = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d", line)}
_SHOWN = re.compile(r"`(tests/[\w/]+\.py)`(?:: ((?:`test_\w+`(?:, )?)+))?")


def problems_of(row: str, line: str) -> list[str]:
    """What a line claims that is not there."""
    *_, codes, shown, _ = line.split("|")
    found = [code for code in re.findall(r"`(\w+)`", codes) if code not in Code.__members__]
    named = _SHOWN.findall(shown)
    for file, tests in named:
        text = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
        names = re.findall(r"\w+", tests)
        found += [f"{file}::{name}" for name in names if not re.search(rf"^def {name}\(", text, re.MULTILINE)]
    if not any(f"test_{row.lower()}_" in tests for _, tests in named):
        found.append(f"no test of {row} is named for it")
    if "`" in codes and not any(re.search(rf"\b{code}\b", shown_text(named)) for code in re.findall(r"`(\w+)`", codes)):
        found.append(f"no test of {row} mentions its codes")
    return found


def shown_text(named: list[tuple[str, str]]) -> str:
    return "".join((ROOT / file).read_text() for file, _ in named if (ROOT / file).is_file())


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_tests_and_codes_that_exist(row: str) -> None:
    assert row in LINES, f"docs/threat-model.md has no line for {row}"
    assert problems_of(row, LINES[row]) == []


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))))
def test_every_file_that_is_named_exists(file: str) -> None:
    assert (ROOT / file).is_file()


def test_the_check_can_fail() -> None:
    line = "| S1 | a | b | `NO_CODE` | `tests/integration/test_hooks.py`: `test_s1_nothing`, `test_no` |"
    assert len(problems_of("S1", line)) == 4
