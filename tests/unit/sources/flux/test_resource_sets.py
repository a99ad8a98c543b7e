"""What ResourceSets of the Flux operator apply."""

from __future__ import annotations

import pytest

from gitgate.proposal import Snapshot
from tests.support.rendering import render
from tests.unit.sources.flux.test_flux import bootstrap, found

SET = """\
apiVersion: fluxcd.controlplane.io/v1
kind: ResourceSet
metadata: {name: teams, namespace: flux-system}
spec:
"""
RESOURCES = """\
  resources:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: << inputs.name >>, namespace: web}
    data: {size: "<< inputs.size >>"}
"""
INPUTS = "  inputs:\n  - {name: a, size: small}\n  - {name: b, size: large}\n"


def rendered(spec: str) -> Snapshot:
    return render({**bootstrap("one"), "clusters/one/set.yaml": SET + spec})


def test_objects_are_made_for_every_set_of_inputs() -> None:
    snapshot = rendered(INPUTS + RESOURCES)
    assert [one.code for one in snapshot.problems] == []
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"size": "small"}
    second = found(snapshot, "ConfigMap", "b")
    assert second.data["data"] == {"size": "large"}
    assert (second.origin.owner, second.origin.line) == ("ResourceSet flux-system/teams", 9)


def test_objects_without_inputs_stand_as_they_are_also_in_steps() -> None:
    steps = "  steps:\n  - name: first\n" + RESOURCES.replace("<< inputs.name >>", "a").replace("\n", "\n  ").replace(
        "  resources", "    resources", 1
    ).replace("<< inputs.size >>", "small").rstrip(" ")
    assert found(rendered(steps), "ConfigMap", "a").data["data"] == {"size": "small"}


def test_kustomizations_that_it_makes_are_followed() -> None:
    spec = """\
  inputs: [{path: ./apps}]
  resources:
  - apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: apps, namespace: flux-system}
    spec:
      interval: 10m
      path: << inputs.path >>
      prune: true
      sourceRef: {kind: GitRepository, name: flux-system}
"""
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: web}\n"
    snapshot = render({**bootstrap("one"), "clusters/one/set.yaml": SET + spec, "apps/a.yaml": config})
    assert found(snapshot, "ConfigMap", "a").origin.owner == "Kustomization flux-system/apps"


def test_an_input_may_bring_more_than_its_text() -> None:
    injected = '  inputs: [{name: a, size: "x\\n  more: z"}]\n'
    assert found(rendered(injected + RESOURCES.replace('"<<', "<<").replace('>>"', ">>")), "ConfigMap", "a").data[
        "data"
    ] == {"size": "x", "more": "z"}


def test_what_is_disabled_is_not_applied() -> None:
    spec = RESOURCES.replace(
        "namespace: web", "namespace: web, annotations: {fluxcd.controlplane.io/reconcile: disabled}"
    )
    assert not [one for one in rendered(INPUTS + spec).resources if one.id.kind == "ConfigMap"]


@pytest.mark.parametrize(
    "spec",
    [
        "  inputsFrom: [{kind: ResourceSetInputProvider, name: x}]\n" + RESOURCES,
        "  resourcesTemplate: |\n    apiVersion: v1\n" + RESOURCES,
        INPUTS + RESOURCES.replace("inputs.size", "inputs.size | quote"),
        RESOURCES,
        "  inputs: [{name: a, size: [1]}]\n" + RESOURCES,
        "  inputs: [{name: 'a: [', size: b}]\n" + RESOURCES,
    ],
)
def test_what_is_not_worked_out_is_named(spec: str) -> None:
    assert [one.code for one in rendered(spec).problems] == ["agent-not-rendered"]


@pytest.mark.parametrize(
    "spec", ["  resources: 7\n", "  steps: [7, {resources: [[]]}]\n", "  inputs: x\n  resources: [x]\n"]
)
def test_nothing_in_it_ends_the_run(spec: str) -> None:
    assert any(one.id.kind == "ResourceSet" for one in rendered(spec).resources)
