"""Charts of registries that `gitgate vendor` fetched into the repository, and the lock that names them (ADR 0036)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.settings import CHART_DIRECTORY
from gitgate.sources.documents import DocumentReader
from gitgate.tree import Tree
from gitgate.yaml_document import read_yaml

LOCK_PATH = f"{CHART_DIRECTORY}/lock.yaml"
LOCK_VERSION = 1
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.tgz")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ENTRIES = 5_000


class VendoredError(Exception):
    """The lock, or an archive that it names, is not what it should be."""


@dataclass(frozen=True, slots=True, order=True)
class RemoteChart:
    """A chart of a registry as an owner names it.

    Attributes:
        repository: `https://…` or `oci://…`, without the chart's name.
        name: Of the chart.
        version: As written: a version, a range, or empty for the newest.
    """

    repository: str
    name: str
    version: str = ""

    @staticmethod
    def of(repository: str, name: str, version: str = "") -> RemoteChart:
        """The same chart for every way to spell its repository."""
        return RemoteChart(repository.strip().rstrip("/"), name, version.strip() or "*")

    def __str__(self) -> str:
        return f"{self.name} {self.version} of {self.repository}"


@dataclass(frozen=True, slots=True, order=True)
class LockedChart:
    """One entry of the lock.

    Attributes:
        chart: What was asked for.
        resolved: The version that the registry had for it.
        file: Name of the archive beside the lock.
        sha256: Of the archive, hex.
    """

    chart: RemoteChart
    resolved: str
    file: str
    sha256: str

    @property
    def path(self) -> str:
        """The archive in the tree."""
        return f"{CHART_DIRECTORY}/{self.file}"


def read_lock(tree: Tree, documents: DocumentReader) -> tuple[LockedChart, ...]:
    """What the lock of a tree names; nothing where there is none.

    Raises:
        VendoredError: It cannot be read.
    """
    if LOCK_PATH in tree.special:
        raise VendoredError("it must be a regular file")
    if LOCK_PATH not in tree.entries:
        return ()
    documents.load(tree, (LOCK_PATH,))
    file = documents.read(tree, LOCK_PATH)
    value = file.documents[0].value if len(file.documents) == 1 else None
    if file.problems or not isinstance(value, dict):
        raise VendoredError("it is no YAML mapping that is read in one way only")
    charts = value.get("charts")
    if value.get("version") != LOCK_VERSION or not isinstance(charts, list) or len(charts) > _ENTRIES:
        raise VendoredError(f"it needs `version: {LOCK_VERSION}` and a list of `charts`")
    return tuple(map(_entry, charts))


def _entry(value: Any) -> LockedChart:
    keys = ("repository", "name", "requested", "version", "file", "sha256")
    if not isinstance(value, Mapping) or set(value) != set(keys):
        raise VendoredError(f"every chart has {', '.join(keys)}, and nothing else")
    if not all(isinstance(value[key], str) for key in keys):
        raise VendoredError("everything that it says of a chart is text")
    if not _FILE.fullmatch(value["file"]) or not _DIGEST.fullmatch(value["sha256"]):
        raise VendoredError("an archive has a file name that ends in .tgz, and 64 hex digits of SHA-256")
    chart = RemoteChart.of(value["repository"], value["name"], value["requested"])
    return LockedChart(chart, value["version"], value["file"], value["sha256"])


def find_locked(wanted: RemoteChart, locked: tuple[LockedChart, ...]) -> LockedChart | None:
    """The entry for a chart: the very request; else the same chart in exactly the version that is asked for."""
    same = [one for one in locked if (one.chart.repository, one.chart.name) == (wanted.repository, wanted.name)]
    exact = next((one for one in same if one.chart.version == wanted.version), None)
    return exact or next((one for one in same if one.resolved == wanted.version), None)


def demand_archive(data: bytes, locked: LockedChart) -> None:
    """Hold an archive against its entry.

    Raises:
        VendoredError: Another digest, chart or version.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != locked.sha256:
        raise VendoredError(f"its SHA-256 is {found}, and the lock says {locked.sha256}")
    name, version = chart_in(data)
    if (name, version) != (locked.chart.name, locked.resolved):
        raise VendoredError(
            f"it holds the chart {name} {version}, and the lock says {locked.chart.name} {locked.resolved}"
        )


def chart_in(data: bytes) -> tuple[str, str]:
    """Name and version of a packed chart.

    Raises:
        VendoredError: It is none.
    """
    from gitgate.sources.helm_archive import ArchiveError, unpack  # noqa: PLC0415 - few repositories hold any

    try:
        files = unpack(data)
    except ArchiveError as error:
        raise VendoredError(str(error)) from error
    documents = read_yaml(files.get("Chart.yaml", b"")).documents
    value = documents[0].value if documents else None
    found = (value.get("name"), value.get("version")) if isinstance(value, dict) else (None, None)
    if not isinstance(found[0], str) or not isinstance(found[1], str):
        raise VendoredError("it has no Chart.yaml with name and version")
    return found[0], found[1]
