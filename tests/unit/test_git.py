"""Repositories as people have them: revisions, merges, the index, and every kind of git directory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from gitgate.change import TreeEntry
from gitgate.errors import GitgateError, IncompleteHistoryError, RepositoryError, UsageError
from gitgate.git import MergeConflict, Repository, _find_git
from gitgate.tree import diff_trees
from tests.support.repository import Executable, Link, RepositoryBuilder, Submodule


@pytest.fixture(autouse=True)
def private(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Clean rooms are made in a directory of the test's own, and each must be gone at its end."""
    place = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


class TestResolve:
    def test_every_way_to_name_a_commit(self, repository):
        first = repository.commit({"a.yaml": "1"})
        side = repository.commit({"b.yaml": "1"}, branch="feature/side")
        repository.commit({"a.yaml": "2"})
        merge = repository.merge("feature/side", {"b.yaml": "1"})
        repository.tag("light", side)
        tag = repository.tag("v1", merge, annotated=True)
        repository.ref("refs/remotes/origin/main", first)
        repository.symbolic_ref("refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        expected = {
            "HEAD": merge, "@": merge, "main": merge, "heads/main": merge, "refs/heads/main": merge, "feature/side": side,
            "light": side, "v1": merge, "tags/v1": merge, tag: merge, merge: merge, "origin/main": first, "origin": first,
            "refs/remotes/origin/HEAD": first, "HEAD~2": first, "HEAD^2": side, "HEAD^2~1": first, "HEAD^^": first,
            "HEAD~0": merge, "HEAD^0": merge, "v1^{commit}": merge, "HEAD~": repository.git("rev-parse", "HEAD~"),
            "@^1~1^0": first,
        }  # fmt: skip
        with Repository.open(repository.path) as opened:
            assert {name: opened.resolve(name) for name in expected} == expected

    def test_packed_refs_are_read_and_loose_ones_win(self, repository):
        first = repository.commit({"a.yaml": "1"})
        repository.branch("other")
        repository.tag("v1", annotated=True)
        repository.git("pack-refs", "--all")
        second = repository.commit({"a.yaml": "2"})
        assert not (repository.git_dir / "refs/heads/other").exists()
        with Repository.open(repository.path) as opened:
            assert (opened.resolve("other"), opened.resolve("v1"), opened.resolve("main")) == (first, first, second)
            with pytest.raises(RepositoryError):
                opened.resolve("othe")

    def test_a_detached_head(self, repository):
        first = repository.commit({"a.yaml": "1"})
        repository.commit({"a.yaml": "2"})
        repository.checkout(first)
        with Repository.open(repository.path) as opened:
            assert opened.resolve("HEAD") == first
            assert opened.default_base() is not None

    def test_an_empty_repository(self, repository):
        with Repository.open(repository.path) as opened:
            assert opened.is_empty()
            assert opened.default_base() is None
            with pytest.raises(RepositoryError, match=r"^the repository has no commit yet$"):
                opened.resolve("HEAD")

    def test_a_branch_that_is_not_there(self, repository):
        repository.commit({"a.yaml": "1"})
        with Repository.open(repository.path) as opened:
            with pytest.raises(
                RepositoryError, match=r"^there is no branch or tag 'origin/main' in this repository$"
            ) as raised:
                opened.resolve("origin/main")
            assert "git fetch" in raised.value.remedy

    def test_an_object_that_is_not_there(self, repository):
        repository.commit({"a.yaml": "1"})
        with (
            Repository.open(repository.path) as opened,
            pytest.raises(IncompleteHistoryError, match=r"1{40} is missing"),
        ):
            opened.resolve("1" * 40)

    def test_a_blob_is_no_commit(self, repository):
        repository.commit({"a.yaml": "1"})
        blob = repository.git("rev-parse", "HEAD:a.yaml")
        with Repository.open(repository.path) as opened, pytest.raises(UsageError, match="is a blob, not a commit"):
            opened.resolve(blob)

    @pytest.mark.parametrize(
        "content", ["", "garbage", "ref: ../../x", "ref: HEAD", "1" * 39, "1" * 41, "ref: refs/heads/a b"]
    )
    def test_a_broken_ref_is_an_error(self, repository, content: str):
        repository.commit({"a.yaml": "1"})
        (repository.git_dir / "refs/heads/broken").write_text(content)
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="broken"):
            opened.resolve("broken")

    def test_symbolic_refs_in_a_circle_are_an_error(self, repository):
        repository.commit({"a.yaml": "1"})
        (repository.git_dir / "refs/heads/ping").write_text("ref: refs/heads/pong\n")
        (repository.git_dir / "refs/heads/pong").write_text("ref: refs/heads/ping\n")
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="refers to itself"):
            opened.resolve("ping")

    def test_a_fifo_for_a_ref_is_an_error_and_not_a_wait(self, repository):
        repository.commit({"a.yaml": "1"})
        os.mkfifo(repository.git_dir / "refs/heads/fifo")
        with Repository.open(repository.path) as opened, pytest.raises(RepositoryError, match="no regular file"):
            opened.resolve("fifo")


