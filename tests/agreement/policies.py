"""The shipped policies on a real API server: they are applied unchanged, and must deny what the offline engine denies.

Kubernetes' own Pod Security admission, asked for through labels of namespaces, is a second judge of the Pod Security
sets: it knows nothing of the policies. `report` prints how many requests were asked, and each disagreement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gitgate import bundled
from gitgate.policy.files import bundled_names, read_bundled
from gitgate.policy_shelf import current_sets
from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.policy_judges import PolicyServer, Verdict, offline
from tests.agreement.policy_questions import NAMESPACES, Question, alone, examples, pods, resource, wrapped

_PINNED = re.compile(r"(pod-security-(baseline|restricted))(?:-v1\.(\d+))?\Z")
_FOREIGN = {
    "argoproj.io/v1alpha1": {"Application": "applications", "AppProject": "appprojects"},
    "source.toolkit.fluxcd.io/v1": {"GitRepository": "gitrepositories", "OCIRepository": "ocirepositories"},
}


class Agreement:
    """Counts what was asked, and keeps what the judges see differently."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.denied: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.wrong: list[str] = []

    def compare(self, judge: str, server: Mapping[str, Verdict], said: Mapping[str, Verdict], *, names: bool) -> None:
        """Compare two judges.

        Args:
            judge: What the server judges by.
            server: What it says.
            said: What gitgate says.
            names: Are the policies and their words compared, too?
        """
        for key, was in server.items():
            self.asked[judge] = self.asked.get(judge, 0) + 1
            self.denied[judge] = self.denied.get(judge, 0) + (was.denied or bool(was.said))
            if was.refused:
                self.refused[was.refused] = self.refused.get(was.refused, 0) + 1
                continue
            told = said[key]
            if was.denied != told.denied or (names and was.said != told.said):
                self.wrong.append(f"{judge}: {key}\n      server:  {_spell(was)}\n      gitgate: {_spell(told)}")


def _spell(verdict: Verdict) -> str:
    said = "; ".join(f"{name}: {message}" for name, message in sorted(verdict.said))
    return f"{'denied' if verdict.denied else 'accepted'}{' by ' if said else ''}{said}"


def judge_policies(
    plane: ControlPlane, corpora: Path | None, names: Iterable[str] | None = None, every: int = 1
) -> Agreement:
    """Ask an API server and the offline engine about everything.

    Args:
        plane: The server; objects stay behind in it.
        corpora: A folder with pods.
        names: The sets of policies; all that there are otherwise.
        every: Ask about each n-th pod only.
    """
    server = PolicyServer(plane)
    agreement = Agreement()
    chosen = pods(corpora)[::every]
    by_example = {name: list(examples(name)) for name in current_sets()}
    definitions = list(_definitions())
    for namespace in NAMESPACES:
        server.make_namespace(namespace)
    server.serve(definitions)
    server.store(one.old for asked in by_example.values() for one in asked if one.old is not None)
    try:
        for name in bundled_names() if names is None else names:
            newest = name in by_example
            questions = [*by_example.get(name, ()), *alone(chosen)]
            if newest:
                questions += wrapped(chosen)
            said = _ask(server, agreement, name, questions, definitions)
            if _PINNED.match(name):
                _second_opinion(server, agreement, name, [one for one in questions if one.old is None], said)
    finally:
        server.close()
    return agreement


def _ask(
    server: PolicyServer, agreement: Agreement, name: str, questions: list[Question], definitions: list[dict[str, Any]]
) -> dict[str, Verdict]:
    policies = read_bundled(name)
    crds = [one for one in map(resource, definitions) if one is not None]
    said = offline(policies, questions, server.plane.binaries.minor, crds)
    server.install(policies)
    agreement.compare(name, server.judge(questions), said, names=True)
    server.remove(policies)
    return said


def _second_opinion(
    server: PolicyServer, agreement: Agreement, name: str, questions: list[Question], said: Mapping[str, Verdict]
) -> None:
    """Kubernetes' own admission: of the first and the last version that a set stands for."""
    for version in _versions(name, server.plane.binaries.version[1]):
        level = _PINNED.match(name)[2]  # type: ignore[index]
        namespace = f"{level}-{version.replace('.', '-')}"
        server.make_namespace(namespace, {
            f"pod-security.kubernetes.io/{mode}{suffix}": value
            for mode in ("enforce", "warn") for suffix, value in (("", level), ("-version", version))
        })  # fmt: skip
        answers = server.judge(questions, namespace)
        # Workloads are only warned about.
        found = {key: Verdict(one.denied or bool(one.said), one.said, one.refused) for key, one in answers.items()}
        agreement.compare(f"PodSecurity {level} {version}", found, said, names=False)


def _versions(name: str, newest: int) -> Iterator[str]:
    """The versions of the standard that a set stands for and that the server knows, the oldest and the newest."""
    matched = _PINNED.match(name)
    assert matched is not None
    base = matched[1]
    if matched[3] is None:
        # The standard's last change must have reached the server.
        if all(int(one.rpartition(".")[2]) <= newest for one in bundled_names() if one.startswith(f"{base}-v1.")):
            yield "latest"
        return
    known = [n for n in range(newest + 1) if bundled.policy_set(f"{base}-v1.{n}") == bundled.policy_set(name)]
    yield from dict.fromkeys(f"v1.{number}" for number in (*known[:1], *known[-1:]))


def _definitions() -> Iterator[dict[str, Any]]:
    """Kinds of Flux and of Argo CD that take any field."""
    for api_version, kinds in _FOREIGN.items():
        group, _, version = api_version.partition("/")
        for kind, plural in kinds.items():
            schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
            yield {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{group}"},
                "spec": {
                    "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                    "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
                },
            }  # fmt: skip


def report(version: str, agreement: Agreement) -> bool:
    """Print it.

    Returns:
        Do the judges agree on everything?
    """
    for text in agreement.wrong:
        print(f"  {text}")
    asked, refused = sum(agreement.asked.values()), sum(agreement.refused.values())
    print(f"Policies on Kubernetes {version}: {asked} requests by {len(agreement.asked)} judges")
    for judge, count in agreement.asked.items():
        wrong = sum(1 for text in agreement.wrong if text.startswith(f"{judge}: "))
        print(f"  {judge:38}{count:>7} asked{agreement.denied[judge]:>7} objected to{wrong:>5} wrong")
    print(f"  refused before policies are asked     {refused:>7}")
    for message, count in sorted(agreement.refused.items(), key=lambda pair: -pair[1])[:10]:
        print(f"      {count:>6}  {message[:200]}")
    print(f"  agreed                                {asked - refused - len(agreement.wrong)} of {asked - refused}")
    return not agreement.wrong and asked > refused
