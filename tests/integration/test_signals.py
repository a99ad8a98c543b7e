"""A run that is ended by a signal ends at once, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.manifests import config_map


def write_endless_render(folder: Path) -> None:
    """Kustomizations that double at each step: more than any machine renders within the time limit."""
    files: dict[str, str] = {}
    for step in range(16):
        for side in "ab":
            above = f"resources: [../../{step + 1}/a, ../../{step + 1}/b]\nnamePrefix: {side}-\n"
            files[f"{step}/{side}/kustomization.yaml"] = above
    for side in "ab":
        files[f"16/{side}/kustomization.yaml"] = "resources: [x.yaml]\n"
        files[f"16/{side}/x.yaml"] = config_map(side)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_does_not_wait_for_the_renderer(tmp_path: Path, number: signal.Signals) -> None:
    tree, private = tmp_path / "tree", tmp_path / "private"
    private.mkdir()
    write_endless_render(tree)
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", "gitgate", "validate", "."],
        cwd=tree,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(private), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    give_up = time.monotonic() + 60
    while not any(private.glob("gitgate-*/*/tree")) and time.monotonic() < give_up:
        time.sleep(0.05)
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=40)  # the renderer would have 120 seconds
    assert child.returncode == 128 + number
    assert (stdout, b"Traceback" in stderr) == (b"", False)
    assert list(private.iterdir()) == []
