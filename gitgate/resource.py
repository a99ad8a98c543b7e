"""One Kubernetes object, what it is called, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitgate.location import FieldPath


@dataclass(frozen=True, slots=True, order=True)
class ResourceId:
    """The name of an object in a cluster.

    Attributes:
        group: API group; empty for the core group.
        version: API version, `v1`.
        kind: `Deployment`.
        namespace: Empty for a cluster-scoped object and where the manifest names none.
        name: `metadata.name`, or `metadata.generateName` followed by `*`.
    """

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What stays the same when only the API version changes: group, kind, namespace, name."""
        return (self.group, self.kind, self.namespace, self.name)

    def is_one_of(self, kinds: frozenset[str]) -> bool:
        """Is the kind among these, spelt `Secret` or `v1/Secret`?"""
        return bool(kinds) and (self.kind in kinds or f"{self.api_version}/{self.kind}" in kinds)

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a renderer read to make an object, for whoever looks for the line that sets a field.

    Attributes:
        files: What kustomize read, kustomization files included; empty for a chart.
        values: Files of the tree with values of a chart, later ones win, each with the key that it is put below.
        prefix: The key below which the values of the chart inside another one lie that has the template.
        chart: Was it rendered from a chart?
    """

    files: tuple[str, ...] = ()
    values: tuple[tuple[FieldPath, str], ...] = ()
    prefix: FieldPath = ()
    chart: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The place an object was read from.

    Attributes:
        path: The file in the judged tree. For a rendered object without a known file: the render root's file
            (its `kustomization.yaml`).
        document: Index of the YAML document inside that file, from 0.
        pointer: Way from the document to the object: `("items", 2)` for a List's third item.
        line: First line of the object in that file, from 1.
        rendered_by: The render root (`apps/staging`) when the object went through a renderer, so that a field may
            have been changed on its way; None when the agent applies the file's text itself.
        owner: The agent's object that applies it, `Kustomization flux-system/apps`; empty where none is known.
        cluster: Name of the cluster that it goes to; empty where none is known.
        trace: What its renderer read; no part of what an origin is.
    """

    path: str
    document: int = 0
    pointer: FieldPath = ()
    line: int = 1
    rendered_by: str | None = None
    owner: str = ""
    cluster: str = ""
    trace: Trace | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Resource:
    """One object as an agent would apply it.

    Attributes:
        id: Its name in the cluster.
        data: The object as JSON data (dict, list, str, int, float, bool, None). Shared, never modified.
        origin: Where it came from.
        unresolved: Fields of which nothing in the repository tells the value: with a variable, or left to a patch.
        otherwise: The object where the cluster has no value for such a variable either, so that defaults hold.
        condition: Of what may be otherwise in the cluster: where that is so, `the release is upgraded`. Else empty.
        sealed: Is it encrypted? Then its values are ciphertexts, which tell no more than whether they change.
        guessed: Fields with a variable whose value something may replace that only the cluster can read.
    """

    id: ResourceId
    data: Mapping[str, Any]
    origin: Origin
    unresolved: tuple[FieldPath, ...] = ()
    otherwise: Mapping[str, Any] | None = None
    condition: str = ""
    sealed: bool = False
    guessed: tuple[FieldPath, ...] = ()


def split_api_version(api_version: str) -> tuple[str, str]:
    """Split `apps/v1` into group and version; the core group is empty.

    Source: k8s.io/apimachinery/pkg/runtime/schema/group_version.go, `ParseGroupVersion`.

    Raises:
        ValueError: More than one slash.
    """
    group, slash, version = api_version.partition("/")
    if not slash:
        return "", group
    if "/" in version:
        raise ValueError(f"apiVersion {api_version!r} has more than one slash")
    return group, version
