"""The command line: arguments and options. What a command does lives in the layers below.

Everything heavy is imported inside the command that needs it: `gitgate --version` and a hook run count in tenths of
a second.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitgate import __version__
from gitgate.cli_options import attestation_options, now_option, trust_roots_option, utc
from gitgate.errors import GitgateError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from gitgate.attestations import AttestationDemand
    from gitgate.finding import Severity
    from gitgate.gate import Demand
    from gitgate.git import Repository
    from gitgate.report import Report
    from gitgate.streams import Destination

FORMATS = ("text", "json", "sarif", "github", "markdown")
"""The names in `reporters.registry.REPORTERS`, here so that `--help` need not import them; a test compares them."""


class Output(click.ParamType[Any]):
    """`FORMAT` or `FORMAT=FILE`."""

    name = "FORMAT[=FILE]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Destination:
        """Split and check one value."""
        from gitgate.streams import Destination  # noqa: PLC0415 - only where an output is asked for

        name, equals, file = str(value).partition("=")
        if name not in FORMATS:
            self.fail(f"{name!r} is no format; there are {', '.join(FORMATS)}", param, ctx)
        if equals and not file:
            self.fail(f"{value!r} names no file", param, ctx)
        return Destination(name, Path(file) if equals else None)


class RuleSeverity(click.ParamType[Any]):
    """`RULE=error|warning|note|ignore`."""

    name = "RULE=WEIGHT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Severity | None]:
        """Split and check one value."""
        from gitgate.checks.registry import all_rules  # noqa: PLC0415
        from gitgate.finding import Severity  # noqa: PLC0415

        rule, _, weight = str(value).partition("=")
        if rule not in all_rules():
            self.fail(f"there is no rule {rule!r}; gitgate explain lists them", param, ctx)
        if weight == "ignore":
            return rule, None
        if weight not in [severity.value for severity in Severity]:
            self.fail(f"{weight!r} is no weight; there are error, warning, note and ignore", param, ctx)
        return rule, Severity(weight)


_outputs = click.option(
    "-o", "--output", "outputs", type=Output(), multiple=True, metavar="FORMAT[=FILE]",
    help="text, json, sarif, github or markdown; to a file, or to standard output. May be given several times."
    "  [default: text]",
)  # fmt: skip
_versions = click.option(
    "-k", "--kubernetes-version", "versions", multiple=True, metavar="VERSION",
    help="Judge for this minor version, as 1.33, instead of those in settings. May be given several times.",
)  # fmt: skip
_severities = click.option(
    "--severity", "severities", type=RuleSeverity(), multiple=True, metavar="RULE=WEIGHT",
    help="Weigh a rule as error, warning, note or ignore. May be given several times.",
)  # fmt: skip
_color = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Colours; auto means on a terminal, unless NO_COLOR is set.",
)  # fmt: skip
_verbose = click.option("-v", "--verbose", is_flag=True, help="List what was there before the change, too.")


_ELSEWHERE = {
    "audit": ("gitgate.cli_signatures", "audit"),
    "coverage": ("gitgate.coverage_command", "coverage_command"),
    "hook": ("gitgate.cli_signatures", "hook"),
    "plan": ("gitgate.plan_command", "plan_command"),
    "policy": ("gitgate.cli_policy", "policy"),
    "signer": ("gitgate.cli_signers", "signer"),
    "vendor": ("gitgate.vendor_command", "vendor_command"),
    "verify": ("gitgate.cli_signatures", "verify"),
    "waiver": ("gitgate.cli_waiver", "waiver"),
}
"""Commands of other modules, loaded when they are called or listed."""


class Commands(click.Group):
    """The commands of this module and of `_ELSEWHERE`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, sorted."""
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None when there is none."""
        if cmd_name not in self.commands and cmd_name in _ELSEWHERE:
            module, name = _ELSEWHERE[cmd_name]
            self.add_command(getattr(import_module(module), name))
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """The gate between a pull request and the cluster.

    gitgate works out the tree that a merge would produce, renders what the agent in the cluster would apply from it,
    and says before anyone merges whether that is valid.

    Exit codes: 0 accepted, 1 rejected, 2 usage or settings, 3 undetermined.
    """