class TestDefaultBase:
    @pytest.mark.parametrize(
        ("refs", "expected"),
        [
            (["refs/remotes/origin/trunk", "refs/remotes/origin/HEAD -> refs/remotes/origin/trunk", "refs/heads/main"], "origin/trunk"),
            (["refs/remotes/origin/main", "refs/remotes/origin/master"], "origin/main"),
            (["refs/remotes/origin/master", "refs/remotes/upstream/main"], "origin/master"),
            (["refs/remotes/upstream/main"], "upstream/main"),
            (["refs/remotes/origin/HEAD -> refs/remotes/origin/gone", "refs/remotes/origin/main"], "origin/main"),
            (["refs/heads/main", "refs/heads/master"], "main"),
            (["refs/heads/master"], "master"),
            (["refs/heads/other"], None),
        ],
    )  # fmt: skip
    def test_the_upstreams_default_branch(self, tmp_path: Path, refs: list[str], expected: str | None):
        repository = RepositoryBuilder(tmp_path / "r", branch="topic")
        head = repository.commit({"a.yaml": "1"})
        for ref in refs:
            name, _, target = ref.partition(" -> ")
            if target:
                repository.symbolic_ref(name, target)
            else:
                repository.ref(name)
        with Repository.open(repository.path) as opened:
            assert opened.default_base() == (None if expected is None else (expected, head))

    def test_the_local_main_is_not_the_base_of_itself(self, repository):
        repository.commit({"a.yaml": "1"})
        with Repository.open(repository.path) as opened:
            assert opened.default_base() is None


