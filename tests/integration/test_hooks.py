"""Real pushes to a real bare repository with the hook that `gitgate hook install` writes, honest ones and attacks.

Rows T3, G6, G7 and S11 of the threat model, by what the server does with the push.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli import Ended, gitgate
from tests.support.keys import SigningKeys, commit_signed, key_entry, keys, signers_document, signers_files
from tests.support.repository import ENVIRONMENT, RepositoryBuilder

__all__ = ["keys"]
FILES = {"app.yaml": "a: 1\n", "clusters/prod/app.yaml": "a: 1\n"}
ZERO = "0" * 40


@dataclass
class Forge:
    """A server's bare repository, and somebody's clone of it."""

    server: RepositoryBuilder
    clone: RepositoryBuilder
    keys: SigningKeys

    def commit(self, who: str | None, files: dict[str, Any], branch: str = "change", **options: Any) -> str:
        key = None if who is None else self.keys.gpg.get(who) or self.keys.ssh[who]
        return commit_signed(self.clone, key, files, branch=branch, **options)

    def push(self, *refspecs: str, force: bool = False) -> subprocess.CompletedProcess[str]:
        options = ["--force"] if force else []
        return subprocess.run(
            ["git", "push", *options, "origin", *refspecs],
            cwd=self.clone.path,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    def tip(self, ref: str = "refs/heads/main") -> str:
        return self.server.git("rev-parse", "--verify", "-q", ref, check=False)

    def install(self, *arguments: str) -> None:
        ended = gitgate(
            "hook", "install", "--pre-receive", "--git-dir", self.server.path, *arguments, cwd=self.server.path
        )
        assert ended.code == 0, ended.stderr


@pytest.fixture
def forge(tmp_path: Path, keys: SigningKeys) -> Forge:
    clone = RepositoryBuilder(tmp_path / "clone")
    clone.commit({**signers_files(keys, signers_document(keys)), **FILES}, branch="main")
    clone.branch("change", "main")
    server = clone.clone(tmp_path / "server.git", "--bare")
    server.git("symbolic-ref", "HEAD", "refs/heads/main")
    clone.git("remote", "add", "origin", str(server.path))
    clone.git("fetch", "-q", "origin")
    made = Forge(server, clone, keys)
    made.install()
    return made


def test_what_its_signers_may_change_is_received(forge: Forge) -> None:
    forge.commit("carol", {"app.yaml": "a: 2\n"})
    head = forge.commit("bob", {"clusters/prod/app.yaml": "a: 2\n"})
    done = forge.push("change:main")
    assert done.returncode == 0, done.stderr
    assert forge.tip() == head


@pytest.mark.parametrize(
    ("who", "path", "code"),
    [
        (None, "app.yaml", "UNSIGNED"),
        ("mallory", "app.yaml", "KEY_UNKNOWN"),
        ("carol", "clusters/prod/app.yaml", "PATH_NOT_AUTHORIZED"),
        ("carol", ".gitgate/settings.yaml", "POLICY_CHANGE_UNAUTHORIZED"),
    ],
)
def test_what_nobody_entitled_signed_is_refused(forge: Forge, who: str | None, path: str, code: str) -> None:
    before = forge.tip()
    forge.commit(who, {path: "a: 2\n"})
    done = forge.push("change:main")
    assert done.returncode != 0
    assert code in done.stderr
    assert forge.tip() == before


def test_nothing_of_a_refused_push_stays(forge: Forge) -> None:
    head = forge.commit(None, {"app.yaml": "a: 2\n"})
    assert forge.push("change:main", "change:refs/heads/feature").returncode != 0
    assert forge.tip("refs/heads/feature") == ""
    assert forge.server.git("cat-file", "-t", head, check=False) == ""


def test_a_detour_over_an_unprotected_branch_does_not_help(forge: Forge) -> None:
    """G7: a hook that asks for commits which no branch has yet (`--not --all`) would see none."""
    forge.commit(None, {"app.yaml": "a: 2\n"})
    assert forge.push("change:refs/heads/feature").returncode == 0
    before = forge.tip()
    done = forge.push("change:main")
    assert done.returncode != 0
    assert "UNSIGNED" in done.stderr
    assert forge.tip() == before


def test_history_of_a_protected_branch_only_grows(forge: Forge) -> None:
    """G6: a force-push, a deletion and a replacement."""
    forge.server.git("config", "receive.denyDeletes", "false")
    forge.server.git("config", "receive.denyDeleteCurrent", "ignore")
    forge.commit("bob", {"app.yaml": "a: 2\n"})
    assert forge.push("change:main").returncode == 0
    tip = forge.tip()
    root = forge.clone.git("rev-parse", "main")
    other = forge.commit("bob", {"app.yaml": "a: 3\n"}, parents=(root,), branch="other")
    for refspec in (f"{root}:refs/heads/main", f"{other}:refs/heads/main", ":refs/heads/main"):
        done = forge.push(refspec, force=True)
        assert done.returncode != 0, refspec
        assert "HISTORY_REWRITE" in done.stderr
        assert forge.tip() == tip


@pytest.mark.parametrize("ref", ["refs/replace/{}", "refs/notes/commits", "refs/gitgate/attestations"])
def test_refs_that_change_how_others_are_read_are_refused(forge: Forge, ref: str) -> None:
    name = ref.format(forge.tip())
    done = forge.push(f"change:{name}")
    assert done.returncode != 0
    assert "HISTORY_REWRITE" in done.stderr
    assert forge.tip(name) == ""


def test_other_branches_are_nobodys_business(forge: Forge) -> None:
    forge.commit(None, {"app.yaml": "a: 2\n"})
    assert forge.push("change:refs/heads/draft").returncode == 0
    assert forge.push(":refs/heads/draft").returncode == 0


def test_a_branch_with_weaker_signers_is_judged_by_those_of_main(forge: Forge) -> None:
    """T3: on dev anybody may sign; what comes from there to main may not."""
    document = signers_document(forge.keys)
    document["principals"]["mallory"] = {
        "emails": ["mallory@example.com"],
        "keys": [key_entry(forge.keys.gpg["mallory"])],
    }
    forge.commit(None, {".gitgate/signers.yaml": yaml.safe_dump(document)}, branch="dev")
    assert forge.push("dev").returncode == 0
    forge.commit("mallory", {"app.yaml": "a: 2\n"}, branch="dev")
    assert forge.push("dev").returncode == 0
    done = forge.push("dev:main")
    assert done.returncode != 0
    assert "KEY_UNKNOWN" in done.stderr


def test_a_new_protected_branch_begins_with_what_main_would_accept(forge: Forge) -> None:
    forge.install("--protect", "refs/heads/main", "--protect", "refs/heads/release/*")
    forge.commit(None, {"app.yaml": "a: 2\n"}, branch="bad")
    assert "UNSIGNED" in forge.push("bad:refs/heads/release/1").stderr
    forge.commit("bob", {"app.yaml": "a: 2\n"}, branch="good")
    assert forge.push("good:refs/heads/release/1").returncode == 0


def test_protected_tags_are_signed_and_never_move(forge: Forge) -> None:
    forge.install("--protect", "refs/heads/main", "--protect", "refs/tags/v*")
    forge.clone.tag("v1", "main")
    assert "UNSIGNED" in forge.push("refs/tags/v1").stderr
    forge.clone.tag("v2", "main", annotated=True)
    assert "UNSIGNED" in forge.push("refs/tags/v2").stderr
    key = forge.keys.ssh["bob"]
    forge.clone.configure(gpg__format="ssh", user__signingKey=str(key.path))
    bob = {"GIT_COMMITTER_EMAIL": "bob@example.com"}
    forge.clone.git("tag", "-s", "-m", "Release", "v3", "main", environment=bob)
    done = forge.push("refs/tags/v3")
    assert done.returncode == 0, done.stderr
    forge.clone.git("tag", "-f", "-s", "-m", "Again", "v3", "main", environment=bob)
    assert "HISTORY_REWRITE" in forge.push("refs/tags/v3", force=True).stderr
    assert "HISTORY_REWRITE" in forge.push(":refs/tags/v3").stderr


@pytest.mark.parametrize(
    ("who", "email", "name", "code"),
    [
        ("bob", "bob", "v1", None),
        ("bob", "bob", "v2", "IDENTITY_MISMATCH"),
        ("bob", "alice", "v1", "IDENTITY_MISMATCH"),
        ("deploy", "deploy", "v1", "KEY_NOT_AUTHORIZED"),
        ("forge", "bob", "v1", "PLATFORM_KEY_CONTENT"),
    ],
)
def test_a_protected_tag_is_made_by_its_signer_under_its_own_name(
    forge: Forge, who: str, email: str, name: str, code: str | None
) -> None:
    """A signed tag under another name would be another release; bots and platforms make none."""
    forge.install("--protect", "refs/tags/v*")
    key = forge.keys.gpg.get(who) or forge.keys.ssh[who]
    head = forge.clone.git("rev-parse", "main")
    text = f"object {head}\ntype commit\ntag v1\ntagger T <{email}@example.com> 1700000000 +0000\n\nRelease\n".encode()
    forge.clone.ref(f"refs/tags/{name}", forge.clone.write(text + key.sign(text), "tag"))
    done = forge.push(f"refs/tags/{name}")
    if code is None:
        assert done.returncode == 0, done.stderr
    else:
        assert code in done.stderr
        assert forge.tip(f"refs/tags/{name}") == ""


def test_a_new_protected_branch_does_not_bring_old_signers_back(forge: Forge) -> None:
    """A branch from where main once was would be judged by keys that main has withdrawn since."""
    old = forge.clone.git("rev-parse", "main")
    document = signers_document(forge.keys)
    del document["principals"]["carol"]
    document["version"] = 2
    files = {".gitgate/signers.yaml": yaml.safe_dump(document)}
    forge.commit("bob", files)
    forge.commit("alice", {})
    assert forge.push("change:main").returncode == 0
    forge.install("--protect", "refs/heads/main", "--protect", "refs/heads/release/*")
    assert "POLICY_INVALID" in forge.push(f"{old}:refs/heads/release/1").stderr
    assert forge.push("change:refs/heads/release/1").returncode == 0


def test_the_first_push_needs_pinned_signers(tmp_path: Path, forge: Forge) -> None:
    server = RepositoryBuilder(tmp_path / "empty.git", bare=True)
    fresh = Forge(server, forge.clone, forge.keys)
    forge.clone.git("remote", "set-url", "origin", str(server.path))
    fresh.install()
    root = forge.commit("bob", {}, branch="root", parents=(), tree=forge.clone.git("rev-parse", "main^{tree}"))
    refused = fresh.push(f"{root}:refs/heads/main")
    assert refused.returncode != 0
    flat = "".join(line.removeprefix("remote:").strip() + " " for line in refused.stderr.splitlines())
    digest = next(word for word in flat.split() if word.startswith("sha256:"))
    fresh.install("--trust-root", digest)
    # One of two administrators signed it, and the signers themselves are theirs.
    assert "THRESHOLD_UNMET" in fresh.push(f"{root}:refs/heads/main").stderr
    both = forge.commit("alice", {}, branch="root")
    for signer in (None, "mallory"):
        tag = f"object {both}\ntype commit\ntag v1\ntagger alice <alice@example.com> 1700000000 +0000\n\nRelease\n".encode()
        signature = b"" if signer is None else forge.keys.gpg[signer].sign(tag)
        forge.clone.git("update-ref", "refs/tags/v1", forge.clone.write(tag + signature, "tag"))
        fresh.install("--trust-root", digest, "--protect", "refs/heads/main", "--protect", "refs/tags/*")
        assert fresh.push("refs/tags/v1").returncode != 0, "pinned signers judge the first tag as well"
    done = fresh.push(f"{both}:refs/heads/main")
    assert done.returncode == 0, done.stderr


def test_a_server_without_a_usable_git_refuses(forge: Forge) -> None:
    line = f"{forge.tip()} {'1' * 40} refs/heads/main\n"
    for data, code in (
        (b"", 3),
        (b"nonsense\n", 3),
        (line.encode()[:-1], 3),
        (b"1 2 refs/heads/main\n", 3),
        (line.replace("refs/heads/main", "--output=x").encode(), 2),
        (line.encode(), 3),
    ):
        ended = gitgate("hook", "pre-receive", cwd=forge.server.path, stdin=data)
        assert ended.code == code, (data, ended)


def test_a_ref_that_moved_meanwhile_is_refused(forge: Forge) -> None:
    head = forge.commit("bob", {"app.yaml": "a: 2\n"})
    line = f"{head} {head} refs/heads/main\n".encode()
    ended = gitgate("hook", "pre-receive", cwd=forge.server.path, stdin=line)
    assert ended.code == 3
    assert "moved" in ended.stderr


def pre_push(forge: Forge) -> None:
    ended = gitgate("hook", "install", cwd=forge.clone.path)
    assert ended.code == 0, ended.stderr
    forge.server.git("config", "core.hooksPath", "/nowhere")


def test_before_a_push_the_same_is_said(forge: Forge) -> None:
    pre_push(forge)
    head = forge.commit("carol", {"app.yaml": "a: 2\n"})
    assert forge.push("change").returncode == 0
    assert forge.tip("refs/heads/change") == head
    forge.commit(None, {"app.yaml": "a: 3\n"})
    done = forge.push("change")
    assert done.returncode != 0
    assert "UNSIGNED" in done.stdout + done.stderr
    assert forge.tip("refs/heads/change") == head
    assert forge.push(":refs/heads/change").returncode == 0


def test_before_a_push_without_signers_nothing_is_said(tmp_path: Path) -> None:
    clone = RepositoryBuilder(tmp_path / "clone")
    clone.commit(FILES, branch="main")
    server = clone.clone(tmp_path / "server.git", "--bare")
    clone.git("remote", "add", "origin", str(server.path))
    assert gitgate("hook", "install", cwd=clone.path).code == 0
    clone.commit({"app.yaml": "a: 2\n"}, branch="change")
    done = subprocess.run(
        ["git", "push", "origin", "change"],
        cwd=clone.path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "gitgate" not in done.stdout + done.stderr


def run_as_pre_commit(forge: Forge, **values: str) -> Ended:
    variables = {"PRE_COMMIT": "1", **{f"PRE_COMMIT_{name}": value for name, value in values.items()}}
    return gitgate("hook", "pre-push", cwd=forge.clone.path, environment=variables)


def test_pre_commit_tells_the_range_by_variables(forge: Forge) -> None:
    base = forge.tip()
    good = forge.commit("carol", {"app.yaml": "a: 2\n"})
    told = {"REMOTE_NAME": "origin", "REMOTE_BRANCH": "refs/heads/change", "FROM_REF": base}
    assert run_as_pre_commit(forge, TO_REF=good, **told).code == 0
    bad = forge.commit(None, {"app.yaml": "a: 3\n"})
    ended = run_as_pre_commit(forge, TO_REF=bad, **told)
    assert ended.code == 1
    assert "UNSIGNED" in ended.stdout
    # What was pushed to the branch before without the hook is judged again: main has not got it.
    top = forge.commit("carol", {"app.yaml": "a: 4\n"})
    assert run_as_pre_commit(forge, TO_REF=top, **{**told, "FROM_REF": bad}).code == 1
    forge.clone.checkout("change")
    assert run_as_pre_commit(forge).code == 1


def test_a_hook_of_somebody_else_stays(forge: Forge) -> None:
    place = forge.clone.git_dir / "hooks" / "pre-push"
    place.write_text("#!/bin/sh\nexit 0\n")
    ended = gitgate("hook", "install", cwd=forge.clone.path)
    assert ended.code == 2
    assert "gitgate hook pre-push" in ended.stderr
    assert place.read_text() == "#!/bin/sh\nexit 0\n"
    place.unlink()
    assert gitgate("hook", "install", cwd=forge.clone.path).code == 0
    assert gitgate("hook", "install", cwd=forge.clone.path).code == 0


@pytest.mark.parametrize("ref", ["main", "refs/heads/a**", "refs/heads/$(id)'x"])
def test_a_protected_ref_is_named_in_full_and_quoted(forge: Forge, ref: str, tmp_path: Path) -> None:
    ended = gitgate("hook", "install", "--pre-receive", "--git-dir", forge.server.path, "--protect", ref, cwd=tmp_path)
    if "$" not in ref:
        assert ended.code == 2
        return
    assert ended.code == 0
    script = (forge.server.path / "hooks" / "pre-receive").read_text()
    done = subprocess.run(["sh", "-n"], input=script, text=True, check=False)
    assert done.returncode == 0
    assert """'refs/heads/$(id)'"'"'x'""" in script
