"""Files without git: what `gitgate validate`, `init` and `schema add` read from the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gitgate.change import Change
from gitgate.checks.registry import all_rules
from gitgate.errors import UsageError
from gitgate.gate import Demand, Progress, judge_trees
from gitgate.path_glob import compile_glob
from gitgate.report import Report
from gitgate.scaffold import Survey
from gitgate.schema.catalog import SchemaCatalog
from gitgate.schema.directory import is_schema_file
from gitgate.schema.imports import import_definitions, read_schemas
from gitgate.schema.lifecycle import lifecycle_of
from gitgate.settings import SCHEMA_DIRECTORY, Settings, SourceSetting, SourceType, parse_settings
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree
from gitgate.tree import DirectoryTree, MemoryTree, Tree

STDIN = "-"
_STDIN_NAME = "stdin.yaml"
"""What standard input is called in reports; JSON is read by the same name, as every JSON text is YAML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDemand:
    """What `gitgate validate` is asked.

    Attributes:
        paths: Files and directories, or `-` alone for standard input.
        settings_file: None for the defaults.
        schemas: CustomResourceDefinitions and JSON Schemas, or directories of them.
        unknown_groups: API groups that pass without a schema, on top of those in settings.
        exclude: Globs, on top of those in settings.
        general: What `gitgate check` could be asked too.
    """

    paths: tuple[str, ...]
    settings_file: Path | None
    schemas: tuple[Path, ...]
    unknown_groups: tuple[str, ...]
    exclude: tuple[str, ...]
    general: Demand


def judge_files(demand: FileDemand, progress: Progress) -> Report:
    """Judge files as if all of them were new.

    Raises:
        UsageError: A path does not exist, or settings are not valid.
        GitgateError: Something cannot be read.
    """
    settings = _settings(demand)
    after, named = _tree(demand.paths)
    if named:
        settings = replace(settings, sources=named)
    change = Change(base=None, head=None, base_name="nothing", head_name=" ".join(demand.paths))
    before = MemoryTree(_schemas(demand.schemas))
    return judge_trees(change, before, after, settings, progress, only=demand.general.only)


def _settings(demand: FileDemand) -> Settings:
    settings = Settings(known_rules=frozenset(all_rules()))
    if demand.settings_file is not None:
        settings = parse_settings(_read(demand.settings_file), str(demand.settings_file), all_rules())
    for pattern in demand.exclude:
        try:
            compile_glob(pattern)
        except ValueError as error:
            raise UsageError(f"--exclude {error}") from error
    return demand.general.over(
        replace(
            settings,
            exclude=(*settings.exclude, *demand.exclude),
            allowed_unknown_groups=(settings.allowed_unknown_groups or frozenset()) | set(demand.unknown_groups),
        )
    )


def _tree(paths: tuple[str, ...]) -> tuple[Tree, tuple[SourceSetting, ...]]:
    """The tree of the named paths, and the files among them: a file that is named is taken for a manifest."""
    if STDIN in paths:
        if len(paths) > 1:
            raise UsageError("- stands for standard input and goes with no other path")
        return MemoryTree({_STDIN_NAME: sys.stdin.buffer.read()}), (SourceSetting(_STDIN_NAME, SourceType.PLAIN),)
    tree = DirectoryTree.of(*(Path(path) for path in paths))
    if any(Path(path).is_dir() for path in paths):
        return tree, ()
    return tree, tuple(SourceSetting(path, SourceType.PLAIN) for path in tree.entries)


def _schemas(paths: tuple[Path, ...]) -> Mapping[str, bytes]:
    """The files of `--schema`, as if the base had them below `.gitgate/schemas`.

    Raises:
        UsageError: A path does not exist, or a file that is named cannot judge, although somebody meant it to; in a
            directory, what is no schema is reported and passed over.
    """
    found: dict[str, bytes] = {}
    for path in paths:
        if path.is_dir():
            place, tree = path, DirectoryTree(path)
            files = dict(tree.read_many(list(tree.entries)))
        else:
            place, files = path.parent, {path.name: _read(path)}
        # The directory stays part of the name: a JSON Schema's group is the name of its directory.
        parts = [part for part in place.parts if part not in {place.anchor, ".."}]
        for name, data in files.items():
            relative = "/".join((*parts, name))
            if found.setdefault(relative, data) != data:
                raise UsageError(f"--schema brings two different files called {relative}")
            if not path.is_dir():
                _demand_schema(path, relative, data)
    return {f"{SCHEMA_DIRECTORY}/{name}": data for name, data in found.items()}


def _demand_schema(file: Path, relative: str, data: bytes) -> None:
    read = read_schemas(relative, data, relative)
    if read.problems:
        problem = read.problems[0]
        line = f":{problem.location.position.line}" if problem.location.position is not None else ""
        raise UsageError(f"--schema {file}{line}: {problem.message}", remedy=problem.fix)
    if not read.definitions or not is_schema_file(relative):
        raise UsageError(f"--schema {file}: the file holds no schema; its name must end in .yaml, .yml or .json")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def survey(directory: Path) -> Survey:
    """What a work tree holds, for `gitgate init`.

    Raises:
        GitgateError: Something cannot be read.
    """
    tree = DirectoryTree(directory)
    settings = Settings()
    context = SourceContext.from_settings(settings)
    snapshot = render_tree(tree, context)
    newest = SchemaCatalog.newest()
    catalog = SchemaCatalog.bundled(newest).with_custom_resources(snapshot.resources)
    unknown = {
        resource.id.group
        for resource in snapshot.resources
        if catalog.find(resource.id.group, resource.id.version, resource.id.kind) is None
        and lifecycle_of(resource.id.group, resource.id.version, resource.id.kind) is None
    }
    return Survey(
        kubernetes_version=newest,
        unknown_groups=tuple(sorted(unknown)),
        kustomizations=tuple(sorted(context.memory.roots)),
    )


def import_schemas(files: tuple[Path, ...], directory: Path) -> Iterator[str]:
    """Write CustomResourceDefinitions into `.gitgate/schemas` of a work tree; yields what was done, line by line.

    Raises:
        UsageError: A file cannot be read or holds no definition that can judge; nothing of it is written.
    """
    imports = [(file, import_definitions(str(file), _read(file))) for file in files]
    for file, found in imports:
        if found.problems:
            problem = found.problems[0]
            raise UsageError(f"{file}: {problem.message}", remedy=problem.fix)
    for file, found in imports:
        for path, data in found.files.items():
            target = directory / SCHEMA_DIRECTORY / path
            verb = "replaced" if target.exists() else "wrote"
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            except OSError as error:
                raise UsageError(f"{target} cannot be written: {error.strerror}") from error
            yield f"{verb} {SCHEMA_DIRECTORY}/{path} from {file}"
