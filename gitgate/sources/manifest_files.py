"""Which files of a repository may be manifests: most YAML in the world is something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from gitgate.path_glob import matches_any
from gitgate.proposal import Coverage
from gitgate.resource import split_api_version
from gitgate.settings import SourceSetting, SourceType
from gitgate.sources.base import SourceContext
from gitgate.sources.charts import Chart, chart_of, is_rendered_by_helm
from gitgate.sources.kustomization import FILE_NAMES
from gitgate.sources.tree_files import inside, parent
from gitgate.tree import Tree

RULEBOOK = ".gitgate/"
"""gitgate's own files."""
_JUDGING_KINDS = frozenset((
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
))  # fmt: skip
"""Kinds that belong among gitgate's own files: there they are schemas and policies, not objects to apply."""

QUIET_PATHS = (
    ".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml",
    "codeship-services.yml", "codeship-steps.yml",
)  # fmt: skip
"""Paths at the root of a repository that Flux leaves out unless told otherwise.

Source: fluxcd/pkg, sourceignore, `ExcludeCI`. Objects in them are judged all the same, as Argo CD does read them, but
a file that cannot be read is no problem.
"""
QUIET_NAMES = (".goreleaser.yml", ".sops.yaml", ".flux.yaml")
"""Names that Flux leaves out in every directory. Source: the same, `ExcludeExtra`."""

CLIENT_SIDE_GROUPS = frozenset(
    (
        "kustomize.config.k8s.io",
        "config.kubernetes.io",
        "kind.x-k8s.io",
        "k3d.io",
        "skaffold",
        "backstage.io",
        "ctlptl.dev",
    )
)
"""API groups of files that look like objects but configure a program; no API server serves them."""

_SERVED_GROUPS = frozenset((
    "", "apps", "batch", "autoscaling", "policy", "extensions",
    *(
        f"{name}.k8s.io"
        for name in (
            "admissionregistration", "apiextensions", "apiregistration", "authentication", "authorization",
            "certificates", "coordination", "discovery", "events", "flowcontrol.apiserver", "gateway.networking",
            "internal.apiserver", "networking", "node", "rbac.authorization", "resource", "scheduling",
            "snapshot.storage", "storage", "storagemigration",
        )
    ),
))  # fmt: skip
"""Groups whose objects an API server holds, so that one without metadata is a mistake and not something else."""
_OBJECT_FIELDS = frozenset(("metadata", "spec", "data", "items"))


class FileMode(Enum):
    """How a file is looked at."""

    STRICT = auto()
    """Settings say that an agent applies it: everything in it must be an object."""
    LENIENT = auto()
    """Found: objects in it are judged, and it must be readable."""
    QUIET = auto()
    """Objects in it are judged; it must be readable only if it may hold some."""
    RULEBOOK = auto()
    """gitgate's own file: definitions and policies in it judge; any other object in it is judged."""
    BESIDE = auto()
    """Beside a kustomization that does not name it: nobody applies it, which is worth a note."""


def is_manifest(value: Any) -> bool:
    """Does this document look like an object, or like an attempt at one, among all that repositories hold?

    Both apiVersion and kind make an object, unless a program on a workstation reads that kind; one of the two beside
    a field that only objects have makes an attempt.
    """
    if not isinstance(value, dict):
        return False
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if not (isinstance(api_version, str) and isinstance(kind, str)):
        return (isinstance(api_version, str) or isinstance(kind, str)) and bool(_OBJECT_FIELDS & value.keys())
    try:
        group, _ = split_api_version(api_version)
    except ValueError:
        group = api_version.partition("/")[0]
    if _holds_objects(value.get("items")):
        return True
    if group in CLIENT_SIDE_GROUPS:
        return False
    if "metadata" in value or "items" in value:
        return True
    # There is no version but v1 without a group: Talos calls its documents v1alpha1. A v1 Config is a kubeconfig.
    return group in _SERVED_GROUPS and (bool(group) or api_version == "v1") and kind != "Config"


def _holds_objects(items: Any) -> bool:
    """Would kubectl, which asks for no more than `items`, find objects in here?"""
    return isinstance(items, list) and any(isinstance(item, dict) and {"kind", "items"} & item.keys() for item in items)


