"""Score against YAML that real GitOps repositories merged broken, and against its repair.

It runs alone as `python -m tests.conformance.broken_yaml CORPORA`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitgate.yaml_document import YamlFile, read_yaml

_NOT_YAML = {"yaml-syntax", "yaml-alias", "yaml-split-ambiguous", "yaml-template"}
CODES = {
    "parse-error": _NOT_YAML,
    # Most of them are manifests with quoted braces and another defect (docs/conformance.md): that defect must be
    # found at its place, or the text be called a template.
    "template-ish": _NOT_YAML,
    "dupkey": {"yaml-duplicate-key"},
}
TOLERANCE = 1
"""Lines between the recorded place and ours."""


@dataclass(frozen=True)
class Score:
    """How many expectations held, and what is to say about the others."""

    name: str
    passed: int
    total: int
    disagreements: tuple[str, ...]


def score(corpora: Path) -> Score:
    """Judge every file of the corpus."""
    folder = corpora / "broken-yaml"
    disagreements: list[str] = []
    total = 0
    for case in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        bad, good = folder / f"{case['id']}.bad.yaml", folder / f"{case['id']}.good.yaml"
        total += 1
        complaint = _judge_bad(case, read_yaml(bad.read_bytes()))
        if complaint:
            disagreements.append(f"{case['id']} ({case['confidence']}): {complaint}")
        if case["kind"] != "template-ish" and good.exists():
            total += 1
            complaint = _judge_accepted(read_yaml(good.read_bytes()))
            if complaint:
                disagreements.append(f"{case['id']} ({case['confidence']}), repaired: {complaint}")
    return Score("broken-yaml", total - len(disagreements), total, tuple(disagreements))


def _judge_bad(case: dict[str, Any], file: YamlFile) -> str | None:
    if case["kind"] == "pyyaml-dup-anchor":
        return _judge_accepted(file)
    found = [problem for problem in file.problems if problem.code in CODES[case["kind"]]]
    if not found:
        return f"nothing found where {case['problems']} is recorded"
    if any(problem.code == "yaml-template" for problem in found):
        return None
    lines = sorted({problem.position.line for problem in found})
    prefix = "dupkey:" if case["kind"] == "dupkey" else "parse:"
    recorded = [int(text.rpartition("@")[2]) for text in case["problems"] if text.startswith(prefix)]
    missed = [line for line in recorded if all(abs(line - ours) > TOLERANCE for ours in lines)]
    if missed or not recorded:
        said = "; ".join(f"{problem.position.line}: {problem.code}: {problem.message}" for problem in found[:3])
        return f"recorded {case['problems']}, found {said}"
    return None


def _judge_accepted(file: YamlFile) -> str | None:
    refused = [problem for problem in file.problems if problem.fatal or problem.code == "yaml-duplicate-key"]
    return "; ".join(f"{problem.position.line}: {problem.code}: {problem.message}" for problem in refused) or None


def main(arguments: list[str]) -> int:
    """Print the score and every disagreement; the exit code is 0."""
    result = score(Path(arguments[0]))
    print(f"{result.name}: {result.passed} of {result.total}")
    for disagreement in result.disagreements:
        print(f"  {disagreement}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
