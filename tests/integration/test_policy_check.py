"""Policies on real changes: as which request an object is judged, by which policies, and what cannot pass unjudged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cli import Ended, check, gitgate
from tests.support.manifests import config_map, deployment
from tests.support.repository import RepositoryBuilder
from tests.support.spent_time import at_most

POLICY = ".gitgate/policies/policy.yaml"


def policy(name: str = "guard", *, actions: str = "[Deny]", extra: str = "", rules: str = "", **spec: str) -> str:
    """A policy for Deployments, or for what `rules` say, with its binding."""
    expression = spec.get("expression", "object.spec.replicas <= 5")
    operations = spec.get("operations", "[CREATE, UPDATE]")
    resources = spec.get("resources", "[deployments]")
    groups = spec.get("groups", "[apps]")
    return f"""\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: {groups}
        apiVersions: ["v1"]
        operations: {operations}
        resources: {resources}
{rules}{extra}  validations:
    - expression: "{expression}"
---
{binding(name, actions)}"""


def binding(name: str = "guard", actions: str = "[Deny]", extra: str = "") -> str:
    return f"""\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {name}
spec:
  policyName: {name}
  validationActions: {actions}
{extra}"""


def shop(repository: RepositoryBuilder, text: str = "", **files: str) -> RepositoryBuilder:
    repository.commit({"apps/web.yaml": deployment(replicas=2), POLICY: text or policy(), **files})
    repository.branch("change")
    return repository


def judge(repository: RepositoryBuilder) -> Ended:
    return check(repository.path, "--base", "main", "--head", "change")


def own(ended: Ended, state: str = "new") -> list[tuple[str, str]]:
    """Rule and severity of what the policy check found."""
    return sorted(
        (finding["rule"], finding["severity"])
        for finding in ended.report["findings"]
        if finding["rule"].startswith("policy/") and finding["state"] == state
    )


DENIED = [("policy/denied", "error")]


def test_an_update_is_denied_at_the_field(repository) -> None:
    text = deployment(replicas=9)
    shop(repository).commit({"apps/web.yaml": text}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (1, DENIED)
    (finding,) = ended.report["findings"]
    assert "replicas" in text.splitlines()[finding["location"]["line"] - 1]
    assert "guard denies the UPDATE" in finding["message"]


def test_a_denial_says_what_the_policy_of_the_base_advises(repository) -> None:
    advice = "  annotations: {gitgate.dev/fix: Ask for fewer.}\n"
    shop(repository, policy().replace("spec:\n", advice + "spec:\n", 1))
    repository.commit({"apps/web.yaml": deployment(replicas=9)}, branch="change")
    (finding,) = judge(repository).report["findings"]
    assert finding["fix"] == "Ask for fewer."


def test_what_the_policy_allows_is_accepted(repository) -> None:
    shop(repository).commit({"apps/web.yaml": deployment(replicas=5)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (0, [])


def test_what_broke_the_policy_before_does_not_block(repository) -> None:
    shop(repository, **{"apps/big.yaml": deployment("big", replicas=9)})
    repository.commit({"apps/settings.yaml": config_map()}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended), own(ended, "existing")) == (0, [], DENIED)
    repository.commit({"apps/big.yaml": deployment("big", replicas=8)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended), own(ended, "existing")) == (0, [], DENIED)
    repository.commit({"apps/big.yaml": deployment("big", replicas=3)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended), own(ended, "fixed")) == (0, [], DENIED)


@pytest.mark.parametrize(
    ("expression", "operations", "code"),
    [
        ("object.spec.replicas >= oldObject.spec.replicas", "[UPDATE]", 1),
        ("oldObject == null || object.spec.replicas >= oldObject.spec.replicas", "[CREATE, UPDATE]", 1),
        ("request.operation != 'UPDATE'", "['*']", 1),
        ("false", "[UPDATE]", 1),
        ("false", "[CREATE]", 0),
        ("object.spec.replicas >= 2", "[CREATE]", 0),
        ("request.operation != 'CREATE'", "[CREATE, UPDATE]", 0),
        ("oldObject.spec.replicas == 2 && object.spec.replicas == 1", "[UPDATE]", 0),
    ],
)
def test_an_edit_is_an_update_with_the_object_of_the_base(repository, expression, operations, code) -> None:
    shop(repository, policy(expression=expression, operations=operations))
    repository.commit({"apps/web.yaml": deployment(replicas=1)}, branch="change")
    assert judge(repository).code == code


def test_a_policy_for_creations_says_nothing_of_an_edited_object(repository) -> None:
    shop(repository, policy(expression="false", operations="[CREATE]"))
    repository.commit({"apps/web.yaml": deployment(replicas=1)}, branch="change")
    ended = judge(repository)
    assert [own(ended, state) for state in ("new", "existing", "fixed")] == [[], [], []]


def test_a_removal_is_a_delete(repository) -> None:
    text = policy(expression="'deletable' in oldObject.metadata.labels", operations="[DELETE]")
    shop(repository, text, **{"apps/api.yaml": deployment("api")})
    repository.commit({"apps/api.yaml": None}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    (finding,) = ended.report["findings"]
    assert finding["location"]["path"] == "apps/api.yaml"


def test_a_policy_among_the_manifests_of_the_base_judges(repository) -> None:
    repository.commit({"apps/web.yaml": deployment(), "cluster/policy.yaml": policy()})
    repository.branch("change")
    repository.commit({"apps/web.yaml": deployment(replicas=9)}, branch="change")
    assert own(judge(repository)) == DENIED


def test_a_change_cannot_remove_the_policy_that_denies_it(repository) -> None:
    repository.commit({"apps/web.yaml": deployment(), "cluster/policy.yaml": policy()})
    repository.branch("change")
    repository.commit({"apps/web.yaml": deployment(replicas=9), "cluster/policy.yaml": None}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    changed = ("policy/policy-changed", "warning")
    assert own(ended) == [*DENIED, changed, changed]


def test_a_change_cannot_loosen_the_policy_that_denies_it(repository) -> None:
    shop(repository)
    repository.commit({"apps/web.yaml": deployment(replicas=9), POLICY: policy(expression="true")}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (1, [*DENIED, ("policy/policy-changed", "warning")])


def test_a_policy_that_the_change_brings_judges_what_it_brings(repository) -> None:
    repository.commit({"apps/web.yaml": deployment(), "apps/big.yaml": deployment("big", replicas=9)})
    repository.branch("change")
    repository.commit({POLICY: policy(), "apps/api.yaml": deployment("api", replicas=7)}, branch="change")
    ended = judge(repository)
    assert [rule for rule, _ in own(ended)].count("policy/denied") == 1
    assert own(ended, "existing") == DENIED
    assert "which this change brings" in " ".join(finding["message"] for finding in ended.report["findings"])


def test_a_change_cannot_leave_a_policy_by_relabelling_its_namespace(repository) -> None:
    def namespace(label: str) -> str:
        return f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    stage: {label}\n"

    rules = "    namespaceSelector:\n      matchLabels:\n        stage: live\n"
    shop(repository, policy(rules=rules), **{"apps/namespace.yaml": namespace("live")})
    files = {"apps/web.yaml": deployment(replicas=9), "apps/namespace.yaml": namespace("test")}
    repository.commit(files, branch="change")
    assert own(judge(repository)) == DENIED


@pytest.mark.parametrize(
    ("actions", "severity", "code"),
    [("[Deny]", "error", 1), ("[Deny, Audit]", "error", 1), ("[Warn]", "warning", 0), ("[Warn, Audit]", "warning", 0), ("[Audit]", "note", 0)],
)  # fmt: skip
def test_actions_are_weights(repository, actions, severity, code) -> None:
    shop(repository, policy(actions=actions))
    repository.commit({"apps/web.yaml": deployment(replicas=9)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (code, [("policy/denied", severity)])


@pytest.mark.parametrize(("failure", "severity", "code"), [("Fail", "error", 1), ("Ignore", "note", 0)])
def test_an_expression_that_fails_follows_the_failure_policy(repository, failure, severity, code) -> None:
    shop(repository, policy(expression="object.nope == 1", extra=f"  failurePolicy: {failure}\n"))
    repository.commit({"apps/api.yaml": deployment("api")}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (code, [("policy/evaluation-error", severity)])


def test_a_policy_for_pods_judges_the_pods_of_a_workload(repository) -> None:
    text = policy(
        expression="object.spec.containers.all(c, c.image.startsWith('registry.example.com/shop/'))",
        groups="['']", resources="[pods]",
    )  # fmt: skip
    repository.commit({"apps/settings.yaml": config_map(), POLICY: text})
    repository.branch("change")
    written = deployment()
    repository.commit({"apps/web.yaml": written}, branch="change")
    ended = judge(repository)
    assert own(ended) == DENIED
    (finding,) = ended.report["findings"]
    assert "containers" in written.splitlines()[finding["location"]["line"] - 2]
    assert "the pods it would make" in finding["message"]


PARAMETERS = "  paramKind:\n    apiVersion: v1\n    kind: ConfigMap\n"


def parametrized(reference: str) -> str:
    text = policy(expression="object.spec.replicas <= int(params.data.most)", extra=PARAMETERS)
    return text + f"  paramRef:\n{reference}"


class TestParams:
    BY_NAME = "    name: settings\n    namespace: shop\n    parameterNotFoundAction: Deny\n"

    def test_they_are_those_of_the_base(self, repository) -> None:
        shop(repository, parametrized(self.BY_NAME), **{"p.yaml": config_map(data="most: '5'")})
        files = {"p.yaml": config_map(data="most: '50'"), "apps/web.yaml": deployment(replicas=9)}
        repository.commit(files, branch="change")
        assert DENIED[0] in own(judge(repository))

    def test_without_them_the_request_is_denied(self, repository) -> None:
        shop(repository, parametrized(self.BY_NAME))
        repository.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
        ended = judge(repository)
        assert own(ended, "existing") == [("policy/missing-params", "error")]
        repository.commit({"apps/api.yaml": deployment("api")}, branch="change")
        ended = judge(repository)
        assert (ended.code, own(ended)) == (1, [("policy/missing-params", "error")])

    def test_those_that_the_change_tightens_judge_too_and_are_told(self, repository) -> None:
        shop(repository, parametrized(self.BY_NAME), **{"p.yaml": config_map(data="most: '5'")})
        files = {"p.yaml": config_map(data="most: '3'"), "apps/api.yaml": deployment("api", replicas=4)}
        repository.commit(files, branch="change")
        ended = judge(repository)
        assert (ended.code, own(ended)) == (1, [*DENIED, ("policy/policy-changed", "warning")])
        messages = " ".join(finding["message"] for finding in ended.report["findings"])
        assert "policy guard with the params of this change denies the CREATE" in messages
        assert "the change edits ConfigMap settings, which policy guard has as params" in messages

    def test_without_them_nothing_is_asked_where_that_is_allowed(self, repository) -> None:
        shop(repository, parametrized(self.BY_NAME.replace("Deny", "Allow")))
        repository.commit({"apps/web.yaml": deployment(replicas=99)}, branch="change")
        assert own(judge(repository)) == []


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        (policy(expression="object.spec.replicas +"), "policy/compile-error", "line 1, column"),
        (policy(expression="cel.bind(x, 1, x == 1)"), "policy/compile-error", "undeclared reference"),
        (policy(expression="authorizer.path('/').check('get').allowed()"), "policy/not-evaluable", "authorizer"),
        (binding("nobody"), "policy/binding-without-policy", "no policy nobody"),
        (policy(actions="[Nope]"), "policy/invalid", "validationActions"),
        (policy(operations="yes"), "policy/invalid", "operations must be a list"),
        ("spec: [1", "policy/invalid", ""),
        ("just: text\n", "policy/invalid", "no Kubernetes object"),
    ],
)
def test_a_policy_that_cannot_judge_is_a_finding(repository, text, rule, words) -> None:
    """It blocks the change that brings it, and is never taken for a policy that allows."""
    repository.commit({"apps/web.yaml": deployment()})
    repository.branch("change")
    repository.commit({POLICY: text}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    assert rule in ended.rules()
    assert words in " ".join(finding["message"] for finding in ended.report["findings"])


AUTHORIZER = policy(expression="authorizer.path('/').check('get').allowed()")


@pytest.mark.parametrize(
    ("text", "change", "code", "found"),
    [
        (AUTHORIZER, {"apps/web.yaml": deployment(replicas=3)}, 1, [("policy/not-evaluable", "error")]),
        (AUTHORIZER, {"apps/api.yaml": deployment("api")}, 1, [("policy/not-evaluable", "error")]),
        (AUTHORIZER, {"apps/settings.yaml": config_map()}, 0, []),
        (
            AUTHORIZER.replace("[Deny]", "[Warn]"),
            {"apps/web.yaml": deployment(replicas=3)},
            0,
            [("policy/not-evaluable", "warning")],
        ),
    ],
)
def test_what_only_a_cluster_can_judge_does_not_pass_unjudged(repository, text, change, code, found) -> None:
    shop(repository, text)
    repository.commit(change, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (code, found)
    assert own(ended, "existing") == [("policy/not-evaluable", "error")]


def test_what_an_api_server_can_run_and_gitgate_cannot_does_not_pass_unjudged(repository) -> None:
    text = policy(expression=" + ".join(["'a'"] * 40) + " != ''")
    shop(repository, text)
    repository.commit({"apps/settings.yaml": config_map()}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended), own(ended, "existing")) == (0, [], [("policy/compile-error", "error")])
    repository.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (1, [("policy/limit", "error")])
    assert "only a cluster can say" in " ".join(finding["message"] for finding in ended.report["findings"])


def test_a_policy_about_everything_is_not_asked_about_policies(repository) -> None:
    shop(repository, policy(expression="false", groups="['*']", resources="['*']").replace("['v1']", "['*']"))
    repository.commit({"policies/other.yaml": policy("other")}, branch="change")
    ended = judge(repository)
    assert ended.code == 0
    assert set(own(ended)) == {("policy/policy-changed", "warning")}


def test_a_policy_that_nothing_binds_is_told(repository) -> None:
    unbound, bound = policy().split("---\n")
    shop(repository, unbound)
    repository.commit({"apps/web.yaml": deployment(replicas=9)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended, "existing")) == (0, [("policy/policy-without-binding", "warning")])
    repository.commit({"policies/binding.yaml": bound}, branch="main")
    ended = judge(repository)
    assert (ended.code, own(ended), own(ended, "existing")) == (1, DENIED, [])


def test_a_library_that_is_newer_than_the_cluster_does_not_compile(repository) -> None:
    text = policy(expression="isIP('::1')")
    shop(repository, text, **{".gitgate/settings.yaml": "version: 1\nkubernetesVersions: ['1.29']\n"})
    ended = judge(repository)
    assert own(ended, "existing") == [("policy/compile-error", "error")]


@pytest.mark.parametrize(("versions", "code"), [("['1.29', '1.37']", 1), ("['1.29']", 0)])
def test_a_policy_that_only_some_clusters_take_judges_all_the_same(repository, versions, code) -> None:
    text = policy(expression="isIP('::1') && object.spec.replicas <= 5")
    shop(repository, text, **{".gitgate/settings.yaml": f"version: 1\nkubernetesVersions: {versions}\n"})
    repository.commit({"apps/web.yaml": deployment(replicas=6)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended, "existing")) == (code, [("policy/compile-error", "error")])
    assert own(ended) == [("policy/denied", "error")] * code


HOSTILE = {
    "replace bomb": "(('e' + object.kind)" + ".replace('e', 'eeeeeeeeeeeeeeeeeeee')" * 9 + ").size() > 0",
    "nested loops": "object.data.all(a, object.data.all(b, object.data.all(c, a != b || b != c || true)))",
}


@pytest.mark.parametrize("expression", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_policy_is_named_and_the_others_judge(repository, expression) -> None:
    hostile = policy("hostile", expression=expression, groups="['']", resources="[configmaps]")
    shop(repository, f"{hostile}---\n{policy()}")
    data = "\n  ".join(f"k{number}: x" for number in range(200))
    repository.commit({"apps/web.yaml": deployment(replicas=9), "c.yaml": config_map(data=data)}, branch="change")
    with at_most(2):
        ended = judge(repository)
    assert (ended.code, own(ended)) == (1, [*DENIED, ("policy/limit", "error")])


def test_a_limit_in_the_base_is_no_excuse(repository) -> None:
    shop(repository, policy(expression=HOSTILE["replace bomb"]))
    repository.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
    ended = judge(repository)
    assert (ended.code, own(ended)) == (1, [("policy/limit", "error")])


def test_shipped_sets_judge_when_settings_name_them(repository) -> None:
    settings = "version: 1\npolicy:\n  sets: [pod-security-restricted]\n"
    repository.commit({"apps/settings.yaml": config_map(), ".gitgate/settings.yaml": settings})
    repository.branch("change")
    repository.commit({"apps/web.yaml": deployment()}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    assert {rule for rule, _ in own(ended)} == {"policy/denied"}
    assert len(own(ended)) >= 4


def test_a_set_that_does_not_exist_is_a_usage_error(repository) -> None:
    settings = "version: 1\npolicy:\n  sets: [pod-security-basline]\n"
    repository.commit({"apps/web.yaml": deployment(), ".gitgate/settings.yaml": settings})
    repository.branch("change")
    ended = judge(repository)
    assert ended.code == 2
    assert "did you mean" in ended.stderr
    assert ".gitgate/settings.yaml:3" in ended.stderr


def test_validate_judges_by_the_policies_that_it_is_given(tmp_path) -> None:
    (tmp_path / "policy.yaml").write_text(policy())
    (tmp_path / "web.yaml").write_text(deployment(replicas=9))
    ended = gitgate("validate", "--output", "json", ".", cwd=tmp_path)
    assert (ended.code, own(ended)) == (1, DENIED)


def test_several_bindings_give_one_finding_with_the_greatest_weight(repository) -> None:
    second: Any = binding("guard", "[Audit]").replace("name: guard", "name: other", 1)
    shop(repository, f"{policy(actions='[Warn]')}---\n{second}")
    repository.commit({"apps/web.yaml": deployment(replicas=9)}, branch="change")
    assert own(judge(repository)) == [("policy/denied", "warning")]


def test_policies_of_one_name_from_two_directories_both_judge(repository) -> None:
    strict = policy(expression="object.spec.replicas <= 3")
    repository.commit({"apps/web.yaml": deployment(), "one/policy.yaml": policy(), "two/policy.yaml": strict})
    repository.branch("change")
    repository.commit({"apps/web.yaml": deployment(replicas=4)}, branch="change")
    assert DENIED[0] in own(judge(repository))


def test_what_is_in_a_secret_is_not_quoted(repository) -> None:
    text = policy(expression="false", groups="['']", resources="[secrets]")
    text = text.replace('"false"', '"false"\n      messageExpression: "\'is \' + object.stringData.key"', 1)
    shop(repository, text)
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  key: hunter2hunter2\n"
    repository.commit({"s.yaml": secret}, branch="change")
    ended = judge(repository)
    assert own(ended) == DENIED
    assert "hunter2" not in ended.stdout + ended.stderr
