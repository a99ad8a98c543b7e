"""Path hygiene holds for names and links that nobody thought of."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gitgate.sources.paths import LinkResolver, path_problems
from gitgate.tree import MemoryTree

NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=8)
ODD_BYTES = st.binary(min_size=1, max_size=6).map(lambda data: data.replace(b"/", b"x").replace(b"\0", b"y"))
COMPONENTS = (
    NAMES | ODD_BYTES.map(os.fsdecode) | st.sampled_from([".git", "..", ".", "a", "A", "git~1", "e\u0301", "\u00e9"])
)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, max_size=8))
def test_any_set_of_paths_is_judged_and_always_alike(paths: list[str]):
    problems = path_problems(MemoryTree(dict.fromkeys(paths, b"")))
    assert problems == path_problems(MemoryTree(dict.fromkeys(reversed(paths), b"")))
    for problem in problems:
        assert problem.message.isprintable() or problem.code == "path-collision"


@given(PATHS)
def test_a_path_without_problems_is_utf8_visible_and_stays_inside(path: str):
    if path_problems(MemoryTree({path: b""})):
        return
    path.encode("utf-8")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Zl", "Zp"} for character in path)
    assert os.path.normpath(path) == path
    assert not any(name.lower() == ".git" for name in path.split("/"))


@given(NAMES)
def test_names_that_differ_only_in_case_or_form_always_collide(name: str):
    upper, decomposed = name.upper(), unicodedata.normalize("NFD", name)
    for twin in {upper, decomposed} - {name}:
        if twin.casefold() == name.casefold() or twin == decomposed:
            found = {problem.code for problem in path_problems(MemoryTree({name: b"", twin: b""}))}
            assert "path-collision" in found


STEPS = st.sampled_from(["a", "b", "c", "..", ".", "link", "other", ""])
TARGETS = st.lists(STEPS, min_size=1, max_size=5).map("/".join)


@given(st.dictionaries(st.sampled_from(["link", "other", "a/link", "a/other", "b/link"]), TARGETS, max_size=5), TARGETS)
def test_links_lead_where_the_kernel_would_go_or_nowhere(links: dict[str, str], asked: str):
    links = {link: target for link, target in links.items() if target}
    tree = MemoryTree({"a/b/c": b"", "b/c": b""}, {link: os.fsencode(target) for link, target in links.items()})
    outcome = LinkResolver(tree).resolve(asked.lstrip("/") or ".")
    with tempfile.TemporaryDirectory() as directory:
        # Deep inside, so that `..` beyond the root still exists for the kernel but is no longer in the tree.
        root = Path(directory, "1/2/3/4/5/root")
        for path in ("a/b/c", "b/c"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"")
        for link, target in links.items():
            (root / link).symlink_to(target)
        if isinstance(outcome, str):
            assert os.path.realpath(root / (asked.lstrip("/") or ".")) == os.path.normpath(
                os.path.realpath(root) + "/" + outcome
            )
        elif outcome.code in ("symlink-dangling", "path-missing"):
            found = os.path.exists(f"{root}/{asked.lstrip('/')}")  # noqa: PTH110 - a Path drops a slash at the end
            assert not found
