"""The commands about signatures: arguments and options. What they do lives in the layers below."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gitgate.cli_options import color_option, git_dir_option, now_option, trust_roots_option, utc


@click.command(short_help="Verify who signed the new commits.")
@click.argument("range_", required=False, metavar="[BASE..HEAD]")
@click.option(
    "-o", "--output", "output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="A table, or everything that was established.",
)  # fmt: skip
@trust_roots_option
@git_dir_option
@color_option
@now_option
def verify(  # noqa: PLR0913 - one parameter for each option
    *,
    range_: str | None,
    output: str,
    trust_roots: tuple[str, ...],
    git_dir: Path | None,
    color: str,
    now: datetime | None,
) -> int:
    """Verify the signatures of new commits: who signed what, and were they entitled to?

    Judged by .gitgate/signers.yaml of BASE. Without a range these are the commits that HEAD would bring into the
    upstream's default branch.

    Exit codes: 0 every commit is accepted, 1 one is refused, 2 usage or signers file, 3 undetermined.
    """
    from gitgate.enforcement import split_range, verify_revisions  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.streams import write_verification  # noqa: PLC0415

    base, head = split_range(range_)
    with Repository.open(git_dir) as repository:
        verification = verify_revisions(repository, base, head, now=utc(now), trust_roots=frozenset(trust_roots))
    write_verification(verification, output, color=color)
    return verification.verdict.exit_code
