"""Writes docs/rules: a page for each rule of each check, and their index; `--check` says what is out of date.

The pages are the rules, printed: edit the `Rule` in gitgate/checks, then run `make docs`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gitgate.checks.registry import all_rules
from gitgate.finding import Rule
from gitgate.reporters.rule_page import render_index, render_rule

DIRECTORY = Path(__file__).parent.parent / "docs" / "rules"


def pages(rules: Iterable[Rule]) -> dict[str, str]:
    """Every page by its path below docs/rules."""
    ordered = list(rules)
    return {"README.md": render_index(ordered)} | {f"{rule.id}.md": render_rule(rule) for rule in ordered}


def differences(directory: Path, expected: Mapping[str, str]) -> list[str]:
    """What is missing, stale or left over, a line each."""
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*.md")}
    found = [f"{name} is missing" for name in expected.keys() - present]
    found += [f"{name} is left over" for name in present - expected.keys()]
    found += [
        f"{name} is stale"
        for name in present & expected.keys()
        if (directory / name).read_bytes() != expected[name].encode()
    ]
    return sorted(found)


def write(directory: Path, expected: Mapping[str, str]) -> None:
    """Make the directory hold these pages and no others."""
    for path in directory.rglob("*.md"):
        if path.relative_to(directory).as_posix() not in expected:
            path.unlink()
    for name, text in expected.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def main() -> int:
    """Exit code 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is out of date")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the pages are (default: docs/rules)")
    options = parser.parse_args()
    expected = pages(all_rules().values())
    if not options.check:
        write(options.directory, expected)
        return 0
    found = differences(options.directory, expected)
    for line in found:
        print(f"docs/rules: {line}", file=sys.stderr)
    if found:
        print("run `make docs` and commit docs/rules", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
