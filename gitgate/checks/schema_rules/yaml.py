"""Rules about YAML itself: text that has no value, or that two readers would read differently."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_DECODER = "https://github.com/kubernetes/apimachinery/blob/master/pkg/util/yaml/decoder.go"
_GO_YAML = "https://pkg.go.dev/sigs.k8s.io/yaml"
_YAML_SPEC = "https://yaml.org/spec/1.2.2/"

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/yaml-syntax",
        title="YAML that cannot be parsed",
        severity=Severity.ERROR,
        what="The text is not YAML, so the document has no value.",
        why=(
            "The agent stops at this file. Until it is mended, nothing of the application is synchronised, and what "
            "the file should have changed stays as it was."
        ),
        remedy="Mend the syntax at the line and column given; the cause is often a line or two above it.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: "hello
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: "hello"
""",
        references=(_YAML_SPEC,),
    ),
    Rule(
        id="schema/yaml-duplicate-key",
        title="A key that occurs twice in one mapping",
        severity=Severity.ERROR,
        what="A mapping has the same key twice, also when one of the two is spelled with escapes.",
        why=(
            "kubectl and Argo CD keep the last value, kustomize refuses the file. A reviewer who sees the first "
            "value approves something else than what is applied."
        ),
        remedy="Keep the one that is meant and delete the other.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
  mode: unsafe
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
""",
        references=(_YAML_SPEC + "#3213-node-comparison", _GO_YAML),
    ),
    Rule(
        id="schema/yaml-merge-order",
        title="A merge key after other keys",
        severity=Severity.ERROR,
        what="A merge key `<<` stands below a key that the merged mapping has too.",
        why=(
            "YAML lets the keys of the mapping itself win, and so does kustomize. The reader of kubectl and Argo CD "
            "goes from top to bottom, so that `<<` replaces what is written above it."
        ),
        remedy="Move `<<` to the top of the mapping, or write the keys out.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
  labels: &shared
    mode: unsafe
data:
  mode: safe
  <<: *shared
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
  labels: &shared
    mode: unsafe
data:
  <<: *shared
  mode: safe
""",
        references=("https://yaml.org/type/merge.html", _GO_YAML),
    ),
    Rule(
        id="schema/yaml-ambiguous-scalar",
        title="A plain value that readers type differently",
        severity=Severity.WARNING,
        what="A value without quotes is a string for one Kubernetes YAML reader and another type or text for another.",
        why=(
            "kubectl and Argo CD read it with YAML 1.1 rules, kustomize and Flux with their own. The object then "
            "depends on which tool applies it."
        ),
        remedy="Put the value in quotes, or write it in a form that has one meaning.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  released: 2024-01-01
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  released: "2024-01-01"
""",
        references=("https://yaml.org/type/bool.html", _YAML_SPEC + "#103-core-schema", _GO_YAML),
    ),
    Rule(
        id="schema/yaml-alias",
        title="An alias that stands for nothing",
        severity=Severity.ERROR,
        what="An alias names an anchor that is not defined above it in the same document, or that contains the alias.",
        why="No reader can give the document a value; the agent stops at this file.",
        remedy="Define the anchor first, or write the value out; put text that begins with `*` in quotes.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: *shared
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe
""",
        references=(_YAML_SPEC + "#71-alias-nodes",),
    ),
    Rule(
        id="schema/yaml-custom-tag",
        title="A tag that is not part of YAML's core",
        severity=Severity.ERROR,
        what="A value carries a tag such as `!vault` or `!!python/object`, which no Kubernetes reader knows.",
        why=(
            "Go's reader ignores the tag and keeps the plain value. What looks like a reference to a secret store "
            "would be applied as literal text."
        ),
        remedy="Delete the tag; whatever it stands for has to be resolved before the file is committed.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  password: !vault secret/web
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  passwordPath: secret/web
""",
        references=(_YAML_SPEC + "#24-tags", _GO_YAML),
    ),
    Rule(
        id="schema/yaml-hidden-character",
        title="A character that a reviewer cannot see",
        severity=Severity.ERROR,
        what=(
            "The text holds a control character, a line break that editors do not show, a zero-width character or "
            "one that turns the direction of writing."
        ),
        why=(
            "Review shows another text than the one that is applied: a comment can hide a live line, and two names "
            "that look the same can differ."
        ),
        remedy='Delete the character; where it is wanted in a value, write it as an escape, `"\\u200B"`.',
        bad="""\
# After "reviewed" stands U+2028, a line break that most editors do not show.
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe # reviewed\u2028  debug: "true"
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  mode: safe # reviewed
""",
        references=("https://trojansource.codes/", _YAML_SPEC + "#54-line-break-characters"),
    ),
    Rule(
        id="schema/yaml-split-ambiguous",
        title="A document boundary that readers see differently",
        severity=Severity.ERROR,
        what=(
            "A line starts with `---` but does not end there, or documents are separated in a way that only some "
            "readers follow."
        ),
        why=(
            "kubectl cuts a file at lines before it parses them. Where its cut is not YAML's, a document can "
            "disappear for one tool and be applied by another."
        ),
        remedy="Put `---` on a line of its own, with nothing behind it but a comment.",
        bad="""\
--- {apiVersion: v1, kind: ConfigMap, metadata: {name: web}}
""",
        good="""\
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: web}}
""",
        references=(_DECODER, _YAML_SPEC + "#912-document-markers"),
    ),
    Rule(
        id="schema/yaml-limit",
        title="More than the limits allow",
        severity=Severity.ERROR,
        what=(
            "A file is larger, deeper nested or expands to more values than gitgate is set to read, or the tree "
            "renders to more objects."
        ),
        why=(
            "What is not read is not judged. Files made to be huge when expanded also stop the agent and the "
            "reviewers' tools."
        ),
        remedy="Split the file, write aliases out, or raise the limit under `limits` in .gitgate/settings.yaml.",
        references=("https://en.wikipedia.org/wiki/Billion_laughs_attack",),
    ),
    Rule(
        id="schema/yaml-encoding",
        title="A file that is not UTF-8",
        severity=Severity.ERROR,
        what="The bytes are not valid UTF-8, or the file is in another Unicode encoding.",
        why=(
            "Readers replace broken bytes or refuse the file, each in its own way, so that the applied text is not "
            "the one that was reviewed."
        ),
        remedy="Save the file as UTF-8 without a byte order mark.",
        references=(_YAML_SPEC + "#52-character-encodings", "https://www.rfc-editor.org/rfc/rfc8259#section-8.1"),
    ),
    Rule(
        id="schema/yaml-invalid-value",
        title="A value that Kubernetes cannot hold",
        severity=Severity.ERROR,
        what=(
            "A value or key has no place in JSON, such as infinity or a mapping as a key, or it is not of the type "
            "that its tag says."
        ),
        why="The API server takes JSON. The agent cannot send this document, and its synchronisation fails.",
        remedy="Write a value that JSON has; put it in quotes when text is meant.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  limit: .inf
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  limit: ".inf"
""",
        references=(_GO_YAML, "https://www.rfc-editor.org/rfc/rfc8259#section-6"),
    ),
    Rule(
        id="schema/yaml-template",
        title="A template where a manifest is expected",
        severity=Severity.ERROR,
        what="The file holds template actions such as `{{ .Values.name }}` outside of a string, so it is not YAML yet.",
        why=(
            "Nothing renders it here. An agent that reads the directory fails on it, and nobody can say what it "
            "would apply."
        ),
        remedy="Move it into a chart, commit what it renders to, or list it under `exclude` in .gitgate/settings.yaml.",
        bad="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Values.name }}
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
""",
        references=("https://helm.sh/docs/chart_template_guide/getting_started/",),
    ),
    Rule(
        id="schema/template-not-rendered",
        title="A template that no agent reads",
        severity=Severity.NOTE,
        what=(
            "The file holds template actions outside of a string, and is nothing that an agent reads: it lies in a "
            "folder for templates, away from manifests, or where the owners of this repository do not lead. Where the "
            "base could read it, or a kustomization names it, that is `schema/yaml-template` instead."
        ),
        why="What something else renders it to, and applies, was not judged.",
        remedy="Nothing, if it is meant so; or list it under `exclude` in .gitgate/settings.yaml.",
        references=("https://helm.sh/docs/chart_template_guide/getting_started/",),
    ),
)
