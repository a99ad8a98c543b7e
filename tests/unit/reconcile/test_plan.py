"""Plans of whole snapshots, and what follows from them: one behaviour of an agent each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.proposal import Snapshot
from gitgate.reconcile.agents import find_owners, handling
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.follow import follow
from gitgate.reconcile.plan import Action, Plan, make_plan
from gitgate.reconcile.render import render_text
from gitgate.reconcile.render_html import render_html
from gitgate.reconcile.render_json import render_json
from gitgate.reconcile.render_markdown import LIMIT, render_markdown
from gitgate.reconcile.way_back import reached, way_back
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.support.cluster import VERSION, changed, service, thing, workload

CONFIG = changed(thing("v1", "ConfigMap", data={"a": "1"}), "metadata.name", "settings")
SECRET = thing("v1", "Secret", stringData={"password": "hunter2"})
CLAIM = thing("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"],
                                                   "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
SCALER = thing("autoscaling/v2", "HorizontalPodAutoscaler",
               spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                     "maxReplicas": 5})  # fmt: skip
READER = workload(container={"envFrom": [{"configMapRef": {"name": "settings"}}]})
BINDING = thing("rbac.authorization.k8s.io/v1", "RoleBinding",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "a"})  # fmt: skip


def definition(**properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    spec = {
        "group": "ex.io", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
    }  # fmt: skip
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "foos.ex.io"}, "spec": spec}  # fmt: skip


def foo(**spec: Any) -> dict[str, Any]:
    return thing("ex.io/v1", "Foo", spec=spec)


def flux(name: str, path: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {"interval": "10m", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
                     "path": path, "prune": True, **spec}}  # fmt: skip


def application(path: str, **policy: Any) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "apps", "namespace": "argocd"},
            "spec": {"source": {"path": path}, "syncPolicy": policy}}  # fmt: skip


def snapshot(*objects: dict[str, Any] | tuple[str, dict[str, Any]]) -> Snapshot:
    resources = []
    for number, item in enumerate(objects):
        path, data = item if isinstance(item, tuple) else (f"apps/{number}.yaml", item)
        group, version = split_api_version(data["apiVersion"])
        metadata = data["metadata"]
        identity = ResourceId(group, version, data["kind"], metadata.get("namespace", ""), metadata["name"])
        resources.append(Resource(identity, data, Origin(path)))
    return Snapshot(resources=tuple(resources))


def planned(before: list, after: list, **options: Any) -> tuple[Plan, dict[str, str]]:
    """The plan, and what follows by code (with the object's kind)."""
    was, shall_be = snapshot(*before), snapshot(*after)
    plan = make_plan(was, shall_be, VERSION, **options)
    return plan, {item.code: f"{item.resource.kind}: {item.message}" for item in follow(plan, was, shall_be)}


def action(before: list, after: list, **options: Any) -> Action:
    plan, _ = planned(before, after, **options)
    return plan.objects[0].action


ANNOTATED = "metadata.annotations"

ACTIONS = [
    ("a new object", [], [workload()], Action.CREATE),
    ("a new image", [workload()], [workload(container={"image": "web:2"})], Action.UPDATE),
    ("another spelling", [workload()], [workload(replicas=1)], Action.UNCHANGED),
    ("the same text", [workload()], [workload()], Action.UNCHANGED),
    ("an object that git drops", [workload()], [], Action.PRUNE),
    ("a new selector", [service(), workload("DaemonSet")], [service(), changed(
        changed(workload("DaemonSet"), "spec.selector.matchLabels.app", "x"),
        "spec.template.metadata.labels.app", "x")], Action.BLOCKED),
    ("an invalid new object", [], [workload(container={"image": ""})], Action.BLOCKED),
    ("a kind that nothing defines", [foo(a=1)], [foo(a="x")], Action.UNKNOWN),
    ("a new object of a kind that nothing defines", [], [foo(a=1)], Action.CREATE),
    ("Argo CD's Prune=false", [changed(workload(), ANNOTATED, {
        "argocd.argoproj.io/sync-options": "Prune=false"})], [], Action.ORPHAN),
    ("Flux's prune: disabled", [changed(workload(), ANNOTATED, {
        "kustomize.toolkit.fluxcd.io/prune": "disabled"})], [], Action.ORPHAN),
    ("Flux's reconcile: disabled", [workload()], [changed(workload(replicas=2), ANNOTATED, {
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled"})], Action.UNCHANGED),
    ("Flux's ssa: IfNotPresent", [workload()], [changed(workload(replicas=2), ANNOTATED, {
        "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"})], Action.UNCHANGED),
    ("Flux's force: enabled", [CLAIM], [changed(changed(CLAIM, "spec.accessModes", ["ReadWriteMany"]), ANNOTATED, {
        "kustomize.toolkit.fluxcd.io/force": "enabled"})], Action.REPLACE),
    ("force: true, which has no effect", [CLAIM], [changed(
        changed(CLAIM, "spec.accessModes", ["ReadWriteMany"]), ANNOTATED, {
            "kustomize.toolkit.fluxcd.io/force": "true"})], Action.BLOCKED),
    ("force on an object that is invalid in itself", [CLAIM], [changed(changed(CLAIM, "spec.accessModes", []), ANNOTATED, {
        "kustomize.toolkit.fluxcd.io/force": "enabled"})], Action.BLOCKED),
]  # fmt: skip


@pytest.mark.parametrize(("what", "before", "after", "wanted"), ACTIONS, ids=[row[0] for row in ACTIONS])
def test_what_becomes_of_an_object(what: str, before: list, after: list, wanted: Action) -> None:
    assert action(before, after) is wanted


NOT_FLUX = application(".", automated={"prune": True})
RELEASE = thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", spec={})
FLUX_NAME, ARGO_OPTIONS = "kustomize.toolkit.fluxcd.io", "argocd.argoproj.io/sync-options"
READ_BY = [
    ("Flux does not read Argo CD's", flux("all", "."), {ARGO_OPTIONS: "Prune=false"}, Action.PRUNE),
    ("Argo CD does not read Flux's", NOT_FLUX, {f"{FLUX_NAME}/prune": "disabled"}, Action.PRUNE),
    ("Flux keeps what it ignores", flux("all", "."), {f"{FLUX_NAME}/ssa": "Ignore"}, Action.ORPHAN),
    ("Flux prunes what it makes once", flux("all", "."), {f"{FLUX_NAME}/ssa": "IfNotPresent"}, Action.PRUNE),
    ("Argo CD prunes what Helm would keep", NOT_FLUX, {"helm.sh/resource-policy": "keep"}, Action.PRUNE),
    ("Helm keeps it", RELEASE, {"helm.sh/resource-policy": "keep"}, Action.ORPHAN),
    ("Helm does not read Flux's", RELEASE, {f"{FLUX_NAME}/prune": "disabled"}, Action.PRUNE),
]


@pytest.mark.parametrize(("what", "owner", "annotations", "wanted"), READ_BY, ids=[row[0] for row in READ_BY])
def test_annotations_count_for_the_agent_that_reads_them(
    what: str, owner: dict[str, Any], annotations: dict[str, str], wanted: Action
) -> None:
    (found,) = find_owners(snapshot(owner).resources)
    (kept,) = snapshot(changed(workload(), ANNOTATED, annotations)).resources
    keep = handling(kept, found, ApplyMethod.SERVER_SIDE).keep
    assert (Action.ORPHAN if keep else Action.PRUNE) is wanted


def test_argo_cd_applies_client_side_unless_told_otherwise() -> None:
    recreate = workload(strategy={"type": "Recreate"})
    for options, wanted in (({}, Action.UPDATE), ({"syncOptions": ["ServerSideApply=true"]}, Action.BLOCKED)):
        plan, _ = planned([workload(), application("apps", **options)], [recreate, application("apps", **options)])
        assert {item.id.kind: item.action for item in plan.objects}["Deployment"] is wanted


def test_argo_cd_recreates_a_binding_whose_role_changes_and_server_side_apply_does_not() -> None:
    other = changed(BINDING, "roleRef.name", "b")
    assert action([BINDING], [other], default=ApplyMethod.CLIENT_SIDE) is Action.REPLACE
    assert action([BINDING], [other]) is Action.BLOCKED


def test_a_kustomization_without_prune_leaves_objects_behind() -> None:
    plan, _ = planned([workload(), flux("apps", "./apps", prune=False)], [flux("apps", "./apps", prune=False)])
    assert [item.action for item in plan.objects if item.id.kind == "Deployment"] == [Action.ORPHAN]


def test_an_application_that_does_not_prune_by_itself_leaves_objects_behind() -> None:
    plan, _ = planned([workload(), application("apps")], [application("apps")])
    assert [item.action for item in plan.objects if item.id.kind == "Deployment"] == [Action.ORPHAN]


FOLLOWS = [
    ("rollout", [workload()], [workload(container={"image": "web:2"})], "Pods are replaced, because of spec.containers[0].image"),
    ("downtime", [workload(strategy={"type": "Recreate"})],
     [workload(strategy={"type": "Recreate"}, container={"image": "web:2"})], "stops all Pods"),
    ("scaled-to-zero", [workload(replicas=3)], [workload(replicas=0)], "from 3 replicas to none"),
    ("stale-configuration", [CONFIG, READER], [changed(CONFIG, "data.a", "2"), READER], "nothing restarts the Pods"),
    ("stateful-prune", [CLAIM], [], "its data with it"),
    ("stateful-prune", [workload("StatefulSet")], [], "its Pods with it"),
    ("implied-deletion", [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, workload()],
     [workload()], "1 object of this repository, 1 of which the repository keeps"),
    ("implied-deletion", [definition(), foo()], [foo()], "every Foo in the cluster is deleted with it; 1 is in"),
    ("scaling-fight", [workload(), SCALER], [workload(replicas=3), SCALER], "git fixes replicas at 3"),
    ("scaling-fight", [workload(replicas=3)], [workload(replicas=3), SCALER], "every sync undoes the scaling"),
    ("replicas-reset", [workload(replicas=3), SCALER], [workload(), SCALER], "may fall to 1"),
    ("dangling-reference", [CONFIG, READER], [READER], "ConfigMap settings, which it needs, goes with this change"),
    ("unresolved-reference", [workload()], [READER], "needs ConfigMap settings, which is not in this repository"),
    ("empty-service", [service(), workload()], [service(selector={"app": "wob"}), workload()], "no workload"),
    ("blocking-budget", [workload()], [workload(), thing("policy/v1", "PodDisruptionBudget", spec={
        "minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}})], "draining a node blocks"),
    ("ownership-move", [flux("a", "a"), flux("b", "b"), ("a/x.yaml", workload())],
     [flux("a", "a"), flux("b", "b"), ("b/x.yaml", workload())], "it moves from Kustomization flux-system/a"),
    ("rendered-twice", [workload()], [workload(), workload(replicas=2)], "rendered more than once"),
    ("invalidated-resource", [definition(a={"type": "string"}), foo(a="x")],
     [definition(a={"type": "integer"}), foo(a="x")], "the new foos.ex.io refuses it"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "before", "after", "said"), FOLLOWS)
def test_what_follows_from_a_change(code: str, before: list, after: list, said: str) -> None:
    _, told = planned(before, after)
    assert said in told[code]


@pytest.mark.parametrize(("code", "before", "after", "said"), FOLLOWS)
def test_what_was_so_before_is_not_told_again(code: str, before: list, after: list, said: str) -> None:
    if code == "rendered-twice":
        return
    plan, told = planned(after, after)
    assert plan.changed == ()
    assert code not in told


QUIET = [
    ("a paused Deployment does not roll out", workload(paused=True), workload(paused=True, container={"image": "web:2"})),
    ("OnDelete does not roll out", workload("DaemonSet", updateStrategy={"type": "OnDelete"}),
     workload("DaemonSet", updateStrategy={"type": "OnDelete"}, container={"image": "web:2"})),
    ("more replicas do not roll out", workload(), workload(replicas=3)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "before", "after"), QUIET, ids=[row[0] for row in QUIET])
def test_changes_that_restart_nothing(what: str, before: dict, after: dict) -> None:
    _, told = planned([before], [after])
    assert "rollout" not in told


def test_an_optional_reference_may_dangle() -> None:
    optional = workload(container={"envFrom": [{"configMapRef": {"name": "x", "optional": True}}]})
    assert planned([], [optional])[1] == {}


def test_a_default_added_to_a_definition_is_seen_in_its_objects() -> None:
    before = [definition(a={"type": "string"}), foo()]
    after = [definition(a={"type": "string", "default": "x"}), changed(foo(), "spec.a", "x")]
    plan, _ = planned(before, after)
    assert {item.id.kind: item.action for item in plan.objects}["Foo"] in (Action.UPDATE, Action.UNCHANGED)


def test_a_live_state_shows_what_somebody_changed_and_the_agent_puts_back() -> None:
    live = snapshot(workload(replicas=7)).resources
    plan, _ = planned([workload(replicas=2)], [workload(replicas=2)], live=live)
    (item,) = plan.objects
    assert [(change.path, change.old, change.new) for change in item.drift] == [(("spec", "replicas"), 7, 2)]
    assert item.action is Action.UPDATE


def test_drift_names_the_managers_that_made_it() -> None:
    container = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}}
    fields = [
        {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}} | container["f:spec"]}},
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "pusher", "operation": "Update", "fieldsV1": container},
    ]  # fmt: skip
    base = workload(replicas=2)
    live = changed(workload(replicas=7), "metadata.managedFields", fields)
    live = changed(live, "spec.template.spec.containers.0.image", "web:bad")
    plan, _ = planned([base], [base], live=snapshot(live).resources)
    assert {change.path[-1]: change.manager for change in plan.objects[0].drift} == {
        "replicas": "kubectl-edit", "image": "pusher"}  # fmt: skip


def test_an_object_that_the_cluster_has_lost_is_created() -> None:
    plan, _ = planned([workload(), CONFIG], [workload(), CONFIG], live=snapshot(CONFIG).resources)
    assert {item.id.kind: item.action for item in plan.objects} == {
        "Deployment": Action.CREATE, "ConfigMap": Action.UNCHANGED}  # fmt: skip


def test_what_an_autoscaler_owns_in_the_cluster_is_no_drift() -> None:
    fields = [{"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
               "fieldsV1": {"f:spec": {"f:replicas": {}}}}]  # fmt: skip
    live = changed(workload(replicas=5), "metadata.managedFields", fields)
    plan, _ = planned([workload(replicas=3)], [workload()], live=snapshot(live).resources)
    assert plan.objects[0].action is Action.UNCHANGED
    assert plan.objects[0].drift == ()


def test_flux_takes_over_what_kubectl_did_by_hand_and_so_removes_it() -> None:
    # fluxcd/kustomize-controller, `disallowed managers`; server-side apply alone leaves it to whoever set it.
    restarted = {"kubectl.kubernetes.io/restartedAt": "2026-01-01"}
    name = {'k:{"name":"HAND"}': {".": {}, "f:name": {}, "f:value": {}}}
    container = {'k:{"name":"web"}': {"f:env": name}}
    fields = [
        {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kubectl-rollout", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {
            "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}}}},
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {
            "f:containers": container}}}}},
    ]  # fmt: skip
    base = workload(replicas=2, container={"env": [{"name": "A", "value": "1"}]})
    live = workload(replicas=2, container={"env": [{"name": "A", "value": "1"}, {"name": "HAND", "value": "2"}]})
    live = changed(changed(live, "spec.template.metadata.annotations", restarted), "metadata.managedFields", fields)
    for method, ends in ((ApplyMethod.FLUX, {"annotations", "env"}), (ApplyMethod.SERVER_SIDE, set())):
        plan = make_plan(snapshot(base), snapshot(base), VERSION, method, snapshot(live).resources)
        assert {change.path[-1] for change in plan.objects[0].drift} == ends
        assert plan.objects[0].action is (Action.UPDATE if ends else Action.UNCHANGED)


