"""Whatever an object or a definition holds: an answer, never an exception; and an added unknown field is always found."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitgate.go_patterns import UnsupportedPatternError, translate
from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.definition import definition_violations
from gitgate.schema.validation import VIOLATION_LIMIT, violations
from tests.support.schema_objects import (
    as_resource,
    backup,
    config_map,
    crd,
    deployment,
    edited,
    judge,
    judge_custom,
    schema_of,
    secret,
    service,
)  # fmt: skip

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
WORDS = st.sampled_from(
    ["type", "properties", "items", "required", "enum", "pattern", "format", "default", "nullable", "oneOf", "anyOf",
     "allOf", "not", "$ref", "additionalProperties", "x-kubernetes-int-or-string", "x-kubernetes-list-type", "minimum",
     "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-map-keys", "object", "array", "string", "integer",
     "spec", "metadata", "name", "labels", "a", "map", "set"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=6), inner, max_size=5),
    max_leaves=25,
)
MAKERS = st.sampled_from([deployment, service, secret, config_map])
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in an object, its root apart."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, child in steps for place in ((*path, step), *places(child, (*path, step)))]


@QUICK
@given(MAKERS, st.data(), JSON)
def test_any_value_anywhere_gets_an_answer(make, data, value):
    original = make()
    changed = edited(original, data.draw(st.sampled_from(places(original))), value)
    if not isinstance(changed.get("kind"), str) or not isinstance(changed.get("apiVersion"), str):
        changed.update(kind=original["kind"], apiVersion=original["apiVersion"])
    found = violations(changed, schema_of(original))
    assert len(found) <= VIOLATION_LIMIT + 1
    assert all(violation.message and violation.code for violation in found)
    assert found == violations(changed, schema_of(original))


@QUICK
@given(st.dictionaries(WORDS | st.text(max_size=6), JSON, max_size=6))
def test_any_object_gets_an_answer(data):
    for schema in (schema_of(deployment()), schema_of(secret()), schema_of(crd({}))):
        violations(data, schema)


@QUICK
@given(MAKERS, st.data(), st.from_regex(r"[a-z]{1,10}", fullmatch=True), JSON)
def test_an_unknown_field_in_any_struct_is_found(make, data, name, value):
    original = make()
    maps = {"labels", "matchLabels", "requests", "data", "emptyDir"}
    structs = [
        place
        for place in [(), *places(original)]
        if isinstance(_at(original, place), dict)
        and place[-1:] not in {(name,) for name in maps}
        and not (make is service and place == ("spec", "selector"))
    ]
    place = (*data.draw(st.sampled_from(structs)), f"zz{name}")
    found = judge(edited(original, place, value))
    assert [(violation.code, violation.field) for violation in found] == [("unknown-field", place)]


@QUICK
@given(JSON, JSON)
def test_any_definition_gets_an_answer_and_never_an_exception(schema, value):
    definition = crd(schema)
    found = definition_violations(definition)
    answer = judge_custom(definition, backup(value))
    if found:
        assert [violation.code for violation in answer] == ["crd-invalid"]


@QUICK
@given(
    st.dictionaries(st.sampled_from(["spec", "group", "versions", "names", "kind", "name", "schema"]), JSON, max_size=5)
)
def test_any_spec_of_a_definition_gets_an_answer(spec):
    for api_version in ("apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"):
        definition = {**crd({}, api_version=api_version), "spec": spec}
        definition_violations(definition)
        catalog = SchemaCatalog.bundled("1.33").with_custom_resources([as_resource(definition)])
        for schema in catalog.kinds():
            if schema.custom is not None:
                violations(backup({}), schema)


@QUICK
@given(st.text(alphabet=st.sampled_from(list("ab01\\[](){}^$.*+?|-,:&~dwspPxQEzA<>=!i/_ ")), max_size=20))
def test_any_pattern_is_translated_or_refused(pattern):
    try:
        translate(pattern)
    except UnsupportedPatternError:
        return
    definition = crd({"type": "object", "properties": {"a": {"type": "string", "pattern": pattern}}})
    judge_custom(definition, backup({"a": "ab01"}))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value
