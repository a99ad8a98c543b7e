"""The built wheel: it holds the data, and works without the checkout that it was built from."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.action import ROOT
from tests.support.manifests import MISSPELT, deployment
from tests.support.release import copy_sources


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    sources = copy_sources(tmp_path / "sources")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=sources)
    (built,) = (tmp_path / "dist").iterdir()
    return built


@pytest.mark.slow
def test_the_wheel_works_where_there_is_nothing_else_of_gitgate(wheel: Path, tmp_path: Path) -> None:
    assert wheel.name.startswith("gitgate_k8s-")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("policies", "schemas"):
        shipped = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
        assert {f"gitgate/_data/{folder}/{name}" for name in shipped} <= names
    assert "gitgate/py.typed" in names
    vectors = {path.name for path in (ROOT / "gitgate" / "signature" / "vectors").iterdir() if path.is_file()}
    assert vectors
    assert {f"gitgate/signature/vectors/{name}" for name in vectors} <= names
    assert not [name for name in names if name.startswith(("tests/", "examples/", "action/"))]

    environment = tmp_path / "environment"
    run(sys.executable, "-I", "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    site = next((environment / "lib").iterdir()) / "site-packages"
    run(
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        site,
        wheel,
        cwd=tmp_path,
    )
    # The dependencies are those of this environment; its own gitgate, installed for editing, is not among them.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = run(python, "-I", "-c", "import gitgate; print(gitgate.__file__)", cwd=elsewhere).strip()
    assert Path(where).is_relative_to(site)

    command = [python, "-I", "-m", "gitgate"]
    assert run(*command, "--version", cwd=elsewhere).startswith("gitgate ")
    assert "schema/unknown-field" in run(*command, "explain", cwd=elsewhere)
    (elsewhere / "good.yaml").write_text(deployment())
    (elsewhere / "bad.yaml").write_text(deployment(extra=MISSPELT))
    assert "accepted" in run(*command, "validate", "good.yaml", cwd=elsewhere)
    assert "imagePullPolicy" in run(*command, "validate", "bad.yaml", cwd=elsewhere, code=1)
    # Settings are judged by a schema that the wheel has to hold.
    (elsewhere / "settings.yaml").write_text("version: 2\n")
    refused = run(*command, "validate", "--settings", "settings.yaml", "good.yaml", cwd=elsewhere, code=2)
    assert "settings.yaml:1" in refused
