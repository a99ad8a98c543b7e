"""What Argo CD Applications apply, rendered by the real programs."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from gitgate.proposal import Coverage, Snapshot
from gitgate.reconcile.plan import Action, make_plan
from gitgate.resource import Resource
from gitgate.sources.argocd.kustomize import with_images
from tests.support.rendering import DEPLOYMENT, render

OURS = "https://example.com/ours.git"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
    "chart/values.yaml": "colour: red\nsize: 1\n",
    "chart/templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
        "data: {colour: '{{ .Values.colour }}', size: '{{ .Values.size }}', in: '{{ .Release.Namespace }}'}\n"
    ),
}


def application(name: str, source: str, more: str = "", *, url: str = OURS) -> str:
    """An Application with one source; `more` goes into its spec."""
    head = (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n"
    )
    spec = "destination: {server: 'https://kubernetes.default.svc', namespace: web}\n" + textwrap.dedent(more)
    body = f"source:\n  repoURL: {url}\n" + textwrap.indent(textwrap.dedent(source).strip("\n"), "  ") + "\n"
    return head + textwrap.indent(spec + body, "  ")


def several(*sources: str) -> str:
    """An Application with several sources, as JSON-like text each."""
    head = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n"
    return head + "  destination: {namespace: web}\n  sources:\n" + "".join(f"    - {source}\n" for source in sources)


def objects(snapshot: Snapshot, owner: str = "Application argocd/web") -> list[str]:
    """What an owner applies."""
    return [str(one.id) for one in snapshot.resources if one.origin.owner == owner]


def one(snapshot: Snapshot, kind: str, name: str) -> Resource:
    """The only such object."""
    (found,) = [resource for resource in snapshot.resources if (resource.id.kind, resource.id.name) == (kind, name)]
    return found


def told(snapshot: Snapshot) -> list[tuple[str, str, int]]:
    """Code, file and line of everything found."""
    return [
        (problem.code, problem.location.path, problem.location.position.line if problem.location.position else 0)
        for problem in snapshot.problems
    ]


def only(snapshot: Snapshot) -> str:
    """The message of the only problem."""
    (problem,) = snapshot.problems
    return problem.message


def test_an_application_applies_its_directory_into_its_namespace() -> None:
    snapshot = render({"apps/web.yaml": application("web", "path: web"), "web/d.yaml": DEPLOYMENT})
    assert objects(snapshot) == ["Deployment web/web"]
    assert snapshot.problems == ()
    assert snapshot.files["web/d.yaml"] is Coverage.CONSUMED
    assert one(snapshot, "Deployment", "web").origin.path == "web/d.yaml"


def test_applications_of_applications_are_followed_and_judged_once() -> None:
    snapshot = render({
        "root.yaml": application("root", "path: apps"),
        "apps/web.yaml": application("web", "path: web"),
        "web/d.yaml": DEPLOYMENT,
    })  # fmt: skip
    assert objects(snapshot, "Application argocd/root") == ["Application argocd/web"]
    assert objects(snapshot) == ["Deployment web/web"]
    assert len(snapshot.resources) == 3


def test_applications_that_apply_one_another_end() -> None:
    snapshot = render({"a/b.yaml": application("b", "path: b"), "b/a.yaml": application("a", "path: a")})
    assert sorted(resource.id.name for resource in snapshot.resources) == ["a", "b"]


def test_a_directory_is_read_at_one_level_unless_told_otherwise() -> None:
    files = {"web/d.yaml": DEPLOYMENT, "web/deep/d.yaml": DEPLOYMENT.replace("name: web\n", "name: deep\n", 1)}
    flat = render({"app.yaml": application("web", "path: web"), **files})
    assert objects(flat) == ["Deployment web/web"]
    deep = render({"app.yaml": application("web", "path: web\ndirectory: {recurse: true}"), **files})
    assert objects(deep) == ["Deployment web/web", "Deployment web/deep"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("include: 'a*'", ["a"]),
        ("exclude: '{a,b}.yaml'", ["c"]),
        ("include: '*.yaml', exclude: '[ab]*'", ["c"]),
        ("include: '{a.yaml,c.yaml}'", ["a", "c"]),
    ],
)
def test_a_directory_can_leave_files_out(options: str, wanted: list[str]) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
    files = {f"web/{name}.yaml": config % name for name in "abc"}
    snapshot = render({"app.yaml": application("web", f"path: web\ndirectory: {{{options}}}"), **files})
    assert objects(snapshot) == [f"ConfigMap web/{name}" for name in wanted]


def test_a_file_with_the_skip_marker_is_not_applied() -> None:
    files = {"web/d.yaml": DEPLOYMENT, "web/x.yaml": f"# +argocd:skip-file-rendering\n{DEPLOYMENT}"}
    snapshot = render({"app.yaml": application("web", "path: web"), **files})
    assert [resource.origin.path for resource in snapshot.resources if resource.origin.owner] == ["web/d.yaml"]


def test_values_beside_manifests_are_no_mistake_but_half_a_manifest_is() -> None:
    app = {"app.yaml": application("web", "path: web"), "web/d.yaml": DEPLOYMENT}
    assert render({**app, "web/values.yaml": "colour: red\n"}).problems == ()
    broken = render({**app, "web/d.yaml": f"{DEPLOYMENT}---\ncolour: red\n"})
    assert told(broken)[0][:2] == ("agent-invalid", "web/d.yaml")
    assert broken.files["web/d.yaml"] is Coverage.FAILED


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("with comments", b'{"colour": "red"} // \xc3\xa9\n'.replace(b'{"c', b'{ // x\n"c')),
        ("no JSON", b"{"),
        ("YAML", DEPLOYMENT.encode()),
        ("an object of no kind", b'{"name": "web"}'),
        ("a list", b"[]"),
        ("empty", b""),
        ("binary", b"\0GITCRYPT\0\1\2"),
    ],
)
def test_argo_cd_takes_no_json_for_something_else(what: str, content: bytes) -> None:
    app = {"app.yaml": application("web", "path: web"), "web/d.yaml": DEPLOYMENT}
    snapshot = render({**app, "web/more.json": content})
    assert ("agent-invalid", "web/more.json", 1) in told(snapshot)
    assert snapshot.files["web/more.json"] is Coverage.FAILED


def test_json_that_no_application_reads_may_be_anything() -> None:
    app = {"app.yaml": application("web", "path: web"), "web/d.yaml": DEPLOYMENT}
    assert render({**app, "web/deep/more.json": b"{ // x\n}", "other/more.json": b"{ // x\n}"}).problems == ()


def test_jsonnet_is_named_as_not_judged() -> None:
    snapshot = render({"app.yaml": application("web", "path: web"), "web/d.jsonnet": "{}"})
    assert ("jsonnet-not-rendered", "web/d.jsonnet", 0) in told(snapshot)
    assert snapshot.files["web/d.jsonnet"] is Coverage.FAILED


def test_a_kustomization_is_edited_by_the_application_first() -> None:
    spec = """
        path: web
        kustomize:
          namePrefix: big-
          nameSuffix: -one
          images: ["example.com/web:9"]
          replicas: [{name: web, count: 4}]
          commonLabels: {team: shop}
          commonAnnotations: {app: $ARGOCD_APP_NAME, rest: plain}
          commonAnnotationsEnvsubst: true
          patches:
            - target: {kind: Deployment}
              patch: |
                - {op: add, path: /spec/paused, value: true}
        """
    files = {"web/kustomization.yaml": "resources: [d.yaml]\n", "web/d.yaml": DEPLOYMENT}
    snapshot = render({"app.yaml": application("web", spec), **files})
    assert snapshot.problems == ()
    found = one(snapshot, "Deployment", "big-web-one")
    assert found.id.namespace == "web"
    assert found.data["metadata"]["annotations"] == {"app": "web", "rest": "plain"}
    assert found.data["metadata"]["labels"]["team"] == "shop"
    assert found.data["spec"]["replicas"] == 4
    assert found.data["spec"]["paused"] is True
    assert found.data["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/web:9"


def test_a_label_that_the_kustomization_has_must_be_forced() -> None:
    files = {"web/kustomization.yaml": "resources: [d.yaml]\ncommonLabels: {team: a}\n", "web/d.yaml": DEPLOYMENT}
    spec = "path: web\nkustomize: {commonLabels: {team: b}%s}"
    assert "not told to force" in only(render({"app.yaml": application("web", spec % ""), **files}))
    forced = render({"app.yaml": application("web", spec % ", forceCommonLabels: true"), **files})
    assert one(forced, "Deployment", "web").data["metadata"]["labels"]["team"] == "b"


def test_a_component_of_the_application_is_laid_over_or_missed() -> None:
    files = {
        "web/kustomization.yaml": "resources: [d.yaml]\n",
        "web/d.yaml": DEPLOYMENT,
        "part/kustomization.yaml": (
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: part-\n"
        ),
    }
    snapshot = render({"app.yaml": application("web", "path: web\nkustomize: {components: [../part]}"), **files})
    assert objects(snapshot) == ["Deployment web/part-web"]
    missing = render({"app.yaml": application("web", "path: web\nkustomize:\n  components:\n    - ../no"), **files})
    assert told(missing)[0] == ("agent-dangling-reference", "app.yaml", 11)


def test_a_chart_gets_the_values_of_the_application() -> None:
    spec = """
        path: chart
        helm:
          releaseName: shop
          valueFiles: [/values/first.yaml, values-second.yaml, no.yaml]
          ignoreMissingValueFiles: true
          values: |
            size: 7
        """
    files = {"values/first.yaml": "colour: blue\nsize: 2\n", "chart/values-second.yaml": "colour: green\n", **CHART}
    snapshot = render({"app.yaml": application("web", spec), **files})
    assert snapshot.problems == ()
    assert one(snapshot, "ConfigMap", "shop").data["data"] == {"colour": "green", "size": "7", "in": "web"}
    assert snapshot.files["values/first.yaml"] is Coverage.CONSUMED


def test_parameters_go_before_values_and_an_object_before_text() -> None:
    spec = """
        path: chart
        helm:
          values: "size: 3"
          valuesObject: {size: 4, colour: grey}
          parameters:
            - {name: colour, value: "$ARGOCD_APP_NAME,x"}
            - {name: size, value: "0123", forceString: true}
        """
    found = one(render({"app.yaml": application("web", spec), **CHART}), "ConfigMap", "web")
    assert found.data["data"] == {"colour": "web,x", "size": "0123", "in": "web"}


def test_a_glob_of_values_files_leaves_explicit_ones_in_their_place() -> None:
    files = {f"chart/v/{name}.yaml": f"colour: {name}\n" for name in "abc"}
    spec = "path: chart\nhelm: {valueFiles: ['v/*.yaml', v/a.yaml]}"
    found = one(render({"app.yaml": application("web", spec), **CHART, **files}), "ConfigMap", "web")
    assert found.data["data"]["colour"] == "a"


def test_values_of_another_source_of_this_repository_are_used() -> None:
    app = several(
        f"{{repoURL: {OURS}, path: chart, helm: {{valueFiles: [$mine/values/web.yaml]}}}}",
        f"{{repoURL: {OURS}, ref: mine}}",
    )
    snapshot = render({"app.yaml": app, **CHART, "values/web.yaml": "colour: pink\n"})
    assert snapshot.problems == ()
    assert one(snapshot, "ConfigMap", "web").data["data"]["colour"] == "pink"


def test_a_chart_of_a_registry_is_named_and_its_values_files_are_looked_for() -> None:
    chart = "chart: nginx, targetRevision: 1.2.3, helm: {valueFiles: [$mine/values/%s.yaml]}"
    app = several("{repoURL: 'https://charts.example.com', %s}" % (chart % "web"), f"{{repoURL: {OURS}, ref: mine}}")
    rest = {"other.yaml": application("other", "path: other"), "other/d.yaml": DEPLOYMENT}
    snapshot = render({"app.yaml": app, "values/web.yaml": "a: 1\n", **rest})
    assert [code for code, _, _ in told(snapshot)] == ["release-not-rendered"]
    missing = render({"app.yaml": app, **rest})
    assert ("agent-dangling-reference", "app.yaml", 7) in told(missing)


def test_a_chart_of_a_registry_beside_what_is_here_is_named() -> None:
    app = several(
        "{repoURL: 'https://charts.example.com', chart: nginx, targetRevision: 1.2.3}",
        f"{{repoURL: {OURS}, path: web}}",
    )
    snapshot = render({"app.yaml": app, "web/d.yaml": DEPLOYMENT})
    (note,) = snapshot.problems
    assert note.code == "release-not-rendered"
    assert "(in part)" in note.message
    assert one(snapshot, "Deployment", "web").origin.owner


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("path: gone", "agent-dangling-reference", 8),
        ("path: /web", "agent-invalid", 8),
        ("path: ../web", "agent-invalid", 8),
        ("path: web\nhelm: {}\nkustomize: {}", "agent-invalid", 9),
        ("path: web\nkustomize: {namePrefix: a}", "agent-dangling-reference", 8),
        ("path: chart\nhelm:\n  valueFiles:\n    - no.yaml", "agent-dangling-reference", 11),
        ("path: chart\nhelm:\n  valueFiles:\n    - ../../secret.yaml", "agent-invalid", 11),
        ("path: chart\nhelm:\n  valueFiles:\n    - https://example.com/v.yaml", "agent-not-rendered", 11),
        ("path: chart\nhelm:\n  valueFiles:\n    - 'no-*.yaml'", "agent-dangling-reference", 11),
        ("path: chart\nhelm:\n  fileParameters:\n    - {name: a, path: gone}", "agent-dangling-reference", 11),
        ("path: chart\nhelm:\n  values: '[1]'", "agent-invalid", 10),
        ("path: web\nplugin: {name: mine}", "agent-not-rendered", 9),
        ("path: web\ntargetRevision: v1.2.3", "agent-not-rendered", 9),
    ],
)
def test_what_cannot_be_applied_is_told_at_its_line(source: str, code: str, line: int) -> None:
    rest = {"other.yaml": application("other", "path: other"), "other/d.yaml": DEPLOYMENT.replace("web", "other")}
    snapshot = render({"app.yaml": application("web", source), "web/d.yaml": DEPLOYMENT, **CHART, **rest})
    assert (code, "app.yaml", line) in told(snapshot)
    assert objects(snapshot) == []


def test_another_repository_is_named() -> None:
    other = application("other", "path: base", url="git@example.com:others/theirs.git")
    mine = application("web", "path: web")
    snapshot = render({"a.yaml": mine, "b.yaml": other, "web/d.yaml": DEPLOYMENT})
    assert told(snapshot) == [("agent-not-rendered", "b.yaml", 7)]


def test_files_beside_the_manifests_are_laid_over_the_application() -> None:
    files = {
        "web/kustomization.yaml": "resources: [d.yaml]\n",
        "web/d.yaml": DEPLOYMENT,
        "web/.argocd-source.yaml": "kustomize: {images: ['example.com/web:2'], namePrefix: a-}\n",
        "web/.argocd-source-web.yaml": "kustomize: {namePrefix: b-}\npath: elsewhere\n",
        "web/.argocd-source-other.yaml": "kustomize: {namePrefix: c-}\n",
    }
    snapshot = render({"app.yaml": application("web", "path: web"), **files})
    found = one(snapshot, "Deployment", "b-web")
    assert found.data["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/web:2"
    assert told(snapshot) == [("argocd-override", "web/.argocd-source-other.yaml", 0)]


def test_links_out_of_the_repository_are_not_followed() -> None:
    app = application("web", "path: chart\nhelm: {valueFiles: [out.yaml]}")
    snapshot = render({"app.yaml": app, **CHART}, {"chart/out.yaml": "/etc/passwd"})
    assert {code for code, _, _ in told(snapshot)} >= {"symlink-escape", "agent-invalid"}
    away = render({"app.yaml": application("web", "path: away"), "x/d.yaml": DEPLOYMENT}, {"away": "../.."})
    assert ("agent-invalid", "app.yaml", 8) in told(away)


PROJECT = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  sourceRepos: [%s]
  destinations: [{server: 'https://kubernetes.default.svc', namespace: %s}]
%s"""


