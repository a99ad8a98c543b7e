"""The policies that gitgate ships, in a real API server: they deny there what they deny here."""

from __future__ import annotations

import pytest

from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.expressions import KNOWN, answers_of_engine, judge_expressions, recorded
from tests.agreement.policies import Agreement, judge_policies, report
from tests.agreement.policy_judges import Verdict
from tests.agreement.scenes import play, said_offline, scenes
from tests.support.control_plane import needs_one_server, server_binaries

_SETS = ("best-practice", "gitops", "pod-security-baseline", "pod-security-restricted", "pod-security-restricted-v1.23")


@needs_one_server
def test_shipped_policies_deny_in_a_server_what_they_deny_offline(minor: str, capsys) -> None:
    with ControlPlane(server_binaries()[minor]) as plane:
        agreement = judge_policies(plane, None, _SETS, every=4)
        played = play(plane)
    assert report(minor, agreement), capsys.readouterr().out
    assert len(agreement.asked) == 9
    assert all(agreement.denied.values())
    assert report(minor, played), capsys.readouterr().out
    assert not played.refused


@pytest.mark.parametrize(
    ("scene", "question"),
    [pytest.param(one, question, id=question.key) for one in scenes() for question in one.questions],
)
def test_a_scene_plays_offline_as_a_server_played_it(scene, question) -> None:
    assert said_offline(scene, question) == scene.said[question.key]


@needs_one_server
def test_expressions_mean_in_a_server_what_they_mean_offline(minor: str, capsys) -> None:
    with ControlPlane(server_binaries()[minor]) as plane:
        assert report(minor, judge_expressions(plane)), capsys.readouterr().out


def test_expressions_mean_offline_what_a_server_made_of_them() -> None:
    kept = recorded()
    found = answers_of_engine(kept)
    assert len(kept) > 500
    differences = {text: (word, found[text]) for text, word in kept.items() if found[text] != word}
    assert differences == {text: (kept[text], word) for text, word in KNOWN.items() if text in kept}


@pytest.mark.parametrize(
    ("server", "said", "wrong"),
    [
        (Verdict(), Verdict(), 0),
        (Verdict(denied=True), Verdict(), 1),
        (Verdict(), Verdict(denied=True), 1),
        (Verdict(said=frozenset({("a", "no")})), Verdict(said=frozenset({("b", "no")})), 1),
        (Verdict(said=frozenset({("a", "no")})), Verdict(said=frozenset({("a", "never")})), 1),
        (Verdict(refused="invalid"), Verdict(denied=True), 0),
    ],
)
def test_what_judges_see_differently_is_counted(server: Verdict, said: Verdict, wrong: int, capsys) -> None:
    agreement = Agreement()
    agreement.compare("set", {"one": server, "two": Verdict()}, {"one": said, "two": Verdict()}, names=True)
    assert len(agreement.wrong) == wrong
    assert report("1.37", agreement) is (wrong == 0)
    assert f"{wrong} wrong" in capsys.readouterr().out


def test_nothing_asked_is_no_agreement(capsys) -> None:
    agreement = Agreement()
    agreement.compare("set", {"one": Verdict(refused="invalid")}, {"one": Verdict()}, names=True)
    assert not report("1.37", agreement)
    assert "refused before policies are asked" in capsys.readouterr().out
