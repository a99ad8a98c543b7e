"""What Kubernetes refuses in literals although it type-checks: mixed lists, patterns, durations, timestamps.

Source: k8s.io/apiserver/pkg/cel/environment/base.go (`HomogeneousAggregateLiterals`, `ASTValidators`) and
github.com/google/cel-go/cel/validator.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitgate.policy.checked_expression import CheckedExpression, Node, decode

_DYN = 1
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


def literal_errors(
    checked: CheckedExpression, reason_against: Callable[[str, str], str | None]
) -> Iterator[tuple[str, int]]:
    """Every literal that Kubernetes refuses, with the id of its node.

    Args:
        checked: The expression.
        reason_against: Says what is wrong with a literal argument of `matches`, `duration` or `timestamp`.
    """
    formatted = {
        node.children[1].id
        for node in checked.root.walk()
        if node.kind == "call" and node.name == "format" and len(node.children) == 2
    }
    for node in checked.root.walk():
        if node.kind == "list":
            # `validator_homogeneous_literals` leaves the arguments of format alone.
            if node.id in formatted:
                continue
            yield from _mixed(node.children, checked)
        elif node.kind == "struct" and not node.name:
            yield from _mixed(node.children[::2], checked)
            yield from _mixed(node.children[1::2], checked)
        elif node.kind == "call" and node.name in _CHECKED and len(node.children) in {1, 2, 3}:
            argument = node.children[1 if _CHECKED[node.name] == "matches" and len(node.children) > 1 else 0]
            text = argument.text
            function = _CHECKED[node.name]
            if text is not None and reason_against(function, text) is not None:
                yield f"{_WORDS[function]}: {reason_against(function, text)}", argument.id


def _mixed(children: list[Node], checked: CheckedExpression) -> Iterator[tuple[str, int]]:
    """Elements of several types; `dyn()` and null stand beside anything."""
    seen: bytes | None = None
    for child in children:
        kind = checked.types.get(child.id)
        if kind is None or _is_dynamic(kind):
            continue
        if seen is not None and kind != seen:
            yield f"expected type '{_spell(seen)}' but found '{_spell(kind)}'", child.id
            return
        seen = kind


def _is_dynamic(kind: bytes) -> bool:
    """Is it `dyn`, null, a type parameter, or made of them?"""
    for number, _, value in decode(kind):
        if number in {1, 2, 10, 14}:
            return True
        if number in {6, 7} and isinstance(value, bytes) and any(_is_dynamic(part) for _, _, part in decode(value)):
            return True
        if number in {6, 7} and not value:
            return True
    return not kind


_PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}


def _spell(kind: bytes) -> str:
    for number, _, value in decode(kind):
        if number == 3:
            return _PRIMITIVES.get(value, "?")
        if number == 6:
            return f"list({', '.join(_spell(part) for _, _, part in decode(value))})"
        if number == 7:
            return f"map({', '.join(_spell(part) for _, _, part in decode(value))})"
        if number == 5:
            return {2: "timestamp", 3: "duration"}.get(value, "any")
    return "?"
