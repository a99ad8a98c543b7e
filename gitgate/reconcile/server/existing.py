"""`ExistingBackend`: plans of a cluster that is there, by a context of a kubeconfig; nothing is ever stored in it.

Read-only by default: what it has is copied into a simulator, which base and merge are applied to. With
`--server-dry-run` its own API server is asked what it would store. See docs/adr/0041-existing-clusters.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gitgate.errors import GitgateError, ToolError, UsageError
from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.clusters import by_cluster
from gitgate.reconcile.plan import ASSUMPTIONS, Plan, PlannedObject, make_plan
from gitgate.reconcile.server.backend import demand_tables
from gitgate.reconcile.server.binaries import Binaries, cached_versions, find_binaries
from gitgate.reconcile.server.client import reads_only, stores_nothing
from gitgate.reconcile.server.kubeconfig import ClusterAccess, connect
from gitgate.reconcile.server.reading import LiveClient, read_cluster, server_version
from gitgate.resource import Resource

Tell = Callable[[str], None]
_Part = tuple[tuple[PlannedObject, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which cluster, and how it is asked.

    Attributes:
        access: How to reach it.
        minor: The Kubernetes version to plan for, where it is to be another than the cluster's.
        cluster: Which of the repository's clusters it is; empty to go by the context's name.
        dry_run: Is its own API server asked with dry runs, instead of a simulator?
    """

    access: ClusterAccess
    minor: str | None = None
    cluster: str = ""
    dry_run: bool = False


class ExistingBackend:
    """A cluster that is there.

    Args:
        target: Which.
        user: Who the agent is, in the simulator.
        groups: The agent's groups.
        definitions: CustomResourceDefinitions of kinds that the repository does not define, to predict with what the
            cluster cannot be asked.

    Raises:
        ToolError: It does not answer, or there is no simulator for it.
    """

    def __init__(self, target: Target, user: str, groups: Sequence[str], definitions: Iterable[Resource] = ()) -> None:
        self._definitions = tuple(definitions)
        self._target = target
        self._user, self._groups = user, tuple(groups)
        self.name = target.access.context
        client = connect(target.access, permits=reads_only)
        try:
            self._live_version = server_version(LiveClient(client, self.name))
        finally:
            client.close()
        self.version = self._live_version if target.dry_run else target.minor or self._live_version
        demand_tables(self.version, f"the cluster of context {self.name!r} is")
        self._binaries = None if target.dry_run else self._simulator()

    def _simulator(self) -> Binaries:
        try:
            return find_binaries(self.version)
        except ToolError as error:
            there = ", ".join(cached_versions())
            other = f", or plan for a version that is there with --kubernetes-version: {there}" if there else ""
            raise ToolError(
                f"the cluster of context {self.name!r} is simulated with Kubernetes {self.version}: {error}",
                remedy=f"Set KUBEBUILDER_ASSETS=$(setup-envtest use -p path {self.version}){other}.",
            ) from error

    def simulate(
        self, before: Snapshot, after: Snapshot, method: ApplyMethod, tell: Tell,
        live: Iterable[Resource] | None = None,
    ) -> Plan:  # fmt: skip
        """See `Backend.simulate`."""
        if live is not None:
            raise UsageError("a plan that begins with a dump of the cluster is made offline")
        plan = make_plan(before, after, self.version, method, definitions=self._definitions)
        name = self._cluster_of_repository(before, after)
        old, new = next(
            (part for part in by_cluster(before, after) if _cluster(part) == name), (before, after)
        )  # fmt: skip
        there = {id(resource) for side in (old, new) for resource in side.resources}
        mine = [item for item in plan.objects if id(item.after or item.before) in there]
        part = self._ask_cluster if self._target.dry_run else self._simulate_copy
        objects, said = part(old, new, mine, method, tell)
        answers = {_key(item): answer for item, answer in zip(mine, objects, strict=True)}
        kept = [one for one in plan.assumptions if one not in ASSUMPTIONS and "allocated already" not in one]
        others = {one.origin.cluster for side in (before, after) for one in side.resources} - {name}
        if others:
            kept.append(
                f"This cluster is {name or 'of no name'} in the repository; of others the plan is a prediction."
            )
        return replace(
            plan, objects=tuple(answers.get(_key(item), item) for item in plan.objects),
            assumptions=tuple(dict.fromkeys((*said, *kept))), backend=f"context {self.name}{self._how()}",
        )  # fmt: skip

    def _how(self) -> str:
        if self._binaries is None:
            return f", server-side dry run, Kubernetes {self._live_version}"
        return f", copied into kube-apiserver {'.'.join(map(str, self._binaries.version))}"

    def _cluster_of_repository(self, before: Snapshot, after: Snapshot) -> str:
        names = sorted({one.origin.cluster for side in (before, after) for one in side.resources if one.origin.cluster})
        wanted = self._target.cluster or self.name
        if wanted in names:
            return wanted
        if self._target.cluster:
            raise UsageError(f"the repository has no cluster {wanted!r}; it has {', '.join(names) or 'none'}")
        if len(names) > 1:
            raise UsageError(
                f"none of the repository's clusters is called {wanted!r}, as the context: {', '.join(names)}",
                remedy="Say with --as-cluster which one it is.",
            )
        return names[0] if names else ""

    def _simulate_copy(
        self, old: Snapshot, new: Snapshot, mine: Sequence[PlannedObject], method: ApplyMethod, tell: Tell
    ) -> _Part:
        from gitgate.reconcile.server.control_plane import ControlPlane  # noqa: PLC0415 - slow to load
        from gitgate.reconcile.server.live_simulation import simulate_live  # noqa: PLC0415

        assert self._binaries is not None  # noqa: S101 - only a dry run has none
        tell(f"reading the cluster of context {self.name}")
        client = connect(self._target.access, permits=reads_only)
        try:
            live = read_cluster(client, self.name, mine)
        finally:
            client.close()
        tell("starting the control plane")
        with ControlPlane(self._binaries, user=self._user, groups=self._groups) as plane:
            try:
                found = simulate_live(
                    plane.client, live, old, new, mine, version=self.version, default=method, tell=tell
                )
            except GitgateError as error:
                raise plane.explain(error) from error
        begun = (
            f"What the cluster of context {self.name} (Kubernetes {self._live_version}) has was read and copied; "
            "base and merge were applied to the copy, and nothing to the cluster."
        )
        other = [] if self.version == self._live_version else [
            f"The cluster is Kubernetes {self._live_version}, and is simulated with {self.version}."]  # fmt: skip
        return found.objects, (begun, *other, *found.assumptions)

    def _ask_cluster(
        self, old: Snapshot, new: Snapshot, mine: Sequence[PlannedObject], method: ApplyMethod, tell: Tell
    ) -> _Part:
        from gitgate.reconcile.server.dry_run import simulate_dry_run  # noqa: PLC0415

        client = connect(self._target.access, permits=stores_nothing)
        try:
            found = simulate_dry_run(client, self.name, old, new, mine, version=self.version, default=method, tell=tell)
        finally:
            client.close()
        return found.objects, found.assumptions


def _cluster(part: tuple[Snapshot, Snapshot]) -> str:
    """The cluster of one part of a repository."""
    return next((one.origin.cluster for side in part for one in side.resources if one.origin.cluster), "")


def _key(item: PlannedObject) -> tuple[int, int]:
    return id(item.before), id(item.after)
