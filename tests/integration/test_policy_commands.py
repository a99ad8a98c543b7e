"""`gitgate policy`: what is in force, what a policy is, cases, and the last merges judged by other policies."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.integration.test_policy_check import POLICY, binding, policy
from tests.support.cli import check, gitgate
from tests.support.manifests import config_map, deployment
from tests.support.repository import RepositoryBuilder

ALONE = policy().split("---")[0]


def case(replicas: int, expected: str, extra: str = "") -> str:
    return (
        f"  - policy: guard\n    expected: {expected}\n{extra}"
        f"    object: {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {replicas}}}}}\n"
    )


def cases(*entries: str) -> str:
    return "version: 1\ncases:\n" + "".join(entries)


def history(repository: RepositoryBuilder) -> list[str]:
    """Merges: an object, one that breaks the policy, an unrelated one, one that mends it."""
    return [
        repository.commit({"web.yaml": deployment(replicas=2)}, message="Begin"),
        repository.commit({"web.yaml": deployment(replicas=9)}, message="Scale up"),
        repository.commit({"settings.yaml": config_map()}, message="Configure"),
        repository.commit({"web.yaml": deployment(replicas=3)}, message="Scale down"),
    ]


def test_the_list_says_what_judges_and_where_it_comes_from(repository) -> None:
    repository.commit({
        "web.yaml": deployment(), POLICY: policy(), "cluster/other.yaml": policy("other", actions="[Warn]"),
        ".gitgate/policies/unbound.yaml": policy("unbound").split("---")[0],
        ".gitgate/settings.yaml": "version: 1\npolicy: {sets: [gitops]}\n",
    })  # fmt: skip
    ended = gitgate("policy", "list", cwd=repository.path)
    rows = {line.split()[0]: line.split()[1:3] for line in ended.stdout.splitlines()}
    assert (ended.code, rows["guard"], rows["other"], rows["unbound"]) == (
        0, ["Deny", POLICY], ["Warn", "cluster/other.yaml"], ["-", ".gitgate/policies/unbound.yaml"],
    )  # fmt: skip
    assert rows["gitops-wildcard-role"] == ["Deny", "gitgate:policies/gitops.yaml"]
    assert len(rows) == 12


def test_a_repository_without_policies_is_told_so(repository) -> None:
    repository.commit({"web.yaml": deployment()})
    assert "No policy judges" in gitgate("policy", "list", cwd=repository.path).stdout
    assert "best-practice-image-tag" in gitgate("policy", "list", "--shipped", cwd=repository.path).stdout


def test_a_policy_is_explained_with_its_expression_and_examples(repository) -> None:
    repository.commit({"web.yaml": deployment(), POLICY: policy()})
    for name in ("gitops-namespace-deletion", "gitops/namespace-deletion"):
        text = gitgate("policy", "explain", name, cwd=repository.path).stdout
        for part in ("## Why it matters", "## What to do", "gitgate.dev/allow-deletion", "**deny**, as DELETE"):
            assert part in text
    text = gitgate("policy", "explain", "guard", cwd=repository.path).stdout
    assert "object.spec.replicas <= 5" in text
    ended = gitgate("policy", "explain", "gaurd", cwd=repository.path)
    assert (ended.code, "did you mean guard?" in ended.stderr) == (2, True)


def test_the_examples_of_all_shipped_policies_are_as_expected(tmp_path) -> None:
    ended = gitgate("policy", "test", cwd=tmp_path)
    assert ended.code == 0
    assert ended.stdout.splitlines()[-1].endswith(" cases, 0 failed")


def test_cases_beside_policies_are_run_and_judge_nothing(repository, tmp_path) -> None:
    tests = cases(case(2, "allow"), case(9, "deny"))
    repository.commit({"web.yaml": deployment(), POLICY: policy(), ".gitgate/policies/tests/guard.yaml": tests})
    repository.checkout("main")
    ended = gitgate("policy", "test", ".gitgate/policies", cwd=repository.path)
    assert (ended.code, ended.stdout.splitlines()[-1]) == (0, "2 cases, 0 failed")
    repository.branch("change")
    repository.commit({"web.yaml": deployment(replicas=4)}, branch="change")
    ended = check(repository.path, "--base", "main", "--head", "change")
    assert (ended.code, ended.rules()) == (0, [])


def test_a_policy_among_the_tests_still_judges(repository) -> None:
    repository.commit({"web.yaml": deployment(), ".gitgate/policies/tests/guard.yaml": policy()})
    repository.branch("change")
    repository.commit({"web.yaml": deployment(replicas=9)}, branch="change")
    assert check(repository.path, "--base", "main", "--head", "change").rules() == ["policy/denied"]


def test_a_case_that_is_not_as_expected_fails_with_its_place_and_in_junit(tmp_path) -> None:
    (tmp_path / "guard.yaml").write_text(policy())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/guard.yaml").write_text(
        cases(case(9, "allow", '    name: "too <many> \\u0007"\n'), case(9, "deny", "    message: nothing of that\n"))
    )
    ended = gitgate("policy", "test", ".", "--junit", "junit.xml", cwd=tmp_path)
    assert ended.code == 1
    assert (
        "tests/guard.yaml:3:5: expected allow, got deny: failed expression: object.spec.replicas <= 5" in ended.stdout
    )
    assert "expected a message with 'nothing of that'" in ended.stdout
    suite = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - gitgate wrote it
    assert (suite.get("tests"), suite.get("failures"), len(list(suite.iter("failure")))) == ("2", "2", 2)
    assert next(suite.iter("testcase")).get("name", "").startswith("too <many>")


@pytest.mark.parametrize(
    ("spec", "entry", "code"),
    [
        ({"expression": "object.spec.nothing > 1"}, case(2, "error"), 0),
        ({"expression": "object.spec.nothing > 1"}, case(2, "deny"), 1),
        ({"actions": "[Warn]"}, case(9, "warn"), 0),
        ({"actions": "[Audit]"}, case(9, "audit"), 0),
        ({"operations": "[DELETE]"}, case(9, "allow"), 0),
        ({"expression": "no such thing"}, case(9, "error"), 0),
        ({}, case(9, "deny").replace("guard", "absent"), 1),
        ({}, case(2, "allow", "    user: {name: alice}\n"), 0),
        ({"expression": "request.userInfo.username == 'alice'"}, case(2, "allow", "    user: {name: alice}\n"), 0),
        ({"expression": "request.userInfo.username == 'alice'"}, case(2, "deny"), 0),
        ({"operations": "[UPDATE]", "expression": "oldObject.spec.replicas == 1"},
         case(2, "allow", "    oldObject: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1}}\n"), 0),
    ],
)  # fmt: skip
def test_what_is_expected_is_what_the_check_would_say(tmp_path, spec, entry, code) -> None:
    (tmp_path / "guard.yaml").write_text(policy(**spec))
    (tmp_path / "case.yaml").write_text(cases(entry))
    assert gitgate("policy", "test", ".", cwd=tmp_path).code == code


def test_a_policy_without_a_binding_is_tested_as_if_one_denied(tmp_path) -> None:
    (tmp_path / "guard.yaml").write_text(ALONE)
    (tmp_path / "case.yaml").write_text(cases(case(9, "deny")))
    assert gitgate("policy", "test", "guard.yaml", "case.yaml", cwd=tmp_path).code == 0


def test_params_are_found_in_the_case(tmp_path) -> None:
    kind = "  paramKind: {apiVersion: v1, kind: ConfigMap}\n"
    text = policy(expression="object.spec.replicas <= int(params.data.most)").replace("spec:\n", f"spec:\n{kind}", 1)
    text = text.replace(
        "  validationActions",
        "  paramRef: {name: most, namespace: shop, parameterNotFoundAction: Deny}\n  validationActions",
    )
    (tmp_path / "guard.yaml").write_text(text)
    params = (
        "    params: [{apiVersion: v1, kind: ConfigMap, metadata: {name: most, namespace: shop}, data: {most: '3'}}]\n"
    )
    (tmp_path / "case.yaml").write_text(cases(case(2, "allow", params), case(4, "deny", params), case(2, "error")))
    ended = gitgate("policy", "test", ".", cwd=tmp_path)
    assert (ended.code, ended.stdout.splitlines()[-1]) == (0, "3 cases, 0 failed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\ncases: []\n", "case.yaml:2:8: "),
        (cases("  - {policy: guard, expected: perhaps, object: {}}\n"), "case.yaml:3:"),
        (cases("  - {policy: guard, expected: deny}\n"), "lacks 'object' or 'oldObject'"),
        (cases(case(2, "allow", "    operation: DELETE\n")), "case.yaml:5:16: DELETE goes with an oldObject alone"),
        (cases(case(2, "allow").replace("apps/v1", "a/b/c")), "case.yaml:3:5: apiVersion 'a/b/c'"),
        (cases(case(2, "allow", "    expected: deny\n")), "case.yaml:5:5: "),
        ("kind: [\n", "case.yaml:"),
        ("just text\n", "case.yaml:1:1: the document is no Kubernetes object"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_usage_and_its_place(tmp_path, text, message) -> None:
    (tmp_path / "case.yaml").write_text(text)
    ended = gitgate("policy", "test", "case.yaml", cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_a_replay_says_which_merges_would_have_been_blocked(repository, tmp_path) -> None:
    commits = history(repository)
    (tmp_path / "candidate.yaml").write_text(ALONE)
    ended = gitgate("policy", "replay", "--last", "10", "--policy", tmp_path / "candidate.yaml", cwd=repository.path)
    assert (ended.code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        f"{commits[3][:8]}  passes   Scale down",
        f"{commits[2][:8]}  passes   Configure",
        f"{commits[1][:8]}  blocked  Scale up",
        "1 of 3 merges would have been blocked, 0 warned of",
    ]
    (finding,) = [line for line in lines if line.startswith(" ")]
    assert finding.split()[:4] == ["error", "Deployment", "shop/web", "web.yaml"]
    again = gitgate("policy", "replay", "--last", "10", "--policy", tmp_path / "candidate.yaml", cwd=repository.path)
    assert again.stdout == ended.stdout


def test_a_replay_follows_first_parents_only(repository, tmp_path) -> None:
    history(repository)
    repository.branch("topic")
    repository.commit({"web.yaml": deployment(replicas=8)}, branch="topic", message="Too much")
    repository.commit({"web.yaml": deployment(replicas=4)}, branch="topic", message="Less")
    repository.merge("topic", {"web.yaml": deployment(replicas=4)}, "Merge topic", branch="main")
    (tmp_path / "candidate.yaml").write_text(policy())
    ended = gitgate(
        "policy",
        "replay",
        "--last=1",
        f"--policy={tmp_path / 'candidate.yaml'}",
        "--revision=main",
        cwd=repository.path,
    )
    assert ended.stdout.splitlines()[-1] == "0 of 1 merge would have been blocked, 0 warned of"
    assert "Merge topic" in ended.stdout


def test_a_replay_takes_shipped_sets_and_by_default_what_is_in_force(repository) -> None:
    commits = history(repository)
    repository.commit({POLICY: policy(actions="[Warn]")}, message="Guard")
    ended = gitgate("policy", "replay", cwd=repository.path)
    assert f"{commits[1][:8]}  warned   Scale up" in ended.stdout
    ended = gitgate("policy", "replay", "--set", "best-practice", "--last", "2", cwd=repository.path)
    assert ended.stdout.splitlines()[-1] == "0 of 2 merges would have been blocked, 0 warned of"


def test_policies_of_the_time_have_no_part_in_a_replay(repository, tmp_path) -> None:
    repository.commit({"web.yaml": deployment(replicas=2), "policy.yaml": policy()})
    repository.commit({"web.yaml": deployment(replicas=9)})
    (tmp_path / "candidate.yaml").write_text(policy("other", expression="object.spec.replicas < 100"))
    ended = gitgate("policy", "replay", "--policy", tmp_path / "candidate.yaml", cwd=repository.path)
    assert ended.stdout.splitlines()[-1] == "0 of 1 merge would have been blocked, 0 warned of"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (binding(), "there is no policy to replay"),
        (policy(expression="no such thing"), "policy guard cannot run"),
        (policy(expression="authorizer.group('apps').resource('x').check('get').allowed()"), "authorizer"),
        ("kind: [\n", "candidate.yaml:"),
    ],
)
def test_a_candidate_that_cannot_run_is_no_candidate_that_blocks_nothing(repository, tmp_path, text, message) -> None:
    history(repository)
    (tmp_path / "candidate.yaml").write_text(text)
    ended = gitgate("policy", "replay", "--policy", tmp_path / "candidate.yaml", cwd=repository.path)
    assert (ended.code, ended.stdout) == (2, "")
    assert message in ended.stderr
