"""`Backend`: who works a plan out. The offline engine predicts it; an API server of whatever origin says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from gitgate.errors import GitgateError, ToolError, UsageError
from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.clusters import by_cluster
from gitgate.reconcile.plan import Plan, PlannedObject, make_plan
from gitgate.reconcile.tables import shipped_versions
from gitgate.resource import Resource

Tell = Callable[[str], None]
OFFLINE = "offline"
CONTROL_PLANE = "control-plane"
KIND = "kind"
CONTEXT = "context:"


class Backend(Protocol):
    """One way to a plan; used once, in a `with` statement or not at all.

    Attributes:
        name: As `--cluster` names it.
        version: The Kubernetes minor version that it plans for, `1.37`.
    """

    @property
    def name(self) -> str:
        """As `--cluster` names it."""
        ...

    @property
    def version(self) -> str:
        """The Kubernetes minor version that it plans for, `1.37`."""
        ...

    def simulate(
        self, before: Snapshot, after: Snapshot, method: ApplyMethod, tell: Tell,
        live: Iterable[Resource] | None = None,
    ) -> Plan:  # fmt: skip
        """Work out what merging does.

        Args:
            before: What the base renders to.
            after: What the merge would render to.
            method: How objects are applied whose owner the repository does not have.
            tell: Told what is being done.
            live: What the cluster has; None to assume what applying the base made.

        Raises:
            ToolError: It cannot be worked out.
            UsageError: It cannot begin with a live state.
        """
        ...


class Offline:
    """The prediction.

    Args:
        version: The Kubernetes version.
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.
    """

    name = OFFLINE

    def __init__(self, version: str, definitions: Iterable[Resource] = ()) -> None:
        self.version = version
        self._definitions = tuple(definitions)

    def simulate(
        self, before: Snapshot, after: Snapshot, method: ApplyMethod, tell: Tell,  # noqa: ARG002
        live: Iterable[Resource] | None = None,
    ) -> Plan:  # fmt: skip
        """See `Backend.simulate`."""
        return make_plan(before, after, self.version, method, live, definitions=self._definitions)


class ControlPlaneBackend:
    """etcd and kube-apiserver on loopback, for each cluster of the repository a new one.

    Args:
        minor: The Kubernetes version to find; None for the newest that is there.
        user: Who the agent is.
        groups: The agent's groups.
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.
    """

    name = CONTROL_PLANE

    def __init__(
        self, minor: str | None, user: str, groups: Sequence[str], definitions: Iterable[Resource] = ()
    ) -> None:
        from gitgate.reconcile.server.binaries import find_binaries  # noqa: PLC0415 - only where it is asked for

        self._binaries = find_binaries(minor)
        self._user, self._groups = user, tuple(groups)
        self.definitions = tuple(definitions)
        self.version = self._binaries.minor
        demand_tables(self.version, f"{self._binaries.apiserver} is")

    def simulate(
        self, before: Snapshot, after: Snapshot, method: ApplyMethod, tell: Tell,
        live: Iterable[Resource] | None = None,
    ) -> Plan:  # fmt: skip
        """See `Backend.simulate`."""
        if live is not None:
            raise UsageError("a plan that begins with a dump of the cluster is made offline")
        number = ".".join(map(str, self._binaries.version))
        return simulate_each(self, before, after, method=method, tell=tell, server=f"kube-apiserver {number}")

    def part(
        self, before: Snapshot, after: Snapshot, *, offline: Sequence[PlannedObject], method: ApplyMethod, tell: Tell
    ) -> tuple[tuple[PlannedObject, ...], tuple[str, ...]]:
        """One cluster's objects, and what they rest on."""
        from gitgate.reconcile.server.control_plane import ControlPlane  # noqa: PLC0415 - slow to load
        from gitgate.reconcile.server.simulation import simulate  # noqa: PLC0415

        tell("starting the control plane")
        with ControlPlane(self._binaries, user=self._user, groups=self._groups) as plane:
            try:
                found = simulate(
                    plane.client, before, after, offline, version=self.version, default=method, tell=tell,
                    definitions=self.definitions,
                )  # fmt: skip
            except GitgateError as error:
                raise plane.explain(error) from error
        return found.objects, found.assumptions


