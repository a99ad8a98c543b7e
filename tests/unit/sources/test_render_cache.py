"""Renders of earlier runs: what is found is what was kept, and what somebody else may have written is not found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitgate.settings import Settings
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree
from gitgate.sources.render_cache import RenderCache, key_of
from tests.support.rendering import DEPLOYMENT, require_helm, require_kustomize, tree

KEY = key_of(("/bin/program", "1"), [b"a"])
PARTS = (b"", b"one\n", b"two")


@pytest.fixture
def cache(tmp_path: Path) -> RenderCache:
    found = RenderCache(tmp_path / "gitgate" / "renders")
    found.keep(KEY, PARTS)
    return found


def entry(cache: RenderCache) -> Path:
    assert cache.directory is not None
    return cache.directory / KEY


def test_what_was_kept_is_found(cache: RenderCache) -> None:
    again = RenderCache(cache.directory)
    assert (again.find(KEY), again.reused) == (PARTS, 1)
    assert entry(cache).stat().st_mode & 0o777 == 0o600
    assert entry(cache).parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_found_without_a_directory() -> None:
    cache = RenderCache()
    cache.keep(KEY, PARTS)
    assert cache.find(KEY) is None


@pytest.mark.parametrize("place", [0, 30, 4_096, -1])
def test_entry_that_was_altered_is_not_found(cache: RenderCache, place: int) -> None:
    data = bytearray(entry(cache).read_bytes())
    data[place] ^= 1
    entry(cache).write_bytes(bytes(data))
    assert cache.find(KEY) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"sizes": [1e9]}', b"[" * 5_000])
def test_entry_that_is_none_is_not_found(cache: RenderCache, data: bytes) -> None:
    entry(cache).write_bytes(data)
    assert cache.find(KEY) is None


def test_entry_of_another_key_is_not_found(cache: RenderCache) -> None:
    other = key_of(("/bin/program", "1"), [b"b"])
    entry(cache).rename(entry(cache).with_name(other))
    assert cache.find(other) is None


def test_entry_that_others_may_write_is_not_found(cache: RenderCache) -> None:
    entry(cache).chmod(0o666)
    assert cache.find(KEY) is None


def test_link_is_not_followed(cache: RenderCache, tmp_path: Path) -> None:
    entry(cache).rename(tmp_path / "elsewhere")
    entry(cache).symlink_to(tmp_path / "elsewhere")
    assert cache.find(KEY) is None


def test_what_stands_in_the_place_of_an_entry_is_none(cache: RenderCache) -> None:
    assert cache.directory is not None
    assert cache.find("none") is None  # makes the directory
    (cache.directory / "directory").mkdir()
    os.mkfifo(cache.directory / "pipe")
    assert cache.find("directory") is None
    assert cache.find("pipe") is None


@pytest.mark.parametrize("above", [0, 1])
def test_directory_that_others_may_write_is_not_used(cache: RenderCache, above: int) -> None:
    (entry(cache).parents[above]).chmod(0o777)
    assert RenderCache(cache.directory).find(KEY) is None


def test_keys_tell_parts_and_programs_apart() -> None:
    keys = {
        key_of(("/a", "1"), [b"ab", b"c"]),
        key_of(("/a", "1"), [b"a", b"bc"]),
        key_of(("/a", "2"), [b"ab", b"c"]),
        key_of(("/b", "1"), [b"ab", b"c"]),
    }
    assert len(keys) == 4


def test_second_run_renders_the_same_without_the_programs(tmp_path: Path) -> None:
    require_kustomize()
    require_helm()
    files = {
        "app/kustomization.yaml": "resources: [web.yaml]\nnamePrefix: a-\n",
        "app/web.yaml": DEPLOYMENT,
        "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "chart/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n",
    }
    snapshots = []
    for directory in (None, tmp_path / "renders", tmp_path / "renders"):
        context = SourceContext.from_settings(Settings(), cache=RenderCache(directory))
        snapshots.append(render_tree(tree(files), context))
    assert context.builder.builds == 0
    assert context.builder.cache.reused == 2
    assert snapshots[0] == snapshots[1] == snapshots[2]
    assert len(snapshots[0].resources) == 2
