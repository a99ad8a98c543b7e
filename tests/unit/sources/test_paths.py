"""Names and links (security reference G9 to G13), one table per rule."""

from __future__ import annotations

import time

import pytest

from gitgate.change import TreeEntry
from gitgate.sources.paths import LinkProblem, LinkResolver, is_git_name, path_problems
from gitgate.tree import MemoryTree

NFC, NFD = "caf\u00e9.yaml", "cafe\u0301.yaml"


def codes(*paths: str, links: dict[str, bytes] | None = None) -> list[tuple[str, str]]:
    tree = MemoryTree(dict.fromkeys(paths, b""), links)
    return [(problem.code, problem.location.path) for problem in path_problems(tree)]


@pytest.mark.parametrize(
    "path",
    [
        "apps/web/deployment.yaml", ".github/workflows/ci.yaml", ".gitignore", ".gitattributes", "a", "_", "system:node.yaml",
        "git/x", "x.git/y", "git~2", ".gitgate/settings.yaml", "...yaml", "über/größe.yaml", "日本語.yaml", "a b.yaml",
        "x" * 255, "~/a", "$(rm -rf).yaml", ".git-crypt/key", "git", "a.lock",
    ],
)  # fmt: skip
def test_ordinary_names_are_no_problem(path: str):
    assert codes(path) == []


@pytest.mark.parametrize(
    "path",
    [
        "../x", "a/../x", "a/./x", ".", "..", "a//b", ".git/config", "a/.GIT/hooks/pre-commit", ".gIt", "git~1/x",
        "GIT~1", ".g\u200cit/config", "\ufeff.git/x", ".git\u200d", ".git::$INDEX_ALLOCATION/config", ".git:stream",
        ".git./x", ".git /x", ".git . ./x", "git~1.", "a\\b.yaml", ".git\\config", "..\\x", "a.yaml.", "dir /a.yaml",
        "a.yaml ", "x" * 256, "ü" * 128, "/".join(["d" * 100] * 41),
    ],
)  # fmt: skip
def test_g11_traversal_and_reserved_names(path: str):
    assert ("path-reserved", path) in codes(path)


def test_g11_4096_bytes_are_the_longest_path():
    longest = "/".join([*["d" * 255] * 15, "f" * 255, ""])[:-1]
    assert len(longest) == 4095
    assert codes(longest) == []
    assert codes(longest + "/a") == [("path-reserved", longest + "/a")]
    in_bytes = "/".join(["ü" * 127] * 17)
    assert len(in_bytes) < 4096 < len(in_bytes.encode())
    assert codes(in_bytes) == [("path-reserved", in_bytes)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A.yaml", "a.yaml"), (NFC, NFD), ("STRASSE.yaml", "stra\u00dfe.yaml"), ("\u212a.yaml", "k.yaml"), ("A", "a/b.yaml"),
        ("CAF\u00c9.yaml", NFD), ("\u0391\u03a3.yaml", "\u03b1\u03c2.yaml"),
    ],
)  # fmt: skip
def test_g12_names_that_collide(first: str, second: str):
    found = [code for code, _ in codes(first, second)]
    assert found == ["path-collision"]


def test_g12_directories_that_collide_are_named_once_and_not_each_file_in_them():
    assert codes("Apps/a.yaml", "Apps/b.yaml", "apps/a.yaml", "apps/c.yaml") == [("path-collision", "apps")]


def test_g12_the_same_name_in_two_directories_does_not_collide():
    assert codes("a/x.yaml", "b/X.yaml") == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a\nb.yaml", "path-hidden-character"), ("a\tb", "path-hidden-character"), ("a\x1b[31m", "path-hidden-character"),
        ("a\u202eb", "path-hidden-character"), ("a\u2066b", "path-hidden-character"), ("a\u200bb", "path-hidden-character"),
        ("a\x7f", "path-hidden-character"), ("a\u2028b", "path-hidden-character"), ("a\U000e0041", "path-hidden-character"),
        ("a\x85b", "path-hidden-character"), ("a\udcff.yaml", "path-not-utf8"), ("\udcc3(/x", "path-not-utf8"),
    ],
)  # fmt: skip
def test_g13_names_that_do_not_show_what_they_are(path: str, code: str):
    assert codes(path) == [(code, path)]


def test_the_message_names_the_character_and_never_prints_it():
    (problem,) = path_problems(MemoryTree({"a\u202eb": b""}))
    assert problem.message == "The path has the invisible character U+202E RIGHT-TO-LEFT OVERRIDE"


