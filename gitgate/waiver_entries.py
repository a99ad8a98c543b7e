"""Asking for waivers: entries for `.gitgate/waivers.yaml`, from the findings of a report.

What is written is an edit of the work tree and nothing more: it counts once the protected branch has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gitgate.checks.registry import all_rules
from gitgate.errors import GitgateError, SettingsError, UsageError
from gitgate.waivers import LONGEST, WAIVERS_PATH, is_waivable, parse_waivers

_LIST = re.compile(r"^waivers:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*(?P<indent>[ ]*)-(?=[ \t\n])", re.MULTILINE)
_EMPTY = re.compile(r"^waivers:[ \t]*\[[ \t]*\][ \t]*(?P<comment>#[^\n]*)?$", re.MULTILINE)
_FIRST = """\
# Findings that are accepted for a while; read from the protected branch only. See docs/waivers.md of gitgate.
version: 1
waivers:
"""
_REPORT_LIMIT = 512 << 20


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a finding is accepted."""

    owner: str
    reason: str
    expires: date


def read_findings(file: Path) -> list[dict[str, Any]]:
    """The findings of a report that `gitgate check --output json=FILE` wrote.

    Raises:
        UsageError: It is no such report.
    """
    try:
        if file.stat().st_size > _REPORT_LIMIT:
            raise UsageError(f"{file} is too large to be a report")
        return findings_of(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} is no JSON report of gitgate", remedy=f"Write one with gitgate check --output json={file}"
        ) from error


def findings_of(text: str) -> list[dict[str, Any]]:
    """The findings of a JSON report.

    Raises:
        ValueError: It is none.
    """
    report = json.loads(text)
    found = report.get("findings") if isinstance(report, dict) and report.get("kind") == "Report" else None
    if not isinstance(found, list):
        raise ValueError("no report")  # noqa: TRY004 - what is read, not what is passed
    if not all(map(_is_finding, found)):
        raise ValueError("no report")
    return found


def _is_finding(finding: object) -> bool:
    """Has it the parts that a waiver is made of, each a text?"""
    if not isinstance(finding, dict):
        return False
    place, resource = finding.get("location") or {}, finding.get("resource") or {}
    if not isinstance(place, dict) or not isinstance(resource, dict):
        return False
    texts = [finding.get(key) for key in ("rule", "fingerprint", "state", "message")]
    texts += [place.get("path", ""), *(resource.get(key, "") for key in ("group", "kind", "namespace", "name"))]
    return all(isinstance(text, str) for text in texts)


