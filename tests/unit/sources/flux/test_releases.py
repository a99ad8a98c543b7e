"""HelmReleases as helm-controller takes them: values, post-renderers, and definitions that upgrades leave alone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import pytest

from gitgate.checks.grants import unknown_grants
from gitgate.proposal import Coverage, Snapshot
from gitgate.sources.registry import render_tree
from tests.support.rendering import context, tree
from tests.unit.sources.flux.test_flux import CHART, RELEASE, agents, bootstrap, found, kustomization, one_app

PRINTER = {
    **CHART,
    "charts/web/templates/config.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: out}\ndata: {values: {{ .Values | toJson | quote }} }\n"
    ),
}
ENCRYPTED = """\
apiVersion: v1
kind: {kind}
metadata: {{name: values, namespace: shop}}
data:
  values.yaml: ENC[AES256_GCM,data:abcd,iv:aaaa,tag:bbbb,type:str]
sops:
  mac: ENC[AES256_GCM,data:abcd,iv:aaaa,tag:bbbb,type:str]
  lastmodified: "2024-01-01T00:00:00Z"
  encrypted_regex: ^(data|stringData)$
  version: 3.8.1
  age: [{{recipient: age1x, enc: abc}}]
"""
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
CHANGED = DEFINITION.replace("{type: object}", "{type: object, description: new}")


def release(more: str) -> str:
    return RELEASE + textwrap.indent(textwrap.dedent(more), "  ")


def values(**data: str) -> str:
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values", "namespace": "shop"}}
    return json.dumps({**head, "data": data})


def printed(more: str, **data: str) -> Any:
    """What a chart gets as values, its own defaults left out."""
    snapshot = one_app("", {"apps/release.yaml": release(more), "apps/values.yaml": values(**data), **PRINTER})
    assert agents(snapshot) == []
    return json.loads(found(snapshot, "ConfigMap", "out").data["data"]["values"])


def reference(key: str, target: str, more: str = "") -> str:
    return f"{{kind: ConfigMap, name: values, valuesKey: {key}, targetPath: '{target}'{more}}}"


def test_a_target_path_is_what_helm_sets() -> None:
    more = f"valuesFrom: [{reference('a', 'hosts[0].host')}, {reference('b', 'list')}, {reference('c', 'n')}]\n"
    got = printed(more, a="web.example.com", b="{x,y}", c="'12'")
    assert (got["hosts"], got["list"], got["n"]) == ([{"host": "web.example.com"}], ["x", "y"], "12")


def test_a_literal_value_is_taken_whole() -> None:
    assert printed(f"valuesFrom: [{reference('a', 'n', ', literal: true')}]\n", a="a,b={x}")["n"] == "a,b={x}"


def test_a_target_path_wins_over_what_is_written_below_the_same_key_only() -> None:
    more = f"values: {{in: {{a: 1, b: 1}}, top: 1}}\nvaluesFrom: [{reference('k', 'in.a')}, {reference('k', 'top')}]\n"
    assert {key: printed(more, k="x")[key] for key in ("in", "top")} == {"in": {"a": "x", "b": 1}, "top": 1}


def test_values_that_a_reference_puts_into_the_release_stay_out_of_the_release_itself() -> None:
    more = f"values: {{in: {{a: 1}}}}\nvaluesFrom: [{reference('k', 'in.a')}]\n"
    snapshot = one_app("", {"apps/release.yaml": release(more), "apps/values.yaml": values(k="x"), **PRINTER})
    assert found(snapshot, "HelmRelease", "web").data["spec"]["values"] == {"in": {"a": 1}}


def test_a_value_that_helm_cannot_set_is_found_at_its_line() -> None:
    text = release(f"valuesFrom:\n  - {reference('a', 'n')}\n")
    snapshot = one_app("", {"apps/release.yaml": text, "apps/values.yaml": values(a="x,y"), **PRINTER})
    assert ("agent-invalid", "apps/release.yaml", 11) in agents(snapshot)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_encrypted_values_are_not_known(kind: str) -> None:
    more = f"valuesFrom: [{{kind: {kind}, name: values}}]\n"
    files = {"apps/release.yaml": release(more), "apps/values.yaml": ENCRYPTED.format(kind=kind), **PRINTER}
    snapshot = one_app("", files)
    assert ("agent-unresolved-variable", "apps/release.yaml", 10) in agents(snapshot)
    assert found(snapshot, "ConfigMap", "out").data["data"]["values"] == '{"colour":"red","size":1}'


def test_encrypted_variables_are_not_known_either() -> None:
    text = ENCRYPTED.format(kind="ConfigMap").replace("values.yaml", "COLOUR").replace(": shop", ": flux-system")
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: web}\ndata: {a: '${COLOUR}'}\n"
    more = "postBuild: {substituteFrom: [{kind: ConfigMap, name: values}]}\n"
    snapshot = one_app(more, {"apps/a.yaml": config, "clusters/one/values.yaml": text})
    assert found(snapshot, "ConfigMap", "a").data["data"] == {"a": "${COLOUR}"}


NEEDS = {
    **CHART,
    "charts/web/templates/config.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: out}\ndata: {a: '{{ required \"a password\" .Values.word }}'}\n"
    ),
}


def test_a_chart_that_needs_values_which_are_encrypted_is_named_and_no_mistake() -> None:
    more = "valuesFrom: [{kind: Secret, name: values}]\n"
    files = {"apps/release.yaml": release(more), "apps/values.yaml": ENCRYPTED.format(kind="Secret"), **NEEDS}
    snapshot = one_app("", files)
    assert agents(snapshot) == [("agent-not-rendered", "apps/release.yaml", 10)]
    assert snapshot.files["charts/web/templates/config.yaml"] is Coverage.NOT_RENDERED


def test_a_chart_that_needs_values_which_nothing_names_is_a_mistake() -> None:
    assert [code for code, _, _ in agents(one_app("", {"apps/release.yaml": RELEASE, **NEEDS}))] == ["helm-failed"]


ADD = '[{"op": "add", "path": "/data/patched", "value": "yes"}]'
REMOVE = '[{"op": "remove", "path": "/spec"}]'
PATCH = """\
postRenderers:
  - kustomize:
      patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata: {{name: web-config{namespace}}}
            data: {{patched: "yes"}}
