"""Every finding of the change has one state, and one of the base covers at most one of them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gitgate.change import Change
from gitgate.comparison import compare
from gitgate.finding import Finding, Severity, State
from gitgate.location import Location
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Origin, Resource, ResourceId

names = st.sampled_from(["web", "api"])
ids = st.builds(ResourceId, st.just("apps"), st.just("v1"), st.just("Deployment"), st.just(""), names)
origins = st.builds(Origin, st.sampled_from(["dev.yaml", "prod.yaml"]), rendered_by=st.none() | st.just("overlay"))
resources = st.builds(Resource, ids, st.just({}), origins)
snapshots = st.builds(Snapshot, st.lists(resources, max_size=4).map(tuple))
about_objects = st.builds(
    Finding,
    rule=st.sampled_from(["schema/a", "schema/b"]),
    severity=st.just(Severity.ERROR),
    message=st.text(max_size=3),
    resource=ids,
    origin=origins,
)
about_files = st.builds(
    Finding,
    rule=st.just("schema/c"),
    severity=st.just(Severity.ERROR),
    message=st.just("m"),
    location=st.builds(Location, st.sampled_from(["dev.yaml", "prod.yaml"])),
    discriminator=st.sampled_from(["1", "2"]),
)
findings = st.lists(about_objects | about_files, max_size=6).map(tuple)
change = Change(base=None, head=None, base_name="b", head_name="h")
proposals = st.builds(Proposal, st.just(change), snapshots, snapshots)


@given(findings, findings, proposals)
def test_nothing_is_lost_and_nothing_is_covered_twice(after, before, proposal) -> None:
    compared = compare(after, before, proposal)
    states = Counter(finding.state for finding in compared)
    assert states[State.NEW] + states[State.EXISTING] == len(after)
    assert states[State.EXISTING] + states[State.FIXED] <= len(before)
    if not any(finding.discriminator for finding in before):
        assert states[State.EXISTING] + states[State.FIXED] == len(before)
    assert [finding.message for finding in compared[: len(after)]] == [finding.message for finding in after]


@given(findings, proposals)
def test_without_a_base_everything_is_new(after, proposal) -> None:
    assert all(finding.state is State.NEW for finding in compare(after, (), proposal))


@given(findings, snapshots)
def test_nothing_is_new_against_itself(after, snapshot) -> None:
    compared = compare(after, after, Proposal(change, snapshot, snapshot))
    assert all(finding.state is State.EXISTING for finding in compared)


@given(findings, findings, snapshots)
def test_while_no_object_moves_a_finding_is_covered_only_in_its_own_place(after, before, snapshot) -> None:
    present = {(resource.id.identity, resource.origin) for resource in snapshot.resources}
    after = tuple(f for f in after if f.resource and (f.resource.identity, f.origin) in present)
    before = tuple(f for f in before if f.resource and (f.resource.identity, f.origin) in present)
    places = Counter((f.fingerprint, f.origin.rendered_by or f.origin.path) for f in before)
    for finding in compare(after, before, Proposal(change, snapshot, snapshot))[: len(after)]:
        place = (finding.fingerprint, finding.origin.rendered_by or finding.origin.path)
        assert (finding.state is State.EXISTING) == (places[place] > 0)
        places[place] -= 1


def test_what_still_cannot_be_judged_is_not_called_fixed() -> None:
    before, after = (
        Finding(
            rule="schema/yaml-syntax",
            severity=Severity.ERROR,
            message="m",
            location=Location("broken.yaml"),
            discriminator=content,
        )
        for content in ("old", "new")
    )
    nothing = Proposal(change, Snapshot(), Snapshot())
    assert [finding.state for finding in compare((after,), (before,), nothing)] == [State.NEW]
    assert [finding.state for finding in compare((), (before,), nothing)] == [State.FIXED]
