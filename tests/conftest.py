"""Fixtures that every test may use, and an environment that is the same on every machine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.control_plane import said_of_server_tests
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark reports of tests that ask a real API server; keywords would also be those of folders."""
    report = yield
    report.asks_server = item.get_closest_marker("server") is not None
    return report


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the very last line how many tests a real API server took part in."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    counts = Counter(
        outcome
        for outcome in ("passed", "failed", "error", "skipped")
        for report in reporter.stats.get(outcome, ())
        # A module that cannot be collected is reported as something else.
        if getattr(report, "asks_server", False)
    )
    if counts:
        reporter.write_line(said_of_server_tests(counts))


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    """An empty repository with a work tree; branch `main`, no commit yet."""
    return RepositoryBuilder(tmp_path / "repository")
