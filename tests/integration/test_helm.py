"""The real Helm: what it renders, where its objects come from, and what hostile charts come to."""

from __future__ import annotations

import http.server
import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitgate.errors import ToolError
from gitgate.location import Location, Position
from gitgate.proposal import Coverage
from gitgate.sources import helm_archive, helm_build, helm_chart
from gitgate.sources.helm import HelmBuilder
from gitgate.sources.helm_build import find_helm
from gitgate.sources.helm_request import HelmOutcome, HelmParameter, HelmRendering, HelmRequest, hook_events
from gitgate.sources.registry import render_tree
from gitgate.tree import MemoryTree
from tests.support.rendering import codes, context, names, places, render, require_helm, tree


@pytest.fixture(autouse=True, scope="module")
def _helm() -> None:
    require_helm()


CHART = "apiVersion: v2\nname: {name}\nversion: 1.0.0\n"
WEB = CHART.format(name="web")
OBJECT = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
data:
  value: {{ .Values.value | default "none" | quote }}
"""
OWNER = Location("release.yaml", Position(7, 3))


def chart(template: str = OBJECT, **more: str) -> dict[str, str | bytes]:
    """A chart in `web/`; further files by path inside it, `__` for `/` and `_0` for a dot."""
    extra = {name.replace("__", "/").replace("_0", "."): text for name, text in more.items()}
    return {f"web/{path}": text for path, text in {"Chart.yaml": WEB, "templates/a.yaml": template, **extra}.items()}


def ask(
    files: Mapping[str, str | bytes] | MemoryTree, builder: HelmBuilder | None = None, **wanted: object
) -> HelmRendering:
    """Render the chart in `web/` for the owner at `OWNER`."""
    contents = files if isinstance(files, MemoryTree) else tree(files)
    request = HelmRequest(**{"chart": "web", "release_name": "shop", "namespace": "prod", "owner": OWNER, **wanted})  # type: ignore[arg-type]  # tests name only fields that there are
    return (builder or HelmBuilder()).template(contents, request)


def found(rendering: HelmRendering) -> list[str]:
    """Problems as `code path:line`."""
    return [
        f"{problem.code} {problem.location.path}:{problem.location.position.line if problem.location.position else 0}"
        for problem in rendering.problems
    ]


def archive(files: Mapping[str, bytes]) -> bytes:
    """A packed chart."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as writer:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            writer.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def test_objects_lead_to_their_templates() -> None:
    template = "{{- if true }}\n# first\n" + OBJECT + "---\n" + OBJECT.replace("settings", "more") + "{{- end }}\n"
    rendering = ask(chart(template, crds__b_0yaml="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"))
    assert rendering.outcome is HelmOutcome.RENDERED
    assert [(str(r.id), r.origin.path, r.origin.line, r.origin.rendered_by) for r in rendering.resources] == [
        ("ConfigMap b", "web/crds/b.yaml", 1, "web"),
        ("ConfigMap shop-settings", "web/templates/a.yaml", 3, "web"),
        ("ConfigMap shop-more", "web/templates/a.yaml", 10, "web"),
    ]
    assert set(rendering.files.values()) == {Coverage.CONSUMED}
    assert found(rendering) == []


def test_later_values_win() -> None:
    files: dict[str, str | bytes] = {
        **chart(values_0yaml="value: chart\n"),
        "one.yaml": "value: one\n",
        "two.yaml": "value: two\n",
        "text": "from a file",
    }
    both = ("one.yaml", "two.yaml")
    situations: list[tuple[dict[str, object], str]] = [
        ({}, "chart"),
        ({"chart_values_files": both}, "two"),
        ({"chart_values_files": ("one.yaml",), "values_files": ("two.yaml",)}, "two"),
        ({"values_files": both}, "two"),
        ({"values_files": both, "values": {"value": "inline"}}, "inline"),
        ({"values": {"value": "inline"}, "parameters": (HelmParameter("value", "a,b"),)}, "a,b"),
        ({"parameters": (HelmParameter("value", "012", force_string=True),)}, "012"),
        ({"file_parameters": (HelmParameter("value", "text"),)}, "from a file"),
    ]
    for wanted, expected in situations:
        rendering = ask(files, None, **wanted)
        assert [resource.data["data"]["value"] for resource in rendering.resources] == [expected], wanted


