"""Policies against the schemas of the kinds that they are about: warnings, as the API server gives, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gitgate.checks.policy_types import KIND_LIMIT, type_warnings
from gitgate.policy.cel import Engine, Source
from gitgate.policy.definition import read_policies
from gitgate.policy.files import bundled_names, read_bundled, read_rulebook
from gitgate.settings import Settings
from gitgate.yaml_document import YamlLimits
from tests.support.cli import Ended, check
from tests.support.manifests import deployment
from tests.support.repository import RepositoryBuilder

POLICY = ".gitgate/policies/policy.yaml"
RULE = '[{apiGroups: [apps], apiVersions: [v1], operations: ["*"], resources: [deployments]}]'
CORE = '[{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: %s}]'
WIDGETS = '[{apiGroups: [example.org], apiVersions: [v1], operations: ["*"], resources: [widgets]}]'


def policy(expression: str, rules: str = RULE, extra: str = "") -> str:
    return f"""\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: guard}}
spec:
  matchConstraints: {{resourceRules: {rules}}}
{extra}  validations:
    - expression: >-
        {expression}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: guard}}
spec: {{policyName: guard, validationActions: [Deny]}}
"""


def definition(field: str) -> str:
    return f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.example.org}}
spec:
  group: example.org
  scope: Namespaced
  names: {{plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {{type: object, properties: {{{field}: {{type: string}}}}}}
"""


def judge(repository: RepositoryBuilder, before: dict[str, str], after: dict[str, str]) -> Ended:
    repository.commit({"apps/web.yaml": deployment(replicas=2), **before})
    repository.branch("change")
    repository.commit({"apps/web.yaml": deployment(replicas=3), **after}, branch="change")
    return check(repository.path, "--base", "main", "--head", "change")


def doubts(ended: Ended) -> list[dict[str, Any]]:
    return [finding for finding in ended.report["findings"] if finding["rule"] == "policy/type-check"]


def warnings(text: str) -> list[str]:
    """What is said of policies alone."""
    resources = read_rulebook({POLICY: text.encode()}, YamlLimits()).resources
    with Engine() as engine:
        return [item.message for item in type_warnings(read_policies(resources), (), Settings(), engine)]


def test_an_unknown_field_is_a_warning_with_kind_place_and_suggestion_and_the_policy_still_judges(repository) -> None:
    text = policy("has(object.spec.replcas) || object.spec.replicas < 3")
    ended = judge(repository, {}, {POLICY: text})
    (finding,) = doubts(ended)
    assert (finding["severity"], finding["state"]) == ("warning", "new")
    assert finding["message"] == (
        "for apps/v1 Deployment: undefined field 'replcas'; did you mean 'replicas'? "
        "in spec.validations[0].expression of policy guard, line 1, column 4"
    )
    assert finding["location"]["path"] == POLICY
    assert "- expression" in text.splitlines()[finding["location"]["line"] - 1]
    assert "policy/denied" in {item["rule"] for item in ended.report["findings"]}


def test_a_warning_alone_accepts_the_change_and_is_an_old_one_afterwards(repository) -> None:
    text = policy("!has(object.spec.replcas)")
    ended = judge(repository, {POLICY: text}, {})
    assert (ended.code, [finding["state"] for finding in doubts(ended)]) == (0, ["existing"])


def test_a_policy_that_the_change_mends_is_doubted_no_more(repository) -> None:
    ended = judge(repository, {POLICY: policy("!has(object.spec.replcas)")}, {POLICY: policy("has(object.spec)")})
    assert [finding["state"] for finding in doubts(ended)] == ["fixed"]


def test_a_field_that_the_change_takes_from_a_definition_is_a_new_doubt(repository) -> None:
    files = {POLICY: policy("object.spec.colour != ''", WIDGETS), "crd.yaml": definition("colour")}
    ended = judge(repository, files, {"crd.yaml": definition("color")})
    (finding,) = doubts(ended)
    assert finding["state"] == "new"
    assert finding["message"].startswith("for example.org/v1 Widget: undefined field 'colour'; did you mean 'color'?")


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.template.spec.containers.all(c, has(c.image) && c.?securityContext.?privileged.orValue(false))",
        "object.metadata.labels['app'] == oldObject.metadata.annotations['app']",
        "object.spec.template.spec.nodeSelector.disk == 'fast'",
        "object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == '10%'",
        "object.metadata.creationTimestamp.startsWith('2026') && object.metadata.creationTimestamp == '2026'",
        "timestamp(object.metadata.creationTimestamp) < timestamp('2026-01-01T00:00:00Z')",
        "request.operation == 'CREATE' && namespaceObject.metadata.name != ''",
    ],
)
def test_right_fields_are_silent(expression) -> None:
    assert warnings(policy(expression)) == []


