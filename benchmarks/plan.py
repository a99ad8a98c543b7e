"""Plans of 500 changed and of 20,000 unchanged objects, after parsing: `python -m benchmarks.plan`.

Planning is one thread that waits for nothing, so it is measured in seconds of CPU, which other work on the machine
does not lengthen.
"""

from __future__ import annotations

import copy
import gc
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from gitgate.proposal import Snapshot
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import Action, make_plan
from gitgate.resource import Origin, Resource, ResourceId

VERSION = "1.33"
CHANGED = 500
UNCHANGED = 20_000
TARGET_CHANGED = 2.0
TARGET_UNCHANGED = 1.0
TARGET_MEMORY = 500.0


def _deployment(number: int, replicas: int) -> Resource:
    name = f"web-{number}"
    labels = {"app": name}
    container = {
        "name": "web", "image": f"registry.example/web:{replicas}", "ports": [{"containerPort": 8080}],
        "env": [{"name": f"KEY_{index}", "value": str(index)} for index in range(10)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }  # fmt: skip
    data: dict[str, Any] = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip
    identity = ResourceId("apps", "v1", "Deployment", "shop", name)
    return Resource(identity, data, Origin(f"apps/{number // 50}/{name}.yaml"))


def _copied(held: Snapshot) -> Snapshot:
    """The same objects as other values, as two renders give them."""
    return Snapshot(resources=tuple(Resource(one.id, copy.deepcopy(one.data), one.origin) for one in held.resources))


def _seconds(before: Snapshot, after: Snapshot, action: Action) -> float:
    start = time.process_time()
    plan = make_plan(before, after, VERSION)
    follow(plan, before, after)
    taken = time.process_time() - start
    if plan.counts[action] != len(after.resources):
        raise RuntimeError(f"not what was to be measured: {plan.counts}")
    return taken


def measure() -> Iterator[tuple[str, float, float]]:
    """Name, value, and the most it may be."""
    before = Snapshot(resources=tuple(_deployment(number, 1) for number in range(CHANGED)))
    after = Snapshot(resources=tuple(_deployment(number, 2) for number in range(CHANGED)))
    yield f"{CHANGED} changed objects, CPU s", _seconds(before, after, Action.UPDATE), TARGET_CHANGED
    many = Snapshot(resources=tuple(_deployment(number, 1) for number in range(UNCHANGED)))
    yield f"{UNCHANGED:,} unchanged objects, CPU s", _seconds(many, _copied(many), Action.UNCHANGED), TARGET_UNCHANGED
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield "peak of the whole run, MB", peak, TARGET_MEMORY


def main() -> bool:
    """Print the numbers; did all reach their targets?"""
    gc.disable()  # as `gitgate.__main__` does
    good = True
    for name, value, most in measure():
        good = good and value <= most
        print(f"{name:32}{value:10.2f}  (at most {most:g}: {'yes' if value <= most else 'NO'})")
    return good


if __name__ == "__main__":
    sys.exit(not main())
