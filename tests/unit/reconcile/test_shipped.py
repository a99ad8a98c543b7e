"""Predictions from definitions that gitgate ships, for kinds that the repository does not define."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gitgate import bundled
from gitgate.proposal import Snapshot
from gitgate.reconcile.failure import Certainty
from gitgate.reconcile.kinds import Kinds, shipped_schemas
from gitgate.reconcile.plan import Action, Plan, PlannedObject, make_plan
from gitgate.reconcile.render import render_text
from gitgate.reconcile.undefined import NOT_KNOWN, NOT_VALIDATED
from gitgate.reconcile.way_back import way_back
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.support.cluster import VERSION, changed, thing

MONITOR = thing("monitoring.coreos.com/v1", "ServiceMonitor", spec={
    "selector": {"matchLabels": {"app": "web"}}, "endpoints": [{"port": "http", "interval": "30s"}],
})  # fmt: skip
RELEASE = thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", spec={
    "interval": "5m", "chart": {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "web"}}},
})  # fmt: skip


def held(*objects: dict[str, Any]) -> Snapshot:
    resources = []
    for data in objects:
        group, version = split_api_version(data["apiVersion"])
        name = ResourceId(group, version, data["kind"], "shop", data["metadata"]["name"])
        resources.append(Resource(name, data, Origin("a.yaml")))
    return Snapshot(resources=tuple(resources))


def plan(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], *definitions: dict[str, Any]) -> Plan:
    return make_plan(held(*before), held(*after), VERSION, definitions=held(*definitions).resources)


def planned(before: dict[str, Any] | None, after: dict[str, Any], *beside: dict[str, Any]) -> PlannedObject:
    made = plan([*([before] if before else []), *beside], [after, *beside])
    return next(item for item in made.objects if item.id.name == "web")


def named(data: dict[str, Any], name: str) -> dict[str, Any]:
    return changed(data, "metadata.name", name)


def definition(*, declares: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {declares: {"type": "string"}}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
        "spec": {"group": "monitoring.coreos.com", "names": {"kind": "ServiceMonitor", "plural": "servicemonitors"},
                 "scope": "Namespaced",
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]},
    }  # fmt: skip


TOLD = [
    (MONITOR, "spec.endpoints.0.path", "/metrics", Action.UPDATE, "prometheus-operator v"),
    (MONITOR, "spec.selector", None, Action.BLOCKED, "prometheus-operator v"),
    (MONITOR, "spec.endpoints.0.pathh", "/metrics", Action.BLOCKED, "prometheus-operator v"),
    (MONITOR, "spec.endpoints.0.scheme", "ftp", Action.BLOCKED, "prometheus-operator v"),
    (RELEASE, "spec.timeout", "3m", Action.UPDATE, "helm-controller v"),
    (RELEASE, "spec.chart.spec.version", "*", Action.UNCHANGED, ""),  # its default
    (RELEASE, "spec.interval", None, Action.BLOCKED, "helm-controller v"),
]


@pytest.mark.parametrize(("data", "path", "value", "action", "release"), TOLD)
def test_a_field_that_comes_or_goes_is_judged_by_the_shipped_definition(
    data: dict[str, Any], path: str, value: object, action: Action, release: str
) -> None:
    item = planned(data, changed(data, path, value))
    assert item.action is action
    assert item.definition.startswith(release)
    assert all(failure.certainty is Certainty.LIKELY for failure in item.failures)


def test_the_plan_says_what_it_assumes_and_how_sure_it_is() -> None:
    text = render_text(
        plan([MONITOR, RELEASE], [changed(MONITOR, "spec.selector"), changed(RELEASE, "spec.timeout", "3m")]), ()
    )
    assert "! ServiceMonitor shop/web  (likely cannot be applied, by the definition of prometheus-operator v" in text
    assert "the API server likely says: spec.selector: Required value" in text
    (line,) = [line for line in text.splitlines() if "does not define" in line]
    assert "helm-controller v" in line
    assert ", prometheus-operator v" in line


def test_nothing_is_assumed_of_what_stays() -> None:
    made = plan([MONITOR, named(RELEASE, "other")], [MONITOR, named(RELEASE, "other")])
    assert not any("does not define" in one for one in made.assumptions)


def test_metadata_that_every_server_refuses_stays_certain() -> None:
    (failure,) = planned(None, changed(MONITOR, "metadata.labels", {"a b": "c"})).failures
    assert failure.certainty is Certainty.CERTAIN


@pytest.mark.parametrize("before", [None, MONITOR])
def test_what_the_base_has_all_the_same_is_not_refused(before: dict[str, Any] | None) -> None:
    new = changed(MONITOR, "spec.brandNew", 1)
    assert planned(before, new).action is Action.BLOCKED
    item = planned(before, new, named(changed(MONITOR, "spec.brandNew", 2), "other"))
    expected = (Action.CREATE, NOT_VALIDATED) if before is None else (Action.UNKNOWN, NOT_KNOWN)
    assert (item.action, item.reason) == expected
    assert not item.definition


def test_an_object_whose_base_is_refused_for_the_same_is_updated_without_the_definition() -> None:
    old = changed(MONITOR, "spec.brandNew", 1)
    assert planned(old, changed(old, "spec.endpoints.0.port", "web")).action is Action.UPDATE


@pytest.mark.parametrize("given", ["repository", "settings"])
def test_a_definition_of_the_repository_or_the_settings_counts_alone(given: str) -> None:
    own = definition(declares="only")
    old, new = thing("monitoring.coreos.com/v1", "ServiceMonitor", spec={}), changed(MONITOR, "spec", {"only": "x"})
    made = plan([old, own], [new, own]) if given == "repository" else plan([old], [new], own)
    item = next(item for item in made.objects if item.id.kind == "ServiceMonitor")
    assert (item.action, item.definition) == (Action.UPDATE, "")
    made = plan([old], [MONITOR], own)
    assert made.objects[0].failures[0].certainty is Certainty.CERTAIN


def test_a_definition_of_the_repository_that_lacks_the_version_leaves_it_unknown() -> None:
    own = changed(definition(declares="only"), "spec.versions.0.name", "v2")
    made = plan([MONITOR, own], [changed(MONITOR, "spec.endpoints.0.path", "/x"), own])
    assert next(item for item in made.objects if item.id.kind == "ServiceMonitor").action is Action.UNKNOWN


def test_a_revert_brings_back_what_only_the_shipped_definition_refuses() -> None:
    odd = changed(MONITOR, "spec.brandNew", 1)
    assert way_back(plan([odd], []), plan([], [odd])).restores


def test_judges_do_not_take_shipped_definitions() -> None:
    (resource,) = held(MONITOR).resources
    assert Kinds(VERSION, ()).find(resource) is None
    assert Kinds(VERSION, (), predicts=True).find(resource) is not None


GROUPS = ("helm.toolkit.fluxcd.io", "argoproj.io", "cert-manager.io", "external-secrets.io",
          "gateway.networking.k8s.io", "grafana.integreatly.org", "monitoring.coreos.com", "keda.sh", "networking.istio.io",
          "security.istio.io", "telemetry.istio.io")  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_every_shipped_definition_is_sound_and_names_its_release(group: str) -> None:
    schemas = {key: value for key, value in shipped_schemas(group).items() if key[0].startswith(f"{group}/")}
    assert schemas
    for (_, kind), (release, structural) in schemas.items():
        assert " v" in release, kind
        assert structural["type"] == "object"


def test_what_is_shipped_stays_small() -> None:
    sizes = [path.stat().st_size for path in bundled.schema_files("operators-*.json.gz")]
    assert 0 < sum(sizes) < 100_000
    assert sum(path.stat().st_size for path in bundled.schema_files("*")) < 1_000_000
