"""Files beside manifests that only Argo CD reads, and that change what it applies."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from gitgate.location import Location, Precision
from gitgate.path_glob import matches_any
from gitgate.proposal import Problem
from gitgate.sources.base import SourceContext
from gitgate.sources.tree_files import ancestors, parent
from gitgate.tree import SUBMODULE, Tree

# Source: argoproj/argo-cd, reposerver/repository/repository.go, `repoSourceFile` and `appSourceFile`.
_OVERRIDE = re.compile(r"\.argocd-source(?:-.*)?\.yaml\Z", re.DOTALL)
_JSONNET = ".jsonnet"


def override_problems(tree: Tree, context: SourceContext, read: Container[str]) -> Iterator[Problem]:
    """Files that replace parameters of the Application that reads their directory: images, patches, values.

    Args:
        tree: What is judged.
        context: What is excluded.
        read: Files that were laid over an Application of the repository.
    """
    for path in _files(tree, context):
        if path not in read and _OVERRIDE.match(path.rpartition("/")[2]):
            yield Problem(
                code="argocd-override",
                message="Argo CD lays this file over the Application that reads the directory; it was not judged",
                location=Location(path, None, Precision.FILE),
                discriminator=tree.entries[path].oid,
            )


def jsonnet_problems(tree: Tree, context: SourceContext, plain: frozenset[str]) -> Iterator[Problem]:
    """Programs in directories that are read as they stand, which Argo CD evaluates there.

    Args:
        tree: What is judged.
        context: What is excluded.
        plain: Directories that an agent may read with all that is below them.
    """
    for path in _files(tree, context):
        if path.endswith(_JSONNET) and not plain.isdisjoint(ancestors(parent(path))):
            yield Problem(
                code="jsonnet-not-rendered",
                message="Argo CD evaluates this file where it reads the directory; what comes of it was not judged",
                location=Location(path, None, Precision.FILE),
                discriminator=tree.entries[path].oid,
            )


def _files(tree: Tree, context: SourceContext) -> Iterator[str]:
    """Files and links that settings do not exclude, cheapest question first."""
    for path in tree.entries:
        if path.endswith((".yaml", _JSONNET)) and (path.endswith(_JSONNET) or ".argocd-source" in path):
            special = tree.special.get(path)
            if not (special and special.mode == SUBMODULE) and not matches_any(context.exclude, path):
                yield path
