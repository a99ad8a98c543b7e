"""Kustomizations that read from the network: what of them is judged, and what a change may not do unseen."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitgate.proposal import Snapshot
from tests.support.cli import check, gitgate
from tests.support.manifests import MISSPELT, config_map, deployment
from tests.support.rendering import codes, render, require_kustomize
from tests.support.repository import Content, Link, RepositoryBuilder


@pytest.fixture(autouse=True, scope="module")
def _kustomize() -> None:
    require_kustomize()


URL = "https://example.com/operator/v1/install.yaml"
REMOTE = "schema/kustomize-remote-reference"
HELM = "schema/kustomize-helm"
GIT = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n"
    "spec: {interval: 1m, url: 'ssh://git@example.com/org/fleet', ref: {branch: main}}\n---\n"
)


def flux(name: str, path: str, more: str = "") -> str:
    return (
        f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, "
        f"namespace: flux-system}}\nspec:\n  interval: 10m\n  path: {path}\n  prune: true\n"
        f"  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )


def argo(more: str = "", namespace: str = "shop") -> str:
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n"
        f"  destination: {{server: 'https://kubernetes.default.svc', namespace: {namespace}}}\n"
        f"  project: default\n  source:\n    repoURL: https://example.com/app.git\n    path: apps\n{more}"
    )


APPS: dict[str, Content | None] = {
    "apps/kustomization.yaml": f"resources: [web.yaml, '{URL}']\n",
    "apps/web.yaml": deployment(),
}
FLUX: dict[str, Content | None] = {
    **APPS,
    "clusters/prod/flux-system/gotk-sync.yaml": GIT + flux("flux-system", "./clusters/prod"),
    "clusters/prod/apps.yaml": flux("apps", "./apps"),
}
ARGO: dict[str, Content | None] = {**APPS, "argocd/web.yaml": argo()}
OPERATION = '[{"op": "add", "path": "/spec/replicas", "value": 9}]'
PATCH = f"patches: [{{patch: '{OPERATION}', target: {{kind: Deployment}}}}]\n"
VALUES: dict[str, Content | None] = {
    "app/kustomization.yaml": "helmCharts: [{name: web, repo: 'https://example.com', version: '1', valuesFile: v.yaml}]\n",
    "app/v.yaml": "image: good\n",
    "app/charts/web/values.yaml": "image: good\n",
}

UNSEEN: dict[str, tuple[dict[str, Content | None], dict[str, Content | None], str]] = {
    "patches of a Flux Kustomization": (
        FLUX,
        {"clusters/prod/apps.yaml": flux("apps", "./apps", f"  {PATCH}")},
        REMOTE,
    ),
    "the namespace that a Flux Kustomization puts into what it makes": (
        {**FLUX, "apps/kustomization.yaml": None, "apps/operator/kustomization.yaml": f"resources: ['{URL}']\n"},
        {"clusters/prod/apps.yaml": flux("apps", "./apps", "  targetNamespace: other\n")},
        REMOTE,
    ),
    "images of a Flux Kustomization": (
        FLUX,
        {"clusters/prod/apps.yaml": flux("apps", "./apps", "  images: [{name: operator, newName: evil}]\n")},
        REMOTE,
    ),
    "variables of a Flux Kustomization": (
        {**FLUX, "clusters/prod/apps.yaml": flux("apps", "./apps", "  postBuild: {substitute: {image: good}}\n")},
        {"clusters/prod/apps.yaml": flux("apps", "./apps", "  postBuild: {substitute: {image: evil}}\n")},
        REMOTE,
    ),
    "a ConfigMap with variables of a Flux Kustomization": (
        {
            **FLUX,
            "clusters/prod/vars.yaml": config_map("vars", namespace="flux-system"),
            "clusters/prod/apps.yaml": flux(
                "apps", "./apps", "  postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n"
            ),
        },
        {"clusters/prod/vars.yaml": config_map("vars", namespace="flux-system") + "  image: evil\n"},
        REMOTE,
    ),
    "metadata of a Flux Kustomization": (
        FLUX,
        {"clusters/prod/apps.yaml": flux("apps", "./apps", "  commonMetadata: {annotations: {a: b}}\n")},
        REMOTE,
    ),
    "another cluster of a Flux Kustomization": (
        FLUX,
        {"clusters/prod/apps.yaml": flux("apps", "./apps", "  kubeConfig: {secretRef: {name: other}}\n")},
        REMOTE,
    ),
    "patches of an Application": (
        ARGO,
        {"argocd/web.yaml": argo(f"    kustomize:\n      {PATCH}")},
        REMOTE,
    ),
    "another namespace of an Application": (ARGO, {"argocd/web.yaml": argo(namespace="other")}, REMOTE),
    "overrides beside an Application's kustomization": (
        ARGO,
        {"apps/.argocd-source.yaml": "kustomize: {namePrefix: evil-}\n"},
        REMOTE,
    ),
    "values of a chart": (VALUES, {"app/v.yaml": "image: evil\n"}, HELM),
    "values in a chart": (VALUES, {"app/charts/web/values.yaml": "image: evil\n"}, HELM),
}


def judge(
    repository: RepositoryBuilder, base: Mapping[str, Content | None], change: Mapping[str, Content | None]
) -> tuple[str, list[str]]:
    """The verdict, and rules of new findings that block."""
    repository.commit(dict(base))
    repository.branch("change")
    repository.commit(dict(change), branch="change")
    report = check(repository.path, "--base", "main", "--head", "change").report
    return report["verdict"], sorted({finding["rule"] for finding in report["findings"] if finding["blocking"]})


@pytest.mark.parametrize("way", UNSEEN)
def test_what_decides_on_unjudged_content_cannot_change_unseen(repository: RepositoryBuilder, way: str) -> None:
    base, change, rule = UNSEEN[way]
    verdict, rules = judge(repository, base, change)
    assert verdict == "rejected"
    assert rule in rules


# What is fetched is a file, and all else is judged

ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: operator, namespace: operators}\n"
RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: shop}\n"
    "spec: {interval: 5m, chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: web}}}}\n"
)
OPERATOR: dict[str, Content | None] = {
    "apps/kustomization.yaml": f"resources: [web, operator, release.yaml, vars.yaml]\nnamespace: shop\n{PATCH}",
    "apps/release.yaml": RELEASE,
    "apps/vars.yaml": config_map("vars"),
    "apps/web/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: files, files: [a.txt]}]\n",
    "apps/web/web.yaml": deployment(),
    "apps/web/a.txt": "good\n",
    "apps/operator/kustomization.yaml": f"resources: [account.yaml, '{URL}']\nimages: [{{name: operator, newTag: v1}}]\n",
    "apps/operator/account.yaml": ACCOUNT,
}
DASHBOARDS: dict[str, Content | None] = {
    "apps/kustomization.yaml": "resources: [web, monitoring]\n",
    "apps/web/kustomization.yaml": "resources: [web.yaml]\nnamespace: shop\n",
    "apps/web/web.yaml": deployment(),
    "apps/monitoring/kustomization.yaml": "resources: [release.yaml]\nconfigMapGenerator:\n"
    f"- {{name: boards, namespace: shop, files: ['a.json={URL}', b.json], options: {{disableNameSuffixHash: true}}}}\n"
    "- {name: own, files: [b.json]}\n",
    "apps/monitoring/release.yaml": RELEASE,
    "apps/monitoring/b.json": "{}\n",
}


def edited(files: dict[str, Content | None], path: str, old: str, new: str) -> dict[str, Content | None]:
    """A change of one file."""
    text = files[path]
    assert isinstance(text, str)
    assert old in text
    return {path: text.replace(old, new, 1)}


def with_text(files: dict[str, Content | None], path: str, old: str, new: str) -> dict[str, Content | None]:
    """The same files with another text in one of them."""
    return {**files, **edited(files, path, old, new)}


GENERATED: dict[str, Content | None] = {
    **{path: text for path, text in FLUX.items() if path != "apps/kustomization.yaml"},
    "apps/operator/kustomization.yaml": f"resources: ['{URL}']\n",
}

FINE: dict[str, tuple[dict[str, Content | None], dict[str, Content | None]]] = {
    "an object beside what is fetched is edited": (
        OPERATOR,
        edited(OPERATOR, "apps/web/web.yaml", "replicas: 2", "replicas: 3"),
    ),
    "an object that others may refer to is edited": (
        OPERATOR,
        {"apps/operator/account.yaml": ACCOUNT.replace("}", ", labels: {a: b}}")},
    ),
    "a release comes": (
        OPERATOR,
        {
            **edited(OPERATOR, "apps/kustomization.yaml", "release.yaml", "release.yaml, more.yaml, new"),
            "apps/more.yaml": RELEASE.replace("web", "more"),
            "apps/new/kustomization.yaml": "namespace: new\nresources: [release.yaml]\n",
            "apps/new/release.yaml": RELEASE.replace("web", "new"),
        },
    ),
    "a release goes": (
        OPERATOR,
        {**edited(OPERATOR, "apps/kustomization.yaml", "release.yaml, ", ""), "apps/release.yaml": None},
    ),
    "a generator's file is edited": (OPERATOR, {"apps/web/a.txt": "better\n"}),
    "a Flux Kustomization's objects are edited": (FLUX, {"apps/web.yaml": deployment(replicas=3)}),
    "a Flux Kustomization is applied more often": (
        FLUX,
        edited(FLUX, "clusters/prod/apps.yaml", "interval: 10m", "interval: 5m"),
    ),
    "a release comes into what a Flux Kustomization applies": (
        FLUX,
        {
            **edited(FLUX, "apps/kustomization.yaml", "web.yaml", "web.yaml, release.yaml"),
            "apps/release.yaml": RELEASE,
        },
    ),
    "a release comes where Flux makes the kustomization": (
        GENERATED,
        {"apps/release.yaml": RELEASE},
    ),
    "a release comes into what an Application applies": (
        ARGO,
        {
            **edited(ARGO, "apps/kustomization.yaml", "web.yaml", "web.yaml, release.yaml"),
            "apps/release.yaml": RELEASE,
        },
    ),
    "an Application's objects are edited": (ARGO, {"apps/web.yaml": deployment(replicas=3)}),
    "a workload comes where only data is fetched": (
        DASHBOARDS,
        {
            **edited(DASHBOARDS, "apps/kustomization.yaml", "web, ", "web, new, "),
            "apps/new/kustomization.yaml": "namePrefix: a-\nresources: [web.yaml]\nreplacements: []\n",
            "apps/new/web.yaml": deployment("new"),
        },
    ),
    "another generator's file is edited where only data is fetched": (
        with_text(DASHBOARDS, "apps/monitoring/kustomization.yaml", "', b.json]", "']"),
        {"apps/monitoring/b.json": '{"a": 1}\n'},
    ),
}
EVIL_ACCOUNT = ACCOUNT.replace("operator,", "deployer,")
FORMERLY = (
    "annotations: {internal.config.kubernetes.io/previousNames: deployer, "
    "internal.config.kubernetes.io/previousNamespaces: operators, "
    "internal.config.kubernetes.io/previousKinds: ServiceAccount}"
)
REPLACEMENT = (
    "replacements: [{source: {kind: ConfigMap, name: vars, fieldPath: data.key}, targets: "
    "[{select: {kind: HelmRelease}, fieldPaths: [spec.interval]}]}]\n"
)

BLOCKED: dict[str, tuple[dict[str, Content | None], dict[str, Content | None]]] = {
    "another URL": (OPERATOR, edited(OPERATOR, "apps/operator/kustomization.yaml", "v1/install", "v2/install")),
    "a second URL": (
        OPERATOR,
        edited(
            OPERATOR, "apps/operator/kustomization.yaml", "account.yaml", f"account.yaml, '{URL.replace('v1', 'v2')}'"
        ),
    ),
    "the URL twice, under another prefix": (
        OPERATOR,
        {
            **edited(OPERATOR, "apps/kustomization.yaml", "web,", "web, again,"),
            "apps/again/kustomization.yaml": f"namePrefix: again-\nresources: ['{URL}']\n",
        },
    ),
    "an image beside what is fetched": (
        OPERATOR,
        edited(OPERATOR, "apps/operator/kustomization.yaml", "newTag: v1", "newTag: v0"),
    ),
    "a patch above what is fetched": (
        OPERATOR,
        edited(OPERATOR, "apps/kustomization.yaml", '"value": 9', '"value": 0'),
    ),
    "a patch where there was none": (
        OPERATOR,
        edited(OPERATOR, "apps/operator/kustomization.yaml", "images:", "patches: [{path: p.yaml}]\nimages:")
        | {"apps/operator/p.yaml": deployment()},
    ),
    "the file of a patch": (
        with_text(OPERATOR, "apps/kustomization.yaml", "patches: [", "patches: [{path: p.yaml}, ")
        | {"apps/p.yaml": deployment()},
        {"apps/p.yaml": deployment(replicas=9)},
    ),
    "the file of a patch that is an object, too": (
        with_text(
            OPERATOR,
            "apps/kustomization.yaml",
            "patches: [",
            "patches: [{path: release.yaml, target: {kind: HelmRelease}}, ",
        ),
        edited(OPERATOR, "apps/release.yaml", "interval: 5m", "interval: 6m"),
    ),
    "a patch through a link": (
        with_text(OPERATOR, "apps/kustomization.yaml", "patches: [", "patches: [{path: p.yaml}, ")
        | {"apps/p.yaml": Link("one.yaml"), "apps/one.yaml": deployment(), "apps/two.yaml": deployment(replicas=9)},
        {"apps/p.yaml": Link("two.yaml")},
    ),
    "a namespace": (OPERATOR, edited(OPERATOR, "apps/kustomization.yaml", "namespace: shop", "namespace: other")),
    "a prefix": (
        OPERATOR,
        edited(OPERATOR, "apps/kustomization.yaml", "namespace: shop", "namespace: shop\nnamePrefix: a-"),
    ),
    "labels": (
        OPERATOR,
        edited(OPERATOR, "apps/kustomization.yaml", "namespace: shop", "namespace: shop\ncommonLabels: {a: b}"),
    ),
    "a component": (
        OPERATOR,
        edited(OPERATOR, "apps/kustomization.yaml", "namespace:", "components: [c]\nnamespace:")
        | {"apps/c/kustomization.yaml": f"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{PATCH}"},
    ),
    "an object of a component": (
        with_text(OPERATOR, "apps/kustomization.yaml", "namespace:", "components: [c]\nnamespace:")
        | {
            "apps/c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [r.yaml]\n",
            "apps/c/r.yaml": RELEASE.replace("web", "c"),
        },
        {"apps/c/r.yaml": RELEASE.replace("web", "c").replace("5m", "6m")},
    ),
    "the source of a replacement": (
        with_text(OPERATOR, "apps/kustomization.yaml", "namespace:", f"{REPLACEMENT}namespace:"),
        {"apps/vars.yaml": config_map("vars", data="key: evil")},
    ),
    "the source of a variable in another kustomization": (
        with_text(
            OPERATOR,
            "apps/web/kustomization.yaml",
            "resources:",
            "vars: [{name: X, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}]\nresources:",
        ),
        edited(OPERATOR, "apps/web/web.yaml", "replicas: 2", "replicas: 3"),
    ),
    "a variable in another kustomization": (
        OPERATOR,
        edited(
            OPERATOR,
            "apps/web/kustomization.yaml",
            "resources:",
            "vars: [{name: X, objref: {apiVersion: apps/v1, kind: Deployment, name: web}}]\nresources:",
        ),
    ),
    "a configuration in another kustomization": (
        OPERATOR,
        edited(OPERATOR, "apps/web/kustomization.yaml", "resources:", "configurations: [c.yaml]\nresources:")
        | {"apps/web/c.yaml": "nameReference: [{kind: HelmRelease, fieldSpecs: [{kind: Deployment, path: spec/a}]}]\n"},
    ),
    "a schema for merging in another kustomization": (
        OPERATOR,
        edited(OPERATOR, "apps/web/kustomization.yaml", "resources:", "openapi: {path: s.json}\nresources:")
        | {"apps/web/s.json": '{"definitions": {}}\n'},
    ),
    "a transformer": (
        OPERATOR,
        edited(OPERATOR, "apps/operator/kustomization.yaml", "images:", "transformers: [t.yaml]\nimages:")
        | {"apps/operator/t.yaml": "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: x}\nprefix: a-\n"},
    ),
    "a generator that merges into what is fetched": (
        OPERATOR,
        edited(
            OPERATOR,
            "apps/operator/kustomization.yaml",
            "images:",
            "configMapGenerator: [{name: settings, behavior: merge, literals: [a=b]}]\nimages:",
        ),
    ),
    "a file of a generator that merges into what is fetched": (
        with_text(
            OPERATOR,
            "apps/operator/kustomization.yaml",
            "images:",
            "configMapGenerator: [{name: settings, behavior: merge, files: [a.txt]}]\nimages:",
        )
        | {"apps/operator/a.txt": "good"},
        {"apps/operator/a.txt": "evil"},
    ),
    "an account by whose new namespace a fetched binding is edited": (
        OPERATOR,
        edited(OPERATOR, "apps/operator/kustomization.yaml", "account.yaml", "evil.yaml, account.yaml")
        | {"apps/operator/evil.yaml": EVIL_ACCOUNT},
    ),
    "an account in a list": (
        OPERATOR,
        edited(OPERATOR, "apps/operator/kustomization.yaml", "account.yaml", "evil.yaml, account.yaml")
        | {
            "apps/operator/evil.yaml": "apiVersion: v1\nkind: List\nitems:\n- "
            + EVIL_ACCOUNT.replace("\n", "\n  ").rstrip()
            + "\n"
        },
    ),
    "an account that takes the place of another": (OPERATOR, {"apps/operator/account.yaml": EVIL_ACCOUNT}),
    "an account that says what it was called": (
        OPERATOR,
        {"apps/operator/account.yaml": ACCOUNT.replace("}", f", {FORMERLY}}}")},
    ),
    "a release that says what it was": (
        OPERATOR,
        {"apps/release.yaml": RELEASE.replace("namespace: shop}", f"namespace: shop, {FORMERLY}}}")},
    ),
    "an annotation that says what kind everything was": (
        OPERATOR,
        edited(
            OPERATOR,
            "apps/web/kustomization.yaml",
            "resources:",
            "commonAnnotations: {internal.config.kubernetes.io/previousKinds: ServiceAccount}\nresources:",
        ),
    ),
    "another order of what is referred to": (
        with_text(OPERATOR, "apps/operator/kustomization.yaml", "account.yaml,", "account.yaml, more.yaml,")
        | {"apps/operator/more.yaml": EVIL_ACCOUNT},
        edited(OPERATOR, "apps/operator/kustomization.yaml", "account.yaml,", "more.yaml, account.yaml,"),
    ),
    "an overlay that patches it": (
        OPERATOR,
        {"overlay/kustomization.yaml": f"resources: [../apps]\n{PATCH}"},
    ),
    "a directory of a repository, beside which an object is edited": (
        with_text(OPERATOR, "apps/operator/kustomization.yaml", URL, "https://github.com/org/operator//config?ref=v1"),
        edited(OPERATOR, "apps/web/web.yaml", "replicas: 2", "replicas: 3"),
    ),
    "a file that is part of fetched data": (DASHBOARDS, {"apps/monitoring/b.json": '{"a": 1}\n'}),
    "options of fetched data": (
        DASHBOARDS,
        edited(DASHBOARDS, "apps/monitoring/kustomization.yaml", "disableNameSuffixHash: true", "labels: {a: b}"),
    ),
    "a patch of fetched data": (
        DASHBOARDS,
        edited(
            DASHBOARDS,
            "apps/kustomization.yaml",
            "resources:",
            "patches: [{patch: '[]', target: {kind: ConfigMap}}]\nresources:",
        ),
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_is_judged_beside_fetched_files_may_change(repository: RepositoryBuilder, case: str) -> None:
    base, change = FINE[case]
    assert judge(repository, base, change) == ("accepted", [])


@pytest.mark.parametrize("attack", BLOCKED)
def test_what_reaches_fetched_objects_blocks(repository: RepositoryBuilder, attack: str) -> None:
    base, change = BLOCKED[attack]
    verdict, rules = judge(repository, base, change)
    assert verdict == "rejected"
    assert REMOTE in rules


@pytest.mark.parametrize("files", [OPERATOR, DASHBOARDS, FLUX, ARGO], ids=["file", "data", "Flux", "Argo CD"])
def test_mistakes_beside_what_is_fetched_are_found(
    repository: RepositoryBuilder, files: dict[str, Content | None]
) -> None:
    path = "apps/web/web.yaml" if "apps/web/web.yaml" in files else "apps/web.yaml"
    verdict, rules = judge(repository, files, {path: deployment(extra=MISSPELT)})
    assert (verdict, rules) == ("rejected", ["schema/unknown-field"])


FETCHED = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: operator, namespace: operators}
- {kind: ServiceAccount, name: deployer, namespace: operators}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, namespace: operators}
spec:
  selector: {matchLabels: {app: operator}}
  template:
    metadata: {labels: {app: operator}}
    spec:
      serviceAccountName: operator
      containers: [{name: operator, image: operator, envFrom: [{configMapRef: {name: vars}}]}]
"""


