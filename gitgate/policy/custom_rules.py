"""`x-kubernetes-validations`: the rules of custom resource definitions, and what they are asked of.

Where the rules are, how a value looks to them, and which old value stands beside which new one. A value is put before
its rules as the API server sees it: with defaults, without fields that the schema does not declare, with names as
expressions spell them.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go and …/validation.go of
pkg/apis/apiextensions (what a definition may hold), k8s.io/apiserver/pkg/cel/common/values.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitgate.location import FieldPath
from gitgate.policy.cel import Source
from gitgate.policy.cel_names import escape_name

RULES = "x-kubernetes-validations"
_DEPTH_LIMIT = 64
_OLD = re.compile(r"(?<![\w.])oldSelf\b")
_STRING = re.compile(r"[rRbB]{0,2}(\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')", re.DOTALL)
_FIELD_PATH = re.compile(r"\.([A-Za-z_][\w-]*)|\['((?:[^'\\]|\\.)*)'\]|\[\"((?:[^\"\\]|\\.)*)\"\]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_DURATION_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-zµμ]+)", re.ASCII | re.IGNORECASE)
_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "m": 60.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "wk": 604800.0, "week": 604800.0,
    "weeks": 604800.0,
}  # fmt: skip
_TEXT = {"type": "string"}
_METADATA = {"type": "object", "properties": {"name": _TEXT, "generateName": _TEXT}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a definition.

    Attributes:
        path: Of the rule inside `openAPIV3Schema`.
        text: The expression.
        field: `fieldPath`, below the value that is judged.
        transition: Does it need an old value?
        optional: Is the old value an optional (`optionalOldSelf`)?
        defect: Why the API server refuses the definition; None when it does not.
    """

    path: FieldPath
    text: str
    message: str | None = None
    message_expression: str | None = None
    reason: str = "FieldValueInvalid"
    field: FieldPath = ()
    transition: bool = False
    optional: bool = False
    defect: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a schema, reduced to what rules can see.

    Attributes:
        schema: For the engine's check of the rules.
        rules: Of this very node.
        deep: Is there a rule here or below?
        keys: What tells the items of a list apart; empty when nothing does.
        unordered: Is it a list whose order means nothing?
    """

    schema: Mapping[str, Any]
    kind: str = ""
    rules: tuple[Rule, ...] = ()
    fields: Mapping[str, Node] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    others: Node | None = None
    items: Node | None = None
    keys: tuple[str, ...] = ()
    unordered: bool = False
    default: Any = None
    nullable: bool = False
    format: str = ""
    deep: bool = False

    def walk(self) -> Iterator[Node]:
        """This node and those below that have rules."""
        if not self.deep:
            return
        yield self
        for child in (*self.fields.values(), *(part for part in (self.others, self.items) if part is not None)):
            yield from child.walk()

    def source(self, rule: Rule) -> Source:
        """A rule, for the CEL engine."""
        return Source(
            names=("self", "oldSelf") if rule.transition or rule.optional else ("self",),
            validations=((rule.text, rule.message_expression),),
            shapes={"self": self.schema, "oldSelf": self.schema},
            optional=("oldSelf",) if rule.optional else (),
            typed=False,
        )


def read_rules(structural: Any) -> Node:
    """The schema of one version of a definition; what is no schema has no rules."""
    return _node(structural, (), root=True, depth=0, correlatable=True)


def _node(schema: Any, path: FieldPath, *, root: bool, depth: int, correlatable: bool) -> Node:
    if not isinstance(schema, Mapping) or depth > _DEPTH_LIMIT:
        return Node({})
    node = _plain_node(schema)
    declared = schema.get("properties")
    declared = declared if isinstance(declared, Mapping) else {}
    fields = {
        str(name): _node(child, (*path, "properties", name), root=False, depth=depth + 1, correlatable=correlatable)
        for name, child in declared.items()
    }
    if root or schema.get("x-kubernetes-embedded-resource") is True:
        fields |= _object_fields()
        node = replace(node, kind="object")
    others = schema.get("additionalProperties")
    values = (
        _node(others, (*path, "additionalProperties"), root=False, depth=depth + 1, correlatable=correlatable)
        if isinstance(others, Mapping)
        else None
    )
    told_apart = correlatable and schema.get("x-kubernetes-list-type") == "map"
    items = (
        _node(schema.get("items"), (*path, "items"), root=False, depth=depth + 1, correlatable=told_apart)
        if node.kind == "array"
        else None
    )
    rules = tuple(_rules(schema, path, fields, correlatable=correlatable))
    below = (*fields.values(), *(part for part in (values, items) if part is not None))
    names = {name: escaped for name in fields if (escaped := escape_name(name)) is not None}
    node = replace(node, rules=rules, fields=fields, names=names, others=values, items=items,
                   deep=bool(rules) or any(child.deep for child in below))  # fmt: skip
    return replace(node, schema=_reduced(node, schema))


def _plain_node(schema: Mapping[str, Any]) -> Node:
    either = schema.get("x-kubernetes-int-or-string") is True
    kind = schema.get("type")
    keys = schema.get("x-kubernetes-list-map-keys")
    list_type = schema.get("x-kubernetes-list-type")
    form = schema.get("format")
    return Node(
        {},
        kind=kind if isinstance(kind, str) and not either else "",
        keys=tuple(str(key) for key in keys) if list_type == "map" and isinstance(keys, list) else (),
        unordered=list_type in ("map", "set"),
        default=schema.get("default"),
        nullable=schema.get("nullable") is True,
        format=form if isinstance(form, str) else "",
    )


def _object_fields() -> dict[str, Node]:
    text = Node(_TEXT, kind="string")
    names = {"name": text, "generateName": text}
    metadata = Node(
        {**_METADATA, "x-gitgate-closed": True}, kind="object", fields=names, names={key: key for key in names}
    )
    return {"apiVersion": text, "kind": text, "metadata": metadata}


def _reduced(node: Node, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without all that only validation needs."""
    if schema.get("x-kubernetes-int-or-string") is True:
        return {"x-kubernetes-int-or-string": True}
    reduced: dict[str, Any] = {"type": node.kind} if node.kind else {}
    if node.format:
        reduced["format"] = node.format
    if node.items is not None:
        reduced["items"] = node.items.schema
    if node.kind == "object":
        reduced["x-gitgate-closed"] = True
        if node.fields:
            reduced["properties"] = {name: child.schema for name, child in node.fields.items()}
        elif node.others is not None:
            reduced["additionalProperties"] = node.others.schema
    return reduced


