"""`Consequence`: one thing that follows from a plan, beyond the object that changes."""

from __future__ import annotations

from dataclasses import dataclass

from gitgate.location import FieldPath
from gitgate.reconcile.places import place_of_origin
from gitgate.resource import Resource, ResourceId


@dataclass(frozen=True, slots=True)
class Consequence:
    """Something that follows.

    Attributes:
        code: What kind, kebab-case; the rules of the reconcile check are named after it.
        resource: The object that it happens to.
        message: One sentence.
        field: The field that brings it about, if one does.
        other: The other object that it is about, as people say it; it stays the same when the sentence does not.
        place: Where the object is rendered: one repository may hold the same object for several clusters.
    """

    code: str
    resource: ResourceId
    message: str
    field: FieldPath = ()
    other: str = ""
    place: str = ""


def happens_to(resource: Resource, code: str, message: str, field: FieldPath = (), *, other: str = "") -> Consequence:
    """A consequence for one object of a snapshot."""
    return Consequence(code, resource.id, message, field, other, place_of_origin(resource))
