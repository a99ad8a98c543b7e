"""Rules for CustomResourceDefinitions: names, columns, subresources, conversion, and that their schemas are structural.

Sources: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go and
pkg/apiserver/schema/{validation,complete}.go. The server calls what all versions share by its place in an older form:
`spec.validation`, `spec.subresources`, `spec.additionalPrinterColumns`. Expressions are not compiled here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.reconcile.create_schemas import openapi_failures, structural_failures
from gitgate.reconcile.failure import Failure, forbidden, invalid, required, unsupported
from gitgate.reconcile.labels import LABEL_1035, LABEL_1035_WORDS, SUBDOMAIN_WORDS, is_subdomain
from gitgate.reconcile.names import APIEXTENSIONS

Value = Mapping[str, Any]
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_AT_ROOT = frozenset(
    {"description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
     "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items",
     "properties", "externalDocs", "example", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"}
)  # fmt: skip
_ROOT_WORDS = (
    "only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern "
    "MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields "
    "XValidations] fields are allowed at the root of the schema if the status subresource is enabled"
)


@dataclass(frozen=True, slots=True)
class _Part:
    """Something that versions have: where it is, what the server calls the place, and whether status is on its own."""

    value: Any
    path: FieldPath
    place: str
    status: bool


def specification(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`validateCustomResourceDefinitionSpec`, but for what `create_objects` has."""
    group = spec.get("group")
    if isinstance(group, str) and group and not is_subdomain(group):
        yield invalid((*path, "group"), f'"{group}"', SUBDOMAIN_WORDS)
    versions = spec.get("versions") or ()
    for index, version in enumerate(versions):
        yield from _label(version.get("name") or "", (*path, "versions", index, "name"))
        if version.get("deprecationWarning") is not None and not version.get("deprecated"):
            shown = f'"{version["deprecationWarning"]}"'
            words = "can only be set for deprecated versions"
            yield invalid((*path, "versions", index, "deprecationWarning"), shown, words)
    yield from _names(spec.get("names") or {}, (*path, "names"))
    for part in _parts(versions, path, "schema", "validation"):
        yield from _schema(part)
    for part in _parts(versions, path, "subresources", "subresources"):
        yield from _subresources(part)
    for part in _parts(versions, path, "additionalPrinterColumns", "additionalPrinterColumns"):
        for index, column in enumerate(part.value):
            yield from _column(column, (*part.path, index), f"{part.place}[{index}]")
    yield from _conversion(spec.get("conversion") or {}, (*path, "conversion"))


def _parts(versions: Sequence[Value], path: FieldPath, field: str, shared: str) -> Iterator[_Part]:
    """A field of every version; once, by its older place, where all versions have the same."""
    present = [version.get(field) for version in versions]
    statuses = [(version.get("subresources") or {}).get("status") is not None for version in versions]
    if present and present[0] and all(one == present[0] for one in present):
        yield _Part(present[0], (*path, "versions", 0, field), f"{format_field_path(path)}.{shared}", any(statuses))
        return
    for index, value in enumerate(present):
        if value:
            place = (*path, "versions", index, field)
            yield _Part(value, place, format_field_path(place), statuses[index])


def _label(text: str, path: FieldPath, words: str = "") -> Iterator[Failure]:
    if not LABEL_1035.match(text.lower() if words else text):
        yield invalid(path, f'"{text}"', words + LABEL_1035_WORDS)


def _names(names: Value, path: FieldPath) -> Iterator[Failure]:
    """`ValidateCustomResourceDefinitionNames`."""
    for field in ("plural", "singular"):
        if names.get(field):
            yield from _label(names[field], (*path, field))
    for field in ("kind", "listKind"):
        if names.get(field):
            yield from _label(names[field], (*path, field), "may have mixed case, but should otherwise match: ")
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            yield from _label(name, (*path, field, index))
    if names.get("kind") and names["kind"] == names.get("listKind"):
        yield invalid((*path, "listKind"), f'"{names["kind"]}"', "kind and listKind may not be the same")


