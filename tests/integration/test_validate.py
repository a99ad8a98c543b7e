"""`gitgate validate`: files as they are, and whatever a file may hold."""

from __future__ import annotations

import json
import os
import time

import pytest

from tests.support.cli import Ended, gitgate
from tests.support.manifests import MISSPELT, config_map, crd, deployment, widget


def validate(cwd, *arguments: str, **options) -> Ended:
    return gitgate("validate", "--output", "json", *arguments, cwd=cwd, **options)


def put(folder, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_files_directories_and_standard_input(tmp_path) -> None:
    put(tmp_path, {"a/web.yaml": deployment(), "b.yaml": config_map()})
    for arguments, stdin in ((["a"], b""), (["a/web.yaml", "b.yaml"], b""), (["-"], deployment().encode())):
        ended = validate(tmp_path, *arguments, stdin=stdin)
        assert (ended.code, ended.rules()) == (0, [])
    ended = validate(tmp_path, "-", stdin=deployment(extra=MISSPELT).encode())
    assert (ended.code, ended.rules()) == (1, ["schema/unknown-field"])
    ended = validate(tmp_path, "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod"}).encode())
    assert (ended.code, ended.rules()) == (1, ["schema/missing-name"])


def test_what_is_no_manifest_is_passed_over_in_a_directory_and_counted(tmp_path) -> None:
    put(tmp_path, {"web.yaml": deployment(), "values.yaml": "replicas: 3\n", "mkdocs.yml": "x: !!python/name:a.b ''\n"})
    ended = validate(tmp_path, ".")
    assert ended.code == 0
    assert ended.report["summary"]["files"] == {"judged": 1, "not-a-manifest": 2}


def test_what_is_no_manifest_is_a_finding_in_a_file_that_is_named(tmp_path) -> None:
    put(tmp_path, {"values.yaml": "replicas: 3\n", "web.yaml": deployment()})
    ended = validate(tmp_path, "values.yaml", "web.yaml")
    assert ended.code == 1
    assert set(ended.rules()) == {"schema/missing-api-version", "schema/missing-kind"}


def test_a_file_that_is_named_is_read_whatever_it_is_called(tmp_path) -> None:
    put(tmp_path, {"manifest.txt": deployment(extra=MISSPELT), "README": "hello\n"})
    assert validate(tmp_path, "manifest.txt").rules() == ["schema/unknown-field"]
    assert validate(tmp_path, "README").rules() == ["schema/missing-kind"]
    assert validate(tmp_path, ".").code == 3


def test_schemas_judge_custom_resources(tmp_path) -> None:
    put(tmp_path, {"crds/widget.yaml": crd(fields="size: {type: integer}"), "w.yaml": widget(spec="size: many")})
    assert validate(tmp_path, "w.yaml").rules() == ["schema/unknown-kind"]
    assert validate(tmp_path, "w.yaml", "--schema", "crds").rules() == ["schema/wrong-type"]
    assert validate(tmp_path, "w.yaml", "--schema", "crds/widget.yaml").rules() == ["schema/wrong-type"]
    assert validate(tmp_path, "w.yaml", "--allow-unknown-group", "example.com").code == 0
    assert validate(tmp_path, "w.yaml", "--allow-unknown-group", "*").code == 0
    assert validate(tmp_path, "w.yaml", "--allow-unknown-group", "example.org").code == 1


def test_a_schema_that_cannot_judge_is_a_finding(tmp_path) -> None:
    put(tmp_path, {"crds/widget.yaml": crd(fields="size: {type: nonsense}"), "w.yaml": widget()})
    ended = validate(tmp_path, "w.yaml", "--schema", "crds")
    assert ended.code == 1
    assert "schema/crd-invalid" in ended.rules()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("gadget.json", '{"type": "object"}', "neither a CustomResourceDefinition nor a JSON Schema"),
        ("shop/gadget_v1.json", '{"type": "object"}', "neither a CustomResourceDefinition nor a JSON Schema"),
        ("gadget.yaml", crd(fields="size: {type: nonsense}"), "properties.size.type must be one of"),
        ("gadget.yaml", "a: [1\n", "gadget.yaml"),
        ("readme.txt", crd(fields="size: {type: integer}"), "must end in .yaml, .yml or .json"),
    ],
)
def test_a_schema_that_is_named_and_cannot_judge_is_refused(tmp_path, name, content, complaint) -> None:
    """Somebody meant objects to be judged by it: to go on without would judge less than was asked."""
    put(tmp_path, {name: content, "w.yaml": config_map()})
    ended = validate(tmp_path, "w.yaml", "--schema", name)
    assert (ended.code, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) <= 2
    assert ended.stderr.startswith(f"gitgate: --schema {name}")
    assert complaint in ended.stderr
    assert ".gitgate" not in ended.stderr


