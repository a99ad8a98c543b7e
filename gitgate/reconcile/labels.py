"""Metadata and labels: names, keys and values as the API server demands them, and whether a selector matches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, invalid

ANNOTATION_BYTES = 262_144
"""k8s.io/apimachinery/pkg/api/validation/objectmeta.go, `TotalAnnotationSizeLimitB`."""

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_KEY_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def is_subdomain(text: str) -> bool:
    """Is it a DNS subdomain, RFC 1123?"""
    return len(text) <= 253 and _SUBDOMAIN.match(text) is not None


def metadata_failures(metadata: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    """What is wrong with the namespace of an object, and with labels and annotations.

    Source: objectmeta.go, `ValidateObjectMetaAccessor`; apis/meta/v1/validation/validation.go, `ValidateLabels`.
    """
    namespace = metadata.get("namespace")
    if path == ("metadata",) and isinstance(namespace, str) and namespace and not is_label(namespace):
        yield invalid((*path, "namespace"), f'"{namespace}"', LABEL_WORDS)
    yield from label_failures(metadata.get("labels"), (*path, "labels"))
    annotations = metadata.get("annotations")
    if not isinstance(annotations, Mapping):
        return
    place = (*path, "annotations")
    for key in annotations:
        if not _is_qualified(key.lower()):
            yield invalid(place, f'"{key}"', _KEY_WORDS)
    size = sum(len(str(text).encode("utf-8", "surrogatepass")) for pair in annotations.items() for text in pair)
    if size > ANNOTATION_BYTES:
        message = f"Too long: may not be more than {ANNOTATION_BYTES} bytes"
        yield Failure(code="annotations-too-long", field=place, message=message)


def label_failures(labels: Any, path: FieldPath) -> Iterator[Failure]:
    """What is wrong with a map of labels."""
    if not isinstance(labels, Mapping):
        return
    for key, value in labels.items():
        if not _is_qualified(key):
            yield invalid(path, f'"{key}"', _KEY_WORDS)
        if isinstance(value, str) and value and (len(value) > 63 or not _NAME.match(value)):
            words = _VALUE_WORDS if len(value) <= 63 else "must be no more than 63 characters"
            yield invalid(path, f'"{value}"', words)


def is_label(text: str) -> bool:
    """Is it a DNS label, RFC 1123?"""
    return len(text) <= 63 and DNS_LABEL.match(text) is not None


def qualified_problem(name: str) -> str:
    """What is wrong with a name that may have a prefix; empty when nothing is.

    Source: k8s.io/apimachinery/pkg/util/validation/validation.go, `IsQualifiedName`.
    """
    if _is_qualified(name):
        return ""
    prefix, slash, last = name.rpartition("/")
    if slash and not is_subdomain(prefix):
        return f"prefix part {SUBDOMAIN_WORDS}"
    if not last:
        return "name part must be non-empty"
    return _KEY_WORDS if len(last) <= 63 else "name part must be no more than 63 characters"


def selector_failures(selector: Mapping[str, Any], path: FieldPath) -> Iterator[Failure]:
    """What is wrong with a LabelSelector.

    Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go, `ValidateLabelSelector`.
    """
    yield from label_failures(selector.get("matchLabels"), (*path, "matchLabels"))
    expressions = selector.get("matchExpressions")
    for index, one in enumerate(expressions if isinstance(expressions, list) else ()):
        if not isinstance(one, Mapping):
            continue
        place, operator, values = (*path, "matchExpressions", index), one.get("operator"), one.get("values") or ()
        if operator in ("In", "NotIn"):
            if not values:
                words = "Required value: must be specified when `operator` is 'In' or 'NotIn'"
                yield Failure(code="required-field", field=(*place, "values"), message=words)
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                words = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield Failure(code="forbidden-value", field=(*place, "values"), message=words)
        elif isinstance(operator, str):
            yield invalid((*place, "operator"), f'"{operator}"', "not a valid selector operator")
        key = one.get("key")
        if isinstance(key, str) and (words := qualified_problem(key)):
            yield invalid((*place, "key"), f'"{key}"', words)


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not is_subdomain(prefix):
        return False
    return len(name) <= 63 and _NAME.match(name) is not None


def selects(selector: Any, labels: Any) -> bool:
    """Does a LabelSelector match these labels? An empty selector matches everything.

    Source: apis/meta/v1/helpers.go, `LabelSelectorAsSelector`.
    """
    present: Mapping[str, Any] = labels if isinstance(labels, Mapping) else {}
    if not isinstance(selector, Mapping):
        return False
    wanted, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not isinstance(wanted, Mapping) or not isinstance(expressions, list):
        return False
    if any(present.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(item, present) for item in expressions if isinstance(item, dict))


def _expression(requirement: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = requirement.get("key"), requirement.get("values") or []
    if not isinstance(key, str) or not isinstance(values, list):
        return False
    has = key in labels
    match requirement.get("operator"):
        case "In":
            return has and labels[key] in values
        case "NotIn":
            return not has or labels[key] not in values
        case "Exists":
            return has
        case "DoesNotExist":
            return not has
    return False
