"""The real kubectl as the one that applies: `--kubectl PATH --method client-side`, the three-way patch, or `replace`."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.server.client import Answer
from gitgate.reconcile.server.control_plane import ControlPlane
from tests.agreement.server import Server

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_COMMANDS: Mapping[ApplyMethod, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ApplyMethod.CLIENT_SIDE: (("apply",), ("apply",)),
    ApplyMethod.REPLACE: (("create",), ("replace",)),
    ApplyMethod.SERVER_SIDE: (("apply", "--server-side", "--force-conflicts"),) * 2,
}
"""The first time, and afterwards."""


class KubectlServer(Server):
    """An API server that kubectl applies to.

    Args:
        plane: Its control plane.
        program: kubectl.
        method: How it applies.
    """

    def __init__(self, plane: ControlPlane, program: Path, method: ApplyMethod) -> None:
        super().__init__(plane.client)
        self._plain = plane.client.request
        self.request = self._request
        self._commands = _COMMANDS[method]
        self._folder = Path(tempfile.mkdtemp(prefix="kubectl-", dir=plane.directory))
        config = self._folder / "config"
        config.write_text(json.dumps(_config(plane)), "utf-8")
        self._program = [str(program), f"--kubeconfig={config}", f"--cache-dir={self._folder / 'cache'}"]

    def apply(self, data: Mapping[str, Any], namespace: str) -> Answer:
        """Create or change an object as kubectl does."""
        where = f"{self.place(data, namespace)}/{data['metadata']['name']}"
        first, then = self._commands
        command = then if self._plain("GET", where).status == 200 else first
        done = subprocess.run(
            [*self._program, *command, "--namespace", namespace or "default", "--filename", "-"],
            input=json.dumps(data).encode(), capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return self._request("GET", where)
        lines = [
            line for line in done.stderr.decode("utf-8", "replace").splitlines() if not line.startswith("Warning:")
        ]
        words = "\n".join(lines).replace(" is invalid: \n* ", " is invalid: [")
        return Answer(422, {"kind": "Status", "message": words})

    def _request(self, *arguments: Any, **named: Any) -> Answer:
        """An answer without the annotation in which kubectl keeps what it applied."""
        answer = self._plain(*arguments, **named)
        metadata = answer.body.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if not isinstance(annotations, dict) or LAST_APPLIED not in annotations:
            return answer
        kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        without = {key: value for key, value in metadata.items() if key != "annotations"}
        return Answer(
            answer.status, {**answer.body, "metadata": {**without, **({"annotations": kept} if kept else {})}}
        )


def _config(plane: ControlPlane) -> dict[str, Any]:
    files = {
        "client-certificate": str(plane.directory / "client.crt"),
        "client-key": str(plane.directory / "client.key"),
    }
    cluster = {"server": plane.address, "certificate-authority": str(plane.directory / "ca.crt")}
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "plane",
        "clusters": [{"name": "plane", "cluster": cluster}], "users": [{"name": "agent", "user": files}],
        "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": "agent"}}],
    }  # fmt: skip
