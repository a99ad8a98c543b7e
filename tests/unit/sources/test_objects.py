from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitgate.location import Location
from gitgate.resource import Origin
from gitgate.sources.objects import Objects, duplicate_problems, read_objects

ORIGIN = Origin("a.yaml")


def read(value: object) -> Objects:
    return read_objects(value, ORIGIN, lambda field: Location("a.yaml", excerpt=".".join(map(str, field))))


def thing(name: str = "x", **more: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def found(value: object) -> list[tuple[str, str]]:
    return [(problem.code, problem.location.excerpt or "") for problem in read(value).problems]


def test_an_object_is_called_by_group_version_kind_namespace_and_name() -> None:
    value = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    resource = read(value).resources[0]
    assert (resource.id.group, resource.id.version, resource.id.namespace) == ("apps", "v1", "shop")
    assert str(resource.id) == "Deployment shop/web"
    assert resource.data is value


def test_a_generated_name_ends_in_a_star() -> None:
    value = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "run-"}}
    assert read(value).resources[0].id.name == "run-*"


def test_lists_are_flattened_with_pointers_to_their_items() -> None:
    nested = {"apiVersion": "v1", "kind": "List", "items": [thing("b")]}
    value = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [thing("a"), nested]}
    objects = read(value)
    assert [r.id.name for r in objects.resources] == ["a", "b"]
    assert [r.origin.pointer for r in objects.resources] == [("items", 0), ("items", 1, "items", 0)]
    assert objects.problems == ()


def test_a_kind_that_hides_a_list_is_a_problem_and_its_items_are_judged() -> None:
    objects = read(thing("innocent", items=[{**thing("admin"), "kind": "Secret"}]))
    assert [(r.id.kind, r.id.name) for r in objects.resources] == [("Secret", "admin")]
    assert [problem.code for problem in objects.problems] == ["hidden-list"]


def test_an_object_with_null_items_is_a_problem_as_kubectl_applies_nothing() -> None:
    assert found(thing(items=None)) == [("hidden-list", "items")]
    assert found({"apiVersion": "v1", "kind": "List", "items": None}) == []


def test_items_that_are_no_list_belong_to_the_object() -> None:
    assert [r.id.name for r in read(thing(items={"a": 1})).resources] == ["x"]


def test_lists_are_followed_three_deep() -> None:
    value: object = thing()
    for _ in range(4):
        value = {"apiVersion": "v1", "kind": "List", "items": [value]}
    objects = read(value)
    assert objects.resources == ()
    assert [problem.code for problem in objects.problems] == ["hidden-list"]


def test_what_is_missing_is_said_at_its_place() -> None:
    assert found({"kind": "Pod", "metadata": {"name": "x"}}) == [("missing-api-version", "apiVersion")]
    assert found({"apiVersion": "v1", "metadata": {"name": "x"}}) == [("missing-kind", "kind")]
    assert found({"apiVersion": 1, "kind": True}) == [("missing-api-version", "apiVersion"), ("missing-kind", "kind")]
    assert found({"apiVersion": "v1", "kind": "Pod"}) == [("missing-name", "metadata")]
    assert found({"apiVersion": "v1", "kind": "Pod", "metadata": "x"}) == [("missing-name", "metadata")]
    assert found({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ""}}) == [("missing-name", "metadata")]
    assert found({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 5}}) == [("missing-name", "metadata.name")]
    assert found("text") == [("missing-kind", "")]
    assert found({"apiVersion": "v1", "kind": "List", "items": ["text"]}) == [("missing-kind", "items.0")]


def test_an_api_version_has_at_most_one_slash() -> None:
    assert found({**thing(), "apiVersion": "a/b/c"}) == [("missing-api-version", "apiVersion")]
    assert found({**thing(), "apiVersion": "apps/"}) == [("missing-api-version", "apiVersion")]
    assert found({**thing(), "apiVersion": "/v1"}) == [("missing-api-version", "apiVersion")]


def test_look_alikes_are_refused() -> None:
    cyrillic_er = "\u0420"
    assert found({**thing(), "kind": f"{cyrillic_er}od"}) == [("non-ascii-name", "kind")]
    assert found({**thing(), "kind": "Pod "}) == [("non-ascii-name", "kind")]
    assert found({**thing(), "apiVersion": "v1\u200b"}) == [("non-ascii-name", "apiVersion")]
    assert found(thing("w\u0435b")) == [("non-ascii-name", "metadata.name")]
    assert "\\u0435" in read(thing("w\u0435b")).problems[0].message


def test_only_a_secret_whose_values_are_all_encrypted_is_sealed() -> None:
    cipher = "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]"
    stamp = {"mac": cipher, "lastmodified": "2024-01-01T00:00:00Z", "version": "3.8.1"}
    secret = {**thing(), "kind": "Secret", "data": {"a": cipher}, "sops": stamp}
    (sealed,) = read(secret).resources
    assert (read(secret).encrypted, sealed.sealed, str(sealed.id)) == (1, True, "Secret x")
    assert "sops" not in sealed.data
    assert read({**secret, "metadata": {"name": cipher}}).resources == ()
    for fake in (
        {**secret, "data": {"a": cipher, "b": "cGxhaW4="}},
        {**secret, "kind": "ConfigMap"},
        {**secret, "sops": {}},
        {**secret, "data": {}},
        {**secret, "stringData": {"a": "plain"}},
    ):
        assert read(fake).encrypted == 0
        assert [one.sealed for one in read(fake).resources] == [False]


def test_the_same_object_twice_names_both_places() -> None:
    first, second = read(thing()).resources[0], read(thing()).resources[0]
    other_version = read({**thing(), "apiVersion": "v2"}).resources[0]
    problems = duplicate_problems([first, second, other_version], "this file")
    assert [problem.code for problem in problems] == ["duplicate-object", "duplicate-object"]
    assert "a.yaml, line 1" in problems[0].message
    generated = [read({**thing(), "metadata": {"generateName": "a-"}}).resources[0] for _ in range(2)]
    assert duplicate_problems(generated, "this file") == ()


KEYS = st.sampled_from(["apiVersion", "kind", "metadata", "items", "name", "generateName", "namespace", "sops", "data"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["v1", "List", "Pod", "a/b"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


@given(JSON)
def test_flattening_is_total_and_loses_nothing(value: object) -> None:
    objects = read(value)
    empty_list = isinstance(value, dict) and "items" in value
    assert objects.resources or objects.problems or objects.encrypted or empty_list
    for resource in objects.resources:
        assert resource.id.kind.isascii()
        current: object = value
        for step in resource.origin.pointer:
            current = current[step]  # type: ignore[index]
        assert current is resource.data


def test_what_lacks_a_version_is_named_and_told_the_one_of_its_kind() -> None:
    def told(value: object) -> tuple[str, str | None]:
        (problem,) = read_objects(value, Origin("a.yaml"), lambda _: Location("a.yaml")).problems
        return problem.message, problem.fix

    service = {"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}
    assert told(service) == ("the Service shop/web has no apiVersion", "Write `apiVersion: v1`.")
    assert told({"kind": "Thing", "metadata": {"name": "web"}}) == ("the Thing web has no apiVersion", None)
    assert told({"apiVersion": "v1", "metadata": {"name": "web"}}) == ("the object web has no kind", None)
