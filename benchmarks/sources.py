"""Flux at size: 300 Kustomizations and 100 HelmReleases, against the same programs started by a shell on two cores."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import cost_of

KUSTOMIZATIONS = 300
RELEASES = 100
FIRST_LIMIT = 1.2
"""Times what the programs themselves take, wall time."""
SECOND_LIMIT = 1.0
"""Seconds of wall time of a run that finds all but one application rendered."""
_SYNC = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec: {{interval: 10m, prune: true, path: ./{path}, sourceRef: {{kind: GitRepository, name: flux-system}}}}
"""
_RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: r{number}, namespace: shop}}
spec:
  interval: 10m
  chart: {{spec: {{chart: ./chart, sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}}}}}
  values: {{number: "{number}"}}
"""
_CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}, namespace: shop}}\ndata: {{a: '{value}'}}\n"
_TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n"
    "data: {a: {{ .Values.number | quote }}}\n"
)


def main() -> bool:
    """Measure, print, and say whether both targets were reached."""
    with tempfile.TemporaryDirectory(prefix="gitgate-bench-") as directory:
        root, cache = Path(directory) / "app", Path(directory) / "cache"
        _write(root)
        _git(root, "init", "-q", "-b", "main")
        _commit(root)
        environment = {"XDG_CACHE_HOME": str(cache)}
        programs = cost_of(("sh", "-c", _shell()), cwd=root)
        gitgate = (
            sys.executable,
            "-m",
            "gitgate",
            "check",
            "--base",
            "HEAD~1",
            "--head",
            "HEAD",
            "--output",
            "json=/dev/null",
        )
        _touch(root, 1)
        first = cost_of(gitgate, cwd=root, environment=environment)
        _touch(root, 2)
        second = cost_of(gitgate, cwd=root, environment=environment)
    ratio = first.wall / programs.wall
    print(f"  kustomize and helm alone, two at once: {programs.wall:6.2f} s, CPU {programs.cpu:6.2f} s")
    print(
        f"  gitgate check, nothing rendered yet:   {first.wall:6.2f} s, CPU {first.cpu:6.2f} s: "
        f"{ratio:.2f} times (limit {FIRST_LIMIT})"
    )
    print(
        f"  the next change of one application:    {second.wall:6.2f} s, CPU {second.cpu:6.2f} s "
        f"(limit {SECOND_LIMIT} s)"
    )
    return ratio <= FIRST_LIMIT and second.wall <= SECOND_LIMIT


def _write(root: Path) -> None:
    files = {"clusters/one/flux-system/gotk-sync.yaml": _SYNC.format(name="flux-system", path="clusters/one")}
    for number in range(KUSTOMIZATIONS):
        files[f"clusters/one/k{number}.yaml"] = _SYNC.format(name=f"k{number}", path=f"apps/k{number}")
        files[f"apps/k{number}/kustomization.yaml"] = "resources: [config.yaml]\n"
        files[f"apps/k{number}/config.yaml"] = _CONFIG.format(number=number, value=0)
    for number in range(RELEASES):
        files[f"clusters/one/r{number}.yaml"] = _RELEASE.format(number=number)
    files["chart/Chart.yaml"] = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
    files["chart/templates/a.yaml"] = _TEMPLATE
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _touch(root: Path, value: int) -> None:
    (root / "apps/k7/config.yaml").write_text(_CONFIG.format(number=7, value=value))
    _commit(root)


def _commit(root: Path) -> None:
    _git(root, "add", "-A")
    _git(root, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "change")


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(("git", "-C", str(root), *arguments), check=True)


def _shell() -> str:
    """The same invocations; the change renders one directory a second time."""
    return (
        f"{{ seq 0 {KUSTOMIZATIONS - 1} | sed 's|.*|kustomize build apps/k&|';"
        f" seq 0 {RELEASES - 1} | sed 's|.*|helm template r& chart --set number=&|'; }}"
        " | xargs -P 2 -I{} sh -c '{} >/dev/null'"
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
