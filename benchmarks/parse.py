"""Reading YAML, against PyYAML's CSafeLoader on the same bytes: `python -m benchmarks.parse`."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from typing import Any

import yaml

from benchmarks.corpus import build
from gitgate.yaml_document import read_yaml

ROUNDS = 3


def best(work: Callable[[], Any]) -> float:
    """Seconds of CPU time that the fastest of a few rounds takes."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure() -> dict[str, float]:
    """Seconds for both readers, their ratio, and megabytes that the documents keep."""
    corpus = list(build().values())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = [read_yaml(data) for data in corpus]
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    documents = sum(len(file.documents) for file in kept)
    lines = sum(data.count(b"\n") for data in corpus)
    assert not any(file.problems for file in kept)
    kept.clear()
    gitgate = best(lambda: [read_yaml(data) for data in corpus])
    baseline = best(lambda: [list(yaml.load_all(data, yaml.CSafeLoader)) for data in corpus])
    return {
        "documents": documents,
        "megabytes": sum(map(len, corpus)) / 1e6,
        "lines per document": lines / documents,
        "CSafeLoader, seconds": baseline,
        "gitgate, seconds": gitgate,
        "ratio": gitgate / baseline,
        "memory kept, MB": memory,
    }


def main() -> None:
    """Print the numbers."""
    for name, value in measure().items():
        print(f"{name:24}{value:10.2f}")


if __name__ == "__main__":
    main()
