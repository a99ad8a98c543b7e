"""The commands about waivers: arguments and options. What they do lives in the layers below."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gitgate.cli_options import utc


@click.group()
def waiver() -> None:
    """Accept findings by name, for a while."""


@waiver.command(short_help="Write a waiver for a finding.")
@click.argument("fingerprint", required=False)
@click.option("--owner", metavar="WHO", help="Who answers for it: a person or a team.")
@click.option("--reason", metavar="TEXT", help="Why it is accepted; shown in every report.")
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
    help="The last day on which it counts, at most 90 days ahead.",
)  # fmt: skip
@click.option(
    "--report", "report_file", type=click.Path(path_type=Path), metavar="FILE",
    help="A report of gitgate check --output json=FILE.  [default: judge once more]",
)  # fmt: skip
@click.option("--base", metavar="REV", help="What the change goes into, when judging once more.")
@click.option("--head", metavar="REV", help="What is proposed, when judging once more.")
@click.option("--staged", is_flag=True, help="Judge what is staged against HEAD, when judging once more.")
@click.option(
    "--directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", metavar="DIR",
    help="The work tree whose waivers are written.  [default: the current directory]",
)  # fmt: skip
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), hidden=True, help="The time in UTC.")
def add(  # noqa: PLR0913 - one parameter for each option
    *,
    fingerprint: str | None,
    owner: str | None,
    reason: str | None,
    expires: datetime | None,
    report_file: Path | None,
    base: str | None,
    head: str | None,
    staged: bool,
    directory: Path,
    now: datetime | None,
) -> None:
    """Write a waiver for the finding with this FINGERPRINT; without one, list what could be waived.

    The beginning of a fingerprint is enough. The entry goes into .gitgate/waivers.yaml, and it counts once the
    protected branch has it.
    """
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415
    from gitgate.waiver_entries import Terms, add_waiver, candidates, read_findings  # noqa: PLC0415

    if staged and (base or head):
        raise UsageError("--staged judges the index against HEAD; it goes with neither --base nor --head")
    if fingerprint is not None and (owner is None or reason is None or expires is None):
        raise UsageError("a waiver has --owner, --reason and --expires")
    moment = utc(now)
    if report_file is not None:
        findings = read_findings(report_file)
    else:
        findings = _judged(directory, base, head, staged=staged, now=moment)
    if fingerprint is None:
        for line in candidates(findings):
            click.echo(log_safe(line))
        return
    assert owner is not None and reason is not None and expires is not None  # noqa: S101, PT018 - asked for above
    today = moment.date() if moment is not None else None
    for line in add_waiver(directory, findings, fingerprint, Terms(owner, reason, expires.date()), today):
        click.echo(log_safe(line))


def _judged(
    directory: Path, base: str | None, head: str | None, *, staged: bool, now: datetime | None
) -> list[dict[str, object]]:
    """The findings of the change, judged once more."""
    from gitgate.gate import Demand, judge_merge, judge_staged  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.reporters.json_v1 import render  # noqa: PLC0415
    from gitgate.streams import progress_line  # noqa: PLC0415
    from gitgate.waiver_entries import findings_of  # noqa: PLC0415

    demand = Demand(now=now)
    with progress_line() as progress, Repository.open(directory) as repository:
        if staged:
            report = judge_staged(repository, demand, progress)
        else:
            report = judge_merge(repository, base, head, demand, progress)
    return findings_of(render(report))
