"""CPU time of a real program, which another one on the same machine does not lengthen as it does wall-clock time."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Demand that the programs that end inside, with all that they started, take no more CPU time than that."""
    before = spent()
    yield
    taken = spent() - before
    assert taken <= seconds, f"{taken:.2f} seconds of CPU time, and {seconds:g} are allowed"


def spent() -> float:
    """Seconds of CPU time of all programs that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
