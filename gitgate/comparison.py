"""New, existing or fixed: the findings of a change against those of the base, as a pure function.

A finding of the base covers the same finding (rule, object, field) in the same place: the file, or the render root.
Objects of the same name live in several places of one repository, a cluster or an environment each, so a mistake that
is mended in one place must not cover the same mistake in another. Only an object that left its place takes its
findings along, to a place where it was not before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gitgate.finding import Finding, State
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Origin, ResourceId

_Identity = tuple[str, str, str, str]


def compare(findings: Iterable[Finding], baseline: Sequence[Finding], proposal: Proposal) -> tuple[Finding, ...]:
    """Give each finding its state, counted: a second one of a kind is new.

    Args:
        findings: In the tree that the merge would produce.
        baseline: In the base.
        proposal: The objects of both, which tell what moved.

    Returns:
        The findings in their order, then those of the base that are no more, as fixed.
    """
    if not baseline:
        return tuple(replace(finding, state=State.NEW) for finding in findings)
    before, after = _present(proposal.before), _present(proposal.after)
    left = Counter((finding.fingerprint, _place_of(finding)) for finding in baseline)
    compared: list[Finding] = []
    for finding in findings:
        name = (finding.fingerprint, _place_of(finding))
        existing = left[name] > 0
        left[name] -= existing
        compared.append(replace(finding, state=State.EXISTING if existing else State.NEW))
    gone: list[Finding] = []
    for finding in baseline:
        name = (finding.fingerprint, _place_of(finding))
        if left[name] > 0:
            left[name] -= 1
            gone.append(replace(finding, state=State.FIXED))
    moved = Counter(finding.fingerprint for finding in gone if finding.resource and _key(finding) not in after)
    for index, finding in enumerate(compared):
        if finding.state is State.NEW and moved[finding.fingerprint] > 0 and _key(finding) not in before:
            moved[finding.fingerprint] -= 1
            compared[index] = replace(finding, state=State.EXISTING)
            gone.remove(_first_moved(gone, finding.fingerprint, after))
    # What still cannot be judged was not mended, though its content and so its fingerprint changed.
    still = {_subject(finding) for finding in compared if finding.state is State.NEW}
    return (*compared, *(finding for finding in gone if not finding.discriminator or _subject(finding) not in still))


def _subject(finding: Finding) -> tuple[str, _Identity, str, str]:
    return (finding.rule, *_key(finding), finding.stable_field)


def _first_moved(gone: list[Finding], fingerprint: str, after: frozenset[tuple[_Identity, str]]) -> Finding:
    return next(finding for finding in gone if finding.fingerprint == fingerprint and _key(finding) not in after)


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
    """A file is one place, and so is everything that one root or owner renders, however its files are called.

    What an owner renders for one cluster is another place than what it renders for another one.
    """
    place = f"{origin.rendered_by}/" if origin.rendered_by is not None else origin.path
    return " ".join((place, *(part for part in (origin.owner, origin.cluster) if part)))
