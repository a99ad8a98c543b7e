"""What several clusters share is told once; what differs in any way is told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitgate.finding import Finding, Severity
from gitgate.location import Location, Position
from gitgate.reporters.base import Style
from gitgate.reporters.clusters import Told, gathered, sections
from gitgate.reporters.registry import REPORTERS
from gitgate.reporters.summary import subject_of
from gitgate.resource import Origin
from tests.support.reports import CLUSTERS, TYPO


def in_cluster(finding: Finding, cluster: str, path: str = "base/web.yaml") -> Finding:
    return replace(finding, origin=Origin(path, owner="Kustomization flux-system/apps", cluster=cluster))


def test_same_finding_in_two_clusters_is_told_once_with_both():
    findings = [in_cluster(TYPO, "staging"), in_cluster(TYPO, "production")]
    assert gathered(findings) == (Told(findings[0], ("production", "staging")),)


@pytest.mark.parametrize(
    "other",
    [
        replace(TYPO, message="another"),
        replace(TYPO, fix="another"),
        replace(TYPO, location=Location("overlay/web.yaml", Position(1, 1))),
        replace(TYPO, versions=("1.36",)),
    ],
)
def test_what_differs_is_told_apart(other: Finding):
    assert len(gathered([in_cluster(TYPO, "staging"), in_cluster(other, "production")])) == 2


def test_findings_without_a_line_in_two_files_are_two():
    bare = replace(TYPO, location=None)
    assert len(gathered([in_cluster(bare, "staging", "a.yaml"), in_cluster(bare, "production", "b.yaml")])) == 2


def test_findings_of_no_cluster_are_never_folded():
    assert gathered([TYPO, TYPO]) == (Told(TYPO), Told(TYPO))


def test_one_cluster_needs_no_sections():
    told = gathered([TYPO, in_cluster(TYPO, "staging")])
    assert list(sections(told)) == [((), told)]


def test_gravest_section_comes_first():
    grave = in_cluster(TYPO, "staging")
    mild = replace(in_cluster(TYPO, "production"), severity=Severity.WARNING)
    assert [clusters for clusters, _ in sections(gathered([mild, grave]))] == [("staging",), ("production",)]


def test_no_findings_make_no_section():
    assert list(sections(())) == []


@pytest.mark.parametrize("output", ["text", "markdown", "github"])
def test_formats_for_people_name_every_cluster_that_a_shared_base_reaches(output: str):
    assert "clusters production, staging" in REPORTERS[output](CLUSTERS, Style(width=100))


def test_what_overlays_of_one_base_have_in_several_namespaces_is_told_once() -> None:
    assert TYPO.resource is not None
    names = ("shop", "shop-b", "shop-a")
    found = [in_cluster(replace(TYPO, resource=replace(TYPO.resource, namespace=name)), "one") for name in names]
    (told,) = gathered(found)
    assert told.finding is found[0]
    assert told.others == (f"shop-a/{TYPO.resource.name}", f"shop-b/{TYPO.resource.name}")
    assert f"{found[0].resource}, {told.others[0]} and {told.others[1]}" in subject_of(told.finding, (), told.others)
    assert len(gathered([replace(one, location=None) for one in found])) == len(names)
