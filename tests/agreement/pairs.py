"""Pairs of objects, before and after one change: every kind of `objects.yaml`, every kind of change, always the same ones."""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.tables import KubernetesTables, Shape, TypeNode, kubernetes_tables

HERE = Path(__file__).parent
_KEPT = frozenset({("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")})
"""What an object is known by: another value is another object."""
_LEFT_OUT = frozenset({"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName",
                       "generation", "managedFields", "namespace", "ownerReferences", "resourceVersion", "selfLink",
                       "uid"})  # fmt: skip
"""Metadata that nobody keeps in git, or that decides when an object goes."""
GONE = object()


@dataclass(frozen=True)
class Pair:
    """One object and what a change makes of it."""

    base: Mapping[str, Any]
    head: Mapping[str, Any]
    operation: str
    path: str
    source: str = ""

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.base["kind"])

    @property
    def object(self) -> str:
        """Which object it is."""
        name = f"{self.base['apiVersion']}/{self.kind}/{self.base['metadata']['name']}"
        return f"{self.source}: {name}" if self.source else name

    @property
    def key(self) -> str:
        """What tells it from every other pair."""
        return f"{self.object} {self.operation} {self.path}"


@lru_cache(maxsize=1)
def definition() -> Mapping[str, Any]:
    """The definition of the custom resource among the objects."""
    found: dict[str, Any] = yaml.safe_load((HERE / "definition.yaml").read_text("utf-8"))
    return found


def objects() -> Iterator[dict[str, Any]]:
    """The objects that every pair starts from; each namespaced one in a namespace of its own is the server's matter."""
    yield from yaml.safe_load_all((HERE / "objects.yaml").read_text("utf-8"))


