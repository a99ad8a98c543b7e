"""A kustomization file, read without running anything: what it is and every path it names.

The fields are those of `types.Kustomization` in sigs.k8s.io/kustomize/api v0.21. kustomize decodes the file with
Go's encoding/json, which takes `RESOURCES` for `resources`; here a key must be spelled exactly, so that no reference
goes by unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitgate.location import FieldPath, format_field_path
from gitgate.yaml_document import read_yaml

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Source: konfig.RecognizedKustomizationFileNames."""

_API_VERSIONS = {
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
    "Component": "kustomize.config.k8s.io/v1alpha1",
}
_HELM_FIELDS = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
_PATH_LISTS = ("resources", "bases", "components", "crds", "configurations")
_PLUGIN_LISTS = ("generators", "transformers", "validators")
_PATCH_LISTS = ("patches", "patchesJson6902")
_GENERATOR_LISTS = ("configMapGenerator", "secretGenerator")
_LISTS = (*_PATH_LISTS, *_PLUGIN_LISTS, *_PATCH_LISTS, *_GENERATOR_LISTS, "patchesStrategicMerge", "replacements")
_OTHER_FIELDS = (
    "apiVersion", "kind", "metadata", "openapi", "namePrefix", "nameSuffix", "namespace", "commonLabels", "labels",
    "commonAnnotations", "images", "imageTags", "replicas", "vars", "sortOptions", "generatorOptions", "buildMetadata",
)  # fmt: skip
_FIELDS = frozenset((*_LISTS, *_OTHER_FIELDS, *_HELM_FIELDS))
_ITEM_FIELDS = {
    "patches": frozenset(("path", "patch", "target", "options")),
    "patchesJson6902": frozenset(("path", "patch", "target", "options")),
    "configMapGenerator": frozenset(("namespace", "name", "behavior", "literals", "files", "envs", "env", "options")),
    "secretGenerator": frozenset(
        ("namespace", "name", "behavior", "literals", "files", "envs", "env", "options", "type")
    ),
    "replacements": frozenset(("source", "targets", "sourceValue", "path")),
}
_BUILTIN_PLUGINS = frozenset((
    "AnnotationsTransformer", "ConfigMapGenerator", "HashTransformer", "IAMPolicyGenerator", "ImageTagTransformer",
    "LabelTransformer", "NamespaceTransformer", "PatchJson6902Transformer", "PatchStrategicMergeTransformer",
    "PatchTransformer", "PrefixSuffixTransformer", "PrefixTransformer", "ReplacementTransformer",
    "ReplicaCountTransformer", "SecretGenerator", "SuffixTransformer", "ValueAddTransformer",
))  # fmt: skip
"""Plugins that are part of kustomize and run nothing. Source: api/internal/plugins/builtinhelpers/builtins.go."""
_FUNCTION_ANNOTATIONS = ("config.kubernetes.io/function", "config.k8s.io/function")
_REMOTE_SCHEME = re.compile(r"(?:git::)*(?:https?:|ssh://|file://|git://|gh:)", re.IGNORECASE)
_REMOTE_USER = re.compile(r"(?:git::)*[A-Za-z][A-Za-z0-9-]*@[^/]*[:/]")
_REMOTE_GITHUB = re.compile(r"(?:git::)*github\.com[/:]", re.IGNORECASE)
_REMOTE_LOOSE = re.compile(r"::|://|\.git(?:/|\Z)|(?:\A|/)_git/|\?(?:ref|version|timeout|submodules)=", re.IGNORECASE)


class ReferenceKind(StrEnum):
    """What kustomize does with a path."""

    RESOURCE = "resource"
    """A file of objects, or a directory with another kustomization."""
    COMPONENT = "component"
    """A directory with a component."""
    FILE = "file"
    """A YAML or JSON file that kustomize itself reads: a patch, a schema, a configuration."""
    DATA = "data"
    """A file whose bytes go into a ConfigMap or Secret."""
    PLUGIN = "plugin"
    """A file or directory with the configuration of a generator, transformer or validator."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A path that a kustomization names."""

    kind: ReferenceKind
    text: str
    field: FieldPath


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a kustomization before any path is followed."""

    code: str
    message: str
    field: FieldPath
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization file as read.

    Attributes:
        value: Its fields.
        component: Is it a Component, which only changes what others render?
        references: In the order of the fields.
        flaws: What keeps it from being rendered.
    """

    value: Mapping[str, Any]
    component: bool
    references: tuple[Reference, ...]
    flaws: tuple[Flaw, ...]


