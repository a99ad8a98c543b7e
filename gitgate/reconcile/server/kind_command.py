"""`Kind`: the `kind` command, https://kind.sigs.k8s.io, as far as plans need it.

It writes kubeconfig files to a private directory only, and its messages are sorted by what to do about them. Of what
the programs that it runs have to say nothing is repeated that may hold a secret.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from gitgate import process
from gitgate.errors import ToolError

CREATE_SECONDS = 600.0
"""For creating a cluster; most of it goes into fetching the image the first time."""
_SECONDS = 120.0
_POLL = 0.1
_LOG_BYTES = 64 * 1024
_SHOWN = 300
_INHERITED = (
    "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
    "XDG_RUNTIME_DIR", "CONTAINER_HOST", "KIND_EXPERIMENTAL_PROVIDER",
)  # fmt: skip
"""What Docker, podman and nerdctl are found by. Proxies are left out: kind would pass them on to the nodes."""
OTHERWISE = "Or plan with --cluster control-plane, which needs no containers."
_INSTEAD = "Plan with --cluster control-plane, which needs no containers."
_REMEDY = f"Install kind (https://kind.sigs.k8s.io) and Docker. {OTHERWISE}"
_CAUSES = (
    (r"executable file not found", "kind finds neither Docker nor podman nor nerdctl", f"Install Docker. {OTHERWISE}"),
    (r"permission denied while trying to connect|dial unix [^\n]*permission denied",
     "kind may not use Docker: permission denied", f"Let this user use Docker. {OTHERWISE}"),
    (r"Cannot connect to the Docker daemon|Is the docker daemon running|error during connect|connection refused",
     "kind cannot reach Docker: the daemon is not running", f"Start Docker. {OTHERWISE}"),
    (r"no space left on device", "kind has no space left on the device", "Make room, as with `docker system prune`."),
    (r"failed to pull image|manifest unknown|pull access denied|unable to pull",
     "kind cannot fetch the image", "Look at the image's name and digest, and at the way to its registry."),
)  # fmt: skip
_EXISTS = "already exist for a cluster with the name"
_COMMAND = re.compile(r'command ".*" failed with error: ')
_STEP = re.compile(r"^\s*[•✓]\s+(.*?)\s*\.*\s*$", re.MULTILINE)


class ClusterExistsError(ToolError):
    """Another program made a cluster of that name in the meantime."""


class Kind:
    """The `kind` command.

    Raises:
        ToolError: It is not installed; from every method: it failed.
    """

    def __init__(self) -> None:
        self._program = process.find_program("kind", remedy=_REMEDY)
        self.environment: Mapping[str, str] = {name: os.environ[name] for name in _INHERITED if os.environ.get(name)}

    def clusters(self, directory: Path) -> tuple[str, ...]:
        """The names of all clusters that are there."""
        done = self._run(["get", "clusters"], directory)
        return tuple(done.stdout.decode("utf-8", "replace").split())

    def kubeconfig(self, name: str, directory: Path) -> bytes:
        """The kubeconfig of a cluster that is there; secret."""
        return self._run(["get", "kubeconfig", "--name", name], directory).stdout

    def delete(self, name: str, directory: Path) -> None:
        """Delete a cluster; one that is not there is no error."""
        try:
            self._run(self.deletion(name, directory)[1:], directory)
        except ToolError as error:
            raise ToolError(
                f"the kind cluster {name} was not deleted: {error}", remedy=f"kind delete cluster --name {name}"
            ) from error

    def deletion(self, name: str, directory: Path) -> list[str]:
        """The command that deletes a cluster, and takes it out of no kubeconfig but the private one."""
        return [self._program, "delete", "cluster", "--name", name, "--kubeconfig", str(_kubeconfig(directory))]

    def create(
        self, servers: process.Servers, name: str, image: str, *, tell: Callable[[str], None],
        seconds: float | None = None,
    ) -> bytes:  # fmt: skip
        """Create a cluster, and give its kubeconfig; however this ends, closing the servers deletes the cluster.

        Args:
            servers: Holds the command, so that it ends with gitgate.
            name: Of the cluster.
            image: Of its node.
            tell: Told what is being done.
            seconds: How long it may take.

        Raises:
            ClusterExistsError: There is one of that name, which stays.
        """
        seconds = CREATE_SECONDS if seconds is None else seconds
        log, kubeconfig = servers.directory / "kind.log", _kubeconfig(servers.directory)
        arguments = ["create", "cluster", "--name", name, "--image", image, "--kubeconfig", str(kubeconfig)]
        servers.at_end(self.deletion(name, servers.directory))
        number = servers.start([self._program, *arguments], log, group=True)
        deadline = time.monotonic() + seconds
        while (code := servers.poll()[number]) is None:
            if time.monotonic() > deadline:
                raise ToolError(
                    f"kind did not create the cluster within {seconds:g} seconds",
                    remedy=f"Fetch the image beforehand: docker pull {image}",
                )
            tell(_progress(log))
            time.sleep(_POLL)
        if code != 0:
            if _EXISTS in _read(log):
                servers.at_end(None)
                raise ClusterExistsError(f"there is a kind cluster {name} already")
            _fail(_read(log), code, image)
        try:
            return kubeconfig.read_bytes()
        except OSError as error:
            raise ToolError(f"kind created the cluster, and no kubeconfig: {error.strerror}") from error

    def _run(self, arguments: list[str], directory: Path) -> process.Completed:
        done = process.run(
            [self._program, *arguments],
            cwd=directory, environment=self.environment, expected=range(256), timeout=_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            _fail(done.stderr.decode("utf-8", "replace"), done.returncode, None)
        return done


def _kubeconfig(directory: Path) -> Path:
    return directory / "kubeconfig"


def _read(log: Path) -> str:
    try:
        with log.open("rb") as file:
            return file.read(_LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _progress(log: Path) -> str:
    steps = _STEP.findall(_read(log))
    return f"creating the kind cluster: {steps[-1]}" if steps else "creating the kind cluster"


def _fail(said: str, code: int, image: str | None) -> NoReturn:
    """Say in one line why kind failed, and what to do.

    Raises:
        ToolError: Always.
    """
    for pattern, message, remedy in _CAUSES:
        if re.search(pattern, said):
            raise ToolError(f"{message} {image}" if image and "image" in message else message, remedy=remedy)
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    # The command lines of containers, and what kubeadm prints, are left out: they may hold secrets.
    told = _COMMAND.sub("", errors[0]) if errors else f"exit code {code}"
    plain = "".join(character if character.isprintable() else " " for character in told)
    raise ToolError(f"kind failed: {plain[:_SHOWN].strip()}", remedy=_INSTEAD)
