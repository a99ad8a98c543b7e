"""Rules about agents that would refuse what a platform makes of the merge."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_REFERENCES = (
    "https://fluxcd.io/flux/components/source/gitrepositories/",
    "https://argo-cd.readthedocs.io/en/stable/user-guide/gpg-verification/",
)
_WHY = "The agent stops at the old revision: the merge is accepted, and nothing of it reaches the cluster."
_REASONS = (
    "the platform's key is not among those that it accepts, or is good no more, or Argo CD's strict mode would refuse a"
    " commit below."
)
_SEAL = "Where strict mode refuses history, let somebody whom it accepts seal it."

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
            f"Flux or Argo CD demands signatures, and would not accept a merge commit of the platform: {_REASONS}",
            f"Add the platform's present key to those that the agent accepts, or merge and sign yourself. {_SEAL}",
        ),
        (
            "squash",
            "squashed commit",
            f"Flux or Argo CD demands signatures, and would not accept the commit that a squash makes: {_REASONS}",
            f"Turn squash merges off, or add the platform's present key to those that the agent accepts. {_SEAL}",
        ),
        (
            "rebase",
            "rebased commit",
            "Flux or Argo CD demands signatures, and a platform that rebases a change makes commits without any.",
            "Turn rebase merges off for this repository; merge commits keep signatures.",
        ),
    )
)
