"""Parse and schema check of 20,000 documents, against CSafeLoader and kubeconform: `python -m benchmarks.validate`."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import build
from benchmarks.measure import best_of
from gitgate.schema.catalog import SchemaCatalog

ROUNDS = 3
VERSION = "1.33"
TARGET_CSAFELOADER = 0.8
TARGET_KUBECONFORM = 0.6
TARGET_MEMORY = 400.0
_LOADER = """
import pathlib, sys, yaml
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.yaml')):
    for document in yaml.load_all(path.read_bytes(), yaml.CSafeLoader):
        pass
"""


def _write_kubeconform_schemas(folder: Path) -> str:
    """The bundled schemas as files for kubeconform; its `-schema-location`."""
    catalog = SchemaCatalog.bundled(VERSION)
    for schema in catalog.kinds():
        group = f"{schema.group.split('.')[0]}-" if schema.group else ""
        name = f"{schema.kind.lower()}-{group}{schema.version}.json"
        (folder / name).write_text(json.dumps(schema.standalone()), encoding="utf-8")
    return str(folder / "{{ .ResourceKind }}{{ .KindSuffix }}.json")


def measure() -> Iterator[tuple[str, float, float | None]]:
    """Name, value, and the most it may be where there is a target."""
    with tempfile.TemporaryDirectory() as private:
        folder = Path(private)
        manifests = folder / "manifests"
        for name, data in build().items():
            (manifests / name).parent.mkdir(parents=True, exist_ok=True)
            (manifests / name).write_bytes(data)
        gitgate = [sys.executable, "-I", "-m", "gitgate", "validate", "manifests", "-k", VERSION]
        gitgate += ["--allow-unknown-group", "*", "--only", "schema", "--output", "json"]
        ours = best_of(ROUNDS, gitgate, cwd=folder)
        loader = best_of(ROUNDS, [sys.executable, "-I", "-c", _LOADER, "manifests"], cwd=folder)
        yield "gitgate validate --only schema, CPU s", ours.cpu, None
        yield "CSafeLoader, CPU s", loader.cpu, None
        yield "gitgate / CSafeLoader, CPU", ours.cpu / loader.cpu, TARGET_CSAFELOADER
        yield "gitgate, peak MB", ours.memory, TARGET_MEMORY
        everything = [argument for argument in gitgate if argument not in {"--only", "schema"}]
        yield "all checks, as created, CPU s", best_of(1, everything, cwd=folder).cpu, None
        kubeconform = shutil.which("kubeconform")
        if kubeconform is None:
            print("kubeconform is not on PATH: not compared")
            return
        schemas = folder / "schemas"
        schemas.mkdir()
        location = _write_kubeconform_schemas(schemas)
        command = [
            kubeconform,
            "-n",
            "1",
            "-strict",
            "-ignore-missing-schemas",
            "-schema-location",
            location,
            "manifests",
        ]
        theirs = best_of(ROUNDS, command, cwd=folder)
        yield "kubeconform -n 1, CPU s", theirs.cpu, None
        yield "gitgate / kubeconform, CPU", ours.cpu / theirs.cpu, TARGET_KUBECONFORM


def main() -> bool:
    """Print the numbers; did all reach their targets?"""
    good = True
    for name, value, most in measure():
        verdict = "" if most is None else f"  (at most {most:g}: {'yes' if value <= most else 'NO'})"
        good = good and (most is None or value <= most)
        print(f"{name:38}{value:10.2f}{verdict}")
    return good


if __name__ == "__main__":
    sys.exit(not main())