def test_the_capabilities_are_those_of_the_request() -> None:
    template = OBJECT.replace(
        '.Values.value | default "none"',
        'printf "%s %t" .Capabilities.KubeVersion.Version (.Capabilities.APIVersions.Has "example.com/v1/Thing")',
    )
    rendering = ask(chart(template), kube_version="1.29", api_versions=("example.com/v1/Thing",))
    assert rendering.resources[0].data["data"]["value"] == "v1.29.0 true" or rendering.complaint == ""
    assert str(rendering.resources[0].data["data"]["value"]).startswith("v1.29")


def test_hooks_are_known_and_tests_are_left_out_if_asked() -> None:
    hook = OBJECT.replace("  name:", '  annotations: {"helm.sh/hook": "pre-install, Post-Upgrade"}\n  name:')
    test = OBJECT.replace("  name:", '  annotations: {"helm.sh/hook": test}\n  name:')
    files = chart(templates__b_0yaml=hook.replace("settings", "b"), templates__c_0yaml=test.replace("settings", "c"))
    events = {resource.id.name: hook_events(resource) for resource in ask(files).resources}
    assert events == {"shop-settings": (), "shop-b": ("pre-install", "post-upgrade"), "shop-c": ("test",)}
    assert names_of(ask(files, skip_tests=True)) == ["shop-settings", "shop-b"]
    assert names_of(ask(files, skip_hooks=True)) == ["shop-settings"]


def names_of(rendering: HelmRendering) -> list[str]:
    """The names of the objects."""
    return [resource.id.name for resource in rendering.resources]


def test_dependencies_are_taken_from_the_chart_or_from_the_tree() -> None:
    files: dict[str, str | bytes] = {
        **chart(),
        "web/Chart.yaml": WEB
        + "dependencies:\n"
        + "- {name: local, version: 1.0.0, repository: 'file://../lib/local', alias: other}\n"
        + "- {name: packed, version: 1.0.0, repository: 'https://charts.example.com'}\n",
        "lib/local/Chart.yaml": CHART.format(name="local"),
        "lib/local/templates/x.yaml": "\n" + OBJECT.replace("settings", "local"),
        "web/charts/packed-1.0.0.tgz": archive(
            {
                "packed/Chart.yaml": CHART.format(name="packed").encode(),
                "packed/templates/y.yaml": OBJECT.replace("settings", "packed").encode(),
            }
        ),
    }
    rendering = ask(files)
    assert found(rendering) == []
    assert {(resource.id.name, resource.origin.path) for resource in rendering.resources} == {
        ("shop-settings", "web/templates/a.yaml"),
        ("shop-local", "lib/local/templates/x.yaml"),
        ("shop-packed", "web/charts/packed-1.0.0.tgz"),
    }
    assert rendering.files["lib/local/templates/x.yaml"] is Coverage.CONSUMED


def test_equal_contents_are_rendered_once() -> None:
    builder = HelmBuilder()
    first = ask(chart(), builder)
    assert ask(chart(), builder) is first
    assert builder.runs == 1
    assert ask(chart(values_0yaml="value: 2\n"), builder) is not first
    assert builder.runs == 2


