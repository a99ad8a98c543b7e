"""Fixtures that every test may use, and an environment that is the same on every machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.control_plane import server_versions
from tests.support.repository import RepositoryBuilder

_LEAKS = ("GIT_", "GITHUB_", "ACTIONS_", "RUNNER_", "PRE_COMMIT", "INPUT_", "GITGATE_")
_LEAKING = ("CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "TERM", "PAGER", "LESS")

settings.register_profile("default", deadline=None)
settings.register_profile(
    # In CI the same examples on every run: a red build must be reproducible, and must not come from luck.
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the developer's shell, of a CI runner or of a calling git hook reaches a test, and no cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache-of-test"))
    for name in list(os.environ):
        if name.startswith(_LEAKS) or name in _LEAKING:
            monkeypatch.delenv(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines how many tests a real API server took part in."""
    counts = {
        # A module that cannot be collected is reported without keywords.
        outcome: sum("server" in getattr(report, "keywords", ()) for report in terminalreporter.getreports(outcome))
        for outcome in ("passed", "failed", "skipped")
    }
    if not any(counts.values()):
        return
    if counts["skipped"] and not counts["passed"] and not counts["failed"]:
        said = f"{counts['skipped']} skipped, as there are no etcd and kube-apiserver (make control-plane builds them)"
    else:
        minors = ", ".join(server_versions())
        said = f"{counts['passed'] + counts['failed']} ran, {counts['failed']} failed, with Kubernetes {minors}"
    terminalreporter.write_line(f"server tests: {said}")


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    """An empty repository with a work tree; branch `main`, no commit yet."""
    return RepositoryBuilder(tmp_path / "repository")
