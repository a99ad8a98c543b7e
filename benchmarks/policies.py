"""Shipped policies over 20,000 objects, against parse and schema check of the same run: `-m benchmarks.policies`.

Seconds of CPU of gitgate and of its CEL worker together: compiling, completing objects, encoding, the way there
and back, evaluation.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corpus import build
from benchmarks.measure import best_of
from gitgate.checks.policy_objects import ServedObjects
from gitgate.policy.cel import Engine, Item, Source
from gitgate.policy.definition import Policy, read_bindings, read_policies
from gitgate.policy.evaluation import Bound, Request, Surroundings, evaluate
from gitgate.policy.files import bundled_names, read_bundled
from gitgate.policy.requests import Kinds, plan_requests
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from gitgate.schema.scope import is_cluster_scoped
from gitgate.yaml_document import read_yaml

VERSION = "1.33"
ROUNDS = 2
OBJECTS = 20_000
HEAVIEST = 20
SAMPLE = 500
TARGET_EXPRESSION = 10.0
TARGET_ALL = 4.0
_REQUEST = {"operation": "CREATE", "name": "", "namespace": "team-atlas", "dryRun": False}


def _cpu() -> float:
    """Seconds that this process and its ended children have computed."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _seconds(work: Callable[[Engine], None]) -> float:
    """What some work costs, the start and the end of the worker included."""
    start = _cpu()
    with Engine() as engine:
        work(engine)
    return _cpu() - start


def _resources(files: dict[str, bytes]) -> Iterator[Resource]:
    for path, data in files.items():
        for document in read_yaml(data).documents:
            value = document.value
            assert isinstance(value, dict)
            group, version = split_api_version(value["apiVersion"])
            metadata = value["metadata"]
            identity = ResourceId(group, version, value["kind"], metadata["namespace"], metadata["name"])
            yield Resource(identity, value, Origin(path, document.index, (), document.line))


def _policies() -> tuple[tuple[Policy, ...], tuple[Resource, ...]]:
    shipped = tuple(found for name in bundled_names() for found in read_bundled(name))
    return tuple(read_policies(shipped)), shipped


def _judge(engine: Engine, requests: Sequence[Request]) -> int:
    """Compile and ask every shipped policy; the number of answers."""
    policies, shipped = _policies()
    programs = {policy.name: (policy, engine.compile(policy.source)) for policy in policies}
    bounds = [Bound(programs[binding.policy][0], binding, programs[binding.policy][1]) for binding in
              read_bindings(shipped)]  # fmt: skip
    surroundings = Surroundings({}, (), served=ServedObjects(VERSION))
    answers = sum(1 for _ in evaluate(engine, bounds, requests, surroundings))
    if engine.restarts:
        raise RuntimeError("the worker died, so what was measured was not the work")
    return answers


def _expressions() -> dict[str, Source]:
    """Every different validation of a shipped policy for pods, with the variables that it needs."""
    found: dict[str, Source] = {}
    for policy in _policies()[0]:
        if any(name == "pods" for rule in policy.match.rules for name, _ in rule.resources):
            for number, validation in enumerate(policy.validations):
                source = Source(
                    names=policy.source.names, variables=policy.variables, validations=((validation.expression, None),)
                )
                if source not in found.values():
                    found[f"{policy.name} {number}"] = source
    return found


def _evaluate(engine: Engine, sources: Sequence[Source], pods: Sequence[Any]) -> None:
    numbers = [engine.compile(source).number for source in sources]
    items = (Item({"object": pod, "oldObject": None, "request": _REQUEST}, numbers) for pod in pods)
    for outcomes in engine.evaluate(items):
        if any(outcome.limit is not None or outcome.errors for outcome in outcomes):
            raise RuntimeError(f"not what was to be measured: {outcomes}")


def _heaviest(pods: Sequence[Any]) -> list[tuple[float, str, Source]]:
    """The expressions that take longest on some pods, each compiled before the clock starts."""
    costs = []
    for name, source in _expressions().items():
        with Engine() as engine:
            engine.compile(source)
            rounds = []
            for _ in range(3):
                start = time.perf_counter()
                _evaluate(engine, [source], pods)
                rounds.append(time.perf_counter() - start)
            costs.append((min(rounds), name, source))
    return sorted(costs, key=lambda cost: cost[0], reverse=True)[:HEAVIEST]


def measure() -> Iterator[tuple[str, float, float | None]]:
    """Name, value, and the most it may be where there is a target."""
    files = build()
    resources = tuple(_resources(files))
    requests = plan_requests((), resources, Kinds(is_cluster_scoped, ())).proposed
    deployments = [resource.data for resource in resources if resource.id.kind == "Deployment"]
    pods = [request.new for request in requests if request.field]
    yield "a Deployment, bytes of JSON", sum(len(json.dumps(one)) for one in deployments) / len(deployments), None
    chosen = [source for _, _, source in _heaviest(pods[:SAMPLE])]
    many = [pods[number % len(pods)] for number in range(OBJECTS)]
    taken = min(_seconds(lambda engine: _evaluate(engine, chosen, many)) for _ in range(ROUNDS))
    yield f"{HEAVIEST} heaviest, µs for each", taken / OBJECTS / len(chosen) * 1e6, TARGET_EXPRESSION
    answers = 0

    def judge(engine: Engine) -> None:
        nonlocal answers
        answers = _judge(engine, requests)

    policies = min(_seconds(judge) for _ in range(ROUNDS))
    yield "policies", len(_policies()[0]), None
    yield f"answers about {len(resources):,} objects", answers, None
    yield "all policies, CPU s", policies, None
    schema = _parse_and_schema(files)
    yield "parse and schema, CPU s", schema, None
    yield "policies / parse and schema", policies / schema, TARGET_ALL


def _parse_and_schema(files: dict[str, bytes]) -> float:
    with tempfile.TemporaryDirectory() as private:
        folder = Path(private)
        for name, data in files.items():
            (folder / "manifests" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "manifests" / name).write_bytes(data)
        command = [sys.executable, "-I", "-m", "gitgate", "validate", "manifests", "-k", VERSION]
        command += ["--allow-unknown-group", "*", "--output", "json"]
        return best_of(ROUNDS, command, cwd=folder).cpu


def main() -> bool:
    """Print the numbers; did all reach their targets?"""
    good = True
    for name, value, most in measure():
        verdict = "" if most is None else f"  (at most {most:g}: {'yes' if value <= most else 'NO'})"
        good = good and (most is None or value <= most)
        print(f"{name:32}{value:10.2f}{verdict}")
    return good


if __name__ == "__main__":
    sys.exit(not main())
