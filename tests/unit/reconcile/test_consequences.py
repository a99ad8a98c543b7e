"""What follows from a change: one scenario of an agent each, with what must not be told beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.agents import Item, application, flux, planned
from tests.support.cluster import changed, service, thing, workload


def named(data: dict[str, Any], name: str) -> dict[str, Any]:
    return changed(data, "metadata.name", name)


def annotated(data: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return changed(data, "metadata.annotations", {key.replace("__", "/"): value for key, value in annotations.items()})


def wave(data: dict[str, Any], number: int) -> dict[str, Any]:
    return changed(data, "metadata.annotations", {"argocd.argoproj.io/sync-wave": str(number)})


def uses(field: str, name: str, **more: Any) -> dict[str, Any]:
    return workload(container={"envFrom": [{field: {"name": name, **more}}]})


def budget(**spec: Any) -> dict[str, Any]:
    return thing("policy/v1", "PodDisruptionBudget", spec={"selector": {"matchLabels": {"app": "web"}}, **spec})


def scaler(name: str = "web", **spec: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return named(
        thing("autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": target, "maxReplicas": 5, **spec}),
        name,
    )


def ingress(**backend: Any) -> dict[str, Any]:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": backend}}
    return thing("networking.k8s.io/v1", "Ingress", spec={"rules": [{"host": "a.b", "http": {"paths": [path]}}]})


def definition(**names: Any) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "ex.io", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"}, "versions": [version]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "foos.ex.io"}, "spec": {**spec, **names}}  # fmt: skip


def owned(data: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "0"}
    return changed(data, "metadata.ownerReferences", [owner])


FOO = thing("ex.io/v1", "Foo", spec={})
CONFIG = named(thing("v1", "ConfigMap", data={"a": "1"}), "settings")
SECRET = named(thing("v1", "Secret", stringData={"a": "1"}), "login")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
OTHER_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
CLAIM = thing("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"],
                                                   "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
IMAGE = {"image": "web:2"}
KEDA = thing("keda.sh/v1alpha1", "ScaledObject", spec={"scaleTargetRef": {"name": "web"},
                                                       "triggers": [{"type": "cpu"}]})  # fmt: skip
VPA = thing("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", spec={"targetRef": {"kind": "Deployment", "name": "web"}})
REQUESTS = {"resources": {"requests": {"cpu": "1"}}}
ACCOUNT = thing("v1", "ServiceAccount")
BINDING = thing("rbac.authorization.k8s.io/v1", "RoleBinding",
                roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}])  # fmt: skip
ROLE = named(thing("rbac.authorization.k8s.io/v1", "Role", rules=[]), "reader")
EXTERNAL = named(thing("external-secrets.io/v1", "ExternalSecret", spec={"target": {"name": "login"}}), "anything")
SEALED = named(thing("bitnami.com/v1alpha1", "SealedSecret", spec={}), "login")
DATABASE = thing("postgresql.cnpg.io/v1", "Cluster", spec={})
STATEFUL = workload("StatefulSet", replicas=3)
ARTIFACTS = named(thing("source.extensions.fluxcd.io/v1beta1", "ArtifactGenerator",
                        spec={"artifacts": [{"name": "apps"}]}), "tree")  # fmt: skip
ARTIFACTS["metadata"]["namespace"] = "flux-system"
KEEPS_NOTHING = {"whenDeleted": "Delete", "whenScaled": "Delete"}

Row = tuple[str, str, list[Item], list[Item], str]

ROLLOUT = {**workload(), "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}

DISRUPTION: list[Row] = [
    ("a new image of an Argo Rollout", "rollout", [ROLLOUT], [changed(
        ROLLOUT, "spec.template.spec.containers.0.image", "web:2")], "because of spec.containers[0].image"),
    ("a new image restarts", "rollout", [workload()], [workload(container=IMAGE)], "because of spec.containers[0].image"),
    ("a partition restarts some", "rollout",
     [workload("StatefulSet", updateStrategy={"rollingUpdate": {"partition": 2}})],
     [workload("StatefulSet", container=IMAGE, updateStrategy={"rollingUpdate": {"partition": 2}})], "ordinal 2 on"),
    ("Recreate stops all", "downtime", [workload(strategy={"type": "Recreate"})],
     [workload(strategy={"type": "Recreate"}, container=IMAGE)], "stops all Pods"),
    ("a single replica of a StatefulSet stops", "downtime", [workload("StatefulSet")],
     [workload("StatefulSet", container=IMAGE)], "single replica"),
    ("a single replica without surge stops", "downtime",
     [workload(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})],
     [workload(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}, container=IMAGE)], "maxSurge is 0"),
    ("replicas to 0", "scaled-to-zero", [workload(replicas=3)], [workload(replicas=0)], "from 3 replicas to none"),
    ("a ConfigMap without a hash", "stale-configuration", [CONFIG, uses("configMapRef", "settings")],
     [changed(CONFIG, "data.a", "2"), uses("configMapRef", "settings")], "nothing restarts the Pods"),
    ("a Secret without a hash", "stale-configuration", [SECRET, uses("secretRef", "login")],
     [changed(SECRET, "stringData.a", "2"), uses("secretRef", "login")], "Secret login changes in place"),
    ("a budget of as many as there are", "blocking-budget", [workload(replicas=2)],
     [workload(replicas=2), budget(minAvailable=2)], "draining a node blocks"),
    ("a budget of 0 unavailable", "blocking-budget", [workload(replicas=2)],
     [workload(replicas=2), budget(maxUnavailable="0%")], "draining a node blocks"),
    ("half of one is one", "blocking-budget", [workload()], [workload(), budget(minAvailable="50%")], "draining"),
    ("replicas that sink to a budget", "blocking-budget", [workload(replicas=3), budget(minAvailable=2)],
     [workload(replicas=2), budget(minAvailable=2)], "no Pod of Deployment shop/web"),
]  # fmt: skip

SCALING: list[Row] = [
    ("HPA beside replicas", "scaling-fight", [workload()], [workload(replicas=3), scaler()], "git fixes replicas at 3"),
    ("KEDA beside replicas", "scaling-fight", [workload(replicas=3)], [workload(replicas=3), KEDA], "ScaledObject"),
    ("two autoscalers", "scaling-fight", [workload(), scaler()], [workload(), scaler(), scaler("x")], "both scale it"),
    ("HPA and KEDA", "scaling-fight", [workload(), scaler()], [workload(), scaler(), KEDA], "both scale it"),
    ("HPA and VPA by the same measure", "scaling-fight", [workload(), scaler()], [workload(), scaler(), VPA],
     "by cpu, which VerticalPodAutoscaler shop/web sets"),
    ("requests that VPA sets", "scaling-fight", [workload(), VPA], [workload(container=REQUESTS), VPA],
     "git changes its requests"),
    ("replicas that leave git", "replicas-reset", [workload(replicas=3), scaler()], [workload(), scaler()], "fall to 1"),
]  # fmt: skip

DELETIONS: list[Row] = [
    ("a claim", "stateful-prune", [CLAIM], [], "its data with it"),
    ("a StatefulSet", "stateful-prune", [STATEFUL], [], "its claims stay"),
    ("a StatefulSet whose claims go", "stateful-prune",
     [changed(STATEFUL, "spec.persistentVolumeClaimRetentionPolicy", KEEPS_NOTHING)], [], "Pods and claims"),
    ("a StatefulSet that shrinks with its claims", "stateful-prune",
     [changed(STATEFUL, "spec.persistentVolumeClaimRetentionPolicy", KEEPS_NOTHING)],
     [changed(changed(STATEFUL, "spec.persistentVolumeClaimRetentionPolicy", KEEPS_NOTHING), "spec.replicas", 1)],
     "shrinks from 3 to 1"),
    ("a database of an operator", "stateful-prune", [DATABASE], [], "data that its controller keeps"),
    ("a Namespace", "implied-deletion", [NAMESPACE, workload()], [workload()], "1 of which the repository keeps"),
    ("a definition", "implied-deletion", [definition(), FOO], [FOO], "every Foo in the cluster"),
    ("a Kustomization whose files stay", "implied-deletion", [("x/k.yaml", flux("a", "apps")), workload()],
     [workload()], "what it applied is deleted with it: 1 object"),
    ("an Application with its finalizer", "implied-deletion", [("x/a.yaml", application("a", "apps")), workload()],
     [workload()], "what it applied is deleted"),
    ("a Kustomization and its files", "cascading-deletion", [("x/k.yaml", flux("a", "apps")), workload()], [],
     "what it applied is deleted with it: 1 object"),
    ("a HelmRelease", "cascading-deletion", [thing("helm.toolkit.fluxcd.io/v2", "HelmRelease", spec={})], [],
     "its release is uninstalled"),
    ("a Namespace of which the rest is elsewhere", "implied-deletion", [NAMESPACE], [],
     "everything in the namespace is deleted with it, also what this repository does not have"),
    ("an owner", "implied-deletion", [workload(), owned(CONFIG, "Deployment", "web")],
     [owned(CONFIG, "Deployment", "web")], "which owns it, goes with this change"),
]  # fmt: skip

REFERENCES: list[Row] = [
    ("a ConfigMap that goes", "dangling-reference", [CONFIG, uses("configMapRef", "settings")],
     [uses("configMapRef", "settings")], "ConfigMap settings, which it needs, goes"),
    ("a claim that goes", "dangling-reference",
     [CLAIM, workload(pod={"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "web"}}]})],
     [workload(pod={"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "web"}}]})],
     "PersistentVolumeClaim web"),
    ("a Secret that is nowhere", "unresolved-reference", [workload()], [uses("secretRef", "login")], "Secret login"),
    ("a service account that is nowhere", "unresolved-reference", [workload()],
     [workload(pod={"serviceAccountName": "robot"})], "ServiceAccount robot"),
    ("a Service that goes", "dangling-reference", [service(), workload(), ingress(name="web", port={"number": 80})],
     [workload(), ingress(name="web", port={"number": 80})], "Service web"),
    ("a port that the Service lacks", "dangling-reference",
     [service(), workload(), ingress(name="web", port={"number": 80})],
     [service(), workload(), ingress(name="web", port={"number": 81})], "Service web has no port 81"),
    ("a port name that the Service lacks", "dangling-reference",
     [service({"port": 80, "name": "http"}), workload(), ingress(name="web", port={"name": "http"})],
     [service({"port": 80, "name": "web"}), workload(), ingress(name="web", port={"name": "http"})], "no port http"),
    ("a selector that matches nothing", "empty-service", [service(), workload()],
     [service(selector={"app": "wob"}), workload()], "no workload of the repository"),
    ("labels that a selector no longer matches", "empty-service", [service(), workload()],
     [service(), named(changed(changed(workload(), "spec.template.metadata.labels.app", "x"),
                               "spec.selector.matchLabels.app", "x"), "new")], "no workload of the repository"),
    ("a target port that no container has", "empty-service",
     [service({"port": 80, "targetPort": "http"}), workload(container={"ports": [{"name": "http", "containerPort": 8}]})],
     [service({"port": 80, "targetPort": "http"}), workload(container={"ports": [{"name": "web", "containerPort": 8}]})],
     "a port that is called http"),
    ("an autoscaler of nothing", "unresolved-reference", [], [scaler()], "Deployment web"),
    ("a workload that an autoscaler needs", "dangling-reference", [workload(), scaler()], [scaler()], "Deployment web"),
    ("a role that goes", "dangling-reference", [ACCOUNT, ROLE, BINDING], [ACCOUNT, BINDING], "Role reader"),
    ("a subject that is nowhere", "unresolved-reference", [ROLE], [ROLE, BINDING], "ServiceAccount web"),
    ("a Kustomization that goes", "dangling-reference",
     [flux("a", "a"), flux("b", "b", dependsOn=[{"name": "a"}])], [flux("b", "b", dependsOn=[{"name": "a"}])],
     "Kustomization a, which it needs"),
    ("a budget of nothing", "unresolved-reference", [], [budget(minAvailable=1)], "protects nothing"),
    ("a namespace that is nowhere", "unresolved-reference", [OTHER_NAMESPACE], [OTHER_NAMESPACE, CONFIG],
     "Namespace shop, which is not in this repository"),
    ("a kind that is nowhere", "unresolved-reference", [definition()],
     [definition(), thing("ex.io/v1", "Bar", spec={})], "defines Bar of ex.io"),
]  # fmt: skip

A, B = ("x/a.yaml", flux("a", "a")), ("x/b.yaml", flux("b", "b"))
WAITING = ("x/a.yaml", flux("a", "a", wait=True))
B_AFTER_A = ("x/b.yaml", flux("b", "b", dependsOn=[{"name": "a"}]))
ARGO_A = ("x/a.yaml", application("a", "a"))
ARGO_B = ("x/b.yaml", application("b", "b"))

ORDERING: list[Row] = [
    ("a Kustomization that waits for itself", "dependency-cycle", [flux("a", "a")],
     [flux("a", "a", dependsOn=[{"name": "a"}])], "it depends on itself: it is never applied"),
    ("a definition in a Kustomization that is not depended on", "applied-too-early", [A, B],
     [A, B, ("a/foo.yaml", FOO), ("b/crd.yaml", definition())], "on which Kustomization flux-system/a does not depend"),
    ("a Namespace in a Kustomization that is not depended on", "applied-too-early", [A, B],
     [A, B, ("a/web.yaml", workload()), ("b/ns.yaml", NAMESPACE)], "it fails until that is done"),
    ("a Secret from a Kustomization that waits for this one", "applied-too-early", [WAITING, B_AFTER_A],
     [WAITING, B_AFTER_A, ("a/web.yaml", uses("secretRef", "login")), ("b/s.yaml", SECRET)], "neither gets there"),
    ("a ConfigMap in a later wave", "applied-too-early", [ARGO_A],
     [ARGO_A, ("a/web.yaml", uses("configMapRef", "settings")), ("a/c.yaml", wave(CONFIG, 1))],
     "is applied in wave 1, after wave 0, which waits for it and never ends"),
    ("a ConfigMap for a hook before it", "applied-too-early", [ARGO_A],
     [ARGO_A, ("a/web.yaml", annotated(uses("configMapRef", "settings"), argocd__x="", **{
         "argocd.argoproj.io/hook": "PreSync"})), ("a/c.yaml", CONFIG)], "in the sync, after the PreSync hooks"),
    ("a definition in another Application", "applied-too-early", [ARGO_A, ARGO_B],
     [ARGO_A, ARGO_B, ("a/foo.yaml", FOO), ("b/crd.yaml", definition())], "its sync fails before"),
    ("Kustomizations in a ring", "dependency-cycle", [A, B_AFTER_A],
     [("x/a.yaml", flux("a", "a", dependsOn=[{"name": "b"}])), B_AFTER_A], "none of them is ever applied"),
    ("owners in a ring", "dependency-cycle", [workload(), CONFIG],
     [owned(workload(), "ConfigMap", "settings"), owned(CONFIG, "Deployment", "web")], "it owns itself"),
    ("an Application that is synced by hand", "not-synced", [("x/a.yaml", application("a", "a", automated=None))],
     [("x/a.yaml", application("a", "a", automated=None)), ("a/c.yaml", CONFIG)], "1 object of it changes"),
    ("a suspended Kustomization", "not-synced", [("x/a.yaml", flux("a", "a", suspend=True))],
     [("x/a.yaml", flux("a", "a", suspend=True)), ("a/c.yaml", CONFIG)], "it is suspended"),
]  # fmt: skip

HANDOVERS: list[Row] = [
    ("from one Kustomization to another", "ownership-move", [A, B, ("a/c.yaml", CONFIG)], [A, B, ("b/c.yaml", CONFIG)],
     "moves from Kustomization flux-system/a to Kustomization flux-system/b"),
    ("out of a Kustomization", "ownership-move", [A, ("a/c.yaml", CONFIG)], [A, ("c/c.yaml", CONFIG)],
     "nothing of the repository does instead"),
    ("twice and not alike", "rendered-twice", [CONFIG], [CONFIG, changed(CONFIG, "data.a", "2")], "not alike"),
    ("by two owners", "rendered-twice", [A, B, ("a/c.yaml", CONFIG)], [A, B, ("a/c.yaml", CONFIG), ("b/c.yaml", CONFIG)],
     "take it from one another"),
]  # fmt: skip

ALL = DISRUPTION + SCALING + DELETIONS + REFERENCES + ORDERING + HANDOVERS
IDS = [f"{row[1]}: {row[0]}" for row in ALL]


@pytest.mark.parametrize(("_what", "code", "before", "after", "said"), ALL, ids=IDS)
def test_what_follows_from_a_change(_what: str, code: str, before: list, after: list, said: str) -> None:
    _, found = planned(before, after)
    assert any(one.code == code and said in one.message for one in found), found


@pytest.mark.parametrize(("_what", "code", "before", "after", "said"), ALL, ids=IDS)
def test_what_was_so_before_is_not_told_again(_what: str, code: str, before: list, after: list, said: str) -> None:
    elsewhere = thing("v1", "ConfigMap", data={"unrelated": "1"})
    _, found = planned([*after, elsewhere], [*after, changed(elsewhere, "data.unrelated", "2")])
    assert [one for one in found if one.code == code] == []


HEALTHY = [("x/a.yaml", application("a", "a", "CreateNamespace=true", "SkipDryRunOnMissingResource=true"))]

QUIET: list[tuple[str, list[Item], list[Item]]] = [
    ("an optional reference", [], [uses("configMapRef", "x", optional=True)]),
    ("a Secret that an ExternalSecret makes", [], [EXTERNAL, uses("secretRef", "login")]),
    ("a Secret that becomes an ExternalSecret", [SECRET, uses("secretRef", "login")],
     [EXTERNAL, uses("secretRef", "login")]),
    ("a Secret that a SealedSecret makes", [], [SEALED, uses("secretRef", "login")]),
    ("the Secret of a Certificate", [], [thing("cert-manager.io/v1", "Certificate", spec={"secretName": "login"}),
                                         uses("secretRef", "login")]),
    ("what every namespace has", [], [uses("configMapRef", "kube-root-ca.crt")]),
    ("a namespace, in a repository that declares none", [], [CONFIG]),
    ("a namespace that others use already", [CONFIG, OTHER_NAMESPACE], [CONFIG, OTHER_NAMESPACE, SECRET]),
    ("a namespace that the agent makes", [OTHER_NAMESPACE, *HEALTHY], [OTHER_NAMESPACE, *HEALTHY, ("a/c.yaml", CONFIG)]),
    ("a cluster role that every cluster has", [ACCOUNT], [ACCOUNT, changed(BINDING, "roleRef", {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"})]),
    ("a definition in the same Kustomization", [A], [A, ("a/foo.yaml", FOO), ("a/crd.yaml", definition())]),
    ("a definition in a Kustomization that is depended on", [A, B_AFTER_A],
     [A, B_AFTER_A, ("b/foo.yaml", FOO), ("a/crd.yaml", definition())]),
    ("a definition that Argo CD moves ahead of its wave", [ARGO_A],
     [ARGO_A, ("a/foo.yaml", FOO), ("a/crd.yaml", wave(definition(), 3))]),
    ("a definition in another Application, for which it skips", [*HEALTHY, ARGO_B],
     [*HEALTHY, ARGO_B, ("a/foo.yaml", FOO), ("b/crd.yaml", definition())]),
    ("a ConfigMap in an earlier wave", [ARGO_A],
     [ARGO_A, ("a/web.yaml", wave(uses("configMapRef", "settings"), 1)), ("a/c.yaml", CONFIG)]),
    ("a ConfigMap in a later wave that is there already",
     [ARGO_A, ("a/c.yaml", wave(CONFIG, 1))],
     [ARGO_A, ("a/web.yaml", uses("configMapRef", "settings")), ("a/c.yaml", wave(CONFIG, 1))]),
    ("a workload whose namespace the agent fills in", [],
     [service(), changed({**workload(), "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}, "metadata.namespace")]),
    ("a new selector that cannot be applied", [service(), workload()],
     [service(), changed(workload(), "spec.selector.matchLabels.app", "api")]),
    ("new labels that cannot be applied with their selector", [service(), workload()], [service(), changed(changed(
        workload(), "spec.selector.matchLabels.app", "api"), "spec.template.metadata.labels.app", "api")]),
    ("a new image of what has no Pods", [workload(replicas=0)], [workload(container=IMAGE, replicas=0)]),
    ("an artifact that a generator makes", [ARTIFACTS], [ARTIFACTS, flux("web", "web", sourceRef={
        "kind": "ExternalArtifact", "name": "apps"})]),
    ("an autoscaler without replicas in git", [workload()], [workload(), scaler()]),
    ("a VPA that only recommends", [workload(), scaler()], [workload(), scaler(), changed(
        VPA, "spec.updatePolicy", {"updateMode": "Off"})]),
    ("an HPA by requests and a VPA", [workload(), VPA], [workload(), VPA, scaler(metrics=[
        {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": 9}}}])]),
    ("a budget that leaves one", [workload(replicas=2)], [workload(replicas=2), budget(minAvailable=1)]),
    ("a budget of what an autoscaler keeps up", [workload(), scaler(minReplicas=3)],
     [workload(), scaler(minReplicas=3), budget(minAvailable=1)]),
    ("an object that is protected from the owner that it leaves", [A, ("a/c.yaml", annotated(CONFIG, **{
        "kustomize.toolkit.fluxcd.io/prune": "disabled"}))], [A, ("c/c.yaml", annotated(CONFIG, **{
            "kustomize.toolkit.fluxcd.io/prune": "disabled"}))]),
    ("a Kustomization that leaves its objects", [("x/k.yaml", flux("a", "apps", deletionPolicy="Orphan")), CONFIG], [CONFIG]),
    ("a file that moves inside of one Kustomization", [A, ("a/c.yaml", CONFIG)], [A, ("a/b/c.yaml", CONFIG)]),
    ("a backend of another name for a Service outside", [], [thing("v1", "Service", spec={
        "type": "ExternalName", "externalName": "a.b"}), ingress(name="web", port={"number": 443})]),
    ("two clusters with one object each", [("staging/c.yaml", CONFIG)], [("staging/c.yaml", CONFIG), ("prod/c.yaml", CONFIG)]),
    ("the autoscaler of another cluster", [("prod/w.yaml", workload()), ("staging/w.yaml", workload(replicas=1))],
     [("prod/w.yaml", workload()), ("staging/w.yaml", workload(replicas=1)), ("prod/h.yaml", scaler())]),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "before", "after"), QUIET, ids=[row[0] for row in QUIET])
def test_no_false_alarm(_what: str, before: list, after: list) -> None:
    assert [one for one in planned(before, after)[1] if one.code != "rollout"] == []


def test_one_cluster_of_two_has_the_fight() -> None:
    before = [("prod/w.yaml", workload(replicas=2)), ("staging/w.yaml", workload(replicas=1))]
    _, found = planned(before, [*before, ("staging/h.yaml", scaler())])
    assert [(one.code, one.place) for one in found] == [("scaling-fight", "staging")]


@pytest.mark.parametrize("length", [1, 3, 2000])
def test_rings_of_any_length_are_told_once(length: int) -> None:
    ring = [flux(f"k{number}", f"p{number}", dependsOn=[{"name": f"k{(number + 1) % length}"}])
            for number in range(length)]  # fmt: skip
    _, found = planned([], ring)
    assert [one.code for one in found] == ["dependency-cycle"]


def test_selectors_that_would_take_forever_are_given_up_and_told() -> None:
    budgets = [named(budget(minAvailable=1), f"b{number}") for number in range(600)]
    _, found = planned([], [*budgets, *(named(workload(), f"w{number}") for number in range(600))])
    assert "not-examined" in {one.code for one in found}
