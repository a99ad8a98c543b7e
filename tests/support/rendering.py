"""Trees written in the test, rendered as a run would."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping

from gitgate.proposal import Snapshot
from gitgate.settings import Settings, SourceSetting
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree
from gitgate.tree import MemoryTree

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "example.com/web:1"}
"""


def tree(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> MemoryTree:
    """A tree in memory; indented text is dedented, its first empty line dropped."""
    contents = {
        path: text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode()
        for path, text in files.items()
    }
    return MemoryTree(contents, {path: target.encode() for path, target in (links or {}).items()})


def context(*sources: SourceSetting, exclude: tuple[str, ...] = ()) -> SourceContext:
    """What a run with these settings would use."""
    return SourceContext.from_settings(Settings(sources=sources, exclude=exclude))


def render(files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> Snapshot:
    """Render a tree that is found, not named by settings."""
    return render_tree(tree(files, links), context())


def codes(snapshot: Snapshot) -> list[str]:
    """What was found, sorted."""
    return sorted(problem.code for problem in snapshot.problems)


def places(snapshot: Snapshot) -> list[str]:
    """What was found and where: `code path:line`, in report order."""
    return [
        f"{problem.code} {problem.location.path}:{problem.location.position.line if problem.location.position else 0}"
        for problem in snapshot.problems
    ]


def names(snapshot: Snapshot) -> list[str]:
    """The objects, as messages call them."""
    return [str(resource.id) for resource in snapshot.resources]


def require_kustomize() -> None:
    """Fail in one line without the program: a skipped test would pass for a passed one."""
    if shutil.which("kustomize") is None and shutil.which("kubectl") is None:
        raise AssertionError("kustomize is not on PATH: `make tools` puts it into .tools/bin")


def require_helm() -> None:
    """Fail in one line without the program, for the same reason."""
    if shutil.which("helm") is None:
        raise AssertionError("helm is not on PATH: `make tools` puts it into .tools/bin")
