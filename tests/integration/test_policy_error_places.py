"""An expression that does not compile is shown where it is wrong, in the file that holds the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import gitgate

HEAD = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: guard
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE]
        resources: [deployments]
  validations:
    - expression: """


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("nope == 1", (13, "nope == 1")),
        ("true && nope == 1  # why", (13, "nope == 1  # why")),
        ('"true && nope == 1"', (13, 'nope == 1"')),
        ("'true && nope == 1'", (13, "nope == 1'")),
        ("|\n        true\n        && nope == 1", (15, "nope == 1")),
        ("|-  # why\n        true &&\n\n          nope == 1\n", (16, "nope == 1")),
        # Where the file spells it otherwise, only the start of the text is certain.
        ('"\'\\t\' == \'\' && nope == 1"', (13, '"\'\\t')),
        ("'''a'' == ''b'' && nope == 1'", (13, "'''a''")),
        (">-\n        true &&\n        nope == 1", (13, ">-")),
        ("true &&\n        nope == 1", (13, "true &&")),
    ],
    ids=["plain", "plain with comment", "double", "single", "block", "blank line", "escape", "doubled quote", "folded", "two lines"],
)  # fmt: skip
def test_a_compile_error_has_the_line_and_column_of_the_file(
    tmp_path: Path, written: str, place: tuple[int, str]
) -> None:
    text = f"{HEAD}{written}\n"
    (tmp_path / "policy.yaml").write_text(text)
    ended = gitgate("validate", "--output", "json", ".", cwd=tmp_path)
    (finding,) = (item for item in ended.report["findings"] if item["rule"] == "policy/compile-error")
    location = finding["location"]
    line = text.splitlines()[location["line"] - 1]
    assert location["line"] == place[0]
    assert line[location["column"] - 1 :].startswith(place[1])


_DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gauges.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {plural: gauges, kind: Gauge}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          x-kubernetes-validations:
            - """


@pytest.mark.parametrize(
    ("written", "start", "options"),
    [
        ("rule: self.kind != '' && nope", "nope", ()),
        ("rule: self.sise > 1", ".sise", ()),
        ("{rule: 'true', messageExpression: self.kind + 1}", "+ 1", ()),
        ("rule: self.kind != '' && isSemver('1.0.0')", "('1.0.0')", ("-k", "1.30")),
    ],
)
def test_an_error_of_a_rule_of_a_definition_has_its_place(
    tmp_path: Path, written: str, start: str, options: tuple[str, ...]
) -> None:
    text = f"{_DEFINITION}{written}\n"
    (tmp_path / "definition.yaml").write_text(text)
    ended = gitgate("validate", "--output", "json", *options, ".", cwd=tmp_path)
    (finding,) = (item for item in ended.report["findings"] if item["rule"] == "policy/crd-rule-invalid")
    location = finding["location"]
    assert text.splitlines()[location["line"] - 1][location["column"] - 1 :].startswith(start)


def test_what_a_kubernetes_version_lacks_has_its_place(tmp_path: Path) -> None:
    text = f"{HEAD}object.kind != '' && isSemver('1.0.0')\n"
    (tmp_path / "policy.yaml").write_text(text)
    ended = gitgate("validate", "--output", "json", "-k", "1.30", ".", cwd=tmp_path)
    (finding,) = (item for item in ended.report["findings"] if item["rule"] == "policy/compile-error")
    assert text.splitlines()[finding["location"]["line"] - 1][finding["location"]["column"] - 1 :] == "('1.0.0')"
