from __future__ import annotations

import pytest

from gitgate.proposal import Coverage
from gitgate.settings import SourceSetting, SourceType
from gitgate.sources.manifest_files import is_manifest
from gitgate.sources.registry import render_tree
from tests.support.rendering import DEPLOYMENT, codes, context, names, places, render, tree

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


def test_objects_of_plain_files_have_exact_origins() -> None:
    snapshot = render(
        {"apps/a.yaml": f"# first\n{CONFIG}---{DEPLOYMENT}", "apps/b.json": '{"a": 1}', "c.txt": "kind: x"}
    )
    assert codes(snapshot) == []
    origins = [(r.origin.path, r.origin.document, r.origin.line, r.origin.rendered_by) for r in snapshot.resources]
    assert origins == [("apps/a.yaml", 0, 2, None), ("apps/a.yaml", 1, 6, None)]
    assert snapshot.files == {"apps/a.yaml": Coverage.JUDGED, "apps/b.json": Coverage.NOT_A_MANIFEST}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("mkdocs.yml", "site_name: x\nmarkdown_extensions:\n- a: !!python/name:b.c ''\n"),
        ("docker-compose.yml", "services: {web: {image: x}}\nvolumes: {}\n"),
        (".pre-commit-config.yaml", "repos: []\n"),
        (".github/workflows/ci.yaml", "on: push\njobs: {a: {steps: [{run: 'x'}]}}\n"),
        (".github/workflows/broken.yaml", "a: b: c\n"),
        ("renovate.json", '{"extends": ["x"]}'),
        ("tsconfig.json", '{\n  // a comment\n  "a": 1\n}\n'),
        ("cases.json", '[{"apiVersion": "\\ud83d\\ude00"}]\n'),
        ("kind.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: []\n"),
        ("kubeconfig.yaml", "apiVersion: v1\nkind: Config\nclusters: []\n"),
        ("catalog-info.yaml", "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x}\n"),
        (".fluxschema.yml", "apiVersion: schema.plugin.fluxcd.io/v1beta1\nkind: Config\nvalidate: {}\n"),
        ("values.yaml", "replicas: 1\nenabled: yes\nkey: 1\nkey: 2\n"),
        (
            ".gitgate/schemas/crd.yaml",
            CONFIG.replace("v1", "apiextensions.k8s.io/v1").replace("ConfigMap", "CustomResourceDefinition"),
        ),
    ],
)
def test_yaml_that_is_no_manifest_is_left_alone(path: str, text: str) -> None:
    snapshot = render({path: text})
    assert codes(snapshot) == []
    assert snapshot.files == {path: Coverage.NOT_A_MANIFEST}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kind: Deployment\nspec: {}\n", "missing-api-version"),
        ("apiVersion: v1\nmetadata: {name: x}\n", "missing-kind"),
        ("apiVersion: v1\nkind: Secret\ndata: {}\n", "missing-name"),
        ("a: b: c\n", "yaml-syntax"),
        (f"{CONFIG}data: {{a: 1, a: 2}}\n", "yaml-duplicate-key"),
        (f"{CONFIG}---\n{CONFIG}", "duplicate-object"),
        ("a: {{ .Values.x }}\n", "yaml-template"),
    ],
)
def test_attempts_at_manifests_are_problems(text: str, code: str) -> None:
    assert codes(render({"apps/a.yaml": text})) == [code]


def test_unreadable_json_matters_when_it_may_be_a_manifest() -> None:
    assert codes(render({"a.json": '{"apiVersion": "v1", '})) != []
    assert codes(render({"a.json": '{"\\u0061piVersion": "v1", '})) != []


def test_objects_in_ci_files_are_judged_as_argo_cd_reads_them() -> None:
    assert names(render({"cloudbuild.yaml": CONFIG})) == ["ConfigMap settings"]


def test_the_same_object_in_two_directories_may_go_to_two_clusters() -> None:
    assert codes(render({"clusters/dev/a.yaml": CONFIG, "clusters/prod/a.yaml": CONFIG})) == []


