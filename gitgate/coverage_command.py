"""`gitgate coverage`: what became of every file, and which agents read it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitgate.sources.coverage import FileVerdict

FAILED = 1


@click.command("coverage", short_help="List what became of every file, and which agents read it.")
@click.argument("revision", default="HEAD")
@click.option(
    "--git-dir", type=click.Path(path_type=Path), metavar="DIR",
    help="The repository: its .git, a bare repository or a work tree.  [default: found from here upwards]",
)  # fmt: skip
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--unreached", is_flag=True, help="List only files that are judged although no agent reads them.")
def coverage_command(*, revision: str, git_dir: Path | None, output: str, unreached: bool) -> int:
    """List every file of REVISION that may be a manifest: its verdict, and the agents' objects that read it.

    A file that no agent reads is judged as it stands. Exit codes: 0, or 1 where a file could not be judged, or not all
    that it leads to.
    """
    from gitgate.checks.registry import all_rules  # noqa: PLC0415 - only for this command
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.settings import load_settings  # noqa: PLC0415
    from gitgate.sources.base import SourceContext  # noqa: PLC0415
    from gitgate.sources.coverage import file_verdicts  # noqa: PLC0415
    from gitgate.sources.registry import render_with_owners  # noqa: PLC0415
    from gitgate.sources.render_cache import RenderCache  # noqa: PLC0415
    from gitgate.streams import progress_line  # noqa: PLC0415

    with progress_line() as progress, Repository.open(git_dir) as repository:
        tree = repository.tree(repository.resolve(revision))
        context = SourceContext.from_settings(load_settings(tree, all_rules()), progress, RenderCache.of_user())
        snapshot, walk = render_with_owners(tree, context)
    verdicts = file_verdicts(snapshot, *((walk.outcomes, walk.artifacts) if walk is not None else ((),)))
    shown = [one for one in verdicts if not one.readers and one.verdict in _JUDGED] if unreached else list(verdicts)
    lines = _json(shown) if output == "json" else _text(shown)
    click.echo("\n".join(lines))
    return FAILED if any(one.verdict in {"failed", "partly"} for one in verdicts) else 0


_JUDGED = ("judged", "consumed")


def _text(verdicts: Iterable[FileVerdict]) -> Iterator[str]:
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415 - names of files are untrusted

    counts: Counter[str] = Counter()
    agents = 0
    for one in verdicts:
        counts[one.verdict.value] += 1
        agents += bool(one.readers)
        yield log_safe(f"{one.verdict.value:<15} {one.path}")
        yield from (log_safe(f"{'':<15}   {reader}") for reader in one.readers)
        if one.excluded_by:
            yield log_safe(f"{'':<15}   Flux does not fetch it: excluded by {one.excluded_by}")
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))
    yield f"{counts.total()} files: {told or 'none'}; {agents} of them read by an agent"


def _json(verdicts: Iterable[FileVerdict]) -> Iterator[str]:
    files = [
        {"path": one.path, "verdict": one.verdict.value, "readers": list(one.readers)}
        | ({"excludedBy": one.excluded_by} if one.excluded_by else {})
        for one in verdicts
    ]
    yield json.dumps({"version": 1, "files": files}, indent=2)