TREE = MemoryTree(
    {"base/app.yaml": b"", "apps/web/x.yaml": b"", "top.yaml": b""},
    {
        "apps/base": b"../base",
        "apps/file": b"../base/app.yaml",
        "apps/twice": b"file",
        "apps/dotted": b"./../base/./app.yaml",
        "apps/physical": b"base/../top.yaml",  # `..` after a link is the parent of where the link leads
        "root": b".",
        "passwd": b"/etc/passwd",
        "out": b"../secret",
        "apps/out": b"../../secret",
        "in-again": b"../repository/top.yaml",
        "to-out": b"out",
        "git": b".git/config",
        "git-odd": b"GIT~1/config",
        "loop": b"loop",
        "ping": b"pong",
        "pong": b"ping",
        "deeper": b"deeper/x",
        "nothing": b"missing.yaml",
        "through-file": b"top.yaml/x",
        "newline": b"top.yaml\n",
        "empty": b"",
        "nul": b"top.yaml\0.txt",
        "long": b"a" * 5000,
    },
)


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("top.yaml", "top.yaml"), ("apps/base", "base"), ("apps/base/app.yaml", "base/app.yaml"), ("apps", "apps"), ("", ""),
        ("apps/file", "base/app.yaml"), ("apps/twice", "base/app.yaml"), ("apps/dotted", "base/app.yaml"),
        ("apps/physical", "top.yaml"), ("root", ""), ("root/root/root/top.yaml", "top.yaml"), ("apps/../top.yaml", "top.yaml"),
        ("./apps//web/", "apps/web"),
    ],
)  # fmt: skip
def test_links_inside_the_tree_are_followed(path: str, leads_to: str):
    assert LinkResolver(TREE).resolve(path) == leads_to


@pytest.mark.parametrize(
    ("path", "code", "link"),
    [
        ("passwd", "symlink-escape", "passwd"), ("out", "symlink-escape", "out"), ("apps/out", "symlink-escape", "apps/out"),
        ("in-again", "symlink-escape", "in-again"), ("to-out", "symlink-escape", "out"), ("git", "symlink-escape", "git"),
        ("git-odd", "symlink-escape", "git-odd"), ("loop", "symlink-loop", "loop"), ("ping", "symlink-loop", "ping"),
        ("deeper", "symlink-loop", "deeper"), ("nothing", "symlink-dangling", "nothing"),
        ("through-file", "symlink-dangling", "through-file"), ("newline", "symlink-dangling", "newline"),
        ("empty", "symlink-dangling", "empty"), ("nul", "symlink-dangling", "nul"), ("long", "symlink-dangling", "long"),
        ("apps/missing", "path-missing", "apps/missing"), ("../x", "symlink-escape", "../x"),
        ("root/missing", "symlink-dangling", "root"),
    ],
)  # fmt: skip
def test_g10_links_that_lead_to_no_file_of_the_tree(path: str, code: str, link: str):
    outcome = LinkResolver(TREE).resolve(path)
    assert isinstance(outcome, LinkProblem)
    assert (outcome.code, outcome.link) == (code, link)


def test_g10_every_bad_link_is_a_problem_and_no_good_one():
    problems = {problem.location.path: problem.code for problem in path_problems(TREE)}
    assert problems == {
        "passwd": "symlink-escape", "out": "symlink-escape", "apps/out": "symlink-escape", "in-again": "symlink-escape",
        "to-out": "symlink-escape", "git": "symlink-escape", "git-odd": "symlink-escape", "loop": "symlink-loop",
        "ping": "symlink-loop", "pong": "symlink-loop", "deeper": "symlink-loop", "nothing": "symlink-dangling",
        "through-file": "symlink-dangling", "newline": "symlink-dangling", "empty": "symlink-dangling",
        "nul": "symlink-dangling", "long": "symlink-dangling",
    }  # fmt: skip


def test_a_chain_of_forty_links_is_followed_and_one_more_is_not():
    links = {f"l{index}": f"l{index + 1}".encode() for index in range(41)}
    tree = MemoryTree({"l41": b""}, links)
    resolver = LinkResolver(tree)
    assert resolver.resolve("l1") == "l41"
    assert isinstance(resolver.resolve("l0"), LinkProblem)


class SubmoduleTree(MemoryTree):
    """One that also has a submodule at `vendor`."""

    def __init__(self, links: dict[str, bytes]) -> None:
        super().__init__({"a.yaml": b""}, links)
        self._submodule = {"vendor": TreeEntry("160000", "1" * 40)}

    @property
    def entries(self):
        return {**super().entries, **self._submodule}

    @property
    def special(self):
        return {**super().special, **self._submodule}


def test_g9_a_submodule_is_a_problem_and_so_is_a_link_into_it():
    tree = SubmoduleTree({"link": b"vendor/app.yaml"})
    found = [(problem.code, problem.location.path) for problem in path_problems(tree)]
    assert found == [("symlink-escape", "link"), ("submodule", "vendor")]


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git ", ".git...", ".git:x", ".git\\x", ".g\u200eit"])
def test_names_that_some_file_system_takes_for_git(name: str):
    assert is_git_name(name)


@pytest.mark.parametrize("name", ["git", ".gitx", ".git-x", "git~2", "x.git", ".git_", ".g it", "git~10"])
def test_names_that_none_takes_for_git(name: str):
    assert not is_git_name(name)


def test_twenty_thousand_plain_paths_are_cheap():
    tree = MemoryTree({f"clusters/prod/team-{i % 100}/app-{i}/deployment-{i}.yaml": b"" for i in range(20_000)})
    start = time.process_time()
    assert path_problems(tree) == ()
    assert time.process_time() - start < 0.5  # ten times what it takes; quadratic code would take minutes
