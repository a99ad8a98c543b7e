"""Replay the last merges of real repositories: `make replay REPOSITORY=<folder> [LAST=100]`.

Each merge is judged twice by the command line, as it would have been before somebody made it: into its first parent. The
two reports must be equal, as must be a third one without renders of earlier runs for every tenth merge, and no change at
all must be accepted with an empty plan. Where the history has too few merges, or with `--squashed`, the branch's own
commits are taken.

Prints a line for each merge, then the totals. Exit code 1 means that a run crashed, reports differ, or the plan of no
change is not empty; what a verdict says of the merge is for people to read, in docs/conformance.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitgate.reporters.encode import log_safe

EXIT_CODES = {"accepted": 0, "rejected": 1, "undetermined": 3}
SAMPLED = 10
"""Every tenth merge is also judged without renders of earlier runs, and against itself."""
LIMIT = 900
"""Seconds that one run may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of one merge.

    Attributes:
        commit: The merge.
        subject: The first line of its message, as it stands there.
        verdict: Of gitgate; `undetermined` where there was none.
        rules: New findings that block, by rule.
        seconds: Of the first run.
        faults: What must not be: a crash, reports that differ, a plan for no change.
    """

    commit: str
    subject: str
    verdict: str
    rules: Counter[str]
    seconds: float
    faults: tuple[str, ...] = ()


def replay(git_dir: Path, commits: Iterable[str]) -> Iterator[Replayed]:
    """Judge each of these commits as a change of its first parent."""
    for number, commit in enumerate(commits):
        base = f"{commit}^1"
        started = time.monotonic()
        first = _check(git_dir, base, commit)
        seconds = time.monotonic() - started
        faults = list(_faults(first))
        if _check(git_dir, base, commit) != first:
            faults.append("two runs, two reports")
        if number % SAMPLED == 0:
            if _check(git_dir, base, commit, "--no-cache") != first:
                faults.append("another report without the cache")
            faults += _faults_of_nothing(git_dir, commit)
        report = _report(first)
        yield Replayed(
            commit=commit,
            subject=_git(git_dir, "show", "-s", "--format=%s", commit).strip(),
            verdict=report.get("verdict", "undetermined"),
            rules=_blocking(report),
            seconds=seconds,
            faults=tuple(faults),
        )


def merges(git_dir: Path, last: int, tip: str, *, squashed: bool) -> list[str]:
    """The last merges into a branch; its own commits, where there are too few or pull requests are squashed."""
    first_parents = ("rev-list", "--first-parent", f"--max-count={last}")
    found = _git(git_dir, *first_parents, "--merges", tip).split()
    return (
        found if len(found) == last and not squashed else _git(git_dir, *first_parents, "--min-parents=1", tip).split()
    )


def _check(git_dir: Path, base: str, head: str, *options: str) -> tuple[int, str, str]:
    """Exit code, report, and what else was said; the same for the same change."""
    return _gitgate("check", "--base", base, "--head", head, "--output", "json", *options, git_dir=git_dir)


def _gitgate(*arguments: str, git_dir: Path) -> tuple[int, str, str]:
    command = (sys.executable, "-m", "gitgate", arguments[0], "--git-dir", str(git_dir), *arguments[1:])
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.returncode, done.stdout, done.stderr


def _report(run: tuple[int, str, str]) -> Mapping[str, Any]:
    try:
        report: Mapping[str, Any] = json.loads(run[1])
    except ValueError:
        return {}
    return report


def _faults(run: tuple[int, str, str]) -> Iterator[str]:
    code, _, errors = run
    report = _report(run)
    crashes = [check["reason"] for check in report.get("checks", ()) if "internal error" in (check["reason"] or "")]
    if "Traceback" in errors or crashes:
        yield f"a crash: {'; '.join(crashes) or errors.strip()[-200:]}"
    if EXIT_CODES.get(str(report.get("verdict"))) != code:
        yield f"exit code {code} with the verdict {report.get('verdict')}: {errors.strip()[:200]}"


def _faults_of_nothing(git_dir: Path, commit: str) -> Iterator[str]:
    """A commit against itself: accepted without new findings, and nothing to do in the cluster."""
    report = _report(_check(git_dir, commit, commit))
    if report.get("verdict") != "accepted" or _blocking(report):
        yield f"no change is {report.get('verdict')}"
    code, out, errors = _gitgate("plan", commit, commit, "--output", "json", git_dir=git_dir)
    try:
        plan = json.loads(out)
    except ValueError:
        yield f"no plan for no change, exit code {code}: {errors.strip()[:200]}"
        return
    acts = {action: number for action, number in plan["counts"].items() if number and action != "unchanged"}
    if acts or plan["objects"] or plan["consequences"]:
        yield f"a plan for no change: {acts or plan['consequences']}"


def _blocking(report: Mapping[str, Any]) -> Counter[str]:
    return Counter(finding["rule"] for finding in report.get("findings", ()) if finding["blocking"])


def _git(git_dir: Path, *arguments: str) -> str:
    command = ("git", "--git-dir", str(git_dir), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Replay and print.

    Returns:
        1 where something is that must not be, else 0.
    """
    parser = argparse.ArgumentParser(prog="tests.conformance.replay", description=__doc__)
    parser.add_argument("git_dir", type=Path, metavar="REPOSITORY", help="its .git, or a bare repository")
    parser.add_argument("--last", type=int, default=100, help="how many merges")
    parser.add_argument("--tip", default="HEAD", help="the newest commit")
    parser.add_argument("--squashed", action="store_true", help="every commit of the branch, not only merges")
    arguments = parser.parse_args()
    verdicts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    faults = 0
    times = []
    found = merges(arguments.git_dir, arguments.last, arguments.tip, squashed=arguments.squashed)
    for each in replay(arguments.git_dir, found):
        verdicts[each.verdict] += 1
        rules += each.rules
        faults += len(each.faults)
        times.append(each.seconds)
        told = ", ".join(f"{number} {rule}" for rule, number in sorted(each.rules.items()))
        print(f"{each.commit} {each.verdict:<12} {each.seconds:5.1f} s  {log_safe(each.subject)[:80]}  {told}".rstrip())
        for fault in each.faults:
            print(f"  fault: {log_safe(fault)}", flush=True)
    total = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    blocking = ", ".join(f"{number} {rule}" for rule, number in sorted(rules.items())) or "none"
    print(f"{verdicts.total()} merges: {total or 'none'}; {faults} faults")
    print(f"new findings that block: {blocking}")
    if times:
        times.sort()
        print(f"seconds: {times[len(times) // 2]:.1f} in the median, {times[-1]:.1f} at most, {sum(times):.0f} in all")
    return 1 if faults or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
