"""What becomes of objects when the Application, set or Kustomization that applied them goes."""

from __future__ import annotations

import pytest

from gitgate.reconcile.agents import find_owners
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import make_plan
from gitgate.sources.registry import render_tree
from tests.support.cluster import VERSION
from tests.support.rendering import DEPLOYMENT, context, tree
from tests.unit.sources.argocd.test_application_sets import application_set
from tests.unit.sources.argocd.test_applications import application
from tests.unit.sources.flux.test_flux import CONFIG, bootstrap, kustomization


def planned(before: dict[str, str], after: dict[str, str | None]) -> dict[str, str]:
    """The actions of all that changes, by object."""
    shared = context()
    changed = {path: text for path, text in {**before, **after}.items() if text is not None}
    base, head = render_tree(tree(before), shared), render_tree(tree(changed), shared)
    return {str(item.id): item.action.value for item in make_plan(base, head, VERSION).changed}


def elements(names: str, policy: str) -> dict[str, str]:
    return application_set(f"- list: {{elements: [{names}]}}", "{{.name}}", "apps/{{.name}}", more=policy)


@pytest.mark.parametrize(
    ("policy", "application_is", "deployment_is"),
    [
        ("", "prune", "prune"),
        ("syncPolicy: {preserveResourcesOnDeletion: true}\n", "prune", "orphan"),
        ("syncPolicy: {applicationsSync: create-update}\n", "orphan", "orphan"),
        ("syncPolicy: {applicationsSync: create-only}\n", "orphan", "orphan"),
        ("syncPolicy: {applicationsSync: create-delete}\n", "prune", "prune"),
    ],
)
def test_an_element_that_goes_takes_along_what_the_set_lets_go(
    policy: str, application_is: str, deployment_is: str
) -> None:
    found = planned(elements("{name: one}, {name: two}", policy), dict(elements("{name: one}", policy)))
    assert (found["Application argocd/two"], found["Deployment web/two"]) == (application_is, deployment_is)
    assert found.keys() == {"Application argocd/two", "Deployment web/two", "ApplicationSet argocd/all"}


CASCADING = "\n  finalizers: [resources-finalizer.argocd.argoproj.io]"


def apps(finalizers: str, annotations: str = "{}") -> dict[str, str]:
    """An Application of one Deployment."""
    text = application("web", "path: apps").replace(
        "metadata: {name: web, namespace: argocd}", f"metadata:\n  name: web\n  namespace: argocd{finalizers}"
    )
    return {
        "web.yaml": text,
        "apps/d.yaml": DEPLOYMENT.replace("name: web\n", f"name: web\n  annotations: {annotations}\n", 1),
    }


@pytest.mark.parametrize(
    ("finalizers", "options", "action"),
    [
        (CASCADING, "", "prune"), ("", "", "orphan"), (CASCADING, "Prune=false", "prune"),
        (CASCADING, "Delete=false", "orphan"),
    ],
)  # fmt: skip
def test_an_application_deletes_with_its_finalizer_whether_it_prunes_or_not(
    finalizers: str, options: str, action: str
) -> None:
    before = apps(finalizers, f"{{argocd.argoproj.io/sync-options: '{options}'}}")
    other = application("other", "path: other")
    found = planned({**before, "o.yaml": other, "other/a.yaml": CONFIG.format(name="o", value=1)}, {"web.yaml": None})
    assert found["Deployment web/web"] == action


@pytest.mark.parametrize(
    ("more", "action"),
    [
        ("", "prune"), ("suspend: true\n", "orphan"), ("deletionPolicy: Orphan\n", "orphan"),
        ("deletionPolicy: Delete\n", "prune"),
    ],
)  # fmt: skip
def test_a_kustomization_that_goes_deletes_as_its_policy_says(more: str, action: str) -> None:
    files = {
        **bootstrap("one"), "clusters/one/apps.yaml": kustomization("apps", "./apps", more),
        "apps/a.yaml": CONFIG.format(name="a", value=1),
    }  # fmt: skip
    assert planned(files, {"clusters/one/apps.yaml": None, "apps/a.yaml": None})["ConfigMap web/a"] == action


def test_what_an_owner_leaves_out_is_deleted_and_not_created_although_its_file_stays() -> None:
    files = {
        **apps(CASCADING, "{}"),
        "anchor.yaml": application("anchor", "path: other"),
        "other/a.yaml": CONFIG.format(name="o", value=1),
    }
    assert planned(files, {"web.yaml": None}) == {"Application argocd/web": "prune", "Deployment web/web": "prune"}


def test_an_application_of_another_cluster_is_known_there_by_name_only() -> None:
    files = {
        **apps(CASCADING),
        "far.yaml": application("far", "path: far").replace(
            "'https://kubernetes.default.svc'", "https://far.example.com"
        ),
        "far/a.yaml": CONFIG.format(name="a", value=1),
    }
    snapshot = render_tree(tree(files), context())
    far = [one for one in snapshot.resources if one.origin.cluster == "https://far.example.com"]
    near = [one for one in snapshot.resources if one not in far]
    assert [str(one.id) for one in far] == ["ConfigMap web/a"]
    owners = find_owners(far, near)
    assert owners.by_name["Application argocd/far"].prunes is False
    assert {owner.path for owner in owners} == {"\0"}


def test_what_goes_in_another_cluster_is_told_where_its_application_is() -> None:
    far = apps(CASCADING)["web.yaml"].replace("'https://kubernetes.default.svc'", "https://far.example.com")
    files = {**apps(CASCADING), "web.yaml": far, "o.yaml": application("o", "path: o"), "o/d.yaml": DEPLOYMENT}
    shared = context()
    base = render_tree(tree(files), shared)
    head = render_tree(tree({path: text for path, text in files.items() if path != "web.yaml"}), shared)
    told = follow(make_plan(base, head, VERSION), base, head)
    assert [one.message for one in told if one.code == "cascading-deletion"] == [
        "what it applied is deleted with it: 1 object of this repository"
    ]