class TestMerge:
    def test_the_tree_that_a_merge_would_make(self, repository):
        text = [f"line {number}\n" for number in range(20)]
        repository.commit({"a.yaml": "".join(text), "old.yaml": "x\n" * 9})
        head = repository.commit(
            {"a.yaml": "".join(["first\n", *text]), "old.yaml": None, "new.yaml": "x\n" * 9}, branch="c"
        )
        base = repository.commit({"a.yaml": "".join([*text, "last\n"]), "base.yaml": "b"})
        with Repository.open(repository.path) as opened:
            merged = opened.merge(base, head)
            assert dict(merged.read_many(merged.entries)) == {
                "a.yaml": "".join(["first\n", *text, "last\n"]).encode(),
                "base.yaml": b"b",
                "new.yaml": b"x\n" * 9,
            }
            assert opened.commits(base, head) == (head,)
            repository.checkout("main")
            repository.git("merge", "-q", "c")
            assert merged.oid == repository.git("rev-parse", "HEAD^{tree}")

    def test_conflicts_name_every_path(self, repository):
        repository.commit({"a.yaml": "1", "d/b c\n.yaml": "1", "gone.yaml": "1"})
        head = repository.commit({"a.yaml": "2", "d/b c\n.yaml": "2", "gone.yaml": None}, branch="change")
        base = repository.commit({"a.yaml": "3", "d/b c\n.yaml": "3", "gone.yaml": "2"})
        with Repository.open(repository.path) as opened:
            assert opened.merge(base, head) == MergeConflict(("a.yaml", "d/b c\n.yaml", "gone.yaml"))

    def test_nothing_to_merge_leaves_the_base(self, repository):
        old = repository.commit({"a.yaml": "1"})
        new = repository.commit({"a.yaml": "2"})
        with Repository.open(repository.path) as opened:
            assert opened.merge(new, old).oid == opened.merge(new, new).oid == opened.tree(new).oid
            assert opened.commits(new, old) == opened.commits(new, new) == ()

    def test_a_descendant_is_merged_as_it_is(self, repository):
        old = repository.commit({"a.yaml": "1"})
        middle = repository.commit({"a.yaml": "2"})
        new = repository.commit({"a.yaml": "3"})
        with Repository.open(repository.path) as opened:
            assert opened.merge(old, new).oid == opened.tree(new).oid
            assert opened.commits(old, new) == (new, middle)

    def test_unrelated_histories_are_an_error(self, repository):
        base = repository.commit({"a.yaml": "1"})
        head = repository.commit({"b.yaml": "1"}, branch="orphan", parents=())
        with (
            Repository.open(repository.path) as opened,
            pytest.raises(RepositoryError, match="no commit in common") as raised,
        ):
            opened.merge(base, head)
        assert raised.value.exit_code == 3

    def test_criss_cross_merges_have_two_bases(self, repository):
        repository.commit({"a.yaml": "".join(f"{n}\n" for n in range(20))})
        left = repository.commit({"l.yaml": "l"}, branch="left")
        right = repository.commit({"r.yaml": "r"}, branch="right", parents=["main"])
        base = repository.merge(right, {"r.yaml": "r"}, branch="left")
        head = repository.merge(left, {"l.yaml": "l"}, branch="right")
        with Repository.open(repository.path) as opened:
            assert set(opened.merge(base, head).entries) == {"a.yaml", "l.yaml", "r.yaml"}
            assert opened.commits(base, head) == (head,)


