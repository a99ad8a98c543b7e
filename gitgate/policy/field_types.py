"""What an expression reads of values whose schema is known: fields that are not there, kinds that do not fit.

The engine checks expressions over values without a type. This walks the checked expression once more with the schemas
of the names: it finds what the API server's own check finds, and the places where text stands for a time or for bytes.
It says nothing where it knows nothing. It runs in the worker only (`cel_worker`).

Source: k8s.io/apiserver/pkg/cel/common/schemas.go (`SchemaDeclType`) and
k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.policy.cel_names import escape_name
from gitgate.policy.checked_expression import CheckedExpression, Node, decode

Schema = Mapping[str, Any]
_TIMES = {"date-time": "timestamp", "date": "timestamp", "duration": "duration", "byte": "bytes"}
_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_LITERALS = {2: "bool", 3: "int", 4: "uint", 5: "double", 6: "string", 7: "bytes"}
_WELL_KNOWN = {2: "timestamp", 3: "duration"}
_PLAIN = frozenset({*_PRIMITIVES.values(), *_WELL_KNOWN.values()})
_NUMBERS = frozenset({"int", "uint", "double"})
_SPECIFIC = _PLAIN | {"list", "map", "object"}
"""Kinds of which it is known what they take."""
_NEVER_NULL = _SPECIFIC - {"object", *_WELL_KNOWN.values()}
_NULL_LITERAL = 1
_OF_TEXT = (
    "matches", "find", "findAll", "startsWith", "endsWith", "contains", "lowerAscii", "upperAscii", "trim", "split",
    "replace", "substring", "charAt", "format", "quantity", "isQuantity", "url", "isURL", "isIP", "cidr", "isCIDR",
    "semver", "isSemver",
)  # fmt: skip
_OF_LISTS = (
    "isSorted",
    "sum",
    "min",
    "max",
    "join",
    "sort",
    "distinct",
    "flatten",
    "slice",
    "reverse",
    "first",
    "last",
)
_TAKEN: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_OF_TEXT, frozenset({"string"})),
    **dict.fromkeys(_OF_LISTS, frozenset({"list"})),
    **dict.fromkeys(("indexOf", "lastIndexOf"), frozenset({"string", "list"})),
    "size": frozenset({"string", "bytes", "list", "map"}),
}
"""The kinds that a function takes as its first argument or its target."""
_EQUAL = ("_==_", "_!=_")
_ORDERED = ("_<_", "_<=_", "_>_", "_>=_")
_LISTS = ("_+_", "@in", *_EQUAL)
LIST_OF = "list of "
"""What a conversion of a list's items starts with."""
_LOGIC = ("_&&_", "_||_", "!_")
_REFERENCE_START = "#/$defs/"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a value.

    Attributes:
        kind: A type of CEL, or `dyn`, `object`, `map`, `list` or `optional`.
        inner: Of what: values of a map, items of a list, the value of an optional.
        fields: Schemas of an object's fields by the names that expressions give them.
        types: What references in those schemas name.
        text: Does the engine hold it as text, although it is a time or bytes?
    """

    kind: str
    inner: Shape | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    types: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    text: bool = False


DYN = Shape("dyn")
BOOL = Shape("bool")
_NULL = Shape("null")


def shape_of(schema: Any, types: Mapping[str, Any] | None = None) -> Shape:
    """What a schema says of a value; `dyn` for whatever it leaves open."""
    if not isinstance(schema, Mapping):
        return DYN
    types = schema.get("$defs", {}) if types is None else types
    schema = _resolved(schema, types)
    if schema.get("x-kubernetes-int-or-string") is True:
        return DYN
    kind = schema.get("type")
    if isinstance(kind, list):
        named = [name for name in kind if name != "null"]
        kind = named[0] if len(named) == 1 else None
    if kind == "object":
        return _object(schema, types)
    if kind == "array":
        return Shape("list", shape_of(schema.get("items"), types))
    if kind == "string":
        converted = _TIMES.get(str(schema.get("format")))
        return Shape(converted, text=True) if converted else Shape("string")
    return Shape({"integer": "int", "number": "double", "boolean": "bool"}.get(str(kind), "dyn"))


def _resolved(schema: Schema, types: Mapping[str, Any]) -> Schema:
    for _ in range(10):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        named = types.get(reference.removeprefix(_REFERENCE_START))
        if not isinstance(named, Mapping):
            return {}
        schema = named
    return {}


def _object(schema: Schema, types: Mapping[str, Any]) -> Shape:
    properties, others = schema.get("properties"), schema.get("additionalProperties")
    declared = isinstance(properties, Mapping) and bool(properties)
    if isinstance(others, Mapping) and not declared:
        return Shape("map", shape_of(others, types))
    if not declared and others is not False and not _is_strict(schema):
        return DYN
    spelt = str if schema.get("x-gitgate-plain-names") is True else escape_name
    names = {spelt(str(name)): child for name, child in (properties or {}).items()}
    return Shape("object", fields={name: child for name, child in names.items() if name}, types=types)


def _is_strict(schema: Schema) -> bool:
    """Does it declare an object of a custom resource without fields, none of which can be read?"""
    return schema.get("x-gitgate-closed") is True


@dataclass(slots=True)
class Reading:
    """What was found out about one expression.

    Attributes:
        shape: Of its value.
        problems: What does not fit: message and node.
        conversions: Nodes that give text for a `timestamp`, `duration` or `bytes`, or a `list of` such text.
    """

    shape: Shape = DYN
    problems: list[tuple[str, int]] = field(default_factory=list)
    conversions: dict[int, str] = field(default_factory=dict)


def read_fields(checked: CheckedExpression, names: Mapping[str, Shape], *, converts: bool = True) -> Reading:
    """Walk an expression.

    Args:
        checked: The expression.
        names: What is known of the names, `variables.NAME` among them.
        converts: Does text that stands for a time or bytes become one? Admission sees text, of which nothing is said.
    """
    walker = _Walker(checked, names, converts=converts)
    walker.reading.shape = walker.read(checked.root, {})
    return walker.reading


class _Walker:
    def __init__(self, checked: CheckedExpression, names: Mapping[str, Shape], *, converts: bool) -> None:
        self._checked = checked
        self._names = names
        self._converts = converts
        self.reading = Reading()

    def read(self, node: Node, scope: Mapping[str, Shape]) -> Shape:
        shape = self._read(node, scope)
        if shape.text and not self._converts:
            return DYN
        is_read = node.kind in {"identifier", "select"} or node.name in {"_[_]", "value", "orValue"}
        if shape.text and is_read:
            self.reading.conversions[node.id] = shape.kind
        return shape

    def _read(  # noqa: PLR0911 - one for each kind of node
        self, node: Node, scope: Mapping[str, Shape]
    ) -> Shape:
        name, _ = self._checked.references.get(node.id, ("", ()))
        if name and name not in scope and node.kind in {"identifier", "select"}:
            return self._names.get(name, DYN)
        if node.kind == "identifier":
            return scope.get(node.name) or self._names.get(node.name, DYN)
        if node.kind == "select":
            return self._select(node, scope)
        if node.kind == "call":
            return self._call(node, [self.read(child, scope) for child in node.children])
        if node.kind == "comprehension":
            return self._comprehension(node, scope)
        parts = [self.read(child, scope) for child in node.children]
        if node.kind == "list":
            return Shape("list", _common([replace(part, text=False) for part in parts]))
        return self._checked_shape(node)

    def _select(self, node: Node, scope: Mapping[str, Shape]) -> Shape:
        found = self._member(self.read(node.children[0], scope), node.name, node)
        return BOOL if node.test else found

    def _member(self, target: Shape, name: str, node: Node) -> Shape:
        if target.kind == "optional":
            return Shape("optional", self._member(target.inner or DYN, name, node))
        if target.kind == "map":
            return target.inner or DYN
        if target.kind in _PLAIN or target.kind == "list":
            self._complain(f"type '{_spell(target)}' does not support field selection", node)
        if target.kind != "object":
            return DYN
        if name not in target.fields and f"__{name}__" in target.fields:
            # A reserved word may be written as it is: k8s.io/apiserver/pkg/cel/types.go, `FindStructFieldType`.
            name = f"__{name}__"
            if node.kind == "select" and self._converts:
                node.name = name
        if name not in target.fields:
            near = difflib.get_close_matches(name, target.fields, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            self._complain(f"undefined field '{name}'{hint}", node)
            return DYN
        return shape_of(target.fields[name], target.types)

    def _call(self, node: Node, parts: list[Shape]) -> Shape:
        if node.name in _LISTS or node.name.startswith("sets."):
            parts = [self._converted(child, part) for child, part in zip(node.children, parts, strict=False)]
        first = parts[0] if parts else DYN
        if first.kind in _SPECIFIC and first.kind not in _TAKEN.get(node.name, _SPECIFIC):
            self._no_overload(node, parts)
        handler = _CALLS.get(node.name)
        if handler is not None:
            return handler(self, node, parts)
        if node.name in (*_EQUAL, *_ORDERED):
            self._compare(node, parts)
            return BOOL
        if node.name == "@in" or node.name in _LOGIC:
            self._combine(node, parts)
            return BOOL
        if node.name in {"value", "orValue", "or"} and first.kind == "optional":
            return first if node.name == "or" else first.inner or DYN
        return self._checked_shape(node)

    def _converted(self, node: Node, shape: Shape) -> Shape:
        """A list of times or bytes that is compared as a whole: the engine would compare text with them."""
        if shape.kind != "list" or shape.inner is None or not shape.inner.text:
            return shape
        self.reading.conversions[node.id] = f"{LIST_OF}{shape.inner.kind}"
        return replace(shape, inner=replace(shape.inner, text=False))

    def _combine(self, node: Node, parts: list[Shape]) -> None:
        """`a in b`, `a && b`, `!a`."""
        if node.name in _LOGIC:
            if any(part.kind in _SPECIFIC - {"bool"} for part in parts):
                self._no_overload(node, parts)
        elif len(parts) == 2:
            keys = Shape("string") if parts[1].kind == "map" else DYN
            inner = parts[1].inner or DYN if parts[1].kind == "list" else keys
            if {parts[0].kind, inner.kind} <= _PLAIN and parts[0].kind != inner.kind:
                self._no_overload(node, parts)

    def _compare(self, node: Node, parts: list[Shape]) -> None:
        kinds = [part.kind for part in parts]
        items = {part.inner.kind for part in parts if part.kind == "list" and part.inner is not None}
        if kinds == ["list", "list"] and len(items) > 1 and items <= _PLAIN | {"object"}:
            self._no_overload(node, parts)
        if len(kinds) != 2 or kinds[0] == kinds[1] or (node.name in _ORDERED and set(kinds) <= _NUMBERS):
            return
        if all(kind in _SPECIFIC for kind in kinds) or (_NULL.kind in kinds and set(kinds) & _NEVER_NULL):
            self._no_overload(node, parts)

    def add(self, node: Node, parts: list[Shape]) -> Shape:
        """`a + b`; of lists it tells what the items are."""
        kinds = {part.kind for part in parts}
        if kinds == {"list"}:
            return Shape("list", _common([part.inner or DYN for part in parts if part.inner is not _UNKNOWN]))
        if len(kinds) == 2 and kinds <= _PLAIN and not kinds & set(_WELL_KNOWN.values()):
            self._no_overload(node, parts)
        return (
            Shape(parts[0].kind) if len(kinds) == 1 and kinds <= _PLAIN - {"timestamp"} else self._checked_shape(node)
        )

    def index(self, node: Node, parts: list[Shape]) -> Shape:
        """`a[b]`, `a[?b]`."""
        target = parts[0]
        if target.kind == "optional":
            return Shape("optional", self.index(node, [target.inner or DYN, *parts[1:]]))
        if target.kind == "object":
            self._no_overload(node, parts)
        return (target.inner or DYN) if target.kind in {"list", "map"} else DYN

    def optional_index(self, node: Node, parts: list[Shape]) -> Shape:
        found = self.index(node, parts)
        return found if found.kind == "optional" else Shape("optional", found)

    def optional_member(self, node: Node, parts: list[Shape]) -> Shape:
        """`a.?b`."""
        name = node.children[1].text
        found = self._member(parts[0], name, node) if name is not None else DYN
        return found if found.kind == "optional" else Shape("optional", found)

    def choose(self, node: Node, parts: list[Shape]) -> Shape:
        """`a ? b : c`."""
        if parts[0].kind in _SPECIFIC - {"bool"}:
            self._no_overload(node, parts)
        return _common(parts[1:])

    def _comprehension(self, node: Node, scope: Mapping[str, Shape]) -> Shape:
        source, start, condition, step, result = node.children
        over = self.read(source, scope)
        item = (over.inner or DYN) if over.kind in {"list", "map"} else DYN
        inside = dict(scope)
        if node.second:
            inside[node.name] = Shape({"list": "int", "map": "string"}.get(over.kind, "dyn"))
            inside[node.second] = item
        else:
            inside[node.name] = Shape("string") if over.kind == "map" else item
        first = self.read(start, scope)
        inside[node.accumulator] = first
        self.read(condition, inside)
        inside[node.accumulator] = self.read(step, inside)
        for name in (node.name, node.second):
            if name:
                inside.pop(name, None)
                if name in scope:
                    inside[name] = scope[name]
        return self.read(result, inside)

    def _checked_shape(self, node: Node) -> Shape:
        """What the engine's own check says of a node."""
        for number, _, value in decode(self._checked.types.get(node.id, b"")):
            if number == 3:
                return Shape(_PRIMITIVES.get(value, "dyn"))
            if number == 5:
                return Shape(_WELL_KNOWN.get(value, "dyn"))
        if node.kind == "constant":
            number = next((number for number, _, _ in decode(node.literal)), 0)
            if number == _NULL_LITERAL:
                return _NULL
            return Shape(_LITERALS.get(number, "dyn"))
        return DYN

    def _no_overload(self, node: Node, parts: list[Shape]) -> None:
        kinds = ", ".join(_spell(part) for part in parts)
        self._complain(f"found no matching overload for '{node.name}' applied to '({kinds})'", node)

    def _complain(self, message: str, node: Node) -> None:
        self.reading.problems.append((message, node.id))


_UNKNOWN = Shape("unknown")
"""What the items of an empty list are."""

_CALLS: Mapping[str, Callable[[_Walker, Node, list[Shape]], Shape]] = {
    "_+_": _Walker.add,
    "_[_]": _Walker.index,
    "_[?_]": _Walker.optional_index,
    "_?._": _Walker.optional_member,
    "_?_:_": _Walker.choose,
}


def _common(parts: Iterable[Shape]) -> Shape:
    """What several values are alike; `dyn` where they differ."""
    known = [part for part in parts if part.kind != "unknown" and part.inner is not _UNKNOWN]
    if not known:
        return _UNKNOWN
    return known[0] if all(part == known[0] for part in known) else DYN


def _spell(shape: Shape) -> str:
    if shape.kind == "list":
        return f"list({_spell(shape.inner or DYN)})"
    return f"map(string, {_spell(shape.inner or DYN)})" if shape.kind == "map" else shape.kind