def as_if_fetched(files: Mapping[str, Content | None]) -> dict[str, str | bytes]:
    """The same tree with a file in the place of what a URL names."""
    texts = {path: text for path, text in files.items() if isinstance(text, str)}
    places = {path.rpartition("/")[0] for path, text in texts.items() if f"'{URL}'" in text or f"={URL}" in text}
    copies = {f"{place}/fetched.yaml": FETCHED for place in places}
    return {**{path: text.replace(URL, "fetched.yaml") for path, text in texts.items()}, **copies}


def objects(snapshot: Snapshot, *, fetched: bool) -> list[object]:
    """Names and data of what was fetched, or of all else."""
    marked = (one for one in snapshot.resources if one.origin.path.endswith("fetched.yaml") or "boards" in one.id.name)
    ids = {id(one) for one in marked}
    return [(str(one.id), one.data) for one in snapshot.resources if (id(one) in ids) == fetched]


@pytest.mark.parametrize("case", [case for case, (files, _) in FINE.items() if files not in (FLUX, ARGO, GENERATED)])
def test_what_may_change_leaves_fetched_objects_as_they_are_and_is_judged_as_it_comes_out(case: str) -> None:
    base, change = FINE[case]
    after = {**base, **change}
    real, real_after = render(as_if_fetched(base)), render(as_if_fetched(after))
    assert objects(real, fetched=True)
    assert objects(real, fetched=True) == objects(real_after, fetched=True)
    judged = render({path: text for path, text in after.items() if isinstance(text, str)})
    assert objects(judged, fetched=False) == objects(real_after, fetched=False)