class TestIndex:
    def test_what_is_staged_is_judged_and_not_the_work_tree(self, repository):
        head = repository.commit({"a.yaml": "1", "b.yaml": "1"})
        repository.stage({"a.yaml": "staged", "b.yaml": None, "new/c.yaml": Executable("x")})
        repository.write_files({"a.yaml": "work tree", "untracked.yaml": "x"})
        with Repository.open(repository.path) as opened:
            tree = opened.index_tree()
            assert dict(tree.read_many(tree.entries)) == {"a.yaml": b"staged", "new/c.yaml": b"x"}
            commit = opened.index_commit()
            assert opened.commits(head, commit) == (commit,)
            assert opened.merge(head, commit).oid == tree.oid

    def test_the_index_is_merged_with_a_base_that_moved(self, repository):
        repository.commit({"a.yaml": "1"})
        base = repository.commit({"b.yaml": "1"}, branch="upstream")
        repository.stage({"c.yaml": "1"})
        with Repository.open(repository.path) as opened:
            assert set(opened.merge(base, opened.index_commit()).entries) == {"a.yaml", "b.yaml", "c.yaml"}

    @pytest.mark.parametrize("relative", [False, True])
    def test_another_index_named_by_the_environment(self, repository, monkeypatch, relative):
        repository.commit({"a.yaml": "1"})
        other = repository.path / "next-index"
        repository.git("read-tree", "HEAD", environment={"GIT_INDEX_FILE": str(other)})
        repository.git("update-index", "--force-remove", "a.yaml", environment={"GIT_INDEX_FILE": str(other)})
        monkeypatch.chdir(repository.path)
        monkeypatch.setenv("GIT_INDEX_FILE", "next-index" if relative else str(other))
        with Repository.open() as opened:
            assert dict(opened.index_tree().entries) == {}

    def test_conflicts_in_the_index_are_an_error(self, repository):
        repository.commit({"a.yaml": "1"})
        repository.commit({"a.yaml": "2"}, branch="change")
        repository.commit({"a.yaml": "3"})
        repository.checkout("main")
        repository.git("merge", "change", check=False)
        with (
            Repository.open(repository.path) as opened,
            pytest.raises(RepositoryError, match="the index has conflicts"),
        ):
            opened.index_tree()

    def test_a_merge_in_progress_has_both_parents(self, repository):
        repository.commit({"a.yaml": "1"})
        change = repository.commit({"b.yaml": "2"}, branch="change")
        head = repository.commit({"c.yaml": "3"})
        repository.checkout("main")
        repository.git("merge", "-q", "--no-commit", "change")
        with Repository.open(repository.path) as opened:
            commit = opened.index_commit()
            assert set(opened.commits(head, commit)) == {commit, change}

    def test_the_first_commit(self, repository):
        with Repository.open(repository.path) as opened:
            assert dict(opened.index_tree().entries) == {}
        repository.stage({"a.yaml": "1"})
        with Repository.open(repository.path) as opened:
            assert set(opened.index_tree().entries) == {"a.yaml"}
            assert opened.commits(None, opened.index_commit())

    def test_an_intent_to_add_is_not_staged_yet(self, repository):
        repository.commit({"a.yaml": "1"})
        repository.checkout("main")
        repository.write_files({"later.yaml": "x"})
        repository.git("add", "-N", "later.yaml")
        with Repository.open(repository.path) as opened:
            assert set(opened.index_tree().entries) == {"a.yaml"}

    def test_a_split_index(self, repository):
        repository.commit({f"{number}.yaml": str(number) for number in range(20)})
        repository.checkout("main")
        repository.git("update-index", "--split-index")
        repository.stage({"new.yaml": "x"})
        assert list(repository.git_dir.glob("sharedindex.*"))
        with Repository.open(repository.path) as opened:
            assert len(opened.index_tree().entries) == 21

    def test_a_sparse_index(self, repository):
        repository.commit({"in/a.yaml": "1", "out/b.yaml": "2", "out/deep/c.yaml": "3"})
        repository.checkout("main")
        repository.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
        assert "out/\n" in repository.git("ls-files", "--sparse") + "\n"
        with Repository.open(repository.path) as opened:
            assert set(opened.index_tree().entries) == {"in/a.yaml", "out/b.yaml", "out/deep/c.yaml"}

    def test_a_staged_object_that_is_missing(self, repository):
        repository.commit({"a.yaml": "1"})
        repository.stage({"b.yaml": "lost"})
        oid = repository.git("rev-parse", ":b.yaml")
        (repository.git_dir / "objects" / oid[:2] / oid[2:]).unlink()
        with Repository.open(repository.path) as opened, pytest.raises(IncompleteHistoryError, match="staged objects"):
            opened.index_tree()

    def test_a_damaged_index(self, repository):
        repository.commit({"a.yaml": "1"})
        (repository.git_dir / "index").write_bytes(b"DIRC" + b"\0" * 100)
        with (
            Repository.open(repository.path) as opened,
            pytest.raises(RepositoryError, match="the index cannot be read"),
        ):
            opened.index_tree()

    def test_a_bare_repository_has_no_index(self, tmp_path: Path):
        bare = RepositoryBuilder(tmp_path / "bare", bare=True)
        bare.commit({"a.yaml": "1"})
        with Repository.open(bare.path) as opened, pytest.raises(RepositoryError, match="has no index"):
            opened.index_tree()


