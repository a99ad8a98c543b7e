"""Rules about CustomResourceDefinitions and the change of schemas that they bring."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_CRD = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"
_VERSIONS = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/crd-invalid",
        title="A CustomResourceDefinition that cannot judge",
        severity=Severity.ERROR,
        what="A CustomResourceDefinition has no usable structural schema, so it can judge no object of its kind.",
        why=(
            "The API server refuses the definition or serves no such kind. Objects of that kind then fail, or are "
            "stored unchecked."
        ),
        remedy="Correct the schema at the place given; every level needs a `type`.",
        bad="""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: backups.example.com
spec:
  group: example.com
  scope: Namespaced
  names:
    kind: Backup
    listKind: BackupList
    plural: backups
    singular: backup
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: objekt
""",
        good="""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: backups.example.com
spec:
  group: example.com
  scope: Namespaced
  names:
    kind: Backup
    listKind: BackupList
    plural: backups
    singular: backup
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
""",
        references=(_CRD + "#specifying-a-structural-schema",),
    ),
    Rule(
        id="schema/crd-changed",
        title="A changed CustomResourceDefinition",
        severity=Severity.WARNING,
        what=(
            "The change edits a CustomResourceDefinition. Every object of its kind was judged by the old one and by "
            "the new one."
        ),
        why=(
            "A definition decides what the cluster accepts. A looser one lets invalid objects through from then on; "
            "a stricter one can make stored objects impossible to update."
        ),
        remedy="Review the definition by itself, as code that judges; if possible merge it before the objects.",
        references=(_VERSIONS, _CRD),
    ),
    Rule(
        id="schema/crd-added",
        title="A new CustomResourceDefinition",
        severity=Severity.NOTE,
        what="The change brings a CustomResourceDefinition for a kind that had none.",
        why="From the merge on the cluster serves a new kind, and whoever may create its objects can use it.",
        remedy="Nothing, if the kind is wanted.",
        references=(_CRD,),
    ),
    Rule(
        id="schema/valid-only-under-changed-crd",
        title="An object that is valid only because its definition changes too",
        severity=Severity.WARNING,
        what=(
            "The object breaks the CustomResourceDefinition of the base and keeps the one that the same change edits."
        ),
        why=(
            "The change brings its own judge. If the definition is applied after the object, the first "
            "synchronisation fails as well."
        ),
        remedy="Merge the definition first, or have the reviewer of the definition confirm the object.",
        references=(_VERSIONS,),
    ),
)
