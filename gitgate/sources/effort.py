"""What a tree makes gitgate work out by itself, counted so that nothing in it can make that take forever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAXIMUM_WORK = 10_000_000
"""About as many microseconds; no repository that people keep needs a tenth of it."""
COMPARISON = 10
"""Steps for holding a path against a pattern."""
_CHARACTERS = 8
"""Characters that are made in the time of one step."""


class LimitError(Exception):
    """More than is worked out; the text says what."""


@dataclass(slots=True)
class Effort:
    """The work for one tree so far."""

    work: int = 0

    def spend(self, steps: int) -> None:
        """Count some steps.

        Raises:
            LimitError: There were too many.
        """
        self.work += steps
        if self.work > MAXIMUM_WORK:
            raise LimitError("takes too long to work out, alone or with others before it")

    def spend_on(self, value: Any) -> None:
        """Count a step for everything in a value that is copied.

        Raises:
            LimitError: There were too many.
        """
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Mapping):
                waiting.extend(one.values())
                self.spend(2 * len(one) + 1)
            elif isinstance(one, list):
                waiting.extend(one)
                self.spend(len(one) + 1)

    def spend_on_text(self, made: str) -> None:
        """Count a text that was made.

        Raises:
            LimitError: There were too many.
        """
        self.spend(1 + len(made) // _CHARACTERS)
