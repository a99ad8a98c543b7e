"""`gitgate plan`: what the agent would do to the cluster if this were merged."""

from __future__ import annotations

import json
import posixpath
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitgate.errors import GitgateError, RepositoryError, ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gitgate.git import Repository
    from gitgate.proposal import Snapshot
    from gitgate.reconcile.consequence import Consequence
    from gitgate.reconcile.plan import Plan
    from gitgate.reconcile.server.backend import Backend
    from gitgate.reconcile.way_back import WayBack
    from gitgate.resource import Resource
    from gitgate.settings import Settings
    from gitgate.sources.base import SourceContext

FORMATS = ("text", "json", "markdown", "html")
METHODS = ("server-side", "client-side", "flux", "replace")
BLOCKED = 1
INCOMPLETE = 3
_ROOTS = frozenset({"chart.yaml", "kustomization", "kustomization.yaml", "kustomization.yml"})
"""Files that others are rendered with."""
_LEFT_OUT = 10
"""Files that are left out of a plan and told one by one."""
LIVE_BYTES = 256 * 1024 * 1024
LIVE_NODES = 20_000_000
LIVE_DOCUMENTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says of the cluster.

    Attributes:
        cluster: Who works the plan out; None for what the settings say.
        version: The Kubernetes version; None for what the settings or the cluster say.
        live: A dump to start from.
        kubeconfig: The file that has the context.
        part: Which of the repository's clusters the context is.
        dry_run: Is the cluster asked with dry runs?
        image: The node image of kind.
        keep: Does kind's cluster stay?
        rollback: Is the way back planned?
        repository: Where the repository is; None for here.
    """

    cluster: str | None = None
    version: str | None = None
    live: Path | None = None
    kubeconfig: Path | None = None
    part: str | None = None
    dry_run: bool = False
    image: str | None = None
    keep: bool = False
    rollback: bool = False
    repository: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything that one run works out.

    Attributes:
        plan: What the merge (or, with `--rollback`, its revert) does.
        consequences: What follows.
        incomplete: Files that could not be read or rendered.
        reasons: Why, of those where that is known.
        back: Whether reverting restores the cluster; None when that was not asked.
    """

    plan: Plan
    consequences: tuple[Consequence, ...]
    incomplete: tuple[str, ...]
    reasons: Mapping[str, str]
    back: WayBack | None = None

    @property
    def exit_code(self) -> int:
        """0 when everything can be applied, 1 when something is blocked, 3 when something could not be planned."""
        from gitgate.reconcile.plan import Action  # noqa: PLC0415 - loaded with the plan anyway

        if self.plan.counts[Action.BLOCKED]:
            return BLOCKED
        return INCOMPLETE if self.incomplete else 0


@click.command("plan", short_help="Say what the agent would do to the cluster.")
@click.argument("base")
@click.argument("head", default="HEAD")
@click.option(
    "--git-dir", type=click.Path(path_type=Path), metavar="DIR",
    help="The repository: its .git, a bare repository or a work tree.  [default: found from here upwards]",
)  # fmt: skip
@click.option("-k", "--kubernetes-version", "version", metavar="VERSION", help="The cluster's minor version, as 1.33.")
@click.option(
    "--apply", "method", type=click.Choice(METHODS),
    help="How the agent applies, where no Flux Kustomization or Argo CD Application of the repository says it.  "
    "[default: as the settings of BASE say, or server-side]",
)  # fmt: skip
@click.option(
    "--from-live", "live", type=click.Path(path_type=Path), metavar="FILE",
    help="Start from this dump of the cluster, as `kubectl get -o yaml --show-managed-fields` writes it.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="offline|control-plane|kind|CONTEXT",
    help="Who works it out: gitgate itself, or an API server to which base and head are applied: one that is started "
    "for it on this machine, or a cluster of kind. With a context of the kubeconfig they are applied to a copy of what "
    "its cluster has, which is only read; context:NAME for a context of another word's name.  [default: as the "
    "settings of BASE say, or offline]",
)  # fmt: skip
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), metavar="FILE",
    help="Where the context is.  [default: as KUBECONFIG says, or ~/.kube/config]",
)  # fmt: skip
@click.option(
    "--as-cluster", "part", metavar="NAME",
    help="Which of the repository's clusters the context is.  [default: the one of its name, or the only one]",
)  # fmt: skip
@click.option(
    "--server-dry-run", "dry_run", is_flag=True,
    help="Ask the cluster of the context itself, with dry runs: it needs the rights to write, and nothing is stored.",
)  # fmt: skip
@click.option(
    "--kind-image", "image", metavar="IMAGE",
    help="With --cluster kind: the node image.  [default: kind's own of the version]",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="With --cluster kind: keep the cluster, and begin the next plan with it.")
