"""The commands about signatures: arguments and options. What they do lives in the layers below."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gitgate.cli_options import (
    attestation_options,
    color_option,
    git_dir_option,
    now_option,
    trust_roots_option,
    utc,
)


@click.command(short_help="Verify who signed the new commits.")
@click.argument("range_", required=False, metavar="[BASE..HEAD]")
@click.option(
    "-o", "--output", "output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="A table, or everything that was established.",
)  # fmt: skip
@attestation_options
@trust_roots_option
@git_dir_option
@color_option
@now_option
def verify(  # noqa: PLR0913 - one parameter for each option
    *,
    range_: str | None,
    output: str,
    attest: Path | None,
    attest_key: str | None,
    attest_resource: str,
    trust_roots: tuple[str, ...],
    git_dir: Path | None,
    color: str,
    now: datetime | None,
) -> int:
    """Verify the signatures of new commits: who signed what, and were they entitled to?

    Judged by .gitgate/signers.yaml of BASE. Without a range these are the commits that HEAD would bring into the
    upstream's default branch.

    Exit codes: 0 every commit is accepted, 1 one is refused, 2 usage or signers file, 3 undetermined, or no commit.
    """
    from gitgate.attestations import attest_verification, plan_attestation, write_attestation  # noqa: PLC0415
    from gitgate.enforcement import split_range, verify_revisions  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.streams import write_verification  # noqa: PLC0415

    base, head = split_range(range_)
    demand = plan_attestation(attest, attest_key, attest_resource, now)
    moment = utc(now) if demand is None else demand.time
    with Repository.open(git_dir) as repository:
        verification = verify_revisions(repository, base, head, now=moment, trust_roots=frozenset(trust_roots))
        signed = b"" if demand is None else attest_verification(repository, verification, demand)
    write_verification(verification, output, color=color)
    if demand is not None:
        write_attestation(demand, signed)
    return verification.verdict.exit_code


@click.command(short_help="Audit an attestation of an earlier verdict.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base", metavar="REV", help="The protected branch.  [default: the upstream's default branch]")
@click.option(
    "--key", "keys", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="A public key whose attestations count, instead of those of the branch's attesters. May be repeated.",
)  # fmt: skip
@click.option(
    "--merged", metavar="REV",
    help="The commit of the protected branch that the merge ended in: its tree must be the attested one.",
)  # fmt: skip
@click.option("-o", "--output", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@trust_roots_option
@git_dir_option
def audit(  # noqa: PLR0913 - one parameter for each option
    *,
    file: Path,
    base: str | None,
    keys: tuple[Path, ...],
    merged: str | None,
    output: str,
    trust_roots: tuple[str, ...],
    git_dir: Path | None,
) -> int:
    """Audit an attestation: is it genuine, and does the repository still show what it says?

    Its key must be good now, and belong to an attester of the protected branch's current .gitgate/signers.yaml. The
    signatures of its range are verified again as of the attested time.

    Exit codes: 0 genuine, reproduced and PASSED; 1 anything else; 2 usage or signers file; 3 undetermined.
    """
    from gitgate.audits import AuditDemand, read_attestation, render_audit, render_audit_json  # noqa: PLC0415
    from gitgate.audits import audit as audit_attestation  # noqa: PLC0415
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.streams import write_text  # noqa: PLC0415

    if keys and trust_roots:
        raise UsageError("--key takes the place of a signers file, which is what --trust-root pins")
    data = read_attestation(file)
    demand = AuditDemand(base=base, keys=keys, trust_roots=frozenset(trust_roots), merged=merged)
    with Repository.open(git_dir) as repository:
        result = audit_attestation(repository, data, demand)
    write_text(render_audit(result) if output == "text" else render_audit_json(result))
    return result.verdict.exit_code


_protect = click.option(
    "--protect", "protected", multiple=True, metavar="REF",
    help="A protected ref, or a glob: 'refs/heads/release/*'. May be given several times."
    "  [default: the branch that HEAD names]",
)  # fmt: skip


@click.group()
def hook() -> None:
    """Demand signatures where commits are pushed and received."""


@hook.command("pre-push", short_help="Judge what is about to be pushed.")
@click.argument("remote", required=False, default="origin")
@click.argument("url", required=False, expose_value=False)
@trust_roots_option
@now_option
def pre_push(*, remote: str, trust_roots: tuple[str, ...], now: datetime | None) -> int:
    """Judge what is about to be pushed, as git's pre-push hook or by pre-commit.

    Reads what git writes to the hook, or the variables that pre-commit sets. A hook on one's own machine is advice:
    whoever pushes can leave it out. The server decides.
    """
    import os  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415 - as above

    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.pushes import PushDemand, judge_pushed, pushed_by_pre_commit, read_pushed  # noqa: PLC0415
    from gitgate.streams import write_updates  # noqa: PLC0415

    demand = PushDemand(trust_roots=frozenset(trust_roots), now=utc(now))
    by_pre_commit = pushed_by_pre_commit(os.environ)
    if by_pre_commit is None:
        updates = read_pushed(sys.stdin.buffer.read())
    else:
        updates = by_pre_commit
        remote = os.environ.get("PRE_COMMIT_REMOTE_NAME", remote)
    with Repository.open() as repository:
        verdicts = [judge_pushed(repository, update, remote, demand) for update in updates]
    return write_updates(verdicts, quiet=True)


@hook.command("pre-receive", short_help="Judge a push on the server.")
@_protect
@trust_roots_option
@now_option
def pre_receive(*, protected: tuple[str, ...], trust_roots: tuple[str, ...], now: datetime | None) -> int:
    """Judge a push on the server, as git's pre-receive hook: one refused ref refuses all.

    Protected refs only grow, by commits that the signers of their present tip accept; they are never deleted. Nobody
    pushes refs/replace/, refs/notes/ or refs/gitgate/.
    """
    import os  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415 - as above

    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.pushes import PushDemand, judge_received, read_updates  # noqa: PLC0415
    from gitgate.streams import write_updates  # noqa: PLC0415

    demand = PushDemand(protected=_globs(protected), trust_roots=frozenset(trust_roots), now=utc(now))
    updates = read_updates(sys.stdin.buffer.read())
    # What is being pushed is in a directory of its own until every hook agrees. Source: git-receive-pack(1).
    quarantine = os.environ.get("GIT_QUARANTINE_PATH")
    extra = [Path(quarantine)] if quarantine else []
    with Repository.open(Path(os.environ.get("GIT_DIR", ".")), extra_object_directories=extra) as repository:
        verdicts = [judge_received(repository, update, demand) for update in updates]
    return write_updates(verdicts, quiet=False)


@hook.command("install", short_help="Write a hook into a repository.")
@click.option("--pre-push", "name", flag_value="pre-push", default=True, help="Judge on one's own machine (default).")
@click.option("--pre-receive", "name", flag_value="pre-receive", help="Judge on a server of one's own.")
@_protect
@trust_roots_option
@git_dir_option
def install_hook(*, name: str, protected: tuple[str, ...], trust_roots: tuple[str, ...], git_dir: Path | None) -> None:
    """Write a hook into a repository; another hook of that name is never overwritten."""
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.hook_files import install  # noqa: PLC0415

    if protected and name == "pre-push":
        raise UsageError("--protect goes with --pre-receive; in front of a push, the remote's default branch counts")
    arguments = [word for ref in _globs(protected) for word in ("--protect", ref)]
    arguments += [word for digest in trust_roots for word in ("--trust-root", digest)]
    place = install(name, arguments, git_dir)
    click.echo(f"wrote hooks/{place.name}; git runs it unless core.hooksPath names another directory")


def _globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    from gitgate.errors import UsageError  # noqa: PLC0415
    from gitgate.path_glob import compile_glob  # noqa: PLC0415

    for pattern in patterns:
        if not pattern.startswith("refs/"):
            raise UsageError(f"--protect takes full names of refs, as refs/heads/{pattern}")
        try:
            compile_glob(pattern)
        except ValueError as error:
            raise UsageError(f"--protect {error}") from error
    return patterns
