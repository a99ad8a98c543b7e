"""Generators of ApplicationSets: the parameters that each of them gives.

Source: argo-cd, applicationset/generators; those that ask something outside the repository are unresolved.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitgate.location import FieldPath
from gitgate.sources.argocd.globs import matches_pathspec, matches_segments
from gitgate.sources.argocd.placing import IN_CLUSTER
from gitgate.sources.argocd.projects import cluster_secrets, secret_value
from gitgate.sources.argocd.repository import is_elsewhere, is_ours, shown_url
from gitgate.sources.argocd.templates import (
    TemplateError,
    UnresolvedError,
    go_text,
    go_value,
    normalized,
    plain_text,
    replace_deep,
)
from gitgate.sources.effort import COMPARISON, LimitError
from gitgate.sources.owners import Owner, Workshop, items, mapping, text
from gitgate.yaml_document import read_yaml

MAXIMUM_SETS = 1_000
"""Sets of parameters that one ApplicationSet may have on the way."""
_MAXIMUM_DEPTH = 4
_KINDS = ("list", "clusters", "git", "matrix", "merge")
_OUTSIDE = ("scmProvider", "pullRequest", "clusterDecisionResource", "plugin")
Set = dict[str, Any]


class GeneratorError(Exception):
    """A generator that is not worked out, or that Argo CD refuses.

    Attributes:
        field: Where it is.
        resolved: Does Argo CD refuse it, too?
    """

    def __init__(self, field: FieldPath, message: str, *, resolved: bool) -> None:
        super().__init__(message)
        self.field = field
        self.resolved = resolved


@dataclass(frozen=True, slots=True)
class Generators:
    """The generators of one ApplicationSet.

    Attributes:
        files: Files that they read, filled while they run.
        guesses: What only the cluster knows, filled while they run.
    """

    owner: Owner
    workshop: Workshop
    files: dict[str, None]
    guesses: dict[FieldPath, str]

    @property
    def is_go(self) -> bool:
        """Are its templates Go's?"""
        return self.owner.spec.get("goTemplate") is True

    def render(self, template: str, parameters: Mapping[str, Any]) -> str:
        """A text of the template.

        Raises:
            UnresolvedError, TemplateError: See `templates`.
        """
        if self.is_go:
            options = items(self.owner.spec.get("goTemplateOptions"))
            made = go_text(template, parameters, missing_is_error="missingkey=error" in options)
        else:
            made = plain_text(template, parameters)
        if made is not template:
            self.workshop.effort.spend_on_text(made)
        return made

    def sets(self, generator: Any, at: FieldPath, given: Mapping[str, Any], depth: int = 0) -> list[tuple[Set, Any]]:
        """Sets of parameters of one generator, each with the template that the generator brings.

        Raises:
            GeneratorError: It cannot be worked out, or Argo CD refuses it.
            LimitError: There are too many.
        """
        if depth > _MAXIMUM_DEPTH:
            raise GeneratorError(at, "generators are nested too deep", resolved=True)
        value = mapping(generator)
        kinds = [kind for kind in value if kind != "selector" and value[kind] is not None]
        outside = [kind for kind in kinds if kind not in _KINDS]
        if outside:
            told = f"the generator {outside[0]} asks what is outside the repository"
            raise GeneratorError((*at, outside[0]), told, resolved=outside[0] not in _OUTSIDE)
        found: list[tuple[Set, Any]] = []
        for kind in kinds:
            place = (*at, kind)
            body = mapping(value[kind])
            try:
                if given:
                    body = self._interpolated(body, given)
                made = self._kind(kind, body, place, given, depth)
                found.extend((one, body.get("template")) for one in made if _selects(value.get("selector"), _flat(one)))
            except UnresolvedError as error:
                raise GeneratorError(place, str(error), resolved=False) from error
            except TemplateError as error:
                raise GeneratorError(place, str(error), resolved=True) from error
            _demand(len(found))
        return found

    def _interpolated(self, body: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A generator with the parameters of the one before it. Source: utils.go, `RenderGeneratorParams`."""
        self.workshop.effort.spend_on(body)
        made: dict[str, Any] = {}
        for key, value in body.items():
            if key == "template":
                made[key] = value
            elif key == "values":
                made[key] = {name: self._tried(text(one), given) for name, one in mapping(value).items()}
            else:
                made[key] = replace_deep(value, lambda written: self.render(written, given))
        return made

    def _tried(self, written: str, given: Mapping[str, Any]) -> str:
        """A value that may use parameters of its own generator, which are not known yet."""
        if not self.is_go:
            return self.render(written, given)
        try:
            return go_text(written, given, missing_is_error=True)
        except TemplateError:
            return written

    def _kind(
        self, kind: str, body: Mapping[str, Any], at: FieldPath, given: Mapping[str, Any], depth: int
    ) -> list[Set]:
        if kind == "list":
            return self._list(body, at)
        if kind == "clusters":
            return self._clusters(body, at)
        if kind == "git":
            return list(self._git(body, at))
        inner = items(body.get("generators"))
        if kind == "matrix":
            return self._matrix(inner, at, given, depth)
        return self._merge(inner, items(body.get("mergeKeys")), at, depth)

    def _list(self, body: Mapping[str, Any], at: FieldPath) -> list[Set]:
        elements = [(one, (*at, "elements", index)) for index, one in enumerate(items(body.get("elements")))]
        if text(body.get("elementsYaml")):
            self.workshop.effort.spend(len(text(body["elementsYaml"])))
            file = read_yaml(text(body["elementsYaml"]).encode("utf-8", "surrogateescape"))
            value = file.documents[0].value if file.documents else None
            if any(problem.fatal for problem in file.problems) or not isinstance(value, list):
                raise GeneratorError((*at, "elementsYaml"), "it is no list of mappings", resolved=True)
            elements.extend((one, (*at, "elementsYaml")) for one in value)
        made: list[Set] = []
        for element, place in elements:
            if not isinstance(element, dict):
                raise GeneratorError(place, "an element must be a mapping", resolved=True)
            self.workshop.effort.spend(len(element))
            made.append(dict(element) if self.is_go else _plain_element(element, place))
        return made

    def _clusters(self, body: Mapping[str, Any], at: FieldPath) -> list[Set]:
        selector = mapping(body.get("selector"))
        selects = bool(selector.get("matchLabels") or selector.get("matchExpressions"))
        secrets = {secret_value(one, "name"): one for one in cluster_secrets(self.workshop.world(self.owner))}
        if not secrets:
            self.guesses[at] = (
                "no Secret of the repository registers clusters, so there may be more Applications than these"
            )
        made: list[Set] = []
        servers = set()
        for name in sorted(secrets):
            secret = secrets[name]
            metadata = mapping(secret.data.get("metadata"))
            labels = {key: one for key, one in mapping(metadata.get("labels")).items() if isinstance(one, str)}
            if selects and not _selects(selector, labels):
                continue
            servers.add(secret_value(secret, "server"))
            annotations = {k: one for k, one in mapping(metadata.get("annotations")).items() if isinstance(one, str)}
            made.append(self._cluster(name, secret, labels, annotations))
        if not selects and IN_CLUSTER[1] not in servers:
            made.append(
                {"name": IN_CLUSTER[0], "nameNormalized": IN_CLUSTER[0], "server": IN_CLUSTER[1], "project": ""}
            )
        for one in made:
            self._add_values(body, one)
        return [{"clusters": made}] if body.get("flatList") is True else made

    def _cluster(self, name: str, secret: Any, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Set:
        found: Set = {
            "name": name,
            "nameNormalized": normalized(name),
            "server": secret_value(secret, "server"),
            "project": secret_value(secret, "project"),
        }
        if self.is_go:
            named = (("annotations", annotations), ("labels", labels))
            found["metadata"] = {key: dict(value) for key, value in named if value}
            return found
        found |= {f"metadata.annotations.{key}": value for key, value in annotations.items()}
        return found | {f"metadata.labels.{key}": value for key, value in labels.items()}

    def _git(self, body: Mapping[str, Any], at: FieldPath) -> Iterator[Set]:
        if not is_ours(body, self.owner, self.workshop):
            told = f"it reads another repository, {shown_url(text(body.get('repoURL'))) or 'none'}"
            raise GeneratorError((*at, "repoURL"), told, resolved=False)
        if is_elsewhere(body.get("revision"), self.workshop.context.memory):
            told = f"it reads the revision {text(body.get('revision'))!r}, not what is judged here"
            raise GeneratorError((*at, "revision"), told, resolved=False)
        directories, files = items(body.get("directories")), items(body.get("files"))
        if directories:
            yield from self._directories(body, directories)
        elif files:
            yield from self._files(body, files, at)
        else:
            raise GeneratorError(at, "it names neither directories nor files", resolved=True)

    def _directories(self, body: Mapping[str, Any], wanted: list[Any]) -> Iterator[Set]:
        patterns = [(text(mapping(one).get("path")), mapping(one).get("exclude") is True) for one in wanted]
        found = self._chosen("directory", patterns)
        _demand(len(found))
        for path in found:
            yield self._with_path(body, {}, path, None)

    def _files(self, body: Mapping[str, Any], wanted: list[Any], at: FieldPath) -> Iterator[Set]:
        patterns = [(text(mapping(one).get("path")), mapping(one).get("exclude") is True) for one in wanted]
        if any(pattern.startswith(":") for pattern, _ in patterns):
            raise GeneratorError((*at, "files"), "a path begins with a colon, which git takes for more", resolved=False)
        documents = self.workshop.context.documents
        paths = self._chosen("file", patterns)
        _demand(len(paths))
        documents.load(self.workshop.tree, paths)
        for path in paths:
            self.files[path] = None
            file = documents.read(self.workshop.tree, path)
            value = file.documents[0].value if file.documents else None
            objects = value if isinstance(value, list) else [value or {}]
            if any(problem.fatal for problem in file.problems) or not all(isinstance(one, dict) for one in objects):
                told = f"it reads {path}, which is neither a mapping nor a list of mappings"
                raise GeneratorError((*at, "files"), told, resolved=True)
            for one in objects:
                self.workshop.effort.spend_on(one)
                own = dict(one) if self.is_go else {key: go_value(leaf) for key, leaf in _flat(one).items()}
                yield self._with_path(body, own, posixpath.dirname(path) or ".", posixpath.basename(path))

    def _chosen(self, kind: str, patterns: list[tuple[str, bool]]) -> list[str]:
        """Paths that a pattern takes and none excludes, sorted."""
        taken = [self._matching(kind, pattern) for pattern, excluded in patterns if not excluded]
        excluded = [self._matching(kind, pattern) for pattern, excluded in patterns if excluded]
        return sorted(frozenset().union(*taken).difference(*excluded))

    def _matching(self, kind: str, pattern: str) -> frozenset[str]:
        workshop = self.workshop
        if (kind, pattern) not in workshop.matches:
            files = workshop.context.documents.files(workshop.tree)
            start = _fixed_start(pattern)
            if kind == "directory":
                # Those whose name begins with a dot are left out unless Argo CD is told otherwise.
                paths = [path for path in files.directories if path.startswith(start) and "/." not in f"/{path}"]
                fits = matches_segments
            else:
                paths, fits = files.below(start.rstrip("/")), matches_pathspec
            workshop.effort.spend(COMPARISON * len(paths) + len(files.directories) // COMPARISON)
            workshop.matches[kind, pattern] = frozenset(path for path in paths if path and fits(pattern, path))
        return workshop.matches[kind, pattern]

    def _with_path(self, body: Mapping[str, Any], own: Set, path: str, name: str | None) -> Set:
        prefix = text(body.get("pathParamPrefix"))
        base = posixpath.basename(path)
        found: dict[str, Any] = {"basename": base, "basenameNormalized": normalized(base)}
        if name is not None:
            found |= {"filename": name, "filenameNormalized": normalized(name)}
        if self.is_go:
            parameter = {"path": path, **found, "segments": path.split("/")}
            own |= {prefix: {"path": parameter}} if prefix else {"path": parameter}
        else:
            key = f"{prefix}.path" if prefix else "path"
            own[key] = path
            own |= {f"{key}.{inner}": value for inner, value in found.items()}
            own |= {f"{key}[{index}]": step for index, step in enumerate(path.split("/")) if step}
        self._add_values(body, own)
        return own

    def _add_values(self, body: Mapping[str, Any], own: Set) -> None:
        """Source: applicationset/generators/value_interpolation.go, `appendTemplatedValues`."""
        values = mapping(body.get("values"))
        made = {key: self.render(text(value), own) for key, value in values.items()}
        if self.is_go:
            if values:
                own["values"] = made
        else:
            own |= {f"values.{key}": value for key, value in made.items()}

    def _matrix(self, inner: list[Any], at: FieldPath, given: Mapping[str, Any], depth: int) -> list[Set]:
        if len(inner) != 2:
            raise GeneratorError(at, "a matrix must have two generators", resolved=True)
        found: list[Set] = []
        for first, _ in self.sets(inner[0], (*at, "generators", 0), given, depth + 1):
            for second, _ in self.sets(inner[1], (*at, "generators", 1), first, depth + 1):
                self.workshop.effort.spend(len(first) + len(second))
                found.append(_merged(second, first) if self.is_go else _combined(first, second, at))
                _demand(len(found))
        return found

    def _merge(self, inner: list[Any], keys: list[Any], at: FieldPath, depth: int) -> list[Set]:
        if len(inner) < 2 or not keys:
            raise GeneratorError(at, "a merge must have two generators or more, and keys to merge by", resolved=True)
        named = [text(key) for key in keys]
        made = [
            _by_keys([one for one, _ in self.sets(part, (*at, "generators", index), {}, depth + 1)], named, at)
            for index, part in enumerate(inner)
        ]
        for part in made[1:]:
            for key, over in part.items():
                if key in made[0]:
                    base = made[0][key]
                    made[0][key] = _merged(base, over) if self.is_go else {**base, **over}
        return [made[0][key] for key in sorted(made[0])]


def _fixed_start(pattern: str) -> str:
    """The directory, with its slash, that all that a pattern fits is in; empty where that is not certain."""
    start = re.split(r"[*?\[{\\]", pattern, maxsplit=1)[0].rpartition("/")[0]
    plain = start and all(part.strip(".") for part in start.split("/"))
    return f"{start}/" if plain else ""


def _demand(sets: int) -> None:
    if sets > MAXIMUM_SETS:
        raise LimitError(f"makes more than {MAXIMUM_SETS} Applications")


def _plain_element(element: Mapping[str, Any], at: FieldPath) -> Set:
    found: Set = {}
    for key, value in element.items():
        inner = (
            {f"values.{name}": one for name, one in value.items()}
            if key == "values" and isinstance(value, dict)
            else {key: value}
        )
        if not all(isinstance(one, str) for one in inner.values()):
            raise GeneratorError((*at, key), "without goTemplate every parameter must be text", resolved=True)
        found |= inner
    return found


def _by_keys(sets: Iterable[Set], keys: list[str], at: FieldPath) -> dict[str, Set]:
    found: dict[str, Set] = {}
    for one in sets:
        key = json.dumps([one.get(name) for name in keys], sort_keys=True, default=str)
        if key in found:
            raise GeneratorError((*at, "mergeKeys"), f"two sets of parameters have the keys {key}", resolved=True)
        found[key] = one
    return found


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Set:
    """Mappings merged, all else replaced; what is empty replaces nothing. Source: dario.cat/mergo, `WithOverride`."""
    merged = dict(base)
    for key, value in over.items():
        present = merged.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(present, value)
        elif key not in merged or value not in ("", 0, False, None, [], {}):
            merged[key] = value
    return merged


def _combined(first: Set, second: Set, at: FieldPath) -> Set:
    """Source: applicationset/utils/map.go, `CombineStringMaps`."""
    one = {key: go_value(value) for key, value in first.items()}
    other = {key: go_value(value) for key, value in second.items()}
    twice = sorted(key for key in one if key in other and one[key] != other[key])
    if twice:
        raise GeneratorError(at, f"both generators give {twice[0]!r}, with different values", resolved=True)
    return one | other


def _flat(value: Any, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Leaves by their path with dots. Source: jeremywohl/flatten, `DotStyle`."""
    if depth > 50:
        raise LimitError("has parameters that are nested too deep")
    pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, Mapping) else enumerate(value)
    found: dict[str, Any] = {}
    for key, one in pairs:
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(one, Mapping | list):
            found |= _flat(one, name, depth + 1)
        else:
            found[name] = one
    return found


def _selects(selector: Any, values: Mapping[str, Any]) -> bool:
    """Does a label selector take a set? Source: apimachinery, labels/selector.go."""
    if selector is None:
        return True
    shown = {key: go_value(value) for key, value in values.items()}
    if any(shown.get(key) != wanted for key, wanted in mapping(mapping(selector).get("matchLabels")).items()):
        return False
    for expression in items(mapping(selector).get("matchExpressions")):
        key, operator = text(mapping(expression).get("key")), mapping(expression).get("operator")
        wanted = items(mapping(expression).get("values"))
        holds = {
            "In": shown.get(key) in wanted,
            "NotIn": shown.get(key) not in wanted,
            "Exists": key in shown,
            "DoesNotExist": key not in shown,
        }
        if not holds.get(str(operator), False):
            return False
    return True
