"""`python -m benchmarks.cluster`: plans by a control plane on this machine, beside offline ones, and HTTP clients.

Needs etcd and kube-apiserver (`make control-plane`, or KUBEBUILDER_ASSETS); says so and ends well where there are none.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from gitgate.errors import GitgateError
from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.server.backend import ControlPlaneBackend, Offline
from gitgate.resource import Origin, Resource, ResourceId, split_api_version

_LIMITS = {"100 objects, 20 changed": 25.0, "1,000 objects applied": 40.0}
"""Seconds on two cores."""
_FASTER = 20


def main() -> bool:
    """Print what was measured; false where a limit is missed."""
    try:
        backend = ControlPlaneBackend(None, "system:serviceaccount:gitops:agent", ["system:authenticated"])
    except GitgateError as error:
        print(f"plans by a control plane: not measured: {error}")
        return True
    print(f"plans by a control plane, from cold (Kubernetes {backend.version})")
    good = True
    for name, count, changed in (("100 objects, 20 changed", 100, 20), ("1,000 objects applied", 1000, 0)):
        before, after = snapshot(count, 0), snapshot(count, changed or 1)
        offline = seconds(lambda before=before, after=after: plan(Offline(backend.version), before, after))  # type: ignore[misc]
        real = seconds(lambda before=before, after=after: plan(backend, before, after))  # type: ignore[misc]
        kept = real <= _LIMITS[name] and real >= _FASTER * offline
        good = good and kept
        print(
            f"  {name:26} {real:6.1f} s (limit {_LIMITS[name]:g} s)   offline {offline:6.3f} s, "
            f"{real / offline:,.0f} times faster (at least {_FASTER})   {'ok' if kept else 'MISSED'}"
        )
    return good


def plan(backend: Offline | ControlPlaneBackend, before: Snapshot, after: Snapshot) -> None:
    """Make a plan and see to it that nothing in it is refused."""
    made = backend.simulate(before, after, ApplyMethod.SERVER_SIDE, lambda _: None)
    assert not any(item.failures for item in made.objects)


def seconds(work: Callable[[], Any]) -> float:
    """Wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def snapshot(count: int, changed: int) -> Snapshot:
    """Namespaces of Deployments, Services, ConfigMaps and ServiceAccounts; the first ones changed."""
    found = [resource({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{n}"}}) for n in range(10)]
    rest = range(count - len(found))
    found += [resource(_object(number, "2" if number < changed else "1")) for number in rest]
    return Snapshot(resources=tuple(found))


def _object(number: int, mark: str) -> dict[str, Any]:
    name, namespace = f"app-{number}", f"team-{number % 10}"
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name, "mark": mark}}
    if number % 4 == 0:
        container = {"name": "app", "image": f"registry.example/app:{mark}", "ports": [{"containerPort": 8080}]}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    if number % 4 == 1:
        spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    if number % 4 == 2:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"mark": mark, "text": "x" * 500},
        }
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def resource(data: dict[str, Any]) -> Resource:
    """An object as if a file held it."""
    group, version = split_api_version(data["apiVersion"])
    metadata = data["metadata"]
    identity = ResourceId(group, version, data["kind"], metadata.get("namespace", ""), metadata["name"])
    return Resource(identity, data, Origin(f"apps/{metadata['name']}.yaml"))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
