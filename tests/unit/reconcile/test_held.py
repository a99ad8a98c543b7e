"""What stays in the cluster because git cannot be rendered any more, with real renders."""

from __future__ import annotations

import pytest

from gitgate.reconcile.follow import follow
from gitgate.reconcile.held import with_held
from gitgate.reconcile.plan import Action, Plan, make_plan
from tests.support.rendering import render

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: web}\n"
FLUX = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: %s, namespace: flux-system}
spec: {interval: 10m, path: %s, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
"""
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s]\n"
BASE = {
    "cluster/apps.yaml": FLUX % ("apps", "./apps"),
    "apps/kustomization.yaml": KUSTOMIZATION % "a.yaml, web.yaml",
    "apps/a.yaml": MAP % "a",
    "apps/web.yaml": FLUX % ("web", "./web"),
    "web/b.yaml": MAP % "b",
    "plain/c.yaml": MAP % "c",
    "other/kustomization.yaml": KUSTOMIZATION % "d.yaml",
    "other/d.yaml": MAP % "d",
}
EVERYTHING = {"a", "b", "c", "d"}


def left(changes: dict[str, str]) -> set[str]:
    after = with_held(render(BASE), render({path: text for path, text in {**BASE, **changes}.items() if text}))
    return {one.id.name for one in after.resources if one.id.kind == "ConfigMap"}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("a kustomization names a file that is not there", {"apps/kustomization.yaml": KUSTOMIZATION % "wrong.yaml"}),
        ("a file of it cannot be read", {"apps/a.yaml": "a: [\n"}),
        ("a Kustomization has a path that is not there", {"apps/web.yaml": FLUX % ("web", "./wob")}),
        ("a file of a directory without one cannot be read", {"web/b.yaml": "a: [\n"}),
        ("a file that no agent reads cannot be read", {"plain/c.yaml": "a: [\n"}),
        ("a kustomization that no agent reads fails", {"other/kustomization.yaml": KUSTOMIZATION % "wrong.yaml"}),
    ],
)
def test_nothing_goes_where_the_agent_cannot_render(what: str, changes: dict[str, str]) -> None:
    assert left(changes) == EVERYTHING


@pytest.mark.parametrize(
    ("what", "changes", "gone"),
    [
        ("an object", {"apps/kustomization.yaml": KUSTOMIZATION % "web.yaml", "apps/a.yaml": ""}, {"a"}),
        ("what applies it", {"apps/kustomization.yaml": KUSTOMIZATION % "a.yaml", "apps/web.yaml": ""}, set()),
        ("all of it", {"cluster/apps.yaml": "", "web/b.yaml": ""}, {"b"}),
        ("an object beside one that fails", {"plain/c.yaml": "", "web/b.yaml": "a: [\n"}, {"c"}),
    ],
)
def test_what_the_merge_takes_away_goes(what: str, changes: dict[str, str], gone: set[str]) -> None:
    assert left(changes) == EVERYTHING - gone


REMOTE = KUSTOMIZATION % "web.yaml, 'https://github.com/org/more'"


GIT_CRYPT = b"\0GITCRYPT\0\x12\x13"
LARGE = "a: 1\n" * 1_000_000
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: web}\nstringData: {key: '%s'}\n"
SEALED = SECRET % ("s", "ENC[AES256_GCM,data:c2VjcmV0,iv:aXY=,tag:dGFn,type:str]") + (
    "sops: {mac: 'ENC[AES256_GCM,data:bWFj,iv:aXY=,tag:dGFn,type:str]', version: 3.9.0}\n"
)
OTHER_SOURCE = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: other, namespace: flux-system}\n"
    "spec: {interval: 1m, url: 'https://example.com/other.git'}\n---\n"
)


def planned(base: dict[str, str | bytes], change: dict[str, str | bytes | None]) -> Plan:
    after = {path: text for path, text in {**base, **change}.items() if text is not None}
    was, shall_be = render(base), render(after)
    return make_plan(was, with_held(was, shall_be), "1.37")


def unread(plan: Plan) -> dict[str, str]:
    return {item.id.name: item.reason for item in plan.objects if item.is_unread and item.id.kind != "Kustomization"}


def told_as_gone(plan: Plan) -> set[str]:
    return {item.id.name for item in plan.objects if item.action is Action.PRUNE}


@pytest.mark.parametrize(
    ("what", "change", "names", "reason"),
    [
        (
            "gitgate fetches nothing, and the agent does",
            {"apps/kustomization.yaml": REMOTE},
            "ab",
            "the agent may render it",
        ),
        ("a plain file is too large for gitgate", {"plain/c.yaml": LARGE}, "c", "plain/c.yaml is not rendered here"),
        ("a file of a Kustomization is", {"web/b.yaml": LARGE}, "b", "more than the limit"),
        ("a file is encrypted", {"plain/c.yaml": GIT_CRYPT}, "c", "encrypted by git-crypt"),
        ("a file is binary", {"plain/c.yaml": b"\0"}, "c", "binary"),
        (
            "what it applies is somewhere else",
            {"apps/web.yaml": OTHER_SOURCE + (FLUX % ("web", "./web")).replace("name: flux-system}", "name: other}")},
            "b",
            "somewhere else",
        ),
    ],
)
def test_of_what_gitgate_alone_cannot_read_nothing_is_told_as_gone(what, change, names: str, reason: str) -> None:
    plan = planned(BASE, change)
    found = unread(plan)
    assert (set(found), told_as_gone(plan)) == (set(names), set())
    assert all(reason in one for one in found.values())


def test_a_secret_that_is_encrypted_from_now_on_is_the_same_one() -> None:
    files = {"s.yaml": SECRET % ("s", "plain") + "---\n" + MAP % "m", "keep.yaml": MAP % "keep"}
    plan = planned(files, {"s.yaml": SEALED})
    assert (set(unread(plan)), told_as_gone(plan)) == (set(), {"m"})
    assert {item.id.name: item.action for item in plan.changed} == {"m": Action.PRUNE, "s": Action.UPDATE}


def test_a_secret_whose_file_is_encrypted_with_its_name_is_not_told_as_gone() -> None:
    files = {"s.yaml": SECRET % ("s", "plain") + "---\n" + MAP % "m", "keep.yaml": MAP % "keep"}
    plan = planned(
        files, {"s.yaml": SEALED.replace("name: s", "name: 'ENC[AES256_GCM,data:cw,iv:aXY=,tag:dGFn,type:str]'")}
    )
    assert (set(unread(plan)), told_as_gone(plan)) == ({"s"}, {"m"})


def test_encrypted_secrets_are_compared_by_name_key_and_ciphertext() -> None:
    files = {"s.yaml": SEALED, "keep.yaml": MAP % "keep"}
    assert planned(files, {"keep.yaml": MAP % "keep"}).changed == ()
    for change, wanted in (
        (SEALED.replace("c2VjcmV0", "b3RoZXI"), {"s": Action.UPDATE}),
        (SEALED.replace("name: s", "name: t"), {"s": Action.PRUNE, "t": Action.CREATE}),
        (None, {"s": Action.PRUNE}),
    ):
        plan = planned(files, {"s.yaml": change})
        assert {item.id.name: item.action for item in plan.changed} == wanted
        assert "c2VjcmV0" not in str([item.changes for item in plan.changed])


@pytest.mark.parametrize(
    ("what", "base", "change"),
    [
        ("it failed before, for another object", {"web/z.yaml": "a: [\n"}, {"plain/c.yaml": None}),
        ("it was too large before", {"plain/z.yaml": LARGE}, {"plain/c.yaml": None}),
        ("another file is too large", {}, {"plain/c.yaml": None, "plain/z.yaml": LARGE}),
        ("another file is encrypted", {}, {"plain/c.yaml": None, "plain/z.yaml": GIT_CRYPT}),
    ],
)
def test_what_the_change_takes_away_beside_it_is_told_as_gone(what: str, base, change) -> None:
    plan = planned({**BASE, **base}, change)
    assert (told_as_gone(plan), unread(plan)) == ({"c"}, {})


@pytest.mark.parametrize("content", ["a: [\n", LARGE, GIT_CRYPT])
def test_what_an_owner_applies_that_is_not_rendered_any_more_is_not_created_beside_it(content: str | bytes) -> None:
    plan = planned(BASE, {"apps/a.yaml": content})
    assert sorted(item.id.name for item in plan.objects if item.id.kind == "ConfigMap") == sorted(EVERYTHING)
    assert Action.CREATE not in {item.action for item in plan.objects}


def test_data_that_may_go_is_told() -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: p, namespace: web}\nspec: {accessModes: "
    claim += "[ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    files = {"p.yaml": claim, "n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n"}
    was, shall_be = render(files), render({"p.yaml": LARGE, "n.yaml": GIT_CRYPT})
    after = with_held(was, shall_be)
    found = [(one.code, one.message) for one in follow(make_plan(was, after, "1.37"), was, after)]
    assert [code for code, _ in found] == ["implied-deletion", "stateful-prune"]
    assert all(message.startswith("nothing tells whether it stays") for _, message in found)


URL = "'https://example.com/install.yaml'"
FETCHING = {**BASE, "apps/kustomization.yaml": KUSTOMIZATION % f"a.yaml, web.yaml, {URL}"}


def test_what_is_deleted_beside_fetched_objects_goes() -> None:
    policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}}\n"
    files = {"apps/kustomization.yaml": KUSTOMIZATION % f"n.yaml, {URL}", "apps/n.yaml": policy}
    plan = planned(files, {"apps/kustomization.yaml": KUSTOMIZATION % URL, "apps/n.yaml": None})
    assert (unread(plan), told_as_gone(plan)) == ({}, {"n"})


@pytest.mark.parametrize(
    "entry", [URL, "'https://github.com/org/repo'", "new"], ids=["a file", "a repository", "another kustomization"]
)
def test_what_may_be_among_fetched_objects_from_now_on_is_not_told_as_deleted(entry: str) -> None:
    files = {**BASE, "apps/kustomization.yaml": KUSTOMIZATION % f"web.yaml, {entry}"}
    files["apps/new/kustomization.yaml"] = KUSTOMIZATION % URL
    after = with_held(render(BASE), render(files))
    assert "a" in {identity.name for _, identity in after.unread}
