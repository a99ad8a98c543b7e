"""How server-side apply, kubectl's patch, Flux and replacement differ, one behaviour each."""

from __future__ import annotations

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.changes import changed_paths
from gitgate.reconcile.merge import NOBODY, Owned
from gitgate.reconcile.outcome import predict_update
from gitgate.reconcile.tables import kubernetes_tables
from tests.support.cluster import VERSION, changed, create, node, reasons, service, thing, update, workload

TWO = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}


def env(outcome):
    return [item["name"] for item in outcome.after["spec"]["template"]["spec"]["containers"][0].get("env", [])]


def test_an_item_that_git_drops_goes() -> None:
    assert env(update(workload(container=TWO), workload(container={"env": TWO["env"][:1]}))) == ["A"]


def test_reordering_the_environment_is_a_change() -> None:
    outcome = update(workload(container=TWO), workload(container={"env": TWO["env"][::-1]}))
    assert env(outcome) == ["B", "A"]
    assert changed_paths(outcome.before, outcome.after)


def test_an_item_in_the_middle_keeps_its_place() -> None:
    three = {"env": [TWO["env"][0], {"name": "X", "value": "x"}, TWO["env"][1]]}
    assert env(update(workload(container=TWO), workload(container=three))) == ["A", "X", "B"]


def test_an_item_that_somebody_added_by_hand_stays() -> None:
    live = workload(container={"env": [*TWO["env"], {"name": "HAND", "value": "x"}]})
    base, head = workload(container=TWO), workload(container=TWO, replicas=2)
    for method in (ApplyMethod.SERVER_SIDE, ApplyMethod.CLIENT_SIDE):
        assert env(predict_update(node(base), base, head, version=VERSION, method=method, live=live)) == [
            "A",
            "B",
            "HAND",
        ]
    assert env(predict_update(node(base), base, head, version=VERSION, method=ApplyMethod.REPLACE, live=live)) == [
        "A",
        "B",
    ]


def test_replicas_that_git_lets_go_of_fall_to_one() -> None:
    outcome = update(workload(replicas=5), workload())
    assert outcome.after["spec"]["replicas"] == 1


def test_replicas_that_an_autoscaler_owns_stay_with_server_side_apply() -> None:
    scaler = Owned({"spec": Owned({"replicas": Owned({}, self_owned=True)})})
    base, head, live = workload(replicas=3), workload(), workload(replicas=5)
    for method, replicas in ((ApplyMethod.SERVER_SIDE, 5), (ApplyMethod.CLIENT_SIDE, 1)):
        outcome = predict_update(node(base), base, head, version=VERSION, method=method, live=live, others=scaler)
        assert outcome.after["spec"]["replicas"] == replicas
    assert NOBODY.child("spec") is None


def test_recreate_fails_server_side_where_the_server_had_defaulted_rolling_update() -> None:
    head = workload(strategy={"type": "Recreate"})
    (reason,) = reasons(update(workload(), head))
    assert reason == ("spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'")
    assert not update(workload(), head, ApplyMethod.CLIENT_SIDE).failures
    assert not update(workload(strategy={"rollingUpdate": {"maxSurge": 1}}), head).failures


def test_on_delete_fails_both_ways() -> None:
    head = workload("StatefulSet", updateStrategy={"type": "OnDelete"})
    for method in (ApplyMethod.SERVER_SIDE, ApplyMethod.CLIENT_SIDE):
        (reason,) = reasons(update(workload("StatefulSet"), head, method))
        assert "only allowed for updateStrategy 'RollingUpdate'" in reason


def test_two_ports_of_one_number_are_told_apart_by_server_side_apply_only() -> None:
    def dns(target: int) -> dict:
        return service(*({"name": name, "port": 53, "protocol": protocol, "targetPort": target}
                         for name, protocol in (("t", "TCP"), ("u", "UDP"))))  # fmt: skip

    outcome = update(dns(53), dns(5353))
    assert [port["targetPort"] for port in outcome.after["spec"]["ports"]] == [5353, 5353]