def test_a_json_schema_is_known_by_its_directory_wherever_that_lies(tmp_path) -> None:
    schema = {"type": "object", "properties": {"spec": {"properties": {"size": {"type": "integer"}}}}}
    put(tmp_path, {"example.com/widget_v1.json": json.dumps(schema), "work/w.yaml": widget(spec="size: many")})
    for place in (
        "../example.com/widget_v1.json",
        str(tmp_path / "example.com/widget_v1.json"),
        str(tmp_path / "example.com"),
    ):
        assert validate(tmp_path / "work", "w.yaml", "--schema", place).rules() == ["schema/wrong-type"], place


def test_skip_reject_exclude_and_severity(tmp_path) -> None:
    put(tmp_path, {"web.yaml": deployment(extra=MISSPELT), "more/c.yaml": config_map()})
    assert validate(tmp_path, ".").code == 1
    assert validate(tmp_path, ".", "--skip", "Deployment").code == 0
    assert validate(tmp_path, ".", "--skip", "apps/v1/Deployment").code == 0
    assert validate(tmp_path, ".", "--skip", "v1/Deployment").code == 1
    assert validate(tmp_path, ".", "--exclude", "web.yaml").code == 0
    assert validate(tmp_path, ".", "--severity", "schema/unknown-field=warning").code == 0
    assert validate(tmp_path, ".", "--severity", "schema/unknown-field=ignore").code == 0
    assert validate(tmp_path, "more", "--reject", "ConfigMap").rules() == ["schema/rejected-kind"]


def test_settings_apply_when_they_are_named(tmp_path) -> None:
    put(
        tmp_path,
        {"web.yaml": deployment(extra=MISSPELT), "s.yaml": "version: 1\nrules:\n  schema/unknown-field: note\n"},
    )
    assert validate(tmp_path, "web.yaml").code == 1
    assert validate(tmp_path, "web.yaml", "--settings", "s.yaml").code == 0


