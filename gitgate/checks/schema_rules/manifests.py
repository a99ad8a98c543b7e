"""Rules about files as a source of objects: what makes a document an object, and an object one of its kind."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_OBJECTS = "https://kubernetes.io/docs/concepts/overview/working-with-objects/#required-fields"
_NAMES = "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/hidden-list",
        title="A list that does not look like one",
        severity=Severity.ERROR,
        what="An object has a top-level `items` but its kind does not end in `List`, or lists are nested too deep.",
        why=(
            "kubectl and Argo CD take any object with `items` apart and apply the items. A reviewer sees one "
            "harmless object; the cluster gets those inside it."
        ),
        remedy="Write the items as documents of their own, separated by `---`.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
items:
  - apiVersion: v1
    kind: ServiceAccount
    metadata:
      name: hidden
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: visible
""",
        references=("https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/unstructured/helpers.go",),
    ),
    Rule(
        id="schema/missing-kind",
        title="An object without a kind",
        severity=Severity.ERROR,
        what="The document looks like a Kubernetes object but has no `kind`, or one that is not text.",
        why="The agent cannot tell what to create and fails, or skips the file without a word.",
        remedy="Write the `kind`; move files that are no manifests elsewhere or list them under `exclude`.",
        bad="""\
apiVersion: v1
metadata:
  name: web
data:
  mode: safe
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
""",
        references=(_OBJECTS,),
    ),
    Rule(
        id="schema/missing-api-version",
        title="An object without an API version",
        severity=Severity.ERROR,
        what="The document has a `kind` but no `apiVersion`, or one that is not of the form `v1` or `apps/v1`.",
        why="The API server cannot tell which API is meant; the agent fails on the object.",
        remedy="Write the `apiVersion`; `kubectl api-resources` lists those of a cluster.",
        bad="""\
kind: ConfigMap
metadata:
  name: web
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
""",
        references=(_OBJECTS,),
    ),
    Rule(
        id="schema/missing-name",
        title="An object without a name",
        severity=Severity.ERROR,
        what="`metadata.name` is absent or empty, and there is no `metadata.generateName` either.",
        why="The API server refuses the object, and no agent can find it again to update or delete it.",
        remedy="Write `metadata.name`.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  labels:
    app: web
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
  labels:
    app: web
""",
        references=(_NAMES, _OBJECTS),
    ),
    Rule(
        id="schema/non-ascii-name",
        title="A name with letters that look like others",
        severity=Severity.ERROR,
        what="`apiVersion`, `kind`, a name or a namespace holds a space or a character outside of ASCII.",
        why=(
            "Kubernetes has no such names. A Cyrillic letter in `kind` makes another kind of what looks like a "
            "Deployment, which rules over Deployments then do not see."
        ),
        remedy="Type the word again with plain Latin letters.",
        bad="""\
# The first letter of the kind is Cyrillic, U+0421.
apiVersion: v1
kind: \u0421onfigMap
metadata:
  name: web
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
""",
        references=(_NAMES, "https://www.unicode.org/reports/tr39/"),
    ),
    Rule(
        id="schema/duplicate-object",
        title="The same object twice",
        severity=Severity.ERROR,
        what="One file or source describes two objects of the same group, kind, namespace and name.",
        why=(
            "Both are applied, one after the other: the last one wins, or the object changes back and forth with "
            "every synchronisation. Argo CD warns, kustomize fails."
        ),
        remedy="Delete or rename one of the two.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: unsafe
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: worker
data:
  mode: unsafe
""",
        references=(_NAMES,),
    ),
    Rule(
        id="schema/opaque-file",
        title="A manifest that is encrypted or binary as a whole",
        severity=Severity.ERROR,
        what=(
            "A file with the name of a manifest is encrypted (git-crypt, age, PGP) or binary. It is a warning unless "
            "the base has something at that path that could be read, or was encrypted value by value."
        ),
        why=(
            "Flux fails on the whole directory. Argo CD takes the file for no manifest, and prunes what it applied "
            "from it. What somebody with a key applies instead has been judged by nobody."
        ),
        remedy=(
            "Encrypt the values and not the file, as SOPS does; or keep the file where no agent reads it; or list it "
            "under `exclude` in .gitgate/settings.yaml."
        ),
        references=("https://fluxcd.io/flux/guides/mozilla-sops/",),
    ),
    Rule(
        id="schema/jsonnet-not-rendered",
        title="Jsonnet among manifests",
        severity=Severity.ERROR,
        what="A `.jsonnet` file lies in a directory, or below one, whose manifests are applied as they stand.",
        why=(
            "Argo CD evaluates Jsonnet wherever it reads a directory and applies what comes of it. gitgate runs no "
            "programs of a change, so nothing is known of these objects."
        ),
        remedy=(
            "Commit what Jsonnet prints instead and keep the program elsewhere; or list it under `exclude`, or give "
            "this rule another weight under `rules`, in .gitgate/settings.yaml."
        ),
        references=("https://argo-cd.readthedocs.io/en/stable/user-guide/jsonnet/",),
    ),
    Rule(
        id="schema/argocd-override",
        title="Parameters that only Argo CD reads",
        severity=Severity.ERROR,
        what="The tree holds a file `.argocd-source.yaml` or `.argocd-source-<application>.yaml`.",
        why=(
            "Argo CD lays it over the source of the Application that reads the directory: images, patches, values. "
            "What it applies is then not what was rendered and judged."
        ),
        remedy=(
            "Write the parameters into the kustomization, where they are rendered; or give this rule another weight "
            "under `rules` in .gitgate/settings.yaml."
        ),
        references=("https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git",),
    ),
    Rule(
        id="schema/unreferenced-manifest",
        title="A manifest that no kustomization uses",
        severity=Severity.NOTE,
        what="A manifest lies beside a kustomization that does not name it, or a component is used by nothing.",
        why="An agent that applies the kustomization never applies this file, so it was not judged either.",
        remedy="List it under `resources` or `components` of a kustomization, or delete it.",
        bad="""\
# There is a service.yaml beside this file.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
""",
        good="""\
# There is a service.yaml beside this file.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
  - service.yaml
""",
        references=("https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/",),
    ),
)
