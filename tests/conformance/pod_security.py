"""Score the shipped Pod Security Standards against the fixtures of the standards' own admission plug-in.

Each pod is judged at every version that the corpus gives, alone and inside each kind of workload: the verdict must be
the expected one, the same everywhere, and the control that is named must be the expected one. Run alone:
`python -m tests.conformance.pod_security CORPORA`.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gitgate import bundled
from gitgate.policy.cel import Engine
from gitgate.policy.definition import read_bindings, read_policies
from gitgate.policy.evaluation import Bound, Surroundings, evaluate
from gitgate.policy.files import read_bundled
from gitgate.policy.requests import Kinds, plan_requests
from gitgate.policy.workloads import TEMPLATES
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.schema.scope import is_cluster_scoped
from tests.conformance.score import Score, report

CORPUS = "pod-security.jsonl"
VERSIONS = {"": "v1", "apps": "v1", "batch": "v1"}


def score(corpora: Path) -> Score:
    """Judge every pod."""
    cases = [json.loads(line) for line in (corpora / CORPUS).read_text(encoding="utf-8").splitlines()]
    by_set: dict[str, list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        for version in case["versions"]:
            by_set[bundled.policy_set(f"pod-security-{case['profile']}-{version}").stem].append(number)
    wrong: dict[int, str] = {}
    with Engine() as engine:
        for name, numbers in by_set.items():
            chosen = sorted(set(numbers))
            for number, found in zip(chosen, _judge(engine, name, [cases[index] for index in chosen]), strict=True):
                complaint = _complaint(cases[number], found)
                if complaint:
                    wrong.setdefault(number, f"pod {number} at {name}: {complaint}")
    return Score("pod-security", len(cases) - len(wrong), len(cases), tuple(wrong.values()))


def _judge(engine: Engine, name: str, cases: list[dict[str, Any]]) -> list[dict[str, set[str]]]:
    """For each pod the controls that deny it, by the kind that it stands in."""
    resources = read_bundled(name)
    policies = {policy.name: policy for policy in read_policies(resources)}
    bounds = []
    for binding in read_bindings(resources):
        program = engine.compile(policies[binding.policy].source)
        assert program.runnable, program.problems
        bounds.append(Bound(policies[binding.policy], binding, program))
    objects = [resource for number, case in enumerate(cases) for resource in _forms(case, number)]
    found: list[dict[str, set[str]]] = [defaultdict(set) for _ in cases]
    for resource in objects:
        found[resource.origin.document][resource.id.kind] |= set()
    requests = plan_requests((), objects, Kinds(is_cluster_scoped, ())).proposed
    for answer in evaluate(engine, bounds, requests, Surroundings({}, ())):
        control = answer.policy.resource.data["metadata"]["annotations"]["gitgate.dev/control"]
        found[answer.request.resource.origin.document][answer.request.resource.id.kind].add(
            control if answer.code == "denied" else f"{control}: {answer.message}"
        )
    return found


def _forms(case: dict[str, Any], number: int) -> Iterator[Resource]:
    """The pod, and a workload of each kind that would make it."""
    pod = yaml.safe_load(case["yaml"])
    yield _resource("", "Pod", pod, number)
    for (group, kind), path in TEMPLATES.items():
        value: Any = {"metadata": pod["metadata"], "spec": pod["spec"]}
        for step in reversed(path):
            value = {step: value}
        version = VERSIONS[group]
        data = {"apiVersion": f"{group}/{version}".lstrip("/"), "kind": kind, "metadata": {"name": "w"}, **value}
        yield _resource(group, kind, data, number)


def _resource(group: str, kind: str, data: dict[str, Any], number: int) -> Resource:
    name = f"{data['metadata'].get('name', 'pod')}-{number}"
    return Resource(ResourceId(group, "v1", kind, "", name), data, Origin("corpus", number))


def _complaint(case: dict[str, Any], found: dict[str, set[str]]) -> str | None:
    verdicts = {frozenset(controls) for controls in found.values()}
    if len(verdicts) != 1:
        return f"not the same in every kind: {dict(found)}"
    (controls,) = verdicts
    if (case["expected"] == "pass") != (not controls):
        return f"{case['expected']} expected, denied by {sorted(controls) or 'nothing'}"
    # Where restricted demands more of the same field, that form of the control speaks.
    if controls and _family(case["check"]) not in {_family(control) for control in controls}:
        return f"{case['check']} expected, denied by {sorted(controls)}"
    return None


def _family(control: str) -> str:
    return control.lower().removesuffix("_baseline").removesuffix("_restricted")


def main(arguments: list[str]) -> int:
    """Print the score."""
    return 1 if report(score(Path(arguments[0]))) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
