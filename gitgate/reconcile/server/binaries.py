"""Where etcd and kube-apiserver are on this machine, and which Kubernetes version they are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gitgate import process
from gitgate.errors import ToolError

PROGRAMS = ("etcd", "kube-apiserver")
ASSETS = "KUBEBUILDER_ASSETS"
_VERSION = re.compile(rb"Kubernetes v(\d+)\.(\d+)\.(\d+)")
_DIRECTORY = re.compile(r"v(\d+)\.(\d+)\.(\d+)\Z")
_REMEDY = (
    "Set KUBEBUILDER_ASSETS to a directory that has both, as `setup-envtest use -p path` prints one, "
    "or plan with --cluster offline."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A control plane that can be started.

    Attributes:
        etcd: Absolute path.
        apiserver: Absolute path.
        version: Of the API server, as numbers: (1, 37, 2).
    """

    etcd: Path
    apiserver: Path
    version: tuple[int, int, int]

    @property
    def minor(self) -> str:
        """`1.37`."""
        return f"{self.version[0]}.{self.version[1]}"


def cache_directory() -> Path:
    """Where `make control-plane` leaves what it builds, one directory for each version."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(cache) if cache and Path(cache).is_absolute() else Path.home() / ".cache"
    return root / "gitgate" / "control-plane"


def find_binaries(minor: str | None = None) -> Binaries:
    """Look in `KUBEBUILDER_ASSETS`, and only where it is not set in the cache and on PATH.

    Args:
        minor: The version to find, `1.33`; None for the newest.

    Raises:
        ToolError: Not there, of another version, or not for this machine.
    """
    named = os.environ.get(ASSETS)
    if named:
        directory = Path(named)
        if not directory.is_absolute():
            raise ToolError(f"{ASSETS} is not an absolute path: {named}")
        missing = [name for name in PROGRAMS if not os.access(directory / name, os.X_OK)]
        if missing:
            raise ToolError(f"{ASSETS} has no {' and no '.join(missing)}: {named}", remedy=_REMEDY)
        return _demand(_inspect(directory / "etcd", directory / "kube-apiserver"), minor)
    cached = _cached()
    for version, directory in cached:
        if minor is None or version[:2] == _numbers(minor):
            return _inspect(directory / "etcd", directory / "kube-apiserver")
    if cached:
        there = ", ".join(cached_versions())
        raise ToolError(
            f"there is no API server of Kubernetes {minor}; there is {there}",
            remedy=f"Set {ASSETS} to a directory that has one, as `setup-envtest use -p path {minor}` prints it.",
        )
    etcd, apiserver = (Path(process.find_program(name, remedy=_REMEDY)) for name in PROGRAMS)
    return _demand(_inspect(etcd, apiserver), minor)


def _numbers(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))


def cached_versions() -> list[str]:
    """Minor versions in the cache, the newest first."""
    return [f"{version[0]}.{version[1]}" for version, _ in _cached()]


def _cached() -> list[tuple[tuple[int, ...], Path]]:
    """Complete versions in the cache, the newest first."""
    try:
        entries = list(cache_directory().iterdir())
    except OSError:
        return []
    found = []
    for entry in entries:
        matched = _DIRECTORY.match(entry.name)
        if matched and all(os.access(entry / name, os.X_OK) for name in PROGRAMS):
            found.append((tuple(map(int, matched.groups())), entry))
    return sorted(found, reverse=True)


def _inspect(etcd: Path, apiserver: Path) -> Binaries:
    said = process.run([str(apiserver), "--version"], cwd=apiserver.parent, timeout=30).stdout
    matched = _VERSION.search(said)
    if matched is None:
        raise ToolError(f"{apiserver} does not say which version of Kubernetes it is")
    process.run([str(etcd), "--version"], cwd=etcd.parent, timeout=30)
    major, minor, patch = (int(number) for number in matched.groups())
    return Binaries(etcd, apiserver, (major, minor, patch))


def _demand(binaries: Binaries, minor: str | None) -> Binaries:
    if minor is not None and binaries.minor != minor:
        raise ToolError(
            f"{binaries.apiserver} is Kubernetes {binaries.minor}, and the plan is for {minor}",
            remedy=f"Give the plan --kubernetes-version {binaries.minor}, or {ASSETS} a directory with {minor}.",
        )
    return binaries
