"""What this repository demands of a merge: `.gitgate/settings.yaml`, read from the base.

The file is read from the tip of the protected ref and never from the change, so that a change cannot loosen its own
judgement (docs/design.md, "Trust"). Without the file the defaults below hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.finding import Severity
from gitgate.own_document import demand_schema, did_you_mean, error_at, read_document
from gitgate.path_glob import compile_glob
from gitgate.yaml_document import YamlDocument, YamlLimits

if TYPE_CHECKING:
    from gitgate.tree import Tree

SETTINGS_PATH = ".gitgate/settings.yaml"
RULEBOOK = ".gitgate"
_JUDGING = frozenset({"settings", "signers", "waivers"})
CHART_DIRECTORY = ".gitgate/charts"
"""Where `gitgate vendor` keeps charts of registries."""
SCHEMA_DIRECTORY = ".gitgate/schemas"
"""CustomResourceDefinitions and JSON Schemas that `gitgate schema add` imported."""


class SourceType(StrEnum):
    """How the files below a path become objects."""

    AUTO = "auto"
    PLAIN = "plain"
    KUSTOMIZE = "kustomize"


class ApplySetting(StrEnum):
    """How the agent applies, where no object of the repository says it."""

    SERVER_SIDE = "server-side"
    CLIENT_SIDE = "client-side"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class SourceSetting:
    """A path that an agent applies, as settings name it."""

    path: str
    type: SourceType = SourceType.AUTO


@dataclass(frozen=True, slots=True)
class ClusterSetting:
    """A cluster as settings name it.

    Attributes:
        name: For reports.
        path: The directory at which its agent begins to read; empty for the whole repository.
    """

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """What settings say of policies.

    Attributes:
        sets: Names of the shipped sets that judge, too: `pod-security-baseline`.
        user: Who is taken to apply the objects: `request.userInfo.username`.
        groups: `request.userInfo.groups`.
    """

    sets: tuple[str, ...] = ()
    user: str = "system:serviceaccount:gitops:agent"
    groups: tuple[str, ...] = ("system:serviceaccounts", "system:serviceaccounts:gitops", "system:authenticated")


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreSetting:
    """Fields that plans show as ignored.

    Attributes:
        pointers: JSON pointers.
        group, kind, name, namespace: Globs of the objects.
        keeps_live: Does the agent keep what the cluster has when it applies?
    """

    pointers: tuple[str, ...]
    group: str = "*"
    kind: str = "*"
    name: str = "*"
    namespace: str = "*"
    keeps_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a repository may demand; every field has a useful default.

    Attributes:
        kubernetes_versions: `1.33`; empty means the newest bundled version.
        sources: Empty means: find them.
        clusters: Empty means: find them.
        exclude: Globs of files that are no manifests.
        allowed_unknown_groups: API groups without a schema that pass, `*` for all of them; None means those that the
            base uses already.
        skipped_kinds: `Secret` or `v1/Secret`: what is found in these is reported, and does not block.
        rejected_kinds: The same spelling: objects of these kinds are findings, whatever is in them.
        severities: Rule id to the weight it has here; None ignores the rule.
        limits: What is too large to read.
        render_seconds: Seconds that one render may take.
        policy: Which shipped policies judge, and who is taken to ask.
        apply_method: How plans apply what no agent of the repository owns.
        ignored_fields: What plans show as ignored, beside what agents of the repository say.
        cluster: Who works plans out: `offline`, `control-plane`, `kind` or a context.
        known_rules: Rule ids that a settings file may name.
    """

    kubernetes_versions: tuple[str, ...] = ()
    sources: tuple[SourceSetting, ...] = ()
    clusters: tuple[ClusterSetting, ...] = ()
    exclude: tuple[str, ...] = ()
    allowed_unknown_groups: frozenset[str] | None = None
    skipped_kinds: frozenset[str] = frozenset()
    rejected_kinds: frozenset[str] = frozenset()
    severities: Mapping[str, Severity | None] = field(default_factory=lambda: MappingProxyType({}))
    limits: YamlLimits = field(default_factory=YamlLimits)
    render_seconds: int = 120
    policy: PolicySettings = field(default_factory=PolicySettings)
    apply_method: ApplySetting = ApplySetting.SERVER_SIDE
    ignored_fields: tuple[IgnoreSetting, ...] = ()
    cluster: str = "offline"
    known_rules: frozenset[str] = frozenset()


