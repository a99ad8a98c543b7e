"""The validator's errors as violations: which field, what it must be, what it is, and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitgate.location import FieldPath, format_field_path
from gitgate.schema.catalog import KindSchema
from gitgate.schema.violation import SchemaViolation

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

_TYPE_NAMES = {
    "array": "a list",
    "boolean": "a boolean",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_FORMAT_NAMES = {
    "byte": "base64 as `base64` writes it",
    "cidr": "an address range such as 192.0.2.0/24",
    "date": "a date such as 2006-01-02",
    "date-time": "a time such as 2006-01-02T15:04:05Z",
    "datetime": "a time such as 2006-01-02T15:04:05Z",
    "duration": "a duration such as 1h30m",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "mac": "a MAC address",
    "uri": "a URI",
}
_LIMITS = {
    "exclusiveMaximum": "must be less than {}",
    "exclusiveMinimum": "must be greater than {}",
    "maxItems": "must not have more than {} items",
    "maxLength": "must not be longer than {} characters",
    "maxProperties": "must not have more than {} fields",
    "maximum": "must not be greater than {}",
    "minItems": "must have at least {} items",
    "minLength": "must be at least {} characters long",
    "minProperties": "must have at least {} fields",
    "minimum": "must not be less than {}",
    "multipleOf": "must be a multiple of {}",
}
_QUANTITY_START = "^[+-]?([0-9]+(\\.[0-9]*)?"
_SENSITIVE = re.compile(r"(?i)passw|secret|token|credential|private|api-?key|auth")
_VALUE_LENGTH = 60
_NAMES_LISTED = 12
_SEARCH_DEPTH = 3
_TYPE_NAME = "x-gitgate-type"
"""Set on a schema that was reached by a `$ref`: the type's name, `VolumeMount`."""