def _schema(part: _Part) -> Iterator[Failure]:
    """`validateCustomResourceDefinitionValidation`."""
    schema = part.value.get("openAPIV3Schema")
    if not isinstance(schema, dict):
        return
    path, place = (*part.path, "openAPIV3Schema"), f"{part.place}.openAPIV3Schema"
    if part.status:
        if schema.get("type", "object") != "object":
            words = (
                'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
            )
            yield replace(invalid((*path, "type"), f'"{schema["type"]}"', words), place=f"{place}.type")
        elif schema.keys() - _AT_ROOT:
            yield replace(invalid(path, "{...}", _ROOT_WORDS), place=place)
    if schema.get("nullable") is True:
        yield replace(forbidden((*path, "nullable"), "nullable cannot be true at the root"), place=f"{place}.nullable")
    yield from sorted(structural_failures(schema, path, place), key=lambda failure: (failure.place, failure.message))
    yield from openapi_failures(schema, path, place)


def _subresources(part: _Part) -> Iterator[Failure]:
    """`ValidateCustomResourceDefinitionSubresources`."""
    scale = part.value.get("scale")
    if not isinstance(scale, dict):
        return
    for field, below, optional in (
        ("specReplicasPath", (".spec.",), False), ("statusReplicasPath", (".status.",), False),
        ("labelSelectorPath", (".spec.", ".status."), True),
    ):  # fmt: skip
        text, path, place = scale.get(field) or "", (*part.path, "scale", field), f"{part.place}.scale.{field}"
        if not text and optional:
            continue
        if not text:
            yield replace(required(path), place=place)
        elif not text.startswith("."):
            yield replace(invalid(path, f'"{text}"', "must be a simple json path starting with ."), place=place)
        elif not text.startswith(below):
            where = "either .spec or .status" if optional else below[0].rstrip(".")
            yield replace(invalid(path, f'"{text}"', f"should be a json path under {where}"), place=place)


def _column(column: Value, path: FieldPath, place: str) -> Iterator[Failure]:
    """`ValidateCustomResourceColumnDefinition`."""
    kind, form, text = column.get("type") or "", column.get("format") or "", column.get("jsonPath") or ""
    if not column.get("name"):
        yield replace(required((*path, "name")), place=f"{place}.name")
    words = "must be one of " + ",".join(_COLUMN_TYPES)
    if not kind:
        yield replace(required((*path, "type"), words), place=f"{place}.type")
    elif kind not in _COLUMN_TYPES:
        yield replace(invalid((*path, "type"), f'"{kind}"', words), place=f"{place}.type")
    if form and form not in _COLUMN_FORMATS:
        words = "must be one of " + ",".join(_COLUMN_FORMATS)
        yield replace(invalid((*path, "format"), f'"{form}"', words), place=f"{place}.format")
    if not text:
        yield replace(required((*path, "jsonPath")), place=f"{place}.JSONPath")
    elif not text.startswith("."):
        words = "must be a simple json path starting with ."
        yield replace(invalid((*path, "jsonPath"), f'"{text}"', words), place=f"{place}.JSONPath")


def _conversion(conversion: Value, path: FieldPath) -> Iterator[Failure]:
    """`validateCustomResourceConversion`, `validateConversionReviewVersions`."""
    strategy, webhook = conversion.get("strategy"), conversion.get("webhook")
    place = f"{format_field_path(path)}.webhookClientConfig"
    if strategy not in (None, "None", "Webhook"):
        yield unsupported((*path, "strategy"), strategy, ("None", "Webhook"))
    if strategy != "Webhook":
        if webhook is not None:
            words = "should not be set when strategy is not set to Webhook"
            yield replace(forbidden((*path, "webhook"), words), place=place)
        return
    client = (webhook or {}).get("clientConfig")
    if not isinstance(client, dict):
        words = "required when strategy is set to Webhook"
        yield replace(required((*path, "webhook", "clientConfig"), words), place=place)
    elif (client.get("url") is None) == (client.get("service") is None):
        words = "exactly one of url or service is required"
        yield replace(required((*path, "webhook", "clientConfig"), words), place=place)
    versions, field = (
        (webhook or {}).get("conversionReviewVersions") or (),
        (*path, "webhook", "conversionReviewVersions"),
    )
    place = f"{format_field_path(path)}.conversionReviewVersions"
    if not versions:
        yield replace(required(field), place=place)
    elif not {"v1", "v1beta1"} & set(versions):
        yield replace(invalid(field, str(list(versions)), "must include at least one of v1, v1beta1"), place=place)


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    APIEXTENSIONS + "CustomResourceDefinitionSpec": specification,
}