def load_settings(tree: Tree, rule_ids: Iterable[str]) -> Settings:
    """Read the settings of a tree, or the defaults when it has none.

    Args:
        tree: The base.
        rule_ids: Rules that settings may name.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    defect = rulebook_defect(tree)
    if defect is not None:
        raise SettingsError(" ".join(defect), remedy="Mend it on the branch that the change goes into.")
    if SETTINGS_PATH not in tree.entries:
        return Settings(known_rules=frozenset(rule_ids))
    return parse_settings(tree.read(SETTINGS_PATH), SETTINGS_PATH, rule_ids)


def rulebook_defect(tree: Tree) -> tuple[str, str] | None:
    """What below `.gitgate/` looks as if it judged and is never read, and what is wrong with it; None when nothing."""
    own = f"{RULEBOOK}/"
    if RULEBOOK in tree.entries and RULEBOOK not in tree.special:
        return RULEBOOK, "must be a directory"
    for path in sorted(path for path in tree.special if path == RULEBOOK or path.startswith(own)):
        return path, "must be a regular file or a directory, not a symbolic link or submodule"
    for path in sorted(path for path in tree.entries if path[: len(own)].lower() == own):
        stem, _, suffix = path[len(own) :].lower().rpartition(".")
        if stem in _JUDGING and suffix in ("yaml", "yml", "json") and path != f"{own}{stem}.yaml":
            return path, f"is not read: the file is called {own}{stem}.yaml"
    return None


def parse_settings(data: bytes, name: str, rule_ids: Iterable[str]) -> Settings:
    """Read settings from the bytes of a file that is called `name` in messages.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    document = read_document(data, name)
    demand_schema(document, name, "settings-v1.json", "a setting")
    value = document.value
    assert isinstance(value, dict)  # noqa: S101 - the schema demands it
    known = frozenset(rule_ids)
    for rule in value.get("rules", {}):
        if rule not in known:
            raise error_at(name, document, ("rules", rule), f"there is no rule {rule!r}{did_you_mean(rule, known)}")
    _demand_shipped_versions(name, document)
    _demand_globs(name, document)
    _demand_places(name, document)
    _demand_shipped_policies(name, document)
    return _settings(value, known)


def _demand_shipped_versions(name: str, document: YamlDocument) -> None:
    shipped = bundled.kubernetes_versions()
    for index, version in enumerate(document.value.get("kubernetesVersions", ())):
        if ".".join(version.removeprefix("v").split(".")[:2]) not in shipped:
            message = f"gitgate has no schemas of Kubernetes {version}; there are {', '.join(shipped)}"
            raise error_at(name, document, ("kubernetesVersions", index), message)


def _demand_globs(name: str, document: YamlDocument) -> None:
    for index, pattern in enumerate(document.value.get("exclude", ())):
        try:
            compile_glob(pattern)
        except ValueError as error:
            raise error_at(name, document, ("exclude", index), str(error)) from error


def _demand_places(name: str, document: YamlDocument) -> None:
    """Sources and clusters inside the repository, and no two clusters of one name."""
    for kind in ("sources", "clusters"):
        for index, entry in enumerate(document.value.get(kind, ())):
            path = entry["path"]
            if any(part in {"", "..", "."} for part in path.rstrip("/").split("/")) and path != ".":
                message = f"{path!r} must be a path inside the repository, without '..' or empty parts"
                raise error_at(name, document, (kind, index, "path"), message)
    names = [cluster["name"] for cluster in document.value.get("clusters", ())]
    for index, cluster in enumerate(names):
        if cluster in names[:index]:
            raise error_at(name, document, ("clusters", index, "name"), f"there are two clusters called {cluster!r}")


def _demand_shipped_policies(name: str, document: YamlDocument) -> None:
    for index, chosen in enumerate(document.value.get("policy", {}).get("sets", ())):
        try:
            bundled.policy_set(chosen)
        except FileNotFoundError:
            shipped = [path.stem for path in bundled.policy_files()]
            message = f"there is no set of policies {chosen!r}{did_you_mean(chosen, shipped)}"
            raise error_at(name, document, ("policy", "sets", index), message) from None


def _settings(value: Mapping[str, Any], known_rules: frozenset[str]) -> Settings:
    limits = value.get("limits", {})
    defaults = YamlLimits()
    schema = value.get("schema", {})
    unknown_groups = schema.get("allowUnknownGroups")
    return Settings(
        kubernetes_versions=tuple(value.get("kubernetesVersions", ())),
        sources=tuple(
            SourceSetting(source["path"].rstrip("/"), SourceType(source.get("type", "auto")))
            for source in value.get("sources", ())
        ),
        clusters=tuple(
            ClusterSetting(cluster["name"], "" if cluster["path"] == "." else cluster["path"].rstrip("/"))
            for cluster in value.get("clusters", ())
        ),
        exclude=tuple(value.get("exclude", ())),
        allowed_unknown_groups=None if unknown_groups is None else frozenset(unknown_groups),
        skipped_kinds=frozenset(schema.get("skipKinds", ())),
        rejected_kinds=frozenset(schema.get("rejectKinds", ())),
        severities=MappingProxyType(
            {rule: None if level == "ignore" else Severity(level) for rule, level in value.get("rules", {}).items()}
        ),
        limits=YamlLimits(
            bytes=limits.get("fileBytes", defaults.bytes),
            documents=limits.get("documents", defaults.documents),
            depth=limits.get("depth", defaults.depth),
        ),
        render_seconds=limits.get("renderSeconds", 120),
        policy=_policy_settings(value.get("policy", {})),
        apply_method=ApplySetting(value.get("reconcile", {}).get("applyMethod", "server-side")),
        ignored_fields=tuple(_ignored(entry) for entry in value.get("reconcile", {}).get("ignore", ())),
        cluster=value.get("reconcile", {}).get("cluster", "offline"),
        known_rules=known_rules,
    )


def _policy_settings(value: Mapping[str, Any]) -> PolicySettings:
    defaults = PolicySettings()
    user = value.get("user", {})
    return PolicySettings(
        sets=tuple(value.get("sets", ())),
        user=user.get("name", defaults.user),
        groups=tuple(user.get("groups", defaults.groups)),
    )


def _ignored(entry: Mapping[str, Any]) -> IgnoreSetting:
    return IgnoreSetting(
        pointers=tuple(entry["jsonPointers"]),
        keeps_live=entry.get("keepsLive", False),
        **{key: entry.get(key, "*") for key in ("group", "kind", "name", "namespace")},
    )
