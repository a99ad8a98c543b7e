"""What is known of the names that every policy may use: the types that the API server declares for them.

`object`, `oldObject` and `params` have none: their kinds are known when a request comes.

Source: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, `BuildRequestType` and `BuildNamespaceType`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_TIME = {"type": "string", "format": "date-time"}
_TEXTS = {"type": "array", "items": _TEXT}
_LABELS = {"type": "object", "additionalProperties": _TEXT}


def _fields(**schemas: Schema) -> Schema:
    """An object with fields whose names are spelt as they are, `request.namespace` among them."""
    return {"type": "object", "properties": schemas, "x-gitgate-closed": True, "x-gitgate-plain-names": True}


_KIND = _fields(group=_TEXT, version=_TEXT, kind=_TEXT)
_RESOURCE = _fields(group=_TEXT, version=_TEXT, resource=_TEXT)

REQUEST: Schema = _fields(
    kind=_KIND,
    resource=_RESOURCE,
    subResource=_TEXT,
    requestKind=_KIND,
    requestResource=_RESOURCE,
    requestSubResource=_TEXT,
    name=_TEXT,
    namespace=_TEXT,
    operation=_TEXT,
    userInfo=_fields(
        username=_TEXT, uid=_TEXT, groups=_TEXTS, extra={"type": "object", "additionalProperties": _TEXTS}
    ),
    dryRun={"type": "boolean"},
    options={},
)

NAMESPACE: Schema = _fields(
    metadata=_fields(
        name=_TEXT,
        generateName=_TEXT,
        namespace=_TEXT,
        labels=_LABELS,
        annotations=_LABELS,
        UID=_TEXT,
        creationTimestamp=_TIME,
        deletionGracePeriodSeconds=_NUMBER,
        deletionTimestamp=_TIME,
        generation=_NUMBER,
        resourceVersion=_TEXT,
        finalizers=_TEXTS,
    ),
    spec=_fields(finalizers=_TEXTS),
    status=_fields(
        conditions={
            "type": "array",
            "items": _fields(status=_TEXT, type=_TEXT, lastTransitionTime=_TIME, message=_TEXT, reason=_TEXT),
        },
        phase=_TEXT,
    ),
)

DECLARED: Mapping[str, Schema] = {"namespaceObject": NAMESPACE, "request": REQUEST}
