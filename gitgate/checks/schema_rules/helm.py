"""Rules about Helm charts: what must not be rendered, what cannot be, and what renders to something else each time."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_CHARTS = "https://helm.sh/docs/topics/charts/"
_TEMPLATE = "https://helm.sh/docs/helm/helm_template/"
_FUNCTIONS = "https://helm.sh/docs/chart_template_guide/function_list/"
_OR_EXCLUDE = (
    "; or list the chart under `exclude`, or give this rule another weight under `rules`, in .gitgate/settings.yaml."
)

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/helm-missing",
        title="No usable Helm",
        severity=Severity.ERROR,
        what="The tree has Helm charts, but neither Helm 3.16 or newer nor Helm 4 was found on PATH.",
        why="What an agent would make of the charts is unknown, so it cannot be accepted.",
        remedy="Install Helm on the machine that runs gitgate.",
        references=("https://helm.sh/docs/intro/install/",),
    ),
    Rule(
        id="schema/helm-invalid",
        title="A chart or release that cannot be rendered",
        severity=Severity.ERROR,
        what=(
            "A directory is no chart, its `Chart.yaml` cannot be read, a link or archive in it leads elsewhere, or the "
            "release has a name, namespace or version that is none."
        ),
        why="The agent fails on it, or reads files that are not in the repository.",
        remedy="Mend the place that the message names" + _OR_EXCLUDE,
        references=(_CHARTS,),
    ),
    Rule(
        id="schema/helm-limit",
        title="A chart that is too large",
        severity=Severity.ERROR,
        what="A chart, or a file that it is rendered with, is larger than gitgate reads.",
        why="What was not read was not judged.",
        remedy="Split it, or raise `limits.fileBytes` in .gitgate/settings.yaml.",
        references=(_CHARTS,),
    ),
    Rule(
        id="schema/helm-dependency",
        title="A chart whose dependency is not in the repository",
        severity=Severity.ERROR,
        what=(
            "`Chart.yaml` names a dependency that is neither in `charts/` nor where a `file://` repository leads; or "
            "one of a registry, for a chart that could be rendered without it before the change."
        ),
        why="The agent fails on it, or applies what was judged before together with what nobody has reviewed.",
        remedy="Run `helm dependency build` and commit `charts/`" + _OR_EXCLUDE,
        references=("https://helm.sh/docs/helm/helm_dependency/",),
    ),
    Rule(
        id="schema/dependency-not-vendored",
        title="A chart whose dependency comes from a registry",
        severity=Severity.WARNING,
        what=(
            "`Chart.yaml` names a dependency of a registry that is not in `charts/`. What the chart has beside it is "
            "rendered and judged; the dependency is named."
        ),
        why=(
            "The agent fetches it when it installs the chart, so that what is applied is not what was reviewed; "
            "rendering in CI would send a request that the author of the change chose."
        ),
        remedy=(
            "To have it judged, run `helm dependency build` and commit `charts/`. To demand that of everybody, make "
            "this rule an error under `rules` in .gitgate/settings.yaml."
        ),
        references=("https://helm.sh/docs/helm/helm_dependency/",),
    ),
    Rule(
        id="schema/vendored-chart",
        title="A vendored chart that is not what the lock says",
        severity=Severity.ERROR,
        what=(
            "`.gitgate/charts/lock.yaml` cannot be read, or names an archive that is not there, or has another digest, "
            "chart or version."
        ),
        why="What the release installs is unknown, or somebody has put another chart in its place.",
        remedy="Run `gitgate vendor`, and commit what it writes below `.gitgate/charts/`.",
        references=(_CHARTS,),
    ),
    Rule(
        id="schema/helm-values-file",
        title="A values file that is not there",
        severity=Severity.ERROR,
        what="A release names a values file that does not exist, lies outside the repository, or is fetched by URL.",
        why="The agent fails on it, or installs the chart with values that nobody reviewed.",
        remedy="Put the file into the repository and name it by a path inside.",
        references=("https://helm.sh/docs/chart_template_guide/values_files/",),
    ),
    Rule(
        id="schema/helm-failed",
        title="A chart that Helm cannot render",
        severity=Severity.ERROR,
        what="`helm template` failed, took too long or too much memory, or printed what is no YAML.",
        why="The agent fails in the same way, or what it would apply is unknown.",
        remedy="Run `helm template` on the chart and mend what it complains of" + _OR_EXCLUDE,
        references=(_TEMPLATE,),
    ),
    Rule(
        id="schema/helm-lookup",
        title="A chart that asks the cluster or a name server",
        severity=Severity.ERROR,
        what="A template that rendering reaches calls `lookup` or `getHostByName`.",
        why=(
            "Both answer with nothing where a change is reviewed, and with what the cluster holds where Flux installs "
            "the chart: what is applied may differ from everything that was judged."
        ),
        remedy="Take what the template asks for from a value" + _OR_EXCLUDE,
        references=("https://helm.sh/docs/chart_template_guide/functions_and_pipelines/#using-the-lookup-function",),
    ),
    Rule(
        id="schema/helm-clock",
        title="A chart that asks for the time",
        severity=Severity.WARNING,
        what="A template that rendering reaches calls `now` or `ago`, or formats what may be no date.",
        why="What is applied depends on when that happens; it may be something else than what was judged.",
        remedy="Take the time from a value.",
        references=(_FUNCTIONS,),
    ),
    Rule(
        id="schema/helm-undecided",
        title="A chart that decides by what nobody knows",
        severity=Severity.ERROR,
        what=(
            "A template that rendering reaches compares the time, a random value, the number of the release's "
            "revision, or an exact version of Kubernetes or Helm; or it asks for so many API versions that not every "
            "answer was tried; or `tpl` renders a text that is put together while rendering."
        ),
        why=(
            "One outcome was rendered and judged; the agent may apply the other one. Whether a release is upgraded, "
            "and which API versions the cluster serves, is not among these: every answer is rendered and judged."
        ),
        remedy="Decide by a value" + _OR_EXCLUDE,
        references=(_FUNCTIONS,),
    ),
    Rule(
        id="schema/helm-conditional-deletion",
        title="An object that a chart takes away in some clusters",
        severity=Severity.ERROR,
        what=(
            "A chart rendered an object in any case, and renders it now only for a new release, or only where the "
            "cluster does not serve an API version. Where that leaves no data and no upgrade at stake, it is a warning."
        ),
        why=(
            "Helm deletes what the new rendering of a release does not hold. An object within "
            "`{{ if .Release.IsInstall }}` is deleted by the next upgrade, and the plan, which is about the first "
            "installation, does not show it."
        ),
        remedy="Render the object in any case; or annotate it with `helm.sh/resource-policy: keep`, and waive this.",
        references=("https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource",),
    ),
    Rule(
        id="schema/helm-conditional-failure",
        title="A chart that fails in some clusters",
        severity=Severity.WARNING,
        what=(
            "Helm renders a chart as for a new release, but not as for an upgrade, or not where the cluster serves an "
            "API version that the chart asks for."
        ),
        why="Where that holds, the agent fails as well, and applies nothing of the release.",
        remedy="Give the values that the chart asks for then, or fix the template.",
        references=("https://helm.sh/docs/chart_template_guide/builtin_objects/",),
    ),
    Rule(
        id="schema/helm-nondeterministic",
        title="A chart that renders to something else each time",
        severity=Severity.ERROR,
        what="Two renderings of a chart with the same values differ.",
        why=(
            "What is applied is not what was judged, and every reconciliation changes it again: passwords are "
            "replaced, certificates are issued anew, workloads restart."
        ),
        remedy="Take the random value from a Secret or a value" + _OR_EXCLUDE,
        references=(_FUNCTIONS,),
    ),
    Rule(
        id="schema/helm-remote-schema",
        title="A schema of values that loads another",
        severity=Severity.WARNING,
        what="A `values.schema.json` refers to a schema outside itself, by URL or file.",
        why=(
            "Helm fetches it whenever it renders the chart. gitgate renders without checking the values, so that the "
            "agent may refuse them."
        ),
        remedy="Copy what it refers to under `$defs` in the same file.",
        references=("https://helm.sh/docs/topics/charts/#schema-files",),
    ),
    Rule(
        id="schema/chart-default-values",
        title="A chart that nothing in the repository installs",
        severity=Severity.NOTE,
        what="No HelmRelease or Application names the chart, so it was rendered with the values that it brings itself.",
        why="Whoever installs it may use other values, and so get other objects than those that were judged.",
        remedy="Keep the object that installs the chart in the same repository, or list the chart under `exclude`.",
        references=(_CHARTS,),
    ),
    Rule(
        id="schema/chart-not-rendered",
        title="A chart that needs values",
        severity=Severity.WARNING,
        what=(
            "A chart refuses its own default values, and nothing in the repository names others, so it could not be "
            "rendered. Where the base could be rendered without, that is `schema/helm-failed` instead."
        ),
        why="Nothing is known of the objects that an agent would make of it.",
        remedy=(
            "Give it default values that it can be rendered with, keep the object that installs it in the same "
            "repository, or list the chart under `exclude` in .gitgate/settings.yaml."
        ),
        references=(_CHARTS, _TEMPLATE),
    ),
)
