"""Scenes of `admission.yaml`: what is in a cluster, requests, and what policies say of each; offline by the check itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from gitgate.checks.policy import PolicyCheck
from gitgate.proposal import Snapshot
from gitgate.reconcile.server.control_plane import ControlPlane
from gitgate.resource import Resource
from gitgate.settings import Settings
from tests.agreement.policies import Agreement
from tests.agreement.policy_judges import PolicyServer, Verdict
from tests.agreement.policy_questions import Question, resource

NAMESPACE = "scenes"
_ADMISSION = "admissionregistration.k8s.io/v1"
_SAID = re.compile(r"policy (\S+) (?:denies the \w+|(failed)|(cannot be judged)): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Scene:
    """One of them.

    Attributes:
        objects: Policies, bindings, and what they look at.
        said: By the key of a question: policies and what they say, `NAME: WORDS`.
    """

    name: str
    objects: tuple[Mapping[str, Any], ...]
    questions: tuple[Question, ...]
    said: Mapping[str, frozenset[str]]


def scenes() -> Iterator[Scene]:
    """Read the file."""
    for entry in yaml.safe_load(Path(__file__).with_name("admission.yaml").read_text("utf-8")):
        name = entry["scene"]
        objects = [
            made for one in entry["objects"] for made in (_expanded(one) if "policy" in one else (_placed(one),))
        ]
        questions = tuple(
            Question(f"{name} {number}", _placed(one.get("new")), _placed(one.get("old")))
            for number, one in enumerate(entry["requests"])
        )
        said = [frozenset(one["said"]) for one in entry["requests"]]
        yield Scene(name, tuple(objects), questions, dict(zip((one.key for one in questions), said, strict=True)))


def _placed(data: Mapping[str, Any] | None) -> Any:
    """An object in the namespace of all scenes, if it says none and has one."""
    if data is None or data["kind"] in ("ClusterRole", "CustomResourceDefinition", "Namespace"):
        return data
    return {**data, "metadata": {"namespace": NAMESPACE, **data["metadata"]}}


def _expanded(short: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A policy and its binding, of what a scene says about them."""
    rule: dict[str, Any] = {
        "apiGroups": short.get("groups", [""]), "apiVersions": short.get("versions", ["*"]),
        "operations": short.get("operations", ["CREATE", "UPDATE"]), "resources": short["resources"],
    }  # fmt: skip
    rule |= {key: short[name] for key, name in (("resourceNames", "names"), ("scope", "scope")) if name in short}
    match: dict[str, Any] = {"resourceRules": [rule]}
    match |= {key: short[key] for key in ("matchPolicy", "namespaceSelector", "objectSelector") if key in short}
    if "exclude" in short:
        match["excludeResourceRules"] = short["exclude"]
    spec: dict[str, Any] = {
        "failurePolicy": short.get("failurePolicy", "Fail"), "matchConstraints": match,
        "validations": [
            {"expression": one, "message": str(number)} if isinstance(one, str) else one
            for number, one in enumerate(short["validations"])
        ],
        "variables": [{"name": name, "expression": text} for name, text in short.get("variables", {}).items()],
        "matchConditions": [
            {"name": f"c{number}", "expression": text} for number, text in enumerate(short.get("conditions", ()))
        ],
        "auditAnnotations": [
            {"key": key, "valueExpression": text} for key, text in short.get("annotations", {}).items()
        ],
    }  # fmt: skip
    bound: dict[str, Any] = {"policyName": short["policy"], "validationActions": ["Warn"]}
    if "paramKind" in short:
        spec["paramKind"] = short["paramKind"]
    if short.get("paramRef") is not None:
        bound["paramRef"] = short["paramRef"]
    if "bound" in short:
        bound["matchResources"] = short["bound"]
    for kind, content in (("ValidatingAdmissionPolicy", spec), ("ValidatingAdmissionPolicyBinding", bound)):
        yield {"apiVersion": _ADMISSION, "kind": kind, "metadata": {"name": short["policy"]}, "spec": content}


def said_offline(scene: Scene, question: Question) -> frozenset[str]:
    """What the policy check reports when a change asks the question, without what it says of pods of workloads."""
    around = tuple(_resource(data) for data in (*scene.objects, _NAMESPACE))
    old, new = (() if data is None else (_resource(data),) for data in (question.old, question.new))
    before, after = (Snapshot((*around, *own)) for own in (old, new))
    proposal: Any = SimpleNamespace(
        before=before, after=after, rulebook={}, proposed_rulebook={}, change=SimpleNamespace(base="base")
    )
    found = PolicyCheck().examine(proposal, Settings()).findings
    identity = _resource(question.data).id
    return frozenset(_told(finding.message) for finding in found if finding.resource == identity
                     and finding.rule != "policy/audit-annotation"
                     and finding.severity.value != "note" and finding.stable_field == "object")  # fmt: skip


_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _resource(data: Mapping[str, Any]) -> Resource:
    made = resource(data)
    assert made is not None
    return made


def _told(message: str) -> str:
    matched = _SAID.match(message)
    assert matched is not None, message
    return f"{matched[1]}: {'error' if matched[2] else 'params' if matched[3] else matched[4]}"


def said_by(server: PolicyServer, chosen: Iterable[Scene]) -> dict[str, Verdict]:
    """What an API server says of every question; all scenes are played at once, and stay."""
    chosen = tuple(chosen)
    server.make_namespace(NAMESPACE)
    everything = [data for scene in chosen for data in scene.objects]
    for data in everything:
        if data["kind"] == "Namespace":
            server.store([data])
    server.serve(data for data in everything if data["kind"] == "CustomResourceDefinition")
    kept = [data for data in everything if data["kind"] != "CustomResourceDefinition"]
    server.store([data for data in kept if data["apiVersion"] != _ADMISSION])
    server.store(one.old for scene in chosen for one in scene.questions if one.old is not None)
    server.enforce(data for data in kept if data["apiVersion"] == _ADMISSION)
    return server.judge((one for scene in chosen for one in scene.questions), pods=False)


def play(plane: ControlPlane) -> Agreement:
    """Play all scenes in a server; objects and policies stay behind."""
    server = PolicyServer(plane)
    try:
        return judge_scenes(server)
    finally:
        server.close()


def judge_scenes(server: PolicyServer) -> Agreement:
    """Compare what a server says with the file, and the file with the check."""
    chosen = list(scenes())
    agreement = Agreement()
    answers = said_by(server, chosen)
    for scene in chosen:
        found = {one.key: _of(scene, answers[one.key]) for one in scene.questions}
        for judge, said in (
            ("scenes, as recorded", scene.said),
            ("scenes, offline", {one.key: said_offline(scene, one) for one in scene.questions}),
        ):
            told = {key: Verdict(said=frozenset(_pair(text) for text in texts)) for key, texts in said.items()}
            agreement.compare(judge, found, told, names=True)
    return agreement


def _of(scene: Scene, verdict: Verdict) -> Verdict:
    """What the policies of a scene say; a denial here is of missing params, as every binding warns."""
    own = frozenset((name, words) for name, words in verdict.said if name.startswith(f"{scene.name}-"))
    return Verdict(said=own, refused=verdict.refused)


def _pair(text: str) -> tuple[str, str]:
    name, _, words = text.partition(": ")
    return name, words
