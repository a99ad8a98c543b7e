"""Whatever a kustomization says, rendering ends with objects or problems: no exception, no private path, no request."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.sources.registry import render_tree
from gitgate.tree import MemoryTree
from tests.support.rendering import context, require_kustomize

FIELDS = st.sampled_from(
    ["resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators", "patches",
     "patchesJson6902", "patchesStrategicMerge", "configMapGenerator", "secretGenerator", "replacements", "openapi",
     "buildMetadata", "kind", "apiVersion", "namePrefix", "images", "labels", "vars", "metadata"]
)  # fmt: skip
PATHS = st.sampled_from(
    ["a.yaml", "../b", "b", "t.yaml", ".", "..", "k=a.yaml", "/x", "kustomization.yaml", "b/kustomization.yaml", "",
     "http://127.0.0.1:1/x", "kind: Component"]
)  # fmt: skip
ITEMS = st.dictionaries(
    st.sampled_from(["path", "files", "envs", "env", "name", "patch", "target", "literals"]),
    PATHS | st.lists(PATHS, max_size=2),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
VALUES = PATHS | st.lists(PATHS, max_size=3) | st.lists(ITEMS, max_size=2) | JSON
KUSTOMIZATIONS = st.dictionaries(FIELDS, VALUES, max_size=4).map(lambda value: json.dumps(value).encode())
MANIFESTS = JSON.map(lambda value: json.dumps(value).encode()) | st.sampled_from(
    [
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        b"apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\n",
        b"apiVersion: builtin\nkind: [PatchTransformer]\nmetadata: {name: x}\npath: a.yaml\n",
    ]
)


@settings(max_examples=100)
@given(KUSTOMIZATIONS, KUSTOMIZATIONS, KUSTOMIZATIONS, MANIFESTS, MANIFESTS)
def test_rendering_is_total(root: bytes, first: bytes, second: bytes, one: bytes, other: bytes) -> None:
    require_kustomize()
    files = {"kustomization.yaml": root, "a/kustomization.yaml": first, "b/kustomization.yaml": second}
    files |= {"a.yaml": one, "t.yaml": other, "b/a.yaml": one, "a/a.yaml": other}
    snapshot = render_tree(MemoryTree(files), context())
    for problem in snapshot.problems:
        assert "/tmp" not in problem.message
        assert "gitgate-" not in problem.message
        assert "127.0.0.1:1" not in problem.message or problem.code == "kustomize-remote-reference"
        assert problem.location.path in files
