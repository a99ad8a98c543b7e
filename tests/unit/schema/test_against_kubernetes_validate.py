"""The same verdict as kubernetes-validate on mutated objects, apart from the differences that are listed here."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from tests.support.schema_objects import REMOVED, config_map, deployment, edited, judge, secret, service

pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: `make schemas` installs it")

VERSION = "1.33"
TYPES = {"Deployment": "apps.v1", "Service": "core.v1", "Secret": "core.v1", "ConfigMap": "core.v1"}
VALUES: tuple[Any, ...] = (None, "x", 5, 2**40, 1.5, True, [], {}, ["x"], {"x": 1}, REMOVED)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, child in steps for place in ((*path, step), *places(child, (*path, step)))]


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    root = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}.0-local-strict"
    return json.loads((root / "_definitions.json").read_text(encoding="utf-8"))["$defs"]


def is_known_difference(path: tuple[str | int, ...], value: Any, *, ours: bool) -> bool:
    """Where the two disagree on purpose (docs/adr/0006-schema-bundle.md); `ours` is gitgate's verdict."""
    name = path[-1]
    if not ours:
        too_large = value == 2**40 and name in ("replicas", "port", "containerPort", "targetPort")
        quantity = name in ("cpu", "memory") and value == "x"
        base64 = path[0] == "data" and value == "x"
        required_null = value is None
        required_spec = path == ("spec",) and value is REMOVED
        return too_large or quantity or base64 or required_null or required_spec
    return value is None and name in ("cpu", "memory", "targetPort")


@pytest.mark.parametrize("make", [deployment, service, secret, config_map])
def test_verdicts_on_mutated_objects(make, definitions):
    original = make()
    kind = original["kind"]
    reference = jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/$defs/io.k8s.api.{TYPES[kind]}.{kind}", "$defs": definitions}
    )
    compared, differing = 0, []
    for path in places(original):
        if path[0] in ("apiVersion", "kind"):
            continue
        for value in VALUES:
            mutant = edited(original, path, value)
            ours, theirs = not judge(mutant, VERSION), reference.is_valid(mutant)
            compared += 1
            if ours != theirs and not is_known_difference(path, value, ours=ours):
                differing.append((path, value, ours, theirs))
    assert differing == []
    assert compared > 40
