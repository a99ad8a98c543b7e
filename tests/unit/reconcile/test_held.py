"""What stays in the cluster because git cannot be rendered any more, with real renders."""

from __future__ import annotations

import pytest

from gitgate.reconcile.held import with_held
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


REMOTE = KUSTOMIZATION % "web.yaml, 'https://example.com/more.yaml'"


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        ("gitgate fetches nothing, and the agent does", {}, {"apps/kustomization.yaml": REMOTE}),
        (
            "it failed before, for another object",
            {"web/z.yaml": "a: [\n"},
            {"web/z.yaml": "a: [\n", "plain/c.yaml": ""},
        ),
    ],
)
def test_what_goes_is_told_where_the_agent_may_render_what_gitgate_does_not(what: str, before, after) -> None:
    was, shall_be = ({**BASE, **changes} for changes in (before, after))
    held = with_held(*(render({path: text for path, text in side.items() if text}) for side in (was, shall_be)))
    assert {one.id.name for one in held.resources if one.id.kind == "ConfigMap"} != EVERYTHING
