"""What Flux leaves out of its copy of a repository, and what follows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.proposal import Coverage
from gitgate.sources.coverage import file_verdicts
from gitgate.sources.documents import DocumentReader
from gitgate.sources.flux.artifact import Pattern, read_artifact
from gitgate.sources.registry import render_with_owners
from tests.support.rendering import context, render, tree
from tests.unit.sources.flux.test_flux import CHART, CONFIG, RELEASE, agents, bootstrap, kustomization, one_app

BY_FLUX = "what Flux leaves out by default"


def excluded(path: str, ignore: str | None = None, **files: str) -> str | None:
    """What leaves a path out; files are named with `__` for a slash and without their dot."""
    contents = {f"{name.replace('__', '/')}.sourceignore": text for name, text in files.items()}
    return read_artifact(tree({path: "x", **contents}), DocumentReader(), ignore, "GitRepository a/b").excluded_by(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (".github/workflows/a.yaml", BY_FLUX), ("apps/.sops.yaml", BY_FLUX), ("apps/a.png", BY_FLUX), ("a.tar.gz", BY_FLUX),
        ("apps/.gitignore", BY_FLUX), ("cloudbuild.yaml", BY_FLUX), ("apps/a.yaml", None), ("github/a.yaml", None),
        # Without a slash, or with one at the end only, a name counts anywhere.
        ("apps/.github/a.yaml", BY_FLUX),
    ],
)  # fmt: skip
def test_without_any_pattern_the_defaults_hold(path: str, told: str | None) -> None:
    assert excluded(path) == told


def test_any_pattern_takes_the_place_of_the_defaults_but_for_git() -> None:
    assert excluded("a.png", "nothing") is None
    assert excluded(".gitignore", "nothing") == BY_FLUX


# Each also holds for git itself, which the second test asks.
PATTERNS = [
    ("*.yaml", "apps/a.yaml", True), ("/apps", "apps/a.yaml", True), ("/apps/*", "apps/a.yaml", True),
    ("apps/", "x/apps/a.yaml", True), ("/apps/*.yaml", "x/apps/a.yaml", False), ("a.yaml/", "a.yaml", False),
    ("**/deep/*.yaml", "a/b/deep/c.yaml", True), ("a/**/c.yaml", "a/b/b/c.yaml", True),
    ("**/c", "a/c/d.yaml", True), ("**/d.yaml", "d.yaml", True), ("**/d.yaml/", "c/d.yaml", False), ("a/**", "a/b/c", True),
    ("*\n!a.yaml", "a.yaml", False), ("!a.yaml\n*", "a.yaml", True), ("# *", "a.yaml", False), ("a.yaml  ", "a.yaml", True),
    ("[ab].yaml", "b.yaml", True), ("a?yaml", "a.yaml", True),
]  # fmt: skip


@pytest.mark.parametrize(("patterns", "path", "wanted"), PATTERNS)
def test_patterns_are_those_of_go_git(patterns: str, path: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert (excluded(path, patterns) is not None) == wanted


@pytest.mark.parametrize(("patterns", "path", "wanted"), PATTERNS)
def test_git_reads_them_likewise(patterns: str, path: str, wanted: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a table
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(patterns + "\n")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x")
    ended = subprocess.run(["git", "-C", tmp_path, "check-ignore", "-q", path], check=False)
    assert (ended.returncode == 0) == wanted


def test_a_file_of_a_directory_holds_there_and_the_source_has_the_last_word() -> None:
    assert excluded("apps/a.yaml", apps__="a.yaml\n") == "apps/.sourceignore:1"
    assert excluded("other/a.yaml", apps__="a.yaml\n") is None
    assert excluded("apps/a.yaml", "!a.yaml\n", apps__="a.yaml\n") is None
    assert excluded("apps/a.yaml", "b\n\na.yaml\n") == "line 3 of spec.ignore of GitRepository a/b"


NAMES = st.sampled_from(["a", "b", "a.b", "*", "a*", "?", "**"])
LINES = st.builds(
    lambda sign, start, names, end: sign + start + "/".join(names) + end,
    st.sampled_from(["", "!"]), st.sampled_from(["", "/"]), st.lists(NAMES, min_size=1, max_size=3), st.sampled_from(["", "/"]),
)  # fmt: skip
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.b", "c"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(LINES, max_size=4), st.lists(LINES, max_size=2), PATHS)
def test_the_last_pattern_that_fits_holds_whatever_kind_it_is(own: list[str], inner: list[str], path: str) -> None:
    patterns = [*(Pattern.parse(line, "", ("a",)) for line in inner), *(Pattern.parse(line, "") for line in own)]
    fits = [one for one in patterns if one.matches(tuple(path.split("/")))]
    wanted = bool(fits) and not fits[-1].included
    assert (excluded(path, "\n".join([*own, "", "never"]), a__="\n".join(inner)) is not None) == wanted


def test_a_deep_path_is_no_matter() -> None:
    assert excluded("a/" * 2_000 + "b", "c") is None


def test_a_hostile_pattern_ends() -> None:
    assert excluded("a" * 200 + "/" + "a" * 200, "**/" * 200 + "*a" * 200 + "b") is None


def test_what_nobody_names_is_not_taken_up_and_coverage_says_why() -> None:
    files = {
        **bootstrap("one"), "clusters/one/apps.yaml": kustomization("apps", "./apps"), ".sourceignore": "# no drafts\ndraft.yaml\n",
        "apps/a.yaml": CONFIG.format(name="a", value=1), "apps/draft.yaml": CONFIG.format(name="draft", value=1),
    }  # fmt: skip
    used = context()
    snapshot, walk = render_with_owners(tree(files), used)
    assert agents(snapshot) == []
    assert walk is not None
    (verdict,) = [
        one for one in file_verdicts(snapshot, walk.outcomes, walk.artifacts) if one.path == "apps/draft.yaml"
    ]
    assert (verdict.verdict, verdict.readers, verdict.excluded_by) == (Coverage.JUDGED, (), ".sourceignore:2")
    assert {one.origin.owner for one in snapshot.resources if one.id.name == "draft"} == {""}


@pytest.mark.parametrize(
    ("ignore", "told"),
    [
        ("/apps/*", "'apps', and .sourceignore:1 keeps all"),
        ("kustomization.yaml", "needs apps/kustomization.yaml, which"),
        ("a.yaml", "needs apps/a.yaml, which .sourceignore:1 keeps out of what Flux fetches"),
    ],
)
def test_what_is_named_and_left_out_is_found(ignore: str, told: str) -> None:
    files = {"apps/kustomization.yaml": "resources: [a.yaml]\n", "apps/a.yaml": CONFIG.format(name="a", value=1)}
    snapshot = one_app("", {**files, ".sourceignore": ignore})
    (problem,) = [one for one in snapshot.problems if one.code == "agent-dangling-reference"]
    assert told in problem.message
    assert (problem.location.path, problem.location.position.line) == ("clusters/one/apps.yaml", 7)  # type: ignore[union-attr]


def test_the_ignore_field_of_the_source_counts() -> None:
    files = bootstrap("one")
    (path,) = files
    files[path] = files[path].replace("'ssh://git@example.com/a/b'", "'ssh://git@example.com/a/b', ignore: a.yaml")
    snapshot = render({
        **files, "clusters/one/apps.yaml": kustomization("apps", "./apps"), "apps/kustomization.yaml": "resources: [a.yaml]\n",
        "apps/a.yaml": CONFIG.format(name="a", value=1),
    })  # fmt: skip
    assert [code for code, _, _ in agents(snapshot)] == ["agent-dangling-reference"]
    assert "line 1 of spec.ignore of GitRepository flux-system/flux-system" in snapshot.problems[0].message


def test_a_chart_that_is_left_out_is_found() -> None:
    snapshot = one_app("", {"apps/release.yaml": RELEASE, **CHART, ".sourceignore": "templates/\n"})
    assert ("agent-dangling-reference", "apps/release.yaml", 8) in agents(snapshot)
