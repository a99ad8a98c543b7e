"""The rules of the reconcile check, as data: what a merge does to the cluster that needs a second look."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitgate.finding import Rule, Severity

_DOCS = "https://kubernetes.io/docs"

RECONCILE_RULE_LIST: tuple[Rule, ...] = (
    Rule(
        id="reconcile/applied-too-early",
        title="Object that is applied before what it needs",
        severity=Severity.WARNING,
        what="A new object is needed by one that the agent applies before it, or without waiting for it: a later "
        "wave, or a Kustomization that nothing depends on.",
        why="The first sync fails or waits. Where the agent waits for what waits for something later, it never ends.",
        remedy="Put both in one wave, or let the one that needs depend on the other.",
        references=(
            "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/",
            "https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies",
        ),
    ),
    Rule(
        id="reconcile/blocked",
        title="Change that the API server refuses",
        severity=Severity.ERROR,
        what="Applying the new or changed object would fail: an immutable field changes, or its content is not valid, "
        "or nothing of its kind, or without a name, can be applied at all. "
        "It is a warning where the server refuses only while a feature gate is off, or where a value holds `${…}` and "
        "nothing says whether Flux replaces it.",
        why="After the merge the agent fails on it at every sync. The cluster keeps the old object, and depending on "
        "the agent nothing beside it is applied or pruned either.",
        remedy="Undo the change of that field, or replace the object under a new name.",
        references=(f"{_DOCS}/reference/using-api/server-side-apply/",),
    ),
    Rule(
        id="reconcile/blocking-budget",
        title="Disruption budget that lets no Pod go",
        severity=Severity.WARNING,
        what="A PodDisruptionBudget that the change brings or edits allows no disruption of a workload at all.",
        why="Draining a node waits for it forever, so that node upgrades hang.",
        remedy="Run one replica more than `minAvailable`, or allow one Pod to be unavailable.",
        references=(f"{_DOCS}/tasks/run-application/configure-pdb/",),
    ),
    Rule(
        id="reconcile/cascading-deletion",
        title="Agent's object that goes with all it applied",
        severity=Severity.WARNING,
        what="A HelmRelease, a Flux Kustomization or an Argo CD Application goes, and the repository keeps nothing of "
        "what it applied.",
        why="The agent uninstalls the release, or deletes all that it applied, with data that a chart keeps in claims "
        "of its own. Reverting the merge brings back the objects only.",
        remedy="Look at what was applied, save its data, or suspend the object before it goes, which keeps the rest.",
        references=("https://fluxcd.io/flux/components/helm/helmreleases/",),
    ),
    Rule(
        id="reconcile/dangling-reference",
        title="Reference to something that goes",
        severity=Severity.WARNING,
        what="An object goes with the change although another one, which stays, still names it.",
        why="Pods that need a ConfigMap, Secret, claim or service account that is gone do not start any more.",
        remedy="Keep what is referred to, or take out the reference in the same change.",
        references=(f"{_DOCS}/concepts/configuration/configmap/",),
    ),
    Rule(
        id="reconcile/dependency-cycle",
        title="Objects that wait for themselves",
        severity=Severity.ERROR,
        what="Flux objects depend on one another in a ring, or objects own one another.",
        why="Each waits until the others are ready, so that none of them is applied any more.",
        remedy="Take one of the dependencies out.",
        references=("https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies",),
    ),
    Rule(
        id="reconcile/downtime",
        title="Restart that leaves nothing running",
        severity=Severity.NOTE,
        what="A workload restarts, and its old Pods stop before new ones start: strategy Recreate, or a single "
        "replica.",
        why="Until the new Pods are ready nothing answers.",
        remedy="Run more than one replica, or let a new Pod start first.",
        references=(f"{_DOCS}/concepts/workloads/controllers/deployment/#strategy",),
    ),
    Rule(
        id="reconcile/empty-service",
        title="Service that selects nothing",
        severity=Severity.WARNING,
        what="The selector of a new or changed Service matches the Pods of no workload in the repository.",
        why="The Service has no endpoints, and every connection to it fails.",
        remedy="Make the selector match the labels of the Pod template.",
        references=(f"{_DOCS}/concepts/services-networking/service/",),
    ),
    Rule(
        id="reconcile/implied-deletion",
        title="Deletion that takes more with it",
        severity=Severity.ERROR,
        what="A Namespace or CustomResourceDefinition goes, and with it its contents, or every object of its kind. Or "
        "an owner goes, or an agent's object, and the repository keeps what is deleted with it. What may go, as its "
        "file cannot be read any more, is told as well.",
        why="The contents are deleted too, also what no repository has. Reverting the merge brings back the manifests "
        "only.",
        remedy="Move or delete the contents first, in a change of their own, or protect the object from being pruned.",
        references=(f"{_DOCS}/concepts/overview/working-with-objects/namespaces/",),
    ),
    Rule(
        id="reconcile/invalidated-resource",
        title="Object that an edited definition refuses",
        severity=Severity.WARNING,
        what="An edited CustomResourceDefinition refuses a custom resource of the repository.",
        why="The object stays in the cluster, and the next change of it fails.",
        remedy="Mend the object in the same change, or keep the definition compatible.",
        references=(f"{_DOCS}/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/",),
    ),
    Rule(
        id="reconcile/not-examined",
        title="Consequences that were not looked for",
        severity=Severity.ERROR,
        what="The repository has more selectors and workloads in one place than gitgate compares.",
        why="Services that select nothing and budgets that block would go unnoticed, and somebody may want just that. "
        "No usual repository is like that.",
        remedy="Split the namespace, or the change; where it has to be, let a waiver or the settings of the base say "
        "so.",
        references=(f"{_DOCS}/concepts/overview/working-with-objects/labels/",),
    ),
    Rule(
        id="reconcile/not-synced",
        title="Change that nobody applies by itself",
        severity=Severity.NOTE,
        what="What changes belongs to an Application without automated sync, or to a Kustomization that is suspended.",
        why="The merge alone changes nothing in the cluster, and whoever syncs later applies it together with "
        "everything else.",
        remedy="Sync it after the merge, and look at the plan again when that is later.",
        references=("https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/",),
    ),
    Rule(
        id="reconcile/ownership-move",
        title="Object that changes hands",
        severity=Severity.ERROR,
        what="An object moves from one Flux Kustomization or Argo CD Application of the repository to another.",
        why="Whoever loses it prunes it. When that happens before the new owner applies it, the object and its data "
        "are deleted and created anew.",
        remedy="Protect it from being pruned first, then move it, then take the protection away.",
        references=("https://fluxcd.io/flux/components/kustomize/kustomizations/",),
    ),
    Rule(
        id="reconcile/rendered-twice",
        title="Object that is rendered twice",
        severity=Severity.WARNING,
        what="Two places of the repository render the same object, and not alike.",
        why="Whoever applies last wins, and where both reconcile, the object changes back and forth.",
        remedy="Let one place render it.",
        references=("https://fluxcd.io/flux/faq/",),
    ),
    Rule(
        id="reconcile/replaced",
        title="Object that is deleted and created anew",
        severity=Severity.WARNING,
        what="The object cannot be updated, and the agent is told to delete it and to create it anew.",
        why="Between the two there is nothing: Pods stop, and a claim loses its data.",
        remedy="Create the new one under another name beside it, and take the old one away later.",
        references=("https://fluxcd.io/flux/components/kustomize/kustomizations/",),
    ),
    Rule(
        id="reconcile/replicas-reset",
        title="Replicas that an autoscaler may lose",
        severity=Severity.WARNING,
        what="Replicas go from git while an autoscaler scales the workload.",
        why="The agent owned the field last, so the server may set it to 1 until the autoscaler scales again.",
        remedy="Let the autoscaler own the field first: apply once with the live number, or merge at low load.",
        references=(f"{_DOCS}/reference/using-api/server-side-apply/",),
    ),
    Rule(
        id="reconcile/scaled-to-zero",
        title="Workload that is scaled to nothing",
        severity=Severity.WARNING,
        what="The replicas of a workload become 0.",
        why="All its Pods stop, and nothing answers in their place.",
        remedy="Keep at least one replica, unless stopping it is what the change is for.",
        references=(f"{_DOCS}/concepts/workloads/controllers/deployment/",),
    ),
    Rule(
        id="reconcile/scaling-fight",
        title="Replicas in git beside an autoscaler",
        severity=Severity.WARNING,
        what="Git fixes the replicas of a workload that an autoscaler of the repository scales.",
        why="Every sync sets the number of git, and the autoscaler sets its own again: Pods stop and start.",
        remedy="Take `replicas` out of the workload's manifest.",
        references=(f"{_DOCS}/tasks/run-application/horizontal-pod-autoscale/",),
    ),
    Rule(
        id="reconcile/stale-configuration",
        title="Configuration that nobody reads anew",
        severity=Severity.WARNING,
        what="A ConfigMap or Secret changes in place, and the workloads that use it stay as they are.",
        why="Nothing restarts their Pods. Environment variables keep the old values until something else does.",
        remedy="Let kustomize generate it with a hash in its name, or change an annotation of the Pod template.",
        references=(f"{_DOCS}/concepts/configuration/configmap/",),
    ),
    Rule(
        id="reconcile/stateful-prune",
        title="Deletion of something with state",
        severity=Severity.ERROR,
        what="A PersistentVolumeClaim, a PersistentVolume or a StatefulSet is deleted, or deleted and created anew, "
        "or what the base has it from cannot be read any more, so that it may be.",
        why="The data of a claim goes with it where the storage class reclaims by deletion. No revert brings it back.",
        remedy="Protect it from being pruned, and delete it by hand once its data is safe.",
        references=(f"{_DOCS}/concepts/storage/persistent-volumes/",),
    ),
    Rule(
        id="reconcile/unresolved-reference",
        title="Reference to something that is not here",
        severity=Severity.NOTE,
        what="A new reference names an object that is neither in the repository nor made by one that is.",
        why="Where nothing else makes it, Pods that need it do not start, and rules that name it do nothing.",
        remedy="Add what is missing, or leave it so when something else makes it.",
        references=(f"{_DOCS}/concepts/configuration/configmap/",),
    ),
)
"""Every rule of the reconcile check, sorted by id."""

RECONCILE_RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id.removeprefix("reconcile/"): rule for rule in RECONCILE_RULE_LIST}
)
"""The same rules by code."""
