from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.sources.kustomization import ReferenceKind, is_remote, looks_remote, read_kustomization, read_plugin

REMOTE = [
    "https://github.com/org/repo",
    "HTTPS://example.com/x.yaml",
    "http:x.yaml",
    "ssh://git@host/org/repo",
    "file:///srv/repo",
    "git::https://host/org/repo",
    "git::git@host:org/repo",
    "git@host.example:org/repo.git",
    "user@host.example/org/repo",
    "github.com/org/repo//dir?ref=v1",
    "GitHub.com:org/repo",
    "gh:org/repo",
]
LOCAL = ["../base", "a.yaml", "./x/github.com/y", "user@home.yaml", "https", "httpbin/a.yaml", "mygithub.com/a.yaml"]


@pytest.mark.parametrize("text", REMOTE)
def test_what_kustomize_would_fetch_is_remote(text: str) -> None:
    assert is_remote(text)


@pytest.mark.parametrize("text", LOCAL)
def test_what_kustomize_reads_from_the_tree_is_not(text: str) -> None:
    assert not is_remote(text)


def test_old_shorthands_look_remote() -> None:
    for text in ("host/org/repo.git//x", "host/org?ref=v1", "s3::https://x", "dev.azure.com/o/p/_git/r"):
        assert looks_remote(text)
    assert not looks_remote("../base")


def test_every_field_that_names_a_path_is_collected() -> None:
    value = {
        "resources": ["r"], "bases": ["b"], "components": ["c"], "crds": ["crd"], "configurations": ["conf"],
        "generators": ["g"], "transformers": ["t"], "validators": ["v"],
        "patches": [{"path": "p1"}, {"patch": "inline"}],
        "patchesJson6902": [{"path": "p2"}],
        "patchesStrategicMerge": ["p3", "kind: ConfigMap\nmetadata: {name: x}\n"],
        "configMapGenerator": [{"files": ["f1", "key=f2"], "envs": ["e1"], "env": "e2", "literals": ["not=a-path"]}],
        "secretGenerator": [{"files": ["s1"], "type": "Opaque"}],
        "replacements": [{"path": "rep"}, {"source": {}, "targets": []}],
        "openapi": {"path": "api", "version": "v1"},
    }  # fmt: skip
    read = read_kustomization(value)
    assert read.flaws == ()
    found = {(reference.text, reference.kind.value) for reference in read.references}
    assert found == {
        ("r", "resource"), ("b", "resource"), ("c", "component"), ("crd", "file"), ("conf", "file"), ("g", "plugin"),
        ("t", "plugin"), ("v", "plugin"), ("p1", "file"), ("p2", "file"), ("p3", "file"), ("f1", "data"),
        ("f2", "data"), ("e1", "data"), ("e2", "data"), ("s1", "data"), ("rep", "file"), ("api", "file"),
    }  # fmt: skip


def test_a_url_that_is_also_a_document_counts_as_a_url() -> None:
    read = read_kustomization({"patchesStrategicMerge": ["http://host/x?a: b"], "transformers": ["http://host/{a: b}"]})
    assert {reference.text for reference in read.references} == {"http://host/x?a: b", "http://host/{a: b}"}


@pytest.mark.parametrize(
    ("value", "code", "field"),
    [
        ({"Resources": []}, "kustomize-invalid", ("Resources",)),
        ({"resources": "a"}, "kustomize-invalid", ("resources",)),
        ({"resources": [None]}, "kustomize-invalid", ("resources", 0)),
        ({"patches": [{"Path": "x"}]}, "kustomize-invalid", ("patches", 0, "Path")),
        ({"patches": ["x.yaml"]}, "kustomize-invalid", ("patches", 0)),
        ({"configMapGenerator": [{"files": "x"}]}, "kustomize-invalid", ("files",)),
        ({"openapi": []}, "kustomize-invalid", ("openapi",)),
        ({"kind": "Component", "apiVersion": "kustomize.config.k8s.io/v1beta1"}, "kustomize-invalid", ("apiVersion",)),
        ({"helmCharts": [{"name": "x"}]}, "kustomize-helm", ("helmCharts",)),
        ({"helmGlobals": {"chartHome": "x"}}, "kustomize-helm", ("helmGlobals",)),
    ],
)
def test_flaws_name_their_field(value: object, code: str, field: tuple[str | int, ...]) -> None:
    read = read_kustomization(value)
    assert [(flaw.code, flaw.field) for flaw in read.flaws] == [(code, field)]


PLUGIN = {"apiVersion": "builtin", "metadata": {"name": "x"}}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({**PLUGIN, "kind": "HelmChartInflationGenerator"}, "kustomize-helm"),
        ({**PLUGIN, "kind": "MyPlugin"}, "kustomize-exec-function"),
        ({"apiVersion": "example.com/v1", "kind": "LabelTransformer"}, "kustomize-exec-function"),
        (
            {
                "apiVersion": "builtin",
                "kind": "LabelTransformer",
                "metadata": {"annotations": {"config.kubernetes.io/function": "container: {image: x}"}},
            },
            "kustomize-exec-function",
        ),
        ("text", "kustomize-invalid"),
    ],
)
def test_a_plugin_that_is_not_kustomizes_own_is_refused(value: object, code: str) -> None:
    references, flaws = read_plugin(value, ())
    assert references == ()
    assert [flaw.code for flaw in flaws] == [code]


def test_paths_of_builtin_plugins_are_collected_whatever_their_case() -> None:
    for value, expected in (
        ({"kind": "PatchTransformer", "PATH": "a"}, ["a"]),
        ({"kind": "PatchStrategicMergeTransformer", "paths": ["a", "kind: X\nb: c\n"]}, ["a"]),
        ({"kind": "ConfigMapGenerator", "Files": ["k=a"], "envs": ["b"], "env": "c"}, ["a", "b", "c"]),
        ({"kind": "ReplacementTransformer", "replacements": [{"Path": "a"}]}, ["a"]),
        ({"kind": "ValueAddTransformer", "targetFilePath": "a"}, ["a"]),
    ):
        references, flaws = read_plugin({**PLUGIN, **value}, ())
        assert flaws == ()
        assert [reference.text for reference in references] == expected
        assert all(reference.kind in {ReferenceKind.FILE, ReferenceKind.DATA} for reference in references)


KEYS = st.sampled_from(
    ["resources", "patches", "path", "transformers", "configMapGenerator", "files", "env", "openapi", "replacements"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_reading_is_total(value: object) -> None:
    read = read_kustomization(value)
    assert read.flaws or isinstance(value, dict)
    read_plugin(value, ())
