"""Score against corpora made by others: `make conformance CORPORA=<folder>`.

A disagreement does not fail the run by itself: docs/conformance.md explains each, and the counts below are what is
expected, so that a new disagreement, or one that went away unnoticed, does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance import broken_yaml, kubeconform, pod_security, reconcile, signatures, verdict_codes
from tests.conformance.score import report

EXPLAINED = {broken_yaml: 0, kubeconform: 4, pod_security: 0, reconcile: 0, signatures: 0, verdict_codes: 0}
"""Each part, and how many of its disagreements docs/conformance.md explains."""


def main() -> int:
    """Run all parts.

    Returns:
        0 when every part has just the disagreements that are explained.
    """
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: make conformance CORPORA=<folder with broken-yaml/, schema/, signatures/, ...>", file=sys.stderr)
        return 2
    corpora = Path(sys.argv[1])
    surprises = [part.__name__ for part, expected in EXPLAINED.items() if report(part.score(corpora)) != expected]
    for name in surprises:
        print(f"{name}: not the disagreements that docs/conformance.md explains", file=sys.stderr)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
