"""Ways around the gate: changes that an agent would apply otherwise than they were judged, each tried for real."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tests.support.cli import Ended, check
from tests.support.manifests import MISSPELT, config_map, crd, deployment, widget
from tests.support.repository import Content, Link, RepositoryBuilder, Submodule

BAD = deployment("evil", extra=MISSPELT)
WEB: dict[str, Content | None] = {"apps/web.yaml": deployment()}
PROD: dict[str, Content | None] = {
    "prod/kustomization.yaml": "resources: [web.yaml]\n",
    "prod/web.yaml": deployment(),
    "other/settings.yaml": config_map(),
}
CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [web.yaml, evil.yaml]\n"
NO_UNKNOWN = "version: 1\nschema: {allowUnknownGroups: []}\n"
UTF_16 = BAD.encode("utf-16")


def indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def judge(
    repository: RepositoryBuilder, base: dict[str, Content | None], change: dict[str, Content | None], *options: str
) -> Ended:
    repository.commit(base)
    repository.branch("change")
    repository.commit(change, branch="change")
    return check(repository.path, "--base", "main", "--head", "change", *options)


GIT_CRYPT = b"\0GITCRYPT\0\x12\x13\x14"
BINARY = b"\0\1\2"
SOPS = (
    "apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: shop}\nstringData:\n"
    "  key: ENC[AES256_GCM,data:c2VjcmV0,iv:aXY=,tag:dGFn,type:str]\nsops:\n"
    "  mac: ENC[AES256_GCM,data:bWFj,iv:aXY=,tag:dGFn,type:str]\n  version: 3.9.0\n"
)
APPLICATION = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n"
    "  destination: {server: 'https://kubernetes.default.svc', namespace: shop}\n"
    "  project: default\n  source: {repoURL: 'https://example.com/app.git', path: apps}\n"
)

ATTACKS: dict[str, tuple[dict[str, Content | None], dict[str, Content | None], str]] = {
    # What nothing can be read of any more
    "a manifest becomes an encrypted file": (WEB, {"apps/web.yaml": GIT_CRYPT}, "schema/opaque-file"),
    "a manifest becomes a binary file": (WEB, {"apps/web.yaml": BINARY}, "schema/opaque-file"),
    "a manifest that could not be read becomes a binary file": (
        {**WEB, "apps/more.yaml": "a: ["},
        {"apps/more.yaml": BINARY},
        "schema/opaque-file",
    ),
    "a Secret with encrypted values becomes an encrypted file": (
        {**WEB, "apps/keys.yaml": SOPS},
        {"apps/keys.yaml": GIT_CRYPT},
        "schema/opaque-file",
    ),
    "a manifest of an Application becomes an encrypted file": (
        {**WEB, "argocd/web.yaml": APPLICATION},
        {"apps/web.yaml": GIT_CRYPT},
        "schema/opaque-file",
    ),
    # What counts as having been there before
    "a defect moves from staging to production": (
        {"staging/web.yaml": deployment(extra=MISSPELT), "prod/web.yaml": deployment()},
        {"staging/web.yaml": deployment(), "prod/web.yaml": deployment(extra=MISSPELT)},
        "schema/unknown-field",
    ),
    "a defect moves from one overlay to another": (
        {
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": deployment(),
            "staging/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
            "staging/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
            "spec: {replica: 3}\n",
            "prod/kustomization.yaml": "resources: [../base]\n",
        },
        {
            "staging/kustomization.yaml": "resources: [../base]\n",
            "staging/p.yaml": None,
            "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
            "prod/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
            "spec: {replica: 3}\n",
        },
        "schema/unknown-field",
    ),
    "an object that nothing could judge before is changed": (
        {**WEB, "w.yaml": widget(), ".gitgate/settings.yaml": NO_UNKNOWN},
        {"w.yaml": widget(spec="size: 99")},
        "schema/unknown-kind",
    ),
    "a merge key that readers order differently gets other values": (
        {
            "a.yaml": config_map(data="a: {b: c}").replace(
                "data:\n  a: {b: c}", 'x-base: &x {k: "1"}\ndata:\n  k: "1"\n  <<: *x'
            )
        },
        {
            "a.yaml": config_map(data="a: {b: c}").replace(
                "data:\n  a: {b: c}", 'x-base: &x {k: "1"}\ndata:\n  k: "2"\n  <<: *x'
            )
        },
        "schema/yaml-merge-order",
    ),
    # Kustomizations that take things out of sight
    "a root of the base becomes a component that nobody uses": (
        PROD,
        {"prod/kustomization.yaml": COMPONENT, "prod/evil.yaml": BAD},
        "schema/unknown-field",
    ),
    "a kustomization that is a link, which Flux drops": (
        PROD,
        {
            "prod/kustomization.yaml": Link("real.yaml"),
            "prod/real.yaml": "resources: [web.yaml]\n",
            "prod/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    "a decoy kustomization below a directory that is read recursively": (
        WEB,
        {
            "apps/new/kustomization.yaml": "resources: [fine.yaml]\n",
            "apps/new/fine.yaml": config_map(),
            "apps/new/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    "a decoy kustomization mends below what is read recursively": (
        WEB,
        {
            "apps/new/kustomization.yaml": "resources: [evil.yaml]\npatches:\n- target: {kind: Deployment}\n"
            "  patch: '[{op: remove, path: /spec/template/spec/containers/0/imagePullPolice}]'\n",
            "apps/new/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    "a manifest that is the data of a decoy's ConfigMap": (
        WEB,
        {
            "apps/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: x, files: [evil.yaml]}]\n",
            "apps/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    "a manifest of the base that is the patch of a decoy": (
        {**WEB, "apps/evil.yaml": deployment("evil")},
        {
            "apps/kustomization.yaml": "resources: [web.yaml]\npatches: [{path: evil.yaml, target: {kind: None}}]\n",
            "apps/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    # Files that only look as if nobody read them
    "a JSON file in UTF-16": (WEB, {"apps/evil.json": UTF_16}, "schema/yaml-encoding"),
    "a JSON list with a manifest behind it": (
        WEB,
        {"apps/evil.json": "[]\n---\n%X\n" + BAD},
        "schema/yaml-syntax",
    ),
    "an escaped apiVersion in an unreadable JSON file": (
        WEB,
        {"apps/evil.json": '"\\x61piVersion": v1\n"kind": Pod\n"metadata": {name: a}\n"spec": {a: [}\n'},
        "schema/yaml-syntax",
    ),
    "an unreadable manifest where CI files are": (WEB, {".github/evil.yaml": UTF_16}, "schema/yaml-encoding"),
    "an unreadable manifest beside a decoy chart": (
        WEB,
        {"apps/Chart.yaml": CHART, "apps/new/evil.yaml": UTF_16},
        "schema/yaml-encoding",
    ),
    "a binary document behind a manifest": (
        WEB,
        {"apps/evil.yaml": f"{BAD}---\na: \0\n"},
        "schema/yaml-hidden-character",
    ),
    "a manifest behind what looks like age": (
        WEB,
        {"apps/evil.yaml": b"age-encryption.org/v1\n--- \n" + BAD.encode() + b"# \xff\n"},
        "schema/yaml-encoding",
    ),
    "a manifest among gitgate's own files": (WEB, {".gitgate/evil.yaml": BAD}, "schema/unknown-field"),
    "a manifest among the imported schemas": (WEB, {".gitgate/schemas/evil.yaml": BAD}, "schema/unknown-field"),
    "a list in a file of a program on workstations": (
        WEB,
        {"apps/evil.yaml": "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\nitems:\n- " + indented(BAD)},
        "schema/hidden-list",
    ),
    "the input of a function is a list like any other": (
        WEB,
        {"apps/evil.yaml": "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- " + indented(BAD)},
        "schema/unknown-field",
    ),
    # Sources that settings name
    "a decoy kustomization in a source that settings name": (
        {**WEB, ".gitgate/settings.yaml": "version: 1\nsources: [{path: apps}]\n"},
        {
            "apps/new/kustomization.yaml": "resources: [fine.yaml]\n",
            "apps/new/fine.yaml": config_map(),
            "apps/new/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    "a source that settings name becomes a link": (
        {**PROD, ".gitgate/settings.yaml": "version: 1\nsources: [{path: prod}, {path: other}]\n"},
        {
            "prod/kustomization.yaml": None,
            "prod/web.yaml": None,
            "prod": Link("real"),
            "real/kustomization.yaml": "resources: [evil.yaml]\n",
            "real/evil.yaml": BAD,
        },
        "schema/unknown-field",
    ),
    # Content that is somewhere else, or becomes something else on its way
    "the pointer to a file in LFS": (
        WEB,
        {"apps/evil.yaml": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n"},
        "schema/checkout-rewrites",
    ),
    "a checkout that encodes manifests anew": (
        WEB,
        {".gitattributes": "*.yaml working-tree-encoding=SHIFT_JIS\n"},
        "schema/checkout-rewrites",
    ),
    "a checkout that filters manifests": (
        WEB,
        {"apps/.gitattributes": "evil* filter=lfs\n"},
        "schema/checkout-rewrites",
    ),
    "a macro that filters manifests": (
        WEB,
        {".gitattributes": "[attr]x filter=lfs\n*.yaml x\n"},
        "schema/checkout-rewrites",
    ),
    "a manifest with a NUL, which no agent can read": (
        WEB,
        {"apps/web.yaml": f"{deployment()}\0"},
        "schema/yaml-hidden-character",
    ),
    "a definition that ceases to serve the version of an object": (
        {**WEB, "crd.yaml": crd(fields="size: {type: integer}"), "w.yaml": widget()},
        {"crd.yaml": crd(fields="size: {type: integer}").replace("served: true", "served: false")},
        "schema/unknown-kind",
    ),
    "an object of a version that its definition has never served": (
        {
            **WEB,
            "crd.yaml": crd(fields="size: {type: integer}").replace("served: true", "served: false"),
            "w.yaml": widget(),
        },
        {"w.yaml": widget(spec="size: 4")},
        "schema/unknown-kind",
    ),
    "a namespace that cannot be": (WEB, {"apps/map.yaml": config_map(namespace="A_B")}, "reconcile/blocked"),
    "settings that become a link, so that no later run reads them": (
        {**WEB, ".gitgate/settings.yaml": "version: 1\n", "settings.yaml": "version: 1\n"},
        {".gitgate/settings.yaml": Link("../settings.yaml")},
        "schema/settings-invalid",
    ),
    "settings under a name that is not read": (
        WEB,
        {".gitgate/settings.yml": "version: 1\n"},
        "schema/settings-invalid",
    ),
    "a submodule of another commit": (
        {**WEB, "apps/sub": Submodule("1" * 40)},
        {"apps/sub": Submodule("2" * 40)},
        "schema/submodule",
    ),
    "parameters that only Argo CD reads": (
        WEB,
        {"apps/.argocd-source.yaml": "kustomize: {images: [a=evil]}\n"},
        "schema/argocd-override",
    ),
    "parameters that Argo CD reads for one application": (
        {**WEB, "apps/.argocd-source-web.yaml": "kustomize: {images: [a=b]}\n"},
        {"apps/.argocd-source-web.yaml": "kustomize: {images: [a=evil]}\n"},
        "schema/argocd-override",
    ),
    "Jsonnet that Argo CD evaluates beside manifests": (
        WEB,
        {"apps/new/evil.jsonnet": '{apiVersion: "v1"}'},
        "schema/jsonnet-not-rendered",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_way_around(repository: RepositoryBuilder, attack: str) -> None:
    base, change, rule = ATTACKS[attack]
    ended = judge(repository, base, change)
    assert ended.code == 1, ended.stdout
    assert rule in ended.rules()


POLICED = "version: 1\npolicy: {sets: [pod-security-restricted, gitops]}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
URL = "https://git.example.com/org/fleet"
GIT_REPOSITORY = f"""\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: flux-system, namespace: flux-system}}
spec: {{interval: 1m, url: "{URL}", ref: {{branch: main}}}}
---
"""
OTHER_REPOSITORY = GIT_REPOSITORY.replace("{name: flux-system,", "{name: shared,").replace("org/fleet", "org/shared")
INCLUDING = GIT_REPOSITORY.replace("ref:", "include: [{repository: {name: shared}, toPath: apps/shared}], ref:")
PRIVILEGED = """\
apiVersion: v1
kind: Pod
metadata: {name: evil, namespace: shop, annotations: {}}
spec: {containers: [{name: evil, image: "a.example.com/b:1", securityContext: {privileged: true}}]}
"""
RESTRICTED = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: web
    image: a.example.com/b:1
    securityContext: {privileged: false, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
PRIVILEGED_PATCH = """\
patches:
- patch: |
    apiVersion: v1
    kind: Pod
    metadata: {name: web, namespace: shop}
    spec: {containers: [{name: web, securityContext: {privileged: true}}]}