@click.option("--rollback", is_flag=True, help="Plan the way back: what reverting the merge would do.")
@click.option(
    "-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True, help="The format.",
)  # fmt: skip
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="List every field, and what stays.")
def plan_command(  # noqa: PLR0913 - one parameter for each option
    *,
    base: str,
    head: str,
    git_dir: Path | None,
    version: str | None,
    method: str | None,
    live: Path | None,
    cluster: str | None,
    kubeconfig: Path | None,
    part: str | None,
    dry_run: bool,
    image: str | None,
    keep: bool,
    rollback: bool,
    output: str,
    color: str,
    verbose: bool,
) -> int:
    """Say what the agent would do to the cluster if HEAD were merged into BASE.

    Nothing needs a cluster; --cluster asks a real API server instead of predicting.

    Exit codes: 0 everything can be applied, 1 something is blocked, 2 usage or settings, 3 something could not be
    read.
    """
    from gitgate.git import Repository  # noqa: PLC0415
    from gitgate.streams import progress_line, wants_color, write_text  # noqa: PLC0415

    if sys.stdout is None:
        raise GitgateError("standard output is closed, so the plan has nowhere to go")
    with progress_line() as progress, Repository.open(git_dir) as repository:
        progress("working out the merge")
        wanted = Wanted(
            cluster=cluster, version=version, live=live, kubeconfig=kubeconfig, part=part, dry_run=dry_run,
            image=image, keep=keep, rollback=rollback, repository=git_dir,
        )  # fmt: skip
        planned = _plan(repository, base, head, wanted, method=method, tell=progress)
    write_text(render(planned, output, color=wants_color(color), verbose=verbose))
    return planned.exit_code


def _plan(  # noqa: PLR0913 - the options of the command
    repository: Repository, base: str, head: str, wanted: Wanted, *, method: str | None, tell: Callable[[str], None]
) -> Planned:
    from gitgate.checks.registry import all_rules  # noqa: PLC0415
    from gitgate.git import MergeConflict  # noqa: PLC0415
    from gitgate.reconcile.apply import ApplyMethod  # noqa: PLC0415
    from gitgate.reconcile.follow import follow  # noqa: PLC0415
    from gitgate.reconcile.held import with_held  # noqa: PLC0415
    from gitgate.reconcile.settings_ignored import ignore_fields  # noqa: PLC0415
    from gitgate.reconcile.way_back import reached, way_back  # noqa: PLC0415
    from gitgate.schema.directory import load_schema_directory  # noqa: PLC0415
    from gitgate.settings import SCHEMA_DIRECTORY, load_settings  # noqa: PLC0415
    from gitgate.sources.base import SourceContext  # noqa: PLC0415
    from gitgate.sources.registry import render_tree  # noqa: PLC0415

    base_commit, head_commit = repository.resolve(base), repository.resolve(head)
    merged = repository.merge(base_commit, head_commit)
    if isinstance(merged, MergeConflict):
        files = ", ".join(sorted(merged.paths))
        raise RepositoryError(f"{head} cannot be merged into {base}: both changed {files}")
    tree = repository.tree(base_commit)
    settings = load_settings(tree, all_rules())
    backend = _backend(wanted, settings, load_schema_directory(tree, SCHEMA_DIRECTORY).definitions)
    context = SourceContext.from_settings(settings)
    before = render_tree(tree, context)
    after = with_held(before, render_tree(merged, context))
    state = _live(wanted.live, context) if wanted.live is not None else None
    how = ApplyMethod(method or settings.apply_method.value)
    plan = ignore_fields(backend.simulate(before, after, how, tell, state), settings.ignored_fields)
    back = None
    if wanted.rollback:
        follows = follow(plan, before, after)
        after = reached(plan, after)
        revert = ignore_fields(backend.simulate(after, before, how, tell), settings.ignored_fields)
        back = way_back(plan, revert, follows)
        plan, before, after = revert, after, before
    return Planned(
        plan=plan,
        consequences=follow(plan, before, after),
        incomplete=_incomplete(before, after),
        reasons=_reasons(before, after),
        back=back,
    )