@pytest.mark.parametrize(
    ("repositories", "namespaces", "more", "wanted"),
    [
        ("'*'", "web", "", ""),
        ("'https://example.com/*'", "'w*'", "", ""),
        ("'https://example.org/*'", "web", "", "does not permit the repository"),
        ("'*'", "shop", "", "does not permit the destination"),
        ("'*'", "'!web'", "", "does not permit the destination"),
        ("'*'", "web", "  namespaceResourceBlacklist: [{group: apps, kind: Deploy*}]\n", "Deployment web/web"),
        ("'*'", "web", "  namespaceResourceWhitelist: [{group: '', kind: Service}]\n", "Deployment web/web"),
    ],
)
def test_what_the_project_does_not_permit_is_found(repositories: str, namespaces: str, more: str, wanted: str) -> None:
    app = application("web", "path: web", "project: shop\n")
    project = PROJECT % (repositories, namespaces, more)
    snapshot = render({"app.yaml": app, "project.yaml": project, "web/d.yaml": DEPLOYMENT})
    messages = [problem.message for problem in snapshot.problems if problem.code == "agent-refused"]
    assert bool(messages) == bool(wanted)
    assert all(wanted in message for message in messages[:1])


def test_cluster_scoped_objects_must_be_permitted_by_name() -> None:
    files = {"web/n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n"}
    app = {"app.yaml": application("web", "path: web", "project: shop\n"), **files}
    refused = render({**app, "project.yaml": PROJECT % ("'*'", "web", "")})
    assert [code for code, _, _ in told(refused)] == ["agent-refused"]
    allowed = PROJECT % ("'*'", "web", "  clusterResourceWhitelist: [{group: '', kind: Namespace}]\n")
    assert render({**app, "project.yaml": allowed}).problems == ()


