"""A stand-in for the `kind` command, which needs containers: it hands out a control plane of this machine instead.

It has kind's commands, flags, messages and exit codes, as far as gitgate meets them. Of the controllers of a real
cluster it does what plans wait for: ServiceAccounts of namespaces, what is in a namespace that goes, and counted quotas.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gitgate.errors import GitgateError
from gitgate.reconcile.server.binaries import Binaries
from gitgate.reconcile.server.client import Client, tls_context
from gitgate.reconcile.server.control_plane import ControlPlane

_ROOT = Path(__file__).parents[2]


def install(folder: Path, binaries: Binaries) -> Path:
    """Write the program `kind` into a folder, and give the one in which it keeps its clusters and a log of its uses."""
    state = folder / "kind-state"
    state.mkdir()
    program = folder / "bin" / "kind"
    program.parent.mkdir()
    about = {"state": str(state), "etcd": str(binaries.etcd), "apiserver": str(binaries.apiserver),
             "version": list(binaries.version)}  # fmt: skip
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = [{str(_ROOT)!r}]\n"
        f"from tests.support.kind import main\nsys.exit(main({about!r}, sys.argv[1:]))\n"
    )
    program.chmod(0o755)
    return state


def main(about: dict[str, Any], arguments: list[str]) -> int:
    """The command."""
    state = Path(about["state"])
    with (state / "log").open("a") as log:
        log.write(" ".join(arguments) + "\n")
    if (state / f"fail-{arguments[0]}").exists():
        sys.stderr.write((state / f"fail-{arguments[0]}").read_text())
        return 1
    name = arguments[arguments.index("--name") + 1] if "--name" in arguments else ""
    if arguments[:2] == ["get", "clusters"]:
        found = sorted(path.name for path in state.iterdir() if path.is_dir())
        print("\n".join(found)) if found else sys.stderr.write("No kind clusters found.\n")
        return 0
    if arguments[:2] == ["get", "kubeconfig"]:
        print((state / name / "kubeconfig").read_text(), end="")
        return 0
    if arguments[:2] == ["create", "cluster"]:
        return _create(about, state / name, Path(arguments[arguments.index("--kubeconfig") + 1]))
    assert arguments[:2] == ["delete", "cluster"]
    sys.stderr.write(f'Deleting cluster "{name}" ...\n')
    _delete(state / name)
    return 0


def _create(about: dict[str, Any], place: Path, kubeconfig: Path) -> int:
    if place.exists():
        sys.stderr.write(
            f'ERROR: failed to create cluster: node(s) already exist for a cluster with the name "{place.name}"\n'
        )
        return 1
    place.mkdir()
    sys.stderr.write(f'Creating cluster "{place.name}" ...\n \u2022 Starting control-plane  ...\n')
    sys.stderr.flush()
    code = f"import sys; sys.path[:0] = [{str(_ROOT)!r}]; from tests.support.kind import serve; serve({about!r}, {str(place)!r})"
    # As containers do, it outlives whoever started it.
    with (place / "output").open("wb") as output:
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                 start_new_session=True)  # fmt: skip
    while not (place / "kubeconfig").exists():
        if child.poll() is not None:
            sys.stderr.write("ERROR: failed to create cluster: " + (place / "output").read_text()[-300:])
            return 1
        time.sleep(0.05)
    kubeconfig.write_text((place / "kubeconfig").read_text())
    return 0


def _delete(place: Path) -> None:
    for _ in range(200):  # whoever was to start it may have been killed before it did
        if not place.exists() or (place / "pid").exists():
            break
        time.sleep(0.05)
    if (place / "pid").exists():
        pid = int((place / "pid").read_text())
        try:
            os.kill(pid, signal.SIGTERM)
            while True:
                os.kill(pid, 0)
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    break
                time.sleep(0.05)
        except OSError:
            pass
    shutil.rmtree(place, ignore_errors=True)


def serve(about: dict[str, Any], place: str) -> None:
    """Be a cluster, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    (Path(place) / "pid.new").write_text(str(os.getpid()))
    (Path(place) / "pid.new").rename(Path(place) / "pid")
    binaries = Binaries(Path(about["etcd"]), Path(about["apiserver"]), tuple(about["version"]))
    with ControlPlane(binaries, user="nobody", groups=(), authorization="RBAC") as plane:
        admin = Client(plane.address, tls_context(plane.directory, "admin"))
        controllers = _Controllers(admin)
        controllers.work()
        unfinished = Path(place) / "kubeconfig.new"
        unfinished.write_text(_kubeconfig(plane))
        unfinished.rename(Path(place) / "kubeconfig")
        while True:
            controllers.work()
            time.sleep(0.1)


def _kubeconfig(plane: ControlPlane) -> str:
    def encoded(name: str) -> str:
        return base64.b64encode((plane.directory / name).read_bytes()).decode()

    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "kind",
        "clusters": [{"name": "kind", "cluster": {"server": plane.address, "certificate-authority-data": encoded("ca.crt")}}],
        "users": [{"name": "kind", "user": {
            "client-certificate-data": encoded("admin.crt"), "client-key-data": encoded("admin.key")}}],
        "contexts": [{"name": "kind", "context": {"cluster": "kind", "user": "kind"}}],
    })  # fmt: skip


class _Controllers:
    def __init__(self, admin: Client) -> None:
        self._admin = admin

    def work(self) -> None:
        try:
            for namespace in self._items("/api/v1/namespaces"):
                name = namespace["metadata"]["name"]
                if namespace["metadata"].get("deletionTimestamp"):
                    self._end(name, namespace)
                    continue
                accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
                if self._admin.get(f"{accounts}/default").status == 404:
                    self._admin.request("POST", accounts, {"metadata": {"name": "default"}})
            for quota in self._items("/api/v1/resourcequotas"):
                hard = quota["spec"].get("hard") or {}
                if (quota.get("status") or {}).get("hard") != hard:
                    path = f"/api/v1/namespaces/{quota['metadata']['namespace']}/resourcequotas/{quota['metadata']['name']}/status"
                    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
                    self._admin.request("PATCH", path, status, content="application/merge-patch+json")
        except GitgateError:
            sys.exit(1)

    def _end(self, name: str, namespace: dict[str, Any]) -> None:
        groups = self._admin.get("/apis").body["groups"]
        roots = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        for root in roots:
            for kind in self._admin.get(root).body.get("resources") or ():
                if kind["namespaced"] and "deletecollection" in kind["verbs"] and "/" not in kind["name"]:
                    self._admin.request("DELETE", f"{root}/namespaces/{name}/{kind['name']}")
        body = {**namespace, "spec": {"finalizers": []}}
        self._admin.request("PUT", f"/api/v1/namespaces/{name}/finalize", body)

    def _items(self, path: str) -> list[dict[str, Any]]:
        return self._admin.get(path).body.get("items") or []
