"""CEL expressions on a real API server: what it refuses in a policy, and what it makes of the others, beside the engine's.

Each expression is a policy of its own that is created for show; those that are taken judge an object in batches, in
which an answer tells true, false and an error apart. `expressions.tsv` keeps the answers of one version, so that they
hold without a server, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gitgate.policy.cel import Engine
from gitgate.policy.definition import read_bindings, read_policies
from gitgate.policy.evaluation import Bound, Code, Surroundings, evaluate
from gitgate.policy.requests import Kinds, requests_of
from gitgate.reconcile.server.client import concurrently
from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.policies import Agreement
from tests.agreement.policy_judges import PolicyServer, Verdict
from tests.agreement.policy_questions import resource
from tests.unit.policy.cel_cases import CASES, OBJECT

RECORDED = "1.37"
"""The version whose answers are kept."""
KNOWN: Mapping[str, str] = {
    # The engine has no such function, conversion or type: the policy cannot run here, and that blocks.
    "[optional.of(1), optional.none()].unwrapOpt() == [1]": "refused",
    "optional.unwrap([optional.of(1), optional.none()]) == [1]": "refused",
    "type(ip('::1')) == net.IP": "refused",
    "int(duration('1s')) == 1000000000": "error",
    "int(duration('1s')) == 1": "error",
    "bool('T')": "error",
    "{1.0: 'a'}.size() == 1": "error",
    "[dyn('a'), dyn(1)].max() == 1": "error",
    "request.userInfo.extra.size() >= 0": "error",
    "{'a': 1, 'a': 2}.size() == 1": "limit",
    # Kubernetes computes them when it compiles; here they fail when they run, which denies as well.
    "int(1e30) == 1": "error",
    "uint(-1) == 1u": "error",
    "string(null) == 'null'": "error",
    # What the engine knows of the items of a `map` is less than what Kubernetes knows.
    "[object.spec.numbers.map(n, n), [1]].size() == 2": "true",
    "[object.spec.items.map(n, n.name), ['x']].size() == 2": "true",
    "string(double('inf')) == '+Inf'": "false",
}
"""Where the engine is known to differ, and what it makes of it."""
_GROUP = "cel.example.com"
_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_BATCH = 10
_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": f"pods.{_GROUP}"},
    "spec": {
        "group": _GROUP, "scope": "Namespaced", "names": {"plural": "pods", "kind": "Pod"},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }],
    },
}  # fmt: skip
"""A kind that may hold anything."""
_WORDS = {Code.DENIED: "false", Code.ERROR: "error", Code.LIMIT: "limit"}
_NOT_HERE = re.compile(r"authorizer|annotations == null")
"""What needs a cluster to judge, and what no server keeps."""
_SAID = re.compile(r"number (\d+)\Z|expression '(.*)' resulted in error: ", re.DOTALL)


def recorded() -> dict[str, str]:
    """What the server of `RECORDED` made of expressions: `true`, `false`, `error` or `refused`."""
    lines = Path(__file__).with_name("expressions.tsv").read_text("utf-8").splitlines()
    return {text: word for word, text in (line.split("\t", 1) for line in lines)}


def judge_expressions(plane: ControlPlane) -> Agreement:
    """Ask a server and the engine about all expressions; things stay behind in the server."""
    kept = recorded()
    expressions = tuple(dict.fromkeys((*(text for text, _ in CASES if not _NOT_HERE.search(text)), *kept)))
    theirs = answers_of_server(plane, expressions)
    ours = answers_of_engine(expressions, plane.binaries.minor)
    agreement = Agreement()
    agreement.compare("expressions, offline", _verdicts(theirs), _verdicts({**ours, **_agreed(theirs)}), names=True)
    if plane.binaries.minor == RECORDED:
        theirs = {text: theirs[text] for text in kept}
        agreement.compare("expressions, as recorded", _verdicts(theirs), _verdicts(kept), names=True)
    return agreement


def _agreed(theirs: Mapping[str, str]) -> dict[str, str]:
    return {text: theirs[text] for text in KNOWN if text in theirs}


def answers_of_server(plane: ControlPlane, expressions: Sequence[str]) -> dict[str, str]:
    """What a server makes of expressions."""
    server = PolicyServer(plane)
    try:
        return dict(_of_server(server, expressions, _serve(server, OBJECT)))
    finally:
        server.close()


def _verdicts(words: Mapping[str, str]) -> dict[str, Verdict]:
    return {text: Verdict(said=frozenset({("", word)})) for text, word in words.items()}


def _serve(server: PolicyServer, data: Mapping[str, Any]) -> dict[str, Any]:
    """The object as the server has it."""
    server.make_namespace(data["metadata"]["namespace"])
    server.serve([_DEFINITION])
    kept = {**data, "apiVersion": f"{_GROUP}/v1"}
    server.store([kept])
    path = f"/apis/{_GROUP}/v1/namespaces/{data['metadata']['namespace']}/pods/{data['metadata']['name']}"
    return dict(server.plane.client.request("GET", path).body)


def _of_server(server: PolicyServer, expressions: Sequence[str], data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    requests = [_policy("asked", [text], data) for text in expressions]
    post, shown = server.plane.client.request, {"dryRun": "All"}
    answers = concurrently(lambda one: post("POST", _POLICIES, one, query=shown), requests)
    assert all(answer.status in (201, 422) for answer in answers)
    taken = [text for text, answer in zip(expressions, answers, strict=True) if answer.accepted]
    yield from ((text, "refused") for text in expressions if text not in taken)
    groups = {f"p{start}": taken[start : start + _BATCH] for start in range(0, len(taken), _BATCH)}
    server.enforce(one for name, texts in groups.items() for one in (_policy(name, texts, data), _binding(name)))
    path = f"/apis/{_GROUP}/v1/namespaces/{data['metadata']['namespace']}/pods"
    for name, texts in groups.items():
        body = {**data, "metadata": {**data["metadata"], "name": name}}
        for key in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
            body["metadata"].pop(key, None)
        found = dict.fromkeys(texts, "true")
        for words in server.warnings("POST", path, body):
            matched = _SAID.search(words)
            assert matched is not None, words
            number = int(matched[1]) if matched[1] else texts.index(matched[2])
            found[texts[number]] = "false" if matched[1] else "error"
        yield from found.items()


def _policy(name: str, texts: Sequence[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """A policy about one object, which has its name or that of the table's object."""
    rule = {"apiGroups": [_GROUP], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    rule["resourceNames"] = [name, data["metadata"]["name"]]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": text, "message": f"number {at}"} for at, text in enumerate(texts)],
        },
    }  # fmt: skip


