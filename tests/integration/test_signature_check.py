"""`gitgate check` and signatures: demanded where the base has signers, silent where it has none, never passed over."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate.signature.clock import BUILD_TIME
from tests.support.cli import Ended, check, gitgate
from tests.support.keys import SigningKeys, commit_signed, keys, payload, signed, signers_document, signers_files
from tests.support.manifests import deployment
from tests.support.repository import Link, RepositoryBuilder

__all__ = ["keys"]
APP = {"app.yaml": deployment(), "clusters/prod/app.yaml": deployment(name="prod")}
CHANGE = {"app.yaml": deployment(replicas="3")}


@pytest.fixture
def shop(tmp_path: Path, keys: SigningKeys) -> RepositoryBuilder:
    """A repository whose main demands signatures."""
    builder = RepositoryBuilder(tmp_path / "shop")
    builder.commit({**signers_files(keys, signers_document(keys)), **APP}, branch="main")
    builder.branch("change", "main")
    builder.checkout("change")
    return builder


def judge(builder: RepositoryBuilder, *arguments: str, **options: Any) -> Ended:
    return check(builder.path, "--base", "main", "--head", "change", *arguments, **options)


def of_signatures(ended: Ended) -> dict[str, Any]:
    return next(item for item in ended.report["checks"] if item["check"] == "signature")


def test_what_its_signers_may_change_is_accepted(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    commit_signed(shop, keys.gpg["carol"], CHANGE)
    commit_signed(shop, keys.ssh["bob"], {"clusters/prod/app.yaml": deployment(name="prod", replicas="3")})
    ended = judge(shop)
    assert ended.code == 0, ended.stdout
    assert of_signatures(ended)["judged"] == {"commits": 2}
    assert of_signatures(ended)["reason"] is None


def test_an_unsigned_commit_is_rejected_by_name(shop: RepositoryBuilder) -> None:
    oid = commit_signed(shop, None, CHANGE)
    ended = judge(shop)
    assert ended.code == 1
    (finding,) = ended.report["findings"]
    assert finding["rule"] == "signature/unsigned"
    assert finding["location"] is None
    assert finding["message"].startswith(f'commit {oid[:12]} "Change" by alice <alice@example.com>: ')


def test_the_wrong_person_and_a_stranger_are_rejected(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    commit_signed(shop, keys.gpg["carol"], {"clusters/prod/app.yaml": deployment(name="prod", replicas="3")})
    assert judge(shop).rules() == ["signature/path-not-authorized"]
    commit_signed(shop, keys.gpg["mallory"], CHANGE)
    assert judge(shop).rules() == ["signature/key-unknown", "signature/path-not-authorized"]


def test_a_base_without_signers_is_told_in_json_and_undisturbed_in_text(tmp_path: Path) -> None:
    builder = RepositoryBuilder(tmp_path / "plain")
    builder.commit(APP, branch="main")
    builder.commit(CHANGE, branch="change")
    ended = judge(builder)
    assert ended.code == 0
    assert of_signatures(ended)["judged"] == {"commits": 0}
    assert "not demanded" in of_signatures(ended)["reason"]
    text = gitgate("check", "--base", "main", "--head", "change", cwd=builder.path)
    assert "sign" not in text.stdout


def test_files_and_the_index_have_no_commits_to_judge(shop: RepositoryBuilder) -> None:
    shop.stage(CHANGE)
    for ended in (
        check(shop.path, "--staged"),
        gitgate("validate", "-o", "json", "-", cwd=shop.path, stdin=deployment().encode()),
    ):
        assert ended.code == 0, ended.stdout
        assert "no commits" in of_signatures(ended)["reason"]


def test_what_is_staged_hides_no_commit_below_it(shop: RepositoryBuilder) -> None:
    commit_signed(shop, None, CHANGE)
    shop.stage({"app.yaml": deployment(replicas="5")})
    ended = check(shop.path, "--base", "main")
    assert ended.rules() == ["signature/unsigned"]
    assert any("staged" in note for note in ended.report["notes"])


def test_what_is_staged_is_no_merge_that_brings_what_no_commit_names(shop: RepositoryBuilder) -> None:
    shop.stage({"new.yaml": CHANGE["app.yaml"]})
    ended = check(shop.path, "--base", "main")
    assert not [rule for rule in ended.rules() if rule.startswith("signature/")]


def test_a_change_that_declares_its_own_key_does_not_judge_itself(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["version"] = 2
    mallory = keys.gpg["mallory"]
    entry = {"type": "openpgp", "fingerprint": mallory.fingerprint, "file": mallory.file}
    document["principals"]["mallory"] = {"emails": ["mallory@example.com"], "keys": [entry]}
    commit_signed(shop, mallory, {".gitgate/signers.yaml": yaml.safe_dump(document)})
    ended = judge(shop)
    assert ended.code == 1
    assert set(ended.rules()) == {
        "signature/key-unknown",
        "signature/policy-change-unauthorized",
        "signature/threshold-unmet",
        "signature/signers-changed",
        "schema/rulebook-changed",
    }
    lines = [item["message"] for item in ended.report["findings"] if item["rule"] == "signature/signers-changed"]
    assert f"+ principal mallory key openpgp {mallory.fingerprint}" in lines


def test_administrators_change_the_signers_and_everybody_sees_how(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["version"] = 2
    document["groups"]["gitops-admins"] = ["alice", "bob", "carol"]
    commit_signed(shop, keys.gpg["alice"], {".gitgate/signers.yaml": yaml.safe_dump(document)})
    commit_signed(shop, keys.ssh["bob"], {})
    ended = judge(shop)
    assert ended.code == 0, ended.stdout
    notes = [item for item in ended.report["findings"] if item["rule"] == "signature/signers-changed"]
    assert "+ group gitops-admins: carol" in [item["message"] for item in notes]
    assert {item["location"]["path"] for item in notes} == {".gitgate/signers.yaml"}


@pytest.mark.parametrize("content", ["kind: [", "a: 1\n", Link("/etc/passwd")])
def test_signers_of_the_base_that_cannot_be_read_end_with_2(tmp_path: Path, content: str | Link) -> None:
    builder = RepositoryBuilder(tmp_path / "broken")
    builder.commit({".gitgate/signers.yaml": content, **APP}, branch="main")
    builder.commit(CHANGE, branch="change")
    ended = judge(builder)
    assert (ended.code, ended.stdout) == (2, "")
    assert ".gitgate/signers.yaml" in ended.stderr


def test_adopting_signers_that_could_not_judge_is_rejected(tmp_path: Path, keys: SigningKeys) -> None:
    builder = RepositoryBuilder(tmp_path / "new")
    builder.commit(APP, branch="main")
    builder.commit({".gitgate/signers.yaml": "kind: Signers\n"}, branch="change")
    assert "signature/policy-invalid" in judge(builder).rules()
    builder.commit(signers_files(keys, signers_document(keys)), branch="change")
    ended = judge(builder)
    assert ended.code == 0
    assert ended.report["notes"] == ["From this merge on every commit must be signed."]


def test_without_gpg_nothing_is_said_of_openpgp_signatures(
    shop: RepositoryBuilder, keys: SigningKeys, tmp_path: Path
) -> None:
    commit_signed(shop, keys.gpg["carol"], CHANGE)
    tools = tmp_path / "tools"
    tools.mkdir()
    git = shutil.which("git")
    assert git is not None
    (tools / "git").symlink_to(git)
    ended = judge(shop, environment={"PATH": str(tools)})
    assert ended.code == 3
    assert of_signatures(ended)["status"] == "undetermined"
    assert "gpg" in of_signatures(ended)["reason"]
    assert of_signatures(ended)["remedy"]


def test_a_clock_before_the_release_says_nothing_and_a_later_one_expires_keys(
    shop: RepositoryBuilder, keys: SigningKeys
) -> None:
    commit_signed(shop, keys.ssh["bob"], CHANGE)
    early = judge(shop, "--now", f"{BUILD_TIME - timedelta(days=1):%Y-%m-%dT%H:%M:%S}")
    assert early.code == 3
    assert "clock" in of_signatures(early)["reason"]
    assert judge(shop, "--now", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}").code == 0


def test_signers_that_are_not_the_pinned_ones_judge_nothing(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    commit_signed(shop, keys.ssh["bob"], CHANGE)
    ended = judge(shop, "--trust-root", f"sha256:{'0' * 64}")
    assert ended.rules() == ["signature/policy-invalid"]
    (finding,) = ended.report["findings"]
    actual = finding["message"].split("(")[1].split(")")[0]
    assert judge(shop, "--trust-root", f"sha256:{'0' * 64}", "--trust-root", actual).code == 0


def test_a_pin_does_not_vanish_with_the_signers_file(tmp_path: Path) -> None:
    builder = RepositoryBuilder(tmp_path / "plain")
    builder.commit(APP, branch="main")
    builder.commit(CHANGE, branch="change")
    assert judge(builder, "--trust-root", f"sha256:{'0' * 64}").rules() == ["signature/policy-invalid"]


@pytest.mark.parametrize("output", ["text", "markdown", "github", "sarif"])
def test_a_hostile_subject_and_author_are_shown_and_not_obeyed(shop: RepositoryBuilder, output: str) -> None:
    hostile = "x\x1b[2J ::error::pwned <img src=x>"
    tree = shop.git("rev-parse", "main^{tree}")
    raw = (
        f"tree {tree}\nparent {shop.git('rev-parse', 'main')}\nauthor \u202eevil <a@b> 1700000000 +0000\n"
        f"committer c <c@d> 1700000000 +0000\n\n{hostile}\n"
    )
    shop.branch("change", shop.write(raw, "commit"))
    ended = gitgate("check", "--base", "main", "--head", "change", "--output", output, cwd=shop.path)
    assert ended.code == 1
    assert "\x1b" not in ended.stdout
    assert "\u202e" not in ended.stdout
    assert output != "markdown" or "<img" not in ended.stdout
    assert not [line for line in ended.stdout.splitlines() if line.startswith("::error::pwned")]


def test_a_merge_that_the_agent_would_refuse_is_told_once(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    def source(verify: str) -> str:
        return (
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: shop\n"
            f"  namespace: flux-system\nspec:\n  interval: 1m\n  url: https://git.example.com/shop\n{verify}"
        )

    verified = source("  verify:\n    mode: HEAD\n    secretRef:\n      name: signers\n")
    shop.commit({"flux/shop.yaml": source("")}, branch="main")
    shop.branch("change", "main")
    commit_signed(shop, keys.ssh["bob"], {"flux/shop.yaml": verified})
    ended = judge(shop)
    assert ended.code == 0, ended.stdout
    assert ended.rules() == ["signature/agent-will-refuse-rebase"]
    (finding,) = ended.report["findings"]
    assert (finding["location"]["path"], finding["severity"]) == ("flux/shop.yaml", "warning")
    shop.branch("main", "change")
    commit_signed(shop, keys.ssh["bob"], CHANGE)
    assert judge(shop).rules() == []
    assert judge(shop).rules("existing") == ["signature/agent-will-refuse-rebase"]


def test_strict_mode_over_a_history_that_nobody_sealed_is_told(shop: RepositoryBuilder, keys: SigningKeys) -> None:
    """Argo CD would refuse every merge: the branch has a commit from before signatures."""
    accepted = [keys.gpg[name].fingerprint for name in ("alice", "carol", "forge")]
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "sourceIntegrity": {"git": {"policies": [{"repos": ["*"], "gpg": {"mode": "strict", "keys": accepted}}]}}
        },
    }
    commit_signed(shop, keys.gpg["carol"], {"argocd/project.yaml": yaml.safe_dump(project)})

    def told(ended: Ended) -> dict[str, str]:
        found = [each for each in ended.report["findings"] if each["rule"].startswith("signature/agent-")]
        return {each["rule"]: each["message"] for each in found if "Argocd-gpg-seal" in each["message"]}

    expected = {"signature/agent-will-refuse-merge-commit", "signature/agent-will-refuse-squash"}
    messages = told(judge(shop))
    assert messages.keys() == expected
    root = shop.git("rev-parse", "main")
    assert all(root[:12] in message for message in messages.values())
    plain = payload("alice", tree=shop.git("rev-parse", "change^{tree}"), parents=(shop.git("rev-parse", "change"),))
    plain += b"\nArgocd-gpg-seal: looked at\n"
    shop.branch("change", shop.write(signed(plain, keys.gpg["alice"].sign(plain)), "commit"))
    assert told(judge(shop)) == {}


def test_t5_a_change_of_what_runs_the_gate_is_told_unless_a_rule_guards_it(tmp_path: Path, keys: SigningKeys) -> None:
    """`continue-on-error`, `if: false`, a job of the same name, a fork in place of gitgate: all are edits of these."""
    workflow = ".github/workflows/gate.yaml"
    text = "on: pull_request\njobs: {gitgate: {steps: [{uses: gitgate/gitgate@v1}]}}\n"
    edit = {
        workflow: text.replace("uses", "continue-on-error: true, uses"),
        ".github/workflows/new.yaml": text,
        "CODEOWNERS": None,
        ".github/ISSUE_TEMPLATE.md": "x\n",
    }
    builder = RepositoryBuilder(tmp_path / "plain")
    builder.commit({**APP, workflow: text, "CODEOWNERS": "* @ops\n"}, branch="main")
    builder.commit(edit, branch="change")
    ended = judge(builder)
    assert (ended.code, set(ended.rules())) == (0, {"signature/gate-changed"})
    shown = {item["location"]["path"]: item["message"] for item in ended.report["findings"]}
    assert set(shown) == {workflow, ".github/workflows/new.yaml", "CODEOWNERS"}
    assert "edits" in shown[workflow]
    assert "removes" in shown["CODEOWNERS"]
    document = signers_document(keys)
    document["rules"].append({"id": "gate", "paths": [".github/**", "CODEOWNERS"], "signers": ["gitops-admins"]})
    builder = RepositoryBuilder(tmp_path / "guarded")
    builder.commit({**signers_files(keys, document), **APP, workflow: text, "CODEOWNERS": "* @ops\n"}, branch="main")
    builder.branch("change", "main")
    commit_signed(builder, keys.gpg["carol"], edit)
    assert judge(builder).rules() == ["signature/path-not-authorized"]
    builder.branch("change", "main")
    commit_signed(builder, keys.gpg["alice"], edit)
    ended = judge(builder)
    assert (ended.code, ended.rules()) == (0, [])
