"""New, existing or fixed: the findings of a change against those of the base, as a pure function.

A finding of the base covers the same finding (rule, object, field) in the same place: the file, or the render root.
Objects of the same name live in several places of one repository, a cluster or an environment each, so a mistake that
is mended in one place must not cover the same mistake in another. Only an object that left its place takes its
findings along, to a place where it was not before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from gitgate.finding import Finding, State
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Origin, ResourceId

_Identity = tuple[str, str, str, str]


def compare(findings: Iterable[Finding], baseline: Iterable[Finding], proposal: Proposal) -> tuple[Finding, ...]:
    """Give each finding its state, counted: a second one of a kind is new.

    Args:
        findings: In the tree that the merge would produce.
        baseline: In the base.
        proposal: The objects of both, which tell what moved.

    Returns:
        The findings in their order, then those of the base that are no more, as fixed.
    """
    before, after = _present(proposal.before), _present(proposal.after)
    old = tuple(baseline)
    in_place = Counter((finding.fingerprint, _place_of(finding)) for finding in old)
    moved = Counter(finding.fingerprint for finding in old if finding.resource and _key(finding) not in after)
    compared: list[Finding] = []
    covered: Counter[str] = Counter()
    for finding in findings:
        name = (finding.fingerprint, _place_of(finding))
        state = State.NEW
        if in_place[name] > 0:
            in_place[name] -= 1
            state = State.EXISTING
        elif moved[finding.fingerprint] > 0 and _key(finding) not in before:
            moved[finding.fingerprint] -= 1
            covered[finding.fingerprint] += 1
            state = State.EXISTING
        compared.append(replace(finding, state=state))
    for finding in old:
        name = (finding.fingerprint, _place_of(finding))
        if in_place[name] > 0:
            in_place[name] -= 1
            if covered[finding.fingerprint] > 0 and _key(finding) not in after:
                covered[finding.fingerprint] -= 1
            else:
                compared.append(replace(finding, state=State.FIXED))
    return tuple(compared)


def _present(snapshot: Snapshot) -> frozenset[tuple[_Identity, str]]:
    return frozenset((resource.id.identity, _place(resource.origin)) for resource in snapshot.resources)


def _key(finding: Finding) -> tuple[_Identity, str]:
    resource = finding.resource or ResourceId("", "", "", "", "")
    return resource.identity, _place_of(finding)


def _place_of(finding: Finding) -> str:
    if finding.origin is not None:
        return _place(finding.origin)
    return finding.location.path if finding.location is not None else ""


def _place(origin: Origin) -> str:
    """A file is one place, and so is everything that one root renders, however its files are called."""
    return f"{origin.rendered_by}/" if origin.rendered_by is not None else origin.path
