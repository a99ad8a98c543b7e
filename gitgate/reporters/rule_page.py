"""A rule as a page: what `gitgate explain` prints, docs/rules holds and SARIF carries as help.

Rules are gitgate's own text, or a policy's from the base; never the change's.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitgate.finding import Rule
from gitgate.reporters.summary import counted

_SEVERITY_MEANINGS = {
    "error": "error: a new finding keeps the change from being accepted",
    "warning": "warning: reported, does not block",
    "note": "note: reported, does not block",
}


def render_rule(rule: Rule) -> str:
    """The page in Markdown; every rule has the same shape."""
    sections = [
        f"# {rule.id}",
        f"{rule.title[:1].upper()}{rule.title[1:]}.",
        f"Severity: {_SEVERITY_MEANINGS[rule.severity.value]}.",
        f"## What it finds\n\n{rule.what}",
        f"## Why it matters\n\n{rule.why}",
        f"## What to do\n\n{rule.remedy}",
    ]
    if rule.bad:
        sections.append(f"## Example\n\nFound:\n\n{_fenced(rule.bad)}")
        if rule.good:
            sections.append(f"Mended:\n\n{_fenced(rule.good)}")
    if rule.references:
        sections.append("## References\n\n" + "\n".join(f"- {_reference(text)}" for text in rule.references))
    return "\n\n".join(sections) + "\n"


def help_text(rule: Rule) -> str:
    """The page's prose without markup, for readers that show no Markdown."""
    return f"{rule.what}\n\n{rule.why}\n\nWhat to do: {rule.remedy}"


def render_list(rules: Iterable[Rule]) -> str:
    """All rules, a line each, as `gitgate explain` lists them."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    width = max((len(rule.id) for rule in ordered), default=0)
    lines = [f"{rule.id:{width}}  {rule.severity.value:7}  {rule.title}" for rule in ordered]
    return "\n".join([*lines, "", "gitgate explain RULE says more."]) + "\n"


def render_index(rules: Iterable[Rule]) -> str:
    """The index of all pages, docs/rules/README.md: one table for each check."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    checks = sorted({rule.check for rule in ordered})
    sections = [
        "# Rules",
        f"{counted(len(ordered), 'rule')}. `gitgate explain RULE` prints the same pages. Written by `make docs`.",
    ]
    for check in checks:
        rows = [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity.value} | {_cell(rule.title)} |"
            for rule in ordered
            if rule.check == check
        ]
        sections.append(f"## {check}\n\n| rule | severity | finds |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(sections) + "\n"


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any run of backticks inside (CommonMark 0.31, 4.5)."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _reference(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") and " " not in text else text
