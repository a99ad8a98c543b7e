"""Start-up and a hook run: `python -m benchmarks.startup`. Wall time, so run it on an idle machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import cost_of

RUNS = 15
TARGET_VERSION = 0.15
TARGET_HOOK = 0.30
_MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example.com/web:1.0"}]}
"""


def _git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgSign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)


def measure() -> Iterator[tuple[str, float, float]]:
    """Name, median seconds, and the most they may be."""
    program = [sys.executable, "-I", "-m", "gitgate"]
    with tempfile.TemporaryDirectory() as private:
        repository = Path(private)
        times = [cost_of([*program, "--version"], cwd=repository).wall for _ in range(RUNS)]
        yield "gitgate --version, s", statistics.median(times), TARGET_VERSION
        _git(repository, "init", "-q")
        for number in range(50):
            (repository / f"{number}.yaml").write_text(_MANIFEST.replace("web", f"web{number}"), encoding="utf-8")
        _git(repository, "add", ".")
        _git(repository, "commit", "-qm", "first")
        (repository / "7.yaml").write_text(_MANIFEST.replace("replicas: 2", "replicas: 3"), encoding="utf-8")
        _git(repository, "add", ".")
        times = [cost_of([*program, "check", "--staged"], cwd=repository).wall for _ in range(RUNS)]
        yield "hook run, one file of 50, s", statistics.median(times), TARGET_HOOK
        (repository / ".gitgate").mkdir()
        (repository / ".gitgate/settings.yaml").write_text("version: 1\n", encoding="utf-8")
        _git(repository, "add", ".")
        _git(repository, "commit", "-qm", "settings")
        (repository / "8.yaml").write_text(_MANIFEST.replace("replicas: 2", "replicas: 4"), encoding="utf-8")
        _git(repository, "add", ".")
        times = [cost_of([*program, "check", "--staged"], cwd=repository).wall for _ in range(RUNS)]
        yield "the same with settings, s", statistics.median(times), TARGET_HOOK


def main() -> bool:
    """Print the numbers; did all reach their targets?"""
    good = True
    for name, value, most in measure():
        print(f"{name:32}{value:10.3f}  (at most {most:g}: {'yes' if value <= most else 'NO'})")
        good = good and value <= most
    return good


if __name__ == "__main__":
    sys.exit(not main())
