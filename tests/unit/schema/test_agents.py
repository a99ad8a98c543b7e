"""The kinds of Flux and Argo CD: known without a definition, and replaced by one."""

from __future__ import annotations

from typing import Any

import pytest

from gitgate.bundled import schema_file
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.schema.agents import agent_version, agent_versions
from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.validation import violations

FLUX = (
    "helm/HelmRelease", "image/ImagePolicy", "image/ImageRepository", "image/ImageUpdateAutomation",
    "kustomize/Kustomization", "notification/Alert", "notification/Provider", "notification/Receiver", "source/Bucket",
    "source/ExternalArtifact", "source/GitRepository", "source/HelmChart", "source/HelmRepository",
    "source/OCIRepository",
)  # fmt: skip
KINDS = (
    ("source.extensions.fluxcd.io", "ArtifactGenerator"),
    *((f"{name.split('/')[0]}.toolkit.fluxcd.io", name.split("/")[1]) for name in FLUX),
    *(("argoproj.io", kind) for kind in ("Application", "ApplicationSet", "AppProject")),
)
EVERY = [(group, version, kind) for group, kind in KINDS for version in agent_versions(group, kind)]
CATALOG = SchemaCatalog.bundled("1.33")


def test_every_kind_is_known() -> None:
    assert {(group, kind) for group, _, kind in EVERY} == set(KINDS)
    assert agent_versions("kustomize.toolkit.fluxcd.io", "Kustomization") == ("v1", "v1alpha1", "v1beta1", "v1beta2")
    assert agent_versions("apps", "Deployment") == agent_versions("argoproj.io", "Rollout") == ()


@pytest.mark.parametrize("name", EVERY, ids=["/".join(name) for name in EVERY])
def test_every_schema_compiles_and_keeps_no_prose(name: tuple[str, str, str]) -> None:
    schema = CATALOG.find(*name)
    assert schema is not None
    assert schema.defects == ()
    assert schema.validator.is_valid({"apiVersion": "x"}) in {True, False}
    version = agent_version(*name)
    assert version is not None
    assert "'description': '" not in str(version.structural)


def test_the_files_stay_small() -> None:
    assert sum(schema_file(f"agents-{name}.json.gz").stat().st_size for name in ("flux", "argocd")) < 20_000


KUSTOMIZATION = {
    "interval": "10m",
    "path": "./apps",
    "prune": True,
    "sourceRef": {"kind": "GitRepository", "name": "fleet"},
}
APPLICATION: dict[str, Any] = {
    "project": "default",
    "source": {"repoURL": "https://example.com/x.git", "path": "apps", "targetRevision": "HEAD"},
    "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
}
JUDGED: dict[str, tuple[str, str, Any, list[tuple[str | int, ...]]]] = {
    "a sound Kustomization": ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", KUSTOMIZATION, []),
    "an alert about what the Flux operator watches": (
        "notification.toolkit.fluxcd.io/v1beta3",
        "Alert",
        {"providerRef": {"name": "chat"}, "eventSources": [{"kind": "FluxInstance", "name": "*"}]},
        [],
    ),
    "an unknown field": (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        {**KUSTOMIZATION, "purne": True},
        [("spec", "purne")],
    ),
    "a field that an older version had": (
        "kustomize.toolkit.fluxcd.io/v1beta2",
        "Kustomization",
        {**KUSTOMIZATION, "validation": "client"},
        [],
    ),
    "the same in the new version": (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        {**KUSTOMIZATION, "validation": "client"},
        [("spec", "validation")],
    ),
    "a wrong type": (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        {**KUSTOMIZATION, "prune": "yes"},
        [("spec", "prune")],
    ),
    "a wrong kind of source": (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        {**KUSTOMIZATION, "sourceRef": {"kind": "GitRepo", "name": "fleet"}},
        [("spec", "sourceRef", "kind")],
    ),
    "an interval that is none": (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        {**KUSTOMIZATION, "interval": "soon"},
        [("spec", "interval")],
    ),
    "values of any shape": (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        {"interval": "1h", "chart": {"spec": {"chart": "x", "sourceRef": {"kind": "HelmRepository", "name": "y"}}},
         "values": {"any": [{"thing": 1}]}},
        [],
    ),
    "a sound Application": ("argoproj.io/v1alpha1", "Application", APPLICATION, []),
    "an unknown field of a source": (
        "argoproj.io/v1alpha1",
        "Application",
        {**APPLICATION, "source": {**APPLICATION["source"], "targetRevison": "main"}},
        [("spec", "source", "targetRevison")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", JUDGED)
def test_objects_of_agents_are_judged(situation: str) -> None:
    api_version, kind, spec, expected = JUDGED[situation]
    group, _, version = api_version.rpartition("/")
    schema = CATALOG.find(group, version, kind)
    assert schema is not None
    value = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert [violation.field for violation in violations(value, schema)] == expected


def definition(*versions: str) -> Resource:
    name = "kustomizations.kustomize.toolkit.fluxcd.io"
    return Resource(
        ResourceId("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "", name),
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "kustomizations.kustomize.toolkit.fluxcd.io"},
            "spec": {
                "group": "kustomize.toolkit.fluxcd.io",
                "names": {"kind": "Kustomization", "plural": "kustomizations"},
                "scope": "Namespaced",
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": version == versions[0],
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"own": {"type": "string"}}}},
                    }
                    for version in versions
                ],
            },
        },
        Origin("crd.yaml"),
    )


def test_a_definition_in_the_tree_replaces_all_versions_of_its_kind() -> None:
    catalog = CATALOG.with_custom_resources([definition("v1")])
    own = catalog.find("kustomize.toolkit.fluxcd.io", "v1", "Kustomization")
    assert own is not None
    assert "own" in str(own.root)
    assert catalog.find("kustomize.toolkit.fluxcd.io", "v1beta2", "Kustomization") is None
    assert catalog.versions("kustomize.toolkit.fluxcd.io", "Kustomization") == ("v1",)
    assert catalog.find("helm.toolkit.fluxcd.io", "v2", "HelmRelease") is not None


def test_a_further_definition_does_not_bring_them_back() -> None:
    catalog = CATALOG.with_custom_resources([definition("v1")]).with_custom_resources([])
    assert catalog.find("kustomize.toolkit.fluxcd.io", "v1beta2", "Kustomization") is None
