"""Names in the expressions of admission policies that nothing declares; expressions are not compiled here.

A name that goes while expressions still use it is what a change of a policy breaks most easily. Sources:
k8s.io/kubernetes/pkg/apis/admissionregistration/validation/validation.go; k8s.io/apiserver/pkg/admission/plugin/cel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, invalid
from gitgate.reconcile.names import ADMISSION

Value = Mapping[str, Any]
_RAW = re.compile(r"\b[rRbB]{1,2}[\"']")
_TEXT = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|//[^\n]*")
_VARIABLE = re.compile(r"(?<![\w.])variables\s*\.\s*([A-Za-z_]\w*)")
_PARAMETERS = re.compile(r"(?<![\w.])params\b")
_BOUND = re.compile(r"[(,]\s*(?:variables|params)\s*,")
_LONGEST = 10_000


def policy(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`validateMatchConditions`, `validateVariable`, `validateValidation`, `validateMutation`: the names they use."""
    parameters = spec.get("paramKind") is not None
    declared: set[Any] = set()
    for place, expression in _fields(spec.get("matchConditions"), (*path, "matchConditions"), "expression"):
        yield from _undeclared(expression, place, declared, parameters=parameters)
    for index, one in enumerate(spec.get("variables") or ()):
        place = (*path, "variables", index, "expression")
        yield from _undeclared(one.get("expression"), place, declared, parameters=parameters)
        declared.add(one.get("name"))
    found = [
        *_fields(spec.get("validations"), (*path, "validations"), "expression", "messageExpression"),
        *_fields(spec.get("auditAnnotations"), (*path, "auditAnnotations"), "valueExpression"),
    ]
    for index, one in enumerate(spec.get("mutations") or ()):
        found += [
            ((*path, "mutations", index, kind, "expression"), (one.get(kind) or {}).get("expression"))
            for kind in ("applyConfiguration", "jsonPatch")
        ]
    for place, expression in found:
        yield from _undeclared(expression, place, declared, parameters=parameters)


def _fields(items: Any, path: FieldPath, *fields: str) -> Iterator[tuple[FieldPath, Any]]:
    for index, one in enumerate(items or ()):
        for field in fields:
            yield (*path, index, field), one.get(field)


def _undeclared(expression: Any, path: FieldPath, declared: set[Any], *, parameters: bool) -> Iterator[Failure]:
    if not isinstance(expression, str) or len(expression) > _LONGEST or _RAW.search(expression) or '"""' in expression:
        return
    code = _TEXT.sub("''", expression)
    if "'''" in code or _BOUND.search(code):
        return
    unknown = [name for name in _VARIABLE.findall(code) if name not in declared]
    words = ""
    if unknown:
        words = f"undefined field '{unknown[0]}'"
    elif not parameters and _PARAMETERS.search(code):
        words = "undeclared reference to 'params' (in container '')"
    if words:
        yield invalid(path, json.dumps(expression, ensure_ascii=False), f"compilation failed: ERROR: {words}")


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    ADMISSION + "MutatingAdmissionPolicySpec": policy,
    ADMISSION + "ValidatingAdmissionPolicySpec": policy,
}