def read_kustomization(value: Any) -> Kustomization:
    """Collect what a kustomization names; total on any JSON value."""
    if not isinstance(value, dict) or not value:
        flaw = Flaw("kustomize-invalid", "a kustomization must be a mapping with at least one field", ())
        return Kustomization({}, False, (), (flaw,))
    collected = _Collected([], [])
    collected.flaws.extend(_head_flaws(value))
    for name in _LISTS:
        for index, item in enumerate(_list(value, name, collected)):
            _read_item(name, item, (name, index), collected)
    _read_openapi(value, collected)
    return Kustomization(value, value.get("kind") == "Component", tuple(collected.references), tuple(collected.flaws))


def read_plugin(value: Any, field: FieldPath) -> tuple[tuple[Reference, ...], tuple[Flaw, ...]]:
    """What the configuration of a generator, transformer or validator names.

    Its keys are compared without case, as kustomize decodes them so.

    Args:
        value: One object.
        field: Where it is inlined in the kustomization; empty for a file.
    """
    collected = _Collected([], [])
    flaw = _plugin_flaw(value, field)
    if flaw is not None:
        return (), (flaw,)
    for key, item in value.items():
        path = (*field, key)
        match key.lower():
            case "path" | "targetfilepath":
                collected.add(ReferenceKind.FILE, item, path)
            case "env":
                collected.add(ReferenceKind.DATA, item, path)
            case "files" | "envs" | "paths" | "replacements":
                _read_plugin_list(key.lower(), item, path, collected)
            case _:
                pass
    return tuple(collected.references), tuple(collected.flaws)


def is_remote(text: str) -> bool:
    """Would kustomize fetch this over the network, or clone it?

    Everything that `git.NewRepoSpecFromURL` or `loader.IsRemoteFile` of kustomize takes for remote is; more may be.
    """
    return bool(_REMOTE_SCHEME.match(text) or _REMOTE_USER.match(text) or _REMOTE_GITHUB.match(text))


def looks_remote(text: str) -> bool:
    """Was this a remote reference for an older kustomize? Ask only where the tree has no such path."""
    return is_remote(text) or bool(_REMOTE_LOOSE.search(text))


@dataclass(frozen=True, slots=True)
class _Collected:
    references: list[Reference]
    flaws: list[Flaw]

    def add(self, kind: ReferenceKind, text: Any, field: FieldPath) -> None:
        """Note a reference, or that it is none; an absent one (null, empty) is neither."""
        if text is None or text == "":
            return
        if not isinstance(text, str):
            self.invalid(f"{format_field_path(field)} must be text", field)
        elif "\0" in text or "\n" in text:
            self.invalid(f"{format_field_path(field)} is not a path", field)
        else:
            self.references.append(Reference(kind, text, field))

    def invalid(self, message: str, field: FieldPath, fix: str | None = None) -> None:
        self.flaws.append(Flaw("kustomize-invalid", message, field, fix))


def _head_flaws(value: Mapping[str, Any]) -> Iterator[Flaw]:
    kind = value.get("kind") or "Kustomization"
    if not isinstance(kind, str) or kind not in _API_VERSIONS:
        yield Flaw("kustomize-invalid", "kind must be Kustomization or Component", ("kind",))
    elif (value.get("apiVersion") or _API_VERSIONS[kind]) != _API_VERSIONS[kind]:
        message = f"the apiVersion of a {kind} must be {_API_VERSIONS[kind]}"
        yield Flaw("kustomize-invalid", message, ("apiVersion",))
    for key in value:
        if key in _HELM_FIELDS and value[key]:
            message = f"{key} makes kustomize run Helm, which downloads and executes what the change names"
            yield Flaw("kustomize-helm", message, (key,), "Render the chart and commit the result.")
        elif key not in _FIELDS:
            exact = next((name for name in _FIELDS if name.lower() == key.lower()), None)
            fix = f"Write it as {exact}." if exact is not None else None
            yield Flaw("kustomize-invalid", f"a kustomization has no field {key!r}", (key,), fix)


def _list(value: Mapping[str, Any], name: str, collected: _Collected) -> Iterable[Any]:
    items = value.get(name)
    if items is None:
        return ()
    if not isinstance(items, list):
        collected.invalid(f"{name} must be a list", (name,))
        return ()
    return items


def _read_item(name: str, item: Any, field: FieldPath, collected: _Collected) -> None:
    """One item of a list of the kustomization: a text, or a mapping with known keys."""
    if name not in _ITEM_FIELDS:
        if isinstance(item, str) and item:
            _read_text_item(name, item, field, collected)
        else:
            collected.invalid(f"{format_field_path(field)} must be a path", field)
        return
    if not isinstance(item, dict):
        path = isinstance(item, str) and name in _PATCH_LISTS
        fix = "Write it as `path: …`." if path else None
        collected.invalid(f"{format_field_path(field)} must be a mapping", field, fix)
        if path and not _is_inline(item):
            collected.add(ReferenceKind.FILE, item, field)
        return
    for key in item:
        if key not in _ITEM_FIELDS[name]:
            collected.invalid(f"{format_field_path(field)} has no field {key!r}", (*field, key))
    if name in _GENERATOR_LISTS:
        _read_generator(item, field, collected)
    else:
        collected.add(ReferenceKind.FILE, item.get("path"), (*field, "path"))