@cli.command(short_help="Judge a merge before anybody makes it.")
@click.option("--base", metavar="REV", help="What the change goes into.  [default: the upstream's default branch]")
@click.option("--head", metavar="REV", help="What is proposed.  [default: the index if anything is staged, else HEAD]")
@click.option("--staged", is_flag=True, help="Judge what is staged against HEAD, as a commit hook does.")
@click.option(
    "--git-dir", type=click.Path(path_type=Path), metavar="DIR",
    help="The repository: its .git, a bare repository or a work tree.  [default: found from here upwards]",
)  # fmt: skip
@_versions
@_severities
@_outputs
@_color
@_verbose
@click.option("--no-cache", is_flag=True, help="Render everything anew; the verdict is the same.")
@attestation_options
@trust_roots_option
@now_option
def check(  # noqa: PLR0913 - one parameter for each option
    *,
    base: str | None,
    head: str | None,
    staged: bool,
    git_dir: Path | None,
    versions: tuple[str, ...],
    severities: tuple[tuple[str, Severity | None], ...],
    outputs: tuple[Destination, ...],
    color: str,
    verbose: bool,
    no_cache: bool,
    attest: Path | None,
    attest_key: str | None,
    attest_resource: str,
    trust_roots: tuple[str, ...],
    now: datetime | None,
) -> int:
    """Judge a merge: is what it would leave behind fit for the cluster?

    Without options it judges what is staged, or else HEAD, as if it were merged into the upstream's default branch
    now. Settings come from .gitgate/settings.yaml of that branch, never from the change.

    Exit codes: 0 accepted, 1 rejected, 2 usage or settings, 3 undetermined.
    """
    if staged and (base or head):
        raise UsageError("--staged judges the index against HEAD; it goes with neither --base nor --head")
    from gitgate.change import Change  # noqa: PLC0415
    from gitgate.gate import Demand, judge_merge, judge_staged, undetermined_report  # noqa: PLC0415
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.sources.render_cache import RenderCache  # noqa: PLC0415
    from gitgate.streams import plan_outputs, progress_line, write_report  # noqa: PLC0415

    destinations = plan_outputs(outputs)
    # What is vouched for depends on nothing that lies around on a machine.
    cache = RenderCache() if no_cache or attest is not None else RenderCache.of_user()
    attestation = _planned_attestation(attest, attest_key, attest_resource, now, staged=staged)
    demand = Demand(
        kubernetes_versions=versions,
        severities=dict(severities),
        now=utc(now) if attestation is None else attestation.time,
        trust_roots=frozenset(trust_roots),
        cache=cache,
    )
    try:
        with progress_line() as progress, Repository.open(git_dir) as repository:
            if staged:
                report = judge_staged(repository, demand, progress)
            else:
                report = judge_merge(repository, base, head, demand, progress)
            signed = _attested(repository, report, attestation, demand)
    except GitgateError as error:
        if not isinstance(error, UsageError):
            names = Change(base=None, head=None, base_name=base or "", head_name=head or "")
            report = undetermined_report(names, str(error), error.remedy)
            write_report(report, destinations, color=color, verbose=verbose, files_only=True)
        raise
    write_report(report, destinations, color=color, verbose=verbose)
    cache.tidy()
    if verbose and (cache.reused or cache.kept):
        click.echo(f"renders: {cache.reused} reused from earlier runs, {cache.kept} new", err=True)
    if signed is not None and attestation is not None:
        from gitgate.attestations import write_attestation  # noqa: PLC0415 - see _planned_attestation

        write_attestation(attestation, signed)
    elif attestation is not None:
        click.echo("nothing is attested: the change cannot be merged, so there is no tree to vouch for", err=True)
    return report.verdict.exit_code


def _planned_attestation(
    file: Path | None, key: str | None, resource: str, now: datetime | None, *, staged: bool
) -> AttestationDemand | None:
    if not (file or key or resource):
        return None
    if staged:
        raise UsageError("--attest is about commits; what is staged is none yet")
    from gitgate.attestations import plan_attestation  # noqa: PLC0415 - cryptography takes a tenth of a second

    return plan_attestation(file, key, resource, now)


def _attested(
    repository: Repository, report: Report, attestation: AttestationDemand | None, demand: Demand
) -> bytes | None:
    """The signed attestation; None where none is asked for, or where a change that is refused has no merged tree."""
    if attestation is None:
        return None
    from gitgate.attestations import NothingToAttestError, attest_merge  # noqa: PLC0415 - see _planned_attestation

    try:
        return attest_merge(repository, report, attestation, demand.trust_roots)
    except NothingToAttestError:
        if report.verdict.exit_code == 0:
            raise
        return None


