"""`KindTable`: the types that a kind is made of, as the API server merges, decodes and stores them.

Two shipped files say it all: `kubernetes-*.json.gz` has fields, list and map types, and patch strategies for each
Kubernetes version; `go-types.json.gz` has how each field is declared in Go (docs/adr/0021-plan-tables.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from functools import cached_property, lru_cache
from typing import Any

from gitgate import bundled
from gitgate.reconcile.names import APPS, AUTOSCALING, CORE, INT_OR_STRING, OBJECT_META, QUANTITY, STORAGE

Schema = Mapping[str, Any]
_REFERENCE = "#/$defs/"
_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_KEY_DEFAULTS = {"protocol": "TCP"}
"""Key fields that have a default in Go: k8s.io/api/core/v1/types.go, `+default="TCP"`."""


_LOCAL_REFERENCE = CORE + "LocalObjectReference"
"""Its name has a default in Go, too: k8s.io/api/core/v1/types.go, `+default=""`."""


class Shape(Enum):
    """How the server treats a value."""

    STRUCT = auto()
    MAP = auto()
    LIST = auto()
    SCALAR = auto()
    QUANTITY = auto()
    INT_OR_STRING = auto()
    OPEN = auto()
    """Kept as it is: JSON without a type."""


_MARK = "x-unserved"
_UNSERVED: Mapping[str, Mapping[str, str]] = {
    # Fields behind a feature gate that is off, which the server drops: the first version that keeps them, if any has.
    # pkg/api/pod/util.go, dropDisabledFields; registry/coordination/lease/strategy.go; registry/storage/csidriver
    CORE + "Container": {"restartPolicyRules": "1.35"},
    CORE + "Lifecycle": {"stopSignal": ""},
    CORE + "PodSpec": {"evictionResponders": "", "hostnameOverride": "1.35", "schedulingGroup": ""},
    CORE + "VolumeMount": {"bindMountOptions": ""},
    CORE + "VolumeProjection": {"clusterTrustBundle": "1.37", "podCertificate": "1.37"},
    CORE + "PersistentVolumeClaimSpec": {"volumeAttributesClassName": "1.34"},
    APPS + "RollingUpdateStatefulSetStrategy": {"maxUnavailable": "1.37"},
    "io.k8s.api.coordination.v1.LeaseSpec": {"preferredHolder": "", "strategy": ""},
    AUTOSCALING + "HPAScalingRules": {"tolerance": "1.35"},
    STORAGE + "CSIDriverSpec": {"nodeAllocatableUpdatePeriodSeconds": "1.35"},
}


def _marked(types: Mapping[str, Any], version: str) -> Mapping[str, Any]:
    """The types with the fields marked that a version drops; what was given is shared, and stays as it is."""
    marked = dict(types)
    for type_name, fields in _UNSERVED.items():
        properties = types.get(type_name, {}).get("properties", {})
        dropped = {
            field: {**properties[field], _MARK: True}
            for field, since in fields.items()
            if field in properties and (not since or _number(version) < _number(since))
        }
        if dropped:
            marked[type_name] = {**types[type_name], "properties": {**properties, **dropped}}
    return marked


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


class Declaration(Enum):
    """How a field is declared in Go, which decides what becomes of zero."""

    POINTER = "p"
    """Zero is kept; absent stays absent."""
    OMITTED = "z"
    """A value with `omitempty`: zero vanishes."""
    WRITTEN = "s"
    """A value without: absent becomes zero."""
    COLLECTION = "l"
    """A slice or map: empty vanishes."""
    STRUCT = "o"
    """A struct by value: absent becomes `{}`."""
    QUANTITY = "q"
    """A quantity by value: absent becomes `0`."""
    INT_OR_STRING = "i"
    """An integer or string by value: absent becomes 0."""


class TypeNode:
    """One type, or the type of one field; made by a table, filled in when it is looked at.

    Attributes:
        name: The Go type; empty for a field's own list or map and for types of custom resources.
        shape: See `Shape`.
        unserved: Is it a field that the server drops, as the feature it belongs to is off?
        custom: Does it belong to a custom resource, which is stored as sent?
    """

    def __init__(self, schema: Schema, types: Mapping[str, Schema], *, custom: bool = False, name: str = "") -> None:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(_REFERENCE)
            custom = False
        self.name = name
        self.custom = custom
        self._types = types
        self._field = schema
        self._schema: Schema = types.get(name, {}) if isinstance(reference, str) else schema
        self.unserved = _MARK in schema
        self.shape = self._shape()

    @property
    def is_boolean(self) -> bool:
        """Does it hold true or false, and nothing else?"""
        declared = self._schema.get("type")
        return declared == "boolean" or (isinstance(declared, list) and set(declared) <= {"boolean", "null"})

    def _shape(self) -> Shape:  # noqa: PLR0911 - one line for each shape
        if self.name == QUANTITY:
            return Shape.QUANTITY
        if self.name == INT_OR_STRING or self._schema.get("x-kubernetes-int-or-string") is True:
            return Shape.INT_OR_STRING
        declared = self._schema.get("type")
        types = (declared,) if isinstance(declared, str) else tuple(declared or ())
        if "array" in types:
            return Shape.LIST
        if "properties" in self._schema or (self._schema.get("additionalProperties") is False and "object" in types):
            return Shape.STRUCT
        if isinstance(self._schema.get("additionalProperties"), Mapping):
            return Shape.MAP
        if "object" in types or not types:
            return Shape.OPEN
        return Shape.SCALAR

    @cached_property
    def types(self) -> tuple[str, ...]:
        """JSON types that a scalar may have, without null."""
        declared = self._schema.get("type", ())
        names = (declared,) if isinstance(declared, str) else declared
        return tuple(name for name in names if name != "null")

    @cached_property
    def zero(self) -> Any:
        """What Go calls the zero value of a scalar."""
        kind = self.types[0] if self.types else "string"
        return {"integer": 0, "number": 0, "boolean": False}.get(kind, "")

    @cached_property
    def fields(self) -> Mapping[str, TypeNode]:
        """The fields of a struct."""
        properties = self._schema.get("properties", {})
        return {key: TypeNode(value, self._types, custom=self.custom) for key, value in properties.items()}

    @cached_property
    def item(self) -> TypeNode:
        """The type of a list's items or a map's values."""
        inner = self._schema.get("items") if self.shape is Shape.LIST else self._schema.get("additionalProperties")
        return TypeNode(inner if isinstance(inner, Mapping) else {}, self._types, custom=self.custom)

    @cached_property
    def content(self) -> TypeNode | None:
        """What Go decodes an object into where OpenAPI has no type: schemas inside schemas; None elsewhere.

        Source: apiextensions/v1/marshal.go, `JSONSchemaPropsOrBool`, `JSONSchemaPropsOrArray`.
        """
        if not self.name.startswith(_SCHEMA + "Or"):
            return None
        return TypeNode({"$ref": _REFERENCE + _SCHEMA}, self._types)

    @cached_property
    def declarations(self) -> Mapping[str, Declaration]:
        """How each field of a struct is declared; empty for types that no Go module declares."""
        return {key: Declaration(letter) for key, letter in _go_types()["shapes"].get(self.name, {}).items()}

    @cached_property
    def structs_by_value(self) -> tuple[str, ...]:
        """Fields that are `{}` where they are absent."""
        return tuple(key for key, _ in self._stored(Declaration.STRUCT))

    @cached_property
    def written_zeros(self) -> tuple[tuple[str, Any], ...]:
        """Scalars that are written although they are absent, and as what."""
        scalars = [(key, child.zero) for key, child in self._stored(Declaration.WRITTEN)]
        quantities = [(key, "0") for key, _ in self._stored(Declaration.QUANTITY)]
        return (*scalars, *quantities, *((key, 0) for key, _ in self._stored(Declaration.INT_OR_STRING)))

    def _stored(self, declaration: Declaration) -> Iterator[tuple[str, TypeNode]]:
        for key, found in self.declarations.items():
            if found is declaration and key in self.fields and key != "status":
                yield key, self.fields[key]

    @cached_property
    def enums(self) -> Mapping[str, tuple[str, ...]]:
        """The values that fields of a struct with an enumerated Go type may have."""
        return {key: tuple(values) for key, values in _go_types()["enums"].get(self.name, {}).items()}

    @cached_property
    def keeps_unknown(self) -> bool:
        """May it have fields that it does not declare?"""
        return self._schema.get("x-kubernetes-preserve-unknown-fields") is True

    @property
    def default(self) -> Any:
        """The default in a custom resource's schema; None when there is none."""
        return self._schema.get("default") if self.custom else None

    @property
    def nullable(self) -> bool:
        """May a custom resource's field hold null?"""
        return self._schema.get("nullable") is True

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that a custom resource must have."""
        return tuple(self._schema.get("required", ()))

    @property
    def schema(self) -> Schema:
        """The JSON Schema that the node was made from."""
        return self._schema

    @cached_property
    def is_atomic(self) -> bool:
        """Is it replaced as a whole by server-side apply?

        Source: k8s.io/kube-openapi/pkg/schemaconv/smd.go, `getMapElementRelationship`, `getListElementRelationship`.
        """
        if self.shape in (Shape.STRUCT, Shape.MAP):
            return "atomic" in (self._keyword("x-kubernetes-map-type"), self._schema.get("x-kubernetes-map-type"))
        if self.shape is Shape.LIST:
            return self.keys is None
        return self.shape is not Shape.OPEN

    @cached_property
    def keys(self) -> tuple[str, ...] | None:
        """What tells a list's items apart in server-side apply: field names, nothing for a set, None when atomic."""
        declared = self._keyword("x-kubernetes-list-type")
        if declared == "map":
            return tuple(self._keyword("x-kubernetes-list-map-keys") or ()) or None
        if declared == "set":
            return ()
        return self.merge_keys if declared is None else None

    @cached_property
    def merge_keys(self) -> tuple[str, ...] | None:
        """What tells a list's items apart in a strategic merge patch; None for a list that is replaced."""
        if self.shape is Shape.LIST and "merge" in self.patch_strategies:
            key = self._keyword("x-kubernetes-patch-merge-key")
            return (key,) if isinstance(key, str) else ()
        return None

    @cached_property
    def patch_strategies(self) -> tuple[str, ...]:
        """`merge`, `replace`, `retainKeys`: strategies of a strategic merge patch."""
        return tuple(str(self._keyword("x-kubernetes-patch-strategy") or "").split(","))

    def key_default(self, key: str) -> Any:
        """What an absent key field of this list's items counts as."""
        declared = self.item.fields.get(key)
        if declared is not None and declared.default is not None:
            return declared.default
        if self.item.name == _LOCAL_REFERENCE and key == "name":
            return ""
        if key in _KEY_DEFAULTS:
            return _KEY_DEFAULTS[key] if self.item.name else None
        # OpenAPI gives fields without `omitempty` their zero value as default.
        written = self.item.declarations.get(key) is Declaration.WRITTEN
        return self.item.fields[key].zero if written and key in self.item.fields else None

    def child(self, key: str) -> TypeNode:
        """The type of a field or map value; `OPEN_NODE` for one that nothing declares."""
        if self.shape is Shape.STRUCT:
            return self.fields.get(key, OPEN_NODE)
        return self.item if self.shape is Shape.MAP else OPEN_NODE

    def _keyword(self, name: str) -> Any:
        return self._field.get(name)


