"""What a request hands to Helm beside the chart: values files of the tree, parameters, options; each checked first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.sources.documents import DocumentReader
from gitgate.sources.helm_request import HelmParameter, HelmRequest
from gitgate.sources.tree_files import PathKind
from gitgate.tree import Tree

_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RELEASE_LENGTH = 53
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_KUBE_VERSION = re.compile(r"v?\d{1,3}\.\d{1,4}(\.\d{1,6})?([-+][0-9A-Za-z.+-]{1,60})?", re.ASCII)
_API_VERSION = re.compile(r"[A-Za-z0-9./-]{1,250}")
_FILE_PARAMETER = re.compile(r"[A-Za-z0-9_./\[\]-]{1,250}")
"""Without `,` and `=`, which begin another parameter, whose value may be a URL that Helm would fetch."""
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_ARGUMENT_LENGTH = 100_000
"""Characters; Linux takes 128 KiB (MAX_ARG_STRLEN)."""


class ValuesError(Exception):
    """A request that Helm must not be given.

    Attributes:
        code: Of the problem that it becomes.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedValues:
    """The values files of a request.

    Attributes:
        files: Path and content, in order.
        defaults: What stands in for the chart's own values; None keeps those.
        paths: All files of the tree that were read, links as what they lead to; later ones win.
    """

    files: tuple[tuple[str, bytes], ...]
    defaults: bytes | None
    paths: tuple[str, ...]


def request_options(request: HelmRequest, kube_version: str) -> tuple[str, ...]:
    """The options of `helm template` that a request stands for.

    Raises:
        ValuesError: A name or version is none.
    """
    name = request.release_name
    if not _RELEASE.fullmatch(name) or len(name) > _RELEASE_LENGTH:
        raise ValuesError(
            "helm-invalid", f"{name!r} is no name for a release: at most {_RELEASE_LENGTH} of a-z, 0-9, - and ."
        )
    if not _NAMESPACE.fullmatch(request.namespace):
        raise ValuesError("helm-invalid", f"{request.namespace!r} is no name of a namespace to install a chart into")
    if not _KUBE_VERSION.fullmatch(kube_version):
        raise ValuesError("helm-invalid", f"{kube_version!r} is no version of Kubernetes to render a chart for")
    for api_version in request.api_versions:
        if not _API_VERSION.fullmatch(api_version):
            raise ValuesError("helm-invalid", f"{api_version!r} is no API version to render a chart for")
    flags = {
        "--include-crds": request.include_crds,
        "--no-hooks": request.skip_hooks,
    }
    return (
        f"--namespace={request.namespace}",
        f"--kube-version={kube_version}",
        *(f"--api-versions={api_version}" for api_version in request.api_versions),
        *(flag for flag, wanted in flags.items() if wanted),
    )


def parameters_of(
    request: HelmRequest, tree: Tree, documents: DocumentReader
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, bytes], ...]]:
    """The parameters as arguments of `--set` or `--set-string`, and as names and contents for `--set-file`.

    Raises:
        ValuesError: A parameter is too long, a name would set more than one value, or a file is not in the tree.
    """
    settings = tuple(_setting(parameter) for parameter in request.parameters)
    files: list[tuple[str, bytes]] = []
    for parameter in request.file_parameters:
        if not _FILE_PARAMETER.fullmatch(parameter.name):
            raise ValuesError("helm-invalid", f"{parameter.name!r} is no name of a parameter that a file can give")
        data = _read(parameter.value, tree, documents, "parameter file")
        if data is None:
            raise ValuesError("helm-values-file", f"the parameter file {parameter.value!r} does not exist")
        files.append((parameter.name, data))
    return settings, tuple(files)


def collect_values(request: HelmRequest, tree: Tree, documents: DocumentReader) -> CollectedValues:
    """Read the values files of a request.

    Raises:
        ValuesError: A file is outside the tree, is not there, or cannot be read.
    """
    files = tuple(_existing(request, request.values_files, tree, documents))
    defaults = tuple(_existing(request, request.chart_values_files, tree, documents))
    merged: dict[str, Any] | None = {} if request.chart_values_files else None
    for path, _ in defaults:
        file = documents.read(tree, path)
        value = file.documents[0].value if file.documents else {}
        if any(problem.fatal for problem in file.problems) or not isinstance(value, dict) or merged is None:
            raise ValuesError("helm-values-file", f"the values file {path!r} cannot be read, or is no mapping")
        merged = merge_values(merged, value)
    try:
        text = None if merged is None else json.dumps(merged, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ValuesError("helm-values-file", "the values files hold what JSON cannot") from error
    resolver = documents.files(tree)
    paths = tuple(resolver.resolve(path).path for path, _ in (*defaults, *files))
    return CollectedValues(files=files, defaults=text, paths=paths)


def merge_values(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two sets of values, mappings merged key by key and everything else replaced, as Helm and Flux do.

    Source: helm.sh/helm, pkg/cli/values/options.go, `mergeMaps`; fluxcd/pkg, runtime/transform, `MergeMaps`.
    """
    merged = dict(base)
    for key, value in over.items():
        present = merged.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_values(present, value)
        else:
            merged[key] = value
    return merged


def _existing(
    request: HelmRequest, paths: tuple[str, ...], tree: Tree, documents: DocumentReader
) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        data = _read(path, tree, documents, "values file")
        if data is not None:
            yield path, data
        elif not request.ignore_missing_values_files:
            raise ValuesError("helm-values-file", f"the values file {path!r} does not exist")


def _read(path: str, tree: Tree, documents: DocumentReader, what: str) -> bytes | None:
    """A file of the tree; None when there is none."""
    if "://" in path:
        raise ValuesError("helm-values-file", f"the {what} {path!r} is fetched from elsewhere; gitgate fetches nothing")
    reached = documents.files(tree).resolve_from("", path)
    if reached.kind is PathKind.ESCAPING or path.startswith("/"):
        raise ValuesError("helm-values-file", f"the {what} {path!r} is outside the repository")
    if reached.kind is not PathKind.FILE:
        return None
    documents.load(tree, (reached.path,))
    data = documents.source(tree, reached.path)
    if data is None:
        raise ValuesError("helm-limit", f"the {what} {path!r} has {documents.state(tree, reached.path)}")
    return data


def _setting(parameter: HelmParameter) -> tuple[str, str]:
    """Source: argo-cd, util/helm/cmd.go, `cleanSetParameters`: a comma is text unless the value is a `{…}` list."""
    value = parameter.value
    if not (value.startswith("{") and value.endswith("}")):
        value = _UNESCAPED_COMMA.sub(r"\\,", value)
    text = f"{parameter.name}={value}"
    if not parameter.name or len(text) > _ARGUMENT_LENGTH or "\0" in text:
        raise ValuesError("helm-invalid", f"the parameter {parameter.name[:100]!r} has no name, or is too long")
    return ("--set-string" if parameter.force_string else "--set", text)
