"""Results of cases: a table for a person, JUnit for a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from gitgate.policy_cases import CaseResult
from gitgate.reporters.encode import printable


def render_table(results: Sequence[CaseResult]) -> Iterator[str]:
    """A line for each case; what went wrong is below it."""
    width = max((len(result.case.policy) for result in results), default=0)
    for result in results:
        case = result.case
        mark = "ok  " if result.passed else "FAIL"
        yield f"{mark}  {case.policy:{width}}  {result.actual:5}  {case.title}"
        if not result.passed:
            position = case.position
            place = f"{case.file}:{position.line}:{position.column}" if position is not None else case.file
            yield f"      {place}: {_difference(result)}"
    failed = sum(not result.passed for result in results)
    noun = "case" if len(results) == 1 else "cases"
    yield f"{len(results)} {noun}, {failed} failed"


def _difference(result: CaseResult) -> str:
    said = f": {'; '.join(result.messages)}" if result.messages else ""
    if result.actual != result.case.expected:
        return f"expected {result.case.expected}, got {result.actual}{said}"
    return f"expected a message with {result.case.message!r}{said or ', got none'}"


def _attribute(text: str) -> str:
    """Text between quotes of XML: no control character, no line break, nothing that ends the attribute."""
    return escape(" ".join(printable(text).split()))


def render_junit(results: Sequence[CaseResult]) -> str:
    """The JUnit document that CI systems read: a suite for each policy."""
    suites: dict[str, list[CaseResult]] = {}
    for result in results:
        suites.setdefault(result.case.policy, []).append(result)
    failed = sum(not result.passed for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="gitgate policy test" tests="{len(results)}" failures="{failed}">',
    ]
    for policy, own in sorted(suites.items()):
        wrong = sum(not result.passed for result in own)
        lines.append(f'  <testsuite name="{_attribute(policy)}" tests="{len(own)}" failures="{wrong}">')
        for result in own:
            head = f'    <testcase classname="{_attribute(policy)}" name="{_attribute(result.case.title)}"'
            if result.passed:
                lines.append(f"{head}/>")
            else:
                lines.append(f'{head}><failure message="{_attribute(_difference(result))}"/></testcase>')
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"
