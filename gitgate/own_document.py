"""gitgate's own YAML files, read strictly: one mapping, nothing ambiguous, as a shipped JSON Schema says.

Every error names file, line and column, and what is allowed there. These files decide over everything else, so what
is only half understood is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.location import FieldPath, format_field_path
from gitgate.yaml_document import YamlDocument, YamlProblem, read_yaml

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


def read_document(data: bytes, name: str, *, tolerates: Callable[[YamlProblem], bool] | None = None) -> YamlDocument:
    """Read the one mapping of a file that is called `name` in messages.

    Args:
        data: The bytes of the file.
        name: What messages call it.
        tolerates: Which problems are none in this file; None means that every one is.

    Raises:
        SettingsError: It is no such file; says where and why.
    """
    file = read_yaml(data)
    if file.opaque:
        raise SettingsError(f"{name} cannot be read: {file.opaque}")
    for problem in file.problems:
        if tolerates is not None and not problem.fatal and tolerates(problem):
            continue
        place = f"{name}:{problem.position.line}:{problem.position.column}"
        raise SettingsError(f"{place}: {problem.message}", remedy=problem.fix)
    if len(file.documents) != 1 or not isinstance(file.documents[0].value, dict):
        raise SettingsError(f"{name} must hold one YAML mapping", remedy="the smallest one is: version: 1")
    return file.documents[0]


def demand_schema(document: YamlDocument, name: str, schema: str, noun: str) -> None:
    """Hold a document against a JSON Schema that gitgate ships.

    Args:
        document: What was read.
        name: What messages call the file.
        schema: File name of the schema: `settings-v1.json`.
        noun: What a key of the file is: `a setting`.

    Raises:
        SettingsError: It is not valid; says where and what is allowed.
    """
    errors = _schema_errors(document.value, name, schema)
    if errors:
        raise error_at(name, document, *_explain(errors, noun))


def error_at(name: str, document: YamlDocument, path: FieldPath, message: str) -> SettingsError:
    """An error about a field, with its place in the file."""
    position = document.nearest(path)
    return SettingsError(f"{name}:{position.line}:{position.column}: {message}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause that names the known word that is closest; empty when none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only to word an error

    close = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _schema_errors(value: object, name: str, schema_name: str) -> list[ValidationError]:
    """What jsonschema finds wrong, sorted by place.

    jsonschema takes 60 ms to import, a fifth of a hook run; jsonschema-rs is loaded for the manifests anyway. So the
    fast one is asked first, and the one with the better errors only when there are any; tests hold that they agree.
    """
    import jsonschema_rs  # noqa: PLC0415 - only where there are settings

    schema = json.loads(bundled.schema_file(schema_name).read_bytes())
    if jsonschema_rs.is_valid(schema, value):
        return []
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only on the way to an error

    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    if not errors:
        raise SettingsError(f"{name} is not valid")
    return errors


def _explain(errors: list[ValidationError], noun: str) -> tuple[FieldPath, str]:  # noqa: PLR0911 - one sentence for each kind
    """The first error as a field and a sentence that names the allowed values."""
    error = errors[0]
    path: FieldPath = tuple(error.absolute_path)
    field_name = format_field_path(path) or "the file"
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    demand: Any = error.validator_value
    present: Any = error.instance
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        allowed = sorted(schema.get("properties", {}))
        wrong = min(set(present) - set(allowed))
        hint = did_you_mean(wrong, allowed) or f"; allowed are {', '.join(allowed)}"
        return (*path, wrong), f"{wrong!r} is not {noun}{hint}"
    if error.validator == "enum":
        return path, f"{field_name} is {error.instance!r}; allowed are {', '.join(map(str, demand))}"
    if error.validator == "const":
        return path, f"{field_name} is {error.instance!r}; this gitgate reads {demand!r}"
    if error.validator == "anyOf" and all("required" in choice for choice in demand):
        return path, f"{field_name} lacks {' or '.join(repr(choice['required'][0]) for choice in demand)}"
    if error.validator == "required":
        return path, f"{field_name} lacks {min(set(demand) - set(present))!r}"
    if error.validator == "type" and isinstance(error.instance, int | float) and path[:1] == ("kubernetesVersions",):
        return path, f'{field_name} is the number {error.instance}; put the version in quotes, as in "1.30"'
    if error.validator == "pattern" and path[:1] == ("kubernetesVersions",):
        return path, f'{field_name} is {error.instance!r}; write a minor version, as in "1.33"'
    return path, f"{field_name}: {error.message}"