OPEN_NODE = TypeNode({}, {})


class KubernetesTables:
    """The built-in kinds of one Kubernetes version.

    Args:
        version: `1.33`.

    Raises:
        FileNotFoundError: The version is not shipped.
    """

    def __init__(self, version: str) -> None:
        document = bundled.packed(f"kubernetes-{version}.json.gz")
        self.version = version
        self._kinds: Mapping[str, str] = document["kinds"]
        self._types: Mapping[str, Schema] = _marked(document["$defs"], version)
        self._nodes: dict[str, TypeNode] = {}

    def kind(self, api_version: str, kind: str) -> TypeNode | None:
        """The type of a built-in kind; None for one that this version does not have."""
        key = f"{api_version}/{kind}" if "/" in api_version else f"/{api_version}/{kind}"
        name = self._kinds.get(key)
        if name is None or name == "List":
            return None
        if name not in self._nodes:
            self._nodes[name] = TypeNode({"$ref": _REFERENCE + name}, self._types)
        return self._nodes[name]

    @cached_property
    def groups(self) -> frozenset[str]:
        """Every group that this version has; empty for the core group."""
        return frozenset(key.rsplit("/", 2)[0] for key in self._kinds)

    @cached_property
    def undefined(self) -> TypeNode:
        """The type of a custom resource that nothing defines: metadata, and anything beside it."""
        return self.custom({"x-kubernetes-preserve-unknown-fields": True})

    def custom(self, structural: Schema) -> TypeNode:
        """The type of a custom resource from its `openAPIV3Schema`."""
        properties = dict(structural.get("properties") or {})
        properties["metadata"] = {"$ref": _REFERENCE + OBJECT_META}
        properties["apiVersion"] = properties["kind"] = {"type": "string"}
        return TypeNode({**structural, "type": "object", "properties": properties}, self._types, custom=True)


@lru_cache(maxsize=4)
def kubernetes_tables(version: str) -> KubernetesTables:
    """The tables of a version, loaded once."""
    return KubernetesTables(version)


def shipped_versions() -> tuple[str, ...]:
    """The Kubernetes versions that there are tables for, oldest first."""
    return bundled.kubernetes_versions()


@lru_cache(maxsize=1)
def _go_types() -> Mapping[str, Any]:
    return bundled.packed("go-types.json.gz")
