"""Findings as people read them: what a shared base brings to several clusters is told once, naming them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from gitgate.finding import Finding
from gitgate.reporters.order import SEVERITIES, path_of


@dataclass(frozen=True, slots=True)
class Told:
    """One finding, or several that differ only in cluster, owner and namespace.

    Attributes:
        finding: The first of them.
        clusters: Where it holds, sorted; empty where no cluster is known.
        others: The same object in further namespaces, as `namespace/name`, sorted: overlays of one base.
    """

    finding: Finding
    clusters: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def cluster_of(finding: Finding) -> str:
    """The cluster that the finding's object goes to; empty where none is known."""
    return finding.origin.cluster if finding.origin is not None else ""


def owner_of(finding: Finding) -> str:
    """The agent's object that applies the finding's object; empty where none is known."""
    return finding.origin.owner if finding.origin is not None else ""


def clusters_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Every cluster that findings name, sorted."""
    return tuple(sorted({cluster_of(finding) for finding in findings} - {""}))


def gathered(findings: Iterable[Finding]) -> tuple[Told, ...]:
    """The findings in their order, those that say the same of several clusters or namespaces as one.

    Nothing of what is shown may differ. Findings of no cluster are never folded, and those of several namespaces only
    where they lead to one line.
    """
    groups: dict[object, list[Finding]] = {}
    for index, finding in enumerate(findings):
        resource = finding.resource
        if resource is not None and finding.location is not None and finding.location.position is not None:
            resource = replace(resource, namespace="")
        same = (path_of(finding), replace(finding, origin=None, discriminator="", resource=resource))
        groups.setdefault(same if cluster_of(finding) else index, []).append(finding)
    return tuple(Told(group[0], clusters_of(group), _others(group)) for group in groups.values())


def _others(group: list[Finding]) -> tuple[str, ...]:
    resources = {one.resource for one in group if one.resource is not None} - {group[0].resource}
    return tuple(sorted("/".join(part for part in (one.namespace, one.name) if part) for one in resources))


def sections(told: Iterable[Told]) -> Iterator[tuple[tuple[str, ...], tuple[Told, ...]]]:
    """By the clusters that they name, where there are several: the gravest section first, then by name."""
    told = tuple(told)
    if len({cluster for one in told for cluster in one.clusters}) <= 1:
        if told:
            yield (), told
        return
    by_name = groupby(sorted(told, key=lambda one: one.clusters), key=lambda one: one.clusters)
    found = [(clusters, tuple(group)) for clusters, group in by_name]
    found.sort(key=lambda pair: (min(SEVERITIES[one.finding.severity] for one in pair[1]), pair[0]))
    yield from found


def named(clusters: tuple[str, ...]) -> str:
    """`cluster production`, `clusters production, staging`; empty for none."""
    if not clusters:
        return ""
    return f"{'cluster' if len(clusters) == 1 else 'clusters'} {', '.join(clusters)}"
