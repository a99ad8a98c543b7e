"""Every rule's examples, through the real program: the bad one triggers it, the good one has no finding at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitgate.checks.schema_rules import SCHEMA_RULE_LIST, SCHEMA_RULES
from gitgate.finding import Rule, Severity
from tests.support.cli import Ended, gitgate

TESTS = Path(__file__).parents[1]

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1.0
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an example needs around it.

    Attributes:
        file: Where the example is written; None means standard input.
        beside: Other files of the directory.
        arguments: Further arguments of `gitgate validate`.
    """

    file: str | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
"""

KUSTOMIZATION = Scene(file="kustomization.yaml", beside={"deployment.yaml": DEPLOYMENT})

SCENES: Mapping[str, Scene] = {
    "kind-not-yet-served": Scene(arguments=("--kubernetes-version", "1.33")),
    "rejected-kind": Scene(arguments=("--reject", "Secret")),
    "unreferenced-manifest": Scene(
        file="kustomization.yaml", beside={"deployment.yaml": DEPLOYMENT, "service.yaml": SERVICE}
    ),
    **{code: KUSTOMIZATION for code in SCHEMA_RULES if code.startswith("kustomize-")},
}
"""Codes whose examples need more than standard input."""

NOT_IN_ONE_FILE: Mapping[str, str] = {
    # What a file's bytes or size do cannot be shown as text on a page.
    "yaml-limit": "the example would be as large as the limit",
    "yaml-encoding": "the bytes are not text",
    "opaque-file": "the bytes are not text",
    # Names, modes and links are in the tree, not in a file.
    "path-reserved": "a name in a tree",
    "path-collision": "two names in a tree",
    "path-hidden-character": "a name in a tree",
    "path-not-utf8": "a name in a tree",
    "symlink-escape": "a link in a tree",
    "symlink-loop": "a link in a tree",
    "symlink-dangling": "a link in a tree",
    "submodule": "a commit in a tree",
    "checkout-rewrites": "attributes of a tree",
    "argocd-override": "a name in a tree",
    # Several files, or a base and a change, are needed.
    "merge-conflict": "a base and a change",
    "crd-changed": "a base and a change",
    "secret-decrypted": "a base and a change",
    "crd-added": "a base and a change",
    "valid-only-under-changed-crd": "a base and a change",
    "rulebook-changed": "a base and a change",
    "settings-invalid": "a base and a change",
    "chart-not-rendered": "a chart is a directory",
    "chart-default-values": "a chart is a directory",
    "helm-invalid": "a chart is a directory",
    "helm-limit": "a chart is a directory",
    "helm-dependency": "a chart is a directory",
    "dependency-not-vendored": "a chart is a directory",
    "template-not-rendered": "a place in a tree",
    "helm-values-file": "a chart is a directory",
    "helm-failed": "a chart is a directory",
    "helm-lookup": "a chart is a directory",
    "helm-clock": "a chart is a directory",
    "helm-undecided": "a chart is a directory",
    "helm-conditional-failure": "a chart is a directory",
    "helm-conditional-deletion": "a chart is a directory",
    "helm-nondeterministic": "a chart is a directory",
    "helm-remote-schema": "a chart is a directory",
    "jsonnet-not-rendered": "a program beside a manifest",
    "kustomize-cycle": "two kustomizations",
    **dict.fromkeys(
        (
            "agent-refused",
            "agent-source-changed",
            "agent-dangling-reference",
            "agent-contested-reference",
            "agent-dependency-cycle",
            "agent-invalid",
            "agent-limit",
            "agent-not-rendered",
            "agent-substitution",
            "agent-undefined-variable",
            "agent-uncovered-file",
            "agent-unknown-grant",
            "agent-unproved-reference",
            "agent-unresolved-variable",
            "release-definitions",
            "release-not-rendered",
        ),
        "an entry point and what it leads to",
    ),
    # The machine, not the text.
    "kustomize-missing": "a machine without kustomize",
    "helm-missing": "a machine without helm",
    "vendored-chart": "an archive and its lock",
}
"""Codes that no text on a page shows, with the reason; each has a test of its own, below or beside its finder."""


def test_a_rule_has_examples_unless_no_file_can_show_it() -> None:
    without = {code for code, rule in SCHEMA_RULES.items() if not rule.bad}
    assert without == set(NOT_IN_ONE_FILE)


def test_what_no_page_shows_is_tested_all_the_same() -> None:
    others = [
        path for path in TESTS.rglob("test_*.py") if path.name not in {Path(__file__).name, "test_schema_rules.py"}
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in others)
    assert {code for code in NOT_IN_ONE_FILE if code not in DIRECTORIES and code not in text} == set()


def validate(text: str, scene: Scene, directory: Path) -> Ended:
    """Run `gitgate validate` on an example in its scene."""
    write({**scene.beside, **({scene.file: text} if scene.file is not None else {})}, directory)
    path, stdin = ("-", text.encode()) if scene.file is None else (".", b"")
    return gitgate("validate", "--output", "json", *scene.arguments, path, cwd=directory, stdin=stdin)


def write(files: Mapping[str, str | bytes], directory: Path) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


with_examples = pytest.mark.parametrize(
    "rule", [rule for rule in SCHEMA_RULE_LIST if rule.bad], ids=[rule.id for rule in SCHEMA_RULE_LIST if rule.bad]
)


@with_examples
def test_the_bad_example_triggers_its_rule(rule: Rule, tmp_path: Path) -> None:
    ended = validate(rule.bad, scene_of(rule), tmp_path)
    assert rule.id in ended.rules()
    if rule.severity is Severity.ERROR:
        assert ended.code == 1


@with_examples
def test_the_good_example_is_accepted_without_a_finding(rule: Rule, tmp_path: Path) -> None:
    ended = validate(rule.good, scene_of(rule), tmp_path)
    assert ended.rules() == []
    assert ended.code == 0


def scene_of(rule: Rule) -> Scene:
    return SCENES.get(rule.id.removeprefix("schema/"), Scene())


KUSTOMIZATION_FILE = "resources:\n  - deployment.yaml\n"

DIRECTORIES: Mapping[str, Mapping[str, str | bytes]] = {
    "yaml-limit": {"web.yaml": DEPLOYMENT + "#" * (5 << 20)},
    "yaml-encoding": {"web.yaml": DEPLOYMENT.encode().replace(b"web", b"w\xffb")},
    "kustomize-cycle": {
        "one/kustomization.yaml": "resources:\n  - ../two\n",
        "two/kustomization.yaml": "resources:\n  - ../one\n",
    },
    "helm-dependency": {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"
        "dependencies: [{name: db, version: 1.0.0, repository: 'file://../db'}]\n",
        "templates/web.yaml": DEPLOYMENT,
    },
}
"""Directories that show a rule where no text on a page can."""


@pytest.mark.parametrize("code", DIRECTORIES)
def test_a_directory_shows_what_no_page_can(code: str, tmp_path: Path) -> None:
    write(DIRECTORIES[code], tmp_path)
    ended = gitgate("validate", "--output", "json", ".", cwd=tmp_path)
    assert f"schema/{code}" in ended.rules()
    assert ended.code == 1


def test_a_kustomization_is_not_accepted_where_no_kustomize_is_installed(tmp_path: Path) -> None:
    write({"deployment.yaml": DEPLOYMENT, "kustomization.yaml": KUSTOMIZATION_FILE}, tmp_path)
    ended = gitgate("validate", "--output", "json", ".", cwd=tmp_path, environment={"PATH": "/nonexistent"})
    assert ended.rules() == ["schema/kustomize-missing"]
    assert ended.code == 1
