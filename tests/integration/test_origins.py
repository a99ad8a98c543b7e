"""Where the field of a rendered object leads to: the line that a person would edit, and how certain that is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from gitgate.finding import Finding, Severity
from gitgate.location import FieldPath
from gitgate.locator import Locator
from gitgate.sources.registry import render_tree
from tests.support.rendering import context, tree

APPLICATION = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n"
APPLICATION += "  destination: {namespace: web}\n  source:\n    repoURL: https://example.com/ours.git\n"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  paused: false
  template:
    metadata: {labels: {app: web}}
    spec:
      hostname: ${HOST}
      containers:
        - name: web
          image: example.com/web:1
          env:
            - {name: PLACE, value: "${PLACE}"}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: facts}\ndata:\n  owner: blue\n  PLACE: here\n"
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\ndependencies: [{name: db, version: 1.0.0}]\n",
    "chart/values.yaml": "replicas: 3\nimage:\n  name: example.com/web\n  tag: v1\nlimits:\n  cpu: 250m\nport: 8080\ndb:\n  size: 9\n",
    "chart/templates/web.yaml": """\
{{- if .Values.port }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  paused: false
  minReadySeconds: {{ add .Values.replicas 40 }}
  template:
    spec:
      serviceAccountName: {{ include "who" . }}
      containers:
        - name: web
          image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"
          resources:
            limits:
              {{- toYaml .Values.limits | nindent 14 }}
          ports:
            - containerPort: {{ .Values.port }}
{{- end }}
""",
    "chart/templates/_who.tpl": '{{ define "who" }}{{ .Values.account | default "nobody" }}{{ end }}',
    "chart/charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "chart/charts/db/values.yaml": "size: 5\ncolour: red\n",
    "chart/charts/db/templates/db.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: db\ndata:\n  size: {{ .Values.size | quote }}\n"
        "  colour: {{ .Values.colour }}\n"
    ),
}
IMAGE: FieldPath = ("spec", "template", "spec", "containers", 0, "image")
LIMIT: FieldPath = ("spec", "template", "spec", "containers", 0, "resources", "limits", "cpu")
ACCOUNT: FieldPath = ("spec", "template", "spec", "serviceAccountName")


class Case(NamedTuple):
    """Files, a field of an object that they render to, and where it leads: `path:line precision setter | text`."""

    files: Mapping[str, str]
    kind: str
    field: FieldPath
    place: str


def kustomized(more: str, **files: str) -> dict[str, str]:
    """A base, and an overlay upon it."""
    head = "resources: [../base]\n"
    return {
        "base/kustomization.yaml": "resources: [web.yaml, facts.yaml]\n", "base/web.yaml": WEB, "base/facts.yaml": CONFIG,
        "over/kustomization.yaml": head + textwrap.dedent(more),
        **{f"over/{name}.yaml": textwrap.dedent(text) for name, text in files.items()},
    }  # fmt: skip


def flux(more: str = "", *others: str) -> dict[str, str]:
    """A cluster whose only Kustomization applies `base`, and objects beside it."""
    source = (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n"
        "spec: {interval: 1m, url: 'ssh://git@example.com/a/b'}\n"
    )
    head = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {0}, namespace: flux-system}}\n"
    head += (
        "spec:\n  interval: 1m\n  prune: true\n  path: {1}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n"
    )
    return {
        "clusters/one/flux-system/sync.yaml": head.format("flux-system", "./clusters/one") + "---\n" + source,
        "clusters/one/base.yaml": head.format("base", "./base") + textwrap.indent(textwrap.dedent(more), "  "),
        "base/kustomization.yaml": "resources: [web.yaml, facts.yaml]\n", "base/web.yaml": WEB, "base/facts.yaml": CONFIG,
        **{f"clusters/one/{number}.yaml": textwrap.dedent(text) for number, text in enumerate(others)},
    }  # fmt: skip


def release(more: str = "", *others: str) -> dict[str, str]:
    """A release of the chart."""
    head = """\
        apiVersion: helm.toolkit.fluxcd.io/v2
        kind: HelmRelease
        metadata: {name: shop, namespace: flux-system}
        spec:
          interval: 1m
          chart:
            spec:
              chart: ./chart
              sourceRef: {kind: GitRepository, name: flux-system}
        """
    return {**flux("", textwrap.dedent(head) + textwrap.indent(textwrap.dedent(more), "  "), *others), **CHART}


def application(more: str) -> dict[str, str]:
    """An Application of the chart."""
    return {"app.yaml": APPLICATION + textwrap.indent(textwrap.dedent(more), "    "), **CHART}


SCALE = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 7\n"
REPLICAS: FieldPath = ("spec", "replicas")
CASES = {
    "the manifest itself": Case(
        kustomized("namePrefix: x-\n"), "Deployment", REPLICAS, "base/web.yaml:6 exact | replicas: 2"
    ),
    "a patch file": Case(
        kustomized("patches: [{path: scale.yaml}]", scale=SCALE), "Deployment", REPLICAS,
        "over/scale.yaml:6 exact patch | replicas: 7",
    ),
    "a patch in place": Case(
        kustomized("patches:\n  - patch: |-\n" + textwrap.indent(SCALE, "      ")), "Deployment", REPLICAS,
        "over/kustomization.yaml:9 exact patch | replicas: 7",
    ),
    "a JSON patch in one line": Case(
        kustomized("""\
            patches:
              - target: {kind: Deployment}
                patch: '[{"op": "replace", "path": "/spec/replicas", "value": 7}]'
            """), "Deployment", REPLICAS,
        """over/kustomization.yaml:4 exact patch | patch: '[{"op": "replace", "path": "/spec/replicas", "value": 7}]'""",
    ),
    "two patches that say the same": Case(
        kustomized("patches: [{path: scale.yaml}, {path: again.yaml}]", scale=SCALE, again=SCALE), "Deployment", REPLICAS,
        "over/again.yaml:6 likely patch | replicas: 7",
    ),
    "a patch of another overlay is not it": Case(
        {**kustomized("replicas: [{name: web, count: 7}]"),
         "other/kustomization.yaml": "resources: [../base]\nnameSuffix: -other\npatches: [{path: scale.yaml}]\n",
         "other/scale.yaml": SCALE}, "Deployment", REPLICAS,
        "over/kustomization.yaml:2 exact replicas | replicas: [{name: web, count: 7}]",
    ),
    "an image": Case(
        kustomized("images:\n  - name: example.com/web\n    newTag: v9\n"), "Deployment", IMAGE,
        "over/kustomization.yaml:4 exact image | newTag: v9",
    ),
    "a label": Case(
        kustomized("labels:\n  - pairs:\n      team: red\n"), "Deployment", ("metadata", "labels", "team"),
        "over/kustomization.yaml:4 exact labels | team: red",
    ),
    "the namespace": Case(
        kustomized("namespace: shop\n"), "Deployment", ("metadata", "namespace"),
        "over/kustomization.yaml:2 exact namespace | namespace: shop",
    ),
    "a replacement": Case(
        kustomized("""\
            replacements:
              - source: {kind: ConfigMap, fieldPath: data.owner}
                targets:
                  - select: {kind: Deployment}
                    fieldPaths:
                      - spec.template.spec.hostname
            """), "Deployment", ("spec", "template", "spec", "hostname"),
        "over/kustomization.yaml:7 likely replacement | - spec.template.spec.hostname",
    ),
    "a literal of a generator": Case(
        {"kustomization.yaml": "configMapGenerator:\n  - name: made\n    literals:\n      - a=1\n      - b=2\n"},
        "ConfigMap", ("data", "b"), "kustomization.yaml:5 exact literal | - b=2",
    ),
    "a file of a generator": Case(
        {"kustomization.yaml": "configMapGenerator:\n  - name: made\n    files: [settings=app.conf]\n", "app.conf": "x\n"},
        "ConfigMap", ("data", "settings"), "app.conf:0 file file of a generator | ",
    ),
    "a field that nobody writes": Case(
        kustomized(""), "Deployment", ("spec", "selector"), "base/web.yaml:1 object | apiVersion: apps/v1"
    ),
    "a patch of a Flux Kustomization": Case(
        flux("patches:\n  - patch: |\n" + textwrap.indent(SCALE, "      ")), "Deployment", REPLICAS,
        "clusters/one/base.yaml:16 exact patch | replicas: 7",
    ),
    "metadata of a Flux Kustomization": Case(
        flux("commonMetadata:\n  labels:\n    team: red\n"), "Deployment", ("metadata", "labels", "team"),
        "clusters/one/base.yaml:11 exact commonMetadata | team: red",
    ),
    "a variable of a Flux Kustomization": Case(
        flux("postBuild:\n  substitute:\n    HOST: front\n"), "Deployment", ("spec", "template", "spec", "hostname"),
        "clusters/one/base.yaml:11 exact variable HOST | HOST: front",
    ),
    "a variable of a ConfigMap": Case(
        flux("postBuild:\n  substituteFrom: [{kind: ConfigMap, name: facts}]\n",
             CONFIG.replace("{name: facts}", "{name: facts, namespace: flux-system}")),
        "Deployment", ("spec", "template", "spec", "containers", 0, "env", 0, "value"),
        "clusters/one/0.yaml:6 exact variable PLACE | PLACE: here",
    ),
    "a value of a release": Case(
        release("values:\n  replicas: 12\n"), "Deployment", REPLICAS,
        "clusters/one/0.yaml:11 likely values key replicas | replicas: 12",
    ),
    "a value of a ConfigMap": Case(
        release("valuesFrom: [{kind: ConfigMap, name: more}]\n",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: flux-system}\ndata:\n"
                "  values.yaml: |\n    port: 1\n    replicas: 13\n"),
        "Deployment", REPLICAS, "clusters/one/1.yaml:7 likely values key replicas | replicas: 13",
    ),
    "a default value": Case(
        release(), "Deployment", REPLICAS, "chart/values.yaml:1 likely values key replicas | replicas: 3"
    ),
    "a value below one that the template puts in whole": Case(
        release("values:\n  limits:\n    cpu: 4\n"), "Deployment", LIMIT,
        "clusters/one/0.yaml:12 likely values key limits.cpu | cpu: 4",
    ),
    "two values in one field": Case(
        release(), "Deployment", IMAGE,
        """chart/templates/web.yaml:15 likely chart template | image: "{{ .Values.image.name }}:{{ .Values.image.tag }}\"""",
    ),
    "what the template spells": Case(
        release(), "Deployment", ("spec", "paused"), "chart/templates/web.yaml:8 exact chart template | paused: false"
    ),
    "what a template works out": Case(
        release(), "Deployment", ("spec", "minReadySeconds"),
        "chart/templates/web.yaml:9 likely chart template | minReadySeconds: {{ add .Values.replicas 40 }}",
    ),
    "a value that a helper brings": Case(
        release("values: {account: robot}\n"), "Deployment", ACCOUNT,
        "clusters/one/0.yaml:10 likely values key account | values: {account: robot}",
    ),
    "a value for a chart inside": Case(
        release(), "ConfigMap", ("data", "size"), "chart/values.yaml:9 likely values key db.size | size: 9"
    ),
    "a default value of a chart inside": Case(
        release(), "ConfigMap", ("data", "colour"),
        "chart/charts/db/values.yaml:2 likely values key db.colour | colour: red",
    ),
    "a patch of a post-renderer": Case(
        release("postRenderers:\n  - kustomize:\n      patches:\n        - target: {kind: Deployment}\n          patch: |\n"
                "            - op: add\n              path: /spec/replicas\n              value: 7\n"),
        "Deployment", REPLICAS, "clusters/one/0.yaml:17 exact patch | value: 7",
    ),
    "an object of an Application": Case(
        application("path: chart\nhelm:\n  valuesObject:\n    replicas: 21\n"), "Deployment", REPLICAS,
        "app.yaml:11 likely values key replicas | replicas: 21",
    ),
    "text of an Application": Case(
        application("path: chart\nhelm:\n  values: |\n    port: 1\n    replicas: 22\n"), "Deployment", REPLICAS,
        "app.yaml:12 likely values key replicas | replicas: 22",
    ),
    "a parameter of an Application": Case(
        application('path: chart\nhelm:\n  parameters:\n    - name: replicas\n      value: "23"\n'), "Deployment", REPLICAS,
        'app.yaml:12 likely values key replicas | value: "23"',
    ),
    "a values file of an Application": Case(
        {**application("path: chart\nhelm: {valueFiles: [/live.yaml]}\n"), "live.yaml": "a: 1\nreplicas: 24\n"},
        "Deployment", REPLICAS, "live.yaml:2 likely values key replicas | replicas: 24",
    ),
    "an image of an Application": Case(
        {"app.yaml": APPLICATION + "    path: base\n    kustomize:\n      images:\n        - example.com/web:v9\n",
         "base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": WEB},
        "Deployment", IMAGE, "app.yaml:11 exact image | - example.com/web:v9",
    ),
    "an Application that is a patch of its parent's": Case(
        {"apps/kustomization.yaml": "resources: [app.yaml]\npatches: [{path: more.yaml}]\n",
         "apps/app.yaml": APPLICATION + "    path: chart\n",
         "apps/more.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n"
         "spec:\n  source:\n    helm:\n      valuesObject:\n        replicas: 25\n",
         "root.yaml": APPLICATION.replace("name: web,", "name: root,") + "    path: apps\n", **CHART},
        "Deployment", REPLICAS, "apps/more.yaml:8 likely values key replicas | replicas: 25",
    ),
}  # fmt: skip