def test_no_output_has_a_value_of_a_secret() -> None:
    secrets = [SECRET, changed(SECRET, "stringData.password", "hunter3"), changed(SECRET, "stringData.password", 7777),
               changed(SECRET, "stringData", "hunter9"),
               changed(SECRET, "metadata.annotations",
                       {"kubectl.kubernetes.io/last-applied-configuration": "hunter8"})]  # fmt: skip
    for before in secrets:
        for after in secrets:
            was, shall_be = snapshot(before), snapshot(after)
            plan = make_plan(was, shall_be, VERSION)
            told = follow(plan, was, shall_be)
            outputs = [render(plan, told) for render in (render_text, render_json, render_markdown, render_html)]
            assert not any(word in text for text in outputs for word in ("hunter", "7777")), (before, after)


def test_two_spellings_of_one_secret_are_unchanged_although_nobody_sees_the_value() -> None:
    assert action([SECRET], [thing("v1", "Secret", data={"password": "aHVudGVyMg=="})]) is Action.UNCHANGED
    assert action([SECRET], [thing("v1", "Secret", data={"password": "aHVudGVyMw=="})]) is Action.UPDATE


def test_reverting_what_was_blocked_changes_nothing() -> None:
    before, after = (
        [workload("DaemonSet")],
        [
            changed(
                changed(workload("DaemonSet"), "spec.selector.matchLabels.app", "x"),
                "spec.template.metadata.labels.app",
                "x",
            )
        ],
    )
    was, shall_be = snapshot(*before), snapshot(*after)
    forward = make_plan(was, shall_be, VERSION)
    backward = make_plan(reached(forward, shall_be), was, VERSION)
    assert [item.action for item in backward.objects] == [Action.UNCHANGED]
    assert way_back(forward, backward).restores


