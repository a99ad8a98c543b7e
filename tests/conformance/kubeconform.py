"""kubeconform's acceptance cases through `gitgate validate`: those whose flags mean something to gitgate.

Run alone: `python -m tests.conformance.kubeconform CORPORA`.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitgate.__main__ import run

CASES = "schema/kubeconform-cases.jsonl"
_IGNORED_FLAGS = {"-summary", "-verbose"}
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
        try:
            if record["file"].endswith("nonetwork.bats") and record["expected"] != "exit 0":
                raise _NoCounterpartError("wants a failure because there is no network; gitgate needs none")
            yield _translate(record["name"], record["cmd"], record["expected"] == "exit 0", corpora / "schema")
        except _NoCounterpartError as reason:
            yield Unmapped(record["name"], str(reason))


def _translate(name: str, command: str, accepted: bool, folder: Path) -> Case:
    text = command
    if text.startswith("bash -c "):
        text = shlex.split(text)[2]
    stdin = None
    if piped := _STDIN.fullmatch(text):
        stdin, text = folder / piped["file"], piped["command"]
    words = shlex.split(text)
    if Path(words[0]).name != "kubeconform":
        raise _NoCounterpartError(f"runs {words[0]}, not kubeconform")
    arguments, paths = _arguments(words[1:], folder)
    if not paths and stdin is None:
        raise _NoCounterpartError("reads an empty standard input, or asks for help")
    named = [Path(path) for path in paths if path != "-"] + ([stdin] if stdin else [])
    if accepted and not all(path.exists() for path in named):
        raise _NoCounterpartError("its fixture is not in the corpus")
    return Case(name, ("validate", *arguments, *(paths or ["-"])), stdin, accepted, command)


def _arguments(words: list[str], folder: Path) -> tuple[list[str], list[str]]:
    arguments: list[str] = []
    paths: list[str] = []
    strict = False
    queue = list(words)
    while queue:
        word = queue.pop(0)
        flag = "-" + word.lstrip("-") if word.startswith("-") and word != "-" else word
        if flag in _IGNORED_FLAGS:
            continue
        if flag == "-strict":
            strict = True
        elif flag == "-ignore-missing-schemas":
            arguments += ["--allow-unknown-group", "*"]
        elif flag == "-kubernetes-version":
            if not queue.pop(0).startswith("1.20"):
                raise _NoCounterpartError("asks for a Kubernetes version in a spelling or of an age that is not shipped")
        elif flag == "-skip":
            arguments += ["--skip", queue.pop(0)]
        elif flag == "-reject":
            arguments += ["--reject", queue.pop(0)]
        elif flag == "-ignore-filename-pattern":
            arguments += ["--exclude", {"crd": "**/*crd*", ".*invalid.*": "**/*invalid*"}[queue.pop(0)]]
        elif flag == "-schema-location":
            arguments += _schema_location(queue.pop(0), folder)
        elif word.startswith("-") and word != "-":
            raise _NoCounterpartError(f"the flag {word} has no counterpart")
        else:
            paths.append("-" if word == "-" else str(folder / word))
    if not strict:
        for rule in ("unknown-field", "yaml-duplicate-key", "duplicate-list-key"):
            arguments += ["--severity", f"schema/{rule}=warning"]
    return arguments, paths


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


def main(corpora: Path, *, verbose: bool = True) -> tuple[int, int]:
    """Print the score.

    Returns:
        Cases that agree, and cases that were run.
    """
    agreed = ran = 0
    unmapped: list[Unmapped] = []
    for case in cases(corpora):
        if isinstance(case, Unmapped):
            unmapped.append(case)
            continue
        ran += 1
        code, printed = outcome(case)
        if (code == 0) == case.accepted:
            agreed += 1
        elif verbose:
            expected = "exit 0" if case.accepted else "not exit 0"
            print(f"  disagrees: {case.name}\n    {case.command}\n    expected {expected}, gitgate says {code}")
            print("".join(f"      {line}\n" for line in printed.splitlines()[:12]), end="")
    print(f"kubeconform cases: {agreed} of {ran} agree; {len(unmapped)} have no counterpart")
    return agreed, ran


if __name__ == "__main__":
    main(Path(sys.argv[1]))
