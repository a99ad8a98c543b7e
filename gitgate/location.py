"""Where something is: a field inside an object, a line inside a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

FieldPath = tuple[str | int, ...]
"""The way from an object's root to a field: keys of mappings and indices of lists, `("spec", "ports", 0)`."""

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")


def format_field_path(path: FieldPath) -> str:
    """Spell a path as Kubernetes does in its errors: `spec.containers[0].image`, `metadata.labels[a.b/c]`.

    Source: k8s.io/apimachinery/pkg/util/validation/field/path.go, `Path.String`.
    """
    text = ""
    for step in path:
        if isinstance(step, int) or not _PLAIN_KEY.match(step):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text; line and column count from 1, columns in characters."""

    line: int
    column: int


class Precision(StrEnum):
    """How closely a location points at what a person would edit."""

    EXACT = "exact"
    """The very line of the field."""
    LIKELY = "likely"
    """A line that gives the field its value as far as the texts say: a renderer ran in between, and none other fits."""
    OBJECT = "object"
    """The object's first line: the field itself is absent, or was changed while rendering."""
    FILE = "file"
    """The file; nothing closer is known."""
    ROOT = "root"
    """What asks for the rendering, such as a release: nothing says which of its files sets the field."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the judged tree.

    Attributes:
        path: Repository path with `/`; undecodable bytes are surrogate-escaped, so printers must encode.
        position: None where only the file is known.
        precision: How closely the position points.
        excerpt: The text of that line, never of a Secret's values; None when it was not asked for.
        set_by: What stands there, if it is not the object itself: `patch`, `values key image.tag`. Untrusted text.
    """

    path: str
    position: Position | None = None
    precision: Precision = Precision.EXACT
    excerpt: str | None = None
    set_by: str = ""