@pytest.mark.parametrize(
    "attack",
    [
        "an account by whose new namespace a fetched binding is edited",
        "an account in a list",
        "an account that takes the place of another",
        "an account that says what it was called",
    ],
)
def test_such_accounts_would_be_given_what_a_fetched_binding_grants(attack: str) -> None:
    """Why names and kustomize's own annotations of objects beside fetched ones count: kustomize edits references."""
    base, change = BLOCKED[attack]
    before, after = render(as_if_fetched(base)), render(as_if_fetched({**base, **change}))
    assert codes(after) == []
    assert objects(before, fetched=True) != objects(after, fetched=True)


def test_a_report_names_what_was_not_rendered_and_the_command_that_makes_a_copy(repository: RepositoryBuilder) -> None:
    repository.commit(OPERATOR)
    report = check(repository.path, "--base", "main", "--head", "main").report
    (finding,) = (finding for finding in report["findings"] if finding["rule"] == REMOTE)
    assert finding["message"] == f"'{URL}' would be fetched over the network; all else is rendered without it"
    assert finding["fix"] == f"Commit it and name the copy: curl -fsSL -o install.yaml '{URL}'"
    ended = gitgate("coverage", "HEAD", cwd=repository.path)
    assert ended.code == 1
    told = dict(reversed(line.split()) for line in ended.stdout.splitlines() if line.split()[-1].startswith("apps/"))
    partly = {"apps/kustomization.yaml", "apps/operator/kustomization.yaml"}
    assert {path for path, verdict in told.items() if verdict == "partly"} == partly
    assert {verdict for path, verdict in told.items() if path not in partly} == {"consumed"}
    plan = gitgate("plan", "HEAD", "HEAD", cwd=repository.path).stdout
    assert "apps/operator/kustomization.yaml" in plan


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("https://github.com/org/repo//config?ref=v1", "kustomize build 'https://github.com/org/repo//config?ref=v1'"),
        ("github.com/org/repo", "kustomize build 'github.com/org/repo'"),
        ("https://example.com/a.yaml';sudo reboot;'", None),
        ("https://example.com/$(reboot).yaml", None),
        ("git@example.com:org/repo", "kustomize build 'git@example.com:org/repo'"),
        ("git@example.com:org/-x", None),
        ("https://user:secret@example.com/-o.yaml", None),
    ],
)
def test_a_command_is_only_told_where_a_shell_takes_it_as_it_is_read(text: str, command: str | None) -> None:
    snapshot = render({"kustomization.yaml": f'resources: ["{text}"]\n'})
    (problem,) = (problem for problem in snapshot.problems if problem.code == "kustomize-remote-reference")
    assert problem.fix is not None
    assert (command in problem.fix) if command else ("'" not in problem.fix and "name the copy." in problem.fix)
