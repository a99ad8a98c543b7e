"""Where Flux begins to read, when nothing says so: directories that are pushed as artifacts, put away and joined ones."""

from __future__ import annotations

import textwrap

import pytest

from gitgate.proposal import Coverage, Snapshot
from gitgate.resource import Resource
from gitgate.sources.flux.sources import FluxSource, Whose, inside_source
from gitgate.sources.registry import render_tree
from tests.support.rendering import context, render, tree

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: web}}\ndata: {{a: '{value}'}}\n"


def kustomization(name: str, path: str, more: str = "", *, kind: str = "GitRepository", source: str = "all") -> str:
    """A Flux Kustomization."""
    return textwrap.dedent(f"""\
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: {name}, namespace: flux-system}}
        spec:
          interval: 10m
          prune: true
          path: {path}
          sourceRef: {{kind: {kind}, name: {source}, namespace: flux-system}}
        """) + textwrap.indent(textwrap.dedent(more), "  ")


def owned(snapshot: Snapshot) -> dict[str, str]:
    """Who applies each ConfigMap."""
    return {one.id.name: one.origin.owner for one in snapshot.resources if one.id.kind == "ConfigMap"}


def flaws(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Code and file of everything found."""
    return [(one.code, one.location.path) for one in snapshot.problems]


def config(snapshot: Snapshot, name: str) -> Resource:
    """The only ConfigMap of a name."""
    (one,) = [one for one in snapshot.resources if (one.id.kind, one.id.name) == ("ConfigMap", name)]
    return one


PUSHED = {
    "kubernetes/clusters/home/ks.yaml": kustomization("cluster", "./apps/home", kind="OCIRepository"),
    "kubernetes/apps/home/kustomization.yaml": "resources: [../base/web/ks.yaml]\n",
    "kubernetes/apps/base/web/ks.yaml": kustomization("web", "./apps/base/web/app", kind="OCIRepository"),
    "kubernetes/apps/base/web/app/a.yaml": CONFIG.format(name="a", value=1),
}


def test_paths_begin_at_the_directory_that_is_pushed_as_an_artifact() -> None:
    snapshot = render(PUSHED)
    assert flaws(snapshot) == []
    assert owned(snapshot) == {"a": "Kustomization flux-system/web"}
    assert {one.origin.cluster for one in snapshot.resources} == {"kubernetes/clusters/home"}


def test_paths_of_a_git_repository_begin_at_its_top() -> None:
    files = {path: text.replace("OCIRepository", "GitRepository") for path, text in PUSHED.items()}
    assert ("agent-dangling-reference", "kubernetes/clusters/home/ks.yaml") in flaws(render(files))


def test_a_change_cannot_move_where_the_paths_begin() -> None:
    """A change adds directories that would make another place fit more paths, with what looks good in them."""
    shared = context()
    before = {**PUSHED, "kubernetes/apps/base/web/app/a.yaml": CONFIG.format(name="a", value=2)}
    render_tree(tree(before), shared)
    decoy = {f"apps/{name}/a.yaml": CONFIG.format(name="decoy", value=1) for name in ("home", "base/web/app", "more")}
    more = {f"kubernetes/x{n}.yaml": kustomization(f"x{n}", "./apps/more", kind="OCIRepository") for n in range(5)}
    snapshot = render_tree(tree({**before, **decoy, **more}), shared)
    assert config(snapshot, "a").origin.owner == "Kustomization flux-system/web"


def test_directories_that_a_generator_copies_are_followed() -> None:
    generator = """\
        apiVersion: source.extensions.fluxcd.io/v1beta1
        kind: ArtifactGenerator
        metadata: {name: all, namespace: flux-system}
        spec:
          sources: [{alias: repo, kind: OCIRepository, name: all}]
          artifacts:
            - name: web
              copy: [{from: '@repo/apps/base/web/app/', to: '@artifact/apps/base/web/app/'}]
            - name: flat
              copy: [{from: '@repo/apps/base/flat/**', to: '@artifact/'}]
            - name: mixed
              copy: [{from: '@repo/a.yaml', to: '@artifact/'}]
        """
    names = "resources: [generator.yaml, web.yaml, flat.yaml, mixed.yaml]\n"
    artifact = "ExternalArtifact"
    files = {
        "kubernetes/clusters/home/ks.yaml": kustomization("cluster", "./apps/home", kind="OCIRepository"),
        "kubernetes/apps/home/kustomization.yaml": names,
        "kubernetes/apps/home/generator.yaml": textwrap.dedent(generator),
        "kubernetes/apps/home/web.yaml": kustomization("web", "./apps/base/web/app", kind=artifact, source="web"),
        "kubernetes/apps/home/flat.yaml": kustomization("flat", "./", kind=artifact, source="flat"),
        "kubernetes/apps/home/mixed.yaml": kustomization("mixed", "./", kind=artifact, source="mixed"),
        "kubernetes/apps/base/web/app/a.yaml": CONFIG.format(name="a", value=1),
        "kubernetes/apps/base/flat/b.yaml": CONFIG.format(name="b", value=1),
    }
    snapshot = render(files)
    assert owned(snapshot) == {"a": "Kustomization flux-system/web", "b": "Kustomization flux-system/flat"}
    assert flaws(snapshot) == [("agent-not-rendered", "kubernetes/apps/home/mixed.yaml")]


@pytest.mark.parametrize(("mounts", "path", "wanted"), [
    ((("", "kubernetes"),), "./apps", "kubernetes/apps"),
    ((("", ""),), "../../apps", "apps"),
    ((("apps/web", "x/apps/web"),), "./apps/web/app", "x/apps/web/app"),
    ((("apps/web/app", "y"),), "./apps", "y"),
    ((("a", "x"), ("b", "y")), "./", None),
    ((("a", "x"), ("b", "y")), "./b/c", "y/c"),
    ((("a", "x/a"), ("b", "x/b")), "./", "x"),
    ((("a", "x"),), "./c", None),
    ((("", "x"), ("a", "y")), "./", None),
    ((("", "x"), ("a", "y")), "./a/b", "y/b"),
    ((("", "x"), ("", "y")), "./", None),
    ((("", "x"), ("", "y")), "./b", None),
])  # fmt: skip
def test_a_path_of_a_copy_leads_to_what_was_copied(
    mounts: tuple[tuple[str, str], ...], path: str, wanted: str | None
) -> None:
    assert inside_source(FluxSource(Whose.OURS, "", mounts), path) == wanted


def test_what_another_owners_kustomization_names_is_no_entry_point() -> None:
    files = {
        "apps/web/ks.yaml": kustomization("web", "./apps/web/app", "dependsOn: [{name: other}]\n"),
        "apps/other/ks.yaml": kustomization("other", "./apps/other/app"),
        "overlays/home/kustomization.yaml": "resources: [../../apps/web/ks.yaml, ../../apps/other/ks.yaml]\n",
        "clusters/home/ks.yaml": kustomization("cluster", "./overlays/home"),
        "apps/web/app/a.yaml": CONFIG.format(name="a", value=1),
        "apps/other/app/b.yaml": CONFIG.format(name="b", value=1),
    }
    snapshot = render(files)
    assert flaws(snapshot) == []
    assert {one.origin.cluster for one in snapshot.resources} == {"home"}


def test_owners_below_others_without_a_kustomization_between_are_one_cluster() -> None:
    values = "postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n"
    files = {
        "clusters/home/ks.yaml": kustomization("cluster", "./apps"),
        "clusters/home/flux/operator/ks.yaml": kustomization("operator", "./operator", values),
        "clusters/home/settings/a.yaml": CONFIG.format(name="settings", value="x").replace("web", "flux-system"),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
        "operator/b.yaml": CONFIG.format(name="b", value="${a}"),
    }
    snapshot = render(files)
    assert flaws(snapshot) == []
    assert config(snapshot, "b").data["data"] == {"a": "x"}
    assert {one.origin.cluster for one in snapshot.resources} == {"home"}


def test_owners_in_hidden_directories_are_put_away() -> None:
    files = {
        "clusters/home/ks.yaml": kustomization("cluster", "./apps"),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
        ".archive/web/ks.yaml": kustomization("web", "./apps/web"),
    }
    snapshot = render(files)
    assert flaws(snapshot) == []
    assert snapshot.files[".archive/web/ks.yaml"] is Coverage.JUDGED


def test_an_owner_that_a_change_disables_becomes_no_cluster_of_its_own() -> None:
    shared = context()
    files = {
        "clusters/home/ks.yaml": kustomization("cluster", "./apps"),
        "apps/kustomization.yaml": "resources: [web/ks.yaml, db/ks.yaml]\n",
        "apps/web/ks.yaml": kustomization("web", "./apps/web/app", "dependsOn: [{name: db}]\n"),
        "apps/db/ks.yaml": kustomization("db", "./apps/db/app"),
        "apps/web/app/a.yaml": CONFIG.format(name="a", value=1),
        "apps/db/app/b.yaml": CONFIG.format(name="b", value=1),
    }
    render_tree(tree(files), shared)
    snapshot = render_tree(tree({**files, "apps/kustomization.yaml": "resources: [db/ks.yaml]\n"}), shared)
    assert flaws(snapshot) == []
    assert owned(snapshot) == {"a": "", "b": "Kustomization flux-system/db"}


def test_a_change_cannot_put_an_owner_above_an_entry_point() -> None:
    """A change adds an owner that reads the entry point's file and patches it, so that it applies what looks good."""
    shared = context()
    files = {
        "flux/apps.yaml": kustomization("apps", "./apps"),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
        "good/g.yaml": CONFIG.format(name="good", value=1),
    }
    render_tree(tree(files), shared)
    patch = 'patches: [{target: {kind: Kustomization}, patch: \'[{"op": "replace", "path": "/spec/path", "value": good}]\'}]\n'
    snapshot = render_tree(tree({**files, "a/decoy.yaml": kustomization("decoy", "./flux", patch)}), shared)
    assert config(snapshot, "a").origin.owner == "Kustomization flux-system/apps"


def test_fields_that_patches_give_to_others_are_not_missed_where_none_applies() -> None:
    patch = """\
        patches:
          - target: {kind: Kustomization}
            patch: |
              apiVersion: kustomize.toolkit.fluxcd.io/v1
              kind: Kustomization
              metadata: {name: any}
              spec: {interval: 1h}
          - target: {kind: Kustomization}
            patch: '[{op: add, path: /spec/prune, value: true}]'
        """
    bare = kustomization("web", "./web").replace("  interval: 10m\n  prune: true\n", "")
    files = {
        "flux/apps.yaml": kustomization("apps", "./apps", patch),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
        ".disabled/web.yaml": bare,
    }
    (web,) = [one for one in render(files).resources if one.id.name == "web"]
    assert web.unresolved == (("spec", "interval"), ("spec", "prune"))


def test_a_cluster_beside_one_that_manages_itself_is_one_too() -> None:
    files = {
        "clusters/one/cluster.yaml": kustomization("cluster", "./clusters/one", source="flux-system"),
        "clusters/two/apps/kustomization.yaml": "resources: [web.yaml]\n",
        "clusters/two/apps/web.yaml": kustomization(
            "web", "./web", "postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n", source="flux-system"
        ),
        "clusters/two/config/kustomization.yaml": "resources: [settings.yaml]\n",
        "clusters/two/config/settings.yaml": CONFIG.format(name="settings", value="x").replace("web", "flux-system"),
        "web/b.yaml": CONFIG.format(name="b", value="${a}"),
        "clusters/two/apps/forgotten.yaml": kustomization("forgotten", "./gone", source="flux-system"),
        "old/ks.yaml": kustomization("old", "./gone", source="flux-system"),
    }
    snapshot = render(files)
    assert flaws(snapshot) == [("unreferenced-manifest", "clusters/two/apps/forgotten.yaml")]
    assert config(snapshot, "b").data["data"] == {"a": "x"}
    assert config(snapshot, "b").origin.cluster == "two"


THEIRS = (
    "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: theirs, namespace: flux-system}\n"
    "spec: {interval: 1h, url: 'https://example.com/theirs'}\n"
)


def test_a_repository_that_has_none_of_the_directories_is_another_one() -> None:
    files = {
        "infra/more.yaml": kustomization("more", "./manifests/more", source="theirs") + THEIRS,
        "infra/web.yaml": kustomization("web", "./web", source="ours"),
        "web/a.yaml": CONFIG.format(name="a", value=1),
    }
    snapshot = render(files)
    assert [one for one in flaws(snapshot) if one[0] != "agent-unproved-reference"] == [
        ("agent-not-rendered", "infra/more.yaml")
    ]
    assert owned(snapshot) == {"a": "Kustomization flux-system/web"}


def test_a_repository_that_has_one_of_the_directories_is_this_one() -> None:
    files = {
        "infra/more.yaml": kustomization("more", "./gone", source="theirs") + THEIRS,
        "infra/web.yaml": kustomization("web", "./web", source="theirs"),
        "web/a.yaml": CONFIG.format(name="a", value=1),
    }
    assert flaws(render(files)) == [("agent-dangling-reference", "infra/more.yaml")]


INSTANCE = """\
sync: {kind: GitRepository, url: 'https://example.com/a', ref: refs/heads/main, path: ./apps/}
kustomize:
  patches:
    - target: {kind: Kustomization, name: flux-system}
      patch: |
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {name: any}
        spec: {postBuild: {substitute: {colour: blue}}}
"""
AS_OBJECT = (
    "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec:\n"
)
AS_RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: flux-instance}\n"
    "spec:\n  interval: 1h\n  chartRef: {kind: OCIRepository, name: x}\n  values:\n    instance:\n"
)
INSTANCES = {
    "an object": ("clusters/home/instance.yaml", AS_OBJECT + textwrap.indent(INSTANCE, "  ")),
    "values of a release": ("apps/flux/release.yaml", AS_RELEASE + textwrap.indent(INSTANCE, "      ")),
    "a file of values": ("apps/flux/values/values.yaml", "instance:\n" + textwrap.indent(INSTANCE, "  ")),
}


