"""Rules about history as a whole and about the signers file itself."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_SOURCE_TRACK = "https://slsa.dev/spec/v1.2/source-requirements"
_TUF = "https://theupdateframework.github.io/specification/latest/"

RULES: tuple[Rule, ...] = (
    Rule(
        id="signature/history-rewrite",
        title="A push that rewrites a protected branch",
        severity=Severity.ERROR,
        what="A push deletes a protected branch, drops commits from it, or writes refs like `refs/replace/`.",
        why="What was judged and merged would be gone, and an older, weaker state would be deployed.",
        remedy="Add commits on top instead, `git revert`; what `refs/replace/` holds stays on your own machine.",
        references=("https://git-scm.com/docs/git-replace", _SOURCE_TRACK),
    ),
    Rule(
        id="signature/gate-changed",
        title="A change of what runs the gate",
        severity=Severity.WARNING,
        what=(
            "The change edits a workflow, an action, a CI or hook configuration, or CODEOWNERS, and no rule of "
            "`.gitgate/signers.yaml` says who may."
        ),
        why=(
            "On `pull_request` the platform runs the workflow of the change: it can leave gitgate out, ignore its exit "
            "code, or let another job of the same name succeed."
        ),
        remedy=(
            "Read the edit. Give `.github/**` a rule in `.gitgate/signers.yaml`, and require the workflow from outside "
            "the change."
        ),
        references=(
            "https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows",
            "https://docs.github.com/articles/about-code-owners",
        ),
    ),
    Rule(
        id="signature/policy-change-unauthorized",
        title="An edit of the rulebook without its administrators",
        severity=Severity.ERROR,
        what="A commit edits something below `.gitgate/`, and its signer is not one of the base's administrators.",
        why="Whoever may edit what judges can let anything pass from then on.",
        remedy="Let one of the administrators make and sign this commit.",
        references=(_TUF, _SOURCE_TRACK),
    ),
    Rule(
        id="signature/policy-invalid",
        title="A signers file that could not judge",
        severity=Severity.ERROR,
        what=(
            "The change leaves a signers file that cannot be read, is gone, skips a version or leaves too few "
            "administrators; or it is not the pinned one."
        ),
        why="After the merge nobody could change the protected branch any more, or everybody could.",
        remedy="Correct `.gitgate/signers.yaml`; with every edit its `version` grows by one.",
        references=(_TUF,),
    ),
    Rule(
        id="signature/signers-changed",
        title="A change of who may sign",
        severity=Severity.NOTE,
        what="The change edits `.gitgate/signers.yaml` or a key file: a line for each difference in meaning.",
        why="From the merge on other people, or fewer of them, decide what reaches the cluster.",
        remedy="Read the lines; compare new fingerprints with their owners over another channel.",
        references=(_TUF,),
    ),
)
