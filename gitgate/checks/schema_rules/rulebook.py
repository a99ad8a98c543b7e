"""Rules about `.gitgate/`: edits of what judges."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/rulebook-changed",
        title="A change of what judges",
        severity=Severity.WARNING,
        what="The change edits a file under `.gitgate/`. The files of the base judged it, not the edited ones.",
        why="From the merge on other rules hold; a loosened rule lets the next change through.",
        remedy="Have it reviewed by those who own the rules, in a change of its own; CODEOWNERS can demand that.",
        references=("https://docs.github.com/articles/about-code-owners",),
    ),
    Rule(
        id="schema/settings-invalid",
        title="Settings that would stop every later run",
        severity=Severity.ERROR,
        what="The change leaves `.gitgate/settings.yaml` in a state that gitgate cannot read.",
        why="After the merge every run would end with an error about settings, and no change could be judged.",
        remedy="Correct the file at the place given; schemas/settings-v1.json describes what it may hold.",
    ),
)
