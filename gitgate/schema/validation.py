"""`violations`: what is wrong with one object, in sentences that a Kubernetes user understands.

Most objects are valid, so the way there is short: one call of the compiled schema and a look at the lists whose items
need a key. Everything else here happens only for an object that is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from gitgate.location import FieldPath
from gitgate.schema.catalog import KindSchema
from gitgate.schema.list_keys import find_duplicates, may_have_duplicates
from gitgate.schema.violation import SchemaViolation

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

__all__ = ["VIOLATION_LIMIT", "SchemaViolation", "violations"]

VIOLATION_LIMIT = 50
"""Violations that are listed for one object; one more says that there are others."""

_IGNORED_IN_STATUS = frozenset({"invalid-value", "missing-field", "null-value"})
"""The API server drops `status` of what is applied before it validates, but decodes it first."""


def violations(data: Mapping[str, Any], schema: KindSchema) -> tuple[SchemaViolation, ...]:
    """Judge one object; total, whatever it holds.

    What keeps a CustomResourceDefinition from judging its kinds is not said here: see `definition_violations`.

    Args:
        data: The object as JSON data: exact dict, list, str, int, float, bool, None.
        schema: The schema of its kind.

    Returns:
        In the order of fields, at most `VIOLATION_LIMIT` and one that says so; empty when the object is valid.
    """
    if schema.defects:
        return (_cannot_judge(schema, schema.defects[0].message),)
    plan = schema.list_plan
    try:
        valid = schema.validator.is_valid(data)
    except (ValueError, RecursionError) as error:
        # The schema itself, or data that is no JSON; neither may pass unjudged.
        return (_cannot_judge(schema, type(error).__name__),)
    if valid and (plan is None or not may_have_duplicates(plan, data)):
        return ()
    found: list[SchemaViolation] = []
    if not valid:
        try:
            found += islice(_of_errors(schema.validator.iter_errors(data), data, schema), VIOLATION_LIMIT + 1)
        except (ValueError, TypeError, RecursionError) as error:
            return (_cannot_judge(schema, type(error).__name__),)
    if plan is not None:
        found += islice(find_duplicates(plan, data), VIOLATION_LIMIT + 1)
    return _bounded(found)


def _of_errors(
    errors: Iterable[ValidationError], data: Mapping[str, Any], schema: KindSchema
) -> Iterator[SchemaViolation]:
    """What counts, before anything is cut: a flood of what does not count must not hide what does."""
    from gitgate.schema.messages import Explainer  # noqa: PLC0415 - only an invalid object needs words

    explainer = Explainer(data, schema)
    for error in errors:
        yield from (violation for violation in explainer.explain(error) if not _is_ignored(violation, schema))


def _is_ignored(violation: SchemaViolation, schema: KindSchema) -> bool:
    if violation.field[:1] != ("status",) or violation.code not in _IGNORED_IN_STATUS:
        return False
    return schema.custom is None or schema.custom.status


def _cannot_judge(schema: KindSchema, reason: str) -> SchemaViolation:
    if schema.custom is None:
        return SchemaViolation("invalid-value", (), f"{schema.kind} cannot be judged: {reason}")
    message = f"the definition of {schema.kind} cannot judge the object: {reason}"
    return SchemaViolation("crd-invalid", (), message, "Correct the CustomResourceDefinition.")


def _bounded(found: Iterable[SchemaViolation]) -> tuple[SchemaViolation, ...]:
    unique = dict.fromkeys(found)
    ordered = sorted(unique, key=lambda violation: (_order(violation.field), violation.code, violation.message))
    if len(ordered) <= VIOLATION_LIMIT:
        return tuple(ordered)
    more = SchemaViolation(
        ordered[VIOLATION_LIMIT].code,
        (),
        f"the object has more than {VIOLATION_LIMIT} violations; the others are not listed",
        "Correct those that are listed, and look again.",
    )
    return (*ordered[:VIOLATION_LIMIT], more)


def _order(path: FieldPath) -> tuple[tuple[bool, int, str], ...]:
    return tuple((True, 0, step) if isinstance(step, str) else (False, step, "") for step in path)