REFUSED: dict[str, tuple[dict[str, object], str, str]] = {
    "an escaping values file": ({"values_files": ("../secret.yaml",)}, "helm-values-file", "outside the repository"),
    "an absolute values file": ({"values_files": ("/etc/passwd",)}, "helm-values-file", "outside the repository"),
    "a fetched values file": (
        {"values_files": ("http://127.0.0.1/x",)},
        "helm-values-file",
        "gitgate fetches nothing",
    ),
    "a missing values file": ({"values_files": ("none.yaml",)}, "helm-values-file", "does not exist"),
    "a missing values file of the chart": ({"chart_values_files": ("none.yaml",)}, "helm-values-file", "not exist"),
    "a file parameter elsewhere": (
        {"file_parameters": (HelmParameter("a", "../x"),)},
        "helm-values-file",
        "outside the repository",
    ),
    "a file parameter that is two": (
        {"file_parameters": (HelmParameter("a=http://127.0.0.1/x,b", "web/Chart.yaml"),)},
        "helm-invalid",
        "no name of a parameter",
    ),
    "a release that is an option": ({"release_name": "--post-renderer=sh"}, "helm-invalid", "no name for a release"),
    "a namespace that is an option": ({"namespace": "--enable-dns"}, "helm-invalid", "no name of a namespace"),
    "a version that is none": ({"kube_version": "1.3 --debug"}, "helm-invalid", "no version of Kubernetes"),
    "an API version that is none": ({"api_versions": ("a b",)}, "helm-invalid", "no API version"),
    "an endless parameter": ({"parameters": (HelmParameter("a", "x" * 200_000),)}, "helm-invalid", "too long"),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_a_request_that_helm_must_not_see_is_a_problem_of_its_owner(situation: str) -> None:
    wanted, code, message = REFUSED[situation]
    builder = HelmBuilder()
    rendering = ask(chart(), builder, **wanted)
    assert (rendering.outcome, builder.runs) == (HelmOutcome.REFUSED, 0)
    (problem,) = rendering.problems
    assert (problem.code, problem.location) == (code, OWNER)
    assert message in problem.message
    assert rendering.files["web/templates/a.yaml"] is Coverage.FAILED


def test_missing_values_files_may_be_ignored() -> None:
    rendering = ask(chart(), values_files=("none.yaml",), ignore_missing_values_files=True)
    assert names_of(rendering) == ["shop-settings"]


BAD_CHARTS: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    "no chart": ({"web/templates/a.yaml": OBJECT}, ["helm-invalid release.yaml:7"]),
    "a dependency that nothing says where to find": (
        {**chart(), "web/Chart.yaml": WEB + "dependencies:\n- name: x\n  version: 1.0.0\n"},
        ["helm-dependency web/Chart.yaml:5"],
    ),
    "a dependency elsewhere": (
        {**chart(), "web/Chart.yaml": WEB + "dependencies:\n- name: x\n  repository: file://../../../etc\n"},
        ["helm-dependency web/Chart.yaml:6"],
    ),
    "a dependency on an absolute path": (
        {**chart(), "web/Chart.yaml": WEB + "dependencies:\n- name: x\n  repository: file:///etc\n"},
        ["helm-dependency web/Chart.yaml:6"],
    ),
    "a dependency on itself": (
        {**chart(), "web/Chart.yaml": WEB + "dependencies:\n- name: x\n  repository: file://../web\n"},
        ["helm-dependency web/Chart.yaml:6"],
    ),
    "a broken archive": (
        {**chart(), "web/charts/x.tgz": b"\x1f\x8bnothing"},
        ["helm-invalid web/charts/x.tgz:1"],
    ),
    "an archive that leads out": (
        {**chart(), "web/charts/x.tgz": archive({"x/../../../../tmp/evil": b"x"})},
        ["helm-invalid web/charts/x.tgz:1"],
    ),
    "an unreadable Chart.yaml": ({**chart(), "web/Chart.yaml": "name: [\n"}, ["helm-invalid web/Chart.yaml:1"]),
    "a template that does not parse": (chart("{{ nosuch }}\n"), ["helm-failed web/templates/a.yaml:1"]),
    "a template that calls itself": (
        chart('{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}\n'),
        ["helm-failed web/templates/a.yaml:1"],
    ),
    "no YAML": (chart("a: b: c\n"), ["helm-failed web/templates/a.yaml:1"]),
}


@pytest.mark.parametrize("situation", BAD_CHARTS)
def test_a_chart_that_cannot_be_rendered_is_a_problem_at_the_place_at_fault(situation: str) -> None:
    files, expected = BAD_CHARTS[situation]
    rendering = ask(files)
    assert found(rendering) == expected
    assert rendering.resources == ()
    assert rendering.outcome in {HelmOutcome.REFUSED, HelmOutcome.FAILED}


UMBRELLA = WEB + "dependencies:\n- name: x\n  version: 1.0.0\n  repository: oci://h/x\n"
REMOTE = {**chart(), "web/Chart.yaml": UMBRELLA}


