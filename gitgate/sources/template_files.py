"""Templates that no agent reads: what Ansible, helmfile or a scaffold renders somewhere else.

Whoever would apply such a file fails on it, so that nothing of it reaches a cluster unseen. It is an error where an
agent reads it, where the base could read it, where a kustomization names it, and where it lies among manifests that an
agent may read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from gitgate.proposal import Coverage, Problem
from gitgate.resource import Resource
from gitgate.sources.base import Memory
from gitgate.sources.kustomization import FILE_NAMES
from gitgate.sources.kustomize_graph import KustomizeGraph
from gitgate.sources.manifest_files import may_hold_objects
from gitgate.sources.tree_files import parent

_CODE = "yaml-template"
_FOLDERS = frozenset(("boilerplate", "scaffold", "template", "templates"))


def templates_apart(  # noqa: PLR0913 - all that tells whether an agent may read a file
    problems: Iterable[Problem],
    files: Mapping[str, Coverage],
    resources: Iterable[Resource],
    *,
    read: Mapping[str, Coverage],
    graph: KustomizeGraph,
    memory: Memory,
    data: Callable[[str], bytes | None],
) -> tuple[list[Problem], dict[str, Coverage]]:
    """The problems and files of a tree, with templates that nobody reads as what they are.

    Args:
        problems: What was found.
        files: What became of each file.
        resources: All objects.
        read: What owners read.
        graph: The kustomizations of the tree.
        memory: What the base could read.
        data: The bytes of a file.
    """
    problems, files = list(problems), dict(files)
    if not any(problem.code == _CODE for problem in problems):
        return problems, files
    places = {parent(one.origin.path) for one in resources} | {
        parent(path) for path in files if path.rpartition("/")[2] in FILE_NAMES
    }
    may_be_read = read.keys() | memory.read_files | memory.plain_files | _named(graph)
    apart: dict[str, Problem] = {}
    for problem in problems:
        path = problem.location.path
        if problem.code != _CODE or path in may_be_read:
            continue
        alone = bool(places) and parent(path) not in places and not may_hold_objects(data(path))
        if read or _is_put_away(path) or alone:
            message = "the text is a template ({{ ... }}) that no agent reads; what it renders to was not judged"
            apart.setdefault(path, replace(problem, code="template-not-rendered", message=message, fix=None))
    kept = [one for one in problems if one.location.path not in apart or not one.code.startswith("yaml-")]
    states = {path: Coverage.NOT_RENDERED if path in apart else state for path, state in files.items()}
    return [*kept, *apart.values()], states


def _named(graph: KustomizeGraph) -> set[str]:
    """What kustomizations name that are no templates themselves, and what they build upon."""
    found: set[str] = set()
    for node in graph.nodes.values():
        if not _is_put_away(node.path):
            found |= node.files.keys() | node.outside.keys()
            found |= {graph.nodes[target].path for target in node.targets if target in graph.nodes}
    return found


def _is_put_away(path: str) -> bool:
    return not _FOLDERS.isdisjoint(path.split("/")[:-1])
