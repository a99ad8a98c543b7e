"""The Applications that ApplicationSets make."""

from __future__ import annotations

import contextlib
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitgate.proposal import Snapshot
from gitgate.sources import effort, owner_walk
from gitgate.sources.argocd.templates import TemplateError, UnresolvedError, go_text, go_value, plain_text
from tests.support.rendering import DEPLOYMENT, render

OURS = "https://example.com/ours.git"
TEMPLATE = """\
  template:
    metadata: {name: '%s'}
    spec:
      project: default
      destination: {server: 'https://kubernetes.default.svc', namespace: web}
      source: {repoURL: https://example.com/ours.git, path: '%s'}
"""
APPS = {"apps/one/d.yaml": DEPLOYMENT, "apps/two/d.yaml": DEPLOYMENT.replace("web", "two")}
ANCHOR = {
    "anchor.yaml": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: anchor, namespace: argocd}\nspec:\n"
        "  destination: {namespace: anchor}\n  source: {repoURL: https://example.com/ours.git, path: anchor}\n"
    ),
    "anchor/d.yaml": DEPLOYMENT.replace("web", "anchor"),
}


def application_set(generators: str, name: str, path: str, *, more: str = "", go: bool = True) -> dict[str, str]:
    """A tree with an ApplicationSet and what it needs."""
    head = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all, namespace: argocd}\nspec:\n"
    body = f"  goTemplate: {str(go).lower()}\n" + textwrap.indent(textwrap.dedent(more), "  ")
    body += "  generators:\n" + textwrap.indent(textwrap.dedent(generators).strip("\n"), "    ") + "\n"
    return {"set.yaml": head + body + TEMPLATE % (name, path), **APPS, **ANCHOR}


def made(snapshot: Snapshot) -> dict[str, str]:
    """Applications that the set makes, with the paths of their first objects."""
    owner = "ApplicationSet argocd/all"
    names = [one.id.name for one in snapshot.resources if one.origin.owner == owner]
    applied = {one.origin.owner: one.origin.path for one in snapshot.resources if one.id.kind == "Deployment"}
    return {name: applied.get(f"Application argocd/{name}", "") for name in names}


def found(snapshot: Snapshot) -> list[str]:
    """Codes of what was found."""
    return sorted(problem.code for problem in snapshot.problems)


MANY = ", ".join(f"{{k: k{number}}}" for number in range(100))
BOTH = {"one": "apps/one/d.yaml", "two": "apps/two/d.yaml"}


@pytest.mark.parametrize(
    ("generators", "name", "path", "go"),
    [
        ("- list: {elements: [{name: one}, {name: two}]}", "{{name}}", "apps/{{ name }}", False),
        ("- list: {elements: [{name: one}, {name: two}]}", "{{.name}}", "apps/{{ .name }}", True),
        ("- list: {elementsYaml: '[{name: one}, {name: two}]'}", "{{.name}}", "apps/{{ .name }}", True),
        (f"- git: {{repoURL: {OURS}, directories: [{{path: apps/*}}]}}", "{{path.basename}}", "{{path}}", False),
        (f"- git: {{repoURL: {OURS}, directories: [{{path: apps/*}}]}}", "{{.path.basename}}", "{{.path.path}}", True),
        (f"- git: {{repoURL: {OURS}, directories: [{{path: '*/*'}}]}}", "{{path[1]}}", "{{path[0]}}/{{path[1]}}", False),
        (
            f"- git: {{repoURL: {OURS}, pathParamPrefix: my, directories: [{{path: apps/*}}]}}",
            "{{index .my.path.segments 1}}", '{{.my.path.path | trimSuffix "/"}}', True,
        ),
        (
            f"- git: {{repoURL: {OURS}, values: {{d: 'apps/{{{{.path.basename}}}}'}}, directories: [{{path: apps/*}}]}}",
            "{{.path.basename | upper | lower}}", "{{.values.d}}", True,
        ),
        (
            f"""
            - matrix:
                generators:
                  - list: {{elements: [{{root: apps}}]}}
                  - git: {{repoURL: {OURS}, directories: [{{path: '{{{{.root}}}}/*'}}]}}
            """,
            "{{.path.basename}}", "{{.root}}/{{.path.basename}}", True,
        ),
        (
            """
            - merge:
                mergeKeys: [id]
                generators:
                  - list: {elements: [{id: '1', name: x}, {id: '2', name: two}]}
                  - list: {elements: [{id: '1', name: one}, {id: '3', name: three}]}
            """,
            "{{name}}", "apps/{{name}}", False,
        ),
        (
            """
            - list: {elements: [{name: one, use: 'y'}, {name: three, use: 'n'}, {name: two, use: 'y'}]}
              selector: {matchExpressions: [{key: use, operator: In, values: ['y']}]}
            """,
            "{{.name}}", "apps/{{.name}}", True,
        ),
    ],
)  # fmt: skip
def test_generators_make_applications_that_are_rendered(generators: str, name: str, path: str, go: bool) -> None:  # noqa: FBT001 - a table
    snapshot = render(application_set(generators, name, path, go=go))
    assert made(snapshot) == BOTH
    assert found(snapshot) == []


