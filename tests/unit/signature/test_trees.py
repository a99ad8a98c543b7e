"""Changed paths from raw trees."""

from __future__ import annotations

import pytest

from gitgate.change import TreeEntry
from gitgate.errors import RepositoryError
from gitgate.git import Repository
from gitgate.signature.trees import TreeComparer, escapes, parse_tree
from gitgate.tree import diff_trees
from tests.support.repository import Executable, Link, RepositoryBuilder

FILES = {"a.yaml": "1\n", "dir/b.yaml": "2\n", "dir/sub/c.yaml": "3\n", "file-or-dir": "4\n", "link": Link("a.yaml")}


def test_it_finds_what_a_comparison_of_whole_trees_finds(repository: RepositoryBuilder) -> None:
    before = repository.commit(FILES)
    after = repository.commit(
        {
            "a.yaml": Executable("1\n"),
            "dir/sub/c.yaml": "changed\n",
            "dir/b.yaml": None,
            "file-or-dir": None,
            "file-or-dir/now.yaml": "5\n",
            "link": "no link any more\n",
            "new/deep/é\t\n.yaml": "6\n",
        }
    )
    with Repository.open(repository.path) as opened:
        old, new = opened.tree(before), opened.tree(after)
        comparer = TreeComparer(opened.object)
        changes = comparer.compare(old.oid, new.oid)
        assert changes.paths == diff_trees(old, new)
        assert len(changes.paths) == 7
        assert comparer.compare(old.oid, old.oid).paths == ()
        assert {change.path for change in comparer.compare(None, old.oid).paths} == set(FILES)
        assert all(change.after is None for change in comparer.compare(old.oid, None).paths)


def test_names_that_collide_are_told_when_one_of_them_is_new(repository: RepositoryBuilder) -> None:
    before = repository.commit({"dir/a.yaml": "1\n", "dir/É": "x", "old/a": "1", "old/A": "2"})
    after = repository.commit({"dir/A.yaml": "1\n", "dir/e\u0301": "x", "old/b": "1"})
    with Repository.open(repository.path) as opened:
        changes = TreeComparer(opened.object).compare(opened.tree(before).oid, opened.tree(after).oid)
    assert changes.collisions == ("dir/A.yaml", "dir/e\u0301")


OID = "1" * 40
RAW = bytes.fromhex(OID)


def test_a_raw_tree() -> None:
    entries = parse_tree(OID, b"40000 dir\0" + RAW + b"100644 \xff\n\0" + RAW)
    assert dict(entries) == {"dir": TreeEntry("040000", OID), "\udcff\n": TreeEntry("100644", OID)}


def test_directories_stand_where_their_name_with_a_slash_would() -> None:
    assert list(parse_tree(OID, b"100644 a.b\0" + RAW + b"40000 a\0" + RAW + b"100644 a0\0" + RAW)) == [
        "a.b",
        "a",
        "a0",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a",
        b"100644 a\0" + RAW[:-1],
        b"100644\0" + RAW,
        b"100644 \0" + RAW,
        b"100644 a/b\0" + RAW,
        b"10064x a\0" + RAW,
        b"100644 a\0" + RAW + b"100644 a\0" + RAW,
        b"100644 b\0" + RAW + b"100644 a\0" + RAW,
        b"40000 a\0" + RAW + b"100644 a.b\0" + RAW,
        b"100644 ..\0" + RAW,
        b"40000 .GIT\0" + RAW,
        b"garbage",
    ],
)
def test_a_malformed_tree(data: bytes) -> None:
    with pytest.raises(RepositoryError, match="malformed"):
        parse_tree(OID, data)


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("link", b"a", False),
        ("link", b"./a/../b", False),
        ("link", b"..", True),
        ("dir/link", b"../a", False),
        ("dir/link", b"../../a", True),
        ("dir/link", b"a/../../../b", True),
        ("link", b"/a", True),
        ("link", b"a\0b", True),
        ("link", b"", False),
    ],
)
def test_where_a_link_leads(path: str, target: bytes, *, expected: bool) -> None:
    assert escapes(path, target) is expected
