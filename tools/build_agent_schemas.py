"""Write schemas/agents-*.json.gz and schemas/operators-*.json.gz: kinds that Kubernetes itself does not have.

The kinds that configure Flux and Argo CD, so that their fields can be judged; and those of operators that many clusters
have, from which plans predict and nothing is judged (docs/adr/0042-definitions-for-predictions.md).

The source are the CustomResourceDefinitions in the projects' own repositories, all of them Apache-2.0: clone those of
`SOURCES` into one folder and name it. What is kept are facts: fields, types, limits, enumerations, what is required,
and how lists merge. Prose, status and CEL rules are left out. Every API version that a release ever served is there,
each as the newest release that had it defines it, with that release's name.

The files are written byte for byte the same from the same releases: sorted keys, no time stamps.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
SOURCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "agents-flux.json.gz": (
        ("source-controller", "config/crd/bases/"),
        ("source-watcher", "config/crd/bases/"),
        ("kustomize-controller", "config/crd/bases/"),
        ("helm-controller", "config/crd/bases/"),
        ("notification-controller", "config/crd/bases/"),
        ("image-reflector-controller", "config/crd/bases/"),
        ("image-automation-controller", "config/crd/bases/"),
    ),
    "agents-argocd.json.gz": (("argo-cd", "manifests/crds/"),),
    "operators-cert-manager.json.gz": (("cert-manager", "deploy/crds/"),),
    "operators-external-secrets.json.gz": (("external-secrets", "config/crds/bases/"),),
    # Its experimental channel has everything that the standard one has.
    "operators-gateway-api.json.gz": (("gateway-api", "config/crd/experimental/"),),
    "operators-grafana.json.gz": (("grafana-operator", "config/crd/bases/"),),
    # istio/api, cloned as istio-api.
    "operators-istio.json.gz": (("istio-api", "kubernetes/"),),
    "operators-keda.json.gz": (("keda", "config/crd/bases/"),),
    "operators-prometheus.json.gz": (("prometheus-operator", "example/prometheus-operator-crd/"),),
}
"""File of gitgate, and the repositories with the folders that its kinds come from."""

OPERATOR_KINDS = ("FluxInstance", "ResourceSet", "ResourceSetInputProvider")
"""What the Flux operator adds to the kinds that an Alert and a Receiver may name, wherever it installs Flux."""

KEPT = frozenset((
    "additionalProperties", "allOf", "anyOf", "default", "enum", "exclusiveMaximum", "exclusiveMinimum", "format",
    "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "not", "nullable", "oneOf", "pattern", "properties", "required", "type", "uniqueItems",
    "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-preserve-unknown-fields",
))  # fmt: skip
_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def main() -> None:
    """Write every file, and say what each holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="clones of the repositories, by name, with their tags")
    parser.add_argument("names", nargs="*", default=list(SOURCES), help="which files; all otherwise")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    for name in arguments.names:
        repositories = SOURCES[name]
        releases: dict[str, str] = {}
        definitions: dict[str, Any] = {}
        for repository, place in repositories:
            clone = folder / repository
            tags = _releases(clone)
            releases[repository] = tags[0]
            _collect(clone, place, tags, definitions, repository)
        _extend(definitions)
        document = {"definitions": [definitions[key] for key in sorted(definitions)], "releases": releases}
        text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        (FOLDER / name).write_bytes(gzip.compress(text, 9, mtime=0))
        versions = sum(len(definition["spec"]["versions"]) for definition in definitions.values())
        print(f"{name}: {len(definitions)} kinds, {versions} versions, {(FOLDER / name).stat().st_size} bytes")


def _releases(clone: Path) -> list[str]:
    """The last patch of every minor release, the newest first."""
    latest: dict[tuple[int, int], tuple[int, str]] = {}
    for tag in _git(clone, "tag").decode().split():
        match = _RELEASE.fullmatch(tag)
        if match is not None:
            minor = (int(match[1]), int(match[2]))
            latest[minor] = max(latest.get(minor, (-1, "")), (int(match[3]), tag))
    return [latest[minor][1] for minor in sorted(latest, reverse=True)]


def _collect(clone: Path, place: str, tags: list[str], definitions: dict[str, Any], project: str) -> None:
    """Add every version of every kind, each from the newest release that has it."""
    seen: set[str] = set()
    for tag in tags:
        for oid, path in _files(clone, tag, place):
            if oid in seen or not path.endswith(".yaml"):
                continue
            seen.add(oid)
            for found in _documents(_git(clone, "cat-file", "blob", oid)):
                _add(found, definitions, f"{project} {tag}")


def _extend(definitions: Mapping[str, Any]) -> None:
    """Nothing in a repository says whether its Flux is the operator's, so that both count."""
    for kind, field in (("Alert", "eventSources"), ("Receiver", "resources")):
        definition = definitions.get(f"notification.toolkit.fluxcd.io/{kind}", {"spec": {"versions": ()}})
        for version in definition["spec"]["versions"]:
            properties = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            properties[field]["items"]["properties"]["kind"]["enum"].extend(OPERATOR_KINDS)


class _Loader(yaml.CSafeLoader):
    """Reads `=` as the text that it is to Kubernetes, and not as YAML 1.1's value key."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def _documents(text: bytes) -> list[Mapping[str, Any]]:
    """The definitions of a file; none of one that only becomes YAML when it is rendered."""
    try:
        found = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError:
        return []
    return [one for one in found if isinstance(one, dict) and one.get("kind") == "CustomResourceDefinition"]


def _add(found: Mapping[str, Any], definitions: dict[str, Any], release: str) -> None:
    spec = found["spec"]
    if found["apiVersion"] != "apiextensions.k8s.io/v1":
        return
    group, kind = spec["group"], spec["names"]["kind"]
    definition = definitions.setdefault(
        f"{group}/{kind}",
        {
            "release": release,
            "spec": {"group": group, "names": {"kind": kind}, "scope": spec["scope"], "versions": []},
        },
    )
    versions: list[dict[str, Any]] = definition["spec"]["versions"]
    known = {version["name"] for version in versions}
    for version in spec["versions"]:
        if version["name"] not in known and "openAPIV3Schema" in version.get("schema", {}):
            versions.append(
                {
                    "name": version["name"],
                    "schema": {"openAPIV3Schema": _top(version["schema"]["openAPIV3Schema"])},
                    "served": True,
                    "storage": not versions,
                    "subresources": version.get("subresources", {}),
                }
            )


def _top(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = _facts(schema)
    for name in ("apiVersion", "kind"):
        kept["properties"][name] = {"type": "string"}
    if "status" in kept["properties"]:
        kept["properties"]["status"] = _STATUS
    kept["required"] = [name for name in kept.get("required", ()) if name != "status"]
    return kept


def _facts(schema: Any) -> Any:
    """A schema without prose."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key not in KEPT:
            continue
        if key == "properties":
            kept[key] = {name: _facts(inner) for name, inner in value.items()}
        elif key in {"items", "additionalProperties", "not"}:
            kept[key] = _facts(value)
        elif key in {"allOf", "anyOf", "oneOf"}:
            kept[key] = [_facts(inner) for inner in value]
        else:
            kept[key] = value
    return kept


def _files(clone: Path, tag: str, place: str) -> Iterator[tuple[str, str]]:
    for line in _git(clone, "ls-tree", "-r", tag, place).decode().splitlines():
        fields, _, path = line.partition("\t")
        yield fields.split()[2], path


def _git(clone: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", clone, *arguments], check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
