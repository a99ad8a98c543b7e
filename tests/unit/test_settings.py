"""Settings: useful defaults, and errors that say where and what is allowed."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.finding import Severity
from gitgate.settings import SETTINGS_PATH, Settings, SourceSetting, SourceType, load_settings, parse_settings
from gitgate.tree import MemoryTree

RULES = ("schema/unknown-field", "schema/wrong-type")
SCHEMA = json.loads(bundled.schema_file("settings-v1.json").read_bytes())


def parse(text: str) -> Settings:
    return parse_settings(text.encode(), "settings.yaml", RULES)


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(MemoryTree(), RULES) == Settings(known_rules=frozenset(RULES))


def test_every_key() -> None:
    settings = parse("""\
version: 1
kubernetesVersions: ["1.33", "v1.36"]
sources:
  - path: clusters/prod/
    type: kustomize
  - path: apps
exclude: ["docs/**"]
schema:
  allowUnknownGroups: [cert-manager.io]
  skipKinds: [Secret]
  rejectKinds: [v1/Pod]
rules:
  schema/unknown-field: warning
  schema/wrong-type: ignore
limits:
  fileBytes: 2048
  documents: 7
  depth: 50
  renderSeconds: 9
""")
    assert settings.kubernetes_versions == ("1.33", "v1.36")
    assert settings.sources == (SourceSetting("clusters/prod", SourceType.KUSTOMIZE), SourceSetting("apps"))
    assert settings.exclude == ("docs/**",)
    assert settings.allowed_unknown_groups == {"cert-manager.io"}
    assert (settings.skipped_kinds, settings.rejected_kinds) == ({"Secret"}, {"v1/Pod"})
    assert settings.severities == {"schema/unknown-field": Severity.WARNING, "schema/wrong-type": None}
    assert (settings.limits.bytes, settings.limits.documents, settings.limits.depth) == (2048, 7, 50)
    assert settings.render_seconds == 9


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("{}", "1:1", ["version"]),
        ("version: 2", "1:10", ["2", "1"]),
        ("version: 1\nrulez: {}", "2:", ["rulez", "did you mean 'rules'"]),
        ("version: 1\nx: 1", "2:", ["x", "kubernetesVersions"]),
        ("version: 1\nkubernetesVersions: [1.30]", "2:", ["1.3", '"1.30"']),
        ('version: 1\nkubernetesVersions:\n  - "1.36"\n  - "1.99"', "4:", ["1.99", "1.36, 1.37"]),
        ('version: 1\nkubernetesVersions: ["latest"]', "2:", ["latest", '"1.33"']),
        ("version: 1\nsources:\n  - path: apps\n    type: helm", "4:", ["helm", "auto, plain, kustomize"]),
        ("version: 1\nsources:\n  - type: plain", "3:", ["path"]),
        ("version: 1\nsources:\n  - path: ../x", "3:", ["../x", "inside"]),
        ("version: 1\nsources:\n  - path: /x", "3:", ["/x"]),
        ("version: 1\nsources: []", "2:", ["sources"]),
        ("version: 1\nexclude: ['a**']", "2:", ["a**"]),
        ("version: 1\nrules: {schema/unknwon-field: error}", "2:", ["schema/unknown-field"]),
        ("version: 1\nrules: {schema/unknown-field: loud}", "2:", ["loud", "error, warning, note, ignore"]),
        ("version: 1\nrules: {schema/unknown-field: off}", "2:", ["off"]),
        ("version: 1\nlimits: {fileBytes: 1}", "2:", ["fileBytes"]),
        ("version: 1\nversion: 1", "2:", ["version"]),
        ("version: [1", "", []),
        ("- 1", "", ["mapping"]),
        ("", "", ["mapping"]),
        ("version: 1\n---\nversion: 1", "", []),
        ("version: !x 1", "1:", []),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_is_allowed(text, place, words) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(text)
    message = f"{raised.value} {raised.value.remedy or ''}"
    assert message.startswith(f"settings.yaml:{place}" if place else "settings.yaml")
    for word in words:
        assert word in message


def test_settings_that_are_a_link_are_refused() -> None:
    tree = MemoryTree({"a.yaml": b"version: 1"}, {SETTINGS_PATH: b"../a.yaml"})
    with pytest.raises(SettingsError, match="regular file"):
        load_settings(tree, RULES)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["1.33", "error", "plain", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SCHEMA["properties"], "path", "type", "fileBytes", "schema/x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
whole = st.fixed_dictionaries(
    {"version": st.just(1)}, optional={name: values for name in SCHEMA["properties"] if name != "version"}
)


@given(whole | values)
def test_both_validators_agree_on_any_settings(value) -> None:
    assert jsonschema_rs.is_valid(SCHEMA, value) == Draft202012Validator(SCHEMA).is_valid(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_settings_error(data) -> None:
    try:
        assert isinstance(parse_settings(data, "settings.yaml", RULES), Settings)
    except SettingsError as error:
        assert str(error).startswith("settings.yaml")
