"""What a chart asks of the cluster that only the cluster knows, and the renderings that show every answer.

Helm renders for review as for a first installation, into a cluster that serves the built-in kinds. An agent upgrades,
and renders with what its cluster serves. So a chart that asks is rendered once for each answer that it may get, and
what any of the renderings holds is judged.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from gitgate import bundled
from gitgate.proposal import Conditional
from gitgate.resource import Resource
from gitgate.sources.helm_scan import Action

MAXIMUM = 16
"""Renderings of one release; a chart that asks for more is not judged in every case, and that is an error."""
TRIED = 3
"""API versions that may be there or not of which every combination is rendered."""
_API_VERSION = re.compile(r"(?:[a-z0-9.-]+/)?v\d+(?:(?:alpha|beta)\d+)?(?:/[A-Z][A-Za-z0-9]*)?")
_API_VERSION_IN_TEXT = re.compile(
    r"(?<![\w./-])[a-z0-9.-]+/v\d+(?:(?:alpha|beta)\d+)?(?:/[A-Z][A-Za-z0-9]*)?(?![\w./-])"
)
_OF_EVERY_VERSION = frozenset(("DeleteOptions", "WatchEvent"))
"""Kinds that Kubernetes names for every API version that it ever had."""
_GONE = frozenset(("extensions",))
"""Groups that Kubernetes no longer has, and whose name nobody else may take (`k8s.io` or none)."""
_UPGRADE = re.compile(r"\.(?:IsUpgrade|IsInstall)$|\.Release$")
_UPGRADE_NAMES = frozenset(("IsUpgrade", "IsInstall", "Release"))
_VERSION = re.compile(r"\.KubeVersion(?:\.\w+)?$|\.Capabilities$")


@dataclass(frozen=True, slots=True)
class Variant:
    """One more rendering.

    Attributes:
        options: For Helm, after all others.
        condition: What must hold in the cluster for it: `the cluster has monitoring.coreos.com/v1`.
    """

    options: tuple[str, ...]
    condition: str


@dataclass(frozen=True, slots=True)
class Questions:
    """What the templates of a chart ask.

    Attributes:
        upgrade: Do they ask whether the release is upgraded?
        version: Do they ask for the version of Kubernetes?
        apis: API versions that they ask for and that may be there or not, sorted.
        served: Those that Kubernetes itself serves.
    """

    upgrade: bool = False
    version: bool = False
    apis: tuple[str, ...] = ()
    served: tuple[str, ...] = ()


def questions(actions: Sequence[Action], kube_version: str, texts: Iterable[str] = ()) -> Questions:
    """What a chart asks of the cluster.

    Args:
        actions: All that rendering reaches.
        kube_version: Of the cluster, `1.33` or `v1.33.2`.
        texts: Values, which may name API versions.
    """
    asked = sorted(_asked_apis(actions, texts))
    answers = {api: _serves(kube_version, api) for api in asked}
    return Questions(
        upgrade=_mentions(actions, _UPGRADE, _UPGRADE_NAMES),
        version=_mentions(actions, _VERSION, frozenset(("KubeVersion", "Capabilities"))),
        apis=tuple(api for api in asked if answers[api] is None),
        served=tuple(api for api in asked if answers[api]),
    )


def variants(asked: Questions, *, upgrades: bool, others: Sequence[str] = ()) -> Iterator[Variant]:
    """Every answer but the one that the first rendering shows.

    Args:
        asked: What the chart asks.
        upgrades: Does the agent upgrade what it installed? Argo CD always renders as for the first time.
        others: Versions of Kubernetes of other clusters.
    """
    states = [("", ()), ("the release is upgraded", ("--is-upgrade",))] if asked.upgrade and upgrades else [("", ())]
    versions: list[tuple[str, tuple[str, ...]]] = [("", ())]
    if asked.version:
        versions.extend((f"Kubernetes is {one}", (f"--kube-version={one}",)) for one in others)
    for version, state, apis in itertools.product(versions, states, _subsets(asked.apis)):
        told = [version[0], state[0], f"the cluster has {' and '.join(apis)}" if apis else ""]
        options = (*version[1], *state[1], *(f"--api-versions={api}" for api in apis))
        if options:
            yield Variant(options, " and ".join(part for part in told if part))


def conditional(always: Sequence[Resource], renderings: Iterable[tuple[str, Iterable[Resource]]]) -> Conditional:
    """What some renderings hold and the first one does not, or not as it is there; and what they do not hold.

    Args:
        always: What the first one holds.
        renderings: The others, each with what must hold for it.
    """
    known = {one.id: [one.data] for one in always}
    kept = {one.id.identity: one for one in always}
    present: list[Resource] = []
    absent: list[Resource] = []
    for condition, resources in renderings:
        there = set()
        for resource in resources:
            there.add(resource.id.identity)
            same = known.setdefault(resource.id, [])
            if resource.data not in same:
                same.append(resource.data)
                present.append(replace(resource, condition=condition))
        gone = [identity for identity in kept if identity not in there]
        absent.extend(replace(kept.pop(identity), condition=condition) for identity in gone)
    return Conditional(tuple(present), tuple(absent))


def _subsets(apis: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All of them, one at the most left out or alone where they are many."""
    if len(apis) <= TRIED:
        yield from itertools.chain.from_iterable(itertools.combinations(apis, size) for size in range(len(apis) + 1))
        return
    yield from ((), apis, *((api,) for api in apis))


