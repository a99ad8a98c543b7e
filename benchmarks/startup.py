"""Start-up and hook runs: `python -m benchmarks.startup`.

The fastest of several runs counts: whatever else a machine does only adds to it. The CPU time is that of gitgate and of
all that it starts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Cost, cost_of

RUNS = 15
TARGET_VERSION = 0.15
TARGET_HOOK = 0.30
_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "shop"
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


def _commit(repository: Path) -> None:
    if not (repository / ".git").is_dir():
        _git(repository, "init", "-q")
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "content")


def _settings(repository: Path, text: str) -> None:
    (repository / ".gitgate").mkdir(exist_ok=True)
    (repository / ".gitgate/settings.yaml").write_text(text, encoding="utf-8")
    _commit(repository)


def _fastest(repository: Path, caches: Path, edit: Callable[[int], None]) -> tuple[float, float]:
    """Wall and CPU seconds of `gitgate check --staged`, each the least of runs with different content."""
    costs: list[Cost] = []
    for number in range(RUNS):
        edit(number)
        _git(repository, "add", ".")
        command = [sys.executable, "-I", "-m", "gitgate", "check", "--staged"]
        costs.append(cost_of(command, cwd=repository, environment={"XDG_CACHE_HOME": str(caches)}))
    return min(cost.wall for cost in costs), min(cost.cpu for cost in costs)


def measure() -> Iterator[tuple[str, float, float, float | None]]:
    """Name, wall seconds, CPU seconds, and the most wall seconds where there is a target."""
    with tempfile.TemporaryDirectory() as private:
        caches, plain, example = (Path(private) / name for name in ("caches", "plain", "example"))
        caches.mkdir()
        plain.mkdir()
        shutil.copytree(_EXAMPLE, example)
        costs = [cost_of([sys.executable, "-I", "-m", "gitgate", "--version"], cwd=plain) for _ in range(RUNS)]
        yield "gitgate --version", min(c.wall for c in costs), min(c.cpu for c in costs), TARGET_VERSION
        for number in range(50):
            (plain / f"{number}.yaml").write_text(_MANIFEST.replace("web", f"web{number}"), encoding="utf-8")
        _commit(plain)

        def scale(number: int) -> None:
            (plain / "7.yaml").write_text(_MANIFEST.replace("replicas: 2", f"replicas: {number + 3}"), encoding="utf-8")

        yield "hook run, one file of 50", *_fastest(plain, caches, scale), TARGET_HOOK
        _settings(plain, "version: 1\n")
        yield "the same with settings", *_fastest(plain, caches, scale), TARGET_HOOK
        _commit(example)
        namespaces = example / "platform/namespaces.yaml"
        original = namespaces.read_text(encoding="utf-8")

        def label(number: int) -> None:
            text = original.replace("metadata:\n", f'metadata:\n  labels: {{revision: "{number}"}}\n', 1)
            namespaces.write_text(text, encoding="utf-8")

        # CEL rules of its definition are judged by a process of their own.
        yield "the example, a plain file", *_fastest(example, caches, label), None
        _git(example, "reset", "-q", "--hard")
        cart = example / "base/cart.yaml"
        was = cart.read_text(encoding="utf-8")

        def bump(number: int) -> None:
            cart.write_text(was.replace(":1.9.3", f":1.9.{number + 4}"), encoding="utf-8")

        yield "the example, two roots rendered", *_fastest(example, caches, bump), None
        _git(example, "reset", "-q", "--hard")
        _settings(example, "version: 1\npolicy: {sets: [best-practice]}\n")
        yield "the same with a set of policies", *_fastest(example, caches, bump), None


def main() -> bool:
    """Print the numbers; did all reach their targets?"""
    good = True
    print(f"{'':34}{'wall s':>8}{'CPU s':>8}")
    for name, wall, cpu, most in measure():
        verdict = "" if most is None else f"  (at most {most:g}: {'yes' if wall <= most else 'NO'})"
        print(f"{name:34}{wall:8.3f}{cpu:8.3f}{verdict}")
        good = good and (most is None or wall <= most)
    return good


if __name__ == "__main__":
    sys.exit(not main())
