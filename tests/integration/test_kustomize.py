"""The real kustomize: what it renders, where its objects come from, and what hostile kustomizations come to."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitgate.location import Position
from gitgate.proposal import Coverage
from gitgate.settings import SourceSetting, SourceType
from gitgate.sources import kustomize_build
from gitgate.sources.kustomize_build import BuildInput, KustomizeBuilder, find_kustomize
from gitgate.sources.registry import render_tree
from gitgate.yaml_document import read_yaml
from tests.support.rendering import DEPLOYMENT, codes, context, names, places, render, require_kustomize, tree


@pytest.fixture(autouse=True, scope="module")
def _kustomize() -> None:
    require_kustomize()


CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n"


def test_an_overlay_is_rendered_once_and_its_objects_lead_to_the_lines_of_the_base() -> None:
    snapshot = render(
        {
            "base/kustomization.yaml": "resources: [app.yaml]\n",
            "base/app.yaml": f"{CONFIG}---{DEPLOYMENT}",
            "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\nnamespace: shop\n",
        }
    )
    assert codes(snapshot) == []
    assert names(snapshot) == ["ConfigMap shop/prod-settings", "Deployment shop/prod-web"]
    origins = [(r.origin.path, r.origin.document, r.origin.line, r.origin.rendered_by) for r in snapshot.resources]
    assert origins == [("base/app.yaml", 0, 1, "prod"), ("base/app.yaml", 1, 6, "prod")]
    assert "annotations" not in snapshot.resources[0].data["metadata"]
    assert set(snapshot.files.values()) == {Coverage.CONSUMED}


def test_a_kustomize_that_prints_nothing_has_not_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kustomize"
    program.write_text('#!/bin/sh\n[ "$1" = version ] && echo v5.8.1\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    snapshot = render({"kustomization.yaml": "resources: [app.yaml]\n", "app.yaml": CONFIG})
    assert codes(snapshot) == ["kustomize-failed"]
    assert "printed nothing" in snapshot.problems[0].message


@pytest.mark.parametrize(
    "files",
    [
        {"kustomization.yaml": "resources: []\n"},
        {"kustomization.yaml": "resources: [app.yaml]\n", "app.yaml": "# later\n"},
        {
            "kustomization.yaml": "resources: [app.yaml]\n",
            "app.yaml": CONFIG.replace(
                "name: settings", 'name: settings, annotations: {config.kubernetes.io/local-config: "true"}'
            ),
        },
        {
            "kustomization.yaml": "resources: [app.yaml]\npatches: [{path: p.yaml}]\n",
            "app.yaml": CONFIG,
            "p.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n$patch: delete\n",
        },
    ],
    ids=["nothing yet", "a comment", "local configuration", "all deleted"],
)
def test_what_is_rightly_empty_is_no_failure(files: dict[str, str]) -> None:
    assert codes(render({**files, "other/map.yaml": CONFIG})) == []


def test_what_generators_make_leads_to_their_entry() -> None:
    snapshot = render(
        {
            "kustomization.yaml": """
                configMapGenerator:
                  - name: first
                    literals: [a=b]
                  - name: second
                    files: [extra.txt]
                secretGenerator:
                  - name: keys
                    envs: [keys.env]
            """,
            "extra.txt": "hello\n",
            "keys.env": "TOKEN=1\n",
        }
    )
    assert codes(snapshot) == []
    places_of = {r.id.name.rpartition("-")[0]: (r.origin.pointer, r.origin.line) for r in snapshot.resources}
    assert places_of == {
        "first": (("configMapGenerator", 0), 2),
        "second": (("configMapGenerator", 1), 4),
        "keys": (("secretGenerator", 0), 7),
    }
    assert snapshot.files["keys.env"] is Coverage.CONSUMED


FEATURES = {
    "kustomization.yaml": """
        resources: [base, extra.yaml]
        components: [component]
        namePrefix: a-
        nameSuffix: -z
        labels: [{pairs: {team: shop}, includeSelectors: true}]
        commonAnnotations: {owner: me}
        images: [{name: example.com/web, newTag: "2"}]
        replicas: [{name: web, count: 3}]
        configMapGenerator:
          - {name: settings, behavior: merge, literals: [size=big]}
          - {name: other, literals: [x=y]}
        generatorOptions: {labels: {made: by-generator}}
        patches:
          - path: patch.yaml
          - target: {kind: Deployment}
            patch: |-
              - {op: add, path: /spec/paused, value: true}
        replacements:
          - source: {kind: ConfigMap, name: settings, fieldPath: data.colour}
            targets: [{select: {kind: Deployment}, fieldPaths: [metadata.annotations.colour], options: {create: true}}]
        transformers:
          - |-
            apiVersion: builtin
            kind: NamespaceTransformer
            metadata: {name: n, namespace: shop}
        """,
    "base/kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator:\n- {name: settings, literals: [colour=blue]}\n",
    "base/app.yaml": DEPLOYMENT.replace("image:", "envFrom: [{configMapRef: {name: settings}}], image:"),
    "component/kustomization.yaml": """
        apiVersion: kustomize.config.k8s.io/v1alpha1
        kind: Component
        resources: [c.yaml]
        """,
    "component/c.yaml": CONFIG.replace("settings", "component"),
    "extra.yaml": """
        apiVersion: v1
        kind: ConfigMapList
        items:
          - {apiVersion: v1, kind: ConfigMap, metadata: {name: one, annotations: {}}, data: {k: yes, d: 2020-01-01}}
          - {apiVersion: v1, kind: ConfigMap, metadata: {name: two, annotations: {keep: me}}}
        """,
    "patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {minReadySeconds: 5}\n",
}


def test_asking_for_origins_changes_nothing_else(tmp_path: Path) -> None:
    files = tree(FEATURES)
    for path, data in files.read_many(files.entries):
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    printed = subprocess.run([*find_kustomize().command, tmp_path], capture_output=True, check=True).stdout
    expected = [document.value for document in read_yaml(printed).documents]
    snapshot = render_tree(files, context())
    assert codes(snapshot) == []
    assert len(expected) == 6

    def by_name(value: dict) -> str:
        return value["metadata"]["name"]

    assert sorted((dict(r.data) for r in snapshot.resources), key=by_name) == sorted(expected, key=by_name)


def test_origins_stay_where_the_user_asks_for_them() -> None:
    snapshot = render(
        {"kustomization.yaml": "resources: [a.yaml]\nbuildMetadata: [originAnnotations]\n", "a.yaml": CONFIG}
    )
    assert snapshot.resources[0].data["metadata"]["annotations"] == {"config.kubernetes.io/origin": "path: a.yaml\n"}
    assert snapshot.resources[0].origin.path == "a.yaml"


def test_a_forged_origin_leads_to_no_file_outside_the_render() -> None:
    snapshot = render(
        {
            "kustomization.yaml": """
                resources: [a.yaml]
                patches:
                  - target: {kind: ConfigMap}
                    patch: |-
                      - {op: add, path: /metadata/annotations, value: {config.kubernetes.io/origin: "path: ../../etc/x"}}
                """,
            "a.yaml": CONFIG,
        }
    )
    assert [r.origin.path for r in snapshot.resources] == ["kustomization.yaml"]


def test_a_failed_render_is_a_problem_that_changes_with_its_files() -> None:
    files = {
        "prod/kustomization.yaml": "resources: [a.yaml]\nnamespace: x\npatches: [{path: p.yaml}]\n",
        "prod/a.yaml": CONFIG,
    }
    files["prod/p.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: missing}\n"
    first = render(files)
    second = render({**files, "prod/a.yaml": CONFIG.replace("blue", "red")})
    assert codes(first) == codes(second) == ["kustomize-failed"]
    assert "no resource matches strategic merge patch" in first.problems[0].message
    assert "/tmp" not in first.problems[0].message
    assert first.problems[0].message == second.problems[0].message
    assert first.problems[0].discriminator != second.problems[0].discriminator
    assert set(first.files.values()) == {Coverage.FAILED}
    assert first.resources == ()


def test_base_and_head_share_a_render_and_its_very_objects() -> None:
    shared = context()
    files = {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": CONFIG}
    before = render_tree(tree(files), shared)
    after = render_tree(tree({**files, "unrelated/b.yaml": CONFIG}), shared)
    assert shared.builder.builds == 1
    assert before.resources[0] is next(r for r in after.resources if r.origin.path == "a.yaml")
    assert shared.documents.blobs_read == 2  # b.yaml is the same blob as a.yaml


def test_an_encrypted_secret_is_known_by_its_keys_and_a_fake_one_is_judged() -> None:
    stamp = "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]"
    secret = f"""
        apiVersion: v1
        kind: Secret
        metadata: {{name: keys}}
        stringData: {{token: "{stamp}"}}
        sops: {{mac: "{stamp}", lastmodified: "2024-01-01T00:00:00Z", version: 3.8.1}}
        """
    fake = DEPLOYMENT + f'sops: {{mac: "{stamp}", lastmodified: "2024-01-01T00:00:00Z", version: 3.8.1}}\n'
    files = {"kustomization.yaml": "resources: [s.yaml, d.yaml]\n", "s.yaml": secret, "d.yaml": fake}
    snapshot = render(files)
    judged = {str(resource.id): resource.data for resource in snapshot.resources}
    assert judged["Secret keys"]["stringData"] == {"token": stamp}
    assert "sops" in judged["Deployment web"]
    assert snapshot.files["s.yaml"] is Coverage.OPAQUE


# Attacks: nothing below may reach the network, run a program or read outside the tree.


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    hits: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x", hits
        server.shutdown()
        thread.join()


REMOTE = {
    "resources": "resources: [a.yaml, URL]",
    "upper-case scheme": "resources: [a.yaml, HTTP:URL]",
    "bases": "bases: [URL]",
    "components": "components: [URL]",
    "patches.path": "patches: [{path: URL, target: {kind: ConfigMap}}]",
    "patchesStrategicMerge": "patchesStrategicMerge: [URL]",
    "patchesJson6902": "patchesJson6902: [{path: URL, target: {kind: ConfigMap, name: x, version: v1}}]",
    "crds": "crds: [URL]",
    "openapi.path": "openapi: {path: URL}",
    "configurations": "configurations: [URL]",
    "configMapGenerator.files": "configMapGenerator: [{name: x, files: [key=URL]}]",
    "configMapGenerator.envs": "configMapGenerator: [{name: x, envs: [URL]}]",
    "configMapGenerator.env": "configMapGenerator: [{name: x, env: URL}]",
    "secretGenerator.files": "secretGenerator: [{name: x, files: [URL]}]",
    "replacements.path": "replacements: [{path: URL}]",
    "generators": "generators: [URL]",
    "transformers": "transformers: [URL]",
    "validators": "validators: [URL]",
    "inline transformer": (
        "transformers:\n- |-\n  {apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, Path: 'URL'}"
    ),
    "inline generator": (
        "generators:\n- |-\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: x}\n  files: ['URL']"
    ),
}


@pytest.mark.network_canary
@pytest.mark.parametrize("field", REMOTE)
def test_a_remote_reference_is_refused_at_its_line_and_nothing_is_fetched(
    field: str, canary: tuple[str, list[str]]
) -> None:
    url, hits = canary
    text = f"resources: [a.yaml]\n{REMOTE[field]}\n".replace("HTTP:URL", url.replace("http", "HTTP")).replace(
        "URL", url
    )
    text = text.replace("resources: [a.yaml]\nresources:", "resources:")
    snapshot = render({"kustomization.yaml": text, "a.yaml": CONFIG})
    assert codes(snapshot) == ["kustomize-remote-reference"]
    assert hits == []
    # What a generator takes as data reaches no other object: see test_remote_parts.py.
    apart = "Generator." in field
    assert names(snapshot) == (["ConfigMap settings"] if apart else [])
    assert snapshot.files["kustomization.yaml"] is (Coverage.PARTLY if apart else Coverage.FAILED)


@pytest.mark.network_canary
def test_the_program_itself_has_no_way_out_to_other_hosts(canary: tuple[str, list[str]]) -> None:
    """Behind the check of references: the program is given what the check would have refused."""
    wanted = BuildInput(
        root="",
        root_file="kustomization.yaml",
        kustomizations={"kustomization.yaml": {"resources": ["http://gitgate.example/x.yaml"]}},
        files={},
        links={},
    )
    built = KustomizeBuilder(timeout=30).build(wanted)
    assert built.output is None
    assert "127.0.0.1:1" in built.complaint
    wanted = BuildInput(
        root="",
        root_file="kustomization.yaml",
        kustomizations={"kustomization.yaml": {"resources": ["https://github.com/org/repo?ref=main"]}},
        files={},
        links={},
    )
    built = KustomizeBuilder(timeout=30).build(wanted)
    assert built.output is None
    assert "no 'git' program on path" in built.complaint


@pytest.mark.parametrize("key", ["Resources", "RESOURCES", "resourceS"])
@pytest.mark.network_canary
def test_a_key_that_only_go_would_take_for_another_is_refused(key: str, canary: tuple[str, list[str]]) -> None:
    url, hits = canary
    snapshot = render({"kustomization.yaml": f"namespace: x\n{key}: ['{url}']\n"})
    assert places(snapshot) == ["kustomize-invalid kustomization.yaml:2"]
    assert hits == []


EXEC = """
    apiVersion: example.com/v1
    kind: Canary
    metadata:
      name: run
      annotations:
        config.kubernetes.io/function: |
          exec: {{path: {script}}}
    """


@pytest.mark.parametrize("field", ["generators", "transformers", "validators"])
def test_an_exec_function_is_refused_and_does_not_run(field: str, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {touched}\n")
    script.chmod(0o755)
    files = {"kustomization.yaml": f"resources: [a.yaml]\n{field}: [fn.yaml]\n", "a.yaml": CONFIG}
    snapshot = render({**files, "fn.yaml": EXEC.format(script=script)})
    assert places(snapshot) == ["kustomize-exec-function kustomization.yaml:2"]
    assert not touched.exists()


def test_an_exec_function_cannot_hide_in_a_kustomization_of_transformers() -> None:
    snapshot = render(
        {
            "kustomization.yaml": "resources: [a.yaml]\ntransformers: [made]\n",
            "a.yaml": CONFIG,
            "made/kustomization.yaml": "resources: [t.yaml]\ncommonAnnotations: {config.kubernetes.io/function: 'exec: {}'}\n",
            "made/t.yaml": "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\n",
        }
    )
    assert "kustomize-exec-function" in codes(snapshot)


def test_transformers_of_kustomize_itself_may_be_shared_in_a_directory() -> None:
    snapshot = render(
        {
            "prod/kustomization.yaml": "resources: [a.yaml]\ntransformers: [../made]\n",
            "prod/a.yaml": CONFIG,
            "made/kustomization.yaml": "resources: [t.yaml]\n",
            "made/t.yaml": """
                apiVersion: builtin
                kind: LabelTransformer
                metadata: {name: l}
                labels: {a: b}
                fieldSpecs: [{path: metadata/labels, create: true}]
                """,
        }
    )
    assert codes(snapshot) == []
    assert snapshot.resources[0].data["metadata"]["labels"] == {"a": "b"}


REFUSED = {
    "absolute": ("resources: [/etc/hostname]", "kustomize-absolute-reference"),
    "escaping": ("resources: [../../outside.yaml]", "kustomize-escaping-reference"),
    "outside its root": ("resources: [../other/b.yaml]", "kustomize-escaping-reference"),
    "through a link": ("resources: [link.yaml]", "kustomize-escaping-reference"),
    "data through a link": ("configMapGenerator: [{name: x, files: [link.yaml]}]", "kustomize-escaping-reference"),
    "dangling": ("resources: [missing.yaml]", "kustomize-dangling-reference"),
    "no kustomization": ("resources: [../other]", "kustomize-dangling-reference"),
    "itself": ("resources: [.]", "kustomize-cycle"),
    "above": ("resources: [..]", "kustomize-dangling-reference"),
    "helm": ("helmCharts: [{name: x, repo: 'https://charts.example'}]", "kustomize-helm"),
    "helm generator": ("helmChartInflationGenerator: [{chartName: x}]", "kustomize-helm"),
    "github shorthand": ("resources: ['github.com/org/repo//dir?ref=v1']", "kustomize-remote-reference"),
    "scp style": ("resources: ['git@host.example:org/repo.git']", "kustomize-remote-reference"),
    "forced git": ("resources: ['git::https://host.example/repo']", "kustomize-remote-reference"),
    "local clone": ("resources: ['file:///srv/repo']", "kustomize-remote-reference"),
    "old shorthand": ("resources: ['host.example/org/repo.git//dir']", "kustomize-remote-reference"),
    "unknown field": ("resource: [a.yaml]", "kustomize-invalid"),
    "wrong type": ("resources: a.yaml", "kustomize-invalid"),
    "wrong kind": ("kind: Deployment", "kustomize-invalid"),
    "no mapping": ("- a", "kustomize-invalid"),
    "two documents": ("namespace: x\n---\nnamespace: y", "kustomize-invalid"),
    "duplicate key": ("resources: [b.yaml]\nresources: [a.yaml]", "yaml-duplicate-key"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_reference_that_leads_astray_is_refused_before_anything_runs(case: str) -> None:
    text, code = REFUSED[case]
    shared = context()
    files = {"app/kustomization.yaml": f"{text}\n", "app/a.yaml": CONFIG, "other/b.yaml": CONFIG}
    snapshot = render_tree(tree(files, {"app/link.yaml": "/etc/hostname"}), shared)
    found = [p.code for p in snapshot.problems if p.location.path == "app/kustomization.yaml"]
    assert found[:1] == [code]
    assert shared.builder.builds == 0
    assert snapshot.files["app/kustomization.yaml"] is Coverage.FAILED


def test_a_circle_is_found_without_following_it() -> None:
    ring = {f"k{n}/kustomization.yaml": f"resources: [../k{(n + 1) % 1000}]\n" for n in range(1000)}
    snapshot = render(ring)
    assert codes(snapshot) == ["kustomize-cycle"]
    assert set(snapshot.files.values()) == {Coverage.FAILED}


def test_a_file_of_a_generator_that_is_too_large_keeps_its_root_from_being_rendered() -> None:
    files = {"kustomization.yaml": "configMapGenerator: [{name: x, files: [big.bin]}]\n", "big.bin": b"x" * 5_000_000}
    snapshot = render(files)
    assert places(snapshot) == ["yaml-limit big.bin:1"]
    assert snapshot.files["kustomization.yaml"] is Coverage.FAILED


def test_a_kustomization_that_fails_may_call_its_version_anything() -> None:
    snapshot = render({"kustomization.yaml": "apiVersion: 'http://example.com/x'\n"})
    assert codes(snapshot) == ["kustomize-invalid"]


def test_two_kustomization_files_in_a_directory_are_refused() -> None:
    snapshot = render({"kustomization.yaml": "namespace: a\n", "Kustomization": "namespace: b\n"})
    assert codes(snapshot) == ["kustomize-invalid"]


def test_a_remote_base_blocks_anew_when_anything_it_keeps_from_view_changes() -> None:
    files = {"kustomization.yaml": "resources: [a.yaml, 'https://github.com/o/r']\n", "a.yaml": CONFIG}
    first = render(files)
    second = render({**files, "a.yaml": CONFIG.replace("blue", "red")})
    assert codes(first) == codes(second) == ["kustomize-remote-reference"]
    assert first.problems[0].discriminator != second.problems[0].discriminator


def test_links_inside_the_tree_are_followed_as_kustomize_does() -> None:
    files = {"app/kustomization.yaml": "resources: [link.yaml, ../shared-link]\n", "app/real.yaml": CONFIG}
    files |= {"shared/kustomization.yaml": "resources: [d.yaml]\n", "shared/d.yaml": DEPLOYMENT}
    snapshot = render_tree(tree(files, {"app/link.yaml": "real.yaml", "shared-link": "shared"}), context())
    assert codes(snapshot) == []
    assert names(snapshot) == ["ConfigMap settings", "Deployment web"]
    assert [r.origin.path for r in snapshot.resources] == ["app/real.yaml", "shared/d.yaml"]


def test_a_missing_program_fails_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    snapshot = render({"a/kustomization.yaml": "namespace: x\n", "b/kustomization.yaml": "namespace: y\n"})
    assert codes(snapshot) == ["kustomize-missing"]
    assert set(snapshot.files.values()) == {Coverage.FAILED}


def test_a_program_that_is_too_old_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "kustomize"
    old.write_text("#!/bin/sh\necho '{Version:kustomize/v4.5.7 GitCommit:x}'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    snapshot = render({"a/kustomization.yaml": "namespace: x\n"})
    assert codes(snapshot) == ["kustomize-missing"]
    assert "older" in snapshot.problems[0].message


def test_a_render_that_takes_too_long_or_prints_too_much_is_a_failure() -> None:
    files = tree({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": CONFIG})
    for limit in ({"output_limit": 10}, {"timeout": 0.0001}):
        shared = context()
        for name, value in limit.items():
            setattr(shared.builder, name, value)
        snapshot = render_tree(files, shared)
        assert codes(snapshot) == ["kustomize-failed"]


def test_an_exponential_chain_ends_at_the_time_limit() -> None:
    chain = {"root/kustomization.yaml": "resources: [../k0a, ../k0b]\n"}
    for n in range(40):
        for side in "ab":
            chain[f"k{n}{side}/kustomization.yaml"] = f"resources: [../k{n + 1}a, ../k{n + 1}b]\n"
    chain |= {f"k40{side}/kustomization.yaml": "namespace: x\n" for side in "ab"}
    shared = context()
    shared.builder.timeout = 1.0
    snapshot = render_tree(tree(chain), shared)
    assert set(codes(snapshot)) == {"kustomize-failed"}
    assert "took longer" in snapshot.problems[0].message


# What agents go on applying, whatever a change builds around it.


def test_a_root_of_the_base_stays_one_when_a_change_builds_upon_it() -> None:
    shared = context()
    base = {"prod/kustomization.yaml": "resources: [a.yaml]\n", "prod/a.yaml": CONFIG}
    render_tree(tree(base), shared)
    head = {
        **base,
        "decoy/kustomization.yaml": "resources: [../prod]\nnamePrefix: decoy-\n",
        "prod/a.yaml": CONFIG.replace("blue", "evil"),
    }
    snapshot = render_tree(tree(head), shared)
    assert names(snapshot) == ["ConfigMap decoy-settings", "ConfigMap settings"]


def test_a_plain_directory_of_the_base_stays_one_when_a_change_lays_a_kustomization_over_it() -> None:
    shared = context()
    render_tree(tree({"apps/a.yaml": CONFIG}), shared)
    head = {
        "kustomization.yaml": "resources: [apps/a.yaml, apps/new.yaml]\nnamePrefix: decoy-\n",
        "apps/a.yaml": CONFIG,
        "apps/new.yaml": CONFIG.replace("settings", "evil"),
    }
    snapshot = render_tree(tree(head), shared)
    assert names(snapshot) == [
        "ConfigMap settings", "ConfigMap decoy-settings", "ConfigMap evil", "ConfigMap decoy-evil",
    ]  # fmt: skip
    assert snapshot.files["apps/new.yaml"] is Coverage.JUDGED


def test_a_component_that_nobody_uses_is_a_note() -> None:
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n"
    snapshot = render({"c/kustomization.yaml": component, "c/a.yaml": CONFIG})
    assert places(snapshot) == ["unreferenced-manifest c/kustomization.yaml:0"]
    assert set(snapshot.files.values()) == {Coverage.NOT_RENDERED}


def test_a_file_beside_a_kustomization_that_does_not_name_it_is_a_note() -> None:
    snapshot = render(
        {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": CONFIG, "b.yaml": CONFIG, "v.yaml": "a: 1\n"}
    )
    assert places(snapshot) == ["unreferenced-manifest b.yaml:1"]
    assert snapshot.files["b.yaml"] is Coverage.NOT_RENDERED
    assert snapshot.files["v.yaml"] is Coverage.NOT_A_MANIFEST


def test_settings_name_what_is_rendered() -> None:
    files = {
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": CONFIG,
        "prod/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
        "dev/kustomization.yaml": "resources: [../base]\n",
    }
    shared = context(SourceSetting("prod", SourceType.KUSTOMIZE), SourceSetting("gone", SourceType.KUSTOMIZE))
    snapshot = render_tree(tree(files), shared)
    assert names(snapshot) == ["ConfigMap prod-settings"]
    assert places(snapshot) == ["kustomize-invalid gone:0"]


def test_problems_of_a_consumed_file_are_reported_once_and_ambiguous_scalars_not_at_all() -> None:
    resource = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: yes}\n"
    assert codes(render({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": resource})) == []
    broken = render({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "a: b: c\n"})
    assert places(broken) == ["yaml-syntax a.yaml:1"]


def test_the_private_copy_is_for_the_owner_alone_and_never_leaves_its_directory(tmp_path: Path) -> None:
    wanted = BuildInput(
        root="app",
        root_file="app/kustomization.yaml",
        kustomizations={"app/kustomization.yaml": {"resources": ["a.yaml"]}},
        files={"app/a.yaml": b"x"},
        links={"app/b.yaml": "a.yaml"},
    )
    assert kustomize_build.write_private_copy(wanted, tmp_path / "tree") is True
    modes = {
        path.name: path.lstat().st_mode & 0o777 for path in (tmp_path / "tree").rglob("*") if not path.is_symlink()
    }
    assert modes == {"app": 0o700, "a.yaml": 0o600, "kustomization.yaml": 0o600}
    escaping = BuildInput(
        root="", root_file="k", kustomizations={"k": {"namespace": "x"}}, files={"../out": b"x"}, links={}
    )
    with pytest.raises(OSError, match="'\\.\\.'"):
        kustomize_build.write_private_copy(escaping, tmp_path / "other")
    assert not (tmp_path / "out").exists()


def test_a_problem_of_a_rendered_object_is_placed_in_its_file() -> None:
    hidden = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n"
    snapshot = render({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": f"---\n{hidden}"})
    assert codes(snapshot) == ["hidden-list"]
    assert snapshot.problems[0].location.path == "a.yaml"
    assert snapshot.problems[0].location.position == Position(2, 1)
    assert names(snapshot) == ["Secret s"]
