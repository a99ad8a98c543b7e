"""The engine's checked expressions, decoded: what an expression refers to, and how to put a few nodes in other terms.

The CEL engine hands out a checked expression as a `google.protobuf.Any` around a `cel.expr.CheckedExpr`. Reading it
needs no protobuf library, only the wire format, and the few field numbers below (cel-spec, proto/cel/expr/checked.proto
and syntax.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_ANY_TYPE, _ANY_VALUE = 1, 2
_REFERENCES, _TYPES, _EXPRESSION, _SOURCE = 2, 3, 4, 5
_ID, _CONSTANT, _IDENTIFIER, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 2, 3, 4, 5, 6, 7, 8, 9
_BYTES = 2
Message = list[tuple[int, int, Any]]
"""Fields of a message in order: number, wire type, value."""


@dataclass(slots=True)
class Node:
    """One node of the tree.

    Attributes:
        id: Unique in its expression.
        kind: `constant`, `identifier`, `select`, `call`, `list`, `struct` or `comprehension`.
        name: The identifier, the selected field, the called function, or the two loop variables and the accumulator.
        children: For a call with a target, the target comes first.
        targeted: Is the first child of a call its target?
        test: Is a selection a `has()`?
        literal: A constant, encoded.
        entries: A struct's entries without their children: id, field key and whether it is optional.
        optional: Indices of a list's optional elements, encoded.
    """

    id: int
    kind: str
    name: str = ""
    children: list[Node] = field(default_factory=list)
    targeted: bool = False
    test: bool = False
    literal: bytes = b""
    entries: list[tuple[int, str, bool]] = field(default_factory=list)
    optional: bytes = b""
    second: str = ""
    accumulator: str = ""

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(node.children))

    @property
    def text(self) -> str | None:
        """The text of a string constant; None for anything else."""
        for number, wire, value in decode(self.literal) if self.kind == "constant" else ():
            if number == 6 and wire == _BYTES:
                return bytes(value).decode("utf-8", "replace")
        return None


@dataclass(slots=True)
class CheckedExpression:
    """A checked expression.

    Attributes:
        root: Its tree.
        references: What a node was resolved to: a variable's name, or overload ids of a function, by node id.
        types: The type of a node, encoded; by node id.
        positions: Offset in characters of a node, by node id.
        conversions: What the text that a node gives stands for, `timestamp`, `duration` or `bytes`; by node id.
    """

    root: Node
    references: dict[int, tuple[str, tuple[str, ...]]]
    types: dict[int, bytes]
    positions: dict[int, int]
    conversions: dict[int, str] = field(default_factory=dict)

    @staticmethod
    def decode(data: bytes) -> CheckedExpression:  # noqa: C901 - one branch for each field
        """Read what `Expression.serialize()` gives."""
        checked = decode({number: value for number, _, value in decode(data)}[_ANY_VALUE])
        expression = CheckedExpression(Node(0, "constant"), {}, {}, {})
        for number, _, value in checked:
            if number == _REFERENCES:
                key, reference = _entry(value)
                name, overloads = "", []
                for part, _, text in decode(reference):
                    if part == 1:
                        name = bytes(text).decode()
                    elif part == 3:
                        overloads.append(bytes(text).decode())
                expression.references[key] = (name, tuple(overloads))
            elif number == _TYPES:
                key, kind = _entry(value)
                expression.types[key] = bytes(kind)
            elif number == _EXPRESSION:
                expression.root = _node(value)
            elif number == _SOURCE:
                for part, _, position in decode(value):
                    if part == 4:
                        pair = {number: item for number, _, item in decode(position)}
                        expression.positions[pair.get(1, 0)] = pair.get(2, 0)
        return expression

    def encode(self) -> bytes:
        """Write it for `Env.deserialize()`."""
        checked: Message = []
        for key, (name, overloads) in self.references.items():
            reference: Message = [(1, _BYTES, name.encode())] if name else []
            reference += [(3, _BYTES, overload.encode()) for overload in overloads]
            checked.append((_REFERENCES, _BYTES, encode([(1, 0, key), (2, _BYTES, encode(reference))])))
        for key, kind in self.types.items():
            checked.append((_TYPES, _BYTES, encode([(1, 0, key), (2, _BYTES, kind)])))
        checked.append((_EXPRESSION, _BYTES, _encode_node(self.root)))
        return encode(
            [(_ANY_TYPE, _BYTES, b"type.googleapis.com/cel.expr.CheckedExpr"), (_ANY_VALUE, _BYTES, encode(checked))]
        )


def _entry(data: bytes) -> tuple[int, bytes]:
    pair = {number: value for number, _, value in decode(data)}
    return pair.get(1, 0), pair.get(2, b"")


def _node(data: bytes) -> Node:
    node = Node(0, "constant")
    for number, _, value in decode(data):
        if number == _ID:
            node.id = value
        elif number == _CONSTANT:
            node.kind, node.literal = "constant", bytes(value)
        elif number == _IDENTIFIER:
            node.kind = "identifier"
            node.name = _text(value, 1)
        elif number == _SELECT:
            _read_select(node, value)
        elif number == _CALL:
            _read_call(node, value)
        elif number == _LIST:
            _read_list(node, value)
        elif number == _STRUCT:
            _read_struct(node, value)
        elif number == _COMPREHENSION:
            _read_comprehension(node, value)
    return node


def _text(data: bytes, wanted: int) -> str:
    for number, _, value in decode(data):
        if number == wanted:
            return bytes(value).decode()
    return ""


def _read_select(node: Node, data: bytes) -> None:
    node.kind = "select"
    for number, _, value in decode(data):
        if number == 1:
            node.children.append(_node(value))
        elif number == 2:
            node.name = bytes(value).decode()
        elif number == 3:
            node.test = bool(value)


def _read_call(node: Node, data: bytes) -> None:
    node.kind = "call"
    for number, _, value in decode(data):
        if number == 1:
            node.children.insert(0, _node(value))
            node.targeted = True
        elif number == 2:
            node.name = bytes(value).decode()
        elif number == 3:
            node.children.append(_node(value))


def _read_list(node: Node, data: bytes) -> None:
    node.kind = "list"
    for number, wire, value in decode(data):
        if number == 1:
            node.children.append(_node(value))
        elif number == 2:
            node.optional += encode([(number, wire, value)])


def _read_struct(node: Node, data: bytes) -> None:
    node.kind = "struct"
    for number, _, value in decode(data):
        if number == 1:
            node.name = bytes(value).decode()
        elif number == 2:
            entry: dict[int, Any] = {part: item for part, _, item in decode(value)}
            node.entries.append((entry.get(1, 0), bytes(entry.get(2, b"")).decode(), bool(entry.get(5, 0))))
            node.children += [_node(entry[part]) for part in (3, 4) if part in entry]


def _read_comprehension(node: Node, data: bytes) -> None:
    node.kind = "comprehension"
    parts = {number: value for number, _, value in decode(data)}
    node.name, node.second = (bytes(parts.get(number, b"")).decode() for number in (1, 8))
    node.accumulator = bytes(parts.get(3, b"")).decode()
    node.children = [_node(parts[number]) for number in (2, 4, 5, 6, 7)]


def _encode_node(node: Node) -> bytes:
    return encode([(_ID, 0, node.id), (_NUMBERS[node.kind], _BYTES, _ENCODERS[node.kind](node))])


def _encode_select(node: Node) -> bytes:
    fields: Message = [(1, _BYTES, _encode_node(node.children[0])), (2, _BYTES, node.name.encode())]
    return encode([*fields, (3, 0, 1)] if node.test else fields)


def _encode_call(node: Node) -> bytes:
    arguments = node.children
    fields: Message = []
    if node.targeted:
        fields.append((1, _BYTES, _encode_node(arguments[0])))
        arguments = arguments[1:]
    fields.append((2, _BYTES, node.name.encode()))
    return encode([*fields, *((3, _BYTES, _encode_node(argument)) for argument in arguments)])


def _encode_struct(node: Node) -> bytes:
    fields: Message = [(1, _BYTES, node.name.encode())] if node.name else []
    children = iter(node.children)
    for entry_id, key, optional in node.entries:
        entry: Message = [(1, 0, entry_id)]
        entry.append((2, _BYTES, key.encode()) if key else (3, _BYTES, _encode_node(next(children))))
        entry.append((4, _BYTES, _encode_node(next(children))))
        if optional:
            entry.append((5, 0, 1))
        fields.append((2, _BYTES, encode(entry)))
    return encode(fields)


def _encode_comprehension(node: Node) -> bytes:
    source, start, condition, step, result = (_encode_node(child) for child in node.children)
    fields: Message = [(1, _BYTES, node.name.encode()), (2, _BYTES, source), (3, _BYTES, node.accumulator.encode())]
    fields += [(4, _BYTES, start), (5, _BYTES, condition), (6, _BYTES, step), (7, _BYTES, result)]
    return encode([*fields, (8, _BYTES, node.second.encode())] if node.second else fields)


_NUMBERS = {
    "constant": _CONSTANT,
    "identifier": _IDENTIFIER,
    "select": _SELECT,
    "call": _CALL,
    "list": _LIST,
    "struct": _STRUCT,
    "comprehension": _COMPREHENSION,
}
_ENCODERS = {
    "constant": lambda node: node.literal,
    "identifier": lambda node: encode([(1, _BYTES, node.name.encode())]),
    "select": _encode_select,
    "call": _encode_call,
    "list": lambda node: encode([(1, _BYTES, _encode_node(child)) for child in node.children]) + node.optional,
    "struct": _encode_struct,
    "comprehension": _encode_comprehension,
}


def decode(data: bytes) -> Message:
    """Split a message into its fields.

    Raises:
        IndexError: The message ends early.
    """
    fields: Message = []
    view = memoryview(data)
    offset, end = 0, len(view)
    while offset < end:
        key, offset = _read_number(view, offset)
        wire = key & 7
        value: Any
        if wire == 0:
            value, offset = _read_number(view, offset)
        else:
            size = {1: 8, 5: 4}.get(wire, 0)
            if wire == _BYTES:
                size, offset = _read_number(view, offset)
            value = bytes(view[offset : offset + size])
            offset += size
        fields.append((key >> 3, wire, value))
    return fields


def encode(fields: Message) -> bytes:
    """Write the fields of a message."""
    data = bytearray()
    for number, wire, value in fields:
        _write_number(data, number << 3 | wire)
        if wire == 0:
            _write_number(data, value)
        else:
            if wire == _BYTES:
                _write_number(data, len(value))
            data += value
    return bytes(data)


def _read_number(view: memoryview, offset: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = view[offset]
        offset += 1
        result |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return result, offset


def _write_number(data: bytearray, value: int) -> None:
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