def _read_text_item(name: str, item: str, field: FieldPath, collected: _Collected) -> None:
    if name in _PLUGIN_LISTS:
        _read_plugin_item(item, field, collected)
    elif name == "components":
        collected.add(ReferenceKind.COMPONENT, item, field)
    elif name in {"crds", "configurations"}:
        collected.add(ReferenceKind.FILE, item, field)
    elif name in _PATH_LISTS:
        collected.add(ReferenceKind.RESOURCE, item, field)
    elif not _is_inline(item):  # patchesStrategicMerge
        collected.add(ReferenceKind.FILE, item, field)


def _read_generator(item: Mapping[str, Any], field: FieldPath, collected: _Collected) -> None:
    for key in ("files", "envs"):
        for index, text in enumerate(_list(item, key, collected)):
            _add_data(key, text, (*field, key, index), collected)
    collected.add(ReferenceKind.DATA, item.get("env"), (*field, "env"))


def _add_data(key: str, text: Any, field: FieldPath, collected: _Collected) -> None:
    """A file of a generator; `files` may name the key that it gets, as in `key=path`."""
    if key == "files" and isinstance(text, str):
        name, equals, path = text.partition("=")
        text = path if equals else name
    collected.add(ReferenceKind.DATA, text, field)


def _read_openapi(value: Mapping[str, Any], collected: _Collected) -> None:
    openapi = value.get("openapi")
    if isinstance(openapi, dict):
        collected.add(ReferenceKind.FILE, openapi.get("path"), ("openapi", "path"))
    elif openapi is not None:
        collected.invalid("openapi must be a mapping", ("openapi",))


def _read_plugin_item(item: str, field: FieldPath, collected: _Collected) -> None:
    if not _is_inline(item):
        collected.add(ReferenceKind.PLUGIN, item, field)
        return
    file = read_yaml(item.encode("utf-8", "surrogatepass"))
    if any(problem.code != "yaml-ambiguous-scalar" for problem in file.problems) or file.opaque:
        collected.invalid(f"{format_field_path(field)} cannot be read in one way only", field)
    for document in file.documents:
        references, flaws = read_plugin(document.value, field)
        # The inlined text has no positions of its own: all of it stands at the entry that holds it.
        collected.references.extend(Reference(reference.kind, reference.text, field) for reference in references)
        collected.flaws.extend(Flaw(flaw.code, flaw.message, field, flaw.fix) for flaw in flaws)


def _is_inline(text: str) -> bool:
    """Is this a document written into the kustomization rather than the path of one?

    A text that begins like a URL never is: kustomize would fetch it before it looks at it as a document.
    """
    if is_remote(text) or "\n" not in text.strip():
        file = None if is_remote(text) else read_yaml(text.encode("utf-8", "surrogatepass"))
        return file is not None and not file.problems and any(isinstance(d.value, dict) for d in file.documents)
    return True


def _plugin_flaw(value: Any, field: FieldPath) -> Flaw | None:
    if not isinstance(value, dict):
        return Flaw("kustomize-invalid", "a generator or transformer must be an object", field)
    kind = str(value.get("kind"))
    metadata = value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    runs_function = isinstance(annotations, dict) and any(name in annotations for name in _FUNCTION_ANNOTATIONS)
    if kind == "HelmChartInflationGenerator":
        message = "the generator makes kustomize run Helm, which downloads and executes what the change names"
        return Flaw("kustomize-helm", message, field, "Render the chart and commit the result.")
    if runs_function or value.get("apiVersion") != "builtin" or kind not in _BUILTIN_PLUGINS:
        message = "the generator or transformer is not part of kustomize: it runs a program or a container"
        return Flaw("kustomize-exec-function", message, field, "Commit what it produces instead.")
    return None


def _read_plugin_list(name: str, items: Any, field: FieldPath, collected: _Collected) -> None:
    if items is None:
        return
    if not isinstance(items, list):
        collected.invalid(f"{format_field_path(field)} must be a list", field)
        return
    for index, item in enumerate(items):
        path = (*field, index)
        if name == "replacements":
            for key, text in item.items() if isinstance(item, dict) else ():
                if isinstance(key, str) and key.lower() == "path":
                    collected.add(ReferenceKind.FILE, text, (*path, key))
        elif name == "paths":
            if not (isinstance(item, str) and _is_inline(item)):
                collected.add(ReferenceKind.FILE, item, path)
        else:
            _add_data(name, item, path, collected)
