"""Writes docs/policies: a page for each policy that gitgate ships, and their index; `--check` says what is out of date.

The pages are the policies, printed: edit policies/ and policies/examples, then run `make docs`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rule_pages import differences, write

from gitgate.policy.definition import read_bindings, read_policies
from gitgate.policy.files import read_bundled
from gitgate.policy_cases import bundled_cases
from gitgate.policy_page import Described, describe, render_index, render_page

DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "policies"
SETS = ("best-practice", "gitops", "pod-security-baseline", "pod-security-restricted")


def described(name: str) -> list[Described]:
    """The policies of a set, with their examples."""
    resources = read_bundled(name)
    return list(describe(read_policies(resources), tuple(read_bindings(resources)), bundled_cases(name)))


def pages() -> dict[str, str]:
    """Every page by its path below docs/policies."""
    sets = {name: described(name) for name in SETS}
    found = {"README.md": render_index(sets)}
    for name, policies in sets.items():
        found |= {f"{name}/{item.policy.name}.md": render_page(item) for item in policies}
    return found


def main() -> int:
    """Exit code 1 when `--check` finds a difference."""
    expected = pages()
    if "--check" not in sys.argv[1:]:
        write(DIRECTORY, expected)
        return 0
    found = differences(DIRECTORY, expected)
    for line in found:
        print(f"docs/policies: {line}", file=sys.stderr)
    if found:
        print("run `make docs` and commit docs/policies", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
