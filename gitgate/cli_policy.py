"""The commands for working on policies: arguments and options. What they do lives in the layers below."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitgate.cli_options import color_option, git_dir_option

if TYPE_CHECKING:
    from gitgate.policy_page import Described
    from gitgate.resource import Resource


@click.group(short_help="List, explain, test and replay policies.")
def policy() -> None:
    """Work on policies: ValidatingAdmissionPolicies, before they judge."""


_revision = click.option(
    "--revision", metavar="REV", default="HEAD", show_default=True, help="Whose policies: what a change goes into."
)


@policy.command("list", short_help="List the policies in force.")
@click.option("--shipped", "every", is_flag=True, help="List the sets that gitgate ships instead.")
@_revision
@git_dir_option
def list_policies(*, every: bool, revision: str, git_dir: Path | None) -> None:
    """List the policies that would judge a change, what they do, and where they come from."""
    from gitgate.policy_shelf import current_sets, shipped  # noqa: PLC0415

    found = shipped(current_sets()).described() if every else _in_force(revision, git_dir)
    _say(_table(found))
    if not found:
        click.echo("No policy judges. gitgate policy list --shipped lists those that policy.sets can name.")


@policy.command(short_help="Explain a policy.")
@click.argument("name")
@_revision
@git_dir_option
@color_option
def explain(*, name: str, revision: str, git_dir: Path | None, color: str) -> None:
    """Say what a policy finds, why, what to do, and how it decides; with examples.

    NAME is the name of one that gitgate ships, or of one in force in the repository.
    """
    from difflib import get_close_matches  # noqa: PLC0415

    from gitgate.errors import GitgateError, UsageError  # noqa: PLC0415
    from gitgate.policy_page import render_page  # noqa: PLC0415
    from gitgate.policy_shelf import current_sets, shipped  # noqa: PLC0415
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415
    from gitgate.streams import show_markdown  # noqa: PLC0415

    known = shipped(current_sets()).described()
    found = [item for item in known if name in {item.policy.name, item.told("id")}]
    try:
        own = _in_force(revision, git_dir)
    except GitgateError:
        if not found:
            raise
        own = []
    found += [item for item in own if item.policy.name == name and not item.place.startswith("gitgate:")]
    if not found:
        close = get_close_matches(name, [item.policy.name for item in (*known, *own)], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"there is no policy {name!r}{hint}", remedy="gitgate policy list names them.")
    text = "\n".join(render_page(item) for item in found)
    show_markdown("\n".join(map(log_safe, text.split("\n"))), color=color)


@policy.command(short_help="Run cases: what should policies say?")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit, too.")
def test(*, paths: tuple[Path, ...], junit: Path | None) -> int:
    """Run cases against policies: files, or directories with policies and a tests/ directory.

    A file of cases says for a request (object, oldObject, operation, params) what is expected: allow, deny, warn,
    audit or error; schemas/policy-tests-v1.json describes it. Without PATH the examples of the policies that gitgate
    ships are run, and .gitgate/policies if it is here.

    Exit codes: 0 every case is as expected, 1 one is not, 2 usage or files.
    """
    from gitgate.errors import GitgateError, UsageError  # noqa: PLC0415
    from gitgate.policy.cel import Engine  # noqa: PLC0415
    from gitgate.policy.files import DIRECTORY  # noqa: PLC0415
    from gitgate.policy_cases import CaseRunner  # noqa: PLC0415
    from gitgate.policy_results import render_junit, render_table  # noqa: PLC0415
    from gitgate.policy_shelf import current_sets, read_files, shipped  # noqa: PLC0415

    library = shipped(current_sets())
    here = Path(DIRECTORY)
    own = read_files(paths or ((here,) if here.is_dir() else ()))
    cases = own.cases if paths else (*library.cases, *own.cases)
    if not cases:
        raise UsageError("there are no cases", remedy="A file of cases begins with version: 1 and cases:")
    with Engine() as engine:
        # Cases may be about shipped policies, too; one's own policy of that name comes later and counts.
        runner = CaseRunner(engine, (*library.resources, *own.resources))
        results = [runner.run(case) for case in cases]
    _say(render_table(results))
    if junit is not None:
        try:
            junit.write_text(render_junit(results), encoding="utf-8", newline="\n")
        except OSError as error:
            raise GitgateError(f"{junit} cannot be written: {error.strerror}") from error
    return 0 if all(result.passed for result in results) else 1


@policy.command(short_help="Judge the last merges by other policies.")
@click.option("--last", "number", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option(
    "--policy", "files", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="A file or directory of policies. May be given several times.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="NAME", help="A set that gitgate ships. May be given several times."
)
@_revision
@git_dir_option
def replay(*, number: int, files: tuple[Path, ...], sets: tuple[str, ...], revision: str, git_dir: Path | None) -> None:
    """Say which of the last merges policies would have blocked, had they judged.

    A merge is a commit of the first-parent history, judged as a change of its first parent. Without --policy and --set
    the policies in force are replayed. A policy without a binding is taken to deny.
    """
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.policy_replay import last_merges, prepare, render_replay  # noqa: PLC0415
    from gitgate.policy_replay import replay as replayed  # noqa: PLC0415
    from gitgate.policy_shelf import in_force, read_files, shipped  # noqa: PLC0415
    from gitgate.streams import progress_line  # noqa: PLC0415

    candidates: list[Resource] = [*shipped(sets).resources, *read_files(files).resources]
    with progress_line() as progress, Repository.open(git_dir) as repository:
        shelf, settings = in_force(repository, revision, progress)
        ready = prepare(candidates if files or sets else shelf.resources)
        merges = last_merges(repository, revision, number)
        results = list(replayed(repository, merges, ready, settings, progress))
    _say(render_replay(results))


def _in_force(revision: str, git_dir: Path | None) -> list[Described]:
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.policy_shelf import in_force  # noqa: PLC0415
    from gitgate.streams import progress_line  # noqa: PLC0415

    with progress_line() as progress, Repository.open(git_dir) as repository:
        return in_force(repository, revision, progress)[0].described()


def _table(found: list[Described]) -> Iterable[str]:
    name = max((len(item.policy.name) for item in found), default=0)
    actions = max((len(item.actions) for item in found), default=0)
    place = max((len(item.place) for item in found), default=0)
    for item in found:
        about = item.told("title") or item.meant
        yield f"{item.policy.name:{name}}  {item.actions:{actions}}  {item.place:{place}}  {about}"


def _say(lines: Iterable[str]) -> None:
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415

    for line in lines:
        click.echo(log_safe(line))
