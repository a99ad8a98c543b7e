"""What a policy means: the same as the API's documentation read word by word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gitgate.policy.definition import MatchResources, ResourceRule, Selector
from gitgate.policy.matching import Target, matches_object, matches_target, selects

KEYS = st.sampled_from(["app", "tier"])
WORDS = st.sampled_from(["a", "b", ""])
OPERATORS = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])
LABELS = st.dictionaries(KEYS, WORDS)
SELECTORS = st.builds(
    Selector,
    st.dictionaries(KEYS, WORDS, max_size=1).map(lambda labels: tuple(labels.items())),
    st.lists(st.tuples(KEYS, OPERATORS, st.lists(WORDS, max_size=2).map(tuple)), max_size=2).map(tuple),
)


def words(*texts: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(texts), max_size=2)


RULES = st.builds(
    ResourceRule,
    groups=words("apps", "", "*"),
    versions=words("v1", "v2", "*"),
    resources=st.lists(
        st.tuples(st.sampled_from(["deployments", "pods", "*"]), st.sampled_from(["", "*", "status", "scale"])),
        max_size=2,
    ).map(tuple),
    operations=words("CREATE", "UPDATE", "*"),
    scope=st.sampled_from(["*", "Cluster", "Namespaced"]),
    names=words("web", "api"),
)
MATCHES = st.builds(
    MatchResources,
    rules=st.lists(RULES, max_size=2).map(tuple),
    excluded=st.lists(RULES, max_size=2).map(tuple),
    namespaces=SELECTORS,
    objects=SELECTORS,
    equivalent=st.booleans(),
)
TARGETS = st.builds(
    Target,
    group=st.sampled_from(["apps", ""]),
    version=st.sampled_from(["v1", "v2"]),
    plural=st.sampled_from(["deployments", "pods"]),
    namespaced=st.booleans(),
    operation=st.sampled_from(["CREATE", "UPDATE", "DELETE"]),
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a request is about."""

    name: str
    labels: tuple[Mapping[str, str], ...]
    namespace_labels: tuple[Mapping[str, str], ...]

    @property
    def facts(self) -> dict[str, object]:
        return {"name": self.name, "labels": self.labels, "namespace_labels": self.namespace_labels}


NAMED = st.builds(
    Named,
    st.sampled_from(["web", "api", "other"]),
    st.lists(LABELS, min_size=1, max_size=2).map(tuple),
    st.lists(LABELS, max_size=2).map(tuple),
)


def selected(selector: Selector, labels: Mapping[str, str]) -> bool:
    requirements = [(key, "In", (value,)) for key, value in selector.labels] + [*selector.expressions]
    demands = {
        "In": lambda value, values: value is not None and value in values,
        "NotIn": lambda value, values: value is None or value not in values,
        "Exists": lambda value, _: value is not None,
        "DoesNotExist": lambda value, _: value is None,
    }
    return all(demands[operator](labels.get(key), values) for key, operator, values in requirements)


def means(rule: ResourceRule, target: Target, named: Named, *, exact: bool) -> bool:
    """Everything that a rule says is true of the request: `resourceNames` may be left out, `*` is anything."""
    # What is submitted is the object itself, which `pods` and `pods/*` mean and `pods/status` does not.
    resources = {name for name, part in rule.resources if part in ("", "*")}
    scope = "Namespaced" if target.namespaced else "Cluster"
    said = [
        (rule.operations, target.operation),
        (rule.groups, target.group),
        *([(rule.versions, target.version)] if exact else []),
        (resources, target.plural),
        ({rule.scope}, scope),
        (rule.names or {"*"}, named.name),
    ]
    return all("*" in allowed or value in allowed for allowed, value in said)


def expected(match: MatchResources, target: Target, named: Named, *, unrestricted: bool) -> bool:
    exact = not match.equivalent
    if any(means(rule, target, named, exact=exact) for rule in match.excluded):
        return False
    if not any(means(rule, target, named, exact=exact) for rule in match.rules) and (match.rules or not unrestricted):
        return False
    spaces = named.namespace_labels
    if spaces and not any(selected(match.namespaces, labels) for labels in spaces):
        return False
    return any(selected(match.objects, labels) for labels in named.labels)


@settings(max_examples=500)
@given(MATCHES, TARGETS, NAMED, st.booleans())
def test_a_request_is_meant_when_the_definition_says_so(
    match: MatchResources,
    target: Target,
    named: Named,
    unrestricted: bool,  # noqa: FBT001 - drawn
) -> None:
    first = matches_target(match, target, unrestricted=unrestricted)
    found = first and matches_object(match, target, named.facts)
    assert found == expected(match, target, named, unrestricted=unrestricted)


@given(MATCHES, TARGETS, NAMED, st.booleans())
def test_without_names_and_selectors_the_kind_decides(
    match: MatchResources,
    target: Target,
    named: Named,
    unrestricted: bool,  # noqa: FBT001 - drawn
) -> None:
    if match.unconditional and matches_target(match, target, unrestricted=unrestricted):
        assert matches_object(match, target, named.facts)


@given(SELECTORS, LABELS)
def test_a_selector_selects_what_every_part_of_it_does(selector: Selector, labels: dict[str, str]) -> None:
    assert selects(selector, labels) == selected(selector, labels)
