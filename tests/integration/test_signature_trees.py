"""Attacks on authority by names, links and tree objects: what git makes of them is not what a commit seems to change.

Rows S12, G9, G10 and G12 of the threat model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitgate.signature.verdict import Code
from tests.support.keys import SigningKeys, keys
from tests.support.repository import Link, Submodule
from tests.support.signature_scene import Scene, all_codes, make_scene

__all__ = ["keys"]


@pytest.fixture
def scene(tmp_path: Path, keys: SigningKeys) -> Scene:
    return make_scene(tmp_path / "repository", keys)


def raw_entries(scene: Scene, tree: str) -> dict[str, bytes]:
    """Entries of a tree object by name, as the bytes that they are in it."""
    lines = scene.builder.git("ls-tree", "-z", tree).split("\0")[:-1]
    found: dict[str, bytes] = {}
    for line in lines:
        head, name = line.split("\t")
        mode, _, oid = head.split(" ")
        found[name] = mode.lstrip("0").encode() + b" " + name.encode() + b"\0" + bytes.fromhex(oid)
    return found


@pytest.mark.parametrize("order", ["reversed", "guarded-first", "guarded-last"])
@pytest.mark.parametrize("merged", [False, True], ids=["offered", "merged"])
def test_s12_a_tree_out_of_order_cannot_make_git_forget_what_main_did(
    scene: Scene, order: str, *, merged: bool
) -> None:
    """The same entries in another order: no path differs, but git, which relies on the order, sees others."""
    entries = raw_entries(scene, scene.base)
    names = sorted(entries, reverse=True)
    if order != "reversed":
        names = sorted(entries, key=lambda name: ((name == "clusters") == (order == "guarded-last"), name))
    tree = scene.builder.write(b"".join(entries[name] for name in names), "tree")
    head = scene.commit("carol", tree=tree, parents=(scene.base,))
    tip = scene.builder.commit({"clusters/prod/app.yaml": "fixed: 1\n"}, branch="main")
    if merged:
        clean = scene.builder.git("merge-tree", "--write-tree", tip, head, check=False).splitlines()[0]
        head = scene.commit("carol", parents=(tip, head), tree=clean)
    assert scene.codes(head, base=tip) & {Code.MERGE_EVIL, Code.COMMIT_MALFORMED}


@pytest.mark.parametrize(
    "content", [Link("../dev"), Submodule(), Link("somewhere/else")], ids=["link", "submodule", "dangling-link"]
)
@pytest.mark.parametrize("place", ["clusters/stage", "clusters/stage/eu"])
def test_g10_what_stands_in_for_a_guarded_directory_needs_the_same_people(
    tmp_path: Path, keys: SigningKeys, content: Any, place: str
) -> None:
    """A rule for everything below a directory is not evaded by putting something else in the directory's place."""
    rule = {"id": "stage", "paths": ["clusters/stage/eu/**"], "signers": ["gitops-admins"]}
    scene = make_scene(
        tmp_path / "r", keys, lambda document: document["rules"].append(rule) or document.update(submodules=["**"])
    )
    assert Code.PATH_NOT_AUTHORIZED in scene.codes(scene.commit("carol", {place: content}))
    allowed = scene.commit("alice", {place: content}, parents=(scene.base,))
    assert Code.PATH_NOT_AUTHORIZED not in scene.codes(allowed)


@pytest.mark.parametrize(
    ("mode", "content", "expected"),
    [
        (b"40755", {"app.yaml": "x\n"}, Code.PATH_NOT_AUTHORIZED),
        (b"120755", Link("../../../x"), Code.SYMLINK_ESCAPE),
        (b"150000", Submodule(), Code.SUBMODULE_CHANGED),
    ],
    ids=["directory", "link", "submodule"],
)
def test_g11_modes_that_git_does_not_write_are_read_as_git_reads_them(
    tmp_path: Path, keys: SigningKeys, mode: bytes, content: Any, expected: Code
) -> None:
    rule = {"id": "stage", "paths": ["stage/**"], "signers": ["gitops-admins"]}
    scene = make_scene(tmp_path / "r", keys, lambda document: document["rules"].append(rule))
    plain = scene.builder.raw_tree({"stage": content})
    oid = scene.builder.git("rev-parse", f"{plain}:stage")
    entries = raw_entries(scene, scene.base) | {"stage": mode + b" stage\0" + bytes.fromhex(oid)}
    tree = scene.builder.write(b"".join(entries[name] for name in sorted(entries)), "tree")
    assert expected in scene.codes(scene.commit("carol", tree=tree, parents=(scene.base,)))