def test_directories_can_be_excluded_and_hidden_ones_are() -> None:
    git = f"- git: {{repoURL: {OURS}, directories: [{{path: '*/*'}}, {{path: apps/two, exclude: true}}]}}"
    files = {".hidden/x/d.yaml": "a: 1\n", **application_set(git, "{{.path.basename}}", "{{.path.path}}")}
    assert made(render(files)) == {"one": "apps/one/d.yaml"}


def test_files_give_what_is_in_them_and_where_they_are() -> None:
    git = f"- git: {{repoURL: {OURS}, files: [{{path: 'config/*.json'}}]}}"
    files = {
        "config/a.json": '{"app": {"name": "one"}, "count": 2000000}',
        "config/deep/b.json": '[{"app": {"name": "two"}}]',
    }
    snapshot = render({**files, **application_set(git, "{{app.name}}", "apps/{{app.name}}", go=False)})
    assert made(snapshot) == BOTH
    assert snapshot.files["config/a.json"].value == "consumed"


CLUSTER = (
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: far\n  namespace: argocd\n"
    "  labels: {argocd.argoproj.io/secret-type: cluster, stage: live}\ndata: {name: b25l, server: aHR0cHM6Ly9mYXI=}\n"
)


def test_clusters_come_from_secrets_of_the_repository() -> None:
    clusters = "- clusters: {selector: {matchLabels: {stage: live}}, values: {d: '{{.metadata.labels.stage}}'}}"
    files = application_set(clusters, "{{.nameNormalized}}", "apps/{{.name}}")
    assert made(render({**files, "far.yaml": CLUSTER})) == {"one": "apps/one/d.yaml"}
    nothing = render(files)
    assert made(nothing) == {}
    assert "agent-unproved-reference" in found(nothing)


def test_a_patch_of_the_template_is_merged_but_not_into_the_project() -> None:
    patch = """
        templatePatch: |
          spec:
            project: secret
            source: {path: 'apps/{{.name}}'}
        """
    snapshot = render(application_set("- list: {elements: [{name: one}]}", "{{.name}}", "no", more=patch))
    assert made(snapshot) == {"one": "apps/one/d.yaml"}
    (application,) = [one for one in snapshot.resources if one.id.name == "one"]
    assert application.data["spec"]["project"] == "default"
    assert application.data["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]


@pytest.mark.parametrize(
    ("generators", "name", "code"),
    [
        ("- scmProvider: {github: {organization: a}}", "a", "agent-not-rendered"),
        ("- pullRequest: {}", "a", "agent-not-rendered"),
        ("- git: {repoURL: https://example.com/theirs, directories: [{path: '*'}]}", "a", "agent-not-rendered"),
        (f"- git: {{repoURL: {OURS}, revision: v1.0.0, files: [{{path: '*'}}]}}", "a", "agent-not-rendered"),
        ("- list: {elements: [{name: a}]}", "{{ range .x }}{{ end }}", "agent-not-rendered"),
        ("- list: {elements: [{name: a}]}", '{{ if eq .name "a" }}b{{ end }}', "agent-not-rendered"),
        ("- list: {elements: [{name: a}]}", "{{ .name | sha256sum }}", "agent-not-rendered"),
        ("- list: {elements: [{name: a}]}", "{{ .a.b }}", "agent-invalid"),
        ("- list: {elements: [{name: a}]}", "{{ .name", "agent-invalid"),
        ("- list: {elements: [{name: a}, {name: a}]}", "{{ .name }}", "agent-invalid"),
        ("- list: {elements: [7]}", "a", "agent-invalid"),
        ("- matrix: {generators: [{list: {elements: []}}]}", "a", "agent-invalid"),
        ("- merge: {mergeKeys: [a], generators: [{list: {elements: [{}, {}]}}, {list: {}}]}", "a", "agent-invalid"),
        (f"- git: {{repoURL: {OURS}, files: [{{path: 'apps/one/d.yaml'}}, {{path: ':!x'}}]}}", "a", "agent-not-rendered"),
        (f"- list: {{elements: [{', '.join(f'{{name: a{n}}}' for n in range(1001))}]}}", "{{.name}}", "agent-limit"),
        (
            (f"- matrix: {{generators: [{{list: {{elements: [{MANY.replace('k', 'a')}]}}}}, "
            f"{{list: {{elements: [{MANY.replace('k', 'b')}]}}}}]}}"),
            "{{.a}}-{{.b}}", "agent-limit",
        ),
    ],
)  # fmt: skip
def test_what_is_not_worked_out_is_named(generators: str, name: str, code: str) -> None:
    snapshot = render(application_set(generators, name, "apps/one"))
    assert code in found(snapshot)


@pytest.mark.parametrize(
    "generators", ["- 7", "- {}", "- {list: 7}", "- {git: []}", "- {clusters: x}", "- {matrix: {generators: 1}}"]
)
@pytest.mark.parametrize("go", [True, False])
def test_nothing_in_a_generator_ends_the_run(generators: str, go: bool) -> None:  # noqa: FBT001 - a table
    snapshot = render(application_set(generators, "{{name}}", "{{x}}", go=go))
    assert any(one.id.kind == "ApplicationSet" for one in snapshot.resources)


def test_texts_that_grow_without_end_are_named() -> None:
    grown = "{{.a}}" * 500
    values = f"- list: {{elements: [{{a: {'x' * 5000}}}]}}"
    assert "agent-limit" in found(render(application_set(values, grown, "a")))


NUMBERED = ", ".join(f"{{num: n{number}}}" for number in range(900))
EXPLOSIONS = {
    "patterns that fit nothing, for every set": (
        (f"- matrix: {{generators: [{{list: {{elements: [{NUMBERED}]}}}}, "
        f"{{git: {{repoURL: {OURS}, directories: [{{path: '*/{{{{.num}}}}*'}}]}}}}]}}"),
        "{{.num}}",
    ),
    "a list that is read anew for every set": (
        (f"- matrix: {{generators: [{{list: {{elements: [{NUMBERED}]}}}}, "
        f"{{list: {{elementsYaml: '[] # {'x' * 50_000}'}}}}]}}"),
        "{{.num}}",
    ),
    "long texts for every set": (
        f"- list: {{elements: [{NUMBERED}]}}",
        "{{.num}}" + "x" * 150_000,
    ),
    "a text in the place of every letter of another": (
        f"- list: {{elements: [{{a: {'x' * 50_000}}}]}}",
        '{{ replace "x" .a .a }}',
    ),
}  # fmt: skip


@pytest.mark.parametrize("explosion", EXPLOSIONS)
def test_an_explosion_is_found_before_it_happens(explosion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "MAXIMUM_WORK", 1_000_000)
    files = application_set(*EXPLOSIONS[explosion], "apps/one")
    many = {f"d{number}/a.txt": "" for number in range(3_000)}
    assert "agent-limit" in found(render({**files, **many}))


def test_a_template_of_many_nodes_is_not_copied_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "MAXIMUM_WORK", 1_000_000)
    values = f"- list: {{elements: [{NUMBERED}]}}"
    files = application_set(values, "{{.num}}", "apps/one")
    files["set.yaml"] += f"      info: [{', '.join('1' * 1_500)}]\n"
    assert "agent-limit" in found(render(files))