@pytest.mark.parametrize("written", INSTANCES)
def test_an_instance_of_the_flux_operator_says_where_its_cluster_begins(written: str) -> None:
    path, text = INSTANCES[written]
    files = {
        path: text,
        "apps/kustomization.yaml": "resources: [web/ks.yaml, top.yaml]\n",
        "apps/top.yaml": CONFIG.format(name="top", value="${colour}"),
        "apps/web/ks.yaml": kustomization("web", "./apps/web/app", "dependsOn: []\n", source="flux-system"),
        "apps/web/app/a.yaml": CONFIG.format(name="a", value=1),
        "old/ks.yaml": kustomization("old", "./gone", source="flux-system"),
    }
    snapshot = render(files)
    assert [one for one in flaws(snapshot) if one[0] != "release-not-rendered"] == []
    assert owned(snapshot) == {"a": "Kustomization flux-system/web", "top": "Kustomization flux-system/flux-system"}
    assert config(snapshot, "top").data["data"] == {"a": "blue"}
    assert {one.origin.cluster for one in snapshot.resources if one.origin.owner} == {"apps"}


def test_an_instance_that_a_change_adds_gets_in_front_of_nothing() -> None:
    shared = context()
    files = {
        "apps/ks.yaml": kustomization("web", "./web", "postBuild: {substitute: {colour: red}}\n"),
        "web/a.yaml": CONFIG.format(name="a", value="${colour}"),
    }
    render_tree(tree(files), shared)
    snapshot = render_tree(tree({**files, "x/instance.yaml": INSTANCES["an object"][1]}), shared)
    assert config(snapshot, "a").data["data"] == {"a": "red"}
    assert config(snapshot, "a").origin.cluster == "apps"
