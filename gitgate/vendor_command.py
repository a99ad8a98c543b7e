"""`gitgate vendor`: fetch the charts that releases name, so that every later run can render them offline."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitgate.sources.vendored import LockedChart, RemoteChart

FAILED = 1
_SECONDS = 300.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_VERSION = re.compile(r"[A-Za-z0-9.*<>=!~^,| +:_-]{1,200}")
_REPOSITORY = re.compile(r"(?:https|oci)://[^\s@?#\\]+|http://(?:127\.0\.0\.1|localhost)(?::\d+)?(?:/[^\s@?#\\]*)?")
_ARCHIVE_LIMIT = 32 * 1024 * 1024


@click.command("vendor", short_help="Fetch the charts that releases name, and lock them.")
@click.option(
    "-C", "--directory", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(), metavar="DIR",
    help="The root of the work tree.  [default: where you are]",
)  # fmt: skip
@click.option("--update", is_flag=True, help="Fetch again what is locked: ranges may have newer versions.")
def vendor_command(*, directory: Path, update: bool) -> int:
    """Fetch the charts of registries that the HelmReleases in the index name, into .gitgate/charts.

    This is the one command that uses the network, by way of `helm pull`. Commit what it writes: runs of gitgate read
    nothing else. What is locked is not fetched again without --update, and a version that was locked never gets
    another content. Exit codes: 0, or 1 where a chart could not be fetched.
    """
    from gitgate.checks.registry import all_rules  # noqa: PLC0415 - only for this command
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415 - names of charts are untrusted
    from gitgate.settings import load_settings  # noqa: PLC0415
    from gitgate.sources.base import SourceContext  # noqa: PLC0415
    from gitgate.sources.registry import render_with_owners  # noqa: PLC0415
    from gitgate.streams import progress_line  # noqa: PLC0415

    if not (directory / ".git").exists():
        raise UsageError(f"{directory} is not the root of a work tree")
    with progress_line() as progress, Repository.open(directory) as repository:
        tree = repository.index_tree()
        _, walk = render_with_owners(tree, SourceContext.from_settings(load_settings(tree, all_rules()), progress))
    wanted = {outcome.chart for _, outcome in walk.outcomes if outcome.chart is not None} if walk is not None else set()
    failed = False
    for good, line in vendor(directory, sorted(wanted), update=update):
        failed = failed or not good
        click.echo(log_safe(line), err=not good)
    return FAILED if failed else 0


def vendor(directory: Path, wanted: Iterable[RemoteChart], *, update: bool) -> Iterator[tuple[bool, str]]:
    """Fetch what is not there yet and write the lock; what cannot be fetched is told and left out.

    Yields:
        Whether it went well, and what was done; untrusted text.
    """
    from gitgate.errors import ToolError, UsageError  # noqa: PLC0415 - only for this command
    from gitgate.settings import CHART_DIRECTORY  # noqa: PLC0415
    from gitgate.sources.documents import DocumentReader  # noqa: PLC0415
    from gitgate.sources.vendored import LOCK_PATH, VendoredError, read_lock  # noqa: PLC0415
    from gitgate.tree import MemoryTree  # noqa: PLC0415

    place = directory / CHART_DIRECTORY
    if place.is_symlink() or place.parent.is_symlink():
        raise UsageError(f"{CHART_DIRECTORY} must not be a symbolic link")
    lock = directory / LOCK_PATH
    old = MemoryTree({LOCK_PATH: lock.read_bytes()}) if lock.is_file() and not lock.is_symlink() else MemoryTree()
    try:
        known = {one.chart: one for one in read_lock(old, DocumentReader())}
    except VendoredError as error:
        raise UsageError(f"{LOCK_PATH}: {error}", remedy="delete it to fetch everything anew") from error
    entries: list[LockedChart] = []
    for chart in wanted:
        present = known.get(chart)
        if present is not None and not update and _is_whole(place / present.file, present):
            entries.append(present)
            yield True, f"kept     {chart}: {present.resolved}"
            continue
        try:
            data = _pull(chart)
            entry = _entry(chart, data, entries)
            _demand_same(entry, known.values())
        except (ToolError, VendoredError, OSError) as error:
            entries.extend(() if present is None else (present,))
            yield False, f"failed   {chart}: {error}"
            continue
        _write(place / entry.file, data)
        entries.append(entry)
        yield True, f"fetched  {chart}: {entry.resolved}, sha256 {entry.sha256}"
    if entries or lock.exists():
        _write(lock, _lock_text(sorted(entries)))
    for file in sorted({one.file for one in known.values()} - {one.file for one in entries}):
        (place / file).unlink(missing_ok=True)
        yield True, f"removed  {file}: no release names it any more"
    yield True, f"{len(entries)} charts locked in {LOCK_PATH}"


def _is_whole(path: Path, entry: LockedChart) -> bool:
    from gitgate.sources.vendored import VendoredError, demand_archive  # noqa: PLC0415 - only for this command

    try:
        demand_archive(path.read_bytes(), entry)
    except (OSError, VendoredError):
        return False
    return not path.is_symlink()


def _pull(chart: RemoteChart) -> bytes:
    """What the registry has for a chart, fetched by the real Helm with the settings of whoever runs it.

    Raises:
        ToolError: Helm is not there, or fails.
        VendoredError: It is nothing that may be fetched.
    """
    from gitgate.process import run  # noqa: PLC0415 - only for this command
    from gitgate.sources.helm_build import find_helm  # noqa: PLC0415
    from gitgate.sources.vendored import VendoredError  # noqa: PLC0415

    if not _REPOSITORY.fullmatch(chart.repository):
        raise VendoredError("only https:// and oci:// repositories are fetched from")
    if not _NAME.fullmatch(chart.name) or not _VERSION.fullmatch(chart.version):
        raise VendoredError("that is no name or no version of a chart")
    with tempfile.TemporaryDirectory(prefix="gitgate-") as private:
        done = run(
            (find_helm().path, *_pull_arguments(chart)), cwd=Path(private), environment=_environment(),
            expected=(0, 1), timeout=_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise VendoredError(done.stderr.decode("utf-8", "replace").strip()[-500:] or "helm failed")
        archives = sorted(Path(private).glob("*.tgz"))
        if len(archives) != 1 or archives[0].stat().st_size > _ARCHIVE_LIMIT:
            raise VendoredError("helm did not write one archive of at most 32 MiB")
        return archives[0].read_bytes()


def _pull_arguments(chart: RemoteChart) -> tuple[str, ...]:
    version = () if chart.version == "*" else (f"--version={chart.version}",)
    if not chart.repository.startswith("oci://"):
        return ("pull", chart.name, f"--repo={chart.repository}", *version)
    if chart.version.startswith("sha256:"):
        return ("pull", f"{chart.repository}/{chart.name}@{chart.version}")
    return ("pull", f"{chart.repository}/{chart.name}", *version)


def _environment() -> Mapping[str, str]:
    """All that Helm may need of the caller: proxies, certificates, logins. PATH stays as `process` makes it."""
    return {name: value for name, value in os.environ.items() if name != "PATH"}


def _entry(chart: RemoteChart, data: bytes, taken: Iterable[LockedChart]) -> LockedChart:
    import hashlib  # noqa: PLC0415 - only for this command

    from gitgate.sources.vendored import LockedChart, VendoredError, chart_in  # noqa: PLC0415

    name, version = chart_in(data)
    if name != chart.name:
        raise VendoredError(f"the registry answered with the chart {name!r}")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or " " in version:
        raise VendoredError("its Chart.yaml has no usable name or version")
    digest = hashlib.sha256(data).hexdigest()
    file = f"{name}-{version}.tgz"
    if any(one.file == file and one.sha256 != digest for one in taken):
        file = f"{name}-{version}-{digest[:12]}.tgz"
    return LockedChart(chart, version, file, digest)


def _demand_same(entry: LockedChart, known: Iterable[LockedChart]) -> None:
    """A version is published once: another content under the same number is no update."""
    from gitgate.sources.vendored import VendoredError  # noqa: PLC0415 - only for this command

    for one in known:
        same = (one.chart.repository, one.chart.name, one.resolved)
        if same == (entry.chart.repository, entry.chart.name, entry.resolved) and one.sha256 != entry.sha256:
            raise VendoredError(
                f"version {entry.resolved} now has SHA-256 {entry.sha256}, and the lock says {one.sha256}: "
                "find out who replaced it before you delete the entry"
            )


def _lock_text(entries: Iterable[LockedChart]) -> bytes:
    from json import dumps  # noqa: PLC0415 - text as JSON is YAML, whatever it holds

    lines = ["# Written by `gitgate vendor`. Every archive beside this file is rendered only if it has this digest.\n"]
    lines.append("version: 1\ncharts:\n")
    for one in entries:
        fields = {
            "repository": one.chart.repository, "name": one.chart.name, "requested": one.chart.version,
            "version": one.resolved, "file": one.file, "sha256": one.sha256,
        }  # fmt: skip
        body = "".join(f"    {key}: {dumps(value)}\n" for key, value in fields.items())
        lines.append(f"  -{body[3:]}")
    return ("".join(lines) if len(lines) > 2 else f"{lines[0]}version: 1\ncharts: []\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Atomically, so that a run that was ended leaves no half archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".gitgate-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
