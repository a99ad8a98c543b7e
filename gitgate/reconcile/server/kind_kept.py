"""`KeptCluster`: a cluster of kind that stays after a plan (`--keep`), and that the next plan begins with.

What a plan is about to apply is written down on this machine before it is applied. The next plan deletes that first.
Where it cannot tell what the cluster has (there is no such record, another image, an object that was changed and not
made, something that does not go) it makes the cluster anew: a plan must not begin with what another one left.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from gitgate.errors import ToolError
from gitgate.process import Servers
from gitgate.reconcile.kinds import Kinds
from gitgate.reconcile.plan import PlannedObject
from gitgate.reconcile.server.applier import Applier, object_name
from gitgate.reconcile.server.binaries import cache_directory
from gitgate.reconcile.server.client import Client
from gitgate.reconcile.server.discovery import DEFAULT_NAMESPACE, Discovery
from gitgate.reconcile.server.kind_command import Kind
from gitgate.reconcile.server.kubeconfig import connect, read_kubeconfig
from gitgate.reconcile.server.readiness import Readiness
from gitgate.resource import Origin, Resource, ResourceId, split_api_version

Tell = Callable[[str], None]
_Name = tuple[str, str, str, str]
"""API version, kind, namespace and name."""
_LONGEST = 40
"""Characters of a cluster's name: kind makes names of hosts of it."""


class KeptCluster:
    """The kept cluster of one Kubernetes version, for one plan at a time.

    Args:
        kind: The command.
        version: Kubernetes version.
        image: Of its node.
        cluster: Which of the repository's clusters it is for.

    Raises:
        ToolError: Another plan uses it; from `open`: it cannot be made.
    """

    def __init__(self, kind: Kind, version: str, image: str, cluster: str) -> None:
        self._kind, self._version, self._image = kind, version, image
        self.name = re.sub("[^a-z0-9.-]+", "-", f"gitgate-{version}-{cluster}".lower())[:_LONGEST].strip("-.")
        self._record = cache_directory().parent / "kind" / f"{self.name}.json"
        self._record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self._record.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ToolError(
                f"another plan uses the kind cluster {self.name}", remedy="Wait for it, or plan without --keep."
            ) from error
        self._servers = Servers(environment=kind.environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()
        os.close(self._lock)

    def open(self, offline: Iterable[PlannedObject], definitions: Iterable[Resource] = (), *, tell: Tell) -> bytes:
        """Have the cluster there with nothing of an earlier plan in it, and give its kubeconfig.

        Args:
            offline: What is about to be applied.
            definitions: And what is installed before.
            tell: Told what is being done.
        """
        installed = ((one.id.api_version, one.id.kind, "", one.id.name) for one in definitions)
        names = tuple(dict.fromkeys((*installed, *_names(offline))))
        kubeconfig = self._reused(names, tell)
        if kubeconfig is None:
            self._record.unlink(missing_ok=True)
            self._kind.delete(self.name, self._servers.directory)
            kubeconfig = self._kind.create(self._servers, self.name, self._image, tell=tell)
            self._servers.at_end(None)  # from here on it stays
        client = connect(read_kubeconfig(kubeconfig))
        try:
            self._write(names, own=not _there(client, names))
        finally:
            client.close()
        return kubeconfig

    def _reused(self, names: tuple[_Name, ...], tell: Tell) -> bytes | None:
        """The kubeconfig of the cluster that is there, once it is as new; None where it has to be made anew."""
        earlier = self._read()
        if earlier is None or self.name not in self._kind.clusters(self._servers.directory):
            return None
        tell("clearing the kind cluster")
        try:
            kubeconfig = self._kind.kubeconfig(self.name, self._servers.directory)
            client = connect(read_kubeconfig(kubeconfig))
            try:
                return kubeconfig if self._cleared(client, earlier) and not _there(client, (*earlier, *names)) else None
            finally:
                client.close()
        except ToolError:
            return None

    def _cleared(self, client: Client, names: tuple[_Name, ...]) -> bool:
        """Delete what an earlier plan applied: what judges others first, what holds others last."""
        discovery = Discovery(client)
        applier = Applier(client, discovery, Kinds(self._version, ()), controllers=True)
        policies = [name for name in names if _order(name) == 0]
        for name in sorted(names, key=_order):
            resource = _resource(name)
            if policies and _order(name) > 0:
                Readiness(client, discovery, controllers=True).policies(mutating=True)  # they are out of force as well
                policies = []
            if applier.served(resource) is not None and applier.delete(resource):
                return False
        return True

    def _read(self) -> tuple[_Name, ...] | None:
        """What the last plan applied; None where that is not known, or it changed what the cluster has of itself."""
        try:
            document = json.loads(self._record.read_bytes())
            if document["image"] != self._image or document["own"] is not True:
                return None
            return tuple((str(a), str(b), str(c), str(d)) for a, b, c, d in document["objects"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _write(self, names: tuple[_Name, ...], *, own: bool) -> None:
        document = {"image": self._image, "own": own, "objects": [list(name) for name in names]}
        unfinished = self._record.with_suffix(".new")
        unfinished.write_text(json.dumps(document), "utf-8")
        unfinished.replace(self._record)


def _names(offline: Iterable[PlannedObject]) -> Iterator[_Name]:
    """Everything that a plan may apply, and the namespaces that it needs."""
    for item in offline:
        for one in (item.before, item.after):
            if one is None:
                continue
            yield one.id.api_version, one.id.kind, one.id.namespace, object_name(one)
            if one.id.namespace not in ("", DEFAULT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"):
                yield "v1", "Namespace", "", one.id.namespace


def _order(name: _Name) -> int:
    """Policies before what they judge, namespaces and definitions after what is in them."""
    api_version, kind, _, _ = name
    if api_version.startswith("admissionregistration.k8s.io/"):
        return 0
    return {"CustomResourceDefinition": 2, "Namespace": 3}.get(kind, 1)


def _there(client: Client, names: Iterable[_Name]) -> bool:
    """Does a cluster have any of these?"""
    discovery = Discovery(client)
    for name in names:
        resource = _resource(name)
        served = discovery.find(resource)
        if served is not None and client.get(served.object(resource.id.namespace, resource.id.name)).status != 404:
            return True
    return False


def _resource(name: _Name) -> Resource:
    api_version, kind, namespace, called = name
    group, version = split_api_version(api_version)
    return Resource(ResourceId(group, version, kind, namespace, called), {}, Origin(""))