def _asked_apis(actions: Sequence[Action], texts: Iterable[str]) -> set[str]:
    """API versions after `.APIVersions.Has`; all that are written anywhere where what it is given is no literal."""
    found: set[str] = set()
    computed = False
    for action in actions:
        for index, word in enumerate(action.words):
            following = action.words[index + 1].literal if index + 1 < len(action.words) else None
            asks = word.kind == "field" and word.written.endswith(".Has")
            lists = word.kind == "field" and word.written.endswith(".APIVersions")
            if asks and following is not None:
                found.add(following)
            elif asks:
                computed = True
            elif lists:
                found.update(one.literal for one in action.words if one.literal is not None)
                computed = computed or not any(one.kind == "text" for one in action.words)
    if computed:
        found.update(word.literal for action in actions for word in action.words if word.literal is not None)
        found.update(match for text in texts for match in _API_VERSION_IN_TEXT.findall(text))
    return {one for one in found if _API_VERSION.fullmatch(one)}


def _mentions(actions: Sequence[Action], pattern: re.Pattern[str], names: frozenset[str]) -> bool:
    return any(
        (word.kind == "field" and pattern.search(word.written)) or (word.kind == "text" and word.literal in names)
        for action in actions
        for word in action.words
    )


def _serves(kube_version: str, api: str) -> bool | None:
    """Does Kubernetes itself serve an API version? None where that is for the cluster to know.

    What is not generally available may be switched off, and what is of no group of Kubernetes may be defined.
    """
    parts = api.split("/")
    kind = parts.pop() if parts[-1][:1].isupper() else ""
    version = parts.pop()
    group = "".join(parts)
    served = _served(_minor(kube_version)).get(group, frozenset() if group in _GONE else None)
    if served is None:
        return None
    known = any(one[0] == version and kind in {"", one[1]} for one in served)
    return None if known and ("alpha" in version or "beta" in version) else known


@lru_cache(maxsize=4)
def _served(minor: str) -> dict[str, frozenset[tuple[str, str]]]:
    """Versions and kinds of each built-in group."""
    found: dict[str, set[tuple[str, str]]] = {}
    for name in bundled.packed(f"kubernetes-{minor}.json.gz")["kinds"]:
        group, version, kind = name.split("/")
        if kind in _OF_EVERY_VERSION:
            continue
        found.setdefault(group, set()).add((version, kind))
    return {group: frozenset(kinds) for group, kinds in found.items()}


def _minor(kube_version: str) -> str:
    """`1.33` of `v1.33.2`; the newest that gitgate knows where it does not know that one."""
    minor = ".".join(kube_version.removeprefix("v").split(".")[:2])
    return minor if minor in bundled.kubernetes_versions() else bundled.kubernetes_versions()[-1]
