"""What `gitgate init` writes is valid, says what the defaults are, and touches nothing that is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitgate import __version__, bundled, scaffold
from gitgate.errors import UsageError
from gitgate.scaffold import PlannedFile, Survey, plan, write
from gitgate.settings import SETTINGS_PATH, Settings, parse_settings

PLAIN = Survey(kubernetes_version="1.37")
FOUND = Survey(
    kubernetes_version="1.37",
    unknown_groups=("cert-manager.io", "argoproj.io"),
    kustomizations=("overlays/production",),
    branch="trunk",
)
COMMENTED_OUT = r"^( *)# ( *(?:(?:- )?[\w/-]+:(?: .*)?|always\(\) &&|\(github\..*))$"
HOSTILE = 'a"\nversion: 2\u2028rules: {}\u0085\t# \udcff'


def planned(survey: Survey, path: str) -> str:
    return next(file.content for file in plan(survey) if file.path == path)


def settings_of(survey: Survey) -> Settings:
    text = planned(survey, SETTINGS_PATH)
    return parse_settings(text.encode(), SETTINGS_PATH, {"schema/deprecated-kind"})


def uncommented(text: str) -> dict[Any, Any]:
    """The file with every YAML line that is commented out switched on; prose in comments stays a comment."""
    loaded: dict[Any, Any] = yaml.safe_load(re.sub(COMMENTED_OUT, r"\1\2", text, flags=re.MULTILINE))
    return loaded


def test_the_settings_are_valid_and_hold_what_was_found() -> None:
    settings = settings_of(FOUND)
    assert settings.kubernetes_versions == ("1.37",)
    assert settings.allowed_unknown_groups == {"cert-manager.io", "argoproj.io"}
    assert settings.sources == ()


def test_where_every_kind_has_a_schema_no_group_is_allowed_without_one() -> None:
    assert settings_of(PLAIN).allowed_unknown_groups == frozenset()


def test_every_setting_is_shown_with_its_default() -> None:
    shown = uncommented(planned(PLAIN, SETTINGS_PATH))
    schema = json.loads(bundled.schema_file("settings-v1.json").read_bytes())
    assert shown.keys() == schema["properties"].keys()
    assert shown["schema"].keys() == schema["properties"]["schema"]["properties"].keys()
    defaults = Settings()
    assert shown["limits"] == {
        "fileBytes": defaults.limits.bytes,
        "documents": defaults.limits.documents,
        "depth": defaults.limits.depth,
        "renderSeconds": defaults.render_seconds,
    }
    parse_settings(yaml.safe_dump(shown).encode(), "uncommented", {"schema/deprecated-kind"})


@pytest.mark.parametrize("where", ["unknown_groups", "kustomizations"])
def test_a_name_from_the_tree_cannot_write_settings(where: str) -> None:
    settings = settings_of(Survey(kubernetes_version="1.37", **{where: (HOSTILE, "")}))
    assert settings.severities == {}
    assert settings.sources == ()
    assert settings.allowed_unknown_groups == frozenset()


def test_many_kustomizations_are_counted_rather_than_listed() -> None:
    text = planned(Survey(kubernetes_version="1.37", kustomizations=tuple(f"a{n}" for n in range(30))), SETTINGS_PATH)
    assert text.count("- path:") == 10
    assert "and 20 more" in text


def test_the_workflow_reads_only_and_needs_no_secret() -> None:
    text = planned(FOUND, scaffold.WORKFLOW_FILE)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow["jobs"]) == {"gitgate"}
    assert "secrets." not in text
    triggers = workflow[True]  # YAML 1.1 reads `on` as true; GitHub does not
    assert triggers == {"pull_request": None, "merge_group": None, "push": {"branches": ["trunk"]}}
    checkout, gate = workflow["jobs"]["gitgate"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    assert gate["uses"] == f"gitgate/gitgate@v{__version__}"


def test_the_commented_part_of_the_workflow_is_valid_when_it_is_switched_on() -> None:
    workflow = uncommented(planned(FOUND, scaffold.WORKFLOW_FILE))
    assert set(workflow["jobs"]) == {"gitgate", "code-scanning"}
    assert workflow["jobs"]["code-scanning"]["permissions"] == {"security-events": "write"}
    assert workflow["jobs"]["gitgate"]["steps"][2]["with"]["path"] == "${{ steps.gitgate.outputs.sarif }}"


def test_the_hook_is_this_release() -> None:
    (entry,) = yaml.safe_load(planned(PLAIN, scaffold.HOOK_FILE))["repos"]
    assert entry == {
        "repo": "https://github.com/gitgate/gitgate",
        "rev": f"v{__version__}",
        "hooks": [{"id": "gitgate"}],
    }


def test_write_makes_the_files_and_says_so(tmp_path: Path) -> None:
    messages = write(tmp_path, plan(FOUND))
    assert messages == tuple(f"wrote {file.path}" for file in plan(FOUND))
    for file in plan(FOUND):
        assert (tmp_path / file.path).read_text() == file.content


def test_nothing_is_overwritten_and_the_lines_to_add_are_told(tmp_path: Path) -> None:
    (tmp_path / scaffold.HOOK_FILE).write_text("repos: []\n")
    messages = write(tmp_path, plan(FOUND))
    assert (tmp_path / scaffold.HOOK_FILE).read_text() == "repos: []\n"
    assert messages[2].startswith("kept .pre-commit-config.yaml, which was there; add this to its repos:\n  - repo: ")
    again = write(tmp_path, plan(PLAIN))
    assert all(message.startswith("kept ") for message in again)
    assert "cert-manager.io" in (tmp_path / SETTINGS_PATH).read_text()


def test_a_link_in_the_work_tree_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / ".gitgate").symlink_to(outside)
    with pytest.raises(UsageError, match="leads out of the work tree"):
        write(root, plan(PLAIN))
    (root / "dangling").symlink_to(outside / "written")
    (message,) = write(root, [PlannedFile("dangling", "x")])
    assert message.startswith("kept dangling")
    assert list(outside.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".github").write_text("a file")
    with pytest.raises(UsageError, match=r"\.github/workflows/gitgate\.yaml cannot be written"):
        write(tmp_path, plan(PLAIN))
