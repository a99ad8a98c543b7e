"""What the documentation says exists: commands, options, targets, inputs, settings, files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

from gitgate import __version__, bundled
from gitgate.checks.registry import all_rules
from gitgate.cli import cli
from gitgate.scaffold import Survey, plan
from gitgate.settings import Settings, parse_settings
from tests.support.action import ROOT

PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "adr").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
COMMENTS = "\n".join(file.content for file in plan(Survey(kubernetes_version="1.37")))
_RULE = re.compile(r"(?:`|(?:error|warning|note|explain) )(schema/[a-z0-9-]+)(?![\w./-])")


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(name: str, *languages: str) -> Iterator[str]:
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", text(name), re.DOTALL | re.MULTILINE):
        if language in languages:
            yield block


def command_lines(name: str) -> Iterator[str]:
    for block in blocks(name, "sh"):
        yield from block.splitlines()
    for block in blocks(name, "console"):
        yield from (line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))
    yield from (code for code in re.findall(r"`([^`\n]+)`", text(name)) if re.match(r"(gitgate|make) [a-z-]", code))


def parse(command: click.Command, arguments: list[str]) -> None:
    """Follow the words of a command line; whatever is not there is an assertion."""
    if isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        inner = command.get_command(click.Context(command), arguments[0])
        assert inner is not None, f"there is no command {arguments[0]}"
        parse(inner, arguments[1:])
        return
    options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    for word in arguments:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in {*options, "--help", "-h"}, f"{command.name} has no option {word}"


def test_the_check_of_the_documentation_can_fail() -> None:
    for arguments in (["judge"], ["check", "--bse"], ["schema", "remove"]):
        with pytest.raises(AssertionError):
            parse(cli, arguments)
    assert [line for line in command_lines("README.md") if line.startswith("gitgate validate")]
    assert "schema/removed-kind" in _RULE.findall(text("README.md"))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", text("Makefile"), re.MULTILINE))
    for line in command_lines(name):
        words = shlex.split(line, comments=True)
        if words[:1] == ["gitgate"]:
            parse(cli, words[1:])
        elif words[:1] == ["make"]:
            named = {word for word in words[1:] if re.fullmatch(r"[a-z-]+", word)}
            assert named <= targets, f"{line}: {named - targets}"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text(name)):
        assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_exists(name: str) -> None:
    assert set(_RULE.findall(text(name))) <= all_rules().keys()


def test_rules_and_commands_in_what_init_writes_exist() -> None:
    for rule in re.findall(r"schema/[a-z-]+", COMMENTS):
        assert rule in all_rules()
    for line in re.findall(r"`(gitgate [^`]+)`", COMMENTS):
        parse(cli, shlex.split(line)[1:])


@pytest.mark.parametrize("name", NAMES)
def test_every_workflow_uses_the_action_as_it_is(name: str) -> None:
    action = yaml.safe_load(text("action.yml"))
    for block in blocks(name, "yaml"):
        for step in _steps(yaml.safe_load(block)):
            if step.get("uses", "").startswith("gitgate/gitgate@"):
                assert step["uses"] == f"gitgate/gitgate@v{__version__}"
                assert step.get("with", {}).keys() <= action["inputs"].keys()
    for output in re.findall(r"steps\.gitgate\.outputs\.([\w-]+)", text(name) + COMMENTS):
        assert output in action["outputs"]
    for revision in re.findall(r"rev: (\S+)", text(name)):
        assert revision == f"v{__version__}"


def _steps(document: object) -> Iterator[dict[str, str]]:
    if isinstance(document, list):
        yield from (item for item in document if isinstance(item, dict))
    elif isinstance(document, dict):
        for job in document.get("jobs", {}).values():
            yield from job["steps"]


def test_the_page_of_the_action_lists_every_input_output_and_event() -> None:
    action = yaml.safe_load(text("action.yml"))
    page = text("docs/github-action.md")
    tables = page.split("## Inputs")[1].split("## Code scanning")[0]
    listed = [re.findall(r"`([\w-]+)`", row.split("|")[1]) for row in tables.splitlines() if row.startswith("| `")]
    assert sorted(name for row in listed for name in row) == sorted([*action["inputs"], *action["outputs"]])


def test_the_page_of_the_settings_lists_every_key_and_the_true_defaults() -> None:
    page = text("docs/settings.md")
    listed = dict(re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", page, re.MULTILINE))
    properties = json.loads(bundled.schema_file("settings-v1.json").read_bytes())["properties"]
    keys = {
        f"{key}.{inner}" if inner else key
        for key, about in properties.items()
        for inner in (about.get("properties", {}) or [""])
    }
    assert listed.keys() == keys
    defaults = Settings()
    assert [listed[f"limits.{key}"] for key in ("fileBytes", "documents", "depth", "renderSeconds")] == [
        str(defaults.limits.bytes), str(defaults.limits.documents), str(defaults.limits.depth), str(defaults.render_seconds)
    ]  # fmt: skip


def test_the_settings_that_are_shown_are_valid() -> None:
    (example,) = blocks("docs/settings.md", "yaml")
    parse_settings(example.encode(), "docs/settings.md", all_rules())
    shown = set(
        re.findall(r"^\| `(\w+)` \|", text("README.md").split("## Settings")[1].split("## Verdicts")[0], re.MULTILINE)
    )
    properties = json.loads(bundled.schema_file("settings-v1.json").read_bytes())["properties"]
    assert shown == properties.keys() - {"version"}


def test_every_row_of_the_threat_model_names_a_test_that_is_there() -> None:
    page = text("docs/threat-model.md")
    named = set(re.findall(r"`(tests/[\w/.]+)`", page))
    assert named
    for path in named:
        assert (ROOT / path).is_file(), path
    for row in re.findall(r"^\| [A-Z]\d.*$", page, re.MULTILINE):
        assert row.count("|") in {5, 6}, row


def test_the_first_commands_of_a_newcomer_are_demo_and_test() -> None:
    made = re.findall(r"^make (\w+)", text("README.md"), re.MULTILINE)
    assert made[:2] == ["demo", "test"]


def test_the_changelog_knows_what_is_not_released() -> None:
    assert "## [Unreleased]" in text("CHANGELOG.md")


def test_nothing_names_a_path_of_somebodys_machine() -> None:
    for path in [*PAGES, *ROOT.glob("*.y*ml"), ROOT / "Makefile", *Path(ROOT / "action").iterdir()]:
        if path.is_file():
            assert not re.search(r"/(home|root|Users|work)/\w", path.read_text()), path
