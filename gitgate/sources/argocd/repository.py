"""Which URL of an Application is this repository's own, and which revision of it is not what is judged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitgate.resource import Resource
from gitgate.sources.argocd.globs import matches_pathspec, matches_segments
from gitgate.sources.base import Memory
from gitgate.sources.flux.sources import normal_url
from gitgate.sources.owners import Owner, Workshop, items, mapping, text
from gitgate.sources.tree_files import PathKind, TreeFiles

GROUP = "argoproj.io"
_PINNED = re.compile(r"[0-9a-f]{7,64}|v?\d+(\.(\d+|[xX*]))*([-+][0-9A-Za-z.+-]*)?|refs/tags/.*|.*[<>=^~*|,].*")
"""Commits, tags by their version, and ranges of such: argo-cd, util/git, `IsCommitSHA`; util/versions."""
_MAXIMUM_DEPTH = 10
_DEFAULT_BRANCH = "HEAD"
_USUAL_BRANCHES = frozenset(("main", "master"))
"""What the default branch may be called where the base does not say."""


def sources_of(spec: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The sources of an Application with their paths. Source: argo-cd, types.go, `GetSources`."""
    if items(spec.get("sources")):
        return [(("spec", "sources", index), mapping(one)) for index, one in enumerate(spec["sources"])]
    hydrator = mapping(spec.get("sourceHydrator"))
    if hydrator:
        # What is applied is made of these by the hydrator.
        return [(("spec", "sourceHydrator", "drySource"), mapping(hydrator.get("drySource")))]
    return [(("spec", "source"), mapping(spec.get("source")))] if mapping(spec.get("source")) else []


def own_urls(resources: Iterable[Resource], files: TreeFiles) -> frozenset[str]:
    """The URL whose paths this tree has: what most Applications read of it decides; empty where none has any."""
    named: list[tuple[str, bool]] = []
    for resource in resources:
        spec = mapping(resource.data.get("spec"))
        if resource.id.kind == "Application":
            named.extend(_of_sources(spec, files))
        elif resource.id.kind == "ApplicationSet":
            named.extend(_of_sources(mapping(mapping(spec.get("template")).get("spec")), files))
            named.extend(_of_generators(items(spec.get("generators")), files, 0))
    score = Counter(url for url, here in named if here)
    if score:
        return frozenset({min(score, key=lambda url: (-score[url], url))})
    urls = {url for url, _ in named}
    return frozenset(urls) if len(urls) == 1 else frozenset()


def _of_sources(spec: Mapping[str, Any], files: TreeFiles) -> Iterator[tuple[str, bool]]:
    for _, source in sources_of(spec):
        url, path = text(source.get("repoURL")), text(source.get("path"))
        if not url or "{{" in url or source.get("chart"):
            continue
        if path and "{{" not in path:
            yield normal_url(url), bool(path.strip("./")) and files.resolve(path).kind is PathKind.DIRECTORY


def _of_generators(generators: Iterable[Any], files: TreeFiles, depth: int) -> Iterator[tuple[str, bool]]:
    for generator in generators if depth < _MAXIMUM_DEPTH else ():
        git = mapping(mapping(generator).get("git"))
        url = text(git.get("repoURL"))
        if url and "{{" not in url:
            patterns = [text(mapping(one).get("path")) for one in items(git.get("directories"))]
            here = any(matches_segments(pattern, path) for pattern in patterns[:20] for path in files.directories)
            names = [text(mapping(one).get("path")) for one in items(git.get("files"))]
            here = here or any(matches_pathspec(name, path) for name in names[:20] for path in files.tree.entries)
            yield normal_url(url), here
        for kind in ("matrix", "merge"):
            inner = items(mapping(mapping(generator).get(kind)).get("generators"))
            yield from _of_generators(inner, files, depth + 1)


def is_ours(source: Mapping[str, Any], owner: Owner, workshop: Workshop) -> bool:
    """Is it this repository that a source reads? A URL that was in the base still is."""
    url = normal_url(text(source.get("repoURL")))
    return bool(url) and (url in workshop.context.memory.own_urls or url in owner.cluster.sources)


def is_pinned(revision: Any) -> bool:
    """Does it name a revision other than a branch, so that what is judged here is not what is applied?"""
    shown = text(revision)
    return bool(shown) and shown != "HEAD" and _PINNED.fullmatch(shown) is not None


def is_elsewhere(revision: Any, memory: Memory) -> bool:
    """Is what is applied another revision than what is judged: no branch, or one that nothing in the base follows?

    Which branch is judged is not told, so those that the base's own objects name are taken for it.
    """
    if is_pinned(revision):
        return True
    branch = text(revision).removeprefix("refs/heads/") or _DEFAULT_BRANCH
    if not memory.rendered:
        memory.own_branches.add(branch)
        return False
    known = memory.own_branches - {_DEFAULT_BRANCH}
    return branch != _DEFAULT_BRANCH and branch not in (known or _USUAL_BRANCHES) and bool(memory.own_branches)


def shown_url(url: str) -> str:
    """A URL as a message shows it: without user and password, and without characters that a terminal obeys."""
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    shown = f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}" if separator else url
    return shown if shown.isprintable() else repr(shown)