def test_a_source_of_the_settings_is_strict_and_the_rest_is_not_read() -> None:
    files = {
        "apps/a.yaml": CONFIG,
        "apps/sub/b.yaml": CONFIG,
        "apps/values.yaml": "a: 1\n",
        "other/c.yaml": "a: b: c\n",
    }
    snapshot = render_tree(tree(files), context(SourceSetting("apps", SourceType.PLAIN)))
    assert places(snapshot) == ["duplicate-object apps/sub/b.yaml:1", "missing-api-version apps/values.yaml:1", "missing-kind apps/values.yaml:1"]  # fmt: skip
    assert snapshot.files["other/c.yaml"] is Coverage.NOT_RENDERED


def test_a_plain_source_is_read_as_it_stands_even_where_kustomizations_take_its_files() -> None:
    files = {"apps/a.yaml": CONFIG, "kustomization.yaml": "resources: [apps/a.yaml]\nnamePrefix: k-\n"}
    sources = (SourceSetting("apps", SourceType.PLAIN), SourceSetting(".", SourceType.KUSTOMIZE))
    assert names(render_tree(tree(files), context(*sources))) == ["ConfigMap settings", "ConfigMap k-settings"]
    nested = {"apps/a.yaml": CONFIG, "apps/kustomization.yaml": "resources: [a.yaml]\n"}
    snapshot = render_tree(tree(nested), context(SourceSetting("apps", SourceType.PLAIN)))
    assert names(snapshot) == ["ConfigMap settings"]
    assert places(snapshot) == [
        "missing-api-version apps/kustomization.yaml:1", "missing-kind apps/kustomization.yaml:1",
    ]  # fmt: skip


def test_a_source_of_either_kind_reads_below_a_kustomization_only_what_it_names() -> None:
    files = {
        "apps/kustomization.yaml": "resources: [a.yaml]\n",
        "apps/a.yaml": CONFIG,
        "apps/values.yaml": "a: 1\n",
        "apps/sub/unused.yaml": CONFIG,
        "other/kustomization.yaml": "resources: [missing.yaml]\n",
    }
    snapshot = render_tree(tree(files), context(SourceSetting("apps")))
    assert names(snapshot) == ["ConfigMap settings"]
    assert places(snapshot) == ["unreferenced-manifest apps/sub/unused.yaml:1"]
    assert snapshot.files["other/kustomization.yaml"] is Coverage.NOT_RENDERED


def test_a_file_that_settings_name_is_a_manifest_whatever_its_suffix() -> None:
    snapshot = render_tree(
        tree({"apps/manifest": CONFIG, "apps/other": CONFIG}), context(SourceSetting("apps/manifest"))
    )
    assert names(snapshot) == ["ConfigMap settings"]


def test_excluded_files_are_no_manifests() -> None:
    snapshot = render_tree(tree({"apps/a.yaml": CONFIG}), context(exclude=("apps/**",)))
    assert snapshot.files == {"apps/a.yaml": Coverage.NOT_A_MANIFEST}


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "chart/values.yaml": "a: 1\n",
    "chart/templates/a.yaml": '{{ required "x is needed" .Values.x }}\n',
    "chart/crds/crd.yaml": CONFIG,
}


def test_the_templates_of_a_chart_that_cannot_be_rendered_are_no_manifests() -> None:
    snapshot = render(CHART)
    assert places(snapshot) == ["chart-not-rendered chart/Chart.yaml:0"]
    assert names(snapshot) == ["ConfigMap settings"]
    assert snapshot.files["chart/templates/a.yaml"] is Coverage.NOT_RENDERED
    assert snapshot.files["chart/values.yaml"] is Coverage.NOT_RENDERED


HEAD = CHART["chart/Chart.yaml"]


def test_a_chart_that_installs_nothing_is_no_problem() -> None:
    files = {"Chart.yaml": HEAD, "templates/_helpers.tpl": "", "templates/NOTES.txt": "", "values.yaml": "a: 1\n"}
    assert codes(render(files)) == []


