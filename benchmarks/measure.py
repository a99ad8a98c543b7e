"""How whole commands are measured: CPU seconds, wall seconds and memory of a process and its children."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took.

    Attributes:
        cpu: Seconds of user and system time.
        wall: Seconds.
        memory: Megabytes of resident memory at the peak.
    """

    cpu: float
    wall: float
    memory: float


def cost_of(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    codes: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command to its end and say what it took.

    Raises:
        RuntimeError: It ended with a code that is not among `codes`: what was measured was not the work.
    """
    start = time.perf_counter()
    child = subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert child.stderr is not None
    complaint = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.stderr.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {complaint.decode('utf-8', 'replace')[-500:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def best_of(rounds: int, *arguments: object, **options: object) -> Cost:
    """The cheapest of several runs, by CPU."""
    costs = [cost_of(*arguments, **options) for _ in range(rounds)]  # type: ignore[arg-type]
    return min(costs, key=lambda cost: cost.cpu)