def candidates(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What of a report could be waived, a line each: fingerprint, rule, subject, message."""
    for finding in findings:
        if finding["state"] != "fixed" and finding.get("suppression") is None and is_waivable(finding["rule"]):
            yield "  ".join((finding["fingerprint"], finding["rule"], _subject(finding), finding["message"]))


def _subject(finding: Mapping[str, Any]) -> str:
    resource = finding.get("resource")
    if not resource:
        return str((finding.get("location") or {}).get("path", ""))
    name = f"{resource.get('namespace', '')}/{resource.get('name', '')}".lstrip("/")
    return f"{resource.get('kind', '')} {name}"


def add_waiver(
    directory: Path, findings: Sequence[Mapping[str, Any]], fingerprint: str, terms: Terms, today: date | None = None
) -> list[str]:
    """Write waivers for the findings with a fingerprint into a work tree: one for each file that it is found in.

    Args:
        directory: The work tree.
        findings: Of a report.
        fingerprint: Or the beginning of one, if no other begins like that.
        terms: Owner, reason and last day.
        today: None asks the operating system.

    Returns:
        What was done, a line each.

    Raises:
        UsageError: There is no such finding, it cannot be waived, or not on these terms; nothing is changed then.
        GitgateError: The file cannot be written.
    """
    chosen = _chosen(findings, fingerprint)
    today = today or datetime.now(UTC).date()
    if not today <= terms.expires <= today + LONGEST:
        raise UsageError(f"a waiver ends within {LONGEST.days} days: on {today + LONGEST} at the latest")
    if not terms.owner.strip() or not terms.reason.strip():
        raise UsageError("a waiver has an owner and a reason")
    place = directory / WAIVERS_PATH
    try:
        old = place.read_bytes().decode("utf-8") if place.exists() else None
        if old is not None:
            parse_waivers(old.encode(), WAIVERS_PATH, all_rules())
        text = _with_entries(old, [_entry(finding, terms) for finding in chosen])
        parse_waivers(text.encode(), WAIVERS_PATH, all_rules())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    except (SettingsError, UnicodeError) as error:
        raise UsageError(f"nothing was changed: {error}", remedy=getattr(error, "remedy", None)) from error
    except OSError as error:
        raise GitgateError(f"{WAIVERS_PATH} cannot be written: {error.strerror}") from error
    lines = [f"waived until {terms.expires}: {item['rule']} {_subject(item)}" for item in chosen]
    return [*lines, f"It counts once the protected branch has {WAIVERS_PATH}: commit it in a change of its own."]


def _chosen(findings: Sequence[Mapping[str, Any]], fingerprint: str) -> list[Mapping[str, Any]]:
    """The findings with that fingerprint, one for each file."""
    meant = {item["fingerprint"] for item in findings if item["fingerprint"].startswith(fingerprint.lower())}
    if len(meant) != 1:
        problem = "no finding has" if not meant else f"{len(meant)} findings have"
        raise UsageError(
            f"{problem} the fingerprint {fingerprint!r}", remedy="gitgate waiver add without one lists them."
        )
    by_path: dict[str, Mapping[str, Any]] = {}
    for item in findings:
        if item["fingerprint"] in meant and item["state"] != "fixed":
            by_path.setdefault(str((item.get("location") or {}).get("path", "")), item)
    if not by_path:
        raise UsageError("the change mends that finding already, so there is nothing to waive")
    rule = next(iter(by_path.values()))["rule"]
    if not is_waivable(rule):
        raise UsageError(
            f"findings of {rule} cannot be waived", remedy="It is about trust, or about what could not be read."
        )
    return [item for _, item in sorted(by_path.items())]


def _entry(finding: Mapping[str, Any], terms: Terms) -> list[str]:
    lines = [f"rule: {finding['rule']}"]
    resource = finding.get("resource")
    if resource:
        keys = [key for key in ("group", "kind", "namespace", "name") if resource.get(key)]
        lines.append(f"resource: {{{', '.join(f'{key}: {_quoted(resource[key])}' for key in keys)}}}")
    path = (finding.get("location") or {}).get("path")
    if path:
        lines.append(f"path: {_quoted(path)}")
    lines += [
        f'fingerprint: "{finding["fingerprint"]}"',
        f"owner: {_quoted(' '.join(terms.owner.split()))}",
        f"reason: {_quoted(' '.join(terms.reason.split()))}",
        f'expires: "{terms.expires}"',
    ]
    return lines


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML: JSON, but that a character beyond U+FFFF is one escape and not two."""
    return "".join(('"', *map(_spelt, text), '"'))


def _spelt(character: str) -> str:
    if character.isprintable() and character not in '"\\':
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else json.dumps(character)[1:-1]


def _with_entries(text: str | None, entries: Sequence[list[str]]) -> str:
    """The file with the entries first among its waivers; everything else stays as it is."""
    if text is None:
        return _FIRST + _written(entries, "  ")
    found = _LIST.search(text)
    if found is not None:
        start = found.start("indent")
        return text[:start] + _written(entries, found["indent"]) + text[start:]
    empty = _EMPTY.search(text)
    if empty is not None:
        head = f"waivers:  {empty['comment']}" if empty["comment"] else "waivers:"
        return f"{text[: empty.start()]}{head}\n{_written(entries, '  ')}{text[empty.end() :].removeprefix(chr(10))}"
    raise UsageError(
        f"{WAIVERS_PATH} is not laid out so that an entry can be put in",
        remedy=f"Add it by hand: {{{', '.join(entries[0])}}}",
    )


def _written(entries: Sequence[list[str]], indent: str) -> str:
    lines = [f"{indent}{'- ' if index == 0 else '  '}{line}\n" for entry in entries for index, line in enumerate(entry)]
    return "".join(lines)