def test_a_project_that_is_not_there_is_told() -> None:
    app = {"app.yaml": application("web", "path: web", "project: gone\n"), "web/d.yaml": DEPLOYMENT}
    assert told(render(app)) == [("agent-unproved-reference", "app.yaml", 6)]
    known = render({**app, "project.yaml": PROJECT % ("'*'", "web", "")})
    assert told(known) == [("agent-dangling-reference", "app.yaml", 6)]


def test_a_destination_that_no_secret_registers_is_told_and_names_the_cluster() -> None:
    app = application("web", "path: web").replace("server: 'https://kubernetes.default.svc'", "name: far")
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: far\n  namespace: argocd\n"
        "  labels: {argocd.argoproj.io/secret-type: cluster}\nstringData: {name: far, server: 'https://far'}\n"
    )
    snapshot = render({"app.yaml": app, "web/d.yaml": DEPLOYMENT})
    assert told(snapshot) == [("agent-unproved-reference", "app.yaml", 5)]
    known = render({"app.yaml": app, "web/d.yaml": DEPLOYMENT, "clusters/far.yaml": secret})
    assert known.problems == ()
    assert one(known, "Deployment", "web").origin.cluster == "far"


def test_managed_metadata_makes_a_namespace_only_where_it_is_created() -> None:
    policy = "syncPolicy:\n  managedNamespaceMetadata: {labels: {tier: web}}\n  syncOptions: [%s]\n"
    files = {"web/d.yaml": DEPLOYMENT}
    made = render({"app.yaml": application("web", "path: web", policy % "CreateNamespace=true"), **files})
    assert one(made, "Namespace", "web").data["metadata"]["labels"] == {"tier": "web"}
    assert objects(render({"app.yaml": application("web", "path: web", policy % ""), **files})) == [
        "Deployment web/web"
    ]