"""
"""Makes the Pod above privileged."""
UNRENDERABLE = "resources: [web.yaml]\npatches: [{patch: 'a: {', target: {kind: Pod}}]\n"
REMOTE_BASE = "resources: [web.yaml, 'https://github.com/example/base//app?ref=v1']\n"
VARIABLES = "  postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n"
PLAIN_VARIABLES = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars, namespace: flux-system}\ndata: {ROLE: view}\n"
)
ROLE_PATCH = """\
patches:
- target: {kind: ClusterRoleBinding}
  patch: |
    [{"op": "replace", "path": "/roleRef/name", "value": "${ROLE}"}]
"""
SECRET_VARIABLES = "  postBuild: {substituteFrom: [{kind: Secret, name: vars}]}\n"


def shifted(text: str, columns: int) -> str:
    """Lines further to the right."""
    return "".join(" " * columns + line for line in text.splitlines(keepends=True))


def applied(name: str, path: str, more: str = "") -> str:
    """A Flux Kustomization."""
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec:\n  interval: 10m\n  path: {path}\n  prune: true\n"
        f"  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )


def release(more: str = "") -> str:
    """A HelmRelease of a chart of the repository."""
    return (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: flux-system}\n"
        "spec:\n  interval: 10m\n  chart:\n    spec:\n      chart: ./charts/shop\n"
        f"      sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )


def application(name: str, path: str, url: str = URL, revision: str = "main", more: str = "") -> str:
    """An Argo CD Application that prunes."""
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\n"
        "spec:\n  project: default\n  destination: {server: https://kubernetes.default.svc, namespace: shop}\n"
        "  syncPolicy: {automated: {prune: true}}\n"
        f"  source:\n    repoURL: {url}\n    targetRevision: {revision}\n    path: {path}\n{more}"
    )


OPERATED = POLICED + "schema: {allowUnknownGroups: [fluxcd.controlplane.io]}\n"


def instance(
    *,
    within: str = "object",
    url: str = URL,
    ref: str = "refs/heads/main",
    patches: Iterable[tuple[str, str, object]] = (),
) -> dict[str, Content | None]:
    """A cluster of the Flux operator: an instance as an object, as values of a release, or as a file of values."""
    spec = {
        "distribution": {"version": "2.x"},
        "sync": {"kind": "GitRepository", "url": url, "ref": ref, "path": "clusters/prod"},
        "kustomize": {
            "patches": [
                {"target": {"kind": kind}, "patch": json.dumps([{"op": "add", "path": path, "value": value}])}
                for kind, path, value in patches
            ]
        },
    }
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "instance", "namespace": "flux-system"},
        "spec": {"interval": "1h", "chartRef": {"kind": "OCIRepository", "name": "instance"}},
    }  # fmt: skip
    files: dict[str, Content | None] = {
        ".gitgate/settings.yaml": OPERATED,
        "clusters/prod/apps.yaml": applied("apps", "./apps"),
        "apps/web.yaml": RESTRICTED,
    }
    if within == "object":
        written = {"apiVersion": "fluxcd.controlplane.io/v1", "kind": "FluxInstance"}
        place = {"metadata": {"name": "flux", "namespace": "flux-system"}, "spec": spec}
        return {**files, "clusters/prod/instance.yaml": json.dumps(written | place)}
    if within == "release":
        release["spec"] |= {"values": {"instance": spec}}
        return {**files, "clusters/prod/instance.yaml": json.dumps(release)}
    release["spec"] |= {"valuesFrom": [{"kind": "ConfigMap", "name": "values"}]}
    generator = {"name": "values", "namespace": "flux-system", "files": ["values.yaml"]}
    return {
        **files,
        "clusters/prod/operator.yaml": applied("operator", "./operator"),
        "operator/kustomization.yaml": json.dumps({"resources": ["release.yaml"], "configMapGenerator": [generator]}),
        "operator/release.yaml": json.dumps(release),
        "operator/values.yaml": json.dumps({"instance": spec}),
    }


def application_set(revision: str) -> str:
    """An ApplicationSet with one Application."""
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: set, namespace: argocd}\n"
        "spec:\n  generators: [{list: {elements: [{revision: " + revision + "}]}}]\n  template:\n"
        "    metadata: {name: made}\n    spec:\n      project: default\n"
        "      destination: {server: https://kubernetes.default.svc, namespace: shop}\n"
        f"      source: {{repoURL: {URL}, targetRevision: '{{{{revision}}}}', path: more}}\n"
    )


def annotated(key: str, value: str) -> str:
    """The Namespace with an annotation."""
    return NAMESPACE.replace("{name: shop}", f"{{name: shop, annotations: {{{key}: '{value}'}}}}")


def bound(role: str) -> str:
    """A ClusterRoleBinding."""
    return (
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: evil}\n"
        f"roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: {role}\n"
        "subjects: [{kind: ServiceAccount, name: default, namespace: shop}]\n"
    )


FLUX: dict[str, Content | None] = {
    ".gitgate/settings.yaml": POLICED,
    "clusters/prod/flux-system/gotk-sync.yaml": GIT_REPOSITORY + applied("flux-system", "./clusters/prod"),
    "clusters/prod/apps.yaml": applied("apps", "./apps"),
    "clusters/prod/release.yaml": release(),
    "apps/map.yaml": config_map(),
    "apps/namespace.yaml": NAMESPACE,
    "charts/shop/Chart.yaml": CHART,
    "charts/shop/templates/namespace.yaml": NAMESPACE.replace("name: shop", "name: released"),
}
WITH_SECRET_VARIABLES = GIT_REPOSITORY + applied("flux-system", "./clusters/prod", SECRET_VARIABLES)
ARGO_CD: dict[str, Content | None] = {
    ".gitgate/settings.yaml": POLICED,
    "root.yaml": application("root", "argocd"),
    "argocd/web.yaml": application("web", "apps"),
    "apps/map.yaml": config_map(),
    "apps/namespace.yaml": NAMESPACE,
}


def values_map(name: str, content: str) -> str:
    """A ConfigMap with values."""
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: flux-system}}\n"
    return f"{head}data: {{values.yaml: '{content}'}}\n"


VALUED: dict[str, Content | None] = {
    **FLUX,
    "charts/shop/templates/web.yaml": "{{ if .Values.debug }}\n" + PRIVILEGED + "{{ end }}\n",
    "clusters/prod/release.yaml": release("  valuesFrom: [{kind: ConfigMap, name: web}]\n"),
    "clusters/prod/values.yaml": values_map("web", "debug: false"),
}
PATCHED_BY_ARGO_CD = "    kustomize:\n" + shifted(PRIVILEGED_PATCH, 6)
BY_HAND: dict[str, Content | None] = {
    ".gitgate/settings.yaml": POLICED,
    "bootstrap/kustomization.yaml": "resources: [web.yaml]\n",
    "bootstrap/web.yaml": application("web", "apps"),
    "apps/kustomization.yaml": "resources: [web.yaml]\n",
    "apps/web.yaml": RESTRICTED,
}


def overlay(resource: str, *, with_patch: bool) -> str:
    """A kustomization of an Application, which it may have make its Pods privileged."""
    patch = application("web", "apps", more=PATCHED_BY_ARGO_CD) if with_patch else application("web", "apps")
    return f"resources: [{resource}]\nnamePrefix: my-\npatches:\n- patch: |\n{shifted(patch, 4)}"


UNDER_POLICIES: dict[str, tuple[dict[str, Content | None], dict[str, Content | None], str]] = {
    # An agent that reads elsewhere applies what nobody judged, and prunes what is here
    "the repository of Flux becomes another one": (
        FLUX,
        {
            "clusters/prod/flux-system/gotk-sync.yaml": GIT_REPOSITORY.replace("org/fleet", "evil/fleet")
            + applied("flux-system", "./clusters/prod")
        },
        "schema/agent-source-changed",
    ),
    "Flux follows a branch of the attacker": (
        FLUX,
        {
            "clusters/prod/flux-system/gotk-sync.yaml": GIT_REPOSITORY.replace("branch: main", "branch: evil")
            + applied("flux-system", "./clusters/prod")
        },
        "schema/agent-source-changed",
    ),
    "a Kustomization takes its directory from another repository": (
        FLUX,
        {
            "clusters/prod/apps.yaml": GIT_REPOSITORY.replace("org/fleet", "evil/fleet").replace(
                "name: flux", "name: x"
            )
            + applied("apps", "./apps").replace("name: flux-system}", "name: x-system}")
        },
        "schema/agent-source-changed",
    ),
    "an instance of the Flux operator reads another repository": (
        instance(),
        instance(url="https://evil.example.com/fleet"),
        "schema/agent-source-changed",
    ),
    "values of an instance name a branch of the attacker": (
        instance(within="release"),
        instance(within="release", ref="refs/heads/evil"),
        "schema/agent-source-changed",
    ),
    "a file with the values of an instance names another repository": (
        instance(within="file"),
        instance(within="file", url="https://evil.example.com/fleet"),
        "schema/agent-source-changed",
    ),
    "a new instance of the Flux operator reads another repository": (
        {**FLUX, ".gitgate/settings.yaml": OPERATED},
        {"clusters/prod/instance.yaml": instance(url="https://evil.example.com/x")["clusters/prod/instance.yaml"]},
        "schema/agent-source-changed",
    ),
    "a ResourceSet of the Flux operator brings a privileged Pod": (
        instance(),
        {
            "clusters/prod/set.yaml": "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\n"
            "metadata: {name: evil, namespace: flux-system}\nspec:\n  inputs: [{root: true}]\n  resources:\n"
            + shifted(PRIVILEGED.replace("true", "<< inputs.root >>"), 4).replace("    api", "  - api", 1)
        },
        "policy/denied",
    ),
    "an instance patches the address of its source": (
        instance(),
        instance(patches=[("GitRepository", "/spec/url", "https://evil.example.com/fleet")]),
        "schema/agent-source-changed",
    ),
    "an instance patches what its Kustomization lays over all that it applies": (
        instance(),
        instance(
            patches=[
                (
                    "Kustomization",
                    "/spec/patches",
                    [{"target": {"name": "apps"}, "patch": applied("apps", "./apps", shifted(PRIVILEGED_PATCH, 2))}],
                )
            ]
        ),
        "policy/denied",
    ),
    "the root Application reads another repository": (
        ARGO_CD,
        {"root.yaml": application("root", "argocd", url="https://evil.example.com/fleet")},
        "schema/agent-source-changed",
    ),
    "an Application follows a branch of the attacker": (
        ARGO_CD,
        {"argocd/web.yaml": application("web", "apps", revision="evil")},
        "schema/agent-source-changed",
    ),
    "a branch of the attacker is what Applications of an ApplicationSet follow": (
        {**ARGO_CD, "argocd/set.yaml": application_set("main"), "more/map.yaml": config_map("more")},
        {"argocd/set.yaml": application_set("evil")},
        "schema/agent-source-changed",
    ),
    "an Application takes what a branch of the attacker was hydrated to": (
        ARGO_CD,
        {
            "argocd/web.yaml": application("web", "apps").partition("  source:")[0]
            + f"  sourceHydrator:\n    drySource: {{repoURL: {URL}, targetRevision: main, path: apps}}\n"
            + "    syncSource: {targetBranch: evil, path: web}\n"
        },
        "schema/agent-source-changed",
    ),
    "a release takes its chart from another repository": (
        {**FLUX, "charts/shop/templates/namespace.yaml": config_map("released")},
        {
            "clusters/prod/release.yaml": release().replace(
                "GitRepository, name: flux-system", "GitRepository, name: shared"
            ),
            "clusters/prod/other.yaml": OTHER_REPOSITORY,
        },
        "schema/agent-source-changed",
    ),
    "a release takes its chart from a registry": (
        {**FLUX, "charts/shop/templates/namespace.yaml": config_map("released")},
        {
            "clusters/prod/release.yaml": release().replace(
                "GitRepository, name: flux-system", "HelmRepository, name: x"
            ),
            "clusters/prod/other.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n"
            "metadata: {name: x, namespace: flux-system}\nspec: {interval: 1h, url: 'https://evil.example.com'}\n",
        },
        "schema/agent-source-changed",
    ),
    "an Application is rendered by a plugin": (
        ARGO_CD,
        {"argocd/web.yaml": application("web", "apps", more="    plugin: {name: evil}\n")},
        "schema/agent-source-changed",
    ),
    "a repository of the attacker is copied into what Flux fetches": (
        FLUX,
        {
            "clusters/prod/flux-system/gotk-sync.yaml": INCLUDING + applied("flux-system", "./clusters/prod"),
            "clusters/prod/other.yaml": OTHER_REPOSITORY,
        },
        "schema/agent-source-changed",
    ),
    "what is copied into what Flux fetches comes from another repository": (
        {
            **FLUX,
            "clusters/prod/flux-system/gotk-sync.yaml": INCLUDING + applied("flux-system", "./clusters/prod"),
            "clusters/prod/other.yaml": OTHER_REPOSITORY,
        },
        {"clusters/prod/other.yaml": OTHER_REPOSITORY.replace("org/shared", "evil/shared")},
        "schema/agent-source-changed",
    ),
    "a release gets its chart by way of an object of Flux": (
        {**FLUX, "charts/shop/templates/web.yaml": "{{ if .Values.debug }}\n" + PRIVILEGED + "{{ end }}\n"},
        {
            "clusters/prod/chart.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\n"
            "metadata: {name: shop, namespace: flux-system}\nspec:\n  interval: 10m\n  chart: ./charts/shop\n"
            "  sourceRef: {kind: GitRepository, name: flux-system}\n",
            "clusters/prod/more.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
            "metadata: {name: more, namespace: flux-system}\nspec:\n  interval: 10m\n"
            "  chartRef: {kind: HelmChart, name: shop}\n  values: {debug: true}\n",
        },
        "policy/denied",
    ),
    # What nothing can be judged of is new when its owner lays something else over it
    "a Kustomization patches what has a remote base": (
        {**FLUX, "apps/kustomization.yaml": REMOTE_BASE, "apps/web.yaml": RESTRICTED},
        {"clusters/prod/apps.yaml": applied("apps", "./apps", shifted(PRIVILEGED_PATCH, 2))},
        "schema/kustomize-remote-reference",
    ),
    "a variable of what has a remote base gets another value": (
        {
            **FLUX,
            "clusters/prod/apps.yaml": applied("apps", "./apps", "  postBuild: {substitute: {root: 'false'}}\n"),
            "apps/kustomization.yaml": REMOTE_BASE,
            "apps/web.yaml": RESTRICTED.replace("privileged: false", "privileged: ${root}"),
        },
        {"clusters/prod/apps.yaml": applied("apps", "./apps", "  postBuild: {substitute: {root: 'true'}}\n")},
        "schema/kustomize-remote-reference",
    ),
    "a Kustomization patches what kustomize cannot render": (
        {**FLUX, "apps/kustomization.yaml": UNRENDERABLE, "apps/web.yaml": RESTRICTED},
        {"clusters/prod/apps.yaml": applied("apps", "./apps", shifted(PRIVILEGED_PATCH, 2))},
        "schema/kustomize-failed",
    ),
    "an Application patches what kustomize cannot render": (
        {**ARGO_CD, "apps/kustomization.yaml": UNRENDERABLE, "apps/web.yaml": RESTRICTED},
        {"argocd/web.yaml": application("web", "apps", more="    kustomize:\n" + shifted(PRIVILEGED_PATCH, 6))},
        "schema/kustomize-failed",
    ),
    "an Application patches what has charts that it does not render": (
        {
            **ARGO_CD,
            "apps/kustomization.yaml": "resources: [web.yaml]\nhelmCharts: [{name: x, repo: 'https://e.example.com'}]\n",
            "apps/web.yaml": RESTRICTED,
        },
        {"argocd/web.yaml": application("web", "apps", more=PATCHED_BY_ARGO_CD)},
        "schema/kustomize-helm",
    ),
    "a chart begins to need values that nobody can read": (
        FLUX,
        {
            "clusters/prod/release.yaml": release("  valuesFrom: [{kind: Secret, name: hidden}]\n"),
            "charts/shop/templates/evil.yaml": '# {{ required "a word" .Values.word }}\n' + PRIVILEGED,
        },
        "schema/agent-source-changed",
    ),
    # What somebody applies by `kubectl apply -k`
    "a kustomization patches the Application that Argo CD begins with": (
        BY_HAND,
        {"bootstrap/kustomization.yaml": overlay("web.yaml", with_patch=True)},
        "policy/denied",
    ),
    "an overlay patches the Application that Argo CD begins with": (
        {**BY_HAND, "prod/kustomization.yaml": overlay("../bootstrap", with_patch=False)},
        {"prod/kustomization.yaml": overlay("../bootstrap", with_patch=True)},
        "policy/denied",
    ),
    "a decoy of an overlay mends the Application that Argo CD begins with": (
        BY_HAND,
        {
            "bootstrap/web.yaml": application("web", "apps", more=PATCHED_BY_ARGO_CD),
            "prod/kustomization.yaml": "resources: [../bootstrap]\npatches:\n- target: {kind: Application}\n"
            "  patch: '[{op: remove, path: /spec/source/kustomize}]'\n",
        },
        "policy/denied",
    ),
    # A file that stays while its owner leaves it out is an object that is pruned
    "Flux fetches the file of a Namespace no more": (FLUX, {".sourceignore": "/apps/n*\n"}, "policy/denied"),
    "a template becomes a symbolic link, which Flux does not fetch": (
        FLUX,
        {
            "charts/shop/templates/namespace.yaml": Link("../../../namespace.txt"),
            "namespace.txt": NAMESPACE.replace("name: shop", "name: released"),
        },
        "schema/agent-dangling-reference",
    ),
    "a directory of templates becomes a symbolic link": (
        FLUX,
        {
            "charts/shop/templates/namespace.yaml": None,
            "charts/shop/templates": Link("../../shared"),
            "shared/namespace.yaml": NAMESPACE.replace("name: shop", "name: released"),
        },
        "schema/agent-dangling-reference",
    ),
    "a resource of a kustomization becomes a symbolic link": (
        {**FLUX, "apps/kustomization.yaml": "resources: [map.yaml]\n"},
        {"apps/map.yaml": Link("../map.txt"), "map.txt": config_map()},
        "schema/agent-dangling-reference",
    ),
    "the directory of a Kustomization becomes a symbolic link": (
        FLUX,
        {"apps/map.yaml": None, "apps/namespace.yaml": None, "apps": Link("other"), "other/map.yaml": config_map()},
        "schema/agent-dangling-reference",
    ),
    "Flux fetches the directory of a Namespace no more": (
        {**FLUX, "apps/deep/namespace.yaml": NAMESPACE.replace("name: shop", "name: deep")},
        {
            "clusters/prod/flux-system/gotk-sync.yaml": GIT_REPOSITORY.replace(
                "ref:", "sparseCheckout: [./clusters, charts, apps/deep], ref:"
            )
            + applied("flux-system", "./clusters/prod")
        },
        "policy/denied",
    ),
    "an Application excludes the file of a Namespace": (
        ARGO_CD,
        {"argocd/web.yaml": application("web", "apps", more="    directory: {exclude: 'n*'}\n")},
        "reconcile/ownership-move",
    ),
    "the file of a Namespace is marked as not to be rendered": (
        ARGO_CD,
        {"apps/namespace.yaml": "# +argocd:skip-file-rendering\n" + NAMESPACE},
        "policy/denied",
    ),
    "a release with a Namespace goes, and its chart stays": (
        FLUX,
        {"clusters/prod/release.yaml": None},
        "policy/denied",
    ),
    "a release is installed anew under another name": (
        FLUX,
        {"clusters/prod/release.yaml": release("  releaseName: other\n")},
        "reconcile/implied-deletion",
    ),
    # Hooks are deleted before they are made
    "a Namespace becomes a hook of Argo CD": (
        ARGO_CD,
        {"apps/namespace.yaml": annotated("argocd.argoproj.io/hook", "PreSync")},
        "reconcile/implied-deletion",
    ),
    "a Namespace is skipped by Argo CD": (
        ARGO_CD,
        {"apps/namespace.yaml": annotated("argocd.argoproj.io/hook", "Skip")},
        "reconcile/implied-deletion",
    ),
    "a Namespace becomes a hook of Helm": (
        FLUX,
        {
            "charts/shop/templates/namespace.yaml": annotated("helm.sh/hook", "pre-upgrade").replace(
                "name: shop", "name: released"
            )
        },
        "reconcile/implied-deletion",
    ),
    "a privileged Pod is a test, and another hook besides": (
        FLUX,
        {
            "charts/shop/templates/evil.yaml": PRIVILEGED.replace(
                "annotations: {}", 'annotations: {helm.sh/hook: "test,pre-upgrade"}'
            )
        },
        "policy/denied",
    ),
    "a privileged Pod is a test that the release runs": (
        FLUX,
        {
            "clusters/prod/release.yaml": release("  test: {enable: true}\n"),
            "charts/shop/templates/evil.yaml": PRIVILEGED.replace(
                "annotations: {}", "annotations: {helm.sh/hook: test}"
            ),
        },
        "policy/denied",
    ),
    # Roles under another name
    "a role aggregates cluster-admin": (
        FLUX,
        {
            "apps/map.yaml": config_map() + "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
            "metadata: {name: other}\nrules: []\n"
            "aggregationRule: {clusterRoleSelectors: [{matchLabels: {kubernetes.io/bootstrapping: rbac-defaults}}]}\n"
            + bound("other")
        },
        "policy/denied",
    ),
    "another directory brings the ConfigMap of a release's values again": (
        VALUED,
        {
            "clusters/prod/team.yaml": applied("team", "./team"),
            "team/values.yaml": values_map("web", "debug: true"),
        },
        "schema/agent-contested-reference",
    ),
    "another directory brings the ConfigMap of a Kustomization's variables again": (
        {
            **FLUX,
            "clusters/prod/vars.yaml": values_map("vars", "a"),
            "clusters/prod/apps.yaml": applied(
                "apps", "./apps", "  postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}\n"
            ),
            "clusters/prod/team.yaml": applied("team", "./team"),
            "team/map.yaml": config_map("team"),
        },
        {"team/values.yaml": values_map("vars", "b")},
        "schema/agent-contested-reference",
    ),
    "a release of an old version names one file of values": (
        {**VALUED, "charts/shop/debug.yaml": "debug: true\n", "clusters/prod/release.yaml": release()},
        {
            "clusters/prod/release.yaml": release()
            .replace("toolkit.fluxcd.io/v2", "toolkit.fluxcd.io/v2beta1")
            .replace("      sourceRef", "      valuesFile: charts/shop/debug.yaml\n      sourceRef")
        },
        "policy/denied",
    ),
    # Variables that only the cluster knows
    "the default of a variable that the cluster may lack is cluster-admin": (
        {**FLUX, "clusters/prod/apps.yaml": applied("apps", "./apps", SECRET_VARIABLES)},
        {"apps/map.yaml": config_map() + bound("${ROLE:=cluster-admin}")},
        "policy/denied",
    ),
    "half of cluster-admin is a variable's default": (
        {**FLUX, "clusters/prod/apps.yaml": applied("apps", "./apps", SECRET_VARIABLES)},
        {"apps/map.yaml": config_map() + bound("cluster-${ROLE:=admin}")},
        "policy/denied",
    ),
    "the role that is bound is a variable of a Secret": (
        {**FLUX, "clusters/prod/apps.yaml": applied("apps", "./apps", SECRET_VARIABLES)},
        {"apps/map.yaml": config_map() + bound("${ROLE}")},
        "schema/agent-unknown-grant",
    ),
    "a Secret may replace the role that a ConfigMap names": (
        {**FLUX, "clusters/prod/apps.yaml": applied("apps", "./apps", VARIABLES)},
        {
            "clusters/prod/vars.yaml": PLAIN_VARIABLES,
            "clusters/prod/apps.yaml": applied(
                "apps", "./apps", VARIABLES.replace("}]", "}, {kind: Secret, name: vars}]")
            ),
            "apps/map.yaml": config_map() + bound("${ROLE}"),
        },
        "schema/agent-unknown-grant",
    ),
    "a variable of a Secret is handed on as a variable": (
        {**FLUX, "clusters/prod/flux-system/gotk-sync.yaml": WITH_SECRET_VARIABLES},
        {
            "clusters/prod/apps.yaml": applied("apps", "./apps", "  postBuild: {substitute: {ROLE: '${ROLE}'}}\n"),
            "apps/map.yaml": config_map() + bound("${ROLE}"),
        },
        "schema/agent-unknown-grant",
    ),
    "a variable of a Secret is in a patch of what is applied": (
        {
            **FLUX,
            "clusters/prod/flux-system/gotk-sync.yaml": WITH_SECRET_VARIABLES,
            "apps/map.yaml": config_map() + bound("view"),
        },
        {"clusters/prod/apps.yaml": applied("apps", "./apps", shifted(ROLE_PATCH, 2))},
        "schema/agent-unknown-grant",
    ),
    "a variable of a Secret is a value of a chart": (
        {**FLUX, "clusters/prod/flux-system/gotk-sync.yaml": WITH_SECRET_VARIABLES},
        {
            "clusters/prod/release.yaml": release("  values: {role: '${ROLE}'}\n"),
            "charts/shop/templates/binding.yaml": bound("{{ .Values.role }}"),
        },
        "schema/agent-unknown-grant",
    ),
    "whether a Pod is privileged is a variable": (
        {
            **FLUX,
            "clusters/prod/apps.yaml": applied("apps", "./apps", SECRET_VARIABLES),
            "apps/web.yaml": RESTRICTED,
        },
        {"apps/web.yaml": RESTRICTED.replace("privileged: false", 'privileged: "${PRIVILEGED}"')},
        "policy/denied",
    ),
}


def test_a_new_application_of_a_branch_that_no_other_one_follows_is_named(repository: RepositoryBuilder) -> None:
    ended = judge(repository, ARGO_CD, {"argocd/new.yaml": application("new", "apps", revision="evil")})
    assert "schema/agent-not-rendered" in ended.rules()


@pytest.mark.parametrize("branch", ["main", "HEAD", "refs/heads/main", '""'])
def test_a_new_application_of_the_branch_that_is_judged_is_rendered(repository: RepositoryBuilder, branch: str) -> None:
    new = application("new", "other", revision=branch)
    ended = judge(repository, ARGO_CD, {"argocd/new.yaml": new, "other/pod.yaml": PRIVILEGED})
    assert ended.code == 1
    assert "policy/denied" in ended.rules()
    assert "schema/agent-not-rendered" not in ended.rules()


@pytest.mark.parametrize("attack", UNDER_POLICIES)
def test_no_way_around_policies(repository: RepositoryBuilder, attack: str) -> None:
    base, change, rule = UNDER_POLICIES[attack]
    ended = judge(repository, base, change)
    assert ended.code == 1, ended.stdout
    assert rule in ended.rules()


def test_a_build_that_fails_deletes_nothing_that_policies_would_have_to_deny(repository: RepositoryBuilder) -> None:
    ended = judge(repository, FLUX, {"apps/kustomization.yaml": "resources: [namespace.yaml, mpa.yaml]\n"})
    assert ended.code == 1, ended.stdout
    assert "schema/kustomize-dangling-reference" in ended.rules()
    assert "policy/denied" not in ended.rules()


HARMLESS: dict[str, tuple[dict[str, Content | None], dict[str, Content | None]]] = {
    "a defect stays while its file is renamed": (
        {"apps/web.yaml": deployment(extra=MISSPELT)},
        {"apps/web.yaml": None, "apps/shop.yaml": deployment(extra=MISSPELT)},
    ),
    "a defect moves inside a source that settings name": (
        {
            "apps/a/web.yaml": deployment(extra=MISSPELT),
            ".gitgate/settings.yaml": "version: 1\nsources: [{path: apps}]\n",
        },
        {"apps/a/web.yaml": None, "apps/b/web.yaml": deployment(extra=MISSPELT)},
    ),
    "what nothing could judge stays as it was": (
        {**WEB, "w.yaml": widget(), ".gitgate/settings.yaml": NO_UNKNOWN},
        {"w.yaml": "# moved down\n" + widget()},
    ),
    "pictures in LFS": (
        WEB,
        {
            ".gitattributes": "# media\n*.png filter=lfs diff=lfs merge=lfs -text\ndocs/**/*.mp4 filter=lfs\n* text=auto\n"
        },
    ),
    "Jsonnet in a directory of its own": (WEB, {"lib/main.jsonnet": "{}"}),
    "a submodule that was there": ({**WEB, "theme": Submodule()}, {"apps/web.yaml": deployment(replicas=3)}),
    "a new kustomization in a repository of kustomizations": (
        PROD,
        {
            "new/base/kustomization.yaml": "resources: [web.yaml]\n",
            "new/base/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
            "new/prod/kustomization.yaml": "resources: [../base]\npatches: [{path: web.yaml}]\n",
            "new/prod/web.yaml": deployment().replace("  namespace: shop\n", ""),
        },
    ),
    "the first kustomization of a source, with data": (
        {**WEB, ".gitgate/settings.yaml": "version: 1\nsources: [{path: apps}]\n"},
        {
            "apps/new/kustomization.yaml": "resources: [fine.yaml]\nconfigMapGenerator: [{name: a, files: [v.yaml]}]\n",
            "apps/new/fine.yaml": config_map(),
            "apps/new/v.yaml": "a: {{ b }}\nc: [\n",
            "apps/new/values.yaml": "a: 1\n",
        },
    ),
    "an Application of another branch of a repository that others read so": (
        {
            **ARGO_CD,
            "argocd/next.yaml": application("next", "other", revision="next"),
            "other/map.yaml": config_map("b"),
        },
        {"argocd/web.yaml": application("web", "apps", revision="next")},
    ),
    "the address of the repository is spelt in another way": (
        FLUX,
        {
            "clusters/prod/flux-system/gotk-sync.yaml": GIT_REPOSITORY.replace(
                URL, "ssh://git@git.example.com/org/fleet.git"
            )
            + applied("flux-system", "./clusters/prod")
        },
    ),
    "a variable that only the cluster knows, where no policy looks": (
        {**FLUX, "clusters/prod/apps.yaml": applied("apps", "./apps", SECRET_VARIABLES), "apps/web.yaml": RESTRICTED},
        {"apps/web.yaml": RESTRICTED.replace("b:1", "b:${TAG}")},
    ),
    "values that two owners apply alike": (
        VALUED,
        {
            "clusters/prod/team.yaml": applied("team", "./team"),
            "team/values.yaml": values_map("web", "debug: false"),
        },
    ),
    "a role that aggregates by a label of its own": (
        FLUX,
        {
            "apps/map.yaml": config_map() + "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
            "metadata: {name: other}\nrules: []\n"
            "aggregationRule: {clusterRoleSelectors: [{matchLabels: {example.com/aggregate: 'true'}}]}\n"
        },
    ),
    "an unreadable file where CI files are that is no manifest": (WEB, {".github/workflows/x.yaml": "a: b: c\n"}),
    "JSON with comments": (WEB, {".vscode/settings.json": '{\n  // C:\\\\Users\n  "a": "\\\\d+"\n}\n'}),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_fine_passes(repository: RepositoryBuilder, case: str) -> None:
    ended = judge(repository, *HARMLESS[case])
    assert ended.code == 0, ended.stdout


@pytest.mark.parametrize(
    "rulebook",
    [
        {".gitgate": Link("rules"), "rules/settings.yaml": "version: 1\n"},
        {".gitgate": Submodule()},
        {".gitgate/settings.yml": "version: 1\n"},
        {".gitgate/Waivers.yaml": "version: 1\nwaivers: []\n"},
        {".GitGate/settings.yaml": "version: 1\n"},
        {".gitgate/policies": Link("../policies"), "policies/a.yaml": config_map("a")},
        {".gitgate/schemas/a.yaml": Link("../../crd.txt"), "crd.txt": crd(fields="size: {type: integer}")},
    ],
    ids=str,
)
def test_a_rulebook_that_only_seems_to_judge_is_an_error(
    repository: RepositoryBuilder, rulebook: dict[str, Content | None]
) -> None:
    ended = judge(repository, {**WEB, **rulebook}, {"apps/map.yaml": config_map()})
    assert ended.code == 2
    assert ended.stderr.lower().startswith("gitgate: .gitgate")


def test_a_submodule_that_settings_exclude_is_nobodys_business(repository: RepositoryBuilder) -> None:
    settings = "version: 1\nexclude: ['docs/**']\n"
    ended = judge(repository, {**WEB, ".gitgate/settings.yaml": settings}, {"docs/theme": Submodule()})
    assert (ended.code, ended.report["findings"]) == (0, [])


def test_a_new_encrypted_file_and_one_that_changes_are_told_and_do_not_block(repository) -> None:
    ended = judge(
        repository, {**WEB, "apps/old.yaml": GIT_CRYPT}, {"apps/old.yaml": BINARY, "apps/new.yaml": GIT_CRYPT}
    )
    found = [(one["rule"], one["severity"], one["location"]["path"]) for one in ended.report["findings"]]
    assert (ended.code, sorted(path for _, _, path in found)) == (0, ["apps/new.yaml", "apps/old.yaml"])
    assert {(rule, severity) for rule, severity, _ in found} == {("schema/opaque-file", "warning")}


def test_an_encrypted_file_that_stays_is_no_news(repository) -> None:
    ended = judge(repository, {**WEB, "apps/old.yaml": GIT_CRYPT}, {"apps/more.yaml": config_map()})
    assert (ended.code, ended.rules("new"), ended.rules("existing")) == (0, [], ["schema/opaque-file"])
