"""Charts that install something else in the cluster than they render to for review: what both hold is judged."""

from __future__ import annotations

import pytest

from tests.support.cli import Ended, check, gitgate
from tests.support.manifests import MISSPELT, config_map, deployment
from tests.support.rendering import require_helm
from tests.support.repository import Content, RepositoryBuilder


@pytest.fixture(autouse=True, scope="module")
def _helm() -> None:
    require_helm()


CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
GOOD = deployment().replace("  namespace: shop\n", "")
BAD = deployment("evil", extra=MISSPELT).replace("  namespace: shop\n", "")
PRIVILEGED = deployment("evil", extra="          securityContext: {privileged: true}\n").replace(
    "  namespace: shop\n", ""
)
POLICED = "version: 1\npolicy: {sets: [pod-security-baseline]}\n"
SYNC = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, ref: {branch: main}, url: 'https://example.com/app.git'}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, prune: true, path: ./clusters/one, sourceRef: {kind: GitRepository, name: flux-system}}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: flux-system}
spec:
  interval: 10m
  targetNamespace: shop
  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  project: default
  destination: {server: 'https://kubernetes.default.svc', namespace: shop}
  source: {repoURL: 'https://example.com/app.git', path: chart, targetRevision: HEAD}
"""
FLUX: dict[str, Content | None] = {
    "clusters/one/flux-system/gotk-sync.yaml": SYNC, "clusters/one/shop.yaml": RELEASE,
    "chart/Chart.yaml": CHART, "chart/templates/web.yaml": GOOD, ".gitgate/settings.yaml": POLICED,
}  # fmt: skip
ARGO: dict[str, Content | None] = {
    "argocd/shop.yaml": APPLICATION, "chart/Chart.yaml": CHART, "chart/templates/web.yaml": GOOD,
    ".gitgate/settings.yaml": POLICED,
}  # fmt: skip
OLDER = {**FLUX, ".gitgate/settings.yaml": POLICED + "kubernetesVersions: ['1.33', '1.34']\n"}
NOBODY: dict[str, Content | None] = {
    "chart/Chart.yaml": CHART, "chart/templates/web.yaml": GOOD, ".gitgate/settings.yaml": POLICED,
}  # fmt: skip


def where(condition: str, text: str = PRIVILEGED) -> str:
    return f"{{{{ if {condition} }}}}\n{text}{{{{ end }}}}\n"


def judge(repository: RepositoryBuilder, base: dict[str, Content | None], template: str) -> Ended:
    repository.commit(base)
    repository.branch("change")
    repository.commit({"chart/templates/evil.yaml": template}, branch="change")
    return check(repository.path, "--base", "main", "--head", "change", "--verbose")


HIDDEN = {
    "an upgrade": (FLUX, ".Release.IsUpgrade"),
    "no installation": (FLUX, "not .Release.IsInstall"),
    "an upgrade of a chart that nobody installs": (NOBODY, ".Release.IsUpgrade"),
    "an API version": (FLUX, '.Capabilities.APIVersions.Has "monitoring.coreos.com/v1"'),
    "an API version, for Argo CD": (ARGO, '.Capabilities.APIVersions.Has "monitoring.coreos.com/v1"'),
    "an API version and no other": (
        FLUX,
        'and (.Capabilities.APIVersions.Has "a.example/v1") (not (.Capabilities.APIVersions.Has "b.example/v1"))',
    ),
    "an upgrade and an API version": (FLUX, 'and .Release.IsUpgrade (.Capabilities.APIVersions.Has "a.example/v1")'),
    "a kind that Kubernetes serves": (FLUX, '.Capabilities.APIVersions.Has "apps/v1/Deployment"'),
    "an API version in a variable": (FLUX, '$.Capabilities.APIVersions.Has (first (list "a.example/v1"))'),
    "an older cluster": (OLDER, 'semverCompare "<1.34-0" .Capabilities.KubeVersion.Version'),
}


@pytest.mark.parametrize("situation", HIDDEN)
def test_what_only_some_clusters_get_is_judged(repository: RepositoryBuilder, situation: str) -> None:
    base, condition = HIDDEN[situation]
    ended = judge(repository, base, where(condition))
    assert ended.code == 1, ended.stdout
    assert "policy/denied" in ended.stdout
    assert "chart/templates/evil.yaml" in ended.stdout


@pytest.mark.parametrize("condition", [condition for base, condition in HIDDEN.values() if base in (FLUX, OLDER)])
def test_a_harmless_condition_is_accepted(repository: RepositoryBuilder, condition: str) -> None:
    good = config_map("more").replace("  namespace: shop\n", "")
    ended = judge(repository, FLUX, where(condition, good))
    assert ended.code == 0, ended.stdout


def test_an_object_that_is_another_one_after_an_upgrade_is_judged_as_both(repository: RepositoryBuilder) -> None:
    template = (
        GOOD.replace("name: web", "name: more")
        + "          imagePull{{ if .Release.IsUpgrade }}Polici{{ else }}Policy{{ end }}: Always\n"
    )
    ended = judge(repository, FLUX, template)
    assert ended.code == 1, ended.stdout
    assert "schema/unknown-field" in ended.stdout
    assert "(where the release is upgraded)" in ended.stdout


def test_argo_cd_never_upgrades(repository: RepositoryBuilder) -> None:
    assert judge(repository, ARGO, where(".Release.IsUpgrade")).code == 0


UNDECIDED = {
    "the time": "gt (now | unixEpoch | int) 1999999999",
    "a rare number": "eq (randInt 0 100000) 7",
    "the number of the revision": "gt .Release.Revision 1",
    "a vendor": 'contains "gke" .Capabilities.KubeVersion.GitVersion',
    "all API versions": 'contains "example" (toString .Capabilities.APIVersions)',
    "four API versions": "or {}".format(
        " ".join(f'(.Capabilities.APIVersions.Has "{one}.example/v1")' for one in "abcd")
    ),
}


@pytest.mark.parametrize("situation", UNDECIDED)
def test_what_nobody_can_know_blocks(repository: RepositoryBuilder, situation: str) -> None:
    good = config_map("more").replace("  namespace: shop\n", "")
    ended = judge(repository, FLUX, where(UNDECIDED[situation], good))
    assert ended.code == 1, ended.stdout
    assert "schema/helm-undecided" in ended.stdout


def test_an_owner_under_a_condition_blocks(repository: RepositoryBuilder) -> None:
    release = RELEASE.replace("name: shop, namespace: flux-system", "name: more, namespace: shop")
    ended = judge(repository, FLUX, where(".Release.IsUpgrade", release))
    assert ended.code == 1, ended.stdout
    assert "schema/helm-undecided" in ended.stdout


def test_a_chart_that_fails_only_for_an_upgrade_is_told_and_not_rejected(repository: RepositoryBuilder) -> None:
    ended = judge(
        repository, FLUX, '{{ if .Release.IsUpgrade }}{{ required "give the old password" .Values.p }}{{ end }}\n'
    )
    assert ended.code == 0, ended.stdout
    assert "schema/helm-conditional-failure" in ended.stdout
    assert "where the release is upgraded, helm cannot render the chart chart" in ended.stdout


def test_post_renderers_are_laid_over_every_case(repository: RepositoryBuilder) -> None:
    patch = (
        "  postRenderers:\n    - kustomize:\n        patches:\n          - target: {kind: Deployment, name: evil}\n"
        "            patch: |\n              - {op: remove, path: /spec/template/spec/containers/0/securityContext}\n"
    )
    base = {**FLUX, "clusters/one/shop.yaml": RELEASE + patch}
    assert judge(repository, base, where(".Release.IsUpgrade")).code == 0


def test_two_reports_of_one_change_are_equal(repository: RepositoryBuilder) -> None:
    first = judge(repository, FLUX, where(".Release.IsUpgrade", PRIVILEGED + "---\n" + BAD.replace("evil", "odd")))
    second = check(repository.path, "--base", "main", "--head", "change", "--verbose")
    assert first.stdout == second.stdout
    assert first.stdout.count("schema/unknown-field") >= 1


def test_the_plan_names_what_it_leaves_out(repository: RepositoryBuilder) -> None:
    good = config_map("more").replace("  namespace: shop\n", "")
    judge(repository, FLUX, where('.Capabilities.APIVersions.Has "a.example/v1"', good))
    ended = gitgate("plan", "main", "change", cwd=repository.path)
    told = "Not in this plan: ConfigMap shop/more, as a chart renders it so only where the cluster has a.example/v1"
    assert told in ended.stdout
    repository.branch("taken", "change")
    repository.commit({"chart/templates/web.yaml": where(".Release.IsInstall", GOOD)}, branch="taken")
    ended = gitgate("plan", "change", "taken", cwd=repository.path)
    assert "Not in this plan: Deployment shop/web is deleted where the release is upgraded" in ended.stdout


LOOKUP = '{{ $old := lookup "v1" "Secret" "shop" "web" }}\n{{ if $old }}\n%s{{ end }}\n'
UNSEEN = {
    "a branch that a lookup opens": (LOOKUP, "schema/helm-lookup"),
    "a branch that the clock opens": (
        "{{ if gt (now | unixEpoch | int) 1999999999 }}\n%s{{ end }}\n",
        "schema/helm-undecided",
    ),
}


@pytest.mark.parametrize("situation", UNSEEN)
def test_what_is_edited_in_a_branch_that_is_not_rendered_is_new(repository: RepositoryBuilder, situation: str) -> None:
    template, rule = UNSEEN[situation]
    good = config_map("more").replace("  namespace: shop\n", "")
    base = {**FLUX, "chart/templates/evil.yaml": template % good}
    ended = judge(repository, base, template % PRIVILEGED)
    assert ended.code == 1, ended.stdout
    assert ended.rules() == [rule]


@pytest.mark.parametrize("situation", UNSEEN)
def test_a_branch_that_is_not_rendered_is_no_obstacle_to_other_changes(
    repository: RepositoryBuilder, situation: str
) -> None:
    template, _ = UNSEEN[situation]
    good = config_map("more").replace("  namespace: shop\n", "")
    repository.commit({**FLUX, "chart/templates/evil.yaml": template % good})
    repository.branch("change")
    repository.commit({"clusters/one/shop.yaml": RELEASE.replace("10m", "20m")}, branch="change")
    assert check(repository.path, "--base", "main", "--head", "change").code == 0


TIMED = "{{ if gt (now | unixEpoch | int) 1999999999 }}x{{ end }}"
TEMPLATES: dict[str, dict[str, Content | None]] = {
    "a value that is spelt otherwise": {
        "chart/templates/evil.yaml": "# {{ tpl .Values.a . }}\n",
        "chart/values.yaml": 'a: "' + TIMED.replace("{{", r"\x7b\x7b") + '"\n',
    },
    "a text of the chart": {"chart/templates/evil.yaml": '{{ tpl (.Files.Get "evil.txt") . }}\n', "chart/evil.txt": TIMED},
    "two halves in the values": {
        "chart/templates/evil.yaml": "{{ tpl (print .Values.a .Values.b) . }}\n",
        "chart/values.yaml": "a: '# {{ no'\nb: 'w }}' # {{\n",
    },
    "two halves in the release": {
        "chart/templates/evil.yaml": "{{ tpl (print .Values.a .Values.b) . }}\n",
        "clusters/one/shop.yaml": RELEASE + "  values: {a: '# {{ no', b: 'w }}'}\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("situation", TEMPLATES)
def test_what_tpl_renders_is_looked_through(repository: RepositoryBuilder, situation: str) -> None:
    repository.commit(FLUX)
    repository.branch("change")
    repository.commit(TEMPLATES[situation], branch="change")
    ended = check(repository.path, "--base", "main", "--head", "change")
    assert ended.code == 1, ended.stdout
    assert "schema/helm-undecided" in ended.rules()


CLAIM = (
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n"
    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
)
CONFIG = config_map("more").replace("  namespace: shop\n", "")
TAKEN: dict[str, tuple[str, str, str, list[str]]] = {
    "an object of the first installation": (
        CONFIG, CONFIG, "if .Release.IsInstall", ["schema/helm-conditional-deletion error"],
    ),
    "a claim where the cluster has an API": (
        CLAIM, CLAIM, 'if not (.Capabilities.APIVersions.Has "a.example/v1")',
        ["policy/denied error", "schema/helm-conditional-deletion error"],
    ),
    "another object where the cluster has an API": (
        CONFIG, CONFIG, 'if not (.Capabilities.APIVersions.Has "a.example/v1")',
        ["schema/helm-conditional-deletion warning"],
    ),
    "one that Helm keeps": (
        CONFIG.replace("metadata:\n", "metadata:\n  annotations: {helm.sh/resource-policy: keep}\n"), CONFIG,
        "if .Release.IsInstall", [],
    ),
    "one that is new": ("# nothing\n", CONFIG, "if .Release.IsInstall", []),
}  # fmt: skip


@pytest.mark.parametrize("situation", TAKEN)
def test_what_a_chart_takes_away_in_some_cases_is_told(repository: RepositoryBuilder, situation: str) -> None:
    before, after, condition, expected = TAKEN[situation]
    policed = "version: 1\npolicy: {sets: [gitops]}\n"
    base = {**FLUX, "chart/templates/evil.yaml": before, ".gitgate/settings.yaml": policed}
    ended = judge(repository, base, f"{{{{ {condition} }}}}\n{after}{{{{ end }}}}\n")
    found = [f"{one['rule']} {one['severity']}" for one in ended.report["findings"] if one["state"] == "new"]
    assert sorted(found) == expected
    assert ended.code == (1 if any("error" in one for one in expected) else 0)
