"""The policy check: does what the merge would make the agent ask for satisfy the admission policies?

The policies of the base judge: those that the repository itself would put in the cluster, those below
`.gitgate/policies`, and the sets that settings take from gitgate. What a change adds or edits judges, too, and is
reported as such; what it removes still judges this change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gitgate.checks.base import Examination
from gitgate.checks.policy_rules import POLICY_RULE_LIST
from gitgate.finding import Rule
from gitgate.proposal import Proposal
from gitgate.settings import SCHEMA_DIRECTORY, Settings

_CRD_GROUP = "apiextensions.k8s.io"
_GROUP = "admissionregistration.k8s.io"
_RULES = b"x-kubernetes-validations"
_DIRECTORY = ".gitgate/policies/"


@dataclass(frozen=True, slots=True)
class PolicyCheck:
    """Does it satisfy the declared policies?"""

    name: str = "policy"
    rules: tuple[Rule, ...] = field(default=POLICY_RULE_LIST, repr=False)

    def examine(self, proposal: Proposal, settings: Settings) -> Examination:
        """Judge both trees; see `Check.examine`."""
        if not _may_have_policies(proposal, settings):
            return Examination(judged=MappingProxyType({"policies": 0}))
        from gitgate.policy.cel import Engine  # noqa: PLC0415 - most runs of a hook need no policies

        with Engine() as engine:
            # Its process and what asks it take equally long to load.
            engine.start()
            from gitgate.checks.policy_examination import examine_policies  # noqa: PLC0415

            return examine_policies(proposal, settings, engine)


def _may_have_policies(proposal: Proposal, settings: Settings) -> bool:
    """Is there anything that the engine should look at? Cheap, and true when in doubt."""
    rulebooks = (proposal.rulebook, proposal.proposed_rulebook)
    snapshots = (proposal.before, proposal.after)
    return (
        bool(settings.policy.sets)
        or any(path.startswith(_DIRECTORY) for rulebook in rulebooks for path in rulebook)
        or any(resource.id.group == _GROUP for snapshot in snapshots for resource in snapshot.resources)
        or defines_rules(proposal)
    )


def defines_rules(proposal: Proposal) -> bool:
    """Does a definition in one of the trees, or one that the base keeps for itself, have CEL rules?"""
    if any(path.startswith(f"{SCHEMA_DIRECTORY}/") and _RULES in data for path, data in proposal.rulebook.items()):
        return True
    return any(
        _mentions_rules(resource.data)
        for snapshot in (proposal.before, proposal.after)
        for resource in snapshot.resources
        if resource.id.group == _CRD_GROUP
    )


def _mentions_rules(data: object) -> bool:
    pending = [data]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if "x-kubernetes-validations" in part:
                return True
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return False
