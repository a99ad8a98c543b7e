"""No manifest file of a tree is without a verdict, whatever the tree looks like."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.proposal import Coverage
from gitgate.sources.base import MANIFEST_SUFFIXES
from gitgate.sources.registry import render_tree
from gitgate.tree import MemoryTree
from tests.support.rendering import context, require_kustomize

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
NAMES = st.sampled_from(["a.yaml", "b.yml", "c.json", "kustomization.yaml", "Chart.yaml", "x.txt", "templates/t.yaml"])
PATHS = st.builds(lambda folder, name: folder + name, st.sampled_from(["", "a/", "b/", "a/b/", ".github/"]), NAMES)
CONTENTS = st.one_of(
    st.sampled_from(
        [
            CONFIG,
            b"resources: [a.yaml]\n",
            b"resources: [../a, b.yml]\n",
            b"kind: Component\nresources: [a.yaml]\n",
            b"apiVersion: v2\nname: x\nversion: 1.0.0\n",
            b"a: b: c\n",
            b"\0GITCRYPT\0",
            b"",
        ]
    ),
    st.binary(max_size=20),
)
LINKS = st.sampled_from([b"a.yaml", b"../a/a.yaml", b"/etc/hostname", b"nowhere", b".", b"b"])


@settings(max_examples=60)
@given(st.dictionaries(PATHS, CONTENTS, max_size=8), st.dictionaries(PATHS, LINKS, max_size=2))
def test_every_manifest_file_has_a_coverage(files: dict[str, bytes], links: dict[str, bytes]) -> None:
    require_kustomize()
    tree = MemoryTree(files, {path: target for path, target in links.items() if path not in files})
    snapshot = render_tree(tree, context())
    expected = {path for path in tree.entries if path.endswith(MANIFEST_SUFFIXES)}
    assert expected <= snapshot.files.keys() <= set(tree.entries)
    judged = {resource.origin.path for resource in snapshot.resources}
    for path, coverage in snapshot.files.items():
        if coverage in {Coverage.NOT_A_MANIFEST, Coverage.NOT_RENDERED}:
            assert path not in judged
    if Coverage.FAILED in snapshot.files.values():
        assert snapshot.problems
