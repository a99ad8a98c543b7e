"""The data that gitgate ships: where `schemas/` and `policies/` are, in a wheel and in a checkout.

A wheel carries both inside the package (`gitgate/_data/`, pyproject.toml `force-include`); a checkout has them beside
it. This is the only module that knows the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def schema_file(name: str) -> Path:
    """The path of a file in `schemas/`.

    Args:
        name: File name without a folder: `settings-v1.json`.

    Raises:
        FileNotFoundError: gitgate does not ship it; the installation is damaged or the name is wrong.
    """
    return _file("schemas", name)


def schema_files(pattern: str) -> tuple[Path, ...]:
    """The files in `schemas/` whose name matches a glob, sorted by name."""
    return tuple(sorted(_folder("schemas").glob(pattern)))


@lru_cache(maxsize=1)
def kubernetes_versions() -> tuple[str, ...]:
    """The minor versions of Kubernetes whose schemas are shipped, the oldest first: `1.33`."""
    names = (path.name for path in schema_files("kubernetes-*.json.gz"))
    versions = (name.removeprefix("kubernetes-").removesuffix(".json.gz") for name in names)
    return tuple(sorted(versions, key=lambda version: [int(part) for part in version.split(".")]))


_FLUX = "agents-flux.json.gz"
_AGENTS: Mapping[str, str] = {"argoproj.io": "agents-argocd.json.gz", "source.extensions.fluxcd.io": _FLUX}
_OPERATORS: Mapping[str, str] = {
    "acme.cert-manager.io": "operators-cert-manager.json.gz",
    "cert-manager.io": "operators-cert-manager.json.gz",
    "eventing.keda.sh": "operators-keda.json.gz",
    "extensions.istio.io": "operators-istio.json.gz",
    "external-secrets.io": "operators-external-secrets.json.gz",
    "gateway.networking.k8s.io": "operators-gateway-api.json.gz",
    "generators.external-secrets.io": "operators-external-secrets.json.gz",
    "grafana.integreatly.org": "operators-grafana.json.gz",
    "keda.sh": "operators-keda.json.gz",
    "monitoring.coreos.com": "operators-prometheus.json.gz",
    "networking.istio.io": "operators-istio.json.gz",
    "security.istio.io": "operators-istio.json.gz",
    "telemetry.istio.io": "operators-istio.json.gz",
}


def agents_file(group: str) -> str | None:
    """The file that defines an agent's own kinds, Flux's or Argo CD's; None for any other group."""
    return _FLUX if group.endswith(".toolkit.fluxcd.io") else _AGENTS.get(group)


def operators_file(group: str) -> str | None:
    """The file that defines the kinds of an operator that many clusters have; None for any other group."""
    return _OPERATORS.get(group)


@lru_cache(maxsize=16)
def packed(name: str) -> Mapping[str, Any]:
    """What a compressed file in `schemas/` holds, read once for all who ask; nobody may change it."""
    import gzip  # noqa: PLC0415 - `gitgate --version` starts without
    import json  # noqa: PLC0415

    document: Mapping[str, Any] = json.loads(gzip.decompress(schema_file(name).read_bytes()))
    return document


@lru_cache(maxsize=8)
def definitions(name: str) -> tuple[Mapping[str, Any], ...]:
    """The CustomResourceDefinitions of one of these files, each with the `release` that it is from."""
    return tuple(packed(name)["definitions"])


def policy_files() -> tuple[Path, ...]:
    """The policies that gitgate ships, sorted by name."""
    return tuple(sorted(path for path in _folder("policies").iterdir() if path.suffix == ".yaml"))


def policy_examples(name: str) -> Path | None:
    """The file of examples of a set of policies; None when there is none."""
    path = _folder("policies") / "examples" / f"{name}.yaml"
    return path if Path(name).name == name and path.is_file() else None


def policy_set(name: str) -> Path:
    """The file of a set of policies.

    Args:
        name: `pod-security-baseline`, or with a Kubernetes version `pod-security-baseline-v1.24`: then it is the file
            of the latest version, up to that one, in which the set changed.

    Raises:
        FileNotFoundError: gitgate ships no such set.
    """
    files = {path.stem: path for path in policy_files()}
    base, separator, version = name.rpartition("-v1.")
    if name in files or not separator or not version.isascii() or not version.isdigit() or len(version) > 3:
        return _known(files, name)
    steps = [stem for stem in files if stem.startswith(f"{base}-v1.") and int(stem.rpartition(".")[2]) <= int(version)]
    return _known(files, max(steps, key=lambda stem: int(stem.rpartition(".")[2]), default=name))


def _known(files: dict[str, Path], name: str) -> Path:
    if name not in files:
        raise FileNotFoundError(f"gitgate ships no policies called {name!r}")
    return files[name]


def _file(folder: str, name: str) -> Path:
    if Path(name).name != name:
        raise FileNotFoundError(f"{name!r} is not a plain file name")
    path = _folder(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{folder}/{name} is not among the files that gitgate ships")
    return path