class Explainer:
    """Puts the errors of one object into words."""

    def __init__(self, data: Mapping[str, Any], schema: KindSchema) -> None:
        self._data = data
        self._schema = schema
        self._secret = (schema.group, schema.kind) == ("", "Secret")

    def explain(self, error: ValidationError) -> Iterator[SchemaViolation]:
        """The violations that one error stands for: several unknown fields of one object come as one error."""
        path: FieldPath = tuple(error.instance_path)
        keyword = error.kind.name
        if keyword == "additionalProperties":
            for name in error.kind.unexpected:  # type: ignore[attr-defined]
                yield self._unknown_field(path, name)
        elif keyword == "required":
            yield self._missing_field(path, error.kind.property)  # type: ignore[attr-defined]
        elif keyword == "type":
            yield self._wrong_type(path, list(error.kind.types))  # type: ignore[attr-defined]
        elif keyword in ("anyOf", "oneOf"):
            yield self._no_alternative(path, error)
        elif keyword == "not":
            yield self._forbidden(path, error.kind.schema)  # type: ignore[attr-defined]
        else:
            yield self._invalid_value(path, error)

    def _unknown_field(self, path: FieldPath, name: str) -> SchemaViolation:
        place = format_field_path((*path, name))
        return SchemaViolation(
            "unknown-field",
            (*path, name),
            f"{place} is not a field of {self._owner(path)}",
            self._intended(path, name),
        )

    def _owner(self, path: FieldPath) -> str:
        """What has the fields at a path: `Deployment`, `VolumeMount`, or the path where the type has no name."""
        name = self._schema_at(path).get(_TYPE_NAME)
        return name if isinstance(name, str) else format_field_path(path) or self._schema.kind

    def _intended(self, path: FieldPath, name: str) -> str:
        """What the author may have meant: another spelling, or another level."""
        here = self._properties(path)
        close = _closest(name, here)
        if close is not None:
            return f"Did you mean {close}?"
        for length in range(len(path) - 1, -1, -1):
            if isinstance(path[length], str) and name in self._properties(path[:length]):
                owner = format_field_path(path[:length]) or self._schema.kind
                return f"It is a field of {owner}: check the indentation."
        below = self._find_below(path, name)
        if below is not None:
            return f"It belongs to {format_field_path(below)}: check the indentation."
        return "Delete it, or correct its name or its indentation."

    def _find_below(self, path: FieldPath, name: str) -> FieldPath | None:
        level: list[FieldPath] = [path]
        for _ in range(_SEARCH_DEPTH):
            level = [(*place, field) for place in level for field in sorted(self._properties(place))]
            for place in level:
                if name in self._properties(place):
                    return place
        return None

    def _missing_field(self, path: FieldPath, name: str) -> SchemaViolation:
        place = format_field_path((*path, name))
        return SchemaViolation("missing-field", (*path, name), f"{place} is required", f"Add {name}.")

    def _wrong_type(self, path: FieldPath, types: list[str]) -> SchemaViolation:
        value, place = self._value(path), format_field_path(path)
        expected = " or ".join(_TYPE_NAMES[name] for name in sorted(types) if name != "null")
        if value is None:
            return self._null(path, expected)
        shown = self._shown(path)
        message = f"{place} must be {expected}, not {_TYPE_NAMES[_type_of(value)]}{f' ({shown})' if shown else ''}"
        return SchemaViolation("wrong-type", path, message, _retyped(value, types, shown))

    def _null(self, path: FieldPath, expected: str) -> SchemaViolation:
        place = format_field_path(path)
        if isinstance(path[-1:][0] if path else None, int):
            return SchemaViolation(
                "null-value", path, f"{place} must be {expected}, not null", "Delete the empty item, or fill it."
            )
        if self._schema.custom is None or self._is_required(path):
            message = f"{place} is required, but it is null"
            return SchemaViolation("missing-field", path, message, f"Give {path[-1]} a value.")
        message = f"{place} must be {expected}, not null, which server-side apply refuses"
        return SchemaViolation("null-value", path, message, f"Delete {path[-1]}, or give it a value.")

    def _is_required(self, path: FieldPath) -> bool:
        return path[-1] in self._schema_at(path[:-1]).get("required", ())

    def _invalid_value(self, path: FieldPath, error: ValidationError) -> SchemaViolation:
        place, keyword, kind = format_field_path(path) or self._schema.kind, error.kind.name, error.kind
        fix = None
        if keyword == "enum":
            options = list(kind.options)  # type: ignore[attr-defined]
            must = f"must be {_one_of(options)}"
            fix = _suggested(self._value(path), options)
        elif keyword == "pattern":
            must = self._pattern(kind.pattern)  # type: ignore[attr-defined]
        elif keyword == "format":
            name = kind.format  # type: ignore[attr-defined]
            must = f"must be {_FORMAT_NAMES.get(name, f'of the format {name}')}"
        elif keyword in ("minimum", "maximum"):
            must = self._range(path, keyword, kind.value)
        else:
            must = _LIMITS.get(keyword, "does not satisfy the keyword " + keyword).format(_text(kind.value))
        shown = self._shown(path)
        return SchemaViolation("invalid-value", path, f"{place} {must}{f', not {shown}' if shown else ''}", fix)

    def _pattern(self, pattern: str) -> str:
        if pattern.startswith(_QUANTITY_START):
            return "must be a quantity such as 500m, 1.5 or 2Gi"
        written = self._schema.written_pattern(pattern)
        return f"must match the pattern {written if len(written) <= 200 else written[:197] + '...'}"

    def _range(self, path: FieldPath, keyword: str, limit: Any) -> str:
        part = self._schema_at(path)
        low, high = part.get("minimum"), part.get("maximum")
        if low is not None and high is not None and limit in (low, high):
            return f"must be between {_text(low)} and {_text(high)}"
        return _LIMITS[keyword].format(_text(limit))

    def _no_alternative(self, path: FieldPath, error: ValidationError) -> SchemaViolation:
        """One message for anyOf and oneOf, whatever their branches complain about."""
        place = format_field_path(path) or self._schema.kind
        branches = list(error.kind.context)  # type: ignore[attr-defined]
        missing = [sorted({one.kind.property for one in branch if one.kind.name == "required"}) for branch in branches]
        if type(error.kind).__name__ == "OneOfMultipleValid":
            names = _alternatives(self._schema_at(path).get("oneOf"))
            detail = f": {', '.join(names)}" if names else ""
            message = f"{place} may satisfy only one of the alternatives that its definition allows{detail}"
            return SchemaViolation("invalid-value", path, message, "Keep one of them.")
        if branches and all(
            names and all(one.kind.name == "required" for one in branch)
            for names, branch in zip(missing, branches, strict=True)
        ):
            wanted = "; or ".join(" and ".join(names) for names in missing)
            return SchemaViolation("missing-field", path, f"{place} must have {wanted}", "Add one of them.")
        types = sorted(
            {name for branch in branches for one in branch if one.kind.name == "type" for name in one.kind.types}
        )
        if types and all(len(branch) == 1 and branch[0].kind.name == "type" for branch in branches):
            return self._wrong_type(path, types)
        nearest = self._nearest(branches)
        detail = f"; the nearest asks: {nearest.message}" if nearest is not None else ""
        message = f"{place} satisfies none of the {len(branches)} alternatives that its definition allows{detail}"
        return SchemaViolation("invalid-value", path, message, nearest.fix if nearest is not None else None)

    def _nearest(self, branches: list[list[ValidationError]]) -> SchemaViolation | None:
        """What the alternative with the fewest errors complains about first."""
        candidates = sorted((branch for branch in branches if branch), key=len)
        for branch in candidates:
            if branch[0].kind.name not in ("anyOf", "oneOf"):
                return next(self.explain(branch[0]))
        return None

    def _forbidden(self, path: FieldPath, schema: Any) -> SchemaViolation:
        place = format_field_path(path) or self._schema.kind
        names = schema.get("required") if isinstance(schema, dict) else None
        values = schema.get("enum") if isinstance(schema, dict) else None
        if isinstance(names, list) and names:
            detail = f"must not have {' together with '.join(map(str, names))}"
        elif isinstance(values, list) and values:
            detail = f"must not be {_one_of(values)}"
        else:
            detail = "is of a form that its definition excludes"
        return SchemaViolation("invalid-value", path, f"{place} {detail}")

    def _value(self, path: FieldPath) -> Any:
        value: Any = self._data
        for step in path:
            value = value[step]
        return value

    def _shown(self, path: FieldPath) -> str:
        """A scalar as it may be printed; empty for what is long, structured or could be a secret."""
        value = self._value(path)
        if self._secret or isinstance(value, dict | list) or value is None:
            return ""
        steps = [step for step in path if isinstance(step, str)]
        if any(map(_SENSITIVE.search, steps)) or steps[-2:] == ["env", "value"]:
            return ""
        text = _text(value)
        return text if len(text) <= _VALUE_LENGTH else ""

    def _properties(self, path: FieldPath) -> Mapping[str, Any]:
        properties = self._schema_at(path).get("properties", {})
        return properties if isinstance(properties, dict) else {}

    def _schema_at(self, path: FieldPath) -> dict[str, Any]:
        """The schema of the value at a path; empty where none is declared."""
        part = self._resolved(self._schema.root)
        for step in path:
            properties = part.get("properties", {})
            if isinstance(step, str) and step in properties:
                part = self._resolved(properties[step])
            else:
                part = self._resolved(part.get("items" if isinstance(step, int) else "additionalProperties"))
        return part

    def _resolved(self, part: Any) -> dict[str, Any]:
        for _ in range(_SEARCH_DEPTH):
            if not isinstance(part, dict):
                return {}
            reference = part.get("$ref")
            if not isinstance(reference, str):
                return part
            beside = {key: value for key, value in part.items() if key != "$ref"}
            part = {**self._schema.resolve(reference), **beside, _TYPE_NAME: reference.rpartition(".")[2]}
        return {}