def judges(value: Any) -> bool:
    """Is this a schema or a policy, or a list of such, which among gitgate's own files is no object to apply?"""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("items"), list):
        return all(judges(item) for item in value["items"])
    return (str(value.get("apiVersion")).partition("/")[0], value.get("kind")) in _JUDGING_KINDS


def may_hold_objects(data: bytes | None) -> bool:
    """Might some reader find an object in text that gitgate could not read? None stands for text that is too long."""
    return data is None or data.startswith((b"\xff\xfe", b"\xfe\xff")) or bool(_API_VERSION.search(data))


def _escapable(letter: str) -> str:
    """A letter, or any of its escapes in double quotes (YAML 1.2, section 5.7)."""
    code = f"{ord(letter):x}"
    return rf"(?:{letter}|(?i:\\x{code}|\\u00{code}|\\U000000{code}))(?:\\\r?\n[ \t]*)*"


_API_VERSION = re.compile(("".join(map(_escapable, "apiVersion")) + r"|!\S*binary|\0").encode())
"""The key that no object is without, however it is written; or text that hides what it says."""


def classify(
    path: str, tree: Tree, context: SourceContext, claimed: Mapping[str, Coverage], charts: Sequence[Chart]
) -> FileMode | Coverage | None:
    """How to look at a file, or what becomes of it unread; None when an earlier source accounts for it."""
    memory = context.memory
    was_plain = parent(path) in memory.plain_directories
    in_plain_tree = memory.is_plain_tree(parent(path))
    source = source_of(path, context.sources)
    applied_anyway = (
        ((was_plain or in_plain_tree) and (path in memory.whole_files or path in memory.data_files))
        or path in memory.plain_files
        or (source is not None and source.type is SourceType.PLAIN)
    )
    if path in claimed and not applied_anyway:
        return None
    if matches_any(context.exclude, path):
        return Coverage.NOT_A_MANIFEST
    if path.startswith(RULEBOOK) and (source is not None or not context.sources):
        return FileMode.RULEBOOK
    if source is None and context.sources:
        return Coverage.NOT_RENDERED
    found: FileMode | Coverage = FileMode.LENIENT
    if source is not None:
        beside = source.type is SourceType.AUTO and _below_kustomization(path, source, tree)
        found = FileMode.BESIDE if beside else FileMode.STRICT
    elif not was_plain:
        found = _classify_found(path, tree, charts)
    if found is FileMode.BESIDE and (was_plain or in_plain_tree):
        found = FileMode.LENIENT
    return FileMode.QUIET if found is FileMode.LENIENT and path in memory.data_files else found


def _classify_found(path: str, tree: Tree, charts: Sequence[Chart]) -> FileMode | Coverage:
    if path.startswith(QUIET_PATHS) or path.rpartition("/")[2] in QUIET_NAMES:
        return FileMode.QUIET
    chart = chart_of(path, charts)
    if chart is not None:
        if is_rendered_by_helm(path, chart):
            return Coverage.NOT_RENDERED
        if not chart.below(path).startswith("crds/"):
            return FileMode.QUIET
    return FileMode.BESIDE if _has_kustomization(parent(path), tree) else FileMode.LENIENT


def _has_kustomization(directory: str, tree: Tree) -> bool:
    """Does a kustomization decide what is read here?

    A symbolic link does so for some agents only: what Flux fetches has none (fluxcd/source-controller,
    internal/controller/storage.go, `Archive`).
    """
    paths = (f"{directory}/{name}" if directory else name for name in FILE_NAMES)
    return any(path in tree.entries and path not in tree.special for path in paths)


def _below_kustomization(path: str, source: SourceSetting, tree: Tree) -> bool:
    """Does a kustomization between the source and the file decide what is read there?

    Flux renders a kustomization that it meets on the way down and goes no deeper (fluxcd/pkg, kustomize_generator.go).
    """
    directory = parent(path)
    top = "" if source.path == "." else source.path
    while not _has_kustomization(directory, tree):
        if directory in {top, ""}:
            return False
        directory = parent(directory)
    return inside(directory, top)


def source_of(path: str, sources: Iterable[SourceSetting]) -> SourceSetting | None:
    """The source of the settings that has the file applied as it stands, if any; the strictest one."""
    for source in sorted(sources, key=lambda source: source.type is not SourceType.PLAIN):
        if source.type is not SourceType.KUSTOMIZE and inside(path, "" if source.path == "." else source.path):
            return source
    return None