@pytest.mark.parametrize(
    ("expression", "extra", "part"),
    [
        ("variables.pods.exists(c, c.imagee == '')",
         "  variables: [{name: pods, expression: object.spec.template.spec.containers}]\n", "spec.validations[0]"),
        ("true", "  matchConditions: [{name: a, expression: 'object.imagee == 1'}]\n", "spec.matchConditions[0]"),
        ("true", "  auditAnnotations: [{key: a, valueExpression: 'string(oldObject.imagee)'}]\n",
         "spec.auditAnnotations[0]"),
    ],
)  # fmt: skip
def test_every_part_is_looked_at(expression, extra, part) -> None:
    (message,) = warnings(policy(expression, extra=extra))
    assert "undefined field 'imagee'" in message
    assert f"in {part}." in message


def test_what_cannot_be_equal_is_told() -> None:
    (message,) = warnings(policy("object.spec.replicas == 'three'"))
    assert "found no matching overload for '_==_' applied to '(int, string)'" in message


def test_kinds_that_lack_a_field_alike_are_one_warning() -> None:
    (message,) = warnings(policy("object.spec.nowhere == 1", CORE % "[services, pods, pods]"))
    assert message.startswith("for v1 Pod, v1 Service: undefined field 'nowhere'")


def test_ten_kinds_are_looked_at_and_no_more() -> None:
    names = (
        "configmaps, endpoints, limitranges, namespaces, nodes, persistentvolumeclaims, persistentvolumes, pods, "
        "podtemplates, replicationcontrollers, resourcequotas, secrets"
    )
    (message,) = warnings(policy("object.nowhere == 1", CORE % f"[{names}]"))
    listed = message.removeprefix("for ").partition(":")[0].split(", ")
    assert len(listed) == KIND_LIMIT
    assert (listed[0], listed[-1]) == ("v1 ConfigMap", "v1 ReplicationController")


@pytest.mark.parametrize(
    "rules",
    [
        CORE % '["*"]',
        CORE % '["*/*", "pods/exec"]',
        '[{apiGroups: ["*"], apiVersions: [v1], operations: ["*"], resources: [deployments]}]',
        '[{apiGroups: [apps], apiVersions: ["*"], operations: ["*"], resources: [deployments]}]',
        '[{apiGroups: [example.org], apiVersions: [v1], operations: ["*"], resources: [unheard]}]',
    ],
)
def test_what_rules_do_not_name_is_not_looked_at(rules) -> None:
    assert warnings(policy("object.nowhere == 1", rules)) == []


def test_one_named_resource_beside_a_wildcard_is_looked_at() -> None:
    (message,) = warnings(policy("object.nowhere == 1", CORE % '["*", pods]'))
    assert message.startswith("for v1 Pod:")


@pytest.mark.parametrize("expression", ["object.spec.nowhere ==", "authorizer.path('/').check('get').allowed()"])
def test_what_cannot_run_is_said_once_elsewhere(expression) -> None:
    assert warnings(policy(expression)) == []


def test_a_check_that_takes_too_long_is_told_and_the_policy_still_judges(repository) -> None:
    # Names as long as the schema has are compared with all of them.
    fields = " || ".join(f"has(object.spec.{'abcdefghij' * 60}{number})" for number in range(25))
    wide = definition("colour").replace(
        "{colour: {type: string}}",
        "{" + ", ".join(f"{'jihgfedcba' * 60}{n}: {{type: string}}" for n in range(300)) + "}",
    )
    rules = f"{WIDGETS[:-1]}, {RULE[1:]}"
    ended = judge(repository, {POLICY: policy(f"object.spec.replicas < 3 || {fields}", rules), "crd.yaml": wide}, {})
    (finding,) = doubts(ended)
    assert finding["message"] == "checking the types of policy guard took more time than one evaluation may"
    assert (finding["severity"], ended.code) == ("warning", 1)
    assert "policy/denied" in {item["rule"] for item in ended.report["findings"]}


@pytest.mark.parametrize("name", bundled_names())
def test_shipped_policies_give_no_doubt_as_policies_of_a_repository(name) -> None:
    policies = list(read_policies(read_bundled(name)))
    assert policies
    with Engine() as engine:
        found = type_warnings(policies, (), Settings(), engine)
    assert [finding.message for finding in found] == []


def test_kinds_of_one_word_that_differ_are_told_apart() -> None:
    source = Source(names=("object",), validations=(("object.a == 1", None),))
    with Engine() as engine:
        for name, count in (("a", 0), ("b", 1), ("a", 0)):
            schema = {"type": "object", "properties": {name: {"type": "integer"}}}
            program = engine.compile(replace(source, kinds=(("Kind", {"object": schema}),)))
            assert len(program.doubts) == count
