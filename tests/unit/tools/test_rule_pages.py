"""The rule pages in docs/rules are the rules, printed, and lint notices when they are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitgate.checks.registry import all_rules

_TOOL = Path(__file__).parents[3] / "tools" / "rule_pages.py"


def _run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_TOOL), "--directory", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_rule_has_a_page_and_the_index_links_it(tmp_path: Path):
    assert _run(tmp_path).returncode == 0
    index = (tmp_path / "README.md").read_text()
    for rule in all_rules():
        assert (tmp_path / f"{rule}.md").read_text().startswith(f"# {rule}\n")
        assert f"({rule}.md)" in index


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda page: page.unlink(), "is missing"),
        (lambda page: page.write_text(page.read_text() + "more\n"), "is stale"),
        (lambda page: page.with_name("of-yesterday.md").write_text("# gone\n"), "of-yesterday.md is left over"),
    ],
)
def test_check_fails_when_pages_are_not_the_rules(tmp_path: Path, change: Callable[[Path], object], complaint: str):
    _run(tmp_path)
    change(tmp_path / f"{next(iter(all_rules()))}.md")
    done = _run(tmp_path, "--check")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert _run(tmp_path).returncode == 0
    assert _run(tmp_path, "--check").returncode == 0