def _closest(name: str, names: Mapping[str, Any]) -> str | None:
    by_folded = {other.lower(): other for other in sorted(names)}
    if name.lower() in by_folded:
        return by_folded[name.lower()]
    found = difflib.get_close_matches(name[:_VALUE_LENGTH], sorted(names), n=1, cutoff=0.75)
    return found[0] if found else None


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "null" if value is None else "object"


def _retyped(value: Any, types: list[str], shown: str) -> str | None:
    """How to write the value in the type that is asked for, where that is plain."""
    if isinstance(value, str):
        text = value.strip()
        number = ("integer" in types or "number" in types) and re.fullmatch(r"-?[0-9]{1,19}", text)
        if number or ("boolean" in types and text in ("true", "false")):
            return "Remove the quotes."
    elif isinstance(value, bool | int | float) and set(types) <= {"string", "null"}:
        return f'Put it in quotes: "{shown}".' if shown else "Put it in quotes."
    elif isinstance(value, dict) and "array" in types:
        return 'Make it a list: begin each item with "- ".'
    elif isinstance(value, list) and "object" in types:
        return 'Remove the "- " before its fields.'
    return None


def _one_of(options: list[Any]) -> str:
    named = [_text(option) for option in options if option is not None]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(named[:_NAMES_LISTED])
    return f"one of {listed}{', …' if len(named) > _NAMES_LISTED else ''}"


def _suggested(value: Any, options: list[Any]) -> str | None:
    names = {option: None for option in options if isinstance(option, str)}
    close = _closest(value, names) if isinstance(value, str) else None
    return f"Did you mean {close}?" if close is not None else None


def _alternatives(branches: Any) -> list[str]:
    """The fields that tell the branches of a oneOf apart, where each branch asks for some."""
    if not isinstance(branches, list):
        return []
    names = [branch.get("required") if isinstance(branch, dict) else None for branch in branches]
    if not all(isinstance(required, list) and required for required in names):
        return []
    return [" and ".join(map(str, required)) for required in names if required]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
