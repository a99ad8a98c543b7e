"""What holds of plans of every kind: the objects and changes that real API servers were asked about."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitgate.proposal import Snapshot
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.canon import canonical
from gitgate.reconcile.changes import ABSENT, FieldChange, changed_fields
from gitgate.reconcile.outcome import predict_create, predict_update
from gitgate.reconcile.plan import Action, make_plan
from gitgate.reconcile.tables import Shape, TypeNode, kubernetes_tables
from gitgate.reconcile.typed import typed_failures
from gitgate.resource import Origin, Resource, ResourceId, split_api_version
from tests.agreement.pairs import Pair, definition, pairs, type_of

VERSIONS = ("1.30", "1.34", "1.36", "1.37")


@lru_cache(maxsize=1)
def by_object() -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs("1.37", 40):
        found.setdefault(pair.object, []).append(pair)
    return found


@st.composite
def changes(draw: st.DrawFn) -> tuple[TypeNode, dict[str, Any], dict[str, Any], str]:
    """Two texts of one object, each changed in its own way, and a version."""
    version = draw(st.sampled_from(VERSIONS))
    of_one = by_object()[draw(st.sampled_from(sorted(by_object())))]
    first, second = draw(st.sampled_from(of_one)), draw(st.sampled_from(of_one))
    node = type_of(first.base, kubernetes_tables(version))
    return node, dict(first.head), dict(second.head), version


def resource(data: dict[str, Any]) -> Resource:
    group, version = split_api_version(data["apiVersion"])
    return Resource(ResourceId(group, version, data["kind"], "", data["metadata"]["name"]), data, Origin("a.yaml"))


@given(changes())
@settings(deadline=None)
def test_canonical_is_idempotent_for_every_kind(change: tuple[TypeNode, dict[str, Any], dict[str, Any], str]) -> None:
    node, data, _, _ = change
    assume(not typed_failures(node, data))
    once = canonical(node, data)
    assert canonical(node, once) == once


@given(changes(), st.sampled_from(list(ApplyMethod)))
@settings(deadline=None)
def test_a_plan_from_an_object_to_itself_is_empty(
    change: tuple[TypeNode, dict[str, Any], dict[str, Any], str], method: ApplyMethod
) -> None:
    node, data, _, version = change
    assume(not predict_create(node, data, version=version).failures)
    # In a patch a null deletes, and so it does each time.
    if method is not ApplyMethod.CLIENT_SIDE or "null" not in json.dumps(data):
        outcome = predict_update(node, data, data, version=version, method=method)
        # API servers do change such an object by applying it once more: tests/unit/reconcile/test_apply.py.
        assert not changed_fields(outcome.before, outcome.after) or has_empty_list_key(node, data)
    # Another object with the same text, so that nothing is left to a comparison of identities.
    before, after = (Snapshot((resource(dict(definition())), resource(one))) for one in (data, copy.deepcopy(data)))
    assert {item.action for item in make_plan(before, after, version, method).objects} == {Action.UNCHANGED}


def has_empty_list_key(node: TypeNode, value: Any) -> bool:
    """Has a list an item whose key is there and empty, so that the server stores another key than was sent?"""
    if isinstance(value, dict):
        return any(has_empty_list_key(node.child(key), item) for key, item in value.items())
    if not isinstance(value, list) or node.shape is not Shape.LIST:
        return False
    keys = node.keys or ()
    return any(
        has_empty_list_key(node.item, item)
        or (isinstance(item, dict) and any(key in item and item[key] in ("", None) for key in keys))
        for item in value
    )


@given(changes(), st.sampled_from([ApplyMethod.SERVER_SIDE, ApplyMethod.CLIENT_SIDE]))
@settings(deadline=None)
def test_the_changes_of_a_plan_lead_to_what_it_predicts(
    change: tuple[TypeNode, dict[str, Any], dict[str, Any], str], method: ApplyMethod
) -> None:
    node, base, head, version = change
    assume(not typed_failures(node, base) and not typed_failures(node, head))
    outcome = predict_update(node, base, head, version=version, method=method)
    assert applied(outcome.before, changed_fields(outcome.before, outcome.after)) == outcome.after


def applied(data: Any, found: tuple[FieldChange, ...]) -> Any:
    result = copy.deepcopy(dict(data))
    for change in found:
        holder = result
        for step in change.path[:-1]:
            holder = holder[step]
        if change.new is ABSENT:
            del holder[change.path[-1]]
        else:
            holder[change.path[-1]] = copy.deepcopy(change.new)
    return result