"""


def test_a_post_renderer_finds_objects_as_the_chart_prints_them() -> None:
    files = {
        "apps/release.yaml": release("targetNamespace: live\nreleaseName: web\n" + PATCH.format(namespace="")),
        **CHART,
    }
    assert found(one_app("", files), "ConfigMap", "web-config").data["data"]["patched"] == "yes"


def test_a_post_renderer_cannot_name_a_namespace_that_helm_has_not_set_yet() -> None:
    more = "targetNamespace: live\nreleaseName: web\n" + PATCH.format(namespace=", namespace: live")
    snapshot = one_app("", {"apps/release.yaml": release(more), **CHART})
    assert [code for code, _, _ in agents(snapshot)] == ["agent-invalid"]


@pytest.mark.parametrize(("strategy", "wanted"), [("combined", "yes"), ("nohooks", None), ("separate", "yes")])
def test_hooks_are_patched_as_the_strategy_says(strategy: str, wanted: str | None) -> None:
    hook = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hook, annotations: {helm.sh/hook: pre-install}}\n"
        "data: {a: b}\n"
    )
    more = f"postRenderStrategy: {strategy}\npostRenderers:\n  - kustomize:\n      patches:\n"
    more += f"        - {{patch: '{ADD}', target: {{kind: ConfigMap}}}}\n"
    files = {"apps/release.yaml": release(more), **CHART, "charts/web/templates/hook.yaml": hook}
    snapshot = one_app("", files)
    assert found(snapshot, "ConfigMap", "hook").data["data"].get("patched") == wanted
    assert found(snapshot, "ConfigMap", "web-config").data["data"]["patched"] == "yes"


def upgraded(more: str, chart: Mapping[str, str | None], before: str = "") -> tuple[Snapshot, Snapshot]:
    """The cluster before and after a change of the release and its chart."""
    base = {
        **bootstrap("one"), "clusters/one/apps.yaml": kustomization("apps", "./apps"), "apps/release.yaml": release(before),
        **CHART, "charts/web/crds/thing.yaml": DEFINITION,
    }  # fmt: skip
    changed = {**base, "apps/release.yaml": release(more), **chart}
    shared = context()
    head = {path: text for path, text in changed.items() if text is not None}
    return render_tree(tree(base), shared), render_tree(tree(head), shared)


def schema_of(snapshot: Snapshot) -> Any:
    return found(snapshot, "CustomResourceDefinition", "things.example.com").data["spec"]["versions"][0]["schema"]


@pytest.mark.parametrize(
    ("more", "is_new"),
    [("", False), ("upgrade: {crds: Create}\n", False), ("upgrade: {crds: Skip}\n", False),
     ("install: {crds: CreateReplace}\n", False), ("upgrade: {crds: CreateReplace}\n", True)],
)  # fmt: skip
def test_an_upgrade_leaves_definitions_as_they_are_unless_it_replaces_them(more: str, is_new: bool) -> None:  # noqa: FBT001 - a table
    before, after = upgraded(more, {"charts/web/crds/thing.yaml": CHANGED})
    assert (schema_of(after) != schema_of(before)) is is_new
    assert [one.code for one in after.problems] == ([] if is_new else ["release-definitions"])


def test_a_definition_that_the_chart_drops_stays_in_the_cluster() -> None:
    before, after = upgraded("upgrade: {crds: CreateReplace}\n", {"charts/web/crds/thing.yaml": None})
    assert schema_of(after) == schema_of(before)


def test_a_definition_of_a_release_that_goes_stays_in_the_cluster() -> None:
    gone = dict.fromkeys((*CHART, "charts/web/crds/thing.yaml", "apps/release.yaml"))
    before, after = upgraded("", {**gone, "apps/other.yaml": values(a="b")})
    assert not any(one.id.kind == "HelmRelease" for one in after.resources)
    assert schema_of(after) == schema_of(before)


def test_a_definition_that_another_owner_takes_over_is_there_once() -> None:
    before, after = upgraded("", {"charts/web/crds/thing.yaml": None, "apps/thing.yaml": CHANGED})
    gone = dict.fromkeys((*CHART, "charts/web/crds/thing.yaml", "apps/release.yaml"))
    _, alone = upgraded("", {**gone, "apps/thing.yaml": CHANGED})
    assert schema_of(alone) == schema_of(after) != schema_of(before)


@pytest.mark.parametrize(("more", "is_there"), [("", True), ("upgrade: {crds: Skip}\n", False)])
def test_a_definition_that_the_chart_gets_is_created_unless_it_is_skipped(more: str, is_there: bool) -> None:  # noqa: FBT001 - a table
    other = DEFINITION.replace("thing", "other").replace("Thing", "Other")
    _, after = upgraded(more, {"charts/web/crds/other.yaml": other})
    assert any(one.id.name == "others.example.com" for one in after.resources) is is_there
    assert [one.code for one in after.problems] == ([] if is_there else ["release-definitions"])


def test_a_definition_in_a_template_is_updated_as_everything_is() -> None:
    files = {"charts/web/templates/thing.yaml": DEFINITION}
    base = {
        **bootstrap("one"),
        "clusters/one/apps.yaml": kustomization("apps", "./apps"),
        "apps/r.yaml": RELEASE,
        **CHART,
    }
    shared = context()
    before = render_tree(tree({**base, **files}), shared)
    after = render_tree(tree({**base, "charts/web/templates/thing.yaml": CHANGED}), shared)
    assert schema_of(before) != schema_of(after)


def test_post_renderers_do_not_see_what_lies_in_crds() -> None:
    more = "postRenderers:\n  - kustomize:\n      patches:\n"
    more += f"        - {{patch: '{REMOVE}', target: {{kind: CustomResourceDefinition}}}}\n"
    files = {"apps/release.yaml": release(more), **CHART, "charts/web/crds/thing.yaml": DEFINITION}
    assert schema_of(one_app("", files))


def test_the_first_definitions_of_a_chart_are_skipped_where_the_upgrade_skips_them() -> None:
    base = {
        **bootstrap("one"),
        "clusters/one/apps.yaml": kustomization("apps", "./apps"),
        "apps/r.yaml": release("upgrade: {crds: Skip}\n"),
        **CHART,
    }
    shared = context()
    render_tree(tree(base), shared)
    after = render_tree(tree({**base, "charts/web/crds/thing.yaml": DEFINITION}), shared)
    assert not any(one.id.kind == "CustomResourceDefinition" for one in after.resources)


def test_what_is_encrypted_in_other_objects_is_not_known_and_no_mistake() -> None:
    cipher = "ENC[AES256_GCM,data:abcd,iv:aaaa,tag:bbbb,type:str]"
    text = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a, namespace: shop}\n"
        f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: '{cipher}'}}\n"
        f"sops: {{mac: '{cipher}', version: 3.8.1, encrypted_regex: ^name$}}\n"
    )
    kept = found(one_app("decryption: {provider: sops}\n", {"apps/a.yaml": text}), "RoleBinding", "a")
    assert "sops" not in kept.data
    assert kept.unresolved == (("roleRef", "name"),)
    assert [path for path, _ in unknown_grants(kept)] == [("roleRef", "name")]
    assert "sops" in found(one_app("", {"apps/a.yaml": text}), "RoleBinding", "a").data
