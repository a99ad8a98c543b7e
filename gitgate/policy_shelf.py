"""Where policies come from: a revision of a repository, files, and the sets that gitgate ships."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitgate.checks.registry import all_rules
from gitgate.errors import UsageError
from gitgate.gate import Progress, rulebook_of
from gitgate.git import Repository
from gitgate.policy.definition import BINDING_KIND, GROUP, POLICY_KIND, read_bindings, read_policies
from gitgate.policy.files import DIRECTORY, bundled_names, is_test_file, read_bundled, read_rulebook
from gitgate.policy_cases import Case, bundled_cases, read_cases
from gitgate.policy_page import Described, describe
from gitgate.resource import Resource
from gitgate.settings import Settings, load_settings
from gitgate.sources.base import SourceContext
from gitgate.sources.registry import render_tree
from gitgate.yaml_document import YamlLimits

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Policies and bindings, the definitions of kinds that come with them, and cases."""

    resources: tuple[Resource, ...] = ()
    cases: tuple[Case, ...] = ()

    def described(self) -> list[Described]:
        """The policies by name, with what belongs to them."""
        policies = sorted(read_policies(self.resources), key=lambda policy: (policy.name, policy.resource.origin.path))
        return list(describe(policies, tuple(read_bindings(self.resources)), self.cases))


def current_sets() -> tuple[str, ...]:
    """The sets that gitgate ships, without the older versions of the standards."""
    return tuple(name for name in bundled_names() if "-v1." not in name)


def shipped(names: Iterable[str]) -> Shelf:
    """Sets that gitgate ships, with their examples.

    Raises:
        UsageError: There is no such set.
    """
    resources: list[Resource] = []
    cases: list[Case] = []
    for name in names:
        try:
            resources += read_bundled(name)
        except FileNotFoundError:
            known = ", ".join(current_sets())
            raise UsageError(f"gitgate ships no set of policies called {name!r}; there are {known}") from None
        cases += bundled_cases(name)
    return Shelf(tuple(resources), tuple(cases))


def in_force(repository: Repository, revision: str, progress: Progress) -> tuple[Shelf, Settings]:
    """What would judge a change that goes into a revision, and the revision's settings.

    Raises:
        GitgateError: The revision or its settings cannot be read.
    """
    tree = repository.tree(repository.resolve(revision))
    settings = load_settings(tree, all_rules())
    progress("rendering")
    snapshot = render_tree(tree, SourceContext.from_settings(settings, progress))
    own = read_rulebook(rulebook_of(tree), settings.limits)
    judging = (*own.resources, *(resource for resource in snapshot.resources if is_policy(resource)))
    return Shelf((*shipped(settings.policy.sets).resources, *judging)), settings


def is_policy(resource: Resource) -> bool:
    """Is it a policy or a binding?"""
    return resource.id.group == GROUP and resource.id.kind in {POLICY_KIND, BINDING_KIND}


def read_files(paths: Sequence[Path]) -> Shelf:
    """Policies and cases in files, and in all files below directories.

    Raises:
        UsageError: A file cannot be read, or holds something else; says where.
    """
    resources: list[Resource] = []
    cases: list[Case] = []
    for file in (file for path in paths for file in _files(path)):
        try:
            data = file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
        if is_test_file(data):
            cases += read_cases(data, str(file))
            continue
        # By their place they are what files below .gitgate/policies would be.
        found = read_rulebook({f"{DIRECTORY}/{file}": data}, YamlLimits())
        for problem in found.problems:
            place = problem.location.position
            where = f"{file}:{place.line}:{place.column}" if place is not None else str(file)
            raise UsageError(f"{where}: {problem.message}")
        resources += found.resources
    return Shelf(tuple(resources), tuple(cases))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"{path} does not exist")


def as_rulebook(resources: Iterable[Resource]) -> dict[str, bytes]:
    """Objects as files below `.gitgate/policies`, from where they judge."""
    return {
        f"{DIRECTORY}/{number:06}.json": json.dumps(resource.data).encode("ascii")
        for number, resource in enumerate(resources)
    }