def _rules(
    schema: Mapping[str, Any], path: FieldPath, fields: Mapping[str, Node], *, correlatable: bool
) -> Iterator[Rule]:
    entries = schema.get(RULES)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        place = (*path, RULES, index)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("rule"), str):
            yield Rule(path=place, text="", defect=("rule", "a rule must have an expression"))
            continue
        text: str = entry["rule"]
        if not text.strip():
            yield Rule(path=place, text="", defect=("rule", "a rule must have an expression"))
            continue
        written = {key: entry[key] for key in ("message", "messageExpression", "reason") if entry.get(key) is not None}
        uses_old = _OLD.search(_STRING.sub("''", text)) is not None
        optional = entry.get("optionalOldSelf")
        below = _field_path(entry.get("fieldPath"), fields)
        rule = Rule(
            path=place,
            text=text,
            message=str(written["message"]) if "message" in written else None,
            message_expression=str(written["messageExpression"]) if "messageExpression" in written else None,
            reason=str(written.get("reason", "FieldValueInvalid")),
            field=below or (),
            transition=uses_old,
            optional=optional is True and uses_old,
        )
        if below is None:
            rule = replace(rule, defect=("fieldPath", "fieldPath must name a field that the schema declares"))
        elif uses_old and not correlatable:
            words = "oldSelf cannot be used below a list whose items nothing tells apart (x-kubernetes-list-type: map)"
            rule = replace(rule, defect=("rule", words))
        elif optional is not None and not uses_old:
            rule = replace(rule, defect=("optionalOldSelf", "optionalOldSelf may not be set where oldSelf is not used"))
        yield rule


def _field_path(text: Any, fields: Mapping[str, Node]) -> FieldPath | None:
    """`.spec['a.b']` as a path; None when there is no such field.

    Source: …/apiserver/schema/cel/validation.go, `ValidFieldPath`.
    """
    if text is None or text == "":
        return ()
    if not isinstance(text, str):
        return None
    steps: list[str] = []
    known: Mapping[str, Node] = fields
    others: Node | None = None
    offset = 0
    while offset < len(text):
        match = _FIELD_PATH.match(text, offset)
        if match is None:
            return None
        step = next(group for group in match.groups() if group is not None).replace("\\'", "'").replace('\\"', '"')
        child = known.get(step) or others
        if child is None:
            return None
        steps.append(step)
        known, others, offset = child.fields, child.others, match.end()
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Place:
    """A value with rules, and what it was.

    Attributes:
        field: Where it is in the object.
        new: As expressions see it.
        old: The same; None where there is none.
        compared: Is there a value of old that it can be compared with?
        unchanged: Is it, or the nearest value around it that can be compared, as it was?
    """

    node: Node
    field: FieldPath
    new: Any
    old: Any
    compared: bool
    unchanged: bool