def _binding(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Warn"]},
    }  # fmt: skip


def answers_of_engine(expressions: Iterable[str], version: str = RECORDED) -> dict[str, str]:
    """What the engine makes of expressions."""
    found: dict[str, str] = {}
    policies, bounds = {}, []
    with Engine() as engine:
        for number, text in enumerate(expressions):
            policies[str(number)] = text
            bound = _bound(engine, str(number), text, version)
            found[text] = "refused" if bound is None else "true"
            bounds += [] if bound is None else [bound]
        definition = resource(_DEFINITION)
        assert definition is not None
        kinds = Kinds(lambda *_: False, [definition])
        request = next(requests_of(resource({**OBJECT, "apiVersion": f"{_GROUP}/v1"}), None, kinds))
        for answer in evaluate(engine, bounds, [request], Surroundings({}, ())):
            found[policies[answer.policy.name]] = _WORDS[answer.code]
    return found


def _bound(engine: Engine, name: str, text: str, version: str) -> Bound | None:
    objects = [made for one in (_policy(name, [text], OBJECT), _binding(name)) if (made := resource(one)) is not None]
    (policy,), (binding,) = read_policies(objects), read_bindings(objects)
    program = engine.compile(policy.source)
    if program.problems or any(_number(version) < _number(one.version) for one in program.requirements):
        return None
    return Bound(policy, binding, program)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