def demand_tables(version: str, subject: str) -> None:
    """See to it that gitgate knows the types of a version.

    Args:
        version: The minor version.
        subject: What is of that version, and the verb.

    Raises:
        ToolError: It does not.
    """
    shipped = shipped_versions()
    if version not in shipped:
        raise ToolError(
            f"{subject} Kubernetes {version}, of which there are no tables",
            remedy=f"Plan with a version of {shipped[0]} to {shipped[-1]}.",
        )


class ServerBackend(Backend, Protocol):
    """A backend that asks an API server about one cluster after the other."""

    @property
    def definitions(self) -> tuple[Resource, ...]:
        """CustomResourceDefinitions that the cluster has, of kinds that the repository does not define."""
        ...

    def part(
        self, before: Snapshot, after: Snapshot, *, offline: Sequence[PlannedObject], method: ApplyMethod, tell: Tell
    ) -> tuple[tuple[PlannedObject, ...], tuple[str, ...]]:
        """One cluster's objects, and what they rest on."""
        ...


def simulate_each(  # noqa: PLR0913 - those of `Backend.simulate`, and who answers
    backend: ServerBackend, before: Snapshot, after: Snapshot, *, method: ApplyMethod, tell: Tell, server: str
) -> Plan:
    """Ask a server about every cluster in which something changes, and put the answers in the offline plan's place."""
    plan = make_plan(before, after, backend.version, method, definitions=backend.definitions)
    answers: dict[tuple[int, int], PlannedObject] = {}
    assumptions: dict[str, None] = {}
    for old, new in by_cluster(before, after):
        there = {id(resource) for side in (old, new) for resource in side.resources}
        mine = [item for item in plan.objects if id(item.after or item.before) in there]
        if all(
            item.before is not None and item.after is not None and item.before.data == item.after.data for item in mine
        ):
            continue
        objects, told = backend.part(old, new, offline=mine, method=method, tell=tell)
        answers |= {_key(item): answer for item, answer in zip(mine, objects, strict=True)}
        assumptions |= dict.fromkeys(told)
    objects = tuple(answers.get(_key(item), item) for item in plan.objects)
    said = (*assumptions, *_kept(plan))
    return replace(plan, objects=objects, assumptions=said, backend=f"{backend.name}, {server}")


def _key(item: PlannedObject) -> tuple[int, int]:
    return id(item.before), id(item.after)


def _kept(plan: Plan) -> tuple[str, ...]:
    """The offline plan's assumptions that hold for a server's plan, too: the state, what prunes, what is ignored."""
    return tuple(one for one in plan.assumptions if "admission webhook" not in one and "allocated already" not in one)


def choose_backend(  # noqa: PLR0913 - what the settings and the command line say
    cluster: str, version: str | None, newest: str, user: str, groups: Sequence[str],
    *, definitions: Iterable[Resource] = (), image: str | None = None, keep: bool = False,
) -> Backend:  # fmt: skip
    """The backend that `--cluster` or the settings ask for.

    Args:
        cluster: `offline`, `control-plane` or `kind`.
        version: The Kubernetes version asked for; None for any.
        newest: The one that the offline engine takes where none is asked for.
        user: Who the agent is.
        groups: The agent's groups.
        definitions: CustomResourceDefinitions that the cluster has, of kinds that the repository does not define.
        image: The node image of kind; None for kind's own.
        keep: Does kind's cluster stay?

    Raises:
        ToolError: It is not there.
        UsageError: It is not available.
    """
    if cluster == OFFLINE:
        return Offline(version or newest, definitions)
    if cluster == CONTROL_PLANE:
        return ControlPlaneBackend(version, user, groups, definitions)
    if cluster == KIND:
        from gitgate.reconcile.server.kind_backend import KindBackend  # noqa: PLC0415 - only where it is asked for

        return KindBackend(version, user, groups, image=image, keep=keep, definitions=definitions)
    raise UsageError(f"there is no backend {cluster!r}")


def context_of(cluster: str) -> str | None:
    """The context of a kubeconfig that `--cluster` names; None where it names no context."""
    if cluster.startswith(CONTEXT):
        return cluster.removeprefix(CONTEXT)
    return cluster if cluster not in (OFFLINE, CONTROL_PLANE, KIND) else None
