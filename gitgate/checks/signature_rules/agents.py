"""Rules about agents that would refuse what a platform makes of the merge."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_REFERENCES = (
    "https://fluxcd.io/flux/components/source/gitrepositories/",
    "https://argo-cd.readthedocs.io/en/stable/user-guide/gpg-verification/",
)
_WHY = "The agent stops at the old revision: the merge is accepted, and nothing of it reaches the cluster."

RULES: tuple[Rule, ...] = tuple(
    Rule(
        id=f"signature/agent-will-refuse-{name}",
        title=f"An agent that refuses a {title}",
        severity=Severity.WARNING,
        what=what,
        why=_WHY,
        remedy=remedy,
        references=_REFERENCES,
    )
    for name, title, what, remedy in (
        (
            "merge-commit",
            "platform's merge commit",
            "Flux or Argo CD demands signatures, and would not accept the merge commit that the platform makes.",
            "Add the platform's key to those that the agent accepts, or merge and sign on your own machine.",
        ),
        (
            "squash",
            "squashed commit",
            "Flux or Argo CD demands signatures, and would not accept the commit into which the platform squashes.",
            "Turn squash merges off, or add the platform's key to those that the agent accepts.",
        ),
        (
            "rebase",
            "rebased commit",
            "Flux or Argo CD demands signatures, and a platform that rebases a change makes commits without any.",
            "Turn rebase merges off for this repository; merge commits keep signatures.",
        ),
    )
)
