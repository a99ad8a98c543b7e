"""The hook, installed and run by the real pre-commit from a repository that holds this gitgate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.action import ROOT
from tests.support.keys import SigningKeys, commit_signed, keys, signers_document, signers_files
from tests.support.manifests import MISSPELT, deployment
from tests.support.release import copy_sources
from tests.support.repository import ENVIRONMENT, RepositoryBuilder

__all__ = ["keys"]
PRE_COMMIT = [sys.executable, "-m", "pre_commit"]
KUSTOMIZATION = "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  envs: [web.env]\n"
APP = {"app/kustomization.yaml": KUSTOMIZATION, "app/web.yaml": deployment(), "app/web.env": "CURRENCY=EUR\n"}


def run(command: list[str], cwd: Path, home: Path) -> subprocess.CompletedProcess[str]:
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={
            **ENVIRONMENT,
            **pip,
            "HOME": str(home),
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "PRE_COMMIT_COLOR": "never",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.fixture
def released(tmp_path: Path) -> RepositoryBuilder:
    """gitgate's own repository, as pre-commit clones it."""
    sources = copy_sources(tmp_path / "gitgate")
    repository = RepositoryBuilder(sources)
    repository.git("add", "--all", "--force")
    repository.git("-c", "commit.gpgSign=false", "commit", "-q", "-m", "Release")
    return repository


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_real_commits_pass_and_fail_as_they_should(
    tmp_path: Path, repository: RepositoryBuilder, released: RepositoryBuilder
) -> None:
    repository.commit(APP)
    repository.checkout("main")
    hook = {"repo": str(released.path), "rev": released.git("rev-parse", "HEAD"), "hooks": [{"id": "gitgate"}]}
    (repository.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [hook]}))
    repository.git("add", "--all")
    installed = run([*PRE_COMMIT, "install", "--install-hooks"], repository.path, tmp_path)
    assert installed.returncode == 0, installed.stdout

    def commit(message: str) -> subprocess.CompletedProcess[str]:
        return run(["git", "commit", "-m", message], repository.path, tmp_path)

    good = commit("The hook itself")
    assert good.returncode == 0, good.stdout
    assert "gitgate" in good.stdout
    assert "Passed" in good.stdout

    # What is staged counts, not what is in the work tree.
    repository.write_files({"app/web.yaml": deployment(extra=MISSPELT)})
    repository.git("add", "--all")
    repository.write_files({"app/web.yaml": deployment()})
    bad = commit("A misspelt field")
    assert bad.returncode == 1, bad.stdout
    assert "app/web.yaml" in bad.stdout
    assert "imagePullPolicy" in bad.stdout
    repository.git("reset", "-q", "--hard")

    # A deleted file is never passed to a hook, and it breaks the kustomization all the same.
    repository.git("rm", "-q", "app/web.yaml")
    deleted = commit("Delete what the kustomization uses")
    assert deleted.returncode == 1, deleted.stdout
    assert "schema/kustomize-dangling-reference" in deleted.stdout
    repository.git("reset", "-q", "--hard")

    # Nor has a generator's file a name that says so.
    repository.git("mv", "app/web.env", "app/web.properties")
    renamed = commit("Rename what a generator reads")
    assert renamed.returncode == 1, renamed.stdout
    repository.git("reset", "-q", "--hard")

    repository.write_files({"README.md": "Nothing for the cluster\n"})
    repository.git("add", "--all")
    assert commit("Write it down").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_push_of_an_unsigned_commit_is_stopped(
    tmp_path: Path, repository: RepositoryBuilder, released: RepositoryBuilder, keys: SigningKeys
) -> None:
    repository.commit({**signers_files(keys, signers_document(keys)), **APP})
    repository.checkout("main")
    server = repository.clone(tmp_path / "server.git", "--bare")
    repository.git("remote", "add", "origin", str(server.path))
    repository.git("fetch", "-q", "origin")
    hook = {
        "repo": str(released.path),
        "rev": released.git("rev-parse", "HEAD"),
        "hooks": [{"id": "gitgate-signatures"}],
    }
    (repository.path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [hook]}))
    installed = run([*PRE_COMMIT, "install", "--hook-type", "pre-push", "--install-hooks"], repository.path, tmp_path)
    assert installed.returncode == 0, installed.stdout
    commit_signed(repository, keys.ssh["bob"], {"app/web.env": "CURRENCY=CHF\n"})
    good = run(["git", "push", "origin", "change"], repository.path, tmp_path)
    assert good.returncode == 0, good.stdout
    commit_signed(repository, None, {"app/web.env": "CURRENCY=USD\n"})
    bad = run(["git", "push", "origin", "change"], repository.path, tmp_path)
    assert bad.returncode == 1, bad.stdout
    assert "UNSIGNED" in bad.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_try_repo(tmp_path: Path, repository: RepositoryBuilder, released: RepositoryBuilder) -> None:
    """The first thing that somebody runs who wants to see the hook before adding it."""
    repository.commit(APP)
    repository.checkout("main")
    repository.stage({"app/web.yaml": deployment(replicas='"2"')})
    tried = run([*PRE_COMMIT, "try-repo", str(released.path), "gitgate"], repository.path, tmp_path)
    assert tried.returncode == 1, tried.stdout
    assert "schema/wrong-type" in tried.stdout


def test_the_hook_is_what_pre_commit_expects() -> None:
    validated = subprocess.run(
        [*PRE_COMMIT, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")], capture_output=True, check=False
    )
    assert validated.returncode == 0, validated.stdout
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["gitgate", "gitgate-signatures"]
    for hook in hooks:
        assert hook["always_run"]
        assert not hook["pass_filenames"]
