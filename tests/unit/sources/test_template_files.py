"""Templates of other programs, and where a template is a mistake."""

from __future__ import annotations

import pytest

from gitgate.proposal import Coverage
from gitgate.sources.registry import render_tree
from tests.support.rendering import DEPLOYMENT, context, render, tree

TEMPLATE = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  a: {{ password }}\n"
FLUX = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n"
    "spec: {interval: 1m, prune: true, path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}\n"
)


def codes(files: dict[str, str]) -> list[str]:
    """Everything found: code and file."""
    return [f"{one.code} {one.location.path}" for one in render(files).problems]


@pytest.mark.parametrize("files", [
    {"ansible/roles/db/templates/a.yaml": TEMPLATE, "ansible/roles/db/templates/b.yaml": DEPLOYMENT},
    {"bootstrap/helmfile.yaml": 'releases:\n  - version: {{ requiredEnv "A" }}\n', "web/a.yaml": DEPLOYMENT},
    {"flux/ks.yaml": FLUX, "apps/a.yaml": DEPLOYMENT, "other/a.yaml": TEMPLATE, "other/b.yaml": DEPLOYMENT},
    {"boilerplate/app/kustomization.yaml": "resources: {{ names }}\n", "web/a.yaml": DEPLOYMENT},
], ids=["ansible", "helmfile", "where no agent leads", "a scaffold"])  # fmt: skip
def test_a_template_that_no_agent_reads_is_a_note(files: dict[str, str]) -> None:
    (path,) = (path for path, text in files.items() if "{{" in text)
    assert codes(files) == [f"template-not-rendered {path}"]
    assert render(files).files[path] is Coverage.NOT_RENDERED


@pytest.mark.parametrize("files", [
    {"web/a.yaml": DEPLOYMENT, "web/b.yaml": TEMPLATE},
    {"web/a.yaml": DEPLOYMENT, "new/b.yaml": TEMPLATE},
    {"web/kustomization.yaml": "resources: [b.yaml]\n", "web/b.yaml": TEMPLATE},
    {"flux/ks.yaml": FLUX, "apps/templates/a.yaml": TEMPLATE},
    {"flux/ks.yaml": FLUX, "apps/a.yaml": DEPLOYMENT, "other/kustomization.yaml": "resources: [b.yaml]\n",
     "other/b.yaml": TEMPLATE},
    {"flux/ks.yaml": FLUX, "apps/a.yaml": DEPLOYMENT, "other/kustomization.yaml": "resources: [templates]\n",
     "other/templates/kustomization.yaml": "resources: {{ names }}\n"},
], ids=["among manifests", "an object in a new directory", "named by a kustomization", "read by Flux",
        "named where no agent leads", "built upon where no agent leads"])  # fmt: skip
def test_a_template_where_an_agent_may_read_it_is_an_error(files: dict[str, str]) -> None:
    (path,) = (path for path, text in files.items() if "{{" in text)
    assert f"yaml-template {path}" in codes(files)


BASE = {
    "flux/ks.yaml": FLUX, "apps/a.yaml": DEPLOYMENT, "other/templates/a.yaml": DEPLOYMENT,
    "other/base/kustomization.yaml": "resources: [b.yaml]\n", "other/base/b.yaml": DEPLOYMENT,
}  # fmt: skip


@pytest.mark.parametrize("path", ["other/templates/a.yaml", "other/base/b.yaml", "other/base/kustomization.yaml"])
def test_a_change_cannot_make_a_template_of_what_was_judged(path: str) -> None:
    shared = context()
    assert render_tree(tree(BASE), shared).problems == ()
    after = render_tree(tree({**BASE, path: TEMPLATE}), shared)
    assert ("yaml-template", path) in {(one.code, one.location.path) for one in after.problems}


def test_documents_of_talos_are_no_objects() -> None:
    document = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: nut\nenvironment: [A=b]\n"
    snapshot = render({"talos/nut.yaml": document, "web/a.yaml": DEPLOYMENT})
    assert snapshot.problems == ()
    assert snapshot.files["talos/nut.yaml"] is Coverage.NOT_A_MANIFEST
