"""Where objects are rendered, and what they are called inside of a cluster."""

from __future__ import annotations

from gitgate.resource import Resource

Place = tuple[str, str, str]
"""Kind, namespace, name."""
Identity = tuple[str, str, str, str]
"""Group, kind, namespace, name: `ResourceId.identity`."""


def place_of(resource: Resource) -> Place:
    """Kind, namespace and name."""
    return (resource.id.kind, resource.id.namespace, resource.id.name)


def place_of_origin(resource: Resource) -> str:
    """What was rendered, or the directory of a plain file; with owner and cluster where these are known."""
    origin = resource.origin
    place = origin.rendered_by if origin.rendered_by is not None else origin.path.rpartition("/")[0]
    return " ".join((place, *(part for part in (origin.owner, origin.cluster) if part)))


def told(place: Place) -> str:
    """A place as people say it: `Secret shop/web`."""
    kind, namespace, name = place
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
