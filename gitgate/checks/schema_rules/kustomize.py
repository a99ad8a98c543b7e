"""Rules about kustomizations: what must not be rendered, and what cannot be."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_KUSTOMIZATION = "https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/"
_RESOURCE = _KUSTOMIZATION + "resource/"
_RESTRICTIONS = "https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/loader/loadrestrictions.go"
_FILE_LOADER = "https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/loader/fileloader.go"

_GOOD = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
"""

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/kustomize-missing",
        title="No usable kustomize",
        severity=Severity.ERROR,
        what="The tree has kustomizations, but neither kustomize 5 nor kubectl 1.27 or newer was found on PATH.",
        why="What the agent would apply is unknown, so it cannot be accepted.",
        remedy="Install one of them on the machine that runs gitgate.",
        references=("https://kubectl.docs.kubernetes.io/installation/kustomize/",),
    ),
    Rule(
        id="schema/kustomize-remote-reference",
        title="A kustomization that loads from the network",
        severity=Severity.ERROR,
        what=(
            "A kustomization names a URL or another repository where a file or directory is expected. What stands "
            "beside a file of objects, or data of a generator, is judged without it, and only edits that may reach "
            "what is fetched are new findings. Elsewhere nothing is rendered, and every edit is."
        ),
        why=(
            "What is applied is no longer what was reviewed: the other side can change it at any time, and rendering "
            "in CI would send a request that the author of the change chose."
        ),
        remedy=(
            "Copy the remote files into this repository and refer to the copy: a file as it is, of another repository "
            "what `kustomize build <reference>` prints. Repeat that for a new version, and the change shows what it "
            "brings."
        ),
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - https://example.com/deployment.yaml
""",
        good=_GOOD,
        references=(
            "https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md",
            _RESOURCE,
        ),
    ),
    Rule(
        id="schema/kustomize-absolute-reference",
        title="A kustomization that names an absolute path",
        severity=Severity.ERROR,
        what="A reference in a kustomization starts at the root of the file system.",
        why="It reads a file of the machine that renders, which is another one in CI than in the cluster.",
        remedy="Write a path relative to the kustomization.",
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - /etc/kubernetes/manifests/deployment.yaml
""",
        good=_GOOD,
        references=(_FILE_LOADER, "https://nvd.nist.gov/vuln/detail/CVE-2022-24877"),
    ),
    Rule(
        id="schema/kustomize-escaping-reference",
        title="A kustomization that reads outside of its reach",
        severity=Severity.ERROR,
        what=(
            "A reference leads out of the repository, or a file is read from outside of the kustomization's own "
            "directory."
        ),
        why=(
            "Kustomize refuses files outside of the kustomization's root, so the render fails; a renderer without "
            "that restriction would hand out files of its own machine."
        ),
        remedy="Move the file below the kustomization, or make a kustomization of its own where the file is.",
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../../outside/deployment.yaml
""",
        good=_GOOD,
        references=(_RESTRICTIONS, "https://nvd.nist.gov/vuln/detail/CVE-2022-24877"),
    ),
    Rule(
        id="schema/kustomize-dangling-reference",
        title="A kustomization that names a missing file",
        severity=Severity.ERROR,
        what="A reference in a kustomization leads to a path that the tree does not have.",
        why="The render fails, and nothing of this kustomization is applied until it is mended.",
        remedy="Add the file, correct the path, or delete the reference; check upper and lower case.",
        bad="""\
# The file beside this one is called deployment.yaml.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deploymnet.yaml
""",
        good=_GOOD,
        references=(_RESOURCE,),
    ),
    Rule(
        id="schema/kustomize-cycle",
        title="Kustomizations that include each other",
        severity=Severity.ERROR,
        what="Following the references of a kustomization comes back to the same directory.",
        why="Kustomize refuses the cycle; nothing of it is applied.",
        remedy="Move what both need into a third directory and let both refer to that.",
        references=(_FILE_LOADER,),
    ),
    Rule(
        id="schema/kustomize-exec-function",
        title="A kustomization that runs a program",
        severity=Severity.ERROR,
        what=(
            "A generator, transformer or validator of the kustomization is a function that runs a program or a "
            "container."
        ),
        why=(
            "The author of the change would run a program of their choice in CI and in the agent. Agents render "
            "without plugins, so the render also fails there."
        ),
        remedy="Use built-in generators and transformers, or commit what the function produces.",
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
generators:
  - |-
    apiVersion: example.com/v1
    kind: Generator
    metadata:
      name: settings
      annotations:
        config.kubernetes.io/function: |
          exec:
            path: ./generate.sh
""",
        good="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
configMapGenerator:
  - name: settings
    literals:
      - mode=safe
""",
        references=(
            "https://kubectl.docs.kubernetes.io/guides/extending_kustomize/",
            "https://kubectl.docs.kubernetes.io/guides/extending_kustomize/exec_krm_functions",
        ),
    ),
    Rule(
        id="schema/kustomize-helm",
        title="A kustomization that inflates a chart",
        severity=Severity.ERROR,
        what="The kustomization uses `helmCharts` or another way to call Helm.",
        why=(
            "Kustomize then downloads the chart and runs Helm, which gitgate does not do for content that is still "
            "being judged; agents refuse it too unless `--enable-helm` is set."
        ),
        remedy=(
            "Commit what `helm template` renders and list that under `resources`, or give the chart to a HelmRelease "
            "of Flux or an Application of Argo CD."
        ),
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
helmCharts:
  - name: web
    repo: https://charts.example.com
    version: 1.2.3
""",
        good=_GOOD,
        references=("https://github.com/kubernetes-sigs/kustomize/blob/master/examples/chart.md",),
    ),
    Rule(
        id="schema/kustomize-invalid",
        title="A kustomization that is not valid",
        severity=Severity.ERROR,
        what="A kustomization file has an unknown field or a value of the wrong type, or a directory has two of them.",
        why="Kustomize refuses it, so nothing of this directory is applied.",
        remedy="Correct the field named in the message.",
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: deployment.yaml
""",
        good=_GOOD,
        references=(_KUSTOMIZATION,),
    ),
    Rule(
        id="schema/kustomize-failed",
        title="A kustomization that does not render",
        severity=Severity.ERROR,
        what="kustomize ended with an error, took too long or printed too much; its message is given.",
        why="The agent renders with the same program and fails in the same way; what it would apply is unknown.",
        remedy="Run `kustomize build` in the directory and mend what it reports.",
        bad="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
patches:
  - target:
      kind: Deployment
      name: web
    patch: |-
      - op: replace
        path: /spec/absent/field
        value: 1
""",
        good="""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
patches:
  - target:
      kind: Deployment
      name: web
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 2
""",
        references=(_KUSTOMIZATION,),
    ),
)
