"""What Flux Kustomizations and HelmReleases apply, rendered by the real programs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import pytest

from gitgate.proposal import Coverage, Snapshot
from gitgate.reconcile.plan import make_plan
from gitgate.resource import Resource
from gitgate.settings import ClusterSetting, Settings
from gitgate.sources.base import SourceContext
from gitgate.sources.coverage import uncovered
from gitgate.sources.kustomize_graph import Closure
from gitgate.sources.registry import render_tree
from tests.support.rendering import DEPLOYMENT, context, render, tree

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: web}}\ndata:\n  a: '{value}'\n"


def kustomization(name: str, path: str, more: str = "", *, source: str = "flux-system") -> str:
    """A Flux Kustomization."""
    head = f"""\
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: {name}, namespace: flux-system}}
        spec:
          interval: 10m
          prune: true
          path: {path}
          sourceRef: {{kind: GitRepository, name: {source}}}
        """
    return textwrap.dedent(head) + textwrap.indent(textwrap.dedent(more), "  ")


def bootstrap(cluster: str) -> dict[str, str]:
    """What `flux bootstrap` writes."""
    source = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: flux-system, namespace: flux-system}\nspec: {interval: 1m, url: 'ssh://git@example.com/a/b'}\n"
    )
    return {
        f"clusters/{cluster}/flux-system/gotk-sync.yaml": kustomization("flux-system", f"./clusters/{cluster}") + source
    }


def found(snapshot: Snapshot, kind: str, name: str, cluster: str = "one") -> Resource:
    """The only such object of a cluster."""
    (one,) = [
        resource
        for resource in snapshot.resources
        if (resource.id.kind, resource.id.name, resource.origin.cluster) == (kind, name, cluster)
    ]
    return one


def agents(snapshot: Snapshot) -> list[tuple[str, str, int]]:
    """Code, file and line of everything found."""
    return [
        (one.code, one.location.path, one.location.position.line if one.location.position else 0)
        for one in snapshot.problems
        if one.code != "release-not-rendered"
    ]


def one_app(more: str, files: Mapping[str, str]) -> Snapshot:
    """A cluster with one Kustomization of `apps`."""
    return render({**bootstrap("one"), "clusters/one/apps.yaml": kustomization("apps", "./apps", more), **files})


def test_a_directory_without_kustomization_is_read_with_all_below_it() -> None:
    snapshot = one_app("targetNamespace: shop\n", {
        "apps/a.yaml": CONFIG.format(name="a", value=1),
        "apps/deep/b.yml": CONFIG.format(name="b", value=1),
        "apps/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
        "apps/over/kustomization.yaml": "resources: [d.yaml]\n",
        "apps/over/d.yaml": CONFIG.format(name="d", value=1),
        "apps/over/unnamed.yaml": CONFIG.format(name="unnamed", value=1),
    })  # fmt: skip
    owned = {str(one.id) for one in snapshot.resources if one.origin.owner == "Kustomization flux-system/apps"}
    assert owned == {"ConfigMap shop/a", "ConfigMap shop/b", "ConfigMap shop/d"}
    assert found(snapshot, "ConfigMap", "b").origin.path == "apps/deep/b.yml"
    assert snapshot.files["apps/deep/b.yml"] is Coverage.CONSUMED
    # Flux reads no JSON here, so the file is judged as it stands.
    assert snapshot.files["apps/c.json"] is Coverage.JUDGED


def test_the_spec_is_laid_over_the_kustomization_of_the_directory() -> None:
    snapshot = one_app(
        """\
        namePrefix: my-
        commonMetadata: {labels: {team: red}}
        images: [{name: example.com/web, newTag: "2"}]
        components: [../parts/scaled]
        patches:
          - patch: '[{"op": "add", "path": "/spec/paused", "value": true}]'
            target: {kind: Deployment}
        """,
        {
            "apps/kustomization.yaml": "resources: [web.yaml]\n",
            "apps/web.yaml": DEPLOYMENT,
            "parts/scaled/kustomization.yaml": "kind: Component\nreplicas: [{name: web, count: 3}]\n",
        },
    )
    assert agents(snapshot) == []
    web = found(snapshot, "Deployment", "my-web")
    assert web.data["spec"]["paused"] is True
    assert web.data["spec"]["replicas"] == 3
    assert web.data["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/web:2"
    assert web.data["metadata"]["labels"] == {"team": "red"}
    assert snapshot.files["parts/scaled/kustomization.yaml"] is Coverage.CONSUMED
    assert not [one for one in snapshot.resources if one.id.name == "web"], "rendered without its owner, too"


def test_patches_of_a_parent_hold_before_a_child_is_read() -> None:
    patch = kustomization("_", "x").replace("name: _, namespace: flux-system", "name: _")
    more = "patches:\n  - target: {kind: Kustomization}\n    patch: |\n" + textwrap.indent(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: any}\nspec:\n"
        "  postBuild: {substitute: {colour: blue}}\n  targetNamespace: patched\n", "      ")  # fmt: skip
    assert patch
    snapshot = one_app(more, {
        "apps/kustomization.yaml": "resources: [child.yaml]\n",
        "apps/child.yaml": kustomization("child", "./child"),
        "child/a.yaml": CONFIG.format(name="a", value="${colour}"),
    })  # fmt: skip
    child = found(snapshot, "ConfigMap", "a")
    assert (child.id.namespace, child.data["data"]) == ("patched", {"a": "blue"})


def test_variables_of_the_cluster_and_types_that_they_change() -> None:
    more = "postBuild:\n  substitute: {inline: '3'}\n  substituteFrom: [{kind: ConfigMap, name: settings}]\n"
    settings = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: {host: a.example}\n"
    )
    snapshot = one_app(more, {
        "clusters/one/settings.yaml": settings,
        "apps/web.yaml": DEPLOYMENT.replace("selector:", 'replicas: "${inline}"\n  selector:'),
        "apps/a.yaml": CONFIG.format(name="a", value="${host}/${nothing:=x}$${kept}"),
        "apps/b.yaml": CONFIG.format(name="b", value="${host}").replace(
            "name: b,", "name: b, annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled},"
        ),
    })  # fmt: skip
    assert agents(snapshot) == []
    assert found(snapshot, "Deployment", "web").data["spec"]["replicas"] == 3
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"a": "a.example/x${kept}"}
    assert found(snapshot, "ConfigMap", "b").data["data"] == {"a": "${host}"}


def test_a_variable_that_nobody_knows_stays_and_is_marked() -> None:
    more = "postBuild:\n  substituteFrom: [{kind: Secret, name: hidden}]\n"
    snapshot = one_app(more, {"apps/a.yaml": CONFIG.format(name="a", value="x-${host}")})
    resource = found(snapshot, "ConfigMap", "a")
    assert resource.data["data"] == {"a": "x-${host}"}
    assert resource.unresolved == (("data", "a"),)
    assert agents(snapshot) == [("agent-unresolved-variable", "clusters/one/apps.yaml", 10)]


def controller(version: str, *arguments: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: kustomize-controller, namespace: flux-system}}
spec:
  template:
    spec:
      containers:
        - name: manager
          image: ghcr.io/fluxcd/kustomize-controller:v{version}
          args: {list(arguments)}
"""


