"""gitgate as others get it: its own files, without the tests, the virtual environment and what is not committed yet."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.action import ROOT

SHIPPED = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "gitgate", "policies", "pyproject.toml", "schemas")


def copy_sources(target: Path) -> Path:
    """Copy what a package is built from."""
    target.mkdir(parents=True)
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return target