@pytest.mark.parametrize(
    "spec",
    [
        "source: 7", "sources: [7, {}]", "source: {repoURL: 1, path: [a]}", "source: {repoURL: a, path: web, helm: []}",
        f"source: {{repoURL: {OURS}, path: web, kustomize: [x], directory: 1}}",
        f"source: {{repoURL: {OURS}, path: chart, helm: {{valueFiles: [1, null], parameters: [a], apiVersions: [2]}}}}",
        f"source: {{repoURL: {OURS}, path: kust, kustomize: {{images: [1], replicas: [x], patches: [y]}}}}",
        f"source: {{repoURL: {OURS}, path: kust, kustomize: {{commonLabels: {{a: [1]}}, components: [[1]]}}}}",
        f"source: {{repoURL: {OURS}, path: web}}\n  destination: [1]\n  project: [2]\n  syncPolicy: x",
    ],
)  # fmt: skip
def test_nothing_in_an_application_ends_the_run(spec: str) -> None:
    app = f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec:\n  {spec}\n"
    kustomization = {"kust/kustomization.yaml": "resources: [d.yaml]\n", "kust/d.yaml": DEPLOYMENT}
    snapshot = render({"app.yaml": app, "web/d.yaml": DEPLOYMENT, **kustomization, **CHART})
    assert any(resource.id.kind == "Application" for resource in snapshot.resources)