LENIENT_GATE, STRICT_GATE = (
    f"--feature-gates=A=true,StrictPostBuildSubstitutions={said}" for said in ("false", "true")
)


@pytest.mark.parametrize(
    ("deployment", "code", "value"),
    [
        (None, "agent-undefined-variable", "x-"),
        (controller("1.8.2"), "agent-undefined-variable", "x-"),
        (controller("1.8.2", STRICT_GATE), "agent-substitution", "x-${nothing}"),
        (controller("1.9.0"), "agent-substitution", "x-${nothing}"),
        (controller("1.9.0", LENIENT_GATE), "agent-undefined-variable", "x-"),
    ],
)
def test_a_variable_with_neither_value_nor_default_is_told_as_the_controller_takes_it(
    deployment: str | None, code: str, value: str
) -> None:
    files = {"apps/a.yaml": CONFIG.format(name="a", value="x-${nothing}")}
    if deployment is not None:
        files["clusters/one/flux-system/gotk-components.yaml"] = deployment
    snapshot = one_app("postBuild: {substitute: {a: b}}\n", files)
    assert [told for told, _, _ in agents(snapshot)] == [code]
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"a": value}


def test_without_a_variable_nothing_is_expanded() -> None:
    snapshot = one_app("", {"apps/a.yaml": CONFIG.format(name="a", value="${broken")})
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"a": "${broken"}
    assert agents(snapshot) == []