def test_reverting_does_not_bring_data_back() -> None:
    was, shall_be = snapshot(CLAIM), snapshot()
    back = way_back(make_plan(was, shall_be, VERSION), make_plan(shall_be, was, VERSION))
    assert not back.restores
    assert "without its data" in back.lost[0]


def test_the_json_follows_its_schema() -> None:
    validator = Draft202012Validator(json.loads(bundled.schema_file("plan-v1.json").read_text()))
    for _, before, after, _ in (*FOLLOWS, *ACTIONS):
        was, shall_be = snapshot(*before), snapshot(*after)
        plan = make_plan(was, shall_be, VERSION)
        validator.validate(json.loads(render_json(plan, follow(plan, was, shall_be))))


def test_markdown_is_never_too_long_and_keeps_the_counts() -> None:
    many = [changed(CONFIG, "metadata.name", f"c{number}") for number in range(2000)]
    was, shall_be = snapshot(*many), snapshot(*(changed(one, "data.a", "2") for one in many))
    text = render_markdown(make_plan(was, shall_be, VERSION), ())
    assert len(text) <= LIMIT
    assert "2000 to update" in text
    assert "more, which did not fit" in text


def test_a_name_cannot_become_markup() -> None:
    evil = changed(CONFIG, "data", {"<script>alert(1)</script>": "</pre><img src=x>", "@team": "[x](javascript:1)"})
    was, shall_be = snapshot(CONFIG), snapshot(evil)
    plan = make_plan(was, shall_be, VERSION)
    for text in (render_markdown(plan, ()), render_html(plan, ())):
        assert "<script>alert" not in text
        assert "<img" not in text
    assert "\x1b" not in render_text(make_plan(was, snapshot(changed(CONFIG, "data.a", "\x1b[2J")), VERSION), ())