@cli.command(short_help="Judge files as they are, without git.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...|-")
@click.option(
    "--settings", "settings_file", type=click.Path(path_type=Path), metavar="FILE",
    help="A settings file, as .gitgate/settings.yaml.  [default: none is read]",
)  # fmt: skip
@click.option(
    "--schema", "schemas", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
    help="A CustomResourceDefinition or JSON Schema, or a directory of them. May be given several times.",
)  # fmt: skip
@click.option(
    "--allow-unknown-group", "groups", multiple=True, metavar="GROUP",
    help="Pass objects of this API group without a schema; '*' means every group. May be given several times.",
)  # fmt: skip
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    metavar="KIND",
    help="Let no finding in this kind block: Secret, v1/Secret. May be given several times.",
)
@click.option(
    "--reject", "rejected", multiple=True, metavar="KIND",
    help="Find every object of this kind. May be given several times.",
)  # fmt: skip
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these files out. May be given several times.")
@click.option(
    "--only", multiple=True, type=click.Choice(("schema", "policy", "reconcile")), metavar="CHECK",
    help="Ask only this check: schema, policy or reconcile. May be given several times.  [default: all]",
)  # fmt: skip
@_versions
@_severities
@_outputs
@_color
@_verbose
def validate(  # noqa: PLR0913 - one parameter for each option
    *,
    paths: tuple[str, ...],
    settings_file: Path | None,
    schemas: tuple[Path, ...],
    groups: tuple[str, ...],
    skipped: tuple[str, ...],
    rejected: tuple[str, ...],
    exclude: tuple[str, ...],
    only: tuple[str, ...],
    versions: tuple[str, ...],
    severities: tuple[tuple[str, Severity | None], ...],
    outputs: tuple[Destination, ...],
    color: str,
    verbose: bool,
) -> int:
    """Judge files as they are, without git: manifests, directories, or standard input.

    Are they valid for the cluster, do the policies of the settings allow them, and would the API server create them?
    What one object needs of another is not asked, as the files may be a part of what is applied.

    In a file that is named here every document must be a Kubernetes object. In a directory, what is no manifest is
    passed over and counted.

    Exit codes: 0 accepted, 1 rejected, 2 usage or settings, 3 undetermined.
    """
    from gitgate.files import FileDemand, judge_files  # noqa: PLC0415
    from gitgate.gate import Demand  # noqa: PLC0415
    from gitgate.streams import plan_outputs, progress_line, write_report  # noqa: PLC0415

    destinations = plan_outputs(outputs)
    demand = FileDemand(
        paths=paths,
        settings_file=settings_file,
        schemas=schemas,
        unknown_groups=groups,
        exclude=exclude,
        general=Demand(
            kubernetes_versions=versions,
            severities=dict(severities),
            skipped_kinds=frozenset(skipped),
            rejected_kinds=frozenset(rejected),
            only=frozenset(only),
        ),
    )
    with progress_line() as progress:
        report = judge_files(demand, progress)
    write_report(report, destinations, color=color, verbose=verbose)
    return report.verdict.exit_code


@cli.command(short_help="Explain a rule, or list them all.")
@click.argument("rule", required=False)
@_color
def explain(*, rule: str | None, color: str) -> None:
    """Say what a rule finds, why it matters and how to mend it; without RULE, list them all."""
    from gitgate.checks.registry import all_rules  # noqa: PLC0415
    from gitgate.reporters.rule_page import render_list, render_rule  # noqa: PLC0415
    from gitgate.streams import show_markdown  # noqa: PLC0415

    rules = all_rules()
    if rule is None:
        click.echo(render_list(rules.values()), nl=False)
        return
    if rule not in rules:
        from difflib import get_close_matches  # noqa: PLC0415

        close = get_close_matches(rule, [*rules, *(name.partition("/")[2] for name in rules)], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        by_last_part = [name for name in rules if name.partition("/")[2] == rule]
        if len(by_last_part) != 1:
            raise UsageError(f"there is no rule {rule!r}{hint}", remedy="gitgate explain lists them all.")
        rule = by_last_part[0]
    show_markdown(render_rule(rules[rule]), color=color)


@cli.command(short_help="Write settings, a workflow and a pre-commit entry.")
@click.option(
    "--directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", metavar="DIR",
    help="The work tree to set up.  [default: the current directory]",
)  # fmt: skip
def init(*, directory: Path) -> None:
    """Write a commented .gitgate/settings.yaml, a workflow and a pre-commit entry; nothing is overwritten."""
    from gitgate.files import survey  # noqa: PLC0415
    from gitgate.scaffold import plan, write  # noqa: PLC0415

    for line in write(directory, plan(survey(directory))):
        click.echo(line)


@cli.group()
def schema() -> None:
    """Keep the schemas of custom resources."""


@schema.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CRD...")
@click.option(
    "--directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".", metavar="DIR",
    help="The work tree whose .gitgate/schemas is written.  [default: the current directory]",
)  # fmt: skip
def add(*, files: tuple[Path, ...], directory: Path) -> None:
    """Import CustomResourceDefinitions into .gitgate/schemas.

    They judge from the merge of that commit on.
    """
    from gitgate.files import import_schemas  # noqa: PLC0415

    for line in import_schemas(files, directory):
        click.echo(line)
