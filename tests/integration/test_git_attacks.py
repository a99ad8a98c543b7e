"""Attacks through git itself, by the rows of the threat model (G1 to G14), each with its recipe."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
import zlib
from pathlib import Path

import pytest

from gitgate.errors import GitgateError, IncompleteHistoryError, RepositoryError, ToolError, UsageError
from gitgate.git import MergeConflict, Repository
from gitgate.git_objects import GitTree
from gitgate.sources.paths import path_problems
from tests.support.repository import ENVIRONMENT, Link, RepositoryBuilder, Submodule


@pytest.fixture(autouse=True)
def private(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Clean rooms are made in a directory of the test's own, and each must be gone at its end."""
    place = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


def diverged(repository: RepositoryBuilder) -> tuple[str, str]:
    """Base and head with three and two commits since they parted."""
    repository.commit({"shared.yaml": "".join(f"line {number}\n" for number in range(30))})
    for number in range(2):
        repository.commit({f"change-{number}.yaml": "new"}, branch="change")
    base = repository.git("rev-parse", "main")
    for number in range(3):
        base = repository.commit({f"main-{number}.yaml": "main"})
    return base, repository.git("rev-parse", "change")


class TestG1CutHistory:
    @pytest.mark.parametrize("depth", [1, 2])
    def test_a_shallow_clone_is_incomplete_and_never_a_shorter_range(self, repository, tmp_path: Path, depth: int):
        base, head = diverged(repository)
        shallow = repository.shallow_clone(tmp_path / "shallow", depth)
        fewer = shallow.git("rev-list", "--count", f"{base}..{head}")
        assert int(fewer) <= 2  # git itself is content with what is there
        with Repository.open(shallow.path) as opened:
            for question in (opened.merge, opened.commits):
                with pytest.raises(IncompleteHistoryError, match="shallow") as raised:
                    question(base, head)
                assert raised.value.exit_code == 3
                assert "git fetch --unshallow" in raised.value.remedy
                assert "fetch-depth: 0" in raised.value.remedy

    def test_a_shallow_clone_that_reaches_the_merge_base_is_complete_enough(self, repository, tmp_path: Path):
        for number in range(6):
            repository.commit({"a.yaml": str(number)})
        head = repository.commit({"b.yaml": "b"}, branch="change")
        base = repository.commit({"c.yaml": "c"})
        shallow = repository.shallow_clone(tmp_path / "shallow", 3)
        with Repository.open(shallow.path) as opened:
            assert opened.commits(base, head) == (head,)
            assert set(opened.merge(base, head).entries) == {"a.yaml", "b.yaml", "c.yaml"}

    def test_head_as_a_descendant_of_a_shallow_base_is_not_shortened(self, repository, tmp_path: Path):
        base = repository.commit({"a.yaml": "1"})
        for number in range(5):
            head = repository.commit({"a.yaml": f"next {number}"}, branch="change")
        shallow = repository.shallow_clone(tmp_path / "shallow", 2)
        with Repository.open(shallow.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.commits(base, head)

    def test_commits_without_a_base_reach_the_root_or_fail(self, repository, tmp_path: Path):
        _, head = diverged(repository)
        with Repository.open(repository.path) as opened:
            assert len(opened.commits(None, head)) == 3
        shallow = repository.shallow_clone(tmp_path / "shallow", 1)
        with Repository.open(shallow.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.commits(None, head)

    def test_a_replaced_commit_is_read_as_it_was_committed(self, repository):
        base = repository.commit({"a.yaml": "good"})
        head = repository.commit({"a.yaml": "evil"}, branch="change")
        other = repository.commit({"a.yaml": "harmless"}, branch="other", parents=[base])
        repository.git("replace", head, other)
        assert repository.git("show", f"{head}:a.yaml") == "harmless"  # what git says
        with Repository.open(repository.path) as opened:
            assert opened.tree(head).read("a.yaml") == b"evil"
            assert opened.merge(base, head).read("a.yaml") == b"evil"

    def test_grafts_hide_no_commit(self, repository):
        base, head = diverged(repository)
        (repository.git_dir / "info").mkdir(exist_ok=True)
        (repository.git_dir / "info" / "grafts").write_text(f"{head} {base}\n")
        assert repository.git("rev-list", "--count", f"{base}..{head}") == "1"  # what git says
        with Repository.open(repository.path) as opened:
            assert len(opened.commits(base, head)) == 2

    def test_a_poisoned_commit_graph_is_not_read(self, repository):
        base, head = diverged(repository)
        repository.git("commit-graph", "write", "--reachable")
        graph = repository.git_dir / "objects" / "info" / "commit-graph"
        graph.chmod(0o644)
        data = bytearray(graph.read_bytes())
        tree = bytes.fromhex(repository.git("rev-parse", f"{head}^{{tree}}"))
        other = bytes.fromhex(repository.git("rev-parse", f"{base}^{{tree}}"))
        place = data.index(tree)  # in the commit data chunk: head's tree becomes base's
        data[place : place + 20] = other
        graph.write_bytes(data)
        assert repository.git("log", "-1", "--format=%T", head) == other.hex()  # what git says
        with Repository.open(repository.path) as opened:
            assert opened.tree(head).oid == tree.hex()

    def test_a_partial_clone_without_blobs_is_incomplete_and_fetches_nothing(self, repository, tmp_path: Path):
        base, head = diverged(repository)
        partial = repository.clone(tmp_path / "partial", "--filter=blob:none", "--no-checkout")
        with Repository.open(partial.path) as opened:
            assert len(opened.commits(base, head)) == 2
            with pytest.raises(IncompleteHistoryError, match="partial") as raised:
                opened.tree(head).read("shared.yaml")
            assert "--refetch" in raised.value.remedy

    def test_a_partial_clone_without_trees_is_incomplete(self, repository, tmp_path: Path):
        base, head = diverged(repository)
        partial = repository.clone(tmp_path / "partial", "--filter=tree:0", "--no-checkout")
        with Repository.open(partial.path) as opened:
            for question in (lambda: opened.tree(head), lambda: opened.merge(base, head)):
                with pytest.raises(IncompleteHistoryError, match="partial"):
                    question()

    def test_a_deleted_commit_in_the_range_is_incomplete(self, repository):
        base, head = diverged(repository)
        lost = repository.git("rev-parse", "change~1")
        (repository.git_dir / "objects" / lost[:2] / lost[2:]).unlink()
        with Repository.open(repository.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.commits(base, head)

    @pytest.mark.parametrize("side", ["main~1", "change~2"])
    def test_a_deleted_commit_on_either_side_never_gives_another_merge(self, repository, side: str):
        base, head = diverged(repository)
        lost = repository.git("rev-parse", side)
        (repository.git_dir / "objects" / lost[:2] / lost[2:]).unlink()
        with Repository.open(repository.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.merge(base, head)

    def test_a_deleted_blob_of_the_merge_is_incomplete(self, repository):
        repository.commit({"a.yaml": "".join(f"{number}\n" for number in range(30))})
        head = repository.commit(
            {"a.yaml": "first\n" + "".join(f"{number}\n" for number in range(1, 30))}, branch="change"
        )
        base = repository.commit({"a.yaml": "".join(f"{number}\n" for number in range(29)) + "last\n"})
        lost = repository.git("rev-parse", f"{head}:a.yaml")
        (repository.git_dir / "objects" / lost[:2] / lost[2:]).unlink()
        with Repository.open(repository.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.merge(base, head)

    def test_a_corrupt_object_is_an_error_in_one_line(self, repository):
        head = repository.commit({"a.yaml": "content\n" * 100})
        oid = repository.git("rev-parse", "HEAD:a.yaml")
        place = repository.git_dir / "objects" / oid[:2] / oid[2:]
        place.chmod(0o644)
        place.write_bytes(place.read_bytes()[:20])
        with Repository.open(repository.path) as opened, pytest.raises(GitgateError) as raised:
            opened.tree(head).read("a.yaml")
        assert raised.value.exit_code == 3
        assert "\n" not in str(raised.value)


class TestG2TruncatedAnswers:
    def test_cat_file_killed_midstream_is_an_error(self, repository):
        head = repository.commit({f"{number}.yaml": f"{number} " * 50_000 for number in range(100)})
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            answers = tree.read_many(tree.entries)
            next(answers)
            os.kill(opened._store._batch.pid, signal.SIGKILL)
            with pytest.raises(ToolError, match="git was killed before it answered"):
                list(answers)
            with pytest.raises(ToolError):
                tree.read("99.yaml")

    @pytest.mark.parametrize(
        ("subcommand", "script"),
        [
            ("rev-list", "kill -KILL $$"),
            ("rev-list", "exit 0"),  # says nothing, as if there were no commits
            ("rev-list", "printf '<%s' $HALF; exit 0"),
            ("rev-list", '"$REAL" "$@" | tail -n +2'),  # the newest commit is lost
            ("rev-list", '"$REAL" "$@" | head -n 1; exit 1'),
            ("merge-tree", "exit 0"),
            ("merge-tree", "exit 1"),
            ("merge-tree", "kill -TERM $$"),
            ("merge-tree", '"$REAL" "$@"; exit 1'),  # a conflict without paths
            ("merge-tree", '"$REAL" "$@" | head -c 30'),
        ],
    )
    def test_a_lying_or_dying_git_never_gives_an_answer(
        self, repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subcommand: str, script: str
    ):
        base, head = diverged(repository)
        real = subprocess.run(
            ["/bin/sh", "-c", "command -v git"], capture_output=True, text=True, check=True
        ).stdout.strip()
        fake = tmp_path / "git"
        fake.write_text(
            f"#!/bin/sh\nREAL={real}\nHALF={head[:20]}\n"
            f'for word in "$@"; do if [ "$word" = {subcommand} ]; then\n{script}\nexit $?\nfi; done\nexec "$REAL" "$@"\n'
        )
        fake.chmod(0o755)
        monkeypatch.setattr("gitgate.git._find_git", lambda: str(fake))
        with Repository.open(repository.path) as opened, pytest.raises(ToolError):
            opened.merge(base, head)


CANARIES = {
    "core.fsmonitor": "{canary}",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{canary}",
    "core.pager": "{canary}",
    "core.editor": "{canary}",
    "core.askPass": "{canary}",
    "core.gitProxy": "{canary}",
    "core.alternateRefsCommand": "{canary}",
    "credential.helper": "!{canary}",
    "gpg.program": "{canary}",
    "gpg.ssh.program": "{canary}",
    "log.showSignature": "true",
    "diff.external": "{canary}",
    "diff.evil.textconv": "{canary}",
    "diff.evil.command": "{canary}",
    "filter.evil.clean": "{canary}",
    "filter.evil.smudge": "{canary}",
    "filter.evil.process": "{canary}",
    "filter.evil.required": "true",
    "merge.evil.driver": "{canary} %O %A %B",
    "merge.default": "evil",
    "uploadpack.packObjectsHook": "{canary}",
    "alias.rev-list": "!{canary}",
    "alias.cat-file": "!{canary}",
    "alias.merge-tree": "!{canary}",
    "alias.write-tree": "!{canary}",
    "pager.rev-list": "{canary}",
    "protocol.ext.allow": "always",
    "remote.origin.url": "ext::{canary}",
    "remote.origin.promisor": "true",
    "remote.origin.partialclonefilter": "blob:none",
    "extensions.partialClone": "origin",
    "extensions.worktreeConfig": "true",
    "core.attributesFile": "{attributes}",
    "include.path": "{included}",
    "includeIf.gitdir:**.path": "{included}",
}


class TestG3NothingExecutes:
    def booby_trap(self, repository: RepositoryBuilder, tmp_path: Path) -> tuple[Path, Path]:
        """Every configuration key, hook and attribute that can run something runs the canary."""
        proof, canary, hooks = tmp_path / "proof", tmp_path / "canary", tmp_path / "hooks"
        canary.write_text(f'#!/bin/sh\necho "$0 $*" >> {proof}\n')
        canary.chmod(0o755)
        attributes, included = tmp_path / "attributes", tmp_path / "included"
        attributes.write_text("* merge=evil diff=evil filter=evil\n")
        included.write_text(f"[core]\n\tfsmonitor = {canary}\n\thooksPath = {hooks}\n")
        for directory in (hooks, repository.git_dir / "hooks"):
            directory.mkdir(exist_ok=True)
            for hook in (
                "post-checkout",
                "post-index-change",
                "reference-transaction",
                "pre-auto-gc",
                "fsmonitor-watchman",
            ):
                (directory / hook).write_text(canary.read_text())
                (directory / hook).chmod(0o755)
        (repository.git_dir / "info").mkdir(exist_ok=True)
        (repository.git_dir / "info" / "attributes").write_text(attributes.read_text())
        places = {"canary": canary, "hooks": hooks, "attributes": attributes, "included": included}
        with (repository.git_dir / "config").open("a") as config:
            for key, value in CANARIES.items():
                section, _, name = key.rpartition(".")
                section, _, subsection = section.partition(".")
                heading = f'[{section} "{subsection}"]' if subsection else f"[{section}]"
                config.write(f'{heading}\n\t{name} = "{value.format(**places)}"\n')
        return proof, canary

    def test_the_trap_works_on_git_itself(self, repository, tmp_path: Path):
        """Otherwise the test below could not fail."""
        repository.commit({"a.yaml": "a\n"})
        proof, _ = self.booby_trap(repository, tmp_path)
        repository.git("status", check=False)
        assert proof.exists()

    def test_judging_a_booby_trapped_repository_executes_nothing(self, repository, tmp_path: Path, monkeypatch):
        text = "".join(f"{number}\n" for number in range(30))
        attributes = "* merge=evil diff=evil filter=evil\n"
        repository.commit({"a.yaml": text, ".gitattributes": attributes})
        head = repository.commit({"a.yaml": "first\n" + text, "b.yaml": "b"}, branch="change")
        conflict = repository.commit({"a.yaml": "other\n" + text}, branch="conflict")
        base = repository.commit({"a.yaml": text + "last\n"})
        clash = repository.commit({"a.yaml": "clash\n" + text}, branch="clash", parents=["main~1"])
        repository.tag("v1", annotated=True)
        repository.stage({"staged.yaml": "x"})
        proof, canary = self.booby_trap(repository, tmp_path)
        home = tmp_path / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(f"[core]\n\tfsmonitor = {canary}\n[merge]\n\tdefault = evil\n")
        for name, value in {
            "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "GIT_SSH_COMMAND": str(canary),
            "GIT_EXTERNAL_DIFF": str(canary), "GIT_ASKPASS": str(canary), "GIT_EXEC_PATH": str(tmp_path),
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": str(canary),
            "GIT_TRACE": str(proof), "GIT_PAGER": str(canary), "GIT_TEMPLATE_DIR": str(tmp_path),
            "GIT_REPLACE_REF_BASE": "refs/heads/", "GIT_SHALLOW_FILE": str(canary), "GIT_GRAFT_FILE": str(canary),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(repository.path)
        with Repository.open() as opened:
            assert opened.resolve("main") == opened.resolve("HEAD") == opened.resolve("v1") == base
            assert opened.resolve("main~1^0") == opened.resolve("change~1")
            opened.default_base()
            merged = opened.merge(base, head)
            assert isinstance(merged, GitTree)
            assert merged.read("a.yaml").decode() == "first\n" + text + "last\n"
            assert isinstance(opened.merge(clash, conflict), MergeConflict)
            assert "staged.yaml" in opened.index_tree().entries
            opened.merge(opened.index_commit(), head)
            list(merged.read_many(merged.entries))
        assert not proof.exists()

    def test_attributes_of_the_judged_tree_do_not_change_the_merge(self, repository):
        """`merge=union` makes git merge a conflict silently where the attribute is checked out (G14)."""
        repository.commit({"a.yaml": "a: 1\n", ".gitattributes": "*.yaml merge=union\n"})
        head = repository.commit({"a.yaml": "a: 2\n"}, branch="change")
        base = repository.commit({"a.yaml": "a: 3\n"})
        with Repository.open(repository.path) as opened:
            assert opened.merge(base, head) == MergeConflict(("a.yaml",))

    def test_nothing_is_written_into_the_judged_repository(self, repository):
        base, head = diverged(repository)
        repository.stage({"staged.yaml": "x"})

        def state() -> dict[str, tuple[int, int]]:
            files = [path for path in repository.path.rglob("*") if path.is_file()]
            return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

        before = state()
        with Repository.open(repository.path) as opened:
            opened.merge(base, head)
            opened.merge(opened.index_commit(), head)
        assert state() == before


class TestG4EmbeddedBareRepository:
    def embed(self, repository: RepositoryBuilder) -> Path:
        inner = RepositoryBuilder(repository.path / "inner", bare=True)
        inner.raw_commit({"evil.yaml": "inner"})
        return inner.path

    def test_inside_one_the_outer_repository_is_judged(self, repository, monkeypatch):
        head = repository.commit({"a.yaml": "outer"})
        inner = self.embed(repository)
        monkeypatch.chdir(inner)
        assert repository.git("-C", str(inner), "rev-parse", "--is-bare-repository") == "true"  # what git would take
        with Repository.open() as opened:
            assert opened.resolve("HEAD") == head

    def test_one_at_the_root_of_the_work_tree_does_not_hide_it(self, repository):
        head = repository.commit({"a.yaml": "outer"})
        for name in ("objects", "refs"):
            (repository.path / name).mkdir()
        (repository.path / "HEAD").write_text("ref: refs/heads/evil\n")
        with Repository.open(repository.path) as opened:
            assert opened.resolve("HEAD") == head

    def test_a_bare_repository_is_never_found_only_named(self, tmp_path: Path, monkeypatch):
        bare = RepositoryBuilder(tmp_path / "bare.git", bare=True)
        head = bare.commit({"a.yaml": "x"})
        monkeypatch.chdir(bare.path)
        with pytest.raises(RepositoryError, match="is not in a git repository") as raised:
            Repository.open()
        assert "--git-dir" in raised.value.remedy
        with Repository.open(bare.path) as opened:
            assert opened.tree(opened.resolve("main")).read("a.yaml") == b"x"
            assert opened.resolve("HEAD") == head


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
def test_g5_a_repository_of_another_owner_needs_no_safe_directory(repository):
    base, head = diverged(repository)
    for path in (repository.path, *repository.path.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    refused = subprocess.run(["git", "status"], cwd=repository.path, env=ENVIRONMENT, capture_output=True, check=False)
    assert b"dubious ownership" in refused.stderr  # what git says
    with Repository.open(repository.path) as opened:
        assert len(opened.commits(base, head)) == 2
        assert isinstance(opened.merge(base, head), GitTree)


class TestG8Names:
    @pytest.mark.parametrize(
        "name",
        [
            "--output=x",
            "-h",
            "--",
            "--upload-pack=touch",
            "HEAD~",
            "x y",
            "$(id)",
            "a;b",
            "\u202e",
            "é",
            "a" * 200,
            "1234567",
        ],
    )
    def test_a_branch_of_any_name_is_only_a_name(self, repository, name: str, tmp_path: Path):
        head = repository.commit({"a.yaml": "x"})
        place = repository.git_dir / "refs" / "heads" / name
        place.write_text(head + "\n")
        before = sorted(tmp_path.iterdir())
        with Repository.open(repository.path) as opened:
            if name in ("HEAD~", "x y"):
                with pytest.raises(GitgateError):
                    opened.resolve(f"refs/heads/{name}x")
            else:
                assert opened.resolve(name) == head
                assert opened.resolve(f"refs/heads/{name}") == head
        assert sorted(tmp_path.iterdir()) == before

    def test_a_branch_called_head_is_not_head(self, repository):
        head = repository.commit({"a.yaml": "x"})
        evil = repository.commit({"a.yaml": "evil"}, branch="evil")
        (repository.git_dir / "refs" / "heads" / "HEAD").write_text(evil)
        with Repository.open(repository.path) as opened:
            assert opened.resolve("HEAD") == head
            assert opened.resolve("@") == head
            assert opened.resolve("refs/heads/HEAD") == evil

    def test_a_branch_that_looks_like_an_object_name_does_not_stand_in_for_the_object(self, repository):
        head = repository.commit({"a.yaml": "x"})
        evil = repository.commit({"a.yaml": "evil"}, branch="evil")
        (repository.git_dir / "refs" / "heads" / head).write_text(evil)
        with Repository.open(repository.path) as opened:
            assert opened.resolve(head) == head

    def test_a_tag_cannot_stand_in_for_the_protected_branch(self, repository):
        good = repository.commit({"a.yaml": "x"})
        evil = repository.commit({"a.yaml": "evil"}, branch="evil")
        repository.ref("refs/remotes/origin/main", good)
        repository.ref("refs/tags/origin/main", evil)
        assert repository.git("rev-parse", "origin/main") == evil  # what git says
        with Repository.open(repository.path) as opened:
            with pytest.raises(UsageError, match="refs/tags/origin/main or refs/remotes/origin/main"):
                opened.resolve("origin/main")
            assert opened.resolve("refs/remotes/origin/main") == good
            assert opened.default_base() == ("origin/main", good)

    def test_an_abbreviated_object_name_is_refused(self, repository):
        head = repository.commit({"a.yaml": "x"})
        with Repository.open(repository.path) as opened:
            with pytest.raises(UsageError, match="abbreviated") as raised:
                opened.resolve(head[:12])
            assert raised.value.remedy == "Give all 40 digits."

    @pytest.mark.parametrize(
        "revision",
        ["@{1}", "HEAD@{1}", "main@{upstream}", "@{-1}", "HEAD:a.yaml", ":/Change", "^main", "", "main~1x", "HEAD^{tree}",
         "HEAD^{/x}", "a..b", "~1", "main^9999999", "main^5", "main~5", "../../etc/passwd", "config", "/etc/passwd", "main\n",
         "refs/../config", "refs/heads/../../config", "main.lock", "\0"],
    )  # fmt: skip
    def test_anything_else_is_refused(self, repository, revision: str):
        repository.commit({"a.yaml": "x"})
        with Repository.open(repository.path) as opened, pytest.raises(GitgateError) as raised:
            opened.resolve(revision)
        assert "\n" not in str(raised.value)


class TestG9ToG13HostileTrees:
    def problems(self, repository: RepositoryBuilder, head: str) -> set[tuple[str, str]]:
        with Repository.open(repository.path) as opened:
            return {(problem.code, problem.location.path) for problem in path_problems(opened.tree(head))}

    def test_g9_submodules(self, repository):
        head = repository.commit({"vendor/lib": Submodule(), ".gitmodules": "[submodule]\n\tupdate = !touch x\n"})
        assert self.problems(repository, head) == {("submodule", "vendor/lib")}

    def test_g10_links(self, repository):
        head = repository.commit(
            {
                "a/b.yaml": "x",
                "good": Link("a/b.yaml"),
                "out": Link("../x"),
                "abs": Link("/etc/passwd"),
                "me": Link("me"),
            }
        )
        expected = {("symlink-escape", "out"), ("symlink-escape", "abs"), ("symlink-loop", "me")}
        assert self.problems(repository, head) == expected

    def test_g11_reserved_names(self, repository):
        head = repository.raw_commit(
            {
                "..": {"x": "1"},
                ".git": {"config": "1"},
                ".GIT": "1",
                "git~1": "1",
                ".g\u200cit": "1",
                "a\\b": "1",
                "dot.": "1",
            }
        )
        found = {path for code, path in self.problems(repository, head) if code == "path-reserved"}
        assert found == {"../x", ".git/config", ".GIT", "git~1", ".g\u200cit", "a\\b", "dot."}

    def test_g12_collisions(self, repository):
        head = repository.raw_commit({"A.yaml": "1", "a.yaml": "2", "e\u0301": "1", "\u00e9": "2"})
        assert {code for code, _ in self.problems(repository, head)} == {"path-collision"}

    def test_g13_names(self, repository):
        head = repository.raw_commit(
            {b"\xff.yaml": "1", "new\nline": "1", "bidi\u202e": "1", 'quote"': "1", "tab\t": "1"}
        )
        assert self.problems(repository, head) == {
            ("path-not-utf8", "\udcff.yaml"),
            ("path-hidden-character", "new\nline"),
            ("path-hidden-character", "bidi\u202e"),
            ("path-hidden-character", "tab\t"),
        }

    def test_names_of_any_bytes_are_read_back_exactly(self, repository):
        names = [bytes((byte,)) + b"x" for byte in range(1, 256) if byte != 0x2F]
        head = repository.raw_commit({name: b"content of " + name for name in names})
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            assert {os.fsencode(path): data for path, data in tree.read_many(tree.entries)} == {
                name: b"content of " + name for name in names
            }

    def test_a_tree_with_an_entry_twice_is_refused(self, repository):
        blob = bytes.fromhex(repository.write("x"))
        other = bytes.fromhex(repository.write("y"))
        tree = repository.write(b"100644 a.yaml\0" + blob + b"100644 a.yaml\0" + other, "tree")
        head = repository.raw_commit(tree)
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="malformed"):
            opened.tree(head)

    @pytest.mark.parametrize(
        "data", [b"100644 a", b"x a\0" + b"1" * 20, b"100644 \0" + b"1" * 20, b"100644 a/b\0" + b"1" * 20]
    )
    def test_a_malformed_tree_is_refused(self, repository, data: bytes):
        head = repository.write(
            b"tree " + repository.write(data, "tree").encode() + b"\nauthor a <a> 0 +0000\n\n", "commit"
        )
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="malformed"):
            opened.tree(head)

    def test_a_git_bomb_is_refused(self, repository):
        """Ten names for ten names for …: ten billion files in eleven objects."""
        tree = repository.raw_tree({"x": "boom"})
        for _ in range(9):
            record = b"".join(b"40000 d%d\0" % number + bytes.fromhex(tree) for number in range(10))
            tree = repository.write(record, "tree")
        head = repository.git("commit-tree", tree)
        with (
            Repository.open(repository.path) as opened,
            pytest.raises(RepositoryError, match="more than 1000000 entries"),
        ):
            opened.tree(head)

    def test_a_git_bomb_of_long_names_is_refused_before_it_fills_the_memory(self, repository):
        tree = repository.raw_tree({"x": "boom"})
        for _ in range(5):
            record = b"".join(b"40000 %s%02d\0" % (b"d" * 4000, number) + bytes.fromhex(tree) for number in range(12))
            tree = repository.write(record, "tree")
        head = repository.git("commit-tree", tree)
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="characters"):
            opened.tree(head)

    def test_a_tree_of_endless_depth_is_refused(self, repository):
        tree = repository.raw_tree({"x": "deep"})
        for _ in range(2100):
            data = b"40000 d\0" + bytes.fromhex(tree)
            content = b"tree %d\0" % len(data) + data
            tree = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            place = repository.git_dir / "objects" / tree[:2] / tree[2:]
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(zlib.compress(content, 1))
        head = repository.git("commit-tree", tree)
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="nested deeper"):
            opened.tree(head)


def test_the_private_directory_is_removed_when_something_goes_wrong(repository, private: Path):
    repository.commit({"a.yaml": "x"})
    with pytest.raises(ZeroDivisionError), Repository.open(repository.path):
        assert len(list(private.iterdir())) == 1
        raise ZeroDivisionError
    assert list(private.iterdir()) == []
