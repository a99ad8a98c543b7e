"""What a chart asks of the cluster, and the cases that are rendered for it."""

import pytest

from gitgate.sources.helm_scan import reachable_actions
from gitgate.sources.helm_variants import Questions, questions, variants

HAS = '{{{{ if .Capabilities.APIVersions.Has "{}" }}}}{{{{ end }}}}'


def asked(template: str, version: str = "1.33") -> Questions:
    return questions(reachable_actions({"a.yaml": template}), version)


SERVED = {
    "apps/v1": "served",
    "apps/v1/Deployment": "served",
    "v1": "served",
    "v1/Pod": "served",
    "networking.k8s.io/v1/Ingress": "served",
    "policy/v1beta1": "never",
    "extensions/v1beta1/Ingress": "never",
    "apps/v1/NoSuchKind": "never",
    "resource.k8s.io/v1beta1": "asked",  # what is not generally available may be switched off
    "monitoring.coreos.com/v1": "asked",
    "gateway.networking.k8s.io/v1/HTTPRoute": "asked",
}


@pytest.mark.parametrize("api", SERVED)
def test_what_kubernetes_serves_is_known(api: str) -> None:
    found = asked(HAS.format(api))
    answer = "served" if found.served == (api,) else "asked" if found.apis == (api,) else "never"
    assert answer == SERVED[api]


ASKING = {
    "the minor version": ("{{ .Capabilities.KubeVersion.Minor }}", "version"),
    "an upgrade": ("{{ if .Release.IsUpgrade }}{{ end }}", "upgrade"),
    "an installation": ("{{ if $.root.Release.IsInstall }}{{ end }}", "upgrade"),
    "an upgrade by its name": ('{{ if index .Release "IsUpgrade" }}{{ end }}', "upgrade"),
    "all of the release": ("{{ toYaml .Release }}", "upgrade"),
    "a version": ('{{ if semverCompare ">=1.21" .Capabilities.KubeVersion.GitVersion }}{{ end }}', "version"),
    "plain values": ("{{ toYaml .Values }} {{ .Release.Namespace }}", ""),
    "a literal in the list": ('{{ if has "a.example/v1" .Capabilities.APIVersions }}{{ end }}', "apis"),
    "a literal in a variable": (
        '{{ $apis := list "a.example/v1" }}{{ range $apis }}{{ if $.Capabilities.APIVersions.Has . }}{{ end }}{{ end }}',
        "apis",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", ASKING)
def test_what_templates_ask_is_known(situation: str) -> None:
    template, expected = ASKING[situation]
    found = asked(template)
    said = [name for name in ("upgrade", "version", "apis") if getattr(found, name)]
    assert " ".join(said) == expected


def test_api_versions_of_values_are_asked_where_templates_take_them_from_there() -> None:
    values = "api: a.example/v1\nimage: registry.example.com/team/v1/web\nmore: [b.example/v1beta1/Thing]\n"
    taken = reachable_actions({"a.yaml": "{{ if .Capabilities.APIVersions.Has .Values.api }}{{ end }}"})
    assert questions(taken, "1.33", [values]).apis == ("a.example/v1", "b.example/v1beta1/Thing")
    written = reachable_actions({"a.yaml": HAS.format("c.example/v1")})
    assert questions(written, "1.33", [values]).apis == ("c.example/v1",)


def conditions(found: Questions, *, upgrades: bool = True, others: tuple[str, ...] = ()) -> list[str]:
    return [one.condition for one in variants(found, upgrades=upgrades, others=others)]


def test_nothing_asked_is_rendered_once() -> None:
    assert conditions(Questions()) == []


def test_every_combination_of_answers_is_rendered() -> None:
    assert conditions(Questions(upgrade=True, apis=("a/v1", "b/v1"))) == [
        "the cluster has a/v1",
        "the cluster has b/v1",
        "the cluster has a/v1 and b/v1",
        "the release is upgraded",
        "the release is upgraded and the cluster has a/v1",
        "the release is upgraded and the cluster has b/v1",
        "the release is upgraded and the cluster has a/v1 and b/v1",
    ]


def test_an_agent_that_never_upgrades_has_no_such_case() -> None:
    assert conditions(Questions(upgrade=True), upgrades=False) == []


def test_versions_of_other_clusters_are_cases_of_a_chart_that_asks() -> None:
    assert conditions(Questions(version=True), others=("1.31", "1.32")) == ["Kubernetes is 1.31", "Kubernetes is 1.32"]
    assert conditions(Questions(upgrade=True), others=("1.31",)) == ["the release is upgraded"]


def test_many_api_versions_are_tried_alone_and_together() -> None:
    apis = ("a/v1", "b/v1", "c/v1", "d/v1")
    assert len(conditions(Questions(apis=apis))) == 5
