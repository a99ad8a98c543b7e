"""The kinds that configure Flux and Argo CD, by API version: what gitgate knows where a tree does not define them.

Facts from the projects' own definitions (tools/build_agent_schemas.py). A definition in the tree or in the settings
replaces every version of its kind that is known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitgate import bundled

if TYPE_CHECKING:
    from gitgate.schema.definition import CustomVersion


def agent_version(group: str, version: str, kind: str) -> CustomVersion | None:
    """The definition of an agent's kind; None when it is none, or no release ever served that version."""
    return _versions(group).get((group, version, kind))


def agent_versions(group: str, kind: str) -> tuple[str, ...]:
    """The API versions that an agent's kind ever had, sorted; empty for any other kind."""
    return tuple(sorted(name[1] for name in _versions(group) if (name[0], name[2]) == (group, kind)))


def _versions(group: str) -> Mapping[tuple[str, str, str], CustomVersion]:
    """What a group's file holds; nothing is read for a group that is no agent's."""
    name = bundled.agents_file(group)
    return _read(name) if name is not None else MappingProxyType({})


@lru_cache(maxsize=4)
def _read(name: str) -> Mapping[tuple[str, str, str], CustomVersion]:
    from gitgate.schema.definition import read_definition  # noqa: PLC0415 - many trees have no such kind

    versions = (version for definition in bundled.definitions(name) for version in read_definition(definition).versions)
    return MappingProxyType({(version.group, version.version, version.kind): version for version in versions})
