"""Third step of the action: run gitgate, show what it found, and end with its exit code."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner import UndeterminedError, add_summary, commands_stopped, say, set_outputs, undetermined, variable

VERDICTS = {0: "accepted", 1: "rejected", 3: "undetermined"}
USAGE = 2
_KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "TZ")
"""What gitgate is given of the environment; no token, no GITHUB_* file and no PYTHON* variable is among it."""


def judge() -> int:
    """Run `gitgate check` on what the step before found.

    Returns:
        gitgate's exit code.

    Raises:
        UndeterminedError: It came to no end that can be trusted.
    """
    home = Path(variable("GITGATE_HOME"))
    results = home / "results"
    results.mkdir(exist_ok=True)
    with commands_stopped():
        done = subprocess.run(
            [str(home / "venv" / "bin" / "python"), "-I", "-m", "gitgate", *_arguments(results)],
            cwd=home,
            env={**{name: os.environ[name] for name in _KEPT if name in os.environ}, "CI": "true"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        complaint = done.stderr.decode("utf-8", "replace").strip()
        if complaint:
            say(complaint)
    return _tell(done.returncode, complaint, results)


def _tell(code: int, complaint: str, results: Path) -> int:
    if code == USAGE:
        undetermined(UndeterminedError(complaint.removeprefix("gitgate: ") or "wrong usage"))
        return USAGE
    report = _report(results / "report.json")
    if report is None or code not in VERDICTS or report.get("verdict") != VERDICTS[code]:
        raise UndeterminedError(f"gitgate ended with exit code {code} and left no report that says the same", complaint)
    if os.environ.get("GITGATE_ANNOTATIONS") != "false":
        say((results / "annotations.txt").read_text(encoding="utf-8").rstrip("\n"))
    add_summary((results / "summary.md").read_text(encoding="utf-8"))
    set_outputs(
        {
            "verdict": VERDICTS[code],
            "report": str(results / "report.json"),
            "sarif": str(results / "gitgate.sarif"),
            **_counts(report),
        }
    )
    return code


def _arguments(results: Path) -> Iterator[str]:
    yield from ("check", "--color=always", "--output=text")
    yield f"--git-dir={variable('GITGATE_REPOSITORY')}"
    yield f"--base={variable('GITGATE_BASE')}"
    yield f"--head={variable('GITGATE_HEAD')}"
    yield f"--output=json={results / 'report.json'}"
    yield f"--output=sarif={results / 'gitgate.sarif'}"
    yield f"--output=markdown={results / 'summary.md'}"
    yield f"--output=github={results / 'annotations.txt'}"
    for version in os.environ.get("GITGATE_KUBERNETES_VERSION", "").split():
        yield f"--kubernetes-version={version}"
    for weight in os.environ.get("GITGATE_SEVERITY", "").split():
        yield f"--severity={weight}"
    for digest in os.environ.get("GITGATE_TRUST_ROOT", "").split():
        yield f"--trust-root={digest}"


def _report(path: Path) -> Mapping[str, Any] | None:
    try:
        report = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def _counts(report: Mapping[str, Any]) -> Mapping[str, str]:
    summary = report["summary"]
    return {
        "new-errors": str(int(summary["new"]["errors"])),
        "new-warnings": str(int(summary["new"]["warnings"])),
        "existing": str(int(summary["existing"])),
        "fixed": str(int(summary["fixed"])),
    }