def _backend(wanted: Wanted, settings: Settings, definitions: Iterable[Resource]) -> Backend:
    """Who works the plan out.

    Raises:
        UsageError: What is asked for contradicts itself or is not available.
        ToolError: What is asked for is not there.
    """
    from gitgate.reconcile.server.backend import KIND, OFFLINE, choose_backend, context_of  # noqa: PLC0415

    minor = (
        wanted.version if wanted.version is not None else max(settings.kubernetes_versions, key=_order, default=None)
    )
    name = wanted.cluster if wanted.cluster is not None else settings.cluster
    if wanted.live is not None and name != OFFLINE:
        if wanted.cluster is not None:
            raise UsageError("--from-live and --cluster cannot both be given: a dump is planned from offline")
        name = OFFLINE
    context = context_of(name)
    for option, asked in (("--kind-image", wanted.image), ("--keep", wanted.keep)):
        if asked and name != KIND:
            raise UsageError(f"{option} is for plans by kind: give --cluster kind")
    if context is not None:
        return _existing(context, wanted, settings, definitions)
    for option, given in (
        ("--kubeconfig", wanted.kubeconfig), ("--as-cluster", wanted.part), ("--server-dry-run", wanted.dry_run),
    ):  # fmt: skip
        if given:
            raise UsageError(f"{option} is for plans from an existing cluster: name its context with --cluster")
    policy = settings.policy
    chosen = _version(minor) if minor is not None else None
    return choose_backend(
        name, chosen, _version(None), policy.user, policy.groups, definitions=definitions, image=wanted.image,
        keep=wanted.keep,
    )  # fmt: skip


def _existing(context: str, wanted: Wanted, settings: Settings, definitions: Iterable[Resource]) -> Backend:
    """A cluster that is there. Whoever runs gitgate says that it is asked: settings alone do not."""
    from gitgate.reconcile.server.existing import ExistingBackend, Target  # noqa: PLC0415
    from gitgate.reconcile.server.kubeconfig_files import find_access, repository_places  # noqa: PLC0415

    if wanted.rollback:
        raise UsageError("--rollback begins after the merge, and an existing cluster has what is there before it")
    if wanted.cluster is None and wanted.kubeconfig is None:
        raise ToolError(
            f"the settings of the base name the context {context!r}, and a repository alone does not choose a cluster",
            remedy="If you mean it, give --kubeconfig FILE or --cluster; otherwise --cluster offline.",
        )
    if wanted.cluster is None and wanted.dry_run:
        raise UsageError("--server-dry-run asks for rights to write: name the context yourself, with --cluster")
    access = find_access(context, file=wanted.kubeconfig, repository=repository_places(wanted.repository))
    minor = _version(wanted.version) if wanted.version is not None else None
    target = Target(access=access, minor=minor, cluster=wanted.part or "", dry_run=wanted.dry_run)
    return ExistingBackend(target, settings.policy.user, settings.policy.groups, definitions)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _version(wanted: str | None) -> str:
    from gitgate.reconcile.tables import shipped_versions  # noqa: PLC0415

    shipped = shipped_versions()
    if wanted is None:
        return shipped[-1]
    minor = ".".join(wanted.removeprefix("v").split(".")[:2])
    if minor not in shipped:
        raise UsageError(f"there are no tables for Kubernetes {wanted}", remedy=f"There are {', '.join(shipped)}.")
    return minor


def _incomplete(*snapshots: Snapshot) -> tuple[str, ...]:
    from gitgate.proposal import Coverage  # noqa: PLC0415
    from gitgate.reconcile.held import REMOTE  # noqa: PLC0415
    from gitgate.sources.base import OPAQUE_FILE  # noqa: PLC0415

    failed = {path for one in snapshots for path, state in one.files.items() if state is Coverage.FAILED}
    failed |= {problem.location.path for one in snapshots for problem in one.problems if problem.code == REMOTE}
    unread = {origin.path for one in snapshots for origin, _ in one.unread}
    opaque = {problem.location.path for one in snapshots for problem in one.problems if problem.code == OPAQUE_FILE}
    return tuple(sorted(failed | (unread & opaque)))