def test_what_cannot_be_expanded_is_an_error_and_the_object_is_judged_all_the_same() -> None:
    snapshot = one_app("postBuild: {substitute: {a: b}}\n", {"apps/a.yaml": CONFIG.format(name="a", value="${a-b}")})
    assert agents(snapshot) == [("agent-substitution", "apps/a.yaml", 0)]
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"a": "${a-b}"}


@pytest.mark.parametrize(
    ("more", "line", "code"),
    [
        ("dependsOn: [{name: nothing}]\n", 9, "agent-dangling-reference"),
        ("dependsOn: [{name: apps}]\n", 9, "agent-dependency-cycle"),
        ("components: [../nowhere]\n", 9, "agent-dangling-reference"),
        ("patches: [{target: {kind: X}}]\n", 9, "agent-invalid"),
        ("targetNamespace: [a]\n", 9, "agent-invalid"),
    ],
)
def test_a_mistake_is_found_at_the_line_that_makes_it(more: str, line: int, code: str) -> None:
    snapshot = one_app(more, {"apps/a.yaml": CONFIG.format(name="a", value=1)})
    assert agents(snapshot) == [(code, "clusters/one/apps.yaml", line)]


def test_missing_components_may_be_ignored() -> None:
    more = "components: [../nowhere]\nignoreMissingComponents: true\n"
    assert agents(one_app(more, {"apps/a.yaml": CONFIG.format(name="a", value=1)})) == []


def test_a_directory_that_is_not_there_is_found_at_its_line() -> None:
    snapshot = render({**bootstrap("one"), "clusters/one/apps.yaml": kustomization("apps", "./appz")})
    assert agents(snapshot) == [("agent-dangling-reference", "clusters/one/apps.yaml", 7)]


def test_another_repository_is_named_and_nothing_of_this_one_is_taken_for_it() -> None:
    other = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: other, namespace: flux-system}\nspec: {url: 'https://example.com/other'}\n"
    )
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="other") + other}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    assert agents(snapshot) == [("agent-not-rendered", "clusters/one/apps.yaml", 8)]
    assert found(snapshot, "ConfigMap", "a", cluster="").origin.owner == ""


def test_the_same_url_is_the_same_repository() -> None:
    same = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: again, namespace: flux-system}\nspec: {url: 'https://example.com/a/b.git'}\n"
    )
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="again") + same}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    assert found(snapshot, "ConfigMap", "a").origin.owner == "Kustomization flux-system/apps"


def test_another_branch_of_the_same_repository_is_not_what_is_judged() -> None:
    same = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: again, namespace: flux-system}\n"
        "spec: {url: 'https://example.com/a/b.git', ref: {branch: team}}\n"
    )
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="again") + same}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    (problem,) = snapshot.problems
    assert problem.code == "agent-not-rendered"
    assert "(https://example.com/a/b.git, branch team)" in problem.message


def test_a_directory_that_another_repository_is_copied_to_is_not_what_is_judged() -> None:
    files = bootstrap("one")
    files = {path: text.replace("url:", "include: [{repository: {name: x}}], url:") for path, text in files.items()}
    files |= {
        "clusters/one/apps.yaml": kustomization("apps", "./x/apps"),
        "x/apps/a.yaml": CONFIG.format(name="a", value="x"),
    }
    snapshot = render(files)
    assert agents(snapshot) == [("agent-not-rendered", "clusters/one/apps.yaml", 8)]


def test_the_same_url_with_something_copied_into_it_is_not_what_is_judged() -> None:
    same = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: again, namespace: flux-system}\n"
        "spec: {url: 'https://example.com/a/b.git', include: [{repository: {name: x}, toPath: apps}]}\n"
    )
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="again") + same}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    assert agents(snapshot) == [("agent-not-rendered", "clusters/one/apps.yaml", 8)]


