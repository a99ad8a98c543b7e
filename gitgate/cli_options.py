"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click


class TrustRoot(click.ParamType[Any]):
    """`sha256:DIGEST` of a signers file and the key files that it names."""

    name = "sha256:DIGEST"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check one value: a digest that is cut short would never match, and nobody would be told why."""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(value)):
            self.fail(f"{value!r} is no digest; it is sha256: and 64 hexadecimal digits", param, ctx)
        return str(value)


trust_roots_option = click.option(
    "--trust-root", "trust_roots", type=TrustRoot(), multiple=True, metavar="sha256:DIGEST",
    help="Trust no signers file but one with this digest, whatever the base says. May be given several times.",
)  # fmt: skip
now_option = click.option(
    "--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), hidden=True, help="Judge keys as of this time, in UTC."
)
git_dir_option = click.option(
    "--git-dir", type=click.Path(path_type=Path), metavar="DIR",
    help="The repository: its .git, a bare repository or a work tree.  [default: found from here upwards]",
)  # fmt: skip
color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Colours; auto means on a terminal, unless NO_COLOR is set.",
)  # fmt: skip


def utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which is in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None else None


def attestation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the commands whose verdict can be attested."""
    for option in reversed(_ATTESTATION):
        command = option(command)
    return command


_ATTESTATION = (
    click.option(
        "--attest", "attest", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Write a signed attestation of the verdict: an in-toto statement in a DSSE envelope.",
    ),
    click.option(
        "--attest-key", metavar="KEY",
        help="What signs it: the fingerprint of an OpenPGP key in your keyring, or a file with an SSH key.",
    ),
    click.option("--attest-resource", default="", metavar="URI", help="What it calls the repository."),
)  # fmt: skip