@pytest.mark.parametrize("beside", [{}, {"web/templates/NOTES.txt": "hello", "web/templates/_helpers.tpl": "{{ x }}"}])
def test_a_chart_that_is_nothing_but_one_of_a_registry_is_named_and_not_run(beside: dict[str, str]) -> None:
    builder = HelmBuilder()
    rendering = ask({"web/Chart.yaml": UMBRELLA, "web/values.yaml": "x: {a: b}\n", **beside}, builder)
    assert found(rendering) == ["dependency-not-vendored web/Chart.yaml:7"]
    assert (rendering.outcome, builder.runs) == (HelmOutcome.ELSEWHERE, 0)
    assert rendering.files["web/values.yaml"] is Coverage.NOT_RENDERED


@pytest.mark.parametrize("where", ["web/Chart.yaml", "web/requirements.yaml"])
def test_what_a_chart_has_beside_one_of_a_registry_is_judged(where: str) -> None:
    """Otherwise a dependency would keep the templates of a new chart from being seen."""
    files = {**chart(), "web/Chart.yaml": WEB, where: UMBRELLA.removeprefix("" if where in REMOTE else WEB)}
    rendering = ask({**files, "web/values.yaml": "x: {a: b}\n"})
    assert [one.partition(":")[0] for one in found(rendering)] == [f"dependency-not-vendored {where}"]
    assert rendering.outcome is HelmOutcome.RENDERED
    assert names_of(rendering) == ["shop-settings"]
    assert rendering.files["web/templates/a.yaml"] is Coverage.CONSUMED


def test_a_dependency_that_takes_the_place_of_another_is_named_and_new() -> None:
    """What is rendered beside them is the same, and it is known already."""
    builder = HelmBuilder()
    before, after = ask(REMOTE, builder), ask({**REMOTE, "web/Chart.yaml": UMBRELLA.replace("x", "evil")}, builder)
    assert before.resources == after.resources
    assert ["'evil'" in one.message for one in (*before.problems, *after.problems)] == [False, True]
    assert before.problems[0].discriminator != after.problems[0].discriminator


def test_what_is_inside_a_chart_is_judged_beside_one_of_a_registry() -> None:
    inner = archive({"y/Chart.yaml": CHART.format(name="y").encode(), "y/templates/b.yaml": OBJECT.encode()})
    rendering = ask({"web/Chart.yaml": UMBRELLA, "web/charts/y.tgz": inner})
    assert found(rendering) == ["dependency-not-vendored web/Chart.yaml:7"]
    assert names_of(rendering) == ["shop-settings"]


def test_templates_that_need_the_chart_of_a_registry_are_not_called_good() -> None:
    rendering = ask({**chart('{{ include "x.name" . }}\n'), "web/Chart.yaml": UMBRELLA})
    assert found(rendering) == ["dependency-not-vendored web/Chart.yaml:7", "helm-failed web/templates/a.yaml:1"]
    assert rendering.outcome is HelmOutcome.FAILED
    assert "without its dependency x" in rendering.problems[1].message


def test_a_dependency_cannot_take_a_chart_out_of_sight_that_was_judged() -> None:
    builder = HelmBuilder()
    assert ask(chart(), builder).outcome is HelmOutcome.RENDERED
    rendering = ask(REMOTE, builder)
    assert found(rendering) == ["helm-dependency web/Chart.yaml:7"]
    assert rendering.outcome is HelmOutcome.REFUSED
    assert rendering.files["web/templates/a.yaml"] is Coverage.FAILED


LINKS = {
    "out of the tree": ("../../../etc/passwd", "out of the repository"),
    "absolute": ("/etc/passwd", "out of the repository"),
    "to nothing": ("none", "nothing that can be read"),
    "around itself": ("..", "nothing that can be read"),
}


@pytest.mark.parametrize("situation", LINKS)
def test_a_link_out_of_the_chart_keeps_it_from_being_rendered(situation: str) -> None:
    target, message = LINKS[situation]
    rendering = ask(tree(chart(), {"web/templates/link.yaml": target}))
    assert found(rendering) == ["helm-invalid web/templates/link.yaml:1"]
    assert message in rendering.problems[0].message


