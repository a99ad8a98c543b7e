"""The real program in a process of its own, as a user or a runner starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """How gitgate ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """Standard output as the JSON report."""
        return json.loads(self.stdout)

    def rules(self, state: str = "new") -> list[str]:
        """Rule ids of the JSON report's findings in that state, sorted."""
        return sorted(finding["rule"] for finding in self.report["findings"] if finding["state"] == state)


def gitgate(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> Ended:
    """Run `gitgate ARGUMENTS` in a directory."""
    scrubbed = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-I", "-m", "gitgate", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**scrubbed, **(environment or {})},
        check=False,
        timeout=100,
    )
    stdout = done.stdout.decode("utf-8")
    stderr = done.stderr.decode("utf-8")
    assert "Traceback" not in stderr, stderr
    return Ended(done.returncode, stdout, stderr)


def check(repository: Path, *arguments: str, **options: Any) -> Ended:
    """`gitgate check --output json …` inside a repository."""
    return gitgate("check", "--output", "json", *arguments, cwd=repository, **options)
