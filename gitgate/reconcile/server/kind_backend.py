"""`KindBackend`: plans by a cluster that the `kind` command makes: with controllers, and without any Pod that runs.

Each cluster of the repository gets a cluster of its own, which is deleted afterwards, however the run ends. With
`--keep` it stays, and the next such plan begins with it: see `kind_kept`, and docs/adr/0040-plans-by-kind.md.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitgate.errors import ToolError, UsageError
from gitgate.process import Servers
from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.plan import Plan, PlannedObject
from gitgate.reconcile.server.backend import KIND, demand_tables, simulate_each
from gitgate.reconcile.server.client import Client
from gitgate.reconcile.server.guard import await_rights, impersonation, install_guard
from gitgate.reconcile.server.kind_command import Kind
from gitgate.reconcile.server.kind_images import choose_image
from gitgate.reconcile.server.kind_kept import KeptCluster
from gitgate.reconcile.server.kubeconfig import connect, read_kubeconfig
from gitgate.reconcile.server.reading import LiveClient, server_version
from gitgate.reconcile.tables import shipped_versions
from gitgate.resource import Resource

Tell = Callable[[str], None]
_Part = tuple[tuple[PlannedObject, ...], tuple[str, ...]]


class KindBackend:
    """Clusters of kind.

    Args:
        minor: The Kubernetes version; None for what the image is, or the newest.
        user: Who the agent is.
        groups: The agent's groups.
        image: Of the node; None for kind's own of that version.
        keep: Does the cluster stay, for the next plan and for whoever wants to look at it?
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.

    Raises:
        ToolError: There is no kind, no Docker, or no image.
        UsageError: What is named is no image.
    """

    name = KIND

    def __init__(  # noqa: PLR0913 - what the settings and the command line say
        self, minor: str | None, user: str, groups: Sequence[str], *, image: str | None = None, keep: bool = False,
        definitions: Iterable[Resource] = (),
    ) -> None:  # fmt: skip
        self.version, self._image = choose_image(minor, image, shipped_versions()[-1])
        demand_tables(self.version, "the image is")
        self._user, self._groups, self._keep = user, tuple(groups), keep
        self.definitions = tuple(definitions)
        self._kind = Kind()
        with tempfile.TemporaryDirectory(prefix="gitgate-") as directory:
            self._kind.clusters(Path(directory))  # whether it works at all, before anything is rendered

    def simulate(
        self, before: Snapshot, after: Snapshot, method: ApplyMethod, tell: Tell,
        live: Iterable[Resource] | None = None,
    ) -> Plan:  # fmt: skip
        """See `Backend.simulate`."""
        if live is not None:
            raise UsageError("a plan that begins with a dump of the cluster is made offline")
        return simulate_each(self, before, after, method=method, tell=tell, server=self._image.partition("@")[0])

    def part(
        self, before: Snapshot, after: Snapshot, *, offline: Sequence[PlannedObject], method: ApplyMethod, tell: Tell
    ) -> _Part:
        """One cluster's objects, and what they rest on."""
        from gitgate.reconcile.server.simulation import simulate  # noqa: PLC0415 - slow to load

        made = self._kept(offline, tell) if self._keep else self._thrown_away(tell)
        with made as (name, kubeconfig), self._agent(kubeconfig, tell) as agent:
            try:
                found = simulate(
                    agent, before, after, offline, version=self.version, default=method, tell=tell, controllers=True,
                    definitions=self.definitions,
                )  # fmt: skip
            except ToolError as error:
                raise ToolError(f"the kind cluster {name}: {error}", remedy=error.remedy) from error
        told = (f"The kind cluster {name} was kept: kind delete cluster --name {name}",) if self._keep else ()
        return found.objects, (*found.assumptions, *told)

    @contextmanager
    def _thrown_away(self, tell: Tell) -> Iterator[tuple[str, bytes]]:
        name = f"gitgate-{secrets.token_hex(4)}"
        with Servers(environment=self._kind.environment) as servers:
            yield name, self._kind.create(servers, name, self._image, tell=tell)
            tell("deleting the kind cluster")
            self._kind.delete(name, servers.directory)
            servers.at_end(None)

    @contextmanager
    def _kept(self, offline: Sequence[PlannedObject], tell: Tell) -> Iterator[tuple[str, bytes]]:
        cluster = next((one.origin.cluster for item in offline if (one := item.after or item.before)), "")
        with KeptCluster(self._kind, self.version, self._image, cluster) as kept:
            kubeconfig = kept.open(offline, self.definitions, tell=tell)
            yield kept.name, kubeconfig

    @contextmanager
    def _agent(self, kubeconfig: bytes, tell: Tell) -> Iterator[Client]:
        """Who applies: an agent that may do everything but have Pods run."""
        access = read_kubeconfig(kubeconfig)
        admin = connect(access)
        try:
            tell("seeing to it that no Pod runs")
            self._demand_version(admin)
            install_guard(admin, f"gitgate-{secrets.token_hex(16)}", user=self._user)
        finally:
            admin.close()
        agent = connect(access, impersonation(self._user, self._groups))
        try:
            await_rights(agent)
            yield agent
        finally:
            agent.close()

    def _demand_version(self, admin: Client) -> None:
        found = server_version(LiveClient(admin, "kind"))
        if found != self.version:
            raise ToolError(
                f"the image {self._image.partition('@')[0]} is Kubernetes {found}, and the plan is for {self.version}",
                remedy=f"Give the plan --kubernetes-version {found}, or another --kind-image.",
            )
