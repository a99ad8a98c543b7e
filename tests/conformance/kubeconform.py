"""kubeconform's acceptance cases through `gitgate validate`: those whose flags mean something to gitgate.

Run alone: `python -m tests.conformance.kubeconform CORPORA`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gitgate.__main__ import run
from tests.conformance.score import Score, report

CASES = "schema/kubeconform-cases.jsonl"
_STDIN = re.compile(r"cat (?P<file>\S+) \| (?P<command>.*)")


@dataclass(frozen=True, slots=True)
class Case:
    """One case as gitgate's command line.

    Attributes:
        name: kubeconform's own name of it.
        arguments: For `gitgate`.
        stdin: File that is piped in.
        accepted: What kubeconform's authors expect: exit code zero.
        command: Their command line.
    """

    name: str
    arguments: tuple[str, ...]
    stdin: Path | None
    accepted: bool
    command: str


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A case that has no counterpart, and why."""

    name: str
    reason: str


class _NoCounterpartError(Exception):
    """A flag without a counterpart."""


def cases(corpora: Path) -> Iterator[Case | Unmapped]:
    """All cases of the corpus, translated where that is possible."""
    for line in (corpora / CASES).read_text("utf-8").splitlines():
        record = json.loads(line)
        case = Case(record["name"], (), None, record["expected"] == "exit 0", record["cmd"])
        try:
            if record["file"].endswith("nonetwork.bats") and not case.accepted:
                raise _NoCounterpartError("wants a failure because there is no network; gitgate needs none")  # noqa: TRY301
            yield _translate(case, corpora / "schema")
        except _NoCounterpartError as reason:
            yield Unmapped(record["name"], str(reason))


def _translate(case: Case, folder: Path) -> Case:
    text = shlex.split(case.command)[2] if case.command.startswith("bash -c ") else case.command
    stdin = None
    if piped := _STDIN.fullmatch(text):
        stdin, text = folder / piped["file"], piped["command"]
    words = shlex.split(text)
    if Path(words[0]).name != "kubeconform":
        raise _NoCounterpartError(f"runs {words[0]}, not kubeconform")
    options, unknown = _FLAGS.parse_known_args(words[1:])
    if unknown:
        raise _NoCounterpartError(f"{unknown[0]} has no counterpart")
    paths = [path if path == "-" else str(folder / path) for path in options.paths]
    if not paths and stdin is None:
        raise _NoCounterpartError("reads an empty standard input, or asks for help")
    named = [Path(path) for path in paths if path != "-"] + ([stdin] if stdin else [])
    if case.accepted and not all(path.exists() for path in named):
        raise _NoCounterpartError("its fixture is not in the corpus")
    return replace(case, arguments=("validate", *_arguments(options, folder), *(paths or ["-"])), stdin=stdin)


def _parser() -> argparse.ArgumentParser:
    """kubeconform's flags that mean something to gitgate, or nothing to the verdict."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for ignored in ("-summary", "-verbose"):
        parser.add_argument(ignored, action="store_true")
    parser.add_argument("-strict", action="store_true")
    parser.add_argument("-ignore-missing-schemas", action="store_true")
    parser.add_argument("-kubernetes-version", default="1.20")
    for repeated in ("-skip", "-reject", "-schema-location"):
        parser.add_argument(repeated, action="append", default=[])
    parser.add_argument("-ignore-filename-pattern", "--ignore-filename-pattern", action="append", default=[])
    parser.add_argument("paths", nargs="*")
    return parser


_FLAGS = _parser()


def _arguments(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    if not options.kubernetes_version.startswith("1.20"):
        raise _NoCounterpartError("asks for a Kubernetes version in a spelling or of an age that is not shipped")
    if options.ignore_missing_schemas:
        yield from ("--allow-unknown-group", "*")
    for kind in options.skip:
        yield from ("--skip", kind)
    for kind in options.reject:
        yield from ("--reject", kind)
    for pattern in options.ignore_filename_pattern:
        yield from ("--exclude", {"crd": "**/*crd*", ".*invalid.*": "**/*invalid*"}[pattern])
    for location in options.schema_location:
        yield from _schema_location(location, folder)
    if not options.strict:
        for rule in ("unknown-field", "yaml-duplicate-key", "duplicate-list-key"):
            yield from ("--severity", f"schema/{rule}=warning")


def _schema_location(location: str, folder: Path) -> list[str]:
    if location == "default":
        return []
    if "://" in location or location.startswith("foo"):
        raise _NoCounterpartError("takes schemas from the network, or from a place that does not exist")
    path = folder / location
    return ["--schema", str(path.parent if "{{" in path.name else path)]


def outcome(case: Case) -> tuple[int, str]:
    """Run one case: exit code and what was printed."""
    printed = io.StringIO()
    real_stdin = sys.stdin
    data = case.stdin.read_bytes() if case.stdin else b""
    sys.stdin = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = run([*case.arguments, "--color", "never"])
    finally:
        sys.stdin = real_stdin
    return code, printed.getvalue()


def score(corpora: Path) -> Score:
    """Run every case that has a counterpart."""
    total = 0
    disagreements: list[str] = []
    for case in cases(corpora):
        if isinstance(case, Unmapped):
            continue
        total += 1
        code, printed = outcome(case)
        if (code == 0) != case.accepted:
            expected = "exit 0" if case.accepted else "not exit 0"
            said = "".join(f"\n      {line}" for line in printed.splitlines()[:6])
            disagreements.append(f"{case.name}\n    {case.command}\n    expected {expected}, gitgate says {code}{said}")
    return Score("kubeconform cases", total - len(disagreements), total, tuple(disagreements))


if __name__ == "__main__":
    sys.exit(report(score(Path(sys.argv[1]))))