class TestPlaces:
    def test_found_from_anywhere_inside(self, repository, monkeypatch):
        head = repository.commit({"a/b.yaml": "1"})
        repository.checkout("main")
        monkeypatch.chdir(repository.path / "a")
        for path in (
            None,
            Path(),
            repository.path,
            repository.path / "a",
            repository.path / "a/b.yaml",
            repository.git_dir,
        ):
            with Repository.open(path) as opened:
                assert opened.resolve("HEAD") == head

    def test_a_linked_work_tree_has_its_own_head_and_index(self, repository, tmp_path: Path):
        main = repository.commit({"a.yaml": "1"})
        change = repository.commit({"a.yaml": "2"}, branch="change")
        linked = repository.worktree(tmp_path / "linked", "change")
        linked.stage({"b.yaml": "x"})
        with Repository.open(linked.path) as opened:
            assert (opened.resolve("HEAD"), opened.resolve("main")) == (change, main)
            assert set(opened.index_tree().entries) == {"a.yaml", "b.yaml"}

    def test_a_clone_that_borrows_objects(self, repository, tmp_path: Path):
        head = repository.commit({"a.yaml": "1"})
        first = repository.clone(tmp_path / "first", "--bare", "--reference", str(repository.path))
        second = first.clone(tmp_path / "second", "--reference", str(first.path))
        assert (second.git_dir / "objects/info/alternates").exists()
        with Repository.open(second.path) as opened:
            assert opened.tree(opened.resolve("origin/main")).read("a.yaml") == b"1"
            assert opened.resolve("HEAD") == head

    def test_a_quarantine_of_received_objects(self, repository, tmp_path: Path):
        base = repository.commit({"a.yaml": "1"})
        quarantine = tmp_path / "incoming"
        quarantine.mkdir()
        places = {
            "GIT_OBJECT_DIRECTORY": str(quarantine),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repository.git_dir / "objects"),
        }
        tree = repository.git("mktree", environment=places)
        head = repository.git("commit-tree", "-p", base, tree, environment=places)
        with Repository.open(repository.path) as opened, pytest.raises(IncompleteHistoryError):
            opened.resolve(head)
        with Repository.open(repository.path, extra_object_directories=(quarantine,)) as opened:
            assert dict(opened.merge(base, opened.resolve(head)).entries) == {}

    @pytest.mark.parametrize("name", ['quo"te', "new\nline", "back\\slash", "#hash", "co:lon", "sp ace", "ümlaut"])
    def test_a_directory_of_any_name(self, tmp_path: Path, name: str):
        repository = RepositoryBuilder(tmp_path / name)
        head = repository.commit({"a.yaml": "1"})
        with Repository.open(repository.path) as opened:
            assert opened.tree(head).read("a.yaml") == b"1"

    def test_sha256(self, tmp_path: Path):
        repository = RepositoryBuilder(tmp_path / "r", object_format="sha256")
        repository.commit({"a.yaml": "1"})
        head = repository.commit({"b.yaml": "2"}, branch="change")
        base = repository.commit({"c.yaml": "3"})
        repository.stage({"d.yaml": "4"})
        with Repository.open(repository.path) as opened:
            assert set(opened.merge(base, head).entries) == {"a.yaml", "b.yaml", "c.yaml"}
            assert set(opened.merge(opened.index_commit(), head).entries) == {"a.yaml", "b.yaml", "c.yaml", "d.yaml"}
            assert len(opened.resolve("HEAD")) == 64

    def test_no_repository(self, tmp_path: Path):
        with pytest.raises(RepositoryError, match="is not in a git repository"):
            Repository.open(tmp_path)

    def test_a_path_that_does_not_exist(self, tmp_path: Path):
        with pytest.raises(UsageError, match="does not exist"):
            Repository.open(tmp_path / "nothing")

    @pytest.mark.parametrize("content", [b"", b"gitdir: nowhere", b"garbage", b"gitdir: \0"])
    def test_a_git_file_that_leads_nowhere(self, tmp_path: Path, content: bytes):
        (tmp_path / ".git").write_bytes(content)
        with pytest.raises(GitgateError):
            Repository.open(tmp_path)

    def test_a_git_directory_without_anything(self, tmp_path: Path):
        (tmp_path / ".git").mkdir()
        with pytest.raises(RepositoryError, match="is not a git directory"):
            Repository.open(tmp_path)

    def test_refs_in_the_reftable_format_are_named_with_a_remedy(self, repository):
        repository.git("config", "extensions.refStorage", "reftable")
        with pytest.raises(RepositoryError, match="reftable") as raised:
            Repository.open(repository.path)
        assert "git refs migrate" in raised.value.remedy


