from __future__ import annotations

import time

import pytest

from gitgate.errors import UsageError
from gitgate.schema.catalog import SchemaCatalog
from tests.support.schema_objects import as_resource, crd, deployment


@pytest.mark.parametrize("spelling", ["1.33", "v1.33", "1.33.0", "v1.33.2", "v1.33.2-gke.100", "v1.33.1+k3s1"])
def test_a_version_is_found_however_it_is_spelled(spelling):
    assert SchemaCatalog.bundled(spelling).version == "1.33"


@pytest.mark.parametrize("spelling", ["1.24", "1.100", "2.1", "v1.999.1"])
def test_an_unknown_version_names_those_that_are_known(spelling):
    with pytest.raises(UsageError, match=r"no schemas of Kubernetes") as raised:
        SchemaCatalog.bundled(spelling)
    assert "1.25, 1.26" in (raised.value.remedy or "")


@pytest.mark.parametrize("text", ["", "latest", "1", "1.33.", "../1.33", "1.33\n", "one.two", "1.٣"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(UsageError, match="is not a Kubernetes version"):
        SchemaCatalog.bundled(text)


def test_the_newest_version_is_found_by_number_and_not_by_text():
    assert SchemaCatalog.newest() == "1.37"
    assert SchemaCatalog.bundled_versions()[0] == "1.25"


@pytest.mark.parametrize(
    ("group", "version", "kind", "known"),
    [
        ("apps", "v1", "Deployment", True),
        ("", "v1", "List", True),
        ("apps", "v1", "DeploymentList", True),
        ("policy", "v1", "PodDisruptionBudget", True),
        ("policy", "v1beta1", "PodDisruptionBudget", False),
        ("apps", "v1", "deployment", False),
        ("core", "v1", "Pod", False),
        ("", "apps/v1", "Deployment", False),
        ("example.com", "v1", "Backup", False),
    ],
)
def test_kinds_are_found_by_group_version_and_kind(group, version, kind, known):
    assert (SchemaCatalog.bundled("1.33").find(group, version, kind) is not None) is known


@pytest.mark.parametrize(
    ("name", "namespaced"),
    [
        (("apps", "v1", "Deployment"), True),
        (("", "v1", "Namespace"), False),
        (("", "v1", "PersistentVolume"), False),
        (("", "v1", "PersistentVolumeClaim"), True),
        (("rbac.authorization.k8s.io", "v1", "ClusterRole"), False),
        (("rbac.authorization.k8s.io", "v1", "Role"), True),
        (("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), False),
    ],
)
def test_scope_is_known(name, namespaced):
    found = SchemaCatalog.bundled("1.33").find(*name)
    assert found is not None
    assert found.namespaced is namespaced


def test_a_custom_resource_leaves_the_bundled_catalog_as_it_was():
    bundled = SchemaCatalog.bundled("1.33")
    extended = bundled.with_custom_resources([as_resource(crd({"type": "object"}))])
    assert extended.find("example.com", "v1", "Backup") is not None
    assert extended.versions("example.com", "Backup") == ("v1",)
    assert bundled.find("example.com", "v1", "Backup") is None


def test_a_built_in_kind_cannot_be_replaced_by_a_definition():
    hostile = crd({"x-kubernetes-preserve-unknown-fields": True})
    hostile["spec"].update(group="apps", names={"kind": "Deployment", "plural": "deployments"})
    bundled = SchemaCatalog.bundled("1.33")
    extended = bundled.with_custom_resources([as_resource(hostile)])
    assert extended.find("apps", "v1", "Deployment") is bundled.find("apps", "v1", "Deployment")


def test_a_later_definition_replaces_an_earlier_one_and_changes_the_source():
    first, second = as_resource(crd({"type": "object"})), as_resource(crd({"type": "string"}))
    bundled = SchemaCatalog.bundled("1.33")
    one = bundled.with_custom_resources([first]).find("example.com", "v1", "Backup")
    same = bundled.with_custom_resources([as_resource(crd({"type": "object"}))]).find("example.com", "v1", "Backup")
    other = bundled.with_custom_resources([first, second]).find("example.com", "v1", "Backup")
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.source == same.source != other.source


def test_a_version_that_is_not_served_is_not_known():
    definition = crd({"type": "object"}, served=False)
    assert (
        SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)]).versions("example.com", "Backup")
        == ()
    )


def test_objects_that_define_nothing_are_left_out():
    bundled = SchemaCatalog.bundled("1.33")
    extended = bundled.with_custom_resources([as_resource(deployment())])
    assert [schema.kind for schema in extended.kinds()] == [schema.kind for schema in bundled.kinds()]


def test_loading_a_version_costs_little():
    from gitgate.schema.catalog import _load

    seconds = []
    for _ in range(5):
        _load.cache_clear()
        start = time.process_time()
        SchemaCatalog.bundled("1.37")
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05
