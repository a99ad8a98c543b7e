from __future__ import annotations

from gitgate.sources.documents import DocumentReader
from gitgate.tree import MemoryTree
from gitgate.yaml_document import YamlLimits


def test_a_blob_is_read_once_for_all_paths_and_trees() -> None:
    reader = DocumentReader()
    before = MemoryTree({"a.yaml": b"a: 1\n", "b.yaml": b"a: 1\n"})
    after = MemoryTree({"a.yaml": b"a: 1\n", "c.yaml": b"c: 1\n"})
    reader.load(before, before.entries)
    reader.load(after, after.entries)
    reader.load(after, after.entries)
    assert reader.blobs_read == 2
    assert reader.read(before, "b.yaml") is reader.read(after, "a.yaml")
    assert reader.read(after, "c.yaml").documents[0].value == {"c": 1}
    assert reader.source(after, "c.yaml") == b"c: 1\n"
    assert reader.blobs_read == 2


class NeverRead(MemoryTree):
    """A tree whose one file must not be read."""

    def read(self, path: str) -> bytes:
        raise AssertionError(path)


def test_what_is_too_large_is_never_read() -> None:
    reader = DocumentReader(YamlLimits(bytes=10))
    tree = NeverRead({"a.yaml": b"a: 1 # much too long\n"})
    reader.load(tree, tree.entries)
    file = reader.read(tree, "a.yaml")
    assert [(problem.code, problem.fatal) for problem in file.problems] == [("yaml-limit", True)]
    assert reader.source(tree, "a.yaml") is None
    assert reader.blobs_read == 0


def test_links_are_followed_inside_the_tree_only() -> None:
    reader = DocumentReader()
    links = {"l.yaml": b"d/a.yaml", "out.yaml": b"../x.yaml", "abs.yaml": b"/etc/hostname", "loop.yaml": b"loop.yaml"}
    tree = MemoryTree({"d/a.yaml": b"a: 1\n"}, links)
    assert reader.read(tree, "l.yaml") is reader.read(tree, "d/a.yaml")
    for path in ("out.yaml", "abs.yaml", "loop.yaml", "missing.yaml"):
        assert reader.source(tree, path) is None
        assert reader.read(tree, path).documents == ()
        assert reader.read(tree, path).problems[0].fatal
