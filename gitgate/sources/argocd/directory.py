"""A directory of manifests as Argo CD reads it.

Source: argo-cd, reposerver/repository/repository.go, `findManifests` and `getPotentiallyValidManifestFile`.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gitgate.location import Location, Position, Precision
from gitgate.path_glob import matches_any
from gitgate.proposal import Coverage, Problem
from gitgate.resource import Origin, Resource
from gitgate.sources.argocd.globs import matches_anywhere
from gitgate.sources.argocd.source import Part, Source
from gitgate.sources.base import opaque_problem
from gitgate.sources.checkout import is_pointer
from gitgate.sources.kustomize_graph import Closure
from gitgate.sources.objects import duplicate_problems, file_locator, read_objects
from gitgate.sources.owners import mapping, text
from gitgate.sources.tree_files import PathKind
from gitgate.yaml_text import UTF8_BOM

_MANIFEST = re.compile(r".*\.(yaml|yml|json|jsonnet)", re.DOTALL)
_SKIP_MARKER = b"+argocd:skip-file-rendering"
_LOOKS_LIKE_ONE = (b"apiVersion:", b"kind:", b"metadata:")


def read_directory(source: Source) -> Part:
    """The objects of a directory."""
    return _Reading(source).read()


@dataclass(slots=True)
class _Reading:
    source: Source
    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, Coverage] = field(default_factory=dict)
    real: list[str] = field(default_factory=list)

    def read(self) -> Part:
        workshop = self.source.workshop
        paths = list(self._listed())
        workshop.context.documents.load(workshop.tree, paths)
        for path in paths:
            self._read_one(path)
        self.problems.extend(duplicate_problems(self.resources, "one Application"))
        closure = self._closure()
        return Part(
            resources=tuple(self.resources),
            problems=tuple(self.problems),
            files=self.files,
            closures=(closure,) if closure.files else (),
            yaml_files=frozenset(path for path in self.real if not path.endswith(".jsonnet")),
        )

    def _listed(self) -> Iterator[str]:
        """Files that Argo CD looks into; a walk of the directory enters no links."""
        source, options = self.source, mapping(self.source.value.get("directory"))
        every_name = options.get("disableExtensionFilter") is True
        include, exclude = text(options.get("include")), text(options.get("exclude"))
        for path in source.workshop.context.documents.files(source.workshop.tree).below(source.directory):
            below = posixpath.relpath(path, source.directory or ".")
            if "/" in below and options.get("recurse") is not True:
                continue
            if not every_name and not _MANIFEST.fullmatch(posixpath.basename(path)):
                continue
            if (exclude and matches_anywhere(exclude, below)) or (include and not matches_anywhere(include, below)):
                continue
            yield path

    def _read_one(self, path: str) -> None:
        workshop = self.source.workshop
        reached = workshop.context.documents.files(workshop.tree).resolve(path)
        data = workshop.context.documents.source(workshop.tree, path)
        # Tree hygiene tells of links that lead nowhere; a link to a directory is skipped.
        if reached.kind is not PathKind.FILE or (data is not None and (_SKIP_MARKER in data or is_pointer(data))):
            return
        if path.endswith(".jsonnet"):
            self._note_program(path)
            return
        if path.endswith(".json") and data is not None and not _is_json(data):
            state: Coverage | None = self._refuse(path, 1, "which is named JSON and is none")
        else:
            state = self._state(path, data)
        if state is not None:
            self.real.append(reached.path)
            self.files.update(dict.fromkeys((reached.path, *reached.links), state))

    def _state(self, path: str, data: bytes | None) -> Coverage | None:
        """What becomes of a file; None for one that Argo CD reads and finds nothing in."""
        file = self.source.workshop.context.documents.read(self.source.workshop.tree, path)
        is_json = path.endswith(".json")
        if file.opaque is not None:
            state = self.source.workshop.context.documents.state(self.source.workshop.tree, path)
            self.problems.append(opaque_problem(path, file.opaque, state))
            return Coverage.OPAQUE
        looks_like_one = data is None or all(sign in data for sign in _LOOKS_LIKE_ONE)
        documents = [document for document in file.documents if document.value is not None]
        before = len(self.resources)
        encrypted = 0
        for document in documents:
            if not _has_kind(document.value):
                # What comes before such a document makes the file a manifest; otherwise it is taken for something else.
                refused = is_json or looks_like_one or document is not documents[0]
                return self._refuse(path, document.line) if refused else None
            origin = Origin(path, document.index, (), document.line)
            objects = read_objects(document.value, self.source.owner.owned(origin), file_locator(path, document))
            self.resources.extend(objects.resources)
            self.problems.extend(objects.problems)
            encrypted += objects.encrypted
        if is_json and len(documents) > 1:
            return self._refuse(path, documents[1].line)
        if any(problem.fatal for problem in file.problems):
            return Coverage.FAILED if looks_like_one or documents else None
        if encrypted:
            return Coverage.OPAQUE
        return Coverage.CONSUMED if len(self.resources) > before or documents else None

    def _refuse(
        self, path: str, line: int, why: str = "in which not every document is one object with a kind"
    ) -> Coverage:
        name = self.source.owner.name
        message = f"{name} reads this file, {why}: it applies nothing"
        self.problems.append(
            Problem(
                code="agent-invalid", message=message, location=Location(path, Position(line, 1)),
                fix="Move what is no object out of the directory, or exclude it.",
                discriminator=f"{name} {self.source.workshop.context.documents.state(self.source.workshop.tree, path)}",
            )
        )  # fmt: skip
        return Coverage.FAILED

    def _note_program(self, path: str) -> None:
        if matches_any(self.source.workshop.context.exclude, path):
            return
        state = self.source.workshop.context.documents.state(self.source.workshop.tree, path)
        message = "Argo CD evaluates this file where it reads the directory; what comes of it was not judged"
        location = Location(path, None, Precision.FILE)
        self.files[path] = Coverage.FAILED
        self.problems.append(
            Problem(code="jsonnet-not-rendered", message=message, location=location, discriminator=state)
        )

    def _closure(self) -> Closure:
        """What was read, so that a problem of a file is known by all of it."""
        workshop = self.source.workshop
        digest = hashlib.sha256()
        for path in sorted(self.real):
            state = workshop.context.documents.state(workshop.tree, path)
            digest.update(f"{path!r} {state}\n".encode("utf-8", "backslashreplace"))
        links = tuple(sorted(path for path in self.files if path not in self.real))
        state = digest.hexdigest()
        return Closure(self.source.directory, (), tuple(sorted(set(self.real))), links, state, state)


def _is_json(data: bytes) -> bool:
    """Does it begin with a value of JSON? Only of other files Argo CD asks whether they look like a manifest."""
    try:
        json.JSONDecoder().raw_decode(data.removeprefix(UTF8_BOM).decode().lstrip())
    except (ValueError, RecursionError):
        return False
    return True


def _has_kind(value: Any) -> bool:
    """Source: apimachinery, unstructured JSON decoding: without a kind it is no object."""
    return isinstance(value, dict) and isinstance(value.get("kind"), str) and bool(value["kind"])