def test_a_port_with_an_empty_protocol_is_refused_from_the_second_apply_on() -> None:
    # API servers say so, 1.34 and 1.37: the first apply stores 53/TCP, and the next one sends 53/"" beside it.
    for protocol in ("", None):
        text = service(
            ports=[{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": protocol}]
        )
        assert not create(text).failures
        again = update(text, {**text})
        assert [failure.message for failure in again.failures][:1] == ['Duplicate value: "t"']


def test_a_null_counts_where_there_is_nothing_below_to_keep() -> None:
    # API servers say so of cert-manager's Issuer with `selfSigned: null`, 1.37.
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    spec = {"type": "object", "properties": {"a": inner}}
    kind = kubernetes_tables(VERSION).custom({"type": "object", "properties": {"spec": spec}})
    empty, null = ({**thing("ex.io/v1", "Foo"), "spec": {"a": value}} for value in ({}, None))
    outcome = predict_update(kind, empty, null, version=VERSION)
    assert reasons(outcome) == ['spec.a: Invalid value: "null": spec.a in body must be of type object: "null"']


def test_a_name_given_twice_is_an_error_of_server_side_apply_only() -> None:
    twice = workload(container={"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]})
    (reason,) = reasons(create(twice))
    assert reason == '.spec.template.spec.containers[name="web"].env: duplicate entries for key [name="A"]'
    assert not update(workload(), twice, ApplyMethod.CLIENT_SIDE).failures


def test_an_unknown_field_is_refused_server_side_and_dropped_by_flux() -> None:
    head = workload(strategie={})
    assert reasons(update(workload(), head)) == [".spec.strategie: field not declared in schema"]
    outcome = update(workload(), head, ApplyMethod.FLUX)
    assert not outcome.failures
    assert not changed_paths(outcome.before, outcome.after)


def test_a_key_dropped_from_string_data_stays_unless_flux_applies() -> None:
    base = thing("v1", "Secret", stringData={"a": "1", "b": "2"})
    head = thing("v1", "Secret", stringData={"a": "1"})
    assert set(update(base, head).after["data"]) == {"a", "b"}
    assert set(update(base, head, ApplyMethod.CLIENT_SIDE).after["data"]) == {"a", "b"}
    assert set(update(base, head, ApplyMethod.FLUX).after["data"]) == {"a"}


def test_a_headless_service_stays_headless_when_git_stops_saying_so() -> None:
    outcome = update(service(clusterIP="None"), service())
    assert not outcome.failures
    assert not changed_paths(outcome.before, outcome.after)


def test_a_load_balancer_that_becomes_internal_loses_what_the_type_brought() -> None:
    after = update(service(type="LoadBalancer"), service(type="ClusterIP")).after["spec"]
    assert "externalTrafficPolicy" not in after
    assert "allocateLoadBalancerNodePorts" not in after


def test_a_null_in_a_keyed_list_is_refused() -> None:
    assert reasons(create(workload(pod={"volumes": [None]}))) == [
        ".spec.template.spec.volumes: element 0: associative list with keys may not have a null element"
    ]


def test_a_changed_selector_map_is_replaced_as_a_whole() -> None:
    after = update(service(selector={"a": "1"}), service(selector={"b": "2"})).after
    assert after["spec"]["selector"] == {"b": "2"}


def test_removing_a_whole_struct_lets_the_server_default_it_anew() -> None:
    base = workload(strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    after = update(base, workload()).after["spec"]["strategy"]
    assert after == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def test_value_gives_way_to_value_from() -> None:
    source = {"fieldRef": {"fieldPath": "status.podIP"}}
    head = workload(container={"env": [{"name": "A", "valueFrom": source}, TWO["env"][1]]})
    after = update(workload(container=TWO), head).after["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert "value" not in after


def test_a_change_of_the_pull_policy_sticks_when_git_drops_it() -> None:
    after = update(workload(container={"imagePullPolicy": "Always"}), workload()).after
    assert after["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_changed_is_a_helper_that_copies() -> None:
    base = workload()
    assert changed(base, "spec.replicas", 3)["spec"]["replicas"] == 3
    assert "replicas" not in base["spec"]
