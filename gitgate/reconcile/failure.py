"""`Failure`: why the API server would refuse an object, in its own words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gitgate.location import FieldPath, format_field_path
from gitgate.resource import Resource


class Certainty(StrEnum):
    """How sure a prediction is."""

    CERTAIN = "certain"
    """It follows from the object alone."""
    ASSUMED = "assumed"
    """It holds while the assumptions of the plan do: that the cluster has what the base says."""
    LIKELY = "likely"
    """It follows from a definition that gitgate ships, and the cluster may have another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reason for which applying an object fails.

    Attributes:
        code: What kind of reason, kebab-case: `immutable-field`, `undeclared-field`.
        field: The field that the server names.
        message: The server's wording, without the object's name.
        certainty: See `Certainty`.
        recreate: Would deleting the object and creating it anew succeed?
        place: The field as the server spells it, where that differs from `field`.
        since: The first Kubernetes version that refuses it; empty for all.
        until: The first Kubernetes version that does not refuse it any more; empty for none.
        gate: The feature gate, off by default, that lets it pass; empty for none.
        remedy: What to do about it; empty where changing the field is all there is.
    """

    code: str
    field: FieldPath
    message: str
    certainty: Certainty = Certainty.CERTAIN
    recreate: bool = False
    place: str = ""
    since: str = ""
    until: str = ""
    gate: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        where = self.place or format_field_path(self.field)
        words = f"{self.message} (unless the feature gate {self.gate} is on)" if self.gate else self.message
        return f"{where}: {words}" if where else words

    def holds_in(self, version: str) -> bool:
        """Does that Kubernetes version refuse it?"""
        number = _number(version)
        return _number(self.since) <= number and (not self.until or number < _number(self.until))


def is_certain(failure: Failure, resource: Resource) -> bool:
    """Is what the failure is about what the cluster gets, and no variable that only the cluster knows the value of?"""
    return not any(
        failure.field[: len(path)] == path or (path[: len(failure.field)] == failure.field and "${" in failure.message)
        for path in resource.unresolved
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)


def required(field: FieldPath, detail: str = "") -> Failure:
    """`Required value`."""
    return Failure(code="required-field", field=field, message="Required value" + (f": {detail}" if detail else ""))


def invalid(field: FieldPath, value: str, detail: str) -> Failure:
    """`Invalid value`.

    Args:
        field: The field.
        value: The value as the server prints it.
        detail: What is wrong with it.
    """
    return Failure(code="invalid-value", field=field, message=f"Invalid value: {value}: {detail}")


def unsupported(field: FieldPath, value: object, allowed: tuple[str, ...]) -> Failure:
    """`Unsupported value`: not one of an enumeration."""
    names = ", ".join(f'"{name}"' for name in allowed)
    return Failure(
        code="unsupported-value", field=field, message=f'Unsupported value: "{value}": supported values: {names}'
    )


def forbidden(field: FieldPath, detail: str) -> Failure:
    """`Forbidden`."""
    return Failure(code="forbidden-value", field=field, message=f"Forbidden: {detail}")


def not_found(field: FieldPath, value: str) -> Failure:
    """`Not found`: a name that nothing in the object has."""
    return Failure(code="missing-reference", field=field, message=f'Not found: "{value}"')