def _reasons(*snapshots: Snapshot) -> dict[str, str]:
    missing = set(_incomplete(*snapshots))
    return {
        problem.location.path: problem.message
        for one in snapshots
        for problem in reversed(one.problems)
        if problem.location.path in missing
    }


def _live(file: Path, context: SourceContext) -> tuple[Resource, ...]:
    """The objects of a dump.

    Raises:
        UsageError: It cannot be read.
    """
    from gitgate.sources.documents import DocumentReader  # noqa: PLC0415
    from gitgate.sources.plain import PlainSource  # noqa: PLC0415
    from gitgate.tree import MemoryTree  # noqa: PLC0415
    from gitgate.yaml_document import DEFAULT_LIMITS  # noqa: PLC0415

    try:
        with file.open("rb") as stream:
            # A pipe or a device has no size to look at first.
            data = stream.read(LIVE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > LIVE_BYTES:
        raise UsageError(f"{file} is larger than {LIVE_BYTES} bytes")
    # The user's own cluster wrote it: it may be larger than any file of a repository.
    limits = replace(DEFAULT_LIMITS, bytes=LIVE_BYTES, nodes=LIVE_NODES, documents=LIVE_DOCUMENTS)
    context = replace(context, documents=DocumentReader(limits))
    rendering = PlainSource().render(MemoryTree({"live.yaml": data}), context, {})
    if not rendering.resources:
        reason = rendering.problems[0].message if rendering.problems else "it holds no Kubernetes objects"
        raise UsageError(f"{file} is no dump of a cluster: {reason}")
    return rendering.resources


def render(planned: Planned, output: str, *, color: bool, verbose: bool) -> str:
    """A plan in one of the formats."""
    from gitgate.reconcile.render import render_text  # noqa: PLC0415

    if output == "json":
        return _json(planned)
    if output == "markdown":
        from gitgate.reconcile.render_markdown import render_markdown  # noqa: PLC0415

        return render_markdown(planned.plan, planned.consequences, notes=_notes(planned))
    if output == "html":
        from gitgate.reconcile.render_html import render_html  # noqa: PLC0415

        return render_html(planned.plan, planned.consequences, notes=_notes(planned))
    return render_text(planned.plan, planned.consequences, color=color, verbose=verbose, notes=_notes(planned))


def _left_out(planned: Planned) -> list[str]:
    """What could not be read or rendered, and why; of files that are rendered together the one that says why."""
    told = dict(planned.reasons)
    roots = (path for path in told if posixpath.basename(path).lower() in _ROOTS)
    folders = tuple(f"{posixpath.dirname(path)}/".removeprefix("/") for path in roots)
    told |= {path: "" for path in planned.incomplete if path not in told and not path.startswith(folders)}
    lines = [f"Not in this plan: {path}" + (f": {reason}" if reason else "") for path, reason in sorted(told.items())]
    more = len(lines) - _LEFT_OUT
    return [*lines[:_LEFT_OUT], f"Not in this plan: {more} more (gitgate coverage lists them)"] if more > 0 else lines


def _notes(planned: Planned) -> tuple[str, ...]:
    """What is said beneath every format."""
    notes = [*_left_out(planned), *planned.plan.unplanned]
    if planned.back is not None and planned.back.restores:
        notes.append("Reverting the merge restores the cluster.")
    elif planned.back is not None:
        notes.append("Reverting the merge does not restore the cluster:")
        notes += [f"  - {reason}" for reason in planned.back.lost]
    return tuple(notes)


def _json(planned: Planned) -> str:
    from gitgate.reconcile.render_json import render_json  # noqa: PLC0415

    document = json.loads(render_json(planned.plan, planned.consequences))
    document["incomplete"] = list(planned.incomplete)
    if planned.back is not None:
        document["rollback"] = {"restores": planned.back.restores, "lost": list(planned.back.lost)}
    return json.dumps(document, indent=2) + "\n"
