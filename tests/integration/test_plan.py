"""`gitgate plan` on real repositories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gitgate.__main__ import run
from tests.support.cluster import changed, thing, workload
from tests.support.repository import RepositoryBuilder


def text(*objects: dict) -> str:
    return yaml.safe_dump_all(objects, sort_keys=True)


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    repository = RepositoryBuilder(tmp_path / "app")

    def ask(before: str, after: str, *options: str, settings: str = "version: 1") -> tuple[int, str]:
        repository.commit({"app.yaml": before, ".gitgate/settings.yaml": settings})
        repository.commit({"app.yaml": after}, branch="change")
        code = run(["plan", "main", "change", "--git-dir", str(tmp_path / "app"), "--color", "never", *options])
        return code, capsys.readouterr().out

    return ask


def test_a_merge_is_told_object_by_object(plan) -> None:
    code, said = plan(text(workload()), text(workload(replicas=3), thing("v1", "ConfigMap", data={"a": "b"})))
    assert code == 0
    assert "~ Deployment shop/web\n      ~ spec.replicas: 1 → 3\n" in said
    assert said.endswith("Plan: 1 to create, 1 to update.\n")


def test_a_change_of_spelling_is_no_change(plan) -> None:
    assert plan(text(workload()), text(workload(replicas=1, strategy={"type": "RollingUpdate"}))) == (
        0, "Plan: 1 unchanged.\n")  # fmt: skip


def test_what_the_server_refuses_is_told_in_its_words(plan) -> None:
    other = changed(changed(workload(), "spec.selector.matchLabels.app", "x"), "spec.template.metadata.labels.app", "x")
    code, said = plan(text(workload()), text(other))
    assert code == 1
    assert "! Deployment shop/web  (cannot be applied)" in said
    assert 'spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable' in said


def test_how_the_agent_applies_decides(plan) -> None:
    recreate = text(workload(strategy={"type": "Recreate"}))
    assert plan(text(workload()), recreate, "--apply", "client-side")[0] == 0


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [("", (), 1), ("reconcile: {applyMethod: client-side}", (), 0),
     ("reconcile: {applyMethod: client-side}", ("--apply", "server-side"), 1)],
)  # fmt: skip
def test_the_settings_of_the_base_say_how_the_agent_applies(plan, settings: str, options: tuple, code: int) -> None:
    recreate = text(workload(strategy={"type": "Recreate"}))
    assert plan(text(workload()), recreate, *options, settings=f"version: 1\n{settings}")[0] == code


def test_a_file_that_cannot_be_read_leaves_the_plan_incomplete(plan) -> None:
    code, said = plan(text(workload()), "a: [")
    assert code == 3
    assert "Not in this plan: app.yaml: " in said


def test_a_file_that_is_too_large_to_read_prunes_nothing(plan) -> None:
    large = text(workload()) + "#" * 4096
    code, said = plan(text(workload()), large, settings="version: 1\nlimits: {fileBytes: 2048}")
    assert code == 3
    assert "1 unknown" in said
    assert "prune" not in said
    assert "app.yaml is not rendered here, and the agent may render it: the file has" in said


def test_a_file_that_is_encrypted_from_now_on_leaves_the_plan_incomplete(plan) -> None:
    code, said = plan(text(workload()), "\0GITCRYPT\0\1\2")
    assert code == 3
    assert "may stay or go; app.yaml: nothing in the file can be judged, as it is encrypted by git-crypt" in said
    assert "Not in this plan: app.yaml: " in said


def test_the_way_back(plan) -> None:
    claim = thing("v1", "PersistentVolumeClaim", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})  # fmt: skip
    code, said = plan(text(workload(), claim), text(workload()), "--rollback", "-o", "json")
    assert code == 0
    document = json.loads(said)
    assert document["counts"]["create"] == 1
    assert document["rollback"]["restores"] is False


def test_a_dump_of_the_cluster_shows_drift(plan, tmp_path: Path) -> None:
    dump = tmp_path / "live.yaml"
    live = {"apiVersion": "v1", "kind": "List", "items": [workload(replicas=9)]}
    dump.write_text(text(live))
    _, said = plan(text(workload(replicas=2)), text(workload(replicas=2)), "--from-live", str(dump))
    assert "↺ spec.replicas: live 9, which the agent puts back to 2" in said


@pytest.mark.parametrize("content", ["", "a: [", "just text"])
def test_a_dump_that_holds_nothing_is_a_usage_error(plan, tmp_path: Path, content: str) -> None:
    dump = tmp_path / "live.yaml"
    dump.write_text(content)
    assert plan(text(workload()), text(workload()), "--from-live", str(dump))[0] == 2


def test_a_version_without_tables_is_a_usage_error(plan) -> None:
    assert plan(text(workload()), text(workload()), "-k", "1.2")[0] == 2


@pytest.mark.parametrize("output", ["markdown", "html"])
def test_other_formats(plan, output: str) -> None:
    code, said = plan(text(workload()), text(workload(replicas=3)), "-o", output)
    assert code == 0
    assert "Plan: 1 to update" in said


def test_clusters_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = "version: 1\nclusters: [{name: staging, path: staging}, {name: production, path: production}]\n"
    files = {f"{place}/app.yaml": text(workload()) for place in ("staging", "production")}
    repository = RepositoryBuilder(tmp_path / "app")
    repository.commit({**files, ".gitgate/settings.yaml": settings})
    repository.commit(
        {f"{place}/app.yaml": text(workload(replicas=3)) for place in ("staging", "production")}, branch="x"
    )
    arguments = ["plan", "main", "x", "--git-dir", str(tmp_path / "app"), "--color", "never"]
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert "~ Deployment shop/web [cluster production]" in said
    assert "~ Deployment shop/web [cluster staging]" in said
    for output in ("json", "markdown", "html"):
        assert run([*arguments, "-o", output]) == 0
        assert "staging" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["text", "json", "markdown", "html"])
def test_drift_is_in_every_format(plan, tmp_path: Path, output: str) -> None:
    dump = tmp_path / "live.yaml"
    dump.write_text(text({"apiVersion": "v1", "kind": "List", "items": [workload(replicas=9)]}))
    live = text(workload(replicas=2))
    code, said = plan(live, live, "--from-live", str(dump), "-o", output)
    assert code == 0
    if output == "json":
        (drifted,) = json.loads(said)["drift"]
        assert drifted["fields"] == [{"field": "spec.replicas", "old": 9, "new": 2}]
    else:
        assert "rift" in said
        assert "live 9, which the agent puts back to 2" in said.replace("&#58;", ":")


@pytest.mark.parametrize("target", ["/dev/full", ""])
def test_a_plan_that_cannot_be_written_is_no_success(tmp_path: Path, target: str) -> None:
    RepositoryBuilder(tmp_path / "app").commit({"app.yaml": text(workload())})
    closed = f">{target}" if target else ">&-"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m gitgate plan main main --git-dir app {closed}', sys.executable],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "standard output" in done.stderr
    assert "internal error" not in done.stderr


@pytest.fixture
def left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def ask(files: dict[str, str]) -> list[str]:
        RepositoryBuilder(tmp_path / "app").commit(files)
        assert run(["plan", "main", "main", "--git-dir", str(tmp_path / "app")]) == 3
        lines = capsys.readouterr().out.splitlines()
        return [line.removeprefix("Not in this plan: ") for line in lines if line.startswith("Not in this plan: ")]

    return ask


def test_what_cannot_be_rendered_is_told_once_with_the_reason(left_out) -> None:
    shop = {"shop/kustomization.yaml": "resources: [web.yaml, gone.yaml]\n", "shop/web.yaml": text(workload())}
    told = left_out({**shop, "a.yaml": "a: [\n", "b.yaml": "b: [\n", "c.yaml": text(thing("v1", "ConfigMap"))})
    assert [line.split(": ")[0] for line in told] == ["a.yaml", "b.yaml", "shop/kustomization.yaml"]
    assert all(line.split(": ", 1)[1] for line in told)
    assert "gone.yaml" in told[-1]


def test_of_many_that_cannot_be_read_only_some_are_told(left_out) -> None:
    told = left_out({f"f{number:02}.yaml": "a: [\n" for number in range(40)} | {"web.yaml": text(workload())})
    assert len(told) == 11
    assert told[-1] == "30 more (gitgate coverage lists them)"


def test_a_dump_of_a_cluster_may_be_larger_than_any_file_of_a_repository(plan, tmp_path: Path) -> None:
    others = [
        changed(thing("v1", "ConfigMap", data={"a": "x" * 1_400_000}), "metadata.name", f"c{n}") for n in range(4)
    ]
    live = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [workload(replicas=5), *others]}
    file = tmp_path / "live.json"
    file.write_text(json.dumps(live), "utf-8")
    assert file.stat().st_size > 5_000_000
    code, said = plan(text(workload(replicas=2)), text(workload(replicas=2)), "--from-live", str(file))
    assert code == 0
    assert "↺ spec.replicas: live 5, which the agent puts back to 2" in said


def test_an_imported_definition_counts_and_one_of_the_change_does_not(tmp_path: Path, capsys) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                  "metadata": {"name": "foos.ex.io"}, "spec": {
                      "group": "ex.io", "names": {"kind": "Foo", "plural": "foos"}, "scope": "Namespaced", "versions": [
                          {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}}  # fmt: skip
    path = ".gitgate/schemas/ex.io/foo.json"
    foo = thing("ex.io/v1", "Foo", spec={})
    head = {"foo.yaml": text(changed(foo, "spec.b", 1))}
    for name, base, change, said in (
        ("base", {path: json.dumps(definition)}, {}, "! Foo shop/web"),
        ("change", {}, {path: json.dumps(definition)}, "? Foo shop/web"),
    ):
        repository = RepositoryBuilder(tmp_path / name)
        repository.commit({"foo.yaml": text(foo), **base})
        repository.commit({**head, **change}, branch="change")
        run(["plan", "main", "change", "--git-dir", str(tmp_path / name)])
        assert said in capsys.readouterr().out