def type_of(data: Mapping[str, Any], tables: KubernetesTables) -> TypeNode:
    """The type of an object's kind."""
    node = tables.kind(data["apiVersion"], data["kind"])
    return node or tables.custom(definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def pairs(version: str, each: int, seed: int = 0) -> Iterator[Pair]:
    """The pairs of a Kubernetes version.

    Args:
        version: `1.37`, whose fields are tried.
        each: How many of each object, in an order that depends on the change alone; 0 for all.
        seed: Another choice than that of 0, and nothing that it has: changes that no rule was written for.
    """
    tables = kubernetes_tables(version)
    for base in objects():
        found = {pair.key: pair for pair in changes(base, type_of(base, tables))}
        chosen = sorted(found, key=lambda key: hashlib.sha256(key.encode()).digest())
        if seed:
            chosen = sorted(chosen[each:], key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
        yield from (found[key] for key in chosen[: each or None])


def corpus_pairs(corpora: Path, version: str) -> Iterator[Pair]:
    """The pairs of a corpus of recorded changes, of kinds that Kubernetes itself has; read where they lie."""
    tables = kubernetes_tables(version)
    for name in ("mutations", "history"):
        with gzip.open(corpora / "reconcile" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                row = json.loads(line)
                sides = [anywhere(row[side]) for side in ("base", "head")]
                if tables.kind(sides[0]["apiVersion"], sides[0]["kind"]) and sides[1]["metadata"] is not None:
                    yield Pair(
                        sides[0],
                        sides[1],
                        f"{name} {number} {row.get('mut', '')}",
                        "/".join(map(str, row.get("path", ()))),
                    )


def anywhere(data: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its namespace."""
    metadata = data.get("metadata")
    kept = (
        {key: value for key, value in metadata.items() if key != "namespace"}
        if isinstance(metadata, dict)
        else metadata
    )
    return {**data, "metadata": kept}


def changes(base: Mapping[str, Any], node: TypeNode, source: str = "") -> Iterator[Pair]:
    """Every change of an object."""
    for path, operation, value in _edits(node, base, ()):
        if (
            path in _KEPT
            or path[:1] == ("status",)
            or (path[:1] == ("metadata",) and path[1:2] and path[1] in _LEFT_OUT)
        ):
            continue
        yield Pair(base, edited(base, path, value), operation[:60], format_field_path(path), source)


def edited(data: Mapping[str, Any], path: FieldPath, value: Any) -> dict[str, Any]:
    """A copy with one value in another's place, or without it."""
    result = copy.deepcopy(dict(data))
    holder: Any = result
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(value)
    return result


Edit = tuple[FieldPath, str, Any]


def _edits(node: TypeNode, value: Any, path: FieldPath) -> Iterator[Edit]:
    if path:
        yield path, "null", None
        yield path, "type", "word" if isinstance(value, dict | list) else {"a": 1}
    if isinstance(value, dict):
        yield from _mapping(node, value, path)
    elif isinstance(value, list):
        yield from _list(node, value, path)
    elif path:
        yield from ((path, f"set {json.dumps(other)}", other) for other in _others(value) if other != value)


def _mapping(node: TypeNode, value: Mapping[str, Any], path: FieldPath) -> Iterator[Edit]:
    for key, item in value.items():
        yield (*path, key), "drop", GONE
        yield from _edits(node.child(key), item, (*path, key))
    if node.shape is Shape.STRUCT:
        yield (*path, "undeclared"), "add", 1
        for key, child in node.fields.items():
            if key not in value:
                for new in _examples(child, node.enums.get(key, ()), 0):
                    yield (*path, key), f"add {json.dumps(new)}", new
    else:
        for key in ("example.com/new", "new", "Not valid/at all!", ""):
            yield (*path, key), "add", next((item for item in value.values() if item is not None), "a")
        if path:
            yield path, "empty", {}


def _list(node: TypeNode, value: list[Any], path: FieldPath) -> Iterator[Edit]:
    yield path, "empty", []
    if len(value) > 1:
        yield path, "reverse", value[::-1]
    for index, item in enumerate(value):
        if len(value) > 1:
            yield path, f"without {index}", value[:index] + value[index + 1 :]
        yield path, f"twice {index}", [*value, item]
        yield from _edits(node.item, item, (*path, index))
        if isinstance(item, dict) and "name" in item:
            yield path, f"more like {index}", [*value, {**item, "name": "another"}]


def _others(value: Any) -> tuple[Any, ...]:
    """Other values of the same type, good and bad ones."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1, 0, -1, 70_000, str(value))
    if isinstance(value, float):
        return (value + 1, 0.0)
    text = str(value)
    return (text + "x", text.upper(), "", "Not valid!", "a" * 300, f"{text}-", *_like(text))


_AMOUNTS: Mapping[str, tuple[str, ...]] = {
    "1Gi": ("1024Mi", "2Gi", "512Mi", "1.5Gi"), "128Mi": ("0.125Gi", "134217728", "1Gi"), "100m": ("0.1", "2"),
    "10Gi": ("20Gi", "10240Mi"), "500M": ("0.5G", "1G"), "1": ("1000m", "5"), "1k": ("1000",), "25%": ("30%", "200%", "25"),
}  # fmt: skip
_WORDS: Mapping[str, tuple[Any, ...]] = {
    "RollingUpdate": ("Recreate", "OnDelete"), "ClusterIP": ("NodePort",), "LoadBalancer": ("NodePort", "ClusterIP", "ExternalName"),
    "ExternalName": ("ClusterIP",), "None": ("10.0.0.77",), "TCP": ("UDP", "SCTP"), "In": ("NotIn", "Exists"),
    "Retain": ("Delete", "Recycle"), "Indexed": ("NonIndexed",), "NodePort": ("ClusterIP", "LoadBalancer"),
    "ReadWriteOnce": ("ReadWriteOncePod", "ReadOnlyMany"), "Exists": ("Equal", "DoesNotExist"), "Never": ("OnFailure", "Always"),
    "OnFailure": ("Never",), "Role": ("ClusterRole",), "Opaque": ("kubernetes.io/tls",), "IPv4": ("IPv6",),
    "10.0.0.0/8": ("10.0.0.0/33", "fd00::/8"), "0 3 * * *": ("*/5 * * * *", "61 * * * *", "@daily", "TZ=UTC 0 3 * * *"),
    "Namespaced": ("Cluster",), "Fail": ("Ignore",), "Prefix": ("Exact", "ImplementationSpecific"), "v1": ("v2",),
    "SingleStack": ("PreferDualStack",), "Utilization": ("AverageValue",), "Always": ("IfNotPresent",), "User": ("Group",),
    "fast": ("slow",), "Etc/UTC": ("Local", "Nowhere/Nothing"), "/": ("/a", "a"), "http": (80, 0, "UPPER"),
}  # fmt: skip


def _like(text: str) -> tuple[Any, ...]:
    return (*_AMOUNTS.get(text, ()), *_WORDS.get(text, ()))


def _examples(node: TypeNode, allowed: tuple[str, ...], depth: int) -> Iterator[Any]:
    """Values for a field that is not there."""
    match node.shape:
        case Shape.STRUCT:
            yield {}
            if depth < 3 and node.required:
                yield {key: next(_examples(node.fields[key], node.enums.get(key, ()), depth + 1)) for key in node.required
                       if key in node.fields}  # fmt: skip
        case Shape.LIST:
            yield []
            if depth < 3:
                yield from ([item] for item in list(_examples(node.item, allowed, depth + 1))[:3])
        case Shape.MAP:
            yield {}
            yield {"example.com/a": next(_examples(node.item, (), depth + 1))}
        case Shape.QUANTITY:
            yield from ("1", "1024Mi", "-1")
        case Shape.INT_OR_STRING:
            yield from (1, "50%", "x")
        case Shape.OPEN:
            yield {"a": 1}
        case Shape.SCALAR:
            yield from allowed or _scalars(node)


def _scalars(node: TypeNode) -> tuple[Any, ...]:
    kind = node.types[0] if node.types else "string"
    known: Mapping[str, tuple[Any, ...]] = {"integer": (1, 0, -1, 100_000), "number": (1, 0), "boolean": (True, False)}
    return known.get(kind, ("x", "", "Not valid!"))