def test_a_link_inside_the_tree_is_what_it_leads_to() -> None:
    files = {**chart(), "shared/b.yaml": OBJECT.replace("settings", "b"), "shared/deep/c.txt": ""}
    rendering = ask(tree(files, {"web/templates/b.yaml": "../../shared/b.yaml", "web/more": "../shared"}))
    assert [(r.id.name, r.origin.path) for r in rendering.resources] == [
        ("shop-settings", "web/templates/a.yaml"),
        ("shop-b", "shared/b.yaml"),
    ]


CALLS = {
    "lookup": (
        '{{ $old := lookup "v1" "Secret" "prod" "x" }}\n' + OBJECT,
        ["helm-lookup web/templates/a.yaml:1"],
    ),
    "a name server": ('# {{ getHostByName "example.com" }}\n' + OBJECT, ["helm-lookup web/templates/a.yaml:1"]),
    "the clock": ('# x\n# {{ now | date "2006" }}\n' + OBJECT, ["helm-clock web/templates/a.yaml:2"]),
    "the clock, by the date of what is none": (
        '# {{ dateInZone "2006" "x" "UTC" }}\n' + OBJECT,
        ["helm-clock web/templates/a.yaml:1"],
    ),
    "chance": (OBJECT + "  password: {{ randAlphaNum 20 }}\n", ["helm-nondeterministic web/templates/a.yaml:7"]),
    "a certificate": (
        OBJECT + '  key: {{ (genCA "x" 1).Cert | quote }}\n',
        ["helm-nondeterministic web/templates/a.yaml:7"],
    ),
    "a comment": ('{{/* lookup now */}}# {{ .Values.lookup }} lookup {{ "now" | quote }}\n' + OBJECT, []),
    "a helper that nobody includes": ('{{ define "x" }}{{ lookup "v1" "a" "b" "c" }}{{ end }}\n' + OBJECT, []),
    "a helper under a computed name": (
        '{{ define "x" }}{{ lookup "v1" "a" "b" "c" }}{{ end }}{{ $x := include (print "x") . }}\n' + OBJECT,
        ["helm-lookup web/templates/a.yaml:1"],
    ),
}


@pytest.mark.parametrize("situation", CALLS)
def test_what_a_template_asks_of_the_world_is_found(situation: str) -> None:
    template, expected = CALLS[situation]
    rendering = ask(chart(template))
    assert found(rendering) == expected
    assert rendering.outcome is HelmOutcome.RENDERED


def test_values_that_a_template_renders_are_looked_through() -> None:
    template = OBJECT.replace(".Values.value |", "tpl .Values.value . |")
    rendering = ask(chart(template), values={"value": '{{ lookup "v1" "Secret" "a" "b" }}'})
    assert found(rendering) == ["helm-lookup release.yaml:7"]


def test_what_differs_between_two_renderings_is_hidden_in_the_same_way_each_time() -> None:
    template = OBJECT + "  password: {{ randAlphaNum 9 | quote }}\n  number: {{ randInt 1 99999999 }}\n"
    first, second = ask(chart(template)), ask(chart(template))
    assert first.resources[0].data["data"].keys() == {"value", "password", "number"}
    assert first.resources[0].data["data"]["number"] == 0
    assert set(first.resources[0].data["data"]["password"]) <= {"a", "A", "0"}
    assert first.resources[0].data["data"]["value"] == second.resources[0].data["data"]["value"] == "none"


def test_a_chart_that_holds_other_objects_each_time_is_not_rendered() -> None:
    template = (
        "{{ range until (int (randInt 1 90)) }}---\n"
        + OBJECT.replace("settings", "{{ . }}").replace(".Release", "$.Release").replace(".Values", "$.Values")
        + "{{ end }}"
    )
    outcomes = {ask(chart(template)).outcome for _ in range(4)}
    assert HelmOutcome.FAILED in outcomes


NEEDS: dict[str, tuple[str, dict[str, str]]] = {
    "required": ('{{ required "say who" .Values.who }}', {}),
    "fail": ('{{ fail "say who" }}', {}),
    "an absent mapping": ("{{ .Values.a.b.c }}", {}),
    "a schema": ("", {"values_0schema_0json": '{"required": ["who"]}'}),
}


