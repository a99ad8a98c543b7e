"""Trees that are not from git: a directory as it is on disk, and contents in memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitgate import tree as tree_module
from gitgate.errors import RepositoryError, UsageError
from gitgate.tree import DirectoryTree, MemoryTree, blob_oid, diff_trees


def write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


class TestDirectoryTree:
    def test_files_below_a_directory(self, tmp_path: Path):
        write(tmp_path, {"b.yaml": b"b", "a/c.yaml": b"c", "a.yaml": b"", "a-b": b""})
        (tmp_path / "a-b").chmod(0o755)
        tree = DirectoryTree(tmp_path)
        assert list(tree.entries) == ["a-b", "a.yaml", "a/c.yaml", "b.yaml"]
        assert tree.entries["a-b"].mode == "100755"
        assert tree.entries["b.yaml"].mode == "100644"
        assert tree.read("a/c.yaml") == b"c"
        assert dict(tree.read_many(tree.entries))["b.yaml"] == b"b"
        assert tree.sizes(["b.yaml", "a.yaml"]) == {"b.yaml": 1, "a.yaml": 0}
        assert tree.oid is None

    def test_object_names_are_gits(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"content\n"})
        git = subprocess.run(["git", "hash-object", "a.yaml"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert DirectoryTree(tmp_path).entries["a.yaml"].oid == git.stdout.strip()

    def test_git_directories_are_left_out_wherever_they_are(self, tmp_path: Path):
        write(tmp_path, {".git/config": b"x", "sub/.git": b"gitdir: x", "sub/.github/a.yaml": b"x"})
        assert list(DirectoryTree(tmp_path).entries) == ["sub/.github/a.yaml"]

    def test_symbolic_links_are_entries_and_are_not_followed(self, tmp_path: Path):
        (tmp_path / "secret").write_bytes(b"secret")
        (tmp_path / "root" / "d").mkdir(parents=True)
        (tmp_path / "root" / "file").symlink_to("../secret")
        (tmp_path / "root" / "directory").symlink_to(tmp_path)
        (tmp_path / "root" / "loop").symlink_to("loop")
        tree = DirectoryTree(tmp_path / "root")
        assert list(tree.entries) == list(tree.special) == ["directory", "file", "loop"]
        assert tree.read("file") == b"../secret"
        assert tree.size("file") == 9
        assert {entry.mode for entry in tree.special.values()} == {"120000"}

    def test_a_file_that_became_a_link_is_not_followed(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"x"})
        tree = DirectoryTree(tmp_path)
        (tmp_path / "a.yaml").unlink()
        (tmp_path / "a.yaml").symlink_to("/etc/passwd")
        with pytest.raises(RepositoryError, match=r"^a.yaml cannot be read: "):
            tree.read("a.yaml")

    def test_a_file_is_read_once(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"first"})
        tree = DirectoryTree(tmp_path)
        name = tree.entries["a.yaml"]
        write(tmp_path, {"a.yaml": b"second!"})
        assert tree.read("a.yaml") == b"first"
        assert tree.size("a.yaml") == 5
        assert tree.entries["a.yaml"] == name

    def test_listing_reads_no_file(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"x"})
        tree = DirectoryTree(tmp_path)
        assert "a.yaml" in tree.entries
        assert list(tree.entries) == ["a.yaml"]
        assert len(tree.entries) == 1
        write(tmp_path, {"a.yaml": b"changed before anybody asked"})
        assert tree.read("a.yaml") == b"changed before anybody asked"

    def test_names_that_are_not_utf8(self, tmp_path: Path):
        place = os.fsencode(tmp_path) + b"/\xff.yaml"
        try:
            Path(os.fsdecode(place)).write_bytes(b"x")
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        tree = DirectoryTree(tmp_path)
        assert list(tree.entries) == ["\udcff.yaml"]
        assert tree.read("\udcff.yaml") == b"x"

    def test_a_fifo_is_an_error_when_read_and_not_a_wait(self, tmp_path: Path):
        os.mkfifo(tmp_path / "a.yaml")
        tree = DirectoryTree(tmp_path)
        with pytest.raises(RepositoryError, match=r"^a.yaml is neither a file"):
            tree.read("a.yaml")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_what_may_not_be_read_is_an_error_naming_it(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"x", "d/b.yaml": b"x"})
        (tmp_path / "a.yaml").chmod(0)
        with pytest.raises(RepositoryError, match=r"^a.yaml cannot be read: Permission denied"):
            DirectoryTree(tmp_path).read("a.yaml")
        (tmp_path / "d").chmod(0)
        with pytest.raises(RepositoryError, match=r"^d cannot be read: Permission denied"):
            DirectoryTree(tmp_path)

    def test_a_file_that_vanished_is_an_error_naming_it(self, tmp_path: Path):
        write(tmp_path, {"a.yaml": b"x"})
        tree = DirectoryTree(tmp_path)
        (tmp_path / "a.yaml").unlink()
        for ask in (tree.read, tree.size):
            with pytest.raises(RepositoryError, match=r"^a.yaml cannot be read: No such file"):
                ask("a.yaml")

    def test_too_large_a_file_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(tree_module, "MAX_BLOB_BYTES", 10)
        write(tmp_path, {"a.yaml": b"x" * 11, "b.yaml": b"x" * 10})
        tree = DirectoryTree(tmp_path)
        assert tree.read("b.yaml") == b"x" * 10
        with pytest.raises(RepositoryError, match=r"a.yaml has 11 bytes; at most 10 are read"):
            tree.read("a.yaml")

    def test_too_many_files_are_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(tree_module, "MAX_ENTRIES", 2)
        write(tmp_path, {"a": b"", "b": b"", "c": b""})
        with pytest.raises(RepositoryError, match="more than 2 files"):
            DirectoryTree(tmp_path)

    def test_a_root_that_is_not_there(self, tmp_path: Path):
        with pytest.raises(UsageError, match="does not exist"):
            DirectoryTree(tmp_path / "nothing")
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UsageError, match="is no directory"):
            DirectoryTree(tmp_path / "file")

    @pytest.mark.parametrize("name", ["a.yaml", "nothing/b", "../x"])
    def test_an_unknown_path_is_a_key_error(self, tmp_path: Path, name: str):
        tree = DirectoryTree(tmp_path)
        for ask in (tree.read, tree.size, tree.entries.__getitem__):
            with pytest.raises(KeyError):
                ask(name)


class TestNamedPaths:
    def test_paths_are_as_typed_below_the_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        write(tmp_path, {"deploy/a.yaml": b"a", "deploy/b/c.yaml": b"c", "other.yaml": b"o", "not-named.yaml": b"n"})
        monkeypatch.chdir(tmp_path)
        tree = DirectoryTree.of(Path("deploy"), Path("other.yaml"), Path("deploy/a.yaml"))
        assert list(tree.entries) == ["deploy/a.yaml", "deploy/b/c.yaml", "other.yaml"]

    def test_elsewhere_they_are_relative_to_what_they_have_in_common(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        write(tmp_path, {"x/deploy/a.yaml": b"a", "x/more/b.yaml": b"b", "cwd/c": b""})
        monkeypatch.chdir(tmp_path / "cwd")
        assert list(DirectoryTree.of(Path("../x/deploy")).entries) == ["a.yaml"]
        assert list(DirectoryTree.of(tmp_path / "x/deploy/a.yaml").entries) == ["a.yaml"]
        assert list(DirectoryTree.of(tmp_path / "x/deploy", tmp_path / "x/more/b.yaml").entries) == [
            "deploy/a.yaml",
            "more/b.yaml",
        ]

    def test_the_working_directory_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        write(tmp_path, {"a.yaml": b"a"})
        monkeypatch.chdir(tmp_path)
        assert list(DirectoryTree.of(Path()).entries) == ["a.yaml"]

    def test_a_named_link_is_an_entry(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "link").symlink_to("/etc")
        monkeypatch.chdir(tmp_path)
        assert DirectoryTree.of(Path("link")).read("link") == b"/etc"

    def test_a_path_that_does_not_exist(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match=r"^nothing.yaml does not exist$"):
            DirectoryTree.of(Path("nothing.yaml"))

    def test_a_path_outside_the_root(self, tmp_path: Path):
        (tmp_path / "root").mkdir()
        with pytest.raises(UsageError, match="is not below"):
            DirectoryTree(tmp_path / "root", [tmp_path])


class TestMemoryTree:
    def test_contents_and_links(self):
        tree = MemoryTree({"b": b"x", "a": b""}, {"link": b"a"})
        assert list(tree.entries) == ["a", "b", "link"]
        assert list(tree.special) == ["link"]
        assert (tree.read("link"), tree.size("b"), tree.sizes(["a", "b"])) == (b"a", 1, {"a": 0, "b": 1})
        assert list(tree.read_many(["b", "a"])) == [("b", b"x"), ("a", b"")]
        assert tree.entries["b"].oid == blob_oid(b"x")
        assert tree.oid is None

    def test_nothing_at_all(self):
        assert dict(MemoryTree().entries) == {}

    def test_differences_between_trees_without_a_name(self):
        before, after = MemoryTree({"a": b"1", "b": b"1"}), MemoryTree({"b": b"2", "c": b""}, {"a": b"1"})
        assert [change.path for change in diff_trees(before, after)] == ["a", "b", "c"]
        assert diff_trees(before, MemoryTree({"a": b"1", "b": b"1"})) == ()