def places(root: Node, new: Any, old: Any) -> Iterator[Place]:
    """Every value of an object whose schema node has rules.

    Args:
        root: The schema.
        new: The object.
        old: The base's object; None when there is none.
    """
    new, old = defaulted(root, new), None if old is None else defaulted(root, old)
    yield from _places(root, (), new, old, unchanged=old is not None and new == old)


def _places(node: Node, path: FieldPath, new: Any, old: Any, *, unchanged: bool) -> Iterator[Place]:
    if not node.deep or new is None:
        return
    if node.rules:
        yield Place(node, path, view(node, new), _aligned(node, new, old), old is not None, unchanged)
    if isinstance(new, Mapping):
        for key in sorted(new, key=str):
            child = node.fields.get(key, node.others)
            if child is not None:
                was = old.get(key) if isinstance(old, Mapping) else None
                same = unchanged if not isinstance(old, Mapping) else key in old and new[key] == was
                yield from _places(child, (*path, key), new[key], was, unchanged=same)
    elif isinstance(new, list) and node.items is not None:
        known = _by_key(node, old)
        for index, item in enumerate(new):
            key = _key(node, item)
            was = known.get(key) if key is not None else None
            same = item == was if node.keys and isinstance(old, list) else unchanged
            yield from _places(node.items, (*path, index), item, was, unchanged=same)


def _aligned(node: Node, new: Any, old: Any) -> Any:
    """The old value as expressions see it: a list without an order in the order of the new one, so that `==` holds."""
    if old is None:
        return None
    return view(node, _in_order(node, new, old))


def _in_order(node: Node, new: Any, old: Any) -> Any:
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return {
            key: _in_order(child, new[key], value)
            if key in new and (child := node.fields.get(key, node.others)) is not None
            else value
            for key, value in old.items()
        }
    if isinstance(new, list) and isinstance(old, list) and node.unordered and len(new) == len(old):
        left: dict[str, list[Any]] = {}
        for item in old:
            left.setdefault(_name(node, item), []).append(item)
        ordered = [waiting.pop(0) for item in new if (waiting := left.get(_name(node, item)))]
        return ordered if len(ordered) == len(old) else old
    return old


def _name(node: Node, item: Any) -> str:
    return _key(node, item) or repr(item)


def _by_key(node: Node, items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items if isinstance(items, list) and node.keys else ():
        key = _key(node, item)
        if key is not None:
            found.setdefault(key, item)
    return found


def _key(node: Node, item: Any) -> str | None:
    return repr([item.get(key) for key in node.keys]) if node.keys and isinstance(item, Mapping) else None


def defaulted(node: Node, value: Any) -> Any:
    """The value with the schema's defaults.

    Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go, `Default`.
    """
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            child = node.fields.get(key, node.others)
            if item is None and child is not None and child.default is not None and not child.nullable:
                continue
            result[key] = item if child is None else defaulted(child, item)
        for key, child in node.fields.items():
            if key not in result and child.default is not None:
                result[key] = defaulted(child, child.default)
        return result
    if isinstance(value, list) and node.items is not None:
        return [defaulted(node.items, item) for item in value]
    return value


def view(node: Node, value: Any) -> Any:  # noqa: PLR0911 - one for each type
    """The value as expressions see it: declared fields under the names that expressions give them."""
    if isinstance(value, Mapping):
        if node.kind != "object":
            return value
        if node.fields:
            return {
                node.names[key]: view(node.fields[key], item)
                for key, item in value.items()
                if key in node.names and (item is not None or node.fields[key].nullable)
            }
        return {key: view(node.others, item) for key, item in value.items()} if node.others is not None else {}
    if isinstance(value, list):
        return [view(node.items, item) for item in value] if node.items is not None else value
    if node.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**53 else value
    if node.format in ("date", "duration") and isinstance(value, str):
        return _spelt_time(node.format, value)
    return value


def _spelt_time(form: str, text: str) -> str:
    """A date or a duration as CEL reads it."""
    if form == "date":
        return f"{text}T00:00:00Z" if _DATE.match(text) else text
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text).strip() or any(unit.lower() not in _SECONDS for _, unit in parts):
        return text
    return f"{sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts):.9f}s"
