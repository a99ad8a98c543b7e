"""Reading YAML in a process of its own, so that a crash of the C parser is a failed test and not a dead runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys, time
from gitgate.yaml_document import read_yaml
data = sys.stdin.buffer.read()
start = time.process_time()
file = read_yaml(data)
taken = time.process_time() - start
problem = next((problem for problem in file.problems if problem.fatal), None)
print(len(file.documents), problem.code if problem else file.opaque or "none", f"{taken:.3f}")
"""


def read_apart(data: bytes) -> tuple[int, str, float]:
    """Number of documents, code of the first fatal problem (or `none`), and seconds of CPU."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr.decode()[-500:]}"
    documents, code, taken = done.stdout.decode().split()
    return int(documents), code, float(taken)
