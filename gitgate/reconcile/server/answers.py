"""What a refusal of the API server says, as `Failure`s: one for each cause, with the field that the server names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitgate.errors import ToolError
from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure
from gitgate.reconcile.server.client import Answer

POLICY_DENIED = "policy-denied"
_REASONS: Mapping[str, str] = {
    "FieldValueRequired": "required-field", "FieldValueInvalid": "invalid-value", "FieldValueForbidden":
    "forbidden-value", "FieldValueNotSupported": "unsupported-value", "FieldValueNotFound": "missing-reference",
    "FieldValueDuplicate": "duplicate-value", "FieldValueTooLong": "invalid-value", "FieldValueTooMany":
    "invalid-value", "FieldValueTypeInvalid": "wrong-type", "UnexpectedServerResponse": "refused",
}  # fmt: skip
"""k8s.io/apimachinery/pkg/apis/meta/v1/types.go, `CauseType`, and pkg/util/validation/field/errors.go."""
_OUT_OF_ORDER = re.compile(
    r"etcdserver:|mvcc:|rpc error|context deadline|connection refused|no space left|timed out|server is currently",
    re.IGNORECASE,
)
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_POLICY = re.compile(r"(Validating|Mutating)AdmissionPolicy '")
_TYPED = re.compile(
    r"\.?(?P<place>[A-Za-z][^\s:]*(?:\[[^\]]*\][^\s:]*)*): (?P<message>field not declared in schema|.*)\Z"
)
_MANAGER = re.compile(r'conflict with "([^"]*)"')
_UNKNOWN = re.compile(r'unknown field "(?P<place>[^"]*)"')


def demand_working(answer: Answer, what: str) -> None:
    """See to it that an answer is about the object, and not about the server.

    Raises:
        ToolError: The server itself is out of order: its disk is full, its store is gone.
    """
    if answer.status in (401, 502, 503, 504) or (answer.status >= 500 and _OUT_OF_ORDER.search(answer.message)):
        raise ToolError(f"the API server failed on {what}: {answer.message}")


def failures_of(answer: Answer) -> tuple[Failure, ...]:
    """Why the server refused; empty when it did not."""
    if answer.accepted:
        return ()
    if _POLICY.search(answer.message):
        return (Failure(code=POLICY_DENIED, field=(), message=_without_subject(answer.message)),)
    details = answer.body.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    found = [_failure(cause) for cause in causes or () if isinstance(cause, Mapping) and cause.get("field")]
    return tuple(found) or (_without_causes(answer),)


def is_invalid(answer: Answer) -> bool:
    """Is it a refusal for which agents that force delete and create anew: Invalid, a conflict?"""
    return answer.status in (409, 422)


def conflicts_of(answer: Answer) -> tuple[str, ...]:
    """What a server-side apply would take from whom, `spec.replicas from kubectl-edit`; nothing for other answers."""
    details = answer.body.get("details")
    causes = details.get("causes") if answer.status == 409 and isinstance(details, Mapping) else None
    found = [
        f"{str(cause.get('field', '')).lstrip('.')} from {named[1]}"
        for cause in causes or ()
        if isinstance(cause, Mapping) and cause.get("reason") == "FieldManagerConflict"
        and (named := _MANAGER.search(str(cause.get("message", ""))))
    ]  # fmt: skip
    return tuple(sorted(set(found)))


def _failure(cause: Mapping[str, Any]) -> Failure:
    message, place = _shortened(str(cause.get("message", ""))), str(cause.get("field", ""))
    code = _REASONS.get(str(cause.get("reason", "")), "refused")
    if "immutable" in message or "may not be changed" in message or "updates to" in message:
        code = "immutable-field"
    return Failure(code=code, field=field_path(place), message=message, place=place)


def _without_causes(answer: Answer) -> Failure:
    message = _without_subject(answer.message)
    unknown = _UNKNOWN.search(message)
    if unknown is not None:
        place = unknown["place"]
        return Failure(code="undeclared-field", field=field_path(place), message=message, place=place)
    typed = _TYPED.match(message.rpartition(": .")[2]) if ": ." in message else None
    if typed is not None:
        code = "undeclared-field" if "not declared" in typed["message"] else "wrong-type"
        if "duplicate entries" in typed["message"]:
            code = "duplicate-key"
        place = typed["place"]
        return Failure(code=code, field=field_path(place), message=typed["message"], place=f".{place}")
    return Failure(code="refused", field=(), message=message)


_VALUE = re.compile(r"\A(Invalid value: )[{\[].*[}\]](: [^:]*)\Z", re.DOTALL)
_LONG = 200


def _shortened(message: str) -> str:
    """A message without a value of many lines, which also holds what the server allocated."""
    return _VALUE.sub(r"\1{...}\2", message) if len(message) > _LONG else message


def _without_subject(message: str) -> str:
    """A message without `deployments.apps "name" is forbidden: `, which the report says anyhow."""
    return re.sub(r'\A\S+ "[^"]*" is (?:forbidden|invalid): ', "", message.strip())


def field_path(place: str) -> FieldPath:
    """Read `spec.ports[0].name` or `metadata.labels[a.b/c]`; what cannot be read is as deep as it could be."""
    steps: list[str | int] = []
    for bracketed, plain in _STEP.findall(place):
        if plain:
            steps.append(plain)
        elif bracketed.isdecimal():
            steps.append(int(bracketed))
        elif "=" in bracketed:
            break  # an item by its key: which one, the object says
        else:
            steps.append(bracketed)
    return tuple(steps)
