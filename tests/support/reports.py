"""Frozen reports that the output formats are shown and tested with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitgate.change import Change, ChangedPath, TreeEntry
from gitgate.finding import Finding, Rule, Severity, State, Suppression
from gitgate.location import Location, Position, Precision
from gitgate.report import CheckResult, CheckStatus, Report, Verdict
from gitgate.resource import Origin, ResourceId

BASE = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
HEAD = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"
TREE = "0123456789abcdef0123456789abcdef01234567"
_BLOB = TreeEntry("100644", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
_OTHER_BLOB = TreeEntry("100644", "8baef1b4abc478178b004d62031cf7fe6db6f903")

WEB = ResourceId("apps", "v1", "Deployment", "shop", "web")
CACHE = ResourceId("", "v1", "ConfigMap", "shop", "cache-settings")
INGRESS = ResourceId("extensions", "v1beta1", "Ingress", "shop", "web")

UNKNOWN_FIELD = Rule(
    id="schema/unknown-field",
    title="a field that the schema does not know",
    severity=Severity.ERROR,
    what="The object has a field that the schema of its kind does not have.",
    why="The API server drops the field, or refuses the object under strict validation: what was meant never happens.",
    remedy="Correct the spelling or the place of the field, or remove it.",
    bad="apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndatas: {}\n",
    good="apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {}\n",
    references=(
        "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
        "Kubernetes, structured-merge-diff",
    ),
)
WRONG_TYPE = Rule(
    id="schema/wrong-type",
    title="a value of the wrong type",
    severity=Severity.ERROR,
    what="A field holds a value of a type that the schema does not allow.",
    why="The API server refuses the object, and the agent's sync stops.",
    remedy="Write a value of the type that the message names.",
)
DEPRECATED_KIND = Rule(
    id="schema/deprecated-kind",
    title="a kind that a later version removes",
    severity=Severity.WARNING,
    what="The kind is deprecated in a target version.",
    why="The next upgrade of the cluster breaks the sync.",
    remedy="Move to the replacement that the message names.",
)
RULES: Mapping[str, Rule] = {rule.id: rule for rule in (DEPRECATED_KIND, UNKNOWN_FIELD, WRONG_TYPE)}

CHANGE = Change(
    base=BASE,
    head=HEAD,
    base_name="main",
    head_name="feature/faster-web",
    tree=TREE,
    commits=(HEAD,),
    paths=(
        ChangedPath("apps/shop/deployment.yaml", _BLOB, _OTHER_BLOB),
        ChangedPath("apps/shop/ingress.yaml", None, _BLOB),
        ChangedPath("apps/shop/old.yaml", _BLOB, None),
    ),
)

TYPO = Finding(
    rule=UNKNOWN_FIELD.id,
    severity=Severity.ERROR,
    message='unknown field "imagee"; it is "image" that containers have',
    resource=WEB,
    field=("spec", "template", "spec", "containers", 0, "imagee"),
    stable_field="spec.template.spec.containers[name=web].imagee",
    location=Location(
        "apps/shop/deployment.yaml", Position(19, 11), excerpt="          imagee: registry.example.com/shop/web:1.4.2"
    ),
    fix='Rename it to "image".',
)
PORT = Finding(
    rule=WRONG_TYPE.id,
    severity=Severity.ERROR,
    message='expected an integer, got the string "8080"',
    resource=WEB,
    field=("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"),
    location=Location(
        "apps/shop/deployment.yaml",
        Position(22, 32),
        excerpt='            - containerPort: "8080"',
    ),
    fix="Remove the quotes.",
    versions=("1.36", "1.37"),
)
REMOVED = Finding(
    rule=DEPRECATED_KIND.id,
    severity=Severity.WARNING,
    message=(
        "extensions/v1beta1 Ingress was deprecated in Kubernetes 1.14 and is not served since 1.22; "
        "networking.k8s.io/v1 Ingress replaces it, whose backends and path types are written differently"
    ),
    resource=INGRESS,
    field=("apiVersion",),
    location=Location("apps/shop/ingress.yaml", Position(1, 1), Precision.OBJECT, "apiVersion: extensions/v1beta1"),
)
EXISTING = Finding(
    rule=UNKNOWN_FIELD.id,
    severity=Severity.ERROR,
    message='unknown field "datas"',
    resource=CACHE,
    field=("datas",),
    location=Location("apps/shop/cache.yaml", Position(5, 1), excerpt="datas: {}"),
    state=State.EXISTING,
)
FIXED = Finding(
    rule=WRONG_TYPE.id,
    severity=Severity.ERROR,
    message="expected a string, got the integer 3",
    resource=CACHE,
    field=("data", "size"),
    origin=Origin("apps/shop/old.yaml"),
    state=State.FIXED,
)
SUPPRESSED = Finding(
    rule=UNKNOWN_FIELD.id,
    severity=Severity.ERROR,
    message='unknown field "x-note"',
    resource=CACHE,
    field=("x-note",),
    location=Location("apps/shop/cache.yaml", Position(9, 1), excerpt="x-note: kept for the migration"),
    suppression=Suppression(kind="waiver", justification="until the migration ends (platform team)"),
)

ACCEPTED = Report(
    verdict=Verdict.ACCEPTED,
    change=CHANGE,
    results=(CheckResult(check="schema", findings=(EXISTING, FIXED), judged={"objects": 37}),),
    rules=RULES,
    files={"judged": 11, "consumed": 4},
    kubernetes_versions=("1.37",),
    gitgate_version="0.1.0",
)
REJECTED = Report(
    verdict=Verdict.REJECTED,
    change=CHANGE,
    results=(
        CheckResult(
            check="schema",
            findings=(FIXED, SUPPRESSED, EXISTING, REMOVED, PORT, TYPO),
            judged={"objects": 37},
            unjudged={"cert-manager.io/v1 Certificate": 3, "example.com/v1 Widget": 1},
        ),
    ),
    rules=RULES,
    files={"judged": 11, "consumed": 4, "opaque": 1},
    notes=("No .gitgate/settings.yaml at the base: the defaults judge.",),
    kubernetes_versions=("1.36", "1.37"),
    gitgate_version="0.1.0",
)
UNDETERMINED = Report(
    verdict=Verdict.UNDETERMINED,
    change=Change(base=None, head=None, base_name="", head_name="index"),
    results=(
        CheckResult(
            check="schema",
            status=CheckStatus.UNDETERMINED,
            reason="kustomize was not found, so apps/staging could not be rendered.",
            remedy="Install kustomize 5.0 or newer, or kubectl, and run again.",
            findings=(replace(REMOVED, origin=Origin("apps/shop/ingress.yaml"), location=None),),
            judged={"objects": 2},
        ),
    ),
    rules=RULES,
    files={"failed": 1, "judged": 2},
    kubernetes_versions=("1.37",),
    gitgate_version="0.1.0",
)


def _applied(finding: Finding, cluster: str) -> Finding:
    """The finding in an object that an owner applies in a cluster."""
    path = finding.location.path if finding.location is not None else ""
    return replace(finding, origin=Origin(path, owner="Kustomization flux-system/apps", cluster=cluster))


CLUSTERS = Report(
    verdict=Verdict.REJECTED,
    change=CHANGE,
    results=(
        CheckResult(
            check="schema",
            findings=(
                _applied(TYPO, "staging"),
                _applied(TYPO, "production"),
                _applied(PORT, "staging"),
                _applied(REMOVED, "production"),
                _applied(EXISTING, "staging"),
                _applied(EXISTING, "production"),
            ),
            judged={"objects": 37},
        ),
    ),
    rules=RULES,
    files={"judged": 11, "consumed": 4},
    kubernetes_versions=("1.36", "1.37"),
    gitgate_version="0.1.0",
)

ATTACKS: tuple[str, ...] = (
    "::error::forged",
    "  ::stop-commands::pwned",
    "\u3000::set-env name=PATH::/tmp",
    "a ##[add-mask]b ##vso[task.setvariable]c ###[x]",
    "line\n::warning::two\r\n##[group]three\u2028::error::four\x85::error::five",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b31m\x7f",
    "evil\u202etxt.exe\u2066\u200b\u200d\ufeff\u2060\u3164\ue000\U000e0041",
    "bytes \udcff\udc80 and \ud800",
    "</details></table></code></pre><img src=https://tracker.example/x.png><script>alert(1)</script>",
    "![pixel](https://tracker.example/x.png) [click](https://evil.example) https://evil.example www.evil.example",
    "@org/team @octocat #123 GH-42 octo/repo#7 deadbeefdeadbeef deadbee a@b.example :tada:",
    "a | b || `c` ``` ~~~ \\| {0} %0A::error::x, y: z",
    "\n\n## ✅ gitgate: accepted\n\n**merge me**\n- [x] done\n> quote",
    "--> <!-- ]]> &lt;b&gt; &#64;user",
)


def hostile_report(texts: tuple[str, ...] = ATTACKS, verdict: Verdict = Verdict.REJECTED) -> Report:
    """A report in which every field that a change's author can write holds each of the texts."""
    findings = tuple(
        finding
        for text in texts
        for finding in (
            Finding(
                rule=UNKNOWN_FIELD.id,
                severity=Severity.ERROR,
                message=text,
                resource=ResourceId(text, text, text, text, text),
                field=("spec", text, 0, text),
                location=Location(text, Position(3, 5), excerpt=text),
                origin=Origin(text, owner=text, cluster=text),
                fix=text,
                versions=(text,),
            ),
            Finding(rule=WRONG_TYPE.id, severity=Severity.WARNING, message=f"before {text} after"),
            Finding(
                rule=WRONG_TYPE.id,
                severity=Severity.NOTE,
                message=text,
                location=Location(text),
                state=State.EXISTING,
                suppression=Suppression(kind=text, justification=text),
            ),
            Finding(
                rule=WRONG_TYPE.id, severity=Severity.NOTE, message=text, origin=Origin(text), state=State.EXISTING
            ),
            Finding(rule=WRONG_TYPE.id, severity=Severity.NOTE, message=text, state=State.FIXED),
        )
    )
    first, last = texts[0], texts[-1]
    return Report(
        verdict=verdict,
        change=Change(
            base=BASE,
            head=HEAD,
            base_name=first,
            head_name=last,
            tree=TREE,
            paths=tuple(ChangedPath(text, None, _BLOB) for text in texts),
        ),
        results=(
            CheckResult(check="schema", findings=findings, unjudged=dict.fromkeys(texts, 2), judged={"objects": 20}),
            CheckResult(check="policy", status=CheckStatus.UNDETERMINED, reason=last, remedy=first),
            CheckResult(check=f"c{first}", status=CheckStatus.UNDETERMINED),
        ),
        rules=RULES,
        notes=texts,
        kubernetes_versions=("1.37",),
        gitgate_version="0.1.0",
    )


SAMPLES: Mapping[str, Report] = {
    "accepted": ACCEPTED,
    "rejected": REJECTED,
    "undetermined": UNDETERMINED,
    "clusters": CLUSTERS,
    "hostile": hostile_report(),
}
