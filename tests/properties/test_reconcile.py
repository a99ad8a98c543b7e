"""What holds of every plan: canonical objects stay as they are, nothing comes of nothing, and changes lead to the result."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.canon import canonical
from gitgate.reconcile.changes import ABSENT, FieldChange, changed_fields
from gitgate.reconcile.outcome import predict_update
from gitgate.reconcile.quantity import canonical_quantity, parse_quantity
from tests.support.cluster import VERSION, node, service, workload

NAMES = st.sampled_from(["a", "b", "c", "web"])
QUANTITIES = st.sampled_from(["1", "1000m", "0.5", "1Gi", "1024Mi", "1e3", "0", "100k", 2])
ENV = st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"value": st.sampled_from(["", "1", "2"])}),
               unique_by=lambda item: item["name"], max_size=4)  # fmt: skip
PORTS = st.lists(st.fixed_dictionaries({"containerPort": st.integers(1, 5)},
                                       optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": NAMES}),
                 unique_by=lambda item: item["containerPort"], max_size=3)  # fmt: skip
CONTAINERS = st.fixed_dictionaries({}, optional={
    "env": ENV, "ports": PORTS, "image": st.sampled_from(["web:1", "web", "web:latest"]), "args": st.lists(NAMES, max_size=3),
    "resources": st.fixed_dictionaries({}, optional={"limits": st.dictionaries(
        st.sampled_from(["cpu", "memory"]), QUANTITIES)}),
    "tty": st.booleans(), "livenessProbe": st.just({"tcpSocket": {"port": 1}}),
})  # fmt: skip
WORKLOADS = st.builds(
    lambda kind, container, spec: workload(kind, container, **spec),
    st.sampled_from(["Deployment", "DaemonSet", "StatefulSet"]),
    CONTAINERS,
    st.fixed_dictionaries(
        {}, optional={"revisionHistoryLimit": st.integers(0, 11), "minReadySeconds": st.integers(0, 2)}
    ),
)
SERVICES = st.builds(
    lambda ports, spec: service(*ports, **spec),
    st.lists(st.fixed_dictionaries({"port": st.integers(1, 4)}, optional={"targetPort": st.sampled_from([1, "http"])}),
             min_size=1, max_size=3, unique_by=lambda port: port["port"]),
    st.fixed_dictionaries({}, optional={"type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
                                        "sessionAffinity": st.sampled_from(["None", "ClientIP"])}),
)  # fmt: skip
OBJECTS = st.one_of(WORKLOADS, SERVICES)


@given(OBJECTS)
def test_canonical_is_idempotent(data: dict[str, Any]) -> None:
    once = canonical(node(data), data)
    assert canonical(node(data), once) == once


@given(OBJECTS, st.sampled_from(list(ApplyMethod)))
def test_applying_the_same_text_changes_nothing(data: dict[str, Any], method: ApplyMethod) -> None:
    outcome = predict_update(node(data), data, data, version=VERSION, method=method)
    assert outcome.before == outcome.after


@given(WORKLOADS, WORKLOADS)
def test_the_changes_of_a_plan_lead_from_one_object_to_the_other(base: dict[str, Any], head: dict[str, Any]) -> None:
    head = {**head, "kind": base["kind"]}
    outcome = predict_update(node(base), base, head, version=VERSION)
    assert applied(outcome.before, changed_fields(outcome.before, outcome.after)) == outcome.after


@given(WORKLOADS, WORKLOADS)
def test_server_side_apply_of_one_applier_leaves_what_git_says(base: dict[str, Any], head: dict[str, Any]) -> None:
    head = {**head, "kind": base["kind"]}
    stored = predict_update(node(base), base, head, version=VERSION).after
    fresh = canonical(node(head), head)
    # A pull policy that was defaulted once stays: that field alone depends on the past.
    for item in (stored, fresh):
        item["spec"]["template"]["spec"]["containers"][0].pop("imagePullPolicy")
    assert stored == fresh


def applied(before: Any, changes: tuple[FieldChange, ...]) -> Any:
    """An object with changes made, from deep to shallow."""
    result: Any = copy.deepcopy(before)
    for change in changes:
        holder = result
        for step in change.path[:-1]:
            holder = holder[step]
        if change.new is ABSENT:
            del holder[change.path[-1]]
        else:
            holder[change.path[-1]] = change.new
    return result


@given(st.text(alphabet="0123456789.eEmkMGiKn+-", max_size=12))
def test_a_respelled_quantity_is_the_same_number_and_is_not_respelled_again(text: str) -> None:
    parsed = parse_quantity(text)
    respelled = canonical_quantity(text)
    assert canonical_quantity(respelled) == respelled
    if parsed is not None:
        again = parse_quantity(respelled)
        assert again is not None
        assert again[0] == parsed[0]
