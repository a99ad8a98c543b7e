"""decide() is total, fails closed, and only ever gets stricter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gitgate.finding import Finding, Severity, State, Suppression
from gitgate.report import CheckResult, CheckStatus, Verdict, decide

CHECK_NAMES = ("schema", "policy", "signature", "reconcile")

findings = st.builds(
    Finding,
    rule=st.sampled_from(["schema/unknown-field", "policy/x"]),
    severity=st.sampled_from(Severity),
    message=st.just("m"),
    state=st.sampled_from(State),
    suppression=st.none() | st.just(Suppression(kind="waiver", justification="j")),
)
results = st.builds(
    CheckResult,
    check=st.sampled_from(CHECK_NAMES),
    status=st.sampled_from(CheckStatus),
    findings=st.lists(findings, max_size=4).map(tuple),
)
result_lists = st.lists(results, max_size=6).map(tuple)
required = st.frozensets(st.sampled_from(CHECK_NAMES), max_size=4)


@given(required, result_lists)
def test_accepted_means_everything_required_was_completed_and_nothing_blocks(demanded, given_results) -> None:
    if decide(demanded, given_results) is Verdict.ACCEPTED:
        assert demanded
        assert not any(finding.blocking for result in given_results for finding in result.findings)
        assert all(result.status is CheckStatus.COMPLETED for result in given_results)
        assert demanded <= {result.check for result in given_results}


@given(required, result_lists)
def test_any_blocking_finding_rejects(demanded, given_results) -> None:
    blocking = any(finding.blocking for result in given_results for finding in result.findings)
    assert (decide(demanded, given_results) is Verdict.REJECTED) == blocking


@given(required, result_lists, results)
def test_one_more_finding_or_undetermined_result_never_turns_anything_into_accepted(
    demanded, given_results, extra
) -> None:
    before = decide(demanded, given_results)
    with_findings = [replace(result, findings=(*result.findings, *extra.findings)) for result in given_results]
    undetermined = replace(extra, status=CheckStatus.UNDETERMINED)
    for after in (decide(demanded, with_findings), decide(demanded, (*given_results, undetermined))):
        assert after is not Verdict.ACCEPTED or before is Verdict.ACCEPTED
    assert decide(demanded, (*given_results, undetermined)) is not Verdict.ACCEPTED


@given(required, result_lists, st.sampled_from(CHECK_NAMES))
def test_demanding_more_never_turns_anything_into_accepted_but_an_empty_demand(demanded, given_results, more) -> None:
    if demanded and decide(demanded, given_results) is not Verdict.ACCEPTED:
        assert decide(demanded | {more}, given_results) is not Verdict.ACCEPTED


@given(required, result_lists)
def test_the_order_of_results_does_not_matter(demanded, given_results) -> None:
    assert decide(demanded, given_results) is decide(demanded, tuple(reversed(given_results)))


def test_nothing_checked_is_not_accepted() -> None:
    assert decide((), ()) is Verdict.UNDETERMINED
    assert decide(("schema",), ()) is Verdict.UNDETERMINED
    assert decide((), (CheckResult(check="schema"),)) is Verdict.UNDETERMINED


def test_exit_codes_are_those_of_the_design() -> None:
    assert {verdict.value: verdict.exit_code for verdict in Verdict} == {
        "accepted": 0,
        "rejected": 1,
        "undetermined": 3,
    }