HOSTILE = [None, "x", 7, [], {}, [None], {"a": None}, True, {"name": []}, [{"name": {}}], {"kind": 7}]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_object_crashes_a_plan(value: object) -> None:
    objects = [workload(), READER, service(), CLAIM, SCALER, BINDING, SECRET, CONFIG, definition(a={}), foo(a=1),
               flux("a", "a"), application("apps"), thing("networking.k8s.io/v1", "Ingress", spec={"rules": []}),
               thing("policy/v1", "PodDisruptionBudget", spec={"selector": {}})]  # fmt: skip
    for data in objects:
        for field in ("metadata.annotations", "metadata.labels", "spec", "spec.template", "spec.selector", "spec.rules",
                      "spec.versions", "spec.names", "roleRef", "subjects", "data", "spec.ports", "spec.source"):  # fmt: skip
            try:
                broken = {**changed(data, field, "x")}
            except (TypeError, AttributeError):
                continue
            way = field.split(".")
            holder = broken
            for step in way[:-1]:
                holder = holder[step]
            holder[way[-1]] = value
            for before, after in ((data, broken), (broken, data), (broken, broken)):
                was, shall_be = snapshot(before, CONFIG), snapshot(after)
                plan = make_plan(was, shall_be, VERSION)
                render_text(plan, follow(plan, was, shall_be))


