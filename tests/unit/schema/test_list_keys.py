from __future__ import annotations

import pytest

from tests.support.schema_objects import backup, codes, crd, deployment, edited, judge, judge_custom, service

CONTAINERS = ("spec", "template", "spec", "containers")
CONTAINER = (*CONTAINERS, 0)


@pytest.mark.parametrize("version", ["1.25", "1.29", "1.33", "1.37"])
@pytest.mark.parametrize(
    ("path", "items", "repeated"),
    [
        (CONTAINERS, [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}], 1),
        (CONTAINERS, [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}], None),
        ((*CONTAINER, "env"), [{"name": "A"}, {"name": "B"}, {"name": "A"}], 2),
        ((*CONTAINER, "ports"), [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}], 1),
        ((*CONTAINER, "ports"), [{"containerPort": 80}, {"containerPort": 80, "protocol": None}], 1),
        ((*CONTAINER, "ports"), [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}], None),
        ((*CONTAINER, "volumeMounts"), [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}], 1),
        ((*CONTAINER, "volumeMounts"), [{"name": "a", "mountPath": "/x"}, {"name": "a", "mountPath": "/y"}], None),
        (("metadata", "finalizers"), ["a.example.com/x", "a.example.com/x"], 1),
        (("metadata", "finalizers"), ["a.example.com/x", "b.example.com/x"], None),
    ],
)
def test_items_with_the_same_key_are_found(version, path, items, repeated):
    found = judge(edited(deployment(), path, items), version)
    assert [(violation.code, violation.field) for violation in found] == (
        [] if repeated is None else [("duplicate-list-key", (*path, repeated))]
    )


def test_the_message_names_key_and_both_items():
    ports = [{"port": 80, "name": "a"}, {"port": 443, "name": "b"}, {"port": 80, "name": "c"}]
    (found,) = judge(edited(service(), ("spec", "ports"), ports))
    assert found.message == 'spec.ports has two items with port 80, protocol "TCP": item 0 and item 2'
    (found,) = judge(edited(service(), ("metadata", "finalizers"), ["x/y", "x/y"]))
    assert found.message == "metadata.finalizers is a set, and item 1 repeats item 0"


def test_a_list_deep_in_a_type_that_refers_to_itself_is_found():
    rule = {"rule": "self > 0"}
    definition = crd(
        {
            "type": "object",
            "properties": {"size": {"type": "integer", "x-kubernetes-validations": [rule, rule]}},
        }
    )
    assert "duplicate-list-key" in codes(judge(definition, "1.33"))


def test_wrong_types_in_a_keyed_list_are_a_matter_of_types():
    assert codes(judge(edited(deployment(), CONTAINERS, ["web", "web"]))) == ["wrong-type", "wrong-type"]
    ports = [{"port": [1]}, {"port": [1]}]
    assert set(codes(judge(edited(service(), ("spec", "ports"), ports)))) == {"wrong-type", "duplicate-list-key"}


KEYED = {
    "type": "object",
    "properties": {
        "jobs": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "zone"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "zone": {"type": "string", "default": "a"}},
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"x-kubernetes-int-or-string": True}},
        "order": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"jobs": [{"name": "x"}, {"name": "x", "zone": "b"}]}, []),
        ({"jobs": [{"name": "x"}, {"name": "x", "zone": "a"}]}, ["duplicate-list-key"]),
        ({"tags": ["1", 1]}, []),
        ({"tags": [1, 1]}, ["duplicate-list-key"]),
        ({"order": ["a", "a"]}, []),
    ],
)
def test_lists_of_custom_resources(spec, expected):
    assert codes(judge_custom(crd(KEYED), backup(spec))) == expected
