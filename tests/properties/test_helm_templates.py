"""Whatever a template holds, scanning it ends, raises nothing, and names lines that the template has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitgate.sources.helm_decisions import decisions, renders_files
from gitgate.sources.helm_scan import Text, reachable_actions, reachable_calls
from gitgate.sources.helm_variants import MAXIMUM, questions, variants

PIECES = (
    "{{", "}}", "{{- ", " -}}", "/*", "*/", '"', "`", "\\", "\n", " ", "(", ")", "|", ":=", "=", "$x", "$", ".", ".Values.a",
    "if ", "range ", "with ", "end", "else ", "define ", "block ", "include ", "template ", "tpl ", "now ", "lookup ", "randInt 0 9 ",
    'set $d "a" ', "eq ", "printf ", '"%c" ', "semverCompare ", '">=1.33.1" ', ".Capabilities.KubeVersion.Version ",
    ".Capabilities.APIVersions.Has ", '"a.example/v1" ', ".Release.IsUpgrade ", ".Release.Revision ", ".Files.Get ", '"x" ', "\\x7b",
    "\\u00e9", "\\777", "\u2028", "\0",
)  # fmt: skip
TEMPLATES = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


@given(TEMPLATES, TEMPLATES)
def test_scanning_ends_and_names_lines_of_the_template(template: str, value: str) -> None:
    actions = reachable_actions({"a.yaml": template}, [Text("values.yaml", 1, value)])
    last = {"a.yaml": template.count("\n") + 1, "values.yaml": value.count("\n") + 1}
    found = [
        *((one.path, one.line) for one in decisions(actions, (33,))),
        *((one.path, one.line) for one in reachable_calls(actions)),
    ]
    assert all(line >= 1 for _, line in found)
    # A literal may hold lines that its escapes spell, as no other text does.
    assert all(line <= last[path] for path, line in found if "\\" not in template + value)
    renders_files(actions)
    assert len(list(variants(questions(actions, "1.33", [value]), upgrades=True))) < MAXIMUM * MAXIMUM


@given(TEMPLATES)
def test_a_comment_changes_no_decision(template: str) -> None:
    def decided(text: str) -> list[str]:
        return [one.unknown for one in decisions(reachable_actions({"a.yaml": text}), (33,))]

    assert decided("{{/* if gt now 1 */}}" + template) == decided(template)