def test_overlays_of_several_clusters_are_planned_each_for_itself() -> None:
    before = [("staging/web.yaml", workload()), ("prod/web.yaml", workload())]
    after = [("staging/web.yaml", workload(replicas=2)), ("prod/web.yaml", workload())]
    plan, told = planned(before, after)
    assert sorted(item.action for item in plan.objects) == [Action.UNCHANGED, Action.UPDATE]
    assert "rendered-twice" not in told


def test_an_object_that_moves_to_another_file_is_not_pruned() -> None:
    assert action([("a/web.yaml", workload())], [("b/web.yaml", workload())]) is Action.UNCHANGED


A, B = ("x/a.yaml", flux("a", "a")), ("x/b.yaml", flux("b", "b"))
DATABASE = thing("postgresql.cnpg.io/v1", "Cluster", spec={})
SHRINKING = workload("StatefulSet", replicas=3, persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete"})
VANISHING = workload("StatefulSet", persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"})
HELD = workload("StatefulSet")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([DATABASE], [], "Cluster shop/web: it is deleted, and the data that its controller keeps"),
        ([SHRINKING], [changed(SHRINKING, "spec.replicas", 1)], "shrinks from 3 to 1 replicas"),
        ([VANISHING], [], "its Pods and claims with it"),
        ([flux("apps", "apps"), CONFIG], [CONFIG], "what it applied is deleted with it: 1 object"),
        ([CLAIM], [], "PersistentVolumeClaim shop/web is created anew, without its data"),
        (
            [A, B, ("a/c.yaml", CLAIM)],
            [A, B, ("b/c.yaml", CLAIM)],
            "may be created anew where it changes hands, without",
        ),
    ],
)
def test_the_way_back_names_what_the_merge_took_along(before: list, after: list, words: str) -> None:
    was, shall_be = snapshot(*before), snapshot(*after)
    forward, backward = make_plan(was, shall_be, VERSION), make_plan(shall_be, was, VERSION)
    back = way_back(forward, backward, follow(forward, was, shall_be))
    assert not back.restores
    (lost,) = [text for text in back.lost if words in text]
    assert lost.isprintable()
    assert len(back.lost) == 1


def test_what_is_merely_pruned_comes_back_whole() -> None:
    was, shall_be = snapshot(CONFIG, workload()), snapshot()
    forward, backward = make_plan(was, shall_be, VERSION), make_plan(shall_be, was, VERSION)
    assert way_back(forward, backward, follow(forward, was, shall_be)).restores