def test_more_applications_than_are_followed_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_walk, "MAXIMUM_OWNERS", 10)
    snapshot = render(application_set(f"- list: {{elements: [{MANY}]}}", "{{.k}}", "apps/one"))
    (problem,) = [one for one in snapshot.problems if one.code == "agent-limit"]
    assert "and 89 more are not rendered: there are more than 10 owners" in problem.message
    assert sum(one.origin.path == "apps/one/d.yaml" for one in snapshot.resources) == 10


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1, "1"), (1.0, "1"), (0, "0"), (100000, "100000"), (999999, "999999"), (1000000, "1e+06"),
        (1234567, "1.234567e+06"), (0.5, "0.5"), (0.0001, "0.0001"), (0.00001, "1e-05"), (-2.5, "-2.5"),
        (1e21, "1e+21"), (True, "true"), (None, "<no value>"), ("x", "x"),
    ],
)  # fmt: skip
def test_values_are_printed_as_go_prints_them(value: object, printed: str) -> None:
    assert go_value(value) == printed


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("a {{- .b -}} c", "aBc"),
        ("{{/* nothing */}}x", "x"),
        ('{{ index .map "x.y" }}', "deep"),
        ('{{ default "z" .gone }}', "z"),
        ('{{ .gone | default "z" }}', "z"),
        ('{{ (index .list 1) | replace "_" "-" }}', "two-2"),
        ("{{ .gone }}", "<no value>"),
        ("{{ normalize .odd }}", "a-b.c"),
        ("{{ `raw` }}", "raw"),
    ],
)
def test_simple_go_templates_are_exact(template: str, printed: str) -> None:
    values = {"b": "B", "map": {"x.y": "deep"}, "list": ["one", "two_2"], "odd": "A_b.C-"}
    assert go_text(template, values, missing_is_error=False) == printed


def test_a_missing_field_is_an_error_where_it_is_asked_for() -> None:
    with pytest.raises(TemplateError):
        go_text("{{ .gone }}", {}, missing_is_error=True)


@given(st.text(alphabet='{}.|()"`ab -1\n', max_size=40))
def test_no_template_ends_in_anything_else_than_text_or_a_refusal(template: str) -> None:
    assert isinstance(plain_text(template, {"a": "b"}), str)
    with contextlib.suppress(TemplateError, UnresolvedError):
        assert isinstance(go_text(template, {"a": "b"}, missing_is_error=False), str)


def test_a_mistake_of_what_a_set_makes_is_found_in_its_template() -> None:
    tree = application_set("- list: {elements: [{name: gone}]}", "{{.name}}", "apps/{{.name}}")
    (problem,) = render(tree).problems
    lines = tree["set.yaml"].splitlines()
    assert problem.location.position is not None
    assert "path: 'apps/{{.name}}'" in lines[problem.location.position.line - 1]