def test_values_decide_what_a_chart_installs_so_that_a_change_of_them_is_new() -> None:
    (was,) = render(CHART).problems
    (now,) = render({**CHART, "chart/values.yaml": "a: 2\n"}).problems
    assert was.discriminator != now.discriminator


def test_charts_beside_what_settings_name_are_not_applied() -> None:
    snapshot = render_tree(tree({"apps/a.yaml": CONFIG, **CHART}), context(SourceSetting("apps")))
    assert codes(snapshot) == []


def test_a_chart_within_a_chart_has_its_own_templates() -> None:
    """Whichever chart is looked at first."""
    nested = {"a/Chart.yaml": HEAD, "a/more/Chart.yaml": HEAD, "a/more/templates/x.yaml": "{{ .Values.x }}\n"}
    snapshot = render(nested)
    assert places(snapshot) == ["chart-default-values a/more/Chart.yaml:0"]
    assert snapshot.files["a/more/templates/x.yaml"] is Coverage.CONSUMED


def test_a_change_cannot_make_a_plain_directory_a_chart() -> None:
    shared = context()
    render_tree(tree({"apps/templates/a.yaml": CONFIG}), shared)
    head = {"apps/templates/a.yaml": CONFIG, "apps/Chart.yaml": CHART["chart/Chart.yaml"]}
    snapshot = render_tree(tree(head), shared)
    assert [resource.origin.rendered_by for resource in snapshot.resources] == [None, "apps"]


def test_a_change_cannot_hide_a_plain_file_beside_a_kustomization() -> None:
    shared = context()
    render_tree(tree({"apps/a.yaml": CONFIG}), shared)
    head = {"apps/a.yaml": CONFIG, "apps/kustomization.yaml": "resources: [missing.yaml]\n"}
    assert names(render_tree(tree(head), shared)) == ["ConfigMap settings"]


def test_a_link_is_judged_with_its_target_or_as_a_copy_of_what_nobody_judges() -> None:
    files = {"apps/a.yaml": CONFIG, **CHART, "chart/templates/evil.yaml": CONFIG.replace("settings", "evil")}
    links = {"apps/b.yaml": "a.yaml", "apps/c.yaml": "../chart/templates/evil.yaml", "apps/d.yaml": "nowhere.yaml"}
    snapshot = render_tree(tree(files, links), context())
    assert names(snapshot) == ["ConfigMap settings", "ConfigMap evil", "ConfigMap settings"]
    assert [r.origin.path for r in snapshot.resources] == ["apps/a.yaml", "apps/c.yaml", "chart/crds/crd.yaml"]
    assert snapshot.files["apps/b.yaml"] is Coverage.JUDGED
    assert snapshot.files["apps/d.yaml"] is Coverage.FAILED


def test_opaque_files_are_counted_as_such() -> None:
    snapshot = render({"a.yaml": b"\0GITCRYPT\0xxxx"})
    assert snapshot.files == {"a.yaml": Coverage.OPAQUE}
    assert snapshot.resources == ()


def test_a_file_that_is_too_large_is_a_problem() -> None:
    assert codes(render({"a.yaml": b"a: 1\n" * 1_000_000})) == ["yaml-limit"]


def test_too_many_objects_are_a_problem() -> None:
    shared = context()
    object.__setattr__(shared, "resource_limit", 1)
    assert codes(render_tree(tree({"a.yaml": CONFIG, "b.yaml": CONFIG}), shared)) == ["yaml-limit"]


def test_rendering_does_not_depend_on_the_order_of_the_tree() -> None:
    files = {"b.yaml": CONFIG, "a.yaml": DEPLOYMENT, "c/x.yaml": "a: b: c\n"}
    assert render(files) == render(dict(reversed(files.items())))


def test_half_of_an_identity_counts_only_beside_a_field_of_objects() -> None:
    assert not is_manifest({"kind": "pipeline", "type": "docker"})
    assert not is_manifest({"apiVersion": "v2", "name": "chart"})
    assert is_manifest({"kind": "Deployment", "spec": {}})
    assert not is_manifest(["a"])
    assert is_manifest({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}})
    assert not is_manifest({"apiVersion": "example.com/v1", "kind": "Thing"})