@pytest.mark.parametrize("situation", NEEDS)
def test_a_chart_that_needs_values_says_so(situation: str) -> None:
    template, more = NEEDS[situation]
    rendering = ask(chart(template + "\n", **more))
    assert rendering.outcome is HelmOutcome.NEEDS_VALUES
    assert [problem.code for problem in rendering.problems] == ["helm-failed"]


def test_a_chart_that_nobody_owns_is_judged_with_its_default_values() -> None:
    snapshot = render(chart())
    assert names(snapshot) == ["ConfigMap web-settings"]
    assert places(snapshot) == ["chart-default-values web/Chart.yaml:0"]
    assert set(snapshot.files.values()) == {Coverage.CONSUMED}


def test_a_change_that_makes_a_judged_chart_need_values_is_refused() -> None:
    shared = context()
    render_tree(tree(chart()), shared)
    head = render_tree(tree(chart('{{ required "x" .Values.x }}\n')), shared)
    assert codes(head) == ["helm-failed"]


def test_manifests_beside_the_templates_are_judged_as_they_stand() -> None:
    snapshot = render({**chart(), "web/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"})
    assert names(snapshot) == ["ConfigMap x", "ConfigMap web-settings"]


def test_a_library_renders_to_nothing() -> None:
    files = {**chart(), "web/Chart.yaml": WEB + "type: library\n"}
    assert codes(render(files)) == []