class TestTrees:
    def test_entries_and_contents(self, repository):
        head = repository.commit(
            {
                "a.yaml": "1",
                "d/e/f.yaml": Executable("x"),
                "link": Link("a.yaml"),
                "sub": Submodule(),
                "d.yaml": "",
                "d-x": "y",
            }
        )
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            assert list(tree.entries) == sorted(tree.entries)
            assert {path: entry.mode for path, entry in tree.entries.items()} == {
                "a.yaml": "100644", "d-x": "100644", "d.yaml": "100644", "d/e/f.yaml": "100755", "link": "120000", "sub": "160000",
            }  # fmt: skip
            assert set(tree.special) == {"link", "sub"}
            assert tree.entries["sub"] == TreeEntry("160000", "1" * 40)
            assert tree.sizes(["a.yaml", "link", "d.yaml"]) == {"a.yaml": 1, "link": 6, "d.yaml": 0}
            assert tree.size("d/e/f.yaml") == 1
            assert tree.read("link") == b"a.yaml"
            for ask in (tree.read, tree.size):
                with pytest.raises(KeyError):
                    ask("nothing")
                with pytest.raises(RepositoryError, match="sub is a submodule"):
                    ask("sub")

    def test_many_large_files_are_read_in_order_while_others_are_read_between(self, repository):
        files = {f"{number:03}.yaml": os.urandom(40_000) for number in range(200)}
        head = repository.commit(files)
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            found = {}
            for path, data in tree.read_many(reversed(tree.entries)):
                found[path] = data
                assert tree.read("000.yaml") == files["000.yaml"]
            assert found == files
            assert list(found) == sorted(files, reverse=True)

    def test_a_reader_that_stops_early_leaves_the_next_in_step(self, repository):
        head = repository.commit({f"{number}.yaml": str(number) for number in range(100)})
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            for _ in range(3):
                next(tree.read_many(tree.entries))
                assert tree.read("77.yaml") == b"77"

    def test_a_missing_object_among_many_leaves_the_next_in_step(self, repository):
        head = repository.commit({f"{number}.yaml": str(number) for number in range(10)})
        oid = repository.git("rev-parse", "HEAD:3.yaml")
        (repository.git_dir / "objects" / oid[:2] / oid[2:]).unlink()
        with Repository.open(repository.path) as opened:
            tree = opened.tree(head)
            with pytest.raises(IncompleteHistoryError):
                list(tree.read_many(tree.entries))
            assert tree.read("7.yaml") == b"7"

    def test_differences_are_deletions_additions_content_and_mode(self, repository):
        before = repository.commit(
            {"same": "1", "changed": "1", "mode": "1", "renamed": "long enough " * 20, "link": "a"}
        )
        after = repository.commit(
            {"changed": "2", "mode": Executable("1"), "renamed": None, "new": "long enough " * 20, "link": Link("a")}
        )
        with Repository.open(repository.path) as opened:
            changes = diff_trees(opened.tree(before), opened.tree(after))
            assert [change.path for change in changes] == ["changed", "link", "mode", "new", "renamed"]
            by_path = {change.path: change for change in changes}
            assert by_path["new"].before is None
            assert by_path["renamed"].after is None
            assert by_path["mode"].after == TreeEntry("100755", by_path["mode"].before.oid)
            assert diff_trees(opened.tree(after), opened.tree(after)) == ()

    def test_objects_as_they_are(self, repository):
        head = repository.commit({"a.yaml": "1"}, "A message")
        with Repository.open(repository.path) as opened:
            kind, data = opened.object(head)
            assert kind == "commit"
            assert data.endswith(b"\n\nA message")
            with pytest.raises(ValueError, match="not a full object name"):
                opened.object("HEAD")


class TestGitItself:
    @pytest.mark.parametrize("answer", ["git version 2.37.9", "git version 1.8", "something else", ""])
    def test_a_git_that_is_too_old_is_named_with_a_remedy(self, tmp_path: Path, monkeypatch, answer: str):
        (tmp_path / "git").write_text(f"#!/bin/sh\necho '{answer}'\n")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitgateError, match="too old") as raised:
            _find_git.__wrapped__()
        assert raised.value.remedy == "Install git 2.38 or newer."

    @pytest.mark.parametrize(
        "answer",
        ["git version 2.38.0", "git version 2.54.0-rc1", "git version 3.0", "git version 2.39.5 (Apple Git-154)"],
    )
    def test_a_git_that_is_new_enough(self, tmp_path: Path, monkeypatch, answer: str):
        (tmp_path / "git").write_text(f"#!/bin/sh\necho '{answer}'\n")
        (tmp_path / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert _find_git.__wrapped__() == str(tmp_path / "git")

    def test_no_git(self, tmp_path: Path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitgateError, match="git was not found on PATH"):
            _find_git.__wrapped__()