def test_g10_a_link_beside_a_guarded_directory_needs_nobody_else(tmp_path: Path, keys: SigningKeys) -> None:
    scene = make_scene(tmp_path / "r", keys)
    assert scene.codes(scene.commit("carol", {"clusters/dev": Link("../app.yaml")})) == set()


@pytest.mark.parametrize(
    "files",
    [
        {"d/up": Link(".."), "d/out": Link("up/../../etc/passwd")},
        {"here": Link("."), "out": Link("here/../x")},
        {"a/b": Link(".."), "a/c": Link("b/../../x")},
    ],
)
def test_g10_links_that_lead_out_only_together(scene: Scene, files: Mapping[str, Any]) -> None:
    assert scene.codes(scene.commit("carol", files)) == {Code.SYMLINK_ESCAPE}


def test_g10_a_link_that_another_ones_change_leads_out(scene: Scene) -> None:
    start = scene.builder.commit(
        {"d/e/f.yaml": "f: 1\n", "d/l": Link("e"), "d/out": Link("l/../../app.yaml")}, branch="main"
    )
    assert scene.codes(scene.commit("carol", {"d/x.yaml": "x: 1\n"}, parents=(start,)), base=start) == set()
    turned = scene.commit("carol", {"d/l": Link("..")}, parents=(start,))
    assert scene.codes(turned, base=start) == {Code.SYMLINK_ESCAPE}


@pytest.mark.parametrize("merged", [False, True], ids=["offered", "merged"])
def test_g12_names_that_collide_only_in_the_merge(scene: Scene, *, merged: bool) -> None:
    head = scene.commit("carol", {"Web.yaml": "x\n"})
    tip = scene.builder.commit({"web.yaml": "y\n"}, branch="main")
    if merged:
        head = scene.merge("carol", tip, head)
    assert scene.codes(head, base=tip) == {Code.PATH_COLLISION}


def test_what_the_base_has_already_is_not_held_against_a_change(scene: Scene) -> None:
    base = scene.builder.commit({"Web.yaml": "x\n", "web.yaml": "y\n", "out": Link("/etc")}, branch="main")
    assert scene.codes(scene.commit("carol", {"app.yaml": "a: 2\n"}, parents=(base,)), base=base) == set()


def test_s12_a_change_that_main_took_back_comes_back_by_no_merge(scene: Scene) -> None:
    """Alice's change was merged and then taken back; merging its branch again, with another commit, changes nothing."""
    first = scene.commit("alice", {"clusters/prod/app.yaml": "a: 2\n"})
    taken_back = scene.builder.commit({"clusters/prod/app.yaml": "a: 1\n"}, branch="main", parents=(first,))
    head = scene.commit("carol", {"app.yaml": "a: 2\n"}, parents=(first,))
    verdict = scene.verify(head, base=taken_back)
    assert all_codes(verdict) == set()
    assert [path.change.path for commit in verdict.commits for path in commit.paths] == ["app.yaml"]


@pytest.mark.parametrize("kind", ["many-names", "long-names", "no-files"])
def test_a_git_bomb_in_the_middle_of_a_change_is_refused(scene: Scene, kind: str) -> None:
    """A few trees that stand for 10^12 files: taken back by the next commit, so that the merge has nothing of them."""
    tree = scene.builder.write(b"", "tree") if kind == "no-files" else scene.builder.raw_tree({"a": "x\n"})
    for level in range(12):
        name = f"{level:0250}" if kind == "long-names" else str(level)
        entries = (b"40000 %s%x\0" % (name.encode(), digit) + bytes.fromhex(tree) for digit in range(10))
        tree = scene.builder.write(b"".join(entries), "tree")
    whole = raw_entries(scene, scene.base) | {"zz": b"40000 zz\0" + bytes.fromhex(tree)}
    bomb = scene.builder.write(b"".join(whole[name] for name in sorted(whole)), "tree")
    middle = scene.commit("carol", tree=bomb, parents=(scene.base,))
    head = scene.commit("carol", tree=scene.builder.git("rev-parse", f"{scene.base}^{{tree}}"), parents=(middle,))
    assert scene.codes(head) == {Code.COMMIT_MALFORMED}
