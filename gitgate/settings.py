"""What this repository demands of a merge: `.gitgate/settings.yaml`, read from the base.

The file is read from the tip of the protected ref and never from the change, so that a change cannot loosen its own
judgement (docs/design.md, "Trust"). Without the file the defaults below hold.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.finding import Severity
from gitgate.location import FieldPath, format_field_path
from gitgate.path_glob import compile_glob
from gitgate.yaml_document import YamlDocument, YamlLimits, read_yaml

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from gitgate.tree import Tree

SETTINGS_PATH = ".gitgate/settings.yaml"
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
class Settings:
    """Everything that a repository may demand; every field has a useful default.

    Attributes:
        kubernetes_versions: `1.33`; empty means the newest bundled version.
        sources: Empty means: find them.
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
        known_rules: Rule ids that a settings file may name.
    """

    kubernetes_versions: tuple[str, ...] = ()
    sources: tuple[SourceSetting, ...] = ()
    exclude: tuple[str, ...] = ()
    allowed_unknown_groups: frozenset[str] | None = None
    skipped_kinds: frozenset[str] = frozenset()
    rejected_kinds: frozenset[str] = frozenset()
    severities: Mapping[str, Severity | None] = field(default_factory=lambda: MappingProxyType({}))
    limits: YamlLimits = field(default_factory=YamlLimits)
    render_seconds: int = 120
    policy: PolicySettings = field(default_factory=PolicySettings)
    apply_method: ApplySetting = ApplySetting.SERVER_SIDE
    known_rules: frozenset[str] = frozenset()


def load_settings(tree: Tree, rule_ids: Iterable[str]) -> Settings:
    """Read the settings of a tree, or the defaults when it has none.

    Args:
        tree: The base.
        rule_ids: Rules that settings may name.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    if SETTINGS_PATH in tree.special:
        raise SettingsError(f"{SETTINGS_PATH} must be a regular file, not a symbolic link or submodule")
    if SETTINGS_PATH not in tree.entries:
        return Settings(known_rules=frozenset(rule_ids))
    return parse_settings(tree.read(SETTINGS_PATH), SETTINGS_PATH, rule_ids)


def parse_settings(data: bytes, name: str, rule_ids: Iterable[str]) -> Settings:
    """Read settings from the bytes of a file that is called `name` in messages.

    Raises:
        SettingsError: Not valid; says where and what is allowed.
    """
    document = _document(data, name)
    value = document.value
    errors = _schema_errors(value)
    if errors:
        raise _error(name, document, *_explain(errors))
    assert isinstance(value, dict)  # noqa: S101 - the schema demands it
    known = frozenset(rule_ids)
    for rule in value.get("rules", {}):
        if rule not in known:
            raise _error(name, document, ("rules", rule), f"there is no rule {rule!r}{_did_you_mean(rule, known)}")
    _demand_shipped_versions(name, document)
    for index, pattern in enumerate(value.get("exclude", ())):
        try:
            compile_glob(pattern)
        except ValueError as error:
            raise _error(name, document, ("exclude", index), str(error)) from error
    for index, source in enumerate(value.get("sources", ())):
        if any(part in {"", "..", "."} for part in source["path"].rstrip("/").split("/")) and source["path"] != ".":
            message = f"{source['path']!r} must be a path inside the repository, without '..' or empty parts"
            raise _error(name, document, ("sources", index, "path"), message)
    for index, chosen in enumerate(value.get("policy", {}).get("sets", ())):
        try:
            bundled.policy_set(chosen)
        except FileNotFoundError:
            shipped = [path.stem for path in bundled.policy_files()]
            message = f"there is no set of policies {chosen!r}{_did_you_mean(chosen, shipped)}"
            raise _error(name, document, ("policy", "sets", index), message) from None
    return _settings(value, known)


def _demand_shipped_versions(name: str, document: YamlDocument) -> None:
    shipped = bundled.kubernetes_versions()
    for index, version in enumerate(document.value.get("kubernetesVersions", ())):
        if ".".join(version.removeprefix("v").split(".")[:2]) not in shipped:
            message = f"gitgate has no schemas of Kubernetes {version}; there are {', '.join(shipped)}"
            raise _error(name, document, ("kubernetesVersions", index), message)


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


def _document(data: bytes, name: str) -> YamlDocument:
    file = read_yaml(data)
    if file.opaque:
        raise SettingsError(f"{name} cannot be read: {file.opaque}")
    for problem in file.problems:
        # Settings decide over everything else: nothing ambiguous is tolerated in them.
        place = f"{name}:{problem.position.line}:{problem.position.column}"
        raise SettingsError(f"{place}: {problem.message}", remedy=problem.fix)
    if len(file.documents) != 1 or not isinstance(file.documents[0].value, dict):
        raise SettingsError(f"{name} must hold one YAML mapping", remedy="the smallest one is: version: 1")
    return file.documents[0]


def _schema_errors(value: object) -> list[ValidationError]:
    """What jsonschema finds wrong, sorted by place.

    jsonschema takes 60 ms to import, a fifth of a hook run; jsonschema-rs is loaded for the manifests anyway. So the
    fast one is asked first, and the one with the better errors only when there are any; tests hold that they agree.
    """
    import jsonschema_rs  # noqa: PLC0415 - only where there are settings

    schema = json.loads(bundled.schema_file("settings-v1.json").read_bytes())
    if jsonschema_rs.is_valid(schema, value):
        return []
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only on the way to an error

    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    if not errors:
        raise SettingsError(f"{SETTINGS_PATH} is not valid")
    return errors


def _explain(errors: list[ValidationError]) -> tuple[FieldPath, str]:  # noqa: PLR0911 - one sentence for each kind
    """The first error as a field and a sentence that names the allowed values."""
    error = errors[0]
    path: FieldPath = tuple(error.absolute_path)
    field_name = format_field_path(path) or "the file"
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    demand: Any = error.validator_value
    present: Any = error.instance
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        allowed = sorted(schema.get("properties", {}))
        wrong = min(set(present) - set(allowed))
        hint = _did_you_mean(wrong, allowed) or f"; allowed are {', '.join(allowed)}"
        return (*path, wrong), f"{wrong!r} is not a setting{hint}"
    if error.validator == "enum":
        return path, f"{field_name} is {error.instance!r}; allowed are {', '.join(map(str, demand))}"
    if error.validator == "const":
        return path, f"{field_name} is {error.instance!r}; this gitgate reads {demand!r}"
    if error.validator == "required":
        return path, f"{field_name} lacks {min(set(demand) - set(present))!r}"
    if error.validator == "type" and isinstance(error.instance, int | float) and path[:1] == ("kubernetesVersions",):
        return path, f'{field_name} is the number {error.instance}; put the version in quotes, as in "1.30"'
    if error.validator == "pattern" and path[:1] == ("kubernetesVersions",):
        return path, f'{field_name} is {error.instance!r}; write a minor version, as in "1.33"'
    return path, f"{field_name}: {error.message}"


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _error(name: str, document: YamlDocument, path: FieldPath, message: str) -> SettingsError:
    position = document.nearest(path)
    return SettingsError(f"{name}:{position.line}:{position.column}: {message}")
