"""Over random histories, with clocks that run wrong and objects that are lost: the right answer, or none."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.errors import IncompleteHistoryError, RepositoryError
from gitgate.git import MergeConflict, Repository
from tests.support.repository import RepositoryBuilder

History = list[tuple[int, tuple[int, ...]]]
"""For each commit its date, and its parents by their index; parents come first."""


@st.composite
def histories(draw: st.DrawFn) -> History:
    history: History = []
    for index in range(draw(st.integers(2, 9))):
        parents = draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=2)) if index else set()
        history.append((draw(st.integers(1, 30)), tuple(sorted(parents, reverse=draw(st.booleans())))))
    return history


def build(path: Path, history: History) -> tuple[RepositoryBuilder, list[str]]:
    """Every commit adds a file of its own on top of its parents' files, and some edit a shared one."""
    repository = RepositoryBuilder(path)
    commits: list[str] = []
    files: list[dict[str, str]] = []
    for index, (date, parents) in enumerate(history):
        content = {name: text for parent in parents for name, text in files[parent].items()}
        content[f"{index}.yaml"] = str(index)
        if index % 3 == 0:
            content["shared.yaml"] = str(index)
        tree = repository.raw_tree(content)
        options = [option for parent in parents for option in ("-p", commits[parent])]
        when = {"GIT_COMMITTER_DATE": f"{1_700_000_000 + date * 1000} +0000"}
        commits.append(repository.git("commit-tree", *options, tree, stdin=b"x", environment=when))
        files.append(content)
    return repository, commits


def ancestors(history: History, index: int) -> set[int]:
    return {index}.union(*(ancestors(history, parent) for parent in history[index][1]))


def outcome(repository: RepositoryBuilder, base: str, head: str) -> tuple[set[str], object]:
    with Repository.open(repository.path) as opened:
        commits = set(opened.commits(base, head))
        merged = opened.merge(base, head)
        return commits, merged if isinstance(merged, MergeConflict) else merged.oid


@settings(max_examples=40)
@given(histories(), st.data())
def test_the_range_is_what_head_has_and_base_has_not(history: History, data: st.DataObject):
    ends = st.integers(0, len(history) - 1)
    base, head = data.draw(ends), data.draw(ends)
    with tempfile.TemporaryDirectory() as directory:
        repository, commits = build(Path(directory) / "r", history)
        found, _ = outcome(repository, commits[base], commits[head])
    assert found == {commits[index] for index in ancestors(history, head) - ancestors(history, base)}


@settings(max_examples=60)
@given(histories(), st.data())
def test_a_lost_commit_never_changes_the_answer(history: History, data: st.DataObject):
    ends = st.integers(0, len(history) - 1)
    base, head, lost = data.draw(ends), data.draw(ends), data.draw(ends)
    if lost in (base, head):
        return
    with tempfile.TemporaryDirectory() as directory:
        repository, commits = build(Path(directory) / "r", history)
        expected = outcome(repository, commits[base], commits[head])
        (repository.git_dir / "objects" / commits[lost][:2] / commits[lost][2:]).unlink()
        try:
            assert outcome(repository, commits[base], commits[head]) == expected
        except IncompleteHistoryError:
            assert lost in ancestors(history, base) | ancestors(history, head)
        except RepositoryError as error:
            raise AssertionError(f"lost history is called something else: {error}") from error