# Bad input: one line or a finding with its place, an exit code that is never 0, no traceback


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], ["nowhere.yaml"]),
        ([".", "--settings", "nowhere.yaml"], ["nowhere.yaml"]),
        ([".", "--schema", "nowhere"], ["nowhere"]),
        ([".", "-k", "1.99"], ["1.99"]),
        ([".", "-k", "x"], ["x"]),
        ([".", "-o", "xml"], ["xml", "sarif"]),
        ([".", "-o", "json="], ["json="]),
        ([".", "-o", "json=no/such/dir/r.json"], ["no/such/dir"]),
        ([".", "--severity", "schema/none=error"], ["schema/none"]),
        ([".", "--severity", "schema/unknown-field=loud"], ["loud"]),
        ([".", "--exclude", "../x"], [".."]),
        (["-", "."], ["standard input"]),
        ([], ["PATH"]),
    ],
)
def test_usage_errors_are_exit_2_and_say_what_is_wrong(tmp_path, arguments, words) -> None:
    put(tmp_path, {"web.yaml": deployment()})
    ended = gitgate("validate", *arguments, cwd=tmp_path)
    assert ended.code == 2, ended
    assert ended.stdout == ""
    for word in words:
        assert word in ended.stderr


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(97 + n)}: &{chr(97 + n)} [{','.join([f'*{chr(96 + n)}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"x" * (5 * 1024 * 1024), "schema/yaml-limit"),
        (b"[" * 1_000_000, "schema/yaml-limit"),
        (b"{a: " * 1_000_000, "schema/yaml-limit"),
        (b"- " * 500_000, "schema/yaml-limit"),
        (BOMB.encode(), "schema/yaml-limit"),
        (b"kind: \xff\xfe\n", "schema/yaml-encoding"),
        (b"kind: [\n", "schema/yaml-syntax"),
        (deployment().encode("utf-16"), "schema/yaml-encoding"),
        (b"a: &a [*a]\n", "schema/yaml-alias"),
        (b"---#x: |\n  a\n", "schema/yaml-split-ambiguous"),
        (b"kind: a\x00b\n", None),
    ],
    ids=["5MB", "brackets", "braces", "dashes", "alias bomb", "not utf-8", "syntax", "utf-16", "self", "split", "nul"],
)
def test_a_hostile_file_is_a_finding_at_its_place_within_seconds(tmp_path, content, rule) -> None:
    put(tmp_path, {"bad.yaml": content, "good.yaml": deployment()})
    start = time.monotonic()
    ended = validate(tmp_path, "bad.yaml", "good.yaml")
    assert time.monotonic() - start < 10
    if rule is None:
        assert ended.code == 0
        assert ended.report["summary"]["files"] == {"judged": 1, "opaque": 1}
        return
    assert ended.code == 1
    assert rule in ended.rules()
    assert {finding["location"]["path"] for finding in ended.report["findings"]} == {"bad.yaml"}
    assert ended.report["summary"]["files"]["judged"] == 1


def test_nothing_but_opaque_files_is_not_accepted(tmp_path) -> None:
    put(tmp_path, {"secret.yaml": b"\0GITCRYPT\0" + os.urandom(64)})
    ended = validate(tmp_path, ".")
    assert ended.code == 3
    assert ended.report["summary"]["files"] == {"opaque": 1}


def test_an_empty_directory_is_not_accepted(tmp_path) -> None:
    ended = validate(tmp_path, ".")
    assert (ended.code, ended.report["verdict"]) == (3, "undetermined")


def test_empty_standard_input_is_not_accepted(tmp_path) -> None:
    assert validate(tmp_path, "-").code == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_one_line(tmp_path) -> None:
    put(tmp_path, {"web.yaml": deployment()})
    (tmp_path / "web.yaml").chmod(0)
    ended = validate(tmp_path, ".")
    assert ended.code == 3
    assert "web.yaml" in ended.stderr


def test_a_fifo_does_not_hang(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    ended = validate(tmp_path, ".")
    assert ended.code == 3
    assert "pipe.yaml" in ended.stderr


def test_modules_of_the_judged_directory_are_not_imported(tmp_path) -> None:
    """A checkout with `yaml.py` or `sitecustomize.py` would otherwise run inside gitgate (T6)."""
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w').close()\nraise SystemExit(0)\n"
    put(tmp_path, {"yaml.py": code, "sitecustomize.py": code, "click.py": code, "web.yaml": deployment(extra=MISSPELT)})
    assert validate(tmp_path, ".").code == 1
    assert not canary.exists()


def test_hostile_names_and_values_start_no_command_and_no_escape(tmp_path) -> None:
    name = "::error file=x::\x1b[31mowned ##[error]\u202e.yaml"
    text = deployment(name='"::warning::x \x1b]0;t\x07"'.replace("\x1b", "\\e").replace("\x07", "\\a"), extra=MISSPELT)
    put(tmp_path, {name: text, "ok.yaml": config_map()})
    for output in ("text", "github", "markdown"):
        ended = gitgate("validate", ".", "-v", "--output", output, cwd=tmp_path, environment={"GITHUB_ACTIONS": "true"})
        assert ended.code == 1
        assert "\x1b" not in ended.stdout
        assert "\u202e" not in ended.stdout
        assert "##[" not in ended.stdout
        commands = [line for line in ended.stdout.splitlines() if line.lstrip().startswith("::")]
        if output == "github":
            assert all(line.startswith(("::error file=", "::warning ", "::error ", "::notice ")) for line in commands)
            assert not any("file=x" in line.split("title")[0] and "%3A%3A" not in line for line in commands)
        else:
            assert commands == []


def test_colours_only_where_they_are_wanted(tmp_path) -> None:
    put(tmp_path, {"web.yaml": deployment(extra=MISSPELT)})
    assert "\x1b[" not in gitgate("validate", "web.yaml", cwd=tmp_path).stdout
    assert "\x1b[" in gitgate("validate", "web.yaml", "--color", "always", cwd=tmp_path).stdout
    forced = {"FORCE_COLOR": "1"}
    assert "\x1b[" in gitgate("validate", "web.yaml", cwd=tmp_path, environment=forced).stdout
    assert "\x1b[" not in gitgate("validate", "web.yaml", cwd=tmp_path, environment={**forced, "NO_COLOR": "1"}).stdout
