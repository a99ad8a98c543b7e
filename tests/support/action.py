"""A small GitHub runner: takes the steps out of `action.yml` and runs them in bash, with files for outputs and summary.

Facts: actions/runner, docs/adrs/0549-composite-run-steps.md, and docs.github.com, "Workflow syntax": `shell: bash` is
`bash --noprofile --norc -e -o pipefail {0}`; `env` and `outputs` take expressions; the working directory is the
workspace; what a step writes to GITHUB_OUTPUT are its outputs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_OUTPUT = re.compile(
    r"(?P<name>[^\n=<]+)(?:<<(?P<end>[^\n]+)\n(?P<lines>.*?)\n(?P=end)|=(?P<value>[^\n]*))\n", re.DOTALL
)


@dataclass(slots=True)
class Job:
    """A job on a runner of its own; call `run` once."""

    directory: Path
    workspace: Path
    server: Path
    inputs: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    token: str = "the-token"
    server_url: str = ""
    venv: Path = field(default_factory=lambda: Path(sys.prefix))
    action: Path = ROOT

    def run(
        self,
        event_name: str,
        event: Mapping[str, Any],
        *,
        steps: tuple[str, ...] = ("resolve", "judge"),
        summary: str = "",
    ) -> Ended:
        """Run steps of the action for an event; without the step `install`, this test's own environment is used."""
        self.directory.mkdir()
        temporary = self.directory / "temp"
        temporary.mkdir()
        (self.directory / "event.json").write_text(json.dumps(event))
        (self.directory / "summary").write_text(summary)
        manifest = yaml.safe_load((self.action / "action.yml").read_text())
        known: dict[str, str] = {
            f"inputs.{name}": self.inputs.get(
                name, str(about.get("default", "")).replace("${{ github.token }}", self.token)
            )
            for name, about in manifest["inputs"].items()
        }
        if "install" not in steps:
            home = temporary / "home"
            home.mkdir()
            (home / "venv").symlink_to(self.venv)
            known["steps.install.outputs.home"] = str(home)
        log, code = "", 0
        for step in manifest["runs"]["steps"]:
            if step["id"] in steps and code == 0:
                text, code = self._step(step, event_name, known)
                log += text
        values = {name: _evaluate(output["value"], known) for name, output in manifest["outputs"].items()}
        return Ended(code, log, values, (self.directory / "summary").read_text())

    def _step(self, step: Mapping[str, Any], event_name: str, known: dict[str, str]) -> tuple[str, int]:
        outputs = self.directory / f"outputs-{step['id']}"
        outputs.touch()
        script = self.directory / f"{step['id']}.sh"
        script.write_text(step["run"])
        assert step["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),
                "CI": "true",
                "GIT_CONFIG_GLOBAL": os.devnull,
                **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
                **self.environment,
                "GITHUB_ACTION_PATH": str(self.action),
                "GITHUB_EVENT_NAME": event_name,
                "GITHUB_EVENT_PATH": str(self.directory / "event.json"),
                "GITHUB_OUTPUT": str(outputs),
                "GITHUB_REPOSITORY": self.server.name,
                "GITHUB_SERVER_URL": self.server_url or self.server.parent.as_uri(),
                "GITHUB_SHA": str(known.get("sha", "")),
                "GITHUB_STEP_SUMMARY": str(self.directory / "summary"),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.directory / "temp"),
                **{name: _evaluate(value, known) for name, value in step.get("env", {}).items()},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=110,
        )
        for name, value in parse_outputs(outputs.read_text()).items():
            known[f"steps.{step['id']}.outputs.{name}"] = value
        return done.stdout.decode("utf-8", "surrogateescape"), done.returncode


@dataclass(frozen=True, slots=True)
class Ended:
    """How the action ended."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    @property
    def commands(self) -> list[str]:
        """The lines that the runner obeys, with `::stop-commands::` taken into account."""
        obeyed: list[str] = []
        stopped_until: str | None = None
        for line in re.split(r"\r\n|\r|\n", self.log):
            text = line.lstrip()
            if stopped_until is not None:
                if text == f"::{stopped_until}::":
                    stopped_until = None
                continue
            if text.startswith("::stop-commands::"):
                stopped_until = text.removeprefix("::stop-commands::")
            elif text.startswith("::") or "##[" in text:
                obeyed.append(text)
        assert stopped_until is None, "the log ends with commands stopped"
        return obeyed


def parse_outputs(text: str) -> dict[str, str]:
    """The file GITHUB_OUTPUT as the runner reads it; anything that is not of its form is an error."""
    found, at = {}, 0
    while at < len(text):
        match = _OUTPUT.match(text, at)
        assert match is not None, f"not an output: {text[at : at + 80]!r}"
        found[match["name"]] = match["value"] if match["value"] is not None else match["lines"]
        at = match.end()
    return found


def _evaluate(text: str, known: Mapping[str, str]) -> str:
    """A value with its expressions replaced: `inputs.x`, `steps.x.outputs.y`, a string, and `||` between them."""

    def value(match: re.Match[str]) -> str:
        for operand in match[1].split("||"):
            name = operand.strip()
            result = name[1:-1] if name.startswith("'") else known.get(name, "")
            assert name.startswith(("'", "inputs.", "steps.")), name
            if result:
                return result
        return ""

    return _EXPRESSION.sub(value, str(text))
