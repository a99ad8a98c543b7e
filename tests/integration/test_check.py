"""`gitgate check` on real repositories: what a merge brings, and who may say what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import check, gitgate
from tests.support.manifests import MISSPELT, config_map, crd, deployment, widget
from tests.support.repository import RepositoryBuilder


@pytest.fixture
def shop(repository: RepositoryBuilder) -> RepositoryBuilder:
    """A repository whose main holds one valid Deployment; the branch `change` starts there."""
    repository.commit({"apps/web.yaml": deployment(), "README.md": "shop"})
    repository.branch("change")
    return repository


def judge(repository: RepositoryBuilder, *arguments: str):
    return check(repository.path, "--base", "main", "--head", "change", *arguments)


def test_a_valid_change_is_accepted(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
    ended = judge(shop)
    assert (ended.code, ended.report["verdict"]) == (0, "accepted")
    assert ended.report["findings"] == []


def test_a_misspelt_field_is_rejected_at_its_line(shop) -> None:
    text = deployment(extra=MISSPELT)
    shop.commit({"apps/web.yaml": text}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    (finding,) = ended.report["findings"]
    assert finding["rule"] == "schema/unknown-field"
    line = finding["location"]["line"]
    assert "imagePullPolice" in text.splitlines()[line - 1]
    assert finding["location"]["path"] == "apps/web.yaml"
    assert "imagePullPolicy" in finding["fix"] + finding["message"]


def test_what_was_wrong_before_is_reported_and_does_not_block(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)})
    shop.branch("change")
    shop.commit({"apps/settings.yaml": config_map()}, branch="change")
    ended = judge(shop)
    assert ended.code == 0
    assert ended.rules("existing") == ["schema/unknown-field"]


def test_what_the_change_mends_is_reported_as_fixed(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)})
    shop.branch("change")
    shop.commit({"apps/web.yaml": deployment()}, branch="change")
    ended = judge(shop)
    assert ended.code == 0
    assert ended.rules("fixed") == ["schema/unknown-field"]


def test_a_second_mistake_of_the_same_kind_is_new(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)})
    shop.branch("change")
    shop.commit({"apps/api.yaml": deployment("api", extra=MISSPELT)}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules("new") == ended.rules("existing") == ["schema/unknown-field"]


def test_the_merge_is_judged_and_not_the_head_alone(shop) -> None:
    """Each side is valid; merged, two keys of one mapping meet."""
    base = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: shop\ndata:\n  one: '1'\n  two: '2'\n  three: '3'\n"
    shop.commit({"a.yaml": base})
    shop.branch("change")
    shop.commit({"a.yaml": base.replace("  one: '1'\n", "  extra: x\n  one: '1'\n")}, branch="change")
    shop.commit({"a.yaml": base + "  extra: y\n"})
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/yaml-duplicate-key"]


def test_a_conflict_is_rejected_with_the_conflicting_paths(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
    shop.commit({"apps/web.yaml": deployment(replicas=4)})
    ended = judge(shop)
    assert ended.code == 1
    (finding,) = ended.report["findings"]
    assert (finding["rule"], finding["location"]["path"]) == ("schema/merge-conflict", "apps/web.yaml")


def test_an_unparsable_file_that_changes_is_new_although_it_was_unparsable_before(shop) -> None:
    shop.commit({"apps/broken.yaml": "a: [1,\n"})
    shop.branch("change")
    shop.commit({"other.yaml": config_map()}, branch="change")
    assert judge(shop).code == 0
    shop.commit({"apps/broken.yaml": "a: [1, 2,\n"}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/yaml-syntax"]


# Trust: what judges comes from the base


def test_settings_of_the_change_do_not_judge_it(shop) -> None:
    ignored = "version: 1\nrules:\n  schema/unknown-field: ignore\n"
    shop.commit({".gitgate/settings.yaml": ignored, "apps/web.yaml": deployment(extra=MISSPELT)}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/rulebook-changed", "schema/unknown-field"]


def test_settings_of_the_base_judge(shop) -> None:
    ignored = "version: 1\nrules:\n  schema/unknown-field: ignore\n"
    shop.commit({".gitgate/settings.yaml": ignored})
    shop.branch("change")
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)}, branch="change")
    ended = judge(shop)
    assert ended.code == 0
    assert ended.report["findings"][0]["suppression"]["kind"] == "settings"


def test_settings_that_would_stop_every_later_run_are_rejected(shop) -> None:
    shop.commit({".gitgate/settings.yaml": "version: 1\nrulez: {}\n"}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert "schema/settings-invalid" in ended.rules()


def test_invalid_settings_of_the_base_are_exit_2_with_line_and_remedy(shop) -> None:
    shop.commit({".gitgate/settings.yaml": "version: 1\n\nkubernetesVersions: [1.30]\n"})
    ended = judge(shop)
    assert ended.code == 2
    assert ".gitgate/settings.yaml:3:" in ended.stderr
    assert '"1.30"' in ended.stderr


def test_a_definition_of_the_base_judges_custom_resources(shop) -> None:
    shop.commit({"crd.yaml": crd(fields="size: {type: integer}")})
    shop.branch("change")
    shop.commit({"widget.yaml": widget(spec='size: "3"')}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/wrong-type"]


def test_a_definition_that_the_change_adds_judges_too_and_is_a_finding(shop) -> None:
    files = {"crd.yaml": crd(fields="size: {type: integer}"), "widget.yaml": widget(spec='size: "3"')}
    shop.commit(files, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/crd-added", "schema/wrong-type"]


def test_an_object_that_is_valid_only_under_an_edited_definition_says_so(shop) -> None:
    shop.commit({"crd.yaml": crd(fields="size: {type: integer}")})
    shop.branch("change")
    files = {"crd.yaml": crd(fields="size: {type: string}"), "widget.yaml": widget(spec='size: "3"')}
    shop.commit(files, branch="change")
    ended = judge(shop)
    assert ended.rules() == ["schema/crd-changed", "schema/valid-only-under-changed-crd"]


def test_a_custom_definition_cannot_replace_a_built_in_kind(shop) -> None:
    lax = crd(fields="x: {type: string}", group="apps", kind="Deployment")
    shop.commit({"crd.yaml": lax, "apps/web.yaml": deployment(extra=MISSPELT)}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert "schema/unknown-field" in ended.rules()


def test_an_unknown_kind_blocks_unless_the_base_uses_its_group(shop) -> None:
    shop.commit({"widget.yaml": widget()}, branch="change")
    ended = judge(shop)
    assert ended.code == 1
    assert ended.rules() == ["schema/unknown-kind"]

    shop.commit({"first.yaml": widget("first")})
    shop.branch("change")
    shop.commit({"widget.yaml": widget()}, branch="change")
    ended = judge(shop)
    assert ended.code == 0
    assert ended.report["checks"][0]["unjudged"] == {"example.com/v1 Widget": 2}


def test_settings_name_the_groups_that_pass_without_a_schema(shop) -> None:
    shop.commit({".gitgate/settings.yaml": "version: 1\nschema:\n  allowUnknownGroups: [example.com]\n"})
    shop.branch("change")
    shop.commit({"widget.yaml": widget(), "other.yaml": widget(group="example.org")}, branch="change")
    ended = judge(shop)
    assert [finding["resource"]["group"] for finding in ended.report["findings"]] == ["example.org"]


# Kubernetes versions


def test_a_removed_kind_is_named_with_its_replacement(shop) -> None:
    old = (
        config_map()
        .replace("v1\nkind: ConfigMap", "policy/v1beta1\nkind: PodDisruptionBudget")
        .replace("data:\n  key: value\n", "spec: {}\n")
    )
    shop.commit({"pdb.yaml": old}, branch="change")
    ended = judge(shop, "-k", "1.33")
    assert ended.code == 1
    (finding,) = ended.report["findings"]
    assert finding["rule"] == "schema/removed-kind"
    assert "1.25" in finding["message"]
    assert "policy/v1" in finding["fix"]


def test_several_versions_in_one_run_say_where_a_finding_holds(shop) -> None:
    flow = (
        "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata:\n  name: a\n"
        "spec:\n  priorityLevelConfiguration:\n    name: global-default\n"
    )
    shop.commit({"flow.yaml": flow}, branch="change")
    ended = judge(shop, "-k", "1.30", "-k", "1.33")
    found = {finding["rule"]: finding["kubernetesVersions"] for finding in ended.report["findings"]}
    assert found["schema/removed-kind"] == ["1.33"]
    assert found["schema/deprecated-kind"] == ["1.30"]


def test_an_unknown_kubernetes_version_is_exit_2(shop) -> None:
    ended = judge(shop, "-k", "1.99")
    assert ended.code == 2
    assert "1.99" in ended.stderr


# Base and head without options


def test_the_default_is_the_upstream_branch_against_head(shop, tmp_path) -> None:
    clone = shop.clone(tmp_path / "clone")
    clone.git("checkout", "-q", "-b", "topic")
    clone.commit({"apps/web.yaml": deployment(extra=MISSPELT)})
    ended = check(clone.path)
    assert ended.code == 1
    assert ended.report["change"]["baseName"] == "origin/main"
    assert ended.report["change"]["headName"] == "HEAD"


def test_the_default_head_is_the_index_when_something_is_staged(shop, tmp_path) -> None:
    clone = shop.clone(tmp_path / "clone")
    clone.stage({"apps/web.yaml": deployment(extra=MISSPELT)})
    ended = check(clone.path)
    assert ended.code == 1
    assert ended.report["change"]["headName"] == "index"


def test_what_is_staged_is_judged_and_not_what_lies_in_the_work_tree(shop) -> None:
    shop.checkout("main")
    shop.stage({"apps/web.yaml": deployment(extra=MISSPELT)})
    shop.write_files({"apps/web.yaml": deployment()})
    assert check(shop.path, "--staged").code == 1
    shop.stage({"apps/web.yaml": deployment(replicas=5)})
    shop.write_files({"apps/web.yaml": deployment(extra=MISSPELT)})
    assert check(shop.path, "--staged").code == 0


def test_the_first_commit_of_a_repository_can_be_staged(repository) -> None:
    repository.stage({"a.yaml": config_map()})
    assert check(repository.path, "--staged").code == 0
    repository.stage({"b.yaml": deployment(extra=MISSPELT)})
    ended = check(repository.path, "--staged")
    assert ended.code == 1
    assert ended.rules() == ["schema/unknown-field"]


def test_a_hook_finds_the_index_that_git_names(shop) -> None:
    """`git commit -a` and `git commit PATH` prepare another index and name it in the environment."""
    shop.checkout("main")
    shop.stage({"apps/web.yaml": deployment(extra=MISSPELT)})
    (shop.git_dir / "index").rename(shop.git_dir / "next-index-1.lock")
    shop.git("read-tree", "HEAD")
    environment = {"GIT_INDEX_FILE": str(shop.git_dir / "next-index-1.lock")}
    assert check(shop.path, "--staged").code == 0
    assert check(shop.path, "--staged", environment=environment).code == 1


def test_a_bare_repository_is_judged_by_its_directory(shop, tmp_path) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)}, branch="change")
    shop.clone(tmp_path / "bare.git", "--bare")
    ended = check(tmp_path, "--git-dir", "bare.git", "--base", "main", "--head", "change")
    assert ended.code == 1


def test_a_detached_head_is_judged(shop, tmp_path) -> None:
    shop.ref("refs/remotes/origin/main", "main")
    shop.git("checkout", "-q", "--detach", "change")
    assert check(shop.path).code == 0


# What keeps gitgate from a verdict


def one_line(ended, code: int, *words: str) -> None:
    assert ended.code == code, ended
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert 1 <= len(lines) <= 2, ended.stderr
    assert lines[0].startswith("gitgate: ")
    for word in words:
        assert word in ended.stderr


def test_a_shallow_clone_is_undetermined_with_the_command_that_repairs_it(shop, tmp_path) -> None:
    shop.commit({"apps/web.yaml": deployment(replicas=3)}, branch="change")
    shop.commit({"a.yaml": config_map()})
    shallow = shop.shallow_clone(tmp_path / "shallow")
    one_line(check(shallow.path, "--base", "origin/main", "--head", "origin/change"), 3, "fetch")


def test_no_manifests_is_undetermined(repository) -> None:
    repository.commit({"README.md": "nothing here"})
    repository.branch("change")
    ended = check(repository.path, "--base", "main", "--head", "change")
    assert (ended.code, ended.report["verdict"]) == (3, "undetermined")


def test_a_missing_base_is_undetermined(shop) -> None:
    one_line(check(shop.path, "--base", "origin/nowhere", "--head", "change"), 3, "origin/nowhere")


def test_an_empty_repository_is_undetermined(repository) -> None:
    one_line(check(repository.path), 3)


def test_a_directory_without_a_repository_is_one_line(tmp_path) -> None:
    ended = check(tmp_path)
    assert ended.code in {2, 3}
    one_line(ended, ended.code, "repository")


def test_a_git_dir_that_does_not_exist_is_one_line(tmp_path) -> None:
    ended = check(tmp_path, "--git-dir", "nowhere")
    one_line(ended, ended.code, "nowhere")
    assert ended.code in {2, 3}


def test_report_files_are_written_even_without_a_verdict(shop, tmp_path) -> None:
    ended = gitgate("check", "--base", "gone", "--output", f"json={tmp_path}/r.json", "--output", "text", cwd=shop.path)
    assert ended.code == 3
    assert '"undetermined"' in (tmp_path / "r.json").read_text()


def test_report_files_and_standard_output_agree(shop, tmp_path) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)}, branch="change")
    outputs = [f"--output={name}={tmp_path}/{name}" for name in ("json", "sarif", "markdown", "github", "text")]
    ended = gitgate("check", "--base", "main", "--head", "change", *outputs, "--output", "text", cwd=shop.path)
    assert ended.code == 1
    assert (tmp_path / "text").read_text() == ended.stdout
    for name in ("json", "sarif", "markdown", "github"):
        assert "unknown-field" in (tmp_path / name).read_text()


def test_the_same_run_prints_the_same_bytes(shop) -> None:
    shop.commit({f"apps/{n}.yaml": deployment(f"w{n}", extra=MISSPELT) for n in range(20)}, branch="change")
    for output in ("text", "json", "sarif", "markdown", "github"):
        arguments = ("check", "--base", "main", "--head", "change", "--output", output)
        assert gitgate(*arguments, cwd=shop.path) == gitgate(*arguments, cwd=shop.path)


def test_two_machine_formats_cannot_share_standard_output(shop) -> None:
    ended = gitgate("check", "--output", "json", "--output", "text", cwd=shop.path)
    assert ended.code == 2
    assert "standard output" in ended.stderr


# Secrets


def test_the_values_of_a_secret_are_printed_nowhere(shop, tmp_path) -> None:
    canary = "c4n4ry-5ecret"
    secret = (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {canary}-name\n  annotations:\n"
        f"    kubectl.kubernetes.io/last-applied-configuration: '{canary}'\n"
        f"type: [{canary}]\nstringData:\n  password: [{canary}]\ndata:\n  token: {{{canary}: {canary}}}\n  bad: '{canary}!'\n"
        f"immutable: {canary}\n"
    ).replace(f"{canary}-name", "access")
    shop.commit({"secret.yaml": secret, "broken.yaml": secret + "  'unclosed\n"}, branch="change")
    outputs = [f"--output={name}={tmp_path}/{name}" for name in ("json", "sarif", "markdown", "github")]
    ended = gitgate("check", "--base", "main", "--head", "change", *outputs, "-o", "text", "-v", cwd=shop.path)
    assert ended.code == 1
    printed = (
        ended.stdout
        + ended.stderr
        + "".join((tmp_path / name).read_text() for name in ("json", "sarif", "markdown", "github"))
    )
    assert "secret.yaml" in printed
    assert canary not in printed


# A finding that was there before covers that finding, and no other one


def test_a_mistake_mended_in_one_cluster_does_not_cover_the_same_one_in_another(repository) -> None:
    good, bad = (deployment(extra=extra).replace("  namespace: shop\n", "") for extra in ("", MISSPELT))
    repository.commit({"clusters/dev/web.yaml": bad, "clusters/prod/web.yaml": good})
    repository.branch("change")
    repository.commit({"clusters/dev/web.yaml": good, "clusters/prod/web.yaml": bad}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    assert (ended.rules("new"), ended.rules("fixed")) == (["schema/unknown-field"], ["schema/unknown-field"])


def test_a_mistake_mended_in_one_overlay_does_not_cover_the_same_one_in_another(repository) -> None:
    patch = "- op: add\n  path: /spec/replica\n  value: 3\n"
    fine = patch.replace("replica", "replicas")
    kustomization = "resources: [../base]\npatches:\n  - path: p.yaml\n    target: {kind: Deployment}\n"
    files = {"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": deployment()}
    files |= {f"{name}/kustomization.yaml": kustomization for name in ("dev", "prod")}
    repository.commit({**files, "dev/p.yaml": patch, "prod/p.yaml": fine})
    repository.branch("change")
    repository.commit({"dev/p.yaml": fine, "prod/p.yaml": patch}, branch="change")
    ended = judge(repository)
    assert ended.code == 1
    assert ended.rules("new") == ["schema/unknown-field"]


def test_a_file_that_moves_keeps_its_old_findings(shop) -> None:
    shop.commit({"apps/web.yaml": deployment(extra=MISSPELT)})
    shop.branch("change")
    shop.commit({"apps/web.yaml": None, "services/web/app.yaml": deployment(extra=MISSPELT)}, branch="change")
    ended = judge(shop)
    assert ended.code == 0
    assert ended.rules("existing") == ["schema/unknown-field"]


def test_a_repair_does_not_answer_for_kinds_that_the_broken_base_has(tmp_path: Path) -> None:
    monitor = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web}\nspec: {}\n"
    root = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s]\n"
    repository = RepositoryBuilder(tmp_path / "app")
    repository.commit({"app/kustomization.yaml": root % "monitor.yaml, wrong.yaml", "app/monitor.yaml": monitor})
    arguments = ("check", "--base", "main", "--head", "change", "--output", "json", "--git-dir", tmp_path / "app")
    repository.commit({"app/kustomization.yaml": root % "monitor.yaml"}, branch="change")
    assert gitgate(*arguments, cwd=tmp_path).code == 0
    other = monitor.replace("monitoring.coreos.com", "example.com")
    repository.commit({"app/kustomization.yaml": root % "monitor.yaml, o.yaml", "app/o.yaml": other}, branch="change")
    assert gitgate(*arguments, cwd=tmp_path).rules() == ["schema/unknown-kind"]