def test_the_same_branch_by_its_full_name_is_what_is_judged() -> None:
    same = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: again, namespace: flux-system}\n"
        "spec: {url: 'https://example.com/a/b.git', ref: {name: refs/heads/master}}\n"
    )
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="again") + same}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    assert found(snapshot, "ConfigMap", "a").origin.owner == "Kustomization flux-system/apps"


@pytest.mark.parametrize(("own", "told"), [("", (("spec", "interval"),)), ("interval: [1]\n", ())])
def test_of_an_owner_that_nobody_applies_is_left_open_what_it_lacks_and_patches_give_others(
    own: str, told: tuple[tuple[str, str], ...]
) -> None:
    patch = "patches:\n- {target: {kind: Kustomization}, patch: '[{op: add, path: /spec/interval, value: 1h}]'}\n"
    alone = kustomization("alone", "./apps").replace("interval: 10m\n", own or "suspend: false\n")
    files = {
        "clusters/one/apps.yaml": kustomization("apps", "./apps", patch),
        "apps/a.yaml": CONFIG.format(name="a", value="x"),
        "elsewhere/kustomization.yaml": "resources: [alone.yaml]\n",
        "elsewhere/alone.yaml": alone,
    }
    (resource,) = [
        one for one in render({**bootstrap("one"), **files}).resources if one.origin.path == "elsewhere/alone.yaml"
    ]
    assert resource.unresolved == told


def test_a_source_that_nothing_defines_is_found_and_its_directory_judged() -> None:
    files = {"clusters/one/apps.yaml": kustomization("apps", "./apps", source="gone")}
    snapshot = render({**bootstrap("one"), **files, "apps/a.yaml": CONFIG.format(name="a", value="x")})
    assert agents(snapshot) == [("agent-dangling-reference", "clusters/one/apps.yaml", 8)]
    assert found(snapshot, "ConfigMap", "a").data["data"]


def test_two_clusters_of_one_base_are_two_objects() -> None:
    files: dict[str, str] = {"base/kustomization.yaml": "resources: [a.yaml]\n"}
    files["base/a.yaml"] = CONFIG.format(name="a", value="${cluster}")
    for cluster in ("one", "two"):
        more = f"postBuild: {{substitute: {{cluster: {cluster}}}}}\n"
        files |= {**bootstrap(cluster), f"clusters/{cluster}/apps.yaml": kustomization("apps", "./base", more)}
    snapshot = render(files)
    assert agents(snapshot) == []
    assert [found(snapshot, "ConfigMap", "a", name).data["data"]["a"] for name in ("one", "two")] == ["one", "two"]


def test_kustomizations_without_a_bootstrap_begin_where_nobody_else_reads() -> None:
    files = {
        "flux/apps.yaml": kustomization("apps", "./apps"),
        "apps/child.yaml": kustomization("child", "./child"),
        "child/a.yaml": CONFIG.format(name="a", value=1),
    }
    snapshot = render(files)
    assert agents(snapshot) == []
    assert found(snapshot, "ConfigMap", "a", "flux").origin.owner == "Kustomization flux-system/child"
    assert found(snapshot, "Kustomization", "apps", "flux").origin.owner == ""


def test_a_new_owner_takes_nothing_out_of_sight() -> None:
    """A change adds an entry point whose patches hide what is wrong; the base judged the directory as it stands."""
    shared = context()
    before = {
        "apps/web.yaml": DEPLOYMENT,
        "over/kustomization.yaml": "resources: [w.yaml]\n",
        "over/w.yaml": DEPLOYMENT,
    }
    render_tree(tree(before), shared)
    more = 'patches: [{patch: \'[{"op": "replace", "path": "/spec", "value": {}}]\', target: {kind: Deployment}}]\n'
    decoy: dict[str, Any] = {**bootstrap("one")}
    decoy["clusters/one/a.yaml"] = kustomization("a", "./apps", more)
    decoy["clusters/one/b.yaml"] = kustomization("b", "./over", more)
    snapshot = render_tree(tree({**before, **decoy}), shared)
    bare = [one for one in snapshot.resources if one.id.kind == "Deployment" and not one.origin.owner]
    assert sorted(one.origin.path for one in bare) == ["apps/web.yaml", "over/w.yaml"]
    assert all("template" in one.data["spec"] for one in bare)