HOOK_JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {argocd.argoproj.io/hook: PreSync}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: "example.com/migrate:%d"}]
"""


def test_hooks_are_made_anew_and_neither_updated_nor_pruned() -> None:
    app = {"app.yaml": application("web", "path: web", "syncPolicy: {automated: {prune: true}}\n")}
    rest = {"web/d.yaml": DEPLOYMENT}
    first = render({**app, **rest, "web/job.yaml": HOOK_JOB % 1})
    second = render({**app, **rest, "web/job.yaml": HOOK_JOB % 2})
    (changed,) = [item for item in make_plan(first, second, "1.33").objects if item.id.name == "migrate"]
    assert changed.action is Action.UNCHANGED
    assert "PreSync hook" in changed.reason
    (gone,) = make_plan(first, render({**app, **rest}), "1.33").changed
    assert gone.action is Action.ORPHAN
    assert "PreSync hook" in gone.reason


def test_a_base_against_itself_is_an_empty_plan() -> None:
    files = {"app.yaml": application("web", "path: web"), "web/d.yaml": DEPLOYMENT}
    assert make_plan(render(files), render(files), "1.33").changed == ()


@pytest.mark.parametrize(
    "image",
    [
        "a=z:9",
        "c=*:3",
        "d=*@sha256:abc",
        "e:5",
        "f=g",
        "h@sha256:q",
        "reg:5000/i=reg:5000/j",
        "k=l:1@sha256:a",
        "a:1@sha256:d",
    ],
)
def test_images_are_set_as_kustomize_edit_sets_them(image: str, tmp_path: Path) -> None:
    present = "resources: []\nimages:\n- {name: a, newName: b, newTag: '1'}\n- {name: c, newTag: '2'}\n- {name: d, newName: x}\n"
    (tmp_path / "kustomization.yaml").write_text(present)
    subprocess.run(["kustomize", "edit", "set", "image", image], cwd=tmp_path, check=True)
    wanted = yaml.safe_load((tmp_path / "kustomization.yaml").read_text())["images"]
    assert with_images(yaml.safe_load(present)["images"], [image]) == wanted


def test_urls_are_shown_without_what_is_secret() -> None:
    secret = "https://me:password@example.com/theirs"
    other = application("other", "path: base", "project: shop\n", url=secret)
    project = PROJECT % ("'https://example.org/*'", "web", "")
    files = {"a.yaml": application("web", "path: web"), "b.yaml": other, "web/d.yaml": DEPLOYMENT}
    snapshot = render({**files, "project.yaml": project})
    assert {"agent-refused", "agent-not-rendered"} <= {problem.code for problem in snapshot.problems}
    assert not any("password" in problem.message for problem in snapshot.problems)


APP_OF_APPS = {
    "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 0.1.0\n",
    "apps/values.yaml": "names: [blue, green]\n",
    "apps/templates/applications.yaml": (
        "{{- range .Values.names }}\napiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        "metadata: {name: '{{ . }}', namespace: argocd}\nspec:\n"
        "  destination: {server: 'https://kubernetes.default.svc', namespace: '{{ . }}'}\n"
        f"  source: {{repoURL: {OURS}, path: '{{{{ . }}}}'}}\n---\n{{{{ end -}}}}\n"
    ),
    "blue/web.yaml": DEPLOYMENT,
    "green/web.yaml": DEPLOYMENT,
}


def test_argo_cd_begins_at_applications_of_a_chart_that_somebody_installs_by_hand() -> None:
    snapshot = render(APP_OF_APPS)
    found = {(one.origin.owner, one.id.namespace) for one in snapshot.resources if one.id.kind == "Deployment"}
    assert found == {("Application argocd/blue", "blue"), ("Application argocd/green", "green")}
    assert {one.origin.cluster for one in snapshot.resources} == {"apps"}


def test_what_such_a_chart_leads_to_and_is_not_rendered_is_told() -> None:
    snapshot = render({**APP_OF_APPS, "green/more.jsonnet": "{}"})
    assert ("jsonnet-not-rendered", "green/more.jsonnet", 0) in told(snapshot)


def test_a_chart_of_applications_that_another_application_installs_takes_the_values_of_that_one() -> None:
    root = application("root", "path: apps\nhelm: {valuesObject: {names: [blue]}}")
    snapshot = render({**APP_OF_APPS, "root.yaml": root})
    assert [one.id.name for one in snapshot.resources if one.id.kind == "Application"] == ["blue", "root"]


def test_charts_of_applications_may_lead_to_one_another() -> None:
    outer = {
        path.replace("apps/", "outer/"): text.replace("name: apps", "name: outer").replace("blue, green", "apps")
        for path, text in APP_OF_APPS.items()
        if path.startswith("apps/")
    }
    snapshot = render({**APP_OF_APPS, **outer})
    owners = [one.origin.owner for one in snapshot.resources if one.id.kind == "Deployment"]
    assert sorted(owners) == ["Application argocd/blue", "Application argocd/green"]
    assert "chart-default-values" in [code for code, path, _ in told(snapshot) if path == "outer/Chart.yaml"]
    assert "chart-default-values" not in [code for code, path, _ in told(snapshot) if path == "apps/Chart.yaml"]


def test_a_hook_without_a_name_is_another_one_each_time_whoever_applies_it() -> None:
    job = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: before-, namespace: web, annotations: "
        "{argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, "
        "image: 'a:1'}]}}}\n"
    )
    was, shall_be = (render({"job.yaml": text}) for text in (job, job.replace("a:1", "a:2")))
    (item,) = make_plan(was, shall_be, "1.37").objects
    assert (item.action, "makes another one each time" in item.reason) == (Action.UNCHANGED, True)


def test_a_cluster_that_many_applications_name_is_told_once() -> None:
    far = application("{}", "path: a").replace("'https://kubernetes.default.svc'", "https://far.example.com")
    files = {
        f"{name}.yaml": far.replace("{}", name) for name in ("one", "two", "three", "four", "five", "six", "seven")
    }
    snapshot = render({**files, "a/d.yaml": DEPLOYMENT})
    (problem,) = [one for one in snapshot.problems if one.code == "agent-unproved-reference"]
    assert problem.message.startswith("Application argocd/five, Application argocd/four, ")
    assert problem.message.endswith(
        " and 2 more: no Secret of the repository registers the cluster https://far.example.com"
    )
