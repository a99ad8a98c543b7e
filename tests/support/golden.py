"""Golden files: expected output in tests/golden, rewritten with GITGATE_UPDATE_GOLDEN=1 and read in the diff."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"
# Read when this module is loaded: a fixture removes gitgate's variables from the environment of every test.
_UPDATE = bool(os.environ.get("GITGATE_UPDATE_GOLDEN"))


def assert_golden(name: str, actual: str) -> None:
    """Compare bytes with tests/golden/<name>; a missing file fails, for it would prove nothing."""
    path = GOLDEN / name
    data = actual.encode("utf-8")
    if _UPDATE:
        path.write_bytes(data)
        return
    assert path.is_file(), f"{path} is missing; write it with GITGATE_UPDATE_GOLDEN=1 pytest …, and read it"
    assert data.decode() == path.read_bytes().decode(), f"{name} differs; GITGATE_UPDATE_GOLDEN=1 rewrites it"