def test_a_kustomization_that_applies_itself_ends() -> None:
    files = {**bootstrap("one"), "clusters/one/again.yaml": kustomization("again", "./clusters/one", "namePrefix: x\n")}
    snapshot = render(files)
    names = {one.id.name for one in snapshot.resources if one.id.kind == "Kustomization"}
    assert len(names) <= 40
    assert "agent-limit" in {one.code for one in snapshot.problems} or len(names) < 10


def test_files_outside_of_the_directory_are_read_as_flux_does() -> None:
    files = {
        "apps/kustomization.yaml": "resources: [../other/a.yaml]\n",
        "other/a.yaml": CONFIG.format(name="a", value=1),
    }
    assert found(one_app("", files), "ConfigMap", "a").origin.path == "other/a.yaml"


RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  interval: 10m
  chart:
    spec:
      chart: ./charts/web
      sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
"""
CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "colour: red\nsize: 1\n",
    "charts/web/templates/config.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-config'}\n"
        "data: {colour: '{{ .Values.colour }}', size: '{{ .Values.size }}', place: '{{ .Release.Namespace }}'}\n"
    ),
}


def test_a_release_whose_chart_is_here_is_rendered_with_its_values() -> None:
    more = """\
          targetNamespace: live
          values: {colour: green}
          valuesFrom: [{kind: ConfigMap, name: values}]
          postRenderers:
            - kustomize:
                patches:
                  - patch: '[{"op": "add", "path": "/data/patched", "value": "yes"}]'
                    target: {kind: ConfigMap}
        """
    values = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: shop}\ndata:\n  values.yaml: |\n    colour: blue\n    size: 2\n"
    release = RELEASE + textwrap.indent(textwrap.dedent(more), "  ")
    snapshot = one_app("", {"apps/release.yaml": release, "apps/values.yaml": values, **CHART})
    assert agents(snapshot) == []
    config = found(snapshot, "ConfigMap", "live-web-config")
    assert config.data["data"] == {"colour": "green", "size": "2", "place": "live", "patched": "yes"}
    assert (config.id.namespace, config.origin.owner) == ("live", "HelmRelease shop/web")
    assert not any(one.code == "chart-default-values" for one in snapshot.problems)


def test_values_files_of_one_release_are_not_those_of_another_of_the_same_chart() -> None:
    first = RELEASE.replace("      sourceRef", "      valuesFiles: [charts/web/live.yaml]\n      sourceRef")
    snapshot = one_app("", {
        "apps/a.yaml": first.replace("name: web,", "name: a,"), "apps/b.yaml": RELEASE.replace("name: web,", "name: b,"),
        **CHART, "charts/web/live.yaml": "colour: green\nsize: 2\n",
    })  # fmt: skip
    colours = {one.id.name: one.data["data"]["colour"] for one in snapshot.resources if one.id.kind == "ConfigMap"}
    assert colours == {"a-config": "green", "b-config": "red"}


def test_a_release_whose_chart_is_somewhere_else_is_named() -> None:
    source = (
        "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: far, namespace: shop}\n"
        "spec: {url: 'https://charts.example.com'}\n"
    )
    release = RELEASE.replace("./charts/web", "web").replace(
        "{kind: GitRepository, name: flux-system, namespace: flux-system}", "{kind: HelmRepository, name: far}"
    )
    snapshot = one_app("", {"apps/release.yaml": release + source})
    assert [one.code for one in snapshot.problems] == ["release-not-rendered"]
    assert found(snapshot, "HelmRelease", "web").origin.path == "apps/release.yaml"
    dangling = one_app("", {"apps/release.yaml": release})
    assert agents(dangling) == [("agent-dangling-reference", "apps/release.yaml", 9)]


def test_values_that_are_not_in_the_repository_are_told_of() -> None:
    release = RELEASE + "  valuesFrom: [{kind: Secret, name: hidden}]\n"
    snapshot = one_app("", {"apps/release.yaml": release, **CHART})
    assert agents(snapshot) == [
        ("agent-unproved-reference", "apps/release.yaml", 10),
        ("agent-unresolved-variable", "apps/release.yaml", 10),
    ]
    assert found(snapshot, "ConfigMap", "web-config").data["data"]["colour"] == "red"


def test_a_chart_that_is_not_there_is_found_at_its_line() -> None:
    assert agents(one_app("", {"apps/release.yaml": RELEASE})) == [("agent-dangling-reference", "apps/release.yaml", 8)]


def test_settings_name_the_clusters_and_no_other_is_looked_for() -> None:
    files: dict[str, str | bytes] = {"base/a.yaml": CONFIG.format(name="a", value=1)}
    for name in ("one", "two", "three"):
        files |= {**bootstrap(name), f"clusters/{name}/apps.yaml": kustomization("apps", "./base")}
    settings = Settings(clusters=(ClusterSetting("eu", "clusters/one"), ClusterSetting("us", "clusters/two")))
    snapshot = render_tree(tree(files), SourceContext.from_settings(settings))
    assert {one.origin.cluster for one in snapshot.resources if one.id.name == "a"} == {"eu", "us"}
    absent = Settings(clusters=(ClusterSetting("eu", "clusters/nowhere"),))
    assert agents(render_tree(tree(files), SourceContext.from_settings(absent)))[0][0] == "agent-dangling-reference"


def test_a_file_that_an_owner_reads_and_that_has_no_verdict_is_found() -> None:
    closure = Closure("apps", ("apps",), ("apps/a.yaml", "apps/b.yaml"), (), "", "")
    missing = uncovered((closure,), {"apps/a.yaml": Coverage.CONSUMED, "apps/b.yaml": Coverage.NOT_RENDERED})
    assert [(one.code, one.location.path) for one in missing] == [("agent-uncovered-file", "apps/b.yaml")]
    assert not list(uncovered((closure,), {"apps/a.yaml": Coverage.CONSUMED, "apps/b.yaml": Coverage.FAILED}))


def test_an_entry_point_of_the_base_stays_one() -> None:
    """A change brings a bootstrap of its own, so that the entry points that were merely found would not count."""
    shared = context()
    more = "postBuild: {substitute: {a: b}}\n"
    files = {
        "flux/apps.yaml": kustomization("apps", "./apps", more),
        "apps/a.yaml": CONFIG.format(name="a", value="${a}"),
    }
    render_tree(tree(files), shared)
    snapshot = render_tree(tree({**files, **bootstrap("decoy")}), shared)
    assert found(snapshot, "ConfigMap", "a", "flux").data["data"] == {"a": "b"}


def test_what_was_rendered_for_the_base_is_not_rendered_again() -> None:
    shared = context()
    files = {**bootstrap("one")}
    for name in ("a", "b", "c"):
        files |= {
            f"clusters/one/{name}.yaml": kustomization(name, f"./{name}"),
            f"{name}/x.yaml": CONFIG.format(name=name, value=1),
        }
    first = render_tree(tree(files), shared)
    builds = shared.builder.builds
    second = render_tree(tree({**files, "b/x.yaml": CONFIG.format(name="b", value=2)}), shared)
    assert shared.builder.builds == builds + 1
    assert {one.id for one in first.resources} == {one.id for one in second.resources}
    assert second == render_tree(tree({**files, "b/x.yaml": CONFIG.format(name="b", value=2)}), context())


def test_what_goes_to_another_cluster_is_of_that_one() -> None:
    far = "kubeConfig: {secretRef: {name: far}}\n"
    files = {
        **bootstrap("one"),
        "clusters/one/near.yaml": kustomization("near", "./apps"),
        "clusters/one/far.yaml": kustomization("far", "./apps", far),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
    }
    snapshot = render(files)
    assert found(snapshot, "ConfigMap", "a", "one").origin.owner == "Kustomization flux-system/near"
    assert found(snapshot, "ConfigMap", "a", "one/far").origin.owner == "Kustomization flux-system/far"
    assert found(snapshot, "Kustomization", "far", "one")
    plan = make_plan(Snapshot(), snapshot, "1.33")
    assert plan.duplicates == {}