def located(case: Case) -> str:
    """Where the field leads."""
    files = tree(case.files)
    used = context()
    snapshot = render_tree(files, used)
    wanted = [one for one in snapshot.resources if one.id.kind == case.kind and one.origin.rendered_by is not None]
    resource = max(wanted, key=lambda one: one.origin.rendered_by in {"over", "chart"})
    finding = Finding(
        rule="policy/some", severity=Severity.ERROR, message="", resource=resource.id, field=case.field,
        origin=resource.origin,
    )  # fmt: skip
    place = Locator(files, snapshot, used.documents).locate(finding).location
    assert place is not None
    line = place.position.line if place.position is not None else 0
    how = " ".join(part for part in (place.precision.value, place.set_by) if part)
    return f"{place.path}:{line} {how} | {(place.excerpt or '').strip()}"


@pytest.mark.parametrize("name", CASES)
def test_a_field_leads_to_the_line_that_sets_it(name: str) -> None:
    assert located(CASES[name]) == CASES[name].place


def test_what_is_wrong_with_a_name_leads_to_the_name_and_not_to_the_variable_of_its_value() -> None:
    written = flux("postBuild: {substitute: {COUNT: '3'}}\n")
    written["base/web.yaml"] = WEB.replace("  replicas:", "  replcas: ${COUNT}\n  replicas:", 1)
    files, used = tree(written), context()
    snapshot = render_tree(files, used)
    resource = next(one for one in snapshot.resources if "replcas" in one.data.get("spec", {}))
    finding = Finding(
        rule="schema/unknown-field", severity=Severity.ERROR, message="", resource=resource.id, origin=resource.origin,
        field=("spec", "replcas"),
    )  # fmt: skip
    place = Locator(files, snapshot, used.documents).locate(finding).location
    assert place is not None
    assert (place.path, (place.excerpt or "").strip(), place.set_by) == ("base/web.yaml", "replcas: ${COUNT}", "")
