"""Two judges of the same requests: the offline engine, and an API server that has the policies as they are shipped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from gitgate.checks.policy_objects import ServedObjects
from gitgate.policy.cel import Engine
from gitgate.policy.definition import Action, read_bindings, read_policies
from gitgate.policy.evaluation import Bound, Code, Surroundings, User, evaluate
from gitgate.policy.requests import Kinds, requests_of
from gitgate.reconcile.server.client import THREADS, concurrently, tls_context
from gitgate.reconcile.server.control_plane import ControlPlane
from gitgate.reconcile.server.discovery import Discovery
from gitgate.reconcile.server.readiness import Readiness
from gitgate.resource import Resource
from gitgate.schema.scope import is_cluster_scoped
from tests.agreement.policy_questions import WORKLOADS, Question, pod_template, resource
from tests.agreement.server import Server

_DENIED = "denied request: "
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']+'(?: denied request)?: (.*)", re.DOTALL)
_QUOTED = re.compile(r'\A\d{3} \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Verdict:
    """What a judge says of a request.

    Attributes:
        denied: Is it denied?
        said: Policies that have something to say, with what they say.
        refused: Why the server does not come to ask policies; empty when it does.
    """

    denied: bool = False
    said: frozenset[tuple[str, str]] = frozenset()
    refused: str = ""

    def __or__(self, other: Verdict) -> Verdict:
        return Verdict(self.denied or other.denied, self.said | other.said, self.refused or other.refused)


def offline(
    policies: Iterable[Resource], questions: Iterable[Question], version: str, definitions: Iterable[Resource] = ()
) -> dict[str, Verdict]:
    """What gitgate says."""
    policies, definitions = tuple(policies), tuple(definitions)
    known = {policy.name: policy for policy in read_policies(policies)}
    verdicts: dict[str, Verdict] = {}
    with Engine() as engine:
        programs = {name: engine.compile(policy.source) for name, policy in known.items()}
        assert all(program.runnable for program in programs.values())
        bounds = [Bound(known[one.policy], one, programs[one.policy]) for one in read_bindings(policies)]
        kinds = Kinds(is_cluster_scoped, definitions)
        surroundings = Surroundings({}, (), User(), served=ServedObjects(version, definitions))
        requests, keys = [], []
        for question in questions:
            verdicts[question.key] = Verdict()
            for request in requests_of(resource(question.new), resource(question.old), kinds):
                requests.append(request)
                keys.append((id(request.resource), question.key))
        by_resource = dict(keys)
        for answer in evaluate(engine, bounds, requests, surroundings):
            assert answer.code in (Code.DENIED, Code.ERROR), answer
            key = by_resource[id(answer.request.resource)]
            said = frozenset({(answer.policy.name, answer.message if answer.code is Code.DENIED else "error")})
            verdicts[key] |= Verdict(answer.action is Action.DENY, said)
    return verdicts


@dataclass
class PolicyServer:
    """An API server that is asked with `dryRun`, about objects that it was given before.

    Attributes:
        plane: The server; it belongs to whoever made it.
    """

    plane: ControlPlane
    _places: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = Server(self.plane.client)
        self._readiness = Readiness(self.plane.client, Discovery(self.plane.client))
        self._http = httpx.Client(
            base_url=self.plane.address, verify=tls_context(self.plane.directory), trust_env=False, timeout=20,
            limits=httpx.Limits(max_connections=THREADS),
        )  # fmt: skip

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """A Namespace that objects can be in."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
        assert self._server.apply(body, "").accepted

    def serve(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        """Serve custom kinds."""
        made = [resource(data) for data in definitions]
        for one in made:
            assert one is not None
            answer = self._server.apply(one.data, "")
            assert answer.accepted, answer.message
        self._readiness.definitions(one for one in made if one is not None)

    def store(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Keep objects, before there are policies against them."""
        for data in objects:
            place = self._server.place(data, data["metadata"].get("namespace", "default"))
            answer = self._http.post(place, json=data)
            assert answer.status_code in (201, 409), (data, answer.text)

    def install(self, policies: Iterable[Resource]) -> None:
        """Policies and bindings as they are, and a second binding of each that warns: a denial names one policy only."""
        policies = tuple(policies)
        self.enforce((*(one.data for one in policies), *_warning(policies)))

    def enforce(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Policies and bindings as they are, from the moment when this returns."""
        for data in objects:
            answer = self._server.apply(data, "")
            assert answer.accepted, (data["metadata"]["name"], answer.message)
        self._readiness.policies(mutating=False)

    def remove(self, policies: Iterable[Resource]) -> None:
        """Take back what `install` did; it is over when the last policy no longer says anything."""
        policies = tuple(policies)
        for data in (*_warning(policies), *(one.data for one in policies)):
            self._server.delete(data, "")
        self._readiness.policies(mutating=False)

    def judge(
        self, questions: Iterable[Question], namespace: str | None = None, *, pods: bool = True
    ) -> dict[str, Verdict]:
        """What the server says of each.

        Args:
            questions: What to ask.
            namespace: Where to ask; each question's own where there is none.
            pods: Also ask about the pods of workloads?
        """
        asked = list(questions)
        for question in asked:
            self._server.place(question.data, "")  # known before threads ask for it
        self._server.place({"apiVersion": "v1", "kind": "Pod"}, "")
        found = concurrently(lambda question: self._ask(question, namespace or question.namespace, pods), asked)
        return dict(zip((question.key for question in asked), found, strict=True))

    def _ask(self, question: Question, namespace: str, with_pods: bool) -> Verdict:  # noqa: FBT001 - handed on
        place = self._server.place(question.data, namespace)
        path = f"{place}/{question.data['metadata']['name']}"
        if question.new is None:
            return _verdict(self._send("DELETE", path, None))
        body = {**question.new, "metadata": {**question.new["metadata"]}}
        if body["metadata"].get("namespace"):
            body["metadata"]["namespace"] = namespace
        if question.old is not None:
            stored = self._http.get(path).json()
            body["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
            return _verdict(self._send("PUT", path, body))
        answer = self._send("POST", place, body)
        verdict = _verdict(answer)
        if verdict.refused or verdict.denied or not with_pods or question.kind not in WORKLOADS:
            return verdict
        pods = self._server.place({"apiVersion": "v1", "kind": "Pod"}, namespace)
        return verdict | _verdict(self._send("POST", pods, _made_by(answer.json())))

    def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        return self._http.request(method, path, json=body, params={"dryRun": "All"})

    def warnings(self, method: str, path: str, body: Any) -> list[str]:
        """What a request that is only asked for is warned about by the policies of bindings, in their words."""
        answer = self._send(method, path, body)
        assert answer.status_code < 300, answer.text
        return [matched[2] for matched in map(_POLICY.search, _texts(answer)) if matched]

    def close(self) -> None:
        """Close the connections; the server goes on."""
        self._http.close()


def _verdict(answer: httpx.Response) -> Verdict:
    said = frozenset(_warnings(answer))
    message = "" if answer.status_code < 300 else str(answer.json().get("message"))
    if not message:
        return Verdict(said=said)
    if "violates PodSecurity" in message:
        return Verdict(denied=True, said=frozenset({("PodSecurity", message.partition("violates PodSecurity ")[2])}))
    matched = _POLICY.search(message)
    if matched is None or _DENIED not in message:
        return Verdict(refused=message)
    return Verdict(True, said | {_named(matched)})


def _named(matched: re.Match[str]) -> tuple[str, str]:
    if matched[2].startswith(("failed to configure", "no params found")):
        return matched[1], "params"
    return matched[1], "error" if " resulted in error: " in matched[2] else " ".join(matched[2].split())


def _texts(answer: httpx.Response) -> Iterator[str]:
    for header in answer.headers.get_list("warning"):
        quoted = _QUOTED.match(header)
        yield re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header


def _warnings(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    for text in _texts(answer):
        matched = _POLICY.search(text)
        if matched:
            yield _named(matched)
        elif "would violate PodSecurity" in text:
            yield "PodSecurity", text.partition("would violate PodSecurity ")[2]


def _warning(policies: Iterable[Resource]) -> Iterator[dict[str, Any]]:
    for policy in read_policies(policies):
        yield {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": f"also-{policy.name}"},
            "spec": {"policyName": policy.name, "validationActions": ["Warn"]},
        }  # fmt: skip


def _made_by(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The pod that a controller would make of a workload as the server has it: its template, owned by it.

    Source: kubernetes/pkg/controller/controller_utils.go, `GetPodFromTemplate`.
    """
    template = pod_template(workload)
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value is not None}
    owner = {
        "apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": workload["metadata"]["name"],
        "uid": workload["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    name = f"{workload['metadata']['name']}-"
    metadata |= {"generateName": name, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
