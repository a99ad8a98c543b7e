"""Which API servers this machine can start; tests that need one carry `needs_server`."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import pytest

from gitgate.errors import GitgateError
from gitgate.reconcile.server.binaries import ASSETS, Binaries, cached_versions, find_binaries

# Read once and early: tests clear the environment.
_NAMED = os.environ.get(ASSETS)


@functools.cache
def server_binaries() -> dict[str, Binaries]:
    """Every version that can be started, by minor."""
    wanted = [None] if _NAMED else cached_versions() or [None]
    found = {}
    for minor in wanted:
        try:
            binaries = find_binaries(minor)
        except GitgateError:
            continue
        found[binaries.minor] = binaries
    return found


def server_versions() -> tuple[str, ...]:
    return tuple(server_binaries())


def needs_server(test):
    """Run a test with each version as its argument `minor`; skip it where there is none."""
    versions = server_versions()
    skip = pytest.mark.skip(reason="there are no etcd and kube-apiserver")
    cases = versions or [pytest.param("none", marks=skip)]
    return pytest.mark.server(pytest.mark.parametrize("minor", cases)(test))


def needs_one_server(test):
    """Run a test with the newest version as its argument `minor`; skip it where there is none."""
    versions = server_versions()[:1]
    skip = pytest.mark.skip(reason="there are no etcd and kube-apiserver")
    return pytest.mark.server(pytest.mark.parametrize("minor", versions or [pytest.param("none", marks=skip)])(test))


def said_of_server_tests(counts: Mapping[str, int], versions: tuple[str, ...] | None = None) -> str:
    """How many tests asked an API server, and of which versions.

    Args:
        counts: Tests that are to ask one, by outcome.
        versions: Those that there are; None for what this machine has.
    """
    versions = server_versions() if versions is None else versions
    if not versions:
        return f"server tests: {sum(counts.values())} skipped, as there are no etcd and kube-apiserver (make control-plane builds them)"
    failed = counts.get("failed", 0) + counts.get("error", 0)
    skipped = f", {counts['skipped']} skipped" if counts.get("skipped") else ""
    said = f"{counts.get('passed', 0) + failed} ran, {failed} failed{skipped}"
    return f"server tests: {said}, with Kubernetes {', '.join(versions)}"
