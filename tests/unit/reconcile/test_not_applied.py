"""What no agent can apply: kinds without an endpoint, requests, and objects without a name."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.plan import Action, PlannedObject, make_plan
from gitgate.resource import Origin, Resource, ResourceId, Trace, split_api_version
from tests.support.cluster import VERSION, thing

JOB = thing("batch/v1", "Job", spec={
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}})  # fmt: skip
REQUESTS = [
    ("v1", "Binding", {"target": {"name": "node"}}),
    ("authentication.k8s.io/v1", "TokenReview", {"spec": {"token": "a"}}),
    ("authentication.k8s.io/v1", "SelfSubjectReview", {}),
    ("authorization.k8s.io/v1", "SubjectAccessReview", {"spec": {"user": "a"}}),
    ("authorization.k8s.io/v1", "LocalSubjectAccessReview", {"spec": {"user": "a"}}),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview", {"spec": {}}),
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview", {"spec": {}}),
]
KUSTOMIZATION = thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec={"path": "./jobs"})
RELEASE = thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", spec={"chart": {"spec": {"chart": "./jobs"}}})
APPLICATION = thing("argoproj.io/v1alpha1", "Application", spec={"source": {"path": "jobs"}})
HOOK = {"argocd.argoproj.io/hook": "PreSync"}


def nameless(annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {**JOB, "metadata": {"generateName": "run-", "namespace": "shop", "annotations": annotations or {}}}


def held(data: dict[str, Any], owner: str = "", trace: Trace | None = None) -> Resource:
    group, version = split_api_version(data["apiVersion"])
    name = data["metadata"].get("name") or data["metadata"]["generateName"] + "*"
    identity = ResourceId(group, version, data["kind"], "shop", name)
    path = "jobs/a.yaml" if data["kind"] == "Job" else "a.yaml"
    return Resource(identity, data, Origin(path, owner=owner, trace=trace))


def planned(
    data: dict[str, Any], by: dict[str, Any] | None = None, method: ApplyMethod = ApplyMethod.SERVER_SIDE,
    trace: Trace | None = None,
) -> PlannedObject:  # fmt: skip
    owner = held(by) if by is not None else None
    objects = [held(data, str(owner.id) if owner is not None else "", trace), *([owner] if owner is not None else [])]
    plan = make_plan(Snapshot(), Snapshot(resources=tuple(objects)), VERSION, method)
    (item,) = (one for one in plan.objects if one.id.kind == data["kind"])
    return item


def told(item: PlannedObject) -> list[str]:
    return [str(failure) for failure in item.failures] if item.action is Action.BLOCKED else []


@pytest.mark.parametrize("method", ApplyMethod)
@pytest.mark.parametrize(
    ("api_version", "kind", "fields"),
    [
        ("policy/v1", "Eviction", {}),
        ("autoscaling/v1", "Scale", {"spec": {"replicas": 1}}),
        ("authentication.k8s.io/v1", "TokenRequest", {"spec": {"audiences": ["a"]}}),
    ],
)
def test_a_part_of_another_object_has_no_endpoint_of_its_own(api_version, kind, fields, method) -> None:
    item = planned(thing(api_version, kind, **fields), method=method)
    assert told(item) == [f'kind: no matches for kind "{kind}" in version "{api_version}"']
    assert item.failures[0].remedy


@pytest.mark.parametrize("method", ApplyMethod)
@pytest.mark.parametrize(("api_version", "kind", "fields"), REQUESTS)
def test_a_request_is_created_and_never_applied(api_version, kind, fields, method) -> None:
    item = planned(thing(api_version, kind, **fields), method=method)
    refused = ["kind: the server does not allow this method on the requested resource"]
    assert told(item) == ([] if method is ApplyMethod.REPLACE else refused)


def test_what_is_only_read_can_neither_be_created_nor_applied() -> None:
    assert told(planned(thing("v1", "ComponentStatus"), method=ApplyMethod.REPLACE))


def test_a_custom_resource_of_the_same_kind_is_another_kind() -> None:
    assert told(planned(thing("example.io/v1", "Eviction"))) == []


@pytest.mark.parametrize("method", [ApplyMethod.SERVER_SIDE, ApplyMethod.CLIENT_SIDE, ApplyMethod.FLUX])
def test_an_object_without_a_name_cannot_be_applied(method: ApplyMethod) -> None:
    item = planned(nameless(), method=method)
    assert told(item) == ["metadata.generateName: cannot use generate name with apply"]
    assert "metadata.name" in item.failures[0].remedy


@pytest.mark.parametrize(
    ("what", "data", "owner", "applied"),
    [
        ("an Application applies it", nameless(), APPLICATION, False),
        ("an Application makes hooks anew", nameless(HOOK), APPLICATION, True),
        ("Argo CD takes Helm's hooks for its own", nameless({"helm.sh/hook": "pre-install"}), APPLICATION, True),
        ("a Kustomization knows no hooks", nameless(HOOK), KUSTOMIZATION, False),
        ("Helm creates what it installs", nameless(), RELEASE, True),
        ("a hook that nothing is known to apply", nameless(HOOK), None, True),
        ("what Argo CD skips", nameless({"argocd.argoproj.io/hook": "Skip"}), APPLICATION, True),
        ("what Argo CD replaces it creates", nameless({"argocd.argoproj.io/sync-options": "Replace=true"}), APPLICATION, True),
        ("a name beside it is a name", {**JOB, "metadata": {"name": "web", "generateName": "run-"}}, None, True),
    ],
)  # fmt: skip
def test_who_applies_it_decides_whether_an_object_needs_a_name(what, data, owner, applied) -> None:
    assert (told(planned(data, owner)) == []) is applied


def test_what_a_chart_makes_may_be_installed_by_helm() -> None:
    assert told(planned(nameless(), trace=Trace(chart=True))) == []


def test_one_that_is_there_already_is_told_when_it_changes_and_not_before() -> None:
    old, new = held(nameless()), held(nameless({"a": "b"}))
    (same,) = make_plan(Snapshot((old,)), Snapshot((old,)), VERSION).objects
    (changed,) = make_plan(Snapshot((old,)), Snapshot((new,)), VERSION).objects
    assert (same.action, changed.action) == (Action.UNCHANGED, Action.BLOCKED)
