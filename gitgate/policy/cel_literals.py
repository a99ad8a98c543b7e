"""What Kubernetes refuses in literals although it type-checks: mixed lists, patterns, templates, numbers that are none.

Source: k8s.io/apiserver/pkg/cel/environment/base.go (`ASTValidators`), github.com/google/cel-go/cel/validator.go,
…/ext/formatting.go (`stringFormatValidator`) and …/interpreter/decorators.go (`maybeOptimizeConstUnary`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gitgate.policy.checked_expression import CheckedExpression, Node, decode
from gitgate.policy.functions.text import CLAUSES, clauses

Reported = Iterator[tuple[str, int]]
"""Messages, each with the id of a node."""
_CHECKED = {
    "matches": "matches",
    "find": "matches",
    "findAll": "matches",
    "duration": "duration",
    "timestamp": "timestamp",
}
_WORDS = {
    "matches": "invalid matches argument",
    "duration": "invalid duration argument",
    "timestamp": "invalid timestamp argument",
}
_ORDERED = frozenset({"bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"})
_OF_ITEMS = {"isSorted": _ORDERED, "min": _ORDERED, "max": _ORDERED, "sum": {"int", "uint", "double", "duration"}}
"""Members of lists that there are for some types of items only."""
_NUMBERS = {
    "int": re.compile(r"[+-]?[0-9]+"),
    "uint": re.compile(r"[0-9]+"),
    "double": re.compile(
        r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
    ),
    "bool": re.compile(r"1|t|T|TRUE|true|True|0|f|F|FALSE|false|False"),
}
"""Text that a conversion takes: strconv.ParseInt, ParseUint, ParseFloat and ParseBool of Go."""


def literal_errors(
    checked: CheckedExpression, reason_against: Callable[[str, str], str | None], untyped: frozenset[str]
) -> Reported:
    """Every literal that Kubernetes refuses, with the id of its node.

    Args:
        checked: The expression.
        reason_against: Says what is wrong with a literal argument of `matches`, `duration` or `timestamp`.
        untyped: Names whose values may be anything to the API server, too; of others more is known than `checked` says.
    """
    names = {name for name, _ in checked.references.values() if name}
    typed = bool(names - untyped)
    pending = [(checked.root, False)]
    while pending:
        node, formatted = pending.pop()
        if node.kind == "call":
            yield from _of_call(node, checked, reason_against)
            formatted = formatted or node.name == "format"
        elif not formatted:  # `validator_homogeneous_literals` leaves alone what is anywhere inside of a format
            yield from _of_aggregate(node, checked, untyped if typed else None)
        pending.extend((child, formatted) for child in reversed(node.children))


def _of_call(node: Node, checked: CheckedExpression, reason_against: Callable[[str, str], str | None]) -> Reported:
    name, arguments = node.name, node.children
    if name in _CHECKED and len(arguments) in {1, 2, 3}:
        function = _CHECKED[name]
        argument = arguments[1 if function == "matches" and len(arguments) > 1 else 0]
        reason = None if argument.text is None else reason_against(function, argument.text)
        if reason is not None:
            yield f"{_WORDS[function]}: {reason}", argument.id
    elif name in _NUMBERS and len(arguments) == 1:
        text = arguments[0].text
        if text is not None and not _NUMBERS[name].fullmatch(text):
            yield f"{name}({text!r}) is an error whenever it runs", node.id
    elif name in _OF_ITEMS and node.targeted and len(arguments) == 1:
        kind = _type_name(checked.types.get(arguments[0].id, b""))
        items = _parameters(checked.types.get(arguments[0].id, b""))
        item = _type_name(items[0]) if kind == "list" and items else "dyn"
        if item not in ("dyn", "null", "parameter") and item not in _OF_ITEMS[name]:
            yield f"found no matching overload for '{name}' applied to 'list({item})'", node.id
    elif name == "format" and node.targeted and len(arguments) == 2 and arguments[1].kind == "list":
        yield from _of_format(node, checked)


def _of_format(node: Node, checked: CheckedExpression) -> Reported:
    """A literal template must fit literal arguments."""
    template, values = node.children
    if template.text is None:
        return
    try:
        wanted = [clause.letter for clause in clauses(template.text) if clause.letter]
    except ValueError as error:
        yield f"could not parse the template: {error}", node.id
        return
    if len(wanted) != len(values.children):
        yield f"the template asks for {len(wanted)} arguments and is given {len(values.children)}", node.id
        return
    for letter, value in zip(wanted, values.children, strict=True):
        for part in _printed(value) if letter == "s" else (value,):
            kind = _type_name(checked.types.get(part.id, b""))
            if kind != "dyn" and kind not in CLAUSES[letter]:
                yield f"%{letter} does not take a value of type {kind}", part.id
                return


def _printed(value: Node) -> Iterator[Node]:
    """A value, and what is in it as far as it is a literal."""
    yield value
    if value.kind in ("list", "struct"):
        for child in value.children:
            yield from _printed(child)


def _of_aggregate(node: Node, checked: CheckedExpression, untyped: frozenset[str] | None) -> Reported:
    """Elements of several types."""
    if node.kind == "list":
        optional = _indices(node.optional)
        yield from _mixed([(child, index in optional) for index, child in enumerate(node.children)], checked, untyped)
    elif node.kind == "struct" and not node.name:
        yield from _mixed([(key, False) for key in node.children[::2]], checked, untyped)
        flags = [optional for _, _, optional in node.entries]
        yield from _mixed(list(zip(node.children[1::2], flags, strict=True)), checked, untyped)


def _mixed(children: list[tuple[Node, bool]], checked: CheckedExpression, untyped: frozenset[str] | None) -> Reported:
    """Also `dyn` beside anything else, and null: only what is empty goes with all others.

    What the engine takes for `dyn` may have a type for the API server, unless it is made of untyped names alone; None
    where all are.
    """
    seen: bytes | None = None
    for child, optional in children:
        kind = checked.types.get(child.id)
        if kind is None or _is_vacuous(child):
            continue
        if untyped is not None and _has_dyn(kind) and not _is_made_of(child, untyped):
            continue
        kind = _parameters(kind)[0] if optional and _type_name(kind) == "optional_type" else kind
        if seen is not None and kind != seen and not _is_open(kind) and not _is_open(seen):
            yield f"expected type '{_spell(seen)}' but found '{_spell(kind)}'", child.id
            return
        seen = kind


def _is_vacuous(node: Node) -> bool:
    """Is it `[]`, `{}`, or made of them? The type of its items is what the others have."""
    return node.kind in ("list", "struct") and not node.name and all(map(_is_vacuous, node.children))


def _is_open(kind: bytes) -> bool:
    """Has it a type parameter that nothing decides?"""
    return _type_name(kind) == "parameter" or any(map(_is_open, _parameters(kind)))


def _has_dyn(kind: bytes) -> bool:
    return _type_name(kind) == "dyn" or any(map(_has_dyn, _parameters(kind)))


def _is_made_of(node: Node, names: frozenset[str]) -> bool:
    return all(part.name in names for part in node.walk() if part.kind == "identifier")


def _indices(data: bytes) -> set[int]:
    """The indices of optional elements: a repeated number, one by one or packed."""
    found: set[int] = set()
    for _, wire, value in decode(data):
        found |= {value} if wire == 0 else {item for _, _, item in decode(_numbered(bytes(value)))}
    return found


def _numbered(packed: bytes) -> bytes:
    """Packed numbers as fields of their own."""
    made = b""
    start = True
    for byte in packed:
        made += (b"\x08" if start else b"") + bytes([byte])
        start = byte < 0x80
    return made


_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}
_KINDS = {1: "dyn", 2: "null", 6: "list", 7: "map", 9: "message", 10: "parameter", 11: "type", 12: "error"}
_WELL_KNOWN = {2: "timestamp", 3: "duration"}


def _type_name(kind: bytes) -> str:
    """The name of a type without its parameters; `dyn` for one that is not known."""
    for number, _, value in decode(kind):
        if number == 3:
            return _PRIMITIVES.get(value, "dyn")
        if number == 5:
            return _WELL_KNOWN.get(value, "dyn")
        if number == 14:
            return next((bytes(text).decode() for part, _, text in decode(value) if part == 1), "dyn")
        return _KINDS.get(number, "dyn")
    return "dyn"


def _parameters(kind: bytes) -> list[bytes]:
    for number, _, value in decode(kind):
        if number in {6, 7}:
            return [bytes(part) for _, _, part in decode(value)]
        if number == 14:
            return [bytes(part) for place, _, part in decode(value) if place == 2]
    return []


def _spell(kind: bytes) -> str:
    parameters = _parameters(kind)
    return _type_name(kind) + (f"({', '.join(map(_spell, parameters))})" if parameters else "")
