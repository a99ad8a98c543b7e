"""Findings keep their name while the file around them moves."""

from __future__ import annotations

import pytest

from gitgate.finding import Finding, Severity, State, Suppression, stable_field
from gitgate.location import Location, Position, format_field_path
from gitgate.resource import ResourceId, split_api_version

WEB = ResourceId("apps", "v1", "Deployment", "shop", "web")


def finding(**changes) -> Finding:
    values = {"rule": "schema/unknown-field", "severity": Severity.ERROR, "message": "m", "resource": WEB}
    return Finding(**(values | changes))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "replicas"), "spec.replicas"),
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "labels", "app.kubernetes.io/name"), "metadata.labels[app.kubernetes.io/name]"),
        (("metadata", "annotations", ""), "metadata.annotations[]"),
    ],
)
def test_field_paths_are_spelt_as_kubernetes_does(path, text) -> None:
    assert format_field_path(path) == text


def test_inserting_a_container_above_keeps_the_fingerprint() -> None:
    before = {"spec": {"containers": [{"name": "web", "imagee": "x"}]}}
    after = {"spec": {"containers": [{"name": "proxy"}, {"name": "web", "imagee": "x"}]}}
    old = finding(field=("spec", "containers", 0, "imagee"))
    new = finding(field=("spec", "containers", 1, "imagee"))
    assert old.fingerprint != new.fingerprint
    old = finding(stable_field=stable_field(before, old.field))
    new = finding(stable_field=stable_field(after, new.field))
    assert old.fingerprint == new.fingerprint
    assert new.stable_field == "spec.containers[name=web].imagee"


def test_items_that_nothing_identifies_keep_their_index() -> None:
    assert stable_field({"args": ["a", "b"]}, ("args", 1)) == "args[1]"
    assert stable_field({"args": []}, ("args", 4, "x")) == "args[4].x"
    assert stable_field({}, ("metadata", "labels", "a/b")) == "metadata.labels[a/b]"


def test_a_key_with_a_dot_does_not_read_like_two_keys() -> None:
    assert stable_field({}, ("data", "a.b")) != stable_field({}, ("data", "a", "b"))
    one = finding(field=("data", "a.b"), stable_field=stable_field({}, ("data", "a.b")))
    two = finding(field=("data", "a", "b"), stable_field=stable_field({}, ("data", "a", "b")))
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "schema/wrong-type"},
        {"resource": ResourceId("apps", "v1", "Deployment", "shop", "api")},
        {"resource": ResourceId("apps", "v1", "Deployment", "test", "web")},
        {"field": ("spec",)},
        {"discriminator": "x"},
    ],
)
def test_rule_object_field_and_content_make_a_fingerprint(other) -> None:
    assert finding(**other).fingerprint != finding().fingerprint


def test_message_line_and_api_version_do_not_make_a_fingerprint() -> None:
    moved = finding(
        message="other words",
        location=Location("a.yaml", Position(9, 9)),
        resource=ResourceId("apps", "v1beta1", "Deployment", "shop", "web"),
    )
    assert moved.fingerprint == finding().fingerprint


def test_a_finding_without_an_object_is_named_by_its_file() -> None:
    one = finding(resource=None, location=Location("a.yaml", Position(1, 1)))
    two = finding(resource=None, location=Location("b.yaml", Position(1, 1)))
    assert one.fingerprint != two.fingerprint


def test_only_new_unsuppressed_errors_block() -> None:
    assert finding().blocking
    assert not finding(severity=Severity.WARNING).blocking
    assert not finding(state=State.EXISTING).blocking
    assert not finding(state=State.FIXED).blocking
    assert not finding(suppression=Suppression(kind="settings", justification="off")).blocking


def test_an_api_version_splits_as_in_apimachinery() -> None:
    assert split_api_version("v1") == ("", "v1")
    assert split_api_version("apps/v1") == ("apps", "v1")
    with pytest.raises(ValueError, match="more than one slash"):
        split_api_version("a/b/c")
