"""Pairs from repositories that people keep: their objects with one change each, and what their commits changed.

Nothing of them is kept here: `--repository PATH` names clones, bare or not, and they are read where they lie.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gitgate.reconcile.kinds import Kinds
from tests.agreement.pairs import Pair, anywhere, changes

_OF_A_KIND = 12
_COMMITS = 600
_COMMITS_OF_A_KIND = 80
_LARGEST = 60_000
_CLUSTER_WIDE = frozenset({"APIService", "MutatingWebhookConfiguration", "Namespace", "Node",
                           "ValidatingWebhookConfiguration"})  # fmt: skip
"""Kinds that decide what becomes of the other objects of a run, or that nobody keeps."""


def repository_pairs(repositories: Iterable[Path], version: str, seed: int, each: int) -> Iterator[Pair]:
    """Objects of kinds that are known, up to a dozen of every kind, each with some changes, and commits' own changes.

    Known are those of Kubernetes, and those that gitgate ships a definition of.

    Args:
        repositories: Clones.
        version: Kubernetes version, whose kinds and fields count.
        seed: Which objects and changes are chosen.
        each: How many changes of an object.
    """
    kinds = Kinds(version, (), predicts=True)
    roots = sorted(repositories)
    found = {(path.parent.name if path.name == "repo" else path.name, name): data
             for path in roots for name, data in _objects(path)}  # fmt: skip
    taken: Counter[str] = Counter()
    for source, name in sorted(found, key=lambda one: _digest(seed, "/".join(one))):
        data = found[source, name]
        node = kinds.node(data["apiVersion"], data["kind"])
        if node is None or taken[data["kind"]] == _OF_A_KIND:
            continue
        taken[data["kind"]] += 1
        made = {pair.key: pair for pair in changes(data, node, f"{source} {name}")}
        yield from (made[key] for key in sorted(made, key=lambda key: _digest(seed, key))[:each])
    changed: Counter[str] = Counter()
    for pair in (pair for path in roots for pair in _commits(path)):
        if kinds.node(pair.base["apiVersion"], pair.kind) and changed[pair.kind] < _COMMITS_OF_A_KIND:
            changed[pair.kind] += 1
            yield pair


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()


def _git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", path, *arguments], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace")


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in _git(path, "ls-tree", "-r", "--name-only", "HEAD").splitlines():
        if name.endswith((".yaml", ".yml")):
            for (_, label), data in _read(_git(path, "show", f"HEAD:{name}")).items():
                yield f"{name} {label}", data


def _read(text: str) -> Mapping[tuple[str, str], dict[str, Any]]:
    """The objects of a text that can be read and are no part of another program's input."""
    if len(text) > _LARGEST or "{{" in text or "${" in text:
        return {}
    try:
        documents = list(yaml.load_all(text, yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError):
        return {}
    found = {}
    for data in documents:
        match data:
            case {"apiVersion": str(version), "kind": str(kind), "metadata": {"name": str(name)}}:
                if kind not in _CLUSTER_WIDE and not name.startswith("system:"):
                    found[version, f"{kind}/{name}"] = _plain(anywhere(data))
    return found


def _plain(value: Any) -> Any:
    """Dates and what else JSON does not have, as text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _commits(path: Path) -> Iterator[Pair]:
    """What the last commits changed, object by object; each text of an object once."""
    seen = set()
    listed = _git(path, "log", f"-n{_COMMITS}", "--no-merges", "--diff-filter=M", "--name-only", "--format=@%H", "HEAD",
                  "--", "*.yaml", "*.yml")  # fmt: skip
    commit = ""
    for line in listed.splitlines():
        if line.startswith("@"):
            commit = line[1:]
        elif line:
            before, after = (_read(_git(path, "show", f"{one}:{line}")) for one in (f"{commit}~1", commit))
            for key in before.keys() & after.keys():
                text = repr((before[key], after[key]))
                if before[key] != after[key] and text not in seen:
                    seen.add(text)
                    source = f"{path.parent.name if path.name == 'repo' else path.name} {line}"
                    yield Pair(before[key], after[key], "commit", commit[:12], source)
