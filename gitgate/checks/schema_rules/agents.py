"""Rules about what agents own: what they would not find, not apply, or apply unseen."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_KUSTOMIZATION = "https://fluxcd.io/flux/components/kustomize/kustomizations/"
_APPLICATION = "https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/"
_HELM = "https://fluxcd.io/flux/components/helm/helmreleases/"
RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/agent-dangling-reference",
        title="An agent's object that names what is not there",
        severity=Severity.ERROR,
        what=(
            "A Flux or Argo CD object names a directory, component, source, chart, values or dependency that is not "
            "there."
        ),
        why="The agent cannot reconcile it: nothing of what it owns is applied, and whatever depends on it waits.",
        remedy="Add what is named, correct the name, or remove the reference.",
        references=(_KUSTOMIZATION, _HELM, _APPLICATION),
    ),
    Rule(
        id="schema/agent-unproved-reference",
        title="An agent's object that names what may exist elsewhere",
        severity=Severity.NOTE,
        what=(
            "A Flux or Argo CD object names another one that the repository does not define, in a cluster of which the "
            "repository does not hold everything."
        ),
        why="Whether it is there cannot be told without the cluster.",
        remedy="Nothing needs to be done if somebody creates it by hand, or from another repository.",
        references=(_KUSTOMIZATION,),
    ),
    Rule(
        id="schema/agent-dependency-cycle",
        title="Dependencies that lead back",
        severity=Severity.ERROR,
        what="Objects of an agent depend on one another in a circle.",
        why="Each waits for the other to become ready, so none of them is ever applied.",
        remedy="Remove one of the dependencies.",
        references=(_KUSTOMIZATION + "#dependencies",),
    ),
    Rule(
        id="schema/agent-contested-reference",
        title="Values that several owners apply differently",
        severity=Severity.ERROR,
        what=(
            "A Kustomization takes variables, or a HelmRelease values, from a ConfigMap or Secret that two owners in "
            "the cluster apply with other content each."
        ),
        why=(
            "Whichever was applied last is read, and that changes with every reconciliation: what was judged is one of "
            "two possible outcomes. Whoever may write one directory changes what another one becomes."
        ),
        remedy="Let one owner apply the object; give the other one another name.",
        references=(_KUSTOMIZATION + "#post-build-variable-substitution", _HELM),
    ),
    Rule(
        id="schema/agent-not-rendered",
        title="An agent's object whose content is somewhere else",
        severity=Severity.WARNING,
        what="A Flux or Argo CD object applies content of another repository, bucket or registry.",
        why="The object itself is judged; what it brings into the cluster is not.",
        remedy=(
            "Judge that content where it is written, or commit a copy. Make this an error under `rules` in "
            ".gitgate/settings.yaml to forbid it."
        ),
        references=(_KUSTOMIZATION + "#source-reference", _HELM),
    ),
    Rule(
        id="schema/agent-source-changed",
        title="An agent's object that reads from elsewhere than before",
        severity=Severity.ERROR,
        what=(
            "A Flux or Argo CD object that applied content of this repository, or the source that it reads, names "
            "another repository, branch or tag."
        ),
        why=(
            "After the merge the agent applies what is there, which nobody judged, and deletes what is not; and "
            "whatever is merged here later never reaches the cluster."
        ),
        remedy=(
            "Keep the source, and mend what keeps it from being rendered; of a vendored chart, vendor the other "
            "version. Where the repository really moves, waive this finding, or weigh the rule as a warning in an "
            "earlier change."
        ),
        references=(_KUSTOMIZATION + "#source-reference", _APPLICATION),
    ),
    Rule(
        id="schema/agent-invalid",
        title="An agent's object that cannot be read",
        severity=Severity.ERROR,
        what="A field of a Flux or Argo CD object has a value with which nothing can be rendered.",
        why="What the agent would apply is unknown, most likely nothing.",
        remedy="Give the field the type that its documentation says.",
        references=(_KUSTOMIZATION,),
    ),
    Rule(
        id="schema/agent-substitution",
        title="Variables that cannot be expanded",
        severity=Severity.ERROR,
        what="Flux expands variables in an object, and finds one it cannot read, or cannot read the result.",
        why="Flux applies nothing of the whole Kustomization.",
        remedy=(
            "Write `$${` where the text means a brace for another program, or give the object the annotation "
            "`kustomize.toolkit.fluxcd.io/substitute: disabled`."
        ),
        references=(_KUSTOMIZATION + "#post-build-variable-substitution",),
    ),
    Rule(
        id="schema/agent-unresolved-variable",
        title="Variables without a value in the repository",
        severity=Severity.NOTE,
        what="Objects have variables whose values come from a ConfigMap or Secret that the repository does not have.",
        why="What the cluster gets in these places cannot be judged; schemas are not held against them.",
        remedy="Keep values that are no secrets in a ConfigMap of the repository.",
        references=(_KUSTOMIZATION + "#post-build-variable-substitution",),
    ),
    Rule(
        id="schema/agent-unknown-grant",
        title="Rights that depend on what nobody can review",
        severity=Severity.ERROR,
        what=(
            "A field that grants rights has a variable whose value comes from an object that the repository does not "
            "have, or has encrypted: roles and their subjects, what a Pod runs as and which image it runs, webhooks, "
            "what an agent applies as. The same where such an object comes after the one that gives the value."
        ),
        why=(
            "Whoever writes the change chooses the value, too, if the object is encrypted: that takes the public key "
            "only. Policies judge what the repository says, and not what the cluster gets."
        ),
        remedy=(
            "Write the value, or keep it in a ConfigMap of the repository that comes last in `substituteFrom`, or in "
            "`substitute`."
        ),
        references=(_KUSTOMIZATION + "#post-build-variable-substitution",),
    ),
    Rule(
        id="schema/agent-undefined-variable",
        title="Variables with neither value nor default",
        severity=Severity.WARNING,
        what=(
            "Objects have variables that nothing gives a value, and no default. Where the repository shows that the "
            "kustomize-controller is strict, as it is since 1.9, this is `schema/agent-substitution`."
        ),
        why="A strict kustomize-controller applies nothing of the whole Kustomization; older ones put nothing there.",
        remedy="Give the variable a value or a default (`${name:=default}`), or write `$${` where none is meant.",
        references=(_KUSTOMIZATION + "#post-build-variable-substitution",),
    ),
    Rule(
        id="schema/agent-refused",
        title="What an AppProject does not permit",
        severity=Severity.ERROR,
        what=(
            "The AppProject of an Application does not permit its repository, its destination, or an object that it "
            "applies."
        ),
        why="Argo CD refuses to sync the Application, or the object: what was merged never reaches the cluster.",
        remedy="Permit it in the AppProject, or take it out of the Application.",
        references=("https://argo-cd.readthedocs.io/en/stable/user-guide/projects/",),
    ),
    Rule(
        id="schema/agent-limit",
        title="More owners than can be followed",
        severity=Severity.ERROR,
        what="Objects of agents apply further ones without end, or there are more of them than gitgate follows.",
        why="What is behind the limit was not judged.",
        remedy="Let the objects apply less of one another.",
        references=(_KUSTOMIZATION,),
    ),
    Rule(
        id="schema/release-not-rendered",
        title="Helm releases whose charts are somewhere else",
        severity=Severity.NOTE,
        what="HelmReleases install charts of registries or other repositories, so only the releases were judged.",
        why="What the charts bring into the cluster with these values is not known here.",
        remedy="Keep the chart in the repository and name it with a GitRepository to have it rendered.",
        references=(_HELM,),
    ),
    Rule(
        id="schema/release-definitions",
        title="Definitions of a chart that do not reach the cluster",
        severity=Severity.WARNING,
        what=(
            "The chart of a HelmRelease brings or changes definitions in its `crds` directory, and the release neither "
            "installs nor updates them: `upgrade.crds` is Create unless it is set, and `install.crds` may be Skip."
        ),
        why=(
            "The new version of what the chart installs meets the old definitions. Objects of the repository were "
            "judged by those, as they are what the cluster has."
        ),
        remedy=(
            "Set `spec.upgrade.crds: CreateReplace`. Nothing needs to be done where somebody applies the definitions "
            "apart."
        ),
        references=(_HELM + "#controlling-the-lifecycle-of-custom-resource-definitions",),
    ),
    Rule(
        id="schema/agent-uncovered-file",
        title="A file that an agent reads and nothing judged",
        severity=Severity.ERROR,
        what="A file is among those that an agent reads, and nothing became of it in gitgate.",
        why="The agent may apply what nobody looked at.",
        remedy="Report it, please: every file that an agent reads must have a verdict.",
        references=(_KUSTOMIZATION,),
    ),
)
