from __future__ import annotations

import pytest

from gitgate.sources.tree_files import PathKind, TreeFiles, inside
from gitgate.tree import MemoryTree

TREE = MemoryTree(
    {"a/b/c.yaml": b"", "top.yaml": b""},
    {
        "a/link": b"b",
        "a/up": b"../top.yaml",
        "out": b"../../x",
        "abs": b"/etc",
        "loop1": b"loop2",
        "loop2": b"loop1",
        "deep": b"a/link/c.yaml",
    },
)


@pytest.mark.parametrize(
    ("path", "kind", "real"),
    [
        ("a/b/c.yaml", PathKind.FILE, "a/b/c.yaml"),
        ("a/b", PathKind.DIRECTORY, "a/b"),
        ("", PathKind.DIRECTORY, ""),
        ("./a/../a//b/", PathKind.DIRECTORY, "a/b"),
        ("a/link/c.yaml", PathKind.FILE, "a/b/c.yaml"),
        ("a/link/../b", PathKind.DIRECTORY, "a/b"),
        ("a/up", PathKind.FILE, "top.yaml"),
        ("deep", PathKind.FILE, "a/b/c.yaml"),
    ],
)
def test_a_path_leads_where_a_file_system_would_go(path: str, kind: PathKind, real: str) -> None:
    resolved = TreeFiles(TREE).resolve(path)
    assert (resolved.kind, resolved.path) == (kind, real)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("..", PathKind.ESCAPING),
        ("a/../../a", PathKind.ESCAPING),
        ("out", PathKind.ESCAPING),
        ("abs/passwd", PathKind.ESCAPING),
        ("loop1", PathKind.MISSING),
        ("top.yaml/x", PathKind.MISSING),
        ("nothing", PathKind.MISSING),
    ],
)
def test_a_path_never_leads_out_of_the_tree(path: str, kind: PathKind) -> None:
    assert TreeFiles(TREE).resolve(path).kind is kind


def test_a_reference_loses_its_dots_before_links_are_followed() -> None:
    files = TreeFiles(MemoryTree({"a/x.yaml": b"", "far/away/y.yaml": b""}, {"a/link": b"../far/away"}))
    assert files.resolve_from("a", "link/../x.yaml").path == "a/x.yaml"
    assert files.resolve_from("a", "../../x").kind is PathKind.ESCAPING
    assert files.resolve_from("a", "link/y.yaml").links == ("a/link",)


def test_inside_compares_whole_names() -> None:
    assert inside("app/x", "app")
    assert inside("app", "app")
    assert inside("x", "")
    assert not inside("apple/x", "app")
