"""What a schema says about one object."""

from __future__ import annotations

from dataclasses import dataclass

from gitgate.location import FieldPath


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """One way in which an object differs from what its schema allows.

    Attributes:
        code: Kebab-case name: `unknown-field`, `wrong-type`, `missing-field`, `invalid-value`, `duplicate-list-key`,
            `null-value` or `crd-invalid`.
        field: Where; for a missing field the object that lacks it, followed by its name.
        message: One sentence without a full stop. Holds no value of a Secret; may hold other untrusted text.
        fix: What to do, one sentence; None where the message says it all.
    """

    code: str
    field: FieldPath
    message: str
    fix: str | None = None