def test_a_missing_helm_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rendering = ask(chart())
    assert (rendering.outcome, found(rendering)) == (HelmOutcome.NO_PROGRAM, ["helm-missing release.yaml:7"])
    assert "helm.sh" in str(rendering.problems[0].fix)
    assert codes(render(chart())) == ["helm-missing"]


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A `helm` of our own on PATH, before the real one."""
    folder.mkdir(exist_ok=True)
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("answer", ["v2.17.0", "v3.15.9", "", "hello"])
def test_an_old_helm_is_refused(answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(tmp_path, monkeypatch, f"echo '{answer}'")
    with pytest.raises(ToolError, match=r"older than 3\.16"):
        find_helm()


@pytest.mark.parametrize(
    ("script", "message"),
    [("kill -9 $$", "killed by signal 9"), ("exit 3", "exit code 3"), ("echo 'a: [' ; exit 0", "cannot be read")],
    ids=["killed", "another exit code", "no YAML"],
)
def test_a_helm_that_ends_badly_is_a_problem(
    script: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(tmp_path, monkeypatch, f'if [ "$1" = version ]; then echo v3.19.0; exit 0; fi\n{script}')
    rendering = ask(chart())
    assert (rendering.outcome, found(rendering)) == (HelmOutcome.FAILED, ["helm-failed release.yaml:7"])
    assert message in rendering.complaint


def helm_processes() -> set[str]:
    """Processes of this user that run `helm template`."""
    running = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if len(arguments) > 2 and arguments[0].endswith(b"helm") and b"hostile-release" in arguments:
            running.add(place.parent.name)
    return running


ENDLESS = {
    "a range": "{{ range until 2000000000 }}x{{ end }}\n",
    "nested ranges": "{{ range until 10000 }}{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}{{ end }}\n",
    "text": '{{ $x := repeat 1000000 "x" }}{{ range until 1000000 }}{{ $x }}{{ end }}\n',
}


@pytest.mark.parametrize("situation", ENDLESS)
def test_an_endless_template_ends(situation: str) -> None:
    started = time.monotonic()
    rendering = ask(chart(ENDLESS[situation]), HelmBuilder(timeout=3), release_name="hostile-release")
    assert time.monotonic() - started < 20
    assert rendering.outcome is HelmOutcome.FAILED
    assert found(rendering) == ["helm-failed release.yaml:7"]
    assert helm_processes() == set()


def test_a_huge_output_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_build, "OUTPUT_LIMIT", 100_000)
    rendering = ask(chart(OBJECT + '  text: {{ repeat 200000 "x" }}\n'))
    assert (rendering.outcome, found(rendering)) == (HelmOutcome.FAILED, ["helm-failed release.yaml:7"])
    assert "more than 100000 bytes" in rendering.complaint


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_archive, "UNPACKED_LIMIT", 1_000_000)
    rendering = ask({**chart(), "web/charts/x.tgz": archive({"x/Chart.yaml": b"#" * 3_000_000})})
    assert found(rendering) == ["helm-invalid web/charts/x.tgz:1"]


def test_a_chart_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_chart, "_FILES", 3)
    rendering = ask({**chart(), **{f"web/files/{number}": "" for number in range(9)}})
    assert {problem.code for problem in rendering.problems} == {"helm-limit"}
    assert len(rendering.problems) == 1


class _Canary(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what it was asked for: nothing, if all is well."""
    asked: list[str] = []
    handler = type("Handler", (_Canary,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


SCHEMAS = {
    "a reference": '{"$ref": "URL/x.json"}',
    "a reference to a file": '{"$ref": "file:///etc/hostname"}',
    "a relative reference": '{"$id": "URL/a.json", "$ref": "b.json"}',
    "a dialect": '{"$schema": "URL/dialect"}',
    "a hidden reference": '{"properties": {"a": {"\\u0024ref": "URL/x.json", "\\u0024ref": "URL/x.json"}}}',
    "a lie about a dialect": '{"$schema": "http://json-schema.org/URL"}',
    "no JSON": '{"$ref": "URL/x.json"',
}


@pytest.mark.parametrize("packed", [False, True], ids=["in the chart", "packed"])
@pytest.mark.parametrize("situation", SCHEMAS)
def test_a_schema_of_values_sends_no_request(situation: str, canary: tuple[str, list[str]], *, packed: bool) -> None:
    """Helm follows `$ref` of `values.schema.json` over HTTP, proxies or not."""
    address, asked = canary
    schema = SCHEMAS[situation].replace("URL", address)
    files: dict[str, str | bytes] = {**chart()}
    if packed:
        inner = {"x/Chart.yaml": CHART.format(name="x"), "x/values.schema.json": schema}
        files["web/charts/x.tgz"] = archive({name: text.encode() for name, text in inner.items()})
    else:
        files["web/values.schema.json"] = schema
    rendering = ask(files)
    assert asked == []
    assert found(rendering) == [f"helm-remote-schema web/{'charts/x.tgz' if packed else 'values.schema.json'}:0"]
    assert names_of(rendering) == ["shop-settings"]


def test_a_chart_full_of_addresses_sends_no_request(canary: tuple[str, list[str]]) -> None:
    address, asked = canary
    head = WEB + f"icon: {address}/icon\nhome: {address}\nsources: [{address}]\n"
    plugin = f"name: x\ncommand: curl {address}\ndownloaders: [{{command: x, protocols: [http]}}]\n"
    everything: dict[str, str | bytes] = {
        **chart('{{ .Files.Get "../../x" }}{{ getHostByName "localhost" }}\n' + OBJECT),
        "web/Chart.yaml": head,
        "web/plugin.yaml": plugin,
        "web/plugins/x/plugin.yaml": plugin,
    }
    assert ask(everything).outcome is HelmOutcome.RENDERED
    remote: dict[str, str | bytes] = {
        **chart(),
        "web/Chart.yaml": head + f"dependencies: [{{name: x, version: 1.0.0, repository: '{address}'}}]",
    }
    assert found(ask(remote)) == ["dependency-not-vendored web/Chart.yaml:7"]
    assert ask(chart(), parameters=(HelmParameter("value", f"{address}/x"),)).outcome is HelmOutcome.RENDERED
    assert asked == []


def test_neither_the_environment_nor_the_machine_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No plugin, no cluster and no variable of whoever runs gitgate."""
    plugin = tmp_path / "plugins" / "evil"
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text("name: evil\nversion: 1.0.0\ncommand: touch ran\n", encoding="utf-8")
    monkeypatch.setenv("HELM_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    template = OBJECT.replace('.Values.value | default "none"', ".Release.Namespace")
    rendering = ask(chart(template))
    assert rendering.resources[0].data["data"]["value"] == "prod"


def test_a_complaint_names_no_private_path() -> None:
    rendering = ask(chart("{{ .Values.a.b.c }}\n"))
    assert "/tmp" not in rendering.complaint
    assert "gitgate-" not in rendering.complaint
