"""What every part of the conformance run gives: how many expectations held, and the others one by one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """How a part of the corpora came out.

    Attributes:
        name: The part.
        passed: Expectations that held.
        total: Expectations.
        disagreements: One text for each that did not; docs/conformance.md explains them.
    """

    name: str
    passed: int
    total: int
    disagreements: tuple[str, ...]


def report(score: Score) -> int:
    """Print a score.

    Returns:
        How many expectations did not hold.
    """
    for disagreement in score.disagreements:
        print(f"  disagrees: {disagreement}")
    print(f"{score.name}: {score.passed} of {score.total}")
    return len(score.disagreements)
