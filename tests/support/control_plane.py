"""Which API servers this machine can start; tests that need one carry `needs_server`."""

from __future__ import annotations

import functools
import os

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
