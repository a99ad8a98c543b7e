from __future__ import annotations

from itertools import pairwise

import pytest

from gitgate.schema.catalog import SchemaCatalog, parse_version
from gitgate.schema.lifecycle import lifecycle_of, lifecycles

VERSIONS = SchemaCatalog.bundled_versions()
KINDS = {
    version: {
        (schema.group, schema.version, schema.kind)
        for schema in SchemaCatalog.bundled(version).kinds()
        if not schema.kind.endswith("List") and schema.kind not in ("DeleteOptions", "WatchEvent", "Status")
    }
    for version in VERSIONS
}


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(VERSIONS)))
def test_every_kind_that_disappears_is_said_to_be_removed_there(earlier, later):
    said = {name: life.removed for name in KINDS[earlier] - KINDS[later] if (life := lifecycle_of(*name))}
    assert said == dict.fromkeys(KINDS[earlier] - KINDS[later], later)


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(VERSIONS)))
def test_every_kind_that_appears_is_said_to_be_introduced_there(earlier, later):
    said = {name: life.introduced for name in KINDS[later] - KINDS[earlier] if (life := lifecycle_of(*name))}
    assert said == dict.fromkeys(KINDS[later] - KINDS[earlier], later)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_that_is_served_is_said_to_be_removed_or_yet_to_come(version):
    for name in KINDS[version]:
        life = lifecycle_of(*name)
        assert life is None or not life.is_removed_in(version), name
        assert life is None or not life.is_introduced_after(version), name


def test_a_replacement_that_is_an_api_version_serves_the_kind():
    newest = SchemaCatalog.bundled(SchemaCatalog.newest())
    for (_, _, kind), life in lifecycles().items():
        if life.replacement is None or " or " in life.replacement:
            continue
        api_version, _, other = life.replacement.partition(" ")
        group, _, version = api_version.rpartition("/")
        assert newest.find(group, version, other or kind) is not None, life


def test_every_life_runs_forward():
    for name, life in lifecycles().items():
        stages = [parse_version(stage) for stage in (life.introduced, life.deprecated, life.removed) if stage]
        assert stages == sorted(stages), name
        assert stages, name


@pytest.mark.parametrize(
    ("name", "deprecated", "removed", "replacement"),
    [
        (("autoscaling", "v2beta2", "HorizontalPodAutoscaler"), "1.23", "1.26", "autoscaling/v2"),
        (("extensions", "v1beta1", "Ingress"), "1.14", "1.22", "networking.k8s.io/v1"),
        (("apps", "v1beta2", "Deployment"), "1.9", "1.16", "apps/v1"),
        (("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition"), "1.16", "1.22", "apiextensions.k8s.io/v1"),
        (("batch", "v1beta1", "CronJob"), "1.21", "1.25", "batch/v1"),
        (("flowcontrol.apiserver.k8s.io", "v1beta3", "FlowSchema"), "1.29", "1.32", "flowcontrol.apiserver.k8s.io/v1"),
        (("", "v1", "Endpoints"), "1.33", None, "discovery.k8s.io/v1 EndpointSlice"),
        (("", "v1", "ComponentStatus"), "1.19", None, None),
    ],
)
def test_known_lives(name, deprecated, removed, replacement):
    life = lifecycle_of(*name)
    assert life is not None
    assert (life.deprecated, life.removed, life.replacement) == (deprecated, removed, replacement)
    assert lifecycle_of(name[0], name[1], name[2] + "List") == life


def test_pod_security_policies_have_a_way_on():
    life = lifecycle_of("policy", "v1beta1", "PodSecurityPolicy")
    assert life is not None
    assert "Pod Security Admission" in (life.replacement or "")


def test_stages():
    life = lifecycle_of("networking.k8s.io", "v1beta1", "ServiceCIDR")
    assert life is not None
    for version, stage in (
        ("1.30", "later"),
        ("1.31", "now"),
        ("1.34", "deprecated"),
        ("1.36", "deprecated"),
        ("1.37", "gone"),
    ):
        expected = (stage == "later", stage == "deprecated", stage == "gone")
        assert (
            life.is_introduced_after(version),
            life.is_deprecated_in(version),
            life.is_removed_in(version),
        ) == expected


@pytest.mark.parametrize("name", [("apps", "v1", "Deployment"), ("example.com", "v1", "Backup"), ("", "", "")])
def test_nothing_is_said_of_kinds_that_stay(name):
    assert lifecycle_of(*name) is None
