"""The commands that write `.gitgate/signers.yaml`: arguments and options. What they do lives in the layers below."""

from __future__ import annotations

from pathlib import Path

import click

from gitgate.cli_options import git_dir_option

_directory = click.option(
    "--directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", metavar="DIR",
    help="The work tree whose signers file is written.  [default: the current directory]",
)  # fmt: skip
_limit = click.option(
    "-n", "limit", type=click.IntRange(1), default=1000, show_default=True, help="Commits that are read."
)


@click.group()
def signer() -> None:
    """Say who may sign: entries for .gitgate/signers.yaml."""


@signer.command("add", short_help="Declare principals and their keys.")
@click.argument("name", required=False)
@click.option("--email", "emails", multiple=True, help="An address of theirs. May be given several times.")
@click.option(
    "--key", "files", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="OpenPGP certificates, or SSH public keys, one a line. May be given several times.",
)  # fmt: skip
@click.option(
    "--github-user", "answers", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="A saved answer of GitHub about the user's keys: of its API (users/USER/gpg_keys, ssh_signing_keys, keys), or"
    " github.com/USER.gpg or USER.keys. Nothing is fetched. May be given several times.",
)  # fmt: skip
@click.option(
    "--from-git", "revision", metavar="LOG",
    help="Instead of NAME: enter whoever signed in the history of this branch or commit, each marked as unproven.",
)  # fmt: skip
@_limit
@click.option("--bot", is_flag=True, help="A machine, which signs only where a rule with narrow paths names it.")
@_directory
def add_signer(  # noqa: PLR0913 - one parameter for each option
    *,
    name: str | None,
    emails: tuple[str, ...],
    files: tuple[Path, ...],
    answers: tuple[Path, ...],
    revision: str | None,
    limit: int,
    bot: bool,
    directory: Path,
) -> None:
    """Declare a principal and its keys, or with --from-git those that the history speaks of.

    Comments and order of the file stay; its version is raised once for what will be merged together. The entry counts
    once the administrators of the protected branch have merged it.
    """
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415
    from gitgate.signer_entries import add_from_history  # noqa: PLC0415
    from gitgate.signer_entries import add_signer as add  # noqa: PLC0415

    if revision is not None:
        if name is not None or emails or answers or bot:
            raise UsageError("--from-git takes names and addresses from the history; beside it only --key is given")
        lines = add_from_history(directory, revision, limit, files)
    elif name is None:
        raise UsageError("nobody is named", remedy="Give a NAME, or take names from the history with --from-git HEAD.")
    else:
        lines = add(directory, name, emails, files, answers, bot=bot)
    for line in lines:
        click.echo(log_safe(line))


@signer.command("confirm", short_help="Let an unproven principal sign.")
@click.argument("name")
@click.argument("fingerprints", nargs=-1, required=True, metavar="FINGERPRINT...")
@_directory
def confirm_signer(*, name: str, fingerprints: tuple[str, ...], directory: Path) -> None:
    """Let a principal sign that was taken from the history.

    FINGERPRINT is each of its keys, as its owner told it over another channel: in person, by telephone, from a page
    that only they can edit.
    """
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415
    from gitgate.signer_entries import confirm_signer as confirm  # noqa: PLC0415

    for line in confirm(directory, name, fingerprints):
        click.echo(log_safe(line))


@signer.command("suggest", short_help="List the keys that signed so far.")
@click.argument("revision", required=False, default="HEAD")
@_limit
@git_dir_option
def suggest(*, revision: str, limit: int, git_dir: Path | None) -> None:
    """List the keys that signed so far and in whose name, each unproven."""
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415
    from gitgate.signer_history import suggest_signers  # noqa: PLC0415

    with Repository.open(git_dir) as repository:
        for line in suggest_signers(repository, revision, limit):
            click.echo(log_safe(line))
