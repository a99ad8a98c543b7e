"""CustomResourceDefinition objects: which kinds they define, in which versions, and what keeps them from judging."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitgate.location import FieldPath
from gitgate.schema.structural import Conversion, convert, invalid_definition
from gitgate.schema.violation import SchemaViolation

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomVersion:
    """One version of one custom resource.

    Attributes:
        source: Names the content: two definitions with the same source judge alike.
        path: Where the version's schema is inside the definition.
        open: Does the definition keep fields that it does not declare (`preserveUnknownFields` of v1beta1)?
        status: Has it a status subresource, so that the API server ignores `status` when an object is applied?
        deprecation: The author's warning; empty when deprecated without one; None when not deprecated.
    """

    group: str
    version: str
    kind: str
    namespaced: bool
    served: bool
    storage: bool
    status: bool
    open: bool
    deprecation: str | None
    source: str
    path: FieldPath
    structural: Any = field(repr=False)

    def convert(self) -> Conversion:
        """The JSON Schema of this version; total, whatever the definition holds."""
        return convert(self.structural, self.path, lenient=self.open)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CustomResourceDefinition defines.

    Attributes:
        versions: In the definition's order; empty when there are violations that leave nothing to name.
        violations: What is wrong outside the schemas.
    """

    versions: tuple[CustomVersion, ...]
    violations: tuple[SchemaViolation, ...]


def read_definition(data: Mapping[str, Any]) -> Definition:
    """Read a CustomResourceDefinition, `apiextensions.k8s.io/v1` or `v1beta1`; total, and quick: converts no schema."""
    spec = data.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    group = spec.get("group") if isinstance(spec, dict) else None
    kind = names.get("kind") if isinstance(names, dict) else None
    if not isinstance(spec, dict) or not isinstance(group, str) or not isinstance(kind, str) or not group or not kind:
        return Definition((), (invalid_definition(("spec",), "spec must name a group and names.kind"),))
    old = data.get("apiVersion") == "apiextensions.k8s.io/v1beta1"
    entries = spec.get("versions")
    place: FieldPath = ("spec", "versions")
    if old and not entries and isinstance(spec.get("version"), str):
        entries = [{"name": spec["version"], "served": True, "storage": True}]
    if not isinstance(entries, list) or not entries:
        return Definition((), (invalid_definition(place, "spec.versions must list at least one version"),))
    if not old and spec.get("preserveUnknownFields") is True:
        message = "spec.preserveUnknownFields must be false; a v1 definition says it in the schema"
        return Definition((), (invalid_definition(("spec", "preserveUnknownFields"), message),))
    versions: list[CustomVersion] = []
    violations: list[SchemaViolation] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
            violations.append(invalid_definition((*place, index), f"spec.versions[{index}] must have a name"))
        elif any(entry["name"] == other.version for other in versions):
            violations.append(
                invalid_definition((*place, index), f"spec.versions[{index}] repeats the name of another version")
            )
        else:
            versions.append(_version(spec, entry, index, old=old))
    return Definition(tuple(versions), tuple(violations))


def definition_violations(data: Mapping[str, Any]) -> tuple[SchemaViolation, ...]:
    """Everything that keeps a CustomResourceDefinition from judging its kinds; empty when it can."""
    definition = read_definition(data)
    found = list(definition.violations)
    for version in definition.versions:
        found += [violation for violation in version.convert().violations if violation not in found]
    return tuple(found)


def _version(spec: Schema, entry: Schema, index: int, *, old: bool) -> CustomVersion:
    path: FieldPath = ("spec", "versions", index, "schema", "openAPIV3Schema")
    holder, subresources = entry.get("schema"), entry.get("subresources")
    if old:
        subresources = subresources or spec.get("subresources")
        if not holder:
            holder, path = spec.get("validation"), ("spec", "validation", "openAPIV3Schema")
    structural = holder.get("openAPIV3Schema") if isinstance(holder, dict) else None
    keeps_unknown = old and spec.get("preserveUnknownFields") is not False
    if structural is None and keeps_unknown:
        structural = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    warning = entry.get("deprecationWarning")
    try:
        content = json.dumps([structural, keeps_unknown], sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):
        # Far deeper than `DEPTH_LIMIT`, or no JSON: whatever it is, it judges nothing.
        content = "unreadable"
    return CustomVersion(
        group=spec["group"],
        version=entry["name"],
        kind=spec["names"]["kind"],
        namespaced=spec.get("scope") != "Cluster",
        served=entry.get("served") is True,
        storage=entry.get("storage") is True,
        status=isinstance(subresources, dict) and isinstance(subresources.get("status"), dict),
        open=keeps_unknown,
        deprecation=(warning if isinstance(warning, str) else "") if entry.get("deprecated") is True else None,
        source=hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest(),
        path=path,
        structural=structural,
    )
